"""Which calibrations of a class are chosen when: validity against creation, place by place."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select

from ...errors import BadValue, NotFound
from ...persistent import tables
from ...persistent.attributes.codecs import microseconds_to_time, time_to_microseconds
from ...persistent.classes.model import registry
from ...persistent.session import Session
from ..keyset import listed
from ..product import check_category
from ..workplace import current_database
from .calibrations import Calibration, pinned_keys
from .selection import existing
from .spans import now_of, read_spans
from .standin import rules_of
from .validity import Need, Segment, Span, gaps, sweep

LONG = 100
"""A validity so many times the usual one does not stretch the time that is shown."""


class Part(NamedTuple):
    """A stretch of a calibration's validity, and which one is chosen in it; None if none is."""

    start: int
    end: int
    chosen: Span | None


@dataclass(frozen=True)
class Bar:
    """One calibration of a timeline.

    Attributes
    ----------
    span : Span
    author : str
    state : str
        ``good``, ``bad``, ``proposed``, ``flagged``, ``lower category`` or ``out of reach``
        (outside the scope of a new product of yours, or not in the pinned set).
    parts : tuple of Part
        In order of time; together they are its validity.
    """

    span: Span
    author: str
    state: str
    parts: tuple[Part, ...]

    @property
    def chosen(self) -> list[Part]:
        """The parts in which it is chosen itself."""
        return [part for part in self.parts if part.chosen is self.span]

    def to_json(self) -> dict[str, Any]:
        """Return the bar as JSON holds it."""
        span = self.span
        return {
            "class": span.class_name,
            "object_id": span.object_id,
            "creation_date": iso(span.created),
            "author": self.author,
            "timestamp_start": iso(span.start),
            "timestamp_end": iso(span.end),
            "category": span.category,
            "state": self.state,
            "parts": [
                {
                    "start": iso(part.start),
                    "end": iso(part.end),
                    "chosen": None if part.chosen is None else part.chosen.object_id,
                }
                for part in self.parts
            ],
        }


