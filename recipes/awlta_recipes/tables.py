"""Tables in HDF5 files: compound rows, appended block by block, read whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awlta.lineage import new_hdf5

_ROWS_A_CHUNK = 64


class TableWriter:
    """Write one table of a new HDF5 file in bounded memory; a context manager.

    Parameters
    ----------
    path : Path
    name : str
        Place of the table in the file.
    dtype : numpy.dtype
        Names and types of the columns.
    """

    def __init__(self, path: Path, name: str, dtype: np.dtype[Any]) -> None:
        self._file = new_hdf5(path)
        self._table = self._file.create_dataset(
            name,
            shape=(0,),
            maxshape=(None,),
            dtype=dtype,
            chunks=(_ROWS_A_CHUNK,),
            compression="gzip",
            compression_opts=1,
            shuffle=True,
        )

    def append(self, rows: NDArray[np.void]) -> None:
        """Add rows at the end."""
        before = len(self._table)
        self._table.resize(before + len(rows), axis=0)
        self._table[before:] = rows

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def read_table(path: Path, name: str) -> NDArray[np.void]:
    """Return a whole table."""
    # h5py takes a tenth of a second, and only those who read need it
    import h5py

    with h5py.File(path, "r") as file:
        rows: NDArray[np.void] = file[name][:]
    return rows
