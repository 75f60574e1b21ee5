"""The desk: takes orders, tells how jobs fare, and keeps the back-end at work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import awlta
from awlta.errors import AwltaError, BadInput, BadValue, ConfigError, Fault, JobFailed
from awlta.processing import JobRecord, JobState, WorkOrder

from .backend import BackEnd, Task
from .books import Books
from .checks import check_orders
from .queue import PAGE


class Desk:
    """The side of a front-end that clients and the back-end see.

    Parameters
    ----------
    books : Books
    back_end : BackEnd
    """

    def __init__(self, books: Books, back_end: BackEnd) -> None:
        self._books = books
        self._queue = books.queue
        self._back_end = back_end
        self.is_draining = False

    def health(self) -> dict[str, Any]:
        """Tell version, release, slots and the number of jobs in each state."""
        return {
            "service": "dpu",
            "version": awlta.__version__,
            "release": self._books.release,
            "slots": self._back_end.n_slots,
            "draining": self.is_draining,
            "jobs": self._queue.counts(),
        }

    def place(self, body: Any) -> dict[str, Any]:
        """Queue orders, all of them or none, and return their jobs."""
        orders = _read_orders(body)
        groups: dict[tuple[str, str, int], list[WorkOrder]] = {}
        for order in self._queue.new(orders):
            groups.setdefault((order.user, order.project, order.level), []).append(order)
        for group in groups.values():
            workspace = self._books.workspace(group[0])
            with workspace.use():
                check_orders(workspace, group)
        self._queue.add(orders)
        return {"jobs": [self._queue.job(order.order_id).to_json() for order in orders]}

    def jobs(self, after: int, state: JobState | None) -> dict[str, Any]:
        """Return one page of the jobs that changed after a revision."""
        found = self._queue.changed(after, state)
        more = len(found) == PAGE
        revision = found[-1].revision if more else max(after, self._queue.revision)
        return {"jobs": [job.to_json() for job in found], "revision": revision, "more": more}

    def job(self, order_id: str) -> dict[str, Any]:
        """Return one job."""
        return self._queue.job(order_id).to_json()

    def log(self, order_id: str) -> dict[str, Any]:
        """Return the end of a job's log."""
        return {"log": self._books.logs.read(self._queue.job(order_id).order_id)}

    def cancel(self, order_id: str) -> dict[str, Any]:
        """Cancel a job; its runner is gone when this returns."""
        job = self._queue.job(order_id)
        error = JobFailed("The job was canceled")
        if job.state is JobState.ACTIVE:
            self._back_end.cancel(job.runner)
            self._books.end_attempt(job, error, JobState.CANCELED)
        elif job.state is not JobState.CANCELED:
            self._queue.move(order_id, JobState.CANCELED, reason=str(error), code=error.code)
        return self.job(order_id)

    # the back-end ------------------------------------------------------------------------

    def recover(self) -> None:
        """Put right what the front-end before this one left in the middle.

        A job whose product is committed is completed; one whose runner is gone is queued again,
        which does not count as a failure of its own.
        """
        active = self._queue.in_state(JobState.ACTIVE)
        gone = self._back_end.ended([job.runner for job in active if job.runner])
        for job in active:
            if job.runner in gone or not job.runner:
                error = JobFailed("The front-end ended before the job did")
                self._books.end_attempt(job, error, JobState.QUEUED)

    def step(self) -> bool:
        """Tell the queue of runners that are gone, start new ones; return whether any runs."""
        active = self._queue.in_state(JobState.ACTIVE)
        gone = self._back_end.ended([job.runner for job in active])
        for job in active:
            if job.runner in gone:
                error = JobFailed(
                    f"The runner {gone[job.runner]} before it had reported",
                    do="The log of the job tells how far it came",
                )
                self._books.attempt_failed(job, error)
        n_active = sum(job.runner not in gone for job in active)
        n_free = 0 if self.is_draining else self._back_end.n_slots - n_active
        waiting = self._queue.in_state(JobState.QUEUED, n_free) if n_free > 0 else []
        for job in waiting:
            self._start(job)
        return n_active + len(waiting) > 0

    def _start(self, waiting: JobRecord) -> None:
        # Moved first: a runner of which the queue does not know could meet its own successor.
        job = self._queue.move(waiting.order_id, JobState.ACTIVE)
        task = Task(job.order_id, job.attempt, self._books.logs.path(job.order_id))
        try:
            self._books.logs.note(job.order_id, f"attempt {job.attempt} starts")
            self._queue.started(job.order_id, self._back_end.start(task))
        except (AwltaError, OSError) as error:
            # No fault of this job, and the next would fare alike: the keeper tries again later.
            fault = Fault(f"No runner could be started: {error}")
            self._books.end_attempt(job, fault, JobState.QUEUED)
            raise error if isinstance(error, ConfigError) else fault from error

    def stop(self) -> None:
        """End what runs and queue it again."""
        self.is_draining = True
        for job in self._queue.in_state(JobState.ACTIVE):
            self._back_end.cancel(job.runner)
            error = JobFailed("The front-end was stopped before the job had ended")
            self._books.end_attempt(job, error, JobState.QUEUED)
        self._back_end.close()


def _read_orders(body: Any) -> Sequence[WorkOrder]:
    """Read the orders of a request; a fault of one is told with its place."""
    values = body.get("orders") if isinstance(body, dict) else None
    if not isinstance(values, list):
        raise BadInput("The request holds no orders", expected='{"orders": [...]}')
    orders = []
    for place, value in enumerate(values):
        try:
            orders.append(WorkOrder.from_json(value))
        except BadValue as error:
            raise BadValue(
                f"Order {place} of {len(values)}: {error.found}",
                expected=error.expected,
                do=error.do,
                place=place,
            ) from None
    return orders
