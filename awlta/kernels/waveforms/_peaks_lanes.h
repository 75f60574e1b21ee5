/* The second half of _traces_lanes.h: the methods, each by the way it finds its windows. */

/* Sum the rows of a pixel's neighbours, and its own by its weight, in the order of their list: n
 * registers of samples. Their number is known when this is compiled. */
INLINE void SET(add_neighbors)(
    const struct extraction *e, const float *rows, ptrdiff_t stride, ptrdiff_t pixel, int n,
    v8sf sum[LANES])
{
    for (int v = 0; v < n; v++)
        sum[v] = (v8sf){0};
    if (e->how.local_weight)
        for (int v = 0; v < n; v++)
            sum[v] = SET(eight)(rows + pixel * stride + 8 * v) * (float)e->how.local_weight;
    for (int32_t k = e->indptr[pixel]; k < e->indptr[pixel + 1]; k++)
        for (int v = 0; v < n; v++)
            sum[v] += SET(eight)(rows + e->indices[k] * stride + 8 * v);
}

INLINE void SET(put_sums)(
    const struct extraction *e, const float *rows, ptrdiff_t stride, ptrdiff_t pixel, int n,
    float *sums)
{
    v8sf sum[LANES];
    SET(add_neighbors)(e, rows, stride, pixel, n, sum);
    for (int v = 0; v < n; v++)
        *(v8sf_any *)(sums + 8 * v) = sum[v];
}

/* The same for any samples. */
INLINE void SET(sum_neighbors)(
    const struct extraction *e, const float *rows, ptrdiff_t stride, ptrdiff_t pixel, float *sums)
{
    for (ptrdiff_t from = 0; from < stride; from += 64, rows += 64, sums += 64)
        switch (smaller(8, (stride - from) / LANES)) {
        case 1: SET(put_sums)(e, rows, stride, pixel, 1, sums); break;
        case 2: SET(put_sums)(e, rows, stride, pixel, 2, sums); break;
        case 3: SET(put_sums)(e, rows, stride, pixel, 3, sums); break;
        case 4: SET(put_sums)(e, rows, stride, pixel, 4, sums); break;
        case 5: SET(put_sums)(e, rows, stride, pixel, 5, sums); break;
        case 6: SET(put_sums)(e, rows, stride, pixel, 6, sums); break;
        case 7: SET(put_sums)(e, rows, stride, pixel, 7, sums); break;
        default: SET(put_sums)(e, rows, stride, pixel, 8, sums);
        }
}

#ifdef HAS_AVX2
/* Largest of the neighbours' sums in n registers, and the first sample that has it: sums stay in
 * registers. Of the last register only `n_last` samples count. No sum is NaN. */
INLINE int32_t SET(first_of_sums)(
    const struct extraction *e, const float *rows, ptrdiff_t pixel, int n, int32_t n_last,
    float *top)
{
    const v8si place = {0, 1, 2, 3, 4, 5, 6, 7};
    v8sf sum[LANES];
    SET(add_neighbors)(e, rows, e->stride, pixel, n, sum);
    sum[n - 1] = SET(either)(place < n_last, sum[n - 1], (v8sf){0} - INFINITY);
    __m256 best = (__m256)sum[0];
    for (int v = 1; v < n; v++)
        best = _mm256_max_ps(best, (__m256)sum[v]);
    best = _mm256_max_ps(best, _mm256_permute2f128_ps(best, best, 1));
    best = _mm256_max_ps(best, _mm256_permute_ps(best, 0x4e));
    best = _mm256_max_ps(best, _mm256_permute_ps(best, 0xb1));
    uint64_t hits = 0;
    for (int v = 0; v < n; v++)
        hits |= (uint64_t)_mm256_movemask_ps(_mm256_cmp_ps((__m256)sum[v], best, _CMP_EQ_OQ))
            << (8 * v);
    *top = _mm256_cvtss_f32(best);
    return (int32_t)_tzcnt_u64(hits);
}

