"""Who asks, and what they may read: user, project and level of privilege.

An object is in the read scope if it is yours, or of your project at level 2 (project), or at
level 3 (observatory) and above. This is the one place where that is decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

CONTEXT_COLUMNS = ("home", "owner", "project", "level", "embargo")
"""Columns that every row has which anybody may own."""


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
    """

    user: str
    project: str
    level: int
    home: int
    owner_key: int
    project_key: int

    def scope(self, alias: Any) -> ColumnElement[bool]:
        """Return the condition that a row is in the read scope."""
        return or_(
            alias.c.owner == self.owner_key,
            and_(alias.c.project == self.project_key, alias.c.level >= 2),
            alias.c.level >= 3,
        )

    def audiences(self, level: int) -> list[str]:
        """Return the names of the audiences that read all that is read at a level.

        A new row may lean on rows written for one of them: whoever sees the one sees the other.
        The first is the audience of a new row at that level.
        """
        wide = [f"level {n}" for n in range(max(level, 3), 6)]
        narrow = [f"owner {self.owner_key}", f"project {self.project_key}"]
        return narrow[level - 1 :] + wide if level < 3 else wide

    def columns(self) -> dict[str, int | None]:
        """Return the values of a new row's context by the names of their columns."""
        return dict(zip(CONTEXT_COLUMNS, self.row, strict=True))

    @property
    def row(self) -> tuple[int, int, int, int, None]:
        """Values of home, owner, project, level, embargo for a new row."""
        return (self.home, self.owner_key, self.project_key, self.level, None)
