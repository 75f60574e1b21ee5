"""Functions that are written once for each class: its constructor, its rows both ways.

The general way, attribute by attribute through descriptors, costs some 25 us an object; a line
of code an attribute costs a fifth of that. What is not of the plain type is left to
:meth:`~awlta.persistent.attributes.attributes.Attribute.check`, so both ways refuse the same values
in the same words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...digest import FRAME, framed
from ..attributes.attributes import MISSING, AnyLink, Attribute, LinkList
from ..keys import new_object_id, object_id_of
from ..tables import own_attributes

_PLAIN = {
    "float": "_type({v}) is float and {v} == {v}",
    "int": "_type({v}) is int and -{limit} <= {v} < {limit}",
    "str": "_type({v}) is str and {v}.isascii() and '\\0' not in {v}",
    "bool": "_type({v}) is bool",
}
"""When a value can be taken as it stands; any other goes through the attribute's check."""

_LIMIT = 1 << 63

_REFUSE = "return _self._refuse_arguments(_given(locals()))"


def _compiled(name: str, lines: list[str], names: dict[str, Any]) -> Callable[..., Any]:
    """Return the function that some lines define."""
    exec(compile("\n".join(lines), f"<awlta {name}>", "exec"), names)
    made: Callable[..., Any] = names[name]
    return made


def constructor(cls: type[Any], general: Callable[..., None]) -> Callable[..., None]:
    """Return the ``__init__`` of a class: it fills a new object from keywords.

    Its own names begin with an underscore, which no attribute's does.

    Parameters
    ----------
    cls : type
    general : callable
        What to call for an object of a subclass, whose constructor was inherited, or calls this.
    """
    arguments, body, held, after = [], [], [], []
    names: dict[str, Any] = {
        "_MISSING": MISSING,
        "_new_object_id": new_object_id,
        "_List": LinkList,
        "_type": type,
        "_isinstance": isinstance,
        "_own": cls,
        "_given": _given,
        "_general": general,
    }
    for name, attribute in cls.__attributes__.items():
        if attribute.init:
            arguments.append(f"{name}=_MISSING")
            names[f"_a_{name}"] = attribute
            body += _take_attribute(name, attribute, names)
            if attribute.default is MISSING and attribute.source != "class":
                after.append(f"    if {name} is not _MISSING: _held[{name!r}] = {name}")
            else:
                held.append(f"{name!r}: {name}")
        elif attribute.default is not MISSING:
            names[f"_d_{name}"] = attribute.default
            held.append(f"{name!r}: _d_{name}")
    for name, step in cls.__links__.items():
        arguments.append(f"{name}=_MISSING")
        names[f"_s_{name}"] = step
        if step.many:
            after.append(
                f"    if {name} is _MISSING: _held[{name!r}] = _List(_self, _s_{name}, [])"
            )
            after.append(f"    else: _self.{name} = {name}")
            continue
        body += _take_link(name, step, cls, names)
        if step.valid_at is None:
            held.append(f"{name!r}: {name}")
        else:
            after.append(f"    if {name} is not _MISSING: _held[{name!r}] = {name}")
    for name, step in cls.__links__.items():
        if step.valid_at is not None and not step.many:
            after.append(f"    if {name} is _MISSING: _held[{name!r}] = _self._choose(_s_{name})")
    head = ", ".join(["_self", "/", *(["*", *arguments] if arguments else []), "**_others"])
    whole = ", ".join(["'object_id': _new_object_id()", *held])
    lines = [
        f"def __init__({head}):",
        "    if _self.__class__ is not _own: return _general(_self, **_given(locals()))",
        f"    if _others: {_REFUSE}",
        *body,
        f"    _held = _self.__dict__ = {{{whole}}}",
    ]
    return _compiled("__init__", [*lines, *after], names)


