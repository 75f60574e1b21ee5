# cython: cdivision=True
"""Pure C on one mask: more of the camera around what is selected."""

from libc.stdint cimport int32_t, uint8_t


cdef inline Py_ssize_t grow(
    int32_t* selected, Py_ssize_t n_selected, Py_ssize_t n_rings, const int32_t* indptr,
    const int32_t* indices, uint8_t* mask
) noexcept nogil:
    """Add rings of neighbours to the selected pixels; return how many are selected then.

    `selected`, room for all pixels, goes on behind the pixels of the mask with those added, so
    that only the last ring has to be looked at for the next.
    """
    cdef Py_ssize_t begin = 0
    cdef Py_ssize_t end, i
    cdef int32_t k, neighbor
    for _ in range(n_rings):
        end = n_selected
        if begin == end:
            return n_selected
        for i in range(begin, end):
            for k in range(indptr[selected[i]], indptr[selected[i] + 1]):
                neighbor = indices[k]
                if not mask[neighbor]:
                    mask[neighbor] = 1
                    selected[n_selected] = neighbor
                    n_selected += 1
        begin = end
    return n_selected
