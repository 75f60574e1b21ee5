# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Which pixels of an image are the shower, and how they hang together.

Method: `_tailcuts.pxd`; islands by flood fill. Twins: `reference.tailcuts`, `islands` and
`largest_island`. Called by `images.py`, which checks.
"""

from libc.stdint cimport int16_t, int32_t, uint8_t
from libc.string cimport memset

from awlta.kernels.images._islands cimport count_sizes, label_islands
from awlta.kernels.images._scan cimport places
from awlta.kernels.images._tailcuts cimport clean_one


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
