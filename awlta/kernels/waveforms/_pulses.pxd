# cython: cdivision=True
"""Pure C on the waveforms of one event: the pulse of each pixel.

Method: local-peak window sum, the common first extractor of imaging Cherenkov telescopes; the
time is the mean sample of the window weighted by the positive samples. Twins:
`reference.extract` and `reference.extract_raw`.

Raw waveforms go eight pixels at a time through `_pulse.h`, by the best instructions that the
processor has; what does not fit in there goes pixel by pixel, to the same digits.
"""

from libc.math cimport INFINITY, fabsf
from libc.stdint cimport int8_t, int32_t, uint8_t, uint16_t

from awlta.kernels.waveforms._trace cimport first_index, largest

cdef extern from "_pulse.h" nogil:
    struct readout:
        Py_ssize_t n_gains, n_pixels, n_samples
        const float* pedestal
        const float* dc_to_pe
        int choose
        int32_t threshold
        int32_t width, shift
        float sampling_rate

    ctypedef void pulses_t(
        const readout* o, const uint16_t* raw, int8_t* gain, float* charge, float* time
    ) noexcept
    int LANES
    int WIDEST
    pulses_t* pulses_of(int instructions)

cdef struct window_t:
    Py_ssize_t width
    Py_ssize_t shift
    float sampling_rate

cdef struct pulse_t:
    float charge
    float peak_time


cdef inline Py_ssize_t first_maximum(const float* trace, Py_ssize_t n_samples) noexcept nogil:
    """Index of the first maximum; a NaN counts as the largest, as in NumPy."""
    cdef Py_ssize_t best = 0
    cdef Py_ssize_t i
    for i in range(n_samples):
        if trace[i] > trace[best]:
            best = i
        elif trace[i] != trace[i]:
            return i
    return best


cdef inline pulse_t integrate(
    const float* trace, Py_ssize_t start, Py_ssize_t end, Py_ssize_t peak, float sampling_rate
) noexcept nogil:
    """Sum samples [start, end) and take their mean time; without countable light it is the peak."""
    cdef double charge = 0.0
    cdef float weight = 0.0
    cdef float moment = 0.0
    cdef float light
    cdef Py_ssize_t i
    cdef pulse_t pulse
    for i in range(start, end):
        light = trace[i] if trace[i] > 0.0 else <float>0.0
        charge += trace[i]
        weight += light
        moment += light * <float>i
    pulse.charge = <float>charge
    if 0.0 < weight < INFINITY and pulse.charge - pulse.charge == 0.0:  # finite
        pulse.peak_time = moment / weight / sampling_rate
    else:
        pulse.peak_time = <float>peak / sampling_rate
    return pulse


cdef inline pulse_t pulse_at(
    const float* trace, Py_ssize_t n_samples, Py_ssize_t peak, window_t window
) noexcept nogil:
    """Pulse of the window around a peak, cut at both ends of the waveform."""
    cdef pulse_t pulse
    if n_samples == 1:
        pulse.charge = trace[0]
        pulse.peak_time = 0.0
        return pulse
    cdef Py_ssize_t start = max(0, peak - window.shift)
    cdef Py_ssize_t end = min(n_samples, peak - window.shift + window.width)
    return integrate(trace, start, end, peak, window.sampling_rate)


cdef inline void calibrate(
    const uint16_t* raw, Py_ssize_t start, Py_ssize_t end, float pedestal, float dc_to_pe,
    float* trace
) noexcept nogil:
    """Raw counts to p.e. per sample, in float32."""
    cdef Py_ssize_t i
    for i in range(start, end):
        trace[i] = (<float>raw[i] - pedestal) * dc_to_pe


cdef inline bint keeps_order(float pedestal, float dc_to_pe) noexcept nogil:
    """Whether two different counts can never calibrate to the same or exchanged values.

    Below 2**20 counts float32 tells neighbouring counts apart, before and after the factor.
    Then the peak of the raw waveform is the peak of the calibrated one.
    """
    return fabsf(pedestal) < 1048576.0 and 1e-30 < dc_to_pe < 1e30


