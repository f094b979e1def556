// What the depthwise kernels share: how a call is cut into tiles, and padded planes of 16 channels in scratch.
// Not here: the sums (depthwise.c, depthwise_weights.c).
// Next: depthwise.c.
#ifndef SN_CPU_DEPTHWISE_H
#define SN_CPU_DEPTHWISE_H

#include "kernels/cpu/planes.h"

// A tile is a group of images by a group of channels. It goes through its images in bands of rows, so that the padded planes of a
// band stay in the second-level cache and those of 16 channels in the first.
enum { CHANNELS = 128, TILES_WANTED = 96, PLANE_PIXELS = 384, SIDE_MAX = 15 }; // PLANE_PIXELS: of a band

INLINE bool is_depthwise(const sn_conv_size *s) {
    return s->groups == s->ci && s->groups == s->co && s->kernel <= SIDE_MAX && s->groups > 1;
}

typedef struct {
    int channel_groups, image_groups, images; // images in one group
} depthwise_tiles;

INLINE depthwise_tiles depthwise_tiles_of(const sn_conv_size *s) {
    depthwise_tiles t = {.channel_groups = (int)ceil_div(s->ci, CHANNELS)};
    int groups = min_int(s->n, (int)ceil_div(TILES_WANTED, t.channel_groups));
    t.images = (int)ceil_div(s->n, groups);
    t.image_groups = (int)ceil_div(s->n, t.images);
    return t;
}

typedef struct {
    int group, image, images; // of the image group: its number, first image and count
    int c, channels;          // first channel and count
} depthwise_tile;

INLINE depthwise_tile depthwise_tile_at(const sn_conv_size *s, int64_t tile) {
    depthwise_tiles t = depthwise_tiles_of(s);
    int group = (int)(tile / t.channel_groups), c = (int)(tile % t.channel_groups) * CHANNELS;
    int image = group * t.images;
    return (depthwise_tile){group, image, min_int(s->n - image, t.images), c, min_int(s->ci - c, CHANNELS)};
}

// Images in one group, times the rows of each.
INLINE int64_t depthwise_rows(const sn_conv_size *s, int64_t group, int64_t rows_of_image) {
    depthwise_tiles t = depthwise_tiles_of(s);
    return min_int(s->n - (int)group * t.images, t.images) * rows_of_image;
}

// Fills row `row` of all blocks from a tensor row of `w` pixels of `c_all` channels that begins at element `at`; outside the
// image (inside: false) and beside it with 0. Reads a view or a gradient: the other is NULL. offsets: scratch of w.
INLINE void planes_row(const planes *p, const source *x, const gradient *g, int row, bool inside, int64_t at, int w, int c_all,
                       int c, int channels, int64_t *offsets) {
    int left = max_int(-p->column0, 0), first = max_int(p->column0, 0); // columns of zeros; first pixel wanted
    int m = inside ? max_int(min_int(w - first, p->width - left), 0) : 0;
    for (int i = 0; i < m; i++) offsets[i] = at + (int64_t)(first + i) * c_all;
    float *out = p->data + (int64_t)(row - p->row0) * p->width * LANE;
    for (int j = 0; j < channels; j += LANE) {
        float *plane = out + j / LANE * plane_size(p);
        memset(plane, 0, (size_t)(m ? left : p->width) * LANE * sizeof *plane);
        if (m) memset(plane + (left + m) * LANE, 0, (size_t)(p->width - left - m) * LANE * sizeof *plane);
    }
    sheet to = {out + left * LANE, LANE, LANE, plane_size(p)};
    if (x)
        LANES(source_block)(x, offsets, m, c, channels, to);
    else
        LANES(gradient_block)(g, offsets, m, c, channels, to);
}

// The whole of p for one image of a tensor (h, w, c_all).
static inline void planes_fill(const planes *p, const source *x, const gradient *g, int image, int h, int w, int c_all,
                               const depthwise_tile *t, int64_t *offsets) {
    for (int row = p->row0; row < p->row0 + p->rows; row++)
        planes_row(p, x, g, row, row >= 0 && row < h, ((int64_t)image * h + row) * w * c_all, w, c_all, t->c, t->channels,
                   offsets);
}

// out: (blocks, taps, LANE), zeros beyond the channels.
static inline void depthwise_taps(const float *w, int taps, int c_all, const depthwise_tile *t, float *out) {
    for (int j = 0; j < t->channels; j += LANE)
        for (int i = 0; i < taps; i++, out += LANE) v_store(out, v_load_to(w + (int64_t)i * c_all + t->c + j, t->channels - j));
}

// Forward bands: output rows of one band and the planes that they read.
INLINE int forward_band(const sn_conv_size *s) { // output rows in a band
    int reach = (s->kernel - 1) * s->dilation + 1, width = (s->wo - 1) * s->stride + reach;
    int rows = PLANE_PIXELS / width; // that fit
    return min_int(s->ho, max_int(1, (rows - reach) / s->stride + 1));
}

// Backward bands: input rows of one band, a multiple of the stride, so that all bands have the same phases.
INLINE int data_band(const sn_conv_size *s) {
    planes p = data_planes(s, NULL, LANE, 0, s->stride);
    int rows = PLANE_PIXELS / p.width, steps = max_int(1, rows - p.rows + 1);
    return min_int(s->h, steps * s->stride);
}

// Whether the taps at k and the input coordinate i meet in an output.
INLINE bool meets(const sn_conv_size *s, int i, int k) {
    return (i + s->pad - k * s->dilation) % s->stride == 0;
}

// What the band after this one reads of a tensor or two: about the pixels from `begin` on, counted from the tile's first image.
INLINE upcoming upcoming_band(const float *x, const float *y, int c_all, const depthwise_tile *t, int64_t pixels_of_image,
                              int64_t begin, int64_t pixels, int times) {
    int64_t end = t->images * pixels_of_image, last = begin + pixels < end ? begin + pixels : end;
    int64_t first = (t->image * pixels_of_image + begin) * c_all + t->c;
    return upcoming_of(x + first, y ? y + first : NULL, last - begin, c_all, t->channels, times);
}

INLINE int64_t planes_floats(const planes *p) {
    return plane_size(p) * (CHANNELS / LANE);
}

#endif
