"""Read the events of sim_telarray files (eventio), plain or compressed by gzip or zstd.

Every reader here walks over the objects of the file from its begin to its end, so a file that is
cut or fails a checksum is refused in the pass that reads it, and none is made beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import simtel_events as events
from .blocks import SingleEvent, gather
from .eventio_scan import ARRAY_EVENT, CALIBRATION_EVENT, MC_EVENT, TopObject, walk
from .model import (
    EventBlock,
    FileCalibration,
    Preamble,
    damaged,
    seconds_since,
)
from .simtel_header import degrees, read_header, read_preamble, refused

__all__ = [
    "calibration_of",
    "iterate",
    "read_header",
    "read_preamble",
    "read_truth",
]

_DISABLED, _SHOWER, _MONITORING, _LASER = 2005, 2020, 2022, 2023
_PHOTONS, _CALIBRATION_PHOTONS, _PIXEL_MONITORING = 1204, 2034, 2033
_EVENTS = {ARRAY_EVENT, CALIBRATION_EVENT}


def iterate(
    path: Path, run: Preamble, tel_ids: Sequence[int], block: int | None, *, true_images: bool
) -> Iterator[EventBlock]:
    """Yield the events of some telescopes in one pass; ``run`` is that of the same file."""
    cameras = {tel_id: run.telescope(tel_id).camera for tel_id in tel_ids}
    pixel_ok = {tel_id: np.ones(c.n_pixels, np.bool_) for tel_id, c in cameras.items()}
    found = _single_events(path, run.start, pixel_ok, true_images)
    yield from gather(
        found, cameras, block, lambda tel_id: pixel_ok[tel_id].copy(), true_images=true_images
    )


def calibration_of(path: Path, run: Preamble, tel_id: int) -> FileCalibration | None:
    """Return pedestals and conversion factors from the monitoring records of a telescope.

    The pedestal of such a record is the sum over a number of time slices and is divided
    by it. The records come before the first event; None if there are none.
    """
    known: dict[str, Any] = {}
    records = {_MONITORING, _LASER, _DISABLED}
    for found in walk(path, records):
        if found.header.type in _EVENTS and "calib" in known:
            break
        if found.header.type in records:
            with refused(path, f"byte {found.position}"):
                record = events.parse(found)
                if record["telescope_id"] == tel_id:
                    known |= record
    if not {"pedestal", "calib"} <= known.keys():
        return None
    camera = run.telescope(tel_id).camera
    shape = (camera.n_gains, camera.n_pixels)
    for name in ("pedestal", "calib", "tm_calib"):
        if name in known and np.shape(known[name]) != shape:
            told = f"{name} of telescope {tel_id} has shape {np.shape(known[name])}"
            raise damaged(path, told, expected=f"{shape} (gains, pixels), as its camera")
    slices = max(1, int(known["n_ped_slices"]))
    pixel_ok = np.ones(camera.n_pixels, np.bool_)
    _switch_off(pixel_ok, known.get("HV_disabled", ()))
    return FileCalibration(
        pedestal=(known["pedestal"] / np.float32(slices)).astype(np.float32),
        dc_to_pe=known["calib"].astype(np.float32),
        source="camera monitoring and laser calibration of the file",
        time_shift=known.get("tm_calib"),
        pixel_ok=pixel_ok,
    )


def read_truth(path: Path) -> dict[str, NDArray[Any]]:
    """Return the simulated showers of the events that are in the file; see the reader's."""
    rows: list[tuple[int | float, ...]] = []
    shower = throw = None
    for found in walk(path, {_SHOWER, MC_EVENT}):
        kind = found.header.type
        if kind == _SHOWER:
            shower = found
        elif kind == MC_EVENT:
            throw = found
        elif kind == ARRAY_EVENT and shower is not None and throw is not None:
            with refused(path, f"byte {found.position}"):
                rows.append((events.event_id(found), *_true_shower(shower, throw)))
            throw = None
    return {
        name: np.array([row[i] for row in rows], np.int64 if name in _COUNTS else np.float64)
        for i, name in enumerate(_TRUTH)
        if rows
    }


def _single_events(
    path: Path,
    start: datetime | None,
    pixel_ok: dict[int, NDArray[np.bool_]],
    true_images: bool,
) -> Iterator[SingleEvent]:
    """Yield events as they come; what is told of pixels on the way goes into ``pixel_ok``."""
    wanted = {*_EVENTS, _DISABLED}
    if true_images:
        wanted |= {_PHOTONS, _CALIBRATION_PHOTONS}
    images: dict[int, events.Part] = {}
    count = 0
    for found in walk(path, wanted):
        kind = found.header.type
        taken: list[SingleEvent] = []
        with refused(path, f"array event {count}"):
            if kind in _EVENTS:
                count += 1
                taken = list(_of_telescopes(events.array_event(found), start, pixel_ok, images))
            elif kind == MC_EVENT:
                images = {}
            elif kind in wanted and kind != _DISABLED:
                images = _true_images(found)
            elif kind == _DISABLED:
                record = events.parse(found)
                if record["telescope_id"] in pixel_ok:
                    _switch_off(pixel_ok[record["telescope_id"]], record["HV_disabled"])
        yield from taken


def _of_telescopes(
    event: events.ArrayEvent,
    start: datetime | None,
    wanted: dict[int, Any],
    images: dict[int, events.Part],
) -> Iterator[SingleEvent]:
    for tel_id, part in event.telescopes.items():
        if tel_id not in wanted:
            continue
        waveform, own_time = events.samples_and_time(part)
        # KeyError: data without a record of where the telescope looked
        alt, az = event.pointings[tel_id]
        yield SingleEvent(
            event_id=event.event_id,
            waveform=waveform,
            time=seconds_since(start, event.time or own_time),
            alt=degrees(alt),
            az=degrees(az),
            tel_id=tel_id,
            true_image=events.true_image(images[tel_id]) if tel_id in images else None,
        )


def _true_images(found: TopObject) -> dict[int, events.Part]:
    content: bytes | memoryview = found.content
    if found.header.type == _CALIBRATION_PHOTONS:
        content = next(events.parts(content)).content
    return events.true_images(content)


def _switch_off(pixel_ok: NDArray[np.bool_], off: Any) -> None:
    indices = np.asarray(off, np.int64)
    pixel_ok[indices[(indices >= 0) & (indices < len(pixel_ok))]] = False


_COUNTS = ("event_id", "true_shower_primary_id")
_TRUTH = (
    "event_id",
    "true_shower_primary_id",
    "true_energy",
    "true_alt",
    "true_az",
    "true_core_x",
    "true_core_y",
    "true_h_first_int",
    "true_x_max",
    "true_starting_grammage",
)


def _true_shower(shower: TopObject, throw: TopObject) -> tuple[int | float, ...]:
    of_shower, of_event = events.parse(shower), events.parse(throw)
    return (
        int(of_shower["primary_id"]),
        float(of_shower["energy"]),
        # The zenith in float32 is a little above the zenith.
        min(math.degrees(of_shower["altitude"]), 90.0),
        math.degrees(of_shower["azimuth"]),
        float(of_event["xcore"]),
        float(of_event["ycore"]),
        float(of_shower["h_first_int"]),
        float(of_shower["xmax"]),
        float(of_shower.get("depth_start", np.nan)),
    )
