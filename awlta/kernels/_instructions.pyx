"""Which instructions the processor has. Called by `instructions.py`."""

cdef extern from "_instructions.h" nogil:
    int best_set()


def count():
    """Return how many sets of instructions the processor has, the baseline included."""
    return best_set() + 1
