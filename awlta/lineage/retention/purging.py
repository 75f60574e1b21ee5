"""Purge: the bytes of deleted objects are removed when their grace is over.

Crash-safe and repeatable: a row says that it begins, and from then on nothing can be undone; the
bytes are removed; a row says that they are gone. A kill in between is made good by the next purge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, not_, select

from ...persistent import tables
from ...persistent.attributes.codecs import time_to_microseconds
from ...persistent.engine.retry import retried
from ...persistent.tombstones import PURGED, TOMBSTONE, is_living
from ..quality.standing import Subject, append, subjects
from .retention import PUBLISHED, descendants, retaining, told, used_by_others
from .tombstone import until_of

_AT_ONCE = 500


@dataclass(frozen=True)
class Purge:
    """What was removed, or would be.

    Attributes
    ----------
    objects : tuple of (str, str)
        Class and object_id.
    kept : tuple of (str, str, str)
        Class and object_id of those whose bytes stay, and why.
    files, bytes : int
        Files of them, and their bytes.
    """

    objects: tuple[tuple[str, str], ...]
    kept: tuple[tuple[str, str, str], ...]
    files: int
    bytes: int

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "objects": [{"class": name, "object_id": i} for name, i in self.objects],
            "kept": [{"class": n, "object_id": i, "why": why} for n, i, why in self.kept],
            "files": self.files,
            "bytes": self.bytes,
        }


@dataclass(frozen=True)
class _Bytes:
    """One file that is to go."""

    product: int
    name: str
    size: int
    sha256: str


def purge(workspace: Any, *, dry_run: bool = False, now: datetime | None = None) -> Purge:
    """Remove the bytes of one's own deleted objects whose grace is over.

    Parameters
    ----------
    workspace : Workspace
    dry_run : bool
        Only tell what would go.
    now : datetime, optional
        As if it were this time.

    Raises
    ------
    Unreachable, Refused
        The dataserver does not answer, or does not let one write.
    """
    when = datetime.now(UTC) if now is None else now
    gone: list[tuple[str, str]] = []
    kept: list[tuple[str, str, str]] = []
    n_files = n_bytes = 0
    due = iter(_due(workspace, when))
    while keys := list(islice(due, _AT_ONCE)):
        if dry_run:
            with workspace.database.read() as connection:
                chosen, held = _still_wanted(workspace, connection, keys)
        else:
            chosen, held = _begin(workspace, keys)
        with workspace.database.read() as connection:
            names, _ = told(connection, keys)
            files = _files(connection, [s.key for s in chosen])
        if not dry_run:
            _remove(workspace, chosen, files)
        gone += [names[s.key] for s in chosen]
        kept += [(*names[key], why) for key, why in held.items()]
        n_files += len(files)
        n_bytes += sum(file.size for file in files)
    return Purge(tuple(gone), tuple(kept), n_files, n_bytes)


@retried
def _begin(workspace: Any, keys: Sequence[int]) -> tuple[list[Subject], dict[int, str]]:
    """Write that the bytes of some objects go; return those, and why the others' may not."""
    with retaining(workspace) as unit:
        chosen, held = _still_wanted(workspace, unit.connection, keys)
        begun = _with_row(unit.connection, [s.key for s in chosen])
        fresh = [s for s in chosen if s.key not in begun]
        append(unit, PURGED, workspace.context.user, "begun", dict.fromkeys(fresh, (0, "")))
    return chosen, held


def _due(workspace: Any, when: datetime) -> list[int]:
    """Return the keys of one's own deleted objects whose grace is over, and whose bytes are there.

    Objects without a file are left out: there is nothing to remove.
    """
    p, s, f, later = (
        tables.product,
        tables.standing,
        tables.file,
        tables.standing.alias(),
    )
    gone = select(later.c.id).where(
        later.c.product == p.c.id, later.c.kind == PURGED, later.c.value == 1
    )
    owns = select(f.c.id).where(f.c.product == p.c.id)
    statement = (
        select(p.c.id, s.c.detail)
        .join(s, s.c.product == p.c.id)
        .where(s.c.kind == TOMBSTONE, s.c.value == 1, p.c.owner == workspace.context.owner_key)
        .where(s.c.written <= time_to_microseconds(when), not_(is_living(p)))
        .where(owns.exists(), not_(gone.exists()))
        .order_by(s.c.id)
    )
    with workspace.database.read() as connection:
        newest = dict(iter(connection.execute(statement)))
    return [key for key, detail in newest.items() if until_of(detail) <= when]


def _still_wanted(
    workspace: Any, connection: Connection, keys: Sequence[int]
) -> tuple[list[Subject], dict[int, str]]:
    """Return those whose bytes may go, and why the others' may not."""
    p = tables.product
    dead = set(
        connection.execute(select(p.c.id).where(p.c.id.in_(keys), not_(is_living(p)))).scalars()
    )
    made, hidden = descendants(connection, keys), used_by_others(connection, keys)
    chosen: list[Subject] = []
    held: dict[int, str] = {}
    for subject in subjects(workspace, [key for key in keys if key in dead]):
        others = [s for s in made[subject.key].values() if s.owner != workspace.context.owner_key]
        if subject.level >= PUBLISHED:
            held[subject.key] = f"published at level {subject.level}"
        elif others or subject.key in hidden:
            number = max(len(others), hidden.get(subject.key, 0))
            held[subject.key] = f"{number} objects of others were made from it"
        else:
            chosen.append(subject)
    return chosen, held


def _with_row(connection: Connection, keys: Sequence[int]) -> set[int]:
    """Return those objects of which a purge was begun before."""
    s = tables.standing
    statement = select(s.c.product).where(s.c.product.in_(keys), s.c.kind == PURGED)
    return set(connection.execute(statement).scalars())


def _files(connection: Connection, keys: Sequence[int]) -> list[_Bytes]:
    """Return the files that only these objects have; a name that another has stays."""
    f, other = tables.file, tables.file.alias()
    elsewhere = select(other.c.id).where(other.c.name == f.c.name, other.c.product.not_in(keys))
    statement = (
        select(f.c.product, f.c.name, f.c.size, f.c.sha256)
        .where(f.c.product.in_(keys), not_(elsewhere.exists()))
        .order_by(f.c.id)
    )
    return [
        _Bytes(key, name, size, bytes(raw).hex())
        for key, name, size, raw in connection.execute(statement)
    ]


def _remove(workspace: Any, chosen: Sequence[Subject], files: Sequence[_Bytes]) -> None:
    """Remove files, then write that they are gone."""
    for file in files:
        workspace.client().remove(file.name, file.sha256)
    if chosen:
        _end(workspace, chosen)


@retried
def _end(workspace: Any, chosen: Sequence[Subject]) -> None:
    with retaining(workspace) as unit:
        said = dict.fromkeys(chosen, (1, ""))
        append(unit, PURGED, workspace.context.user, "the bytes are gone", said)


def purges_begun(workspace: Any) -> Iterator[tuple[str, str]]:
    """Yield class and object_id of objects of which a purge began and did not end."""
    p, s, later = tables.product, tables.standing, tables.standing.alias()
    ended = select(later.c.id).where(
        later.c.product == s.c.product, later.c.kind == PURGED, later.c.value == 1
    )
    statement = select(s.c.product).join(p, p.c.id == s.c.product)
    statement = statement.where(s.c.kind == PURGED, s.c.value == 0, not_(ended.exists()))
    with workspace.database.read() as connection:
        keys = list(connection.execute(statement).scalars())
        yield from told(connection, keys)[0].values()
