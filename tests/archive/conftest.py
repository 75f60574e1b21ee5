"""Whatever a test of ingest leaves, the doctor tidies."""

from __future__ import annotations

import pytest
from ingesting import stored
from sqlalchemy import select

from awlta.archive.doctor import examine
from awlta.persistent import tables


@pytest.fixture
def tidy(workspace):
    """Whatever a test leaves, the doctor finds and tidies; then all is well."""
    before = set(stored(workspace))
    yield
    # other tests of the same dataserver have databases of their own
    known = {f.what.split()[0] for f in examine(workspace) if f.kind == "file"}
    for name in (set(stored(workspace)) - before) & known:
        workspace.client().set_aside(name)
    mine = set(stored(workspace)) - before
    with workspace.database.read() as connection:
        assert mine == {name for (name,) in connection.execute(select(tables.file.c.name))}