/* First maximum of the neighbours' sum, of any number of samples. */
INLINE int32_t SET(neighbor_peak)(const struct extraction *e, ptrdiff_t pixel)
{
    const int32_t n_last = (int32_t)(e->n_samples - (e->stride - LANES));
    float best = -INFINITY, top;
    int32_t peak = 0, here;
    for (ptrdiff_t from = 0; from < e->stride; from += 64) {
        const float *rows = e->rows + from;
        switch (smaller(9, (e->stride - from) / LANES)) {
        case 1: here = SET(first_of_sums)(e, rows, pixel, 1, n_last, &top); break;
        case 2: here = SET(first_of_sums)(e, rows, pixel, 2, n_last, &top); break;
        case 3: here = SET(first_of_sums)(e, rows, pixel, 3, n_last, &top); break;
        case 4: here = SET(first_of_sums)(e, rows, pixel, 4, n_last, &top); break;
        case 5: here = SET(first_of_sums)(e, rows, pixel, 5, n_last, &top); break;
        case 6: here = SET(first_of_sums)(e, rows, pixel, 6, n_last, &top); break;
        case 7: here = SET(first_of_sums)(e, rows, pixel, 7, n_last, &top); break;
        case 8: here = SET(first_of_sums)(e, rows, pixel, 8, n_last, &top); break;
        default: here = SET(first_of_sums)(e, rows, pixel, 8, LANES, &top);
        }
        peak = top > best ? here + (int32_t)from : peak;
        best = top > best ? top : best;
    }
    return peak;
}
#endif

/* First maxima of the neighbours' sums of eight pixels. */
INLINE v8si SET(eight_peaks)(const struct extraction *e, ptrdiff_t p0)
{
    const ptrdiff_t n = smaller(LANES, e->n_pixels - p0);
#ifdef HAS_AVX2
    if (!e->careful) {
        int32_t peak[LANES] = {0};
        v8si peaks;
        for (ptrdiff_t lane = 0; lane < n; lane++)
            peak[lane] = SET(neighbor_peak)(e, p0 + lane);
        memcpy(&peaks, peak, sizeof peaks);
        return peaks;
    }
#endif
    for (ptrdiff_t lane = 0; lane < n; lane++)
        SET(sum_neighbors)(e, e->rows, e->stride, p0 + lane, e->block + lane * e->stride);
    return SET(first_maxima)(e->block, e->stride, 0, e->n_samples, 1);
}

static void SET(neighbor_peaks)(
    const struct extraction *e, const int8_t *gain, float *charges, float *times)
{
    v8sf charge, time;
    for (ptrdiff_t p0 = 0; p0 < e->n_pixels; p0 += LANES) {
        SET(around)(e, e->rows + p0 * e->stride, SET(eight_peaks)(e, p0), &charge, &time);
        SET(put)(e, p0, gain, charge, time, charges, times);
    }
}

static void SET(local_peaks)(
    const struct extraction *e, const int8_t *gain, float *charges, float *times)
{
    v8sf charge, time;
    for (ptrdiff_t p0 = 0; p0 < e->n_pixels; p0 += LANES) {
        const float *rows = e->rows + p0 * e->stride;
        const v8si peak = e->careful ? SET(first_maxima)(rows, e->stride, 0, e->n_samples, 1)
                                     : SET(first_maxima)(rows, e->stride, 0, e->n_samples, 0);
        SET(around)(e, rows, peak, &charge, &time);
        SET(put)(e, p0, gain, charge, time, charges, times);
    }
}

static void SET(fixed_peak)(
    const struct extraction *e, int32_t peak, const int8_t *gain, float *charges, float *times)
{
    v8sf charge, time;
    for (ptrdiff_t p0 = 0; p0 < e->n_pixels; p0 += LANES) {
        SET(around)(e, e->rows + p0 * e->stride, (v8si){0} + peak, &charge, &time);
        SET(put)(e, p0, gain, charge, time, charges, times);
    }
}

/* Add the row of a pixel to those before. */
INLINE void SET(add_row)(const struct extraction *e, ptrdiff_t pixel)
{
    for (ptrdiff_t i = 0; i < e->stride; i += LANES) {
        v8sf_any *sum = (v8sf_any *)(e->block + i);
        *sum += SET(eight)(e->rows + pixel * e->stride + i);
    }
}

/* Peak of the mean trace of the usable pixels, or of the brightest of them. */
static int32_t SET(global_peak)(const struct extraction *e, const uint8_t *unusable)
{
    ptrdiff_t n_added = 0;
    memset(e->block, 0, (size_t)e->stride * sizeof *e->block);
    if (e->how.n_brightest < e->n_pixels) {
        n_added = brightest(e, unusable);
        for (ptrdiff_t i = 0; i < n_added; i++)
            SET(add_row)(e, (ptrdiff_t)(e->order[i] & 0xffffffffu));
    } else
        for (ptrdiff_t p = 0; p < e->n_pixels; p++)
            if (!unusable[p]) {
                SET(add_row)(e, p);
                n_added++;
            }
    for (ptrdiff_t i = 0; i < e->n_samples; i++)
        e->block[i] = (float)((double)e->block[i] / (double)n_added);
    return first_of(e->block, e->n_samples);
}

