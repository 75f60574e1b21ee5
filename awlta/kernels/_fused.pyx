# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""From raw waveforms to image parameters, event by event: each waveform is touched once.

Method: `_extractors.pxd`, `_tailcuts.pxd` and `_description.pxd`, one after the other while the image
is at hand. Twin: the stages by themselves. Called by `fused.py`, which checks.
"""

from libc.stdint cimport int8_t, int16_t, int32_t, uint8_t, uint16_t

from awlta.kernels.images._description cimport camera_t, describe_one, parameters_t
from awlta.kernels.images._moments cimport light_t
from awlta.kernels.images._tailcuts cimport clean_one
from awlta.kernels.waveforms._extractors cimport (
    event_extraction, event_extractor, extract_event, take_raw,
)
from awlta.kernels.waveforms._pulses cimport readout
from awlta.kernels.waveforms._traces cimport how


def parametrise(
    const uint16_t[:, :, :, ::1] waveforms, const float[:, ::1] pedestal,
    const float[:, ::1] dc_to_pe, const uint8_t[:, :] unusable, bint choose, int32_t threshold,
    int instructions, const how[::1] h, const float[:, ::1] correction,
    const float[::1] picture, const float[::1] boundary, bint keep_isolated,
    int32_t min_picture_neighbors, const double[:, ::1] pixels, const uint8_t[::1] border,
    const int32_t[::1] indptr, const int32_t[::1] indices, uint8_t[::1] extractor_room,
    int32_t[:, ::1] room, double[:, ::1] wide_room, int16_t[::1] labels, int8_t[:, ::1] selected_gain,
    float[:, ::1] charge, float[:, ::1] peak_time, uint8_t[::1] is_valid,
    uint8_t[:, ::1] masks, parameters_t[::1] rows
):
    """Do all of it for every event.

    Gain, charge and time have a row for each event, or one that is used for all.
    `extractor_room`, as `extraction.room` makes it, `room` (2, n_pixels + 1), `wide_room` (3, n_pixels) and `labels` (n_pixels),
    which begins and ends as 0, are room to work in.
    """
    cdef Py_ssize_t n_pixels = waveforms.shape[2]
    cdef readout o = readout(
        waveforms.shape[1], n_pixels, waveforms.shape[3], &pedestal[0, 0], &dc_to_pe[0, 0],
        choose, threshold, 0, 0, 0.0
    )
    cdef const int32_t* neighbors = &indices[0] if indices.shape[0] else NULL
    cdef event_extractor way = event_extraction(
        &h[0], waveforms.shape[1], n_pixels, waveforms.shape[3], &indptr[0], neighbors,
        &pixels[0, 0], &correction[0, 0] if correction.shape[0] else NULL, instructions,
        &extractor_room[0]
    )
    cdef camera_t camera = camera_t(n_pixels, &pixels[0, 0], &border[0], &indptr[0], neighbors)
    cdef light_t light = light_t(
        0, &room[0, 0], &wide_room[0, 0], &wide_room[1, 0], &wide_room[2, 0]
    )
    cdef Py_ssize_t step = charge.shape[0] > 1
    cdef Py_ssize_t gain_step = selected_gain.shape[0] > 1
    cdef Py_ssize_t event, kept
    with nogil:
        take_raw(&way, o, instructions)
        for event in range(waveforms.shape[0]):
            kept = step * event
            is_valid[event] = extract_event(
                &way, &waveforms[event, 0, 0, 0], &unusable[event, 0],
                &selected_gain[gain_step * event, 0], &charge[kept, 0], &peak_time[kept, 0]
            )
            clean_one(
                &charge[kept, 0], &picture[0], &boundary[0], n_pixels, &indptr[0], neighbors,
                keep_isolated, min_picture_neighbors, &room[0, 0], &masks[event, 0]
            )
            describe_one(
                &camera, &charge[kept, 0], &masks[event, 0], &light, &room[1, 0], &labels[0],
                &rows[event]
            )
