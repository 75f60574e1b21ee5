"""Pure C on the pixels of one image: a line through times that some pixels do not follow.

Method: least trimmed squares, P. J. Rousseeuw, J. Am. Stat. Assoc. 79 (1984) 871, found by
concentration steps, P. J. Rousseeuw and K. Van Driessen, Data Min. Knowl. Disc. 12 (2006) 29.
The line that leaves the smallest sum of squares over the best 85 % of the points is looked for
from five random pairs of points. The pairs come from a generator that begins anew for each
image, so that a line depends on nothing but its points. Twin: `reference.parameters.fit_line`.
"""

from libc.math cimport INFINITY, NAN, fabs, isfinite, sqrt
from libc.stdint cimport uint64_t

# Of a search: random pairs to begin with, and the most steps from each.
cdef enum:
    N_STARTS = 5
    MOST_STEPS = 20
    # Parts of the room that a fit works in, each as long as the points are.
    LINE_ROOM = 6

cdef extern from *:
    """
    #include <float.h>
    /* of the points, those that a line is asked to fit */
    #define KEPT_FRACTION 0.85
    /* ns2: a step that changes the sum of squares by less is the last one */
    #define CONVERGED 1e-12
    /* two roundings of one: with a smaller determinant all points are at one place */
    #define SINGULAR (2 * DBL_EPSILON)
    /* of the largest square kept: from where to where it is looked for after the next step */
    #define NEARLY_LOW 0.7
    #define NEARLY_HIGH 1.4
    """
    const double KEPT_FRACTION, CONVERGED, SINGULAR, NEARLY_LOW, NEARLY_HIGH

cdef struct line_t:
    # Time against place: ns per unit of length, ns, and the root mean square of all residuals, ns.
    double slope
    double intercept
    double deviation

cdef struct points_t:
    # Points that are finite, what a line leaves of them, whether they count, room to select in.
    Py_ssize_t n
    Py_ssize_t n_kept
    double* x
    double* time
    double* square
    double* weight
    double* lower
    double* upper


cdef inline uint64_t next_random(uint64_t* state) noexcept nogil:
    """SplitMix64: G. L. Steele, D. Lea and C. H. Flood, OOPSLA 2014, 453."""
    cdef uint64_t z
    state[0] += <uint64_t>0x9E3779B97F4A7C15
    z = state[0]
    z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
    return z ^ (z >> 31)


cdef inline Py_ssize_t random_below(uint64_t* state, Py_ssize_t n) noexcept nogil:
    """An integer in [0, n), by the upper half of a product; n is below 2**32."""
    return <Py_ssize_t>(((next_random(state) >> 32) * <uint64_t>n) >> 32)


cdef inline double median(double a, double b, double c) noexcept nogil:
    """The one in the middle."""
    return max(min(a, b), min(max(a, b), c))


