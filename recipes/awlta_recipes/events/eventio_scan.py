"""Walk over the objects of an eventio file and see on the way that it is complete.

The library that parses these files takes a file that was cut between two objects,
or inside the last one, for complete. This walk sees every object header, so it
finds where a stream breaks: readers take their objects from it, and need no pass before
theirs. A flipped bit inside the samples of a plain file cannot be seen, for want of a checksum.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .eventio_stream import Damage, Stream, first_bytes, stream_of
from .model import damaged

SYNC, SWAPPED_SYNC = b"\x37\x8a\x1f\xd4", b"\xd4\x1f\x8a\x37"
RUN_HEADER, ARRAY_EVENT, MC_EVENT, CALIBRATION_EVENT = 2000, 2010, 2021, 2028
TRIGGER = 2009
_EVENTS = (ARRAY_EVENT, CALIBRATION_EVENT)
_HEAD = 160
_LARGEST = 1 << 28
_EXPECTED = "a complete sim_telarray file"
_WORDS, _WORD, _TIMES = struct.Struct("<IiI"), struct.Struct("<I"), struct.Struct("<4i")


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before an object; ``size`` is its own, ``length`` that of the content."""

    type: int
    id: int
    version: int
    length: int
    size: int


@dataclass(frozen=True, slots=True)
class TopObject:
    """An object of the outermost level.

    Attributes
    ----------
    position : int
        Of its sync marker in the decompressed stream.
    words : bytes
        The header as it stands in the file.
    content : bytes
        What follows the header, if it was wanted; of other events the first 160 bytes.
    """

    header: Header
    position: int
    words: bytes
    content: bytes


@dataclass
class Survey:
    """What a walk over the objects of a stream has seen; ``last_time`` in unix nanoseconds."""

    n_events: int = 0
    calibration_types: set[int] = field(default_factory=set)
    n_of_showers: int = 0
    last_time: int = 0
    objects: Counter[int] = field(default_factory=Counter)


def starts_like_eventio(path: Path) -> bool:
    """Tell by the first bytes, decompressed if need be, whether a file is eventio."""
    return first_bytes(path, 4) in (SYNC, SWAPPED_SYNC)


def walk(path: Path, wanted: Collection[int] = ()) -> Iterator[TopObject]:
    """Yield every object of the outermost level, those of the wanted types with all content.

    Raises
    ------
    BadInput
        The stream is cut, fails a checksum, or an object header makes no sense; raised where
        the walk meets it, after the objects before.
    """
    has_run = False
    try:
        with open(path, "rb") as file:
            stream = stream_of(file)
            while stream.has_more():
                found = _next_object(stream, wanted)
                has_run |= found.header.type == RUN_HEADER
                yield found
    except Damage as damage:
        expected, do = damage.expected or _EXPECTED, damage.do
        raise damaged(path, damage.found, expected=expected, do=do, place=damage.place) from damage
    if not has_run:
        raise damaged(path, "an eventio file without a run header", expected=_EXPECTED)


def survey(path: Path) -> Survey:
    """Walk over all objects of a file in bounded memory, counting; errors as of :func:`walk`."""
    seen = Survey()
    for found in walk(path):
        _note(found, seen)
    return seen


def parse_header(words: bytes | memoryview, offset: int = 0) -> Header:
    """Return the header that begins at ``offset``; there must be 12 bytes, 16 if it is extended."""
    kind, identity, length = _WORDS.unpack_from(words, offset)
    size, total = 12, length & 0x3FFFFFFF
    if kind >> 17 & 1:
        size = 16
        total |= (_WORD.unpack_from(words, offset + 12)[0] & 0xFFF) << 30
    return Header(kind & 0xFFFF, identity, kind >> 20 & 0xFFF, total, size)


def trigger_time(content: bytes | memoryview) -> int:
    """Return the time of an array trigger, unix nanoseconds, 0 if it has none.

    Its record begins with the time of the computer and that of the GPS clock, each as
    seconds and nanoseconds; the GPS clock is the better one.
    """
    cpu_s, cpu_ns, gps_s, gps_ns = _TIMES.unpack_from(content)
    return int(10**9 * gps_s + gps_ns if gps_s else 10**9 * cpu_s + cpu_ns if cpu_s else 0)


def _next_object(stream: Stream, wanted: Collection[int]) -> TopObject:
    start = stream.position
    sync = stream.read(4)
    place = f"byte {start} of the decompressed stream"
    if sync == SWAPPED_SYNC:
        raise Damage(
            "the numbers are big-endian",
            place,
            expected="little-endian numbers, which alone eventio reads",
            do="Convert the file to little-endian, or write it on a little-endian machine",
        )
    if sync != SYNC:
        found = f"no object begins where one must (found {sync.hex()} for the sync marker)"
        raise Damage(found, place)
    words = stream.read(12)
    if _WORD.unpack_from(words)[0] >> 17 & 1:
        words += stream.read(4)
    header = parse_header(words)
    if header.type in wanted:
        if header.length > _LARGEST:
            raise Damage(f"an object of {header.length} bytes is larger than any", place)
        return TopObject(header, start, words, stream.read(header.length))
    content = stream.read(min(header.length, _HEAD)) if header.type in _EVENTS else b""
    stream.skip(header.length - len(content))
    return TopObject(header, start, words, content)


def _note(found: TopObject, seen: Survey) -> None:
    header, content = found.header, found.content
    seen.objects[header.type] += 1
    if header.type == CALIBRATION_EVENT:
        seen.calibration_types.add(header.id)
        inner = parse_header(content) if len(content) >= 16 else None
        if inner is None or inner.type != ARRAY_EVENT:
            return
        content = content[inner.size :]
    elif header.type != ARRAY_EVENT:
        return
    elif seen.objects[MC_EVENT]:
        seen.n_of_showers += 1
    seen.n_events += 1
    # The trigger record comes first in an array event.
    if len(content) >= 32:
        first = parse_header(content)
        if first.type == TRIGGER:
            seen.last_time = trigger_time(content[first.size :]) or seen.last_time
