# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Whole-sample shifts of waveforms, a row of samples for each event, gain and pixel.

Method: `_shift.pxd`. Called by `time_shift.py`, which checks.
"""

from libc.stdint cimport int16_t, uint16_t

from awlta.kernels.waveforms._shift cimport shift_trace


def shift_raw(
    const uint16_t[:, :, ::1] waveforms, const int16_t[:, :] samples, uint16_t[:, :, ::1] shifted
):
    """Shift raw counts, events by rows by samples; `samples` are those of each event and row."""
    cdef Py_ssize_t event, row
    with nogil:
        for event in range(waveforms.shape[0]):
            for row in range(waveforms.shape[1]):
                shift_trace(
                    &waveforms[event, row, 0], waveforms.shape[2], samples[event, row],
                    &shifted[event, row, 0]
                )


def shift_calibrated(
    const float[:, :, ::1] waveforms, const int16_t[:, :] samples, float[:, :, ::1] shifted
):
    """Shift waveforms in p.e. per sample."""
    cdef Py_ssize_t event, row
    with nogil:
        for event in range(waveforms.shape[0]):
            for row in range(waveforms.shape[1]):
                shift_trace(
                    &waveforms[event, row, 0], waveforms.shape[2], samples[event, row],
                    &shifted[event, row, 0]
                )
