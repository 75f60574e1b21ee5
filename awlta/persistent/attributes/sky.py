"""Positions on the sky: a cone, and which attributes of a class are its position.

A great-circle distance ``d`` is compared by its haversine, ``sin(d/2)**2``, which keeps its
digits where a cosine loses them; beyond 90 degrees the distance to the opposite point is
compared. An index on bands of declination of one degree, with right ascension within each,
leads to the rows that are compared at all (zones as in Gray, Nieto-Santisteban and Szalay 2006,
section 2).
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ...errors import QueryError

RANGES = {"ra": (0.0, 360.0), "dec": (-90.0, 90.0)}
"""Values, in degrees, that an attribute of a position may have."""

_HALF = math.pi / 360
"""Half an angle in degrees, in radians."""

_EDGE = 1e-9
"""Degrees by which bands and windows are taken larger, so that no rounding leaves a row out."""

_NEAR_POLE = 1e-3
"""Degrees from a pole within which the cosine of a declination has lost its digits."""

_ROUNDING = (4e-15, 3e-25)
"""Times the sine of half a radius, and as it is, added to its square: what a sine may be wrong."""

TURN = 360.0
"""Added to angles in degrees: PostgreSQL refuses a product that is as good as zero."""


@dataclass(frozen=True)
class Cone:
    """A circle on the sphere with all that is in it, its edge included.

    Attributes
    ----------
    ra, dec : float, deg
        Centre; right ascension in [0, 360).
    radius : float, deg
        From 0 to 180.
    """

    ra: float
    dec: float
    radius: float

    def __str__(self) -> str:
        return f"{self.ra:g}, {self.dec:g}, {self.radius:g}"

    @property
    def is_wide(self) -> bool:
        """Whether the circle is larger than half the sky: then no index helps."""
        return self.radius > 90

    @property
    def test(self) -> tuple[float, float, float, float]:
        """Right ascension, declination, sign and limit: sign * haversine <= limit is inside."""
        sine = math.sin(min(self.radius, 180 - self.radius) * _HALF)
        slack = _ROUNDING[0] * sine + _ROUNDING[1]
        if self.is_wide:
            return (self.ra + 180) % 360, -self.dec, -1.0, slack - sine * sine
        return self.ra, self.dec, 1.0, slack + sine * sine

    def holds(self, ra: float | None, dec: float | None) -> bool:
        """Tell whether a position is inside; one that is not known is not."""
        if ra is None or dec is None or ra != ra or dec != dec:
            return False
        ra0, dec0, sign, limit = self.test
        high, wide = (math.sin((d + TURN) * _HALF) for d in (dec - dec0, ra - ra0))
        between = math.cos((dec + TURN) * 2 * _HALF) * math.cos((dec0 + TURN) * 2 * _HALF)
        return sign * (high * high + between * wide * wide) <= limit

    @property
    def _reach(self) -> float:
        """The radius in degrees at which the comparison of sines still says inside."""
        return self.radius if self.is_wide else math.asin(min(1.0, self.test[3] ** 0.5)) / _HALF

    def zones(self) -> list[int]:
        """Return the bands of declination that the circle touches.

        A band is ``CAST(dec + 90 AS INTEGER)``, which SQLite cuts and PostgreSQL rounds: both
        never fall where declination rises, so the bands of both are among these.
        """
        reach = self._reach
        first = math.floor(self.dec - reach + 90 - _EDGE)
        last = math.floor(self.dec + reach + 90 + _EDGE) + 1
        return list(range(max(first, 0), min(last, 180) + 1))

    def windows(self) -> list[tuple[float, float]]:
        """Return the one or two ranges of right ascension that hold the circle."""
        reach = self._reach
        if abs(self.dec) + reach >= 90 - _NEAR_POLE:
            return [(0.0, 360.0)]
        ratio = math.sin(reach * 2 * _HALF) / math.cos(self.dec * 2 * _HALF)
        half = math.degrees(math.asin(min(1.0, ratio))) + _EDGE
        low, high = self.ra - half, self.ra + half
        if low < 0:
            return [(low + 360, 360.0), (0.0, high)]
        if high >= 360:
            return [(low, 360.0), (0.0, high - 360)]
        return [(low, high)]


def cone(ra: Any, dec: Any, radius: Any = None) -> Cone:
    """Return a cone from numbers in degrees, from quantities, or from a SkyCoord and a radius.

    Raises
    ------
    QueryError
        No position, or a radius that is none.
    """
    if hasattr(ra, "icrs"):
        position, radius = ra.icrs, dec if radius is None else radius
        ra, dec = position.ra, position.dec
    values = [_degrees(name, v) for name, v in (("ra", ra), ("dec", dec), ("radius", radius))]
    if not -90 <= values[1] <= 90:
        raise QueryError(f"dec = {values[1]:g}", expected="a declination from -90 to 90 degrees")
    if not 0 <= values[2] <= 180:
        raise QueryError(f"radius = {values[2]:g}", expected="a radius from 0 to 180 degrees")
    return Cone(values[0] % 360 % 360, values[1], values[2])  # twice: -1e-20 % 360 is 360


def _degrees(name: str, value: Any) -> float:
    try:
        number = float(value.to_value("deg") if hasattr(value, "to_value") else value)
        if math.isfinite(number):
            return number
    except (TypeError, ValueError):
        pass
    raise QueryError(f"{name} = {value!r}", expected="a number of degrees, or a quantity of angle")


def ensure_sines(connection: sqlite3.Connection) -> None:
    """Give sine and cosine to an SQLite that was built without mathematical functions."""
    try:
        connection.execute("SELECT sin(0), cos(0)")
    except sqlite3.DatabaseError:
        for name, of in (("sin", math.sin), ("cos", math.cos)):
            connection.create_function(name, 1, _of_null(of), deterministic=True)


def _of_null(function: Callable[[float], float]) -> Callable[[float | None], float | None]:
    return lambda value: None if value is None else function(value)


def position(cls: type[Any]) -> tuple[tuple[Any, ...], Any, Any]:
    """Return where the position of a class is: the links that lead to it, and ra and dec.

    Raises
    ------
    QueryError
        The class declares none.
    """
    for steps, there in located(cls):
        attributes: Any = there.__attributes__
        by_part = {a.sky: a for a in attributes.values() if a.sky}
        if by_part:
            return steps, by_part["ra"], by_part["dec"]
    raise QueryError(
        f"{cls.__name__} has no position on the sky",
        expected='a class with sky="ra" and sky="dec", or a link with locates=True to one',
        do="Walk by links to a class that has one, such as RawEvents.source.within(...)",
    )


def located(cls: type[Any]) -> Iterator[tuple[tuple[Any, ...], type[Any]]]:
    """Yield a class and those by which its objects are located, with the links, nearest first."""
    pending: list[tuple[tuple[Any, ...], type[Any]]] = [((), cls)]
    for steps, there in pending:
        yield steps, there
        links: Any = there.__links__
        for step in links.values():
            if step.locates and step not in steps:
                pending.append(((*steps, step), step.target))
