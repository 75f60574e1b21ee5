# cython: cdivision=True
"""Pure C on one image: which of its pixels are the shower, by any of the methods of cleaning.

All start from the list of pixels that reach a threshold, so that their cost follows the light and
not the camera. Methods: picture and boundary, `_tailcuts.pxd`; a second ring of boundary pixels,
as in MARS of the MAGIC collaboration; neighbours that arrive together, F. Temme, PhD thesis, TU
Dortmund (2017); a core that arrives together, MAGIC, J. Aleksic et al., Astropart. Phys. 35 (2012)
435; thresholds that follow the night sky, LST, H. Abe et al., ApJ 956 (2023) 80. Twin:
`reference.clean`.
"""

from libc.math cimport INFINITY, fabsf, nextafterf
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t

from awlta.kernels.images._islands cimport (
    label_islands_of,
    label_of_brightest,
    label_of_most,
    sum_light,
)
from awlta.kernels.images._tailcuts cimport (
    BOUNDARY,
    CORE,
    KEPT,
    NEXT,
    find_bright,
    finish,
    is_kept,
    mark_core,
    mark_kept,
    n_neighbors_with,
)
from awlta.kernels.images._times cimport (
    keep_in_time,
    keep_next,
    n_neighbors_in_time,
    pairwise_sum,
)

# In the order of `cleaning.METHODS` and of `cleanings.ISLANDS`.
cdef enum:
    TAIL_CUTS = 0
    MARS = 1
    FACT = 2
    TIME_CONSTRAINED = 3
    NIGHT_SKY = 4

cdef enum:
    ALL = 0
    LARGEST = 1
    BRIGHTEST = 2

cdef struct rules_t:
    # A row of `cleaning.RULES`, in its order. What a method does not know is 0.
    double time_limit  # ns, between neighbours
    double core_limit  # ns, from the mean time of the core
    double bright_threshold  # p.e.
    double bright_fraction
    int64_t method
    int64_t keep_isolated
    int64_t min_neighbors
    int64_t min_in_time
    int64_t n_brightest
    int64_t island

cdef struct cleaning_t:
    # How to clean, the camera, and room to work in.
    const rules_t* rules
    const float* picture
    const float* boundary
    Py_ssize_t n_pixels
    const int32_t* indptr
    const int32_t* indices
    int32_t* bright  # n_pixels + 1 places in each room but labels
    int32_t* chosen
    int32_t* stack
    float* weight
    float* weighted
    double* light
    int16_t* labels  # n_pixels, begins and ends as 0


cdef inline cleaning_t cleaning_of(
    const rules_t* rules, const float* picture, const float* boundary, Py_ssize_t n_pixels,
    const int32_t* indptr, const int32_t* indices, int32_t* room, float* float_room,
    double* wide_room, int16_t* labels
) noexcept nogil:
    """Put together what `clean_event` takes.

    `room` has 3, `float_room` 2 and `wide_room` 1 rows of n_pixels + 1.
    """
    cdef Py_ssize_t row = n_pixels + 1
    return cleaning_t(
        rules, picture, boundary, n_pixels, indptr, indices, room, room + row, room + 2 * row,
        float_room, float_room + row, wide_room, labels
    )


cdef inline Py_ssize_t choose(
    const cleaning_t* way, Py_ssize_t n_bright, uint8_t bit, const uint8_t* level
) noexcept nogil:
    """List the bright pixels that carry a bit in `chosen`; return how many they are."""
    cdef Py_ssize_t n_chosen = 0
    cdef Py_ssize_t i
    for i in range(n_bright):
        way.chosen[n_chosen] = way.bright[i]
        n_chosen += (level[way.bright[i]] & bit) != 0
    return n_chosen


cdef inline Py_ssize_t label_chosen(
    const cleaning_t* way, Py_ssize_t n_chosen, uint8_t bit, bint by_light, const float* image,
    const uint8_t* level
) noexcept nogil:
    """Label the islands of the chosen pixels; return the label of the brightest or largest."""
    cdef Py_ssize_t n_islands = label_islands_of(
        bit, level, way.chosen, n_chosen, way.indptr, way.indices, way.stack, way.labels
    )
    cdef Py_ssize_t i
    if n_islands == 1:
        return 1
    if by_light:
        sum_light(image, way.chosen, n_chosen, way.labels, n_islands, way.light)
        return label_of_brightest(way.light, n_islands)
    for i in range(n_islands + 1):
        way.stack[i] = 0
    for i in range(n_chosen):
        way.stack[way.labels[way.chosen[i]]] += 1
    return label_of_most(way.stack, n_islands)


