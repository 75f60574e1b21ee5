"""Walk over a FITS file and compare the checksums of its parts, in bounded memory."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .model import damaged

_RECORD = 2880
_PIECE = _RECORD * 364
_ALL_ONES = 0xFFFFFFFF
Header = Any
"""An ``astropy.io.fits.Header``. astropy takes a quarter of a second to import, and only those
who meet a FITS file need it: it is imported in the functions below."""

_EXPECTED = "a complete FITS file whose checksums hold"


def headers(path: Path, *, verify: bool = False) -> Iterator[Header]:
    """Yield the header of each part of a FITS file, seeking over the data.

    Parameters
    ----------
    path : Path
    verify : bool
        Whether to sum the data as well and compare with the keyword CHECKSUM.

    Raises
    ------
    BadInput
        A header cannot be parsed, the file ends early, or a sum is wrong.
    """
    size = path.stat().st_size
    with open(path, "rb") as stream:
        part = 0
        while (start := stream.tell()) < size:
            place = f"part {part}, byte {start}"
            header = _read_header(path, stream, first=not part, place=place)
            end = stream.tell() + _data_size(path, header, place)
            if end > size:
                found = f"the file ends at byte {size}, its tables at byte {end}"
                raise damaged(path, found, expected=_EXPECTED, place=place)
            if verify:
                _compare(path, stream, header, start, end, place)
            yield header
            stream.seek(end)
            part += 1


def verified_headers(path: Path) -> list[Header]:
    """Return the headers of all parts, after every byte was summed and compared."""
    return list(headers(path, verify=True))


def _read_header(path: Path, stream: BinaryIO, *, first: bool, place: str) -> Header:
    from astropy.io import fits

    start = stream.tell()
    begin = b"SIMPLE  =" if first else b"XTENSION="
    found = stream.read(len(begin))
    stream.seek(start)
    if found != begin:
        raise damaged(path, f"a part begins with {found!r}", expected=_EXPECTED, place=place)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return fits.Header.fromfile(stream, endcard=True)
    except (OSError, ValueError, UnicodeError) as error:
        found_text = f"a header that cannot be parsed ({error})"
        raise damaged(path, found_text, expected=_EXPECTED, place=place) from error


def _data_size(path: Path, header: Header, place: str) -> int:
    """Return the bytes of a data part with its padding, FITS standard 4.0, equation 2."""
    from astropy.io.fits.verify import VerifyError

    try:
        axes = [int(header[f"NAXIS{i + 1}"]) for i in range(int(header["NAXIS"]))]
        elements = int(np.prod(axes, dtype=object)) if axes else 0
        elements = int(header.get("GCOUNT", 1)) * (int(header.get("PCOUNT", 0)) + elements)
        size = abs(int(header["BITPIX"])) // 8 * elements
    except (KeyError, ValueError, TypeError, VerifyError) as error:
        found = f"a header without its size ({error})"
        raise damaged(path, found, expected=_EXPECTED, place=place) from error
    if size < 0 or any(axis < 0 for axis in axes):
        raise damaged(path, "a part of negative size", expected=_EXPECTED, place=place)
    return -(-size // _RECORD) * _RECORD


def _compare(
    path: Path, stream: BinaryIO, header: Header, start: int, end: int, place: str
) -> None:
    if "CHECKSUM" not in header:
        found = "a part without checksum, as a writer leaves it that was not closed"
        raise damaged(path, found, expected=_EXPECTED, place=place)
    stream.seek(start)
    total = 0
    while (left := end - stream.tell()) > 0:
        piece = stream.read(min(_PIECE, left))
        total += int(np.frombuffer(piece, ">u4").sum(dtype=np.uint64))
    while total > _ALL_ONES:
        total = (total & _ALL_ONES) + (total >> 32)
    if total != _ALL_ONES:
        found = f"the bytes from {start} to {end} do not sum up to their checksum"
        raise damaged(path, found, expected=_EXPECTED, place=place)
