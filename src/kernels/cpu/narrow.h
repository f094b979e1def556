// What the kernels for groups of few channels share: how written channels lie in lanes, the taps in pieces, and the sums of some
// rows. Not here: which rows (narrow.c); gradient of the weights (narrow_weights.c); wider groups (dense.h). Next: narrow.c.
//
// A tile writes the channels of some groups. Each group takes whole quads of lanes, so a lane's sum is one written channel's.
// What is read lies in planes of LANE channels; one of it at a time is spread over the lanes of its group, and goes with all taps
// side by side of a piece: that is three sums of neighbouring pixels where stride and dilation are 1.
// Groups of 2 and 4 channels lie in lanes as they do in planes. There nothing is spread: lanes go with weights turn by turn, and
// between turns it is the sums that move within their group.
#ifndef SN_CPU_NARROW_H
#define SN_CPU_NARROW_H

#include "kernels/cpu/depthwise.h"

enum { QUADS = LANE / QUAD, NARROW_MOST = 31, NARROW_CHANNELS = 64, TAPS_MOST = 3, RUN_PIXELS = 96 };

INLINE bool is_narrow(const sn_conv_size *s) {
    return s->groups > 1 && s->ci / s->groups <= NARROW_MOST && s->co / s->groups <= NARROW_MOST;
}

typedef struct {
    int in, out; // channels of a group that are read, that are written
    bool alike;  // summed turn by turn
    int slot;    // lanes of a group: whole quads, or 2 where alike
    int groups;  // of a tile, at most
    int tiles;   // of all groups
    int blocks;  // of LANE lanes, of a tile
} lattice;

INLINE lattice lattice_of(int in, int out, int groups) {
    bool pairs = in == 2 && out == 2;
    lattice a = {.in = in, .out = out, .alike = pairs || (in == QUAD && out <= QUAD), .slot = pairs ? 2 : round_up(out, QUAD)};
    a.groups = min_int(groups, max_int(1, NARROW_CHANNELS / max_int(in, out)));
    if (a.groups > QUADS) a.groups -= a.groups % QUADS; // tiles begin where blocks do
    a.tiles = (int)ceil_div(groups, a.groups);
    a.blocks = (int)ceil_div(a.groups * a.slot, LANE);
    return a;
}

INLINE int lattice_lanes(const lattice *a) {
    return a->blocks * LANE;
}

// Group and channel of it that a lane of a tile of `groups` belongs to; false: to none, as if to the last group.
INLINE bool lane_writes(const lattice *a, int groups, int lane, int *group, int *channel) {
    *group = lane / a->slot, *channel = lane % a->slot;
    if (*group < groups) return *channel < a->out;
    *group = groups - 1;
    return false;
}

// --- tiles: some groups by some images, enough of them that the weights are laid out for many pixels
enum { PIXELS_WANTED = 512 };

typedef struct {
    int image_groups, images; // images in one group
} narrow_images;

INLINE narrow_images narrow_images_of(const sn_conv_size *s, const lattice *a) {
    int groups = min_int(s->n, (int)ceil_div(TILES_WANTED, a->tiles));
    int images = max_int((int)ceil_div(s->n, groups), (int)ceil_div(PIXELS_WANTED, s->ho * s->wo));
    return (narrow_images){(int)ceil_div(s->n, images), images};
}

typedef struct {
    int part, image, images; // of the image group: its number, first image and count
    int first, groups;       // of groups
} narrow_tile;

INLINE narrow_tile narrow_tile_at(const sn_conv_size *s, const lattice *a, int64_t tile) {
    narrow_images t = narrow_images_of(s, a);
    narrow_tile n = {.part = (int)(tile / a->tiles), .first = (int)(tile % a->tiles) * a->groups};
    n.image = n.part * t.images, n.images = min_int(s->n - n.image, t.images);
    n.groups = min_int(s->groups - n.first, a->groups);
    return n;
}

// The channels that the tile has of a tensor of which a group has `each`.
INLINE depthwise_tile narrow_channels(const narrow_tile *t, int each) {
    return (depthwise_tile){t->part, t->image, t->images, t->first * each, t->groups * each};
}

INLINE int64_t narrow_planes_floats(const planes *p, int channels) {
    return plane_size(p) * ceil_div(channels, LANE);
}

// --- taps: those of a row in pieces
typedef struct { // the taps that meet a pixel in one dimension, in the order of what they read
    int n, first, step;
} met_taps;

typedef struct {
    int64_t at; // what the first tap reads, from the pixel's origin on
    int taps;
    int first, step; // numbers of the taps
} narrow_piece;

