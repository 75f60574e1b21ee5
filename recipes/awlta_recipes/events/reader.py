"""Read any raw event file: find out its format, then hand over to the reader of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from awlta.errors import BadInput, BadValue, NotFound

from . import eventfile, eventio_scan, fits_scan, simtel, zfits
from .model import EventBlock, FileCalibration, RunHeader


class _Format(Protocol):
    """What a module that reads one format offers."""

    def read_header(self, path: Path) -> RunHeader: ...
    def iterate(
        self, path: Path, header: RunHeader, tel_id: int, block: int
    ) -> Iterator[EventBlock]: ...
    def calibration_of(self, path: Path, tel_id: int) -> FileCalibration | None: ...


_READERS: dict[str, _Format] = {"simtel": simtel, "zfits": zfits, "awlta-hdf5": eventfile}


def identify(path: Path) -> str | None:
    """Return the format of a raw event file, told by its bytes and not by its name.

    Returns
    -------
    str or None
        ``simtel``, ``zfits``, ``awlta-hdf5``, or None for anything else.
    """
    if eventfile.starts_like_ours(path):
        return "awlta-hdf5"
    if eventio_scan.starts_like_eventio(path):
        return "simtel"
    try:
        tables = list(fits_scan.headers(path))
    except BadInput:
        # A zfits file that was cut still has its first headers; the reader says what is wrong.
        return "zfits" if _mentions_zfits(path) else None
    return "zfits" if any("ZCTYP1" in h and h.get("ZTABLE") for h in tables) else None


def read_header(path: Path) -> RunHeader:
    """Return what a raw event file tells of its run.

    The whole file is read once to see that it is complete; so far as its format carries
    checksums they are compared.

    Raises
    ------
    NotFound
        There is no such file.
    BadInput
        The file is empty, of a foreign format, cut or damaged; the place is named.
    """
    return _READERS[_known_format(path)].read_header(path)


def iterate(path: Path, tel_id: int, block: int = 64) -> Iterator[EventBlock]:
    """Yield the events of one telescope in blocks, in the order of the file.

    Parameters
    ----------
    path : Path
    tel_id : int
    block : int
        Largest number of events to a block; bounds the memory.

    Raises
    ------
    NotFound, BadInput
        As :func:`read_header`; also NotFound if the run has no such telescope.
    BadValue
        The block is not positive.
    """
    if block < 1:
        raise BadValue(f"a block of {block} events", expected="at least 1", do="Choose a block")
    reader = _READERS[_known_format(path)]
    header = reader.read_header(path)
    header.telescope(tel_id)
    return reader.iterate(path, header, tel_id, block)


def calibration_of(path: Path, tel_id: int) -> FileCalibration | None:
    """Return the calibration that a raw event file carries for a telescope, None if it has none.

    Raises
    ------
    NotFound, BadInput
        As :func:`iterate`.
    """
    reader = _READERS[_known_format(path)]
    reader.read_header(path).telescope(tel_id)
    return reader.calibration_of(path, tel_id)


def _known_format(path: Path) -> str:
    if not path.is_file():
        raise NotFound(f"no file {path}", do="Retrieve the file first")
    form = identify(path)
    if form is not None:
        return form
    size = path.stat().st_size
    with open(path, "rb") as stream:
        begin = stream.read(16)
    found = f"begins with {begin!r}" if size else "is empty (0 bytes)"
    raise BadInput(
        f"{path.name} {found}",
        expected="a raw event file: sim_telarray, zfits or HDF5 as awlta writes it",
        do="Compare size and digest with the source, or convert the file first",
        file=path.name,
        size=size,
    )


def _mentions_zfits(path: Path) -> bool:
    with open(path, "rb") as stream:
        return b"ZTABLE  =" in stream.read(1 << 20)
