// What the kernels for groups of few channels share: how groups lie in lanes, the product that knows no lanes but its own, and
// planes of one block of groups in scratch. Not here: the sums (narrow.c, narrow_weights.c); wider groups (dense.h).
// Next: narrow.c.
//
// A group takes a slot of 1, 2, 4 or 8 lanes, and 16 lanes hold a block of groups. Lanes hold what is read; the product of lane l
// with weights of diagonal r belongs to the written channel r lanes away, round the group. So the input is never
// spread: the sum over taps is a depthwise one for each diagonal, and only sums are moved from lane to lane.
// A group that reads fewer channels than it writes reads them repeatedly; one that reads more writes several partial sums.
#ifndef SN_CPU_NARROW_H
#define SN_CPU_NARROW_H

#include "kernels/cpu/depthwise.h"

enum { SLOT_MOST = 8 };

INLINE bool is_narrow(const sn_conv_size *s) {
    return s->groups > 1 && s->ci / s->groups <= SLOT_MOST && s->co / s->groups <= SLOT_MOST;
}

typedef struct {
    int in, out;  // channels of a group that are read, that are written
    int slot;     // lanes of a group
    int most;     // of them used
    bool repeats; // most is a multiple of both
    int period;   // lanes round which diagonals go; their number
    bool even;    // the period is a power of two
    int blocks;   // of groups
    int per;      // groups of a block
} lattice;

INLINE lattice lattice_of(int in, int out, int groups) {
    int most = max_int(in, out), least = min_int(in, out);
    lattice a = {.in = in, .out = out, .slot = 1, .most = most, .repeats = most % least == 0};
    a.period = a.repeats ? least : most;
    a.even = (a.period & (a.period - 1)) == 0;
    while (a.slot < most) a.slot *= 2;
    a.per = LANE / a.slot;
    a.blocks = (int)ceil_div(groups, a.per);
    return a;
}

// The channel of the group that lane l of a slot reads; -1: none.
INLINE int lane_reads(const lattice *a, int l) {
    return l < a->most && (a->repeats || l < a->in) ? l % a->in : -1;
}

// The lane of a slot that lane l belongs to on diagonal r, and back: r away round the period, or, where the period is a power of
// two, l ^ r within it, which registers do at once.
INLINE int lane_gives(const lattice *a, int l, int r) {
    int at = l % a->period;
    return l < a->most ? l - at + (a->even ? at ^ r : (at + a->period - r) % a->period) : l;
}
INLINE int lane_takes(const lattice *a, int l, int r) {
    int at = l % a->period;
    return l < a->most ? l - at + (a->even ? at ^ r : (at + r) % a->period) : l;
}

// The written channel of lane l; -1: none.
INLINE int lane_writes(const lattice *a, int l) {
    lattice back = *a;
    back.in = a->out, back.out = a->in;
    return lane_reads(&back, l);
}

// Where the weights of channels lie: from one read, one written channel, one group, one tap to the next.
typedef struct {
    int64_t in, out, group, tap;
} weight_steps;

// at (period, LANE): of the weight of each lane and diagonal of `groups` groups, within a tap; -1: none.
static inline void narrow_weights_at(const lattice *a, const weight_steps *w, int groups, int64_t *at) {
    for (int r = 0; r < a->period; r++, at += LANE)
        for (int l = 0; l < a->slot; l++) {
            int i = lane_reads(a, l), o = lane_writes(a, lane_gives(a, l, r));
            for (int group = 0; group < a->per; group++)
                at[group * a->slot + l] = group < groups && i >= 0 && o >= 0 ? i * w->in + o * w->out + group * w->group : -1;
        }
}

// turn (period, LANE): the lanes that each lane takes its sum from, or, back, whose gradient it reads.
static inline void narrow_turns(const lattice *a, bool back, int32_t *turn) {
    for (int r = 0; r < a->period; r++, turn += LANE)
        for (int l = 0; l < a->slot; l++)
            for (int lane = l; lane < LANE; lane += a->slot)
                turn[lane] = lane - l + (back ? lane_gives(a, l, r) : lane_takes(a, l, r));
}

