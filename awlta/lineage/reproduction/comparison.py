"""What differs between two makings of one product: values, tables, headers, environments.

Each difference is one line that names its place: an attribute, a dataset of an HDF5 file with
its column, an HDU of a FITS file, or a distribution.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import BadInput
from ..files.block import NAME, read_block

_STEP_BYTES = 1 << 24
_EVENT = "event_id"


def of_attributes(cls: type[Any], old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Yield what differs in the attributes of two records of one product."""
    for name, attribute in cls.__attributes__.items():
        if attribute.source != "class" or name not in old or name not in new:
            continue
        before, after = old[name], new[name]
        if before == after:
            continue
        if attribute.codec.name == "array" and None not in (before, after):
            decode = attribute.codec.from_json
            yield from of_arrays(name, decode(before), decode(after))
        else:
            yield f"{name}: {before} recorded, {after} made again"


def of_files(role: str, old: Path, new: Path) -> list[str]:
    """Return what differs in two files of a product, down to the values."""
    return [*_blocks(role, old, new), *_contents(role, old, new)]


def _blocks(role: str, old: Path, new: Path) -> Iterator[str]:
    """Yield what differs in the identity blocks: parameters, inputs, recipe."""
    try:
        before, after = dict(_flat(read_block(old), "")), dict(_flat(read_block(new), ""))
    except BadInput as error:
        yield f"{role}: {error}"
        return
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield (
                f"{role}, identity block, {name}: {before.get(name)} in the stored file, "
                f"{after.get(name)} in the record of today"
            )


