"""The two keys of an object: object_id (UUIDv7) outside, an integer inside.

The integer is ``home node << 48 | count``: valid on every node, short where it is stored,
and never given twice in a federation.
"""

from __future__ import annotations

import os
import threading
import time
from uuid import UUID

from ..errors import BadValue

NODE_SHIFT = 48

_lock = threading.Lock()
_last = 0


def new_object_id() -> str:
    """Return a new UUIDv7 (RFC 9562, section 5.7), larger than all before in this process.

    The 12 bits behind the milliseconds count sub-millisecond steps, so names sort by age.
    """
    global _last
    with _lock:
        now = time.time_ns() * 4096 // 1_000_000
        _last = now = max(now, _last + 1)
    milliseconds, fraction = now >> 12, now & 0xFFF
    random = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    value = (milliseconds & ((1 << 48) - 1)) << 80 | 7 << 76 | fraction << 64 | 2 << 62 | random
    return str(UUID(int=value))


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
