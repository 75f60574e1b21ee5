"""Attributes and links: what the author of a persistent class declares.

::

    class Telescope(Persistent):
        name: Attribute[str] = persistent("name of the telescope")
        camera: Link[Camera] = link("camera that it carries")

On an object these read as values; on the class they read as columns and paths, so that
``Telescope.camera.name == "LSTCam"`` is a condition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar, overload

from ...errors import AlreadyMade, BadValue, NotFound
from ..watches import watches as watches
from .codecs import Codec, codec_for, split_optional
from .conditions import Column, Path
from .linklist import LinkList as LinkList
from .sky import RANGES

T = TypeVar("T")
P = TypeVar("P")

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "MISSING"})()
"""Stands for "no default was given"."""


class Attribute(Generic[T]):
    """A value of a persistent object, with its documentation, unit and range.

    Made by :func:`~awlta.persistent.classes.declarations.persistent`; the type comes from the
    annotation ``Attribute[float]``.
    """

    def __init__(
        self,
        doc: str,
        unit: str | None,
        default: Any,
        init: bool,
        low: float | None,
        high: float | None,
        index: bool = False,
        sky: str | None = None,
        night: str | None = None,
    ) -> None:
        if not isinstance(doc, str) or not doc.strip():
            raise BadValue(
                "An attribute has no documentation",
                expected='persistent("what it means", unit="p.e.")',
                do="Say in a few words what the value means",
            )
        self.doc = doc
        self.unit = unit
        self.default = default
        self.init = init
        self.low = low
        self.high = high
        self.index = index
        self.sky = sky
        self.night = night
        self.name = ""
        self.place = ""
        self.kind: Any = None
        self.nullable = False
        self._codec: Codec | None = None
        self.source = "class"

    def bind(self, owner: type[Any], name: str, annotation: Any) -> None:
        """Take name, owner and type when the class is made."""
        self.name = name
        self.place = f"{owner.__name__}.{name}"
        self.owner = owner
        self.kind, self.nullable = split_optional(annotation)
        self._codec = codec_for(self.kind)
        check_use(self)
        if (self.low, self.high) != (None, None) and not self._codec.is_number:
            raise BadValue(f"{self.place} has a range", expected="a range for int or float only")
        if self.default is not MISSING and self.default is not None:
            self.default = self.check(self.default)
        elif self.default is None and not self.nullable:
            raise BadValue(f"{self.place} has the default None", expected=f"{self._codec.name}")

    @property
    def codec(self) -> Codec:
        """How the value stands in a column."""
        assert self._codec is not None
        return self._codec

    def check(self, value: Any, *, asked: bool = False) -> Any:
        """Return the value in its exact type, within its range.

        Parameters
        ----------
        value : object
        asked : bool
            The value stands in a query, where the range does not matter.

        Raises
        ------
        BadValue
            Wrong type or out of range.
        """
        if value is None:
            if self.nullable:
                return None
            raise BadValue(f"{self.place} = None", expected=self.expectation())
        value = _bare(value, self.unit, self.place)
        try:
            value = self.codec.check(value)
        except (TypeError, ValueError, OverflowError):
            raise BadValue(
                f"{self.place} = {value!r} ({type(value).__name__})", expected=self.expectation()
            ) from None
        if self.nullable and self.codec.column == "real" and value != value:
            return None  # both are NULL in the column, and read back as None
        too_low = self.low is not None and not value >= self.low
        too_high = self.high is not None and not value <= self.high
        if not asked and (too_low or too_high):
            raise BadValue(f"{self.place} = {value!r}", expected=self.expectation())
        return value

    def expectation(self) -> str:
        """Return type, unit and range in words."""
        words = self.codec.name
        if self.unit:
            words += f" in {self.unit}"
        if self.low is not None or self.high is not None:
            low = "-inf" if self.low is None else f"{self.low:g}"
            high = "inf" if self.high is None else f"{self.high:g}"
            words += f" from {low} to {high}"
        return words + (" or None" if self.nullable else "")

    def describe(self) -> str:
        """Return one line of help: type, unit, meaning, default."""
        default = "" if self.default is MISSING else f" (default {self.default!r})"
        return f"{self.doc} [{self.expectation()}]{default}"

    @overload
    def __get__(self, obj: None, cls: Any) -> Column[T]: ...
    @overload
    def __get__(self, obj: object, cls: Any) -> T: ...
    def __get__(self, obj: Any, cls: Any) -> Any:
        if obj is None:
            return Column(Path(cls), self)
        if watches:
            watches[-1].attribute(obj)
        try:
            return obj.__dict__[self.name]
        except KeyError:
            return obj._missing_attribute(self)

    def __set__(self, obj: Any, value: T) -> None:
        if self.source == "standing":
            obj._set_standing(self, value)
            return
        obj._refuse_change(self.name)
        obj.__dict__[self.name] = self.check(value)


def _bare(value: Any, unit: str | None, place: str) -> Any:
    """Turn an astropy Quantity into the bare number in the attribute's unit."""
    if not (hasattr(value, "to_value") and hasattr(value, "unit")):
        return value
    if unit is None:
        raise BadValue(f"{place} = {value}", expected="a bare number: the attribute has no unit")
    try:
        converted = value.to_value("electron" if unit == "p.e." else unit)
    except ValueError:  # another physical type, or a unit that astropy does not know
        raise BadValue(f"{place} = {value}", expected=f"a number or quantity in {unit}") from None
    return converted.item() if getattr(converted, "ndim", 1) == 0 else converted