cdef inline pulse_t raw_pulse(
    const uint16_t* raw, Py_ssize_t n_samples, uint16_t top, float pedestal, float dc_to_pe,
    window_t window, float* trace
) noexcept nogil:
    """Pulse of one raw waveform with largest count `top`; `trace` is room to calibrate in."""
    cdef Py_ssize_t peak
    if n_samples > 1 and keeps_order(pedestal, dc_to_pe):
        peak = first_index(raw, n_samples, top)
        calibrate(
            raw, max(0, peak - window.shift), min(n_samples, peak - window.shift + window.width),
            pedestal, dc_to_pe, trace,
        )
    else:
        calibrate(raw, 0, n_samples, pedestal, dc_to_pe, trace)
        peak = first_maximum(trace, n_samples)
    return pulse_at(trace, n_samples, peak, window)


cdef inline void one_pixel(
    const readout* o, const uint16_t* raw, Py_ssize_t pixel, int8_t* gain, float* trace,
    float* charge, float* peak_time
) noexcept nogil:
    """Choose the gain of one pixel unless it is given, and find its pulse."""
    cdef Py_ssize_t k = pixel + (0 if o.choose else gain[pixel]) * o.n_pixels
    cdef uint16_t top = largest(raw + k * o.n_samples, o.n_samples)
    cdef pulse_t pulse
    if o.choose:
        gain[pixel] = top > o.threshold
        if gain[pixel]:
            k += o.n_pixels
            top = largest(raw + k * o.n_samples, o.n_samples)
    pulse = raw_pulse(
        raw + k * o.n_samples, o.n_samples, top, o.pedestal[k], o.dc_to_pe[k],
        window_t(o.width, o.shift, o.sampling_rate), trace
    )
    charge[pixel] = pulse.charge
    peak_time[pixel] = pulse.peak_time


cdef inline bint fits_lanes(const readout* o) noexcept nogil:
    """Whether eight pixels can go together: enough of them, and enough samples for a register."""
    return (
        o.n_pixels >= LANES and o.n_samples >= WIDEST
        and o.width <= 2 * o.n_samples and -o.n_samples <= o.shift <= 2 * o.n_samples
    )


cdef inline bint all_keep_order(const readout* o) noexcept nogil:
    """Whether that holds of every pixel and gain."""
    cdef Py_ssize_t k
    for k in range(o.n_gains * o.n_pixels):
        if not keeps_order(o.pedestal[k], o.dc_to_pe[k]):
            return False
    return True


cdef struct extractor_t:
    # How the pulses of the events of a batch are found; `trace` is room for one waveform.
    readout o
    pulses_t* pulses
    bint together
    bint are_usual
    float* trace


cdef inline extractor_t extractor(readout o, int instructions, float* trace) noexcept nogil:
    """Choose the way for a batch."""
    cdef extractor_t way
    way.o = o
    way.pulses = pulses_of(instructions)
    way.together = way.pulses is not NULL and fits_lanes(&o)
    way.are_usual = way.together and all_keep_order(&o)
    way.trace = trace
    return way


cdef inline void event_pulses(
    const extractor_t* way, const uint16_t* raw, const uint8_t* unusable, int8_t* gain,
    float* charge, float* peak_time
) noexcept nogil:
    """Choose the gain unless it is given, calibrate and integrate, one look at each waveform."""
    cdef Py_ssize_t pixel, k
    if way.together:
        way.pulses(&way.o, raw, gain, charge, peak_time)
    for pixel in range(0 if way.are_usual else way.o.n_pixels):
        k = pixel + gain[pixel] * way.o.n_pixels
        if not (way.together and keeps_order(way.o.pedestal[k], way.o.dc_to_pe[k])):
            one_pixel(&way.o, raw, pixel, gain, way.trace, charge, peak_time)
    for pixel in range(way.o.n_pixels):
        if unusable[pixel]:
            charge[pixel] = 0.0
            peak_time[pixel] = 0.0
