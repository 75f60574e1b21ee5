"""The content of an eventio file as a stream: plain, gzip or zstd, read forward, in bounded memory.

gzip and zstd carry checksums, which their decompressors compare; a plain file has none.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
# One byte of zstd can become 32768.
_PIECE = 2048
_BUFFER = 32768


class Damage(Exception):
    """Where and how a stream is broken; becomes a BadInput that names the file."""

    def __init__(self, found: str, place: str, *, expected: str = "", do: str = "") -> None:
        super().__init__(found)
        self.found, self.place, self.expected, self.do = found, place, expected, do


class Stream(Protocol):
    """Read exact numbers of bytes; ``position`` counts decompressed bytes."""

    position: int

    def has_more(self) -> bool:
        """Tell whether a byte follows."""
        ...

    def read(self, size: int) -> bytes:
        """Return the next ``size`` bytes; raise Damage if there are fewer."""
        ...

    def skip(self, size: int) -> None:
        """Pass over ``size`` bytes; raise Damage if there are fewer."""
        ...


def stream_of(file: BinaryIO) -> Stream:
    """Return the content of an open file as a stream, decompressed if need be."""
    magic = file.read(4)
    file.seek(0)
    return _Compressed(file) if magic.startswith((GZIP, ZSTD)) else _Plain(file)


def first_bytes(path: Path, size: int) -> bytes:
    """Return the begin of the content; fewer bytes if there are fewer, none if it is broken."""
    try:
        with open(path, "rb") as file:
            stream = stream_of(file)
            return stream.read(size) if stream.has_more() else b""
    except (Damage, OSError):
        return b""


class _Plain:
    """A file that is not compressed: its size tells at once what is cut."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self.position = 0

    def has_more(self) -> bool:
        return self.position < self._size

    def read(self, size: int) -> bytes:
        self._claim(size)
        content = self._file.read(size)
        if len(content) != size:  # cut while it is read
            raise _ends_before(size - len(content), self.position - size)
        return content

    def skip(self, size: int) -> None:
        self._claim(size)
        self._file.seek(self.position)

    def _claim(self, size: int) -> None:
        if self.position + size > self._size:
            raise _ends_before(self.position + size - self._size, self.position)
        self.position += size


class _Compressed:
    """A compressed file; what is not needed is decompressed as well, to compare its checksums."""

    def __init__(self, file: BinaryIO) -> None:
        self._pieces = _expanded(file)
        self._piece = memoryview(b"")
        self.position = 0

    def has_more(self) -> bool:
        while not self._piece:
            following = next(self._pieces, None)
            if following is None:
                return False
            self._piece = memoryview(following)
        return True

    def read(self, size: int) -> bytes:
        return b"".join(self._parts(size))

    def skip(self, size: int) -> None:
        for _ in self._parts(size):
            pass

    def _parts(self, size: int) -> Iterator[memoryview]:
        start, left = self.position, size
        while left:
            if not self.has_more():
                raise _ends_before(left, start)
            part, self._piece = self._piece[:left], self._piece[left:]
            left -= len(part)
            self.position += len(part)
            yield part


class _Decompressor(Protocol):
    def decompress(self, data: bytes, /) -> bytes: ...
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...


def _decompressor(magic: bytes) -> _Decompressor:
    if magic.startswith(GZIP):
        return zlib.decompressobj(wbits=31)
    import zstandard  # a C extension that only compressed files need

    decompressor: _Decompressor = zstandard.ZstdDecompressor().decompressobj(write_size=_BUFFER)
    return decompressor


def _expanded(file: BinaryIO) -> Iterator[bytes]:
    """Yield the decompressed content; small pieces bound the worst expansion, 64 MiB a piece."""
    offset, piece = 0, file.read(_PIECE)
    while piece:
        member = _decompressor(piece)
        while piece and not member.eof:
            try:
                content = member.decompress(piece)
            except Exception as error:  # zlib and zstandard share no error class
                place = f"compressed bytes {offset} to {offset + len(piece)}"
                raise Damage(f"decompression fails ({error})", place) from error
            if content:
                yield content
            offset += len(piece)
            piece = member.unused_data if member.eof else file.read(_PIECE)
        if not member.eof:
            raise Damage("the compressed stream ends early", f"compressed byte {offset}")
        piece = piece or file.read(_PIECE)


def _ends_before(n_bytes: int, start: int) -> Damage:
    return Damage(f"the file ends {n_bytes} bytes before the object that begins", f"byte {start}")
