# cython: cdivision=True
"""Pure C on one image: which of its pixels arrive together.

Times and charges are float32 and are compared and averaged as such, the way NumPy does it, so that
no mask depends on whether one looks at it from here or from there.
"""

from libc.math cimport fabsf
from libc.stdint cimport int32_t, uint8_t

from awlta.kernels.images._tailcuts cimport KEPT, NEXT

# Longest row that NumPy sums in one go; longer ones are halved.
cdef enum:
    LONGEST = 128

ctypedef fused number_t:
    float
    double


cdef inline number_t short_sum(const number_t* row, Py_ssize_t n) noexcept nogil:
    """Sum up to 128 numbers: eight partial sums side by side, then their tree, then the rest."""
    cdef number_t part[8]
    cdef number_t total = 0
    cdef Py_ssize_t i, lane
    if n < 8:
        for i in range(n):
            total += row[i]
        return total
    for lane in range(8):
        part[lane] = row[lane]
    i = 8
    while i + 8 <= n:
        for lane in range(8):
            part[lane] += row[i + lane]
        i += 8
    total = ((part[0] + part[1]) + (part[2] + part[3])) + (
        (part[4] + part[5]) + (part[6] + part[7])
    )
    while i < n:
        total += row[i]
        i += 1
    return total


cdef inline number_t pairwise_sum(const number_t* row, Py_ssize_t n) noexcept nogil:
    """Sum a row in the order of `numpy.sum`: halves of a multiple of eight, down to 128."""
    cdef Py_ssize_t half
    if n <= LONGEST:
        return short_sum(row, n)
    half = n // 2
    half -= half % 8
    return pairwise_sum(row, half) + pairwise_sum(row + half, n - half)


cdef inline int32_t n_neighbors_in_time(
    uint8_t bit, const uint8_t* level, const float* peak_time, float limit, Py_ssize_t pixel,
    const int32_t* indptr, const int32_t* indices
) noexcept nogil:
    """Count the neighbours that carry a bit and arrive less than `limit` before or after."""
    cdef int32_t count = 0
    cdef int32_t k, neighbor
    for k in range(indptr[pixel], indptr[pixel + 1]):
        neighbor = indices[k]
        # no branch: whether a neighbour is selected and in time is hard to foretell
        count += ((level[neighbor] & bit) != 0) & (
            fabsf(peak_time[pixel] - peak_time[neighbor]) < limit
        )
    return count


cdef inline void keep_next(
    const int32_t* bright, Py_ssize_t n_bright, uint8_t* level
) noexcept nogil:
    """Keep what a step has marked as NEXT, and only that."""
    cdef Py_ssize_t i
    cdef uint8_t known
    for i in range(n_bright):
        known = level[bright[i]]
        level[bright[i]] = (known & ~(KEPT | NEXT)) | (KEPT if known & NEXT else 0)


cdef inline bint keep_in_time(
    const int32_t* bright, Py_ssize_t n_bright, const int32_t* indptr, const int32_t* indices,
    const float* peak_time, Py_ssize_t needed, float limit, uint8_t* level
) noexcept nogil:
    """Keep pixels with as many kept neighbours in time as are needed; tell whether any goes."""
    cdef bint any_goes = False
    cdef Py_ssize_t i
    for i in range(n_bright):
        if not level[bright[i]] & KEPT:
            continue
        if n_neighbors_in_time(
            KEPT, level, peak_time, limit, bright[i], indptr, indices
        ) >= needed:
            level[bright[i]] |= NEXT
        else:
            any_goes = True
    keep_next(bright, n_bright, level)
    return any_goes
