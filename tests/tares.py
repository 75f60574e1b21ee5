"""Tares of spots, darks of exposures, and products that want the one of their place and time."""

from __future__ import annotations

from datetime import datetime

from factories import HOUR, NOON, Exposure, key, made
from sqlalchemy import select

from awlta.lineage import Calibration, DataProduct, QCFlag, recipe
from awlta.lineage.calibration.selection import superseded
from awlta.persistent import Attribute, Link, OptionalLink, Persistent, link, persistent, tables


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


class Dark(Calibration):
    """A calibration of one exposure of its own."""

    of: Link[Exposure] = link("exposure it was taken from")

    @recipe
    def make(self):
        """Take the time of the exposure."""
        self.timestamp_start, self.timestamp_end = self.of.start - HOUR, self.of.start + HOUR


class Matched(DataProduct):
    """A product that wants the dark of the exposure that it is made of."""

    of: Link[Exposure] = link("exposure")
    dark: Link[Dark] = link("dark", valid_at="of.start", same="of")


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


def told(session, *products):
    """Return (product, role, old, new) of what was superseded, as objects."""
    keys = [key(p) for p in products]
    found = {tuple(s) for s in superseded(session, keys)}
    everywhere = superseded(session, select(tables.product.c.id).cte("everything"))
    assert found == {tuple(s) for s in everywhere if s.product in keys}
    return found
