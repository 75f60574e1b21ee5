# cython: cdivision=True
"""Pure C on points with weights: the circle through them, by two algebraic fits.

Both take the squared distance of a point from the centre, less the squared radius, for the
residual. Kundu-Chaudhuri minimise the sum of its weighted squares, which is a linear problem:
B. B. Chaudhuri and P. Kundu, Pattern Recognition Letters 14 (1993) 1. Taubin divides that sum by
the sum of squared gradients, so that short arcs do not shrink: G. Taubin, IEEE Trans. Pattern
Anal. Mach. Intell. 13 (1991) 1115; as the muon analysis of the imaging telescopes writes it, with
squared weights above and plain ones below.
"""

from libc.math cimport NAN, fabs, fmin, hypot, sqrt

cdef enum:
    MOST_STEPS = 200

cdef struct points_t:
    # Points side by side; room for a whole camera.
    Py_ssize_t n
    double* x
    double* y
    double* weight

cdef struct circle_t:
    double x
    double y
    double radius
    double x_err
    double y_err
    double radius_err

cdef struct quotient_t:
    # Taubin's quotient Q / L of the centre (a, b), relative to the mean of the points:
    # Q = zz - 4 (zx a + zy b) + 4 (xx a a + 2 xy a b + yy b b), L = s - 2 (sx a + sy b) + w (a a
    # + b b). z is the squared distance from the mean, less the mean of this; `squares` sums the
    # weights of Q and `mean_square` is what was taken from z.
    double xx
    double xy
    double yy
    double zx
    double zy
    double zz
    double squares
    double mean_square
    double w
    double sx
    double sy
    double s


cdef inline circle_t no_circle() noexcept nogil:
    return circle_t(NAN, NAN, NAN, NAN, NAN, NAN)


cdef inline bint is_line(double xx, double xy, double yy) noexcept nogil:
    """Whether the width of a cloud of points is lost in rounding, or is not a number.

    Negative weights can make a sum of squares negative; that is no line.
    """
    return not fabs(xx * yy - xy * xy) > 1e-12 * (xx * xx + 2.0 * xy * xy + yy * yy)


cdef inline circle_t kundu_chaudhuri(const points_t* points) noexcept nogil:
    """Fit by the 2 x 2 system of the centre, relative to the mean; NaN for points on a line."""
    cdef circle_t circle = no_circle()
    cdef double w = 0.0
    cdef double mean_x = 0.0
    cdef double mean_y = 0.0
    cdef double xx = 0.0
    cdef double xy = 0.0
    cdef double yy = 0.0
    cdef double sx = 0.0
    cdef double sy = 0.0
    cdef double square = 0.0
    cdef double x, y, weight, determinant
    cdef Py_ssize_t i
    for i in range(points.n):
        w += points.weight[i]
        mean_x += points.weight[i] * points.x[i]
        mean_y += points.weight[i] * points.y[i]
    mean_x /= w
    mean_y /= w
    for i in range(points.n):
        x = points.x[i] - mean_x
        y = points.y[i] - mean_y
        weight = points.weight[i]
        xx += weight * x * x
        xy += weight * x * y
        yy += weight * y * y
        sx += weight * x * (x * x + y * y)
        sy += weight * y * (x * x + y * y)
    if is_line(xx, xy, yy):
        return circle
    determinant = 2.0 * (xx * yy - xy * xy)
    circle.x = mean_x + (yy * sx - xy * sy) / determinant
    circle.y = mean_y + (xx * sy - xy * sx) / determinant
    for i in range(points.n):
        x = points.x[i] - circle.x
        y = points.y[i] - circle.y
        square += points.weight[i] * (x * x + y * y)
    circle.radius = sqrt(square / w)
    return circle


cdef inline void estimate_errors(const points_t* points, circle_t* circle) noexcept nogil:
    """Errors of a circle from the scatter of its residuals, without correlations.

    Centre: scatter of the residual over that of its derivative, by the sum of weights and by the
    root of 8. Radius: half of it.
    """
    cdef double w = 0.0
    cdef double mean = 0.0
    cdef double mean_slope = 0.0
    cdef double variance = 0.0
    cdef double slope_variance = 0.0
    cdef double radius_2 = circle.radius * circle.radius
    cdef double x, y, square, residual, slope
    cdef Py_ssize_t i
    for i in range(points.n):
        x = points.x[i] - circle.x
        y = points.y[i] - circle.y
        square = x * x + y * y
        w += points.weight[i]
        mean += points.weight[i] * (square - radius_2)
        mean_slope += points.weight[i] * sqrt(square + 0.25 * radius_2)
    mean /= w
    mean_slope /= w
    for i in range(points.n):
        x = points.x[i] - circle.x
        y = points.y[i] - circle.y
        square = x * x + y * y
        residual = square - radius_2 - mean
        slope = sqrt(square + 0.25 * radius_2) - mean_slope
        variance += points.weight[i] * residual * residual
        slope_variance += points.weight[i] * slope * slope
    circle.x_err = sqrt(variance / w) / sqrt(slope_variance / w) / w / sqrt(8.0)
    circle.y_err = circle.x_err
    circle.radius_err = 0.5 * circle.x_err


