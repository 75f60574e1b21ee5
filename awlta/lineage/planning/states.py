"""Where a product of a plan stands."""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """Where a product of a plan stands."""

    EXISTS = "exists"
    """It is committed and up to date."""
    STALE = "stale"
    """It is committed, and is to be made again."""
    MISSING = "missing"
    """It was never made."""
    BLOCKED = "blocked"
    """It cannot be made, or something that it needs cannot."""

    @property
    def is_to_make(self) -> bool:
        """Whether a run of the plan makes it."""
        return self in (State.STALE, State.MISSING)
