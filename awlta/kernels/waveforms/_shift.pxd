# cython: cdivision=True
"""Pure C on one waveform: move it by whole samples.

Method: sample i of what comes out is sample i + by of what goes in, the first or the last sample
where there is none. Twin: `reference.shift_waveforms`.
"""

from libc.stdint cimport int32_t, uint16_t
from libc.string cimport memcpy

ctypedef fused sample_t:
    float
    uint16_t


cdef inline void shift_trace(
    const sample_t* trace, Py_ssize_t n_samples, int32_t by, sample_t* shifted
) noexcept nogil:
    """Move one waveform to the left by `by` samples, into a place of its own."""
    # Beyond the length of the waveform only the sample at its edge is left, as at the length.
    cdef Py_ssize_t step = min(max(<Py_ssize_t>by, -n_samples), n_samples)
    cdef Py_ssize_t start = max(0, -step)  # of what comes from within the waveform
    cdef Py_ssize_t end = n_samples - max(0, step)
    cdef Py_ssize_t i
    for i in range(start):
        shifted[i] = trace[0]
    if end > start:
        memcpy(shifted + start, trace + start + step, (end - start) * sizeof(sample_t))
    for i in range(end, n_samples):
        shifted[i] = trace[n_samples - 1]
