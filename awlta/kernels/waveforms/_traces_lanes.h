/* The body of _traces.h for one set of instructions: SET names its functions. */

INLINE v8sf SET(eight)(const float *x)
{
    return *(const v8sf_any *)x;
}

/* a where the mask is set, else b. */
INLINE v8sf SET(either)(v8si mask, v8sf a, v8sf b)
{
#ifdef HAS_AVX2
    return (v8sf)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)mask);
#else
    return (v8sf)(((v8si)a & mask) | ((v8si)b & ~mask));
#endif
}

INLINE v8si SET(either_index)(v8si mask, v8si a, v8si b)
{
    return (v8si)SET(either)(mask, (v8sf)a, (v8sf)b);
}

INLINE v4df SET(either_sum)(v4di mask, v4df a, v4df b)
{
#ifdef HAS_AVX2
    return (v4df)_mm256_blendv_pd((__m256d)b, (__m256d)a, (__m256d)mask);
#else
    return (v4df)(((v4di)a & mask) | ((v4di)b & ~mask));
#endif
}

/* Eight numbers in float64, four in each half: compilers do worse with all in one. */
INLINE void SET(widen)(v8sf x, v4df wide[2])
{
#ifdef HAS_AVX2
    wide[0] = (v4df)_mm256_cvtps_pd(_mm256_castps256_ps128((__m256)x));
    wide[1] = (v4df)_mm256_cvtps_pd(_mm256_extractf128_ps((__m256)x, 1));
#else
    v4sf half[2];
    memcpy(half, &x, sizeof half);
    wide[0] = __builtin_convertvector(half[0], v4df);
    wide[1] = __builtin_convertvector(half[1], v4df);
#endif
}

INLINE v8sf SET(narrow)(const v4df wide[2])
{
#ifdef HAS_AVX2
    const __m128 low = _mm256_cvtpd_ps((__m256d)wide[0]), high = _mm256_cvtpd_ps((__m256d)wide[1]);
    return (v8sf)_mm256_insertf128_ps(_mm256_castps128_ps256(low), high, 1);
#else
    const v4sf half[2] = {
        __builtin_convertvector(wide[0], v4sf), __builtin_convertvector(wide[1], v4sf)};
    v8sf x;
    memcpy(&x, half, sizeof x);
    return x;
#endif
}

/* Eight raw counts. */
INLINE v8sf SET(counts)(const uint16_t *raw)
{
#ifdef HAS_AVX2
    const __m128i x = _mm_loadu_si128((const __m128i *)raw);
    return (v8sf)_mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(x));
#else
    v8hu x;
    memcpy(&x, raw, sizeof x);
    return __builtin_convertvector(__builtin_convertvector(x, v8si), v8sf);
#endif
}

/* Turn eight rows of eight samples into eight columns. */
INLINE void SET(turn)(v8sf r[LANES])
{
#ifdef HAS_AVX2
    const v8si low1 = {0, 8, 1, 9, 4, 12, 5, 13}, high1 = {2, 10, 3, 11, 6, 14, 7, 15};
    const v8si low2 = {0, 1, 8, 9, 4, 5, 12, 13}, high2 = {2, 3, 10, 11, 6, 7, 14, 15};
    const v8si low4 = {0, 1, 2, 3, 8, 9, 10, 11}, high4 = {4, 5, 6, 7, 12, 13, 14, 15};
    v8sf a[LANES], b[LANES];
    for (int i = 0; i < 4; i++) {
        a[2 * i] = __builtin_shuffle(r[2 * i], r[2 * i + 1], low1);
        a[2 * i + 1] = __builtin_shuffle(r[2 * i], r[2 * i + 1], high1);
    }
    for (int i = 0; i < 2; i++) {
        b[4 * i] = __builtin_shuffle(a[4 * i], a[4 * i + 2], low2);
        b[4 * i + 1] = __builtin_shuffle(a[4 * i], a[4 * i + 2], high2);
        b[4 * i + 2] = __builtin_shuffle(a[4 * i + 1], a[4 * i + 3], low2);
        b[4 * i + 3] = __builtin_shuffle(a[4 * i + 1], a[4 * i + 3], high2);
    }
    for (int i = 0; i < 4; i++) {
        r[i] = __builtin_shuffle(b[i], b[i + 4], low4);
        r[i + 4] = __builtin_shuffle(b[i], b[i + 4], high4);
    }
#else
    float rows[LANES][LANES], columns[LANES][LANES];
    memcpy(rows, r, sizeof rows);
    for (int i = 0; i < LANES; i++)
        for (int j = 0; j < LANES; j++)
            columns[j][i] = rows[i][j];
    memcpy(r, columns, sizeof columns);
#endif
}

/* Columns of samples [at, at + 8) of eight rows. */
INLINE void SET(columns)(const float *rows, ptrdiff_t stride, ptrdiff_t at, v8sf c[LANES])
{
    for (int lane = 0; lane < LANES; lane++)
        c[lane] = SET(eight)(rows + lane * stride + at);
    SET(turn)(c);
}

