"""A timeline of calibrations for people: as text, and as a picture.

Time runs to the right, and each calibration has a row, in order of creation: the newest on top,
as a later one eclipses an earlier one. In the picture what is chosen is tall and blue, what is
eclipsed low and grey, what may not be chosen hatched, so that no meaning hangs on colour alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from xml.sax.saxutils import escape

from ...persistent.attributes.codecs import microseconds_to_time
from .timeline import Bar, Lane, Part, Timeline

LETTERS = {
    "good": " ",
    "bad": "b",
    "proposed": "p",
    "flagged": "f",
    "lower category": "c",
    "out of reach": "o",
}
"""State of a calibration to the letter before its bar in the text."""

MEANING = {
    "bad": "judged bad",
    "proposed": "proposed, not accepted yet",
    "flagged": "carries a blocking flag",
    "lower category": "its category is too low",
    "out of reach": "outside your scope, or not in the pinned set",
}

_STEPS = [
    *(timedelta(seconds=n) for n in (1, 5, 15, 30)),
    *(timedelta(minutes=n) for n in (1, 5, 15, 30)),
    *(timedelta(hours=n) for n in (1, 3, 6, 12)),
    *(timedelta(days=n) for n in (1, 2, 7, 14, 28, 91, 182, 365, 1826, 3652)),
]


def ticks(start: int, end: int, most: int) -> list[tuple[int, str]]:
    """Return at most so many round times within a stretch, each with its label."""
    span = timedelta(microseconds=end - start)
    step = next((s for s in _STEPS if span / s <= most - 1), 10 * _STEPS[-1])
    size = step // timedelta(microseconds=1)
    first = -(-start // size) * size
    form = "%m-%d %H:%M" if step >= timedelta(hours=1) else "%H:%M:%S"
    if step >= timedelta(days=1):
        form = "%Y-%m-%d"
    return [(t, f"{microseconds_to_time(t):{form}}") for t in range(first, end, size)]


# text ------------------------------------------------------------------------------------


def text(timeline: Timeline, width: int = 100) -> str:
    """Return a timeline as text: █ chosen, ░ eclipsed, × may not be chosen, · nothing fits.

    Parameters
    ----------
    timeline : Timeline
    width : int
        Columns that it takes.
    """
    chart = _TextChart(timeline, max(width, 60))
    lines = [
        f"{timeline.class_name} for products of category {timeline.category}, "
        f"{_minute(timeline.start)} to {_minute(timeline.end)} UTC"
    ]
    for lane in timeline.lanes:
        lines += ["", *chart.lane(lane)]
    states = {bar.state for lane in timeline.lanes for bar in lane.bars}
    lines += ["", "█ chosen  ░ eclipsed  × not to be chosen  · nothing is chosen"]
    lines += [f"{LETTERS[s]} {MEANING[s]}" for s in MEANING if s in states]
    return "\n".join(lines)


class _TextChart:
    """Rows of characters for the time of a timeline."""

    HEAD = 34

    def __init__(self, timeline: Timeline, width: int) -> None:
        self.timeline = timeline
        self.n = width - self.HEAD

    def column(self, moment: int) -> int:
        """Return in which column a time lies; it may be left or right of all."""
        start, end = self.timeline.start, self.timeline.end
        return (moment - start) * self.n // (end - start)

    def lane(self, lane: Lane) -> Iterator[str]:
        """Yield the lines of one place: axis, calibrations from the newest on, what is chosen."""
        yield f"{lane.place[: self.HEAD - 1]:<{self.HEAD}}{self._axis()}"
        for bar in reversed(lane.bars):
            span = bar.span
            made = f"{microseconds_to_time(span.created):%Y-%m-%d %H:%M}"
            head = f"{span.object_id[-12:]} {made} {span.category}{LETTERS[bar.state]} "
            yield f"{head:<{self.HEAD}}{self._bar(bar)}".rstrip()
        if lane.gaps(self.timeline.start, self.timeline.end):
            yield f"{'nothing is chosen':<{self.HEAD}}{self._gaps(lane)}".rstrip()
        if self.timeline.at is not None:
            chosen = lane.at(self.timeline.at)
            name = "nothing" if chosen is None else chosen.object_id
            yield f"at {_minute(self.timeline.at)}: {name}"

    def _axis(self) -> str:
        cells = [" "] * self.n
        for moment, label in ticks(self.timeline.start, self.timeline.end, self.n // 12):
            column = self.column(moment)
            if column + len(label) + 1 <= self.n:
                cells[column : column + len(label) + 1] = f"|{label}"
        return "".join(cells).rstrip()

    def _bar(self, bar: Bar) -> str:
        cells = [" "] * self.n
        for sign, parts in (("░", bar.parts), ("█", bar.chosen)):
            for part in parts:
                self._fill(cells, part.start, part.end, "×" if bar.state != "good" else sign)
        at = self.timeline.at
        if at is not None and 0 <= self.column(at) < self.n and cells[self.column(at)] == " ":
            cells[self.column(at)] = "┊"
        return "".join(cells)

    def _gaps(self, lane: Lane) -> str:
        cells = [" "] * self.n
        for start, end in lane.gaps(self.timeline.start, self.timeline.end):
            self._fill(cells, start, end, "·")
        return "".join(cells)

    def _fill(self, cells: list[str], start: int, end: int, sign: str) -> None:
        """Put a sign into every column that a stretch touches, at least one if it is in sight."""
        first, last = self.column(start), self.column(end - 1)
        for column in range(max(first, 0), min(last, self.n - 1) + 1):
            cells[column] = sign


# picture ---------------------------------------------------------------------------------

_LEFT, _RIGHT, _WIDTH = 350, 40, 1100
_TOP, _HEADER, _ROW, _FOOT = 64, 56, 22, 60
_COLUMNS = {"made": 20, "object_id": 138, "category": 240}

_BLUE, _GREY, _RUST = "#0b5fa5", "#777", "#a83c00"

_HATCH = f"""\
<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse"
 patternTransform="rotate(45)"><rect width="6" height="6" fill="#fff"/>
