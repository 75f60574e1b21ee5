"""What a query asks: conditions on attributes reached by dotted paths.

A condition is a value; it is compiled to SQL in :mod:`awlta.persistent.compiler` and can be
evaluated on objects in memory by :func:`awlta.persistent.evaluate.holds`, with the same
meaning: a condition over a null link is false and its negation true, as in Python.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, Protocol, TypeVar

from ..errors import QueryError
from .codecs import Codec

T = TypeVar("T")
"""Type of an attribute."""


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


class Condition:
    """A yes-or-no question to objects of one class; combine with ``&``, ``|`` and ``~``.

    A condition is a query as it stands: it has a length, can be iterated, indexed and
    ordered. ``if condition:`` is refused, since it would ask the database by accident: it raises,
    and pyright reports it (mypy with ``warn_unreachable``, where the condition has a name).
    """

    def __and__(self, other: Condition) -> Condition:
        return Both(self, _condition(other))

    def __or__(self, other: Condition) -> Condition:
        return Either(self, _condition(other))

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

    def max(self, attribute: str) -> Any:
        """Return the object with the largest value of an attribute, None if there is none."""
        return self.query().max(attribute)

    def min(self, attribute: str) -> Any:
        """Return the object with the smallest value of an attribute, None if there is none."""
        return self.query().min(attribute)

    def first(self) -> Any:
        """Return the first object, None if there is none."""
        return self.query().first()

    def order_by(self, *paths: str) -> Any:
        """Order by dotted paths; a leading minus turns the order."""
        return self.query().order_by(*paths)

    def to_table(self, paths: Sequence[str] | None = None) -> Any:
        """Return an astropy table of attributes, one row an object."""
        return self.query().to_table(paths)

    def explain(self) -> str:
        """Return the SQL and the database's plan for it."""
        return str(self.query().explain())


def _condition(value: object) -> Condition:
    if isinstance(value, Condition):
        return value
    raise QueryError(
        f"{value!r} is no condition",
        expected="comparisons in brackets on both sides of & and |",
        do="Python reads A.x == 1 & A.y == 2 as A.x == (1 & A.y) == 2: add brackets",
    )


@dataclass(frozen=True, eq=False, repr=False)
class Compare(Condition):
    """An attribute at the end of a path, an operator, a value."""

    path: Path
    attribute: Field
    operator: str
    value: Any

    @property
    def root(self) -> type[Any]:
        """The class whose objects are asked."""
        return _root(self.path)

    def __repr__(self) -> str:
        return f"{self.path!r}.{self.attribute.name} {self.operator} {self.value!r}"


@dataclass(frozen=True, eq=False, repr=False)
class IsObject(Condition):
    """A link at the end of a path points to one of some objects, or to nothing."""

    path: Path
    object_ids: tuple[str, ...]
    nothing: bool = False

    @property
    def root(self) -> type[Any]:
        """The class whose objects are asked."""
        return _root(self.path)

    def __repr__(self) -> str:
        return f"{self.path!r} is {'nothing' if self.nothing else ' or '.join(self.object_ids)}"


@dataclass(frozen=True, eq=False, repr=False)
class Both(Condition):
    """Both conditions hold."""

    left: Condition
    right: Condition

    @property
    def root(self) -> type[Any]:
        """The class whose objects are asked."""
        return _common_root(self.left, self.right)

    def __repr__(self) -> str:
        return f"({self.left!r}) & ({self.right!r})"


@dataclass(frozen=True, eq=False, repr=False)
class Either(Condition):
    """At least one of two conditions holds."""

    left: Condition
    right: Condition

    @property
    def root(self) -> type[Any]:
        """The class whose objects are asked."""
        return _common_root(self.left, self.right)

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


def _common_root(left: Condition, right: Condition) -> type[Any]:
    a, b = left.root, right.root
    if issubclass(a, b):
        return a
    if issubclass(b, a):
        return b
    raise QueryError(
        f"One query asks both {a.__name__} and {b.__name__}",
        expected="conditions that start from one class",
        do=f"Walk from one of them by its links, such as {a.__name__}.link.attribute",
    )


def _root(path: Path) -> type[Any]:
    root: type[Any] = path.__dict__["root"]
    return root