// In pieces of `most` taps or less, the longest first. at: of the first tap of all; row, tap: from one row, one tap to the next.
// Returns their number.
static inline int narrow_pieces(const sn_conv_size *s, const met_taps *down, const met_taps *right, int most, int64_t at,
                                int64_t row, int64_t tap, narrow_piece *pieces) {
    int n = 0;
    for (int taps = most; taps > 0; taps--)
        for (int i = 0; i < down->n; i++)
            for (int j = 0; j < right->n; j += most)
                if (min_int(right->n - j, most) == taps)
                    pieces[n++] =
                        (narrow_piece){at + i * row + j * tap, taps,
                                       (down->first + i * down->step) * s->kernel + right->first + j * right->step, right->step};
    return n;
}

static inline int narrow_forward_pieces(const sn_conv_size *s, int most, narrow_piece *pieces) {
    planes in = forward_planes(s, NULL, LANE, 0, forward_band(s));
    met_taps all = {s->kernel, 0, 1};
    int64_t tap = (int64_t)s->dilation * LANE;
    return narrow_pieces(s, &all, &all, most, 0, tap * in.width, tap, pieces);
}

INLINE bool narrow_sweeps(const sn_conv_size *s) { // neighbouring outputs read what neighbouring taps do
    return s->stride == 1 && s->dilation == 1;
}

// Where the weights of channels lie: from one read, one written channel, one group, one tap to the next.
typedef struct {
    int64_t in, out, group, tap;
} weight_steps;

INLINE weight_steps forward_steps(const sn_conv_size *s, const lattice *a) {
    return (weight_steps){.in = s->co, .out = 1, .group = a->out, .tap = (int64_t)a->in * s->co};
}

// What is multiplied in a lane where groups are alike: its own channel read, whose sum goes to another lane; or what another lane
// reads, for the sum of its own.
typedef enum { OWN_READ, OWN_WRITTEN } turning;

// at (in, lanes): of each lane's product with read channel i, where alike of turn i, within what is of one tap; -1: none.
static inline void narrow_weights_at(const lattice *a, const weight_steps *w, int groups, turning how, int64_t *at) {
    for (int i = 0; i < a->in; i++)
        for (int lane = 0, group, channel; lane < lattice_lanes(a); lane++, at++) {
            lane_writes(a, groups, lane, &group, &channel);
            int read = !a->alike ? i : how == OWN_READ ? channel : channel ^ i;
            int written = a->alike && how == OWN_READ ? channel ^ i : channel;
            bool used = lane / a->slot < groups && written < a->out;
            *at = used ? group * w->group + read * w->in + written * w->out : -1;
        }
}

// --- spreading
// at (blocks, in, QUADS): where in planes, of `plane` floats each, lies what the quads read.
static inline void narrow_places(const lattice *a, int groups, int64_t plane, int64_t *at) {
    for (int block = 0; block < a->blocks; block++)
        for (int i = 0, group, channel; i < a->in; i++)
            for (int quad = 0; quad < QUADS; quad++) {
                lane_writes(a, groups, block * LANE + quad * QUAD, &group, &channel);
                int read = group * a->in + i;
                *at++ = read / LANE * plane + read % LANE;
            }
}

typedef enum {
    ONE,   // all quads of a register read the same channels
    ALIKE, // each lane its own; channel i is that of the lane i turns away
    TWO,   // the first `split` quads read some channels, the others some
    FOUR,  // each its own
} spread;

typedef struct {
    spread kind;
    int split;
} spreading;

INLINE spreading spreading_of(const lattice *a, const int64_t *at) { // of a register
    int n = REG / QUAD, split = 1, runs = 1;
    for (int i = 1; i < n; i++)
        if (at[i] != at[i - 1]) runs++, split = i;
    return (spreading){a->alike ? ALIKE : runs == 1 ? ONE : runs == 2 ? TWO : FOUR, split};
}

// Channel i of what is read at x; at: of the register. Where alike, i is 0.
INLINE reg spread_reg(spreading s, const float *x, const int64_t *at, int i) {
    if (s.kind == ALIKE) return reg_load(x + at[0]);
    at += i * QUADS;
    if (s.kind == ONE) return reg_set(x[at[0]]);
    return s.kind == TWO ? reg_two(x[at[0]], x[at[REG / QUAD - 1]], s.split) : reg_four(x, at);
}

// The same for all i one after the other, known at compile time; last: the one before.
INLINE reg spread_next(spreading s, const float *x, const int64_t *at, int i, reg last) {
    return s.kind == ALIKE && i ? reg_turned(last, i ^ (i - 1)) : spread_reg(s, x, at, i);
}

// --- sums
enum { STRIP = 4, STRIPS = 3 }; // neighbouring pixels; strips at once, in registers: enough to keep two FMAs a cycle going

