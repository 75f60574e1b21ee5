"""The fixed block of a file: identity and provenance, apart from content.

A product's HDF5 file begins with a user block of 16 KiB, which HDF5 readers skip; a FITS file
has it as its primary header. The block says which object the file is, by which recipe, with
which parameters and from which inputs it was made. The content digest leaves it out, so that
two products of equal content have equal content digests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...digest import blocks
from ...errors import BadInput

SIZE = 16384
"""Bytes of the user block of an HDF5 file."""

_HDF5 = b"\x89HDF\r\n\x1a\n"
_MARK = b"awlta block 1\n"
_FITS_RECORD = 2880
_MOST_INPUTS = 10_000  # a keyword has eight letters; the database has them all


def block_size(path: Path) -> int:
    """Return the length of a file's fixed block in bytes, 0 if it has none."""
    with open(path, "rb") as stream:
        head = stream.read(len(_MARK))
        stream.seek(SIZE)
        if stream.read(8) == _HDF5 and (head == _MARK or not any(head)):
            return SIZE
        if head.startswith(b"SIMPLE  ="):
            return _fits_header(stream)
    return 0


def _fits_header(stream: Any) -> int:
    """Return the length of a primary header with no data behind it, 0 if there is data."""
    stream.seek(0)
    length = 0
    while record := stream.read(_FITS_RECORD):
        length += len(record)
        cards = [record[i : i + 80] for i in range(0, len(record), 80)]
        if any(c.startswith(b"NAXIS   =") and c[10:30].strip() != b"0" for c in cards):
            return 0
        if any(c.startswith(b"END") and not c[3:].strip() for c in cards):
            return length
    return 0


def content_digest(path: Path) -> str:
    """Return the sha256 of everything behind the fixed block."""
    sha256 = hashlib.sha256()
    start = block_size(path)
    with open(path, "rb") as stream:
        stream.seek(start)
        for block in blocks(stream):
            sha256.update(block)
    return sha256.hexdigest()


def seal(path: Path, record: Mapping[str, Any]) -> None:
    """Write identity and provenance into the fixed block of a file; others stay as they are.

    Raises
    ------
    BadInput
        An HDF5 file was written without a user block, or the record is too long.
    """
    with open(path, "rb") as stream:
        head = stream.read(8)
    if head == _HDF5:
        raise BadInput(
            f"{path.name} has no user block",
            expected=f"h5py.File(path, 'w', userblock_size={SIZE})",
            do="Open the file with awlta.lineage.new_hdf5(path)",
        )
    if head.startswith(b"SIMPLE"):
        _seal_fits(path, record)
    elif block_size(path) == SIZE:
        _seal_hdf5(path, record)


def _seal_hdf5(path: Path, record: Mapping[str, Any]) -> None:
    text = _MARK + json.dumps(record, sort_keys=True, indent=1).encode() + b"\n"
    if len(text) > SIZE:
        short = {k: v for k, v in record.items() if k not in ("parameters", "inputs")}
        short["truncated"] = "parameters and inputs are in the database only"
        text = _MARK + json.dumps(short, sort_keys=True, indent=1).encode() + b"\n"
    with open(path, "r+b") as stream:
        stream.write(text.ljust(SIZE, b"\0"))


def _seal_fits(path: Path, record: Mapping[str, Any]) -> None:
    # astropy is heavy and only FITS products need it
    from astropy.io import fits

    if block_size(path) == 0:
        raise BadInput(
            f"{path.name} has data in its primary HDU",
            expected="an empty primary HDU, data in extensions",
            do="Write the image as fits.ImageHDU behind fits.PrimaryHDU()",
        )
    with fits.open(path, mode="update", memmap=False) as hdus:
        header = hdus[0].header
        header["AWLOBJ"] = (str(record["object_id"]), "identity of this product")
        header["AWLCLASS"] = (str(record["class"]), "class of the product")
        header["AWLRECIP"] = str(record["recipe"]["name"])[:68]
        header["AWLRDIG"] = str(record["recipe"]["digest"])
        inputs = [(role, t) for role, many in sorted(record["inputs"].items()) for t in many]
        for number, (role, target) in enumerate(inputs[:_MOST_INPUTS]):
            header[f"AWLI{number:04d}"] = f"{role}={target}"[:68]


def read_block(path: Path) -> dict[str, Any] | None:
    """Return the record of an HDF5 file's fixed block, None where there is none.

    Raises
    ------
    BadInput
        The block is damaged.
    """
    with open(path, "rb") as stream:
        raw = stream.read(SIZE)
    if not raw.startswith(_MARK):
        return None
    try:
        value = json.loads(raw[len(_MARK) :].rstrip(b"\0"))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The identity block of {path.name} is damaged: {error}") from error
    if not isinstance(value, dict):
        raise BadInput(f"The identity block of {path.name} holds {type(value).__name__}, no object")
    return value


def new_hdf5(path: Path) -> Any:
    """Open a new HDF5 file with a user block, whose bytes depend on nothing but its content."""
    # h5py is loaded by those who write HDF5
    import h5py

    # later formats write into a group when it was made, and follow the version of the library
    oldest_that_can = ("earliest", "v110")
    return h5py.File(path, "w", userblock_size=SIZE, track_order=False, libver=oldest_that_can)
