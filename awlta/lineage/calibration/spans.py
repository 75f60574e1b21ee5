"""What there is and what is asked, as the rule of validity sees it; each read in one query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, func, null, or_, select

from ...persistent import tables
from ...persistent.attributes.attributes import AnyLink
from ...persistent.attributes.codecs import time_to_microseconds
from ...persistent.attributes.conditions import Path
from ...persistent.classes.records import identity
from ...persistent.context import Context
from ...persistent.queries.compiler import Compiler, finished
from ...persistent.session import CHUNK, Session
from ...persistent.watches import watches
from ..keyset import listed
from ..quality import quality
from .calibrations import pinned_keys
from .validity import Need, Span


def read_spans(
    session: Session,
    cls: Any,
    same: str | None,
    *,
    window: tuple[int, int] | None = None,
    places: Iterable[str | None] | None = None,
) -> list[Span]:
    """Return the calibrations of a class in the read scope as the rule sees them, in one query.

    Parameters
    ----------
    session : Session
    cls : type
    same : str or None
        Path to the place of each.
    window : tuple of int, optional
        First and last time asked for, microseconds of UTC; those that overlap it.
    places : iterable, optional
        Only those of these places.
    """
    if watches:
        watches[-1].query(cls)
    session.database.ensure(cls)
    values: dict[str, Any] = {}
    if window is not None:
        values["first"], values["last"] = window
    wanted = None if same is None or places is None else set(places)
    if wanted is not None and len(wanted) <= CHUNK:
        values["places"] = [bytes.fromhex(place) for place in wanted if place is not None]
    statement = _statement(
        cls,
        same,
        frozenset(values),
        None in (wanted or ()),
        tuple(tables.class_names(cls)),
        session.context,
        session.database.dialect,
    )
    with session.database.read() as connection:
        return [_span(row) for row in connection.execute(statement, values)]


@lru_cache(maxsize=200)
def _statement(
    cls: type[Any],
    same: str | None,
    by: frozenset[str],
    or_nowhere: bool,
    names: tuple[str, ...],
    context: Context,
    dialect: str,
) -> Select[Any]:
    """Return the statement for calibrations; to build it takes longer than to ask it."""
    compiler = Compiler(cls, context, dialect)
    p = compiler.table(compiler.root, tables.product)
    start, end = (
        compiler.column((), cls.__attributes__[name])
        for name in ("timestamp_start", "timestamp_end")
    )
    place, place_key = place_columns(compiler, cls, same)
    columns = [p.c.id, p.c.object_id, p.c.class_name, p.c.creation_date, start, end]
    columns += [p.c.category, place, place_key]
    columns += [p.c.owner, p.c.project, p.c.level, p.c.embargo]
    columns += [
        func.coalesce(quality.newest(p, "verdict", "value", context.as_of), 1),
        quality.usable_condition(p, context.as_of),
    ]
    compiler.where += [p.c.class_name.in_(names), context.living(p)]
    if "first" in by:
        compiler.where += [start <= bindparam("last"), end > bindparam("first")]
    if "places" in by:
        known = place.in_(bindparam("places", expanding=True))
        compiler.where.append(or_(known, place.is_(None)) if or_nowhere else known)
    return finished(compiler, columns)


def _span(row: Any) -> Span:
    key, raw, name, created, start, end, category, place, *context, verdict, usable = row
    where = None if place is None else bytes(place).hex()
    more = (created, start, end, category, where, *context, int(verdict), bool(usable))
    return Span(key, str(UUID(bytes=bytes(raw))), name, *more)


def place_columns(compiler: Compiler, cls: type[Any], same: str | None) -> tuple[Any, Any]:
    """Return the column that tells places apart, and their key.

    Shared objects are one place if they are equal.
    """
    if same is None:
        return null(), null()
    path: Any = Path(cls)
    for step in same.split("."):
        path = getattr(path, step)
    steps = path.__dict__["steps"]
    place = compiler.place(steps)
    product = compiler.table(place, tables.product)
    is_shared = steps[-1].target.__shared__
    return product.c.content_digest if is_shared else product.c.object_id, place.key


def place_of(obj: Any) -> str | None:
    """Return how an object stands as the place of a Span."""
    return None if obj is None else identity(obj).replace("-", "")


def now_of(session: Session) -> int:
    """Return the time as of which is asked, in microseconds of UTC."""
    return time_to_microseconds(session.context.as_of or datetime.now(UTC))


def walk(obj: Any, dotted: str) -> Any:
    """Return what a dotted path leads to from an object, None past a null link."""
    for step in dotted.split("."):
        if obj is None:
            return None
        obj = getattr(obj, step)
    return obj


def needs_of(session: Session, step: AnyLink, products: Sequence[Any]) -> list[Need]:
    """Return what products ask of a link: a committed one in its own scope, a new one in ours."""
    context = session.context
    ours = [context.owner_key, context.project_key, context.level]
    theirs = _contexts(session, [o.__dict__["_key"] for o in products if o.is_stored])
    members = members_of(session, {pin for *_, pin in theirs.values() if pin is not None})
    here = pinned_keys()
    known: dict[int, str | None] = {}  # products share their places
    found = []
    for obj in products:
        moment: datetime | None = walk(obj, str(step.valid_at))
        when = None if moment is None else time_to_microseconds(moment)
        place = None
        if step.same:
            there = walk(obj, step.same)
            if id(there) not in known:
                known[id(there)] = place_of(there)
            place = known[id(there)]
        if obj.is_stored:
            *whose, pinned_to = theirs[obj.__dict__["_key"]]
            chosen_from = members.get(pinned_to)
        else:
            whose, chosen_from = ours, here
        owner, project, level = whose
        found.append(Need(when, obj.category, place, owner, project, level, chosen_from))
    return found


def _contexts(session: Session, keys: Sequence[int]) -> dict[int, tuple[Any, ...]]:
    """Return owner, project, level and pinned set of committed products by their keys."""
    if not keys:
        return {}
    p = tables.product
    columns = (p.c.id, p.c.owner, p.c.project, p.c.level, quality.newest(p, "pin", "value"))
    with session.database.read() as connection:
        rows = connection.execute(select(*columns).where(p.c.id.in_(listed(session, keys))))
        return {key: tuple(more) for key, *more in rows}


def members_of(session: Session, sets: Iterable[int]) -> dict[int | None, frozenset[int]]:
    """Return the keys of the members of some sets, by the key of the set."""
    found: dict[int | None, set[int]] = {key: set() for key in sets}
    if not found:
        return {}
    d = tables.dep
    statement = select(d.c.product, d.c.target).where(
        d.c.product.in_(list(found)), d.c.role == "members"
    )
    with session.database.read() as connection:
        for key, target in connection.execute(statement):
            found[key].add(target)
    return {key: frozenset(targets) for key, targets in found.items()}