/* Raw counts of a pixel to p.e. per sample. */
INLINE void SET(calibrate)(
    const uint16_t *raw, ptrdiff_t n, float pedestal, float dc_to_pe, float *row)
{
    ptrdiff_t i = 0;
#pragma GCC unroll 4
    for (; i + LANES <= n; i += LANES)
        *(v8sf_any *)(row + i) = (SET(counts)(raw + i) - pedestal) * dc_to_pe;
    for (; i < n; i++)
        row[i] = ((float)raw[i] - pedestal) * dc_to_pe;
}

/* Mean of samples [0, n), summed as NumPy sums them: in eight chains, long rows in halves. */
static float SET(sum)(const float *x, ptrdiff_t n)
{
    if (n < LANES) {
        float sum = -0.0f;
        for (ptrdiff_t i = 0; i < n; i++)
            sum += x[i];
        return sum;
    }
    if (n > 128) {
        const ptrdiff_t half = n / 2 - n / 2 % LANES;
        return SET(sum)(x, half) + SET(sum)(x + half, n - half);
    }
    float r[LANES];
    memcpy(r, x, sizeof r);
    ptrdiff_t i = LANES;
    for (; i + LANES <= n; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            r[lane] += x[i + lane];
    float sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    for (; i < n; i++)
        sum += x[i];
    return sum;
}

/* Subtract the mean of the baseline's samples from a row, if there are any. */
INLINE void SET(settle)(const struct extraction *e, float *row)
{
    const ptrdiff_t start = e->how.baseline_start, end = smaller(e->how.baseline_end, e->n_samples);
    if (start >= end || e->n_samples == 1)
        return;
    const float mean = SET(sum)(row + start, end - start) / (float)(end - start);
    for (ptrdiff_t i = 0; i < e->n_samples; i++)
        row[i] -= mean;
}

/* Whether a raw sample is above a threshold. */
INLINE int SET(is_above)(const uint16_t *x, ptrdiff_t n, int32_t threshold)
{
#ifdef HAS_AVX2
    if (n >= 16 && threshold >= 0) {
        const __m256i most = _mm256_set1_epi16((short)threshold);
        __m256i over = _mm256_subs_epu16(_mm256_loadu_si256((const __m256i *)(x + n - 16)), most);
        for (ptrdiff_t i = 0; i < n - 16; i += 16) {
            const __m256i some = _mm256_loadu_si256((const __m256i *)(x + i));
            over = _mm256_or_si256(over, _mm256_subs_epu16(some, most));
        }
        return !_mm256_testz_si256(over, over);
    }
#endif
    uint16_t top = 0;
    for (ptrdiff_t i = 0; i < n; i++)
        top = x[i] > top ? x[i] : top;
    return top > threshold;
}

/* Choose the gain unless it is given, and calibrate the chosen one. */
static void SET(load_raw)(
    const struct extraction *e, const struct readout *o, const uint16_t *raw,
    const uint8_t *unusable, int8_t *gain)
{
    /* copies, since a gain that is stored might be one of these for all that the compiler knows */
    const ptrdiff_t n = e->n_samples, n_pixels = e->n_pixels, stride = e->stride;
    const float *pedestal = o->pedestal, *dc_to_pe = o->dc_to_pe;
    const int32_t threshold = o->threshold;
    const int choose = o->choose, has_baseline = e->how.baseline_start < e->how.baseline_end;
    float *rows = e->rows;
    for (ptrdiff_t p = 0; p < n_pixels; p++) {
        if (choose)
            gain[p] = (int8_t)SET(is_above)(raw + p * n, n, threshold);
        const ptrdiff_t k = p + gain[p] * n_pixels;
        float *row = rows + p * stride;
        if (unusable[p]) {
            memset(row, 0, (size_t)n * sizeof *row);
            continue;
        }
        SET(calibrate)(raw + k * n, n, pedestal[k], dc_to_pe[k], row);
        if (has_baseline)
            SET(settle)(e, row);
    }
}

/* Copy calibrated traces; return whether a sample is not a number, or so large that sums of a few
 * might be none. */
static int SET(load_traces)(
    const struct extraction *e, const float *waveforms, const uint8_t *unusable)
{
    const size_t size = (size_t)e->n_samples * sizeof *waveforms;
    v8si is_tame = {-1, -1, -1, -1, -1, -1, -1, -1};
    for (ptrdiff_t p = 0; p < e->n_pixels; p++) {
        float *row = e->rows + p * e->stride;
        if (unusable[p]) {
            memset(row, 0, size);
            continue;
        }
        memcpy(row, waveforms + p * e->n_samples, size);
        for (ptrdiff_t i = 0; i < e->stride; i += LANES) {
            const v8sf x = SET(eight)(row + i);
            is_tame &= (x < 1e24f) & (x > -1e24f);
        }
        SET(settle)(e, row);
    }
    int32_t of[LANES], all = -1;
    memcpy(of, &is_tame, sizeof of);
    for (int lane = 0; lane < LANES; lane++)
        all &= of[lane];
    return !all;
}

/* Take the sample of a place where it is larger than the best before. */
INLINE void SET(improve)(v8sf x, v8si place, int careful, v8sf *best, v8si *at)
{
    v8si better = x > *best;
    if (careful)
        better = ~(x <= *best) & (*best == *best);
    *best = SET(either)(better, x, *best);
    *at = SET(either_index)(better, place, *at);
}

/* Indices of the first maxima of eight rows among samples [from, to); a NaN is the largest. */
INLINE v8si SET(first_maxima)(
    const float *rows, ptrdiff_t stride, ptrdiff_t from, ptrdiff_t to, int careful)
{
    v8sf best = (v8sf){0} - INFINITY, c[LANES];
    v8si at = (v8si){0} + (int32_t)from, place = at - (int32_t)(from % LANES);
    for (ptrdiff_t v = from - from % LANES; v < to; v += LANES) {
        SET(columns)(rows, stride, v, c);
        const int is_whole = v >= from && v + LANES <= to;
        for (int i = 0; i < LANES; i++) {
            if (is_whole || (v + i >= from && v + i < to))
                SET(improve)(c[i], place, careful, &best, &at);
            place += 1;
        }
    }
    return at;
}

/* Charge and time of the windows [first, after) of eight rows, sample after sample; both lie within
 * the waveform, and no window is longer than `span`. Without countable light the time is another
 * one. */
INLINE void SET(integrate)(
    const struct extraction *e, const float *rows, v8si first, v8si after, ptrdiff_t span,
    v8sf otherwise, v8sf *charge, v8sf *time)
{
    const v8si last = (v8si){0} + ((int32_t)e->stride - LANES);
    v4df sum[2] = {{0}}, wide[2];
    v8sf weight = {0}, moment = {0};
    for (int32_t c = 0; c < span; c += LANES) {
        const v8si from = first + c;
        const v8si start = SET(either_index)(from > last, last, from);
        int32_t places[LANES];
        v8sf x[LANES];
        memcpy(places, &start, sizeof places);
        for (int lane = 0; lane < LANES; lane++)
            x[lane] = SET(eight)(rows + lane * e->stride + places[lane]);
        SET(turn)(x);
        /* samples below `before` are those of the registers before */
        const v8si before = from - start, end = after - start;
        v8sf place = __builtin_convertvector(start, v8sf);
        for (int i = 0; i < LANES; i++) {
            const v8sf s = (v8sf)((v8si)x[i] & ~(before > i) & (end > i));
            const v8sf light = (v8sf)((v8si)s & (v8si)(s > 0.0f));
            SET(widen)(s, wide);
            sum[0] += wide[0];
            sum[1] += wide[1];
            weight += light;
            moment += light * place;
            place += 1.0f;
        }
    }
    const v8sf whole = SET(narrow)(sum);
    const v8si is_finite = whole - whole == 0.0f;
    const v8si has_light = (weight > 0.0f) & (weight < INFINITY) & is_finite;
    *charge = whole;
    *time = SET(either)(has_light, moment / weight, otherwise) / (float)e->how.sampling_rate;
}

/* The same for the windows of the extractor around peaks. */
INLINE void SET(around)(
    const struct extraction *e, const float *rows, v8si peak, v8sf *charge, v8sf *time)
{
    const v8si none = {0}, end = none + (int32_t)e->n_samples;
    const v8si from = peak - e->how.shift, to = from + e->how.width;
    SET(integrate)(
        e, rows, SET(either_index)(from > none, from, none), SET(either_index)(to < end, to, end),
        smaller(e->how.width, e->n_samples), __builtin_convertvector(peak, v8sf), charge, time);
}

/* Correct charges for the light outside of the window, and put down those of existing pixels. */
INLINE void SET(put)(
    const struct extraction *e, ptrdiff_t p0, const int8_t *gain, v8sf charge, v8sf time,
    float *charges, float *times)
{
    const ptrdiff_t n = smaller(LANES, e->n_pixels - p0);
    if (e->correction) {
        float factor[LANES] = {0};
        for (ptrdiff_t lane = 0; lane < n; lane++)
            factor[lane] = e->correction[gain[p0 + lane]];
        charge *= SET(eight)(factor);
    }
    if (n == LANES) {
        *(v8sf_any *)(charges + p0) = charge;
        *(v8sf_any *)(times + p0) = time;
        return;
    }
    memcpy(charges + p0, &charge, (size_t)n * sizeof *charges);
    memcpy(times + p0, &time, (size_t)n * sizeof *times);
}

#include "_peaks_lanes.h"
