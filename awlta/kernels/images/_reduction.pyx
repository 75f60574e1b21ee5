# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Which pixels of an event are worth storing, and waveforms without the others.

Methods: tail cuts and all boundary pixels that hang together with them, as in the CTAO pipelines;
bright pixels and rings around them, as for LST-1. Twins: `reference.reduce_volume` and
`reference.remove_pixels`. Called by `reduction.py`, which checks.
"""

from libc.stdint cimport int16_t, int32_t, uint8_t
from libc.string cimport memcpy, memset

from awlta.kernels.images._cleaning cimport (
    choose,
    cleaning_of,
    cleaning_t,
    mark_event,
    rules_t,
)
from awlta.kernels.images._rings cimport grow
from awlta.kernels.images._scan cimport places
from awlta.kernels.images._tailcuts cimport BOUNDARY, KEPT, NEXT, finish, n_neighbors_with
from awlta.kernels.images._times cimport keep_next


cdef inline void follow_boundary(
    const cleaning_t* way, Py_ssize_t n_bright, uint8_t* level
) noexcept nogil:
    """Keep the boundary pixels that hang together with a kept pixel, and nothing below it."""
    cdef Py_ssize_t top = 0
    cdef Py_ssize_t i
    cdef int32_t k, pixel, neighbor
    for i in range(n_bright):
        pixel = way.bright[i]
        if level[pixel] & BOUNDARY and (
            level[pixel] & KEPT
            or n_neighbors_with(KEPT, level, pixel, way.indptr, way.indices) > 0
        ):
            level[pixel] |= NEXT
            way.stack[top] = pixel
            top += 1
    keep_next(way.bright, n_bright, level)
    while top:
        top -= 1
        pixel = way.stack[top]
        for k in range(way.indptr[pixel], way.indptr[pixel + 1]):
            neighbor = way.indices[k]
            if level[neighbor] & BOUNDARY and not level[neighbor] & KEPT:
                level[neighbor] |= KEPT
                way.stack[top] = neighbor
                top += 1


def by_tail_cuts(
    const float[:, ::1] images, const float[::1] picture, const float[::1] boundary,
    const rules_t[::1] rules, bint follow, Py_ssize_t n_rings, const int32_t[::1] indptr,
    const int32_t[::1] indices, int32_t[:, ::1] room, float[:, ::1] float_room,
    double[::1] wide_room, int16_t[::1] labels, uint8_t[:, ::1] masks
):
    """Clean every image, follow the boundary if so wished, and add rings."""
    cdef Py_ssize_t n_pixels = images.shape[1]
    cdef const int32_t* neighbors = &indices[0] if indices.shape[0] else NULL
    cdef cleaning_t way = cleaning_of(
        &rules[0], &picture[0], &boundary[0], n_pixels, &indptr[0], neighbors, &room[0, 0],
        &float_room[0, 0], &wide_room[0], &labels[0]
    )
    cdef Py_ssize_t event, n_bright, n_kept
    with nogil:
        for event in range(images.shape[0]):
            n_bright = mark_event(&way, &images[event, 0], NULL, &masks[event, 0])
            if follow:
                follow_boundary(&way, n_bright, &masks[event, 0])
            n_kept = choose(&way, n_bright, KEPT, &masks[event, 0])
            finish(way.bright, n_bright, &masks[event, 0])
            grow(way.chosen, n_kept, n_rings, &indptr[0], neighbors, &masks[event, 0])


def by_rings(
    const float[:, ::1] images, const float[::1] threshold, Py_ssize_t n_rings,
    Py_ssize_t most_pixels, const int32_t[::1] indptr, const int32_t[::1] indices,
    int32_t[::1] room, uint8_t[:, ::1] masks
):
    """Select pixels above a threshold and rings, or all where these are too many.

    `room` (n_pixels) is room to work in.
    """
    cdef Py_ssize_t n_pixels = images.shape[1]
    cdef const int32_t* neighbors = &indices[0] if indices.shape[0] else NULL
    cdef Py_ssize_t event, pixel, n_selected
    cdef const float* image
    cdef uint8_t* mask
    with nogil:
        for event in range(images.shape[0]):
            image = &images[event, 0]
            mask = &masks[event, 0]
            for pixel in range(n_pixels):
                mask[pixel] = image[pixel] > threshold[pixel]
            n_selected = places(mask, n_pixels, &room[0])
            n_selected = grow(&room[0], n_selected, n_rings, &indptr[0], neighbors, mask)
            if n_selected > most_pixels:
                memset(mask, 1, n_pixels)


def remove_pixels(
    const uint8_t[:, :, :, ::1] waveforms, const uint8_t[:, ::1] masks, uint8_t[:, :, :, ::1] kept
):
    """Copy the waveforms of the selected pixels, as bytes; the others become 0."""
    cdef Py_ssize_t n_bytes = waveforms.shape[3]
    cdef Py_ssize_t event, gain, pixel
    with nogil:
        for event in range(waveforms.shape[0]):
            for gain in range(waveforms.shape[1]):
                for pixel in range(waveforms.shape[2]):
                    if masks[event, pixel]:
                        memcpy(
                            &kept[event, gain, pixel, 0], &waveforms[event, gain, pixel, 0],
                            n_bytes
                        )
                    else:
                        memset(&kept[event, gain, pixel, 0], 0, n_bytes)
