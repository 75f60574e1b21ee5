"""Persistent classes and data products for tests, with factories that make them.

A small observatory: dishes with sensors stand in layouts; exposures of counts are summed, with
thresholds, where a pedestal covers them.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import factory
import h5py
import numpy as np

from awlta.lineage import Calibration, DataProduct, Parameters, new_hdf5, recipe
from awlta.persistent import (
    Attribute,
    Link,
    Links,
    OptionalLink,
    Persistent,
    link,
    persistent,
    reference,
)
from awlta.persistent.attributes.codecs import TimeZone

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Light(Enum):
    """What a sensor sees."""

    BLUE = "blue"
    RED = "red"


class Gain(Enum):
    """An Enum whose values are numbers."""

    LOW = 1
    HIGH = 2


class Sensor(Persistent):
    """A sensor, with an attribute of every type."""

    name: Attribute[str] = persistent("name")
    n_pixels: Attribute[int] = persistent("number of pixels", default=7, low=1, high=10_000)
    area: Attribute[float] = persistent("sensitive area", unit="m2", default=float("nan"))
    noise: Attribute[float | None] = persistent("noise", unit="p.e.", default=None)
    light: Attribute[Light] = persistent("colour that it sees", default=Light.BLUE)
    gain: Attribute[Gain] = persistent("gain that is read", default=Gain.LOW)
    is_live: Attribute[bool] = persistent("whether it works", default=True)
    built: Attribute[datetime | None] = persistent("when it was built", default=None)
    gains: Attribute[np.ndarray | None] = persistent("gain of each pixel", default=None)
    serial: Attribute[bytes | None] = persistent("what is stamped on it", default=None)
    corner: Attribute[tuple[float, ...]] = persistent("corner of the frame", default=(0.0, 0.0))


class Dish(Persistent):
    """A dish that carries a sensor, and may have another in store."""

    name: Attribute[str] = persistent("name")
    height: Attribute[float] = persistent("height of the axis", unit="m", default=10.0)
    sensor: Link[Sensor] = link("sensor in the focus")
    spare: OptionalLink[Sensor] = link("sensor in store", default=None)


class MirrorDish(Dish):
    """A dish of mirror facets."""

    n_mirrors: Attribute[int] = persistent("number of facets", default=198)


class Layout(Persistent):
    """Dishes that observe together."""

    number: Attribute[int] = persistent("number of the layout", default=1)
    dishes: Links[Dish] = link("dishes of the layout", default=())
    centre: OptionalLink[Dish] = link("the dish in the middle", default=None)


class Summit(Persistent):
    """A place to look from."""

    zone: Attribute[TimeZone] = persistent("time zone")


class Look(Persistent):
    """A look at the sky: where to, when, where from."""

    run: Attribute[int] = persistent("number of the look", default=1, index=True)
    ra: Attribute[float | None] = persistent("right ascension", unit="deg", sky="ra")
    dec: Attribute[float | None] = persistent("declination", unit="deg", sky="dec")
    start: Attribute[datetime | None] = persistent(
        "when it began", default=None, night="summit.zone", index=True
    )
    summit: OptionalLink[Summit] = link("where it was looked from", default=None)


class Survey(Persistent):
    """Looks that belong together; it is where and when they are."""

    number: Attribute[int] = persistent("number of the survey", default=1)
    first: OptionalLink[Look] = link("the first look", default=None)
    looks: Links[Look] = link("all looks", default=(), locates=True)


class Node(Persistent):
    """A link in a chain of its own kind."""

    number: Attribute[int] = persistent("number", default=0)
    before: OptionalLink[Node] = link("the node before", default=None)
    others: Links[Node] = link("more nodes", default=())


class Thresholds(Parameters):
    """How counts are summed."""

    weight: Attribute[float] = persistent("weight of a count", default=2.0, low=0, high=10)
    note: Attribute[str] = persistent("remark", default="")


class Exposure(DataProduct):
    """Counts 0, 1, 2, ... in an HDF5 file."""

    n: Attribute[int] = persistent("number of counts", default=3, low=0)
    start: Attribute[datetime] = persistent("when it began", default=NOON)
    total: Attribute[float] = persistent("sum of the counts", init=False)

    @recipe
    def make(self) -> None:
        """Write the counts."""
        with new_hdf5(self.create(".h5")) as file:
            file["counts"] = np.arange(self.n)
        self.total = float(np.arange(self.n).sum())


class Zero(Calibration):
    """A pedestal that is subtracted from counts."""

    value: Attribute[float] = persistent("counts without light", default=1.0)
    since: Attribute[datetime] = persistent("first instant", default=NOON)
    until: Attribute[datetime] = persistent("first instant no longer", default=NOON)

    @recipe
    def make(self) -> None:
        """Take over what was given."""
        self.timestamp_start, self.timestamp_end = self.since, self.until


class Summed(DataProduct):
    """The weighted sum of the counts of an exposure, and of others."""

    exposure: Link[Exposure] = link("exposure that is summed")
    others: Links[Exposure] = link("exposures whose totals are added", default=())
    zero: OptionalLink[Zero] = link("pedestal", valid_at="exposure.start")
    thresholds: Link[Thresholds] = link("how to sum")
    remark: OptionalLink[Dish] = reference("dish that was talked about", default=None)
    value: Attribute[float] = persistent("weighted sum", init=False)

    @recipe
    def make(self) -> None:
        """Read the counts and add them up."""
        with h5py.File(self.exposure.retrieve()) as file:
            counts = file["counts"][:]
        zero = 0.0 if self.zero is None else self.zero.value
        logging.getLogger("awlta.tests").info("%d counts", len(counts))
        self.value = weighted(float((counts - zero).sum()), self.thresholds.weight)
        self.value += sum(other.total for other in self.others)


def weighted(total: float, weight: float) -> float:
    """Return a total times its weight."""
    return total * weight


class Merged(DataProduct):
    """Several products become one, without a file: to build graphs of any shape."""

    inputs: Links[DataProduct] = link("what is merged", default=())
    number: Attribute[int] = persistent("number", default=0)

    @recipe
    def make(self) -> None:
        """Nothing to do: the links are all there is."""


class SensorFactory(factory.Factory):
    class Meta:
        model = Sensor

    name = factory.Sequence(lambda n: f"sensor-{n}")


class DishFactory(factory.Factory):
    class Meta:
        model = Dish

    name = factory.Sequence(lambda n: f"dish-{n}")
    sensor = factory.SubFactory(SensorFactory)


class MirrorDishFactory(DishFactory):
    class Meta:
        model = MirrorDish


class LayoutFactory(factory.Factory):
    class Meta:
        model = Layout

    number = factory.Sequence(int)


class ExposureFactory(factory.Factory):
    """Makes exposures; ``make=True`` runs the recipe too."""

    class Meta:
        model = Exposure

    @factory.post_generation
    def make(self, create: bool, wanted: bool, **kwargs: Any) -> None:
        if wanted:
            self.make()


class SummedFactory(factory.Factory):
    class Meta:
        model = Summed

    exposure = factory.SubFactory(ExposureFactory, make=True)
    zero = None
    thresholds = factory.LazyFunction(Thresholds)


def key(obj: Any) -> int | None:
    """Return the key of an object in its database."""
    return None if obj is None else obj.__dict__["_key"]


def made(product: Any) -> Any:
    """Make a product and return it."""
    product.make()
    return product


def zero(start: float = -1, end: float = 1, value: float = 1.0, category: str = "B") -> Zero:
    """Make a pedestal that is valid for some hours around noon."""
    since, until = NOON + start * HOUR, NOON + end * HOUR
    return made(Zero(value=value, since=since, until=until, category=category))
