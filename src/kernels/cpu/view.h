// Reading a view or a gradient into scratch, and the epilogues that every kernel shares: statistics of what is written, and the
// gradient put where `sn_into` says. Formulas: docs/views.md.
// Not here: which rows and channels a kernel reads. Next: gemm.h.
#ifndef SN_CPU_VIEW_H
#define SN_CPU_VIEW_H

#include "kernels/backend.h"
#include "kernels/cpu/lanes.h"
#include <math.h>
#include <string.h>

INLINE int min_int(int a, int b) {
    return a < b ? a : b;
}
INLINE int max_int(int a, int b) {
    return a > b ? a : b;
}
INLINE int round_up(int x, int multiple) {
    return (x + multiple - 1) / multiple * multiple;
}
INLINE int64_t ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

// Scratch is carved into pieces by one function per kernel, which also tells the size: base NULL only counts.
typedef struct {
    char *base;
    size_t used;
} carving;

INLINE void *carve(carving *c, int64_t n, size_t size) { // n elements, aligned as a cache line
    void *piece = c->base ? c->base + c->used : NULL;
    c->used += ((size_t)n * size + 63) / 64 * 64;
    return piece;
}
INLINE float *carve_floats(carving *c, int64_t n) {
    return carve(c, n, sizeof(float));
}

INLINE const float *vector_at(const float *arena, sn_off offset) {
    return offset == SN_NONE ? NULL : arena + offset;
}
INLINE float act_top(sn_act act) { // act'(u) is 1 where 0 < u < top
    return act == SN_RELU6 ? 6.0f : INFINITY;
}

// --- views
typedef struct {
    const float *x;                    // the stored tensor
    const float *mean, *scale, *shift; // mean NULL: u = x
    sn_act act;
} source;

INLINE source source_of(const sn_bases *b, const sn_view *v) {
    const float *arena = b->arena;
    source s = {arena + v->data, vector_at(arena, v->mean), NULL, NULL, v->act};
    if (s.mean) s.scale = arena + v->scale, s.shift = arena + v->shift;
    return s;
}

INLINE bool source_is_plain(const source *s) {
    return !s->mean && s->act == SN_LINEAR;
}

// What a channel block needs of the view's vectors; the first n lanes.
typedef struct {
    v16 mean, scale, shift;
} affine;

INLINE affine affine_at(bool wanted, const float *mean, const float *scale, const float *shift, int c, int n) {
    if (!wanted) return (affine){v_zero(), v_zero(), v_zero()};
    return (affine){v_load_to(mean + c, n), v_load_to(scale + c, n), v_load_to(shift + c, n)};
}

INLINE v16 affine_apply(bool wanted, const affine *a, v16 x) {
    return wanted ? v_fma(a->scale, v_sub(x, a->mean), a->shift) : x;
}

INLINE v16 act_apply(sn_act act, v16 u) { // the order of operands lets a NaN through
    if (act == SN_LINEAR) return u;
    u = v_max(v_zero(), u);
    return act == SN_RELU6 ? v_min(v_set(6), u) : u;
}

INLINE v16 source_read(const source *s, const affine *a, const float *x, int n) { // for kernels that are not held up by it
    return act_apply(s->act, affine_apply(s->mean != NULL, a, v_load_to(x, n)));
}

// out[r][0..n-1] = view of the n channels from c on of row r, which begins at x + rows[r]; written in whole v16.
INLINE void source_block_as(bool with_affine, sn_act act, const source *s, const int64_t *rows, int m, int c, int n, float *out,
                            int ld) {
    enum { TOGETHER = 4 }; // rows that share one load of the vectors
    for (int r = 0; r < m; r += TOGETHER)
        for (int j = 0; j < n; j += LANE) {
            affine a = affine_at(with_affine, s->mean, s->scale, s->shift, c + j, n - j);
            int last = min_int(m - r, TOGETHER);
            for (int i = 0; i < last; i++) {
                v16 x = v_load_to(s->x + rows[r + i] + c + j, n - j);
                v_store(out + (int64_t)(r + i) * ld + j, act_apply(act, affine_apply(with_affine, &a, x)));
            }
        }
}

