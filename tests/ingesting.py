"""What the tests of ingest share: rows counted, files refused, SIPs changed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from awlta.archive import ingest, sip, tickets
from awlta.errors import BadInput
from awlta.persistent import tables
from awlta.storage.intent import State


def n_rows(workspace, *names):
    """Return the number of rows of products and files, and of more tables by their names."""
    wanted = [tables.product, tables.file, *(getattr(tables, n) for n in names)]
    with workspace.database.read() as connection:
        return [
            connection.execute(select(func.count()).select_from(t)).scalar_one() for t in wanted
        ]


def stored(workspace):
    """Return the names that the dataserver holds, with their digests."""
    return dict(workspace.client().names())


def refuse(workspace, path, kind=BadInput, **more):
    """Ingest what must be refused; return the error and its ticket."""
    rows, names = n_rows(workspace), set(stored(workspace))
    with pytest.raises(kind) as caught:
        ingest(workspace, path, **more)
    assert n_rows(workspace) == rows
    assert set(stored(workspace)) == names
    found = [t for t in tickets(workspace) if t.number == caught.value.facts.get("ticket")]
    ticket = found[0] if found else None
    if ticket is not None:
        assert ticket.state is State.FAILED
        assert ticket.reason == f"{type(caught.value).__name__}: {caught.value}"
    return caught.value, ticket


def of_product(**values):
    """Change what a SIP says of the product."""
    return lambda s: replace(s, product=replace(s.product, **values))


def of_file(**values):
    """Change what a SIP says of the file."""
    return lambda s: of_product(files=(replace(s.product.files[0], **values),))(s)


def of_attribute(name, value, unit=""):
    """Let a SIP give an attribute another value."""
    kept = lambda s: tuple(v for v in s.product.attributes if v.name != name)  # noqa: E731
    return lambda s: of_product(attributes=(*kept(s), sip.NamedValue(name, value, unit)))(s)


def of_access(**values):
    """Change what a SIP says of who may see the product."""
    return lambda s: of_product(access=replace(s.product.access, **values))(s)
