"""Our own raw event file: HDF5, all telescopes of a run, laid out like ctapipe's R0 tables.

::

    /                                   attributes: format, run, start, pointing, facts, ...
    /configuration/telescope/tel_001    attributes; pixel_x, pixel_y, pixel_area
    /r0/event/subarray/trigger          event_id, time, tels_with_trigger
    /r0/event/telescope/tel_001         event_id, time, waveform
    /simulation/event/subarray/shower   truth, one column each; simulated runs only

The first 16 KiB are free for an identity block. The same content gives the same bytes:
no time stamps, fixed order, fixed versions of the format's structures (with checksums,
so that damage shows). One event is one chunk, compressed with shuffle and gzip 1: 94 MB/s
and 3.6 times smaller for two gains of pedestal noise, where gzip 4 gave 50 MB/s and 3.9,
and lzf 120 MB/s and 2.5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadValue, NameTaken

from .blocks import events_in_block
from .model import (
    CalibrationState,
    CameraDescription,
    EventBlock,
    EventKind,
    EventType,
    FileCalibration,
    Pointing,
    Preamble,
    RunHeader,
    TelescopeDescription,
    Triggers,
    damaged,
)

FORMAT = "awlta-raw-events"
VERSION = 1
USERBLOCK = 16384
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_EXPECTED = f"a finished {FORMAT} file of version {VERSION}"
_TELESCOPE = "configuration/telescope/tel_{:03d}"
_EVENTS = "r0/event/telescope/tel_{:03d}"
_TRIGGER = "r0/event/subarray/trigger"
_SHOWER = "simulation/event/subarray/shower"
_FACT = "fact_"
_ROWS = 4096


class EventFileWriter:
    """Write a run of events, block by block, in bounded memory.

    The file counts as finished only after a clean exit of the ``with`` statement; one
    that was left in between is refused by the reader.

    Parameters
    ----------
    path : Path
        Must not exist yet.
    header : RunHeader
        ``n_events`` and ``stop`` are ignored and taken from what is written.
    """

    def __init__(self, path: Path, header: RunHeader) -> None:
        self._path, self._header = path, header

    def __enter__(self) -> EventFileWriter:
        if self._path.exists():
            raise NameTaken(
                f"{self._path} exists",
                expected="a name that is free",
                do="Write the run under another name",
            )
        self._file = h5py.File(
            self._path, "x", libver=("v110", "v110"), userblock_size=USERBLOCK, track_order=False
        )
        _write_header(self._file, self._header)
        tel_ids = [t.tel_id for t in self._header.telescopes]
        for telescope in self._header.telescopes:
            group = self._file.create_group(_EVENTS.format(telescope.tel_id))
            _columns(group, {"event_id": (np.int64, ()), "time": (np.float64, ())})
            _waveform_table(group, telescope.camera, self._header.calibration_state)
        trigger = self._file.create_group(_TRIGGER)
        trigger.attrs["tel_ids"] = np.array(tel_ids, np.int16)
        columns = {
            "event_id": (np.int64, ()),
            "time": (np.float64, ()),
            "tels_with_trigger": (np.bool_, (len(tel_ids),)),
        }
        _columns(trigger, columns)
        return self

    def add_events(self, tel_id: int, event_id: Any, time: Any, waveforms: Any) -> None:
        """Append events of one telescope.

        Parameters
        ----------
        tel_id : int
        event_id : int64 (n_events,)
        time : float64 (n_events,), s since the start of the run
        waveforms : uint16 (n_events, n_gains, n_pixels, n_samples), ADC counts
            float32 (n_events, n_pixels, n_samples), p.e., in the state ``PE``.
        """
        self._header.telescope(tel_id)
        group = self._file[_EVENTS.format(tel_id)]
        shape = group["waveform"].shape[1:]
        if np.shape(waveforms)[1:] != shape or len(waveforms) != len(event_id):
            raise BadValue(
                f"waveforms of shape {np.shape(waveforms)} for {len(event_id)} events",
                expected=f"shape (n_events, {', '.join(map(str, shape))})",
                do="Write all events of a telescope with the shape that its camera declares",
            )
        _append(group, {"event_id": event_id, "time": time, "waveform": waveforms})

    def add_triggers(self, event_id: Any, time: Any, tels_with_trigger: Any) -> None:
        """Append array events: int64 (n,), float64 (n,) s, bool (n, n_telescopes)."""
        columns = {"event_id": event_id, "time": time, "tels_with_trigger": tels_with_trigger}
        _append(self._file[_TRIGGER], columns)

    def add_truth(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Append what was put into a simulation, one array a column, an entry an event."""
        if _SHOWER not in self._file:
            group = self._file.create_group(_SHOWER)
            _columns(group, {k: (v.dtype, v.shape[1:]) for k, v in columns.items()})
        _append(self._file[_SHOWER], columns)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._file.attrs["n_events"] = len(self._file[_TRIGGER]["event_id"])
        self._file.close()


