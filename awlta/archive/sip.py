"""Submission information packages: read, write, check.

A SIP announces one data product to the archive and tells its whole history, before a byte
of the product moves. :class:`Sip` and its parts are values (:mod:`.sip_model`);
:func:`write_sip` and :func:`read_sip` turn them into XML and back, :func:`check_sip` names
every fault of a document at once, :func:`check_files` compares what was announced with what
arrived::

    document (bytes) -> sip_parse -> tree -> sip_schema, sip_rules -> faults
                                      `-------> sip_xml.from_tree -> Sip
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, islice

from lxml import etree

from ..digest import Digests
from ..errors import DocumentFault, DocumentRefused
from .sip_model import (
    SIP_VERSION,
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
from .sip_parse import Unreadable, line_of, parse, place
from .sip_rules import content_faults
from .sip_schema import schema_faults
from .sip_xml import from_tree, to_tree

__all__ = [
    "MAX_FAULTS",
    "SIP_VERSION",
    "AccessRights",
    "FileDescription",
    "Generator",
    "Identifier",
    "NamedValue",
    "ProcessDescription",
    "ProcessInput",
    "ProcessKind",
    "ProductDescription",
    "Project",
    "RelatedProduct",
    "Relation",
    "RelationKind",
    "Sip",
    "check_files",
    "check_sip",
    "read_sip",
    "write_sip",
]

MAX_FAULTS = 100
"""Faults that are told of one document; a hostile one could hold one in every element."""


def write_sip(sip: Sip) -> bytes:
    """Return the document of a SIP: UTF-8, indented, the same bytes for equal values.

    The document is checked before it is returned, so what is written is accepted.

    Raises
    ------
    BadValue
        If a text holds a character that XML cannot hold, a time has no zone, a whole number
        has more than 64 bits, or a named value is no scalar.
    DocumentRefused
        If the SIP breaks the schema or a rule of content.
    """
    document: bytes = etree.tostring(
        to_tree(sip), encoding="UTF-8", xml_declaration=True, pretty_print=True
    )
    if faults := check_sip(document):
        raise DocumentRefused(
            f"The SIP of {sip.product.identifier}",
            faults,
            do="Mend each value named above and write it again",
        )
    return document


def read_sip(document: bytes, *, name: str = "SIP") -> Sip:
    """Return the SIP of a document that nobody vouches for.

    Parameters
    ----------
    document : bytes
    name : str
        What the document is called in the error.

    Raises
    ------
    DocumentRefused
        With every fault of schema and content, each with line and path.
    """
    root, faults = _examine(document)
    if root is None or faults:
        raise DocumentRefused(name, faults)
    return from_tree(root)


def check_sip(document: bytes) -> list[DocumentFault]:
    """Return every fault of a document, in the order of its lines; none if it is accepted.

    Of more than :data:`MAX_FAULTS` the first are told and a last one says so.
    """
    return _examine(document)[1]


def check_files(sip: Sip, measured: Mapping[str, Digests]) -> list[DocumentFault]:
    """Compare the files of a SIP with what was measured of the bytes that arrived.

    Parameters
    ----------
    sip : Sip
    measured : mapping of file name to Digests

    Returns
    -------
    list of DocumentFault
        A file that did not arrive, one that was not announced, and each of size, sha256
        and adler32 that differs.
    """
    faults = []
    for number, file in enumerate(sip.product.files, 1):
        path = f"/sip/product/files/file[{number}]"
        if (found := measured.get(file.name)) is None:
            faults.append(DocumentFault(f"{file.name} was announced and not received", path=path))
            continue
        for part in file.digests.differences(found):
            told, seen = getattr(file.digests, part), getattr(found, part)
            message = f"{file.name} was announced with {part} {told}, received with {seen}"
            faults.append(DocumentFault(message, path=f"{path}/{part}"))
    announced = {file.name for file in sip.product.files}
    faults += [
        DocumentFault(f"{name} was received and not announced", path="/sip/product/files")
        for name in sorted(measured.keys() - announced)
    ]
    return faults


def _examine(document: bytes) -> tuple[etree._Element | None, list[DocumentFault]]:
    try:
        root = parse(document)
    except Unreadable as unreadable:
        return None, [DocumentFault(unreadable.message, unreadable.line)]
    found = chain(schema_faults(root, MAX_FAULTS), content_faults(root))
    told = list(islice(found, MAX_FAULTS + 1))
    faults = [DocumentFault(m, line_of(e), place(e)) for e, m in told[:MAX_FAULTS]]
    faults.sort(key=lambda fault: fault.line or 0)
    if len(told) > MAX_FAULTS:
        faults.append(DocumentFault("more faults follow; mend these first", path="/sip"))
    return root, faults
