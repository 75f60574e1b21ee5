# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Which pixels of an image are the shower, and how they hang together.

Method: `_cleaning.pxd`; islands by flood fill. Twins: those of the same names in `reference`.
Called by `cleaning.py` and `islands.py`, which check.
"""

from libc.stdint cimport int16_t, int32_t, uint8_t
from libc.string cimport memcpy, memset

from awlta.kernels.images._cleaning cimport clean_event, cleaning_of, cleaning_t, rules_t
from awlta.kernels.images._islands cimport (
    count_sizes,
    label_islands,
    label_of_brightest,
    label_of_most,
    sum_light,
)
from awlta.kernels.images._rings cimport grow
from awlta.kernels.images._scan cimport places
from awlta.kernels.images._times cimport n_neighbors_in_time


def clean(
    const float[:, ::1] images, const float[:, ::1] peak_time, const float[::1] picture,
    const float[::1] boundary, const rules_t[::1] rules, const int32_t[::1] indptr,
    const int32_t[::1] indices, int32_t[:, ::1] room, float[:, ::1] float_room,
    double[::1] wide_room, int16_t[::1] labels, uint8_t[:, ::1] masks
):
    """Clean every image.

    `peak_time` may be None for a method that does not ask for times. `rules` has one row. `room`
    (3, n_pixels + 1), `float_room` (2, n_pixels + 1), `wide_room` (n_pixels + 1) and `labels`
    (n_pixels), which begins and ends as 0, are room to work in.
    """
    cdef Py_ssize_t n_pixels = images.shape[1]
    # An unconnected camera has no first neighbour to take the address of.
    cdef const int32_t* neighbors = &indices[0] if indices.shape[0] else NULL
    cdef cleaning_t way = cleaning_of(
        &rules[0], &picture[0], &boundary[0], n_pixels, &indptr[0], neighbors, &room[0, 0],
        &float_room[0, 0], &wide_room[0], &labels[0]
    )
    cdef bint has_times = peak_time is not None
    cdef Py_ssize_t event
    with nogil:
        for event in range(images.shape[0]):
            clean_event(
                &way, &images[event, 0], &peak_time[event, 0] if has_times else NULL,
                &masks[event, 0]
            )


def dilate(
    const uint8_t[:, ::1] masks, const int32_t[::1] indptr, const int32_t[::1] indices,
    Py_ssize_t n_rings, int32_t[::1] room, uint8_t[:, ::1] wider
):
    """Add rings of neighbours to every mask; `room` (n_pixels) is room to work in."""
    cdef Py_ssize_t n_pixels = masks.shape[1]
    cdef const int32_t* neighbors = &indices[0] if indices.shape[0] else NULL
    cdef Py_ssize_t event, n_selected
    with nogil:
        for event in range(masks.shape[0]):
            memcpy(&wider[event, 0], &masks[event, 0], n_pixels)
            n_selected = places(&masks[event, 0], n_pixels, &room[0])
            grow(&room[0], n_selected, n_rings, &indptr[0], neighbors, &wider[event, 0])


def time_delta(
    const uint8_t[:, ::1] masks, const float[:, ::1] peak_time, const int32_t[::1] indptr,
    const int32_t[::1] indices, Py_ssize_t min_neighbors, float time_limit, int32_t[::1] room,
    uint8_t[:, ::1] kept
):
    """Keep pixels with neighbours in time; `room` (n_pixels) is room to work in."""
    cdef Py_ssize_t n_pixels = masks.shape[1]
    cdef const int32_t* neighbors = &indices[0] if indices.shape[0] else NULL
    cdef Py_ssize_t event, n_selected, i
    with nogil:
        for event in range(masks.shape[0]):
            memset(&kept[event, 0], 0, n_pixels)
            n_selected = places(&masks[event, 0], n_pixels, &room[0])
            for i in range(n_selected):
                kept[event, room[i]] = n_neighbors_in_time(
                    1, &masks[event, 0], &peak_time[event, 0], time_limit, room[i], &indptr[0],
                    neighbors
                ) >= min_neighbors


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
    cdef Py_ssize_t event, pixel, best
    with nogil:
        for event in range(labels.shape[0]):
            count_sizes(&labels[event, 0], n_pixels, &sizes[0])
            best = label_of_most(&sizes[0], n_pixels)
            for pixel in range(n_pixels):
                masks[event, pixel] = labels[event, pixel] == best


def brightest_island(
    const int16_t[:, ::1] labels, const float[:, ::1] images, int32_t[::1] room, double[::1] light,
    uint8_t[:, ::1] masks
):
    """Keep the island of most light; `room` and `light` (n_pixels + 1) are room to work in."""
    cdef Py_ssize_t n_pixels = labels.shape[1]
    cdef Py_ssize_t event, pixel, n_labelled, n_islands, best
    with nogil:
        for event in range(labels.shape[0]):
            n_labelled = 0
            n_islands = 0
            for pixel in range(n_pixels):
                room[n_labelled] = <int32_t>pixel
                n_labelled += labels[event, pixel] != 0
                n_islands = max(n_islands, labels[event, pixel])
            sum_light(
                &images[event, 0], &room[0], n_labelled, &labels[event, 0], n_islands, &light[0]
            )
            best = label_of_brightest(&light[0], n_islands)
            for pixel in range(n_pixels):
                masks[event, pixel] = labels[event, pixel] == best
