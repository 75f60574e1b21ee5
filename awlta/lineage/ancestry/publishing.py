"""Publishing: an object, and what it was made from, are given to more people.

The level of the object is raised, and with it that of every ancestor that fewer could read: who
reads a product reads what it is made from. All reasons against it are told at once, and nothing
is done if there is one. A level is never lowered. An embargo holds the new level back from
others until its date, and ends by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Table, update

from ...config import PRIVILEGES
from ...errors import BadValue, NotMade, Refused
from ...persistent import Persistent, find_class, tables
from ...persistent.attributes.codecs import microseconds_to_time, time_to_microseconds
from ...persistent.classes.unit import Unit
from ...persistent.context import OBSERVATORY, PROJECT
from ...persistent.engine.retry import retried
from ...persistent.session import Session
from ..past import instant
from ..quality.standing import Subject, append, chunks
from .raising import Audience, Candidate, Rise, Survey, survey


@dataclass(frozen=True)
class Publication:
    """What was published, or would be.

    Attributes
    ----------
    level : int
    embargo : datetime or None
    raised : tuple of Rise
        Ancestors first, the object asked for among the last.
    reasons : tuple of str
        Why it cannot be done; empty where it can.
    n_left : int
        Releases and environments of the runs that stay as they are, since they belong to others.
    is_done : bool
    """

    level: int
    embargo: datetime | None
    raised: tuple[Rise, ...]
    reasons: tuple[str, ...]
    n_left: int
    is_done: bool = False

    def __str__(self) -> str:
        until = f", for others from {self.embargo:%Y-%m-%d %H:%M} UTC" if self.embargo else ""
        place = f"level {self.level} ({PRIVILEGES[self.level]}){until}"
        lines = [f"{'Published' if self.is_done else 'To be published'} at {place}:"]
        if not self.raised:
            lines = [f"All of it is at {place} or above already"]
        lines += [f"  {one}" for one in self.raised]
        if self.n_left:
            lines.append(f"  {self.n_left} release(s) or environment(s) of others stay as they are")
        lines += [f"  refused: {reason}" for reason in self.reasons]
        return "\n".join(lines)

    __repr__ = __str__

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "level": self.level,
            "embargo": None if self.embargo is None else self.embargo.isoformat(),
            "raised": [one.to_json() for one in self.raised],
            "reasons": list(self.reasons),
            "left": self.n_left,
            "done": self.is_done,
        }


@retried
def publish(
    session: Session,
    obj: Persistent,
    level: int,
    embargo: str | date | None = None,
    *,
    reason: str = "",
    dry_run: bool = False,
) -> Publication:
    """Raise the level of an object and of its ancestors, all or nothing.

    Parameters
    ----------
    session : Session
    obj : Persistent
        Committed.
    level : int
        2 (project) to 5 (VO).
    embargo : str or date, optional
        Others read it from then on; for levels from 3. Of a day its beginning, UTC.
    reason : str
        Kept with the new level.
    dry_run : bool
        Tell what would be raised, and every reason against it, and do nothing.

    Raises
    ------
    BadValue, NotMade
        The level, the date or the object cannot be.
    Refused
        With every reason.
    """
    until = _checked(obj, level, embargo)
    audience = Audience(level, None if until is None else time_to_microseconds(until))
    if dry_run:
        return _told(until, audience, survey(session, obj.__dict__["_key"], audience))
    with session.unit(durable=True) as unit:
        found = survey(session, obj.__dict__["_key"], audience)
        if found.reasons:
            raise Refused(
                f"{type(obj).__name__} {obj.object_id} cannot be published at level {level}:"
                + "".join(f"\n  - {one}" for one in found.reasons)
                + "\n",
                expected="good products in projects that you manage, made from what you may read",
                do="Mend each of these first",
                reasons=list(found.reasons),
            )
        _write(unit, [candidate for _, candidate in found.rising], reason)
    return replace(_told(until, audience, found), is_done=True)


def _told(until: datetime | None, audience: Audience, found: Survey) -> Publication:
    raised = tuple(rise for rise, _ in found.rising)
    return Publication(audience.level, until, raised, found.reasons, found.n_left)


def _checked(obj: Persistent, level: int, embargo: str | date | None) -> datetime | None:
    """Return the end of the embargo; raise where the call cannot be right."""
    if not isinstance(obj, Persistent):
        raise BadValue(f"{obj!r} was to be published", expected="one object that is committed")
    if "_key" not in obj.__dict__:
        raise NotMade(f"{obj!r} cannot be published yet", do="Make it, or commit it, first")
    if type(level) is not int or level not in PRIVILEGES or level < PROJECT:
        raise BadValue(f"Nothing is published at level {level!r}", expected="2 (project) to 5 (VO)")
    if embargo is None:
        return None
    until = instant(embargo)
    if level < OBSERVATORY:
        raise BadValue(
            f"An embargo was given with level {level}, which the project reads at once",
            expected="level 3 (observatory) or above",
        )
    if until <= datetime.now(UTC):
        raise BadValue(f"The embargo would have ended at {until}", expected="a date to come")
    return until


def _write(unit: Unit, rising: Sequence[Candidate], reason: str) -> None:
    """Raise all rows of some products, table by table, and say so in their standing."""
    for audience, some in groupby(sorted(rising, key=_by_audience), lambda c: c.target):
        for table, column, keys in _places(list(some)):
            for part in chunks(keys):
                values = {"level": audience.level, "embargo": audience.embargo}
                unit.connection.execute(update(table).where(column.in_(part)).values(**values))
    said = {
        Subject(c.key, c.class_name, c.owner, c.project, c.target.level, c.target.embargo): (
            c.target.level,
            _detail(c.target),
        )
        for c in rising
    }
    append(unit, "level", unit.context.user, reason, said)


def _by_audience(candidate: Candidate) -> tuple[int, int]:
    return candidate.target.level, candidate.target.embargo or 0


def _detail(audience: Audience) -> str:
    until = None
    if audience.embargo is not None:
        until = microseconds_to_time(audience.embargo).isoformat()
    return json.dumps({"embargo": until})


def _places(some: Sequence[Candidate]) -> Iterator[tuple[Table, Any, list[int]]]:
    """Yield every table with rows of some products, the column that finds them, and its values."""
    keys = [c.key for c in some]
    p, d, f, a = tables.product, tables.dep, tables.file, tables.activity
    yield p, p.c.id, keys
    yield d, d.c.product, keys
    yield f, f.c.product, keys
    yield a, a.c.id, [c.activity for c in some if c.activity is not None]
    of_class: dict[str, list[int]] = {}
    for c in some:
        of_class.setdefault(c.class_name, []).append(c.key)
    for name, members in of_class.items():
        for _, table in tables.class_tables(find_class(name)):
            yield table, table.c.id, members
