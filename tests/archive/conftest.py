"""Places that parcels are sent to; whatever a test of ingest leaves, the doctor tidies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from ingesting import stored
from sqlalchemy import select

from awlta.archive.doctor import examine
from awlta.config import Profile
from awlta.lineage import Workspace
from awlta.persistent import tables
from awlta.persistent.database import create

OTHER = {"sqlite": "postgresql", "postgresql": "sqlite"}


@pytest.fixture
def new_place(
    database_kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[[], Workspace]]:
    """Make workspaces of ada's, each on an empty database of the other kind."""
    with ExitStack() as stack:

        def make() -> Workspace:
            number = len(list(tmp_path.glob("place-*")))
            home = tmp_path / f"place-{number}"
            home.mkdir()
            url = f"sqlite:///{home / 'awlta.db'}"
            if OTHER[database_kind] == "postgresql":
                cluster = request.getfixturevalue("cluster")
                name = cluster.new_database()
                stack.callback(cluster.drop, name)
                url = cluster.url(name)
            create(url, 0)
            profile = Profile(home, "ada", project="CRAB", database=url)
            workspace = Workspace(profile)
            stack.callback(workspace.close)
            profile.save()
            return workspace

        yield make


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
