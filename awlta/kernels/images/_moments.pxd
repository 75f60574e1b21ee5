# cython: cdivision=True
"""Pure C on the pixels of one cleaned image: its moments up to the fourth, and their errors.

Method: Hillas, 19th ICRC 3 (1985) 445, with the axes as principal components of the charge-weighted
positions.
"""

from libc.float cimport DBL_EPSILON
from libc.math cimport M_PI, NAN, atan2, cos, fabs, hypot, sin, sqrt, tan
from libc.stdint cimport int32_t, uint8_t

from awlta.kernels.images._scan cimport places


cdef struct light_t:
    # The selected pixels side by side; room for a whole camera. `centre` makes x and y relative.
    Py_ssize_t n_pixels
    int32_t* pixel
    double* charge
    double* x
    double* y

cdef struct hillas_t:
    # A row of `images.HILLAS`, in its order.
    double intensity
    double x
    double y
    double r
    double phi
    double length
    double length_uncertainty
    double width
    double width_uncertainty
    double psi
    double psi_uncertainty
    double transverse_cog_uncertainty
    double skewness
    double kurtosis

cdef struct covariance_t:
    double xx
    double xy
    double yy


cdef inline double gather(
    const float* image, const uint8_t* mask, const double* x, const double* y,
    Py_ssize_t n_pixels, light_t* light
) noexcept nogil:
    """Put the selected pixels side by side, in the order of the camera; return their charge."""
    cdef double intensity = 0.0
    cdef Py_ssize_t i
    cdef int32_t pixel
    light.n_pixels = places(mask, n_pixels, light.pixel)
    for i in range(light.n_pixels):
        pixel = light.pixel[i]
        light.charge[i] = image[pixel]
        light.x[i] = x[pixel]
        light.y[i] = y[pixel]
        intensity += image[pixel]
    return intensity


cdef inline bint has_shape(double intensity, const light_t* light) noexcept nogil:
    """Whether an image can be parametrised; a NaN charge cannot."""
    return intensity > 0.0 and light.n_pixels > 1


cdef inline void centre(light_t* light, hillas_t* row) noexcept nogil:
    """Find the centre of gravity and make positions relative to it."""
    cdef double sum_x = 0.0
    cdef double sum_y = 0.0
    cdef Py_ssize_t i
    for i in range(light.n_pixels):
        sum_x += light.charge[i] * light.x[i]
        sum_y += light.charge[i] * light.y[i]
    row.x = sum_x / row.intensity
    row.y = sum_y / row.intensity
    row.r = hypot(row.x, row.y)
    row.phi = atan2(row.y, row.x)
    for i in range(light.n_pixels):
        light.x[i] -= row.x
        light.y[i] -= row.y


cdef inline covariance_t covariance(const light_t* light, double intensity) noexcept nogil:
    """Charge-weighted covariance of the positions, without Bessel's correction."""
    cdef covariance_t c = covariance_t(0.0, 0.0, 0.0)
    cdef Py_ssize_t i
    for i in range(light.n_pixels):
        c.xx += light.charge[i] * light.x[i] * light.x[i]
        c.xy += light.charge[i] * light.x[i] * light.y[i]
        c.yy += light.charge[i] * light.y[i] * light.y[i]
    c.xx /= intensity
    c.xy /= intensity
    c.yy /= intensity
    return c


cdef inline double extent(double variance, double total) noexcept nogil:
    """Square root of a variance, 0 where it is lost in the rounding of the covariance."""
    return 0.0 if fabs(variance) <= DBL_EPSILON * max(1.0, total) else sqrt(variance)


cdef inline void principal_axes(covariance_t c, hillas_t* row) noexcept nogil:
    """Length, width and the direction of the long axis in (-pi/2, pi/2]."""
    cdef double mean = 0.5 * (c.xx + c.yy)
    cdef double half = hypot(0.5 * (c.xx - c.yy), c.xy)
    row.length = extent(mean + half, c.xx + c.yy)
    row.width = extent(mean - half, c.xx + c.yy)
    row.psi = NAN
    if row.length != 0.0:
        row.psi = 0.5 * atan2(2.0 * c.xy, c.xx - c.yy)
        if row.psi <= -0.5 * M_PI:
            row.psi = 0.5 * M_PI


