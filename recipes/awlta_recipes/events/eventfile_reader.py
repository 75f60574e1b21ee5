"""Read our own raw event files, without trust in what they hold; the layout is in `eventfile`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import DTypeLike, NDArray

from awlta.errors import BadValue

from .blocks import events_in_block
from .eventfile import (
    ANGLES,
    CAMERA_ARRAYS,
    CAMERA_ATTRS,
    EVENTS,
    FACT,
    FORMAT,
    SHOWER,
    TELESCOPE_ATTRS,
    TELESCOPES,
    TRIGGER,
    USERBLOCK,
    VERSION,
)
from .hdf5_nodes import at, has_own_data
from .model import (
    MOST_EVENT_BYTES,
    CalibrationState,
    CameraDescription,
    EventBlock,
    EventKind,
    FileCalibration,
    Pointing,
    Preamble,
    RunHeader,
    TelescopeDescription,
    damaged,
)

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_EXPECTED = f"a finished {FORMAT} file of version {VERSION}"
_FAULTS = (
    *(OSError, RuntimeError, LookupError, AttributeError),
    *(ValueError, TypeError, ArithmeticError, BadValue),
)
"""What the HDF5 library, and the values made of what it read, raise on a damaged file."""


def starts_like_ours(path: Path) -> bool:
    """Tell by the signature behind the identity block whether a file can be ours."""
    with open(path, "rb") as stream:
        stream.seek(USERBLOCK)
        return stream.read(len(_SIGNATURE)) == _SIGNATURE


def read_header(path: Path) -> RunHeader:
    """Return what one of our files tells of its run, after all its tables were read."""
    run = read_preamble(path)
    for _ in iterate(path, run, [t.tel_id for t in run.telescopes], None, true_images=False):
        pass
    read_truth(path)
    return run


def read_preamble(path: Path) -> RunHeader:
    """Return what one of our files tells of its run; that costs next to nothing."""
    with _Opened(path) as file:
        attrs = {name: _plain(value) for name, value in file.attrs.items()}
        if attrs.get("format") != FORMAT or attrs.get("version") != VERSION:
            found = f"format {attrs.get('format')!r}, version {attrs.get('version')!r}"
            raise damaged(path, found, expected=_EXPECTED)
        if "n_events" not in attrs:
            raise damaged(path, "the writer of this run did not finish", expected=_EXPECTED)
        telescopes = _telescopes(file)
        start = datetime.fromisoformat(attrs["start"])
        times = _trigger_times(file)
        known = times[np.isfinite(times)]
        if int(attrs["n_events"]) != len(times):
            raise ValueError(f"{attrs['n_events']} events, {len(times)} triggers")
        return RunHeader(
            run=int(attrs["run"]),
            start=start,
            stop=start + timedelta(seconds=float(known[-1]) if len(known) else 0.0),
            format="awlta-hdf5",
            telescopes=telescopes,
            n_events=len(times),
            event_kind=EventKind(attrs["event_kind"]),
            calibration_state=CalibrationState(attrs["calibration_state"]),
            pointing=Pointing(**{k: _optional(attrs[f"pointing_{k}"]) for k in ANGLES}),
            facts={k.removeprefix(FACT): v for k, v in attrs.items() if k.startswith(FACT)},
        )


def iterate(
    path: Path, run: Preamble, tel_ids: Sequence[int], block: int | None, *, true_images: bool
) -> Iterator[EventBlock]:
    """Yield the events of some telescopes, one after the other; true images there are none."""
    direction = [np.nan if a is None else a for a in (run.pointing.alt, run.pointing.az)]
    with _Opened(path) as file:
        is_pe = _plain(file.attrs["calibration_state"]) == CalibrationState.PE.value
        for tel_id in tel_ids:
            camera = run.telescope(tel_id).camera
            shape = camera.event_shape[1:] if is_pe else camera.event_shape
            columns = {
                "event_id": (np.int64, ()),
                "time": (np.float64, ()),
                "waveform": (np.float32 if is_pe else np.uint16, shape),
            }
            table = _table(file, EVENTS.format(tel_id), columns)
            n_events, step = len(table["event_id"]), events_in_block(camera, block)
            for start in range(0, n_events, step):
                rows = slice(start, min(start + step, n_events))
                yield EventBlock(
                    event_id=table["event_id"][rows],
                    time=table["time"][rows],
                    waveforms=table["waveform"][rows],
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
        group = at(file, SHOWER)
        if group is None:
            return {}
        columns = {name: (group[name].dtype, group[name].shape[1:]) for name in group}
        return {name: column[:] for name, column in _table(file, SHOWER, columns).items()}


class _Opened:
    """An open file; what the HDF5 library raises in the block becomes BadInput."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Any:
        try:
            self._file = h5py.File(self._path, "r", locking=False)
        except _FAULTS as error:
            raise self._fault(error) from error
        return self._file

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        if isinstance(error, _FAULTS):
            raise self._fault(error) from error

    def _fault(self, error: Exception) -> Exception:
        found = f"cannot be read ({type(error).__name__}: {error})"
        return damaged(self._path, found, expected=_EXPECTED)


