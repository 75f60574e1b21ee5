"""A SIP as an element tree and back.

Both directions stand side by side, part by part, in the order of the document, so that
what one writes the other is seen to read. The reader takes only trees that passed
:mod:`.sip_schema` and :mod:`.sip_rules`; on any other its behaviour is not defined.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from lxml import etree

from ..errors import BadValue
from .sip_model import (
    AccessRights,
    FileDescription,
    Generator,
    Identifier,
    NamedValue,
    ProcessDescription,
    ProcessInput,
    ProcessKind,
    ProductDescription,
    Project,
    RelatedProduct,
    Relation,
    RelationKind,
    Sip,
)

NAMESPACE = "urn:awlta:sip:1.0"
NS = f"{{{NAMESPACE}}}"
"""Prefix of every element name of a SIP in lxml's notation."""

# lxml-stubs allow no None, which stands for the namespace without prefix.
_NSMAP: Any = {None: NAMESPACE}
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

T = TypeVar("T")


def to_tree(sip: Sip) -> etree._Element:
    """Return the element tree of a SIP.

    Raises
    ------
    BadValue
        If a text holds a character that XML cannot hold, a time does not say its zone, or a
        value is of a type that has no element.
    """
    root = etree.Element(NS + "sip", {"version": _text(sip.version)}, nsmap=_NSMAP)
    header = _add(root, "header")
    _add(header, "generator", name=sip.generator.name, version=sip.generator.version)
    _add(header, "created", _instant(sip.created))
    project = _add(header, "project", name=sip.project.name)
    _add_text(project, "description", sip.project.description)
    _add(header, "submitter", sip.submitter)
    _add_product(root, sip.product)
    _add_all(root, "processes", sip.processes, _add_process)
    _add_all(root, "relatedProducts", sip.related_products, _add_related)
    return root


def from_tree(root: etree._Element) -> Sip:
    """Return the SIP of an element tree that was found to be without fault."""
    parts = _parts(root)
    header = _parts(parts["header"])
    generator, project = header["generator"], header["project"]
    return Sip(
        generator=Generator(generator.get("name", ""), generator.get("version", "")),
        created=_read_instant(_read_text(header, "created")),
        project=Project(project.get("name", ""), _read_text(_parts(project), "description")),
        submitter=_read_text(header, "submitter"),
        product=_read_product(parts["product"]),
        processes=_read_all(parts, "processes", _read_process),
        related_products=_read_all(parts, "relatedProducts", _read_related),
        version=root.get("version", ""),
    )


def _add_product(root: etree._Element, product: ProductDescription) -> None:
    element = _add(
        root,
        "product",
        **{"class": product.class_name},
        level=product.level,
        category=product.category,
    )
    _add_identifier(element, "identifier", product.identifier)
    _add_identifier(element, "generatedBy", product.process)
    access = product.access
    embargo = access.embargo.isoformat() if access.embargo else ""
    _add(element, "access", level=str(access.level), embargo=embargo, licence=access.licence)
    _add_all(element, "attributes", product.attributes, _add_value)
    _add_all(element, "files", product.files, _add_file)
    _add_all(element, "relations", product.relations, _add_relation)


def _read_product(element: etree._Element) -> ProductDescription:
    parts = _parts(element)
    access = parts["access"]
    embargo = access.get("embargo")
    return ProductDescription(
        identifier=_read_identifier(parts["identifier"]),
        class_name=element.get("class", ""),
        level=element.get("level", ""),
        category=element.get("category", ""),
        process=_read_identifier(parts["generatedBy"]),
        access=AccessRights(
            level=int(access.get("level", "")),
            embargo=date.fromisoformat(embargo.strip()) if embargo else None,
            licence=access.get("licence", ""),
        ),
        attributes=_read_all(parts, "attributes", _read_value),
        files=_read_all(parts, "files", _read_file),
        relations=_read_all(parts, "relations", _read_relation),
    )


