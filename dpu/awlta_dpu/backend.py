"""The face that every back-end has: local cores here; a cluster or the grid the same way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Task:
    """What a back-end is given to run: one attempt at one order.

    Attributes
    ----------
    order_id : str
    attempt : int
    log : Path
        File to which standard output and error of the runner are appended.
    """

    order_id: str
    attempt: int
    log: Path


class BackEnd(Protocol):
    """Starts runners somewhere and tells when they are gone."""

    n_slots: int
    """Runners at a time."""

    poll_seconds: float
    """How often it is worth while to ask which runners have ended."""

    def start(self, task: Task) -> str:
        """Start a runner and return its name, by which it is known after a restart as well."""

    def ended(self, runners: Sequence[str]) -> dict[str, str]:
        """Return those of some runners that are gone, each with how it ended, in words.

        A runner that a front-end before this one has started is ended if it is still there.
        """

    def cancel(self, runner: str) -> None:
        """End a runner with all that it has started; it is gone when this returns."""

    def close(self) -> None:
        """End whatever is running."""
