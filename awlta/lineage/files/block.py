"""The fixed block of a file: identity and provenance, apart from content.

A product's HDF5 file has it as 16 KiB from byte 4096 on, where its first dataset,
``identity_block``, holds its values; so the file begins as every HDF5 file does, and who knows
nothing of HDF5 finds the block as well. A raw event file has it before HDF5's own bytes (a user
block), a FITS file as its primary header. The block says which object the file is, by which
recipe, with which parameters and from which inputs it was made. The content digest leaves it
out, so that two products of equal content have equal content digests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...digest import blocks
from ...errors import BadInput, Fault

SIZE = 16384
"""Bytes of the block of an HDF5 file."""

PLACE = 4096
"""Where it begins in a file of ``new_hdf5``, behind what HDF5 has to say of an empty file."""

NAME = "identity_block"
"""Dataset that HDF5 knows it by."""

_HDF5 = b"\x89HDF\r\n\x1a\n"
_MARK = b"awlta block 1\n"
_FITS_RECORD = 2880
_MOST_INPUTS = 10_000  # a keyword has eight letters; the database has them all


def block_place(path: Path) -> range:
    """Return which bytes of a file are its fixed block, an empty range if it has none."""
    with open(path, "rb") as stream:
        head = stream.read(len(_MARK))
        if head.startswith(_HDF5):
            stream.seek(PLACE)
            return range(PLACE, PLACE + SIZE if stream.read(len(_MARK)) == _MARK else PLACE)
        stream.seek(SIZE)
        if stream.read(8) == _HDF5 and (head == _MARK or not any(head)):
            return range(SIZE)
        if head.startswith(b"SIMPLE  ="):
            return range(_fits_header(stream))
    return range(0)


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
    """Return the sha256 of everything but the fixed block."""
    sha256 = hashlib.sha256()
    place = block_place(path)
    with open(path, "rb") as stream:
        sha256.update(stream.read(place.start))
        stream.seek(place.stop)
        for block in blocks(stream):
            sha256.update(block)
    return sha256.hexdigest()


def seal(path: Path, record: Mapping[str, Any]) -> None:
    """Write identity and provenance into the fixed block of a file; others stay as they are.

    Raises
    ------
    BadInput
        An HDF5 file was written without room for the block, or a FITS file has data there.
    """
    with open(path, "rb") as stream:
        head = stream.read(8)
    place = block_place(path)
    if head.startswith(b"SIMPLE"):
        _seal_fits(path, record)
    elif len(place) == SIZE:
        _seal_hdf5(path, place.start, record)
    elif head == _HDF5:
        raise BadInput(
            f"{path.name} has no room for its identity block",
            expected=f"a dataset {NAME} whose {SIZE} bytes begin at byte {PLACE}",
            do="Open the file with awlta.lineage.new_hdf5(path)",
        )


def _seal_hdf5(path: Path, start: int, record: Mapping[str, Any]) -> None:
    text = _MARK + json.dumps(record, sort_keys=True, indent=1).encode() + b"\n"
    if len(text) > SIZE:
        short = {k: v for k, v in record.items() if k not in ("parameters", "inputs")}
        short["truncated"] = "parameters and inputs are in the database only"
        text = _MARK + json.dumps(short, sort_keys=True, indent=1).encode() + b"\n"
    with open(path, "r+b") as stream:
        stream.seek(start)
        stream.write(text.ljust(SIZE, b"\0"))


def _seal_fits(path: Path, record: Mapping[str, Any]) -> None:
    # astropy is heavy and only FITS products need it
    from astropy.io import fits

    if not block_place(path):
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
        stream.seek(block_place(path).start)
        raw = stream.read(SIZE).rstrip(b"\0")
    if not raw.startswith(_MARK) or raw == _MARK:
        return None
    try:
        value = json.loads(raw[len(_MARK) :])
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The identity block of {path.name} is damaged: {error}") from error
    if not isinstance(value, dict):
        raise BadInput(f"The identity block of {path.name} holds {type(value).__name__}, no object")
    return value


def new_hdf5(path: Path) -> Any:
    """Open a new HDF5 file with room for the block; its bytes depend on nothing but its content."""
    # h5py is loaded by those who write HDF5
    import h5py

    # later formats write into a group when it was made, and follow the version of the library
    form: dict[str, Any] = {"track_order": False, "libver": ("earliest", "v110")}
    # what is as large as the block, and nothing else, begins at a multiple of its place
    with h5py.File(path, "w", alignment_threshold=SIZE, alignment_interval=PLACE, **form) as file:
        _make_room(file)
    return h5py.File(path, "r+", **form)


def _make_room(file: Any) -> None:
    """Make the dataset of the block, still empty, in a new file."""
    from h5py import h5d, h5p, h5s, h5t, version

    settings = h5p.create(h5p.DATASET_CREATE)
    settings.set_layout(h5d.CONTIGUOUS)
    settings.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    settings.set_obj_track_times(False)
    space = h5s.create_simple((SIZE,))
    block = h5d.create(file.id, NAME.encode(), h5t.STD_U8LE, space, settings)
    if block.get_offset() != PLACE:
        raise Fault(
            f"HDF5 {version.hdf5_version} laid the identity block at byte {block.get_offset()}",
            expected=f"byte {PLACE}",
            do="Report the version; take an earlier one of h5py",
        )
    block.write(h5s.ALL, h5s.ALL, np.frombuffer(_MARK.ljust(SIZE, b"\0"), np.uint8))
