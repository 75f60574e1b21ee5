"""Where a product comes from, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..persistent import Persistent
from .workplace import current_database, current_workplace


class Traced:
    """What one asks of the lineage of a product."""

    def ancestors(self) -> list[Persistent]:
        """Return everything that this was made from, oldest first, in one query."""
        return current_workplace().ancestors(self)

    def descendants(self) -> list[Persistent]:
        """Return everything that was made from this, oldest first, in one query."""
        return current_workplace().descendants(self)

    def reproduce(
        self, *, keep: str | Path | None = None, exact: bool = False, chain: bool = False
    ) -> Any:
        """Make this again from its record in a fresh environment, and say what differs.

        Parameters
        ----------
        keep : path, optional
            New folder in which environment, log and files are kept.
        exact : bool
            Have pip install the recorded versions of all packages.
        chain : bool
            Make everything again that it was made from, too.
        """
        folder = None if keep is None else Path(keep)
        return current_database().reproduce(self, keep=folder, exact=exact, chain=chain)

    def lineage(self) -> Any:
        """Return the lineage as a graph: ``.tree()``, ``.to_svg()``, ``.to_prov()``."""
        return current_workplace().lineage(self)
