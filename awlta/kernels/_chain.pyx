# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""From waveforms to image parameters, event by event, each step while the event is at hand.

Method: `_extractors.pxd`, `_interpolate.pxd`, `_cleaning.pxd` and `_description.pxd`, one after the
other. Twin: the stages by themselves. Called by `chain.py`, which checks.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
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


cdef uint8_t* address(array, Py_ssize_t n_bytes, bint is_written) except? NULL:
    """Where an array begins that has so many bytes side by side; its caller keeps it.

    Typed views would compare a type of a hundred words at each call, and tell nothing new: the
    caller has checked.
    """
    cdef Py_buffer found
    PyObject_GetBuffer(array, &found, PyBUF_WRITABLE if is_written else PyBUF_SIMPLE)
    cdef uint8_t* begin = <uint8_t*>found.buf
    cdef Py_ssize_t size = found.len
    PyBuffer_Release(&found)
    if size != n_bytes:
        raise ValueError(f"an array of {size} bytes; expected {n_bytes}")
    return begin


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
    cdef Py_ssize_t event_size  # bytes of the waveforms of one
    cdef bint is_raw
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
        self.is_raw = pedestal is not None
        self.event_size = n_pixels * n_samples * sizeof(float)
        if self.is_raw:
            self.event_size = n_gains * n_pixels * n_samples * sizeof(uint16_t)
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

    cdef inline bint extract(self, const uint8_t* samples, const images_t* e) noexcept nogil:
        """Find the pulses of one event; return `is_valid`."""
        if self.is_raw:
            return extract_event(
                &self.extractor, <const uint16_t*>samples, e.unusable, e.gain, e.charge,
                e.peak_time
            )
        return extract_traces(
            &self.extractor, <const float*>samples, e.unusable, e.gain, e.charge, e.peak_time
        )

    cdef inline void finish(self, const images_t* e) noexcept nogil:
        """Shift the times of one event, and fill its unusable pixels if asked to."""
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

    cdef inline void describe(
        self, const images_t* e, uint8_t* mask, parameters_t* row
    ) noexcept nogil:
        """Clean the image of one event, and describe what is left."""
        clean_event(&self.cleaning, e.charge, e.peak_time, mask)
        row[0] = self.without_light
        describe_one(&self.camera, e.charge, mask, e.peak_time, &self.place, row)

    def run(
        self, Py_ssize_t first, Py_ssize_t last, waveforms, unusable, gain, bint choose, charge,
        peak_time, is_valid, masks, rows
    ):
        """Do all of it for the events [first, last) of a batch.

        Arrays are of the whole batch. `unusable` may be None, for the pixels of the chain, or one
        row for all events; `gain`, and `charge` with `peak_time`, may be None for images that
        nobody wants. A chain that describes nothing leaves `masks` and `rows` alone.
        """
        cdef Py_ssize_t n_pixels = self.camera.n_pixels
        cdef Py_ssize_t n_events = len(waveforms)
        cdef Py_ssize_t n = n_events * n_pixels
        cdef images_t e
        cdef images_t batch = images_t(
            self.unusable, 0, self.gain, 0, self.charge, self.peak_time, 0
        )
        cdef const uint8_t* samples = address(waveforms, n_events * self.event_size, False)
        cdef uint8_t* valid = address(is_valid, n_events, True)
        cdef uint8_t* mask = NULL
        cdef parameters_t* row = NULL
        cdef Py_ssize_t event
        if unusable is not None:
            batch.unusable_step = n_pixels if unusable.ndim == 2 else 0
            batch.unusable = address(unusable, n if batch.unusable_step else n_pixels, False)
        if gain is not None:
            batch.gain = <int8_t*>address(gain, n, True)
            batch.gain_step = n_pixels
        if charge is not None:
            batch.charge = <float*>address(charge, n * sizeof(float), True)
            batch.peak_time = <float*>address(peak_time, n * sizeof(float), True)
            batch.step = n_pixels
        if self.describes:
            mask = address(masks, n, True)
            row = <parameters_t*>address(rows, n_events * sizeof(parameters_t), True)
        self.extractor.o.choose = choose
        self.extractor.local.o.choose = choose
        with nogil:
            for event in range(first, last):
                e = of_event(&batch, event)
                valid[event] = self.extract(samples + event * self.event_size, &e)
                self.finish(&e)
                if self.describes:
                    self.describe(&e, mask + event * n_pixels, row + event)
