"""Up to date, and if not, why: set-wise, over a product and everything it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..persistent import tables
from ..persistent.session import Session
from .closure import related, rows_of
from .product import DataProduct
from .selection import covering, usable


@dataclass(frozen=True)
class Reason:
    """One reason why a product is not up to date.

    Attributes
    ----------
    product : Persistent
        Where the reason lies: the product itself or one of its ancestors.
    part : str
        ``recipe``, ``verdict`` or the name of a link.
    old, new : str
        What it was made with, and what it would be made with now.
    """

    product: Any
    part: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.product!r}: {self.part} was {self.old}, is now {self.new}"


def reasons(session: Session, product: DataProduct) -> list[Reason]:
    """Return every reason why a committed product is not up to date, itself or its ancestors."""
    if not product.is_stored:
        return [Reason(product, "make", "never made", "to be made")]
    key = product.__dict__["_key"]
    pairs = [*related(session, [key], down=False), (key, type(product).__name__)]
    objects = session.load(pairs)
    found = [*_recipes(session, objects), *_verdicts(session, objects, key)]
    return found + _selections(objects)


def _recipes(session: Session, objects: list[Any]) -> list[Reason]:
    """Compare the recipe of each product with the one its class has now: one query."""
    a, p = tables.activity, tables.product
    by_key = {o.__dict__["_key"]: o for o in objects if isinstance(o, DataProduct)}
    made = rows_of(session, p, p.c.id, list(by_key))
    activities = [r.activity for r in made if r.activity is not None]
    records = {r.id: r for r in rows_of(session, a, a.c.id, activities)}
    found = []
    for row in made:
        record, obj = records.get(row.activity), by_key[row.id]
        current = type(obj).__recipe__
        if record is None or record.kind != "make" or current is None:
            continue
        old = bytes(record.recipe_digest).hex()
        if old != current.identity.digest:
            found.append(
                Reason(
                    obj,
                    "recipe",
                    f"version {record.recipe_version}, {old[:12]}",
                    f"version {current.version}, {current.identity.digest[:12]}",
                )
            )
    return found


def _verdicts(session: Session, objects: list[Any], own: int) -> list[Reason]:
    """Find inputs that people have judged bad since: one query."""
    s = tables.standing
    by_key = {o.__dict__["_key"]: o for o in objects}
    latest: dict[int, Any] = {}
    for row in sorted(rows_of(session, s, s.c.product, list(by_key)), key=lambda r: r.id):
        if row.kind == "verdict":
            latest[row.product] = row
    return [
        Reason(by_key[key], "verdict", "valid", f"bad ({row.author}: {row.reason})")
        for key, row in latest.items()
        if row.value == 0 and key != own
    ]


def _selections(objects: list[Any]) -> list[Reason]:
    """Choose each calibration again: one query for each class of calibration."""
    candidates: dict[type[Any], list[Any]] = {}
    found = []
    for obj in objects:
        for name, step in type(obj).__links__.items():
            if step.valid_at is None:
                continue
            if step.target not in candidates:
                candidates[step.target] = usable(step.target)
            fitting = covering(candidates[step.target], obj, step)
            old, new = getattr(obj, name), fitting[0] if fitting else None
            if new is not None and (old is None or old.object_id != new.object_id):
                found.append(Reason(obj, name, repr(old), repr(new)))
    return found
