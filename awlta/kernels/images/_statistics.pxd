# cython: cdivision=True
"""Pure C on the values of some pixels: how they are distributed.

Method: moments about the mean, without Bessel's correction. Twin: `reference.describe`.
"""

from libc.math cimport NAN, sqrt


cdef struct statistics_t:
    # Six columns of a row of `images.PARAMETERS`, in their order.
    double max
    double min
    double mean
    double std
    double skewness
    double kurtosis


cdef inline void take_extremes(
    const double* values, Py_ssize_t n, statistics_t* row
) noexcept nogil:
    """Largest, smallest and mean; a NaN makes all three one."""
    cdef double total = 0.0
    cdef double value
    cdef Py_ssize_t n_nan = 0
    cdef Py_ssize_t i
    row.max = row.min = values[0]
    for i in range(n):
        value = values[i]
        total += value
        n_nan += value != value
        row.max = value if value > row.max else row.max
        row.min = value if value < row.min else row.min
    if n_nan:
        row.max = row.min = NAN
    row.mean = total / n


cdef inline void take_moments(
    const double* values, Py_ssize_t n, statistics_t* row
) noexcept nogil:
    """Standard deviation, skewness and excess kurtosis; these are NaN for equal values."""
    cdef double second = 0.0
    cdef double third = 0.0
    cdef double fourth = 0.0
    cdef double offset, square
    cdef Py_ssize_t i
    for i in range(n):
        offset = values[i] - row.mean
        square = offset * offset
        second += square
        third += square * offset
        fourth += square * square
    row.std = sqrt(second / n)
    row.skewness = third / n / (row.std * row.std * row.std)
    row.kurtosis = fourth / n / (row.std * row.std * row.std * row.std) - 3.0


cdef inline void describe_values(
    const double* values, Py_ssize_t n, statistics_t* row
) noexcept nogil:
    """Fill all columns, for one value or more."""
    take_extremes(values, n, row)
    take_moments(values, n, row)