cdef inline void forget_labels(const cleaning_t* way, Py_ssize_t n_chosen) noexcept nogil:
    """Set the labels of the chosen pixels back to 0."""
    cdef Py_ssize_t i
    for i in range(n_chosen):
        way.labels[way.chosen[i]] = 0


cdef inline void second_ring(
    const cleaning_t* way, Py_ssize_t n_bright, uint8_t* level
) noexcept nogil:
    """Let the kept pixels be what the tail cuts start from."""
    cdef Py_ssize_t i
    for i in range(n_bright):
        if is_kept(
            KEPT, level, way.bright[i], way.indptr, way.indices, way.rules.keep_isolated
        ):
            level[way.bright[i]] |= NEXT
    keep_next(way.bright, n_bright, level)


cdef inline void keep_by_neighbors(
    const cleaning_t* way, Py_ssize_t n_bright, const float* peak_time, uint8_t* level
) noexcept nogil:
    """Keep a core and its ring, then ask for neighbours: in time, at all, and in time again."""
    cdef const rules_t* rules = way.rules
    cdef Py_ssize_t i
    mark_core(way.bright, n_bright, way.indptr, way.indices, rules.min_neighbors, level)
    for i in range(n_bright):
        if level[way.bright[i]] & BOUNDARY and (
            level[way.bright[i]] & CORE
            or n_neighbors_with(CORE, level, way.bright[i], way.indptr, way.indices) > 0
        ):
            level[way.bright[i]] |= KEPT
    if rules.min_neighbors <= 0:
        return
    # Where all pass the first time, they pass again.
    if not keep_in_time(
        way.bright, n_bright, way.indptr, way.indices, peak_time, rules.min_neighbors,
        <float>rules.time_limit, level
    ):
        return
    for i in range(n_bright):
        if level[way.bright[i]] & KEPT and n_neighbors_with(
            KEPT, level, way.bright[i], way.indptr, way.indices
        ) >= rules.min_neighbors:
            level[way.bright[i]] |= NEXT
    keep_next(way.bright, n_bright, level)
    keep_in_time(
        way.bright, n_bright, way.indptr, way.indices, peak_time, rules.min_neighbors,
        <float>rules.time_limit, level
    )


cdef inline float mean_time(
    const cleaning_t* way, Py_ssize_t n_core, const float* image, const float* peak_time,
    const uint8_t* level
) noexcept nogil:
    """Average the times of the brightest island of the core, weighted by charge squared."""
    cdef Py_ssize_t main_island = label_chosen(way, n_core, CORE, True, image, level)
    cdef Py_ssize_t n_main = 0
    cdef Py_ssize_t i
    cdef int32_t pixel
    for i in range(n_core):
        pixel = way.chosen[i]
        if way.labels[pixel] == main_island:
            way.weight[n_main] = image[pixel] * image[pixel]
            way.weighted[n_main] = peak_time[pixel] * way.weight[n_main]
            n_main += 1
    forget_labels(way, n_core)
    return pairwise_sum(way.weighted, n_main) / pairwise_sum(way.weight, n_main)


cdef inline void keep_by_core_time(
    const cleaning_t* way, Py_ssize_t n_bright, const float* image, const float* peak_time,
    uint8_t* level
) noexcept nogil:
    """Keep core pixels near their mean time, and boundary pixels in time with such neighbours."""
    cdef const rules_t* rules = way.rules
    cdef Py_ssize_t i, n_core
    cdef int32_t pixel
    cdef float mean
    cdef double limit
    mark_core(way.bright, n_bright, way.indptr, way.indices, rules.min_neighbors, level)
    n_core = choose(way, n_bright, CORE, level)
    if n_core == 0:
        return
    mean = mean_time(way, n_core, image, peak_time, level)
    for i in range(n_core):
        pixel = way.chosen[i]
        limit = rules.core_limit
        if not image[pixel] < 2.0 * way.picture[pixel]:
            limit *= 2.0
        if fabsf(peak_time[pixel] - mean) < limit:
            level[pixel] |= KEPT
        else:
            level[pixel] &= <uint8_t>~CORE
    for i in range(n_bright):
        pixel = way.bright[i]
        if (
            level[pixel] & BOUNDARY
            and not level[pixel] & CORE
            and n_neighbors_with(CORE, level, pixel, way.indptr, way.indices) > 0
            and n_neighbors_in_time(
                CORE, level, peak_time, <float>rules.time_limit, pixel, way.indptr, way.indices
            ) >= rules.min_neighbors
        ):
            level[pixel] |= KEPT


