"""What is wrong with the calibrations of a class: ties, gaps, eclipsed ones, bad ones in use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select

from ...persistent import tables
from ...persistent.attributes.codecs import time_to_microseconds
from ...persistent.session import Session
from ..keyset import listed
from ..product import CATEGORIES
from ..workplace import current_database
from .calibrations import Calibration
from .spans import now_of
from .timeline import fitting, iso, own_need, read_lanes
from .validity import Span, gaps, sweep


class Tie(NamedTuple):
    """Two calibrations that were made at one instant and overlap: only the object_id decides."""

    place: str
    chosen: Span
    other: Span
    start: int
    end: int


class Gap(NamedTuple):
    """A stretch of time for which there is no calibration."""

    place: str
    start: int
    end: int


class Use(NamedTuple):
    """A product whose calibration may not be chosen any more."""

    class_name: str
    object_id: str
    role: str
    calibration: Span


@dataclass(frozen=True)
class Conflicts:
    """What is wrong with the calibrations of a class.

    Attributes
    ----------
    class_name : str
    ties : list of Tie
    gaps : list of Gap
    eclipsed : list of (str, Span)
        Place, and a good calibration that is chosen at no time for products of any category.
    uses : list of Use
        Products that were made with a calibration that is now bad, proposed or flagged.
    """

    class_name: str
    ties: list[Tie]
    gaps: list[Gap]
    eclipsed: list[tuple[str, Span]]
    uses: list[Use]

    def __bool__(self) -> bool:
        return bool(self.ties or self.gaps or self.eclipsed or self.uses)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON holds it."""
        return {
            "class": self.class_name,
            "ties": [
                {
                    "place": t.place or None,
                    "chosen": t.chosen.object_id,
                    "other": t.other.object_id,
                    "creation_date": iso(t.chosen.created),
                    "start": iso(t.start),
                    "end": iso(t.end),
                }
                for t in self.ties
            ],
            "gaps": [
                {"place": g.place or None, "start": iso(g.start), "end": iso(g.end)}
                for g in self.gaps
            ],
            "eclipsed": [{"place": p or None, "object_id": s.object_id} for p, s in self.eclipsed],
            "uses": [
                {
                    "class": u.class_name,
                    "object_id": u.object_id,
                    "role": u.role,
                    "calibration": u.calibration.object_id,
                }
                for u in self.uses
            ],
        }


def find_conflicts(
    cls: type[Calibration],
    *,
    place: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    category: str = "B",
) -> Conflicts:
    """Return what is wrong with the calibrations of a class: two queries, however many there are.

    Parameters
    ----------
    cls : subclass of Calibration
    place : str, optional
        Only of the telescope, or other place, of this name.
    start, end : datetime, optional
        Where gaps are looked for; by default from the first calibration to the last.
    category : str
        Of the products for which gaps are looked for.
    """
    session = current_database()
    lanes = read_lanes(session, cls, place)
    now = now_of(session)
    ties: list[Tie] = []
    open_times: list[Gap] = []
    eclipsed: list[tuple[str, Span]] = []
    for name, spans in lanes:
        rounds = [sweep(fitting(spans, own_need(session, c), now)) for c in CATEGORIES]
        winners = {segment.span.key for segments in rounds for segment in segments}
        good = fitting(spans, own_need(session, CATEGORIES[0]), now)
        eclipsed += [(name, s) for s in good if s.key not in winners]
        ties += [Tie(name, *tie) for tie in _ties(good)]
        first = min(s.start for s in spans) if start is None else time_to_microseconds(start)
        last = max(s.end for s in spans) if end is None else time_to_microseconds(end)
        segments = rounds[CATEGORIES.index(category)]
        open_times += [Gap(name, *gap) for gap in gaps(segments, first, last)]
    unusable = {s.key: s for _, spans in lanes for s in spans if not s.is_usable}
    return Conflicts(cls.__name__, ties, open_times, eclipsed, _uses(session, unusable))


def _ties(spans: Iterable[Span]) -> Iterator[tuple[Span, Span, int, int]]:
    """Yield pairs made at one instant that overlap, the chosen one first, and where they do."""
    by_creation: dict[int, list[Span]] = {}
    for span in spans:
        by_creation.setdefault(span.created, []).append(span)
    for together in by_creation.values():
        together.sort(key=lambda s: s.start)
        open_now: list[Span] = []
        for span in together:
            open_now = [other for other in open_now if other.end > span.start]
            for other in open_now:
                chosen, lost = sorted((span, other), key=lambda s: s.rank)
                yield chosen, lost, span.start, min(span.end, other.end)
            open_now.append(span)


def _uses(session: Session, spans: dict[int, Span]) -> list[Use]:
    """Return the products that link some calibrations, in one query."""
    if not spans:
        return []
    d, p = tables.dep, tables.product
    statement = (
        select(p.c.class_name, p.c.object_id, d.c.role, d.c.target)
        .select_from(d.join(p, p.c.id == d.c.product))
        .where(d.c.target.in_(listed(session, sorted(spans))), d.c.is_input)
        .where(session.context.scope(p), session.context.living(p))
        .order_by(p.c.id)
    )
    with session.database.read() as connection:
        rows = connection.execute(statement).all()
    return [
        Use(name, str(UUID(bytes=bytes(raw))), role, spans[key]) for name, raw, role, key in rows
    ]
