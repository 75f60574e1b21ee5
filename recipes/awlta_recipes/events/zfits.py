"""Read zfits files of camera events (protobuf), as the cameras' event builders write them.

The library that expands them is compiled code that trusts its input, so every byte is
summed and compared with the checksums of the FITS file before it is called.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .blocks import SingleEvent, gather
from .fits_scan import Header, verified_headers
from .model import (
    CalibrationState,
    CameraDescription,
    EventBlock,
    EventKind,
    FileCalibration,
    RunHeader,
    TelescopeDescription,
    damaged,
    datetime_of,
    seconds_since,
)

_MESSAGE = "DataModel.CameraEvent"
_EXPECTED = f"a closed zfits file of {_MESSAGE} messages"
# These messages name neither camera nor clock; the number of pixels tells both (name, GHz).
_CAMERAS = {1296: ("DigiCam", 0.25), 1855: ("NectarCam", 1.0), 84: ("NectarCam-84", 1.0)}
# The baseline of DigiCam is a fixed-point number with four bits behind the point.
_BASELINE_SCALE = 16.0
_BASELINE_EVENTS = 1000


def read_header(path: Path) -> RunHeader:
    """Return what a zfits file tells of its run, after its checksums were compared."""
    table = _event_table(path)
    with _opened(path) as reader:
        first = next(reader.events(), None)
        run_header = next(iter(reader.file.RunHeader), None) if reader.has("RunHeader") else None
    if first is None:
        raise damaged(path, "the event table is empty", expected=_EXPECTED)
    telescope = _telescope(path, first)
    start = _header_time(table, "TSTARTS", "TSTARTNS") or _local_time(first)
    stop = _header_time(table, "TSTOPS", "TSTOPNS") or start
    return RunHeader(
        run=int(getattr(run_header, "runNumber", None) or 0),
        start=datetime_of(start) if start else None,
        stop=datetime_of(stop) if stop else None,
        format="zfits",
        telescopes=(telescope,),
        n_events=int(table["ZNAXIS2"]),
        event_kind=EventKind.UNKNOWN,
        calibration_state=CalibrationState.RAW2
        if telescope.camera.n_gains == 2
        else CalibrationState.RAW1,
        facts={"origin": str(table.get("ORIGIN", "")), "date": str(table.get("DATE", ""))},
    )


def iterate(path: Path, header: RunHeader, tel_id: int, block: int) -> Iterator[EventBlock]:
    """Yield the events; ``header`` is that of the same file, already checked."""
    camera = header.telescope(tel_id).camera
    with _opened(path) as reader:
        events = (
            SingleEvent(
                event_id=int(e.eventNumber or 0),
                waveform=_waveform(e, camera.n_pixels),
                time=seconds_since(header.start, _local_time(e)),
            )
            for e in reader.events()
        )
        yield from gather(events, camera, block, lambda: np.ones(camera.n_pixels, np.bool_))


def calibration_of(path: Path, tel_id: int) -> FileCalibration | None:
    """Return the mean of the online baselines over the first events; None if there are none."""
    camera = read_header(path).telescope(tel_id).camera
    total, n_events = np.zeros(camera.n_pixels), 0
    with _opened(path) as reader:
        for event in islice(reader.events(), _BASELINE_EVENTS):
            samples = event.hiGain.waveforms
            if samples.baselines is None or len(samples.baselines) != camera.n_pixels:
                continue
            total += _in_pixel_order(samples.baselines, samples.pixelsIndices) / _BASELINE_SCALE
            n_events += 1
    if not n_events:
        return None
    pedestal = (total / n_events).astype(np.float32)[np.newaxis]
    return FileCalibration(pedestal, None, f"online baselines of {n_events} events")


class _Reader:
    """An open file whose parser cannot raise anything but BadInput."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> _Reader:
        from protozfits import File  # loads shared libraries, wanted for these files only

        try:
            self.file: Any = File(str(self.path))
        except Exception as error:  # the parser raises anything on odd tables
            raise self._fault(error, "its tables") from error
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def has(self, table: str) -> bool:
        """Tell whether the file has a table of this name."""
        return hasattr(self.file, table)

    def events(self) -> Iterator[Any]:
        """Yield the messages of the event table."""
        rows = iter(self.file.Events)
        count = 0
        while True:
            try:
                event = next(rows, None)
            except Exception as error:
                raise self._fault(error, f"row {count} of Events") from error
            if event is None:
                return
            count += 1
            yield event

    def _fault(self, error: Exception, place: str) -> Exception:
        found = f"cannot be parsed ({type(error).__name__}: {error})"
        return damaged(self.path, found, expected=_EXPECTED, place=place)


