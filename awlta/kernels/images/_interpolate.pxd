# cython: cdivision=True
"""Pure C on one image: what its bad pixels would have seen.

Method: the mean of the good neighbours. Sums are float32 in the order of the neighbours, as the
calibration of the CTAO pipelines has them. Twin: `reference.interpolate`.
"""

from libc.stdint cimport int32_t, uint8_t

from awlta.kernels.images._scan cimport places


cdef inline void interpolate_one(
    const uint8_t* is_bad, Py_ssize_t n_pixels, const int32_t* indptr, const int32_t* indices,
    int32_t* bad, float* charge, float* peak_time
) noexcept nogil:
    """Write mean charge and time of the good neighbours into the bad pixels, 0 without any.

    Good pixels are left alone, so the order of the bad ones does not matter. `bad` is room for all
    pixels.
    """
    cdef Py_ssize_t i, pixel, k, n_bad = places(is_bad, n_pixels, bad)
    cdef int32_t n_good, neighbor
    cdef float charges, times
    for i in range(n_bad):
        pixel = bad[i]
        charges = 0.0
        times = 0.0
        n_good = 0
        for k in range(indptr[pixel], indptr[pixel + 1]):
            neighbor = indices[k]
            if not is_bad[neighbor]:
                charges += charge[neighbor]
                times += peak_time[neighbor]
                n_good += 1
        charge[pixel] = charges / <float>n_good if n_good else <float>0.0
        peak_time[pixel] = times / <float>n_good if n_good else <float>0.0
