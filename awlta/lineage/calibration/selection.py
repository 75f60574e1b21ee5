"""Which calibration a product should have, for whole sets of products.

The rule itself is :mod:`awlta.lineage.calibration.validity`. The database gives, in one statement,
the calibrations in reach of a set of products: those of the class that overlap their times and lead
to their places. Which of them each product should have is worked out in one sweep.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    CompoundSelect,
    FromClause,
    Select,
    and_,
    literal,
    or_,
    select,
    union,
    union_all,
)

from ...errors import NotFound
from ...persistent import tables
from ...persistent.attributes.attributes import AnyLink
from ...persistent.attributes.codecs import time_to_microseconds
from ...persistent.attributes.conditions import resolve
from ...persistent.classes.model import registry
from ...persistent.context import Context
from ...persistent.queries.compiler import Compiler
from ...persistent.session import Session
from ...persistent.tombstones import TOMBSTONE
from ..keyset import listed
from ..quality import quality
from .calibrations import Calibration, pin, pinned_keys
from .spans import members_of, needs_of, now_of, place_columns, place_of, read_spans, walk
from .validity import Need, Span, choose, eclipsed, fall_back

# what is chosen --------------------------------------------------------------------------


def choose_spans(session: Session, step: AnyLink, needs: Sequence[Need]) -> list[Span | None]:
    """Return what each need should have, fallbacks included: one query, two with fallbacks."""
    times = [n.when for n in needs if n.when is not None]
    if not times:
        return [None] * len(needs)
    now, cls, window = now_of(session), step.target, (min(times), max(times))
    places = {n.place for n in needs}
    chosen = choose(read_spans(session, cls, step.same, window=window, places=places), needs, now)
    missing = [n for n, span in enumerate(chosen) if span is None and needs[n].when is not None]
    if missing and step.fallback:
        others = read_spans(session, cls, step.same, places={needs[n].place for n in missing})
        for number in missing:
            chosen[number] = fall_back(others, needs[number], step.fallback, now)
    return chosen


def choose_many(session: Session, step: AnyLink, products: Sequence[Any]) -> list[Any]:
    """Return the calibration that a link of each product should point to now, or None.

    Parameters
    ----------
    session : Session
    step : link with ``valid_at``
    products : sequence of DataProduct
        Of the class of the link; committed or not.
    """
    if not issubclass(step.target, Calibration):
        raise NotFound(f"{step.place} has valid_at, but {step.target.__name__} has no validity")
    return load_spans(session, choose_spans(session, step, needs_of(session, step, products)))


def load_spans(session: Session, spans: Sequence[Span | None]) -> list[Any]:
    """Return the calibrations of some spans, read together."""
    wanted = {s.key: s.class_name for s in spans if s is not None}
    found = {o.__dict__["_key"]: o for o in session.load(list(wanted.items()))}
    return [None if s is None else found[s.key] for s in spans]


def choose_one(session: Session, product: Any, step: AnyLink) -> Any:
    """Return the calibration that a link of a product should point to, None if optional.

    Raises
    ------
    NotFound
        None fits.
    """
    (found,) = choose_many(session, step, [product])
    if found is not None or step.optional:
        return found
    when, current = walk(product, str(step.valid_at)), pin()
    within = "" if current is None else f" in the set {current.name}"
    raise NotFound(
        f"No valid {step.target.__name__}{within} covers "
        f"{when.isoformat() if when else 'an unknown time'}",
        expected=f"one with the same {step.same}" if step.same else "one",
        do=f"Make one, or give {step.name}=... yourself",
    )


def valid_for(
    session: Session,
    cls: type[Any],
    wanted: Sequence[tuple[datetime | None, Any]],
    same: str | None,
) -> list[Any]:
    """Return the calibration that a new product of category B would get, for each time and place.

    None where none covers it; one query, whatever the number of times.
    """
    context, members = session.context, pinned_keys()
    whose = (context.owner_key, context.project_key, context.level)
    needs = []
    for when, place in wanted:
        moment = None if when is None else time_to_microseconds(when)
        where = None if same is None else place_of(place)
        needs.append(Need(moment, "B", where, *whose, members))
    times = [need.when for need in needs if need.when is not None]
    if not times:
        return [None] * len(needs)
    window, places = (min(times), max(times)), {need.place for need in needs}
    spans = read_spans(session, cls, same, window=window, places=places)
    return load_spans(session, choose(spans, needs, now_of(session)))


# what was superseded ---------------------------------------------------------------------


FEW = 500
"""So many products are asked for their times right away."""

MANY = 5000
"""For so many suspects it is asked first which of them count."""


class Superseded(NamedTuple):
    """A product that would get another calibration now.

    Attributes
    ----------
    product : int
        Its key.
    role : str
        Name of the link.
    old : int or None
        Key of the calibration that it has.
    new : int
        Key of the one that it should have.
    """

    product: int
    role: str
    old: int | None
    new: int


def superseded(session: Session, keys: Sequence[int] | FromClause) -> list[Superseded]:
    """Return which of some products would get another calibration now, for every link.

    For a few products their times are asked. For many it is asked first which calibrations lost
    a part of their time to a better one; products are read only where they used such a one, and
    where their calibration never fitted (a flag says so) or they have none.

    Parameters
    ----------
    session : Session
    keys : sequence of int, or a table expression with one column
        Keys of committed products. An expression, such as all ancestors of many products, is not
        evaluated unless there are many suspects: others may be among what is returned.
    """
    if not isinstance(keys, FromClause) and not keys:
        return []
    found: list[Superseded] = []
    for step, names in _present(session, list(_rules())):
        rows = _asked(session, step, names, keys)
        visible = [row for row in rows if row.old is None or row.is_visible]
        members = members_of(session, {row.pin for row in visible if row.pin is not None})
        needs = [_need(row, members) for row in visible]
        for row, span in zip(visible, choose_spans(session, step, needs), strict=True):
            if span is not None and span.key != row.old:
                found.append(Superseded(row.id, step.name, row.old, span.key))
    return found


def _rules() -> Iterator[tuple[AnyLink, list[str]]]:
    """Yield every link with a selection rule, and the names of the classes that have it."""
    by_step: dict[int, tuple[AnyLink, list[str]]] = {}
    for name, cls in registry.items():
        for step in cls.__links__.values():
            if step.valid_at is not None and issubclass(step.target, Calibration):
                by_step.setdefault(id(step), (step, []))[1].append(name)
    yield from by_step.values()


def _present(
    session: Session, rules: list[tuple[AnyLink, list[str]]]
) -> list[tuple[AnyLink, list[str]]]:
    """Return the rules of classes of which there is an object at all."""
    found = existing(session, {name for _, some in rules for name in some})
    kept = [(step, [n for n in some if n in found]) for step, some in rules]
    return [(step, some) for step, some in kept if some]


def existing(session: Session, names: Iterable[str]) -> set[str]:
    """Return those names of classes of which there is an object, in whatever scope."""
    asked = tuple(sorted(names))
    if not asked:
        return set()
    with session.database.read() as connection:
        return set(connection.execute(_there(asked)).scalars())


@lru_cache(maxsize=20)
def _there(names: tuple[str, ...]) -> CompoundSelect[Any]:
    """Return the statement that tells of which classes there is an object: a seek for each."""
    p = tables.product
    return union_all(
        *(
            select(literal(name)).where(select(p.c.id).where(p.c.class_name == name).exists())
            for name in names
        )
    )


def _need(row: Any, members: dict[int | None, frozenset[int]]) -> Need:
    place = None if row.place is None else bytes(row.place).hex()
    whose = (row.owner, row.project, row.level)
    return Need(row.moment, row.category, place, *whose, members.get(row.pin))


def _asked(
    session: Session, step: AnyLink, names: Sequence[str], keys: Sequence[int] | FromClause
) -> Sequence[Any]:
    """Return what the products ask that may be superseded, each with what it has."""
    cls = registry[names[0]]
    when: Any = resolve(cls, str(step.valid_at))
    for touched in (cls, step.target, when._attribute.owner):
        session.database.ensure(touched)
    statement, key = _asking(step, cls, tuple(names), session.context, session.database.dialect)
    if not isinstance(keys, FromClause) and len(keys) <= FEW:
        statement = statement.where(key.in_(listed(session, keys)))
    elif suspects := _suspects(session, step, names):
        statement = statement.where(key.in_(listed(session, suspects)))
        if not isinstance(keys, FromClause):
            statement = statement.where(key.in_(listed(session, keys)))
        elif len(suspects) > MANY:
            statement = statement.where(key.in_(select(keys.c[0])))
    else:
        return []
    with session.database.read() as connection:
        return connection.execute(statement).all()


def _suspects(session: Session, step: AnyLink, names: Sequence[str]) -> list[int]:
    """Return the keys of products that might get another calibration now, wherever they are.

    A product whose calibration fitted it when it was made can only lose it to a better one that
    overlaps it, or because it became unusable. Where it never fitted, a flag says so.
    """
    spans = read_spans(session, step.target, step.same)
    usable = [s for s in spans if s.is_usable]
    lost = sorted(eclipsed(usable) | {s.key for s in spans if not s.is_usable})
    d, p, s = tables.dep, tables.product, tables.standing
    fallback = 1 << quality.FALLBACK_CALIBRATION.bit
    marked = or_(s.c.value >= fallback, s.c.value <= -fallback)
    gone = select(s.c.product).where(s.c.kind == TOMBSTONE, s.c.value == 1)
    suspects = [
        select(s.c.product).where(s.c.kind == "flags", marked),
        select(d.c.product).where(d.c.target.in_(gone), d.c.role == step.name),
    ]
    if lost:
        used = d.c.target.in_(listed(session, lost))
        suspects.append(select(d.c.product).where(used, d.c.role == step.name))
    if step.optional and usable:
        linked = select(d.c.target).where(d.c.product == p.c.id, d.c.role == step.name)
        suspects.append(select(p.c.id).where(p.c.class_name.in_(names), ~linked.exists()))
    with session.database.read() as connection:
        return list(connection.execute(union(*suspects)).scalars())


@lru_cache(maxsize=200)
def _asking(
    step: AnyLink, cls: type[Any], names: tuple[str, ...], context: Context, dialect: str
) -> tuple[Select[Any], Any]:
    """Return the statement for what products ask and have, and its column of keys."""
    when: Any = resolve(cls, str(step.valid_at))
    compiler = Compiler(cls, context, dialect)
    p = compiler.table(compiler.root, tables.product)
    moment = compiler.column(when._path.__dict__["steps"], when._attribute)
    place, _ = place_columns(compiler, cls, step.same)
    d, old = tables.dep.alias(), tables.product.alias()
    columns = [p.c.id, p.c.category, p.c.owner, p.c.project, p.c.level, d.c.target.label("old")]
    columns += [moment.label("moment"), place.label("place")]
    columns += [quality.newest(p, "pin", "value").label("pin")]
    columns += [context.scope(old).label("is_visible")]
    compiler.settle()
    has = and_(d.c.product == p.c.id, d.c.role == step.name)
    source = compiler.source.outerjoin(d, has).outerjoin(old, old.c.id == d.c.target)
    statement = select(*columns).select_from(source)
    return statement.where(*compiler.where, p.c.class_name.in_(names)), p.c.id
