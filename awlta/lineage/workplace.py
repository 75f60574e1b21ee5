"""What a recipe and a prompt stand on: store, files, and the way to commit.

Two things have this face: a :class:`~awlta.lineage.workspace.Workspace`, which has a database
connection, and the counter of a DPU runner, which has none and asks its front-end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, cast

from ..errors import Refused
from ..persistent import Persistent, current_store
from ..persistent.attributes.attributes import AnyLink
from ..persistent.queries.query import Store


class Workplace(Store, Protocol):
    """Store, files, and the way to make and commit."""

    def make(self, product: Any) -> None:
        """Run the recipe of a product here and commit what it gives."""

    def target(self, cls: type[Any], values: Mapping[str, Any]) -> Any:
        """Return the up-to-date product of these inputs, or an intention."""

    def choose(self, product: Any, step: AnyLink) -> Any:
        """Return the calibration that a link of an intention should point to now."""

    def valid_for(
        self, cls: type[Any], wanted: Sequence[tuple[datetime | None, Any]], same: str | None
    ) -> list[Any]:
        """Return the calibration that would be chosen for each time and place, or None."""

    def files_of(self, product: Any) -> Sequence[Any]:
        """Return the file records of a stored product."""

    def retrieve(self, product: Any, role: str, to: Path | None) -> Path:
        """Bring a file here, verified."""

    def create(self, product: Any, ending: str, role: str) -> Path:
        """Return the path for a new file of the product that is being made."""

    def ancestors(self, product: Any) -> list[Persistent]:
        """Return everything that a product was made from."""

    def descendants(self, product: Any) -> list[Persistent]:
        """Return everything that was made from a product."""

    def reasons(self, product: Any) -> list[Any]:
        """Return why a product is not up to date."""

    def lineage(self, product: Any) -> Any:
        """Return the lineage of a product as a graph."""


def current_workplace() -> Workplace:
    """Return the workplace in use: store, files and the way to commit."""
    return cast(Workplace, current_store())


def current_database() -> Any:
    """Return the workspace in use, for what cannot be done without a database.

    Raises
    ------
    Refused
        The caller stands on a DPU runner.
    """
    workplace: Any = current_workplace()
    if not hasattr(workplace, "database"):
        raise Refused(
            "A runner has no database, so this cannot be asked there",
            expected="a recipe that uses what it links",
            do="Ask it at the prompt, or before the job is ordered",
        )
    return workplace