@dataclass(frozen=True)
class Lane:
    """The calibrations of one place, such as a telescope.

    Attributes
    ----------
    place : str
        Its name, empty where calibrations have none.
    bars : list of Bar
        In order of creation.
    segments : list of Segment
        Which one is chosen when.
    """

    place: str
    bars: list[Bar]
    segments: list[Segment]

    def gaps(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return the stretches of a time in which no calibration is chosen."""
        return list(gaps(self.segments, start, end))

    def at(self, when: int) -> Span | None:
        """Return the calibration that is chosen at a time."""
        found = bisect_right(self.segments, when, key=lambda s: s.start) - 1
        if found < 0 or self.segments[found].end <= when:
            return None
        return self.segments[found].span


@dataclass(frozen=True)
class Timeline:
    """The calibrations of a class in a stretch of time, lane by lane.

    Attributes
    ----------
    class_name, category : str
        For which products of which category it is chosen.
    start, end : int
        What is shown, microseconds of UTC since 1970.
    at : int or None
        An instant that is asked for.
    lanes : list of Lane
    """

    class_name: str
    category: str
    start: int
    end: int
    at: int | None
    lanes: list[Lane]

    def to_json(self) -> dict[str, Any]:
        """Return the timeline as JSON holds it."""
        return {
            "class": self.class_name,
            "category": self.category,
            "start": iso(self.start),
            "end": iso(self.end),
            "places": [self._lane(lane) for lane in self.lanes],
        }

    def _lane(self, lane: Lane) -> dict[str, Any]:
        gaps = lane.gaps(self.start, self.end)
        answer: dict[str, Any] = {
            "place": lane.place or None,
            "calibrations": [bar.to_json() for bar in lane.bars],
            "gaps": [{"start": iso(a), "end": iso(b)} for a, b in gaps],
        }
        if self.at is not None:
            chosen = lane.at(self.at)
            answer["at"] = iso(self.at)
            answer["chosen"] = None if chosen is None else chosen.object_id
        return answer


def read_timeline(
    cls: type[Calibration],
    *,
    place: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    at: datetime | None = None,
    category: str = "B",
) -> Timeline:
    """Return which calibrations of a class a new product of yours would get when.

    Parameters
    ----------
    cls : subclass of Calibration
    place : str, optional
        Only of the telescope, or other place, of this name.
    start, end : datetime, optional
        What is shown; by default from the first calibration to the last.
    at : datetime, optional
        An instant that is asked for in particular.
    category : str
        Of the product: calibrations of a lower one are not chosen.

    Raises
    ------
    BadValue, NotFound
        No calibration class, or no calibration there.
    """
    session = current_database()
    check_category(category)
    by_place = read_lanes(session, cls, place)
    need = own_need(session, category)
    every = [span for _, spans in by_place for span in spans]
    authors = _authors(session, {s.owner for s in every})
    moment = None if at is None else time_to_microseconds(at)
    first, last = _shown(every, start, end, moment)
    lanes = []
    for name, spans in by_place:
        segments = sweep(fitting(spans, need, now_of(session)))
        seen = [s for s in spans if s.start < last and s.end > first]
        bars = [
            Bar(s, authors[s.owner], _state(s, need, now_of(session)), tuple(_parts(s, segments)))
            for s in sorted(seen, key=lambda s: (s.created, s.object_id))
        ]
        lanes.append(Lane(name, bars, segments))
    return Timeline(cls.__name__, category, first, last, moment, lanes)


def segments(calibrations: Iterable[Calibration]) -> list[tuple[datetime, datetime, Any]]:
    """Return (start, end, calibration) of every stretch in which one of some is chosen.

    Whether they are good, and for whom, is not asked: it is the rule of validity and creation.
    """
    known = list(calibrations)
    spans = [_plain_span(number, calibration) for number, calibration in enumerate(known)]
    return [
        (microseconds_to_time(s.start), microseconds_to_time(s.end), known[s.span.key])
        for s in sweep(spans)
    ]


def _plain_span(key: int, calibration: Any) -> Span:
    return Span(
        key=key,
        object_id=calibration.object_id,
        class_name=type(calibration).__name__,
        created=time_to_microseconds(calibration.creation_date),
        start=time_to_microseconds(calibration.timestamp_start),
        end=time_to_microseconds(calibration.timestamp_end),
        category=calibration.category,
        place=None,
        place_key=None,
        owner=0,
        project=0,
        level=0,
        embargo=None,
        verdict=1,
        is_usable=True,
    )


# what there is ---------------------------------------------------------------------------


def read_lanes(session: Session, cls: type[Any], place: str | None) -> list[tuple[str, list[Span]]]:
    """Return the calibrations of a class by place, with the name of each, in order of name.

    Of a class from which several derive that links choose, those of each have lanes of their own.

    Raises
    ------
    BadValue, NotFound
    """
    if not issubclass(cls, Calibration):
        raise BadValue(
            f"{cls.__name__} has no validity", expected="a class that derives from Calibration"
        )
    chosen = _chosen_classes(cls)
    if len(chosen) > 1:
        families = {part: tables.class_names(part) for part, _ in chosen}
        there = existing(session, itertools.chain(*families.values()))
        chosen = [(part, same) for part, same in chosen if there.intersection(families[part])]
    found: list[tuple[str, list[Span]]] = []
    known: set[str] = set()
    for part, same in chosen:
        by_place: dict[str | None, list[Span]] = {}
        for span in read_spans(session, part, same):
            by_place.setdefault(span.place, []).append(span)
        names = _names(session, {some[0].place_key for some in by_place.values()} - {None})
        known.update(names.values())
        for some in by_place.values():
            name = names.get(some[0].place_key, "")
            if place in (None, name):
                label = f"{part.__name__} {name}".rstrip() if len(chosen) > 1 else name
                found.append((label, some))
    if not found:
        where = "" if place is None else f" of {place}"
        raise NotFound(
            f"There is no {cls.__name__}{where} in your read scope",
            expected=f"one of {', '.join(sorted(known))}" if known else "",
            do="Make one, or ask for another class",
        )
    return sorted(found)


def _chosen_classes(cls: type[Any]) -> list[tuple[type[Any], str | None]]:
    """Return the classes among which links choose, with the path by which places are told apart.

    They are the classes that links declare, as far as they derive from the one asked for; it is
    asked for itself where a link declares a base of it, or none does.
    """
    rules = {(s.target, s.same) for product in registry.values() for s in rules_of(product)}
    own = [same for target, same in rules if issubclass(cls, target)]
    if own:
        return [(cls, min((same for same in own if same is not None), default=None))]
    below: dict[type[Any], str | None] = {}
    for target, same in rules:
        if issubclass(target, cls):
            below[target] = below.get(target) or same
    return sorted(below.items(), key=lambda entry: entry[0].__name__) or [(cls, None)]


def _names(session: Session, keys: set[Any]) -> dict[int | None, str]:
    """Return what places are called."""
    p = tables.product
    statement = select(p.c.id, p.c.class_name).where(p.c.id.in_(listed(session, sorted(keys))))
    with session.database.read() as connection:
        rows = [(key, name) for key, name in connection.execute(statement)]
    return {o.__dict__["_key"]: str(getattr(o, "name", o.object_id)) for o in session.load(rows)}


def _authors(session: Session, owners: set[int]) -> dict[int, str]:
    a = tables.account
    statement = select(a.c.id, a.c.name).where(a.c.id.in_(listed(session, sorted(owners))))
    with session.database.read() as connection:
        return {key: str(name) for key, name in connection.execute(statement)}


def own_need(session: Session, category: str) -> Need:
    """Return what a new product of yours would ask, whatever its time and place."""
    c = session.context
    return Need(None, category, None, c.owner_key, c.project_key, c.level, pinned_keys())


def fitting(spans: Iterable[Span], need: Need, now: int) -> list[Span]:
    """Return the calibrations that may be chosen for a need, whatever its time and place."""
    return [s for s in spans if _state(s, need, now) == "good"]


def _state(span: Span, need: Need, now: int) -> str:
    if span.verdict != 1:
        return "bad" if span.verdict == 0 else "proposed"
    if not span.is_usable:
        return "flagged"
    if span.category < need.category:
        return "lower category"
    return "good" if need._replace(place=span.place).admits(span, now) else "out of reach"


def _parts(span: Span, segments: Sequence[Segment]) -> Iterator[Part]:
    """Yield the stretches of a validity, each with what is chosen in it."""
    here = span.start
    number = max(bisect_right(segments, span.start, key=lambda s: s.start) - 1, 0)
    for segment in segments[number:]:
        if segment.start >= span.end:
            break
        if segment.end <= here:
            continue
        if segment.start > here:
            yield Part(here, segment.start, None)
        begin, here = max(segment.start, here), min(segment.end, span.end)
        yield Part(begin, here, segment.span)
    if here < span.end:
        yield Part(here, span.end, None)


def _shown(
    spans: Sequence[Span], start: datetime | None, end: datetime | None, at: int | None
) -> tuple[int, int]:
    """Return which time is shown: what was asked for, else what usual validities cover."""
    usual = sorted(s.end - s.start for s in spans)[len(spans) // 2]
    shown = [s for s in spans if s.end - s.start <= LONG * max(usual, 1)]
    moments = [*(s.start for s in shown), *(s.end for s in shown), *([] if at is None else [at])]
    first = min(moments) if start is None else time_to_microseconds(start)
    last = max(moments) if end is None else time_to_microseconds(end)
    if first >= last:
        raise BadValue(
            f"The time from {iso(first)} to {iso(last)}", expected="an end after the start"
        )
    return first, last


def iso(moment: int) -> str:
    """Return a time as ISO 8601 says it."""
    return microseconds_to_time(moment).isoformat()
