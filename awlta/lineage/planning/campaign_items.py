"""The items of a campaign: what became of each product of its selection, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, NamedTuple

from sqlalchemy import bindparam, case, func, select, update

from ...persistent import tables
from ...persistent.engine.retry import retried
from ...persistent.session import Session
from ..quality.standing import append, subjects


class Fate(Enum):
    """What became of one product of the selection."""

    WAITING = "waiting"
    MADE = "made"
    CURRENT = "current"
    """It was up to date as it is."""
    FAILED = "failed"


class Item(NamedTuple):
    """What became of one product.

    Attributes
    ----------
    position : int
    fate : Fate
    new : int or None
        Key of what replaces it.
    reason : str
        Why it failed.
    """

    position: int
    fate: Fate
    new: int | None = None
    reason: str = ""


class Upstream(NamedTuple):
    """A product that was made because the selection needs it.

    Attributes
    ----------
    old : str or None
        object_id of what it replaces.
    new : int
        Key.
    """

    old: str | None
    new: int


def first(session: Session, campaign: int, fate: Fate, most: int) -> list[tuple[int, int, str]]:
    """Return (position, key, class name) of the first products of a fate."""
    i, p = tables.campaign_item, tables.product
    statement = (
        select(i.c.position, p.c.id, p.c.class_name)
        .select_from(i.join(p, p.c.id == i.c.old))
        .where(i.c.campaign == campaign, i.c.state == fate.value)
        .order_by(i.c.position)
        .limit(most)
    )
    with session.database.read() as connection:
        return [(n, key, name) for n, key, name in connection.execute(statement)]


def counts(session: Session, campaign: int, n_products: int) -> tuple[dict[Fate, int], int]:
    """Return how many of the selection have which fate, and how many upstream were made."""
    i = tables.campaign_item
    is_own = case((i.c.position < n_products, 1), else_=0)
    statement = (
        select(i.c.state, is_own, func.count())
        .where(i.c.campaign == campaign)
        .group_by(i.c.state, is_own)
    )
    with session.database.read() as connection:
        rows = connection.execute(statement).all()
    return (
        {Fate(state): int(n) for state, own, n in rows if own},
        sum(int(n) for _, own, n in rows if not own),
    )


def products(session: Session, campaign: int, n_products: int) -> list[tuple[int, str]]:
    """Return (key, class name) of what stands for the selection: new, or old where current."""
    i, p = tables.campaign_item, tables.product
    statement = (
        select(p.c.id, p.c.class_name)
        .select_from(i.join(p, p.c.id == func.coalesce(i.c.new, i.c.old)))
        .where(i.c.campaign == campaign, i.c.position < n_products)
        .where(i.c.state.in_([Fate.MADE.value, Fate.CURRENT.value]), session.context.scope(p))
        .order_by(i.c.position)
    )
    with session.database.read() as connection:
        return [(key, name) for key, name in connection.execute(statement)]


def pairs(session: Session, campaign: int) -> list[tuple[tuple[int, str], tuple[int, str]]]:
    """Return (key, class name) of what was replaced, and of what replaces it."""
    i, a, b = tables.campaign_item, tables.product.alias(), tables.product.alias()
    statement = (
        select(a.c.id, a.c.class_name, b.c.id, b.c.class_name)
        .select_from(i.join(a, a.c.id == i.c.old).join(b, b.c.id == i.c.new))
        .where(i.c.campaign == campaign, i.c.state == Fate.MADE.value)
        .where(i.c.old != i.c.new, session.context.scope(a), session.context.scope(b))
        .order_by(i.c.position)
    )
    with session.database.read() as connection:
        return [((k, n), (m, o)) for k, n, m, o in connection.execute(statement)]


def made(session: Session, campaign: int) -> list[int]:
    """Return the keys of everything that a campaign made."""
    i = tables.campaign_item
    statement = select(i.c.new).where(i.c.campaign == campaign, i.c.state == Fate.MADE.value)
    with session.database.read() as connection:
        return sorted({key for (key,) in connection.execute(statement)})


@retried
def wait_again(session: Session, campaign: int) -> int:
    """Let what failed wait again; return how many products that are."""
    i = tables.campaign_item
    with session.database.write() as connection:
        done = connection.execute(
            update(i)
            .where(i.c.campaign == campaign, i.c.state == Fate.FAILED.value)
            .values(state=Fate.WAITING.value, reason="")
        )
    return int(done.rowcount)


@retried
def write(
    session: Session,
    campaign: int,
    items: Sequence[Item],
    upstream: Sequence[Upstream],
    reason: str,
) -> None:
    """Write what became of a batch, and propose what was made, in one transaction."""
    i = tables.campaign_item
    replaced = {o.object_id: o for o in session.get_many([u.old for u in upstream if u.old])}
    fresh = {u.new for u in upstream}
    fresh |= {item.new for item in items if item.fate is Fate.MADE and item.new is not None}
    here = update(i).where(i.c.campaign == campaign, i.c.position == bindparam("at"))
    with session.unit(durable=True) as unit:
        unit.connection.execute(
            here.values(
                new=bindparam("made"),
                state=bindparam("fate"),
                reason=bindparam("why"),
                updated=unit.now,
            ),
            [
                {"at": t.position, "made": t.new, "fate": t.fate.value, "why": t.reason}
                for t in items
            ],
        )
        last = unit.connection.execute(
            select(func.max(i.c.position)).where(i.c.campaign == campaign)
        ).scalar_one()
        for position, (old, new) in enumerate(upstream, last + 1):
            key = replaced[old].__dict__["_key"] if old else new
            told = (Fate.MADE.value, "needed by the selection", unit.now)
            unit.row(i, (campaign, position, key, new, *told))
        judge(unit, session, sorted(fresh), 2, reason)


def judge(unit: Any, session: Session, keys: Sequence[int], value: int, reason: str) -> None:
    """Give products one verdict, in the unit of the campaign's own rows."""
    if keys:
        said = dict.fromkeys(subjects(session, keys), (value, ""))
        append(unit, "verdict", session.context.user, reason, said)
