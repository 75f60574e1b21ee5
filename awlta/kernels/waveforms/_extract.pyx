# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Charge and time of the pulse in each waveform, by a window around the pixel's own peak.

Method: `_pulses.pxd`. Called by `waveforms.py`, which checks.
"""

from libc.stdint cimport int8_t, int32_t, uint8_t, uint16_t

from awlta.kernels.waveforms._pulses cimport (
    event_pulses, extractor, extractor_t, first_maximum, pulse_at, pulse_t, readout,
    window_t,
)


def extract_raw(
    const uint16_t[:, :, :, ::1] waveforms, const float[:, ::1] pedestal,
    const float[:, ::1] dc_to_pe, const uint8_t[:, :] unusable, bint choose, int32_t threshold,
    Py_ssize_t width, Py_ssize_t shift, double sampling_rate, int instructions, float[::1] trace,
    int8_t[:, ::1] selected_gain, float[:, ::1] charge, float[:, ::1] peak_time
):
    """Find the pulses of raw events; the pixels of an event of `unusable` lie side by side."""
    cdef readout o = readout(
        waveforms.shape[1], waveforms.shape[2], waveforms.shape[3], &pedestal[0, 0],
        &dc_to_pe[0, 0], choose, threshold, <int32_t>width, <int32_t>shift, <float>sampling_rate
    )
    cdef extractor_t way = extractor(o, instructions, &trace[0])
    cdef Py_ssize_t event
    with nogil:
        for event in range(waveforms.shape[0]):
            event_pulses(
                &way, &waveforms[event, 0, 0, 0], &unusable[event, 0], &selected_gain[event, 0],
                &charge[event, 0], &peak_time[event, 0]
            )


def extract(
    const float[:, :, ::1] waveforms, const uint8_t[:, :] unusable, Py_ssize_t width,
    Py_ssize_t shift, double sampling_rate, float[:, ::1] charge, float[:, ::1] peak_time
):
    """Integrate waveforms that are already in p.e. per sample."""
    cdef Py_ssize_t n_samples = waveforms.shape[2]
    cdef window_t window = window_t(width, shift, <float>sampling_rate)
    cdef Py_ssize_t event, pixel
    cdef const float* trace
    cdef pulse_t pulse
    with nogil:
        for event in range(waveforms.shape[0]):
            for pixel in range(waveforms.shape[1]):
                if unusable[event, pixel]:
                    charge[event, pixel] = 0.0
                    peak_time[event, pixel] = 0.0
                    continue
                trace = &waveforms[event, pixel, 0]
                pulse = pulse_at(trace, n_samples, first_maximum(trace, n_samples), window)
                charge[event, pixel] = pulse.charge
                peak_time[event, pixel] = pulse.peak_time
