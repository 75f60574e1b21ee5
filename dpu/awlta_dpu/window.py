"""The window: where runners, which have no database, fetch objects and hand in products.

Every request names its attempt; those of an attempt that is over are turned away. A request may
come twice, since its first answer can get lost: the second is answered like the first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from awlta.errors import BadInput, BadValue, LeaseLost, Refused, StorageFault, from_json
from awlta.lineage import DataProduct, FileRecord, Workspace
from awlta.lineage.calibration.sets import pinned_as
from awlta.lineage.making.activity import Activity
from awlta.lineage.quality import quality
from awlta.persistent import Persistent
from awlta.persistent.classes.records import ObjectRecord, describe
from awlta.processing import JobRecord, JobState, WorkOrder
from awlta.storage import intent
from awlta.storage.intent import Lease, State

from .books import Books
from .checks import build, check_recipe, find_inputs

_T = TypeVar("_T")


class Window:
    """The side of a front-end that runners see.

    Parameters
    ----------
    books : Books
    """

    def __init__(self, books: Books) -> None:
        self._books = books
        self._queue = books.queue

    def take(self, order_id: str, attempt: int, release: str) -> dict[str, Any]:
        """Give a runner its order.

        Raises
        ------
        Refused
            The runner has other sources than the front-end, or both have other code than the
            one who ordered.
        """
        self._active(order_id, attempt)
        if release != self._books.release:
            raise Refused(
                f"The runner's release is {release[:12]}",
                expected=f"that of the front-end, {self._books.release[:12]}",
                do="Install the same awlta and recipe packages at both ends, restart the DPU",
                status=409,
            )
        order = self._queue.order(order_id)
        check_recipe(order)  # it may have waited while the front-end was started anew
        return order.to_json()

    def objects(self, order_id: str, body: Any) -> dict[str, Any]:
        """Return objects by their ids, with their files."""
        with self._at_work(order_id, body).use() as workspace:
            found = workspace.get_many(_texts(body, "ids"))
            return {"objects": [_told(obj) for obj in found]}

    def links(self, order_id: str, body: Any) -> dict[str, Any]:
        """Return what one link of some objects points to: ids by owner, and the objects.

        An owner whose link is hidden is left out, unless it was asked for alone.
        """
        role = _get(body, "role", str)
        with self._at_work(order_id, body).use() as workspace:
            owners = workspace.get_many(_texts(body, "owners"))
            links: dict[str, list[str]] = {}
            targets: dict[str, Persistent] = {}
            for owner in owners:
                try:
                    found = _follow(owner, role)
                except Refused:
                    if len(owners) == 1:
                        raise
                    continue
                links[owner.object_id] = [obj.object_id for obj in found]
                targets |= {obj.object_id: obj for obj in found}
            return {"links": links, "objects": [_told(obj) for obj in targets.values()]}

    def standing(self, order_id: str, body: Any) -> dict[str, Any]:
        """Return verdict, flags, owner, project and level of one object."""
        with self._at_work(order_id, body).use() as workspace:
            obj = workspace.get(_get(body, "id", str))
            return {
                "is_valid": workspace.standing(obj, "is_valid"),
                "quality_flags": workspace.standing(obj, "quality_flags"),
                "names": workspace.names(obj),
            }

    # steps of an attempt -----------------------------------------------------------------

    def begin(self, order_id: str, body: Any) -> dict[str, Any]:
        """Write the intent, or take over the one of an attempt before; return its lease."""
        self._active(order_id, _get(body, "attempt", int))
        lease = self._queue.lease(order_id)
        if lease is None:
            order = self._queue.order(order_id)
            workspace = self._books.workspace(order)
            lease = intent.begin(
                workspace,
                object_id=order.product.object_id,
                kind="make",
                class_name=order.product.class_name,
                work=_digest(body, "work"),
                names=[],
            )
            try:
                self._queue.leased(order_id, lease)
            except sqlite3.Error:
                # Nobody knows of this lease: without this it would be held until it runs out.
                intent.release_lease(workspace, lease.object_id)
                raise
        return {"lease": vars(lease)}

    def storing(self, order_id: str, body: Any) -> dict[str, Any]:
        """Note which files are about to be stored."""
        return self._move(order_id, body, State.TRANSFERRING, names=_texts(body, "names"))

    def verified(self, order_id: str, body: Any) -> dict[str, Any]:
        """Note that every file is stored and its digests agree."""
        return self._move(order_id, body, State.VERIFIED)

    def archive(self, order_id: str, body: Any) -> dict[str, Any]:
        """Commit product, lineage, files and activity together; the job is completed then."""
        lease = self._lease(order_id, body)
        job, order = self._queue.job(order_id), self._queue.order(order_id)
        if job.state is JobState.COMPLETED:
            return {}
        self._active(order_id, _get(body, "attempt", int))
        workspace = self._books.workspace(order)
        if not self._books.is_archived(job):
            with workspace.use(), pinned_as(order.pinned):
                product = _handed_in(workspace, body, order, lease)
                quality.take(product, body.get("flags"))
                files = [FileRecord.from_json(file) for file in _get(body, "files", list)]
                _check_stored(workspace, files)
                activity = _activity(_get(body, "activity", dict), order)
                environment = _get(body, "environment", dict)
                workspace.archive(product, lease, files, activity, environment)
        self._queue.move(order_id, JobState.COMPLETED)
        return {}

    def fail(self, order_id: str, body: Any) -> dict[str, Any]:
        """Record an attempt that failed, and why."""
        job = self._queue.job(order_id)
        if job.state is JobState.ACTIVE and job.attempt == _get(body, "attempt", int):
            told = _get(body, "error", dict)
            error = from_json(
                {key: told.get(key, "") for key in ("code", "found", "expected", "do")}
            )
            activity = body.get("activity")
            known = None if activity is None else _activity(activity, self._queue.order(order_id))
            self._books.attempt_failed(job, error, known)
        return {}

    def _active(self, order_id: str, attempt: int) -> JobRecord:
        job = self._queue.job(order_id)
        if job.state is not JobState.ACTIVE or job.attempt != attempt:
            raise LeaseLost(
                f"Attempt {attempt} at order {order_id} is over: its job is {job.state.value}, "
                f"attempt {job.attempt}",
                do="Leave it; nothing of this attempt was committed",
            )
        return job

    def _at_work(self, order_id: str, body: Any) -> Workspace:
        """Return the workspace of an order that is being carried out."""
        self._active(order_id, _get(body, "attempt", int))
        return self._books.workspace(self._queue.order(order_id))

    def _lease(self, order_id: str, body: Any) -> Lease:
        """Return the lease of the order, if it is the one that the runner has."""
        lease = self._queue.lease(order_id)
        if lease is None or vars(lease) != _get(body, "lease", dict):
            raise LeaseLost(
                f"The lease for order {order_id} is another one now",
                do="Leave it; nothing of this attempt was committed",
            )
        return lease

    def _move(self, order_id: str, body: Any, new: State, **facts: Any) -> dict[str, Any]:
        self._active(order_id, _get(body, "attempt", int))
        lease = self._lease(order_id, body)
        workspace = self._books.workspace(self._queue.order(order_id))
        if self._books.stands(order_id, lease) is not new:
            intent.move(workspace, lease, new, **facts)
        return {}


def _handed_in(workspace: Workspace, body: Any, order: WorkOrder, lease: Lease) -> DataProduct:
    """Return the product as the recipe left it."""
    record = ObjectRecord.from_json(body.get("product"))
    if (record.class_name, record.object_id) != (order.product.class_name, lease.object_id):
        raise BadValue(
            f"A {record.class_name} {record.object_id} was handed in",
            expected=f"the {order.product.class_name} {lease.object_id} that was ordered",
        )
    given = {role: ids for role, ids in record.links.items() if ids}
    if given != {role: ids for role, ids in order.product.links.items() if ids}:
        raise BadValue(f"{record.class_name} was handed in with other links than it was ordered")
    return build(record, find_inputs(workspace, [record]))


def _check_stored(workspace: Workspace, files: Sequence[FileRecord]) -> None:
    """Raise StorageFault unless the dataserver holds every file as the runner tells of it."""
    for file in files:
        held = workspace.client().head(file.name)
        if held is None or held.differences(file.digests):
            raise StorageFault(
                f"{file.name} was handed in, but the dataserver "
                + ("does not hold it" if held is None else "holds other bytes"),
                expected=f"{file.size} bytes with sha256 {file.sha256[:12]}",
                do="Is the runner's dataserver another one than the front-end's?",
            )


def _activity(told: Any, order: WorkOrder) -> Activity:
    """Return the runner's record of the run; for whom it ran the front-end knows itself."""
    return replace(Activity.from_json(told), operator=order.user, order_id=order.order_id)


