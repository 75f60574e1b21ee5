"""What a sim_telarray file tells of its run and telescopes, as the library (eventio) parses it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .eventio_scan import Survey, survey
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
    from eventio import SimTelFile  # pulls in corsikaio, wanted for these files only

    # zcat=False: no child process; the library remarks on objects that it does not know
    with refused(path, "the descriptions of its telescopes"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with SimTelFile(str(path), zcat=False) as file:
            header = file.header
            azimuth, altitude = (degrees(a) for a in header["direction"])
            return {
                "run": int(header["run"]),
                "start": datetime_of(10**9 * int(header["time"])),
                "format": "simtel",
                "telescopes": tuple(
                    _telescope(file, row, int(tel_id))
                    for row, tel_id in enumerate(header["tel_id"])
                    if int(tel_id) in file.telescope_descriptions
                ),
                "pointing": Pointing(alt=altitude, az=azimuth),
                "facts": _facts(file),
            }


def _telescope(file: Any, row: int, tel_id: int) -> TelescopeDescription:
    parts = file.telescope_descriptions[tel_id]
    settings, pixels = parts["camera_settings"], parts["pixel_settings"]
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
        n_gains=int(parts["camera_organization"]["n_gains"]),
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
    position = np.asarray(file.header["tel_pos"][row], float)
    return TelescopeDescription(
        tel_id=tel_id,
        name=f"{name}-{tel_id}",
        camera=camera,
        x=float(position[0]),
        y=float(position[1]),
        z=float(position[2]),
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


def _facts(file: Any) -> dict[str, str | int | float]:
    facts: dict[str, str | int | float] = {"origin": "sim_telarray"}
    release = file.global_meta.get(b"SIMTEL_VERSION")
    if release:
        facts["simtel_version"] = release.decode("utf-8", "replace")
    if file.mc_run_headers:
        last = file.mc_run_headers[-1]
        facts["energy_min"], facts["energy_max"] = (float(e) for e in last["E_range"])
        facts["spectral_index"] = float(last["spectral_index"])
    return facts
