"""The counter: what a recipe stands on where there is no database.

It has the face of a workspace. Objects come from the front-end, each once, with their links
when these are followed; files come from the dataserver; a query is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from awlta.errors import AlreadyMade, UndeclaredInput
from awlta.lineage import DataProduct, FileRecord
from awlta.lineage.making import Bench
from awlta.persistent import Persistent
from awlta.persistent.attributes import AnyLink, LinkList
from awlta.persistent.conditions import Column
from awlta.persistent.model import remember_batch
from awlta.persistent.query import Question
from awlta.persistent.records import ObjectRecord, rebuild
from awlta.persistent.watches import pause
from awlta.storage.client import DataClient

Ask = Callable[..., Any]
"""Sends one of the runner's requests: its name and what else it says; returns the answer."""


class Counter:
    """Store and workplace of one runner.

    Parameters
    ----------
    ask : callable
    client : DataClient
    """

    def __init__(self, ask: Ask, client: DataClient) -> None:
        self._ask = ask
        self._client = client
        self._objects: dict[str, Persistent] = {}
        self._bench: Bench | None = None

    def client(self) -> DataClient:
        """Return the client of the dataserver."""
        return self._client

    def set_bench(self, bench: Bench | None) -> None:
        """Take the place where the recipe works, or None when it has ended."""
        self._bench = bench

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
        raise _undeclared(f"asked for the object {object_id}")

    def fetch(self, question: Question) -> NoReturn:
        """Refuse: a query has no place in a recipe."""
        raise _undeclared(f"asked a query for {question.cls.__name__}")

    def count(self, question: Question) -> NoReturn:
        """Refuse, as :meth:`fetch` does."""
        self.fetch(question)

    def rows(self, question: Question, columns: Sequence[Column[Any]]) -> NoReturn:
        """Refuse, as :meth:`fetch` does."""
        self.fetch(question)

    def explain(self, question: Question) -> NoReturn:
        """Refuse, as :meth:`fetch` does."""
        self.fetch(question)

    # workplace ---------------------------------------------------------------------------

    def create(self, product: DataProduct, ending: str, role: str) -> Path:
        """Return the path for a new file of the product that is being made."""
        if self._bench is None or self._bench.product is not product:
            raise AlreadyMade(
                f"{product!r} is not being made", expected="create() within its own make()"
            )
        return self._bench.create(ending, role)

    def files_of(self, product: DataProduct) -> Sequence[FileRecord]:
        """Return the file records of a committed product."""
        files: tuple[FileRecord, ...] = product.__dict__["_files"]
        return files

    def retrieve(self, product: DataProduct, role: str, to: Path | None) -> Path:
        """Bring a file here, verified."""
        record = product.file(role)
        if to is None and self._bench is not None:
            return self._bench.retrieve(record)
        path = Path.cwd() if to is None else to
        path = path / record.name if path.is_dir() else path
        with pause():
            return self._client.retrieve(record.name, path, expect=record.digests)

    def make(self, product: Any) -> NoReturn:
        """Refuse: a recipe makes one product."""
        raise _undeclared(f"makes another product, {product!r}")

    def target(self, cls: type[Any], values: Mapping[str, Any]) -> NoReturn:
        """Refuse: a query has no place in a recipe."""
        raise _undeclared(f"asked for a target of {cls.__name__}")

    def choose(self, product: Any, step: AnyLink) -> NoReturn:
        """Refuse: a query has no place in a recipe."""
        raise _undeclared(f"had {step.place} chosen")

    def valid_for(
        self, cls: type[Any], when: datetime | None, same: str | None, place: Any
    ) -> NoReturn:
        """Refuse: a query has no place in a recipe."""
        raise _undeclared(f"asked which {cls.__name__} is valid")

    def ancestors(self, product: Any) -> NoReturn:
        """Refuse: a recipe reads what it links."""
        raise _undeclared(f"asked for the lineage of {product!r}")

    def descendants(self, product: Any) -> NoReturn:
        """Refuse, as :meth:`ancestors` does."""
        self.ancestors(product)

    def reasons(self, product: Any) -> NoReturn:
        """Refuse, as :meth:`ancestors` does."""
        self.ancestors(product)

    def lineage(self, product: Any) -> NoReturn:
        """Refuse, as :meth:`ancestors` does."""
        self.ancestors(product)


def _undeclared(what: str) -> UndeclaredInput:
    return UndeclaredInput(
        f"The recipe {what}",
        expected="objects reached by links from self",
        do="Ask where the product is declared, and link what that gives",
    )
