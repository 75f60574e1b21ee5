/* The extractor of long pulses, for _peaks_lanes.h: deconvolution, finer samples, leading edge.
 *
 * The definition is in float64. The peak of the neighbours' sum, which is most of the work, is
 * first looked for in float32 with a bound on its error; where another sample comes that near, the
 * sum is taken again in float64. The sum's own digits are never seen, so the reciprocal may be a
 * quick one.
 *
 * Of a fine sample U * i + j the phase is j: rows of float32 hold phase after phase.
 */

#ifndef AWLTA_MOST_FINE
#define AWLTA_MOST_FINE 64 /* fine samples of one: the bound of `FlashCam.upsampling` */
#endif

/* What a fine sample takes of the one before, its own and the next: a box filter of all fine
 * samples of one, forth and back. */
INLINE void SET(weigh)(const struct extraction *e)
{
    const double u = e->how.upsampling;
    for (int32_t j = 0; j < AWLTA_MOST_FINE; j++) {
        const double before = (u - 1 - j) * (u - j) / 2, after = (double)j * (j + 1) / 2;
        e->weights[j] = before / (u * u);
        e->weights[AWLTA_MOST_FINE + j] = (u * u - before - after) / (u * u);
        e->weights[2 * AWLTA_MOST_FINE + j] = after / (u * u);
    }
}

/* Sample i of a deconvolved row; those beyond its ends are the last ones. */
INLINE double SET(deconvolved)(const float *row, ptrdiff_t n, ptrdiff_t i, double pole_zero)
{
    i = i < n ? i : n - 1;
    return i > 0 ? (double)row[i] - pole_zero * (double)row[i - 1] : 0.0;
}

/* The fine samples of sample i. */
INLINE void SET(divide)(
    const struct extraction *e, const float *row, ptrdiff_t i, double pole_zero, double *fine)
{
    const double before = SET(deconvolved)(row, e->n_samples, i - 1, pole_zero),
                 here = SET(deconvolved)(row, e->n_samples, i, pole_zero),
                 after = SET(deconvolved)(row, e->n_samples, i + 1, pole_zero);
    for (int32_t j = 0; j < e->how.upsampling; j += 4) {
        const v4df_any *weight = (const v4df_any *)(e->weights + j);
        *(v4df_any *)(fine + j) = weight[0] * before + weight[AWLTA_MOST_FINE / 4] * here
            + weight[AWLTA_MOST_FINE / 2] * after;
    }
}

INLINE double SET(clipped)(double x, double clipping)
{
    const double part = x / clipping, soft = part / (1.0 + fabs(part));
    return soft < 0.0 ? 0.0 : soft;
}

/* Largest fine sample of the neighbours' sum, in float64; a NaN is the largest. */
static int32_t SET(sure_peak)(const struct extraction *e, ptrdiff_t pixel, int is_clipped)
{
    const int32_t u = e->how.upsampling, n = (int32_t)e->n_samples * u;
    double *sums = e->sums, fine[AWLTA_MOST_FINE];
    memset(sums, 0, (size_t)n * sizeof *sums);
    for (int32_t k = e->indptr[pixel] - 1; k < e->indptr[pixel + 1]; k++) {
        const int is_own = k < e->indptr[pixel];
        if (is_own && !e->how.local_weight)
            continue;
        const float *row = e->rows + (is_own ? pixel : e->indices[k]) * e->stride;
        const double times = is_own ? e->how.local_weight : 1;
        for (ptrdiff_t i = 0; i < e->n_samples; i++) {
            SET(divide)(e, row, i, e->how.pole_zero, fine);
            for (int32_t j = 0; j < u; j++)
                sums[i * u + j]
                    += times * (is_clipped ? SET(clipped)(fine[j], e->how.clipping) : fine[j]);
        }
    }
    int32_t best = 0;
    for (int32_t i = 1; i < n && sums[best] == sums[best]; i++)
        if (!(sums[i] <= sums[best]))
            best = i;
    return best;
}

/* Fine samples of a pixel in float32, clipped if they are to be. Returns the bound of their error
 * in units of rounding, and what they are at most. */
