# cython: cdivision=True
"""Pure C on one image: which of its pixels are the shower, by two thresholds.

Method: two-level tail cuts (picture and boundary), M. Punch et al., Proc. 22nd ICRC 1 (1991) 464.
Twin: `reference.tailcuts`. `_cleaning.pxd` goes on from what is known here.
"""

from libc.stdint cimport int32_t, uint8_t

from awlta.kernels.images._scan cimport places

# What is known of a pixel stands in bits of the output byte itself until its event is done.
cdef enum:
    BOUNDARY = 1
    PICTURE = 2
    CORE = 4  # a picture pixel with enough picture neighbours
    KEPT = 8
    NEXT = 16  # what will be kept when a step is through


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
    uint8_t seed, const uint8_t* level, Py_ssize_t pixel, const int32_t* indptr,
    const int32_t* indices, bint keep_isolated
) noexcept nogil:
    """Decide on one pixel when boundary and seed, the bit that it starts from, are known."""
    if level[pixel] & seed:
        if keep_isolated or n_neighbors_with(BOUNDARY, level, pixel, indptr, indices) > 0:
            return True
    if level[pixel] & BOUNDARY:
        return n_neighbors_with(seed, level, pixel, indptr, indices) > 0
    return False


cdef inline Py_ssize_t find_bright(
    const float* image, const float* picture, const float* boundary, Py_ssize_t n_pixels,
    int32_t* bright, uint8_t* level
) noexcept nogil:
    """Mark BOUNDARY and PICTURE, and list the pixels that carry one; return how many they are.

    `level` begins as anything. `bright` is room for all pixels; few reach a threshold, and only
    these are looked at from here on.
    """
    cdef Py_ssize_t pixel
    for pixel in range(n_pixels):
        level[pixel] = (
            (image[pixel] >= boundary[pixel]) * BOUNDARY
            | (image[pixel] >= picture[pixel]) * PICTURE
        )
    return places(level, n_pixels, bright)


cdef inline void mark_core(
    const int32_t* bright, Py_ssize_t n_bright, const int32_t* indptr, const int32_t* indices,
    Py_ssize_t needed, uint8_t* level
) noexcept nogil:
    """Mark CORE: picture pixels with as many picture neighbours as are needed."""
    cdef Py_ssize_t i
    for i in range(n_bright):
        if level[bright[i]] & PICTURE and (
            needed <= 0
            or n_neighbors_with(PICTURE, level, bright[i], indptr, indices) >= needed
        ):
            level[bright[i]] |= CORE


cdef inline void mark_kept(
    const int32_t* bright, Py_ssize_t n_bright, const int32_t* indptr, const int32_t* indices,
    bint keep_isolated, Py_ssize_t min_neighbors, uint8_t* level
) noexcept nogil:
    """Mark KEPT: what tail cuts keep of the bright pixels."""
    cdef Py_ssize_t i
    mark_core(bright, n_bright, indptr, indices, 0 if keep_isolated else min_neighbors, level)
    for i in range(n_bright):
        if is_kept(CORE, level, bright[i], indptr, indices, keep_isolated):
            level[bright[i]] |= KEPT


cdef inline void finish(
    const int32_t* bright, Py_ssize_t n_bright, uint8_t* level
) noexcept nogil:
    """Make a mask of 0 and 1 of what is kept."""
    cdef Py_ssize_t i
    for i in range(n_bright):
        level[bright[i]] = (level[bright[i]] & KEPT) != 0


cdef inline void clean_one(
    const float* image, const float* picture, const float* boundary, Py_ssize_t n_pixels,
    const int32_t* indptr, const int32_t* indices, bint keep_isolated, int32_t min_neighbors,
    int32_t* bright, uint8_t* level
) noexcept nogil:
    """Clean one image; `level` begins as anything and ends as the mask, 0 or 1."""
    cdef Py_ssize_t n_bright = find_bright(image, picture, boundary, n_pixels, bright, level)
    mark_kept(bright, n_bright, indptr, indices, keep_isolated, min_neighbors, level)
    finish(bright, n_bright, level)
