"""What a workspace is asked about products: which exist, are up to date, are to be made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date
from typing import Any

from ...errors import NotMade
from ...persistent.attributes.attributes import AnyLink
from ...persistent.session import Session
from ..currency import currency
from ..currency.dependents import Dependents, dependents
from ..currency.differences import differences
from ..past import reading_as_of
from . import targets
from .plan import Plan
from .planning import successor


class Asking(Session):
    """The part of a workspace that answers for targets, plans and currency."""

    def target(self, cls: type[Any], values: Mapping[str, Any]) -> Any:
        """Return the up-to-date product of these inputs, or an intention."""
        return targets.target(self, cls, values)

    def targets(self, cls: type[Any], wanted: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Return for each set of inputs the product that is up to date, or an intention."""
        return targets.targets(self, cls, wanted)

    def choose(self, product: Any, step: AnyLink) -> Any:
        """Return the calibration that a link of an intention should point to now."""
        return targets.choose(self, product, step)

    def existing(self, product: Any) -> Any:
        """Return the newest committed product that was made from the same, None if none was."""
        return product if product.is_stored else targets.existing(self, product)

    def reasons(self, product: Any) -> list[currency.Reason]:
        """Return why a product is not up to date, empty if it is."""
        return currency.reasons(self, product)

    def differences(self, product: Any) -> list[currency.Reason]:
        """Return in what the environment differs from the one that a product was made in."""
        return differences(self, product)

    def dependents(self, product: Any) -> Dependents:
        """Return what was made from a product and still counts."""
        return dependents(self, product)

    def plan(self, products: Iterable[Any]) -> Plan:
        """Plan how some products are made, and all that they need."""
        with self.use():
            return Plan.of(products)

    def remake(self, product: Any) -> Any:
        """Return the intention to make a committed product again."""
        if not product.is_stored:
            raise NotMade(f"{product!r} was never made", do="Call its make()")
        return successor(self, product)

    def as_of(self, when: str | date) -> AbstractContextManager[Any]:
        """Read the database as it was on a date, for a block; see :func:`awlta.as_of`."""
        return reading_as_of(self, when)
