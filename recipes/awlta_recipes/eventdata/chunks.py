"""Undo the filters of a chunk: without plug-ins, and no further than is expected."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadInput

from . import blosc

Bytes = NDArray[np.uint8]

_DEFLATE, _SHUFFLE, _FLETCHER, _BLOSC = 1, 2, 3, 32001
_SUM = 4


@dataclass(frozen=True)
class Filter:
    """One step by which a chunk was made, with its number in HDF5 and its settings."""

    number: int
    name: str
    settings: tuple[int, ...]


def inverse(chunk: bytes, filters: Sequence[Filter], skipped: int, n_bytes: int) -> Bytes:
    """Return the bytes of a chunk before its filters.

    Parameters
    ----------
    chunk : bytes
        As it stands in the file.
    filters : sequence of Filter
        In the order of writing.
    skipped : int
        Bit i is set where filter i was left out for this chunk.
    n_bytes : int
        Bytes that the chunk must have.

    Raises
    ------
    BadInput
        A filter is not known, a checksum is wrong, or the chunk is damaged.
    """
    used = [f for i, f in enumerate(filters) if not skipped >> i & 1]
    # a checksum that was taken first is compressed with the rest
    sizes = [
        n_bytes + _SUM * sum(f.number == _FLETCHER for f in used[:i]) for i in range(len(used))
    ]
    raw = np.frombuffer(chunk, np.uint8)
    for step, size in zip(reversed(used), reversed(sizes), strict=True):
        raw = _undo(step, raw, size)
    if raw.size != n_bytes:
        raise BadInput(f"a chunk of {raw.size} bytes, where {n_bytes} should be")
    return raw


def _undo(step: Filter, raw: Bytes, n_bytes: int) -> Bytes:
    if step.number == _BLOSC:
        return blosc.decode(raw.tobytes(), n_bytes)
    if step.number == _DEFLATE:
        try:
            whole = zlib.decompressobj().decompress(raw.tobytes(), n_bytes + 1)
        except zlib.error as error:
            raise BadInput(f"a chunk is damaged: {error}") from error
        return np.frombuffer(whole, np.uint8)
    if step.number == _SHUFFLE and step.settings and step.settings[0] > 0:
        element = step.settings[0]
        whole_elements = raw.size - raw.size % element
        sorted_back = raw[:whole_elements].reshape(element, -1).T.reshape(-1)
        return np.concatenate([sorted_back, raw[whole_elements:]])
    if step.number == _FLETCHER:
        return _summed(raw)
    raise BadInput(
        f"a table is stored with the HDF5 filter {step.number} ({step.name})",
        expected="blosc:zstd, zlib, shuffle and fletcher32, which ctapipe writes",
        do="Rewrite the file with ptrepack --complib=blosc:zstd",
    )


def _summed(raw: Bytes) -> Bytes:
    """Return bytes without the Fletcher sum at their end, which must be right."""
    body, told = raw[:-_SUM], int.from_bytes(raw[-_SUM:].tobytes(), "little")
    if body.size + _SUM != raw.size or told != fletcher32(body):
        raise BadInput("the checksum of a chunk is wrong")
    return body


def fletcher32(raw: Bytes) -> int:
    """Return the Fletcher sum of bytes as HDF5 takes it: words of 16 bits, high byte first."""
    words = np.zeros(-(-raw.size // 2) * 2, np.uint8)
    words[: raw.size] = raw
    values = words.view(">u2").astype(np.int64)
    # partial sums stay below 2**63 for up to 2**24 words
    first = second = 0
    for start in range(0, len(values), 1 << 20):
        part = values[start : start + (1 << 20)]
        second += len(part) * first + int(np.dot(np.arange(len(part), 0, -1), part))
        first += int(part.sum())
    return _folded(second) << 16 | _folded(first)


def _folded(total: int) -> int:
    """Return a sum modulo 65535 in ones' complement, where only nothing is 0."""
    return (total - 1) % 65535 + 1 if total else 0
