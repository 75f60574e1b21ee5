"""From what is wanted to what exists: the committed product of some inputs, or an intention.

A product that is committed keeps the digest of what it was asked for (class, category, settings,
inputs by identity); to find it is one look-up in an index, and for many wanted products one
statement. Parameters count by content, so those typed anew find what was made with equal values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Engine, select

from ...persistent import tables
from ...persistent.attributes.attributes import AnyLink
from ...persistent.context import Context
from ...persistent.engine.listing import bound_names, is_named
from ...persistent.engine.prepared import Prepared
from ...persistent.keys import object_id_of
from ...persistent.session import Session
from ...persistent.tombstones import is_living
from ...persistent.watches import watches
from ..calibration import selection
from ..currency.currency import Changes, Staleness, objects_of, staleness
from ..making.work import identity_of, key_of, work_of

Identity = Callable[[Any], str]
"""What equality of an input goes by."""


class Found(NamedTuple):
    """A committed product that was made from what is wanted.

    Attributes
    ----------
    key : int
    object_id, class_name : str
    """

    key: int
    object_id: str
    class_name: str


class Equals(NamedTuple):
    """What exists of one wanted product.

    Attributes
    ----------
    current : Found or None
        The newest that is up to date and not judged bad.
    outdated : Found or None
        The newest of the others.
    """

    current: Found | None = None
    outdated: Found | None = None


def work_key(product: Any, identity: Identity = identity_of) -> bytes:
    """Return what the row of a product keeps of the digest of what it asks for."""
    return key_of(work_of(product, identity))


def by_work(
    session: Session, works: Sequence[bytes], *, present: bool = False
) -> dict[bytes, list[Found]]:
    """Return the committed products for some digests of work, newest first, in one statement.

    Parameters
    ----------
    session : Session
    works : sequence of bytes
    present : bool
        Also those that were committed since the date as of which is asked.
    """
    found: dict[bytes, list[Found]] = {}
    if not works:
        return found
    engine, dialect = session.database.engine, session.database.dialect
    prepared = _made_by_work(engine, session.context, present, len(works) == 1)
    with session.database.read() as connection:
        rows = prepared.rows(connection, names=bound_names(dialect, works))
        for digest, key, raw, name in rows:
            found.setdefault(bytes(digest), []).append(Found(key, object_id_of(bytes(raw)), name))
    return found


@lru_cache(maxsize=64)
def _made_by_work(engine: Engine, context: Context, present: bool, is_one: bool) -> Prepared:
    """Return the statement for one digest, or for many, ready to be run."""
    p = tables.product
    chosen = is_named(p.c.work, engine.dialect.name, is_one)
    scope = (replace(context, as_of=None) if present else context).scope(p)
    return Prepared(
        engine,
        select(p.c.work, p.c.id, p.c.object_id, p.c.class_name)
        .where(chosen, scope, is_living(p, context.until))
        .order_by(p.c.creation_date.desc(), p.c.id.desc()),
    )


def equals(
    session: Session,
    wanted: Sequence[tuple[str, bytes]],
    changes: Changes | None = None,
    *,
    present: bool = False,
) -> tuple[list[Equals], Staleness]:
    """Return what exists of each wanted (class name, work), and what is out of date and why."""
    found = by_work(session, list({work for _, work in wanted}), present=present)
    keys = sorted({one.key for same in found.values() for one in same})
    state = staleness(session, keys, changes) if keys else Staleness()
    out = state.keys | state.bad
    return [_newest(found.get(work, ()), name, out) for name, work in wanted], state


def _newest(same: Sequence[Found], class_name: str, out: set[int]) -> Equals:
    current: Found | None = None
    outdated: Found | None = None
    for one in same:
        if one.class_name != class_name:
            continue
        if one.key in out:
            outdated = outdated or one
        else:
            current = current or one
    return Equals(current, outdated)


def target(session: Session, cls: type[Any], values: Mapping[str, Any]) -> Any:
    """Return the newest product of these inputs that is up to date and not bad, or a new one."""
    return targets(session, cls, [values])[0]


def targets(session: Session, cls: type[Any], wanted: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return for each set of inputs the product that is up to date, or an intention."""
    if watches:
        watches[-1].query(cls)
    intentions = intend(session, cls, wanted)
    asked = [n for n, one in enumerate(intentions) if _is_ready(one)]
    works = [(cls.__name__, work_key(intentions[n])) for n in asked]
    answers, _ = equals(session, works)
    current = {n: e.current.key for n, e in zip(asked, answers, strict=True) if e.current}
    objects = objects_of(session, set(current.values()))
    return [objects[current[n]] if n in current else one for n, one in enumerate(intentions)]


def existing(session: Session, intention: Any) -> Any:
    """Return the newest committed product of the same inputs, up to date or not, or None."""
    if not _is_ready(intention):
        return None
    work = work_key(intention)
    same = by_work(session, [work]).get(work, [])
    found = next((f for f in same if f.class_name == type(intention).__name__), None)
    return None if found is None else objects_of(session, [found.key])[found.key]


def _is_ready(intention: Any) -> bool:
    """Tell whether all inputs have an identity that lasts."""
    return all(t.is_stored or type(t).__shared__ for _, _, t in intention.linked())


_later: ContextVar[list[tuple[Any, AnyLink]] | None] = ContextVar("awlta_later", default=None)


def choose(session: Session, product: Any, step: AnyLink) -> Any:
    """Return the calibration that a link of an intention should point to now.

    While many intentions are made at once it is left open, and chosen for all of them together.
    """
    later = _later.get()
    if later is None:
        return selection.choose_one(session, product, step)
    later.append((product, step))
    return None


def intend(session: Session, cls: type[Any], wanted: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return intentions, their calibrations chosen together: one query a link."""
    with _choosing_later() as later:
        made = [cls(**values) for values in wanted]
    for step in cls.__links__.values():
        products = [product for product, link in later if link is step]
        if products:
            chosen = selection.choose_many(session, step, products)
            for product, one in zip(products, chosen, strict=True):
                if one is None:  # it says why, or that none is needed
                    one = selection.choose_one(session, product, step)
                product.__dict__[step.name] = one
    return made


@contextmanager
def _choosing_later() -> Iterator[list[tuple[Any, AnyLink]]]:
    later: list[tuple[Any, AnyLink]] = []
    token = _later.set(later)
    try:
        yield later
    finally:
        _later.reset(token)
