"""Take apart the array events of a sim_telarray file.

Only what a block of events needs is looked at; the rest of an event is skipped. Samples are
expanded by the library that knows their code (eventio).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .eventio_scan import ARRAY_EVENT, TRIGGER, Header, TopObject, parse_header, trigger_time

TELESCOPE_HEADER, SUMS, SAMPLES, PHOTO_ELECTRONS = 2011, 2012, 2013, 1208
# The newest versions whose first fields are known; a newer one is refused, not guessed at.
_KNOWN = {TRIGGER: 3, TELESCOPE_HEADER: 4}
# Zero suppression, data reduction or a known list of pixels: left to the library.
_PACKED = 0x7FF
_N_TELESCOPES = 1000
_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Part:
    """An object inside another one; ``raw`` is all of it, ``content`` what follows its header."""

    header: Header
    raw: memoryview
    content: memoryview


@dataclass(frozen=True, slots=True)
class ArrayEvent:
    """What is taken from one array event.

    Attributes
    ----------
    time : int, unix nanoseconds
        That of the array trigger, 0 if it has none.
    telescopes : mapping of int to Part
        The telescope events, not yet taken apart.
    pointings : mapping of int to tuple of float, rad
        Altitude and azimuth, as the drives report them.
    """

    event_id: int
    time: int
    telescopes: Mapping[int, Part]
    pointings: Mapping[int, tuple[float, float]]


def _types(first: int) -> dict[int, int]:
    """Return telescopes by the types of their objects, which number them after a fashion."""
    return {first + t % 100 + 1000 * (t // 100): t for t in range(_N_TELESCOPES)}


_TELESCOPE_EVENT, _TRACKING = _types(2200), _types(2100)


def parts(content: bytes | memoryview) -> Iterator[Part]:
    """Yield the objects that another one consists of; raise ValueError if they are cut."""
    view = memoryview(content)
    offset, end = 0, len(view)
    while offset < end:
        header = parse_header(view, offset)
        begin = offset + header.size
        following = begin + header.length
        if following > end:
            raise ValueError(f"object {header.type} ends {following - end} bytes too late")
        if header.version > _KNOWN.get(header.type, header.version):
            raise ValueError(f"object {header.type} of version {header.version} is not known")
        yield Part(header, view[offset:following], view[begin:following])
        offset = following


def parse(part: Part | TopObject) -> Any:
    """Have an object parsed by the library."""
    from eventio import KNOWN_OBJECTS  # pulls in corsikaio, wanted for these files only
    from eventio.base import read_header

    raw = part.raw if isinstance(part, Part) else part.words + part.content
    stream = BytesIO(raw)
    header = read_header(stream, offset=0)
    return KNOWN_OBJECTS[header.type](header, stream).parse()


def array_event(found: TopObject) -> ArrayEvent:
    """Take apart an array event, or the one that a calibration event consists of."""
    header, content = found.header, memoryview(found.content)
    if header.type != ARRAY_EVENT:
        inner = next(parts(content))
        header, content = inner.header, inner.content
    inside = parts(content)
    trigger = next(inside, None)
    if trigger is None or trigger.header.type != TRIGGER:
        raise ValueError("an array event does not begin with its trigger")
    telescopes: dict[int, Part] = {}
    pointings: dict[int, tuple[float, float]] = {}
    for part in inside:
        kind = part.header.type
        if kind in _TELESCOPE_EVENT:
            telescopes[_TELESCOPE_EVENT[kind]] = part
        elif kind in _TRACKING:
            pointings[_TRACKING[kind]] = _pointing(part)
    # Older files number the array event otherwise than its trigger.
    event_id = trigger.header.id or header.id
    return ArrayEvent(event_id, trigger_time(trigger.content), telescopes, pointings)


def event_id(found: TopObject) -> int:
    """Return the number of an array event of which the first bytes suffice."""
    trigger = parse_header(found.content)
    return trigger.id if trigger.type == TRIGGER and trigger.id else found.header.id


def samples_and_time(event: Part) -> tuple[NDArray[np.generic], int]:
    """Return the waveform of a telescope event, and its own time in unix nanoseconds or 0.

    A camera that stores sums only has one sample, the sum. An event with neither gives an
    empty array.
    """
    samples = sums = None
    inside = parts(event.content)
    first = next(inside, None)
    if first is None or first.header.type != TELESCOPE_HEADER:
        raise ValueError("a telescope event does not begin with its header")
    for part in inside:
        if part.header.type == SAMPLES:
            samples = part
        elif part.header.type == SUMS:
            sums = part
    seconds, nanoseconds = struct.unpack_from("<2i", first.content, 8)
    time = 10**9 * seconds + nanoseconds if seconds else 0
    if samples is not None:
        return _samples(samples), time
    if sums is not None:
        return parse(sums)[..., np.newaxis], time
    return np.empty((0, 0, 0), np.uint16), time


def true_images(content: bytes | memoryview) -> dict[int, Part]:
    """Return the records of true photo-electrons by telescope, not yet taken apart.

    Their numbers count telescopes from 0, in the order of their identifiers.
    """
    return {
        part.header.id % _N_TELESCOPES + 1: part
        for part in parts(content)
        if part.header.type == PHOTO_ELECTRONS
    }


def true_image(part: Part) -> NDArray[np.int32]:
    """Return the photo-electrons of each pixel, int32 (n_pixels,)."""
    return np.asarray(parse(part)["photoelectrons"], np.int32)


def _samples(part: Part) -> NDArray[np.generic]:
    from eventio.var_int import unsigned_varint_arrays_differential

    if part.header.version != 3 or part.header.id & _PACKED:
        samples: NDArray[np.generic] = parse(part)
        return samples if samples.ndim == 3 else samples[..., np.newaxis]
    n_pixels, n_gains, n_samples = struct.unpack_from("<i2h", part.content)
    shape = (n_gains, n_pixels, n_samples)
    # A sample takes one byte at least: what a cut or flipped header claims is not believed.
    if min(shape) < 0 or n_gains * n_pixels * n_samples > len(part.content) - 8:
        raise ValueError(f"{len(part.content)} bytes cannot hold samples of shape {shape}")
    values, _ = unsigned_varint_arrays_differential(
        part.content, n_arrays=n_gains * n_pixels, n_elements=n_samples, offset=8
    )
    return np.asarray(values).reshape(shape)


def _pointing(part: Part) -> tuple[float, float]:
    """Return altitude and azimuth; a record may carry the corrected pointing only."""
    if not part.header.id & 0x100:
        return _NAN, _NAN
    azimuth, altitude = struct.unpack_from("<2f", part.content)
    return altitude, azimuth
