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

_lock = threading.Lock()
_last = 0
_random: Iterator[str] = iter(())


def new_object_id() -> str:
    """Return a new UUIDv7 (RFC 9562, section 5.7), larger than all before in this process.

    The 12 bits behind the milliseconds count sub-millisecond steps, so names sort by age. The
    62 random bits are drawn for many ids at once, since a call to the system costs as much as
    all the rest.
    """
    global _last, _random
    with _lock:
        now = time.time_ns() * 4096 // 1_000_000
        _last = now = max(now, _last + 1)
        tail = next(_random, None)
        if tail is None:
            _random = _draw()
            tail = next(_random)
    head = f"{now >> 12:012x}"
    return f"{head[:8]}-{head[8:12]}-7{now & 0xFFF:03x}-{tail}"


def _draw() -> Iterator[str]:
    """Return the last two groups of many ids: variant 2 and 62 random bits."""
    digits = os.urandom(8 * _DRAWN).hex()
    variants = "89ab"
    return iter(
        [
            f"{variants[int(digits[n], 16) & 3]}{digits[n + 1 : n + 4]}-{digits[n + 4 : n + 16]}"
            for n in range(0, 16 * _DRAWN, 16)
        ]
    )


def _forget() -> None:
    """Draw anew in a forked child: its parent's random bits are not its own."""
    global _random
    _random = iter(())


os.register_at_fork(after_in_child=_forget)


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
