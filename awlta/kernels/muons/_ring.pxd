# cython: cdivision=True
"""Pure C on one image: the ring of a muon in it, and how ring-like it is.

Method: a circle through the cleaned pixels, then through all pixels close to that circle, again
and again; features as the muon analysis of the CTAO pipelines defines them, after G. Vacanti et
al., Astropart. Phys. 2 (1994) 1. Twin: `reference.muon_rings`.
"""

from libc.math cimport INFINITY, M_PI, NAN, acos, atan2, fabs, hypot, sqrt
from libc.stdint cimport int64_t, uint8_t

from awlta.kernels.muons._circle cimport (
    circle_t, estimate_errors, kundu_chaudhuri, no_circle, points_t, taubin
)

cdef enum:
    KUNDU_CHAUDHURI = 0
    TAUBIN = 1
    WEIGHTED_TAUBIN = 2

cdef struct method_t:
    # What `MuonOptions` says, and the camera's radius.
    int fit
    Py_ssize_t min_pixels
    double min_intensity
    int n_fits
    double max_distance
    double completeness_threshold
    double ratio_width
    double integration_width
    double outer_width
    double camera_radius
    Py_ssize_t n_sectors
    const double* edges

cdef struct ring_t:
    circle_t circle
    double phi
    double distance

cdef struct features_t:
    double containment
    double completeness
    double intensity_ratio
    double mean_squared_error
    double ring_intensity
    double intensity_outside_ring
    int64_t n_pixels_in_ring
    double mean_intensity_outside_ring
    double radial_std_dev
    double skewness
    double excess_kurtosis

cdef struct muon_t:
    # A row of `rings.RING`, in its order.
    ring_t ring
    features_t features

cdef struct image_t:
    # One image of a camera, and the distance of its pixels from the centre of a ring.
    Py_ssize_t n_pixels
    const float* charge
    const uint8_t* mask
    const double* x
    const double* y
    const double* width
    double* distance


cdef inline bint is_candidate(const image_t* image, const method_t* method) noexcept nogil:
    """Whether the cleaned image has pixels and light enough."""
    cdef Py_ssize_t n = 0
    cdef double intensity = 0.0
    cdef Py_ssize_t i
    for i in range(image.n_pixels):
        if image.mask[i]:
            n += 1
            intensity += image.charge[i]
    return n > method.min_pixels and intensity > method.min_intensity


cdef inline void take(
    const image_t* image, bint weighted, Py_ssize_t i, points_t* points
) noexcept nogil:
    points.x[points.n] = image.x[i]
    points.y[points.n] = image.y[i]
    points.weight[points.n] = image.charge[i] if weighted else 1.0
    points.n += 1


cdef inline circle_t fit_circle(int fit, const points_t* points) noexcept nogil:
    cdef circle_t circle
    if points.n == 0:
        return no_circle()
    if fit != KUNDU_CHAUDHURI:
        return taubin(points)
    circle = kundu_chaudhuri(points)
    estimate_errors(points, &circle)
    return circle


cdef inline void measure_distances(
    const image_t* image, const circle_t* circle
) noexcept nogil:
    cdef double x, y
    cdef Py_ssize_t i
    for i in range(image.n_pixels):
        x = image.x[i] - circle.x
        y = image.y[i] - circle.y
        image.distance[i] = sqrt(x * x + y * y)


cdef inline circle_t find_circle(
    const image_t* image, const method_t* method, points_t* points
) noexcept nogil:
    """Fit the cleaned pixels, then, as often as asked, the pixels close to the last circle."""
    cdef bint weighted = method.fit != TAUBIN
    cdef circle_t circle
    cdef Py_ssize_t i
    cdef int _
    points.n = 0
    for i in range(image.n_pixels):
        if image.mask[i]:
            take(image, weighted, i, points)
    circle = fit_circle(method.fit, points)
    for _ in range(1, method.n_fits):
        measure_distances(image, &circle)
        points.n = 0
        for i in range(image.n_pixels):
            if fabs(image.distance[i] - circle.radius) / circle.radius < method.max_distance:
                take(image, weighted, i, points)
        circle = fit_circle(method.fit, points)
    return circle


cdef inline double containment(const ring_t* ring, double camera_radius) noexcept nogil:
    """Part of the ring's circle inside the camera's; 1 also for a ring around the camera."""
    cdef double radius = ring.circle.radius
    cdef double along
    if ring.distance <= fabs(camera_radius - radius):
        return 1.0
    if ring.distance > radius + camera_radius:
        return 0.0
    along = radius * radius - camera_radius * camera_radius + ring.distance * ring.distance
    return acos(along / (2.0 * ring.distance) / radius) / M_PI


