"""Products compared with those that they replace: content, and attribute by attribute."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Change:
    """How one attribute of one class differs between old and new.

    Attributes
    ----------
    class_name, attribute, unit : str
    n_changed, n : int
        Pairs in which it differs, and all pairs of the class.
    median : float or None
        Median of new minus old over the pairs that differ; None where it is no number.
    largest : tuple of object
        Old and new value where they differ most, or the first that do.
    """

    class_name: str
    attribute: str
    unit: str
    n_changed: int
    n: int
    median: float | None
    largest: tuple[Any, Any]

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        old, new = self.largest
        text = f"{self.class_name}.{self.attribute}: {self.n_changed} of {self.n} differ"
        if self.median is not None:
            text += f", median {self.median:+.4g}{unit}"
        return f"{text}, at most {old!r} to {new!r}"


@dataclass(frozen=True)
class Comparison:
    """Old and new products side by side.

    Attributes
    ----------
    n_equal, n : int
        Pairs of equal content, and all pairs.
    changes : tuple of Change
    """

    n_equal: int
    n: int
    changes: tuple[Change, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as JSON holds it."""
        changes = [{**vars(c), "largest": [_plain(v) for v in c.largest]} for c in self.changes]
        return {"equal": self.n_equal, "pairs": self.n, "changes": changes}

    def __str__(self) -> str:
        head = f"{self.n_equal} of {self.n} have equal content"
        return "\n".join([head, *(f"  {change}" for change in self.changes)])


def compare(pairs: Sequence[tuple[Any, Any]]) -> Comparison:
    """Compare pairs of old and new products of the same class."""
    equal = sum(old.content_digest == new.content_digest for old, new in pairs)
    by_class: dict[type[Any], list[tuple[Any, Any]]] = {}
    for old, new in pairs:
        by_class.setdefault(type(new), []).append((old, new))
    changes = [
        change
        for cls, some in sorted(by_class.items(), key=lambda item: item[0].__name__)
        for attribute in cls.__attributes__.values()
        if attribute.source == "class" and attribute.codec.column != "blob"
        if (change := _change(cls, attribute, some)) is not None
    ]
    return Comparison(equal, len(pairs), tuple(changes))


def _change(cls: type[Any], attribute: Any, pairs: Sequence[tuple[Any, Any]]) -> Change | None:
    name = attribute.name
    values = [(getattr(old, name), getattr(new, name)) for old, new in pairs]
    differ = [(a, b) for a, b in values if not _same(a, b)]
    if not differ:
        return None
    steps = {n: b - a for n, (a, b) in enumerate(differ) if _is_number(a) and _is_number(b)}
    median = statistics.median(steps.values()) if steps else None
    worst = max(steps, key=lambda n: abs(steps[n])) if steps else 0
    unit = attribute.unit or ""
    return Change(cls.__name__, name, unit, len(differ), len(pairs), median, differ[worst])


def _same(a: Any, b: Any) -> bool:
    return bool(a == b or (a != a and b != b))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else getattr(value, "value", value)
