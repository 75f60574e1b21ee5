"""A bare workplace: what a recipe stands on where there is no database.

It has the face of a workspace. Objects are given to it, files come through a client, and a query
is refused. A DPU runner and the process that makes a product again stand on one each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from ...errors import AlreadyMade, UndeclaredInput
from ...persistent.attributes.attributes import AnyLink
from ...persistent.attributes.conditions import Column
from ...persistent.queries.query import Question
from ...persistent.watches import pause
from ...storage.client import DataClient
from ..files.bench import Bench
from ..files.filed import FileRecord
from ..product import DataProduct


class BareWorkplace:
    """What all workplaces without a database share: files, and what is refused there.

    Parameters
    ----------
    client : DataClient
    """

    def __init__(self, client: DataClient) -> None:
        self._client = client
        self._bench: Bench | None = None

    def client(self) -> DataClient:
        """Return the client of the dataserver."""
        return self._client

    def set_bench(self, bench: Bench | None) -> None:
        """Take the place where the recipe works, or None when it has ended."""
        self._bench = bench

    # files -------------------------------------------------------------------------------

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
        if self._bench is not None and self._bench.product is product:
            return self._bench.output(role)
        record = product.file(role)
        if to is None and self._bench is not None:
            return self._bench.retrieve(record)
        path = Path.cwd() if to is None else to
        path = path / record.name if path.is_dir() else path
        with pause():
            return self._client.retrieve(record.name, path, expect=record.digests)

    # what needs a database ---------------------------------------------------------------

    def commit(self, *objects: Any) -> NoReturn:
        """Refuse: what a recipe makes is committed when it has ended."""
        raise undeclared("committed an object")

    def fetch(self, question: Question) -> NoReturn:
        """Refuse: a query has no place in a recipe."""
        raise undeclared(f"asked a query for {question.cls.__name__}")

    def count(self, question: Question) -> NoReturn:
        """Refuse, as :meth:`fetch` does."""
        self.fetch(question)

    def rows(self, question: Question, columns: Sequence[Column[Any]]) -> NoReturn:
        """Refuse, as :meth:`fetch` does."""
        self.fetch(question)

    def counts(self, question: Question, columns: Sequence[Column[Any]]) -> NoReturn:
        """Refuse, as :meth:`fetch` does."""
        self.fetch(question)

    def explain(self, question: Question) -> NoReturn:
        """Refuse, as :meth:`fetch` does."""
        self.fetch(question)

    def make(self, product: Any) -> NoReturn:
        """Refuse: a recipe makes one product."""
        raise undeclared(f"makes another product, {product!r}")

    def target(self, cls: type[Any], values: Mapping[str, Any]) -> NoReturn:
        """Refuse: a query has no place in a recipe."""
        raise undeclared(f"asked for a target of {cls.__name__}")

    def choose(self, product: Any, step: AnyLink) -> NoReturn:
        """Refuse: a query has no place in a recipe."""
        raise undeclared(f"had {step.place} chosen")

    def valid_for(
        self, cls: type[Any], wanted: Sequence[tuple[datetime | None, Any]], same: str | None
    ) -> NoReturn:
        """Refuse: a query has no place in a recipe."""
        raise undeclared(f"asked which {cls.__name__} is valid")

    def ancestors(self, product: Any) -> NoReturn:
        """Refuse: a recipe reads what it links."""
        raise undeclared(f"asked for the lineage of {product!r}")

    def descendants(self, product: Any) -> NoReturn:
        """Refuse, as :meth:`ancestors` does."""
        self.ancestors(product)

    def reasons(self, product: Any) -> NoReturn:
        """Refuse, as :meth:`ancestors` does."""
        self.ancestors(product)

    def lineage(self, product: Any) -> NoReturn:
        """Refuse, as :meth:`ancestors` does."""
        self.ancestors(product)


def undeclared(what: str) -> UndeclaredInput:
    """Return the error for a recipe that asks for more than it links."""
    return UndeclaredInput(
        f"The recipe {what}",
        expected="objects reached by links from self",
        do="Ask where the product is declared, and link what that gives",
    )
