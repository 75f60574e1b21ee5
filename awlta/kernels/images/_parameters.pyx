# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""All parameters of cleaned images in one look: Hillas, leakage, concentration, islands.

Method: `_description.pxd`. Called by `images.py`, which checks and hands in rows of an image
without light.
"""

from libc.stdint cimport int16_t, int32_t, uint8_t

from awlta.kernels.images._description cimport camera_t, describe_one, parameters_t
from awlta.kernels.images._moments cimport light_t


def describe(
    const float[:, ::1] images, const uint8_t[:, ::1] masks, const double[:, ::1] pixels,
    const uint8_t[::1] border, const int32_t[::1] indptr, const int32_t[::1] indices,
    int32_t[:, ::1] room, double[:, ::1] wide_room, int16_t[::1] labels, parameters_t[::1] rows
):
    """Describe every image.

    `pixels` are x, y, area and width; `room` (2, n_pixels + 1), `wide_room` (3, n_pixels) and
    `labels` (n_pixels), which begins and ends as 0, are room to work in.
    """
    cdef const int32_t* neighbors = &indices[0] if indices.shape[0] else NULL
    cdef camera_t camera = camera_t(
        images.shape[1], &pixels[0, 0], &border[0], &indptr[0], neighbors
    )
    cdef light_t light = light_t(
        0, &room[0, 0], &wide_room[0, 0], &wide_room[1, 0], &wide_room[2, 0]
    )
    cdef Py_ssize_t event
    with nogil:
        for event in range(images.shape[0]):
            describe_one(
                &camera, &images[event, 0], &masks[event, 0], &light, &room[1, 0], &labels[0],
                &rows[event]
            )
