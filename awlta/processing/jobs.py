"""The job: how a work order fares on the DPU. States and names follow PSI/J's job model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from ..errors import BadValue, Refused


class JobState(Enum):
    """Where a job stands."""

    QUEUED = "queued"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def is_final(self) -> bool:
        """Whether nothing comes after it."""
        return not LEGAL[self]


LEGAL: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.ACTIVE, JobState.CANCELED}),
    JobState.ACTIVE: frozenset(
        {JobState.COMPLETED, JobState.FAILED, JobState.CANCELED, JobState.QUEUED}
    ),
    JobState.COMPLETED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELED: frozenset(),
}
"""Every legal move. An active job whose runner is gone is queued again."""


def check_move(old: JobState, new: JobState, order_id: str) -> None:
    """Raise Refused where the table of legal moves has no such move."""
    if new not in LEGAL[old]:
        legal = ", ".join(sorted(s.value for s in LEGAL[old])) or "nothing: it is the end"
        raise Refused(
            f"The job of order {order_id} cannot go from {old.value} to {new.value}",
            expected=legal,
            status=409,
        )


@dataclass(frozen=True)
class JobRecord:
    """One job as the front-end tells it.

    Attributes
    ----------
    order_id : str
    object_id : str
        The product; that of an earlier attempt at the same work, where there was one.
    class_name : str
    state : JobState
    attempt : int
        Number of the attempt that runs or ran last, 0 before the first.
    submitted, started, ended : datetime, UTC
        None for what has not happened yet.
    runner : str
        What the back-end calls its runner; ``host:pid:start`` on the local one.
    reason, code : str
        Why it failed or was canceled, and the code of the error.
    revision : int
        Counts every change of any job; what changed later has a larger one.
    """

    order_id: str
    object_id: str
    class_name: str
    state: JobState
    attempt: int
    submitted: datetime
    started: datetime | None = None
    ended: datetime | None = None
    runner: str = ""
    reason: str = ""
    code: str = ""
    revision: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON holds it."""
        return {
            "order_id": self.order_id,
            "object_id": self.object_id,
            "class": self.class_name,
            "state": self.state.value,
            "attempt": self.attempt,
            "submitted": self.submitted.isoformat(),
            "started": self.started and self.started.isoformat(),
            "ended": self.ended and self.ended.isoformat(),
            "runner": self.runner,
            "reason": self.reason,
            "code": self.code,
            "revision": self.revision,
        }

    @classmethod
    def from_json(cls, value: Any) -> JobRecord:
        """Read a record that came over a wire; raise BadValue where it is malformed."""
        try:
            return cls(
                order_id=str(value["order_id"]),
                object_id=str(value["object_id"]),
                class_name=str(value["class"]),
                state=JobState(value["state"]),
                attempt=int(value["attempt"]),
                submitted=_time(value["submitted"]),
                started=None if value["started"] is None else _time(value["started"]),
                ended=None if value["ended"] is None else _time(value["ended"]),
                runner=printable(str(value["runner"])),
                reason=printable(str(value["reason"])),
                code=printable(str(value["code"])),
                revision=int(value["revision"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BadValue(
                f"{str(value)[:80]!r} is no job record: {error}",
                do="Do both ends run the same release?",
            ) from error


def _time(value: Any) -> datetime:
    return datetime.fromisoformat(value).astimezone(UTC)


_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])?")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    r"""Return text without what a terminal obeys: escape sequences and control characters.

    A log is written by whatever ran, and is shown to people: it may colour nothing, move no
    cursor and set no title. Newlines and tabs stay.

    >>> printable("\x1b[31mred\x1b[0m\x07 10%\r 20%\n")
    'red 10%\n 20%\n'
    """
    text = _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _CONTROLS.sub("", text)
