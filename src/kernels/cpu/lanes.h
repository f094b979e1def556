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
// v_where_gt(a, b, x, y): x where a > b, else y. v_where_equal(a, b, x): x where a == b, else 0. v_inside(x, u, top): x where 0 <
// u < top, else 0.
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
INLINE v16 v_where_equal(v16 a, v16 b, v16 x) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ), x);
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
// The first n < 8 floats, in pieces: a masked store takes many times as long as they do.
INLINE void v_store_half(float *p, __m256 x, int n) {
    __m128 piece = _mm256_castps256_ps128(x);
    if (n & 4) {
        _mm_storeu_ps(p, piece);
        p += 4, piece = _mm256_extractf128_ps(x, 1);
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)(void *)p, piece);
        p += 2, piece = _mm_movehl_ps(piece, piece);
    }
    if (n & 1) _mm_store_ss(p, piece);
}
INLINE void v_store_n(float *p, v16 x, int n) {
    if (n >= 8) _mm256_storeu_ps(p, x.lo);
    if (n & 7) v_store_half(n < 8 ? p : p + 8, n < 8 ? x.lo : x.hi, n & 7);
    if (n >= LANE) _mm256_storeu_ps(p + 8, x.hi);
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
INLINE v16 v_where_equal(v16 a, v16 b, v16 x) {
    return (v16){_mm256_and_ps(x.lo, _mm256_cmp_ps(a.lo, b.lo, _CMP_EQ_OQ)),
                 _mm256_and_ps(x.hi, _mm256_cmp_ps(a.hi, b.hi, _CMP_EQ_OQ))};
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
INLINE v16 v_where_equal(v16 a, v16 b, v16 x) {
    V_EACH(a.x[i] == b.x[i] ? x.x[i] : 0);
}
INLINE v16 v_inside(v16 x, v16 u, v16 top) {
    V_EACH(u.x[i] > 0 && u.x[i] < top.x[i] ? x.x[i] : 0);
}
#undef V_EACH

#endif

// reg: what one register holds, 16 / REG of which make a v16. For loops that need more values in registers than v16 would leave.
// reg_add_product: *sum += a*b, as reg_fma.
// Of quads, four lanes each: reg_turned(x, i): lane l is lane l ^ i of x, for 0 < i < QUAD known at compile time; reg_two(a, b,
// n): the first n have a, the others b (where there are but two, n is 1); reg_four(x, at): each has x[at[its number]].
enum { QUAD = 4 };
#if defined(SN_LANES_avx2)
typedef __m256 reg;
enum { REG = 8 };
INLINE reg reg_zero(void) {
    return _mm256_setzero_ps();
}
INLINE reg reg_set(float x) {
    return _mm256_set1_ps(x);
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
    if (n >= REG)
        _mm256_storeu_ps(p, x);
    else
        v_store_half(p, x, n);
}
INLINE void reg_add_product(reg *sum, reg a, reg b) {
    __asm__("vfmadd231ps %2, %1, %0" : "+x"(*sum) : "x"(a), "x"(b)); // left to itself gcc moves sums about
}
INLINE reg reg_turned(reg x, int i) {
    return i == 1 ? _mm256_permute_ps(x, 0xb1) : i == 2 ? _mm256_permute_ps(x, 0x4e) : _mm256_permute_ps(x, 0x1b);
}
INLINE reg reg_two(float a, float b, int n) {
    (void)n;
    return _mm256_blend_ps(_mm256_set1_ps(a), _mm256_set1_ps(b), 0xf0);
}
INLINE reg reg_four(const float *x, const int64_t *at) {
    return reg_two(x[at[0]], x[at[1]], 1);
}
#else
typedef v16 reg;
enum { REG = LANE };
INLINE reg reg_zero(void) {
    return v_zero();
}
INLINE reg reg_set(float x) {
    return v_set(x);
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
INLINE void reg_add_product(reg *sum, reg a, reg b) {
    *sum = v_fma(a, b, *sum);
}
#if defined(SN_LANES_avx512)
INLINE reg reg_turned(reg x, int i) {
    return i == 1 ? _mm512_permute_ps(x, 0xb1) : i == 2 ? _mm512_permute_ps(x, 0x4e) : _mm512_permute_ps(x, 0x1b);
}
INLINE reg reg_two(float a, float b, int n) {
    return _mm512_mask_broadcastss_ps(_mm512_set1_ps(a), (__mmask16)(0xffffu << QUAD * n), _mm_set_ss(b));
}
INLINE reg reg_four(const float *x, const int64_t *at) {
    reg result = reg_two(x[at[0]], x[at[1]], 1);
    result = _mm512_mask_broadcastss_ps(result, 0xff00, _mm_set_ss(x[at[2]]));
    return _mm512_mask_broadcastss_ps(result, 0xf000, _mm_set_ss(x[at[3]]));
}
#else
INLINE reg reg_turned(reg x, int i) {
    reg result;
    for (int lane = 0; lane < LANE; lane++) result.x[lane] = x.x[lane ^ i];
    return result;
}
INLINE reg reg_two(float a, float b, int n) {
    reg result;
    for (int lane = 0; lane < LANE; lane++) result.x[lane] = lane < n * QUAD ? a : b;
    return result;
}
INLINE reg reg_four(const float *x, const int64_t *at) {
    reg result;
    for (int lane = 0; lane < LANE; lane++) result.x[lane] = x[at[lane / QUAD]];
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

// p itself, of which the compiler knows nothing: it keeps no registers, which there are too few of, for what lies there.
INLINE const float *anew(const float *p) {
    __asm__("" : "+r"(p));
    return p;
}

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
