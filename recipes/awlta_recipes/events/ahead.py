"""Read the next blocks while the caller works on the one before."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from awlta.errors import BadValue

Block = TypeVar("Block")


def ahead(blocks: Iterable[Block], depth: int = 1) -> Iterator[Block]:
    """Yield the blocks of an iterator, which a thread of its own advances meanwhile.

    At most ``depth`` blocks wait or are being read while the caller holds another one: with
    those of :func:`iterate`, ``(depth + 1) * BLOCK_BYTES``. What the iterator raises reaches the
    caller in its place, with its type and traceback. A loop that is left early ends the thread as
    soon as the block in its hands is read, and closes the iterator; so does the end of the program.

    It pays where the caller releases the interpreter's lock, as the kernels do, and so far as
    reading releases it: decompression does, expanding samples (eventio, protozfits) and HDF5 do
    not, but run while the caller is in compiled code.

    Parameters
    ----------
    blocks : iterable
        Used by the thread alone from here on.
    depth : int
        Blocks that are read ahead.

    Raises
    ------
    BadValue
        The depth is not positive.
    """
    if depth < 1:
        raise BadValue(f"{depth} blocks read ahead", expected="at least 1", do="Choose a depth")
    return _ahead(iter(blocks), depth)


_END: Any = object()  # behind the last block


def _ahead(blocks: Iterator[Block], depth: int) -> Iterator[Block]:
    # An executor, not a thread with a queue: its jobs are single blocks that come to an end, so
    # a program that ends with blocks still waiting is not held up by a thread that cannot put one.
    thread = ThreadPoolExecutor(1, thread_name_prefix="awlta-read-ahead")
    try:
        waiting = deque(thread.submit(next, blocks, _END) for _ in range(depth))
        while True:
            block = waiting.popleft().result()
            if block is _END:
                return
            waiting.append(thread.submit(next, blocks, _END))
            yield block
    finally:
        thread.shutdown(wait=True, cancel_futures=True)
        if hasattr(blocks, "close"):
            blocks.close()
