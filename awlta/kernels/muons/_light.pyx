# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The light that a muon leaves in pixels about its ring, and how well it explains an image.

Method: G. Vacanti et al., Astropart. Phys. 2 (1994) 1, eq. 6 and 7 for the path of the light on
the mirror; A. Mitchell et al., 34th ICRC (2015) 756 for the width of the ring; M. de Naurois and
L. Rolland, Astropart. Phys. 32 (2009) 231, the Gaussian limit, for the likelihood. Twin:
`reference.muon_light`. Called by `efficiency.py`, which checks.
"""

from libc.math cimport M_PI, cos, erf, fabs, log, sin, sqrt


cdef inline double chord(
    double radius, double impact, double along, double sine
) noexcept nogil:
    """Length of the path across a disc, from the point of impact or, if outside, through it.

    `along` and `sine` are of the angle from the azimuth of the longest path.
    """
    cdef double rho = impact / radius
    cdef double across = rho * sine
    if across * across > 1.0:
        return 0.0
    if rho <= 1.0:
        return radius * (sqrt(1.0 - across * across) + rho * along)
    if fabs(across) < 1.0 and along > 0.0:
        return 2.0 * radius * sqrt(1.0 - across * across)
    return 0.0


cdef inline void fill_profile(
    double mirror_radius, double hole_radius, double impact, double phi, Py_ssize_t oversampling,
    double[:, ::1] room
) noexcept nogil:
    """Path by azimuth, from -pi to pi, into the second row of `room`: a running mean around."""
    cdef Py_ssize_t n = room.shape[1]
    cdef Py_ssize_t i, j
    cdef double angle, along, sine, total
    for i in range(n):
        angle = -M_PI + i * (2.0 * M_PI / (n - 1)) - phi
        along = cos(angle)
        sine = sin(angle)
        room[0, i] = chord(mirror_radius, impact, along, sine)
        if hole_radius != 0.0:
            room[0, i] -= chord(hole_radius, impact, along, sine)
    for i in range(n):
        total = 0.0
        for j in range(oversampling):
            total += room[0, (i + j + n - oversampling // 2) % n]
        room[1, i] = total / oversampling


cdef inline double between(double angle, double[:, ::1] room) noexcept nogil:
    """Path at an azimuth in [-pi, pi], on the line between two places of the profile."""
    cdef Py_ssize_t n = room.shape[1]
    cdef double place = (angle + M_PI) * (n - 1) / (2.0 * M_PI)
    cdef Py_ssize_t i = min(max(<Py_ssize_t>place, 0), n - 2)
    return room[1, i] + (place - i) * (room[1, i + 1] - room[1, i])


def expect_light(
    const double[::1] angle, const double[::1] distance, double half_width, double radius,
    double impact, double phi, double width, double mirror_radius, double hole_radius,
    double photons, Py_ssize_t oversampling, double[:, ::1] room, double[::1] light
):
    """Fill `light` (n_pixels) with photo-electrons; lengths on the sky in rad.

    `half_width` is that of a pixel, `photons` what a metre of path gives a pixel with all
    of the ring's width; `room` (2, n_places) is room to work in.
    """
    cdef double sigma = sqrt(2.0) * width
    cdef double inner, outer
    cdef Py_ssize_t i
    with nogil:
        fill_profile(mirror_radius, hole_radius, impact, phi, oversampling, room)
        for i in range(angle.shape[0]):
            outer = 0.5 * (1.0 + erf((distance[i] + half_width - radius) / sigma))
            inner = 0.5 * (1.0 + erf((distance[i] - half_width - radius) / sigma))
            light[i] = between(angle[i], room) * photons * (outer - inner)


def surprise(
    const double[::1] charge, const double[::1] light, double pedestal, double spe_width
) -> float:
    """Return minus the logarithm of the likelihood of charges, given the expected light."""
    cdef double total = 0.0
    cdef double variance
    cdef Py_ssize_t i
    with nogil:
        for i in range(charge.shape[0]):
            variance = pedestal * pedestal + light[i] * (1.0 + spe_width * spe_width)
            total += 0.5 * log(2.0 * M_PI * variance)
            total += 0.5 * (charge[i] - light[i]) * (charge[i] - light[i]) / variance
    return total
