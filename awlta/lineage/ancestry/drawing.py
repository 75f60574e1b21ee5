"""A lineage for people: an indented tree, and a picture."""

from __future__ import annotations

from xml.sax.saxutils import escape

from ..making.activity import SoftwareEnvironment
from .graph import Graph, hidden_words, title

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 220, 44, 16, 40

_HIDDEN = "hidden inputs of "


def tree(graph: Graph) -> str:
    """Return the graph as an indented tree; what was shown before is pointed to."""
    lines: list[str] = []
    shown: set[str] = set()
    pending = [(graph.root, "", 0)]
    while pending:
        object_id, role, depth = pending.pop()
        inputs = graph.inputs(object_id)
        again = object_id in shown and bool(inputs)
        label = f"{role}: " if role else ""
        end = "  (see above)" if again else graph.made_by(object_id)
        if object_id in graph.deleted and not again:
            end += f"  [{graph.deleted[object_id]}]"
        if object_id in graph.flagged and not again:
            end += f"  [{graph.flagged[object_id]}]"
        lines.append(f"{'  ' * depth}{label}{title(graph.objects[object_id])}{end}")
        if not again:
            shown.add(object_id)
            if object_id in graph.hidden:
                lines.append(f"{'  ' * (depth + 1)}{hidden_words(graph.hidden[object_id])}")
            pending.extend((e.target, e.role, depth + 1) for e in reversed(inputs))
    return "\n".join(lines)


def svg(graph: Graph) -> str:
    """Return the graph as SVG: what nothing was made from above, the product below."""
    rows = _levels(graph)
    place: dict[str, tuple[float, float]] = {}
    widest = max(len(row) for row in rows)
    total = widest * (_WIDTH + _GAP_X) + _GAP_X
    for level, row in enumerate(rows):
        offset = (total - len(row) * (_WIDTH + _GAP_X)) / 2
        for number, object_id in enumerate(row):
            place[object_id] = (
                offset + number * (_WIDTH + _GAP_X),
                16 + level * (_HEIGHT + _GAP_Y),
            )
    height = 32 + len(rows) * (_HEIGHT + _GAP_Y)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total:.0f} {height}" '
        f'width="{total:.0f}" height="{height}" font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for edge in graph.edges:
        lines.append(_line(place[edge.target], place[edge.product], edge.role))
    for product in graph.hidden:
        lines.append(_line(place[_HIDDEN + product], place[product], ""))
    for object_id, (x, y) in place.items():
        if object_id.startswith(_HIDDEN):
            words = hidden_words(graph.hidden[object_id.removeprefix(_HIDDEN)])
            lines += _dashed_box(words, x, y)
        else:
            lines += _box(graph, object_id, x, y)
    return "\n".join([*lines, "</svg>", ""])


def _line(start: tuple[float, float], end: tuple[float, float], role: str) -> str:
    """Return the line from what was used to what was made from it."""
    a, b = start[0] + _WIDTH / 2, end[0] + _WIDTH / 2
    top, bottom = start[1] + _HEIGHT, end[1]
    return (
        f'<path d="M{a:.0f} {top:.0f} C{a:.0f} {top + 25:.0f} {b:.0f} {bottom - 25:.0f} '
        f'{b:.0f} {bottom:.0f}" fill="none" stroke="#8899aa"><title>{_text(role)}</title></path>'
    )


def _dashed_box(words: str, x: float, y: float) -> list[str]:
    """Return the box of inputs of which nothing may be told."""
    return [
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{_WIDTH}" height="{_HEIGHT}" rx="6" '
        'fill="#ffffff" stroke="#556677" stroke-dasharray="2 4"/>',
        f'<text x="{x + 8:.0f}" y="{y + 26:.0f}" fill="#444">{words}</text>',
    ]


def _box(graph: Graph, object_id: str, x: float, y: float) -> list[str]:
    obj = graph.objects[object_id]
    words = title(obj).split(" ")
    facts = " ".join(words[1:-1])
    colour = "#dcebfa" if object_id in graph.activities else "#f2efe6"
    if object_id == graph.root:
        colour = "#cdeccd"
    told, dashes = title(obj) + graph.made_by(object_id), ""
    if object_id in graph.flagged:
        told = f"{told}, {graph.flagged[object_id]}"
    if object_id in graph.deleted:
        told, dashes = f"{told}, {graph.deleted[object_id]}", ' stroke-dasharray="5 3"'
        colour = "#ffffff"
    return [
        f"<g><title>{_text(told)}</title>"
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{_WIDTH}" height="{_HEIGHT}" rx="6" '
        f'fill="{colour}" stroke="#556677"{dashes}/>',
        f'<text x="{x + 8:.0f}" y="{y + 18:.0f}" font-weight="bold">{_text(words[0])}</text>',
        f'<text x="{x + 8:.0f}" y="{y + 34:.0f}" fill="#444">{_text(facts[:34])}</text></g>',
    ]


def _text(text: str) -> str:
    """Return text as XML can hold it: a name from outside may have control characters."""
    return escape("".join(c if c.isprintable() else "?" for c in text))


def _levels(graph: Graph) -> list[list[str]]:
    """Return object_ids by level: what nothing was made from comes first."""
    level: dict[str, int] = {}
    sources: dict[str, list[str]] = {}
    for edge in graph.edges:
        sources.setdefault(edge.product, []).append(edge.target)
    for product in graph.hidden:
        sources.setdefault(product, []).append(_HIDDEN + product)
    for object_id, obj in graph.objects.items():
        if not isinstance(obj, SoftwareEnvironment):
            _level(object_id, sources, level)
    rows: list[list[str]] = [[] for _ in range(max(level.values()) + 1)]
    for object_id, number in level.items():
        rows[number].append(object_id)
    return _untangled(rows, sources)


def _untangled(rows: list[list[str]], sources: dict[str, list[str]]) -> list[list[str]]:
    """Order each row, from the product up, by where what is made from it stands."""
    users: dict[str, list[str]] = {}
    for product, targets in sources.items():
        for target in targets:
            users.setdefault(target, []).append(product)
    place: dict[str, float] = {}
    for row in reversed(rows):
        middle = {
            i: sum(place[u] for u in users.get(i, ())) / max(len(users.get(i, ())), 1) for i in row
        }
        row.sort(key=lambda object_id: middle[object_id])
        place.update({i: n - (len(row) - 1) / 2 for n, i in enumerate(row)})
    return rows


def _level(start: str, sources: dict[str, list[str]], level: dict[str, int]) -> None:
    """Set the level of an object: one more than the highest of its inputs. No recursion."""
    pending = [start]
    while pending:
        here = pending[-1]
        missing = [s for s in sources.get(here, ()) if s not in level]
        if missing:
            pending.extend(missing)
            continue
        level[here] = 1 + max((level[s] for s in sources.get(here, ())), default=-1)
        pending.pop()
