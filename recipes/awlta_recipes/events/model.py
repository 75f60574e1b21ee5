"""The one face of raw events, whatever file format they came in.

Cameras and telescopes are described once per run, events follow in blocks of one
telescope. Directions inside a camera are offsets from its pointing, ``lon`` and
``lat`` in degrees; a camera stores its pixels in metres along these two axes, so
that ``lon = degrees(x / focal_length)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadInput, BadValue, NotFound

Float = NDArray[np.float64]


class CalibrationState(Enum):
    """What the samples of a file are."""

    RAW1 = "raw counts, 1 gain"
    RAW2 = "raw counts, 2 gains"
    PE = "p.e."


class EventType(IntEnum):
    """What a single event was recorded for, with the codes of CTAO's R1 and DL0 data model."""

    FLATFIELD = 0
    SINGLE_PE = 1
    PEDESTAL = 2
    DARK_PEDESTAL = 3
    ELECTRONIC_PEDESTAL = 4
    SKY_PEDESTAL = 5
    OTHER_CALIBRATION = 15
    MUON = 16
    HARDWARE_STEREO = 17
    RANDOM_MONO = 18
    DAQ = 24
    SUBARRAY = 32
    LONG_EVENT = 33
    UNKNOWN = 255


class EventKind(Enum):
    """What a run as a whole was taken for, as far as its file tells."""

    OBSERVATION = "observation"
    PEDESTAL = "pedestal"
    FLATFIELD = "flatfield"
    SIMULATION = "simulation"
    CALIBRATION = "calibration"
    UNKNOWN = "unknown"

    @property
    def event_type(self) -> EventType:
        """Type of the events of such a run, where they do not tell their own."""
        return _EVENT_TYPES[self]


_EVENT_TYPES = {
    EventKind.OBSERVATION: EventType.SUBARRAY,
    EventKind.PEDESTAL: EventType.PEDESTAL,
    EventKind.FLATFIELD: EventType.FLATFIELD,
    EventKind.SIMULATION: EventType.SUBARRAY,
    EventKind.CALIBRATION: EventType.OTHER_CALIBRATION,
    EventKind.UNKNOWN: EventType.UNKNOWN,
}


MOST_EVENT_BYTES = 1 << 28
"""Bytes of raw samples that one telescope may have in one event; ten times those of any."""


@dataclass(frozen=True, eq=False)
class CameraDescription:
    """Pixels and readout of a camera.

    Attributes
    ----------
    name : str
    n_pixels, n_gains, n_samples : int
    sampling_rate : float, GHz
        NaN where the file does not tell.
    pixel_x, pixel_y : float64 (n_pixels,), m, or None
        Along the ``lon`` and ``lat`` axes of the camera; None if the file has no geometry.
    pixel_area : float64 (n_pixels,), m2, or None
    pixel_shape : str
        ``hexagonal``, ``square`` or ``unknown``.
    rotation : float, deg
        Turn that was applied to the coordinates of the file to reach these axes.
    pulse_shape : float64 (n_channels, n_points), arbitrary unit, or None
        Pulse of a single photo-electron, one row for all gains or one for each; None if the
        file has none.
    pulse_step : float, ns
        Time from one point of the pulse to the next; NaN where there is no pulse.
    """

    name: str
    n_pixels: int
    n_gains: int
    n_samples: int
    sampling_rate: float = float("nan")
    pixel_x: Float | None = None
    pixel_y: Float | None = None
    pixel_area: Float | None = None
    pixel_shape: str = "unknown"
    rotation: float = 0.0
    pulse_shape: Float | None = None
    pulse_step: float = float("nan")

    def __post_init__(self) -> None:
        counts = (self.n_gains, self.n_pixels, self.n_samples)
        if min(counts) < 1 or self.event_size > MOST_EVENT_BYTES:
            raise BadValue(
                f"camera {self.name} of {counts} gains, pixels and samples",
                expected=f"one or more of each, events of at most {MOST_EVENT_BYTES >> 20} MiB",
                do="Compare with the camera that the file is of",
            )
        for name in ("pixel_x", "pixel_y", "pixel_area"):
            values = getattr(self, name)
            if values is not None and np.shape(values) != (self.n_pixels,):
                raise BadValue(
                    f"{name} of camera {self.name} of shape {np.shape(values)}",
                    expected=f"({self.n_pixels},), one for each pixel",
                    do="Describe all pixels of the camera, or none",
                )

    @property
    def event_shape(self) -> tuple[int, int, int]:
        """Shape of one raw event: gains, pixels, samples."""
        return (self.n_gains, self.n_pixels, self.n_samples)

    @property
    def event_size(self) -> int:
        """Bytes of one raw event."""
        return 2 * self.n_gains * self.n_pixels * self.n_samples


@dataclass(frozen=True, eq=False)
class TelescopeDescription:
    """A telescope of the array.

    Attributes
    ----------
    x, y, z : float, m
        Position to the north, to the west and up; NaN where the file does not tell.
    focal_length : float, m
        The effective one where it is known.
    mirror_area : float, m2
    """

    tel_id: int
    name: str
    camera: CameraDescription
    x: float = float("nan")
    y: float = float("nan")
    z: float = float("nan")
    focal_length: float = float("nan")
    mirror_area: float = float("nan")

    def pixel_directions(self) -> tuple[Float, Float]:
        """Return the directions in which the pixels look.

        Returns
        -------
        tuple of float64 (n_pixels,), deg
            Offsets ``lon`` and ``lat`` from the pointing.

        Raises
        ------
        BadValue
            The file of this run had no camera geometry.
        """
        camera = self.camera
        if camera.pixel_x is None or camera.pixel_y is None:
            raise BadValue(
                f"camera {camera.name} of telescope {self.tel_id} has no pixel positions",
                expected="a file that carries its camera geometry",
                do="Take the geometry from a camera description of the same camera",
            )
        return (
            np.degrees(camera.pixel_x / self.focal_length),
            np.degrees(camera.pixel_y / self.focal_length),
        )