def _add_file(files: etree._Element, file: FileDescription) -> None:
    element = _add(files, "file", name=file.name)
    _add(element, "size", _integer(file.size))
    _add(element, "sha256", file.sha256)
    _add(element, "adler32", file.adler32)
    _add_text(element, "md5", file.md5)
    _add(
        element,
        "format",
        name=file.format_name,
        version=file.format_version,
        mediaType=file.media_type,
    )


def _read_file(element: etree._Element) -> FileDescription:
    parts = _parts(element)
    file_format = parts["format"]
    return FileDescription(
        name=element.get("name", ""),
        size=int(_read_text(parts, "size")),
        sha256=_read_text(parts, "sha256"),
        adler32=_read_text(parts, "adler32"),
        md5=_read_text(parts, "md5"),
        media_type=file_format.get("mediaType", ""),
        format_name=file_format.get("name", ""),
        format_version=file_format.get("version", ""),
    )


def _add_process(processes: etree._Element, process: ProcessDescription) -> None:
    element = _add(processes, "process", kind=process.kind)
    _add_identifier(element, "identifier", process.identifier)
    _add(element, "name", process.name)
    _add_text(element, "version", process.version)
    _add_text(element, "start", _instant(process.start) if process.start else "")
    _add_text(element, "end", _instant(process.end) if process.end else "")
    _add_all(element, "telescopes", process.telescopes, _add_telescope)
    _add_all(element, "parameters", process.parameters, _add_value)
    _add_all(element, "inputs", process.inputs, _add_input)


def _read_process(element: etree._Element) -> ProcessDescription:
    parts = _parts(element)
    start, end = _read_text(parts, "start"), _read_text(parts, "end")
    return ProcessDescription(
        identifier=_read_identifier(parts["identifier"]),
        kind=ProcessKind(element.get("kind", "")),
        name=_read_text(parts, "name"),
        version=_read_text(parts, "version"),
        start=_read_instant(start) if start else None,
        end=_read_instant(end) if end else None,
        telescopes=_read_all(parts, "telescopes", lambda t: t.get("name", "")),
        parameters=_read_all(parts, "parameters", _read_value),
        inputs=_read_all(parts, "inputs", _read_input),
    )


def _add_telescope(telescopes: etree._Element, name: str) -> None:
    _add(telescopes, "telescope", name=name)


def _add_input(inputs: etree._Element, used: ProcessInput) -> None:
    element = _add_identifier(inputs, "input", used.identifier)
    _set(element, role=used.role, external="true" if used.is_external else "")


def _read_input(element: etree._Element) -> ProcessInput:
    return ProcessInput(_read_identifier(element), element.get("role", ""), is_external(element))


def _add_related(related: etree._Element, product: RelatedProduct) -> None:
    element = _add(related, "relatedProduct", **{"class": product.class_name}, name=product.name)
    _add_identifier(element, "identifier", product.identifier)
    if product.process:
        _add_identifier(element, "generatedBy", product.process)
    _add_all(element, "relations", product.relations, _add_relation)


def _read_related(element: etree._Element) -> RelatedProduct:
    parts = _parts(element)
    process = parts.get("generatedBy")
    return RelatedProduct(
        identifier=_read_identifier(parts["identifier"]),
        class_name=element.get("class", ""),
        name=element.get("name", ""),
        process=None if process is None else _read_identifier(process),
        relations=_read_all(parts, "relations", _read_relation),
    )


def _add_relation(relations: etree._Element, relation: Relation) -> None:
    element = _add_identifier(relations, "relation", relation.target)
    _set(element, kind=relation.kind, external="true" if relation.is_external else "")


def _read_relation(element: etree._Element) -> Relation:
    kind = RelationKind(element.get("kind", ""))
    return Relation(kind, _read_identifier(element), is_external(element))


def is_external(element: etree._Element) -> bool:
    """Tell whether an input or a relation points out of the document, and says so."""
    return (element.get("external") or "").strip() == "true"


