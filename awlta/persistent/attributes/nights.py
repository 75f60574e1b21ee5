"""Nights: a date names the time from noon to noon at the site, and a class says what is its time.

Times are stored in UTC. The night of 2026-03-01 at La Palma (Atlantic/Canary) begins at noon of
that day and ends at noon of the next; it has 23 or 25 hours where the clock is set in between.
Where an object tells no site, noon is noon of UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ...errors import BadValue, QueryError
from .sky import located

NOON = time(12)


@dataclass(frozen=True)
class Night:
    """The night of a date: half-open, its first instant included, its last not.

    Attributes
    ----------
    date : date
        Day of the evening, at the site.
    zone : str or None
        Time zone of the site; None stands for UTC.
    begin, end : datetime, UTC
    """

    date: date
    zone: str | None
    begin: datetime
    end: datetime

    def __contains__(self, when: datetime) -> bool:
        return self.begin <= when < self.end

    def __str__(self) -> str:
        site = zone_of(self.zone)
        local = [f"{t.astimezone(site):%Y-%m-%d %H:%M %Z}" for t in (self.begin, self.end)]
        both = [
            f"{there} ({t:%Y-%m-%d %H:%M} UTC)" if self.zone else there
            for there, t in zip(local, (self.begin, self.end), strict=True)
        ]
        return f"night of {self.date} at {self.zone or 'UTC'}: {both[0]} to {both[1]}"


def zone_of(name: str | None) -> Any:
    """Return a time zone by its name in the IANA database; None is UTC.

    Raises
    ------
    BadValue
        There is none of that name.
    """
    try:
        return UTC if name is None else ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not there, not a name, the name of a folder
        raise BadValue(
            f"There is no time zone {name!r}",
            expected="a name of the IANA database, such as Atlantic/Canary",
        ) from None


def night(day: date | str, zone: str | None) -> Night:
    """Return the night of a date at a site.

    >>> print(night("2026-03-28", "Atlantic/Canary").end)
    2026-03-29 11:00:00+00:00
    """
    day, site = date_of(day), zone_of(zone)
    begin, end = (
        datetime.combine(d, NOON, site).astimezone(UTC) for d in (day, day + timedelta(days=1))
    )
    return Night(day, zone, begin, end)


def date_of(day: date | str) -> date:
    """Return a date from itself or from ISO text.

    Raises
    ------
    QueryError
        It is none; a time is not taken for its date, since it may be of the night before.
    """
    try:
        if isinstance(day, date) and not isinstance(day, datetime):
            found = day
        elif isinstance(day, str):
            found = date.fromisoformat(day)
        else:
            raise ValueError
        if date.min < found < date.max - timedelta(days=1):
            return found
    except ValueError:
        pass
    raise QueryError(
        f"{day!r} is no date", expected="the date of the evening, such as '2026-03-01'"
    )


def date_at(when: datetime, zone: str | None) -> date:
    """Return the date of the night that a time is in, at a site."""
    return (when.astimezone(zone_of(zone)) - timedelta(hours=12)).date()


def time_of(cls: type[Any]) -> tuple[tuple[Any, ...], Any, tuple[Any, ...], Any]:
    """Return where the time of a class is, and where its time zone.

    Returns
    -------
    steps, time, zone_steps, zone
        Links that lead to the object with the time, its attribute; links that lead from there
        to the object with the time zone, its attribute.

    Raises
    ------
    QueryError
        The class declares none.
    """
    for steps, there in located(cls):
        attributes: Any = there.__attributes__
        for attribute in attributes.values():
            if attribute.night:
                return steps, attribute, *_walk(there, attribute)
    raise QueryError(
        f"{cls.__name__} does not say which of its times is that of a night",
        expected='a time with night="telescope.site.time_zone", or a link with locates=True',
        do="Compare one of its times, or walk by links to a class that says it",
    )


def _walk(cls: type[Any], attribute: Any) -> tuple[tuple[Any, ...], Any]:
    """Return the links and the attribute of the path to the time zone."""
    *names, last = attribute.night.split(".")
    here: Any = cls
    steps: list[Any] = []
    for name in names:
        step = here.__links__.get(name)
        if step is None:
            break
        steps.append(step)
        here = step.target
    zone = here.__attributes__.get(last)
    if len(steps) < len(names) or zone is None or any(s.many for s in steps):
        raise BadValue(
            f"{attribute.place} has night={attribute.night!r}",
            expected="a path by to-one links to the name of a time zone",
        )
    return tuple(steps), zone
