"""The window: where runners, which have no database, fetch objects and hand in products.

Every request names its attempt; those of an attempt that is over are turned away. A request may
come twice, since its first answer can get lost: the second is answered like the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from awlta.errors import AwltaError, BadInput, BadValue, LeaseLost, Refused, from_json
from awlta.lineage import DataProduct, FileRecord, Workspace
from awlta.lineage.activity import Activity
from awlta.persistent import Persistent, tables
from awlta.persistent.records import ObjectRecord, describe
from awlta.processing import JobRecord, JobState, WorkOrder
from awlta.storage import intent
from awlta.storage.intent import Lease, State

from .books import Books
from .checks import build, find_inputs


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
            The runner has other sources than the front-end.
        """
        self._active(order_id, attempt)
        if release != self._books.release:
            raise Refused(
                f"The runner's release is {release[:12]}",
                expected=f"that of the front-end, {self._books.release[:12]}",
                do="Install the same awlta and recipe packages at both ends, restart the DPU",
                status=409,
            )
        return self._queue.order(order_id).to_json()

    def objects(self, order_id: str, body: Any) -> dict[str, Any]:
        """Return objects by their ids, with their files."""
        with self._at_work(order_id, body).use() as workspace:
            found = workspace.get_many(_texts(body, "ids"))  # type: ignore[attr-defined]
            return {"objects": [_told(obj) for obj in found]}

    def links(self, order_id: str, body: Any) -> dict[str, Any]:
        """Return what one link of some objects points to: ids by owner, and the objects.

        An owner whose link is hidden is left out, unless it was asked for alone.
        """
        role = _get(body, "role", str)
        with self._at_work(order_id, body).use() as workspace:
            owners = workspace.get_many(_texts(body, "owners"))  # type: ignore[attr-defined]
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
            obj = workspace.get(_get(body, "id", str))  # type: ignore[attr-defined]
            return {
                "is_valid": workspace.standing(obj, "is_valid"),  # type: ignore[attr-defined]
                "quality_flags": workspace.standing(obj, "quality_flags"),  # type: ignore[attr-defined]
                "names": workspace.names(obj),  # type: ignore[attr-defined]
            }
