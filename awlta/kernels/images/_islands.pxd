# cython: cdivision=True
"""Pure C on one cleaned image: its islands of touching pixels, the largest and the brightest."""

from libc.math cimport isnan
from libc.stdint cimport int16_t, int32_t, uint8_t


cdef inline int16_t label_islands(
    const uint8_t* mask, const int32_t* selected, Py_ssize_t n_selected, const int32_t* indptr,
    const int32_t* indices, int32_t* stack, int16_t* labels
) noexcept nogil:
    """Label islands 1, 2, ... by their lowest pixel; return how many there are.

    `selected` are the pixels of the mask in rising order, whose labels are 0 before.
    """
    return label_islands_of(
        0xFF, mask, selected, n_selected, indptr, indices, stack, labels
    )


cdef inline int16_t label_islands_of(
    uint8_t bit, const uint8_t* mask, const int32_t* selected, Py_ssize_t n_selected,
    const int32_t* indptr, const int32_t* indices, int32_t* stack, int16_t* labels
) noexcept nogil:
    """Label the islands of the pixels that carry a bit, which are those in `selected`.

    A pixel is labelled when it is pushed, so none is pushed twice and `stack` needs no more than
    `n_selected` places.
    """
    cdef int16_t n_islands = 0
    cdef Py_ssize_t i, top
    cdef int32_t pixel, neighbor, k
    for i in range(n_selected):
        if labels[selected[i]]:
            continue
        n_islands += 1
        labels[selected[i]] = n_islands
        stack[0] = selected[i]
        top = 1
        while top:
            top -= 1
            pixel = stack[top]
            for k in range(indptr[pixel], indptr[pixel + 1]):
                neighbor = indices[k]
                if mask[neighbor] & bit and not labels[neighbor]:
                    labels[neighbor] = n_islands
                    stack[top] = neighbor
                    top += 1
    return n_islands


cdef inline Py_ssize_t label_of_most(const int32_t* sizes, Py_ssize_t n_islands) noexcept nogil:
    """Return the label of most pixels, of several the lowest; `sizes` is by label."""
    cdef Py_ssize_t best = 1
    cdef Py_ssize_t label
    for label in range(2, n_islands + 1):
        if sizes[label] > sizes[best]:
            best = label
    return best


cdef inline Py_ssize_t label_of_brightest(
    const double* light, Py_ssize_t n_islands
) noexcept nogil:
    """Return the label of most light, of several the lowest; NaN counts as the most."""
    cdef Py_ssize_t best = 1
    cdef Py_ssize_t label
    for label in range(2, n_islands + 1):
        if light[label] > light[best] or (isnan(light[label]) and not isnan(light[best])):
            best = label
    return best


cdef inline void sum_light(
    const float* image, const int32_t* selected, Py_ssize_t n_selected, const int16_t* labels,
    Py_ssize_t n_islands, double* light
) noexcept nogil:
    """Sum the charge of each label into `light`, which has n_islands + 1 places."""
    cdef Py_ssize_t i
    for i in range(n_islands + 1):
        light[i] = 0.0
    for i in range(n_selected):
        light[labels[selected[i]]] += image[selected[i]]


cdef inline void count_sizes(
    const int16_t* labels, Py_ssize_t n_pixels, int32_t* sizes
) noexcept nogil:
    """Count the pixels of each label into `sizes`, which has n_pixels + 1 places."""
    cdef Py_ssize_t pixel
    for pixel in range(n_pixels + 1):
        sizes[pixel] = 0
    for pixel in range(n_pixels):
        sizes[labels[pixel]] += 1
