"""Long raw files made of the short ones of the test data."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import zstandard
from astropy.io import fits

from awlta_recipes import events
from awlta_recipes.events import EventFileWriter

LST, NECTAR, SST = (
    "lst_muons.simtel.zst",
    "example_9evts_NectarCAM.fits.fz",
    "example_SST1M_20180822.fits.fz",
)
MC_SHOWER = 2020


def long_simtel(source: Path, target: Path, n_bytes: int) -> None:
    """Write a run of at least a number of bytes: the head, then the showers again and again."""
    with open(source, "rb") as file:
        content = zstandard.ZstdDecompressor().stream_reader(file).read()
    showers, position = [], 0
    while position < len(content):
        kind, _, length = struct.unpack_from("<IiI", content, position + 4)
        if kind & 0xFFFF == MC_SHOWER:
            showers.append(position)
        position += 16 + 4 * (kind >> 17 & 1) + (length & 0x3FFFFFFF)
    # The first shower brings the calibration, which is to stand once.
    body = memoryview(content)[showers[1] :]
    with open(target, "wb") as file:
        file.write(content[: showers[1]])
        while file.tell() < n_bytes:
            file.write(body)


def compressed(source: Path, target: Path) -> None:
    """Write a file again, compressed by zstd."""
    with open(source, "rb") as plain, open(target, "wb") as packed:
        zstandard.ZstdCompressor(level=3, write_checksum=True).copy_stream(plain, packed)


def long_zfits(source: Path, target: Path, n_tiles: int) -> None:
    """Write a zfits file whose event table has its one tile many times."""
    raw = source.read_bytes()
    with fits.open(source) as tables:
        number = tables.index_of("Events")
        header, place = tables[number].header.copy(), tables.fileinfo(number)
        writer = fits.BinTableHDU()
    begin = place["datLoc"]
    n_columns = header["TFIELDS"]
    catalog = np.frombuffer(raw, ">i8", 2 * n_columns, begin).reshape(n_columns, 2)
    heap = begin + header["ZHEAPPTR"]
    tile = raw[heap : heap + int(catalog[-1].sum())]
    catalogs = np.repeat(catalog[np.newaxis], n_tiles, axis=0)
    catalogs[:, :, 1] += len(tile) * np.arange(n_tiles)[:, np.newaxis]
    body = catalogs.tobytes() + n_tiles * tile
    body += bytes(-len(body) % 2880)
    header["NAXIS2"], header["ZTILELEN"] = n_tiles, header["ZNAXIS2"]
    header["ZNAXIS2"] *= n_tiles
    header["THEAP"] = header["ZHEAPPTR"] = catalogs.nbytes
    header["PCOUNT"] = n_tiles * len(tile)
    header["DATASUM"], header["CHECKSUM"] = str(ones_sum(body)), "0" * 16
    total = ones_sum(header.tostring().encode() + body)
    header["CHECKSUM"] = writer._char_encode(np.uint32(0xFFFFFFFF ^ total))
    target.write_bytes(raw[: place["hdrLoc"]] + header.tostring().encode() + body)


def ones_sum(content: bytes) -> int:
    """Return the sum in ones' complement that FITS files carry."""
    total = int(np.frombuffer(content, ">u4").sum(dtype=np.uint64))
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def our_file(source: Path, target: Path, n_bytes: int) -> None:
    """Write the events of a run as a file of ours, repeated to a number of raw bytes."""
    header = events.read_header(source)
    (block,) = events.iterate(source, 1)
    n_events = len(block)
    times = np.zeros(n_events)
    with EventFileWriter(target, header) as writer:
        for _ in range(-(-n_bytes // block.waveforms.nbytes)):
            writer.add_events(1, block.event_id, times, block.waveforms)
            writer.add_triggers(block.event_id, times, np.ones((n_events, 1), bool))
