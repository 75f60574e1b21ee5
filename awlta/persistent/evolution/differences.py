"""What a difference between a table and its class is, and the steps that mend it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class Cure(Enum):
    """Who mends a difference."""

    MIGRATE = "awlta migrate"
    PERSON = "a person"
    NOBODY = "nobody need"


@dataclass(frozen=True)
class Step:
    """A call of one function of :mod:`awlta.persistent.steps`, to be made or to be written."""

    name: str
    arguments: tuple[Any, ...]
    options: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Difference:
    """One place where a table is not as its class says.

    Attributes
    ----------
    table : str
    kind : str
        ``table``, ``column``, ``type``, ``index``, ``value``, ``row``, ``link`` or ``class``.
    place : str
        The class, attribute or link, as ``Class.name``.
    found, declared : str
        What is in the database, and what the class says.
    cure : Cure
    do : str
        What mends it.
    steps : tuple of Step
        What does it; for a person, what may do it.
    n_rows : int
        How many objects or rows it is about.
    package : str
        Module of the class.
    """

    table: str
    kind: str
    place: str
    found: str
    declared: str
    cure: Cure
    do: str
    steps: tuple[Step, ...] = ()
    n_rows: int = 0
    package: str = ""

    def __str__(self) -> str:
        said = "; ".join(p for p in (self.found, self.declared) if p)
        return f"{said}. {self.do}." if self.do else f"{said}."

    def to_json(self) -> dict[str, Any]:
        """Return what a program may want to know."""
        return {
            "table": self.table,
            "kind": self.kind,
            "place": self.place,
            "found": self.found,
            "declared": self.declared,
            "cure": self.cure.value,
            "do": self.do,
            "n_rows": self.n_rows,
        }
