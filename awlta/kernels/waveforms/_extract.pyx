# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Charge and time of the pulse in each waveform.

Method: `_extractors.pxd`. Called by `extraction.py`, which checks.
"""

from libc.stdint cimport int8_t, int32_t, uint8_t, uint16_t

from awlta.kernels.waveforms._extractors cimport (
    event_extraction, event_extractor, extract_event, extract_traces, room_bytes, take_raw,
)
from awlta.kernels.waveforms._pulses cimport readout
from awlta.kernels.waveforms._traces cimport how


def room(const how[::1] h, Py_ssize_t n_pixels, Py_ssize_t n_samples):
    """Count the bytes of the room that an extractor works in."""
    return room_bytes(&h[0], n_pixels, n_samples)


def extract_raw(
    const uint16_t[:, :, :, ::1] waveforms, const float[:, ::1] pedestal,
    const float[:, ::1] dc_to_pe, const uint8_t[:, :] unusable, bint choose, int32_t threshold,
    int instructions, const how[::1] h, const float[:, ::1] correction,
    const int32_t[::1] indptr, const int32_t[::1] indices, const double[:, ::1] pixels,
    uint8_t[::1] room, int8_t[:, ::1] selected_gain, float[:, ::1] charge,
    float[:, ::1] peak_time, uint8_t[::1] is_valid
):
    """Find the pulses of raw events; the pixels of an event of `unusable` lie side by side.

    `correction`, neighbours and `pixels` may be empty where the extractor needs none.
    """
    cdef event_extractor way = event_extraction(
        &h[0], waveforms.shape[1], waveforms.shape[2], waveforms.shape[3],
        &indptr[0] if indptr.shape[0] else NULL, &indices[0] if indices.shape[0] else NULL,
        &pixels[0, 0] if pixels.shape[0] else NULL,
        &correction[0, 0] if correction.shape[0] else NULL, instructions, &room[0]
    )
    cdef readout o = readout(
        waveforms.shape[1], waveforms.shape[2], waveforms.shape[3], &pedestal[0, 0],
        &dc_to_pe[0, 0], choose, threshold, 0, 0, 0.0
    )
    cdef Py_ssize_t event
    with nogil:
        take_raw(&way, o, instructions)
        for event in range(waveforms.shape[0]):
            is_valid[event] = extract_event(
                &way, &waveforms[event, 0, 0, 0], &unusable[event, 0], &selected_gain[event, 0],
                &charge[event, 0], &peak_time[event, 0]
            )


def extract(
    const float[:, :, ::1] waveforms, const uint8_t[:, :] unusable, int instructions,
    const how[::1] h, const float[:, ::1] correction, const int32_t[::1] indptr,
    const int32_t[::1] indices, const double[:, ::1] pixels, uint8_t[::1] room,
    const int8_t[:, ::1] selected_gain, float[:, ::1] charge, float[:, ::1] peak_time,
    uint8_t[::1] is_valid
):
    """Find the pulses of waveforms that are already in p.e. per sample."""
    cdef event_extractor way = event_extraction(
        &h[0], correction.shape[1], waveforms.shape[1], waveforms.shape[2],
        &indptr[0] if indptr.shape[0] else NULL, &indices[0] if indices.shape[0] else NULL,
        &pixels[0, 0] if pixels.shape[0] else NULL,
        &correction[0, 0] if correction.shape[0] else NULL, instructions, &room[0]
    )
    cdef Py_ssize_t event
    with nogil:
        for event in range(waveforms.shape[0]):
            is_valid[event] = extract_traces(
                &way, &waveforms[event, 0, 0], &unusable[event, 0], &selected_gain[event, 0],
                &charge[event, 0], &peak_time[event, 0]
            )
