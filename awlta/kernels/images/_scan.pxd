# cython: cdivision=True
"""Pure C: where a long row of bytes, most of them 0, has others."""

from libc.stdint cimport int32_t, uint8_t, uint64_t
from libc.string cimport memcpy


cdef inline Py_ssize_t places(
    const uint8_t* row, Py_ssize_t n, int32_t* found
) noexcept nogil:
    """Put the places of bytes that are not 0 side by side; return how many there are.

    Eight bytes are looked at together. `found` has n places.
    """
    cdef Py_ssize_t n_found = 0
    cdef Py_ssize_t start = 0
    cdef Py_ssize_t i
    cdef uint64_t eight
    while start + 8 <= n:
        memcpy(&eight, row + start, 8)
        if eight:
            for i in range(start, start + 8):
                found[n_found] = <int32_t>i
                n_found += row[i] != 0
        start += 8
    for i in range(start, n):
        if row[i]:
            found[n_found] = <int32_t>i
            n_found += 1
    return n_found
