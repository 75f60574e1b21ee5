"""Write one table of an event file, chunk by chunk, as PyTables would have written it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from awlta.errors import BadValue

from .blosc import Encoder
from .columns import Column, Columns, row_type

DEFAULT_LEVEL = -1

_BLOSC, _OPTIONAL, _ZSTD = 32001, 1, 5
_CHUNK_OF_LONG_ROWS, _CHUNK = 1 << 19, 1 << 16


class TableWriter:
    """Append rows to a new table, in bounded memory.

    Parameters
    ----------
    file : h5py.File
    place : str
        Of the table in the file.
    columns : tuple of Column
    attributes : mapping, optional
        Of the table as a whole.
    level : int
        Of zstd.
    shuffle : bool
        Whether bytes are sorted by rank before they are compressed.
    """

    def __init__(
        self,
        file: Any,
        place: str,
        columns: Columns,
        attributes: Mapping[str, Any] | None = None,
        *,
        level: int = DEFAULT_LEVEL,
        shuffle: bool = True,
    ) -> None:
        self.place = place
        self._columns = columns
        self._dtype = row_type(columns)
        size = self._dtype.itemsize
        self._encode = Encoder(size, level, shuffle=shuffle)
        chunk = max(1, (_CHUNK_OF_LONG_ROWS if size > 4096 else _CHUNK) // size)
        self._buffer = np.zeros(chunk, self._dtype)
        self._n_buffered = self._n_written = 0
        self._table = _create(file, place, self._dtype, chunk, level, shuffle)
        write_attributes(self._table, {**_described(columns), **(attributes or {})})

    def __len__(self) -> int:
        return self._n_written + self._n_buffered

    def append(self, rows: Any, **constant: Any) -> int:
        """Add rows at the end.

        Parameters
        ----------
        rows : structured array or mapping of str to array (n_rows, ...)
            By names of columns.
        **constant
            Columns that have one value in all rows, unless ``rows`` has them.

        Returns
        -------
        int
            How many rows were added.

        Raises
        ------
        BadValue
            A column is missing, unknown, or of the wrong type or shape.
        """
        arrays, n_rows = self._checked(rows, constant)
        done = 0
        while done < n_rows:
            room = slice(self._n_buffered, min(len(self._buffer), self._n_buffered + n_rows - done))
            n_taken = room.stop - room.start
            for name, array in arrays.items():
                part = array[done : done + n_taken] if array.ndim else array
                self._buffer[name][room] = part
            done += n_taken
            self._n_buffered = room.stop
            if self._n_buffered == len(self._buffer):
                self._flush()
        return n_rows

    def finish(self) -> None:
        """Write what is buffered, and the number of rows."""
        if self._n_buffered:
            self._buffer[self._n_buffered :] = np.zeros((), self._dtype)
            self._flush()
        write_attributes(self._table, {"NROWS": self._n_written})

    def _flush(self) -> None:
        start = self._n_written
        self._n_written += self._n_buffered
        self._n_buffered = 0
        self._table.id.set_extent((self._n_written,))
        raw = self._buffer.view(np.uint8).reshape(len(self._buffer), -1)
        self._table.id.write_direct_chunk((start,), self._encode(raw), 0)

    def _checked(
        self, rows: Any, constant: Mapping[str, Any]
    ) -> tuple[dict[str, np.ndarray[Any, Any]], int]:
        names = (rows.dtype.names or ()) if isinstance(rows, np.ndarray) else tuple(rows)
        known = {c.full_name: c for c in self._columns}
        if unknown := sorted(set(names) - set(known)):
            raise BadValue(
                f"columns {', '.join(unknown)} for {self.place}",
                expected=f"of {', '.join(known)}",
                do="Name the columns as the data model does",
            )
        given = {name: np.asarray(rows[name]) for name in names}
        lengths = {len(a) if a.ndim else 0 for a in given.values()}
        if len(lengths) != 1:
            raise BadValue(
                f"columns of {sorted(lengths)} rows for {self.place}",
                expected="columns of one length",
                do="Give one value a row in each column",
            )
        for name, column in known.items():
            if name not in given:
                given[name] = _constant(self.place, column, constant)
            _check(self.place, column, given[name])
        return given, lengths.pop()


def write_table(
    file: Any, place: str, columns: Columns, rows: Any, attributes: Mapping[str, Any] | None = None
) -> None:
    """Write a small table at once."""
    table = TableWriter(file, place, columns, attributes)
    table.append(rows)
    table.finish()


def write_attributes(node: Any, attributes: Mapping[str, Any]) -> None:
    """Write attributes as PyTables does: text in UTF-8 of fixed length, numbers of 64 bits.

    Empty texts are left out.
    """
    # h5py takes a tenth of a second, and only those who write need it
    from h5py import h5a, h5s, h5t

    # its attributes are made under a passing name each, and a table has two hundred
    space = h5s.create(h5s.SCALAR)
    for key, value in attributes.items():
        if isinstance(value, str | bytes):
            raw = value.encode() if isinstance(value, str) else value
            if not raw:
                continue
            kind = h5t.C_S1.copy()
            kind.set_size(len(raw))
            if isinstance(value, str):
                kind.set_cset(h5t.CSET_UTF8)
            held = np.array(raw, f"S{len(raw)}")
        else:
            held = np.array(value, np.float64 if isinstance(value, float) else np.int64)
            kind = h5t.py_create(held.dtype)
        h5a.create(node.id, key.encode(), kind, space).write(held, mtype=kind)


def _constant(place: str, column: Column, constant: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    value = constant.get(column.full_name, column.default)
    if value is None:
        raise BadValue(
            f"no column {column.full_name} for {place}",
            expected=f"{_kind(column)}, {column.about}",
            do="Give it with the others",
        )
    dtype = np.dtype(column.dtype)
    return np.array(
        value.encode() if dtype.kind == "S" and isinstance(value, str) else value, dtype
    )


def _check(place: str, column: Column, array: np.ndarray[Any, Any]) -> None:
    dtype = np.dtype(column.dtype)
    is_right_kind = array.dtype.kind == dtype.kind or (
        # a list of numbers that are not negative is of signed integers as well
        (array.dtype.kind in "iub" and dtype.kind in "iuf") or array.size == 0
    )
    if not is_right_kind or (array.ndim and array.shape[1:] != column.shape):
        raise BadValue(
            f"{column.full_name} of {place} as {array.dtype} {array.shape}",
            expected=_kind(column),
            do="Convert it to the type and unit of the column",
        )
    if dtype.kind in "iu" and array.dtype != dtype and array.size:
        limit = np.iinfo(dtype)
        low, high = int(array.min()), int(array.max())
        if low < limit.min or high > limit.max:
            raise BadValue(
                f"{column.full_name} of {place} from {low} to {high}",
                expected=f"from {limit.min} to {limit.max}, which {column.dtype} holds",
                do="Give numbers that fit",
            )


def _kind(column: Column) -> str:
    return f"{column.dtype} ({', '.join(map(str, ('n_rows', *column.shape)))})"


def _create(
    file: Any, place: str, dtype: np.dtype[Any], chunk: int, level: int, shuffle: bool
) -> Any:
    """Return a new, empty table with the chunks and the filter of Blosc."""
    import h5py

    folder, _, name = place.rpartition("/")
    group = _group(file, folder)
    size = dtype.itemsize
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_chunk((chunk,))
    # as the filter itself would fill them in, were it there when the table is made
    told = (2, 2, size if size <= 255 else 1, chunk * size, max(level, 0), int(shuffle), _ZSTD)
    settings.set_filter(_BLOSC, _OPTIONAL, told)
    settings.set_obj_track_times(False)
    space = h5py.h5s.create_simple((0,), (h5py.h5s.UNLIMITED,))
    table = h5py.h5d.create(group.id, name.encode(), _hdf5_type(dtype), space, settings)
    return h5py.Dataset(table)


def _group(file: Any, folder: str) -> Any:
    """Return a group, made with all above it as PyTables marks its groups."""
    group = file
    for name in folder.split("/"):
        if name not in group:
            mark_group(group.create_group(name))
        group = group[name]
    return group


def mark_group(group: Any) -> None:
    """Write the attributes by which PyTables knows its groups."""
    write_attributes(group, {"CLASS": "GROUP", "VERSION": "1.0"})


def _hdf5_type(dtype: np.dtype[Any]) -> Any:
    """Return the type of a row as PyTables writes it: truth values are bit fields of 8 bits."""
    from h5py import h5t

    row = h5t.create(h5t.COMPOUND, dtype.itemsize)
    for name in dtype.names or ():
        value, offset = dtype.fields[name][:2]  # type: ignore[index]
        base, shape = value.subdtype or (value, ())
        kind = h5t.STD_B8LE if base.kind == "b" else h5t.py_create(base)
        row.insert(name.encode(), offset, h5t.array_create(kind, shape) if shape else kind)
    return row


def _described(columns: Columns) -> dict[str, Any]:
    """Return the attributes that say a table is one, and what its columns mean."""
    told: dict[str, Any] = {"CLASS": "TABLE", "VERSION": "2.7"}
    for number, column in enumerate(columns):
        told[f"FIELD_{number}_NAME"] = column.full_name
        told |= {f"CTAFIELD_{number}_{key}": value for key, value in _meaning(column).items()}
    return told


def _meaning(column: Column) -> dict[str, Any]:
    told: dict[str, Any] = {"NAME": column.name, "DESC": column.about}
    kind, _, name = column.means.partition(":")
    if column.unit:
        told |= {"TRANSFORM": "quantity", "UNIT": column.unit}
    elif kind in ("time", "mjd"):
        told |= {"TRANSFORM": "time", "TIME_SCALE": "tai"}
        told["TIME_FORMAT"] = "ctao_high_res" if kind == "time" else "mjd"
    elif kind == "telescopes":
        told["TRANSFORM"] = "tel_list_to_mask"
    elif kind == "string":
        told |= {"TRANSFORM": "string", "MAXLEN": np.dtype(column.dtype).itemsize}
    elif kind == "enum":
        # ctapipe names the type of the values by a pickle, of which these are the constant bytes
        told |= {"TRANSFORM": "enum", "ENUM": f"cctapipe.containers\n{name}\np0\n.".encode()}
    return told
