"""Where a product comes from, what came of it, and whether it is up to date."""

from __future__ import annotations

from typing import Any

from ..persistent import Persistent
from .workplace import current_workplace


class Traced:
    """What one asks of the lineage of a product."""

    def ancestors(self) -> list[Persistent]:
        """Return everything that this was made from, oldest first, in one query."""
        return current_workplace().ancestors(self)

    def descendants(self) -> list[Persistent]:
        """Return everything that was made from this, oldest first, in one query."""
        return current_workplace().descendants(self)

    def uptodate(self, *, explain: bool = False) -> Any:
        """Tell whether making it now would give the same.

        Parameters
        ----------
        explain : bool
            Return the list of reasons why not, empty if it is up to date.
        """
        reasons = current_workplace().reasons(self)
        return reasons if explain else not reasons

    def lineage(self) -> Any:
        """Return the lineage as a graph: ``.tree()``, ``.to_svg()``, ``.to_prov()``."""
        return current_workplace().lineage(self)
