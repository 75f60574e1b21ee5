"""What a sim_telarray file tells of its run and telescopes; the library parses each record."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadInput

from .eventio_scan import (
    ARRAY_EVENT,
    CALIBRATION_EVENT,
    MC_EVENT,
    RUN_HEADER,
    Survey,
    TopObject,
    survey,
    walk,
)
from .model import (
    CalibrationState,
    CameraDescription,
    EventKind,
    Pointing,
    Preamble,
    RunHeader,
    TelescopeDescription,
    damaged,
    datetime_of,
)
from .simtel_events import parse

# Older files do not name their cameras; pixels and mirror-plate focal length tell them apart.
_CAMERAS = {
    (1855, 28): "LSTCam",
    (1855, 16): "NectarCam",
    (1764, 16): "FlashCam",
    (2048, 2): "CHEC",
    (1296, 6): "DigiCam",
    (11328, 6): "SCTCam",
    (2368, 2): "ASTRICam",
}
_SHAPES = {1: "hexagonal", 2: "square", 3: "hexagonal"}

_META, _MC_RUN_HEADER = 75, 2001
_SETTINGS, _ORGANIZATION, _PIXELS = _DESCRIPTIONS = (2002, 2003, 2004)
_EVENTS = (ARRAY_EVENT, CALIBRATION_EVENT, MC_EVENT)
_OF_THE_FILE = -1


def read_preamble(path: Path) -> Preamble:
    """Return what stands before the events; the file is not read any further."""
    return Preamble(**_beginning(path))


def read_header(path: Path) -> RunHeader:
    """Return what a sim_telarray file tells of its run, after one pass over all its bytes."""
    seen = survey(path)
    known = _beginning(path)
    two_gains = any(t.camera.n_gains == 2 for t in known["telescopes"])
    return RunHeader(
        **known,
        stop=max(known["start"], datetime_of(seen.last_time)),
        n_events=seen.n_events,
        event_kind=_kind(seen),
        calibration_state=CalibrationState.RAW2 if two_gains else CalibrationState.RAW1,
    )


@contextmanager
def refused(path: Path, place: str) -> Iterator[None]:
    """Turn whatever a parser that trusts its input raises into BadInput, with the place."""
    try:
        yield
    except BadInput:
        raise
    except Exception as error:
        raise damaged(
            path,
            f"cannot be parsed ({type(error).__name__}: {error})",
            expected="objects as sim_telarray writes them",
            place=place,
        ) from error


def degrees(angle: float) -> float:
    """Return degrees, rounded to what the float32 radians of the file hold."""
    return round(math.degrees(angle), 5)


def _beginning(path: Path) -> dict[str, Any]:
    records = _records(path)
    header = records.run
    with refused(path, "the descriptions of its telescopes"):
        azimuth, altitude = (degrees(a) for a in header["direction"])
        return {
            "run": int(header["run"]),
            "start": datetime_of(10**9 * int(header["time"])),
            "format": "simtel",
            "telescopes": tuple(
                _telescope(records.telescopes[int(tel_id)], int(tel_id), place)
                for tel_id, place in zip(header["tel_id"], header["tel_pos"], strict=True)
            ),
            "pointing": Pointing(alt=altitude, az=azimuth),
            "facts": _facts(records),
        }


@dataclass
class _Records:
    """What stands before the events; of telescopes, by number and by type of the record."""

    run: dict[str, Any] = field(default_factory=dict)
    simulation: dict[str, Any] = field(default_factory=dict)
    meta: dict[bytes, bytes] = field(default_factory=dict)
    telescopes: dict[int, dict[int, Any]] = field(default_factory=dict)

    def take(self, found: TopObject) -> None:
        """Have a record parsed by the library, and keep it."""
        kind, number = found.header.type, found.header.id
        if kind == RUN_HEADER:
            self.run = parse(found)
            self.telescopes = {int(tel_id): {} for tel_id in self.run["tel_id"]}
        elif kind == _MC_RUN_HEADER:
            self.simulation = parse(found)
        elif kind == _META and number == _OF_THE_FILE:
            self.meta = parse(found)
        elif kind in _DESCRIPTIONS and number in self.telescopes:
            self.telescopes[number][kind] = parse(found)

    @property
    def are_complete(self) -> bool:
        """Whether each telescope of the run is described."""
        whole = len(_DESCRIPTIONS)
        return bool(self.run) and all(len(t) == whole for t in self.telescopes.values())


def _records(path: Path) -> _Records:
    """Return what is told before the first event, parsed no further than it is needed."""
    records = _Records()
    for found in walk(path, {RUN_HEADER, _MC_RUN_HEADER, _META, *_DESCRIPTIONS}):
        with refused(path, f"byte {found.position}"):
            records.take(found)
        if records.are_complete:
            return records
        if found.header.type in _EVENTS:
            break
    bare = [tel_id for tel_id, told in records.telescopes.items() if len(told) < len(_DESCRIPTIONS)]
    raise damaged(
        path,
        f"telescopes {bare} are not described before the first event",
        expected="camera settings, camera organization and pixel settings of each telescope",
    )


def _telescope(parts: Mapping[int, Any], tel_id: int, place: Any) -> TelescopeDescription:
    settings, pixels = parts[_SETTINGS], parts[_PIXELS]
    focal_length = float(settings["focal_length"])
    n_pixels = int(settings["n_pixels"])
    # The x axis of these files points up in the camera, towards larger altitude, y along azimuth.
    rotation = float(settings.get("cam_rot", 0.0))
    x, y = np.asarray(settings["pixel_x"], float), np.asarray(settings["pixel_y"], float)
    cos, sin = np.cos(rotation), np.sin(rotation)
    name = _CAMERAS.get((n_pixels, round(focal_length)), f"Camera{n_pixels}")
    camera = CameraDescription(
        name=name,
        n_pixels=n_pixels,
        n_gains=int(parts[_ORGANIZATION]["n_gains"]),
        n_samples=int(pixels["sum_bins"]),
        sampling_rate=1.0 / float(pixels["time_slice"]),
        pixel_x=x * sin + y * cos,
        pixel_y=x * cos - y * sin,
        pixel_area=np.asarray(settings["pixel_area"], float),
        pixel_shape=_SHAPES.get(int(np.asarray(settings["pixel_shape"])[0]), "unknown"),
        rotation=degrees(rotation),
        pulse_shape=_pulse(pixels),
        pulse_step=float(pixels.get("ref_step", np.nan)),
    )
    north, west, up = (float(c) for c in place)
    return TelescopeDescription(
        tel_id=tel_id,
        name=f"{name}-{tel_id}",
        camera=camera,
        x=north,
        y=west,
        z=up,
        focal_length=float(settings.get("effective_focal_length") or focal_length),
        mirror_area=float(settings["mirror_area"]),
    )


def _kind(seen: Survey) -> EventKind:
    """Types 0 and 1 of a calibration event are pedestals, from 2 on light of LED or laser."""
    if seen.n_of_showers:
        return EventKind.SIMULATION
    kinds = {
        EventKind.PEDESTAL if t in (0, 1) else EventKind.FLATFIELD for t in seen.calibration_types
    }
    return kinds.pop() if len(kinds) == 1 else EventKind.CALIBRATION


def _pulse(pixels: Mapping[str, Any]) -> NDArray[np.float64] | None:
    shape = pixels.get("ref_shape")
    return None if shape is None or not shape.size else np.atleast_2d(np.asarray(shape, float))


def _facts(records: _Records) -> dict[str, str | int | float]:
    facts: dict[str, str | int | float] = {"origin": "sim_telarray"}
    release = records.meta.get(b"SIMTEL_VERSION")
    if release:
        facts["simtel_version"] = release.decode("utf-8", "replace")
    if records.simulation:
        facts["energy_min"], facts["energy_max"] = (float(e) for e in records.simulation["E_range"])
        facts["spectral_index"] = float(records.simulation["spectral_index"])
    return facts
