"""The persistent class: attributes and links declared once, known everywhere."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar, dataclass_transform
from uuid import UUID
from weakref import ref

from ...errors import BadValue, NotFound
from ..attributes.attributes import (
    MISSING,
    AnyLink,
    Attribute,
    ContextName,
    LinkList,
    not_set,
    refuse_change,
    refuse_unknown,
    watches,
)
from ..attributes.conditions import Path
from ..attributes.logic import Both, Condition
from ..queries.query import Query, Question, current_store, equal
from .declarations import link, persistent, reference
from .declare import declare, names_at_class
from .generate import constructor

_log = logging.getLogger(__name__)

Self = TypeVar("Self", bound="Persistent")

registry: dict[str, type[Persistent]] = {}
"""Every persistent class by its name; a name is one class in the whole system."""


def find_class(name: str) -> type[Persistent]:
    """Return the persistent class of a name.

    Raises
    ------
    NotFound
        No class of that name was imported; the nearest names are given.
    """
    try:
        return registry[name]
    except KeyError:
        near = difflib.get_close_matches(name, registry, n=3)
        raise NotFound(
            f"There is no persistent class {name!r}",
            expected=f"such as {', '.join(near)}" if near else "the name of a class",
            do="Is its package installed, with an entry point in awlta.recipes?",
        ) from None


class PersistentType(type):
    """What a class is to a type checker: ``CameraImages.raw == obj`` reads as a condition."""

    if TYPE_CHECKING:

        def __eq__(cls, other: object) -> Condition: ...  # type: ignore[override]
        def __ne__(cls, other: object) -> Condition: ...  # type: ignore[override]
        def __hash__(cls) -> int: ...
        def contains(cls, other: object) -> Condition: ...  # noqa: D102
        def is_(cls, other: None) -> Condition: ...  # noqa: D102
        def in_(cls, others: Any) -> Condition: ...  # noqa: D102


@dataclass_transform(
    kw_only_default=True, eq_default=False, field_specifiers=(persistent, link, reference)
)
class Persistent(metaclass=PersistentType):
    """An object that has a row, attributes and links, and an identity that never changes.

    Declare attributes as ``name: Attribute[str] = persistent("what it means")`` and links as
    ``camera: Link[Camera] = link("what it is for")``. A class is one table; a subclass adds
    a table with its own attributes, and queries for the class include it.

    To a type checker a link read on the class is the target class, so that
    ``CameraImages.raw.telescope.name`` is checked step by step. When the program runs it is
    a :class:`~awlta.persistent.attributes.conditions.Path`. This is the one place where the two
    differ.

    With ``class Name(Persistent, shared=True)`` two objects of equal content are one object.
    """

    __attributes__: ClassVar[dict[str, Attribute[Any]]] = {}
    __links__: ClassVar[dict[str, AnyLink]] = {}
    __shared__: ClassVar[bool] = False
    __table_name__: ClassVar[str] = ""
    __link_defaults__: ClassVar[dict[str, Any]] = {}
    __context_attributes__: ClassVar[dict[str, Attribute[Any]]] = {}
    __query__: ClassVar[type[Query[Any]]] = Query

    if TYPE_CHECKING:
        object_id: Attribute[str]
        creation_date: Attribute[datetime]
        _creator: Attribute[str]
        _project: Attribute[str]
        _privileges: Attribute[int]

    def __init_subclass__(cls, *, shared: bool | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        declare(cls, names_at_class(), find_class)
        if shared is not None:
            cls.__shared__ = shared
        _register(cls)

    def __init__(self, /, **values: Any) -> None:
        cls = type(self)
        fill = cls.__dict__.get("__fill__")
        if fill is None:
            is_plain = cls.__init__ is cls.__fill__  # its author wrote no constructor
            fill = cls.__fill__ = constructor(cls, Persistent.__init__)
            if is_plain:
                cls.__init__ = fill  # type: ignore[method-assign]
        fill(self, **values)

    __fill__: ClassVar[Callable[..., None]] = __init__

    def _refuse_arguments(self, values: dict[str, Any]) -> NoReturn:
        """Say which arguments are not known, or else which compulsory ones were not given."""
        cls = type(self)
        known = [n for n, a in cls.__attributes__.items() if a.init] + list(cls.__links__)
        refuse_unknown(self, values, known)
        missing = [
            name
            for name, attribute in cls.__attributes__.items()
            if attribute.init
            and attribute.default is MISSING
            and name not in values
            and attribute.source == "class"
        ]
        missing += [
            name
            for name, step in cls.__links__.items()
            if name not in values
            and not (step.many or step.optional or step.valid_at)
            and cls.__link_defaults__.get(name, MISSING) is not None
        ]
        raise BadValue(
            f"{cls.__name__} was made without {', '.join(missing)}",
            expected=", ".join(f"{n}=..." for n in missing),
        )

    @property
    def is_stored(self) -> bool:
        """Whether the object is committed."""
        return "_store" in self.__dict__

    def commit(self: Self) -> Self:
        """Commit an object that needs no recipe; return it. Where it is committed, say so."""
        if self.is_stored:
            _log.info("%r is committed already", self)
        else:
            current_store().commit(self)
        return self

    @classmethod
    def select(cls: type[Self], *conditions: Condition, **values: Any) -> Query[Self]:
        """Return the query for objects for which all conditions hold.

        Parameters
        ----------
        *conditions : Condition
        **values : object
            Attributes by name, and links by name with an object or the name of one, that must
            be equal. ``date`` asks for the night of a date, such as ``"2026-03-01"``: noon to
            noon at the site.
        """
        whole: Condition | None = None
        asked = list(conditions)
        for name, value in values.items():
            asked.append(equal(cls, name, value))
        for condition in asked:
            whole = condition if whole is None else Both(whole, condition)
        return cls.__query__(Question(cls, whole))

    @classmethod
    def select_all(cls: type[Self]) -> Query[Self]:
        """Return the query for every object of the class in the read scope."""
        return cls.__query__(Question(cls))

    @classmethod
    def within(cls, ra: Any, dec: Any, radius: Any = None) -> Condition:
        """Ask whether the position is in a cone on the sky, its edge included.

        Parameters
        ----------
        ra, dec : float or Quantity, deg
            Centre; or one SkyCoord, followed by the radius.
        radius : float or Quantity, deg
            From 0 to 180.

        Raises
        ------
        QueryError
            The class has no position, or the cone is none.
        """
        return Path(cls).within(ra, dec, radius)

    @classmethod
    def on_night(cls, day: date | str) -> Condition:
        """Ask whether the time is in the night of a date: from noon to noon at the site.

        Raises
        ------
        QueryError
            The class has no such time, or the date is none.
        """
        return Path(cls).on_night(day)

    @classmethod
    def get_persistent_properties(cls) -> list[str]:
        """Return the names of attributes and links."""
        return [*cls.__attributes__, *cls.__links__]

    def _context_name(self, name: str) -> Any:
        """Return ``_creator``, ``_project`` or ``_privileges``."""
        return current_store().names(self)[list(self.__context_attributes__).index(name)]

    def _choose(self, step: AnyLink) -> Any:
        """Return the object for a link with a selection rule that was not given."""
        raise NotFound(f"{step.place} has a selection rule, but {self!r} is no data product")

    def _admit(self) -> None:
        """Raise where the object may not be committed along with one that links to it."""

    def _refuse_change(self, name: str) -> None:
        if "_store" in self.__dict__:
            refuse_change(self, name)
        if watches:
            watches[-1].change(self, name)

    def _missing_attribute(self, attribute: Attribute[Any]) -> Any:
        if attribute.source == "standing" and self.is_stored:
            return self.__dict__["_store"].standing(self, attribute.name)
        if attribute.name == "is_valid":
            return 1
        if attribute.name == "quality_flags":
            return 0
        raise not_set(self, attribute)

    def _load_link(self, step: AnyLink) -> None:
        if not self.is_stored:
            raise NotFound(f"{step.place} of {self!r} is not set", do="Set it")
        batch = [o for o in (r() for r in self.__dict__.get("_batch", ())) if o is not None]
        siblings = [
            o
            for o in batch
            if step.name not in o.__dict__ and type(o).__links__.get(step.name) is step
        ]
        store = self.__dict__["_store"]
        store.load_link(siblings or [self], step)
        if step.name not in self.__dict__:  # alone, it says why
            store.load_link([self], step)

    def linked(self, *, inputs_only: bool = False) -> list[tuple[str, int, Persistent]]:
        """Return (role, position, object) of every link, in order of declaration."""
        found: list[tuple[str, int, Persistent]] = []
        held = {} if watches else self.__dict__
        for name, step in type(self).__links__.items():
            if inputs_only and not step.is_input:
                continue
            value = held[name] if name in held else getattr(self, name)
            if step.many:
                found += [(name, position, obj) for position, obj in enumerate(value)]
            elif value is not None:
                found.append((name, 0, value))
        return found

    def __repr__(self) -> str:
        label = self.__dict__.get("name") or self.__dict__["object_id"]
        return f"<{type(self).__name__} {label}>"


def remember_batch(objects: list[Any]) -> None:
    """Let objects that were loaded together load their links together."""
    batch = [ref(obj) for obj in objects]
    for obj in objects:
        obj.__dict__["_batch"] = batch


def link_to_known(obj: Persistent) -> None:
    """Let the links of an object lead to what is known in memory, not to its equals."""
    held = obj.__dict__
    for name, step in type(obj).__links__.items():
        value = held.get(name)
        if value is None:
            continue
        if not step.many:
            if "_twin" in value.__dict__:
                held[name] = value.__dict__["_twin"]
        elif any("_twin" in target.__dict__ for target in value):
            known = [target.__dict__.get("_twin", target) for target in value]
            held[name] = LinkList(obj, step, known)


def _register(cls: type[Persistent]) -> None:
    have = registry.get(cls.__name__)
    same_place = have is not None and (have.__module__, have.__qualname__) == (
        cls.__module__,
        cls.__qualname__,
    )
    if have is not None and not same_place:
        raise BadValue(
            f"Two persistent classes are named {cls.__name__}: in {have.__module__} "
            f"and in {cls.__module__}",
            expected="one class a name in the whole system",
            do="Rename one of them",
        )
    for other in registry.values():
        if other.__table_name__ == cls.__table_name__ and other.__name__ != cls.__name__:
            raise BadValue(
                f"{cls.__name__} and {other.__name__} would have one table, {cls.__table_name__}",
                do="Rename one of them",
            )
    registry[cls.__name__] = cls


def system_attribute(cls: type[Any], name: str, kind: Any, attribute: Any, source: str) -> None:
    """Give a base class an attribute that stands in the product table or in standing rows."""
    attribute.bind(cls, name, kind)
    attribute.source = source
    setattr(cls, name, attribute)
    cls.__attributes__ = {**cls.__attributes__, name: attribute}


system_attribute(
    Persistent,
    "object_id",
    UUID,
    persistent("identity, the same everywhere", init=False),
    "product",
)
system_attribute(
    Persistent, "creation_date", datetime, persistent("time of commit", init=False), "product"
)

for _name, _kind, _doc in (
    ("_creator", str, "user who made it"),
    ("_project", str, "project it belongs to"),
    ("_privileges", int, "level at which it can be read, 1 (MyDB) to 5 (VO)"),
):
    _context = ContextName[Any](_doc, None, MISSING, False, None, None)
    _context.bind(Persistent, _name, _kind)
    _context.source = "context"
    Persistent.__context_attributes__[_name] = _context
    setattr(Persistent, _name, _context)
