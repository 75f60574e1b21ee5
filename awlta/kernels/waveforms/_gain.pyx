# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Choice of the gain channel from the raw high-gain samples.

Method: a channel close to saturation is given up, low gain wherever a raw high-gain sample
exceeds the threshold. Twin: `reference.select_gain`. Called by `gain.py`, which checks.
"""

from libc.stdint cimport int8_t, int32_t, uint16_t

from awlta.kernels.waveforms._trace cimport largest


def select(
    const uint16_t[:, :, :, ::1] waveforms, int32_t threshold, int8_t[:, ::1] selected_gain
):
    """Write 1 where the high gain exceeds the threshold, else 0; the low gain is not read."""
    cdef Py_ssize_t n_events = waveforms.shape[0]
    cdef Py_ssize_t n_pixels = waveforms.shape[2]
    cdef Py_ssize_t n_samples = waveforms.shape[3]
    cdef Py_ssize_t event, pixel
    with nogil:
        for event in range(n_events):
            for pixel in range(n_pixels):
                selected_gain[event, pixel] = (
                    largest(&waveforms[event, 0, pixel, 0], n_samples) > threshold
                )