// --- tiles: a block of groups by some images, enough of them that the weights are laid out for many pixels
enum { PIXELS_WANTED = 1024 };

typedef struct {
    int image_groups, images; // images in one group
} narrow_images;

INLINE narrow_images narrow_images_of(const sn_conv_size *s, const lattice *a) {
    int groups = min_int(s->n, (int)ceil_div(TILES_WANTED, a->blocks));
    int images = max_int((int)ceil_div(s->n, groups), (int)ceil_div(PIXELS_WANTED, s->ho * s->wo));
    return (narrow_images){(int)ceil_div(s->n, images), images};
}

typedef struct {
    int group, image, images; // of the image group: its number, first image and count
    int block, first, groups; // of groups: its number, the first, count
} narrow_tile;

INLINE narrow_tile narrow_tile_at(const sn_conv_size *s, const lattice *a, int64_t tile) {
    narrow_images t = narrow_images_of(s, a);
    narrow_tile n = {.group = (int)(tile / a->blocks), .block = (int)(tile % a->blocks)};
    n.image = n.group * t.images, n.images = min_int(s->n - n.image, t.images);
    n.first = n.block * a->per, n.groups = min_int(s->groups - n.first, a->per);
    return n;
}

// --- planes of one block. SLACK: floats after them, since channels are moved 8 lanes at a time, upwards
enum { SLACK = LANE };

// The channels that a block of groups has of a tensor: `count` from c on, `each` in a group.
typedef struct {
    int all, c, each, groups;
} narrow_channels;

INLINE narrow_channels narrow_channels_of(int all, int each, const narrow_tile *t) {
    return (narrow_channels){all, t->first * each, each, t->groups};
}

// What the band after this one reads of a tensor or two, about: see upcoming_band.
INLINE upcoming narrow_upcoming(const float *x, const float *y, const narrow_channels *k, const narrow_tile *t,
                                int64_t pixels_of_image, int64_t begin, int64_t pixels, int times) {
    depthwise_tile all = {.image = t->image, .images = t->images, .c = k->c, .channels = k->groups * k->each};
    return upcoming_band(x, y, k->all, &all, pixels_of_image, begin, pixels, times);
}

// Pixels of channels side by side to pixels of slots, each group's channels `times` times.
static inline void narrow_spread(const float *from, int pixels, const narrow_channels *k, int slot, int times, float *to) {
    for (int i = 0; i < pixels; i++, from += LANE, to += LANE) {
        for (int g = 0; g < k->groups; g++)
            for (int t = 0; t < times; t++) copy8(to + g * slot + t * k->each, from + g * k->each, k->each);
        memset(to + k->groups * slot, 0, (size_t)(LANE - k->groups * slot) * sizeof *to);
    }
}

// The planes of one image of a tensor (h, w), read as a view or as a gradient: the other is NULL. a: reads these channels.
// offsets, line: scratch of w and w*LANE.
static inline void narrow_fill(const planes *p, const lattice *a, const source *x, const gradient *g, int image, int h, int w,
                               const narrow_channels *k, int64_t *offsets, float *line) {
    int left = max_int(-p->column0, 0), first = max_int(p->column0, 0); // columns of zeros; first pixel wanted
    int m = max_int(min_int(w - first, p->width - left), 0), right = p->width - left - m, n = k->groups * k->each;
    int times = a->repeats ? a->most / a->in : 1;
    for (int row = p->row0; row < p->row0 + p->rows; row++) {
        float *out = p->data + (int64_t)(row - p->row0) * p->width * LANE;
        if (row < 0 || row >= h) {
            memset(out, 0, (size_t)(p->width * LANE) * sizeof *out);
            continue;
        }
        for (int i = 0; i < m; i++) offsets[i] = (((int64_t)image * h + row) * w + first + i) * k->all;
        memset(out, 0, (size_t)(left * LANE) * sizeof *out);
        out += left * LANE;
        sheet to = {a->slot == k->each ? out : line, LANE, LANE, 0};
        if (x)
            LANES(source_block)(x, offsets, m, k->c, n, to);
        else
            LANES(gradient_block)(g, offsets, m, k->c, n, to);
        if (a->slot != k->each) narrow_spread(line, m, k, a->slot, times, out);
        memset(out + m * LANE, 0, (size_t)(right * LANE) * sizeof *out);
    }
}

