"""The two keys of an object: object_id (UUIDv7) outside, an integer inside.

The integer is ``home node << 48 | count``: valid on every node, short where it is stored,
and never given twice in a federation.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from uuid import UUID

from ..errors import BadValue

NODE_SHIFT = 48

_COUNTS = [f"{n:03x}" for n in range(1 << 12)]

_MOST = 256
"""Object ids that are made at once, at most."""

_RANDOM = int.from_bytes(bytes.fromhex("3fffffffffffffff") * _MOST)
_VARIANT = int.from_bytes(bytes.fromhex("8000000000000000") * _MOST)

_lock = threading.Lock()
_millisecond, _count, _size = 0, 0, 1
_ready: Iterator[str] = iter(())
_tails: Iterator[str] = iter(())
_until = 0


def new_object_id() -> str:
    """Return a new UUIDv7 (RFC 9562, section 5.7), larger than those taken before.

    The 12 bits behind the milliseconds count within one of them (section 6.2, method 1), so names
    sort by age; whoever needs more takes them from the next. While many are taken within a
    millisecond, more and more are made at once.
    """
    if time.time_ns() < _until:
        made = next(_ready, None)
        if made is not None:
            return made
    return _make_some()


def _make_some() -> str:
    """Make object ids of this millisecond; return the first, and have the others ready."""
    global _millisecond, _count, _size, _ready, _until
    with _lock:
        now = time.time_ns() // 1_000_000
        if now > _millisecond:
            _millisecond, _count, _size = now, 0, max(1, _size // 2)
        elif _count == len(_COUNTS):
            _millisecond, _count = _millisecond + 1, 0
        else:
            _size = min(2 * _size, _MOST)
        counts = _COUNTS[_count : _count + _size]
        _count += len(counts)
        head = f"{_millisecond >> 16:08x}-{_millisecond & 0xFFFF:04x}-7"
        some = [f"{head}{n}-{_next_tail()}" for n in counts]
        _ready, _until = iter(some[1:]), (_millisecond + 1) * 1_000_000
        return some[0]


def _next_tail() -> str:
    """Return the last two groups of an id: variant 2 and 62 random bits, drawn for many."""
    global _tails
    tail = next(_tails, None)
    if tail is None:
        drawn = int.from_bytes(os.urandom(8 * _MOST))
        raw = (drawn & _RANDOM | _VARIANT).to_bytes(8 * _MOST)
        _tails = iter([raw[n : n + 8].hex("-", 6) for n in range(0, 8 * _MOST, 8)])
        tail = next(_tails)
    return tail


def _begin_anew() -> None:
    """Make others in a forked child: those that its parent has ready are not its own."""
    global _lock, _until, _tails
    _lock, _until, _tails = threading.Lock(), 0, iter(())


os.register_at_fork(after_in_child=_begin_anew)


def object_id_of(raw: bytes) -> str:
    """Return the object_id of its 16 bytes."""
    digits = raw.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def check_object_id(text: str) -> str:
    """Return the canonical form of an object_id; raise BadValue for anything else."""
    try:
        return str(UUID(text))
    except (ValueError, AttributeError, TypeError):
        raise BadValue(
            f"{text!r} is no object_id",
            expected="a UUID such as 01890a5d-ac96-7b2c-8d5e-0123456789ab",
        ) from None


def first_key(node: int) -> int:
    """Return the first integer key of a node."""
    return (node << NODE_SHIFT) + 1
