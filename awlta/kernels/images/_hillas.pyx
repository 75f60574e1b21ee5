# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Hillas parameters of cleaned images.

Method: `_moments.pxd`. Twin: `reference.hillas`. Called by `parameters.py`, which checks and hands
in rows that are all NaN, the parameters of an image without light.
"""

from libc.stdint cimport int32_t, uint8_t

from awlta.kernels.images._moments cimport gather, has_shape, hillas_t, light_t, parametrise


def hillas(
    const float[:, ::1] images, const uint8_t[:, ::1] masks, const double[::1] x,
    const double[::1] y, const double[::1] area, int32_t[::1] pixels, double[:, ::1] room,
    hillas_t[::1] rows
):
    """Parametrise the selected pixels of every image; `pixels` and `room` are room to work in."""
    cdef Py_ssize_t n_pixels = images.shape[1]
    cdef light_t light = light_t(0, &pixels[0], &room[0, 0], &room[1, 0], &room[2, 0])
    cdef Py_ssize_t event
    cdef double intensity
    with nogil:
        for event in range(images.shape[0]):
            intensity = gather(
                &images[event, 0], &masks[event, 0], &x[0], &y[0], n_pixels, &light
            )
            if has_shape(intensity, &light):
                parametrise(intensity, &light, &area[0], &rows[event])