// The weights go through all channels of a piece, then the next piece; of ALIKE through all pieces of a turn, then the next turn.
typedef struct {
    const lattice *a;
    const narrow_piece *pieces; // of which there are n
    int n;
    int64_t step;               // of planes: from one pixel to the next, LANE where there are taps side by side
    const int64_t *places;      // as narrow_places
    int of_taps[TAPS_MOST + 1]; // how many steps have so many taps: a step is a piece's channel, of ALIKE a piece's turn
    const int64_t *at;          // (blocks, steps, QUADS): what the first taps read, from the pixel's origin on
    const float *w;             // (blocks, turns, steps, taps, LANE)
    int64_t at_block, w_block;  // from one block to the next
} narrow_product;

// Completes a product of pieces and places, but for weights. at: its memory, of which the rest is returned.
static inline int64_t *narrow_steps(narrow_product *p, int64_t *at) {
    int in = p->a->alike ? 1 : p->a->in;
    p->at = at, p->at_block = (int64_t)p->n * in * QUADS, p->w_block = 0;
    for (int piece = 0; piece < p->n; piece++) {
        p->of_taps[p->pieces[piece].taps] += in;
        p->w_block += (int64_t)p->pieces[piece].taps * p->a->in * LANE;
    }
    for (int block = 0; block < p->a->blocks; block++)
        for (int piece = 0; piece < p->n; piece++)
            for (int i = 0; i < in * QUADS; i++) *at++ = p->pieces[piece].at + p->places[block * p->a->in * QUADS + i];
    return at;
}

// The weights of a tap in lanes. at: of them, as narrow_weights_at.
static inline float *narrow_lanes(const narrow_piece *piece, const weight_steps *s, const int64_t *at, const float *w,
                                  float *out) {
    for (int k = 0; k < piece->taps; k++, out += LANE) {
        const float *from = w + (piece->first + k * piece->step) * s->tap;
        for (int lane = 0; lane < LANE; lane++) out[lane] = at[lane] < 0 ? 0 : from[at[lane]];
    }
    return out;
}

// The weights of a tile; w: of its first group. Returns the memory after them.
static inline float *narrow_pack(const narrow_product *p, const weight_steps *s, const int64_t *at, const float *w, float *out) {
    int lanes = lattice_lanes(p->a), in = p->a->in;
    for (int block = 0; block < p->a->blocks; block++, at += LANE)
        if (p->a->alike) {
            for (int turn = 0; turn < in; turn++)
                for (int piece = 0; piece < p->n; piece++) out = narrow_lanes(p->pieces + piece, s, at + turn * lanes, w, out);
        } else {
            for (int piece = 0; piece < p->n; piece++)
                for (int i = 0; i < in; i++) out = narrow_lanes(p->pieces + piece, s, at + i * lanes, w, out);
        }
    return out;
}

// Pixels of the same block: `rows` rows of `width`, in strips.
typedef struct {
    int rows, width;
    const float *x; // the first one's origin in planes
    int64_t x_row;  // from one row to the next
    float *out;
    int64_t ld; // from one pixel to the next
    // Fetched meanwhile:
    upcoming *next;
    const float *touch[3];   // what else will be wanted of each pixel, as far as not NULL
    const int64_t *touch_at; // of each pixel
} narrow_pixels;

// The share of it that falls to pixels first..end-1.
INLINE void narrow_fetch(const narrow_pixels *p, int first, int end) {
    upcoming_fetch(p->next);
    for (int i = 0; i < 3 && p->touch[i]; i++)
        for (int pixel = first; pixel < end; pixel++) __builtin_prefetch(p->touch[i] + p->touch_at[pixel]);
}

// n strips, so many steps of one number of taps side by side; n, taps and spreading known at compile time.
INLINE void strips_steps(int n, int taps, spreading s, int steps, int64_t step, const float *const *x, const int64_t *at,
                         const float *w, reg acc[STRIPS][STRIP]) {
    for (; steps > 0; steps--, at += QUADS, w += taps * LANE) {
        reg weights[TAPS_MOST];
        UNROLL
        for (int k = 0; k < taps; k++) weights[k] = reg_load(w + k * LANE);
        UNROLL
        for (int j = 0; j < STRIP + taps - 1; j++) {
            UNROLL
            for (int strip = 0; strip < n; strip++) {
                reg read = spread_reg(s, x[strip] + j * step, at, 0);
                UNROLL
                for (int k = 0; k < taps; k++)
                    if (j >= k && j - k < STRIP) reg_add_product(&acc[strip][j - k], read, weights[k]);
            }
        }
    }
}

// All steps, of ALIKE of one turn; w: of them. Returns the weights after them.
INLINE const float *strips_sums(int n, spreading s, const narrow_product *p, const float *const *x, const int64_t *at,
                                const float *w, reg acc[STRIPS][STRIP]) {
    strips_steps(n, 3, s, p->of_taps[3], LANE, x, at, w, acc);
    at += p->of_taps[3] * QUADS, w += p->of_taps[3] * 3 * LANE;
    strips_steps(n, 2, s, p->of_taps[2], LANE, x, at, w, acc);
    at += p->of_taps[2] * QUADS, w += p->of_taps[2] * 2 * LANE;
    strips_steps(n, 1, s, p->of_taps[1], p->step, x, at, w, acc);
    return w + p->of_taps[1] * LANE;
}