INLINE float SET(refine)(
    const struct extraction *e, ptrdiff_t pixel, int is_clipped, float *fine, float *top)
{
    const ptrdiff_t n = e->n_samples;
    const float *row = e->rows + pixel * e->stride, pole_zero = (float)e->how.pole_zero;
    const float clipping = (float)e->how.clipping;
    float *d = e->block + 1; /* the sample before the first is there, too */
    v8sf largest = {0};
    for (ptrdiff_t i = 0; i < e->stride; i += LANES) {
        const v8sf x = SET(eight)(row + i);
        largest = SET(either)(x > largest, x, largest);
        largest = SET(either)(-x > largest, -x, largest);
        if (i + 1 < n) /* the row after it is read, and does not count */
            *(v8sf_any *)(d + i + 1) = SET(eight)(row + i + 1) - pole_zero * x;
    }
    d[-1] = d[0] = 0.0f;
    d[n] = d[n - 1];
    for (int32_t j = 0; j < e->how.upsampling; j++) {
        const float w0 = (float)e->weights[j], w1 = (float)e->weights[AWLTA_MOST_FINE + j],
                    w2 = (float)e->weights[2 * AWLTA_MOST_FINE + j];
        for (ptrdiff_t i = 0; i < n; i += LANES) {
            v8sf x = SET(eight)(d + i - 1) * w0 + SET(eight)(d + i) * w1;
            x += SET(eight)(d + i + 1) * w2;
            if (is_clipped) {
                const v8sf size = (v8sf)((v8si)x & 0x7fffffff) + clipping;
#ifdef HAS_AVX2
                const v8sf quick = (v8sf)_mm256_rcp_ps((__m256)size);
                x = x * (quick * (2.0f - size * quick));
                x = (v8sf)_mm256_max_ps((__m256)x, _mm256_setzero_ps());
#else
                x /= size;
                x = (v8sf)((v8si)x & (x > 0.0f));
#endif
            }
            *(v8sf_any *)(fine + j * n + i) = x; /* what is too much is overwritten */
        }
    }
    float most = 0.0f, of[LANES];
    memcpy(of, &largest, sizeof of);
    for (int lane = 0; lane < LANES; lane++)
        most = of[lane] > most ? of[lane] : most;
    most *= 1.0f + fabsf(pole_zero);
    *top = is_clipped ? 1.0f : most;
    return 8.0f * most / (is_clipped ? clipping : 1.0f) + 12.0f * *top;
}

/* Fine sample of the largest sum of the neighbours. */
INLINE int32_t SET(fine_peak)(const struct extraction *e, ptrdiff_t pixel, int is_clipped)
{
    const int32_t n = (int32_t)e->n_samples * e->how.upsampling;
    const int32_t degree = e->indptr[pixel + 1] - e->indptr[pixel];
    float error = 0.0f;
    for (int32_t k = e->indptr[pixel]; k < e->indptr[pixel + 1]; k++)
        error += e->bounds[2 * e->indices[k]] + (float)degree * e->bounds[2 * e->indices[k] + 1];
    SET(sum_neighbors)(e, e->fine, e->fine_stride, pixel, e->block);
    if (e->how.local_weight)
        error += (float)e->how.local_weight
            * (e->bounds[2 * pixel] + (float)(degree + 1) * e->bounds[2 * pixel + 1]);
    for (ptrdiff_t i = n; i < e->fine_stride; i++)
        e->block[i] = -INFINITY;
    v8sf best = SET(eight)(e->block);
    for (ptrdiff_t i = LANES; i < e->fine_stride; i += LANES) {
        const v8sf x = SET(eight)(e->block + i);
        best = SET(either)(x > best, x, best);
    }
    float top = -INFINITY, of[LANES];
    memcpy(of, &best, sizeof of);
    for (int lane = 0; lane < LANES; lane++)
        top = of[lane] > top ? of[lane] : top;
    /* of two samples, both may be off; half a rounding is 2**-24 */
    const float enough = top - 4.0f * error * 0x1p-24f;
    v8si count = {0}, found = {0}, place = {0, 1, 2, 3, 4, 5, 6, 7};
    for (ptrdiff_t i = 0; i < e->fine_stride; i += LANES) {
        const v8si is_near = ~(SET(eight)(e->block + i) < enough);
        count -= is_near;
        found |= is_near & place;
        place += LANES;
    }
    int32_t counts[LANES], places[LANES], n_near = 0, at = 0;
    memcpy(counts, &count, sizeof counts);
    memcpy(places, &found, sizeof places);
    for (int lane = 0; lane < LANES; lane++) {
        n_near += counts[lane];
        at |= places[lane];
    }
    if (n_near != 1 || e->careful)
        return SET(sure_peak)(e, pixel, is_clipped);
    const int32_t phase = at / (int32_t)e->n_samples;
    return (at - phase * (int32_t)e->n_samples) * e->how.upsampling + phase;
}