@dataclass(frozen=True)
class Pointing:
    """Where the telescopes looked, in degrees; None where unknown.

    The axes of the cameras follow right ascension and declination if these are
    known, and azimuth and altitude otherwise.
    """

    alt: float | None = None
    az: float | None = None
    ra: float | None = None
    dec: float | None = None

    @property
    def is_equatorial(self) -> bool:
        """Whether camera offsets are along right ascension and declination."""
        return self.ra is not None and self.dec is not None


@dataclass(frozen=True, eq=False)
class Preamble:
    """What stands before the events of a file: enough to read them.

    Attributes
    ----------
    run : int
    start : datetime, UTC
        None where the file carries no time.
    format : str
        ``simtel``, ``zfits`` or ``awlta-hdf5``.
    pointing : Pointing
    facts : mapping
        What else the file tells, such as the true position of a simulated source
        (``source_ra``, ``source_dec``, deg), ``origin`` or ``site``.
    """

    run: int
    start: datetime | None
    format: str
    telescopes: tuple[TelescopeDescription, ...]
    pointing: Pointing = field(default=Pointing(), kw_only=True)
    facts: Mapping[str, str | int | float] = field(default_factory=dict, kw_only=True)

    def telescope(self, tel_id: int) -> TelescopeDescription:
        """Return a telescope of the run.

        Raises
        ------
        NotFound
            The run has no such telescope.
        """
        for telescope in self.telescopes:
            if telescope.tel_id == tel_id:
                return telescope
        raise NotFound(
            f"run {self.run} has no telescope {tel_id}",
            expected=f"one of {[t.tel_id for t in self.telescopes]}",
            do="Choose a telescope of this run",
        )


@dataclass(frozen=True, eq=False)
class RunHeader(Preamble):
    """What is known of a run once its file was read to the end and found complete.

    Attributes
    ----------
    stop : datetime, UTC
        Time of the last array trigger, equal to ``start`` where the triggers carry no time;
        None where the file carries no time.
    n_events : int
        Array events of the run; a telescope may have seen fewer.
    """

    stop: datetime | None
    n_events: int
    event_kind: EventKind
    calibration_state: CalibrationState


@dataclass(frozen=True)
class FlaggedEvent:
    """An event that was left out, and why."""

    event_id: int
    reason: str


@dataclass(frozen=True, eq=False)
class EventBlock:
    """Some consecutive events of one telescope.

    Attributes
    ----------
    event_id : int64 (n_events,)
    time : float64 (n_events,), s
        Since ``RunHeader.start`` (UTC); NaN where the event or the run has no time.
    waveforms : uint16 (n_events, n_gains, n_pixels, n_samples), ADC counts
        Or, in the state ``PE``, float32 (n_events, n_pixels, n_samples), p.e.
    pixel_ok : bool (n_pixels,)
        False for pixels that the file itself declares off or broken.
    pointing : float64 (n_events, 2), deg
        Altitude and azimuth, NaN where unknown.
    flagged : tuple of FlaggedEvent
        Events left out of the arrays above, met since the block of this telescope before.
    tel_id : int
    true_image : int32 (n_events, n_pixels), photo-electrons, or None
        Of simulated events, if it was asked for; -1 in all pixels of an event without one.
    """

    event_id: NDArray[np.int64]
    time: Float
    waveforms: NDArray[np.uint16] | NDArray[np.float32]
    pixel_ok: NDArray[np.bool_]
    pointing: Float
    flagged: tuple[FlaggedEvent, ...] = ()
    tel_id: int = 0
    true_image: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.event_id)


@dataclass(frozen=True, eq=False)
class FileCalibration:
    """Calibration constants that a raw file carries for one telescope.

    Attributes
    ----------
    pedestal : float32 (n_gains, n_pixels), ADC counts per sample
    dc_to_pe : float32 (n_gains, n_pixels), p.e. per ADC count, or None
        None where the file carries pedestals only.
    source : str
        Which record of the file the constants are from.
    time_shift : float32 (n_gains, n_pixels), ns, or None
        To be subtracted from the times of the pulses; None where the file does not tell.
    pixel_ok : bool (n_pixels,) or None
        False for pixels that are switched off or broken; None where the file does not tell.
    """

    pedestal: NDArray[np.float32]
    dc_to_pe: NDArray[np.float32] | None
    source: str
    time_shift: NDArray[np.float32] | None = None
    pixel_ok: NDArray[np.bool_] | None = None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def datetime_of(nanoseconds: int) -> datetime:
    """Return the UTC time of unix nanoseconds, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


def seconds_since(start: datetime | None, nanoseconds: int) -> float:
    """Return seconds from a start to a time in unix nanoseconds; NaN if either is unknown (0).

    Integers carry the nanoseconds, since a float64 of unix seconds steps by 240 ns.
    """
    if start is None or not nanoseconds:
        return float("nan")
    microseconds = (start - _EPOCH) // timedelta(microseconds=1)
    return (nanoseconds - 1000 * microseconds) * 1e-9


def damaged(path: Path, found: str, *, expected: str, place: str = "", do: str = "") -> BadInput:
    """Return the error for a file that cannot be used, naming the place of the fault."""
    where = f" at {place}" if place else ""
    return BadInput(
        f"{path.name}: {found}{where}",
        expected=expected,
        do=do or "Fetch the file again and compare its digest with that of the source",
        file=path.name,
        place=place,
    )
