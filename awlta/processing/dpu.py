"""The DPU as it stands at the prompt: order products, follow their jobs, take what they give."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..config import LOCAL, Profile
from ..errors import AwltaError, JobFailed, from_json
from ..lineage import DataProduct, Workspace
from ..services import Child
from .client import DpuClient, Progress
from .jobs import JobRecord, JobState
from .lock import serving
from .orders import order_for, unstored_inputs

_children: dict[Path, Child] = {}
_children_lock = threading.Lock()
"""The local front-ends that this process has started, by home folder."""


class Job:
    """One order on its way to a product."""

    def __init__(self, dpu: Dpu, record: JobRecord) -> None:
        self._dpu = dpu
        self._record = record

    @property
    def order_id(self) -> str:
        """Identity of the order, and so of the job."""
        return self._record.order_id

    @property
    def record(self) -> JobRecord:
        """The job as the front-end tells it now."""
        if not self._record.state.is_final:
            self._record = self._dpu.client.job(self.order_id)
        return self._record

    @property
    def state(self) -> JobState:
        """Where the job stands now."""
        return self.record.state

    @property
    def reason(self) -> str:
        """Why it failed or was canceled, empty otherwise."""
        return self.record.reason

    @property
    def log(self) -> str:
        """The end of what its runners printed."""
        return self._dpu.client.log(self.order_id)

    @property
    def error(self) -> AwltaError | None:
        """Why there is no product, as make() here would have raised it; None if there is one."""
        record = self.record
        if record.state in (JobState.FAILED, JobState.CANCELED):
            return from_json({"code": record.code, "found": record.reason})
        return None

    @property
    def product(self) -> Any:
        """The committed product.

        Raises
        ------
        JobFailed
            There is none (yet).
        """
        record = self.record
        if record.state is JobState.COMPLETED:
            return self._dpu.workspace.get(record.object_id)
        raise JobFailed(
            f"The job of {record.class_name} {record.object_id} is {record.state.value}"
            + (f": {record.reason}" if record.reason else ""),
            expected="a completed job",
            do="Read its log: print(job.log)" if record.state.is_final else "Call job.wait() first",
            order_id=record.order_id,
        )

    def wait(self, timeout: float | None = None) -> JobState:
        """Wait until the job has ended, or for so many seconds; return where it stands."""
        (self._record,) = self._dpu.client.wait([self._record], timeout)
        return self._record.state

    def cancel(self) -> JobState:
        """Cancel the job, whether it is queued or running; raise Refused if it has ended."""
        self._record = self._dpu.client.cancel(self.order_id)
        return self._record.state

    def __repr__(self) -> str:
        record = self._record
        return f"<Job {record.order_id} of {record.class_name}: {record.state.value}>"


class Dpu:
    """Orders, jobs and logs of one DPU.

    With ``dpu = "local"`` in the profile the front-end is a child of the first process that
    needs it; others of the same home share it. Its queue outlives it: what was not done when it
    ended goes on when the next one starts.

    Parameters
    ----------
    workspace : Workspace
        Whose profile names the DPU, and for whom products are ordered.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._client: DpuClient | None = None

    @property
    def client(self) -> DpuClient:
        """The client of the front-end; a local one is started on first use."""
        if self._client is None:
            profile = self.workspace.profile
            if profile.dpu == LOCAL:
                url = _local_url(profile, None)
                again = lambda gone: _local_url(profile, gone)  # noqa: E731
                self._client = DpuClient(url, profile.token, again)
            else:
                self._client = DpuClient(profile.dpu, profile.token)
        return self._client

    def run(self, product: DataProduct) -> Job:
        """Order one product; see :meth:`submit_many`."""
        return self.submit_many([product])[0]

    def submit_many(self, products: Sequence[DataProduct]) -> list[Job]:
        """Order products in one request; parameters that are new are committed first.

        Raises
        ------
        AlreadyMade, NotMade, BadValue
            A product is made, an input is not, or its recipe was typed at a prompt.
        NotFound, Refused
            The DPU does not know the class, or has other code for it.
        Unreachable
        """
        orders = [order_for(p, self.workspace.context) for p in self._ready(products)]
        return [Job(self, record) for record in self.client.submit(orders)]

    def _ready(self, products: Sequence[DataProduct]) -> Sequence[DataProduct]:
        fresh = {id(obj): obj for obj in unstored_inputs(products)}
        if fresh:
            self.workspace.commit(*fresh.values())
        return products

    def make(self, products: Sequence[DataProduct]) -> list[AwltaError | None]:
        """Have products made and wait; for each return None, or why it was not made.

        This is a maker for :func:`awlta.lineage.planning.chain.bring_up_to_date`.
        """
        return [job.error for job in self.wait_all(self.submit_many(products))]

    def wait_all(
        self,
        jobs: Sequence[Job],
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> list[Job]:
        """Wait until jobs have ended and return them.

        Parameters
        ----------
        jobs : sequence of Job
        progress : callable, optional
            Called with the number of those that have ended and of all.
        timeout : float, s, optional
        """
        records = self.client.wait([job._record for job in jobs], timeout, progress)
        for job, record in zip(jobs, records, strict=True):
            job._record = record
        return list(jobs)

    def job(self, order_id: str) -> Job:
        """Return the job of an order, whoever has sent it; raise NotFound."""
        return Job(self, self.client.job(order_id))

    def get_jobids(self, state: JobState | None = None) -> list[str]:
        """Return the ids of all jobs, or of those in one state, oldest change first."""
        return [record.order_id for record in self.client.jobs(state)]

    def get_logs(self, order_ids: Sequence[str]) -> dict[str, str]:
        """Return the logs of jobs by their ids."""
        return {order_id: self.client.log(order_id) for order_id in order_ids}

    def cancel_job(self, order_id: str) -> JobState:
        """Cancel a queued or running job."""
        return self.client.cancel(order_id).state

    def close(self) -> None:
        """Close connections, and end the local front-end if this process has started it.

        What it was running is queued again, and goes on when the next front-end starts.
        """
        if self._client is not None:
            self._client.close()
            self._client = None
        with _children_lock:
            child = _children.pop(self.workspace.profile.home, None)
        if child is not None:
            child.stop()


def submit(product: DataProduct, workspace: Workspace) -> Job:
    """Order a product from the DPU of a workspace's profile.

    Raises
    ------
    AlreadyMade, NotMade, BadValue, NotFound, Refused, Unreachable
        See :meth:`Dpu.submit_many`.
    """
    return Dpu(workspace).run(product)


def _local_url(profile: Profile, gone: str | None) -> str:
    """Return the address of the home's front-end, started if none is known or it has gone."""
    with _children_lock:
        child = _children.get(profile.home)
        if child is not None and child.url != gone:
            return child.url
        if child is not None:
            child.stop()
        url = serving(profile.home, profile.token)
        if url is not None and url != gone:
            return url
        # Where another process of this home starts one too, the child tells that one's address.
        child = Child("dpu", ["--home", str(profile.home)], profile.home / "dpu.log")
        _children[profile.home] = child
        return child.url