class Column(Generic[T]):
    """An attribute as it stands on a class: comparing it makes a condition."""

    def __init__(self, path: Path, attribute: Field) -> None:
        self._path = path
        self._attribute = attribute

    def _compare(self, operator: str, value: object) -> Condition:
        if value is not None:
            value = self._attribute.check(value, asked=True)
        elif operator not in ("==", "!="):
            raise QueryError(f"{self} {operator} None", expected="== None or != None")
        if operator not in ("==", "!=") and not self._attribute.codec.ordered:
            raise QueryError(
                f"{self} {operator} {value!r}: it has no order", expected="==, != or in_()"
            )
        return Compare(self._path, self._attribute, operator, value)

    def __eq__(self, other: T | None) -> Condition:  # type: ignore[override]
        return self._compare("==", other)

    def __ne__(self, other: T | None) -> Condition:  # type: ignore[override]
        return self._compare("!=", other)

    def __lt__(self, other: T) -> Condition:
        return self._compare("<", other)

    def __le__(self, other: T) -> Condition:
        return self._compare("<=", other)

    def __gt__(self, other: T) -> Condition:
        return self._compare(">", other)

    def __ge__(self, other: T) -> Condition:
        return self._compare(">=", other)

    def __hash__(self) -> int:
        return hash((self._path, self._attribute.name))

    def in_(self, values: Sequence[T]) -> Condition:
        """Ask whether the value is one of several."""
        checked = tuple(self._attribute.check(v, asked=True) for v in values)
        if any(v is None or self._attribute.codec.encode(v) is None for v in checked):
            raise QueryError(
                f"{self!r} was asked to be one of {values}",
                expected="no None, no NaN",
                do=f"Write {self!r}.in_(...) | ({self!r} == None)",
            )
        return Compare(self._path, self._attribute, "in", checked)

    def like(self, pattern: str) -> Condition:
        """Ask whether a text fits a pattern with ``*`` and ``?``."""
        if self._attribute.codec.name != "str":
            raise QueryError(f"{self} is no text, so it has no pattern", expected="a str attribute")
        return Compare(self._path, self._attribute, "like", str(pattern))

    def is_(self, value: None) -> Condition:
        """Ask whether there is no value."""
        return self._compare("==", value)

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        return self._attribute.describe()

    def __repr__(self) -> str:
        return f"{self._path!r}.{self._attribute.name}"


class Path:
    """A walk along links from a class; ``Class.link.link`` at the prompt.

    Type checkers see the target class itself, which is the one fiction of the class face.
    """

    def __init__(self, root: type[Any], steps: tuple[Step, ...] = ()) -> None:
        self.__dict__.update(root=root, steps=steps)

    def _target(self) -> type[Any]:
        steps = self.__dict__["steps"]
        target: type[Any] = steps[-1].target if steps else self.__dict__["root"]
        return target

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        target: Any = self._target()
        attribute = target.__attributes__.get(name)
        if attribute is not None:
            return Column(self, attribute)
        step = target.__links__.get(name)
        if step is not None:
            return Path(self.__dict__["root"], (*self.__dict__["steps"], step))
        known = sorted([*target.__attributes__, *target.__links__])
        raise QueryError(
            f"{target.__name__} has no attribute {name!r}", expected=f"one of {', '.join(known)}"
        )

    def __setattr__(self, name: str, value: object) -> None:
        raise QueryError(f"{self!r}.{name} was assigned", expected="a comparison with ==")

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]
        if other is None:
            return IsObject(self, (), nothing=True)
        return IsObject(self, (_object_id(other, self._target()),))

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]
        return Not(self == other)

    def __hash__(self) -> int:
        return hash((self.__dict__["root"], tuple(s.name for s in self.__dict__["steps"])))

    def contains(self, other: object) -> Condition:
        """Ask whether the objects linked include this one."""
        return self == other

    def in_(self, others: Sequence[object]) -> Condition:
        """Ask whether the object linked is one of several."""
        return IsObject(self, tuple(_object_id(o, self._target()) for o in others))

    def is_(self, other: None) -> Condition:
        """Ask whether nothing is linked."""
        return IsObject(self, (), nothing=True)

    def __dir__(self) -> list[str]:
        target: Any = self._target()
        return sorted([*target.__attributes__, *target.__links__, "contains", "in_", "is_"])

    def __repr__(self) -> str:
        names = [self.__dict__["root"].__name__, *(s.name for s in self.__dict__["steps"])]
        return ".".join(names)


def _object_id(other: object, target: type[Any]) -> str:
    if isinstance(other, target):
        return str(other.object_id)
    raise QueryError(
        f"A link to {target.__name__} was compared with {other!r}", expected=f"a {target.__name__}"
    )


def resolve(root: type[Any], dotted: str) -> Column[Any]:
    """Return the column at the end of a dotted path such as ``raw.telescope.name``.

    Raises
    ------
    QueryError
        A step is misspelt, or the path ends at a link.
    """
    place: Any = Path(root)
    for step in dotted.split("."):
        if isinstance(place, Column) or not step.isidentifier():
            raise QueryError(f"{dotted!r} cannot be walked from {root.__name__}")
        place = getattr(place, step)
    if isinstance(place, Column):
        return place
    raise QueryError(
        f"{dotted!r} ends at a link of {root.__name__}", expected="an attribute at the end"
    )
