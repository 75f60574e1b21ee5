/* The second half of _traces_lanes.h: the methods, each by the way it finds its windows. */

/* Sum the neighbours of a pixel, and itself by its weight, in the order of their list: 8 * n samples
 * from one on. The number of registers is known when this is compiled. */
INLINE void SET(add_neighbors)(
    const struct extraction *e, ptrdiff_t pixel, ptrdiff_t from, int n, float *sums)
{
    const float *rows = e->rows + from;
    v8sf sum[LANES];
    for (int v = 0; v < n; v++)
        sum[v] = (v8sf){0};
    if (e->how.local_weight)
        for (int v = 0; v < n; v++)
            sum[v] = SET(eight)(rows + pixel * e->stride + 8 * v) * (float)e->how.local_weight;
    for (int32_t k = e->indptr[pixel]; k < e->indptr[pixel + 1]; k++)
        for (int v = 0; v < n; v++)
            sum[v] += SET(eight)(rows + e->indices[k] * e->stride + 8 * v);
    memcpy(sums, sum, (size_t)n * sizeof *sum);
}

/* The same for eight pixels and all samples, into `block`. */
INLINE void SET(sum_neighbors)(const struct extraction *e, ptrdiff_t p0)
{
    const ptrdiff_t end = smaller(p0 + LANES, e->n_pixels);
    for (ptrdiff_t p = p0; p < end; p++)
        for (ptrdiff_t from = 0; from < e->stride; from += 64) {
            float *sums = e->block + (p - p0) * e->stride + from;
            switch (smaller(8, (e->stride - from) / LANES)) {
            case 1: SET(add_neighbors)(e, p, from, 1, sums); break;
            case 2: SET(add_neighbors)(e, p, from, 2, sums); break;
            case 3: SET(add_neighbors)(e, p, from, 3, sums); break;
            case 4: SET(add_neighbors)(e, p, from, 4, sums); break;
            case 5: SET(add_neighbors)(e, p, from, 5, sums); break;
            case 6: SET(add_neighbors)(e, p, from, 6, sums); break;
            case 7: SET(add_neighbors)(e, p, from, 7, sums); break;
            default: SET(add_neighbors)(e, p, from, 8, sums);
            }
        }
}

static void SET(neighbor_peaks)(
    const struct extraction *e, const int8_t *gain, float *charges, float *times)
{
    v8sf charge, time;
    for (ptrdiff_t p0 = 0; p0 < e->n_pixels; p0 += LANES) {
        SET(sum_neighbors)(e, p0);
        const v8si peak = e->careful ? SET(first_maxima)(e->block, e->stride, 0, e->n_samples, 1)
                                     : SET(first_maxima)(e->block, e->stride, 0, e->n_samples, 0);
        SET(around)(e, e->rows + p0 * e->stride, peak, &charge, &time);
        SET(put)(e, p0, gain, charge, time, charges, times);
    }
}

static void SET(local_peaks)(
    const struct extraction *e, const int8_t *gain, float *charges, float *times)
{
    v8sf charge, time;
    for (ptrdiff_t p0 = 0; p0 < e->n_pixels; p0 += LANES) {
        const float *rows = e->rows + p0 * e->stride;
        const v8si peak = SET(first_maxima)(rows, e->stride, 0, e->n_samples, 1);
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
        const v8sf sum = SET(eight)(e->block + i) + SET(eight)(e->rows + pixel * e->stride + i);
        memcpy(e->block + i, &sum, sizeof sum);
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
INLINE void SET(improve_sum)(v8df x, double place, v8df *best, v8df *at)
{
    const v8di better = ~(x <= *best) & (*best == *best);
    const v8df here = (v8df){0} + place;
    *best = (v8df)(((v8di)x & better) | ((v8di)*best & ~better));
    *at = (v8df)(((v8di)here & better) | ((v8di)*at & ~better));
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
        v8df running = {0}, best = (v8df){0} - INFINITY, at = {0};
        for (ptrdiff_t v = 0; v < n; v += LANES) {
            SET(columns)(rows, e->stride, v, c);
            for (int i = 0; i < LANES && v + i < n; i++) {
                const ptrdiff_t start = v + i + 1 - width;
                v8df before = {0};
                running += __builtin_convertvector(c[i], v8df);
                memcpy(e->sums + (v + i) * LANES, &running, sizeof running);
                if (start < 0)
                    continue;
                if (start > 0)
                    memcpy(&before, e->sums + (start - 1) * LANES, sizeof before);
                SET(improve_sum)(running - before, (double)start, &best, &at);
            }
        }
        const v8sf start = __builtin_convertvector(at, v8sf);
        const v8si first = __builtin_convertvector(start, v8si);
        SET(integrate)(
            e, rows, first, first + width, width, start + 0.5f * (float)width, &charge, &time);
        SET(put)(e, p0, gain, __builtin_convertvector(best, v8sf), time, charges, times);
    }
}

/* Variance of the samples that are numbers, in float64. */
static void SET(variances)(
    const struct extraction *e, const int8_t *gain, float *charges, float *times)
{
    for (ptrdiff_t p0 = 0; p0 < e->n_pixels; p0 += LANES) {
        const float *rows = e->rows + p0 * e->stride;
        v8df mean = {0}, count = {0}, sum = {0};
        v8sf c[LANES];
        for (int again = 0; again < 2; again++) {
            for (ptrdiff_t v = 0; v < e->n_samples; v += LANES) {
                SET(columns)(rows, e->stride, v, c);
                for (int i = 0; i < LANES && v + i < e->n_samples; i++) {
                    const v8df x = __builtin_convertvector(c[i], v8df), one = (v8df){0} + 1.0;
                    const v8di is_number = x == x;
                    const v8df far = again ? (x - mean) * (x - mean) : x;
                    sum += (v8df)((v8di)far & is_number);
                    if (!again)
                        count += (v8df)((v8di)one & is_number);
                }
            }
            if (!again) {
                mean = sum / count;
                sum = (v8df){0};
            }
        }
        const v8sf variance = __builtin_convertvector(sum / count, v8sf);
        SET(put)(e, p0, gain, variance, (v8sf){0}, charges, times);
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
        v8df before = {0}, here = {0};
        v8sf best = (v8sf){0} - INFINITY;
        v8si at = (v8si){0} + 2;
        for (ptrdiff_t v = 0; v < n; v += LANES) {
            SET(columns)(rows, e->stride, v, c);
            for (int i = 0; i < LANES; i++) {
                const ptrdiff_t peak = v + i - 1; /* the sum of three is complete */
                const v8df next = __builtin_convertvector(c[i], v8df);
                if (peak >= 2 && peak < n - 2) {
                    const v8sf sum = __builtin_convertvector(here + (before + next), v8sf);
                    SET(improve)(sum, (int32_t)peak, 1, &best, &at);
                }
                before = here;
                here = next;
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
        const v8si shift = SET(either_index)(is_late, none + 4, SET(either_index)(is_early, none, none + 2));
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
    default: break;
    }
}

static const struct lanes SET(lanes) = {
    SET(load_raw), SET(load_traces), SET(find), SET(again)};
