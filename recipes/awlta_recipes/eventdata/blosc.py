"""Blosc chunks: how the rows of a table are compressed, and how any writer's chunk is undone.

A chunk is a header, the places of its blocks, and the blocks (format 2 of Blosc 1). Each block
has its bytes sorted by their rank within an element, then compressed. Blosc's own filter takes a
whole row for an element and sorts nothing if a row is longer than 255 bytes. Here a row of
an image is a block of its own, of elements of four bytes, so that the exponents of its
charges stand together: smaller and many times faster than zstd finds them by itself.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadInput, BadValue

Bytes = NDArray[np.uint8]

LONG_ROW = 4096
"""Bytes from which on a row is a block of its own."""

LEVELS = range(-7, 20)
"""Levels of zstd; below zero it is faster and larger."""

_HEADER = struct.Struct("<BBBBIII")
_FORMAT = 2
_SHUFFLED, _STORED, _BIT_SHUFFLED, _WHOLE_BLOCKS = 1, 2, 4, 16
_ZSTD, _ZLIB = 4, 3
_CODECS = ("blosclz", "lz4", "snappy", "zlib", "zstd")


class Encoder:
    """Compress chunks of equal rows.

    Parameters
    ----------
    row_size : int, bytes
    level : int
        Of zstd.
    shuffle : bool
        Whether bytes are sorted first.

    Raises
    ------
    BadValue
        There is no such level.
    """

    def __init__(self, row_size: int, level: int, *, shuffle: bool = True) -> None:
        # compiled code that only those who write need
        import zstandard

        check_level(level)
        self._compress = zstandard.ZstdCompressor(level=level).compress
        self._is_long = row_size >= LONG_ROW
        # rows up to the largest element of the format are elements themselves
        element = 4 if self._is_long else row_size if row_size <= 255 else 1
        self._element = element if shuffle else 1

    def __call__(self, rows: Bytes) -> bytes:
        """Return the chunk of rows: uint8 (n_rows, row_size), contiguous."""
        n_bytes = rows.size
        blocks = rows if self._is_long else rows.reshape(1, -1)
        if self._element > 1:
            blocks = _sorted(blocks, self._element)
        n_blocks, size = blocks.shape
        places, parts = [], []
        place = _HEADER.size + 4 * n_blocks
        for block in blocks:
            part = self._compress(memoryview(block))
            if len(part) >= size:
                part = block.tobytes()
            places.append(place)
            parts += [len(part).to_bytes(4, "little"), part]
            place += 4 + len(part)
        flags = _WHOLE_BLOCKS | _ZSTD << 5 | (_SHUFFLED if self._element > 1 else 0)
        if place > n_bytes + _HEADER.size:
            places, parts, size = [], [rows.tobytes()], n_bytes
            place, flags = n_bytes + _HEADER.size, flags | _STORED
        head = _HEADER.pack(_FORMAT, 1, flags, self._element, n_bytes, size, place)
        return b"".join([head, struct.pack(f"<{len(places)}I", *places), *parts])


def check_level(level: int) -> None:
    """Raise BadValue where zstd has no such level."""
    if level not in LEVELS:
        raise BadValue(
            f"zstd level {level}",
            expected=f"from {LEVELS[0]} (fast) to {LEVELS[-1]} (small)",
            do="Leave the level out: its default is fast, and smaller than ctapipe's",
        )


def decode(chunk: bytes, n_bytes: int) -> Bytes:
    """Return the bytes of a chunk, which must be as many as expected.

    Raises
    ------
    BadInput
        The chunk is damaged, of another length or of a codec other than zstd and zlib.
    """
    try:
        return _decode(chunk, n_bytes)
    except (struct.error, ValueError, IndexError, zlib.error) as error:
        raise BadInput(f"a Blosc chunk is damaged: {error}") from error


def _decode(chunk: bytes, n_bytes: int) -> Bytes:
    _, _, flags, element, told, size, length = _HEADER.unpack_from(chunk)
    if told != n_bytes or length != len(chunk):
        raise ValueError(f"{told} bytes in {length}, where {n_bytes} in {len(chunk)} should be")
    if flags & _STORED:
        return _exactly(chunk[_HEADER.size :], n_bytes)
    codec = flags >> 5
    if codec not in (_ZSTD, _ZLIB) or flags & _BIT_SHUFFLED:
        name = _CODECS[codec] if codec < len(_CODECS) else f"codec {codec}"
        raise BadInput(
            f"a chunk is compressed by blosc:{name}{' with bit shuffle' if flags & 4 else ''}",
            expected="blosc:zstd, blosc:zlib or zlib, which ctapipe writes, with byte shuffle",
            do="Rewrite the file with ptrepack --complib=blosc:zstd",
        )
    if not 0 < size <= n_bytes or not element:
        raise ValueError(f"blocks of {size} bytes with elements of {element}")
    n_blocks = -(-n_bytes // size)
    if _HEADER.size + 4 * n_blocks > len(chunk):
        raise ValueError(f"{n_blocks} blocks in {len(chunk)} bytes")
    out = np.empty(n_bytes, np.uint8)
    undo = _zstd_inverse() if codec == _ZSTD else _zlib_inverse
    for number, place in enumerate(struct.unpack_from(f"<{n_blocks}I", chunk, _HEADER.size)):
        block = out[number * size : (number + 1) * size]
        is_split = not flags & _WHOLE_BLOCKS and len(block) == size and not size % element
        n_streams = element if is_split and element > 1 else 1
        for stream in block.reshape(n_streams, -1):
            place = _read_stream(chunk, place, stream, undo)
        if flags & _SHUFFLED and element > 1:
            _restore(block, element)
    return out


def _read_stream(chunk: bytes, place: int, out: Bytes, undo: Any) -> int:
    """Fill a stream's bytes, return the place behind it."""
    length: int = struct.unpack_from("<I", chunk, place)[0]
    stop = place + 4 + length
    if place < _HEADER.size or stop > len(chunk):
        raise ValueError(f"a block of {length} bytes at {place} ends behind the chunk")
    part = chunk[place + 4 : stop]
    out[:] = _exactly(part if length == len(out) else undo(part, len(out)), len(out))
    return stop


