"""Digests of bytes: size, sha256 and adler32 in one pass, and the content digest.

A file of ours may have one fixed block that holds identity and provenance
(see :mod:`awlta.lineage.files.block`). ``sha256`` is of all bytes, ``content``
is the sha256 of everything but the block, so equal content gives equal digests
however and wherever it was made.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

CHUNK = 1 << 20
"""Bytes read and sent at a time."""

FRAME = 8
"""Bytes of a length in front of a text, the highest first."""


@dataclass(frozen=True)
class Digests:
    """What the bytes of one file are.

    Attributes
    ----------
    size : int, bytes
    sha256 : str, 64 lower-case hexadecimal digits
    adler32 : str, 8 lower-case hexadecimal digits
    """

    size: int
    sha256: str
    adler32: str

    def differences(self, other: Digests) -> list[str]:
        """Name the parts in which two sets of digests differ, empty if none."""
        return [k for k in ("size", "sha256", "adler32") if getattr(self, k) != getattr(other, k)]


class Digester:
    """Take size, sha256 and adler32 of a stream in one pass."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._adler32 = 1
        self._size = 0

    def update(self, block: bytes | memoryview) -> None:
        """Add the next bytes of the stream."""
        self._sha256.update(block)
        self._adler32 = zlib.adler32(block, self._adler32)
        self._size += len(block)

    def result(self) -> Digests:
        """Return the digests of what was seen so far."""
        return Digests(self._size, self._sha256.hexdigest(), f"{self._adler32:08x}")


def blocks(stream: BinaryIO, size: int = CHUNK) -> Iterator[bytes]:
    """Read a stream to its end, ``size`` bytes at a time."""
    while block := stream.read(size):
        yield block


def digest_file(path: Path) -> Digests:
    """Return the digests of a file on disk."""
    digester = Digester()
    with open(path, "rb") as stream:
        for block in blocks(stream):
            digester.update(block)
    return digester.result()


def framed(*parts: str) -> bytes:
    """Return texts as bytes, each behind the number of its bytes.

    The lengths keep ``("ab", "c")`` apart from ``("a", "bc")``.
    """
    raw = [part.encode() for part in parts]
    return b"".join([piece for text in raw for piece in (len(text).to_bytes(FRAME, "big"), text)])


def digest_text(*parts: str) -> str:
    """Return the sha256 of several texts, framed."""
    return hashlib.sha256(framed(*parts)).hexdigest()
