# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""From waveforms to image parameters, event by event, each step while the event is at hand.

Method: `_extractors.pxd`, `_interpolate.pxd`, `_cleaning.pxd` and `_description.pxd`, one after the
other. Twin: the stages by themselves. Called by `chain.py`, which checks.
"""

from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int8_t, int16_t, int32_t, uint8_t, uint16_t
from libc.stdlib cimport calloc, free

from awlta.kernels.images._cleaning cimport clean_event, cleaning_of, cleaning_t, rules_t
from awlta.kernels.images._description cimport (
    WIDE_ROOM, camera_t, describe_one, parameters_t, room_for, room_t,
)
from awlta.kernels.images._interpolate cimport interpolate_one
from awlta.kernels.waveforms._extractors cimport (
    event_extraction, event_extractor, extract_event, extract_traces, room_bytes, take_raw,
)
from awlta.kernels.waveforms._pulses cimport readout
from awlta.kernels.waveforms._traces cimport how

ROW_SIZE = sizeof(parameters_t)


cdef uint8_t* cut(uint8_t** rest, size_t n_bytes) noexcept nogil:
    """Cut a piece off a block of room; pieces begin on a cache line."""
    cdef uint8_t* piece = rest[0]
    rest[0] += (n_bytes + 63) & ~<size_t>63
    return piece


cdef struct images_t:
    # Where the pixels of the events of a batch are, and how far apart those of two events.
    const uint8_t* unusable
    Py_ssize_t unusable_step
    int8_t* gain
    Py_ssize_t gain_step
    float* charge
    float* peak_time
    Py_ssize_t step


cdef inline images_t of_event(const images_t* batch, Py_ssize_t event) noexcept nogil:
    """Where the pixels of one event are."""
    cdef images_t one = batch[0]
    one.unusable += event * batch.unusable_step
    one.gain += event * batch.gain_step
    one.charge += event * batch.step
    one.peak_time += event * batch.step
    return one


cdef class Worker:
    """A chain as compiled code takes it, and the room that one thread works in."""

    cdef event_extractor extractor
    cdef cleaning_t cleaning
    cdef camera_t camera
    cdef room_t place
    cdef parameters_t without_light
    cdef const float* time_shift  # (n_gains, n_pixels) or NULL
    cdef const uint8_t* unusable
    cdef bint interpolates
    cdef bint describes
    cdef int32_t* bad
    cdef float* charge  # of an event whose image nobody wants
    cdef float* peak_time
    cdef int8_t* gain
    cdef uint8_t* block
    cdef tuple kept  # arrays whose addresses are kept

    def __init__(
        self, Py_ssize_t n_gains, Py_ssize_t n_samples, const float[:, ::1] pedestal,
        const float[:, ::1] dc_to_pe, int32_t threshold, int instructions, const how[::1] h,
        const float[:, ::1] correction, const float[:, ::1] time_shift,
        const uint8_t[::1] unusable, bint interpolates, bint describes,
        const float[::1] picture, const float[::1] boundary,
        const rules_t[::1] rules, const double[:, ::1] pixels, const uint8_t[::1] border,
        const int32_t[::1] indptr, const int32_t[::1] indices,
        const parameters_t[::1] without_light
    ):
        """Prepare; `pedestal`, `dc_to_pe` and `time_shift` may be None."""
        cdef Py_ssize_t n_pixels = pixels.shape[1]
        cdef size_t row = <size_t>(n_pixels + 1)
        cdef size_t for_traces = room_bytes(&h[0], n_pixels, n_samples)
        cdef size_t n_bytes = for_traces + row * (
            6 * sizeof(int32_t) + (1 + WIDE_ROOM) * sizeof(double) + 4 * sizeof(float)
            + 2 * sizeof(int16_t) + 1
        ) + 16 * 64
        cdef const int32_t* neighbors = &indices[0] if indices.shape[0] else NULL
        self.kept = (
            pedestal, dc_to_pe, correction, time_shift, unusable, picture, boundary, rules, pixels,
            border, indptr, indices,
        )
        self.block = <uint8_t*>calloc(1, n_bytes)
        if self.block is NULL:
            raise MemoryError
        cdef uint8_t* rest = self.block
        self.extractor = event_extraction(
            &h[0], n_gains, n_pixels, n_samples, &indptr[0], neighbors, &pixels[0, 0],
            &correction[0, 0] if correction.shape[0] else NULL, instructions, cut(&rest, for_traces)
        )
        if pedestal is not None:
            take_raw(
                &self.extractor,
                readout(
                    n_gains, n_pixels, n_samples, &pedestal[0, 0], &dc_to_pe[0, 0], 0, threshold,
                    0, 0, 0.0
                ),
                instructions,
            )
        self.camera = camera_t(n_pixels, &pixels[0, 0], &border[0], &indptr[0], neighbors)
        self.cleaning = cleaning_of(
            &rules[0], &picture[0], &boundary[0], n_pixels, &indptr[0], neighbors,
            <int32_t*>cut(&rest, 3 * row * sizeof(int32_t)),
            <float*>cut(&rest, 2 * row * sizeof(float)),
            <double*>cut(&rest, row * sizeof(double)),
            <int16_t*>cut(&rest, row * sizeof(int16_t)),
        )
        self.place = room_for(
            n_pixels,
            <int32_t*>cut(&rest, 2 * row * sizeof(int32_t)),
            <double*>cut(&rest, WIDE_ROOM * row * sizeof(double)),
            <int16_t*>cut(&rest, row * sizeof(int16_t)),
        )
        self.charge = <float*>cut(&rest, row * sizeof(float))
        self.peak_time = <float*>cut(&rest, row * sizeof(float))
        self.gain = <int8_t*>cut(&rest, row)
        self.bad = <int32_t*>cut(&rest, row * sizeof(int32_t))
        self.interpolates = interpolates
        self.describes = describes
        self.without_light = without_light[0]
        self.time_shift = &time_shift[0, 0] if time_shift is not None else NULL
        self.unusable = &unusable[0]

    def __dealloc__(self):
        free(self.block)

    cdef images_t images(
        self, const uint8_t[:, :] unusable, int8_t[:, ::1] gain, float[:, ::1] charge,
        float[:, ::1] peak_time
    ):
        """Say where pixels are written: in arrays of the caller, or in room of its own."""
        cdef images_t found = images_t(
            self.unusable, 0, self.gain, 0, self.charge, self.peak_time, 0
        )
        if unusable is not None and unusable.shape[0]:
            found.unusable = &unusable[0, 0]
            found.unusable_step = unusable.strides[0]
        if gain.shape[0]:
            found.gain = &gain[0, 0]
            found.gain_step = self.camera.n_pixels
        if charge.shape[0]:
            found.charge = &charge[0, 0]
            found.peak_time = &peak_time[0, 0]
            found.step = self.camera.n_pixels
        return found

    cdef inline void finish(
        self, const images_t* e, uint8_t* mask, parameters_t* row
    ) noexcept nogil:
        """Go on from the pulses of one event."""
        cdef Py_ssize_t pixel
        cdef Py_ssize_t n_pixels = self.camera.n_pixels
        if self.time_shift is not NULL:
            for pixel in range(n_pixels):
                if not e.unusable[pixel]:
                    e.peak_time[pixel] -= self.time_shift[e.gain[pixel] * n_pixels + pixel]
        if self.interpolates:
            interpolate_one(
                e.unusable, n_pixels, self.camera.indptr, self.camera.indices, self.bad, e.charge,
                e.peak_time
            )
        if not self.describes:
            return
        clean_event(&self.cleaning, e.charge, e.peak_time, mask)
        row[0] = self.without_light
        describe_one(&self.camera, e.charge, mask, e.peak_time, &self.place, row)

    def run_raw(
        self, const uint16_t[:, :, :, ::1] raw, const uint8_t[:, :] unusable,
        int8_t[:, ::1] gain, bint choose, float[:, ::1] charge, float[:, ::1] peak_time,
        uint8_t[::1] is_valid, uint8_t[:, ::1] masks, rows
    ):
        """Do all of it for every event.

        `unusable` may be None, for the pixels of the chain. Gain, and charge with time, have a
        row for each event, or none. `rows` is an array of `parameters_t`, as long; it and `masks`
        are empty for a chain that describes nothing.
        """
        cdef Py_ssize_t event
        cdef images_t e
        cdef images_t batch = self.images(unusable, gain, charge, peak_time)
        cdef Py_buffer found
        self.extractor.o.choose = choose
        self.extractor.local.o.choose = choose
        # the type of the rows has a hundred words, which a memoryview would compare at each call
        PyObject_GetBuffer(rows, &found, PyBUF_WRITABLE)
        try:
            with nogil:
                for event in range(raw.shape[0]):
                    e = of_event(&batch, event)
                    is_valid[event] = extract_event(
                        &self.extractor, &raw[event, 0, 0, 0], e.unusable, e.gain, e.charge,
                        e.peak_time
                    )
                    self.finish(
                        &e, &masks[event, 0] if self.describes else NULL,
                        <parameters_t*>found.buf + event
                    )
        finally:
            PyBuffer_Release(&found)

    def run_calibrated(
        self, const float[:, :, ::1] traces, const uint8_t[:, :] unusable, int8_t[:, ::1] gain,
        bint choose, float[:, ::1] charge, float[:, ::1] peak_time, uint8_t[::1] is_valid,
        uint8_t[:, ::1] masks, rows
    ):
        """Do it from waveforms in p.e. per sample; arguments as in `run_raw`."""
        cdef Py_ssize_t event
        cdef images_t e
        cdef images_t batch = self.images(unusable, gain, charge, peak_time)
        cdef Py_buffer found
        PyObject_GetBuffer(rows, &found, PyBUF_WRITABLE)
        try:
            with nogil:
                for event in range(traces.shape[0]):
                    e = of_event(&batch, event)
                    is_valid[event] = extract_traces(
                        &self.extractor, &traces[event, 0, 0], e.unusable, e.gain, e.charge,
                        e.peak_time
                    )
                    self.finish(
                        &e, &masks[event, 0] if self.describes else NULL,
                        <parameters_t*>found.buf + event
                    )
        finally:
            PyBuffer_Release(&found)