cdef inline double quick_select(
    double* lower, double* upper, Py_ssize_t n, Py_ssize_t rank
) noexcept nogil:
    """The value of a rank among n in `lower`; both arrays are used up.

    The parts are written side by side without a branch on the data, which residuals would
    mispredict. A NaN is in neither part, so each round leaves fewer whatever the values are.
    """
    cdef double pivot, value
    cdef Py_ssize_t n_lower, n_upper, i
    while True:
        pivot = median(lower[0], lower[n // 2], lower[n - 1])
        n_lower = 0
        n_upper = 0
        for i in range(n):
            value = lower[i]
            lower[n_lower] = value
            upper[n_upper] = value
            n_lower += value < pivot
            n_upper += value > pivot
        if rank < n_lower:
            n = n_lower
        elif rank < n - n_upper:
            return pivot
        else:
            rank -= n - n_upper
            n = n_upper
            lower, upper = upper, lower


cdef inline double largest_kept(const points_t* p, double before) noexcept nogil:
    """The largest of the squares that are kept; `before` is what it was, or 0.

    From step to step it moves little: only what is near the one before is ranked.
    """
    cdef double low = NEARLY_LOW * before
    cdef double high = NEARLY_HIGH * before
    cdef double value
    cdef Py_ssize_t n_below = 0
    cdef Py_ssize_t n_near = 0
    cdef Py_ssize_t rank = p.n_kept - 1
    cdef Py_ssize_t i
    if before > 0.0:
        for i in range(p.n):
            value = p.square[i]
            p.lower[n_near] = value
            n_near += (value >= low) & (value < high)
            n_below += value < low
        if n_below <= rank < n_below + n_near:
            return quick_select(p.lower, p.upper, n_near, rank - n_below)
    for i in range(p.n):
        p.lower[i] = p.square[i]
    return quick_select(p.lower, p.upper, p.n, rank)


cdef inline double keep_closest(const points_t* p, double before) noexcept nogil:
    """Give weight to the points with the smallest squares, of equal ones to the first."""
    cdef double limit = largest_kept(p, before)
    cdef Py_ssize_t n_over = -p.n_kept
    cdef Py_ssize_t i
    for i in range(p.n):
        p.weight[i] = 1.0 if p.square[i] <= limit else 0.0
    for i in range(p.n):
        n_over += p.square[i] <= limit
    i = p.n
    while n_over > 0:
        i -= 1
        if p.square[i] == limit:
            p.weight[i] = 0.0
            n_over -= 1
    return limit


cdef inline line_t line_of_kept(const points_t* p) noexcept nogil:
    """Least squares through the points that count; NaN where these are at one place."""
    cdef double n = <double>p.n_kept
    cdef double s_x = 0.0
    cdef double s_t = 0.0
    cdef double s_xx = 0.0
    cdef double s_xt = 0.0
    cdef double x, determinant
    cdef line_t line = line_t(NAN, NAN, NAN)
    cdef Py_ssize_t i
    for i in range(p.n):
        x = p.weight[i] * p.x[i]
        s_x += x
        s_t += p.weight[i] * p.time[i]
        s_xx += x * p.x[i]
        s_xt += x * p.time[i]
    determinant = n * s_xx - s_x * s_x
    if determinant >= SINGULAR:
        line.slope = (n * s_xt - s_x * s_t) / determinant
        line.intercept = (s_t - line.slope * s_x) / n
    return line


cdef inline double leave(const points_t* p, line_t line) noexcept nogil:
    """Take the squares that a line leaves; return their sum over the points that count."""
    cdef double total = 0.0
    cdef double residual
    cdef Py_ssize_t i
    for i in range(p.n):
        residual = p.time[i] - (line.slope * p.x[i] + line.intercept)
        p.square[i] = residual * residual
    for i in range(p.n):
        total += p.weight[i] * p.square[i]
    return total


cdef inline line_t line_of_pair(const points_t* p, uint64_t* state) noexcept nogil:
    """The line through two random points; NaN where these are at one place."""
    cdef Py_ssize_t one = random_below(state, p.n)
    cdef Py_ssize_t other = random_below(state, p.n - 1)
    cdef line_t line = line_t(NAN, NAN, NAN)
    other += other >= one
    cdef double distance = p.x[other] - p.x[one]
    if distance * distance >= SINGULAR:
        line.slope = (p.time[other] - p.time[one]) / distance
        line.intercept = p.time[one] - line.slope * p.x[one]
    return line


cdef inline double concentrate(const points_t* p, line_t* line) noexcept nogil:
    """Improve a line until its sum of squares stays; return that, NaN where there is none."""
    cdef double total = 0.0
    cdef double limit = 0.0
    cdef double before
    cdef Py_ssize_t step
    leave(p, line[0])
    for step in range(MOST_STEPS):
        limit = keep_closest(p, limit)
        line[0] = line_of_kept(p)
        before = total
        total = leave(p, line[0])
        # a NaN stays one: it is the end, too
        if fabs(total - before) < CONVERGED or total != total:
            break
    return total


cdef inline points_t finite_points(
    const double* x, const double* time, Py_ssize_t n, double* room
) noexcept nogil:
    """Put the points that are finite side by side."""
    cdef points_t p = points_t(
        0, 0, room, room + n, room + 2 * n, room + 3 * n, room + 4 * n, room + 5 * n
    )
    cdef Py_ssize_t i
    for i in range(n):
        p.x[p.n] = x[i]
        p.time[p.n] = time[i]
        p.n += isfinite(x[i]) and isfinite(time[i])
    p.n_kept = <Py_ssize_t>(KEPT_FRACTION * <double>p.n)
    return p


cdef inline double root_mean_square(
    const double* x, const double* time, Py_ssize_t n, line_t line
) noexcept nogil:
    """Of all residuals, also those that are not kept; NaN if a point is."""
    cdef double total = 0.0
    cdef double residual
    cdef Py_ssize_t i
    for i in range(n):
        residual = time[i] - (line.slope * x[i] + line.intercept)
        total += residual * residual
    return sqrt(total / n)


cdef inline line_t fit_line(
    const double* x, const double* time, Py_ssize_t n, double* room
) noexcept nogil:
    """Fit times (ns) against places along an axis by least trimmed squares.

    Points that are not finite are left out of the fit, and make the deviation one that is not.
    All NaN for fewer than three finite points, or where no start gives a line. `room`
    (LINE_ROOM * n) is room to work in; it must not be where the points are.
    """
    cdef points_t p = finite_points(x, time, n, room)
    cdef line_t best = line_t(NAN, NAN, NAN)
    cdef line_t line
    cdef double least = INFINITY
    cdef double total
    cdef uint64_t state = 0
    cdef Py_ssize_t start, i
    if p.n_kept < 2:
        return best
    for i in range(p.n):
        p.weight[i] = 0.0
    for start in range(N_STARTS):
        line = line_of_pair(&p, &state)
        if line.slope != line.slope:
            continue
        total = concentrate(&p, &line)
        if total < least:
            least = total
            best = line
    best.deviation = root_mean_square(x, time, n, best)
    return best
