"""Who asks, what they may read, and what they may make: user, project, level of privilege.

An object is in the read scope if it is yours, or of your project at level 2 (project), or at
level 3 (observatory) and above once its embargo is over. New objects belong to a project that
one is a member of, or that is open to all, at a level that the project allows; whoever does not
manage it makes them at level 1 or 2. This is the one place where that is decided: queries take
the rule as a condition, and PostgreSQL's row security is written from the same functions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FunctionElement,
    and_,
    or_,
    select,
    true,
)
from sqlalchemy.ext.compiler import compiles

from ..config import PRIVILEGES
from ..errors import Refused
from . import tables
from .attributes.codecs import time_to_microseconds
from .tombstones import is_living

CONTEXT_COLUMNS = ("home", "owner", "project", "level", "embargo")
"""Columns that every row has which anybody may own."""

PROJECT, OBSERVATORY, WORLD, HIGHEST = 2, 3, 4, 5
"""Levels from which more people read: the project, all who have an account, everybody."""


class now_microseconds(FunctionElement[int]):  # noqa: N801 - reads as the SQL function it is
    """The time of a statement in microseconds of UTC, as the database tells it."""

    type = BigInteger()
    inherit_cache = True


@compiles(now_microseconds, "sqlite")
def _now_sqlite(_element: Any, _compiler: Any, **_: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000000.0 AS INTEGER)"


@compiles(now_microseconds)
def _now(_element: Any, _compiler: Any, **_: Any) -> str:
    return "CAST(extract(epoch FROM statement_timestamp()) * 1000000 AS bigint)"


def is_over(embargo: Any) -> ColumnElement[bool]:
    """Return the condition that there is no embargo, or that it has ended."""
    return or_(embargo.is_(None), embargo <= now_microseconds())


def readable(
    row: Any,
    mine: ColumnElement[bool],
    ours: ColumnElement[bool],
    known: ColumnElement[bool] | None = None,
) -> ColumnElement[bool]:
    """Return the condition that a row may be read.

    Parameters
    ----------
    row : table or alias with the context columns
    mine, ours : condition
        That the row is of the reader, and of a project of the reader.
    known : condition, optional
        That the reader has an account, where that is not certain.
    """
    level = row.c.level
    audience = level >= OBSERVATORY
    if known is not None:
        audience = and_(audience, or_(level >= WORLD, known))
    return or_(mine, and_(ours, level >= PROJECT), and_(audience, is_over(row.c.embargo)))


def creatable(row: Any, allowed: Callable[[int], ColumnElement[bool]]) -> ColumnElement[bool]:
    """Return the condition that a row has a level that its writer may give in its project.

    Parameters
    ----------
    row : table or alias with the context columns
    allowed : callable
        Gives the condition that the project of the row allows its writer a level.
    """
    return or_(*(and_(row.c.level == level, allowed(level)) for level in PRIVILEGES))


@dataclass(frozen=True)
class Membership:
    """What one user may do in one project.

    Attributes
    ----------
    key : int
    project, description : str
    is_open : bool
        Everybody may make objects for it.
    max_level : int
        Highest level that an object of it may have.
    is_member, is_manager : bool
    managers : tuple of str
    """

    key: int
    project: str
    description: str
    is_open: bool
    max_level: int
    is_member: bool
    is_manager: bool
    managers: tuple[str, ...]

    @property
    def may_use(self) -> bool:
        """Whether the user may make objects for the project."""
        return self.is_open or self.is_member

    @property
    def highest(self) -> int:
        """Highest level that the user may give; where nobody manages, users do it themselves."""
        manages = self.is_manager or not self.managers
        return min(self.max_level, HIGHEST if manages else PROJECT)

    def may_raise(self, is_own: bool, level: int) -> bool:
        """Tell whether the user may raise an object of the project to a level."""
        entitled = self.is_manager or (is_own and (level <= PROJECT or not self.managers))
        return entitled and level <= self.max_level

    def check(self, user: str, level: int) -> None:
        """Raise Refused unless the user may make objects for the project at a level."""
        if level not in PRIVILEGES:
            raise Refused(f"There is no level {level}", expected="a number from 1 to 5")
        if not self.may_use:
            raise Refused(
                f"{user} is no member of the project {self.project}",
                expected="a project that you belong to, or one that is open to all",
                do=f"Ask {self.who_decides} to add you",
            )
        if level > self.highest:
            lower = " or ".join(f"{n} ({PRIVILEGES[n]})" for n in range(1, self.highest + 1))
            publish = "" if level > self.max_level else f", and ask {self.who_decides} to publish"
            raise Refused(
                f"New objects cannot be made at level {level} in the project {self.project}"
                + (f", whose highest is {self.max_level}" if level > self.max_level else ""),
                expected=lower,
                do=f"Make them at {self.highest}{publish}",
            )

    @property
    def who_decides(self) -> str:
        """Who can help a user who may not do something, in words."""
        if self.managers:
            return f"its managers ({', '.join(self.managers)})"
        return "those who keep the list of people"


def memberships(
    connection: Connection, account: int, projects: Collection[int] | None = None
) -> dict[int, Membership]:
    """Return what a user may do in some projects, or in all, by the keys of the projects."""
    j, m, a = tables.project, tables.member, tables.account
    columns = (j.c.id, j.c.name, j.c.description, j.c.is_open, j.c.max_level)
    asked = select(*columns).order_by(j.c.name)
    people = select(m.c.project, m.c.account, m.c.is_manager, a.c.name)
    people = people.join(a, a.c.id == m.c.account).where(or_(m.c.is_manager, a.c.id == account))
    if projects is not None:
        asked = asked.where(j.c.id.in_(projects))
        people = people.where(m.c.project.in_(projects))
    found = connection.execute(asked).all()
    members = connection.execute(people).all() if found else []
    managers: dict[int, set[str]] = {}
    mine: dict[int, bool] = {}
    for row in members:
        if row.is_manager:
            managers.setdefault(row.project, set()).add(row.name)
        if row.account == account:
            mine[row.project] = mine.get(row.project, False) or bool(row.is_manager)
    return {
        row.id: Membership(
            *row,
            is_member=row.id in mine,
            is_manager=mine.get(row.id, False),
            managers=tuple(sorted(managers.get(row.id, ()))),
        )
        for row in found
    }


@dataclass(frozen=True)
class Context:
    """User, project and level, with the keys of the first two in the database.

    Attributes
    ----------
    user, project : str
    level : int
        Level that new objects get, 1 (MyDB) to 5 (VO).
    home : int
        Node that writes.
    owner_key, project_key : int
    as_of : datetime or None
        The database is read as it was then: what came later is not in the scope.
    """

    user: str
    project: str
    level: int
    home: int
    owner_key: int
    project_key: int
    as_of: datetime | None = None

    def scope(self, alias: Any) -> ColumnElement[bool]:
        """Return the condition that a row is in the read scope."""
        mine, ours = alias.c.owner == self.owner_key, alias.c.project == self.project_key
        return and_(readable(alias, mine, ours), self.until(alias))

    def until(self, alias: Any) -> ColumnElement[bool]:
        """Return the condition that a row was there on the date as of which is asked.

        Objects tell it by their creation, standing rows by when they were written.
        """
        column = next((alias.c[n] for n in ("creation_date", "written") if n in alias.c), None)
        if self.as_of is None or column is None:
            return true()
        found: ColumnElement[bool] = column <= time_to_microseconds(self.as_of)
        return found

    def living(self, alias: Any) -> ColumnElement[bool]:
        """Return the condition that an object is not deleted, or was not on the date asked of."""
        return is_living(alias, None if self.as_of is None else self.until)

    def audiences(self, level: int) -> list[str]:
        """Return the names of the audiences that read all that is read at a level.

        A new row may lean on rows written for one of them: whoever sees the one sees the other.
        The first is the audience of a new row at that level.
        """
        wide = [f"level {n}" for n in range(max(level, 3), 6)]
        narrow = [f"owner {self.owner_key}", f"project {self.project_key}"]
        return narrow[level - 1 :] + wide if level < 3 else wide

    def serves(self, row: Any) -> ColumnElement[bool]:
        """Return the condition that whoever will read a new object may read a row.

        Whoever may publish the new object may publish the row as well, but for what others keep
        in a project that nobody manages.
        """
        ours, level = row.c.project == self.project_key, row.c.level
        found = [and_(level >= max(self.level, OBSERVATORY), is_over(row.c.embargo))]
        if self.level <= PROJECT:
            found.append(and_(ours, level >= PROJECT))
        if self.level < PROJECT:
            found.append(and_(ours, row.c.owner == self.owner_key))
        return or_(*found)

    def columns(self) -> dict[str, int | None]:
        """Return the values of a new row's context by the names of their columns."""
        return dict(zip(CONTEXT_COLUMNS, self.row, strict=True))

    @property
    def row(self) -> tuple[int, int, int, int, None]:
        """Values of home, owner, project, level, embargo for a new row."""
        return (self.home, self.owner_key, self.project_key, self.level, None)
