"""Attributes and links as they stand on a class: columns and paths, of which conditions are made.

``Telescope.camera.name == "LSTCam"``: a :class:`Path` is walked, a :class:`Column` compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Generic, TypeVar

from ...errors import QueryError
from .logic import Compare, Condition, Field, InNight, IsObject, Not, Step, Within
from .nights import date_of, time_of
from .sky import cone, position

T = TypeVar("T")
"""Type of an attribute."""


class Column(Generic[T]):
    """An attribute as it stands on a class: comparing it makes a condition."""

    def __init__(self, path: Path, attribute: Field) -> None:
        self._path = path
        self._attribute = attribute

    def _compare(self, operator: str, value: object) -> Condition:
        if value is not None:
            value = self._attribute.check(_in_utc(value), asked=True)
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
        checked = tuple(self._attribute.check(_in_utc(v), asked=True) for v in values)
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


def _in_utc(value: Any) -> Any:
    """Return a time without a zone as one of UTC, which is what stored times are in."""
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


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
            return self._on(step)
        if name in target.__context_attributes__:
            return Column(self, target.__context_attributes__[name])
        known = sorted([*target.__attributes__, *target.__links__])
        raise QueryError(
            f"{target.__name__} has no attribute {name!r}", expected=f"one of {', '.join(known)}"
        )

    def _on(self, *steps: Step) -> Path:
        return Path(self.__dict__["root"], (*self.__dict__["steps"], *steps))

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

    def within(self, ra: Any, dec: Any, radius: Any = None) -> Condition:
        """Ask whether the position is in a cone on the sky; see ``Persistent.within``."""
        steps, ra_attribute, dec_attribute = position(self._target())
        return Within(self._on(*steps), ra_attribute, dec_attribute, cone(ra, dec, radius))

    def on_night(self, day: date | str) -> Condition:
        """Ask whether the time is in the night of a date; see ``Persistent.on_night``."""
        steps, time, zone_steps, zone = time_of(self._target())
        return InNight(self._on(*steps), time, zone_steps, zone, date_of(day))

    def __dir__(self) -> list[str]:
        target: Any = self._target()
        methods = ("contains", "in_", "is_", "within", "on_night")
        return sorted([*target.__attributes__, *target.__links__, *methods])

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
        It is no text, a step is misspelt, or the path ends at a link.
    """
    if not isinstance(dotted, str):
        raise QueryError(f"{dotted!r} is no dotted path", expected="a text, such as 'run'")
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
