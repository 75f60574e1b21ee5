"""Pure C on one image: which of its pixels are the shower.

Method: two-level tail cuts (picture and boundary), M. Punch et al., Proc. 22nd ICRC 1 (1991) 464.
Twin: `reference.tailcuts`.
"""

from libc.stdint cimport int32_t, uint8_t

from awlta.kernels.images._scan cimport places

# What is known of a pixel stands in bits of the output byte itself until its event is done.
cdef enum:
    BOUNDARY = 1
    PICTURE = 2
    CORE = 4  # a picture pixel with enough picture neighbours
    KEPT = 8


cdef inline int32_t n_neighbors_with(
    uint8_t bit, const uint8_t* level, Py_ssize_t pixel, const int32_t* indptr,
    const int32_t* indices
) noexcept nogil:
    """Count the neighbours of a pixel that carry a bit."""
    cdef int32_t count = 0
    cdef int32_t k
    for k in range(indptr[pixel], indptr[pixel + 1]):
        count += (level[indices[k]] & bit) != 0
    return count


cdef inline bint is_kept(
    const uint8_t* level, Py_ssize_t pixel, const int32_t* indptr, const int32_t* indices,
    bint keep_isolated
) noexcept nogil:
    """Decide on one pixel when boundary and core are known everywhere."""
    if level[pixel] & CORE:
        if keep_isolated or n_neighbors_with(BOUNDARY, level, pixel, indptr, indices) > 0:
            return True
    if level[pixel] & BOUNDARY:
        return n_neighbors_with(CORE, level, pixel, indptr, indices) > 0
    return False


cdef inline void clean_one(
    const float* image, const float* picture, const float* boundary, Py_ssize_t n_pixels,
    const int32_t* indptr, const int32_t* indices, bint keep_isolated, int32_t min_neighbors,
    int32_t* bright, uint8_t* level
) noexcept nogil:
    """Clean one image; `level` begins as anything and ends as the mask, 0 or 1.

    `bright` is room for all pixels. Few of them reach a threshold, and only these are looked at.
    """
    cdef Py_ssize_t pixel, n_bright, i
    cdef int32_t needed = 0 if keep_isolated else min_neighbors
    for pixel in range(n_pixels):
        level[pixel] = (
            (image[pixel] >= boundary[pixel]) * BOUNDARY
            | (image[pixel] >= picture[pixel]) * PICTURE
        )
    n_bright = places(level, n_pixels, bright)
    for i in range(n_bright):
        pixel = bright[i]
        if level[pixel] & PICTURE and (
            needed <= 0 or n_neighbors_with(PICTURE, level, pixel, indptr, indices) >= needed
        ):
            level[pixel] |= CORE
    for i in range(n_bright):
        if is_kept(level, bright[i], indptr, indices, keep_isolated):
            level[bright[i]] |= KEPT
    for i in range(n_bright):
        level[bright[i]] = (level[bright[i]] & KEPT) != 0
