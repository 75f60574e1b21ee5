"""What making costs, from the activities of the past: one statement for any number of classes."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import LargeBinary, bindparam, func, literal, select, union_all

from ...persistent import tables
from ...persistent.session import Session

RUNS = 101
"""So many runs of a recipe are looked at."""


@dataclass(frozen=True)
class Cost:
    """What making products costs.

    Attributes
    ----------
    seconds : float, s
        Time of one core.
    size : int, bytes
        Of the files that are stored.
    runs : int
        Past runs that it is known from, 0 where nothing is known.
    same_recipe : bool
        They were runs of the recipe as it is now.
    unknown : int
        Products of classes that were never made, which are not counted.
    """

    seconds: float = 0.0
    size: int = 0
    runs: int = 0
    same_recipe: bool = True
    unknown: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.seconds + other.seconds,
            self.size + other.size,
            self.runs + other.runs,
            self.same_recipe and other.same_recipe,
            self.unknown + other.unknown,
        )

    def times(self, number: int) -> Cost:
        """Return the cost of so many products."""
        size, unknown = self.size * number, self.unknown * number
        return Cost(self.seconds * number, size, self.runs, self.same_recipe, unknown)

    def __str__(self) -> str:
        """Tell it in words, with what it is known from."""
        if not self.runs:
            return "nothing to make" if not self.unknown else "cost not known: never made before"
        basis = f"from {self.runs} past run{'s' if self.runs > 1 else ''}"
        basis += "" if self.same_recipe else " of an earlier recipe"
        basis += f"; {self.unknown} more never made before" if self.unknown else ""
        return f"about {_duration(self.seconds)}, {_bytes(self.size)}, {basis}"

    def to_json(self) -> dict[str, Any]:
        """Return the cost as JSON holds it; what is not known is null."""
        known = self.runs > 0 or not self.unknown
        return {
            "seconds": round(self.seconds, 3) if known else None,
            "bytes": self.size if known else None,
            "runs": self.runs,
            "same_recipe": self.same_recipe,
            "unknown": self.unknown,
        }


UNKNOWN = Cost(unknown=1)


def _duration(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.2g} s"


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def costs(session: Session, classes: Iterable[type[Any]]) -> dict[type[Any], Cost]:
    """Return for each class the median of what its last runs took, of the recipe as it is now.

    Where that never ran, earlier recipes of the same name tell.
    """
    a, f = tables.activity, tables.file
    names = {cls.__name__: cls for cls in classes if cls.__recipe__ is not None}
    if not names:
        return {}
    parts = []
    for name, cls in names.items():
        digest = bindparam(None, bytes.fromhex(cls.__recipe__.identity.digest), LargeBinary)
        for same in (True, False):
            part = select(
                literal(name).label("class_name"),
                literal(same).label("same"),
                a.c.subject,
                (a.c.ended - a.c.started).label("took"),
                a.c.id,
            ).where(a.c.recipe == cls.__recipe__.name, a.c.kind == "make", a.c.outcome == "done")
            if same:
                part = part.where(a.c.recipe_digest == digest).order_by(a.c.id.desc())
            parts.append(select(part.limit(RUNS).subquery()))
    runs = union_all(*parts).subquery()
    p = tables.product
    size = select(func.sum(f.c.size)).where(f.c.product == p.c.id).scalar_subquery()
    statement = (
        select(runs.c.class_name, runs.c.same, runs.c.took, func.coalesce(size, 0))
        .join(p, p.c.object_id == runs.c.subject)
        .where(p.c.class_name == runs.c.class_name, session.context.scope(p))
    )
    found: dict[tuple[str, bool], list[tuple[float, int]]] = {}
    with session.database.read() as connection:
        for name, same, took, stored in connection.execute(statement):
            found.setdefault((name, bool(same)), []).append((took / 1e6, int(stored)))
    return {cls: _median(found, name) for name, cls in names.items()}


def _median(found: dict[tuple[str, bool], list[tuple[float, int]]], name: str) -> Cost:
    same = (name, True) in found
    runs = found.get((name, same), [])
    if not runs:
        return UNKNOWN
    seconds, size = (statistics.median(run[i] for run in runs) for i in (0, 1))
    return Cost(float(seconds), int(size), len(runs), same)
