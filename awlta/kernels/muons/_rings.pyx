# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Rings of muons in cleaned images.

Method: `_circle.pxd` and `_ring.pxd`. Twin: `reference.muon_rings`. Called by `rings.py`, which
checks and hands in rows of an image without a ring.
"""

from libc.stdint cimport uint8_t

from awlta.kernels.muons._circle cimport points_t
from awlta.kernels.muons._ring cimport find_ring, image_t, method_t, muon_t


def find_rings(
    const float[:, ::1] images, const uint8_t[:, ::1] masks, const double[:, ::1] pixels, int fit,
    Py_ssize_t min_pixels, double min_intensity, int n_fits, double max_distance,
    double completeness_threshold, double ratio_width, double integration_width,
    double outer_width, double camera_radius, const double[::1] edges, double[:, ::1] room,
    double[::1] sectors, muon_t[::1] rows
):
    """Fit and describe a ring in every image that has pixels and light enough.

    `pixels` are x, y, area and width; `room` (4, n_pixels) and `sectors`, one fewer than `edges`,
    are room to work in.
    """
    cdef method_t method = method_t(
        fit, min_pixels, min_intensity, n_fits, max_distance, completeness_threshold, ratio_width,
        integration_width, outer_width, camera_radius, sectors.shape[0], &edges[0]
    )
    cdef points_t points = points_t(0, &room[0, 0], &room[1, 0], &room[2, 0])
    cdef image_t image = image_t(
        images.shape[1], NULL, NULL, &pixels[0, 0], &pixels[1, 0], &pixels[3, 0], &room[3, 0]
    )
    cdef Py_ssize_t event
    with nogil:
        for event in range(images.shape[0]):
            image.charge = &images[event, 0]
            image.mask = &masks[event, 0]
            find_ring(&image, &method, &points, &sectors[0], &rows[event])
