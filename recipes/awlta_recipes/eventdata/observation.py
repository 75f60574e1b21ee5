"""Observations, as event files describe them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any

from ..events import Pointing
from . import times
from .columns import Column, Columns, prefixed, reals


class Frame(IntEnum):
    """What the coordinates of a pointing are."""

    UNKNOWN = -1
    ALTAZ = 0
    ICRS = 1


@dataclass(frozen=True)
class Observation:
    """An observation block: one run.

    Attributes
    ----------
    obs_id : int
        Run number.
    producer : str
        Who gave the number: a site, or ``simulation``.
    lon, lat : float, deg
        Centre of the observation; NaN where unknown.
    frame : Frame
        Whether these are azimuth and altitude, or right ascension and declination.
    start, stop : datetime, UTC, or None
    telescope_pointing : mapping of int to (float, float), deg
        Altitude and azimuth of telescopes that stood still, by ``tel_id``.
    """

    obs_id: int
    producer: str = "unknown"
    lon: float = math.nan
    lat: float = math.nan
    frame: Frame = Frame.UNKNOWN
    start: datetime | None = None
    stop: datetime | None = None
    telescope_pointing: Mapping[int, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        run: int,
        pointing: Pointing,
        *,
        producer: str = "unknown",
        start: datetime | None = None,
        stop: datetime | None = None,
        fixed: Iterable[int] = (),
    ) -> Observation:
        """Return the observation of a run.

        Parameters
        ----------
        run : int
        pointing : Pointing
            Right ascension and declination are preferred where it has both.
        producer : str
        start, stop : datetime, UTC, or None
        fixed : iterable of int
            Telescopes that stood still at its altitude and azimuth, as simulated ones do.
        """
        frame, lon, lat = Frame.UNKNOWN, math.nan, math.nan
        if pointing.ra is not None and pointing.dec is not None:
            frame, lon, lat = Frame.ICRS, pointing.ra, pointing.dec
        elif pointing.az is not None and pointing.alt is not None:
            frame, lon, lat = Frame.ALTAZ, pointing.az, pointing.alt
        still = {}
        if pointing.az is not None and pointing.alt is not None:
            still = dict.fromkeys(fixed, (pointing.alt, pointing.az))
        return cls(run, producer, lon, lat, frame, start, stop, still)

    def row(self) -> dict[str, Any]:
        """Return the row of the table of observation blocks.

        Each is part of a scheduling block of its own, of its number.
        """
        minutes = math.nan
        if self.start is not None and self.stop is not None:
            minutes = (self.stop - self.start).total_seconds() / 60
        return {
            "obs_id": self.obs_id,
            "sb_id": self.obs_id,
            "producer_id": self.producer.encode()[:32],
            "subarray_pointing_lon": self.lon,
            "subarray_pointing_lat": self.lat,
            "subarray_pointing_frame": int(self.frame),
            "actual_start_time": times.tai_mjd(self.start),
            "actual_duration": minutes,
        }


POINTING_COLUMNS: Columns = (
    Column("obs_id", "i4", "observation block"),
    Column("tel_id", "i8", "telescope"),
    *prefixed(
        "telescope_pointing",
        reals([("azimuth", "rad", "from north to east"), ("altitude", "rad", "altitude")]),
    ),
)


def _enum(name: str, kind: str, about: str) -> Column:
    return Column(name, "i8", about, default=-1, means=f"enum:{kind}")


def _producer() -> Column:
    return Column("producer_id", "S32", "who gave the number", default="unknown", means="string")


SCHEDULING_COLUMNS: Columns = (
    Column("sb_id", "u8", "scheduling block"),
    _enum("sb_type", "SchedulingBlockType", "kind of scheduling block"),
    _producer(),
    _enum("observing_mode", "ObservingMode", "how the observations lie in space"),
    _enum("pointing_mode", "PointingMode", "how the telescopes move"),
)

OBSERVATION_COLUMNS: Columns = (
    Column("obs_id", "u8", "observation block"),
    Column("sb_id", "u8", "scheduling block that it is part of"),
    _producer(),
    _enum("state", "ObservationBlockState", "how it ended"),
    *reals(
        [
            ("subarray_pointing_lat", "deg", "altitude or declination of the centre"),
            ("subarray_pointing_lon", "deg", "azimuth or right ascension of the centre"),
        ]
    ),
    _enum("subarray_pointing_frame", "CoordinateFrameType", "0 altitude and azimuth, 1 ICRS"),
    Column("scheduled_duration", "f8", "duration as planned", "min", default=math.nan),
    Column(
        "scheduled_start_time", "f8", "start as planned, 0 where unknown", default=0.0, means="mjd"
    ),
    Column("actual_start_time", "f8", "start, 0 where unknown", default=0.0, means="mjd"),
    Column("actual_duration", "f8", "duration", "min", default=math.nan),
)
