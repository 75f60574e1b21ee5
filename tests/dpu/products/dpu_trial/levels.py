"""A calibration, and a product that takes the nearest where none fits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from awlta.lineage import Calibration, DataProduct, recipe
from awlta.persistent import Attribute, Link, link, persistent

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class TrialLevel(Calibration):
    """A level that is valid for an hour."""

    hour: Attribute[int] = persistent("hours after noon", default=0)

    @recipe
    def make(self) -> None:
        """Take over what was given."""
        self.timestamp_start = NOON + timedelta(hours=self.hour)
        self.timestamp_end = self.timestamp_start + timedelta(hours=1)


class TrialLevelled(DataProduct):
    """A product that needs a level."""

    at: Attribute[datetime] = persistent("when", default=NOON)
    reference_level: Link[TrialLevel] = link("level", valid_at="at", fallback="nearest")

    @recipe
    def make(self) -> None:
        """Nothing to do."""
