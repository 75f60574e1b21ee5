"""The counter: what a recipe stands on where there is no database.

Objects come from the front-end, each once, with their links when these are followed; files come
from the dataserver; a query is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from awlta.lineage import FileRecord
from awlta.lineage.making.bare import BareWorkplace, undeclared
from awlta.persistent import Persistent
from awlta.persistent.attributes.attributes import AnyLink, LinkList
from awlta.persistent.classes.model import remember_batch
from awlta.persistent.classes.records import ObjectRecord, rebuild
from awlta.persistent.watches import pause
from awlta.storage.client import DataClient

Ask = Callable[..., Any]
"""Sends one of the runner's requests: its name and what else it says; returns the answer."""


class Counter(BareWorkplace):
    """Store and workplace of one runner.

    Parameters
    ----------
    ask : callable
    client : DataClient
    """

    def __init__(self, ask: Ask, client: DataClient) -> None:
        super().__init__(client)
        self._ask = ask
        self._objects: dict[str, Persistent] = {}

    def objects(self, object_ids: Sequence[str]) -> dict[str, Persistent]:
        """Return committed objects by their ids."""
        wanted = [i for i in object_ids if i not in self._objects]
        if wanted:
            self._take(self._asked("objects", ids=wanted)["objects"])
        return {i: self._objects[i] for i in object_ids}

    def _asked(self, request: str, **body: Any) -> Any:
        with pause():
            return self._ask(request, **body)

    def _take(self, told: Sequence[Any]) -> None:
        """Rebuild what the front-end told, unless it is here already."""
        fresh = []
        for entry in told:
            record = ObjectRecord.from_json(entry["record"])
            if record.object_id not in self._objects:
                obj = rebuild(record)
                obj.__dict__["_store"] = self
                obj.__dict__["_files"] = tuple(FileRecord.from_json(f) for f in entry["files"])
                self._objects[record.object_id] = obj
                fresh.append(obj)
        remember_batch(fresh)

    # store -------------------------------------------------------------------------------

    def load_link(self, batch: Sequence[Any], step: AnyLink) -> None:
        """Set one link on all objects of a batch, with one request."""
        # the watch of the recipe must not see that objects which came along are read
        owners = [obj.__dict__["object_id"] for obj in batch]
        told = self._asked("links", role=step.name, owners=owners)
        self._take(told["objects"])
        for obj, owner in zip(batch, owners, strict=True):
            ids = told["links"].get(owner)
            if ids is None:
                continue
            targets = [self._objects[i] for i in ids]
            if step.many:
                obj.__dict__[step.name] = LinkList(obj, step, targets)
            else:
                obj.__dict__[step.name] = targets[0] if targets else None

    def standing(self, obj: Persistent, name: str) -> int:
        """Return the current verdict or quality flags."""
        return int(self._asked("standing", id=obj.object_id)[name])

    def names(self, obj: Persistent) -> tuple[str, str, int]:
        """Return owner, project and level of a stored object."""
        owner, project, level = self._asked("standing", id=obj.object_id)["names"]
        return str(owner), str(project), int(level)

    def get(self, object_id: str) -> Persistent:
        """Return an object that was reached before; raise UndeclaredInput for others."""
        if object_id in self._objects:
            return self._objects[object_id]
        raise undeclared(f"asked for the object {object_id}")
