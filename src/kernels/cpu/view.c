// The parts of view.h that are called for many rows at once: blocks of a view or gradient, statistics, sums, and their ends.
// Not here: what they mean (view.h).
// Next: gemm.h.
#include "kernels/cpu/view.h"

enum { TOGETHER = 4, AHEAD = 16 }; // rows that share one load of the vectors; rows to fetch ahead

// Elements to what will be read AHEAD rows later, if rows go on as the first two lie. (It may lie outside the tensor: no matter.)
INLINE int64_t ahead(const int64_t *rows, int m) {
    return m > 1 ? AHEAD * (rows[1] - rows[0]) : 0;
}

INLINE void fetch(const float *p, int64_t distance) {
    __builtin_prefetch((const void *)((uintptr_t)p + (uintptr_t)distance * sizeof *p));
}

INLINE void source_block_as(bool with_affine, sn_act act, const source *s, const int64_t *rows, int m, int c, int n, sheet out) {
    int64_t distance = ahead(rows, m);
    for (int r = 0; r < m; r += TOGETHER) {
        int last = min_int(m - r, TOGETHER);
        float *to = out.data + r * out.row;
        for (int j = 0, column = 0; j < n; j += LANE) {
            affine a = affine_at(with_affine, s->mean, s->scale, s->shift, c + j, n - j);
            for (int i = 0; i < last; i++) {
                const float *from = s->x + rows[r + i] + c + j;
                v16 x = v_load_to(from, n - j);
                fetch(from, distance);
                v_store(to + column + i * out.row, act_apply(act, affine_apply(with_affine, &a, x)));
            }
            if ((column += LANE) == out.width) to += out.panel, column = 0;
        }
    }
}

INLINE void source_block_with(bool with_affine, const source *s, const int64_t *rows, int m, int c, int n, sheet out) {
    switch (s->act) {
    case SN_RELU:
        source_block_as(with_affine, SN_RELU, s, rows, m, c, n, out);
        break;
    case SN_RELU6:
        source_block_as(with_affine, SN_RELU6, s, rows, m, c, n, out);
        break;
    case SN_H_SWISH:
        source_block_as(with_affine, SN_H_SWISH, s, rows, m, c, n, out);
        break;
    case SN_H_SIGMOID:
        source_block_as(with_affine, SN_H_SIGMOID, s, rows, m, c, n, out);
        break;
    default:
        source_block_as(with_affine, SN_LINEAR, s, rows, m, c, n, out);
    }
}

void LANES(source_block)(const source *s, const int64_t *rows, int m, int c, int n, sheet out) {
    if (s->mean)
        source_block_with(true, s, rows, m, c, n, out);
    else
        source_block_with(false, s, rows, m, c, n, out);
}

INLINE void gradient_block_as(bool with_slopes, const gradient *g, const int64_t *rows, int m, int c, int n, sheet out) {
    int64_t distance = ahead(rows, m);
    for (int r = 0; r < m; r += TOGETHER) {
        int last = min_int(m - r, TOGETHER);
        float *to = out.data + r * out.row;
        for (int j = 0, column = 0; j < n; j += LANE) {
            slopes s = slopes_at(with_slopes, g, c + j, n - j);
            for (int i = 0; i < last; i++) {
                int64_t at = rows[r + i] + c + j;
                v16 dy = v_load_to(g->dy + at, n - j);
                fetch(g->dy + at, distance);
                if (with_slopes) {
                    dy = slopes_apply(&s, dy, v_load_to(g->x + at, n - j));
                    fetch(g->x + at, distance);
                }
                v_store(to + column + i * out.row, dy);
            }
            if ((column += LANE) == out.width) to += out.panel, column = 0;
        }
    }
}

void LANES(gradient_block)(const gradient *g, const int64_t *rows, int m, int c, int n, sheet out) {
    if (g->a)
        gradient_block_as(true, g, rows, m, c, n, out);
    else
        gradient_block_as(false, g, rows, m, c, n, out);
}

