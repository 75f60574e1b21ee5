"""The client of a DPU front-end: orders go there, jobs are asked about."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from .jobs import JobRecord, JobState, printable
from .orders import WorkOrder
from .wire import Wire

LONG_POLL = 20.0
"""Seconds for which a front-end holds a request for changes back until there is one."""

Progress = Callable[[int, int], None]
"""Called with the number of jobs that have ended and the number of all."""


class DpuClient:
    """Send orders to one front-end and ask how their jobs fare. Threads may share it.

    Parameters
    ----------
    url : str
        Address of the front-end.
    token : str
        Bearer token.
    again : callable, optional
        See :class:`~awlta.processing.wire.Wire`.

    Raises
    ------
    ConfigError
        If the address is not one of HTTP.
    """

    def __init__(self, url: str, token: str, again: Callable[[str], str] | None = None) -> None:
        self._wire = Wire(url, token, again)

    @property
    def url(self) -> str:
        """Address of the front-end."""
        return self._wire.url

    def close(self) -> None:
        """Close the idle connections."""
        self._wire.close()

    def health(self) -> dict[str, Any]:
        """Return version, release digest, number of slots and of jobs in each state."""
        return dict(self._wire.ask("GET", "/"))

    def submit(self, orders: Sequence[WorkOrder]) -> list[JobRecord]:
        """Send orders in one request; all of them are queued, or none.

        An order that is there already is not queued again: its job is returned.

        Raises
        ------
        BadValue, NotFound, NotMade, AlreadyMade, Refused
            An order cannot be carried out; ``facts["faults"]`` names every one that cannot.
        Unreachable
        """
        reply = self._wire.ask("POST", "/orders", {"orders": [o.to_json() for o in orders]})
        return [JobRecord.from_json(job) for job in reply["jobs"]]

    def jobs(self, state: JobState | None = None) -> list[JobRecord]:
        """Return all jobs, or those in one state, in the order of their last change."""
        found: list[JobRecord] = []
        after, more = 0, True
        chosen = "" if state is None else f"&state={state.value}"
        while more:
            reply = self._wire.ask("GET", f"/jobs?after={after}{chosen}")
            found += [JobRecord.from_json(job) for job in reply["jobs"]]
            after, more = int(reply["revision"]), bool(reply["more"])
        return found

    def job(self, order_id: str) -> JobRecord:
        """Return one job; raise NotFound."""
        return JobRecord.from_json(self._wire.ask("GET", f"/jobs/{order_id}"))

    def log(self, order_id: str) -> str:
        """Return the end of what a job's runners printed, fit for a terminal; raise NotFound."""
        return printable(str(self._wire.ask("GET", f"/jobs/{order_id}/log")["log"]))

    def cancel(self, order_id: str) -> JobRecord:
        """Cancel a queued or running job.

        Raises
        ------
        NotFound
        Refused
            It has ended in another way.
        """
        return JobRecord.from_json(self._wire.ask("POST", f"/jobs/{order_id}/cancel", {}))

    def wait(
        self,
        jobs: Sequence[JobRecord],
        timeout: float | None = None,
        progress: Progress | None = None,
    ) -> list[JobRecord]:
        """Wait until jobs have ended, and return them as they stand then.

        Parameters
        ----------
        jobs : sequence of JobRecord
            As they were last seen.
        timeout : float, s, optional
            Return after so long in any case.
        progress : callable, optional
        """
        end = None if timeout is None else time.monotonic() + timeout
        known = {job.order_id: job for job in jobs}
        after = min((j.revision for j in jobs if not j.state.is_final), default=0)
        while True:
            n_ended = sum(job.state.is_final for job in known.values())
            if progress is not None:
                progress(n_ended, len(known))
            left = LONG_POLL if end is None else min(LONG_POLL, end - time.monotonic())
            if n_ended == len(known) or left <= 0:
                return [known[job.order_id] for job in jobs]
            reply = self._wire.ask("GET", f"/jobs?after={after}&wait={left:.3f}")
            for record in map(JobRecord.from_json, reply["jobs"]):
                if record.order_id in known:
                    known[record.order_id] = record
            after = int(reply["revision"])