class ContextName(Attribute[T]):
    """Whose an object is: creator, project or privileges; asked for like an attribute."""

    @overload
    def __get__(self, obj: None, cls: Any) -> Column[T]: ...
    @overload
    def __get__(self, obj: object, cls: Any) -> T: ...
    def __get__(self, obj: Any, cls: Any) -> Any:
        return Column(Path(cls), self) if obj is None else obj._context_name(self.name)


class AnyLink:
    """What the three kinds of link share: a documented pointer to objects of one class."""

    many = False
    optional = False

    def __init__(
        self,
        doc: str,
        is_input: bool,
        valid_at: str | None = None,
        same: str | None = None,
        fallback: tuple[str, ...] = (),
        locates: bool = False,
    ) -> None:
        if not isinstance(doc, str) or not doc.strip():
            raise BadValue("A link has no documentation", expected='link("what it points to")')
        self.doc = doc
        self.is_input = is_input
        self.valid_at = valid_at
        self.same = same
        self.fallback = fallback
        self.locates = locates
        self.name = ""
        self.place = ""
        self._target: Any = None
        self._find: Callable[[str], type[Any]] | None = None

    def bind(self, owner: type[Any], name: str, target: Any, find: Callable[[str], Any]) -> None:
        """Take name and target class when the class is made; the target may follow later."""
        self.name = name
        self.place = f"{owner.__name__}.{name}"
        self._target = target
        self._find = find

    @property
    def target(self) -> type[Any]:
        """The class that the link points to."""
        if isinstance(self._target, str):
            assert self._find is not None
            self._target = self._find(self._target)
        target: type[Any] = self._target
        return target

    def check_one(self, value: Any) -> Any:
        """Return the object if it is one of the target class, else raise BadValue."""
        if isinstance(value, self.target):
            return value
        raise BadValue(
            f"{self.place} = {value!r} ({type(value).__name__})",
            expected=f"a {self.target.__name__}",
        )

    def describe(self) -> str:
        """Return one line of help."""
        kind = "links to" if self.many else "link to"
        optional = " or None" if self.optional else ""
        rule = f", the one valid at {self.valid_at}" if self.valid_at else ""
        rule += "".join(f", else {fallback}" for fallback in self.fallback)
        origin = "" if self.is_input else ", no input"
        return f"{self.doc} [{kind} {self.target.__name__}{optional}{rule}{origin}]"

    def _read(self, obj: Any) -> Any:
        if watches:
            watches[-1].attribute(obj)
        if self.name not in obj.__dict__:
            obj._load_link(self)
        value = obj.__dict__[self.name]
        if watches:
            watches[-1].followed(self, value)
        elif "_store" not in obj.__dict__ and hasattr(value, "_draft_for"):
            return value._draft_for(obj, self)
        return value