def _opened(path: Path) -> _Reader:
    return _Reader(path)


def _event_table(path: Path) -> Header:
    """Return the header of the event table if this kind of zfits can be read."""
    for header in verified_headers(path):
        if header.get("EXTNAME", "").upper() != "EVENTS":
            continue
        message = header.get("PBFHEAD")
        if message == _MESSAGE:
            return header
        found = (
            f"its events are {message} messages"
            if message
            else (
                "its events are not protobuf messages "
                f"(column compression {header.get('ZCTYP1', 'unknown')})"
            )
        )
        raise damaged(path, found, expected=_EXPECTED, place="table Events")
    raise damaged(path, "no table Events", expected=_EXPECTED)


def _telescope(path: Path, event: Any) -> TelescopeDescription:
    samples = event.hiGain.waveforms.samples if event.hiGain is not None else None
    if samples is None:
        raise damaged(path, "the first event has no waveforms", expected=_EXPECTED)
    n_pixels = _count_pixels(event)
    if not n_pixels or samples.size % n_pixels:
        raise damaged(
            path,
            f"{samples.size} samples do not divide by {n_pixels} pixels",
            expected=_EXPECTED,
            place="first event",
        )
    low = event.loGain.waveforms.samples if event.loGain is not None else None
    tel_id = int(event.telescopeID or 0)
    name, rate = _CAMERAS.get(n_pixels, (f"Camera{n_pixels}", float("nan")))
    camera = CameraDescription(
        name=name,
        n_pixels=n_pixels,
        n_gains=1 if low is None else 2,
        n_samples=samples.size // n_pixels,
        sampling_rate=rate,
    )
    return TelescopeDescription(tel_id, f"{name}-{tel_id}", camera)


def _count_pixels(event: Any) -> int:
    samples = event.hiGain.waveforms
    if samples.pixelsIndices is not None:
        return len(samples.pixelsIndices)
    if samples.num_samples:
        return int(samples.samples.size) // int(samples.num_samples)
    return 0


def _waveform(event: Any, n_pixels: int) -> NDArray[np.generic]:
    """Return the samples of an event in pixel order; any shape where they do not fit."""
    gains = [g.waveforms for g in (event.hiGain, event.loGain) if g is not None]
    rows = []
    for gain in gains:
        if gain.samples is None or gain.samples.size % n_pixels:
            return np.empty((0, 0, 0), np.uint16)
        rows.append(_in_pixel_order(gain.samples.reshape(n_pixels, -1), gain.pixelsIndices))
    if len({row.shape for row in rows}) != 1:
        return np.empty((0, 0, 0), np.uint16)
    return np.stack(rows)


def _in_pixel_order(values: NDArray[Any], pixels: NDArray[np.uint16] | None) -> NDArray[Any]:
    """Put rows that come in the order of the readout into the order of pixel numbers."""
    if pixels is None or not np.array_equal(np.sort(pixels), np.arange(len(values))):
        return values
    ordered = np.empty_like(values)
    ordered[pixels] = values
    return ordered


def _header_time(header: Header, seconds: str, nanoseconds: str) -> int:
    return 10**9 * int(header.get(seconds, 0)) + int(header.get(nanoseconds, 0))


def _local_time(event: Any) -> int:
    """Return the time of an event, unix nanoseconds, 0 where it carries none.

    Cameras with a White Rabbit time stamper store its record of 31 bytes, in which the
    nanoseconds since 1970 stand at byte 12.
    """
    if event.local_time_sec:
        return 10**9 * int(event.local_time_sec) + int(event.local_time_nanosec or 0)
    record = event.uctsData.data if event.uctsData is not None else None
    if record is None or len(record) < 20:
        return 0
    return int.from_bytes(bytes(record[12:20].astype(np.uint8)), "little")
