"""Read sim_telarray files (eventio), plain or compressed by gzip or zstd."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .blocks import SingleEvent, gather
from .eventio_scan import Survey, survey
from .model import (
    CalibrationState,
    CameraDescription,
    EventBlock,
    EventKind,
    FileCalibration,
    Pointing,
    RunHeader,
    TelescopeDescription,
    damaged,
    datetime_of,
    seconds_since,
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


def read_header(path: Path) -> RunHeader:
    """Return what a sim_telarray file tells of its run, after one pass over all its bytes."""
    seen = survey(path)
    with _opened(path) as reader:
        header = reader.file.header
        telescopes = tuple(
            _telescope(reader.file, row, int(tel_id))
            for row, tel_id in enumerate(header["tel_id"])
            if int(tel_id) in reader.file.telescope_descriptions
        )
        facts = _facts(reader.file)
        start = 10**9 * int(header["time"])
    two_gains = any(t.camera.n_gains == 2 for t in telescopes)
    azimuth, altitude = (_degrees(a) for a in header["direction"])
    return RunHeader(
        run=int(header["run"]),
        start=datetime_of(start),
        stop=datetime_of(max(start, seen.last_time)),
        format="simtel",
        telescopes=telescopes,
        n_events=seen.n_events,
        event_kind=_kind(seen),
        calibration_state=CalibrationState.RAW2 if two_gains else CalibrationState.RAW1,
        pointing=Pointing(alt=altitude, az=azimuth),
        facts=facts,
    )


def iterate(path: Path, header: RunHeader, tel_id: int, block: int) -> Iterator[EventBlock]:
    """Yield the events of one telescope; ``header`` is that of the same file, already checked."""
    telescope = header.telescope(tel_id)
    with _opened(path, tel_id) as reader:
        pixels = telescope.camera.n_pixels

        def pixel_ok() -> NDArray[np.bool_]:
            return _pixel_ok(reader.file, tel_id, pixels)

        events = _events(reader, tel_id, header.start)
        yield from gather(events, telescope.camera, block, pixel_ok)


def calibration_of(path: Path, tel_id: int) -> FileCalibration | None:
    """Return pedestals and conversion factors from the monitoring records of a telescope.

    The pedestal of such a record is the sum over a number of time slices and is divided
    by it. The records come with the first event; None if there are none.
    """
    with _opened(path, tel_id) as reader:
        for event in reader.events():
            monitoring = event.get("camera_monitorings", {}).get(tel_id)
            laser = event.get("laser_calibrations", {}).get(tel_id)
            if monitoring and laser and "pedestal" in monitoring and "calib" in laser:
                slices = max(1, int(monitoring["n_ped_slices"]))
                return FileCalibration(
                    pedestal=(monitoring["pedestal"] / np.float32(slices)).astype(np.float32),
                    dc_to_pe=laser["calib"].astype(np.float32),
                    source="camera monitoring and laser calibration of the file",
                )
    return None


class _Reader:
    """An open file whose parser cannot raise anything but BadInput."""

    def __init__(self, path: Path, tel_id: int | None) -> None:
        self.path = path
        self._allowed = None if tel_id is None else [tel_id]
        self._count = 0

    def __enter__(self) -> _Reader:
        from eventio import SimTelFile  # pulls in corsikaio, wanted for these files only

        # zcat=False: no child process that would be left behind by a generator not run to its end
        self.file: Any = self._guarded(
            lambda: SimTelFile(str(self.path), allowed_telescopes=self._allowed, zcat=False)
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield array events, with the parser's remarks about unknown objects kept quiet."""
        while (event := self._guarded(lambda: next(self.file, None))) is not None:
            self._count += 1
            yield event

    def _guarded(self, step: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return step()
            except Exception as error:  # a parser that trusts its input raises anything
                raise damaged(
                    self.path,
                    f"cannot be parsed ({type(error).__name__}: {error})",
                    expected="objects as sim_telarray writes them",
                    place=f"array event {self._count}",
                ) from error


def _opened(path: Path, tel_id: int | None = None) -> _Reader:
    return _Reader(path, tel_id)


def _events(reader: _Reader, tel_id: int, start: datetime | None) -> Iterator[SingleEvent]:
    for event in reader.events():
        of_telescope = event.get("telescope_events", {}).get(tel_id)
        if of_telescope is None:
            continue
        position = event.get("tracking_positions", {}).get(tel_id, {})
        yield SingleEvent(
            event_id=int(event["event_id"]),
            waveform=_waveform(of_telescope),
            time=seconds_since(start, _time(event, of_telescope)),
            alt=_degrees(position.get("altitude_raw", np.nan)),
            az=_degrees(position.get("azimuth_raw", np.nan)),
        )


def _waveform(of_telescope: Mapping[str, Any]) -> NDArray[np.generic]:
    """Return the samples; a camera that stores sums only has one sample, the sum."""
    samples: NDArray[np.generic] | None = of_telescope.get("adc_samples")
    if samples is not None:
        return samples
    sums: NDArray[np.generic] | None = of_telescope.get("adc_sums")
    return np.empty((0, 0, 0), np.uint16) if sums is None else sums[..., np.newaxis]


def _time(event: Mapping[str, Any], of_telescope: Mapping[str, Any]) -> int:
    """Return unix nanoseconds, 0 if there are none.

    The GPS clock of the array is best, then its computer, then that of the telescope.
    """
    trigger = event.get("trigger_information", {})
    for seconds, nanoseconds in (
        trigger.get("gps_time", (0, 0)),
        trigger.get("cpu_time", (0, 0)),
        of_telescope["header"].get("cpu_time", (0, 0)),
    ):
        if seconds:
            return 10**9 * int(seconds) + int(nanoseconds)
    return 0


def _pixel_ok(file: Any, tel_id: int, n_pixels: int) -> NDArray[np.bool_]:
    ok = np.ones(n_pixels, np.bool_)
    off = file.telescope_descriptions[tel_id].get("disabled_pixels", {}).get("HV_disabled", ())
    indices = np.asarray(off, np.int64)
    ok[indices[(indices >= 0) & (indices < n_pixels)]] = False
    return ok


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
        rotation=_degrees(rotation),
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


def _degrees(angle: float) -> float:
    """Return degrees, rounded to what the float32 radians of the file hold."""
    return round(float(np.degrees(angle)), 5)


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
