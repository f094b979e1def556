// v16: sixteen floats that go together, as one zmm (SN_LANES_avx512), two ymm (SN_LANES_avx2) or a plain array (SN_LANES_plain).
// Not here: any sum across lanes. Each lane does the same IEEE operations on every kind, so results have the same bits.
// Next: view.h.
#ifndef SN_CPU_LANES_H
#define SN_CPU_LANES_H

#include <math.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))
enum { LANE = 16 }; // floats in a v16

// UNROLL: before a loop over registers, whose bound is known at compile time. SN_COMPACT: one loop for all bounds, where unrolled
// ones gain nothing (plain lanes). The bits are the same.
#if defined(SN_LANES_plain)
#define SN_COMPACT
#define UNROLL
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

// v_load_n and v_store_n touch the first n floats only (0 <= n <= 16); lanes not loaded are 0.
// v_stream: a store past the caches; p on a boundary of 64 bytes; v_stream_end before another thread reads.
// v_max(a, b) = a > b ? a : b and v_min(a, b) = a < b ? a : b, so a NaN in b comes through.
// v_where_gt(a, b, x, y): x where a > b, else y. v_inside(x, u, top): x where 0 < u < top, else 0.
#if defined(SN_LANES_avx512)

#include <immintrin.h>
#define LANES(name) sn_cpu_avx512_##name
#define LANES_NAME "cpu-avx512"
typedef __m512 v16;

INLINE v16 v_zero(void) {
    return _mm512_setzero_ps();
}
INLINE v16 v_set(float x) {
    return _mm512_set1_ps(x);
}
INLINE v16 v_load(const float *p) {
    return _mm512_loadu_ps(p);
}
INLINE void v_store(float *p, v16 x) {
    _mm512_storeu_ps(p, x);
}
INLINE void v_stream(float *p, v16 x) {
    _mm512_stream_ps(p, x);
}
INLINE void v_stream_end(void) {
    _mm_sfence();
}
INLINE __mmask16 v_first(int n) {
    return (__mmask16)((1u << n) - 1u);
}
INLINE v16 v_load_n(const float *p, int n) {
    return _mm512_maskz_loadu_ps(v_first(n), p);
}
INLINE void v_store_n(float *p, v16 x, int n) {
    _mm512_mask_storeu_ps(p, v_first(n), x);
}
INLINE v16 v_add(v16 a, v16 b) {
    return _mm512_add_ps(a, b);
}
INLINE v16 v_sub(v16 a, v16 b) {
    return _mm512_sub_ps(a, b);
}
INLINE v16 v_mul(v16 a, v16 b) {
    return _mm512_mul_ps(a, b);
}
INLINE v16 v_div(v16 a, v16 b) {
    return _mm512_div_ps(a, b);
}
INLINE v16 v_fma(v16 a, v16 b, v16 c) { // a*b + c
    return _mm512_fmadd_ps(a, b, c);
}
INLINE v16 v_max(v16 a, v16 b) {
    return _mm512_max_ps(a, b);
}
INLINE v16 v_min(v16 a, v16 b) {
    return _mm512_min_ps(a, b);
}
INLINE v16 v_where_gt(v16 a, v16 b, v16 x, v16 y) {
    return _mm512_mask_mov_ps(y, _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), x);
}
INLINE v16 v_inside(v16 x, v16 u, v16 top) {
    __mmask16 positive = _mm512_cmp_ps_mask(u, _mm512_setzero_ps(), _CMP_GT_OQ);
    return _mm512_maskz_mov_ps(_mm512_mask_cmp_ps_mask(positive, u, top, _CMP_LT_OQ), x);
}

#elif defined(SN_LANES_avx2)

#include <immintrin.h>
#define LANES(name) sn_cpu_avx2_##name
#define LANES_NAME "cpu-avx2"
typedef struct {
    __m256 lo, hi;
} v16;

