"""A class body is read: annotations and declarations become attributes and links."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from inspect import cleandoc
from typing import Any, ForwardRef

from ...errors import BadValue, NotFound, QueryError
from ..attributes.attributes import (
    MISSING,
    AnyLink,
    Attribute,
    Link,
    Links,
    OptionalLink,
)
from ..attributes.conditions import Column, Path
from .declarations import LinkDeclaration

KINDS = {"Attribute": Attribute, "Link": Link, "OptionalLink": OptionalLink, "Links": Links}

_COLUMNS = ("id", "home", "owner", "project", "level")


def declare(cls: type[Any], local_names: dict[str, Any], find: Callable[[str], Any]) -> None:
    """Give a class its attributes and links.

    Parameters
    ----------
    cls : type
    local_names : dict
        Names in sight of the class statement.
    find : callable
        Finds a persistent class by its name, for links to classes that come later.

    Raises
    ------
    BadValue
        A declaration that cannot be meant.
    """
    attributes = dict(cls.__attributes__)
    links = dict(cls.__links__)
    defaults = dict(cls.__link_defaults__)
    own: list[str] = []
    own_links: list[AnyLink] = []
    module_names = vars(sys.modules[cls.__module__]) if cls.__module__ in sys.modules else {}
    names = {**vars(sys.modules["builtins"]), **module_names, **local_names}
    for name, annotation in vars(cls).get("__annotations__", {}).items():
        value = cls.__dict__.get(name)
        if not isinstance(value, Attribute | LinkDeclaration):
            continue
        _check_name(cls, name)
        kind, inner = _split(cls, name, annotation)
        if isinstance(value, Attribute) and kind is Attribute:
            value.bind(cls, name, _evaluate(inner, names, f"{cls.__name__}.{name}"))
            attributes[name] = value
            own.append(name)
        elif isinstance(value, LinkDeclaration) and kind is not Attribute:
            step = kind(*value.arguments)
            step.bind(cls, name, _target(inner, names), find)
            setattr(cls, name, step)
            links[name] = step
            own_links.append(step)
            if value.default is not MISSING:
                defaults[name] = value.default
        else:
            raise BadValue(
                f"{cls.__name__}.{name} is annotated {annotation}",
                expected="Attribute[...] with persistent(), Link[...], OptionalLink[...] or "
                "Links[...] with link() or reference()",
            )
    for name, value in vars(cls).items():
        if isinstance(value, Attribute | LinkDeclaration) and name not in attributes | links:
            raise BadValue(
                f"{cls.__name__}.{name} has no annotation",
                expected=f"{name}: Attribute[...] = persistent(...), or Link[...] with link(...)",
            )
    cls.__attributes__, cls.__links__, cls.__link_defaults__ = attributes, links, defaults
    cls.__own_attributes__ = own
    cls.__table_name__ = snake(cls.__name__)
    _check_position(cls)
    for step in own_links:
        _check_link(cls, step, defaults.get(step.name, MISSING))
    cls.__doc__ = _documentation(cls)


def _check_position(cls: type[Any]) -> None:
    """Refuse a position on the sky that is not one right ascension and one declination."""
    parts = sorted(a.sky for n in cls.__own_attributes__ if (a := cls.__attributes__[n]).sky)
    inherited = any(a.sky and a.owner is not cls for a in cls.__attributes__.values())
    if parts not in ([], ["dec", "ra"]) or (parts and inherited):
        raise BadValue(
            f"{cls.__name__} has the parts of a position {', '.join(parts)}",
            expected='one attribute with sky="ra" and one with sky="dec", in one class',
        )


def _documentation(cls: type[Any]) -> str:
    """Return the docstring of a class with what it declares, so that help() tells it."""
    lines = [cleandoc(cls.__dict__.get("__doc__") or f"{cls.__name__}.")]
    lines += ["", "Attributes", "----------"]
    # what the class is about comes first, what every object has comes last
    for attribute in sorted(cls.__attributes__.values(), key=lambda a: a.source != "class"):
        unit = f", {attribute.unit}" if attribute.unit else ""
        lines += [f"{attribute.name} : {attribute.codec.name}{unit}", f"    {attribute.doc}"]
    for step in cls.__links__.values():
        target = step._target if isinstance(step._target, str) else step._target.__name__
        kind = "links to" if step.many else "link to"
        lines += [f"{step.name} : {kind} {target}", f"    {step.doc}"]
    return "\n".join(lines)


def _check_name(cls: type[Any], name: str) -> None:
    """Refuse names that columns, methods or the mapper itself have."""
    inherited = next((vars(b)[name] for b in cls.__mro__[1:] if name in vars(b)), None)
    is_method = inherited is not None and not isinstance(inherited, Attribute | AnyLink)
    if name.startswith("_") or name in _COLUMNS or is_method:
        raise BadValue(
            f"{cls.__name__} cannot have an attribute or link named {name}",
            expected=f"a name that does not begin with _, is no method, and none of "
            f"{', '.join(_COLUMNS)}",
            do="Give it another name",
        )


def _check_link(cls: type[Any], step: AnyLink, default: Any) -> None:
    """Refuse a default that the kind of link cannot have, and a rule that leads nowhere."""
    if isinstance(step._target, type) and not hasattr(step._target, "__attributes__"):
        raise BadValue(f"{step.place} links {step._target.__name__}", expected="a persistent class")
    if default is None and (step.many or not (step.optional or step.valid_at)):
        raise BadValue(f"{step.place} has the default None", expected="OptionalLink[...] for that")
    if step.valid_at is None:
        return
    if step.many:
        raise BadValue(f"{step.place} has valid_at", expected="Link[...] or OptionalLink[...]")
    try:
        is_time = _is_time(_walk(cls, step.valid_at))
        places = [_walk(c, step.same) for c in (cls, step.target)] if step.same else []
    except NotFound:
        return  # a class on the way is not declared yet
    except QueryError as error:
        raise BadValue(f"{step.place} has a rule that leads nowhere: {error}") from None
    if not is_time:
        raise BadValue(f"{step.place} has valid_at={step.valid_at!r}", expected="a path to a time")
    if not all(isinstance(place, Path) for place in places):
        raise BadValue(f"{step.place} has same={step.same!r}", expected="a path to an object")


def _walk(cls: type[Any], dotted: str) -> Path | Column[Any]:
    place: Any = Path(cls)
    for step in dotted.split("."):
        if isinstance(place, Column):
            raise QueryError(f"{place!r} has no {step}", expected="a dotted path")
        place = getattr(place, step)
    return place  # type: ignore[no-any-return]


def _is_time(place: Path | Column[Any]) -> bool:
    return isinstance(place, Column) and place._attribute.codec.name.startswith("time")


def names_at_class() -> dict[str, Any]:
    """Return the names in sight of a class statement, to be called by ``__init_subclass__``."""
    frame: Any = sys._getframe(2)
    while frame.f_code.co_name == "__init_subclass__":
        frame = frame.f_back
    return dict(frame.f_locals)


def _split(cls: type[Any], name: str, annotation: Any) -> tuple[Any, Any]:
    """Take ``Link[Camera]`` apart: the kind, and the rest as text or type."""
    if isinstance(annotation, str):
        tree = ast.parse(annotation, mode="eval").body
        if isinstance(tree, ast.Subscript):
            outer = ast.unparse(tree.value).rsplit(".", 1)[-1]
            if outer in KINDS:
                return KINDS[outer], ast.unparse(tree.slice).strip("'\"")
    origin = getattr(annotation, "__origin__", None)
    if origin in KINDS.values():
        inner = annotation.__args__[0]
        return origin, inner.__forward_arg__ if isinstance(inner, ForwardRef) else inner
    raise BadValue(
        f"{cls.__name__}.{name} is annotated {annotation}",
        expected="Attribute[...], Link[...], OptionalLink[...] or Links[...]",
    )


def _evaluate(inner: Any, names: dict[str, Any], place: str) -> Any:
    if not isinstance(inner, str):
        return inner
    try:
        return eval(inner, names)  # the author's own annotation, from the class body
    except (NameError, AttributeError, SyntaxError) as error:
        raise BadValue(f"{place} has the unknown type {inner}: {error}") from None


def _target(inner: Any, names: dict[str, Any]) -> Any:
    """Return the class of a link, or its name where the class comes later."""
    return names.get(inner, inner) if isinstance(inner, str) else inner


def snake(name: str) -> str:
    """Return the table of a class by its name: ``RawEvents`` has ``raw_events``."""
    letters: list[str] = []
    for number, letter in enumerate(name):
        if letter.isupper() and number and not name[number - 1].isupper():
            letters.append("_")
        letters.append(letter.lower())
    return "".join(letters)
