"""Read zfits files of camera events (protobuf), as the cameras' event builders write them.

The library that expands them is compiled code that trusts its input, so every byte is
summed and compared with the checksums of the FITS file before it is called.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadInput

from .blocks import SingleEvent, gather
from .fits_scan import Header, verified_headers
from .model import (
    CalibrationState,
    CameraDescription,
    EventBlock,
    EventKind,
    FileCalibration,
    Preamble,
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
_NO_WAVEFORM = np.empty((0, 0, 0), np.uint16)


def read_header(path: Path) -> RunHeader:
    """Return what a zfits file tells of its run, after its checksums were compared."""
    table = _event_table(path)
    with _Reader(path) as reader:
        first = next(reader.events(), None)
        run_header = next(iter(reader.file.RunHeader), None) if reader.has("RunHeader") else None
        if first is None:
            raise damaged(path, "the event table is empty", expected=_EXPECTED)
        return _described(path, table, first, run_header)


def _described(path: Path, table: Header, first: Any, run_header: Any) -> RunHeader:
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


def read_preamble(path: Path) -> Preamble:
    """Return the same as :func:`read_header`: nothing is read before the checksums hold."""
    return read_header(path)


def iterate(
    path: Path, run: Preamble, tel_ids: Sequence[int], block: int | None, *, true_images: bool
) -> Iterator[EventBlock]:
    """Yield the events; ``run`` is that of the same file, already checked."""
    cameras = {tel_id: run.telescope(tel_id).camera for tel_id in tel_ids}
    with _Reader(path) as reader:
        for tel_id, camera in cameras.items():
            order = _PixelOrder()
            events = (
                SingleEvent(
                    event_id=_number(e, "eventNumber"),
                    waveform=_waveform(e, camera.n_pixels, order),
                    time=seconds_since(run.start, _local_time(e)),
                    tel_id=tel_id,
                )
                for e in reader.events()
            )
            yield from gather(events, {tel_id: camera}, block, _all_ok(camera))


def calibration_of(path: Path, run: Preamble, tel_id: int) -> FileCalibration | None:
    """Return the mean of the online baselines over the first events; None if there are none."""
    camera = run.telescope(tel_id).camera
    total, n_events, order = np.zeros(camera.n_pixels), 0, _PixelOrder()
    with _Reader(path) as reader:
        for event in itertools.islice(reader.events(), _BASELINE_EVENTS):
            gain = event.hiGain.waveforms
            baselines = _array(gain, "baselines")
            if baselines is None or len(baselines) != camera.n_pixels:
                continue
            total += order.sort(baselines, _array(gain, "pixelsIndices")) / _BASELINE_SCALE
            n_events += 1
    if not n_events:
        return None
    pedestal = (total / n_events).astype(np.float32)[np.newaxis]
    return FileCalibration(pedestal, None, f"online baselines of {n_events} events")


def read_truth(path: Path) -> dict[str, NDArray[Any]]:
    """Return nothing: these files hold no simulated showers."""
    return {}


class _Reader:
    """An open file; what its parser, or a message of it, raises in the block is BadInput."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._place = "its tables"

    def __enter__(self) -> _Reader:
        from protozfits import File  # loads shared libraries, wanted for these files only

        try:
            # Messages as they are: the wrapped ones convert every array of every event.
            self.file: Any = File(str(self.path), pure_protobuf=True)
        except Exception as error:  # the parser raises anything on odd tables
            raise self._fault(error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.file.close()
        if isinstance(error, Exception) and not isinstance(error, BadInput):
            raise self._fault(error) from error

    def has(self, table: str) -> bool:
        """Tell whether the file has a table of this name."""
        return hasattr(self.file, table)

    def events(self) -> Iterator[Any]:
        """Yield the messages of the event table."""
        rows = iter(self.file.Events)
        for count in itertools.count():
            self._place = f"row {count} of Events"
            event = next(rows, None)
            if event is None:
                return
            yield event

    def _fault(self, error: Exception) -> Exception:
        found = f"cannot be parsed ({type(error).__name__}: {error})"
        return damaged(self.path, found, expected=_EXPECTED, place=self._place)


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
        advice = f"Have its writer, or a converter of your instrument, write {_MESSAGE} messages"
        raise damaged(path, found, expected=_EXPECTED, place="table Events", do=advice)
    raise damaged(path, "no table Events", expected=_EXPECTED)


def _telescope(path: Path, event: Any) -> TelescopeDescription:
    samples = _array(event.hiGain.waveforms, "samples")
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
    tel_id = _number(event, "telescopeID")
    name, rate = _CAMERAS.get(n_pixels, (f"Camera{n_pixels}", float("nan")))
    camera = CameraDescription(
        name=name,
        n_pixels=n_pixels,
        n_gains=2 if _array(event.loGain.waveforms, "samples") is not None else 1,
        n_samples=samples.size // n_pixels,
        sampling_rate=rate,
    )
    return TelescopeDescription(tel_id, f"{name}-{tel_id}", camera)


def _count_pixels(event: Any) -> int:
    waveforms = event.hiGain.waveforms
    pixels = _array(waveforms, "pixelsIndices")
    if pixels is not None:
        return len(pixels)
    samples, n_samples = _array(waveforms, "samples"), _number(waveforms, "num_samples")
    return samples.size // n_samples if samples is not None and n_samples else 0


def _number(message: Any, name: str) -> int:
    """Return a number of a message, 0 if it has none (its default may be -1)."""
    return int(getattr(message, name)) if message.HasField(name) else 0


def _array(message: Any, name: str) -> NDArray[Any] | None:
    """Return an array of a message, None if it has none."""
    if not message.HasField(name):
        return None
    from protozfits import any_array_to_numpy

    values: NDArray[Any] = any_array_to_numpy(getattr(message, name))
    return values


class _PixelOrder:
    """Put what comes in the order of the readout, mostly the same one, into that of pixels."""

    def __init__(self) -> None:
        self._known: bytes | None = None
        self._rows: NDArray[np.intp] | None = None

    def sort(self, values: NDArray[Any], pixels: NDArray[np.uint16] | None) -> NDArray[Any]:
        """Return rows by pixel; unchanged if the numbers of the pixels are not 0 to n - 1."""
        if pixels is None:
            return values
        numbers = pixels.tobytes()
        if numbers != self._known:
            rows = np.argsort(pixels, kind="stable")
            is_complete = np.array_equal(pixels[rows], np.arange(len(pixels)))
            self._known, self._rows = numbers, rows if is_complete else None
        if self._rows is None or len(self._rows) != len(values):
            return values
        return np.take(values, self._rows, axis=0)


def _waveform(event: Any, n_pixels: int, order: _PixelOrder) -> NDArray[np.generic]:
    """Return the samples of an event in pixel order; any shape where they do not fit."""
    rows = []
    for gain in (event.hiGain, event.loGain):
        samples = _array(gain.waveforms, "samples")
        if samples is None:
            continue
        if samples.size % n_pixels:
            return _NO_WAVEFORM
        pixels = _array(gain.waveforms, "pixelsIndices")
        rows.append(order.sort(samples.reshape(n_pixels, -1), pixels))
    if len({row.shape for row in rows}) != 1:
        return _NO_WAVEFORM
    return rows[0][np.newaxis] if len(rows) == 1 else np.stack(rows)


def _all_ok(camera: CameraDescription) -> Callable[[int], NDArray[np.bool_]]:
    return lambda _: np.ones(camera.n_pixels, np.bool_)


def _header_time(header: Header, seconds: str, nanoseconds: str) -> int:
    return 10**9 * int(header.get(seconds, 0)) + int(header.get(nanoseconds, 0))


def _local_time(event: Any) -> int:
    """Return the time of an event, unix nanoseconds, 0 where it carries none.

    Cameras with a White Rabbit time stamper store its record of 31 bytes, in which the
    nanoseconds since 1970 stand at byte 12.
    """
    seconds = _number(event, "local_time_sec")
    if seconds:
        return 10**9 * seconds + _number(event, "local_time_nanosec")
    record = _array(event.uctsData, "data")
    if record is None or len(record) < 20:
        return 0
    return int.from_bytes(record.view(np.uint8)[12:20].tobytes(), "little")
