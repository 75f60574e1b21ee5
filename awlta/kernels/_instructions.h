/* Which instructions of the processor there are: what each header of kernels compiles for, and what
 * it may use when it runs. Sets stand in rising order; the baseline is there always. */

#ifndef AWLTA_INSTRUCTIONS_H
#define AWLTA_INSTRUCTIONS_H

#if defined(__x86_64__) && defined(__GNUC__)
#define AWLTA_X86 1
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

enum { BASELINE, V3, V4 };

static inline int best_set(void)
{
#ifdef AWLTA_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("x86-64-v4"))
        return V4;
    if (__builtin_cpu_supports("x86-64-v3"))
        return V3;
#endif
    return BASELINE;
}

#endif