def _given(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return which arguments a constructor was given."""
    own = {n: v for n, v in arguments.items() if not n.startswith("_") and v is not MISSING}
    return {**own, **arguments["_others"]}


def _take_attribute(name: str, attribute: Attribute[Any], names: dict[str, Any]) -> list[str]:
    """Return the lines that look at the argument of one attribute."""
    absent = _REFUSE
    if attribute.default is not MISSING:
        names[f"_d_{name}"] = attribute.default
        absent = f"{name} = _d_{name}"
    elif attribute.source != "class":
        absent = "pass"
    lines = [f"    if {name} is _MISSING: {absent}"]
    plain = _PLAIN.get(attribute.codec.name)
    if plain is not None:
        test = plain.format(v=name, limit=_LIMIT)
        for bound, sign in ((attribute.low, ">="), (attribute.high, "<=")):
            if bound is not None:
                test += f" and {name} {sign} {bound!r}"
        # adding 0.0 takes the sign of zero away, which no column keeps
        taken = f"{name} += 0.0" if attribute.codec.name == "float" else "pass"
        lines.append(f"    elif {test}: {taken}")
    return [*lines, f"    else: {name} = _a_{name}.check({name})"]


def _take_link(name: str, step: AnyLink, cls: type[Any], names: dict[str, Any]) -> list[str]:
    """Return the lines that look at the argument of a link to one object."""
    names[f"_t_{name}"] = step.target
    default = cls.__link_defaults__.get(name, MISSING)
    absent = _REFUSE
    if step.valid_at is not None:
        absent = "pass"
    elif step.optional or default is None:
        absent = f"{name} = None"
    lines = [
        f"    if {name} is _MISSING: {absent}",
        f"    elif _isinstance({name}, _t_{name}): pass",
    ]
    if step.optional:
        lines.append(f"    elif {name} is None: pass")
    return [*lines, f"    else: {name} = _s_{name}.check_one({name})"]


def edges(cls: type[Any]) -> Callable[[Any, Any], list[tuple[Any, ...]]]:
    """Return a function from a unit and an object to what the object links.

    Each link as role, position, key of its target, and whether it is an input. A target that is
    not stored is added to the unit.
    """
    known: Callable[[Any, Any], list[tuple[Any, ...]]] | None = cls.__dict__.get("__edges__")
    if known is not None:
        return known
    lines = ["def edges(unit, obj):", "    found, held, added = [], obj.__dict__, unit.added"]
    lines.append("    no, yes = unit.truth")
    for name, step in cls.__links__.items():
        is_input = "yes" if step.is_input else "no"
        lines.append(f"    to = held[{name!r}] if {name!r} in held else obj.{name}")
        if step.many:
            edge = f"({name!r}, n, added(one), {is_input})"
            lines.append(f"    found += [{edge} for n, one in enumerate(to)]")
        else:
            edge = f"({name!r}, 0, added(to), {is_input})"
            lines.append(f"    if to is not None: found.append({edge})")
    cls.__edges__ = made = _compiled("edges", [*lines, "    return found"], {})
    return made


def row(cls: type[Any]) -> Callable[[int, dict[str, Any]], tuple[Any, ...]]:
    """Return a function from an object's key and ``__dict__`` to its row in its class's own table.

    A KeyError tells of an attribute that has no value.
    """
    known: Callable[[int, dict[str, Any]], tuple[Any, ...]] | None = cls.__dict__.get("__take__")
    if known is not None:
        return known
    names: dict[str, Any] = {}
    parts = []
    for attribute in own_attributes(cls):
        name = attribute.name
        held = f"d.get({name!r})" if attribute.nullable else f"d[{name!r}]"
        match attribute.codec.name:
            case "int" | "bool" | "str" | "bytes":
                parts.append(held)
            case "float":
                parts.append(f"(v if (v := {held}) == v else None)")
            case _:
                names[f"e_{name}"] = attribute.codec.encode
                parts.append(f"(None if (v := {held}) is None else e_{name}(v))")
    values = "".join(f"{part}, " for part in parts)
    cls.__take__ = made = _compiled(
        "take", ["def take(key, d):", f"    return (key, {values})"], names
    )
    return made


def text_teller(attributes: list[Attribute[Any]]) -> Callable[[dict[str, Any]], str]:
    """Return a function that tells an object as a text for a digest: names and values.

    Each stands behind the number of its characters and a colon, such as ``4:name5:LST-1``.
    """
    lines, names = _texts(attributes)
    told = [f"{len(a.name)}:{a.name}{{len(t{n})}}:{{t{n}}}" for n, a in enumerate(attributes)]
    return _compiled("tell", [*lines, f"    return f{''.join(told)!r}"], names)


def link_teller(cls: type[Any]) -> Callable[[Any, Callable[[Any], str]], str]:
    """Return a function that tells what an object links, as a text for a digest.

    It is given the object and what gives the name by which a target counts. Role, position and
    name each stand behind the number of their characters and a colon.
    """
    lines = ["def tell(obj, name_of):", "    held, told = obj.__dict__, ''"]
    for name, step in cls.__links__.items():
        role = f"{len(name)}:{name}"
        lines.append(f"    to = held[{name!r}] if {name!r} in held else obj.{name}")
        if step.many:
            lines.append("    for n, one in enumerate(to):")
            lines.append("        place, t = str(n), name_of(one)")
            lines.append(f"        told += f'{role}{{len(place)}}:{{place}}{{len(t)}}:{{t}}'")
        else:
            lines.append("    if to is not None:")
            lines.append("        t = name_of(to)")
            lines.append(f"        told += f'{role}1:0{{len(t)}}:{{t}}'")
    return _compiled("tell", [*lines, "    return told"], {})


def byte_teller(attributes: list[Attribute[Any]]) -> Callable[[dict[str, Any]], bytes]:
    """Return a function that tells an object as :func:`~awlta.digest.framed` names and values."""
    lines, names = _texts(attributes)
    told = []
    for n, attribute in enumerate(attributes):
        lines.append(f"    t{n} = t{n}.encode()")
        told.append(f"{framed(attribute.name)!r}, len(t{n}).to_bytes({FRAME}, 'big'), t{n}, ")
    return _compiled("tell", [*lines, f"    return b''.join(({''.join(told)}))"], names)


def _texts(attributes: list[Attribute[Any]]) -> tuple[list[str], dict[str, Any]]:
    """Return the first lines of a function that gives each value as a text, t0, t1, ..."""
    names: dict[str, Any] = {}
    lines = ["def tell(d):"]
    for n, attribute in enumerate(attributes):
        name = attribute.name
        match attribute.codec.name:
            case "str":
                text = "v"
            case "float" | "int" | "bool":
                text = "repr(v)"
            case _:
                names[f"e_{name}"] = attribute.codec.to_json
                text = f"str(e_{name}(v))"
        lines.append(f"    v = d.get({name!r})")
        lines.append(f"    t{n} = 'none' if v is None else {text}")
    return lines, names


def reader(attributes: list[Attribute[Any]]) -> Callable[[dict[str, Any], tuple[Any, ...]], None]:
    """Return a function that puts a row into an object's ``__dict__``; the key stands first."""
    names: dict[str, Any] = {"NAN": float("nan"), "object_id_of": object_id_of}
    lines = ["def read(d, row):", "    d['_key'] = row[0]"]
    for place, attribute in enumerate(attributes, 1):
        name, held = attribute.name, f"row[{place}]"
        may_be_none = attribute.nullable or attribute.source == "product"
        match attribute.codec.name:
            case "int" | "str":
                value = held
            case "float":
                value = held if may_be_none else f"NAN if {held} is None else {held}"
            case "object_id" if not may_be_none or name == "object_id":
                value = f"object_id_of({held})"
            case _:
                names[f"e_{name}"] = attribute.codec.decode
                value = f"e_{name}({held})"
                if may_be_none:
                    value = f"None if {held} is None else {value}"
        lines.append(f"    d[{name!r}] = {value}")
    return _compiled("read", lines, names)