def _add_identifier(parent: etree._Element, name: str, identifier: Identifier) -> etree._Element:
    return _add(parent, name, source=identifier.source, value=identifier.value)


def _read_identifier(element: etree._Element) -> Identifier:
    return Identifier(element.get("source", ""), element.get("value", ""))


def _add_value(values: etree._Element, named: NamedValue) -> None:
    value = named.value
    # bool comes before int since True is an int; float's own repr, since numpy's names its type.
    if isinstance(value, bool):
        kind, text = "boolean", "true" if value else "false"
    elif isinstance(value, int):
        kind, text = "integer", _integer(value)
    elif isinstance(value, float):
        kind, text = "real", float.__repr__(value).replace("inf", "INF")
    elif isinstance(value, str):
        kind, text = "text", value
    elif isinstance(value, datetime):
        kind, text = "time", _instant(value)
    else:
        raise BadValue(
            f"{named.name} is of type {type(value).__name__}",
            expected="bool, int, float, str or datetime",
            do="Turn it into a scalar; numpy scalars have .item()",
        )
    _add(values, kind, text, name=named.name, unit=named.unit)


def _read_value(element: etree._Element) -> NamedValue:
    value = _READERS[element.tag](element.text or "")
    return NamedValue(element.get("name", ""), value, element.get("unit", ""))


def _add(
    parent: etree._Element, tag: str, text: str | None = None, /, **attributes: str
) -> etree._Element:
    element = etree.SubElement(parent, NS + tag)
    if text is not None:
        element.text = _text(text)
    _set(element, **attributes)
    return element


def _set(element: etree._Element, /, **attributes: str) -> None:
    for name, value in attributes.items():
        if value:
            element.set(name, _text(value))


def _add_text(parent: etree._Element, name: str, text: str) -> None:
    if text:
        _add(parent, name, text)


def _add_all(
    parent: etree._Element,
    name: str,
    members: Sequence[T],
    add: Callable[[etree._Element, T], None],
) -> None:
    if not members:
        return
    container = _add(parent, name, count=str(len(members)))
    for member in members:
        add(container, member)


def _parts(element: etree._Element) -> dict[str, etree._Element]:
    # One pass over the children; find() for each costs three times as much.
    return {child.tag[len(NS) :]: child for child in element}


def _read_all(
    parts: dict[str, etree._Element], name: str, read: Callable[[etree._Element], T]
) -> tuple[T, ...]:
    return tuple(map(read, parts.get(name, ())))


def _read_text(parts: dict[str, etree._Element], name: str) -> str:
    element = parts.get(name)
    return "" if element is None else element.text or ""


def _integer(value: int) -> str:
    if not -(2**63) <= value < 2**63:
        raise BadValue(
            f"The whole number has {value.bit_length()} bits",
            expected="at most 63 bits and a sign",
            do="Tell it as a float or as a text",
        )
    return str(int(value))


def _instant(time: datetime) -> str:
    if time.utcoffset() is None:
        raise BadValue(
            f"The time {time.isoformat()} does not say its zone",
            expected="a datetime in UTC",
            do="Make it with tzinfo=datetime.UTC",
        )
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _read_instant(text: str) -> datetime:
    return datetime.fromisoformat(text.strip())


def _text(text: str) -> str:
    if bad := _UNWRITABLE.search(text):
        raise BadValue(
            f"The text {text[:60]!r} holds U+{ord(bad[0]):04X} at character {bad.start() + 1}",
            expected="characters that XML 1.0 can hold",
            do="Remove the character or tell the value in another way",
        )
    return text


_READERS: dict[str, Callable[[str], bool | int | float | str | datetime]] = {
    NS + "boolean": lambda text: text.strip() == "true",
    NS + "integer": int,
    NS + "real": float,
    NS + "text": str,
    NS + "time": _read_instant,
}
