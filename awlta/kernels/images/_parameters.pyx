# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""All parameters of cleaned images in one look: moments, times, leakage, islands, distributions.

Method: `_description.pxd`. Called by `parameters.py`, which checks and hands in rows of an image
without light.
"""

from libc.stdint cimport int16_t, int32_t, uint8_t

from awlta.kernels.images._description cimport WIDE_ROOM as N_WIDE
from awlta.kernels.images._description cimport (
    camera_t, describe_one, parameters_t, room_for, room_t
)

WIDE_ROOM = N_WIDE


def describe(
    const float[:, ::1] images, const uint8_t[:, ::1] masks, const float[:, ::1] peak_time,
    const double[:, ::1] pixels, const uint8_t[::1] border, const int32_t[::1] indptr,
    const int32_t[::1] indices, int32_t[:, ::1] room, double[:, ::1] wide_room,
    int16_t[::1] labels, parameters_t[::1] rows
):
    """Describe every image.

    `peak_time` has no rows where there are no times. `pixels` are x, y, area and width; `room`
    (2, n_pixels + 1), `wide_room` (WIDE_ROOM, n_pixels) and `labels` (n_pixels), which begins and
    ends as 0, are room to work in.
    """
    cdef const int32_t* neighbors = &indices[0] if indices.shape[0] else NULL
    cdef camera_t camera = camera_t(
        images.shape[1], &pixels[0, 0], &border[0], &indptr[0], neighbors
    )
    cdef room_t place = room_for(images.shape[1], &room[0, 0], &wide_room[0, 0], &labels[0])
    cdef bint has_times = peak_time.shape[0] > 0
    cdef Py_ssize_t event
    with nogil:
        for event in range(images.shape[0]):
            describe_one(
                &camera, &images[event, 0], &masks[event, 0],
                &peak_time[event, 0] if has_times else NULL, &place, &rows[event]
            )