// Where a strip is. The last one of a row ends with it; where the row is shorter, it is cut when stored.
typedef struct {
    const float *x;
    float *out;
    int column;
} strip_at;

// Lane l gets what lane l ^ turn has; known at compile time: n, turn.
INLINE void turn_sums(int n, reg acc[STRIPS][STRIP], int turn) {
    UNROLL
    for (int strip = 0; strip < n; strip++) {
        UNROLL
        for (int j = 0; j < STRIP; j++) acc[strip][j] = reg_turned(acc[strip][j], turn);
    }
}

// The next n strips.
INLINE void strips(int n, spreading s, const narrow_product *p, const narrow_pixels *to, strip_at *next, const int64_t *at,
                   const float *w) {
    const float *x[STRIPS];
    float *out[STRIPS];
    reg acc[STRIPS][STRIP];
    UNROLL
    for (int strip = 0; strip < n; strip++) {
        int column = max_int(0, min_int(next->column, to->width - STRIP));
        x[strip] = next->x + column * p->step, out[strip] = next->out + column * to->ld;
        next->column += STRIP;
        UNROLL
        for (int j = 0; j < STRIP; j++) acc[strip][j] = reg_zero();
        if (next->column >= to->width) next->column = 0, next->x += to->x_row, next->out += to->width * to->ld;
    }
    w = strips_sums(n, s, p, x, at, w, acc);
    if (s.kind == ALIKE) { // in each turn lane l has what belongs to lane l ^ turn
        turn_sums(n, acc, 1);
        w = strips_sums(n, s, p, x, at, w, acc);
        if (p->a->in == QUAD) {
            turn_sums(n, acc, 3); // of 1 and 2: 1 ^ 2
            w = strips_sums(n, s, p, x, at, w, acc);
            turn_sums(n, acc, 1); // of 2 and 3
            strips_sums(n, s, p, x, at, w, acc);
            turn_sums(n, acc, 3);
        } else {
            turn_sums(n, acc, 1);
        }
    }
    UNROLL
    for (int strip = 0; strip < n; strip++) {
        UNROLL
        for (int j = 0; j < STRIP; j++)
            if (j < to->width) reg_store(out[strip] + j * to->ld, acc[strip][j]);
    }
}

INLINE int narrow_times(int rows, int width) { // that the strips of so many pixels take
    return (int)ceil_div(rows * ceil_div(width, STRIP), STRIPS);
}

// All strips, as many at once as is even.
INLINE void all_strips(spreading s, const narrow_product *p, const narrow_pixels *to, const int64_t *at, const float *w) {
    int of_row = (int)ceil_div(to->width, STRIP), left = to->rows * of_row, done = 0;
    strip_at next = {to->x, to->out, 0};
    for (int times = narrow_times(to->rows, to->width); times > 0; times--) {
        int now = (int)ceil_div(left, times);
        narrow_fetch(to, done * to->width / of_row, (done + now) * to->width / of_row);
#if defined(SN_COMPACT)
        strips(now, s, p, to, &next, at, w);
#else
        if (now == 3)
            strips(3, s, p, to, &next, at, w);
        else if (now == 2)
            strips(2, s, p, to, &next, at, w);
        else
            strips(1, s, p, to, &next, at, w);
#endif
        done += now, left -= now;
    }
}

#define SUMS(name, kind)                                                                                                         \
    static inline void name(int split, const narrow_product *p, const narrow_pixels *to, const int64_t *at, const float *w) {    \
        all_strips((spreading){kind, split}, p, to, at, w);                                                                      \
    }
SUMS(sums_one, ONE)
SUMS(sums_alike, ALIKE)
SUMS(sums_two, TWO)
SUMS(sums_four, FOUR)
#undef SUMS

// The sums of one block; out: of it.
INLINE void narrow_sums(const narrow_product *p, int block, const narrow_pixels *to) {
    for (int part = 0; part < LANE; part += REG) {
        const int64_t *at = p->at + block * p->at_block + part / QUAD;
        spreading s = spreading_of(p->a, p->places + block * p->a->in * QUADS + part / QUAD);
        narrow_pixels of_part = *to;
        of_part.out += part;
        if (part) of_part.touch[0] = NULL; // touched already
        void (*sums[])(int, const narrow_product *, const narrow_pixels *, const int64_t *,
                       const float *) = {sums_one, sums_alike, sums_two, sums_four};
        sums[s.kind](s.split, p, &of_part, at, p->w + block * p->w_block + part);
    }
}

#endif