def _told(obj: Persistent) -> dict[str, Any]:
    files = obj.files if isinstance(obj, DataProduct) else ()
    record = describe(obj, with_links=False)
    return {"record": record.to_json(), "files": [file.to_json() for file in files]}


def _follow(owner: Persistent, role: str) -> Sequence[Persistent]:
    step = type(owner).__links__.get(role)
    if step is None:
        raise BadValue(f"{type(owner).__name__} has no link {role[:80]!r}")
    value = getattr(owner, role)
    if step.many:
        return list(value)
    return [] if value is None else [value]


def _get(body: Any, name: str, kind: type[_T]) -> _T:
    """Return a value of a request; raise BadInput where it is missing or of another type."""
    value = body.get(name) if isinstance(body, dict) else None
    if type(value) is not kind:
        raise BadInput(
            f"{name} = {str(value)[:80]!r} in the request", expected=f"a {kind.__name__}"
        )
    return value


def _texts(body: Any, name: str) -> list[str]:
    values = _get(body, name, list)
    if not all(isinstance(value, str) for value in values):
        raise BadInput(f"{name} holds other things than texts", expected="a list of texts")
    return values


def _digest(body: Any, name: str) -> str:
    value = _get(body, name, str)
    if len(value) != 64 or set(value) - set("0123456789abcdef"):
        raise BadInput(f"{name} = {value[:80]!r} in the request", expected="a sha256")
    return value
