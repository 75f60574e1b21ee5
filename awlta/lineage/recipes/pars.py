"""Parameters of a whole chain at once: of a class of products and of all that it is made from.

::

    pars = Pars("ImageParameters", telescope="LST-1")
    pars.CameraImages.parameters.width = 5
    pars.get()                                  # {'CameraImages.parameters.width': 5}
    make(ImageParameters, run=7, pars=pars)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from ...errors import BadValue, NotFound
from ...persistent import Persistent, find_class
from .parameters import Parameters, Text, defaults_for


class Settings:
    """The values of one set of parameters, checked when they are set."""

    _place: str
    _cls: type[Parameters]
    _defaults: dict[str, Any]
    _set: dict[str, Any]

    def __init__(self, place: str, cls: type[Parameters], defaults: dict[str, Any]) -> None:
        held = self.__dict__
        held["_place"], held["_cls"], held["_defaults"], held["_set"] = place, cls, defaults, {}

    def __getattr__(self, name: str) -> Any:
        _refuse_private(name)
        attribute = _attribute(self._cls, self._place, name)
        for values in (self._set, self._defaults):
            if name in values:
                return values[name]
        raise NotFound(
            f"{self._place}.{name} has no default", do=f"Set it: {attribute.expectation()}"
        )

    def __setattr__(self, name: str, value: Any) -> None:
        value = _attribute(self._cls, self._place, name).check(value)
        self._set.pop(name, None)
        if name not in self._defaults or self._defaults[name] != value:
            self._set[name] = value

    def __dir__(self) -> list[str]:
        return _values_of(self._cls)

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _told(self, name: str) -> dict[str, Any]:
        """Return one value as JSON holds it."""
        attribute = self._cls.__attributes__[name]
        default = self._defaults.get(name)
        return {
            "path": f"{self._place}.{name}",
            "value": _plain(attribute, self._set.get(name, default)),
            "default": _plain(attribute, default),
            "is_default": name not in self._set,
            "type": attribute.expectation(),
            "unit": attribute.unit,
            "doc": attribute.doc,
        }

    def _lines(self) -> Iterator[str]:
        """Yield each value with unit, range and meaning; what differs has a star."""
        for name in _values_of(self._cls):
            attribute = self._cls.__attributes__[name]
            unit = f" {attribute.unit}" if attribute.unit else ""
            value = repr(getattr(self, name)) if name in {**self._defaults, **self._set} else "?"
            mark, default = " ", ""
            if name in self._set:
                mark = "*"
                default = f", default {self._defaults[name]!r}" if name in self._defaults else ""
            kind = attribute.expectation()
            yield f"{mark} {name} = {value}{unit}    {attribute.doc} [{kind}{default}]"


class Member:
    """The parameters of one class of products: one or several links to a set of them."""

    _cls: type[Persistent]
    _links: dict[str, Settings]

    def __init__(self, cls: type[Persistent], telescope: Any, category: str) -> None:
        self.__dict__["_cls"] = cls
        self.__dict__["_links"] = {
            role: Settings(
                f"{cls.__name__}.{role}",
                step.target,
                defaults_for(step.target, telescope, category),
            )
            for role, step in cls.__links__.items()
            if issubclass(step.target, Parameters) and not step.many
        }

    def __getattr__(self, role: str) -> Settings:
        _refuse_private(role)
        found: Settings | None = self._links.get(role)
        if found is None:
            raise _unknown(f"{self._cls.__name__} has no parameters", role, self._links)
        return found

    def __setattr__(self, role: str, value: Any) -> None:
        settings = getattr(self, role)
        if not isinstance(value, settings._cls):
            raise BadValue(
                f"{self._cls.__name__}.{role} = {value!r}", expected=f"a {settings._cls.__name__}"
            )
        for name, one in value.values().items():
            setattr(settings, name, one)

    def __dir__(self) -> list[str]:
        return list(self._links)


class Pars:
    """The parameters of a class and of everything upstream of it, to be looked at and changed.

    Parameters
    ----------
    cls : type or str
        The class of products that is wanted.
    telescope : str or object with a name, optional
        Defaults are those for it.
    category : str
        A, B or C.
    """

    _root: type[Persistent]
    _members: dict[str, Member]
    _for: dict[str, Any]

    def __init__(
        self, cls: type[Persistent] | str, *, telescope: Any = None, category: str = "B"
    ) -> None:
        root = find_class(cls) if isinstance(cls, str) else cls
        members = {
            part.__name__: member
            for part in _upstream(root)
            if (member := Member(part, telescope, category))._links
        }
        held = self.__dict__
        held["_root"], held["_members"] = root, members
        held["_for"] = {"telescope": getattr(telescope, "name", telescope), "category": category}

    def __getattr__(self, name: str) -> Member:
        _refuse_private(name)
        found: Member | None = self._members.get(name)
        if found is None:
            what = f"{self._root.__name__} is made from nothing with parameters"
            raise _unknown(what, name, self._members)
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        raise BadValue(
            f"{name} of the parameters was set",
            expected="a value within: pars.Class.parameters.name = value",
        )

    def __dir__(self) -> list[str]:
        methods = [name for name in vars(Pars) if not name.startswith("_")]
        return [*self._members, *methods]

    def get(self) -> dict[str, Any]:
        """Return what differs from the defaults, by dotted paths."""
        return {path: value for path, (_, value) in self.difference().items()}

    def difference(self) -> dict[str, tuple[Any, Any]]:
        """Return what differs, by dotted paths: default (None if there is none) and value."""
        return {
            f"{settings._place}.{name}": (settings._defaults.get(name), value)
            for member in self._members.values()
            for settings in member._links.values()
            for name, value in settings._set.items()
        }

    def to_json(self) -> list[dict[str, Any]]:
        """Return every value with its path, default, unit and meaning, as JSON holds it."""
        return [
            settings._told(name)
            for member in self._members.values()
            for settings in member._links.values()
            for name in _values_of(settings._cls)
        ]

    def show(self) -> Text:
        """Return the tree with values, units, ranges; what differs from its default has a star."""
        known = ", ".join(f"{k} {v}" for k, v in self._for.items() if v is not None)
        lines: list[str] = []
        self._show(self._root, "", lines, set())
        lines[0] += f" ({known})"
        return Text("\n".join(lines))

    def _show(self, cls: type[Any], indent: str, lines: list[str], shown: set[str]) -> None:
        if cls.__name__ in shown:
            lines.append(f"{indent}{cls.__name__} (see above)")
            return
        shown.add(cls.__name__)
        lines.append(f"{indent}{cls.__name__}")
        member = self._members.get(cls.__name__)
        for role, settings in member._links.items() if member else ():
            lines.append(f"{indent}  {role}: {settings._cls.__name__}")
            lines += [f"{indent}  {line}" for line in settings._lines()]
        for target in dict.fromkeys(step.target for step in cls.__links__.values()):
            if any(part.__name__ in self._members for part in _upstream(target)):
                self._show(target, indent + "  ", lines, shown)

    def parameters(self, cls: type[Any], role: str, **known: Any) -> Any:
        """Return the set for a link of a class, None where the link is to no parameters here.

        Parameters
        ----------
        cls : type
        role : str
        **known
            Telescope and category that the product is for, in place of those of this, and
            values that it needs. What was set here is stronger.
        """
        member = self._members.get(cls.__name__)
        settings = None if member is None else member._links.get(role)
        if settings is None:
            return None
        return settings._cls.for_(**{**self._for, **known, **settings._set})

    def apply(self, product: Any) -> Any:
        """Give an intention the parameters that stand here; return it."""
        for role in self._roles(type(product)):
            setattr(product, role, self.parameters(type(product), role))
        return product

    def keys(self) -> list[str]:
        """Return the links of the class that is wanted, for ``Class(..., **pars)``."""
        return self._roles(self._root)

    def __getitem__(self, role: str) -> Any:
        if role not in self.keys():
            raise _unknown(f"{self._root.__name__} has no parameters", role, self.keys())
        return self.parameters(self._root, role)

    def _roles(self, cls: type[Any]) -> list[str]:
        member = self._members.get(cls.__name__)
        return [] if member is None else list(member._links)

    def __repr__(self) -> str:
        return self.show()


def given(cls: type[Any], values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return values for a product in which Pars given for a link stand for what they say of it."""
    if not any(type(value) is Pars for value in values.values()):
        return values
    return {
        role: value.parameters(cls, role) if type(value) is Pars else value
        for role, value in values.items()
    }