cdef inline quotient_t taubin_sums(
    const points_t* points, double mean_x, double mean_y, double squares
) noexcept nogil:
    """Sum what the quotient is made of; weights are squared above and plain below."""
    cdef quotient_t q = quotient_t(0, 0, 0, 0, 0, 0, squares, 0, 0, 0, 0, 0)
    cdef double x, y, z, w, u
    cdef Py_ssize_t i
    for i in range(points.n):
        x = points.x[i] - mean_x
        y = points.y[i] - mean_y
        w = points.weight[i]
        u = w * w
        q.xx += u * x * x
        q.xy += u * x * y
        q.yy += u * y * y
        q.w += w
        q.sx += w * x
        q.sy += w * y
        q.s += w * (x * x + y * y)
    q.mean_square = (q.xx + q.yy) / squares
    for i in range(points.n):
        x = points.x[i] - mean_x
        y = points.y[i] - mean_y
        z = x * x + y * y - q.mean_square
        u = points.weight[i] * points.weight[i]
        q.zx += u * z * x
        q.zy += u * z * y
        q.zz += u * z * z
    return q


cdef inline bint smallest_quotient(
    const quotient_t* q, double* centre_x, double* centre_y, double* quotient
) noexcept nogil:
    """Find the centre of the smallest Q / L; False if there is none.

    For a value v, the centre that minimises Q - v L has a better quotient than v, or v is the
    smallest (W. Dinkelbach, Management Science 13 (1967) 492). From one value to the next this is
    Newton's method; a step out of the interval in which the smallest is known to be, is halved.
    """
    cdef double low = 0.0
    # the quotient at the mean, and that of the best straight line, are both too large
    cdef double line = 2.0 * (q.xx + q.yy - hypot(q.xx - q.yy, 2.0 * q.xy)) / q.w
    cdef double high = fmin(q.zz / q.s, line)
    cdef double v = 0.0
    cdef double k_xx, k_yy, k_xy, determinant, right_x, right_y, a, b, better
    cdef int _
    for _ in range(MOST_STEPS):
        k_xx = 4.0 * q.xx - v * q.w
        k_yy = 4.0 * q.yy - v * q.w
        k_xy = 4.0 * q.xy
        determinant = k_xx * k_yy - k_xy * k_xy
        if not (determinant > 0.0 and k_xx > 0.0):
            return False
        right_x = 2.0 * q.zx - v * q.sx
        right_y = 2.0 * q.zy - v * q.sy
        a = (k_yy * right_x - k_xy * right_y) / determinant
        b = (k_xx * right_y - k_xy * right_x) / determinant
        better = q.zz - 4.0 * (q.zx * a + q.zy * b)
        better += 4.0 * (q.xx * a * a + 2.0 * q.xy * a * b + q.yy * b * b)
        better /= q.s - 2.0 * (q.sx * a + q.sy * b) + q.w * (a * a + b * b)
        centre_x[0] = a
        centre_y[0] = b
        quotient[0] = v
        if better > v:
            low = v
        else:
            high = v
        if fabs(better - v) <= 1e-12 * v or not high - low > 1e-15 * high:
            return True
        v = better if low < better < high else 0.5 * (low + high)
    return True


cdef inline circle_t taubin(const points_t* points) noexcept nogil:
    """Fit by the smallest quotient; NaN for points on a line or weights whose sum is not positive.

    Errors: where the quotient is larger by one, in the quadratic approximation.
    """
    cdef circle_t circle = no_circle()
    cdef double squares = 0.0
    cdef double mean_x = 0.0
    cdef double mean_y = 0.0
    cdef double a, b, v, u, square, k_xx, k_yy, k_xy, scale
    cdef quotient_t q
    cdef Py_ssize_t i
    for i in range(points.n):
        u = points.weight[i] * points.weight[i]
        squares += u
        mean_x += u * points.x[i]
        mean_y += u * points.y[i]
    mean_x /= squares
    mean_y /= squares
    q = taubin_sums(points, mean_x, mean_y, squares)
    # below, the squared gradients must be positive whatever the centre
    if is_line(q.xx, q.xy, q.yy) or not (q.w > 0.0 and q.s * q.w > q.sx * q.sx + q.sy * q.sy):
        return circle
    if not smallest_quotient(&q, &a, &b, &v):
        return circle
    square = a * a + b * b + q.mean_square
    circle.x = mean_x + a
    circle.y = mean_y + b
    circle.radius = sqrt(square)
    k_xx = 4.0 * q.xx - v * q.w
    k_yy = 4.0 * q.yy - v * q.w
    k_xy = 4.0 * q.xy
    scale = q.s - 2.0 * (q.sx * a + q.sy * b) + q.w * (a * a + b * b)
    u = scale / (k_xx * k_yy - k_xy * k_xy)
    circle.x_err = sqrt(u * k_yy)
    circle.y_err = sqrt(u * k_xx)
    circle.radius_err = sqrt(
        (scale / (4.0 * squares) + u * (a * a * k_yy - 2.0 * a * b * k_xy + b * b * k_xx)) / square
    )
    return circle
