"""What the schema has to say of a tree, all of it, in words for the sender.

lxml decides, since it is 30 times faster. Only a refused tree goes to xmlschema as well,
because lxml looks no further into a parent after its first unexpected child and so tells a
part of the faults. One place is told by one of the two, xmlschema first. A wrong value is
told with the documentation of its type in the schema.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from importlib.resources import files
from itertools import islice
from threading import Lock
from typing import Any, NamedTuple, cast

from lxml import etree

from .sip_parse import n_elements
from .sip_xml import NS

MAX_EXPLAINED = 5_000
"""Most elements of a document that xmlschema explains, in 0.3 s; lxml alone tells the rest."""

_XS = "{http://www.w3.org/2001/XMLSchema}"
# Such as OverflowError at a year of 30 digits, in xmlschema 4.3. What it has told until then
# stands, and lxml tells the rest.
_EXPLAINER_FAILS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
# lxml keeps the log of a validation on the schema object, which threads share.
_ONE_AT_A_TIME = Lock()


def schema_faults(root: etree._Element, most: int) -> list[tuple[etree._Element, str]]:
    """Return what the schema forbids in a tree: element and message, none if it is valid.

    Parameters
    ----------
    root : lxml element
        From :func:`.sip_parse.parse`.
    most : int
        Faults to stop at, per library.
    """
    schema = _schema_that_decides()
    with _ONE_AT_A_TIME:
        if schema.validate(root):
            return []
        log = list(islice(cast(Iterable[Any], schema.error_log), most))
    found: dict[tuple[etree._Element, str], None] = {}
    if n_elements(root) <= MAX_EXPLAINED:
        with suppress(*_EXPLAINER_FAILS):
            for fault in islice(_explained(root), most):
                found[fault] = None
    places = {element for element, _ in found}
    for entry in log:
        (element,) = cast(list[etree._Element], root.getroottree().xpath(entry.path))
        if element not in places:
            found[element, _plain(entry.message)] = None
    return list(found)


def _explained(root: etree._Element) -> Iterator[tuple[etree._Element, str]]:
    told: dict[etree._Element, str] = defaultdict(str)
    for error in _schema_that_explains().iter_errors(root):
        reason = str(error.reason).replace(NS, "")
        told[error.elem] += reason
        attribute = re.match(r"attribute (\w+)=", reason)
        of_a_value = attribute or type(error.validator).__name__ != "XsdAttributeGroup"
        expected = _expected(error.elem, attribute[1] if attribute else "")
        if (child := getattr(error, "invalid_child", None)) is not None:
            yield child, _plain(reason)
        elif expected and of_a_value and (attribute or not len(error.elem)):
            found = error.elem.get(attribute[1]) if attribute else error.elem.text
            name = attribute[1] if attribute else etree.QName(error.elem).localname
            yield error.elem, f"{name} is {_short(found or '')!r}, expected {expected}"
        else:
            yield error.elem, _plain(reason)
    # xmlschema names the first child that a parent lacks, and not the others.
    for element in root.iter():
        for child in _types().required.get(_kind(element), ()):
            if element.find(NS + child) is None and f"'{child}'" not in told[element]:
                yield element, f"the element {child} is missing"


class _Types(NamedTuple):
    """The schema's types: of each complex one the types of its members and its required
    children, of each simple one the meaning.
    """

    members: dict[str, dict[str, str]]
    required: dict[str, list[str]]
    meanings: dict[str, str]


@cache
def _types() -> _Types:
    """Return what the schema says of its types, extended ones first."""
    schema = etree.fromstring(_schema_bytes())
    types = _Types({}, {}, {})
    extension = f".//{_XS}extension"
    complex_types = schema.findall(_XS + "complexType")
    for kind in sorted(complex_types, key=lambda kind: kind.find(extension) is not None):
        children = list(kind.iter(_XS + "element"))
        own = {_name(e): e.get("type", "") for e in children}
        own |= {"@" + _name(a): a.get("type", "") for a in kind.iter(_XS + "attribute")}
        if (extends := kind.find(extension)) is not None:
            base = extends.get("base", "")
            own = {"text()": base} | types.members.get(base, {}) | own
        types.members[_name(kind)] = own
        if kind.find(_XS + "sequence") is not None:
            types.required[_name(kind)] = [_name(e) for e in children if not e.get("minOccurs")]
    for kind in schema.iterfind(_XS + "simpleType"):
        meaning = kind.findtext(f".//{_XS}documentation", "")
        types.meanings[_name(kind)] = " ".join(meaning.split())
    return types


def _name(declaration: etree._Element) -> str:
    return declaration.get("name", "")


def _kind(element: etree._Element) -> str:
    """Return the name of the schema's type of an element, empty if it has none."""
    kind = "Sip"
    for step in reversed([element, *element.iterancestors()][:-1]):
        kind = _types().members.get(kind, {}).get(etree.QName(step).localname, "")
    return kind


def _expected(element: etree._Element, attribute: str) -> str:
    """Return what the schema says of the simple type of an element or its attribute."""
    types, kind = _types(), _kind(element)
    kind = types.members.get(kind, {}).get(f"@{attribute}" if attribute else "text()", kind)
    return types.meanings.get(kind, "")


@cache
def _schema_that_decides() -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring(_schema_bytes()))


@cache
def _schema_that_explains() -> Any:
    # Imported and built (0.3 s) when the first document is refused, not at start-up.
    import xmlschema

    return xmlschema.XMLSchema(_schema_bytes().decode(), allow="none")


def _schema_bytes() -> bytes:
    return files("awlta.schemas").joinpath("sip-1.0.xsd").read_bytes()


def _plain(message: str) -> str:
    return _short(message.replace(NS, "").rstrip("."), 300)


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
