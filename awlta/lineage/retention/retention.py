"""Delete and undo: a deleted object keeps its row, its lineage and its activity.

It is a tombstone that is written, with author, reason and a time of grace, within which it can
be undone; its bytes are removed by :mod:`awlta.lineage.retention.purging` when that is over. Only
one's own objects can be deleted, none that is published, none that others still use, and never the
last input that cannot be made again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, column, func, not_, or_, select, table

from ...errors import BadValue, NotMade, Refused
from ...persistent import find_class, tables
from ...persistent.classes.unit import Unit
from ...persistent.engine.access import login_of
from ...persistent.engine.retry import retried
from ...persistent.session import Session
from ...persistent.tombstones import TOMBSTONE, is_living
from ..files.filed import FileOwner
from ..quality.standing import Subject, append, chunks, subjects
from .tombstone import detail_of, tombstones

GRACE = timedelta(days=30)
"""How long a deletion can be undone, where nothing else is said."""

PUBLISHED = 3
"""Level from which an object is there for others."""

_MOST_TOLD = 5


@dataclass(frozen=True)
class Deletion:
    """What was deleted, or would be.

    Attributes
    ----------
    objects : tuple of (str, str)
        Class and object_id, dependents included.
    dependents : dict
        Number of living objects that were made from what was asked for, by class.
    bytes : int
        Size of the files that a purge will remove.
    until : datetime, UTC
        Until when it can be undone.
    """

    objects: tuple[tuple[str, str], ...]
    dependents: dict[str, int]
    bytes: int
    until: datetime

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "objects": [{"class": name, "object_id": i} for name, i in self.objects],
            "dependents": self.dependents,
            "bytes": self.bytes,
            "until": self.until.isoformat(),
        }


_Decide = Callable[[Connection], tuple[list[Subject], Deletion]]
"""Looks at what is to be deleted in a unit of work; returns it, and the same in words."""


@dataclass
class Case:
    """What speaks against deleting objects: those asked for, and what was made from them."""

    subjects: dict[int, Subject]
    dependents: dict[int, dict[int, Subject]]
    faults: dict[int, str] = field(default_factory=dict)

    @property
    def all_dependents(self) -> dict[int, Subject]:
        """Everything living that was made from one of them, themselves left out."""
        found = {k: s for some in self.dependents.values() for k, s in some.items()}
        return {k: s for k, s in found.items() if k not in self.subjects}


def delete(
    session: Session,
    objects: Iterable[Any],
    reason: str,
    *,
    dependents: bool = False,
    grace: timedelta = GRACE,
    dry_run: bool = False,
) -> Deletion:
    """Delete objects, and with ``dependents`` what was made from them: all of it, or nothing.

    Raises
    ------
    Refused
        Something speaks against it; each is named, living dependents are counted by class.
    BadValue
        There is no reason, or the grace is negative.
    NotMade
        An object is not committed.
    """
    if not reason.strip():
        raise BadValue("Nothing says why it is deleted", expected="a reason")
    if grace < timedelta(0):
        raise BadValue(f"grace = {grace}", expected="a span of time that is not negative")
    wanted, until = keys_of(objects), datetime.now(UTC) + grace

    def decide(connection: Connection) -> tuple[list[Subject], Deletion]:
        case = examine(session, connection, wanted)
        more = case.all_dependents
        if dependents:
            judge(session, connection, case, more)
        _refuse(connection, case, more, with_dependents=dependents)
        chosen = [*case.subjects.values(), *(more.values() if dependents else ())]
        names, size = told(connection, [s.key for s in chosen])
        counts = Counter(s.class_name for s in more.values())
        return chosen, Deletion(tuple(names.values()), dict(sorted(counts.items())), size, until)

    if dry_run:
        with session.database.read() as connection:
            return decide(connection)[1]
    return _delete(session, decide, reason, until)


@retried
def _delete(session: Session, decide: _Decide, reason: str, until: datetime) -> Deletion:
    with retaining(session) as unit:
        chosen, deletion = decide(unit.connection)
        bury(unit, chosen, reason, until)
    return deletion


def undelete(
    session: Session, objects: Iterable[Any], reason: str = "undone", *, dependents: bool = False
) -> int:
    """Take deletions back; return how many.

    Parameters
    ----------
    session : Session
    objects : iterable of Persistent
    reason : str
    dependents : bool
        Also of what was made from them, as far as its grace lasts.

    Raises
    ------
    Refused
        One of them is not one's own, or its grace is over.
    """
    return _undelete(session, keys_of(objects), reason, dependents=dependents)


@retried
def _undelete(session: Session, wanted: Sequence[int], reason: str, *, dependents: bool) -> int:
    with session.database.read() as connection:
        asked = {s.key: s for s in subjects(session, wanted)}
        made = descendants(connection, wanted, is_dead=True) if dependents else {}
    more = {k: s for some in made.values() for k, s in some.items()}
    stones = tombstones(session, [*asked, *more])
    for key, subject in asked.items():
        stone = stones.get(key)
        if stone is not None and subject.owner != session.context.owner_key:
            raise Refused(f"{subject.class_name} is not yours", do="Ask its owner")
        if stone is not None and not stone.can_be_undone:
            raise Refused(
                f"{subject.class_name} was {stone}; its grace ended on {stone.until:%Y-%m-%d}",
                expected="a deletion whose grace lasts",
                do=stone.remedy,
            )
    mine = [
        s
        for k, s in {**more, **asked}.items()
        if k in stones and stones[k].can_be_undone and s.owner == session.context.owner_key
    ]
    if mine:
        with retaining(session) as unit:
            append(unit, TOMBSTONE, session.context.user, reason, dict.fromkeys(mine, (0, "")))
    return len(mine)


@contextmanager
def retaining(session: Session) -> Iterator[Unit]:
    """Give a unit of work in which nobody else deletes, undoes or purges."""
    with session.unit(durable=True) as unit:
        session.database.serialise(unit.connection, "retention")
        yield unit


def keys_of(objects: Iterable[Any]) -> list[int]:
    """Return the keys of committed objects."""
    found = []
    for obj in objects:
        if not obj.is_stored:
            raise NotMade(f"{obj!r} is not committed", do="There is nothing to delete")
        found.append(obj.__dict__["_key"])
    return list(dict.fromkeys(found))


def bury(unit: Unit, chosen: Sequence[Subject], reason: str, until: datetime) -> None:
    """Write the tombstones of objects."""
    author = unit.context.user
    append(unit, TOMBSTONE, author, reason, dict.fromkeys(chosen, (1, detail_of(until))))


def examine(session: Session, connection: Connection, wanted: Sequence[int]) -> Case:
    """Return what speaks against deleting objects; those that are deleted are left out."""
    dead = tombstones(session, wanted)
    living = [key for key in wanted if key not in dead]
    asked = {s.key: s for s in subjects(session, living)}
    case = Case(asked, descendants(connection, list(asked)))
    judge(session, connection, case, asked)
    projects = {s.project for s in asked.values()}
    for key, made in case.dependents.items():
        others = [
            s
            for s in made.values()
            if s.owner != session.context.owner_key or s.project not in projects
        ]
        if others and key not in case.faults:
            case.faults[key] = f"{len(others)} objects of others were made from it"
    return case


def judge(
    session: Session, connection: Connection, case: Case, which: Mapping[int, Subject]
) -> None:
    """Note what speaks against deleting some objects, each by itself."""
    lasting = _cannot_be_made_again(connection, list(which))
    hidden = used_by_others(connection, list(which))
    for key, subject in which.items():
        cls = find_class(subject.class_name)
        if subject.owner != session.context.owner_key:
            case.faults[key] = "it is not yours"
        elif subject.level >= PUBLISHED:
            case.faults[key] = f"it is published, at level {subject.level}"
        elif cls.__shared__ or not issubclass(cls, FileOwner):
            case.faults[key] = "it is no data product, and takes no room"
        elif key in hidden:
            case.faults[key] = f"{hidden[key]} objects of others were made from it"
        elif key in lasting:
            case.faults[key] = "it cannot be made again, and there is no other copy"


def _refuse(
    connection: Connection, case: Case, more: Mapping[int, Subject], *, with_dependents: bool
) -> None:
    """Raise Refused with everything that speaks against it."""
    first = list(case.faults)[:_MOST_TOLD]
    names, _ = told(connection, first)
    lines = [f"{' '.join(names[key])}: {case.faults[key]}" for key in first]
    if len(case.faults) > _MOST_TOLD:
        lines.append(f"and {len(case.faults) - _MOST_TOLD} more")
    do = "Leave out what is named"
    if more and not with_dependents and not case.faults:
        counts = sorted(Counter(s.class_name for s in more.values()).items())
        made = ", ".join(f"{number} {name}" for name, number in counts)
        lines.append(f"{made} were made from it")
        do = "Delete these first, or along with it: dependents=True, or --dependents"
    if lines:
        raise Refused(
            f"This cannot be deleted: {'; '.join(lines)}",
            expected="products of your own that nothing living was made from",
            do=do,
        )


def told(connection: Connection, keys: Sequence[int]) -> tuple[dict[int, tuple[str, str]], int]:
    """Return class and object_id of objects by their keys, and the size of their files."""
    p, f = tables.product, tables.file
    found: dict[int, tuple[str, str]] = {}
    size = 0
    for part in chunks(keys):
        columns = select(p.c.id, p.c.class_name, p.c.object_id)
        for key, name, raw in connection.execute(columns.where(p.c.id.in_(part))):
            found[key] = (name, str(UUID(bytes=bytes(raw))))
        sizes = select(func.coalesce(func.sum(f.c.size), 0)).where(f.c.product.in_(part))
        size += int(connection.execute(sizes).scalar_one())
    return found, size


def descendants(
    connection: Connection, keys: Sequence[int], *, is_dead: bool = False
) -> dict[int, dict[int, Subject]]:
    """Return for each object the living ones that were made from it: one query for all.

    All are counted, whether or not they may be read.
    """
    p, d = tables.product, tables.dep
    found: dict[int, dict[int, Subject]] = {key: {} for key in keys}
    for part in chunks(keys):
        first = select(d.c.target.label("root"), d.c.product.label("id"))
        made = first.where(d.c.target.in_(part), d.c.is_input).cte("made", recursive=True)
        step = d.alias()
        made = made.union(
            select(made.c.root, step.c.product).where(step.c.target == made.c.id, step.c.is_input)
        )
        columns = (p.c.id, p.c.class_name, p.c.owner, p.c.project, p.c.level, p.c.embargo)
        living = is_living(p)
        statement = select(made.c.root, *columns).join(p, p.c.id == made.c.id)
        for root, *row in connection.execute(statement.where(not_(living) if is_dead else living)):
            found[root][row[0]] = Subject(*row)
    return found


def used_by_others(connection: Connection, keys: Sequence[int]) -> dict[int, int]:
    """Return how many objects of others were made from one's own, where row security hides some."""
    if connection.dialect.name != "postgresql" or login_of(connection) is None:
        return {}
    found: dict[int, int] = {}
    uses = table("awlta_uses", column("product"), column("number"))
    for part in chunks(keys):
        rows = connection.execute(select(uses).where(uses.c.product.in_(part)))
        found.update((row.product, int(row.number)) for row in rows)
    return found


def _cannot_be_made_again(connection: Connection, keys: Sequence[int]) -> set[int]:
    """Return the objects whose bytes no recipe can make again and no other object has.

    Of an object that was made, every input that owns bytes is either there or can be made again
    itself, since none of them was allowed to go.
    """
    p, a, f = tables.product, tables.activity, tables.file
    other, there = f.alias(), p.alias()
    found: set[int] = set()
    for part in chunks(keys):
        copy = select(other.c.id).join(there, there.c.id == other.c.product)
        copy = copy.where(other.c.sha256 == f.c.sha256, other.c.size == f.c.size)
        copy = copy.where(other.c.product.not_in(part), is_living(there))
        by_hand = or_(a.c.id.is_(None), a.c.kind != "make", a.c.interactive)
        statement = (
            select(p.c.id)
            .join(f, f.c.product == p.c.id)
            .outerjoin(a, a.c.id == p.c.activity)
            .where(p.c.id.in_(part), by_hand, not_(copy.exists()))
        )
        found.update(connection.execute(statement).scalars())
    return found
