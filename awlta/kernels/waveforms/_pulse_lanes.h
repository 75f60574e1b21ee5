/* The body of _pulse.h for one set of instructions, AVX2 at least; SET names its functions. */

/* Turn eight rows of eight samples into eight columns. */
INLINE void SET(transpose)(v8hu r[LANES])
{
    const v8hu low16 = {0, 8, 1, 9, 2, 10, 3, 11}, high16 = {4, 12, 5, 13, 6, 14, 7, 15};
    const v8hu low32 = {0, 1, 8, 9, 2, 3, 10, 11}, high32 = {4, 5, 12, 13, 6, 7, 14, 15};
    const v8hu low64 = {0, 1, 2, 3, 8, 9, 10, 11}, high64 = {4, 5, 6, 7, 12, 13, 14, 15};
    v8hu a[LANES], b[LANES];
    for (int i = 0; i < 4; i++) {
        a[2 * i] = __builtin_shuffle(r[2 * i], r[2 * i + 1], low16);
        a[2 * i + 1] = __builtin_shuffle(r[2 * i], r[2 * i + 1], high16);
    }
    for (int i = 0; i < 2; i++) {
        b[4 * i] = __builtin_shuffle(a[4 * i], a[4 * i + 2], low32);
        b[4 * i + 1] = __builtin_shuffle(a[4 * i], a[4 * i + 2], high32);
        b[4 * i + 2] = __builtin_shuffle(a[4 * i + 1], a[4 * i + 3], low32);
        b[4 * i + 3] = __builtin_shuffle(a[4 * i + 1], a[4 * i + 3], high32);
    }
    for (int i = 0; i < 4; i++) {
        r[2 * i] = __builtin_shuffle(b[i], b[i + 4], low64);
        r[2 * i + 1] = __builtin_shuffle(b[i], b[i + 4], high64);
    }
}

/* Largest of at least 16 samples. */
INLINE uint16_t SET(largest)(const uint16_t *x, ptrdiff_t n)
{
    __m256i top = _mm256_loadu_si256((const __m256i *)(x + n - 16));
    for (ptrdiff_t i = 0; i < n - 16; i += 16)
        top = _mm256_max_epu16(top, _mm256_loadu_si256((const __m256i *)(x + i)));
    __m128i half = _mm_max_epu16(_mm256_castsi256_si128(top), _mm256_extracti128_si256(top, 1));
    /* there is an instruction for the smallest of eight */
    half = _mm_minpos_epu16(_mm_xor_si128(half, _mm_set1_epi16(-1)));
    return (uint16_t)~_mm_extract_epi16(half, 0);
}

/* Which of 16 samples are equal to one, two bits each. */
INLINE uint64_t SET(hits)(const uint16_t *x, __m256i sample)
{
    const __m256i equal = _mm256_cmpeq_epi16(sample, _mm256_loadu_si256((const __m256i *)x));
    return (uint32_t)_mm256_movemask_epi8(equal);
}

/* Index of the first sample of a value that is known to occur in at least 16, without a branch
 * that depends on it: noise would mispredict one in each pixel. */
INLINE int32_t SET(first_index)(const uint16_t *x, ptrdiff_t n, uint16_t value)
{
    const __m256i sample = _mm256_set1_epi16((short)value);
    ptrdiff_t i = n - 16;
    uint64_t found = SET(hits)(x + i, sample);
    uint32_t first = (uint32_t)i + (uint32_t)(_tzcnt_u64(found | 1ull << 32) >> 1);
    while (i > 0) {
        i = i > 32 ? i - 32 : 0;
        const ptrdiff_t j = i + 16 < n - 16 ? i + 16 : n - 16;
        found = SET(hits)(x + i, sample) | SET(hits)(x + j, sample) << (2 * (j - i));
        const uint32_t none = -(uint32_t)(found == 0); /* later than any */
        const uint32_t here = ((uint32_t)i + (uint32_t)(_tzcnt_u64(found) >> 1)) | none;
        first = here < first ? here : first;
    }
    return (int32_t)first;
}

