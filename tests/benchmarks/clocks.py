"""How calls are timed: CPU time of one thread, or the clock, the events out of the caches."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

_OTHERS = np.zeros(1 << 24)
"""128 MiB, larger than the last cache of the machines that are measured on."""


def evict() -> None:
    """Fill the caches with something else: what is timed next comes from memory."""
    np.add(_OTHERS, 1.0, out=_OTHERS)


def cpu_time(call: Callable[[], object], n_events: int, repeat: int) -> float:
    """Return the median CPU time per event of this thread, microseconds."""
    call()
    times = []
    for _ in range(repeat):
        evict()
        start = time.thread_time()
        call()
        times.append(time.thread_time() - start)
    return float(np.median(times)) / n_events * 1e6


def clock_time(call: Callable[[], object], repeat: int) -> float:
    """Return the shortest time by the clock, microseconds: others use the machine, too."""
    call()
    times = []
    for _ in range(repeat):
        evict()
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times) * 1e6


def read_bandwidth(repeat: int) -> float:
    """Return what one core reads from memory, bytes/s: a sum that does little else."""
    numbers = np.ones(1 << 26)
    return numbers.nbytes / cpu_time(numbers.view(np.int64).sum, 1, repeat) * 1e6
