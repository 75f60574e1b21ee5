"""The rule by which a calibration is chosen, in plain Python: it knows no database.

Among calibrations that are valid, carry no blocking flag, cover the time, lead to the same place,
are of at least the product's category and within its scope, the newest creation wins; the smaller
object_id breaks ties. Where none fits, a link may name fallbacks.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, Protocol


class Span(NamedTuple):
    """A calibration as the rule sees it; times are microseconds of UTC since 1970.

    Attributes
    ----------
    key, object_id, class_name
        Which it is.
    created, start, end : int
        Time of commit, and the half-open validity.
    category : str
    place : str or None
        Digest or object_id of what ``same`` leads to.
    place_key : int or None
        Key of it; equal shared places may have several.
    owner, project, level, embargo
        Who may read it.
    verdict : int
        0 bad, 1 good, 2 proposed.
    is_usable : bool
        Judged good, and no flag blocks it.
    """

    key: int
    object_id: str
    class_name: str
    created: int
    start: int
    end: int
    category: str
    place: str | None
    place_key: int | None
    owner: int
    project: int
    level: int
    embargo: int | None
    verdict: int
    is_usable: bool

    @property
    def rank(self) -> tuple[int, str]:
        """What decides among those that fit: smaller is better."""
        return -self.created, self.object_id

    def covers(self, when: int) -> bool:
        """Tell whether a time is within the validity, its end not included."""
        return self.start <= when < self.end

    def gap(self, when: int) -> int:
        """Return how far a time is from the validity, 0 within."""
        return max(self.start - when, when - self.end + 1, 0)


class Readable(Protocol):
    """What says who may read something."""

    @property
    def owner(self) -> int: ...  # noqa: D102
    @property
    def project(self) -> int: ...  # noqa: D102
    @property
    def level(self) -> int: ...  # noqa: D102
    @property
    def embargo(self) -> int | None: ...  # noqa: D102


class Need(NamedTuple):
    """What a product asks of a link that has ``valid_at``.

    Attributes
    ----------
    when : int or None
        Microseconds of UTC; nothing covers an unknown time.
    category : str
    place : str or None
    owner, project, level : int
        Of the product: they say which calibrations it may use.
    members : frozenset of int, optional
        Keys of the pinned set, from which alone it is chosen.
    """

    when: int | None
    category: str
    place: str | None
    owner: int
    project: int
    level: int
    members: frozenset[int] | None = None

    def may_use(self, span: Readable, now: int) -> bool:
        """Tell whether a calibration is in the scope of the product's own project and level.

        A private product may use what its owner may read; what others read may only use what
        they read as well.
        """
        if span.level >= 3 and (span.embargo is None or span.embargo <= now):
            return True
        if span.level >= 2 and span.project == self.project:
            return True
        return self.level == 1 and span.owner == self.owner

    def admits(self, span: Span, now: int) -> bool:
        """Tell whether a calibration may be used, whatever its time and category."""
        return (
            span.is_usable
            and span.place == self.place
            and (self.members is None or span.key in self.members)
            and self.may_use(span, now)
        )


class Segment(NamedTuple):
    """A half-open stretch of time in which one calibration is chosen."""

    start: int
    end: int
    span: Span


def sweep(spans: Iterable[Span]) -> list[Segment]:
    """Return which of some calibrations is chosen when: in order of time, gaps left out.

    A sweep line over the starts and ends, with those that cover the present stretch on a heap by
    rank: n log n for n calibrations.
    """
    coming = sorted((s for s in spans if s.start < s.end), key=lambda s: s.start)
    edges = sorted({t for s in coming for t in (s.start, s.end)})
    open_now: list[tuple[tuple[int, str], Span]] = []
    found: list[Segment] = []
    arrived = 0
    for edge, following in pairwise(edges):
        while arrived < len(coming) and coming[arrived].start <= edge:
            heapq.heappush(open_now, (coming[arrived].rank, coming[arrived]))
            arrived += 1
        while open_now and open_now[0][1].end <= edge:
            heapq.heappop(open_now)
        if not open_now:
            continue
        best = open_now[0][1]
        if found and found[-1].span is best and found[-1].end == edge:
            found[-1] = found[-1]._replace(end=following)
        else:
            found.append(Segment(edge, following, best))
    return found


def gaps(segments: Iterable[Segment], start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a stretch of time that some segments, in order, leave open."""
    here = start
    for segment in segments:
        if segment.start >= end:
            break
        if segment.start > here:
            yield here, segment.start
        here = max(here, segment.end)
    if here < end:
        yield here, end


def eclipsed(spans: Iterable[Span]) -> set[int]:
    """Return the keys of those that a better one of the same place eclipses anywhere."""
    by_place: dict[str | None, list[Span]] = {}
    for span in spans:
        by_place.setdefault(span.place, []).append(span)
    found: set[int] = set()
    for of_place in by_place.values():
        won: dict[int, int] = {}
        for segment in sweep(of_place):
            key = segment.span.key
            won[key] = won.get(key, 0) + segment.end - segment.start
        found.update(s.key for s in of_place if won.get(s.key, 0) < s.end - s.start)
    return found


def choose(spans: Sequence[Span], needs: Sequence[Need], now: int) -> list[Span | None]:
    """Return for each need the calibration that fits and ranks first, None where none fits.

    Needs that differ by nothing but the time share one sweep.
    """
    groups: dict[tuple[Any, ...], list[int]] = {}
    for number, need in enumerate(needs):
        groups.setdefault(need[1:], []).append(number)
    chosen: list[Span | None] = [None] * len(needs)
    by_place: dict[str | None, list[Span]] = {}
    for span in spans:
        by_place.setdefault(span.place, []).append(span)
    for numbers in groups.values():
        group = needs[numbers[0]]
        fitting = [
            s
            for s in by_place.get(group.place, ())
            if s.category >= group.category and group.admits(s, now)
        ]
        if len(numbers) == 1:
            when = needs[numbers[0]].when
            covering = [s for s in fitting if when is not None and s.covers(when)]
            chosen[numbers[0]] = min(covering, key=lambda s: s.rank, default=None)
            continue
        timed = sorted((w, n) for w, n in ((needs[n].when, n) for n in numbers) if w is not None)
        segments = sweep(fitting)
        here = 0
        for when, number in timed:
            while here < len(segments) and segments[here].end <= when:
                here += 1
            if here < len(segments) and segments[here].start <= when:
                chosen[number] = segments[here].span
    return chosen


def fall_back(spans: Sequence[Span], need: Need, fallbacks: Sequence[str], now: int) -> Span | None:
    """Return what a need falls back to where nothing fits, by the first fallback that gives one.

    ``lower-category``
        Of those that cover the time and fit otherwise, the best category, then the newest.
    ``earlier``
        Of those that fit but ended before, the one that ended last, then the newest.
    ``nearest``
        Of those that fit but do not cover the time, the one that is nearest, then the newest.
    """
    when = need.when
    if when is None:
        return None
    usable = [s for s in spans if s.start < s.end and need.admits(s, now)]
    fitting = [s for s in usable if s.category >= need.category]
    for fallback in fallbacks:
        if fallback == "lower-category":
            found = [s for s in usable if s.covers(when)]
            found.sort(key=lambda s: s.rank)
            found.sort(key=lambda s: s.category, reverse=True)
        else:
            found = [s for s in fitting if fallback == "nearest" or s.end <= when]
            found.sort(key=lambda s: (s.gap(when), s.rank))
        if found:
            return found[0]
    return None
