"""From bytes that nobody vouches for to an element tree that may be looked at.

The bytes are capped before anything reads them, parsed by lxml without entities, network
or large trees, and refused if they bring a document type, are not UTF-8 or are built to
tire the programs that look at the tree afterwards.
"""

from __future__ import annotations

from typing import Any, cast

from lxml import etree

from .sip_xml import NS

MAX_BYTES = 1 << 20
"""Longest document that is parsed, in bytes."""
MAX_ELEMENTS = 20_000
"""Most elements of a document: to name a place takes time quadratic in the siblings."""
MAX_ATTRIBUTES = 16
"""Most attributes of an element; no element of the schema has more than four."""

_CROWDED = etree.XPath(f"(//*[count(@*) > {MAX_ATTRIBUTES}])[1]")
_N_ELEMENTS = etree.XPath("count(//*)")


class Unreadable(Exception):
    """The bytes give no tree; never leaves the package.

    Parameters
    ----------
    message : str
    line : int or None
    """

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def parse(document: bytes) -> etree._Element:
    """Return the root element of a document that nobody vouches for.

    Raises
    ------
    Unreadable
        If it is too long, no UTF-8, no well-formed XML, has a document type, too many
        elements or attributes, or is no SIP.
    """
    if len(document) > MAX_BYTES:
        raise Unreadable(f"the document has {len(document)} bytes, {MAX_BYTES} are taken at most")
    try:
        document.decode("utf-8")
    except UnicodeDecodeError as error:
        line = document.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"byte {error.start + 1} is no UTF-8", line) from error
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        raise Unreadable(f"not well-formed XML: {error.msg}", error.lineno) from error
    _refuse_strangers(root, document)
    return root


def _refuse_strangers(root: etree._Element, document: bytes) -> None:
    prologue: Any = root.getroottree().docinfo  # lxml-stubs lack doctype
    if (prologue.encoding or "").upper() != "UTF-8":
        raise Unreadable(f"the encoding is declared as {prologue.encoding}, not UTF-8", 1)
    if prologue.doctype:
        line = document.partition(b"<!DOCTYPE")[0].count(b"\n") + 1
        raise Unreadable("a document type (DOCTYPE) is not taken; remove it", line)
    if root.tag != NS + "sip":
        raise Unreadable(f"the root is {root.tag[:60]}, not {NS}sip", line_of(root))
    if (number := n_elements(root)) > MAX_ELEMENTS:
        raise Unreadable(f"{number} elements, {MAX_ELEMENTS} are taken at most")
    for element in cast(list[etree._Element], _CROWDED(root)):
        n_attributes = len(element.attrib)
        raise Unreadable(
            f"{n_attributes} attributes, {MAX_ATTRIBUTES} are taken at most", line_of(element)
        )


def n_elements(root: etree._Element) -> int:
    """Return the number of elements of a tree."""
    return int(cast(float, _N_ELEMENTS(root)))


def line_of(element: etree._Element) -> int:
    """Return the line on which the start tag of an element ends."""
    # lxml-stubs give sourceline no type.
    return cast(int, element.sourceline)


def place(element: etree._Element) -> str:
    """Return the path of an element in local names: ``/sip/product/files/file[2]``."""
    steps = []
    for step in (element, *element.iterancestors()):
        name = etree.QName(step).localname
        parent = step.getparent()
        twins = [] if parent is None else parent.findall(step.tag)
        steps.append(f"{name}[{twins.index(step) + 1}]" if len(twins) > 1 else name)
    return "/" + "/".join(reversed(steps))