/* Charge and time of the windows around the peaks of eight pixels, sample after sample. */
INLINE void SET(windows)(
    const struct readout *o, const uint16_t *const row[LANES], v8si peak, v8sf pedestal,
    v8sf dc_to_pe, float *charge, float *time)
{
    const int32_t last_start = (int32_t)o->n_samples - LANES;
    const v8si first = peak - o->shift;
    v8df sum = {0};
    v8sf weight = {0}, moment = {0};
    for (int32_t c = 0; c < o->width; c += LANES) {
        const int32_t end = c + LANES < o->width ? c + LANES : o->width;
        v8si start = first + c; /* moved so that eight samples can be read */
        const v8si over = start > last_start;
        start = (start & ~over) | (over & last_start);
        start &= start > 0;
        int32_t from[LANES];
        v8hu r[LANES];
        memcpy(from, &start, sizeof from);
        for (int lane = 0; lane < LANES; lane++)
            memcpy(&r[lane], row[lane] + from[lane], sizeof r[lane]);
        SET(transpose)(r);
        const v8si before = first + c - start, after = first + end - start;
        v8sf place = __builtin_convertvector(start, v8sf);
        for (int i = 0; i < LANES; i++) {
            v8sf x = __builtin_convertvector(__builtin_convertvector(r[i], v8si), v8sf);
            x = (v8sf)((v8si)((x - pedestal) * dc_to_pe) & ~(before > i) & (after > i));
            const v8sf light = (v8sf)((v8si)x & (v8si)(x > 0.0f));
            sum += __builtin_convertvector(x, v8df);
            weight += light;
            moment += light * place;
            place += 1.0f;
        }
    }
    const v8sf whole = __builtin_convertvector(sum, v8sf);
    const v8si is_finite = whole - whole == 0.0f;
    const v8si has_light = (weight > 0.0f) & (weight < INFINITY) & is_finite;
    const v8sf mean = moment / weight, top = __builtin_convertvector(peak, v8sf);
    v8sf at = (v8sf)(((v8si)mean & has_light) | ((v8si)top & ~has_light));
    at /= o->sampling_rate;
    memcpy(charge, &whole, sizeof whole);
    memcpy(time, &at, sizeof at);
}

/* Pulses of one event of at least eight pixels; the last eight overlap those before. */
static void SET(pulses)(
    const struct readout *o, const uint16_t *raw, int8_t *gain, float *charge, float *time)
{
    const ptrdiff_t n_pixels = o->n_pixels, n = o->n_samples;
    for (ptrdiff_t p0 = 0; p0 < n_pixels; p0 += LANES) {
        if (p0 > n_pixels - LANES)
            p0 = n_pixels - LANES;
        const uint16_t *row[LANES];
        int32_t peak[LANES];
        float pedestal[LANES], dc_to_pe[LANES];
        for (int lane = 0; lane < LANES; lane++) {
            ptrdiff_t k = p0 + lane;
            if (!o->choose)
                k += gain[k] * n_pixels;
            uint16_t top = SET(largest)(raw + k * n, n);
            if (o->choose) {
                const int is_low = top > o->threshold;
                gain[k] = (int8_t)is_low;
                if (is_low) {
                    k += n_pixels;
                    top = SET(largest)(raw + k * n, n);
                }
            }
            row[lane] = raw + k * n;
            pedestal[lane] = o->pedestal[k];
            dc_to_pe[lane] = o->dc_to_pe[k];
            peak[lane] = SET(first_index)(row[lane], n, top);
        }
        v8si at;
        v8sf offset, factor;
        memcpy(&at, peak, sizeof at);
        memcpy(&offset, pedestal, sizeof offset);
        memcpy(&factor, dc_to_pe, sizeof factor);
        SET(windows)(o, row, at, offset, factor, charge + p0, time + p0);
    }
}