def _table(
    file: Any, place: str, columns: Mapping[str, tuple[DTypeLike, Sequence[int]]]
) -> dict[str, Any]:
    """Return the columns of a table once they are known to be held, of one length, as declared."""
    found = {name: _column(file, f"{place}/{name}") for name in columns}
    for name, (dtype, shape) in columns.items():
        column = found[name]
        if column.dtype != dtype or column.shape[1:] != tuple(shape) or column.dtype.hasobject:
            told = f"{column.dtype} {column.shape[1:]}"
            raise ValueError(f"{place}/{name} is of {told}, not {np.dtype(dtype)} {tuple(shape)}")
    if len({len(column) for column in found.values()}) > 1:
        lengths = {name: len(column) for name, column in found.items()}
        raise ValueError(f"the columns of {place} have {lengths} rows")
    return found


def _column(file: Any, place: str) -> Any:
    """Return a dataset that holds its own rows, in chunks of a bearable size."""
    column = at(file, place)
    if not isinstance(column, h5py.Dataset) or not column.shape or not has_own_data(column):
        raise ValueError(f"there is no table {place} in the file itself")
    chunk = column.chunks or column.shape
    if math.prod(chunk) * column.dtype.itemsize > MOST_EVENT_BYTES:
        raise ValueError(f"{place} has chunks of shape {chunk}")
    if column.chunks is not None:
        # values that are not stored would be made up
        needed = math.prod(-(-n // c) for n, c in zip(column.shape, chunk, strict=True))
        if column.id.get_num_chunks() != needed:
            raise ValueError(f"{place} tells of rows that it does not hold")
    return column


def _trigger_times(file: Any) -> NDArray[np.float64]:
    """Return the times of the array triggers, once their table is known to be whole."""
    tel_ids = np.asarray(at(file, TRIGGER).attrs["tel_ids"], np.int16).reshape(-1)
    columns = {
        "event_id": (np.int64, ()),
        "time": (np.float64, ()),
        "tels_with_trigger": (np.bool_, tel_ids.shape),
    }
    rows = {name: column[:] for name, column in _table(file, TRIGGER, columns).items()}
    times: NDArray[np.float64] = rows["time"]
    return times


def _telescopes(file: Any) -> tuple[TelescopeDescription, ...]:
    groups = [at(file, f"{TELESCOPES}/{name}") for name in sorted(at(file, TELESCOPES))]
    return tuple(_telescope(group) for group in groups)


def _telescope(group: Any) -> TelescopeDescription:
    attrs = {k: _plain(v) for k, v in group.attrs.items()}
    arrays: dict[str, Any] = {
        k: _column(group, k)[:] if k in group else None for k in CAMERA_ARRAYS
    }
    settings: dict[str, Any] = {k: attrs[k] for k in CAMERA_ATTRS}
    settings["pulse_step"] = attrs.get("pulse_step", np.nan)
    camera = CameraDescription(name=str(attrs["camera_name"]), **settings, **arrays)
    values: dict[str, Any] = {k: attrs[k] for k in TELESCOPE_ATTRS}
    return TelescopeDescription(camera=camera, **values)


def _plain(value: Any) -> Any:
    """Return a number or a text; raise TypeError for anything else."""
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, bytes):
        plain = plain.decode()
    if not isinstance(plain, str | int | float):
        raise TypeError(f"an attribute of {type(value).__name__}")
    return plain


def _optional(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)
