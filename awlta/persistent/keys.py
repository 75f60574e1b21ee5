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

_DRAWN = 256
"""Ids for which random bits are drawn at once."""

_RANDOM = int.from_bytes(bytes.fromhex("3fffffffffffffff") * _DRAWN)
_VARIANT = int.from_bytes(bytes.fromhex("8000000000000000") * _DRAWN)

_COUNTS = [f"{n:03x}" for n in range(1 << 12)]

_lock = threading.Lock()
_last, _head = 0, ""
_counts: Iterator[str] = iter(())
_tails: list[str] = []


def new_object_id() -> str:
    """Return a new UUIDv7 (RFC 9562, section 5.7), larger than all before in this process.

    The 12 bits behind the milliseconds count within one of them (section 6.2, method 1), so names
    sort by age; whoever needs more takes them from the next. The 62 random bits are drawn for
    many ids at once, since a call to the system costs as much as all the rest.
    """
    global _last, _head, _counts
    with _lock:
        now = time.time_ns() // 1_000_000
        count = next(_counts, None)
        if now > _last or count is None:
            _last = max(now, _last + 1)
            _head = f"{_last >> 16:08x}-{_last & 0xFFFF:04x}-7"
            _counts = iter(_COUNTS)
            count = next(_counts)
        if not _tails:
            _tails.extend(_draw())
        return f"{_head}{count}-{_tails.pop()}"


def _draw() -> list[str]:
    """Return the last two groups of many ids: variant 2 and 62 random bits."""
    raw = (int.from_bytes(os.urandom(8 * _DRAWN)) & _RANDOM | _VARIANT).to_bytes(8 * _DRAWN)
    return [raw[n : n + 8].hex("-", 6) for n in range(0, 8 * _DRAWN, 8)]


def _begin_anew() -> None:
    """Draw anew in a forked child: its parent's random bits are not its own."""
    global _lock
    _lock = threading.Lock()
    _tails.clear()


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
