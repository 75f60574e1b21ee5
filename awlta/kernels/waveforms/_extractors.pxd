# cython: cdivision=True
"""Pure C on one event: charge and time of its pixels by any extractor, from raw or calibrated
waveforms.

Methods: `_peaks_lanes.h`; of two passes `_two_pass.pxd`. The local peak of raw waveforms goes its
own, faster way (`_pulses.pxd`), since it needs no calibrated trace. Twin: `reference.extract`.
"""

from libc.math cimport fabsf
from libc.stdint cimport int8_t, int32_t, uint8_t, uint16_t, uint64_t, uintptr_t
from libc.string cimport memset

from awlta.kernels.waveforms._pulses cimport (
    event_pulses, extractor, extractor_t, readout,
)
from awlta.kernels.waveforms._traces cimport (
    FLASHCAM, LANES, LOCAL, TWO_PASS, extraction, how, lanes, lanes_of, rounded,
)
from awlta.kernels.waveforms._two_pass cimport second_pass, two_pass_bytes, two_pass_t, two_passes

cdef struct event_extractor:
    # How the events of a batch are extracted, and where.
    extraction e
    const lanes* lanes
    readout o
    extractor_t local  # for raw waveforms
    two_pass_t two


cdef inline size_t room_bytes(
    const how* h, Py_ssize_t n_pixels, Py_ssize_t n_samples
) noexcept nogil:
    """Bytes of the room that an extractor works in; it must begin as 0."""
    cdef size_t stride = rounded(n_samples)
    cdef size_t n_rows = rounded(n_pixels)
    cdef size_t n_fine = h.upsampling if h.method == FLASHCAM else 0
    cdef size_t fine_stride = rounded(n_fine * n_samples + LANES)
    cdef size_t size = 64 + 4 * stride * n_rows + 8 * LANES * stride + 8 * n_rows
    if h.method == FLASHCAM:
        size += 8 * (fine_stride + stride) + 24 * 64 + 4 * (fine_stride + 2) * n_pixels
    if h.method == TWO_PASS:
        size += two_pass_bytes(n_pixels)
    return size


cdef inline event_extractor event_extraction(
    const how* h, Py_ssize_t n_gains, Py_ssize_t n_pixels, Py_ssize_t n_samples,
    const int32_t* indptr, const int32_t* indices, const double* pixels, const float* correction,
    int instructions, uint8_t* room
) noexcept nogil:
    """Prepare for a batch of calibrated waveforms.

    `indptr` and `indices` are the neighbours, `pixels` the rows of `CameraGeometry.pixels`, both
    NULL for an extractor that needs none. `room` has `room_bytes` bytes.
    """
    cdef event_extractor way
    cdef Py_ssize_t n_rows = rounded(n_pixels)
    cdef uint8_t* aligned = <uint8_t*>((<uintptr_t>room + 63) & ~<uintptr_t>63)
    memset(&way, 0, sizeof(way))
    way.lanes = lanes_of(instructions)
    way.e.how = h[0]
    way.e.n_gains = n_gains
    way.e.n_pixels = n_pixels
    way.e.n_samples = n_samples
    way.e.stride = rounded(n_samples)
    way.e.indptr = indptr
    way.e.indices = indices
    way.e.correction = correction
    way.e.careful = True
    way.e.rows = <float*>aligned
    way.e.block = way.e.rows + n_rows * way.e.stride
    way.e.sums = <double*>way.e.block
    way.e.order = <uint64_t*>(way.e.sums + LANES * way.e.stride)
    if h.method == FLASHCAM:
        way.e.fine_stride = rounded(h.upsampling * n_samples + LANES)
        way.e.weights = <double*>way.e.order
        way.e.sums = way.e.weights + 3 * 64
        way.e.block = <float*>way.e.sums
        way.e.fine = <float*>(way.e.sums + way.e.fine_stride + way.e.stride)
        way.e.bounds = way.e.fine + n_pixels * way.e.fine_stride
    if h.method == TWO_PASS:
        way.two = two_passes(h, n_pixels, pixels, <uint8_t*>(way.e.order + n_rows))
    return way


cdef inline bint are_tame(const readout* o) noexcept nogil:
    """Whether no sum of a few calibrated counts can be NaN or infinite."""
    cdef Py_ssize_t k
    for k in range(o.n_gains * o.n_pixels):
        if not (fabsf(o.pedestal[k]) < 1e12 and fabsf(o.dc_to_pe[k]) < 1e12):
            return False
    return True


cdef inline void take_raw(event_extractor* way, readout o, int instructions) noexcept nogil:
    """Prepare for raw waveforms of this readout; window and rate are those of the extractor."""
    way.o = o
    way.o.width = way.e.how.width
    way.o.shift = way.e.how.shift
    way.o.sampling_rate = <float>way.e.how.sampling_rate
    way.local = extractor(way.o, instructions, way.e.rows)
    way.e.careful = not are_tame(&o)


cdef inline void correct(
    const event_extractor* way, const int8_t* gain, float* charge
) noexcept nogil:
    """Multiply charges by the correction of their gain."""
    cdef Py_ssize_t pixel
    if way.e.correction is not NULL and way.e.n_samples > 1:
        for pixel in range(way.e.n_pixels):
            charge[pixel] *= way.e.correction[gain[pixel]]


cdef inline bint extract_loaded(
    event_extractor* way, const uint8_t* unusable, const int8_t* gain, float* charge,
    float* peak_time
) noexcept nogil:
    """Extract the event whose traces are in the room."""
    cdef bint is_valid = True
    cdef Py_ssize_t pixel
    way.lanes.find(&way.e, gain, unusable, charge, peak_time)
    if way.e.how.method == TWO_PASS and way.e.how.second_pass and way.e.n_samples > 1:
        is_valid = second_pass(&way.e, way.lanes, &way.two, unusable, gain, charge, peak_time)
    for pixel in range(way.e.n_pixels):
        if unusable[pixel]:
            charge[pixel] = 0.0
            peak_time[pixel] = 0.0
    return is_valid


cdef inline bint extract_event(
    event_extractor* way, const uint16_t* raw, const uint8_t* unusable, int8_t* gain,
    float* charge, float* peak_time
) noexcept nogil:
    """Choose gains unless they are given, calibrate, find charges and times; return `is_valid`."""
    if way.e.how.method == LOCAL:
        event_pulses(&way.local, raw, unusable, gain, charge, peak_time)
        correct(way, gain, charge)
        return True
    way.lanes.load_raw(&way.e, &way.o, raw, unusable, gain)
    return extract_loaded(way, unusable, gain, charge, peak_time)


cdef inline bint extract_traces(
    event_extractor* way, const float* waveforms, const uint8_t* unusable, const int8_t* gain,
    float* charge, float* peak_time
) noexcept nogil:
    """Find charges and times of calibrated waveforms; the gains say which correction applies."""
    way.e.careful = way.lanes.load_traces(&way.e, waveforms, unusable)
    return extract_loaded(way, unusable, gain, charge, peak_time)