<line x1="0" y1="0" x2="0" y2="6" stroke="{_RUST}" stroke-width="2.5"/></pattern></defs>"""

_LOOKS = {
    "chosen": f'height="17" fill="{_BLUE}" stroke="#06365f"',
    "eclipsed by a later one": f'height="7" fill="{_GREY}"',
    "not to be chosen": f'height="13" fill="url(#hatch)" stroke="{_RUST}"',
    "nothing is chosen": f'height="9" fill="#fff" stroke="{_RUST}" stroke-dasharray="3 2"',
}
_CHOSEN, _ECLIPSED, _UNFIT, _GAP = _LOOKS.values()


def svg(timeline: Timeline) -> str:
    """Return a timeline as SVG: x is the validity, y the creation; each bar tells why."""
    picture = _Picture(timeline)
    height = _TOP + sum(map(_height, timeline.lanes)) + _FOOT
    title = f"{timeline.class_name}: validity against creation"
    about = f"for products of category {timeline.category}, times are UTC"
    if timeline.at is not None:
        about += f"; dashed: {_minute(timeline.at)}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" font-family="sans-serif" font-size="12" role="img">',
        f"<title>{_xml(title)}</title>",
        _HATCH,
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="20" y="28" font-size="17" font-weight="bold">{_xml(title)}</text>',
        f'<text x="20" y="48" fill="#444">{about}</text>',
    ]
    top = _TOP
    for lane in timeline.lanes:
        lines += picture.lane(lane, top)
        top += _height(lane)
    return "\n".join([*lines, *_legend(top + 30), "</svg>", ""])


def _height(lane: Lane) -> int:
    return _HEADER + _ROW * (len(lane.bars) + 1)


class _Picture:
    """The parts of the picture of a timeline."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline

    def x(self, moment: int) -> float:
        """Return where a time lies, cut at the edges."""
        start, end = self.timeline.start, self.timeline.end
        share = (min(max(moment, start), end) - start) / (end - start)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def lane(self, lane: Lane, top: int) -> Iterator[str]:
        """Yield one place: its axis, the calibrations from the newest on, what is chosen."""
        first, bottom = top + _HEADER, top + _height(lane)
        yield _label(20, top + 22, lane.place, 'font-size="14" font-weight="bold"')
        for name, left in _COLUMNS.items():
            yield _label(left, top + 46, name, 'font-size="11" fill="#666"')
        for moment, label in ticks(self.timeline.start, self.timeline.end, 8):
            x = self.x(moment)
            yield f'<path d="M{x:.1f} {first - 6}V{bottom}" stroke="#ddd"/>'
            yield _label(x, top + 46, label, 'text-anchor="middle" fill="#444"')
        at = self.timeline.at
        chosen = None if at is None else lane.at(at)
        for number, bar in enumerate(reversed(lane.bars)):
            yield from self._row(bar, first + number * _ROW, bar.span is chosen)
        yield from self._strip(lane, bottom - _ROW)
        if at is not None and self.timeline.start <= at < self.timeline.end:
            told = "nothing is chosen" if chosen is None else f"chosen: {chosen.object_id}"
            yield (
                f'<path d="M{self.x(at):.1f} {first - 6}V{bottom}" stroke="#111" '
                f'stroke-width="1.5" stroke-dasharray="5 3"><title>{told}</title></path>'
            )

    def _row(self, bar: Bar, top: int, is_chosen: bool) -> Iterator[str]:
        span = bar.span
        weight = ' font-weight="bold"' if is_chosen else ""
        state = "" if bar.state == "good" else f", {_SHORT[bar.state]}"
        made = f"{microseconds_to_time(span.created):%Y-%m-%d %H:%M}"
        for name, told in zip(
            _COLUMNS, (made, span.object_id[-12:], span.category + state), strict=True
        ):
            yield _label(_COLUMNS[name], top + 15, told, f'font-size="11" fill="#222"{weight}')
        yield "<g>"
        yield f"<title>{_xml(_story(bar))}</title>"
        if bar.state != "good":
            yield from self._rect(span.start, span.end, top + 4, _UNFIT)
        for part in bar.parts if bar.state == "good" else ():
            if part.chosen is span:
                yield from self._rect(part.start, part.end, top + 2, _CHOSEN)
            else:
                yield from self._rect(part.start, part.end, top + 7, _ECLIPSED)
        yield "</g>"
        middle = top + 10.5
        if span.start < self.timeline.start:
            yield f'<path d="M{_LEFT - 2} {middle - 5}l-7 5l7 5z" fill="#444"/>'
        if span.end > self.timeline.end:
            yield f'<path d="M{_WIDTH - _RIGHT + 2} {middle - 5}l7 5l-7 5z" fill="#444"/>'

    def _rect(self, start: int, end: int, y: int, look: str, told: str = "") -> Iterator[str]:
        """Yield a stretch of time, if it is in sight."""
        if end > self.timeline.start and start < self.timeline.end:
            x, width = self.x(start), max(self.x(end) - self.x(start), 1.5)
            title = f"<title>{_xml(told)}</title>" if told else ""
            yield f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" {look}>{title}</rect>'

    def _strip(self, lane: Lane, top: int) -> Iterator[str]:
        """Yield the row of what is chosen, with the gaps."""
        yield _label(20, top + 15, "what is chosen", 'font-size="11" fill="#222"')
        strip = f'height="5" fill="{_BLUE}" stroke="#fff"'
        for segment in lane.segments:
            when = f"{_minute(segment.start)} to {_minute(segment.end)}"
            told = f"{segment.span.object_id}, {when}"
            yield from self._rect(segment.start, segment.end, top + 8, strip, told)
        for start, end in lane.gaps(self.timeline.start, self.timeline.end):
            told = f"nothing is chosen from {_minute(start)} to {_minute(end)}"
            yield from self._rect(start, end, top + 6, _GAP, told)