INLINE void tile_stat_rows_n(const tile_stat *t, const float *y, int64_t ld, int m, int c, int n) {
    v16 pivot = v_load(t->pivot + c), sum[2] = {v_zero(), v_zero()}, squares[2] = {v_zero(), v_zero()};
    for (int r = 0; r < m; r += 2) // even and odd rows apart: two chains of additions instead of one
        for (int i = 0; i < 2 && r + i < m; i++) {
            v16 d = v_sub(v_load_to(y + (r + i) * ld, n), pivot);
            sum[i] = v_add(sum[i], d);
            squares[i] = v_fma(d, d, squares[i]);
        }
    v_store(t->sum + c, v_add(v_load(t->sum + c), v_add(sum[0], sum[1])));
    v_store(t->squares + c, v_add(v_load(t->squares + c), v_add(squares[0], squares[1])));
}

// Adds m rows of n channels at c (n <= 16); `begin`: the first of them is the pivot.
void LANES(tile_stat_rows)(const tile_stat *t, bool begin, const float *y, int64_t ld, int m, int c, int n) {
    if (begin) v_store(t->pivot + c, v_load_to(y, n));
    if (n >= LANE)
        tile_stat_rows_n(t, y, ld, m, c, LANE);
    else
        tile_stat_rows_n(t, y, ld, m, c, n);
}

// Chan, Golub, LeVeque 1979.
void LANES(stat_finish)(const sn_bases *b, const sn_call *call, const sn_stat *stat, int64_t tiles, int c,
                        int64_t (*rows_of)(const sn_call *, int64_t tile)) {
    enum { BLOCK = 64 };
    if (stat->mean == SN_NONE) return;
    float *arena = b->arena;
    const float *work = arena + call->work;
    for (int j = 0; j < c; j += BLOCK) {
        double mean[BLOCK], m2[BLOCK];
        int n = min_int(c - j, BLOCK);
        int64_t rows = rows_of(call, 0);
        for (int i = 0; i < n; i++) mean[i] = (double)work[j + i] + work[c + j + i], m2[i] = work[2 * c + j + i];
        for (int64_t t = 1; t < tiles; t++) {
            const float *pivot = work + t * 3 * c + j, *tile_mean = pivot + c, *tile_m2 = tile_mean + c;
            int64_t more = rows_of(call, t);
            double share = (double)more / (double)(rows + more), weight = (double)rows * share;
            for (int i = 0; i < n; i++) {
                double delta = (double)pivot[i] + tile_mean[i] - mean[i];
                mean[i] += delta * share;
                m2[i] += tile_m2[i] + delta * delta * weight;
            }
            rows += more;
        }
        for (int i = 0; i < n; i++) {
            arena[stat->mean + j + i] = (float)mean[i];
            arena[stat->m2 + j + i] = (float)m2[i];
        }
    }
}

// How a gradient passes an activation: as it is; where u is inside; times a slope.
typedef enum { PASS, INSIDE, SLOPE } passing;

INLINE void target_block_as(passing act, bool add, bool sums, bool whole, const target *t, const int64_t *rows, const float *dz,
                            int64_t ld, int m, int c, int n) {
    int part = whole ? LANE : n;
    bool with_affine = t->mean != NULL, with_x = sums && t->x;
    affine a = affine_at(with_affine, t->mean, t->scale, t->shift, c, part);
    int64_t distance = ahead(rows, m);
    v16 top = v_set(act_top(t->act));
    hard_slope slope = hard_slope_of(t->act);
    v16 sum_dy[2] = {v_zero(), v_zero()}, sum_dyx[2] = {v_zero(), v_zero()};
    for (int r = 0; r < m; r += 2) // even and odd rows apart: two chains of additions instead of one
        for (int i = 0; i < 2 && r + i < m; i++) {
            int64_t at = rows[r + i] + c;
            v16 dy = v_load_to(dz + (r + i) * ld, part), d = v_zero();
            if (act != PASS || with_x) {
                d = v_load_to(t->x + at, part);
                fetch(t->x + at, distance);
            }
            if (with_affine) d = v_sub(d, a.mean);
            v16 u = act == PASS || !with_affine ? d : v_fma(a.scale, d, a.shift);
            if (act == INSIDE) dy = v_inside(dy, u, top);
            if (act == SLOPE) dy = v_mul(dy, hard_slope_at(&slope, u));
            if (add) {
                dy = v_add(dy, v_load_to(t->add + at, part));
                fetch(t->add + at, distance);
            }
            if (whole && t->streams) {
                v_stream(t->dy + at, dy);
            } else if (t->dy) {
                v_store_to(t->dy + at, dy, part);
                fetch(t->dy + at, distance);
            }
            if (sums) sum_dy[i] = v_add(sum_dy[i], dy), sum_dyx[i] = v_fma(dy, d, sum_dyx[i]);
        }
    if (!sums) return;
    float *to_dy = t->sum_dy + (c - t->first), *to_dyx = t->sum_dyx + (c - t->first);
    v_store(to_dy, v_add(v_load(to_dy), v_add(sum_dy[0], sum_dy[1])));
    v_store(to_dyx, v_add(v_load(to_dyx), v_add(sum_dyx[0], sum_dyx[1])));
}