cdef inline double completeness(
    const image_t* image, const circle_t* circle, const method_t* method, double* sectors
) noexcept nogil:
    """Part of the sectors around the centre that have more charge than the threshold."""
    cdef Py_ssize_t n_sectors = method.n_sectors
    cdef Py_ssize_t n_above = 0
    cdef Py_ssize_t i, sector
    cdef double angle
    for sector in range(n_sectors):
        sectors[sector] = 0.0
    for i in range(image.n_pixels):
        angle = atan2(image.y[i] - circle.y, image.x[i] - circle.x)
        sector = <Py_ssize_t>((angle + M_PI) / (2.0 * M_PI) * n_sectors)
        sector = min(max(sector, 0), n_sectors - 1)
        # the quotient is rounded: the edges decide
        if sector > 0 and angle < method.edges[sector]:
            sector -= 1
        elif sector < n_sectors - 1 and angle >= method.edges[sector + 1]:
            sector += 1
        sectors[sector] += image.charge[i]
    for sector in range(n_sectors):
        n_above += sectors[sector] > method.completeness_threshold
    return <double>n_above / n_sectors


cdef inline void measure_cleaned(
    const image_t* image, double radius, const method_t* method, features_t* row
) noexcept nogil:
    """Charge within some pixel widths, and scatter of the distance, of the cleaned pixels."""
    cdef double inside = 0.0
    cdef double total = 0.0
    cdef double squares = 0.0
    cdef double half, d
    cdef Py_ssize_t i
    for i in range(image.n_pixels):
        if image.mask[i]:
            half = 0.5 * (method.ratio_width * image.width[i])
            d = image.distance[i]
            total += image.charge[i]
            squares += image.charge[i] * (d - radius) * (d - radius)
            if d >= radius - half and d <= radius + half:
                inside += image.charge[i]
    row.intensity_ratio = inside / total
    row.mean_squared_error = squares / total


cdef inline void measure_bands(
    const image_t* image, double radius, const method_t* method, features_t* row
) noexcept nogil:
    """Charge of all pixels in a band about the ring, and in the bands next to it."""
    cdef double near = radius * method.integration_width
    cdef double far = radius * (method.integration_width + method.outer_width)
    cdef double outer = 0.0
    cdef Py_ssize_t n_outer = 0
    cdef Py_ssize_t i
    cdef double d
    row.ring_intensity = 0.0
    row.intensity_outside_ring = 0.0
    row.n_pixels_in_ring = 0
    for i in range(image.n_pixels):
        d = fabs(image.distance[i] - radius)
        if d < near:
            row.ring_intensity += image.charge[i]
            row.n_pixels_in_ring += image.mask[i] != 0
        else:
            if image.mask[i]:
                row.intensity_outside_ring += image.charge[i]
            if d < far:
                outer += image.charge[i]
                n_outer += 1
    row.mean_intensity_outside_ring = outer / n_outer if n_outer else NAN


cdef inline void measure_profile(const image_t* image, features_t* row) noexcept nogil:
    """Moments of the distance from the centre, weighted by the charge of all pixels."""
    cdef double total = 0.0
    cdef double mean = 0.0
    cdef double second = 0.0
    cdef double third = 0.0
    cdef double fourth = 0.0
    cdef double d, std, weighted
    cdef Py_ssize_t i
    for i in range(image.n_pixels):
        total += image.charge[i]
        mean += image.charge[i] * image.distance[i]
    mean /= total
    for i in range(image.n_pixels):
        d = image.distance[i] - mean
        weighted = image.charge[i] * d * d
        second += weighted
        third += weighted * d
        fourth += weighted * d * d
    if total == 0.0:
        return
    std = sqrt(second / total)
    row.radial_std_dev = std
    row.skewness = third / total / (std * std * std)
    row.excess_kurtosis = fourth / total / (std * std * std * std) - 3.0


cdef inline void find_ring(
    const image_t* image, const method_t* method, points_t* points, double* sectors, muon_t* row
) noexcept nogil:
    """Fill a row that begins as that of an image without a ring.

    `image.distance` and `points` (n_pixels) and `sectors` are room to work in.
    """
    if not is_candidate(image, method):
        return
    row.ring.circle = find_circle(image, method, points)
    row.ring.phi = atan2(row.ring.circle.y, row.ring.circle.x)
    row.ring.distance = hypot(row.ring.circle.x, row.ring.circle.y)
    if not (row.ring.circle.radius > 0.0 and row.ring.distance < INFINITY):
        return
    measure_distances(image, &row.ring.circle)
    row.features.containment = containment(&row.ring, method.camera_radius)
    row.features.completeness = completeness(image, &row.ring.circle, method, sectors)
    measure_cleaned(image, row.ring.circle.radius, method, &row.features)
    measure_bands(image, row.ring.circle.radius, method, &row.features)
    measure_profile(image, &row.features)
