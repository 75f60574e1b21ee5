"""Tares: calibrations of sites, and products that want the tare of their spot and time."""

from __future__ import annotations

from datetime import datetime, timedelta

from factories import NOON

from awlta.lineage import Calibration, DataProduct, QCFlag, recipe
from awlta.persistent import Attribute, Link, OptionalLink, Persistent, link, persistent

HOUR = timedelta(hours=1)


def made(product):
    """Make a product and return it."""
    product.make()
    return product


class Spot(Persistent, shared=True):
    """A place that everybody describes alike."""

    name: Attribute[str] = persistent("name")


class Tare(Calibration):
    """A tare at a spot, with what a test wants of it."""

    NOISY = QCFlag(0, "noise above limit")

    spot: Link[Spot] = link("where")
    since: Attribute[datetime] = persistent("first instant", default=NOON)
    until: Attribute[datetime] = persistent("first instant no longer", default=NOON)
    noise: Attribute[float] = persistent("noise", default=0.0)

    @recipe
    def make(self):
        """Take over what was given."""
        self.timestamp_start, self.timestamp_end = self.since, self.until

    def verify(self):
        """Flag noise."""
        self.NOISY.above(self.noise, 1)


class Tared(DataProduct):
    """A product that wants the tare of its spot and time."""

    spot: Link[Spot] = link("where")
    at: Attribute[datetime] = persistent("when", default=NOON)
    tare: OptionalLink[Tare] = link("tare", valid_at="at", same="spot")

    @recipe
    def make(self):
        """Nothing to do."""


class Patient(DataProduct):
    """A product that takes what there is where no tare fits."""

    spot: Link[Spot] = link("where")
    at: Attribute[datetime] = persistent("when", default=NOON)
    tare: OptionalLink[Tare] = link(
        "tare", valid_at="at", same="spot", fallback=("lower-category", "nearest")
    )

    @recipe
    def make(self):
        """Nothing to do."""


class Careful(DataProduct):
    """A product that looks back where no tare fits."""

    spot: Link[Spot] = link("where")
    at: Attribute[datetime] = persistent("when", default=NOON)
    tare: Link[Tare] = link("tare", valid_at="at", same="spot", fallback="earlier")

    @recipe
    def make(self):
        """Nothing to do."""


HERE = "here"


def tare(start, end, category="B", spot=HERE, noise=0.0):
    """Make a tare that is valid for some hours around noon."""
    since, until = NOON + start * HOUR, NOON + end * HOUR
    place = Spot(name=spot)
    return made(Tare(spot=place, since=since, until=until, category=category, noise=noise))


def tared(hour=0, category="B", spot=HERE, cls=Tared, **given):
    """Make a product that wants a tare some hours after noon."""
    place = Spot(name=spot)
    return made(cls(spot=place, at=NOON + hour * HOUR, category=category, **given))