INLINE v16 v_zero(void) {
    return (v16){_mm256_setzero_ps(), _mm256_setzero_ps()};
}
INLINE v16 v_set(float x) {
    return (v16){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}
INLINE v16 v_load(const float *p) {
    return (v16){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
INLINE void v_store(float *p, v16 x) {
    _mm256_storeu_ps(p, x.lo);
    _mm256_storeu_ps(p + 8, x.hi);
}
INLINE void v_stream(float *p, v16 x) {
    _mm256_stream_ps(p, x.lo);
    _mm256_stream_ps(p + 8, x.hi);
}
INLINE void v_stream_end(void) {
    _mm_sfence();
}
static const int32_t v_mask_words[32] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
INLINE __m256i v_mask(int n, int first) { // lanes first..first+7 of the first n
    return _mm256_loadu_si256((const __m256i *)(const void *)(v_mask_words + 16 - n + first));
}
INLINE v16 v_load_n(const float *p, int n) {
    return (v16){_mm256_maskload_ps(p, v_mask(n, 0)), _mm256_maskload_ps(p + 8, v_mask(n, 8))};
}
INLINE void v_store_n(float *p, v16 x, int n) {
    _mm256_maskstore_ps(p, v_mask(n, 0), x.lo);
    _mm256_maskstore_ps(p + 8, v_mask(n, 8), x.hi);
}
INLINE v16 v_add(v16 a, v16 b) {
    return (v16){_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}
INLINE v16 v_sub(v16 a, v16 b) {
    return (v16){_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}
INLINE v16 v_mul(v16 a, v16 b) {
    return (v16){_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}
INLINE v16 v_div(v16 a, v16 b) {
    return (v16){_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}
INLINE v16 v_fma(v16 a, v16 b, v16 c) {
    return (v16){_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
INLINE v16 v_max(v16 a, v16 b) {
    return (v16){_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}
INLINE v16 v_min(v16 a, v16 b) {
    return (v16){_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)};
}
INLINE v16 v_where_gt(v16 a, v16 b, v16 x, v16 y) {
    return (v16){_mm256_blendv_ps(y.lo, x.lo, _mm256_cmp_ps(a.lo, b.lo, _CMP_GT_OQ)),
                 _mm256_blendv_ps(y.hi, x.hi, _mm256_cmp_ps(a.hi, b.hi, _CMP_GT_OQ))};
}
INLINE __m256 v_inside_half(__m256 x, __m256 u, __m256 top) {
    __m256 positive = _mm256_cmp_ps(u, _mm256_setzero_ps(), _CMP_GT_OQ);
    return _mm256_and_ps(x, _mm256_and_ps(positive, _mm256_cmp_ps(u, top, _CMP_LT_OQ)));
}
INLINE v16 v_inside(v16 x, v16 u, v16 top) {
    return (v16){v_inside_half(x.lo, u.lo, top.lo), v_inside_half(x.hi, u.hi, top.hi)};
}

#else

#define LANES(name) sn_cpu_plain_##name
#define LANES_NAME "cpu-plain"
typedef struct {
    float x[LANE];
} v16;

#define V_EACH(expression)                                                                                                       \
    v16 result;                                                                                                                  \
    for (int i = 0; i < LANE; i++) result.x[i] = (expression);                                                                   \
    return result
INLINE v16 v_zero(void) {
    V_EACH(0);
}
INLINE v16 v_set(float x) {
    V_EACH(x);
}
INLINE v16 v_load(const float *p) {
    V_EACH(p[i]);
}
INLINE void v_store(float *p, v16 x) {
    for (int i = 0; i < LANE; i++) p[i] = x.x[i];
}
INLINE void v_stream(float *p, v16 x) {
    v_store(p, x);
}
INLINE void v_stream_end(void) {}
INLINE v16 v_load_n(const float *p, int n) {
    V_EACH(i < n ? p[i] : 0);
}
INLINE void v_store_n(float *p, v16 x, int n) {
    for (int i = 0; i < n; i++) p[i] = x.x[i];
}
INLINE v16 v_add(v16 a, v16 b) {
    V_EACH(a.x[i] + b.x[i]);
}
INLINE v16 v_sub(v16 a, v16 b) {
    V_EACH(a.x[i] - b.x[i]);
}
INLINE v16 v_mul(v16 a, v16 b) {
    V_EACH(a.x[i] * b.x[i]);
}
INLINE v16 v_div(v16 a, v16 b) {
    V_EACH(a.x[i] / b.x[i]);
}
INLINE v16 v_fma(v16 a, v16 b, v16 c) {
    V_EACH(fmaf(a.x[i], b.x[i], c.x[i]));
}
INLINE v16 v_max(v16 a, v16 b) {
    V_EACH(a.x[i] > b.x[i] ? a.x[i] : b.x[i]);
}
INLINE v16 v_min(v16 a, v16 b) {
    V_EACH(a.x[i] < b.x[i] ? a.x[i] : b.x[i]);
}
INLINE v16 v_where_gt(v16 a, v16 b, v16 x, v16 y) {
    V_EACH(a.x[i] > b.x[i] ? x.x[i] : y.x[i]);
}
INLINE v16 v_inside(v16 x, v16 u, v16 top) {
    V_EACH(u.x[i] > 0 && u.x[i] < top.x[i] ? x.x[i] : 0);
}
#undef V_EACH

#endif

// reg: what one register holds, 16 / REG of which make a v16. For loops that need more values in registers than v16 would leave.
// reg_pick(x, lane): lane i of the result is lane[i] of the v16 that x is a part of; both within the same 8. reg_near(x, r): lane
// i is lane i ^ r, for r < 4 known at compile time. reg_far(x): lane i is lane i ^ 4.
#if defined(SN_LANES_avx2)
typedef __m256 reg;
enum { REG = 8 };
INLINE reg reg_zero(void) {
    return _mm256_setzero_ps();
}
INLINE reg reg_load(const float *p) {
    return _mm256_loadu_ps(p);
}
INLINE void reg_store(float *p, reg x) {
    _mm256_storeu_ps(p, x);
}
INLINE reg reg_add(reg a, reg b) {
    return _mm256_add_ps(a, b);
}
INLINE reg reg_fma(reg a, reg b, reg c) {
    return _mm256_fmadd_ps(a, b, c);
}
INLINE void reg_store_n(float *p, reg x, int n) { // the first n <= REG floats
    _mm256_maskstore_ps(p, v_mask(n, 0), x);
}
INLINE reg reg_near(reg x, int r) {
    return r == 1 ? _mm256_permute_ps(x, 0xb1) : r == 2 ? _mm256_permute_ps(x, 0x4e) : r == 3 ? _mm256_permute_ps(x, 0x1b) : x;
}
INLINE reg reg_far(reg x) {
    return _mm256_permute2f128_ps(x, x, 1);
}
INLINE reg reg_pick(reg x, const int32_t *lane) {
    return _mm256_permutevar8x32_ps(x, _mm256_loadu_si256((const __m256i *)(const void *)lane)); // lanes modulo 8
}
#else
typedef v16 reg;
enum { REG = LANE };
INLINE reg reg_zero(void) {
    return v_zero();
}
INLINE reg reg_load(const float *p) {
    return v_load(p);
}
INLINE void reg_store(float *p, reg x) {
    v_store(p, x);
}
INLINE reg reg_add(reg a, reg b) {
    return v_add(a, b);
}
INLINE reg reg_fma(reg a, reg b, reg c) {
    return v_fma(a, b, c);
}
INLINE void reg_store_n(float *p, reg x, int n) { // the first n <= REG floats
    v_store_n(p, x, n);
}
#if defined(SN_LANES_avx512)
INLINE reg reg_near(reg x, int r) {
    return r == 1 ? _mm512_permute_ps(x, 0xb1) : r == 2 ? _mm512_permute_ps(x, 0x4e) : r == 3 ? _mm512_permute_ps(x, 0x1b) : x;
}
INLINE reg reg_far(reg x) {
    return _mm512_shuffle_f32x4(x, x, 0xb1);
}
INLINE reg reg_pick(reg x, const int32_t *lane) {
    return _mm512_permutexvar_ps(_mm512_loadu_si512(lane), x);
}
#else
INLINE reg reg_near(reg x, int r) {
    reg result;
    for (int i = 0; i < LANE; i++) result.x[i] = x.x[i ^ r];
    return result;
}
INLINE reg reg_far(reg x) {
    return reg_near(x, 4);
}
INLINE reg reg_pick(reg x, const int32_t *lane) {
    reg result;
    for (int i = 0; i < LANE; i++) result.x[i] = x.x[lane[i]];
    return result;
}
#endif
#endif

// out[j*ld_out + i] = in[i*ld + j] for i, j < 8
#if defined(SN_LANES_plain)
INLINE void transpose8(const float *in, int64_t ld, float *out, int64_t ld_out) {
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j++) out[j * ld_out + i] = in[i * ld + j];
}
#else
INLINE void transpose8(const float *in, int64_t ld, float *out, int64_t ld_out) {
    __m256 row[8], pair[8];
    for (int i = 0; i < 8; i++) row[i] = _mm256_loadu_ps(in + i * ld);
    for (int i = 0; i < 8; i += 4) { // 4 x 4 within halves
        __m256 a = _mm256_unpacklo_ps(row[i], row[i + 1]), b = _mm256_unpackhi_ps(row[i], row[i + 1]);
        __m256 c = _mm256_unpacklo_ps(row[i + 2], row[i + 3]), d = _mm256_unpackhi_ps(row[i + 2], row[i + 3]);
        pair[i] = _mm256_shuffle_ps(a, c, 0x44), pair[i + 1] = _mm256_shuffle_ps(a, c, 0xee);
        pair[i + 2] = _mm256_shuffle_ps(b, d, 0x44), pair[i + 3] = _mm256_shuffle_ps(b, d, 0xee);
    }
    for (int i = 0; i < 4; i++) { // halves
        _mm256_storeu_ps(out + i * ld_out, _mm256_permute2f128_ps(pair[i], pair[i + 4], 0x20));
        _mm256_storeu_ps(out + (i + 4) * ld_out, _mm256_permute2f128_ps(pair[i], pair[i + 4], 0x31));
    }
}
#endif

// copy8: n <= 8 floats, and zeros up to 8. sum8: 8 floats, the sum of `count` pieces at even steps, in order.
#if defined(SN_LANES_plain)
INLINE void copy8(float *to, const float *from, int n) {
    for (int i = 0; i < 8; i++) to[i] = i < n ? from[i] : 0;
}
INLINE void sum8(float *to, const float *from, int step, int count) {
    float sum[8];
    for (int i = 0; i < 8; i++) sum[i] = from[i];
    for (int k = 1; k < count; k++)
        for (int i = 0; i < 8; i++) sum[i] += from[k * step + i];
    for (int i = 0; i < 8; i++) to[i] = sum[i];
}
#else
static const int32_t copy_mask_words[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
INLINE void copy8(float *to, const float *from, int n) {
    __m256i mask = _mm256_loadu_si256((const __m256i *)(const void *)(copy_mask_words + 8 - n));
    _mm256_storeu_ps(to, _mm256_maskload_ps(from, mask));
}
INLINE void sum8(float *to, const float *from, int step, int count) {
    __m256 sum = _mm256_loadu_ps(from);
    for (int k = 1; k < count; k++) sum = _mm256_add_ps(sum, _mm256_loadu_ps(from + k * step));
    _mm256_storeu_ps(to, sum);
}
#endif

// Loads and stores of a channel block: n >= 16 is a whole one.
INLINE v16 v_load_to(const float *p, int n) {
    return n >= LANE ? v_load(p) : v_load_n(p, n);
}
INLINE void v_store_to(float *p, v16 x, int n) {
    if (n >= LANE)
        v_store(p, x);
    else
        v_store_n(p, x, n);
}

#endif
