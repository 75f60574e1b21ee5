"""Read one table of an event file that nobody vouches for.

Attributes that PyTables would unpickle, and with that run, are never more than bytes here.
No chunk becomes larger than the table says, no table is followed out of its file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from awlta.errors import BadInput, NotFound

from ..events.hdf5_nodes import at, has_own_data
from .chunks import Filter, inverse

_MOST_CHUNK_BYTES = 1 << 28
_MOST_ROW_BYTES = 1 << 22
_MOST_BYTES = 1 << 31
_MOST_FILTERS = 8
_KINDS = "iufbS"


class TableReader:
    """A table of an open file.

    Parameters
    ----------
    file : h5py.File
    place : str

    Raises
    ------
    NotFound
        There is no such table.
    BadInput
        What is there is no table that can be read.
    """

    def __init__(self, file: Any, place: str) -> None:
        # h5py takes a tenth of a second, and only those who read need it
        import h5py

        self.place = place
        self._file_name = str(file.filename).rpartition("/")[2]
        found = at(file, place)
        if found is None:
            raise NotFound(
                f"{self._file_name} has no table {place}",
                expected="an event file that was written with this table",
                do="List what it has with EventDataReader.places()",
            )
        if not isinstance(found, h5py.Dataset):
            raise self._refused("is a group", "a table")
        self._table = found.id
        settings = self._table.get_create_plist()
        if self._table.rank != 1 or not has_own_data(found):
            raise self._refused("has several dimensions, or its data elsewhere", "a table")
        self._stored = self._row_type()
        self.attributes = _plain_attributes(found)
        self._columns = {name: self._meaning(i) for i, name in enumerate(self._stored.names or ())}
        self.dtype = np.dtype([(n, c[0], c[1]) for n, c in self._columns.items()])
        self._is_chunked = settings.get_layout() == h5py.h5d.CHUNKED
        if self._is_chunked:
            (self._chunk,) = settings.get_chunk()
            self._filters = self._known_filters(settings)
        else:
            self._chunk = max(1, min(len(self), _MOST_CHUNK_BYTES // self._stored.itemsize))
            self._filters = ()
            if self._table.get_storage_size() != len(self) * self._table.get_type().get_size():
                raise self._refused(f"tells of {len(self)} rows that it does not hold", "all rows")
        if self._chunk * self._stored.itemsize > _MOST_CHUNK_BYTES:
            raise self._refused(
                f"has chunks of {self._chunk * self._stored.itemsize} bytes",
                f"at most {_MOST_CHUNK_BYTES}",
            )

    def __len__(self) -> int:
        return int(self._table.shape[0])

    def unit(self, column: str) -> str:
        """Return the unit of a column, empty where it has none."""
        if column not in self._columns:
            raise NotFound(
                f"{self.place} has no column {column}",
                expected=f"one of {', '.join(self._columns)}",
                do="Choose a column of the table",
            )
        return self._columns[column][3]

    def read(self) -> np.ndarray[Any, Any]:
        """Return all rows; raise BadInput where they are too many to be held at once."""
        if len(self) * self.dtype.itemsize > _MOST_BYTES:
            raise self._refused(
                f"has {len(self)} rows of {self.dtype.itemsize} bytes",
                f"at most {_MOST_BYTES >> 20} MiB in a table that is read as a whole",
                "Go through it in blocks",
            )
        parts = list(self._chunks())
        return np.concatenate(parts) if parts else np.empty(0, self.dtype)

    def blocks(self, size: int) -> Iterator[np.ndarray[Any, Any]]:
        """Yield the rows in blocks of ``size``, the last one shorter."""
        held, n_held = np.empty(min(size, len(self)), self.dtype), 0
        for part in self._chunks():
            while len(part):
                taken = part[: size - n_held]
                held[n_held : n_held + len(taken)] = taken
                n_held, part = n_held + len(taken), part[len(taken) :]
                if n_held == size:
                    yield held
                    held, n_held = np.empty(size, self.dtype), 0
        if n_held:
            yield held[:n_held]

    def _chunks(self) -> Iterator[np.ndarray[Any, Any]]:
        """Yield the rows, chunk by chunk."""
        n_bytes = self._chunk * self._stored.itemsize
        for start in range(0, len(self), self._chunk):
            stop = min(start + self._chunk, len(self))
            try:
                if self._is_chunked:
                    skipped, raw = self._stored_chunk(start, n_bytes)
                    whole = inverse(raw, self._filters, skipped, n_bytes)
                    stored = whole.view(self._stored)[: stop - start]
                else:
                    stored = self._plain(start, stop)
                rows = self._understood(stored)
            except BadInput as error:
                raise self._refused(error.found, error.expected or "whole rows") from error
            except (OSError, ValueError, RuntimeError, KeyError) as error:
                raise self._refused(f"cannot be read: {error}", "whole rows") from error
            yield rows

    def _stored_chunk(self, start: int, n_bytes: int) -> tuple[int, bytes]:
        told = self._table.get_chunk_info_by_coord((start,))
        # filters make a chunk longer by headers and sums at most
        if told.byte_offset is None or not 0 < told.size <= n_bytes + n_bytes // 8 + 4096:
            raise ValueError(f"{told.size} bytes from row {start} on, of {n_bytes}")
        skipped, raw = self._table.read_direct_chunk((start,))
        return int(skipped), bytes(raw)

    def _plain(self, start: int, stop: int) -> np.ndarray[Any, Any]:
        import h5py

        rows = np.empty(stop - start, self._stored)
        memory = h5py.h5s.create_simple(rows.shape)
        space = self._table.get_space()
        space.select_hyperslab((start,), rows.shape)
        self._table.read(memory, space, rows, self._table.get_type())
        return rows

    def _understood(self, stored: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return rows with truth values and numbers in place of what stands for them."""
        rows = np.empty(len(stored), self.dtype)
        for name, (_, _, fixed_point, _) in self._columns.items():
            rows[name] = stored[name] if fixed_point is None else fixed_point(stored[name])
        return rows

    def _row_type(self) -> np.dtype[Any]:
        from h5py import h5t

        row = self._table.get_type()
        if not isinstance(row, h5t.TypeCompoundID):
            raise self._refused("has rows without columns", "a table")
        try:
            dtype = row.dtype
        except (TypeError, ValueError) as error:
            raise self._refused(f"has columns of unknown type: {error}", "numbers") from error
        if not 0 < dtype.itemsize <= _MOST_ROW_BYTES:
            raise self._refused(f"has rows of {dtype.itemsize} bytes", f"1 to {_MOST_ROW_BYTES}")
        for name in dtype.names or ():
            if (
                dtype[name].base.kind not in _KINDS
                or dtype[name].base.names
                or dtype[name].hasobject
            ):
                raise self._refused(f"has a column {name!r} of {dtype[name]}", "numbers and text")
        checked: np.dtype[Any] = dtype
        return checked

    def _meaning(self, number: int) -> tuple[np.dtype[Any], tuple[int, ...], Any, str]:
        """Return type and shape of a column as it is read, how, and its unit."""
        from h5py import h5t

        row = self._table.get_type()
        stored = self._stored[number]
        kind = row.get_member_type(number)
        kind = kind.get_super() if isinstance(kind, h5t.TypeArrayID) else kind
        base = np.dtype(bool) if isinstance(kind, h5t.TypeBitfieldID) else stored.base
        about = self.attributes.get
        key = f"CTAFIELD_{number}_"
        unit = about(f"{key}UNIT", "")
        fixed_point = None
        if about(f"{key}TRANSFORM") == "fixed_point":
            fixed_point = self._fixed_point(key)
            base = np.dtype(np.float32)
        return base.newbyteorder("="), stored.shape, fixed_point, str(unit)

    def _fixed_point(self, key: str) -> Any:
        """Return the function by which scaled integers become numbers."""
        try:
            scale, offset = (
                float(self.attributes[f"{key}TRANSFORM_{n}"]) for n in ("SCALE", "OFFSET")
            )
            special = [
                (int(self.attributes[f"{key}{n}_VALUE"]), value)
                for n, value in (("NAN", np.nan), ("POSINF", np.inf), ("NEGINF", -np.inf))
            ]
            1 / scale
        except (KeyError, ValueError, TypeError, ArithmeticError) as error:
            raise self._refused(
                f"has a column of scaled integers without a scale: {error}", "scale and offset"
            ) from error

        def restored(stored: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            numbers = (stored.astype(np.float32) - np.float32(offset)) / np.float32(scale)
            for code, value in special:
                numbers[stored == code] = value
            return numbers

        return restored

    def _known_filters(self, settings: Any) -> tuple[Filter, ...]:
        count = settings.get_nfilters()
        if count > _MOST_FILTERS:
            raise self._refused(f"has {count} filters", f"at most {_MOST_FILTERS}")
        told = (settings.get_filter(i) for i in range(count))
        return tuple(
            Filter(number, name.decode(errors="replace"), tuple(values))
            for number, _, values, name in told
        )

    def _refused(self, found: str, expected: str, do: str = "") -> BadInput:
        return BadInput(
            f"{self._file_name}: {self.place} {found}",
            expected=expected,
            do=do or "Fetch the file again and compare its digest, or write it anew with ctapipe",
            file=self._file_name,
            place=self.place,
        )


def _plain_attributes(node: Any) -> Mapping[str, Any]:
    """Return the attributes that are one number or one text."""
    found: dict[str, Any] = {}
    for key in node.attrs:
        try:
            value = node.attrs[key]
        except (OSError, TypeError, ValueError, RuntimeError, KeyError):
            continue
        if isinstance(value, bytes):
            found[key] = value.decode(errors="replace")
        elif isinstance(value, str | np.number | np.bool_) and np.ndim(value) == 0:
            found[key] = value if isinstance(value, str) else value.item()
    return found