def _exactly(raw: bytes, n_bytes: int) -> Bytes:
    if len(raw) != n_bytes:
        raise ValueError(f"{len(raw)} bytes, where {n_bytes} should be")
    return np.frombuffer(raw, np.uint8)


def _zlib_inverse(part: bytes, n_bytes: int) -> bytes:
    return zlib.decompressobj().decompress(part, n_bytes + 1)


def _zstd_inverse() -> Any:
    """Return a function that undoes zstd, and makes no room for more than is expected."""
    # compiled code that only those who read need
    import zstandard

    decompress = zstandard.ZstdDecompressor().decompress

    def undo(part: bytes, n_bytes: int) -> bytes:
        try:
            told = zstandard.get_frame_parameters(part).content_size
            # without a size of its own a frame is cut off by max_output_size
            if told not in (n_bytes, zstandard.CONTENTSIZE_UNKNOWN):
                raise ValueError(f"a frame of {told} bytes, where {n_bytes} should be")
            return decompress(part, max_output_size=n_bytes)
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error

    return undo


def _sorted(blocks: Bytes, element: int) -> Bytes:
    """Return blocks with first all first bytes of the elements, and so on; a rest stays."""
    whole = blocks.shape[1] - blocks.shape[1] % element
    step = whole // element
    out = np.empty_like(blocks)
    for rank in range(element):
        out[:, rank * step : (rank + 1) * step] = blocks[:, rank:whole:element]
    out[:, whole:] = blocks[:, whole:]
    return out


def _restore(block: Bytes, element: int) -> None:
    """Undo the sorting of a block in place."""
    whole = block.size - block.size % element
    block[:whole] = block[:whole].reshape(element, -1).T.reshape(-1)
