# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Which pixels of an image are the shower, and how they hang together.

Method: two-level tail cuts (picture and boundary), M. Punch et al., Proc. 22nd ICRC 1 (1991) 464;
islands by flood fill. Twins: `reference.tailcuts`, `islands` and `largest_island`. Called by
`images.py`, which checks.
"""

from libc.stdint cimport int16_t, int32_t, uint8_t
from libc.string cimport memset

from awlta.kernels._islands cimport count_sizes, label_islands
from awlta.kernels._scan cimport places

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


def tailcuts(
    const float[:, ::1] images, const float[::1] picture, const float[::1] boundary,
    const int32_t[::1] indptr, const int32_t[::1] indices, bint keep_isolated,
    int32_t min_picture_neighbors, int32_t[::1] room, uint8_t[:, ::1] masks
):
    """Clean every image; `room` (n_pixels) is room to work in."""
    cdef Py_ssize_t n_pixels = images.shape[1]
    cdef Py_ssize_t event
    # An unconnected camera has no first neighbour to take the address of.
    cdef const int32_t* neighbors = &indices[0] if indices.shape[0] else NULL
    with nogil:
        for event in range(images.shape[0]):
            clean_one(
                &images[event, 0], &picture[0], &boundary[0], n_pixels, &indptr[0], neighbors,
                keep_isolated, min_picture_neighbors, &room[0], &masks[event, 0]
            )


def islands(
    const uint8_t[:, ::1] masks, const int32_t[::1] indptr, const int32_t[::1] indices,
    int32_t[:, ::1] room, int16_t[:, ::1] labels, int16_t[::1] n_islands
):
    """Label the islands of every mask; `room` (2, n_pixels) is room to work in."""
    cdef Py_ssize_t n_pixels = masks.shape[1]
    cdef Py_ssize_t event, n_selected
    cdef const int32_t* neighbors = &indices[0] if indices.shape[0] else NULL
    with nogil:
        for event in range(masks.shape[0]):
            memset(&labels[event, 0], 0, n_pixels * sizeof(int16_t))
            n_selected = places(&masks[event, 0], n_pixels, &room[0, 0])
            n_islands[event] = label_islands(
                &masks[event, 0], &room[0, 0], n_selected, &indptr[0], neighbors, &room[1, 0],
                &labels[event, 0]
            )


def largest_island(const int16_t[:, ::1] labels, int32_t[::1] sizes, uint8_t[:, ::1] masks):
    """Keep the island of most pixels, on equal sizes the one of the lowest label."""
    cdef Py_ssize_t n_pixels = labels.shape[1]
    cdef Py_ssize_t event, pixel, label, best
    with nogil:
        for event in range(labels.shape[0]):
            count_sizes(&labels[event, 0], n_pixels, &sizes[0])
            best = 1
            for label in range(2, n_pixels + 1):
                if sizes[label] > sizes[best]:
                    best = label
            for pixel in range(n_pixels):
                masks[event, pixel] = labels[event, pixel] == best