/* The same as `improve`, in float64. */
INLINE void SET(improve_sum)(v4df x, v4df place, v4df *best, v4df *at)
{
    const v4di better = ~(x <= *best) & (*best == *best);
    *best = SET(either_sum)(better, x, *best);
    *at = SET(either_sum)(better, place, *at);
}

/* The window of the largest sum: differences of the running sum, in float64. */
static void SET(sliding)(
    const struct extraction *e, const int8_t *gain, float *charges, float *times)
{
    const int32_t width = (int32_t)smaller(e->how.width, e->n_samples);
    const ptrdiff_t n = e->n_samples;
    v8sf c[LANES], charge, time;
    for (ptrdiff_t p0 = 0; p0 < e->n_pixels; p0 += LANES) {
        const float *rows = e->rows + p0 * e->stride;
        const v4df lowest = (v4df){0} - INFINITY;
        v4df running[2] = {{0}}, best[2] = {lowest, lowest}, at[2] = {{0}}, wide[2];
        for (ptrdiff_t v = 0; v < n; v += LANES) {
            SET(columns)(rows, e->stride, v, c);
            for (int i = 0; i < LANES && v + i < n; i++) {
                const ptrdiff_t start = v + i + 1 - width;
                SET(widen)(c[i], wide);
                for (int half = 0; half < 2; half++) {
                    v4df_any *sums = (v4df_any *)e->sums + half;
                    running[half] += wide[half];
                    sums[2 * (v + i)] = running[half];
                    v4df sum = running[half];
                    if (start > 0)
                        sum -= sums[2 * (start - 1)];
                    if (start >= 0)
                        SET(improve_sum)(sum, (v4df){0} + (double)start, best + half, at + half);
                }
            }
        }
        const v8sf start = SET(narrow)(at);
        const v8si first = __builtin_convertvector(start, v8si);
        SET(integrate)(
            e, rows, first, first + width, width, start + 0.5f * (float)width, &charge, &time);
        SET(put)(e, p0, gain, SET(narrow)(best), time, charges, times);
    }
}

/* Variance of the samples that are numbers, in float64. */
static void SET(variances)(
    const struct extraction *e, const int8_t *gain, float *charges, float *times)
{
    for (ptrdiff_t p0 = 0; p0 < e->n_pixels; p0 += LANES) {
        const float *rows = e->rows + p0 * e->stride;
        v4df count[2] = {{0}}, sum[2] = {{0}}, mean[2] = {{0}}, squares[2] = {{0}}, wide[2];
        v8sf c[LANES];
        for (int pass = 0; pass < 2; pass++)
            for (ptrdiff_t v = 0; v < e->n_samples; v += LANES) {
                SET(columns)(rows, e->stride, v, c);
                for (int i = 0; i < LANES && v + i < e->n_samples; i++) {
                    SET(widen)(c[i], wide);
                    for (int half = 0; half < 2; half++) {
                        const v4df x = wide[half], far = x - mean[half], one = (v4df){0} + 1.0;
                        const v4di is_number = x == x;
                        if (pass) {
                            squares[half] += (v4df)((v4di)(far * far) & is_number);
                            continue;
                        }
                        sum[half] += (v4df)((v4di)x & is_number);
                        count[half] += (v4df)((v4di)one & is_number);
                    }
                }
                if (!pass && v + LANES >= e->n_samples)
                    for (int half = 0; half < 2; half++)
                        mean[half] = sum[half] / count[half];
            }
        for (int half = 0; half < 2; half++)
            squares[half] /= count[half];
        SET(put)(e, p0, gain, SET(narrow)(squares), (v8sf){0}, charges, times);
    }
}