// --- the product: of each row of A and each diagonal the sum over pieces and k of lanes times lanes, in this order
typedef struct {
    int m;
    const float *const *rows; // of A: each row's first piece begins at_piece[0] after
    const int64_t *at_piece;
    int pieces, kc; // steps in a piece
    int64_t step;   // of A, in floats; B goes on through all pieces
    int diagonals;
    const float *b;      // (pieces*kc, diagonals, LANE); in weight sums of even periods (pieces*kc, LANE): the first diagonal
    const int32_t *turn; // (diagonals, LANE), of odd periods
    float *c;
    int64_t ldc;
    upcoming *next[2];       // fetched meanwhile; may be NULL
    const float *touch[3];   // what else will be wanted of each row's pixel, or NULL
    const int64_t *touch_at; // of each row
} lane_product;

INLINE void lane_fetch(const lane_product *p, int row, int rows) {
    for (int i = 0; i < 2 && p->next[i]; i++) upcoming_fetch(p->next[i]);
    for (int i = 0; i < 3 && p->touch[i]; i++)
        for (int r = row; r < row + rows; r++) __builtin_prefetch(p->touch[i] + p->touch_at[r]);
}

typedef struct {  // known at compile time
    bool weights; // c (m, diagonals, LANE) += the sums. Else c (m, LANE) = the sums turned to their lanes, DIAGONALS or less at
                  // once
    bool even;    // the period
    bool far;     // the diagonals from 4 on of an even one
    bool three;   // steps of each piece
} lane_kind;

// Registers for sums; diagonals at once.
#if defined(SN_LANES_avx512)
enum { SUMS = 24, ROWS_MOST = 12, DIAGONALS = 4 };
#else
enum { SUMS = 12, ROWS_MOST = 8, DIAGONALS = 4 };
#endif

INLINE reg lane_turned(lane_kind kind, const lane_product *p, reg x, int r0, int r, int part) {
    return kind.even ? reg_near(x, r) : reg_pick(x, p->turn + (r0 + r) * LANE + part);
}

// One step of k.
INLINE void lane_step(int mr, int nr, lane_kind kind, const float *const *rows, int64_t at, const float *b,
                      reg acc[DIAGONALS][ROWS_MOST]) {
    bool turns_b = kind.weights && kind.even;
    reg x[ROWS_MOST], first = reg_load(b);
    if (turns_b && kind.far) first = reg_far(first);
    UNROLL
    for (int i = 0; i < mr; i++) x[i] = reg_load(rows[i] + at);
    UNROLL
    for (int r = 0; r < nr; r++) {
        reg w = turns_b ? reg_near(first, r) : r ? reg_load(b + r * LANE) : first;
        UNROLL
        for (int i = 0; i < mr; i++) acc[r][i] = reg_fma(x[i], w, acc[r][i]);
    }
}