def starts_like_ours(path: Path) -> bool:
    """Tell by the signature behind the identity block whether a file can be ours."""
    with open(path, "rb") as stream:
        stream.seek(USERBLOCK)
        return stream.read(len(_SIGNATURE)) == _SIGNATURE


def read_header(path: Path) -> RunHeader:
    """Return what one of our files tells of its run."""
    with _Opened(path) as file:
        attrs = dict(file.attrs)
        if attrs.get("format") != FORMAT or attrs.get("version") != VERSION:
            found = f"format {attrs.get('format')!r}, version {attrs.get('version')!r}"
            raise damaged(path, found, expected=_EXPECTED)
        if "n_events" not in attrs:
            raise damaged(path, "the writer of this run did not finish", expected=_EXPECTED)
        telescopes = tuple(
            _read_telescope(file[f"configuration/telescope/{name}"])
            for name in sorted(file["configuration/telescope"])
        )
        times = file[_TRIGGER]["time"]
        start = datetime.fromisoformat(attrs["start"])
        last = float(times[-1]) if len(times) else 0.0
        return RunHeader(
            run=int(attrs["run"]),
            start=start,
            stop=start + timedelta(seconds=last),
            format="awlta-hdf5",
            telescopes=telescopes,
            n_events=int(attrs["n_events"]),
            event_kind=EventKind(attrs["event_kind"]),
            calibration_state=CalibrationState(attrs["calibration_state"]),
            pointing=Pointing(**{k: _optional(attrs[f"pointing_{k}"]) for k in _ANGLES}),
            facts={
                k.removeprefix(_FACT): _plain(v) for k, v in attrs.items() if k.startswith(_FACT)
            },
        )


def read_preamble(path: Path) -> Preamble:
    """Return what one of our files tells of its run; that costs next to nothing."""
    return read_header(path)


def iterate(
    path: Path, run: Preamble, tel_ids: Sequence[int], block: int | None, *, true_images: bool
) -> Iterator[EventBlock]:
    """Yield the events of some telescopes, one after the other; true images there are none."""
    direction = [np.nan if a is None else a for a in (run.pointing.alt, run.pointing.az)]
    with _Opened(path) as file:
        for tel_id in tel_ids:
            camera = run.telescope(tel_id).camera
            group = file[_EVENTS.format(tel_id)]
            n_events, step = len(group["event_id"]), events_in_block(camera, block)
            for start in range(0, n_events, step):
                rows = slice(start, min(start + step, n_events))
                yield EventBlock(
                    event_id=group["event_id"][rows],
                    time=group["time"][rows],
                    waveforms=group["waveform"][rows],
                    pixel_ok=np.ones(camera.n_pixels, np.bool_),
                    pointing=np.tile(np.array(direction, np.float64), (rows.stop - start, 1)),
                    tel_id=tel_id,
                )


def calibration_of(path: Path, run: Preamble, tel_id: int) -> FileCalibration | None:
    """Return None: our files carry raw events only."""
    return None


def read_truth(path: Path) -> dict[str, NDArray[Any]]:
    """Return what was put into a simulated run, one array a column; empty for others."""
    with _Opened(path) as file:
        group = file.get(_SHOWER, {})
        return {name: group[name][:] for name in group}


def read_triggers(path: Path, run: Preamble) -> Triggers:
    """Return the array events; a telescope that triggered has data."""
    with _Opened(path) as file:
        group = file[_TRIGGER]
        columns = {name: group[name][:] for name in ("event_id", "time", "tels_with_trigger")}
        kind = EventKind(file.attrs["event_kind"])
        return Triggers(
            event_id=columns["event_id"],
            time=columns["time"],
            event_type=np.full(len(columns["event_id"]), _EVENT_TYPES[kind], np.uint8),
            tel_ids=np.asarray(group.attrs["tel_ids"], np.int16),
            triggered=columns["tels_with_trigger"],
            with_data=columns["tels_with_trigger"],
        )