cdef inline void axis_uncertainties(
    double s_w, double s_l, double s_ll, double s_t, double s_lt, hillas_t* row
) noexcept nogil:
    """Errors of direction and offset of the axis.

    They come from the weighted line fit of transverse on longitudinal positions, by its five
    sums: weights w, l, l * l, t and l * t. A round image has no direction: its error diverges.
    """
    cdef double determinant = s_ll * s_w - s_l * s_l
    cdef double slope = (s_w * s_lt - s_l * s_t) / determinant
    cdef double roundness = tan(row.width / row.length * M_PI / 2.0)
    row.psi_uncertainty = sqrt(s_w / determinant + slope * slope) * (1.0 + roundness * roundness)
    row.transverse_cog_uncertainty = sqrt(s_ll / determinant * (1.0 + sin(slope) * sin(slope)))


cdef inline void along_axis(const light_t* light, const double* area, hillas_t* row) noexcept nogil:
    """Third and fourth moment along the axis, and the errors of the axis itself."""
    cdef double cos_psi = cos(row.psi)
    cdef double sin_psi = sin(row.psi)
    cdef double third = 0.0
    cdef double fourth = 0.0
    cdef double s_w = 0.0
    cdef double s_l = 0.0
    cdef double s_ll = 0.0
    cdef double s_t = 0.0
    cdef double s_lt = 0.0
    cdef double longitudinal, transverse, weight, cube
    cdef Py_ssize_t i
    for i in range(light.n_pixels):
        longitudinal = light.x[i] * cos_psi + light.y[i] * sin_psi
        transverse = light.y[i] * cos_psi - light.x[i] * sin_psi
        cube = light.charge[i] * longitudinal * longitudinal * longitudinal
        third += cube
        fourth += cube * longitudinal
        weight = light.charge[i] / area[light.pixel[i]]
        s_w += weight
        s_l += weight * longitudinal
        s_ll += weight * longitudinal * longitudinal
        s_t += weight * transverse
        s_lt += weight * longitudinal * transverse
    row.skewness = third / row.intensity / (row.length * row.length * row.length)
    row.kurtosis = fourth / row.intensity / (row.length * row.length * row.length * row.length)
    axis_uncertainties(s_w, s_l, s_ll, s_t, s_lt, row)


cdef inline void extent_uncertainties(
    const light_t* light, covariance_t c, hillas_t* row
) noexcept nogil:
    """Errors of length and width, by propagation of the covariance turned into the axes."""
    cdef double a = 0.5 * (1.0 + cos(2.0 * row.psi))
    cdef double b = 0.5 * (1.0 - cos(2.0 * row.psi))
    cdef double s = sin(2.0 * row.psi)
    cdef double along = 0.0
    cdef double across = 0.0
    cdef double xx, yy, xy, term
    cdef Py_ssize_t i
    for i in range(light.n_pixels):
        xx = (light.x[i] * light.x[i] - c.xx) / row.intensity
        yy = (light.y[i] * light.y[i] - c.yy) / row.intensity
        xy = (light.x[i] * light.y[i] - c.xy) / row.intensity
        term = a * xx + b * yy + s * xy
        along += term * term * light.charge[i]
        term = b * xx + a * yy - s * xy
        across += term * term * light.charge[i]
    if row.length != 0.0:
        row.length_uncertainty = sqrt(along) / (2.0 * row.length)
    if row.width != 0.0:
        row.width_uncertainty = sqrt(across) / (2.0 * row.width)


cdef inline void parametrise(
    double intensity, light_t* light, const double* area, hillas_t* row
) noexcept nogil:
    """Fill a row that begins as all NaN, for an image with light; positions become relative."""
    cdef covariance_t c
    row.intensity = intensity
    centre(light, row)
    c = covariance(light, intensity)
    principal_axes(c, row)
    if row.length != 0.0:
        along_axis(light, area, row)
        extent_uncertainties(light, c, row)
