"""Blocks are read by a thread ahead of their use; it ends with the loop, and so do its errors."""

import subprocess
import sys
import threading
import traceback

import pytest

from awlta.errors import BadInput, BadValue
from awlta_recipes.events import ahead


class Source:
    """Count what was read, and note when it was closed."""

    def __init__(self, n_blocks, fault_at=None):
        self.n_blocks, self.fault_at = n_blocks, fault_at
        self.n_read, self.is_closed, self.threads = 0, False, set()

    def blocks(self):
        try:
            for number in range(self.n_blocks):
                self.threads.add(threading.current_thread().name)
                if number == self.fault_at:
                    raise BadInput("torn", place=f"block {number}")
                self.n_read += 1
                yield number
        finally:
            self.is_closed = True


@pytest.mark.parametrize("depth", [1, 3, 20])
def test_blocks_come_in_their_order_whatever_the_depth(depth):
    source = Source(10)
    assert list(ahead(source.blocks(), depth)) == list(range(10))
    assert source.threads == {"awlta-read-ahead_0"}


def test_no_more_than_the_depth_is_read_ahead():
    source = Source(100)
    blocks = ahead(source.blocks(), 2)
    assert [next(blocks), next(blocks)] == [0, 1]
    blocks.close()
    assert source.n_read <= 4


def test_a_loop_left_early_leaves_no_thread_and_an_iterator_that_is_closed():
    before = threading.active_count()
    source = Source(100)
    for _ in ahead(source.blocks(), 3):
        break
    assert threading.active_count() == before
    assert source.is_closed
    assert source.n_read < 100


def test_a_loop_that_ends_by_an_error_leaves_no_thread():
    before = threading.active_count()
    source = Source(100)
    with pytest.raises(RuntimeError, match="of the caller"):  # noqa: PT012
        for _ in ahead(source.blocks()):
            raise RuntimeError("of the caller")
    del _
    assert threading.active_count() == before
    assert source.is_closed


def test_an_error_of_the_reader_comes_in_its_place_with_its_traceback():
    source, got = Source(10, fault_at=4), []
    with pytest.raises(BadInput, match="torn") as caught:
        got.extend(ahead(source.blocks(), 3))
    assert got == [0, 1, 2, 3]
    assert caught.value.facts == {"place": "block 4"}
    assert "blocks" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert source.is_closed


def test_the_depth_is_positive():
    with pytest.raises(BadValue, match="0 blocks"):
        ahead([], 0)


def test_a_program_that_ends_with_blocks_waiting_is_not_held_up():
    program = (
        "from itertools import count\n"
        "from awlta_recipes.events import ahead\n"
        "blocks = ahead(count(), 3)\n"
        "print(next(blocks))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "0\n"
