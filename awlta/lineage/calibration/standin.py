"""What is written with a product about its calibrations: that one stands in, and the pinned set.

It is worked out where the product is committed, by comparing each calibration with the rule of
its link. So it holds alike for what was made here, by a runner, or with a calibration that was
given by hand: a calibration that does not fit is never silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from ...persistent import tables
from ...persistent.attributes.attributes import AnyLink
from ...persistent.attributes.codecs import time_to_microseconds
from ...persistent.classes.unit import Unit
from ...persistent.session import Session
from ..keyset import listed
from ..quality.quality import FALLBACK_CALIBRATION, Raised, decode
from .calibrations import pin, pinned_keys
from .spans import now_of, place_of, walk
from .validity import Need


def rules_of(cls: type[Any]) -> tuple[AnyLink, ...]:
    """Return the links of a class that are chosen by validity."""
    known: tuple[AnyLink, ...] | None = cls.__dict__.get("__rules__")
    if known is None:
        known = tuple(s for s in cls.__links__.values() if s.valid_at is not None)
        cls.__rules__ = known
    return known


def mark(session: Session, product: Any) -> None:
    """Note on a product that is about to be committed what is to be written of its calibrations.

    A calibration that does not fit sets the flag FALLBACK_CALIBRATION, and says why.
    """
    if not rules_of(type(product)):
        return
    current = pin()
    product.__dict__["_pin"] = None if current is None else current.__dict__["_key"]
    told: list[str] = []
    away = 0
    for step in rules_of(type(product)):
        calibration = getattr(product, step.name)
        if calibration is None:
            continue
        why, gap = _misfit(session, product, step, calibration)
        if why:
            told.append(f"{step.name}: {' and '.join(why)}")
            away = max(away, gap)
    if told:
        flag, seconds = FALLBACK_CALIBRATION, away / 1e6 if away else None
        limit = None if seconds is None else 0.0
        raised = Raised(flag.name, flag.bit, flag.blocking, seconds, limit, "; ".join(told))
        product.__dict__["_flags"] = {**product.__dict__.get("_flags", {}), flag.name: raised}


def _misfit(
    session: Session, product: Any, step: AnyLink, calibration: Any
) -> tuple[list[str], int]:
    """Return why a calibration is not what the rule asks for, and how many microseconds away."""
    why: list[str] = []
    gap = 0
    moment = walk(product, str(step.valid_at))
    if moment is None:
        why.append("the time is not known")
    else:
        when = time_to_microseconds(moment)
        start = time_to_microseconds(calibration.timestamp_start)
        end = time_to_microseconds(calibration.timestamp_end)
        gap = max(start - when, when - end + 1, 0)
        if gap:
            away, side = duration(gap), "begins" if when < start else "ended"
            why.append(f"it {side} {away} {'after' if when < start else 'before'} the time")
    if calibration.category < product.category:
        why.append(f"its category {calibration.category} is below {product.category}")
    if step.same and place_of(walk(calibration, step.same)) != place_of(walk(product, step.same)):
        why.append(f"its {step.same} is another")
    members = pinned_keys()
    key = calibration.__dict__.get("_key")  # none yet if both are committed together
    if members is not None and key not in members:
        why.append(f"it is not in the set {pin().name}")  # type: ignore[union-attr]
    if key is not None and session.context.level > 1 and not _in_scope(session, key):
        why.append(f"it is outside the scope of {session.context.project}")
    return why, gap


def _in_scope(session: Session, key: int) -> bool:
    """Tell whether all who may read the new product may read a calibration."""
    context, p = session.context, tables.product
    columns = (p.c.owner, p.c.project, p.c.level, p.c.embargo)
    with session.database.read() as connection:
        row = connection.execute(select(*columns).where(p.c.id == key)).one()
    need = Need(None, "A", None, context.owner_key, context.project_key, context.level)
    return need.may_use(row, now_of(session))


def write_pin(unit: Unit, key: int, product: Any) -> None:
    """Add the row that says from which set the calibrations of a new product were chosen."""
    pinned_to = product.__dict__.get("_pin")
    if pinned_to is not None:
        row = (key, "pin", pinned_to, "", "", unit.context.user, unit.now)
        unit.row(tables.standing, (unit.key(), *row))


def current_flags(session: Session, keys: Sequence[int]) -> dict[int, list[Raised]]:
    """Return the quality flags that are set on some products, by their keys, in one query."""
    s = tables.standing
    statement = (
        select(s.c.product, s.c.detail)
        .where(s.c.product.in_(listed(session, keys)), s.c.kind == "flags")
        .where(session.context.until(s))
        .order_by(s.c.id)
    )
    with session.database.read() as connection:
        newest = {row.product: row.detail for row in connection.execute(statement)}
    found = {key: decode(detail) for key, detail in newest.items()}
    return {key: flags for key, flags in found.items() if flags}


def duration(microseconds: int) -> str:
    """Return a duration in the largest unit that says it well."""
    seconds = microseconds / 1e6
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {name}".replace(".0 ", " ")
    return f"{seconds:.3g} s"
