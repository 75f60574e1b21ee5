/* Pulses of raw waveforms, eight pixels at a time, compiled once for each set of instructions.
 *
 * Each lane does the same operations in the same order as _pulses.pxd does for one pixel, which
 * is what the baseline has: the digits do not depend on the processor. Contraction must stay off
 * (flags.py).
 */

#ifndef AWLTA_PULSE_H
#define AWLTA_PULSE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../_instructions.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

typedef uint16_t v8hu __attribute__((vector_size(16)));
typedef int32_t v8si __attribute__((vector_size(32)));
typedef float v8sf __attribute__((vector_size(32)));
typedef double v8df __attribute__((vector_size(64)));

#define LANES 8
#define WIDEST 16 /* samples in a register */

/* What is the same for all pixels of a camera: axes, constants by gain and pixel, the window. */
struct readout {
    ptrdiff_t n_gains, n_pixels, n_samples;
    const float *pedestal, *dc_to_pe;
    int choose; /* the gain; else it is given */
    int32_t threshold;
    int32_t width, shift;
    float sampling_rate;
};

typedef void pulses_t(
    const struct readout *readout, const uint16_t *raw, int8_t *gain, float *charge, float *time);

#ifdef AWLTA_X86

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
#define SET(name) name##_v3
#include "_pulse_lanes.h"
#undef SET
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4")
#define SET(name) name##_v4
#include "_pulse_lanes.h"
#undef SET
#pragma GCC pop_options

#endif

/* Return the pulses of a set that best_set() has; the baseline has none. */
static inline pulses_t *pulses_of(int set)
{
#ifdef AWLTA_X86
    if (set == V4)
        return pulses_v4;
    if (set == V3)
        return pulses_v3;
#endif
    (void)set;
    return NULL;
}

#pragma GCC diagnostic pop
#endif
