# cython: cdivision=True
"""Pure C on one event: the second of two passes, guided by the time gradient of the shower.

Method: J. Holder et al., Astroparticle Physics 25 (2006) 391, as the CTA-MARS pipeline has it: the
image of the first pass is cleaned, the times of its brightest island are fitted along its axis, and
all pixels but the island's bright ones are integrated once more where the fit expects their pulse.
Twin: `reference.extract`.
"""

from libc.math cimport cos, isnan, rint, sin
from libc.stdint cimport int8_t, int16_t, int32_t, uint8_t

from awlta.kernels.images._interpolate cimport interpolate_one
from awlta.kernels.images._islands cimport label_islands, label_of_brightest, sum_light
from awlta.kernels.images._moments cimport (
    centre, covariance, gather, has_shape, hillas_t, light_t, principal_axes,
)
from awlta.kernels.images._scan cimport places
from awlta.kernels.images._tailcuts cimport clean_one
from awlta.kernels.images._timing cimport LINE_ROOM, fit_line, line_t
from awlta.kernels.waveforms._traces cimport extraction, how, lanes

cdef enum:
    FEWEST = 3  # pixels of an island whose times are fitted
    FAR = 1000000  # a sample beyond any waveform

cdef struct two_pass_t:
    # Thresholds and room for the image of one event.
    const double* x
    const double* y
    float* picture
    float* boundary
    double* brightness
    double* wide  # rows of n_pixels + 1: charge, place and time of the light, then those of a fit
    int32_t* selected
    int32_t* stack
    int32_t* predicted
    int16_t* labels
    uint8_t* mask


cdef inline size_t two_pass_bytes(Py_ssize_t n_pixels) noexcept nogil:
    """Bytes of the room of `two_passes`."""
    return (n_pixels + 1) * ((4 + LINE_ROOM) * 8 + 2 * 4 + 3 * 4 + 2 + 1)


cdef inline two_pass_t two_passes(
    const how* h, Py_ssize_t n_pixels, const double* pixels, uint8_t* room
) noexcept nogil:
    """Divide the room, which begins at a multiple of eight bytes."""
    cdef two_pass_t two
    cdef Py_ssize_t n = n_pixels + 1
    cdef Py_ssize_t pixel
    two.x = pixels
    two.y = pixels + n_pixels
    two.brightness = <double*>room
    two.wide = two.brightness + n
    two.picture = <float*>(two.wide + (3 + LINE_ROOM) * n)
    two.boundary = two.picture + n
    two.selected = <int32_t*>(two.boundary + n)
    two.stack = two.selected + n
    two.predicted = two.stack + n
    two.labels = <int16_t*>(two.predicted + n)
    two.mask = <uint8_t*>(two.labels + n)
    for pixel in range(n_pixels):
        two.picture[pixel] = <float>h.core_threshold
        two.boundary[pixel] = <float>(0.5 * h.core_threshold)
    return two


cdef inline void keep_brightest_island(
    const extraction* e, two_pass_t* two, const float* charge
) noexcept nogil:
    """Reduce the mask to the island with most light, the lowest label on ties."""
    cdef Py_ssize_t n_selected = places(two.mask, e.n_pixels, two.selected)
    cdef int16_t n_islands = label_islands(
        two.mask, two.selected, n_selected, e.indptr, e.indices, two.stack, two.labels
    )
    cdef Py_ssize_t best, i
    sum_light(charge, two.selected, n_selected, two.labels, n_islands, two.brightness)
    best = label_of_brightest(two.brightness, n_islands)
    for i in range(n_selected):
        two.mask[two.selected[i]] = two.labels[two.selected[i]] == best
        two.labels[two.selected[i]] = 0  # as it must begin the next time


cdef inline bint predict(
    const extraction* e, two_pass_t* two, const float* charge, const float* peak_time
) noexcept nogil:
    """Find the sample of each pixel's expected pulse; false without a line through the times."""
    cdef Py_ssize_t n = e.n_pixels + 1
    cdef light_t light = light_t(
        0, two.selected, two.wide, two.wide + n, two.wide + 2 * n
    )
    cdef hillas_t row
    cdef line_t line
    cdef double cos_psi, sin_psi, sample
    cdef Py_ssize_t i
    row.x = 0.0
    row.y = 0.0
    row.intensity = gather(charge, two.mask, two.x, two.y, e.n_pixels, &light)
    if light.n_pixels < FEWEST or not has_shape(row.intensity, &light):
        return False
    centre(&light, &row)
    principal_axes(covariance(&light, row.intensity), &row)
    cos_psi = cos(row.psi)
    sin_psi = sin(row.psi)
    for i in range(light.n_pixels):
        light.x[i] = light.x[i] * cos_psi + light.y[i] * sin_psi
        light.y[i] = peak_time[light.pixel[i]]
    line = fit_line(light.x, light.y, light.n_pixels, two.wide + 3 * n)
    if isnan(line.slope):
        return False
    for i in range(e.n_pixels):
        sample = (two.x[i] - row.x) * cos_psi + (two.y[i] - row.y) * sin_psi
        sample = rint((line.slope * sample + line.intercept) * e.how.sampling_rate)
        two.predicted[i] = <int32_t>min(max(sample, <double>-FAR), <double>FAR)
    return True


cdef inline bint second_pass(
    const extraction* e, const lanes* set, two_pass_t* two, const uint8_t* unusable,
    const int8_t* gain, float* charge, float* peak_time
) noexcept nogil:
    """Turn charges and times of the first pass into those of both; false if the first must do."""
    cdef Py_ssize_t pixel
    if e.how.interpolate:
        interpolate_one(
            unusable, e.n_pixels, e.indptr, e.indices, two.selected, charge, peak_time
        )
    clean_one(
        charge, two.picture, two.boundary, e.n_pixels, e.indptr, e.indices, False, 1,
        two.selected, two.mask
    )
    keep_brightest_island(e, two, charge)
    if not predict(e, two, charge, peak_time):
        return False
    for pixel in range(e.n_pixels):
        two.mask[pixel] = two.mask[pixel] and charge[pixel] >= two.picture[pixel]
    set.again(e, gain, two.predicted, two.mask, charge, peak_time)
    return True
