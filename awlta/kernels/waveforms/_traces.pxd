"""What `_traces.h` has: extractors on the calibrated traces of one event."""

from libc.stdint cimport int8_t, int32_t, uint8_t, uint16_t, uint64_t

from awlta.kernels.waveforms._pulses cimport readout

cdef extern from "_traces.h" nogil:
    enum method:
        FIXED, LOCAL, NEIGHBOR, GLOBAL, SLIDING, TWO_PASS, FLASHCAM, VARIANCE

    int LANES

    struct how:
        int32_t method, width, shift, peak_index, local_weight, n_brightest
        int32_t baseline_start, baseline_end
        int32_t upsampling, leading_edge, second_pass, interpolate
        double sampling_rate, core_threshold, clipping, descend_limit
        double pole_zero, gain_loss, time_shift, edge_shift

    struct extraction:
        how how
        Py_ssize_t n_pixels, n_samples, stride
        const int32_t* indptr
        const int32_t* indices
        const float* correction
        Py_ssize_t n_gains
        int careful
        float* rows
        float* block
        double* sums
        uint64_t* order
        Py_ssize_t fine_stride
        float* fine
        float* bounds
        double* weights

    struct lanes:
        void (*load_raw)(
            const extraction* e, const readout* o, const uint16_t* raw, const uint8_t* unusable,
            int8_t* gain
        ) noexcept nogil
        int (*load_traces)(
            const extraction* e, const float* waveforms, const uint8_t* unusable
        ) noexcept nogil
        void (*find)(
            const extraction* e, const int8_t* gain, const uint8_t* unusable, float* charge,
            float* time
        ) noexcept nogil
        void (*again)(
            const extraction* e, const int8_t* gain, const int32_t* predicted,
            const uint8_t* keep, float* charge, float* time
        ) noexcept nogil

    const lanes* lanes_of(int set)
    Py_ssize_t rounded(Py_ssize_t n)