/* First of two passes: five samples around the largest sum of three that leaves room for them. */
static void SET(first_pass)(
    const struct extraction *e, const int8_t *gain, float *charges, float *times)
{
    const ptrdiff_t n = e->n_samples;
    v8sf c[LANES], charge, time;
    for (ptrdiff_t p0 = 0; p0 < e->n_pixels; p0 += LANES) {
        const float *rows = e->rows + p0 * e->stride;
        v4df before[2] = {{0}}, here[2] = {{0}}, next[2], sum[2];
        v8sf best = (v8sf){0} - INFINITY;
        v8si at = (v8si){0} + 2, place = (v8si){0} - 1; /* a sum is known one sample later */
        for (ptrdiff_t v = 0; v < n; v += LANES) {
            SET(columns)(rows, e->stride, v, c);
            const int is_whole = v > 2 && v + LANES <= n - 1;
            for (int i = 0; i < LANES; i++) {
                SET(widen)(c[i], next);
                for (int half = 0; half < 2; half++) {
                    sum[half] = here[half] + (before[half] + next[half]);
                    before[half] = here[half];
                    here[half] = next[half];
                }
                if (is_whole || (v + i >= 3 && v + i < n - 1))
                    SET(improve)(SET(narrow)(sum), place, 1, &best, &at);
                place += 1;
            }
        }
        SET(around)(e, rows, at, &charge, &time);
        SET(put)(e, p0, gain, charge, time, charges, times);
    }
}

/* Second of two passes: five samples where the pixel's pulse is predicted, or the first or last
 * ones, for all pixels but those to keep. */
static void SET(again)(
    const struct extraction *e, const int8_t *gain, const int32_t *predicted, const uint8_t *keep,
    float *charges, float *times)
{
    const int32_t n = (int32_t)e->n_samples;
    for (ptrdiff_t p0 = 0; p0 < e->n_pixels; p0 += LANES) {
        const ptrdiff_t n_lanes = smaller(LANES, e->n_pixels - p0);
        float charge[LANES], time[LANES];
        int32_t kind[LANES];
        v8si peak = {0};
        v8sf sums, means;
        memcpy(&peak, predicted + p0, (size_t)n_lanes * sizeof *predicted);
        const v8si none = {0}, is_early = peak < 2, is_late = peak > n - 4;
        const v8si kinds = SET(either_index)(is_late, none + 2, is_early & 1);
        const v8si usual = SET(either_index)(is_early, none, none + 2);
        const v8si shift = SET(either_index)(is_late, none + 4, usual);
        peak = SET(either_index)(is_early, none, peak);
        peak = SET(either_index)(peak > n - 3, none + (n - 1), peak);
        const v8si from = peak - shift, to = from + 5 + (is_late & 1), end = none + n;
        SET(integrate)(
            e, e->rows + p0 * e->stride, SET(either_index)(from > none, from, none),
            SET(either_index)(to < end, to, end), 6, __builtin_convertvector(peak, v8sf), &sums,
            &means);
        memcpy(kind, &kinds, sizeof kind);
        memcpy(charge, &sums, sizeof charge);
        memcpy(time, &means, sizeof time);
        for (ptrdiff_t lane = 0; lane < n_lanes; lane++) {
            const ptrdiff_t p = p0 + lane;
            if (keep[p])
                continue;
            charges[p] = charge[lane];
            if (e->correction)
                charges[p] *= e->correction[kind[lane] * e->n_gains + gain[p]];
            times[p] = time[lane];
        }
    }
}

#include "_flashcam_lanes.h"

/* Charges and times of the traces in the room. */
static void SET(find)(
    const struct extraction *e, const int8_t *gain, const uint8_t *unusable, float *charges,
    float *times)
{
    if (e->n_samples == 1) {
        for (ptrdiff_t p = 0; p < e->n_pixels; p++) {
            charges[p] = e->rows[p * e->stride];
            times[p] = 0.0f;
        }
        return;
    }
    switch (e->how.method) {
    case FIXED: SET(fixed_peak)(e, e->how.peak_index, gain, charges, times); break;
    case LOCAL: SET(local_peaks)(e, gain, charges, times); break;
    case NEIGHBOR: SET(neighbor_peaks)(e, gain, charges, times); break;
    case GLOBAL:
        SET(fixed_peak)(e, SET(global_peak)(e, unusable), gain, charges, times);
        break;
    case SLIDING: SET(sliding)(e, gain, charges, times); break;
    case TWO_PASS: SET(first_pass)(e, gain, charges, times); break;
    case VARIANCE: SET(variances)(e, gain, charges, times); break;
    case FLASHCAM: SET(long_pulses)(e, charges, times); break;
    default: break;
    }
}

static const struct lanes SET(lanes) = {
    SET(load_raw), SET(load_traces), SET(find), SET(again)};