static inline void source_block(const source *s, const int64_t *rows, int m, int c, int n, float *out, int ld) {
    bool with_affine = s->mean != NULL;
    if (with_affine && s->act == SN_LINEAR) source_block_as(true, SN_LINEAR, s, rows, m, c, n, out, ld);
    if (with_affine && s->act == SN_RELU) source_block_as(true, SN_RELU, s, rows, m, c, n, out, ld);
    if (with_affine && s->act == SN_RELU6) source_block_as(true, SN_RELU6, s, rows, m, c, n, out, ld);
    if (!with_affine && s->act == SN_LINEAR) source_block_as(false, SN_LINEAR, s, rows, m, c, n, out, ld);
    if (!with_affine && s->act == SN_RELU) source_block_as(false, SN_RELU, s, rows, m, c, n, out, ld);
    if (!with_affine && s->act == SN_RELU6) source_block_as(false, SN_RELU6, s, rows, m, c, n, out, ld);
}

// --- gradients
typedef struct {
    const float *dy, *x;           // the tensor's shape
    const float *mean, *a, *b, *c; // a NULL: dy as it is
} gradient;

INLINE gradient gradient_of(const sn_bases *b, const sn_grad *g) {
    const float *arena = b->arena;
    gradient d = {.dy = arena + g->dy};
    if (g->a != SN_NONE) d.x = arena + g->x, d.mean = arena + g->mean, d.a = arena + g->a, d.b = arena + g->b, d.c = arena + g->c;
    return d;
}

typedef struct {
    v16 mean, a, b, c;
} slopes;

INLINE slopes slopes_at(bool wanted, const gradient *g, int c, int n) {
    if (!wanted) return (slopes){v_zero(), v_zero(), v_zero(), v_zero()};
    return (slopes){v_load_to(g->mean + c, n), v_load_to(g->a + c, n), v_load_to(g->b + c, n), v_load_to(g->c + c, n)};
}

INLINE v16 slopes_apply(const slopes *s, v16 dy, v16 x) {
    return v_fma(s->a, dy, v_fma(s->b, v_sub(x, s->mean), s->c));
}

INLINE v16 gradient_read(const gradient *g, const slopes *s, int64_t i, int n) {
    v16 dy = v_load_to(g->dy + i, n);
    return g->a ? slopes_apply(s, dy, v_load_to(g->x + i, n)) : dy;
}

INLINE void gradient_block_as(bool with_slopes, const gradient *g, const int64_t *rows, int m, int c, int n, float *out, int ld) {
    enum { TOGETHER = 4 };
    for (int r = 0; r < m; r += TOGETHER)
        for (int j = 0; j < n; j += LANE) {
            slopes s = slopes_at(with_slopes, g, c + j, n - j);
            int last = min_int(m - r, TOGETHER);
            for (int i = 0; i < last; i++) {
                int64_t at = rows[r + i] + c + j;
                v16 dy = v_load_to(g->dy + at, n - j);
                if (with_slopes) dy = slopes_apply(&s, dy, v_load_to(g->x + at, n - j));
                v_store(out + (int64_t)(r + i) * ld + j, dy);
            }
        }
}

// As source_block, of the gradient.
static inline void gradient_block(const gradient *g, const int64_t *rows, int m, int c, int n, float *out, int ld) {
    if (g->a)
        gradient_block_as(true, g, rows, m, c, n, out, ld);
    else
        gradient_block_as(false, g, rows, m, c, n, out, ld);
}

// --- statistics of what a kernel writes. Scratch of one tile: pivot, sum and squares of all its channels.
typedef struct {
    float *pivot, *sum, *squares; // round_up(c, LANE) each
} tile_stat;

INLINE int64_t tile_vector(int c) { // elements of one vector in scratch
    return round_up(c, LANE);
}