class Link(AnyLink, Generic[P]):
    """A link to exactly one object. On the class it reads as the target class."""

    @overload
    def __get__(self, obj: None, cls: Any) -> type[P]: ...
    @overload
    def __get__(self, obj: object, cls: Any) -> P: ...
    def __get__(self, obj: Any, cls: Any) -> Any:
        return Path(cls, (self,)) if obj is None else self._read(obj)

    def __set__(self, obj: Any, value: P) -> None:
        obj._refuse_change(self.name)
        obj.__dict__[self.name] = self.check_one(value)


class OptionalLink(AnyLink, Generic[P]):
    """A link to one object or to nothing."""

    optional = True

    @overload
    def __get__(self, obj: None, cls: Any) -> type[P]: ...
    @overload
    def __get__(self, obj: object, cls: Any) -> P | None: ...
    def __get__(self, obj: Any, cls: Any) -> Any:
        return Path(cls, (self,)) if obj is None else self._read(obj)

    def __set__(self, obj: Any, value: P | None) -> None:
        obj._refuse_change(self.name)
        obj.__dict__[self.name] = None if value is None else self.check_one(value)


class Links(AnyLink, Generic[P]):
    """Links to any number of objects, in an order that is kept."""

    many = True

    @overload
    def __get__(self, obj: None, cls: Any) -> type[P]: ...
    @overload
    def __get__(self, obj: object, cls: Any) -> LinkList[P]: ...
    def __get__(self, obj: Any, cls: Any) -> Any:
        return Path(cls, (self,)) if obj is None else self._read(obj)

    def __set__(self, obj: Any, value: Iterable[P]) -> None:
        obj._refuse_change(self.name)
        if isinstance(value, str | bytes) or not isinstance(value, Iterable):
            raise BadValue(
                f"{self.place} = {value!r}", expected=f"a sequence of {self.target.__name__}"
            )
        obj.__dict__[self.name] = LinkList(obj, self, [self.check_one(v) for v in value])


def check_use(attribute: Attribute[Any]) -> None:
    """Refuse a use that the type of an attribute does not allow; give a position its range."""
    codec, place = attribute.codec, attribute.place
    if attribute.sky is not None:
        if attribute.sky not in RANGES or codec.name != "float" or attribute.unit != "deg":
            raise BadValue(
                f"{place} has sky={attribute.sky!r}",
                expected='sky="ra" or sky="dec" for a float with unit="deg"',
            )
        low, high = RANGES[attribute.sky]
        attribute.low = low if attribute.low is None else max(low, attribute.low)
        attribute.high = high if attribute.high is None else min(high, attribute.high)
    if attribute.night is not None and not codec.name.startswith("time"):
        raise BadValue(f"{place} has night={attribute.night!r}", expected="a time")
    if attribute.index and codec.name in ("array", "tuple of numbers"):
        raise BadValue(f"{place} has an index", expected="a single value")


def refuse_unknown(obj: Any, names: Iterable[str], known: Iterable[str]) -> None:
    """Raise BadValue for constructor arguments that the class does not have."""
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise BadValue(
            f"{type(obj).__name__} has no {', '.join(unknown)}",
            expected=f"some of {', '.join(known)}",
        )


def refuse_change(obj: Any, name: str) -> None:
    """Raise AlreadyMade: content of a committed object never changes."""
    raise AlreadyMade(
        f"{obj!r} is committed, so {name} cannot be set",
        do="Make a new object with the other value; both stay and can be compared",
    )


def not_set(obj: Any, attribute: Attribute[Any]) -> NotFound:
    """Return the error for an attribute that has no value yet."""
    do = "Set it" if attribute.init else "It is worked out by make()"
    return NotFound(f"{attribute.place} of {obj!r} has no value yet", do=do)
