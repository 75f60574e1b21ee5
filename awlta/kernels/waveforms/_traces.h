/* Pulses of calibrated waveforms, eight pixels side by side, compiled once for each set of
 * instructions, the baseline included.
 *
 * The traces of one event lie in room of their own, in rows of float32 that end on a full register:
 * what stands behind the last sample, in pixels that are not usable and behind the last pixel is 0.
 * Each lane does for its pixel what the twins in plain NumPy do, in the same order, so the digits
 * do not depend on the processor. Contraction must stay off (flags.py).
 */

#ifndef AWLTA_TRACES_H
#define AWLTA_TRACES_H

#include "_pulse.h"

/* All that takes vectors is inlined: it does not matter how the baseline would pass them. The
 * compiler warns at the end of the file, where nothing must have switched it on again. */
#pragma GCC diagnostic ignored "-Wpsabi"

typedef float v4sf __attribute__((vector_size(16)));
typedef double v4df __attribute__((vector_size(32)));
typedef int64_t v4di __attribute__((vector_size(32)));
/* eight numbers anywhere in memory */
typedef float v8sf_any __attribute__((vector_size(32), aligned(4), may_alias));
typedef double v4df_any __attribute__((vector_size(32), aligned(8), may_alias));

enum method { FIXED, LOCAL, NEIGHBOR, GLOBAL, SLIDING, TWO_PASS, FLASHCAM, VARIANCE };

/* An extractor and the readout it is for, as `extractors.HOW` has it. */
struct how {
    int32_t method, width, shift, peak_index, local_weight, n_brightest;
    int32_t baseline_start, baseline_end; /* samples that are averaged; none if equal */
    int32_t upsampling, leading_edge, second_pass, interpolate;
    double sampling_rate, core_threshold, clipping, descend_limit;
    double pole_zero, gain_loss, time_shift, edge_shift;
};

/* What is the same for all events of a batch, and room to work in. */
struct extraction {
    struct how how;
    ptrdiff_t n_pixels, n_samples, stride; /* of a row, floats */
    const int32_t *indptr, *indices;       /* neighbours; NULL where none are needed */
    const float *correction;               /* of each gain, or NULL; three rows for two passes */
    ptrdiff_t n_gains;
    int careful; /* a sample may be NaN or so large that sums overflow */
    float *rows, *block; /* traces of all pixels, and of eight */
    double *sums;        /* eight for each sample; may be where `block` is */
    uint64_t *order;
    ptrdiff_t fine_stride;           /* of a row of fine samples, floats */
    float *fine, *bounds;            /* fine samples of all pixels, and how wrong they may be */
    double *weights;                 /* rows for the sample before, the own and the next one */
};

/* The functions of one set of instructions. */
struct lanes {
    void (*load_raw)(
        const struct extraction *e, const struct readout *readout, const uint16_t *raw,
        const uint8_t *unusable, int8_t *gain);
    int (*load_traces)( /* whether to be careful */
        const struct extraction *e, const float *waveforms, const uint8_t *unusable);
    void (*find)(
        const struct extraction *e, const int8_t *gain, const uint8_t *unusable, float *charge,
        float *time);
    void (*again)(
        const struct extraction *e, const int8_t *gain, const int32_t *predicted,
        const uint8_t *keep, float *charge, float *time);
};

static inline ptrdiff_t rounded(ptrdiff_t n) { return (n + LANES - 1) / LANES * LANES; }

static inline ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

/* Index of the first maximum of a row; a NaN counts as the largest. */
static inline int32_t first_of(const float *row, ptrdiff_t n)
{
    int32_t best = 0;
    for (ptrdiff_t i = 0; i < n && row[best] == row[best]; i++)
        if (!(row[i] <= row[best]))
            best = (int32_t)i;
    return best;
}

/* A number that orders pixels: first by their largest sample, NaN on top, then by their place. */
static inline uint64_t rank(const struct extraction *e, ptrdiff_t pixel)
{
    const float *row = e->rows + pixel * e->stride;
    const float top = row[first_of(row, e->n_samples)] + 0.0f; /* there is one zero only */
    int32_t bits;
    memcpy(&bits, &top, sizeof bits);
    const uint32_t key = (uint32_t)bits ^ (bits < 0 ? 0xffffffffu : 0x80000000u);
    return (uint64_t)(top != top ? 0xffffffffu : key) << 32 | (uint32_t)pixel;
}

/* Let the number at the top of a heap, whose least is on top, sink to its place. */
static inline void sink(uint64_t *heap, ptrdiff_t n, ptrdiff_t i)
{
    const uint64_t number = heap[i];
    for (ptrdiff_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
        child += child + 1 < n && heap[child + 1] < heap[child];
        if (number <= heap[child])
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = number;
}

/* Put the brightest usable pixels into `order`, the brightest first; return how many there are. */
static inline ptrdiff_t brightest(const struct extraction *e, const uint8_t *unusable)
{
    uint64_t *heap = e->order;
    ptrdiff_t n = 0;
    for (ptrdiff_t p = 0; p < e->n_pixels && e->how.n_brightest > 0; p++) {
        if (unusable[p])
            continue;
        const uint64_t number = rank(e, p);
        if (n < e->how.n_brightest) {
            heap[n++] = number;
            if (n == e->how.n_brightest)
                for (ptrdiff_t i = n / 2; i-- > 0;)
                    sink(heap, n, i);
        } else if (number > heap[0]) {
            heap[0] = number;
            sink(heap, n, 0);
        }
    }
    if (n < e->how.n_brightest)
        for (ptrdiff_t i = n / 2; i-- > 0;)
            sink(heap, n, i);
    for (ptrdiff_t last = n - 1; last > 0; last--) {
        const uint64_t least = heap[0];
        heap[0] = heap[last];
        heap[last] = least;
        sink(heap, last, 0);
    }
    return n;
}

#define SET(name) name##_baseline
#include "_traces_lanes.h"
#undef SET

#ifdef AWLTA_X86
#define HAS_AVX2 1

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
#define SET(name) name##_v3
#include "_traces_lanes.h"
#undef SET
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4")
#define SET(name) name##_v4
#include "_traces_lanes.h"
#undef SET
#pragma GCC pop_options

#undef HAS_AVX2
#endif

static inline const struct lanes *lanes_of(int set)
{
#ifdef AWLTA_X86
    if (set == V4)
        return &lanes_v4;
    if (set == V3)
        return &lanes_v3;
#endif
    (void)set;
    return &lanes_baseline;
}

#endif
