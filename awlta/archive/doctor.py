"""What a kill or a fault may leave behind, found in one pass: rows, files, intents, tickets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import not_, select

from ..errors import AwltaError
from ..lineage import Workspace
from ..lineage.planning.refill import without_work, write_work
from ..lineage.retention.purging import purges_begun
from ..persistent import tables
from ..persistent.evolution.differences import Cure
from ..persistent.evolution.evolution import compare
from ..persistent.evolution.naming import without_name, write_names
from ..persistent.tombstones import PURGED
from ..storage.intent import OPEN, IntentRow, expire, intents
from .tickets import expire_ticket


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    Attributes
    ----------
    kind : str
        ``work``, ``file``, ``part``, ``row``, ``table`` or ``service``.
    what, remedy : str
    clean : callable or None
        Does the remedy; deletes nothing.
    """

    kind: str
    what: str
    remedy: str
    clean: Callable[[], None] | None = None

    def to_json(self) -> dict[str, str]:
        """Return kind, what and remedy."""
        return {"kind": self.kind, "what": self.what, "remedy": self.remedy}


def examine(workspace: Workspace) -> list[Finding]:
    """Return everything that is not as it should be."""
    found = [*_tables(workspace), *_unfound(workspace)]
    # Names before intents before rows: what is stored meanwhile is then seen as open, or has a row.
    try:
        stored, parts = dict(workspace.client().names()), workspace.client().parts()
    except AwltaError as error:
        found.append(Finding("service", str(error), "Start the dataserver"))
        return [*found, *_work(workspace, intents(workspace, *OPEN))]
    open_work = intents(workspace, *OPEN)
    found += [*_work(workspace, open_work), *_files(workspace, stored, open_work)]
    found += _purges(workspace)
    return [*found, *_parts(workspace, parts, open_work)]


def _tables(workspace: Workspace) -> Iterator[Finding]:
    """Compare the tables of classes with the classes.

    A table may wait for its first use, and a column or link that a class lost is no fault.
    """
    with workspace.database.read() as connection:
        for difference in compare(connection):
            waits = difference.kind == "table" and not difference.n_rows
            if waits or (difference.cure is Cure.NOBODY and difference.kind != "class"):
                continue
            said = "; ".join(p for p in (difference.found, difference.declared) if p)
            remedy = difference.do
            if difference.cure is Cure.MIGRATE:
                remedy = "'awlta migrate' mends it, 'awlta migrate --dry-run' shows how"
            yield Finding("table", said, remedy)


def _unfound(workspace: Workspace) -> Iterator[Finding]:
    """Find products of which no digest says what they ask for, and shared objects without name."""
    number = without_work(workspace)
    if number:
        yield Finding(
            "row",
            f"{number} product(s) cannot be found by what they were made from",
            "Write down what they ask for, as newer ones have it",
            lambda: _write(workspace),
        )
    number = without_name(workspace)
    if number:
        yield Finding(
            "row",
            f"{number} shared object(s) cannot be found by what they hold",
            "Run 'awlta migrate' again, which goes on; --clean does it for what you may read",
            partial(_name, workspace),
        )


def _write(workspace: Workspace) -> None:
    write_work(workspace)


def _name(workspace: Workspace) -> None:
    write_names(workspace)


def _work(workspace: Workspace, open_work: list[IntentRow]) -> Iterator[Finding]:
    for row in open_work:
        if row.is_free:
            yield Finding(
                "work",
                f"{row.kind} of {row.class_name} {row.object_id}, {row.state.value}: "
                f"{row.holder} is gone",
                "Do the same again to complete it; --clean gives it up",
                partial(_give_up, workspace, row.object_id),
            )


def _give_up(workspace: Workspace, object_id: str) -> None:
    why = "given up by 'awlta doctor --clean'"
    expire(workspace, object_id, why)
    expire_ticket(workspace, object_id, why)


def _files(
    workspace: Workspace, stored: dict[str, Any], open_work: list[IntentRow]
) -> Iterator[Finding]:
    """Compare the names that the dataserver holds with the rows of files."""
    f, s = tables.file, tables.standing
    purged = select(s.c.id).where(s.c.product == f.c.product, s.c.kind == PURGED)
    statement = select(f.c.name, f.c.size, f.c.sha256).where(not_(purged.exists()))
    with workspace.database.read() as connection:
        rows = connection.execute(statement).all()
        gone = set(connection.execute(select(f.c.name).where(purged.exists())).scalars())
    known = {r.name: (r.size, bytes(r.sha256).hex()) for r in rows}
    for name, expected in known.items():
        held = stored.get(name)
        if held is None:
            yield Finding("row", f"{name} has a row, but no file", "Bring it from another copy")
        elif (held.size, held.sha256) != expected:
            yield Finding("row", f"{name} is not what its row says", "Bring it from another copy")
    expected_soon = {name for row in open_work for name in row.names}
    for name in sorted(set(stored) - set(known) - expected_soon - gone):
        yield Finding(
            "file",
            f"{name} has no row",
            "--clean sets it aside in the dataserver's quarantine",
            partial(_set_aside, workspace, name),
        )


def _purges(workspace: Workspace) -> Iterator[Finding]:
    """Find deleted products whose bytes are being removed, by nobody any more."""
    for name, object_id in purges_begun(workspace):
        yield Finding(
            "work",
            f"The purge of {name} {object_id} began and did not end",
            "Run 'awlta purge' again",
        )


def _parts(workspace: Workspace, parts: list[str], open_work: list[IntentRow]) -> Iterator[Finding]:
    """Find parts of files whose transfer nobody goes on with; a new attempt has a new part."""
    busy = {row.object_id for row in open_work if not row.is_free}
    for part in parts:
        if part.split(".")[0] not in busy:
            yield Finding(
                "part",
                f"{part} is part of a file whose transfer broke off",
                "--clean sets it aside in the dataserver's quarantine",
                partial(workspace.client().set_part_aside, part),
            )


def _set_aside(workspace: Workspace, name: str) -> None:
    """Have a file without a row set aside, unless work that stores it has begun again."""
    f = tables.file
    # A writing unit, so that nobody begins such work before the file is gone.
    with workspace.database.write() as connection:
        has_row = connection.execute(select(f.c.id).where(f.c.name == name)).first() is not None
        if not has_row and all(name not in row.names for row in intents(workspace, *OPEN)):
            workspace.client().set_aside(name)
