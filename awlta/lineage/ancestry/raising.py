"""What would be raised with an object that is published, and all that speaks against it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, and_, func, select

from ...config import PRIVILEGES
from ...persistent import tables
from ...persistent.attributes.codecs import microseconds_to_time, time_to_microseconds
from ...persistent.context import OBSERVATORY, Membership, memberships
from ...persistent.session import Session
from ..quality.quality import newest
from ..quality.standing import chunks
from .closure import hidden_inputs, related
from .graph import hidden_words


@dataclass(frozen=True)
class Audience:
    """Who reads an object: its level, and from when on it counts for others.

    Attributes
    ----------
    level : int
    embargo : int or None
        Microseconds of UTC; None for at once.
    """

    level: int
    embargo: int | None

    def widened(self, to: Audience) -> Audience:
        """Return this audience made as wide as another, never narrower than it is."""
        if to.level < OBSERVATORY or self.level < OBSERVATORY:
            return max(self, to, key=lambda audience: audience.level)
        embargo = None
        if self.embargo is not None and to.embargo is not None:
            embargo = min(self.embargo, to.embargo)
        return Audience(max(self.level, to.level), embargo)

    def conflict(self, to: Audience) -> str:
        """Return why one embargo cannot say both audiences, empty if it can."""
        if min(self.level, to.level) < OBSERVATORY:
            return ""
        if self.embargo is None and to.embargo is not None and self.level < to.level:
            return f"is open at level {self.level} already, which an embargo would take back"
        is_held = self.embargo is not None and (to.embargo is None or to.embargo < self.embargo)
        if self.embargo is not None and is_held and self.level > to.level:
            until = microseconds_to_time(self.embargo)
            return f"is held at level {self.level} until {until:%Y-%m-%d %H:%M} UTC"
        return ""


@dataclass(frozen=True)
class Candidate:
    """A product as publishing looks at it: whose it is, who reads it, what is said of it."""

    key: int
    class_name: str
    object_id: str
    owner: int
    user: str
    project: int
    now: Audience
    target: Audience
    activity: int | None
    faults: tuple[str, ...]

    @property
    def words(self) -> str:
        """Class and short identity."""
        return f"{self.class_name} [{self.object_id[-12:]}]"

    @property
    def is_rising(self) -> bool:
        """Whether more people would read it."""
        return self.target != self.now

    def refusals(self, wanted: Audience, account: int, place: Membership) -> list[str]:
        """Return why a user may not raise it."""
        found = []
        conflict = self.now.conflict(wanted)
        if conflict:
            found.append(f"{self.words} {conflict}")
        if not self.is_rising:
            return found
        if self.target.level > place.max_level:
            found.append(f"{self.words} belongs to {place.project}, up to level {place.max_level}")
        elif not place.may_raise(self.owner == account, self.target.level):
            found.append(
                f"{self.words} belongs to {self.user} in {place.project}, which you do not manage: "
                f"ask {place.who_decides}"
            )
        return found


@dataclass(frozen=True)
class Rise:
    """One object whose level is raised, in words.

    Attributes
    ----------
    class_name, object_id, user, project : str
    old, new : int
        Levels before and after.
    """

    class_name: str
    object_id: str
    user: str
    project: str
    old: int
    new: int

    def __str__(self) -> str:
        levels = " to ".join(f"{n} ({PRIVILEGES[n]})" for n in (self.old, self.new))
        name = f"{self.class_name} [{self.object_id[-12:]}]"
        return f"{name} of {self.user} in {self.project}: {levels}"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        told = dict(vars(self))
        return {"class": told.pop("class_name"), **told}


@dataclass(frozen=True)
class Survey:
    """What would be raised, what speaks against it, and how many records of runs are left."""

    rising: tuple[tuple[Rise, Candidate], ...]
    reasons: tuple[str, ...]
    n_left: int


def survey(session: Session, key: int, wanted: Audience) -> Survey:
    """Find out what is raised with an object; a query a table, whatever the number of ancestors."""
    account = session.context.owner_key
    keys = [*(k for k, _ in related(session, [key], down=False)), key]
    hidden = {target for _, target in hidden_inputs(session, keys)}
    with session.database.read() as connection:
        whole = _candidates(session, connection, keys, wanted)
        named = _records(connection, whole) - set(keys)
        records = _candidates(session, connection, named, wanted)
        places = memberships(connection, account, {c.project for c in (*whole, *records)})
    reasons = [hidden_words(len(hidden)) + ", not yours to read"] if hidden else []
    if all(candidate.key != key for candidate in whole):
        reasons.append("it is outside your read scope: look at user and project ('awlta status')")
    for candidate in whole:
        reasons += [f"{candidate.words} {fault}" for fault in candidate.faults]
        reasons += candidate.refusals(wanted, account, places[candidate.project])
    low = [c for c in records if c.is_rising]
    mine = [c for c in low if not c.refusals(wanted, account, places[c.project])]
    rising = [*mine, *(c for c in whole if c.is_rising)]
    n_left = len(low) - len(mine) + len(named) - len(records)
    return Survey(tuple((_rise(c, places), c) for c in rising), tuple(reasons), n_left)


def _rise(candidate: Candidate, places: Mapping[int, Membership]) -> Rise:
    c = candidate
    name = places[c.project].project
    return Rise(c.class_name, c.object_id, c.user, name, c.now.level, c.target.level)


def _records(connection: Connection, candidates: Collection[Candidate]) -> set[int]:
    """Return the releases and environments of the runs that made some products."""
    a = tables.activity
    found: set[int] = set()
    for part in chunks([c.activity for c in candidates if c.activity is not None]):
        statement = select(a.c.release, a.c.environment).where(a.c.id.in_(part))
        for row in connection.execute(statement):
            found.update(key for key in row if key is not None)
    return found


def _candidates(
    session: Session, connection: Connection, keys: Collection[int], wanted: Audience
) -> list[Candidate]:
    """Return products with what is said of them, in the order in which they were made."""
    p, j, a = tables.product, tables.activity, tables.account
    columns = (p.c.id, p.c.class_name, p.c.object_id, p.c.owner, a.c.name, p.c.project)
    more = (p.c.level, p.c.embargo, p.c.activity, j.c.interactive)
    verdict, flags = newest(p, "verdict", "value"), newest(p, "flags", "value")
    is_overruled = and_(
        func.coalesce(newest(p, "verdict", "reason"), "") != "",
        func.coalesce(newest(p, "verdict", "id"), 0) > func.coalesce(newest(p, "flags", "id"), 0),
    )
    is_blocked = and_(func.coalesce(flags, 0) < 0, ~is_overruled)
    said = (func.coalesce(verdict, 1) == 0, is_blocked, session.context.living(p))
    now = time_to_microseconds(datetime.now(UTC))
    found = []
    for part in chunks(sorted(keys)):
        statement = (
            select(*columns, *more, *said)
            .join_from(p, a, a.c.id == p.c.owner)
            .join(j, j.c.id == p.c.activity, isouter=True)
            .where(p.c.id.in_(part), session.context.scope(p))
            .order_by(p.c.id)
        )
        for row in connection.execute(statement):
            key, name, raw, owner, user, project, level, embargo, activity, typed, *marks = row
            is_bad, is_blocked_now, is_living = marks
            is_wide = wanted.level >= OBSERVATORY  # the project itself may look at anything
            faults = (
                (is_wide and is_bad, "was judged bad"),
                (is_wide and is_blocked_now, "has a flag that blocks it"),
                (is_wide and typed, "was made by code that was typed at a prompt"),
                (not is_living, "is deleted"),
            )
            held = Audience(level, embargo if embargo is not None and embargo > now else None)
            found.append(
                Candidate(
                    key,
                    name,
                    str(UUID(bytes=bytes(raw))),
                    owner,
                    user,
                    project,
                    held,
                    held.widened(wanted),
                    activity,
                    tuple(words for is_so, words in faults if is_so),
                )
            )
    return found