/* Mean place of the fine samples around a peak that are above a fraction of it, in the difference
 * of neighbouring samples; the peak's own if there is none. */
INLINE double SET(edge)(const struct extraction *e, const float *row, int32_t peak)
{
    const int32_t u = e->how.upsampling, middle = peak / u;
    double fine[AWLTA_MOST_FINE], around[AWLTA_MOST_FINE], sum = 0.0, moment = 0.0;
    SET(divide)(e, row, middle, 1.0, around);
    const double top = around[peak - middle * u], limit = e->how.descend_limit * top;
    if (top < 0.0)
        return (double)peak;
    const double *x = around;
    for (int32_t i = middle, j = peak - middle * u; x[j] > limit;) {
        sum += x[j];
        moment += (double)(i * u + j) * x[j];
        if (j-- > 0)
            continue;
        if (--i < 0)
            break;
        SET(divide)(e, row, i, 1.0, fine);
        x = fine;
        j = u - 1;
    }
    x = around;
    for (int32_t i = middle, j = peak - middle * u;;) {
        if (++j == u) {
            if (++i == e->n_samples)
                break;
            SET(divide)(e, row, i, 1.0, fine);
            x = fine;
            j = 0;
        }
        if (!(x[j] > limit))
            break;
        sum += x[j];
        moment += (double)(i * u + j) * x[j];
    }
    return sum != 0.0 ? moment / sum : (double)peak;
}

/* Charge and time of a pixel whose peak is known. */
INLINE void SET(fine_pulse)(
    const struct extraction *e, const float *row, int32_t peak, float *charge, float *time)
{
    const int32_t u = e->how.upsampling, n = (int32_t)e->n_samples * u;
    const int32_t from = peak - e->how.shift, to = from + e->how.width;
    const int32_t first = from > 0 ? from : 0, after = to < n ? to : n;
    const double rate = e->how.sampling_rate * u;
    double fine[AWLTA_MOST_FINE], sum = 0.0, weight = 0.0, moment = 0.0;
    for (int32_t i = first / u; i * u < after; i++) {
        SET(divide)(e, row, i, e->how.pole_zero, fine);
        const int32_t start = i * u < first ? first : i * u;
        const int32_t end = (i + 1) * u < after ? (i + 1) * u : after;
        for (int32_t k = start; k < end; k++) {
            const double x = fine[k - i * u], light = x > 0.0 ? x : 0.0;
            sum += x;
            weight += light;
            moment += light * (double)k;
        }
    }
    double at = weight > 0.0 ? moment / weight : (double)peak;
    if (e->how.leading_edge) {
        const double ahead = rint((double)peak - e->how.edge_shift);
        at = SET(edge)(e, row, (int32_t)fmin(fmax(ahead, 0.0), (double)(n - 1)));
    }
    *charge = (float)(e->how.gain_loss != 0.0 ? sum / e->how.gain_loss : sum);
    *time = (float)(at / rate - e->how.time_shift);
}

static void SET(long_pulses)(const struct extraction *e, float *charges, float *times)
{
    const double clipping = e->how.clipping;
    const int is_clipped = clipping != 0.0 && clipping < INFINITY;
    SET(weigh)(e);
    for (ptrdiff_t p = 0; p < e->n_pixels && !e->careful; p++) {
        float *bound = e->bounds + 2 * p;
        bound[0] = SET(refine)(e, p, is_clipped, e->fine + p * e->fine_stride, bound + 1);
    }
    for (ptrdiff_t p = 0; p < e->n_pixels; p++) {
        const int32_t peak
            = e->careful ? SET(sure_peak)(e, p, is_clipped) : SET(fine_peak)(e, p, is_clipped);
        SET(fine_pulse)(e, e->rows + p * e->stride, peak, charges + p, times + p);
    }
}
