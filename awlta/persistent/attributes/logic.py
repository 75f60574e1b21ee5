"""What a query asks: conditions, each a yes-or-no question to objects of one class.

A condition is a value; it is compiled to SQL in :mod:`awlta.persistent.queries.compiler` and can be
evaluated on objects in memory by :func:`awlta.persistent.queries.evaluate.holds`, with the same
meaning: a condition over a null link is false and its negation true, as in Python.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, NoReturn, Protocol

from ...errors import QueryError
from .codecs import Codec
from .sky import Cone


class Field(Protocol):
    """What a condition needs to know of an attribute."""

    name: str

    @property
    def codec(self) -> Codec: ...  # noqa: D102

    def check(self, value: Any, *, asked: bool = False) -> Any: ...  # noqa: D102

    def describe(self) -> str: ...  # noqa: D102


class Step(Protocol):
    """What a path needs to know of a link."""

    name: str
    many: bool
    optional: bool

    @property
    def target(self) -> type[Any]: ...  # noqa: D102


class Walk(Protocol):
    """What a condition needs to know of a path: where it begins, and the links it takes."""

    @property
    def __dict__(self) -> dict[str, Any]: ...  # type: ignore[override]


class Condition:
    """A yes-or-no question to objects of one class; combine with ``&``, ``|`` and ``~``.

    A condition is a query as it stands: it has a length, can be iterated and indexed, and
    whatever a :class:`~awlta.persistent.queries.query.Query` can be asked it can be asked too.
    ``if condition:`` is refused, since it would ask the database by accident: it raises,
    and pyright reports it (mypy with ``warn_unreachable``, where the condition has a name).
    """

    def __and__(self, other: object) -> Condition:
        return Both(self, as_condition(other))

    def __or__(self, other: object) -> Condition:
        return Either(self, as_condition(other))

    def __invert__(self) -> Condition:
        return Not(self)

    def __bool__(self) -> NoReturn:
        raise QueryError(
            "A condition was used as true or false",
            expected="& | ~ between conditions, each in brackets",
            do="Write (A.x == 1) & (A.y == 2) in place of 'and', and len(q) > 0 to ask whether any",
        )

    @property
    def root(self) -> type[Any]:
        """The class whose objects are asked."""
        raise QueryError("A bare condition asks nothing", expected="a comparison")

    def query(self) -> Any:
        """Return the query for the objects of which this is true."""
        root: Any = self.root
        return root.select(self)

    def __len__(self) -> int:
        return len(self.query())

    def __iter__(self) -> Iterator[Any]:
        return iter(self.query())

    def __getitem__(self, index: Any) -> Any:
        return self.query()[index]

    def __getattr__(self, name: str) -> Any:
        """Return what the query has of this name: ``max``, ``order_by``, ``to_table``, ..."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.query(), name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(n for n in dir(self.query()) if n[0] != "_")})


def as_condition(value: object) -> Condition:
    """Return a condition, also from a query that was not limited."""
    asked = value if isinstance(value, Condition) else getattr(value, "condition", None)
    if isinstance(asked, Condition):
        return asked
    raise QueryError(
        f"{value!r} is no condition",
        expected="comparisons in brackets on both sides of & and |",
        do="Python reads A.x == 1 & A.y == 2 as A.x == (1 & A.y) == 2: add brackets",
    )


@dataclass(frozen=True, eq=False, repr=False)
class Everything(Condition):
    """True of every object of a class."""

    cls: type[Any]

    @property
    def root(self) -> type[Any]:
        """The class whose objects are asked."""
        return self.cls

    def __repr__(self) -> str:
        return f"every {self.cls.__name__}"


@dataclass(frozen=True, eq=False, repr=False)
class Leaf(Condition):
    """A condition that is not made of others: it asks the objects at the end of a path."""

    path: Walk

    @property
    def root(self) -> type[Any]:
        """The class whose objects are asked."""
        root: type[Any] = self.path.__dict__["root"]
        return root

    @property
    def steps(self) -> tuple[Any, ...]:
        """The links that lead from the root to the objects asked."""
        steps: tuple[Any, ...] = self.path.__dict__["steps"]
        return steps


@dataclass(frozen=True, eq=False, repr=False)
class Compare(Leaf):
    """An attribute at the end of a path, an operator, a value."""

    attribute: Field
    operator: str
    value: Any

    def __repr__(self) -> str:
        return f"{self.path!r}.{self.attribute.name} {self.operator} {self.value!r}"


@dataclass(frozen=True, eq=False, repr=False)
class IsObject(Leaf):
    """A link at the end of a path points to one of some objects, or to nothing."""

    object_ids: tuple[str, ...]
    nothing: bool = False

    def __repr__(self) -> str:
        return f"{self.path!r} is {'nothing' if self.nothing else ' or '.join(self.object_ids)}"


@dataclass(frozen=True, eq=False, repr=False)
class Within(Leaf):
    """The position of an object at the end of a path lies in a cone on the sky."""

    ra: Field
    dec: Field
    cone: Cone

    def __repr__(self) -> str:
        return f"{self.path!r}.within({self.cone})"


@dataclass(frozen=True, eq=False, repr=False)
class InNight(Leaf):
    """The time of an object at the end of a path lies in the night of a date at its site.

    ``zone_steps`` lead from there to the object whose attribute ``zone`` names the time zone.
    """

    time: Field
    zone_steps: tuple[Step, ...]
    zone: Field
    date: date

    def __repr__(self) -> str:
        return f"{self.path!r}.on_night({self.date.isoformat()!r})"


@dataclass(frozen=True, eq=False, repr=False)
class _Pair(Condition):
    """Two conditions on objects of one class."""

    left: Condition
    right: Condition

    @property
    def root(self) -> type[Any]:
        """The class whose objects are asked."""
        a, b = self.left.root, self.right.root
        if issubclass(a, b):
            return a
        if issubclass(b, a):
            return b
        raise QueryError(
            f"One query asks both {a.__name__} and {b.__name__}",
            expected="conditions that start from one class",
            do=f"Walk from one of them by its links, such as {a.__name__}.link.attribute",
        )


@dataclass(frozen=True, eq=False, repr=False)
class Both(_Pair):
    """Both conditions hold."""

    def __repr__(self) -> str:
        return f"({self.left!r}) & ({self.right!r})"


@dataclass(frozen=True, eq=False, repr=False)
class Either(_Pair):
    """At least one of two conditions holds."""

    def __repr__(self) -> str:
        return f"({self.left!r}) | ({self.right!r})"


@dataclass(frozen=True, eq=False, repr=False)
class Not(Condition):
    """The condition does not hold."""

    inner: Condition

    @property
    def root(self) -> type[Any]:
        """The class whose objects are asked."""
        return self.inner.root

    def __repr__(self) -> str:
        return f"~({self.inner!r})"
