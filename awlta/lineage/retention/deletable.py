"""Deleting a product, and taking that back."""

from __future__ import annotations

from datetime import timedelta

from ..workplace import current_database
from . import retention
from .tombstone import Tombstone, tombstone_of


class Deletable:
    """What one does with a product that is no longer wanted."""

    def delete(
        self,
        reason: str,
        *,
        dependents: bool = False,
        grace: timedelta = retention.GRACE,
        dry_run: bool = False,
    ) -> retention.Deletion:
        """Delete the product; row and lineage stay, the bytes go when the grace is over.

        Parameters
        ----------
        reason : str
        dependents : bool
            Delete what was made from it as well.
        grace : timedelta
            How long :meth:`undelete` brings it back.
        dry_run : bool
            Only tell what would be deleted.
        """
        return retention.delete(
            current_database(),
            [self],
            reason,
            dependents=dependents,
            grace=grace,
            dry_run=dry_run,
        )

    def undelete(self, reason: str = "undone", *, dependents: bool = False) -> int:
        """Take the deletion back, and with ``dependents`` what was made from it; count them."""
        return retention.undelete(current_database(), [self], reason, dependents=dependents)

    @property
    def tombstone(self) -> Tombstone | None:
        """Who deleted it, when, why, and what can still be done; None while it lives."""
        return tombstone_of(current_database(), self)

    @property
    def is_deleted(self) -> bool:
        """Whether the product is deleted."""
        return self.tombstone is not None