_EVENT_TYPES = {
    EventKind.OBSERVATION: EventType.SUBARRAY,
    EventKind.SIMULATION: EventType.SUBARRAY,
    EventKind.PEDESTAL: EventType.SKY_PEDESTAL,
    EventKind.FLATFIELD: EventType.FLATFIELD,
    EventKind.CALIBRATION: EventType.OTHER_CALIBRATION,
    EventKind.UNKNOWN: EventType.UNKNOWN,
}
_ANGLES = ("alt", "az", "ra", "dec")


class _Opened:
    """An open file; what the HDF5 library raises in the block becomes BadInput."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Any:
        try:
            self._file = h5py.File(self._path, "r")
        except (OSError, RuntimeError, ValueError) as error:
            raise self._fault(error) from error
        return self._file

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        if isinstance(error, OSError | RuntimeError | KeyError | ValueError | TypeError):
            raise self._fault(error) from error

    def _fault(self, error: Exception) -> Exception:
        found = f"cannot be read ({type(error).__name__}: {error})"
        return damaged(self._path, found, expected=_EXPECTED)


def _columns(group: Any, columns: Mapping[str, tuple[Any, Sequence[int]]]) -> None:
    for name, (dtype, shape) in columns.items():
        group.create_dataset(
            name,
            shape=(0, *shape),
            maxshape=(None, *shape),
            dtype=dtype,
            chunks=(_ROWS, *shape),
            shuffle=True,
            compression="gzip",
            compression_opts=1,
            fletcher32=True,
        )


def _waveform_table(group: Any, camera: CameraDescription, state: CalibrationState) -> None:
    is_pe = state is CalibrationState.PE
    shape = camera.event_shape[1:] if is_pe else camera.event_shape
    group.create_dataset(
        "waveform",
        shape=(0, *shape),
        maxshape=(None, *shape),
        chunks=(1, *shape),
        dtype=np.float32 if is_pe else np.uint16,
        shuffle=True,
        compression="gzip",
        compression_opts=1,
        fletcher32=True,
    )


def _append(group: Any, columns: Mapping[str, Any]) -> None:
    for name, values in columns.items():
        table = group[name]
        n_before = len(table)
        table.resize(n_before + len(values), axis=0)
        table[n_before:] = values


def _write_header(file: Any, header: RunHeader) -> None:
    if header.start is None:
        raise BadValue("a run without a start", expected="a time in UTC", do="Set header.start")
    attrs: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "run": header.run,
        "start": header.start.astimezone(UTC).isoformat(),
        "event_kind": header.event_kind.value,
        "calibration_state": header.calibration_state.value,
    }
    for name in _ANGLES:
        value = getattr(header.pointing, name)
        attrs[f"pointing_{name}"] = np.nan if value is None else float(value)
    attrs.update({_FACT + k: v for k, v in sorted(header.facts.items())})
    for name, value in attrs.items():
        file.attrs[name] = value
    for telescope in header.telescopes:
        _write_telescope(file.create_group(_TELESCOPE.format(telescope.tel_id)), telescope)


_TELESCOPE_ATTRS = ("tel_id", "name", "x", "y", "z", "focal_length", "mirror_area")
_CAMERA_ATTRS = ("n_pixels", "n_gains", "n_samples", "sampling_rate", "pixel_shape", "rotation")
_CAMERA_ARRAYS = ("pixel_x", "pixel_y", "pixel_area", "pulse_shape")


def _write_telescope(group: Any, telescope: TelescopeDescription) -> None:
    for name in _TELESCOPE_ATTRS:
        group.attrs[name] = getattr(telescope, name)
    group.attrs["camera_name"] = telescope.camera.name
    for name in _CAMERA_ATTRS:
        group.attrs[name] = getattr(telescope.camera, name)
    if telescope.camera.pulse_shape is not None:
        group.attrs["pulse_step"] = telescope.camera.pulse_step
    for name in _CAMERA_ARRAYS:
        values = getattr(telescope.camera, name)
        if values is not None:
            group.create_dataset(name, data=np.asarray(values, np.float64))


def _read_telescope(group: Any) -> TelescopeDescription:
    attrs = {k: _plain(v) for k, v in group.attrs.items()}
    arrays: dict[str, Any] = {k: group[k][:] if k in group else None for k in _CAMERA_ARRAYS}
    settings: dict[str, Any] = {k: attrs[k] for k in _CAMERA_ATTRS}
    settings["pulse_step"] = attrs.get("pulse_step", np.nan)
    camera = CameraDescription(name=str(attrs["camera_name"]), **settings, **arrays)
    values: dict[str, Any] = {k: attrs[k] for k in _TELESCOPE_ATTRS}
    return TelescopeDescription(camera=camera, **values)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _optional(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)
