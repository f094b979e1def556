// The register-blocked product C = A*B of all dense convolutions: A rows in scratch, B packed in panels of PANEL columns.
// Not here: what A and B hold. Every output element is one accumulator that takes its products in the order of k by FMA; the
// blocking, which differs between lanes, does not change that order nor the bits. Next: pointwise.c.
#ifndef SN_CPU_GEMM_H
#define SN_CPU_GEMM_H

#include "kernels/cpu/view.h"

// A tile of registers is MR rows by PANEL columns; KC is the depth whose panel stays in the first-level cache.
#if defined(SN_LANES_avx512)
enum { MR = 12, PANEL = 32, KC = 256 };
#else
enum { MR = 6, PANEL = 16, KC = 256 };
#endif

// c[r][0..16*nv) (+)= sum over k of a[r*lda + k]*b[k*PANEL ..], mr and nv known at compile time.
INLINE void micro(int mr, int nv, bool accumulate, int kc, const float *a, int64_t lda, const float *b, float *c, int64_t ldc, int n) {
    v16 acc[MR][PANEL / LANE];
#pragma GCC unroll 12
    for (int r = 0; r < mr; r++)
#pragma GCC unroll 2
        for (int v = 0; v < nv; v++) acc[r][v] = accumulate ? v_load_to(c + r * ldc + v * LANE, n - v * LANE) : v_zero();
    for (int k = 0; k < kc; k++) {
        v16 row[PANEL / LANE];
#pragma GCC unroll 2
        for (int v = 0; v < nv; v++) row[v] = v_load(b + (int64_t)k * PANEL + v * LANE);
#pragma GCC unroll 12
        for (int r = 0; r < mr; r++) {
            v16 x = v_set(a[r * lda + k]);
#pragma GCC unroll 2
            for (int v = 0; v < nv; v++) acc[r][v] = v_fma(x, row[v], acc[r][v]);
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < mr; r++)
#pragma GCC unroll 2
        for (int v = 0; v < nv; v++) v_store_to(c + r * ldc + v * LANE, acc[r][v], n - v * LANE);
}

INLINE void micro_rows(int mr, bool accumulate, int kc, const float *a, int64_t lda, const float *b, float *c, int64_t ldc, int n) {
    if (n == PANEL)
        micro(mr, PANEL / LANE, accumulate, kc, a, lda, b, c, ldc, PANEL);
    else if (n > LANE)
        micro(mr, PANEL / LANE, accumulate, kc, a, lda, b, c, ldc, n);
    else
        micro(mr, 1, accumulate, kc, a, lda, b, c, ldc, n);
}

INLINE void micro_tail(int mr, bool accumulate, int kc, const float *a, int64_t lda, const float *b, float *c, int64_t ldc, int n) {
    switch (mr) {
#define CASE(i)                                                                                                                  \
    case i:                                                                                                                      \
        micro_rows(i, accumulate, kc, a, lda, b, c, ldc, n);                                                                     \
        break;
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
#if defined(SN_LANES_avx512)
        CASE(6)
        CASE(7)
        CASE(8)
        CASE(9)
        CASE(10)
        CASE(11)
#endif
#undef CASE
    default:
        break;
    }
}

// m rows of A times one panel of n <= PANEL columns.
static inline void gemm_panel(bool accumulate, int m, int kc, const float *a, int64_t lda, const float *b, float *c, int64_t ldc,
                              int n) {
    int r = 0;
    if (accumulate) {
        for (; r + MR <= m; r += MR) micro_rows(MR, true, kc, a + r * lda, lda, b, c + r * ldc, ldc, n);
        micro_tail(m - r, true, kc, a + r * lda, lda, b, c + r * ldc, ldc, n);
    } else {
        for (; r + MR <= m; r += MR) micro_rows(MR, false, kc, a + r * lda, lda, b, c + r * ldc, ldc, n);
        micro_tail(m - r, false, kc, a + r * lda, lda, b, c + r * ldc, ldc, n);
    }
}

// panel[k][0..n-1] = w[k*ld ..]; columns beyond n are 0.
static inline void pack_panel(const float *w, int64_t ld, int kc, int n, float *panel) {
    for (int k = 0; k < kc; k++)
        for (int j = 0; j < PANEL; j += LANE)
            v_store(panel + (int64_t)k * PANEL + j, n - j > 0 ? v_load_to(w + k * ld + j, n - j) : v_zero());
}

// panel[k][j] = w[j*ld + k] for j < n; columns beyond n are 0.
static inline void pack_panel_transposed(const float *w, int64_t ld, int kc, int n, float *panel) {
    for (int j = 0; j < PANEL; j++)
        for (int k = 0; k < kc; k++) panel[(int64_t)k * PANEL + j] = j < n ? w[j * ld + k] : 0;
}

#endif