INLINE tile_stat tile_stat_begin(float *memory, int c) {
    int64_t v = tile_vector(c);
    memset(memory, 0, (size_t)(3 * v) * sizeof *memory);
    return (tile_stat){memory, memory + v, memory + 2 * v};
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
static inline void tile_stat_rows(const tile_stat *t, bool begin, const float *y, int64_t ld, int m, int c, int n) {
    if (begin) v_store(t->pivot + c, v_load_to(y, n));
    if (n >= LANE)
        tile_stat_rows_n(t, y, ld, m, c, LANE);
    else
        tile_stat_rows_n(t, y, ld, m, c, n);
}

// Workspace of a call with statistics: for each tile c pivots, c of mean - pivot, c of M2. (The mean itself would lose its last digits as a float.)
INLINE int64_t stat_work(const sn_stat *stat, int64_t tiles, int c) {
    return stat->mean == SN_NONE ? 0 : tiles * 3 * c;
}

// Writes the tile's n channels from first on, of c.
INLINE void tile_stat_end(const tile_stat *t, float *work, int64_t tile, int c, int first, int n, int64_t rows) {
    float *pivot = work + tile * 3 * c + first, *mean = pivot + c, *m2 = mean + c;
    v16 inverse = v_set(1 / (float)rows);
    for (int j = 0; j < n; j += LANE) {
        v16 sum = v_load(t->sum + j), share = v_mul(sum, inverse);
        v_store_to(pivot + j, v_load(t->pivot + j), n - j);
        v_store_to(mean + j, share, n - j);
        v_store_to(m2 + j, v_max(v_zero(), v_sub(v_load(t->squares + j), v_mul(sum, share))), n - j);
    }
}

// Combines the tiles in order (Chan, Golub, LeVeque 1979); rows_of gives the rows of each tile.
static inline void stat_finish(const sn_bases *b, const sn_call *call, const sn_stat *stat, int64_t tiles, int c,
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

// --- the gradient of what was read
typedef struct {
    const float *x, *mean, *scale, *shift; // x NULL: not needed; mean NULL: u = x
    sn_act act;
    const float *add;        // NULL: nothing
    int first;               // channel of the sums' first element
    float *dy;               // NULL: sums only
    float *sum_dy, *sum_dyx; // scratch of the tile, round_up(c, LANE) each; NULL: no sums wanted
} target;

INLINE bool into_sums(const sn_into *into) {
    return into->sum_dy != SN_NONE || into->sum_dyx != SN_NONE;
}

// Memory: 2 vectors of the n channels from first on.
INLINE target target_of(const sn_bases *b, const sn_into *into, float *memory, int first, int n) {
    float *arena = b->arena;
    target t = {.act = into->view.act, .add = vector_at(arena, into->add), .first = first};
    if (into->dy != SN_NONE) t.dy = arena + into->dy;
    bool sums = into_sums(into);
    if (t.act != SN_LINEAR || into->sum_dyx != SN_NONE) {
        t.x = arena + into->view.data;
        t.mean = vector_at(arena, into->view.mean);
        if (t.mean) t.scale = arena + into->view.scale, t.shift = arena + into->view.shift;
    }
    if (sums) {
        memset(memory, 0, (size_t)(2 * tile_vector(n)) * sizeof *memory);
        t.sum_dy = memory, t.sum_dyx = memory + tile_vector(n);
    }
    return t;
}

INLINE void target_block_as(bool act, bool add, bool sums, bool whole, const target *t, const int64_t *rows, const float *dz,
                            int64_t ld, int m, int c, int n) {
    int part = whole ? LANE : n;
    bool with_affine = t->mean != NULL, with_x = sums && t->x;
    affine a = affine_at(with_affine, t->mean, t->scale, t->shift, c, part);
    v16 top = v_set(act_top(t->act)), sum_dy[2] = {v_zero(), v_zero()}, sum_dyx[2] = {v_zero(), v_zero()};
    for (int r = 0; r < m; r += 2) // even and odd rows apart: two chains of additions instead of one
        for (int i = 0; i < 2 && r + i < m; i++) {
            int64_t at = rows[r + i] + c;
            v16 dy = v_load_to(dz + (r + i) * ld, part), d = v_zero();
            if (act || with_x) d = v_load_to(t->x + at, part);
            if (with_affine) d = v_sub(d, a.mean);
            if (act) dy = v_inside(dy, with_affine ? v_fma(a.scale, d, a.shift) : d, top);
            if (add) dy = v_add(dy, v_load_to(t->add + at, part));
            if (t->dy) v_store_to(t->dy + at, dy, part);
            if (sums) sum_dy[i] = v_add(sum_dy[i], dy), sum_dyx[i] = v_fma(dy, d, sum_dyx[i]);
        }
    if (!sums) return;
    float *to_dy = t->sum_dy + (c - t->first), *to_dyx = t->sum_dyx + (c - t->first);
    v_store(to_dy, v_add(v_load(to_dy), v_add(sum_dy[0], sum_dy[1])));
    v_store(to_dyx, v_add(v_load(to_dyx), v_add(sum_dyx[0], sum_dyx[1])));
}

INLINE void target_block_n(bool whole, const target *t, const int64_t *rows, const float *dz, int64_t ld, int m, int c, int n) {
    int kind = (t->act != SN_LINEAR ? 4 : 0) + (t->add ? 2 : 0) + (t->sum_dy ? 1 : 0);
    switch (kind) {
    case 0:
        target_block_as(false, false, false, whole, t, rows, dz, ld, m, c, n);
        break;
    case 1:
        target_block_as(false, false, true, whole, t, rows, dz, ld, m, c, n);
        break;
    case 2:
        target_block_as(false, true, false, whole, t, rows, dz, ld, m, c, n);
        break;
    case 3:
        target_block_as(false, true, true, whole, t, rows, dz, ld, m, c, n);
        break;
    case 4:
        target_block_as(true, false, false, whole, t, rows, dz, ld, m, c, n);
        break;
    case 5:
        target_block_as(true, false, true, whole, t, rows, dz, ld, m, c, n);
        break;
    case 6:
        target_block_as(true, true, false, whole, t, rows, dz, ld, m, c, n);
        break;
    default:
        target_block_as(true, true, true, whole, t, rows, dz, ld, m, c, n);
    }
}

// Puts m rows of n channels at c (n <= 16) of dz, row r at dz + r*ld, into the rows that begin at rows[r].
static inline void target_block(const target *t, const int64_t *rows, const float *dz, int64_t ld, int m, int c, int n) {
    if (n >= LANE)
        target_block_n(true, t, rows, dz, ld, m, c, LANE);
    else
        target_block_n(false, t, rows, dz, ld, m, c, n);
}

// Workspace of a call with sums: for each tile c of dy, then c of dyx.
INLINE int64_t sums_work(const sn_into *into, int64_t tiles, int c) {
    return into_sums(into) ? tiles * 2 * c : 0;
}

// Writes the tile's n channels from first on, of c.
INLINE void target_end(const target *t, float *work, int64_t tile, int c, int first, int n) {
    if (!t->sum_dy) return;
    float *dy = work + tile * 2 * c + first, *dyx = dy + c;
    for (int j = 0; j < n; j += LANE) {
        v_store_to(dy + j, v_load(t->sum_dy + j), n - j);
        v_store_to(dyx + j, v_load(t->sum_dyx + j), n - j);
    }
}

static inline void sums_finish(const sn_bases *b, const sn_call *call, const sn_into *into, int64_t tiles, int c) {
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

// --- gradients of weights: dw += the sum of the parts, in order
static inline void parts_finish(float *dw, const float *parts, int64_t n_parts, int64_t n) {
    enum { BLOCK = 64 };
    for (int64_t j = 0; j < n; j += BLOCK) {
        int m = n - j < BLOCK ? (int)(n - j) : BLOCK;
        double sum[BLOCK] = {0};
        for (int64_t t = 0; t < n_parts; t++)
            for (int i = 0; i < m; i++) sum[i] += parts[t * n + j + i];
        for (int i = 0; i < m; i++) dw[j + i] = (float)(dw[j + i] + sum[i]);
    }
}

#endif
