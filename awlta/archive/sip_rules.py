"""What a SIP must fulfil beyond its schema: references, circles, counts, times.

Each rule looks at the tree, not at the values made from it, so that it can name a line and
also speaks of documents in which the schema found faults. A rule passes over what is
missing or misspelt; the schema tells that.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from math import isinf

from lxml import etree

from .sip_model import Identifier
from .sip_parse import line_of
from .sip_xml import NS, is_external

HOUSE = "awlta"
"""The source of our own identifiers."""

_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAMED = ("files", "attributes", "parameters", "telescopes")
_VERSIONED = ("pipeline", "simulation")

Found = Iterator[tuple[etree._Element, str]]
Edge = tuple[etree._Element, Identifier]
"""An element that names a product or process, and the name."""


class Telling:
    """What a document tells, gathered in one pass.

    Attributes
    ----------
    elements : list of element
    named : dict of local name to list of elements
        Wherever in the document they stand.
    keys : dict of element to Identifier
        Of each element that holds a complete one.
    described : dict of element to Identifier
        Each product, relatedProduct and process whose identifier is complete.
    products, processes : dict of Identifier to element
        The first description of each.
    """

    def __init__(self, root: etree._Element) -> None:
        self.elements = list(root.iter())
        self.named: dict[str, list[etree._Element]] = defaultdict(list)
        self.keys: dict[etree._Element, Identifier] = {}
        for element in self.elements:
            self.named[element.tag.removeprefix(NS)].append(element)
            if (source := element.get("source")) and (value := element.get("value")):
                self.keys[element] = Identifier(source, value)
        self.described = {e.getparent(): key for e, key in self.named_by("identifier")}
        self.products = self._first("product", "relatedProduct")
        self.processes = self._first("process")

    def named_by(self, *names: str) -> Iterator[Edge]:
        """Yield the elements of these names that hold an identifier, with it."""
        for name in names:
            for element in self.named[name]:
                if key := self.keys.get(element):
                    yield element, key

    def edges(self, name: str) -> Iterator[tuple[Identifier, Edge]]:
        """Yield the same, each after the identifier of what it stands in."""
        for element, key in self.named_by(name):
            for ancestor in element.iterancestors():
                if owner := self.described.get(ancestor):
                    yield owner, (element, key)
                    break

    def _first(self, *names: str) -> dict[Identifier, etree._Element]:
        first: dict[Identifier, etree._Element] = {}
        for element in (e for name in names for e in self.named[name]):
            if key := self.described.get(element):
                first.setdefault(key, element)
        return first


def content_faults(root: etree._Element) -> Found:
    """Yield each element that breaks a rule of content, with the message."""
    telling = Telling(root)
    yield from _wrong_counts(telling)
    yield from _repeated_names(telling)
    yield from _repeated_identifiers(telling)
    yield from _malformed_object_ids(telling)
    yield from _unknown_makers(telling)
    yield from _unknown_products(telling)
    yield from _repeated_inputs(telling)
    yield from _circles_of_making(telling)
    yield from _circles_of_superseding(telling)
    yield from _incomplete_processes(telling)
    yield from _overflowing_numbers(telling)


def _wrong_counts(telling: Telling) -> Found:
    for element in telling.elements:
        declared = element.get("count")
        if declared and declared.isdecimal() and declared != str(len(element)):
            yield element, f"count is {declared[:20]}, but {len(element)} are listed"


def _repeated_names(telling: Telling) -> Found:
    for container in (c for name in _NAMED for c in telling.named[name]):
        first: dict[str, int] = {}
        for member in container:
            if (name := member.get("name")) is None:
                continue
            if name in first:
                yield member, f"the name {name!r} stands on line {first[name]} already"
            first.setdefault(name, line_of(member))


def _repeated_identifiers(telling: Telling) -> Found:
    first: dict[Identifier, int] = {}
    for element, key in telling.named_by("identifier"):
        if key in first:
            yield element, f"{key} is described on line {first[key]} already"
        first.setdefault(key, line_of(element))


def _malformed_object_ids(telling: Telling) -> Found:
    for element, key in telling.named_by("identifier", "input", "relation"):
        # The schema speaks of the product's own; a process of ours is no object.
        parent = element.getparent()
        if parent is not None and parent.tag in (NS + "product", NS + "process"):
            continue
        if key.source == HOUSE and not _UUID.fullmatch(key.value):
            yield element, f"{key} is no object_id: a UUID in lower case with hyphens, 8-4-4-4-12"


def _unknown_makers(telling: Telling) -> Found:
    makers = set()
    for element, key in telling.named_by("generatedBy"):
        makers.add(key)
        if key not in telling.processes:
            yield element, f"the process {key} is not described in this document"
    for key, process in telling.processes.items():
        if key not in makers:
            yield process, f"the process {key} made no product of this document"


def _unknown_products(telling: Telling) -> Found:
    for element, key in telling.named_by("input", "relation"):
        described = telling.products.get(key)
        if described is None and not is_external(element):
            yield element, f"the product {key} is neither a relatedProduct nor declared external"
        elif described is not None and is_external(element):
            line = line_of(described)
            yield element, f"the product {key} is declared external, but described on line {line}"


def _repeated_inputs(telling: Telling) -> Found:
    first: dict[tuple[etree._Element | None, Identifier, str], int] = {}
    for element, key in telling.named_by("input"):
        use = element.getparent(), key, element.get("role", "")
        if use in first:
            yield element, f"{key} is an input in the same role on line {first[use]} already"
        first.setdefault(use, line_of(element))


def _circles_of_making(telling: Telling) -> Found:
    # Processes are nodes as well: as edges, a process of n inputs and m outputs would give n * m.
    edges: dict[Identifier, list[Edge]] = defaultdict(list)
    for product, (element, maker) in telling.edges("generatedBy"):
        edges[product].append((element, _as_process(maker)))
    for process, edge in telling.edges("input"):
        edges[_as_process(process)].append(edge)
    for product, edge in _relations(telling, "wasDerivedFrom"):
        edges[product].append(edge)
    for element, circle in _circles(edges):
        products = [key for key in circle if key in telling.products]
        yield element, f"a product is made from itself: {_told(products)}"


def _circles_of_superseding(telling: Telling) -> Found:
    edges: dict[Identifier, list[Edge]] = defaultdict(list)
    for product, edge in _relations(telling, "supersedes"):
        edges[product].append(edge)
    for element, circle in _circles(edges):
        yield element, f"a product supersedes itself: {_told(circle)}"


def _incomplete_processes(telling: Telling) -> Found:
    for process in telling.named["process"]:
        start, end = process.find(NS + "start"), process.find(NS + "end")
        if start is not None and end is not None:
            started, ended = _time(start), _time(end)
            if started and ended and ended < started:
                yield end, f"the end {_text(end)} comes before the start {_text(start)}"
        if process.get("kind") in _VERSIONED and process.find(NS + "version") is None:
            yield process, f"a {process.get('kind')} must name the version of its software"


def _overflowing_numbers(telling: Telling) -> Found:
    for element in telling.named["real"]:
        text = _text(element)
        try:
            number = float(text)
        except ValueError:
            continue
        if isinf(number) and "INF" not in text.upper():
            yield element, f"{text[:60]} is beyond what 64 bits hold"


def _circles(
    edges: Mapping[Identifier, Sequence[Edge]],
) -> Iterator[tuple[etree._Element, list[Identifier]]]:
    """Yield each edge that closes a circle, with the nodes of the circle.

    A depth-first search without recursion, since a document may hold a chain of thousands.
    """
    done: set[Identifier] = set()
    for start in edges:
        if start in done:
            continue
        path = {start: None}
        ahead = [iter(edges[start])]
        while ahead:
            for element, target in ahead[-1]:
                if target in path:
                    nodes = list(path)
                    yield element, nodes[nodes.index(target) :]
                elif target in edges and target not in done:
                    path[target] = None
                    ahead.append(iter(edges[target]))
                    break
            else:
                ahead.pop()
                done.add(path.popitem()[0])


def _told(circle: Sequence[Identifier]) -> str:
    names = [str(key) for key in (*circle, circle[0])]
    return ", ".join(names if len(names) <= 6 else [*names[:3], "…", *names[-2:]])


def _relations(telling: Telling, kind: str) -> Iterator[tuple[Identifier, Edge]]:
    for product, edge in telling.edges("relation"):
        if edge[0].get("kind") == kind:
            yield product, edge


def _as_process(key: Identifier) -> Identifier:
    # A line end stands in no source, so a product of the same identifier is another node.
    return Identifier("process\n" + key.source, key.value)


def _text(element: etree._Element) -> str:
    return (element.text or "").strip()


def _time(element: etree._Element) -> datetime | None:
    text = _text(element)
    if not text.endswith("Z"):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
