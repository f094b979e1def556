// What the dense convolutions of any kernel share: how pixels are cut into blocks and tiles, and planes of all channels of a
// group in scratch. Groups are dense convolutions one after another. Not here: the products (dense.c, dense_data.c,
// dense_weights.c); groups of few channels (narrow.h). Next: dense.c.
#ifndef SN_CPU_DENSE_H
#define SN_CPU_DENSE_H

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/planes.h"

// Rows of the product are pixels. A block is some whole images, or some rows of one image; its planes are staged at once.
enum { BLOCK_ROWS = 192, TILES_WANTED = 64 };

typedef struct {
    int images, rows; // in a block; rows of each image
    int bands;        // blocks of one image
    int64_t blocks;
    int tile; // blocks in a tile
} dense_blocks;

// Over n images of h x w pixels; rows in multiples of `multiple`.
INLINE dense_blocks dense_blocks_of(int n, int h, int w, int multiple) {
    int rows = max_int(BLOCK_ROWS / w / multiple, 1) * multiple;
    dense_blocks d = {.images = 1, .rows = min_int(rows, h)};
    if (d.rows == h) d.images = min_int(n, max_int(1, BLOCK_ROWS / (h * w)));
    d.bands = (int)ceil_div(h, d.rows);
    d.blocks = ceil_div(n, d.images) * d.bands;
    d.tile = (int)ceil_div(d.blocks, TILES_WANTED);
    return d;
}

INLINE int64_t dense_tiles(const dense_blocks *d) {
    return ceil_div(d->blocks, d->tile);
}

typedef struct {
    int image, images, row, rows;
} dense_block;

INLINE dense_block dense_block_at(const dense_blocks *d, int n, int h, int64_t block) {
    dense_block b = {.image = (int)(block / d->bands) * d->images, .row = (int)(block % d->bands) * d->rows};
    b.images = min_int(n - b.image, d->images), b.rows = min_int(h - b.row, d->rows);
    return b;
}

INLINE int64_t dense_block_pixels(const dense_block *b, int w) {
    return (int64_t)b->images * b->rows * w;
}

INLINE int64_t dense_tile_pixels(const dense_blocks *d, int n, int h, int w, int64_t tile) {
    int64_t pixels = 0, first = tile * d->tile;
    for (int64_t i = first; i < first + d->tile && i < d->blocks; i++) {
        dense_block b = dense_block_at(d, n, h, i);
        pixels += dense_block_pixels(&b, w);
    }
    return pixels;
}

// The channels of a tensor of `all` that belong to one group: `count` from `first` on.
typedef struct {
    int all, first, count;
} dense_channels;

INLINE dense_channels dense_group(int all, int groups, int group) {
    return (dense_channels){all, all / groups * group, all / groups};
}

// Elements of the vectors of all groups in scratch, each group's beginning on a boundary of LANE.
INLINE int dense_vectors(int all, int groups) {
    return groups * round_up(all / groups, LANE);
}

// m pixels in a row from element `at` on, unpadded on both sides.
static inline void dense_row(const source *x, const gradient *g, int64_t at, int m, const dense_channels *k, float *out) {
    int c = k->count;
    if (c == k->all && (x ? source_is_plain(x) : !g->a)) {
        memcpy(out, (x ? x->x : g->dy) + at, (size_t)m * (size_t)c * sizeof *out);
        return;
    }
    at += k->first;
    for (int j = 0; j < c; j += LANE) {
        affine a = affine_at(x && x->mean, x ? x->mean : NULL, x ? x->scale : NULL, x ? x->shift : NULL, k->first + j, c - j);
        slopes s = slopes_at(!x && g->a, g, k->first + j, c - j);
        for (int i = 0; i < m; i++) {
            int64_t from = at + (int64_t)i * k->all + j;
            v16 value = x ? source_read(x, &a, x->x + from, c - j) : gradient_read(g, &s, from, c - j);
            v_store_to(out + (int64_t)i * c + j, value, c - j);
        }
    }
}

// The planes of some channels of one image of a tensor (h, w), read as a view or as a gradient: the other is NULL.
static inline void dense_fill(const planes *p, const source *x, const gradient *g, int image, int h, int w,
                              const dense_channels *k) {
    int left = max_int(-p->column0, 0), first = max_int(p->column0, 0), c = p->depth;
    int m = max_int(min_int(w - first, p->width - left), 0), right = p->width - left - m;
    for (int row = p->row0; row < p->row0 + p->rows; row++) {
        float *out = p->data + (int64_t)(row - p->row0) * p->width * c;
        if (row < 0 || row >= h) {
            memset(out, 0, (size_t)p->width * (size_t)c * sizeof *out);
            continue;
        }
        memset(out, 0, (size_t)left * (size_t)c * sizeof *out);
        dense_row(x, g, (((int64_t)image * h + row) * w + first) * k->all, m, k, out + (int64_t)left * c);
        memset(out + (int64_t)(left + m) * c, 0, (size_t)right * (size_t)c * sizeof *out);
    }
}

// Where the depth of A lies: neighbouring taps of a row are one piece when there is no dilation.
typedef struct {
    int pieces, taps; // taps in each piece
} dense_pieces;

INLINE dense_pieces dense_pieces_of(const sn_conv_size *s) {
    return s->dilation == 1 ? (dense_pieces){s->kernel, s->kernel} : (dense_pieces){s->kernel * s->kernel, 1};
}

// Distance of piece i from an output pixel's first tap.
INLINE int64_t dense_piece_at(const sn_conv_size *s, const planes *x, int i) {
    int tap = i * dense_pieces_of(s).taps;
    return ((int64_t)(tap / s->kernel) * x->width + tap % s->kernel) * s->dilation * x->depth;
}

#endif