// Rows row..row+mr-1, diagonals r0..r0+nr-1, the lanes from `part` on; mr, nr, kind known at compile time.
INLINE void lane_sums(int mr, int nr, lane_kind kind, const lane_product *p, int row, int r0, int part) {
    bool turns_b = kind.weights && kind.even;
    const float *const *rows = p->rows + row, *b = p->b + (turns_b ? 0 : r0 * LANE) + part;
    int64_t b_step = turns_b ? LANE : p->diagonals * LANE;
    reg acc[DIAGONALS][ROWS_MOST];
    UNROLL
    for (int r = 0; r < nr; r++) {
        UNROLL
        for (int i = 0; i < mr; i++) acc[r][i] = reg_zero();
    }
    for (int piece = 0; piece < p->pieces; piece++) {
        int64_t at = p->at_piece[piece] + part;
        if (kind.three) {
            UNROLL
            for (int k = 0; k < 3; k++, at += p->step, b += b_step) lane_step(mr, nr, kind, rows, at, b, acc);
        } else {
            for (int k = 0; k < p->kc; k++, at += p->step, b += b_step) lane_step(mr, nr, kind, rows, at, b, acc);
        }
    }
    UNROLL
    for (int i = 0; i < mr; i++) {
        float *to = p->c + (row + i) * p->ldc + part;
        if (kind.weights) {
            UNROLL
            for (int r = 0; r < nr; r++) {
                float *sum = to + (r0 + r) * LANE;
                reg_store(sum, reg_add(reg_load(sum), acc[r][i]));
            }
        } else {
            reg sum = lane_turned(kind, p, acc[0][i], r0, 0, part);
            UNROLL
            for (int r = 1; r < nr; r++) sum = reg_add(sum, lane_turned(kind, p, acc[r][i], r0, r, part));
            if (kind.far) sum = reg_far(sum);
            reg_store(to, r0 ? reg_add(reg_load(to), sum) : sum);
        }
    }
}

#if defined(SN_COMPACT)
INLINE void lane_rows(int nr, lane_kind kind, const lane_product *p, int r0, int part) {
    int most = min_int(SUMS / nr, ROWS_MOST);
    for (int row = 0; row < p->m; row += most) lane_sums(min_int(most, p->m - row), nr, kind, p, row, r0, part);
}
#else
INLINE void lane_rows(int nr, lane_kind kind, const lane_product *p, int r0, int part) {
    int most = min_int(SUMS / nr, ROWS_MOST), row = 0;
    for (; row + most <= p->m; row += most) {
        if (!r0 && !part) lane_fetch(p, row, most);
        lane_sums(most, nr, kind, p, row, r0, part);
    }
    switch (p->m - row) {
#define CASE(i)                                                                                                                  \
    case i:                                                                                                                      \
        if (i < most) lane_sums(i, nr, kind, p, row, r0, part);                                                                  \
        break;
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
        CASE(6)
        CASE(7)
#if defined(SN_LANES_avx512)
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
#endif

// The kinds that are told apart where diagonals r0..r0+nr-1 are summed: of an even period all at once or 4 and 4.
INLINE void lane_share(int nr, bool even, bool weights, const lane_product *p, int r0, int part) {
    lane_kind odd = {.weights = weights}, near = {.weights = weights, .even = true}, far = {weights, true, true, false};
    lane_kind near3 = {weights, true, false, true}, far3 = {weights, true, true, true};
    bool three = !weights && nr == DIAGONALS && p->kc == 3, high = nr == DIAGONALS && r0;
    if (!even)
        lane_rows(nr, odd, p, r0, part);
    else if (three && high)
        lane_rows(nr, far3, p, r0, part);
    else if (three)
        lane_rows(nr, near3, p, r0, part);
    else if (high)
        lane_rows(nr, far, p, r0, part);
    else
        lane_rows(nr, near, p, r0, part);
}

INLINE void lane_multiply(bool weights, const lattice *a, const lane_product *p) {
    int most = (int)ceil_div(a->period, ceil_div(a->period, DIAGONALS));
    for (int part = 0; part < LANE; part += REG)
        for (int r = 0; r < a->period; r += most) {
            int nr = min_int(most, a->period - r);
#if defined(SN_COMPACT)
            lane_share(nr, a->even, weights, p, r, part);
#else
            if (nr == 4)
                lane_share(4, a->even, weights, p, r, part);
            else if (nr == 3)
                lane_share(3, false, weights, p, r, part);
            else if (nr == 2)
                lane_share(2, a->even, weights, p, r, part);
            else
                lane_share(1, true, weights, p, r, part);
#endif
        }
}

#endif
