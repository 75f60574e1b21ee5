"""Work that met other work at one place in the database is done again.

PostgreSQL takes one of two units back where each waits for the other, or where no order of the
two would have given what both saw. Neither is wrong: done again, after the other, it goes through.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from ...errors import Conflict

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS = 6

_FIRST_PAUSE = 0.02
"""Seconds before the second attempt at most; doubled each time."""

_CONFLICTS = frozenset({"40001", "40P01"})
"""SQLSTATE of serialization_failure and deadlock_detected."""


def is_conflict(error: BaseException) -> bool:
    """Tell whether the database took a unit of work back for the sake of another one."""
    return getattr(getattr(error, "orig", error), "sqlstate", None) in _CONFLICTS


def retried(function: Callable[P, T]) -> Callable[P, T]:
    """Have a function done again when its unit of work was taken back for another one.

    It must do the same each time it is called: what it changes is in the database alone.
    """

    @wraps(function)
    def again(*args: P.args, **named: P.kwargs) -> T:
        for attempt in range(ATTEMPTS - 1):
            try:
                return function(*args, **named)
            except Conflict:
                # two that meet once must not meet again at the same pace
                time.sleep(random.uniform(0, _FIRST_PAUSE * 2**attempt))
        return function(*args, **named)

    return again
