// Reading a view or a gradient into scratch, and the epilogues that every kernel shares: statistics of what is written, and the
// gradient put where `sn_into` says. Formulas: docs/views.md.
// Not here: which rows and channels a kernel reads. Next: view.c.
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
INLINE float act_top(sn_act act) { // of relu and relu6: act'(u) is 1 where 0 < u < top
    return act == SN_RELU6 ? 6.0f : INFINITY;
}

// --- fetching into the second-level cache, a few lines at a time while sums are taken, what will be read next: rows of a tensor
// or two
typedef struct {
    const float *x[2]; // the row at hand; x[1] may be NULL
    int64_t row;       // from one row to the next, in floats
    int64_t rows;      // left
    int lines, line;   // cache lines of a row; the one at hand
    int share;         // lines at one time
} upcoming;

// Rows of n floats, to be there after `times` calls of upcoming_fetch.
INLINE upcoming upcoming_of(const float *x, const float *y, int64_t rows, int64_t row, int n, int times) {
    upcoming u = {.x = {x, y}, .row = row, .rows = rows > 0 ? rows : 0, .lines = (int)ceil_div(n, LANE)};
    u.share = (int)ceil_div(u.rows * u.lines, times);
    return u;
}

INLINE void upcoming_fetch(upcoming *u) {
    for (int i = 0; i < u->share && u->rows; i++) {
        __builtin_prefetch(u->x[0] + u->line * LANE, 0, 2);
        if (u->x[1]) __builtin_prefetch(u->x[1] + u->line * LANE, 0, 2);
        if (++u->line < u->lines) continue;
        u->line = 0, u->rows--, u->x[0] += u->row;
        if (u->x[1]) u->x[1] += u->row;
    }
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

INLINE bool act_is_hard(sn_act act) { // with a slope that is not 0 or 1
    return act == SN_H_SWISH || act == SN_H_SIGMOID;
}

INLINE v16 act_apply(sn_act act, v16 u) { // the order of operands lets a NaN through
    if (act == SN_LINEAR) return u;
    v16 from_0 = v_max(v_zero(), act_is_hard(act) ? v_add(u, v_set(3)) : u);
    if (act == SN_RELU) return from_0;
    v16 to_6 = v_min(v_set(6), from_0);
    if (act == SN_RELU6) return to_6;
    v16 share = v_mul(to_6, v_set(1 / 6.0f));
    return act == SN_H_SWISH ? v_mul(u, share) : share;
}

// The slope of a hard activation: u*rise + middle where -3 < u < 3, top from there on, 0 before.
typedef struct {
    v16 rise, middle, top;
} hard_slope;

INLINE hard_slope hard_slope_of(sn_act act) {
    if (act == SN_H_SWISH) return (hard_slope){v_set(1 / 3.0f), v_set(0.5f), v_set(1)};
    return (hard_slope){v_zero(), v_set(1 / 6.0f), v_zero()};
}

INLINE v16 hard_slope_at(const hard_slope *h, v16 u) {
    v16 slope = v_where_gt(v_set(3), u, v_fma(u, h->rise, h->middle), h->top);
    return v_where_gt(u, v_set(-3), slope, v_zero());
}

INLINE v16 source_read(const source *s, const affine *a, const float *x, int n) { // for kernels that are not held up by it
    return act_apply(s->act, affine_apply(s->mean != NULL, a, v_load_to(x, n)));
}

// Rows of channels in scratch, in panels of `width` channels (a multiple of LANE): channel j of row r is at
// data + j / width * panel + r*row + j % width.
typedef struct {
    float *data;
    int width;
    int64_t row, panel;
} sheet;

// The n channels from c on of the view of m rows; row r begins at x + rows[r]. Written in whole v16.
void LANES(source_block)(const source *s, const int64_t *rows, int m, int c, int n, sheet out);

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

// As source_block, of the gradient.
void LANES(gradient_block)(const gradient *g, const int64_t *rows, int m, int c, int n, sheet out);

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

// Adds m rows of n channels at c (n <= 16); `begin`: the first of them is the pivot.
void LANES(tile_stat_rows)(const tile_stat *t, bool begin, const float *y, int64_t ld, int m, int c, int n);

// Workspace of a call with statistics: for each tile c pivots, c of mean - pivot, c of M2. (The mean itself would lose its last
// digits as a float.)
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

// Combines the tiles in order; rows_of gives the rows of each tile.
void LANES(stat_finish)(const sn_bases *b, const sn_call *call, const sn_stat *stat, int64_t tiles, int c,
                        int64_t (*rows_of)(const sn_call *, int64_t tile));

// --- the gradient of what was read
typedef struct {
    const float *x, *mean, *scale, *shift; // x NULL: not needed; mean NULL: u = x
    sn_act act;
    const float *add;        // NULL: nothing
    int first;               // channel of the sums' first element
    float *dy;               // NULL: sums only
    bool streams;            // dy is too large for the caches: written past them
    float *sum_dy, *sum_dyx; // scratch of the tile, round_up(c, LANE) each; NULL: no sums wanted
} target;

INLINE bool into_sums(const sn_into *into) {
    return into->sum_dy != SN_NONE || into->sum_dyx != SN_NONE;
}

// Whether rows of c channels, in all too many for the caches, can be written past them.
INLINE bool streams_to(const float *p, int64_t rows, int c) {
    enum { LARGE = 1 << 22 }; // elements
    return rows * c > LARGE && c % LANE == 0 && (uintptr_t)p % 64 == 0;
}

// Of a tensor of `rows` rows of c channels. Memory: 2 vectors of the n channels from first on.
INLINE target target_of(const sn_bases *b, const sn_into *into, int64_t rows, int c, float *memory, int first, int n) {
    float *arena = b->arena;
    target t = {.act = into->view.act, .add = vector_at(arena, into->add), .first = first};
    if (into->dy != SN_NONE) t.dy = arena + into->dy;
    t.streams = t.dy && t.dy != t.add && streams_to(t.dy, rows, c);
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

// Puts m rows of n channels at c (n <= 16) of dz, row r at dz + r*ld, into the rows that begin at rows[r].
void LANES(target_block)(const target *t, const int64_t *rows, const float *dz, int64_t ld, int m, int c, int n);

// Workspace of a call with sums: for each tile c of dy, then c of dyx.
INLINE int64_t sums_work(const sn_into *into, int64_t tiles, int c) {
    return into_sums(into) ? tiles * 2 * c : 0;
}

// Writes the tile's n channels from first on, of c.
INLINE void target_end(const target *t, float *work, int64_t tile, int c, int first, int n) {
    if (t->streams) v_stream_end();
    if (!t->sum_dy) return;
    float *dy = work + tile * 2 * c + first, *dyx = dy + c;
    for (int j = 0; j < n; j += LANE) {
        v_store_to(dy + j, v_load(t->sum_dy + j), n - j);
        v_store_to(dyx + j, v_load(t->sum_dyx + j), n - j);
    }
}

// Adds the tiles in order.
void LANES(sums_finish)(const sn_bases *b, const sn_call *call, const sn_into *into, int64_t tiles, int c);

// --- gradients of weights: dw += the sum of the parts, in order
void LANES(parts_finish)(float *dw, const float *parts, int64_t n_parts, int64_t n);

#endif
