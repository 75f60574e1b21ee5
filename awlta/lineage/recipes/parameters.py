"""Parameters: a persistent, shared, content-hashed set of values."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any, ClassVar, TypeVar

from ...errors import BadValue
from ...persistent import Persistent
from ...persistent.attributes.attributes import MISSING, AnyLink
from ...persistent.keys import new_object_id

P = TypeVar("P", bound="Parameters")

CATEGORIES = ("A", "B", "C")

_OF_A_STORED_ONE = ("_store", "_key", "_batch", "_twin", "creation_date")


class Text(str):
    """A text of several lines, which a prompt shows as it is meant."""

    def __repr__(self) -> str:
        return str(self)


class Case:
    """Defaults for some telescopes, or for a category, that differ from those of the class.

    Parameters
    ----------
    telescope : str
        Pattern of the name, such as ``LST*``.
    category : str, optional
        A, B or C; all of them if it is not given.
    **values
        The defaults by the names of the attributes.
    """

    def __init__(self, *, telescope: str = "*", category: str | None = None, **values: Any) -> None:
        self.telescope = telescope
        self.category = category
        self.values: Mapping[str, Any] = values

    def holds(self, telescope: str | None, category: str) -> bool:
        """Tell whether this is the case."""
        fits = self.telescope == "*" or fnmatchcase(telescope or "", self.telescope)
        return fits and self.category in (None, category)

    def check(self, cls: type[Parameters]) -> None:
        """Raise BadValue unless the values are ones that the class may have."""
        place = f"{cls.__name__}.defaults"
        if self.category is not None and self.category not in CATEGORIES:
            raise BadValue(f"{place} names the category {self.category!r}", expected="A, B or C")
        if not isinstance(self.telescope, str) or not self.telescope:
            raise BadValue(f"{place} names {self.telescope!r}", expected="such as telescope='LST*'")
        checked = {}
        for name, value in self.values.items():
            attribute = cls.__attributes__.get(name)
            if attribute is None or attribute.source != "class":
                raise BadValue(f"{place} names {name}", expected=f"one of {', '.join(_own(cls))}")
            checked[name] = attribute.check(value)
        self.values = checked


class Parameters(Persistent, shared=True):
    """Values that a recipe is steered by; two sets of equal values are one object.

    Type and range of each are checked when they are set, and by :meth:`check`, before anything is
    committed or made, whether they go together. A set that is committed does not change:
    :meth:`changed` gives a copy. Through a product that is not made yet they read as a
    draft: ``images.parameters.width = 5`` gives that product a changed copy, and the set that
    others share stays as it is.

    ``defaults = (Case(telescope="LST*", picture=7.5), ...)`` in a class says which defaults
    differ for whom; where several cases hold, the later one counts.
    """

    defaults: ClassVar[tuple[Case, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not all(isinstance(case, Case) for case in cls.defaults):
            raise BadValue(
                f"{cls.__name__}.defaults = {cls.defaults!r}",
                expected="(Case(telescope='LST*', ...), ...)",
            )
        for case in cls.defaults:
            case.check(cls)

    @classmethod
    def for_(cls: type[P], *, telescope: Any = None, category: str = "B", **values: Any) -> P:
        """Return the set with the defaults for a telescope and a category.

        Parameters
        ----------
        telescope : str or object with a name, optional
        category : str
        **values
            What shall differ from the defaults.
        """
        return cls(**{**defaults_for(cls, telescope, category), **values})

    def changed(self: P, **values: Any) -> P:
        """Return a copy with some values changed."""
        mine = {n: getattr(self, n) for n, a in type(self).__attributes__.items() if a.init}
        links = {name: getattr(self, name) for name in type(self).__links__}
        return type(self)(**{**mine, **links, **values})

    def check(self) -> None:
        """Raise BadValue for values that do not go together.

        A class overrides it. It is asked of what is to be committed or made with, not as values
        are set one by one.
        """

    def values(self) -> dict[str, Any]:
        """Return every value by its name."""
        return {name: getattr(self, name) for name in _own(type(self))}

    def show(self) -> Text:
        """Return the values with units and meanings, one a line."""
        lines = [type(self).__name__]
        for name, value in self.values().items():
            attribute = type(self).__attributes__[name]
            unit = f" {attribute.unit}" if attribute.unit else ""
            value = value.name if isinstance(value, Enum) else repr(value)
            lines.append(f"  {name} = {value}{unit}    {attribute.doc}")
        return Text("\n".join(lines))

    def _admit(self) -> None:
        self.check()

    def _draft_for(self, owner: Persistent, step: AnyLink) -> Parameters:
        """Return what is read through a product that is not made: the same until it is set."""
        draft = type(self).__new__(type(self))
        draft.__dict__.update(self.__dict__, _draft=(owner, step.name, self))
        if self.is_stored:
            draft.__dict__.setdefault("_twin", self)
        return draft

    def _refuse_change(self, name: str) -> None:
        owner, role, shared = self.__dict__.pop("_draft", (None, "", None))
        if owner is not None and not owner.is_stored and owner.__dict__.get(role) is shared:
            for key in _OF_A_STORED_ONE:
                self.__dict__.pop(key, None)
            self.__dict__["object_id"] = new_object_id()
            owner.__dict__[role] = self
        super()._refuse_change(name)


def _own(cls: type[Parameters]) -> list[str]:
    """Return the names of the values of a class."""
    return [name for name, a in cls.__attributes__.items() if a.source == "class"]


def defaults_for(cls: type[Parameters], telescope: Any, category: str) -> dict[str, Any]:
    """Return the defaults of a class for a telescope and a category; what has none is left out."""
    if category not in CATEGORIES:
        raise BadValue(f"category = {category!r}", expected="A, B or C")
    name = getattr(telescope, "name", telescope)
    found = {
        n: a.default
        for n, a in cls.__attributes__.items()
        if a.source == "class" and a.init and a.default is not MISSING
    }
    for case in cls.defaults:
        if case.holds(name, category):
            found |= case.values
    return found
