"""Write our own raw event file: HDF5, all telescopes of a run, laid out like ctapipe's R0 tables.

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

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadValue, NameTaken

from .model import CalibrationState, CameraDescription, RunHeader, TelescopeDescription

FORMAT = "awlta-raw-events"
VERSION = 1
USERBLOCK = 16384
TELESCOPES = "configuration/telescope"
EVENTS = "r0/event/telescope/tel_{:03d}"
TRIGGER = "r0/event/subarray/trigger"
SHOWER = "simulation/event/subarray/shower"
FACT = "fact_"
ANGLES = ("alt", "az", "ra", "dec")
TELESCOPE_ATTRS = ("tel_id", "name", "x", "y", "z", "focal_length", "mirror_area")
CAMERA_ATTRS = ("n_pixels", "n_gains", "n_samples", "sampling_rate", "pixel_shape", "rotation")
CAMERA_ARRAYS = ("pixel_x", "pixel_y", "pixel_area", "pulse_shape")
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

    Raises
    ------
    NameTaken
        The file exists; as the ``with`` statement begins.
    BadValue
        The run has no start; as the ``with`` statement begins.
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
        if self._header.start is None:
            raise BadValue("a run without a start", expected="a time in UTC", do="Set header.start")
        self._file = h5py.File(
            self._path, "x", libver=("v110", "v110"), userblock_size=USERBLOCK, track_order=False
        )
        try:
            self._lay_out(self._header.start)
        except BaseException:
            self._file.close()
            raise
        return self

    def _lay_out(self, start: datetime) -> None:
        _write_header(self._file, self._header, start)
        tel_ids = [t.tel_id for t in self._header.telescopes]
        for telescope in self._header.telescopes:
            group = self._file.create_group(EVENTS.format(telescope.tel_id))
            _columns(group, {"event_id": (np.int64, ()), "time": (np.float64, ())})
            _waveform_table(group, telescope.camera, self._header.calibration_state)
        trigger = self._file.create_group(TRIGGER)
        trigger.attrs["tel_ids"] = np.array(tel_ids, np.int16)
        columns = {
            "event_id": (np.int64, ()),
            "time": (np.float64, ()),
            "tels_with_trigger": (np.bool_, (len(tel_ids),)),
        }
        _columns(trigger, columns)

    def add_events(self, tel_id: int, event_id: Any, time: Any, waveforms: Any) -> None:
        """Append events of one telescope.

        Parameters
        ----------
        tel_id : int
        event_id : int64 (n_events,)
        time : float64 (n_events,), s since the start of the run
        waveforms : uint16 (n_events, n_gains, n_pixels, n_samples), ADC counts
            float32 (n_events, n_pixels, n_samples), p.e., in the state ``PE``.

        Raises
        ------
        NotFound
            The run has no such telescope.
        BadValue
            A column has another length, shape or type, or values beyond it; nothing is written.
        """
        self._header.telescope(tel_id)
        columns = {"event_id": event_id, "time": time, "waveform": waveforms}
        _append(self._file[EVENTS.format(tel_id)], columns)

    def add_triggers(self, event_id: Any, time: Any, tels_with_trigger: Any) -> None:
        """Append array events: int64 (n,), float64 (n,) s, bool (n, n_telescopes)."""
        columns = {"event_id": event_id, "time": time, "tels_with_trigger": tels_with_trigger}
        _append(self._file[TRIGGER], columns)

    def add_truth(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Append what was put into a simulation, one array a column, a value an event."""
        if SHOWER not in self._file:
            group = self._file.create_group(SHOWER)
            _columns(group, {k: (v.dtype, v.shape[1:]) for k, v in columns.items()})
        _append(self._file[SHOWER], columns)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._file.attrs["n_events"] = len(self._file[TRIGGER]["event_id"])
        finally:
            self._file.close()


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
    if columns.keys() != group.keys():
        raise BadValue(
            f"columns {', '.join(sorted(columns))} for {group.name}",
            expected=", ".join(group),
            do="Give the same columns with each block",
        )
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    n_rows = max(a.shape[:1] for a in arrays.values())
    for name, array in arrays.items():
        _check(group[name], array, n_rows)
    for name, array in arrays.items():
        table = group[name]
        n_before = len(table)
        table.resize(n_before + len(array), axis=0)
        table[n_before:] = array


def _check(table: Any, array: NDArray[Any], n_rows: tuple[int, ...]) -> None:
    """Raise BadValue where an array is no column of as many rows, or HDF5 would clip it."""
    shape, dtype = (*n_rows, *table.shape[1:]), table.dtype
    fits = array.shape == shape and np.can_cast(array.dtype, dtype, "same_kind")
    if array.dtype.kind in "iu" and dtype.kind in "iuf" and array.shape == shape:
        limit = np.iinfo(dtype) if dtype.kind in "iu" else None
        fits = not array.size or not limit or limit.min <= array.min() <= array.max() <= limit.max
    if not fits:
        raise BadValue(
            f"{table.name} of shape {array.shape}, type {array.dtype}",
            expected=f"{dtype} of shape ({', '.join(map(str, ('n_events', *table.shape[1:])))}), "
            "as many rows in each column",
            do="Write all events of a telescope with the shape that its camera declares",
        )


def _write_header(file: Any, header: RunHeader, start: datetime) -> None:
    attrs: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "run": header.run,
        "start": start.astimezone(UTC).isoformat(),
        "event_kind": header.event_kind.value,
        "calibration_state": header.calibration_state.value,
    }
    for name in ANGLES:
        value = getattr(header.pointing, name)
        attrs[f"pointing_{name}"] = np.nan if value is None else float(value)
    attrs.update({FACT + k: v for k, v in sorted(header.facts.items())})
    for name, value in attrs.items():
        _tell(file, name, value)
    for telescope in header.telescopes:
        _write_telescope(file.create_group(f"{TELESCOPES}/tel_{telescope.tel_id:03d}"), telescope)


def _write_telescope(group: Any, telescope: TelescopeDescription) -> None:
    for name in TELESCOPE_ATTRS:
        _tell(group, name, getattr(telescope, name))
    _tell(group, "camera_name", telescope.camera.name)
    for name in CAMERA_ATTRS:
        _tell(group, name, getattr(telescope.camera, name))
    if telescope.camera.pulse_shape is not None:
        group.attrs["pulse_step"] = telescope.camera.pulse_step
    for name in CAMERA_ARRAYS:
        values = getattr(telescope.camera, name)
        if values is not None:
            group.create_dataset(name, data=np.asarray(values, np.float64))


def _tell(node: Any, name: str, value: str | int | float) -> None:
    """Write an attribute; text of fixed length, since HDF5 has no checksum over other text."""
    if isinstance(value, str):
        raw = value.encode()
        kind = h5py.string_dtype("utf-8", max(1, len(raw)))
        node.attrs.create(name, np.array(raw, kind), dtype=kind)
    else:
        node.attrs[name] = value
