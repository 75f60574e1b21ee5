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

cdef struct axis_sums_t:
    # Charge times the third and fourth power of the longitudinal position, and times the squared
    # deviation of both squares; weights w, and w times positions l and t and products of these.
    double third
    double fourth
    double along
    double across
    double w
    double l
    double ll
    double t
    double lt

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


cdef inline void axis_uncertainties(const axis_sums_t* s, hillas_t* row) noexcept nogil:
    """Errors of direction and offset of the axis.

    They come from the weighted line fit of transverse on longitudinal positions, by its five
    sums. A round image has no direction: its error diverges.
    """
    cdef double determinant = s.ll * s.w - s.l * s.l
    cdef double slope = (s.w * s.lt - s.l * s.t) / determinant
    cdef double roundness = tan(row.width / row.length * M_PI / 2.0)
    row.psi_uncertainty = sqrt(s.w / determinant + slope * slope) * (1.0 + roundness * roundness)
    row.transverse_cog_uncertainty = sqrt(s.ll / determinant * (1.0 + sin(slope) * sin(slope)))


cdef inline axis_sums_t axis_sums(
    const light_t* light, const double* area, const hillas_t* row
) noexcept nogil:
    """Sum over the pixels what the axis and the moments along it need, in one look."""
    cdef axis_sums_t s = axis_sums_t(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    cdef double cos_psi = cos(row.psi)
    cdef double sin_psi = sin(row.psi)
    cdef double length_2 = row.length * row.length
    cdef double width_2 = row.width * row.width
    cdef double place, offset, square, cube, weight, along, across
    cdef Py_ssize_t i
    for i in range(light.n_pixels):
        place = light.x[i] * cos_psi + light.y[i] * sin_psi
        offset = light.y[i] * cos_psi - light.x[i] * sin_psi
        square = place * place
        cube = light.charge[i] * square * place
        s.third += cube
        s.fourth += cube * place
        along = square - length_2
        across = offset * offset - width_2
        s.along += along * along * light.charge[i]
        s.across += across * across * light.charge[i]
        weight = light.charge[i] / area[light.pixel[i]]
        s.w += weight
        s.l += weight * place
        s.ll += weight * square
        s.t += weight * offset
        s.lt += weight * place * offset
    return s


cdef inline void along_axis(const light_t* light, const double* area, hillas_t* row) noexcept nogil:
    """Third and fourth moment along the axis, and the errors of axis, length and width.

    The covariance turned into the axes is length and width squared, so that its error
    propagation is over the squares of the turned positions.
    """
    cdef axis_sums_t s = axis_sums(light, area, row)
    cdef double length_2 = row.length * row.length
    row.skewness = s.third / row.intensity / (length_2 * row.length)
    row.kurtosis = s.fourth / row.intensity / (length_2 * length_2)
    row.length_uncertainty = sqrt(s.along) / row.intensity / (2.0 * row.length)
    if row.width != 0.0:
        row.width_uncertainty = sqrt(s.across) / row.intensity / (2.0 * row.width)
    axis_uncertainties(&s, row)


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
