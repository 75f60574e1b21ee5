"""Read event files that ctapipe or awlta wrote, without trust in what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from awlta.errors import BadInput, NotFound
from awlta.lineage.files.block import NAME

from ..events.hdf5_nodes import at
from . import model
from .instrument_tables import subarray_of
from .subarray import Subarray
from .table_reader import TableReader

Rows = np.ndarray[Any, Any]

_MAJOR = model.MODEL.partition(".")[0]
_GROUPS_DEEP = 8
_DAMAGE = (OSError, RuntimeError, ValueError, LookupError, TypeError, ArithmeticError)
"""What HDF5's library raises on bytes that it cannot make sense of."""


class EventDataReader:
    """An event file, open for reading; a context manager.

    Rows come as structured arrays with the names of the data model and in the units of the
    file, which :meth:`unit` tells; truth values are bool, times as :mod:`.times` understands them.

    Parameters
    ----------
    path : Path

    Raises
    ------
    NotFound
        There is no such file.
    BadInput
        The file is cut, not HDF5, or of another data model.
    """

    def __init__(self, path: Path) -> None:
        # h5py takes a tenth of a second, and only those who read need it
        import h5py

        if not path.is_file():
            raise NotFound(f"no file {path}", do="Retrieve the file first")
        try:
            self._file = h5py.File(path, "r", locking=False)
        except OSError as error:
            raise _unusable(path, f"cannot be opened as HDF5: {error}") from error
        self._path = path
        try:
            self._check_model()
        except BaseException:
            self._file.close()
            raise

    @property
    def tel_ids(self) -> tuple[int, ...]:
        """Telescopes that have images or parameters."""
        found = set()
        for group in (model.IMAGES, model.PARAMETERS):
            for name in self._names(group):
                digits = name.removeprefix("tel_")
                if name.startswith("tel_") and digits.isdecimal():
                    found.add(int(digits))
        return tuple(sorted(found))

    def places(self) -> tuple[str, ...]:
        """Return the places of all tables."""
        return tuple(self._tables("", _GROUPS_DEEP))

    def subarray(self) -> Subarray:
        """Return the telescopes that the file describes; raise BadInput."""

        def read(place: str) -> tuple[Rows, Any]:
            table = self._table(place)
            return table.read(), table.attributes

        try:
            return subarray_of(read)
        except NotFound as error:
            raise _unusable(self._path, error.found.partition(" ")[2]) from error
        except BadInput as error:
            if "file" in error.facts:
                raise
            raise _unusable(self._path, f"cannot be understood: {error.found}") from error

    def observations(self) -> Rows:
        """Return the observation blocks."""
        return self.read(model.OBSERVATION_BLOCKS)

    def triggers(self, block: int = 4096) -> Iterator[Rows]:
        """Yield the triggers of the array."""
        return self.blocks(model.TRIGGER, block)

    def images(self, tel_id: int, block: int = 256) -> Iterator[Rows]:
        """Yield the images of a telescope."""
        return self.blocks(f"{model.IMAGES}/tel_{tel_id:03d}", block)

    def parameters(self, tel_id: int, block: int = 4096) -> Iterator[Rows]:
        """Yield the image parameters of a telescope."""
        return self.blocks(f"{model.PARAMETERS}/tel_{tel_id:03d}", block)

    def dl2(self, kind: str, name: str, block: int = 4096) -> Iterator[Rows]:
        """Yield what a method reconstructed: geometry, energy or classification."""
        return self.blocks(f"{model.DL2_SUBARRAY}/{kind}/{name}", block)

    def blocks(self, place: str, block: int = 4096) -> Iterator[Rows]:
        """Yield any table in blocks of rows; raise NotFound, BadInput."""
        return self._table(place).blocks(block)

    def read(self, place: str) -> Rows:
        """Return any table as a whole; raise NotFound, BadInput."""
        return self._table(place).read()

    def unit(self, place: str, column: str) -> str:
        """Return the unit of a column, empty where it has none; raise NotFound."""
        return self._table(place).unit(column)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> EventDataReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _table(self, place: str) -> TableReader:
        try:
            return TableReader(self._file, place)
        except _DAMAGE as error:
            raise _unusable(self._path, f"has a damaged table {place}: {error}") from error

    def _check_model(self) -> None:
        key = "CTA PRODUCT DATA MODEL VERSION"
        try:
            told = self._file.attrs.get(key)
        except _DAMAGE as error:
            raise _unusable(self._path, f"has a root that cannot be read: {error}") from error
        version = told.decode(errors="replace") if isinstance(told, bytes) else told
        if not isinstance(version, str):
            raise _unusable(self._path, "tells no version of its data model")
        if version.partition(".")[0] != _MAJOR:
            raise BadInput(
                f"{self._path.name} is of data model {version}",
                expected=f"{_MAJOR}, as ctapipe writes it since 0.27",
                do="Process the run anew with a release of that model",
                file=self._path.name,
                version=version,
            )

    def _names(self, group: str) -> list[str]:
        import h5py

        try:
            node = at(self._file, group) if group else self._file
            return sorted(node) if isinstance(node, h5py.Group) else []
        except _DAMAGE as error:
            raise _unusable(self._path, f"has a damaged group /{group}: {error}") from error

    def _tables(self, group: str, deep: int) -> Iterator[str]:
        import h5py

        for name in self._names(group):
            place = f"{group}/{name}".strip("/")
            try:
                node = at(self._file, place)
            except _DAMAGE as error:
                raise _unusable(self._path, f"has a damaged node {place}: {error}") from error
            if isinstance(node, h5py.Dataset):
                if place != NAME:
                    yield place
            elif isinstance(node, h5py.Group) and deep:
                yield from self._tables(place, deep - 1)


def _unusable(path: Path, found: str) -> BadInput:
    return BadInput(
        f"{path.name} {found}",
        expected=f"an event file of CTAO's data model {_MAJOR}, whole",
        do="Fetch the file again and compare its digest with that of the source",
        file=path.name,
    )