def _upstream(root: type[Any]) -> list[type[Any]]:
    """Return a class and every class that its links lead to, itself first."""
    found: dict[str, type[Any]] = {}
    pending = [root]
    while pending:
        cls = pending.pop(0)
        if cls.__name__ not in found:
            found[cls.__name__] = cls
            pending += [step.target for step in cls.__links__.values()]
    return list(found.values())


def _values_of(cls: type[Parameters]) -> list[str]:
    return [name for name, a in cls.__attributes__.items() if a.source == "class" and a.init]


def _attribute(cls: type[Parameters], place: str, name: str) -> Any:
    if name not in _values_of(cls):
        raise _unknown(f"{place} has no value", name, _values_of(cls))
    return cls.__attributes__[name]


def _plain(attribute: Any, value: Any) -> Any:
    """Return a value as JSON holds it: a number as a number."""
    if value is None or value != value:
        return None
    return value if isinstance(value, int | float) else attribute.codec.to_json(value)


def _refuse_private(name: str) -> None:
    """Raise AttributeError for what Python, prompts and copies ask for by themselves."""
    if name.startswith("_"):
        raise AttributeError(name)


def _unknown(what: str, name: str, known: Any) -> NotFound:
    near = difflib.get_close_matches(name, list(known), n=3) or list(known)
    return NotFound(f"{what} named {name!r}", expected=", ".join(near) or "nothing")