_SHORT = {
    "bad": "bad",
    "proposed": "proposed",
    "flagged": "flagged",
    "lower category": "too low",
    "out of reach": "no access",
}


def _legend(top: int) -> Iterator[str]:
    """Yield what the looks mean."""
    for number, (meaning, look) in enumerate(_LOOKS.items()):
        height = int(look.split('"')[1])
        yield f'<g transform="translate({20 + number * 210} {top})">'
        yield f'<rect y="{-height / 2:g}" width="30" {look}/>{_label(38, 4, meaning, "")}</g>'


def _label(x: float, y: int, told: str, look: str) -> str:
    return f'<text x="{x:.1f}" y="{y}" {look}>{_xml(told)}</text>'


def _story(bar: Bar) -> str:
    """Return what is known of a calibration, and what became of each part of its validity."""
    span = bar.span
    lines = [
        f"{span.class_name} {span.object_id}",
        f"made {_minute(span.created)} by {bar.author}, category {span.category}",
        f"valid {_minute(span.start)} to {_minute(span.end)}",
    ]
    if bar.state != "good":
        return "\n".join([*lines, f"not chosen: {MEANING[bar.state]}"])
    return "\n".join([*lines, *(_became(part, bar) for part in bar.parts)])


def _became(part: Part, bar: Bar) -> str:
    when = f"{_minute(part.start)} to {_minute(part.end)}"
    if part.chosen is None or part.chosen is bar.span:
        return f"chosen {when}: the newest that fits"
    winner = part.chosen
    return f"eclipsed {when} by {winner.object_id}, made {_minute(winner.created)}"


def _minute(moment: int) -> str:
    return f"{microseconds_to_time(moment):%Y-%m-%d %H:%M}"


def _xml(text: str) -> str:
    """Return text as XML can hold it: a name from outside may have control characters."""
    return escape("".join(c if c.isprintable() or c == "\n" else "?" for c in text))
