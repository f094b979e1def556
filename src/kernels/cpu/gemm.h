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

// What becomes of C: overwritten; the products go on from it (k was cut); the sum of the products is added to it.
typedef enum { C_SET, C_CONTINUE, C_ADD } c_mode;

// m rows of A, kc deep, times one panel of n <= PANEL columns. The depth of A may be in pieces: piece i of a row begins
// at_piece[i] after the row does, and is kc deep; B goes on through all pieces.
typedef struct {
    int m, kc, n;
    const float *a;
    int64_t row, step;        // from one row of A to the next, from one k to the next
    const float *const *rows; // where rows are not evenly spaced: each row; a and row are then unused
    const int64_t *at_piece;  // NULL: one piece, at 0
    int pieces;
    const float *b; // (pieces*kc, PANEL)
    float *c;
    int64_t ldc;
} product;

typedef struct { // known at compile time
    c_mode mode;
    bool unit; // step is 1
    bool rows, pieces;
} product_kind;

// Rows r0..r0+mr-1; mr, nv and kind known at compile time.
INLINE void micro(int mr, int nv, product_kind kind, const product *p, int r0, int n) {
    const float *a = kind.rows ? NULL : p->a + r0 * p->row, *b = p->b;
    const float *const *rows = kind.rows ? p->rows + r0 : NULL;
    float *c = p->c + r0 * p->ldc;
    int64_t lda = p->row, ldc = p->ldc, step = kind.unit ? 1 : p->step;
    v16 acc[MR][PANEL / LANE];
    UNROLL
    for (int r = 0; r < mr; r++) {
        UNROLL
        for (int v = 0; v < nv; v++)
            acc[r][v] = kind.mode == C_CONTINUE ? v_load_to(c + r * ldc + v * LANE, n - v * LANE) : v_zero();
    }
    for (int piece = 0; piece < (kind.pieces ? p->pieces : 1); piece++) {
        int64_t at = kind.pieces ? p->at_piece[piece] : 0;
        for (int k = 0; k < p->kc; k++, b += PANEL) {
            v16 row[PANEL / LANE];
            UNROLL
            for (int v = 0; v < nv; v++) row[v] = v_load(b + v * LANE);
            UNROLL
            for (int r = 0; r < mr; r++) {
                v16 x = v_set(kind.rows ? rows[r][at + k * step] : a[r * lda + at + k * step]);
                UNROLL
                for (int v = 0; v < nv; v++) acc[r][v] = v_fma(x, row[v], acc[r][v]);
            }
        }
    }
    UNROLL
    for (int r = 0; r < mr; r++) {
        UNROLL
        for (int v = 0; v < nv; v++) {
            float *to = c + r * ldc + v * LANE;
            v16 x = kind.mode == C_ADD ? v_add(v_load_to(to, n - v * LANE), acc[r][v]) : acc[r][v];
            v_store_to(to, x, n - v * LANE);
        }
    }
}

INLINE void micro_rows(int mr, product_kind kind, const product *p, int r) {
#if defined(SN_COMPACT)
    micro(mr, p->n > LANE ? PANEL / LANE : 1, kind, p, r, p->n);
#else
    if (p->n == PANEL)
        micro(mr, PANEL / LANE, kind, p, r, PANEL);
    else if (p->n > LANE)
        micro(mr, PANEL / LANE, kind, p, r, p->n);
    else
        micro(mr, 1, kind, p, r, p->n);
#endif
}

#if defined(SN_COMPACT)
INLINE void multiply(product_kind kind, const product *p) {
    for (int r = 0; r < p->m; r += MR) micro_rows(min_int(p->m - r, MR), kind, p, r);
}
#else
INLINE void micro_tail(int mr, product_kind kind, const product *p, int r) {
    switch (mr) {
#define CASE(i)                                                                                                                  \
    case i:                                                                                                                      \
        micro_rows(i, kind, p, r);                                                                                               \
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

INLINE void multiply(product_kind kind, const product *p) {
    int r = 0;
    for (; r + MR <= p->m; r += MR) micro_rows(MR, kind, p, r);
    micro_tail(p->m - r, kind, p, r);
}
#endif

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

// --- 1x1 convolutions: rows are pixels
INLINE bool is_pointwise(const sn_conv_size *s) {
    return s->kernel == 1 && s->groups == 1 && s->pad == 0;
}

// Elements from the start of the input to the pixel that output row first + r reads.
static inline void input_rows(const sn_conv_size *s, int64_t first, int m, int64_t *rows) {
    for (int r = 0; r < m; r++) {
        int64_t row = first + r;
        if (s->stride > 1) {
            int64_t line = row / s->wo, image = line / s->ho;
            row = (image * s->h + line % s->ho * s->stride) * s->w + row % s->wo * s->stride;
        }
        rows[r] = row * s->ci;
    }
}

#endif
