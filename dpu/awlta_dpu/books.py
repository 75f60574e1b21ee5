"""What a front-end keeps: its queue, its logs, and a workspace for each context it serves.

Everything here is used by one thread, since the identity map of a workspace is not shared.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from uuid import UUID

from sqlalchemy import select

from awlta.config import Profile
from awlta.errors import AwltaError, Fault, LeaseLost, Refused, UserError
from awlta.lineage import Workspace
from awlta.lineage.making.activity import Activity, host, now
from awlta.lineage.recipes.packages import recipe_packages
from awlta.lineage.recipes.sources import running_release
from awlta.persistent import find_class, tables
from awlta.persistent.classes.records import ObjectRecord, rebuild
from awlta.processing import JobRecord, JobState, WorkOrder
from awlta.storage.intent import Lease, State

from .checks import recipe_of
from .logs import Logs
from .queue import Queue

RETRIES = 1
"""How often an order is tried again after its runner was lost or the system failed."""

_log = logging.getLogger("awlta.dpu")


class Books:
    """Queue, logs and workspaces of one front-end.

    Parameters
    ----------
    profile : Profile
        Names database, home and node; its dataserver must be a URL.

    Raises
    ------
    ConfigError
    """

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.release = running_release(("awlta", *recipe_packages())).digest
        self.queue = Queue(profile.home / "dpu.db")
        self.logs = Logs(profile.home / "dpu-logs")
        self._workspaces: dict[tuple[str, str, int], Workspace] = {}

    def close(self) -> None:
        """Close the queue and give the database connections back."""
        for workspace in self._workspaces.values():
            workspace.close()
        self.queue.close()

    def workspace(self, order: WorkOrder) -> Workspace:
        """Return the workspace that reads and commits as the one who ordered.

        Raises
        ------
        Refused
            The database does not know the user or the project.
        """
        context = (order.user, order.project, order.level)
        if context not in self._workspaces:
            self._check_known(order)
            user, project, privileges = context
            profile = replace(self.profile, user=user, project=project, privileges=privileges)
            self._workspaces[context] = Workspace(profile)
        return self._workspaces[context]

    def _check_known(self, order: WorkOrder) -> None:
        """Raise Refused for a context that a workspace would have to make first."""
        own = (self.profile.user, self.profile.project, self.profile.privileges)
        if own not in self._workspaces:
            self._workspaces[own] = Workspace(self.profile)
        workspace = self._workspaces[own]
        for table, name in ((tables.account, order.user), (tables.project, order.project)):
            with workspace.database.read() as connection:
                found = connection.execute(select(table.c.id).where(table.c.name == name)).first()
            if found is None:
                raise Refused(
                    f"The database knows no {table.name} {name!r}",
                    expected="a user and a project who have worked with it before",
                    do="Order from a session of that user: 'awlta init' makes both",
                )

    def is_archived(self, job: JobRecord) -> bool:
        """Tell whether the attempt of a job has committed its product."""
        lease = self.queue.lease(job.order_id)
        return lease is not None and self.stands(job.order_id, lease) is State.ARCHIVED

    def stands(self, order_id: str, lease: Lease) -> State | None:
        """Return where an intent stands, None if its lease is another one now."""
        i = tables.intent
        statement = select(i.c.state).where(
            i.c.object_id == UUID(lease.object_id).bytes, i.c.lease == lease.token
        )
        with self.workspace(self.queue.order(order_id)).database.read() as connection:
            state = connection.execute(statement).scalar()
        return None if state is None else State(state)

    def attempt_failed(
        self, job: JobRecord, error: AwltaError, activity: Activity | None = None
    ) -> None:
        """Record an attempt that gave no product: once more, if it may be the system's fault."""
        may_pass = isinstance(error, Fault) and self.queue.n_lost(job.order_id) < RETRIES
        if may_pass:
            self.queue.lost(job.order_id)
        self.end_attempt(job, error, JobState.QUEUED if may_pass else JobState.FAILED, activity)

    def end_attempt(
        self,
        job: JobRecord,
        error: AwltaError,
        new: JobState,
        activity: Activity | None = None,
    ) -> None:
        """Record the end of an attempt in the database, and move its job.

        The intent becomes failed: the next attempt takes it over, with the same object_id. If
        the product was committed after all, the job is completed.
        """
        if self.is_archived(job):
            self.queue.move(job.order_id, JobState.COMPLETED)
            return
        self.logs.note(job.order_id, f"attempt {job.attempt} {error.code}: {error}")
        order, lease = self.queue.order(job.order_id), self.queue.lease(job.order_id)
        if lease is not None:
            workspace = self.workspace(order)
            try:
                activity = activity or self._told_by_the_log(job, order)
                subject = rebuild(ObjectRecord(lease.object_id, order.product.class_name))
                with workspace.use():
                    workspace.fail(subject, lease, activity)  # type: ignore[arg-type]
            except (LeaseLost, UserError) as known:
                # Recorded before a restart, or taken over by somebody else meanwhile.
                _log.warning("The end of %s is not recorded: %s", job.order_id, known)
        self.queue.move(job.order_id, new, reason=str(error), code=error.code)

    def _told_by_the_log(self, job: JobRecord, order: WorkOrder) -> Activity:
        """Return the activity of an attempt whose runner can no longer tell."""
        return Activity(
            kind="make",
            recipe=recipe_of(find_class(order.product.class_name)).identity.name,
            recipe_version=order.recipe_version,
            recipe_digest=order.recipe_digest,
            host=job.runner.partition(":")[0] or host(),
            instruction_set="",
            operator=order.user,
            started=job.started or job.submitted,
            ended=now(),
            outcome="failed",
            order_id=order.order_id,
            log=self.logs.read(order.order_id),
        )
