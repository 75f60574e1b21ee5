# cython: cdivision=True
"""Pure C on one raw waveform."""

from libc.stdint cimport int16_t, int32_t, uint16_t


cdef inline uint16_t largest(const uint16_t* trace, Py_ssize_t n_samples) noexcept nogil:
    """Largest sample. No branch and no index, so that the compiler makes it eight lanes wide."""
    cdef uint16_t top = 0
    cdef Py_ssize_t i
    for i in range(n_samples):
        top = trace[i] if trace[i] > top else top
    return top


cdef inline Py_ssize_t first_index(
    const uint16_t* trace, Py_ssize_t n_samples, uint16_t sample
) noexcept nogil:
    """Index of the first sample of a value that is known to occur, in at most 32767 samples.

    It looks at all of them: leaving at the first costs a mispredicted branch for each pixel,
    which is dearer than forty comparisons eight lanes wide.
    """
    cdef int16_t left = 0  # samples from the match to the end
    cdef int16_t here
    cdef int32_t i
    for i in range(<int32_t>n_samples):
        here = <int16_t>(n_samples - i) if trace[i] == sample else <int16_t>0
        left = here if here > left else left
    return n_samples - left