INLINE void target_block_with(passing act, bool whole, const target *t, const int64_t *rows, const float *dz, int64_t ld, int m,
                              int c, int n) {
    int kind = (t->add ? 2 : 0) + (t->sum_dy ? 1 : 0);
    switch (kind) {
    case 0:
        target_block_as(act, false, false, whole, t, rows, dz, ld, m, c, n);
        break;
    case 1:
        target_block_as(act, false, true, whole, t, rows, dz, ld, m, c, n);
        break;
    case 2:
        target_block_as(act, true, false, whole, t, rows, dz, ld, m, c, n);
        break;
    default:
        target_block_as(act, true, true, whole, t, rows, dz, ld, m, c, n);
    }
}

INLINE void target_block_n(bool whole, const target *t, const int64_t *rows, const float *dz, int64_t ld, int m, int c, int n) {
    if (t->act == SN_LINEAR)
        target_block_with(PASS, whole, t, rows, dz, ld, m, c, n);
    else if (act_is_hard(t->act))
        target_block_with(SLOPE, whole, t, rows, dz, ld, m, c, n);
    else
        target_block_with(INSIDE, whole, t, rows, dz, ld, m, c, n);
}

// Puts m rows of n channels at c (n <= 16) of dz, row r at dz + r*ld, into the rows that begin at rows[r].
void LANES(target_block)(const target *t, const int64_t *rows, const float *dz, int64_t ld, int m, int c, int n) {
    if (n >= LANE)
        target_block_n(true, t, rows, dz, ld, m, c, LANE);
    else
        target_block_n(false, t, rows, dz, ld, m, c, n);
}

void LANES(sums_finish)(const sn_bases *b, const sn_call *call, const sn_into *into, int64_t tiles, int c) {
    enum { BLOCK = 64 };
    if (!into_sums(into)) return;
    float *arena = b->arena;
    const float *work = arena + call->work;
    for (int j = 0; j < c; j += BLOCK) {
        double dy[BLOCK] = {0}, dyx[BLOCK] = {0};
        int n = min_int(c - j, BLOCK);
        for (int64_t t = 0; t < tiles; t++)
            for (int i = 0; i < n; i++) dy[i] += work[t * 2 * c + j + i], dyx[i] += work[t * 2 * c + c + j + i];
        for (int i = 0; i < n; i++) {
            if (into->sum_dy != SN_NONE) arena[into->sum_dy + j + i] = (float)dy[i];
            if (into->sum_dyx != SN_NONE) arena[into->sum_dyx + j + i] = (float)dyx[i];
        }
    }
}

void LANES(parts_finish)(float *dw, const float *parts, int64_t n_parts, int64_t n) {
    enum { BLOCK = 64 };
    for (int64_t j = 0; j < n; j += BLOCK) {
        int m = n - j < BLOCK ? (int)(n - j) : BLOCK;
        double sum[BLOCK] = {0};
        for (int64_t t = 0; t < n_parts; t++)
            for (int i = 0; i < m; i++) sum[i] += parts[t * n + j + i];
        for (int i = 0; i < m; i++) dw[j + i] = (float)(dw[j + i] + sum[i]);
    }
}
