// What the reference kernels share: the type `real`, reading a view and a gradient, writing a gradient with its sums.
// Values are `real`, every sum is taken in double. Nothing here is fast.
// Next: conv.c.
#ifndef SN_REF_H
#define SN_REF_H

#include "kernels/tables.h"
#include <math.h>
#include <string.h>

#ifdef SN_REAL_double
typedef double real;
#define REF(name) sn_ref_double_##name
#define REF_TABLE sn_table_ref_double
#define REF_NAME "ref64"
#else
typedef float real;
#define REF(name) sn_ref_float_##name
#define REF_TABLE sn_table_ref_float
#define REF_NAME "ref"
#endif

// One function per kernel, each call one tile; the scratch is in bytes.
#define X(ENUM, name, record)                                                                                                    \
    void REF(name)(const sn_bases *, const sn_call *, int64_t tile, void *scratch);                                              \
    size_t REF(name##_scratch)(const sn_call *);
#include "kernels/kernels.def"
#undef X

// --- views
static inline real ref_clamp(real u, real top) { // NaN stays NaN
    return u < 0 ? 0 : u > top ? top : u;
}

static inline real ref_act(sn_act act, real u) {
    switch (act) {
    case SN_RELU:
        return ref_clamp(u, (real)INFINITY);
    case SN_RELU6:
        return ref_clamp(u, 6);
    case SN_H_SWISH:
        return u * (ref_clamp(u + 3, 6) / 6);
    case SN_H_SIGMOID:
        return ref_clamp(u + 3, 6) / 6;
    default:
        return u;
    }
}

static inline real ref_slope(sn_act act, real u) {
    switch (act) {
    case SN_RELU:
        return u > 0 ? 1 : 0;
    case SN_RELU6:
        return u > 0 && u < 6 ? 1 : 0;
    case SN_H_SWISH:
        return u >= 3 ? 1 : u > -3 ? u / 3 + (real)0.5 : 0;
    case SN_H_SIGMOID:
        return u > -3 && u < 3 ? (real)1 / 6 : 0;
    default:
        return 1;
    }
}

// u of channel c at element i = row*channels + c
static inline real ref_affine(const real *arena, const sn_view *v, int64_t i, int c) {
    real x = arena[v->data + i];
    return v->mean == SN_NONE ? x : arena[v->scale + c] * (x - arena[v->mean + c]) + arena[v->shift + c];
}

static inline real ref_view(const real *arena, const sn_view *v, int64_t i, int c) {
    return ref_act(v->act, ref_affine(arena, v, i, c));
}

static inline real ref_grad(const real *arena, const sn_grad *g, int64_t i, int c) {
    real dy = arena[g->dy + i];
    if (g->a == SN_NONE) return dy;
    return arena[g->a + c] * dy + arena[g->b + c] * (arena[g->x + i] - arena[g->mean + c]) + arena[g->c + c];
}

// --- gradients: dy overwritten row by row, then the sums overwritten once
typedef struct {
    real *arena;
    const sn_into *into;
    int c;
    double *dy, *dyx; // c each: the running sums
} ref_sums;

// Memory: 2*c doubles.
static inline ref_sums ref_into_begin(real *arena, const sn_into *into, int c, double *memory) {
    memset(memory, 0, 2 * (size_t)c * sizeof *memory);
    return (ref_sums){arena, into, c, memory, memory + c};
}

static inline void ref_into_put(const ref_sums *s, int64_t row, int c, double dz) {
    const sn_into *into = s->into;
    real *arena = s->arena;
    int64_t i = row * s->c + c;
    real dy = (real)dz;
    if (into->view.act != SN_LINEAR) dy *= ref_slope(into->view.act, ref_affine(arena, &into->view, i, c));
    if (into->add != SN_NONE) dy += arena[into->add + i];
    if (into->dy != SN_NONE) arena[into->dy + i] = dy;
    if (into->sum_dy != SN_NONE) s->dy[c] += dy;
    if (into->sum_dyx != SN_NONE) {
        real mean = into->view.mean == SN_NONE ? 0 : arena[into->view.mean + c];
        s->dyx[c] += (double)dy * (double)(arena[into->view.data + i] - mean);
    }
}

static inline void ref_into_end(const ref_sums *s) {
    for (int c = 0; c < s->c; c++) {
        if (s->into->sum_dy != SN_NONE) s->arena[s->into->sum_dy + c] = (real)s->dy[c];
        if (s->into->sum_dyx != SN_NONE) s->arena[s->into->sum_dyx + c] = (real)s->dyx[c];
    }
}

// --- statistics of a written tensor (overwrites mean and m2): the mean around the first row, then M2 around the mean
// Of `channels` channels, rows `stride` apart.
static inline void ref_statistics_of(real *arena, const sn_stat *stat, sn_off y, int64_t rows, int channels, int stride) {
    if (stat->mean == SN_NONE) return;
    for (int c = 0; c < channels; c++) {
        double pivot = arena[y + c], sum = 0, rest = 0, squares = 0;
        for (int64_t row = 0; row < rows; row++) sum += arena[y + row * stride + c] - pivot;
        double mean = pivot + sum / (double)rows;
        for (int64_t row = 0; row < rows; row++) {
            double d = arena[y + row * stride + c] - mean;
            rest += d; // what the rounding of the mean left
            squares += d * d;
        }
        arena[stat->mean + c] = (real)mean;
        arena[stat->m2 + c] = (real)(squares - rest * rest / (double)rows);
    }
}

static inline void ref_statistics(real *arena, const sn_stat *stat, sn_off y, int64_t rows, int channels) {
    ref_statistics_of(arena, stat, y, rows, channels, channels);
}

#endif
