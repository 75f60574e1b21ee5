/* The extractor of long pulses, for _peaks_lanes.h: deconvolution, finer samples, leading edge.
 *
 * The definition is in float64. The peak of the neighbours' sum, which is most of the work, is first
 * looked for in float32 with a bound on its error; where another sample comes that near, the sum is
 * taken again in float64. The sum's own digits are never seen, so the reciprocal may be a quick one.
 *
 * Of a fine sample U * i + j the phase is j: rows of float32 hold phase after phase.
 */

/* What a fine sample takes of the one before, its own and the next: a box filter of U fine samples
 * forth and back. */
INLINE void SET(weights)(int32_t n_fine, int32_t phase, double weight[3])
{
    const double all = (double)n_fine * n_fine, m = n_fine - 1 - phase, j = phase;
    weight[0] = m * (m + 1) / 2 / all;
    weight[2] = j * (j + 1) / 2 / all;
    weight[1] = (all - m * (m + 1) / 2 - j * (j + 1) / 2) / all;
}

/* Sample i of a deconvolved row; those beyond its ends are the last ones. */
INLINE double SET(deconvolved)(const float *row, ptrdiff_t n, ptrdiff_t i, double pole_zero)
{
    i = i < n ? i : n - 1;
    return i > 0 ? (double)row[i] - pole_zero * (double)row[i - 1] : 0.0;
}

/* A fine sample, from the table of weights. */
INLINE double SET(fine)(
    const struct extraction *e, const float *row, ptrdiff_t place, double pole_zero)
{
    const ptrdiff_t n = e->n_samples, u = e->how.upsampling, i = place / u;
    const double *weight = e->weights + 3 * (place - i * u);
    return weight[0] * SET(deconvolved)(row, n, i - 1, pole_zero)
        + weight[1] * SET(deconvolved)(row, n, i, pole_zero)
        + weight[2] * SET(deconvolved)(row, n, i + 1, pole_zero);
}

INLINE double SET(clipped)(double x, double clipping)
{
    const double part = x / clipping, soft = part / (1.0 + fabs(part));
    return soft < 0.0 ? 0.0 : soft;
}

/* Largest fine sample of the neighbours' sum, in float64; a NaN is the largest. */
static ptrdiff_t SET(sure_peak)(const struct extraction *e, ptrdiff_t pixel, int is_clipped)
{
    const ptrdiff_t n = e->n_samples * e->how.upsampling;
    const double pole_zero = e->how.pole_zero;
    double *sums = e->sums;
    memset(sums, 0, (size_t)n * sizeof *sums);
    for (int32_t k = e->indptr[pixel] - 1; k < e->indptr[pixel + 1]; k++) {
        const int is_own = k < e->indptr[pixel];
        if (is_own && !e->how.local_weight)
            continue;
        const float *row = e->rows + (is_own ? pixel : e->indices[k]) * e->stride;
        const double times = is_own ? e->how.local_weight : 1;
        for (ptrdiff_t i = 0; i < n; i++) {
            const double x = SET(fine)(e, row, i, pole_zero);
            sums[i] += times * (is_clipped ? SET(clipped)(x, e->how.clipping) : x);
        }
    }
    ptrdiff_t best = 0;
    for (ptrdiff_t i = 1; i < n && sums[best] == sums[best]; i++)
        if (!(sums[i] <= sums[best]))
            best = i;
    return best;
}

/* Fine samples of a pixel in float32, clipped if they are to be. Returns the bound of their error in
 * units of rounding, and what they are at most. */
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
        const float w0 = (float)e->weights[3 * j], w1 = (float)e->weights[3 * j + 1],
                    w2 = (float)e->weights[3 * j + 2];
        for (ptrdiff_t i = 0; i < n; i += LANES) {
            v8sf x = SET(eight)(d + i - 1) * w0 + SET(eight)(d + i) * w1 + SET(eight)(d + i + 1) * w2;
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
INLINE ptrdiff_t SET(fine_peak)(const struct extraction *e, ptrdiff_t pixel, int is_clipped)
{
    const ptrdiff_t u = e->how.upsampling, n = e->n_samples * u;
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
    return at % e->n_samples * u + at / e->n_samples;
}

/* Mean place of the fine samples around a peak that are above a fraction of it, in the difference of
 * neighbouring samples; the peak's own if there is none. */
INLINE double SET(edge)(const struct extraction *e, const float *row, ptrdiff_t peak)
{
    const ptrdiff_t n = e->n_samples * e->how.upsampling;
    const double top = SET(fine)(e, row, peak, 1.0), limit = e->how.descend_limit * top;
    double sum = 0.0, moment = 0.0;
    if (top < 0.0)
        return (double)peak;
    for (ptrdiff_t i = peak; i >= 0; i--) {
        const double x = SET(fine)(e, row, i, 1.0);
        if (!(x > limit))
            break;
        sum += x;
        moment += (double)i * x;
    }
    for (ptrdiff_t i = peak + 1; i < n; i++) {
        const double x = SET(fine)(e, row, i, 1.0);
        if (!(x > limit))
            break;
        sum += x;
        moment += (double)i * x;
    }
    return sum != 0.0 ? moment / sum : (double)peak;
}

/* Charge and time of a pixel whose peak is known. */
INLINE void SET(fine_pulse)(
    const struct extraction *e, const float *row, ptrdiff_t peak, float *charge, float *time)
{
    const ptrdiff_t n = e->n_samples * e->how.upsampling;
    const ptrdiff_t first = peak - e->how.shift, after = smaller(n, first + e->how.width);
    const double rate = e->how.sampling_rate * e->how.upsampling;
    double sum = 0.0, weight = 0.0, moment = 0.0;
    for (ptrdiff_t i = first > 0 ? first : 0; i < after; i++) {
        const double x = SET(fine)(e, row, i, e->how.pole_zero);
        sum += x;
        weight += x > 0.0 ? x : 0.0;
        moment += x > 0.0 ? x * (double)i : 0.0;
    }
    double at = weight > 0.0 ? moment / weight : (double)peak;
    if (e->how.leading_edge) {
        const double ahead = rint((double)peak - e->how.edge_shift);
        at = SET(edge)(e, row, ahead < 0.0 ? 0 : smaller(n - 1, (ptrdiff_t)fmin(ahead, 1e9)));
    }
    *charge = (float)(e->how.gain_loss != 0.0 ? sum / e->how.gain_loss : sum);
    *time = (float)(at / rate - e->how.time_shift);
}

static void SET(long_pulses)(const struct extraction *e, float *charges, float *times)
{
    const double clipping = e->how.clipping;
    const int is_clipped = clipping != 0.0 && clipping < INFINITY;
    for (int32_t j = 0; j < e->how.upsampling; j++)
        SET(weights)(e->how.upsampling, j, e->weights + 3 * j);
    for (ptrdiff_t p = 0; p < e->n_pixels && !e->careful; p++) {
        float *bound = e->bounds + 2 * p;
        bound[0] = SET(refine)(e, p, is_clipped, e->fine + p * e->fine_stride, bound + 1);
    }
    for (ptrdiff_t p = 0; p < e->n_pixels; p++) {
        const ptrdiff_t peak
            = e->careful ? SET(sure_peak)(e, p, is_clipped) : SET(fine_peak)(e, p, is_clipped);
        SET(fine_pulse)(e, e->rows + p * e->stride, peak, charges + p, times + p);
    }
}