def _flat(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _flat(part, f"{place}.{name}" if place else str(name))
    elif place:
        yield place, value


def _contents(role: str, old: Path, new: Path) -> Iterator[str]:
    with open(old, "rb") as stream:
        is_fits = stream.read(6) == b"SIMPLE"
    if is_fits:
        yield from _fits(role, old, new)
        return
    # h5py is heavy, and only files of its own kind need it; the other one lets it read what is
    # compressed by other means than its own
    import h5py
    import hdf5plugin  # noqa: F401

    if h5py.is_hdf5(old) and h5py.is_hdf5(new):
        with h5py.File(old) as before, h5py.File(new) as after:
            yield from _groups(role, before, after)
    else:
        yield from _bytes(role, old.read_bytes(), new.read_bytes())


def _bytes(role: str, old: bytes, new: bytes) -> Iterator[str]:
    if old == new:
        return
    pairs = enumerate(zip(old, new, strict=False))
    first = next((n for n, (a, b) in pairs if a != b), min(len(old), len(new)))
    yield f"{role}: {len(old)} bytes recorded, {len(new)} made again, other from byte {first} on"


def _groups(role: str, old: Any, new: Any) -> Iterator[str]:
    before, after = _members(old), _members(new)
    for name in sorted(before.keys() | after.keys()):
        place = f"{role}, {name or '/'}"
        if name not in after or name not in before:
            yield f"{place}: only {'recorded' if name in before else 'made again'}"
            continue
        left, right = before[name], after[name]
        yield from _headers(place, dict(left.attrs), dict(right.attrs))
        if hasattr(left, "dtype") and hasattr(right, "dtype"):
            yield from of_arrays(place, left, right)
        elif hasattr(left, "dtype") or hasattr(right, "dtype"):
            yield f"{place}: a dataset and a group"


def _members(file: Any) -> dict[str, Any]:
    found = {"": file}

    def take(name: str, item: Any) -> None:
        if name != NAME:
            found[name] = item

    file.visititems(take)
    return found


def _headers(place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(old.keys() | new.keys()):
        a, b = old.get(key), new.get(key)
        if not np.array_equal(np.asarray(a, dtype=object), np.asarray(b, dtype=object)):
            yield f"{place}, {key}: {a} recorded, {b} made again"


def _fits(role: str, old: Path, new: Path) -> Iterator[str]:
    # astropy is heavy, and only FITS products need it
    from astropy.io import fits

    with fits.open(old, memmap=False) as before, fits.open(new, memmap=False) as after:
        if len(before) != len(after):
            yield f"{role}: {len(before)} HDUs recorded, {len(after)} made again"
        for number, (left, right) in enumerate(zip(before, after, strict=False)):
            name = f"{role}, HDU {left.name or number}"
            yield from _headers(name, _cards(left), _cards(right))
            if left.data is not None and right.data is not None:
                yield from of_arrays(name, np.asarray(left.data), np.asarray(right.data))
            elif left.data is not None or right.data is not None:
                yield f"{name}: data only {'recorded' if right.data is None else 'made again'}"


def _cards(hdu: Any) -> dict[str, Any]:
    return {k: v for k, v in hdu.header.items() if k not in ("CHECKSUM", "DATASUM", "")}


# values ----------------------------------------------------------------------------------


def of_arrays(place: str, old: Any, new: Any) -> Iterator[str]:
    """Yield what differs in two arrays or datasets: shape, type, or how many values and how much.

    Columns of a table are compared one by one; a table of events names the first one.
    """
    if old.shape != new.shape or old.dtype != new.dtype:
        what = [f"{a.shape} of {a.dtype}" for a in (old, new)]
        yield f"{place}: {what[0]} recorded, {what[1]} made again"
        return
    tallies = {name: _Tally() for name in old.dtype.names or ("",)}
    for first, before, after in _pieces(old, new):
        for name, tally in tallies.items():
            left, right = (before[name], after[name]) if name else (before, after)
            events = before[_EVENT] if name and _EVENT in before.dtype.names else None
            tally.add(first, left, right, events)
    for name, tally in tallies.items():
        if tally.n_other:
            yield f"{place}{'.' if name else ''}{name}: {tally}"


def _pieces(old: Any, new: Any) -> Iterator[tuple[int, Any, Any]]:
    """Yield first row and both arrays from there on, a few megabytes at a time."""
    if not old.shape:
        if old.shape is not None:  # an HDF5 dataset may have no space at all
            yield 0, np.atleast_1d(np.asarray(old[()])), np.atleast_1d(np.asarray(new[()]))
        return
    row_bytes = max(1, old.dtype.itemsize * int(np.prod(old.shape[1:])))
    n_rows = max(1, _STEP_BYTES // row_bytes)
    for first in range(0, old.shape[0], n_rows):
        yield first, old[first : first + n_rows], new[first : first + n_rows]


class _Tally:
    """How many values differ, by how much at most, and where first."""

    def __init__(self) -> None:
        self.n_values = self.n_other = 0
        self.largest: float | None = None
        self.where = ""

    def add(self, first: int, old: Any, new: Any, events: Any) -> None:
        """Count the values of some more rows."""
        self.n_values += old.size
        other = old != new
        if old.dtype.kind in "fc":
            other &= ~(np.isnan(old) & np.isnan(new))
        if not other.any():
            return
        if not self.n_other:
            row = int(np.argwhere(other)[0][0])
            self.where = f"row {first + row}" if events is None else f"event {events[row]}"
        self.n_other += int(other.sum())
        if old.dtype.kind in "fciub":
            self._measure(old[other], new[other])

    def _measure(self, old: Any, new: Any) -> None:
        wide = np.complex128 if old.dtype.kind == "c" else np.float64
        step = np.abs(old.astype(wide) - new.astype(wide))
        known = step[np.isfinite(step)]
        if known.size:
            self.largest = max(float(known.max()), self.largest or 0.0)

    def __str__(self) -> str:
        by = "" if self.largest is None else f", largest difference {self.largest:.3g}"
        return f"{self.n_other} of {self.n_values} values differ{by}, first in {self.where}"


# environments ----------------------------------------------------------------------------


def of_environments(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return what differs in two environments: interpreter, system, then packages by name."""
    found = [
        f"{what} {old[key]} recorded, {new[key]} here"
        for key, what in (("python", "Python"), ("system", "system"))
        if old[key] != new[key]
    ]
    before, after = _versions(old["packages"]), _versions(new["packages"])
    for name in sorted(before.keys() | after.keys()):
        if name != "awlta" and before.get(name) != after.get(name):
            then, now = before.get(name, "not"), after.get(name, "not installed")
            found.append(f"{name} {then} recorded, {now} here")
    return found


def _versions(packages: str) -> dict[str, str]:
    pairs = (line.partition("==") for line in packages.split("\n") if line)
    return {name: version for name, _, version in pairs}
