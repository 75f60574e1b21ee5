"""Check an eventio stream from end to end before its content is believed.

The library that parses these files takes a file that was cut between two objects,
or inside the last one, for complete. This walk sees every object header, so it
finds where a stream breaks, and counts the events on the way. gzip and zstd carry
checksums, which are compared here; a plain eventio file has none, and a flipped bit
inside its samples cannot be seen in it.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from .model import damaged

SYNC = {b"\x37\x8a\x1f\xd4": "<", b"\xd4\x1f\x8a\x37": ">"}
GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
RUN_HEADER, ARRAY_EVENT, MC_EVENT, CALIBRATION_EVENT = 2000, 2010, 2021, 2028
TRIGGER = 2009
_PIECE = 8192
_HEAD = 160
_EXPECTED = "a complete sim_telarray file"


class _Decompressor(Protocol):
    def decompress(self, data: bytes, /) -> bytes: ...
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...


@dataclass
class Survey:
    """What a walk over the objects of a stream has seen; ``last_time`` in unix nanoseconds."""

    n_events: int = 0
    calibration_types: set[int] = field(default_factory=set)
    n_of_showers: int = 0
    last_time: int = 0
    objects: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Header:
    type: int
    id: int
    length: int
    size: int


def starts_like_eventio(path: Path) -> bool:
    """Tell by the first bytes, decompressed if need be, whether a file is eventio."""
    try:
        with open(path, "rb") as stream:
            return next(_expanded(path, stream), b"")[:4] in SYNC
    except (_Damage, OSError):
        return False


def survey(path: Path) -> Survey:
    """Walk over all objects of a file in bounded memory.

    Raises
    ------
    BadInput
        The stream is cut, fails a checksum, or an object header makes no sense.
    """
    seen = Survey()
    try:
        with open(path, "rb") as stream:
            source = _Source(_expanded(path, stream))
            while source.has_more():
                _walk_object(source, seen)
    except _Damage as damage:
        raise damaged(path, damage.found, expected=_EXPECTED, place=damage.place) from damage
    if not seen.objects[RUN_HEADER]:
        raise damaged(path, "an eventio file without a run header", expected=_EXPECTED)
    return seen


class _Damage(Exception):
    """Where and how a stream is broken; becomes a BadInput that names the file."""

    def __init__(self, found: str, place: str) -> None:
        super().__init__(found)
        self.found, self.place = found, place


def _decompressor(magic: bytes) -> _Decompressor:
    if magic.startswith(GZIP):
        return zlib.decompressobj(wbits=31)
    import zstandard  # a C extension that only compressed files need

    decompressor: _Decompressor = zstandard.ZstdDecompressor().decompressobj()
    return decompressor


def _expanded(path: Path, stream: BinaryIO) -> Iterator[bytes]:
    """Yield the decompressed content; small pieces keep the worst expansion bounded."""
    piece = stream.read(_PIECE)
    if not piece.startswith((GZIP, ZSTD)):
        while piece:
            yield piece
            piece = stream.read(_PIECE)
        return
    offset = 0
    while piece:
        member = _decompressor(piece)
        while piece and not member.eof:
            try:
                content = member.decompress(piece)
            except Exception as error:  # zlib and zstandard share no error class
                raise _Damage(f"decompression fails ({error})", _near(offset)) from error
            if content:
                yield content
            offset += len(piece)
            piece = member.unused_data if member.eof else stream.read(_PIECE)
        if not member.eof:
            raise _Damage("the compressed stream ends early", f"compressed byte {offset}")
        piece = piece or stream.read(_PIECE)


def _near(offset: int) -> str:
    return f"compressed bytes {offset} to {offset + _PIECE}"


class _Source:
    """Read a number of bytes from a sequence of pieces, knowing the position."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._piece = b""
        self.position = 0

    def has_more(self) -> bool:
        while not self._piece:
            following = next(self._pieces, None)
            if following is None:
                return False
            self._piece = following
        return True

    def read(self, size: int, keep: int) -> bytes:
        """Pass over ``size`` bytes and return the first ``keep`` of them."""
        kept = bytearray()
        left = size
        while left:
            if not self.has_more():
                raise _Damage(
                    f"the file ends {left} bytes before the object that begins",
                    f"byte {self.position - (size - left)}",
                )
            taken, self._piece = self._piece[:left], self._piece[left:]
            kept += taken[: keep - len(kept)]
            left -= len(taken)
            self.position += len(taken)
        return bytes(kept)


def _walk_object(source: _Source, seen: Survey) -> None:
    start = source.position
    sync = source.read(4, 4)
    order = SYNC.get(sync)
    if order is None:
        raise _Damage(
            f"no object begins where one must (found {sync.hex()} for the sync marker)",
            f"byte {start} of the decompressed stream",
        )
    words = source.read(12, 12)
    if struct.unpack(order + "I", words[:4])[0] >> 17 & 1:
        words += source.read(4, 4)
    header = _parse_header(words, order)
    payload = source.read(header.length, min(header.length, _HEAD))
    _note(header, payload, order, seen)


def _parse_header(words: bytes, order: str) -> _Header:
    kind, identity, length = struct.unpack(order + "IiI", words[:12])
    extended = bool(kind >> 17 & 1) and len(words) >= 16
    size = 16 if extended else 12
    total = length & 0x3FFFFFFF
    if extended:
        total |= (struct.unpack(order + "I", words[12:16])[0] & 0xFFF) << 30
    return _Header(kind & 0xFFFF, identity, total, size)


def _note(header: _Header, payload: bytes, order: str, seen: Survey) -> None:
    seen.objects[header.type] += 1
    if header.type == CALIBRATION_EVENT:
        seen.calibration_types.add(header.id)
        inner = _parse_header(payload, order) if len(payload) >= 12 else None
        if inner is None or inner.type != ARRAY_EVENT:
            return
        payload = payload[inner.size :]
    elif header.type != ARRAY_EVENT:
        return
    elif seen.objects[MC_EVENT]:
        seen.n_of_showers += 1
    seen.n_events += 1
    seen.last_time = _trigger_time(payload, order) or seen.last_time


def _trigger_time(payload: bytes, order: str) -> int:
    """Return the time of an array event, unix nanoseconds, 0 if it has none.

    The trigger record comes first in an array event; it begins with the time of the
    computer and that of the GPS clock, each as seconds and nanoseconds.
    """
    if len(payload) < 12:
        return 0
    header = _parse_header(payload, order)
    if header.type != TRIGGER or len(payload) < header.size + 16:
        return 0
    cpu_s, cpu_ns, gps_s, gps_ns = struct.unpack_from(order + "4i", payload, header.size)
    return int(10**9 * gps_s + gps_ns if gps_s else 10**9 * cpu_s + cpu_ns)
