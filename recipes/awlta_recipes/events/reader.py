"""Read any raw event file: find out its format, then hand over to the reader of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from awlta.errors import BadInput, BadValue, NotFound

from . import eventfile_reader, eventio_scan, fits_scan, simtel, zfits
from .model import EventBlock, FileCalibration, Preamble, RunHeader


class _Format(Protocol):
    """What a module that reads one format offers; ``run`` is what it told of the same file."""

    def read_header(self, path: Path) -> RunHeader: ...
    def read_preamble(self, path: Path) -> Preamble: ...
    def iterate(
        self,
        path: Path,
        run: Preamble,
        tel_ids: Sequence[int],
        block: int | None,
        *,
        true_images: bool,
    ) -> Iterator[EventBlock]: ...
    def calibration_of(self, path: Path, run: Preamble, tel_id: int) -> FileCalibration | None: ...
    def read_truth(self, path: Path) -> dict[str, NDArray[Any]]: ...


_READERS: dict[str, _Format] = {
    "simtel": simtel,
    "zfits": zfits,
    "awlta-hdf5": eventfile_reader,
}


def identify(path: Path) -> str | None:
    """Return the format of a raw event file, told by its bytes and not by its name.

    Returns
    -------
    str or None
        ``simtel``, ``zfits``, ``awlta-hdf5``, or None for anything else.
    """
    if eventfile_reader.starts_like_ours(path):
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
    checksums they are compared. The readers below make sure of that as they read.

    Raises
    ------
    NotFound
        There is no such file.
    BadInput
        The file is empty, of a foreign format, cut or damaged; the place is named.
    """
    return _READERS[_known_format(path)].read_header(path)


def iterate(
    path: Path, tel_id: int, block: int | None = None, *, true_images: bool = False
) -> Iterator[EventBlock]:
    """Yield the events of one telescope in blocks, in the order of the file.

    Parameters
    ----------
    path : Path
    tel_id : int
    block : int or None
        Largest number of events to a block; bounds the memory. None for as many as
        :data:`BLOCK_BYTES` of waveforms hold, and one at least.
    true_images : bool
        Whether the blocks of a simulated run carry the true images of their events.

    Raises
    ------
    NotFound, BadInput
        As :func:`read_header`; also NotFound if the run has no such telescope. Damage may
        show only with the block that has it, or after the last one, where a checksum stands.
    BadValue
        The block is not positive.
    """
    return iterate_all(path, (tel_id,), block, true_images=true_images)


def iterate_all(
    path: Path,
    tel_ids: Iterable[int] | None = None,
    block: int | None = None,
    *,
    true_images: bool = False,
) -> Iterator[EventBlock]:
    """Yield the events of several telescopes in one pass over the file.

    Each block is of one telescope, told by its ``tel_id``, and has its events in the order of
    the file. Blocks come as they are full; our own files, which hold a table for each telescope,
    are read table after table.

    Parameters
    ----------
    path : Path
    tel_ids : iterable of int or None
        Telescopes to be read; None for all of the run.
    block : int or None
        Largest number of events to a block. None for as many as the telescopes' equal shares
        of :data:`BLOCK_BYTES` hold, and one at least: with ``n`` telescopes the blocks that
        are being filled take at most ``max(BLOCK_BYTES, n events)``.
    true_images : bool
        As for :func:`iterate`, where the errors are told as well.
    """
    if block is not None and block < 1:
        raise BadValue(f"a block of {block} events", expected="at least 1", do="Choose a block")
    reader = _READERS[_known_format(path)]
    run = reader.read_preamble(path)
    known = [t.tel_id for t in run.telescopes]
    wanted = known if tel_ids is None else list(dict.fromkeys(tel_ids))
    for tel_id in wanted:
        run.telescope(tel_id)
    return reader.iterate(path, run, wanted, block, true_images=true_images)


def calibration_of(path: Path, tel_id: int) -> FileCalibration | None:
    """Return the calibration that a raw event file carries for a telescope, None if it has none.

    Raises
    ------
    NotFound, BadInput
        As :func:`iterate`.
    """
    reader = _READERS[_known_format(path)]
    run = reader.read_preamble(path)
    run.telescope(tel_id)
    return reader.calibration_of(path, run, tel_id)


def read_truth(path: Path) -> dict[str, NDArray[Any]]:
    """Return what was put into a simulated run, one array a column; empty for others.

    There is a row for each event of the file that was triggered by a simulated shower.
    ``event_id`` says which it is. sim_telarray files give ``true_shower_primary_id``,
    ``true_energy`` (TeV), ``true_alt``, ``true_az`` (deg), ``true_core_x``, ``true_core_y`` (m,
    to the north and to the west), ``true_h_first_int`` (m), ``true_x_max`` and
    ``true_starting_grammage`` (g/cm2); our own files what their simulation wrote.

    Raises
    ------
    NotFound, BadInput
        As :func:`read_header`.
    """
    return _READERS[_known_format(path)].read_truth(path)


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