cdef inline bint may_reach(
    const float* image, Py_ssize_t n_pixels, double threshold
) noexcept nogil:
    """Whether any pixel reaches a threshold, or a float just below it."""
    cdef float least = <float>threshold
    cdef Py_ssize_t pixel
    cdef int32_t found = 0
    if least > threshold:
        least = nextafterf(least, -INFINITY)
    for pixel in range(n_pixels):
        found |= image[pixel] >= least
    return found != 0


cdef inline double mean_of_brightest(
    const float* image, Py_ssize_t n_pixels, Py_ssize_t wanted, double* top
) noexcept nogil:
    """Average the `wanted` largest charges of the camera, or all if it has fewer; NaN is none."""
    cdef Py_ssize_t n_top = 0
    cdef Py_ssize_t pixel, place
    for pixel in range(n_pixels):
        if n_top == wanted and not image[pixel] > top[n_top - 1]:
            continue
        if image[pixel] != image[pixel]:
            continue
        place = n_top if n_top < wanted else n_top - 1
        while place > 0 and top[place - 1] < image[pixel]:
            top[place] = top[place - 1]
            place -= 1
        top[place] = image[pixel]
        n_top += n_top < wanted
    return pairwise_sum(top, n_top) / n_top


cdef inline void drop_faint(
    const cleaning_t* way, Py_ssize_t n_bright, const float* image, uint8_t* level
) noexcept nogil:
    """Drop pixels below a fraction of the brightest ones, where these are bright enough."""
    cdef const rules_t* rules = way.rules
    cdef Py_ssize_t i
    cdef double mean
    # No mean exceeds the largest, so a look at all pixels at once spares most events the rest.
    if not may_reach(image, way.n_pixels, rules.bright_threshold):
        return
    mean = mean_of_brightest(image, way.n_pixels, rules.n_brightest, way.light)
    if mean < rules.bright_threshold:
        return
    for i in range(n_bright):
        if not image[way.bright[i]] >= rules.bright_fraction * mean:
            level[way.bright[i]] &= <uint8_t>~KEPT


cdef inline void keep_one_island(
    const cleaning_t* way, Py_ssize_t n_bright, const float* image, uint8_t* level
) noexcept nogil:
    """Drop all kept pixels but those of the largest or brightest island."""
    cdef Py_ssize_t n_kept = choose(way, n_bright, KEPT, level)
    cdef Py_ssize_t i, best
    if n_kept == 0:
        return
    best = label_chosen(way, n_kept, KEPT, way.rules.island == BRIGHTEST, image, level)
    for i in range(n_kept):
        if way.labels[way.chosen[i]] != best:
            level[way.chosen[i]] &= <uint8_t>~KEPT
    forget_labels(way, n_kept)


cdef inline void keep_above_night_sky(
    const cleaning_t* way, Py_ssize_t n_bright, const float* image, const float* peak_time,
    uint8_t* level
) noexcept nogil:
    """Go on from tail cuts: neighbours in time, no faint halo of bright light, one island."""
    cdef const rules_t* rules = way.rules
    if rules.min_in_time > 0:
        keep_in_time(
            way.bright, n_bright, way.indptr, way.indices, peak_time, rules.min_in_time,
            <float>rules.time_limit, level
        )
    if rules.n_brightest > 0:
        drop_faint(way, n_bright, image, level)
    if rules.island != ALL:
        keep_one_island(way, n_bright, image, level)


cdef inline Py_ssize_t mark_event(
    const cleaning_t* way, const float* image, const float* peak_time, uint8_t* level
) noexcept nogil:
    """Mark what is KEPT among the bright pixels, which are listed; return how many they are."""
    cdef const rules_t* rules = way.rules
    cdef Py_ssize_t n_bright = find_bright(
        image, way.picture, way.boundary, way.n_pixels, way.bright, level
    )
    if rules.method == FACT:
        keep_by_neighbors(way, n_bright, peak_time, level)
        return n_bright
    if rules.method == TIME_CONSTRAINED:
        keep_by_core_time(way, n_bright, image, peak_time, level)
        return n_bright
    mark_kept(
        way.bright, n_bright, way.indptr, way.indices, rules.keep_isolated, rules.min_neighbors,
        level
    )
    if rules.method == MARS:
        second_ring(way, n_bright, level)
    elif rules.method == NIGHT_SKY:
        keep_above_night_sky(way, n_bright, image, peak_time, level)
    return n_bright


cdef inline void clean_event(
    const cleaning_t* way, const float* image, const float* peak_time, uint8_t* mask
) noexcept nogil:
    """Clean one image; `mask` begins as anything and ends as 0 and 1.

    `peak_time` may be NULL for a method that does not ask for times.
    """
    cdef Py_ssize_t n_bright = mark_event(way, image, peak_time, mask)
    finish(way.bright, n_bright, mask)
