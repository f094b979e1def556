// Depthwise convolution: forward and gradient of the input, for any kernel, stride and dilation. Lanes are channels.
// Not here: gradient of the weights (depthwise_weights.c).
// Next: depthwise.h.
#include "kernels/cpu/depthwise.h"
#include "kernels/cpu/cpu.h"

// --- the sum over taps, for outputs whose taps lie at the same distances: forward all of them, backward those of one phase
typedef struct {
    int n;
    int64_t at[TAPS_MAX]; // from the first tap's place to this one's, in floats
    int weight[TAPS_MAX]; // number of the tap
} tap_list;

typedef struct {
    const float *in; // planes of one block, at the place for the first output
    const float *w;  // (taps, LANE)
    float *out;
    int64_t in_row, in_pixel, out_row, out_pixel; // steps, in floats
    int rows, columns, n;                         // outputs, channels (<= LANE)
} tap_sum;

enum { AT_ONCE = 8 }; // outputs in registers

// `count` outputs of row a and, if `two`, the same of row b.
INLINE void tap_outputs(int count, bool two, const tap_list *taps, const tap_sum *s, const float *in, float *out, int part) {
    reg acc[2 * AT_ONCE];
    int all = two ? 2 * count : count, lanes = min_int(s->n - part, REG);
    UNROLL
    for (int i = 0; i < all; i++) acc[i] = reg_zero();
    for (int t = 0; t < taps->n; t++) {
        reg w = reg_load(s->w + taps->weight[t] * LANE + part);
        const float *x = in + taps->at[t] + part;
        UNROLL
        for (int i = 0; i < all; i++)
            acc[i] = reg_fma(reg_load(x + (i >= count ? s->in_row : 0) + (i >= count ? i - count : i) * s->in_pixel), w, acc[i]);
    }
    UNROLL
    for (int i = 0; i < all; i++) {
        float *to = out + (i >= count ? s->out_row : 0) + (i >= count ? i - count : i) * s->out_pixel + part;
        if (lanes == REG)
            reg_store(to, acc[i]);
        else
            reg_store_n(to, acc[i], lanes);
    }
}

INLINE void tap_columns(int count, bool two, const tap_list *taps, const tap_sum *s, const float *in, float *out) {
    for (int part = 0; part < s->n; part += REG) tap_outputs(count, two, taps, s, in, out, part);
}

#if defined(SN_COMPACT)
static void tap_group(int count, bool two, const tap_list *taps, const tap_sum *s, const float *in, float *out) {
    tap_columns(count, two, taps, s, in, out);
}
#else
static void tap_group(int count, bool two, const tap_list *taps, const tap_sum *s, const float *in, float *out) {
    switch (two ? count + AT_ONCE : count) {
#define CASE(i, both)                                                                                                            \
    case i + (both ? AT_ONCE : 0):                                                                                               \
        tap_columns(i, both, taps, s, in, out);                                                                                  \
        break;
        CASE(1, false)
        CASE(2, false)
        CASE(3, false)
        CASE(4, false)
        CASE(5, false)
        CASE(6, false)
        CASE(7, false)
        CASE(8, false)
        CASE(1, true)
        CASE(2, true)
        CASE(3, true)
        CASE(4, true)
#undef CASE
    default:
        break;
    }
}
#endif

static void tap_sums(const tap_list *taps, const tap_sum *s) {
    int groups = (int)ceil_div(s->columns, AT_ONCE), most = (int)ceil_div(s->columns, groups);
    for (int row = 0; row < s->rows;) {
        bool two = 2 * most <= AT_ONCE && row + 1 < s->rows; // narrow: two rows fill the registers
        for (int column = 0; column < s->columns; column += most)
            tap_group(min_int(most, s->columns - column), two, taps, s, s->in + row * s->in_row + column * s->in_pixel,
                      s->out + row * s->out_row + column * s->out_pixel);
        row += two ? 2 : 1;
    }
}

// --- forward: y and statistics overwritten
bool LANES(depthwise_forward_supports)(const sn_call *call) {
    return is_depthwise(&call->as.conv_forward.size);
}

int64_t LANES(depthwise_forward_tiles)(const sn_call *call) {
    depthwise_tiles t = depthwise_tiles_of(&call->as.conv_forward.size);
    return (int64_t)t.channel_groups * t.image_groups;
}

int64_t LANES(depthwise_forward_work)(const sn_call *call) { // statistics of each image group
    const sn_conv_forward *p = &call->as.conv_forward;
    return stat_work(&p->stat, depthwise_tiles_of(&p->size).image_groups, p->size.co);
}

typedef struct {
    tap_list *taps;
    int64_t *offsets; // of the pixels in a row, or of the rows of a band
    float *planes, *w, *vectors;
    float *dz; // backward: (rows of the band, w, LANE)
} memory;

static size_t carve_memory(void *scratch, int64_t offsets, int64_t in, int taps, int64_t dz, memory *m) {
    carving c = {.base = scratch};
    m->taps = carve(&c, 1, sizeof *m->taps);
    m->offsets = carve(&c, offsets, sizeof *m->offsets);
    m->planes = carve_floats(&c, in);
    m->w = carve_floats(&c, taps * CHANNELS);
    m->vectors = carve_floats(&c, 3 * CHANNELS);
    m->dz = carve_floats(&c, dz);
    return c.used;
}

static size_t carve_forward(void *scratch, const sn_conv_size *s, memory *m) {
    planes in = forward_planes(s, NULL, LANE, 0, forward_band(s));
    return carve_memory(scratch, s->w, planes_floats(&in), s->kernel * s->kernel, 0, m);
}

size_t LANES(depthwise_forward_scratch)(const sn_call *call) {
    memory mem;
    return carve_forward(NULL, &call->as.conv_forward.size, &mem);
}

static void forward_taps(const sn_conv_size *s, int width, tap_list *taps) {
    taps->n = s->kernel * s->kernel;
    for (int i = 0; i < taps->n; i++) {
        taps->at[i] = ((int64_t)(i / s->kernel) * width + i % s->kernel) * s->dilation * LANE;
        taps->weight[i] = i;
    }
}

static void forward_rows(const sn_bases *b, const sn_conv_forward *p, const memory *mem, const depthwise_tile *t,
                         const tile_stat *stat, int image, int row, int rows) {
    const sn_conv_size *s = &p->size;
    planes in = forward_planes(s, mem->planes, LANE, row, rows);
    source x = source_of(b, &p->x);
    planes_fill(&in, &x, NULL, image, s->h, s->w, s->ci, t, mem->offsets);
    forward_taps(s, in.width, mem->taps);
    for (int j = 0; j < t->channels; j += LANE) {
        float *y = (float *)b->arena + p->y + ((int64_t)image * s->ho + row) * s->wo * s->co + t->c + j;
        int n = min_int(t->channels - j, LANE);
        tap_sums(mem->taps, &(tap_sum){.in = in.data + j / LANE * plane_size(&in),
                                       .w = mem->w + j * s->kernel * s->kernel,
                                       .out = y,
                                       .in_row = (int64_t)in.width * s->stride * LANE,
                                       .in_pixel = s->stride * LANE,
                                       .out_row = (int64_t)s->wo * s->co,
                                       .out_pixel = s->co,
                                       .rows = rows,
                                       .columns = s->wo,
                                       .n = n});
        if (p->stat.mean != SN_NONE) LANES(tile_stat_rows)(stat, image == t->image && row == 0, y, s->co, rows * s->wo, j, n);
    }
}

void LANES(depthwise_forward_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_conv_forward *p = &call->as.conv_forward;
    const sn_conv_size *s = &p->size;
    depthwise_tile t = depthwise_tile_at(s, tile);
    memory mem;
    carve_forward(scratch, s, &mem);
    depthwise_taps((const float *)b->weights + p->w, s->kernel * s->kernel, s->co, &t, mem.w);
    tile_stat stat = tile_stat_begin(mem.vectors, CHANNELS);
    int band = forward_band(s);
    for (int image = t.image; image < t.image + t.images; image++)
        for (int row = 0; row < s->ho; row += band) forward_rows(b, p, &mem, &t, &stat, image, row, min_int(band, s->ho - row));
    if (p->stat.mean != SN_NONE)
        tile_stat_end(&stat, (float *)b->arena + call->work, t.group, s->co, t.c, t.channels, (int64_t)t.images * s->ho * s->wo);
}

static int64_t forward_group_rows(const sn_call *call, int64_t group) {
    const sn_conv_size *s = &call->as.conv_forward.size;
    return depthwise_rows(s, group, (int64_t)s->ho * s->wo);
}

void LANES(depthwise_forward_finish)(const sn_bases *b, const sn_call *call) {
    const sn_conv_forward *p = &call->as.conv_forward;
    LANES(stat_finish)(b, call, &p->stat, depthwise_tiles_of(&p->size).image_groups, p->size.co, forward_group_rows);
}

// --- gradient of the input: dy overwritten, sums overwritten
bool LANES(depthwise_data_supports)(const sn_call *call) {
    return is_depthwise(&call->as.conv_backward_data.size);
}

int64_t LANES(depthwise_data_tiles)(const sn_call *call) {
    depthwise_tiles t = depthwise_tiles_of(&call->as.conv_backward_data.size);
    return (int64_t)t.channel_groups * t.image_groups;
}

int64_t LANES(depthwise_data_work)(const sn_call *call) { // sums of each image group
    const sn_conv_backward_data *p = &call->as.conv_backward_data;
    return sums_work(&p->into, depthwise_tiles_of(&p->size).image_groups, p->size.ci);
}

static int
data_band(const sn_conv_size *s) { // input rows in a band: a multiple of the stride, so that all bands have the same phases
    planes p = data_planes(s, NULL, LANE, 0, s->stride);
    int rows = PLANES_MAX / (p.width * CHANNELS), steps = max_int(1, rows - p.rows + 1);
    return min_int(s->h, steps * s->stride);
}

static size_t carve_data(void *scratch, const sn_conv_size *s, memory *m) {
    int band = data_band(s);
    planes g = data_planes(s, NULL, LANE, 0, band);
    return carve_memory(scratch, max_int(s->wo, band * s->w), planes_floats(&g), s->kernel * s->kernel,
                        (int64_t)band * s->w * LANE, m);
}

size_t LANES(depthwise_data_scratch)(const sn_call *call) {
    memory mem;
    return carve_data(NULL, &call->as.conv_backward_data.size, &mem);
}

// The taps of the input pixels (row + i*stride, column + j*stride), as seen from output (row0, column0) of the planes.
static void data_taps(const sn_conv_size *s, const planes *g, int row, int column, tap_list *taps) {
    taps->n = 0;
    for (int kh = 0; kh < s->kernel; kh++)
        for (int kw = 0; kw < s->kernel; kw++) {
            int oh = output_of(s, row, kh), ow = output_of(s, column, kw);
            if (oh * s->stride - s->pad + kh * s->dilation != row || ow * s->stride - s->pad + kw * s->dilation != column)
                continue;
            taps->at[taps->n] = ((int64_t)(oh - g->row0) * g->width + ow - g->column0) * LANE;
            taps->weight[taps->n++] = kh * s->kernel + kw;
        }
}

// dz of the band's pixels for one block of channels: (rows, w, LANE).
static void data_block(const sn_conv_size *s, const planes *g, const memory *mem, int block, int row, int rows) {
    for (int i = 0; i < s->stride; i++)
        for (int j = 0; j < s->stride; j++) {
            if (i >= rows || j >= s->w) continue;
            data_taps(s, g, row + i, j, mem->taps);
            tap_sums(mem->taps, &(tap_sum){.in = g->data + block * plane_size(g),
                                           .w = mem->w + block * LANE * s->kernel * s->kernel,
                                           .out = mem->dz + ((int64_t)i * s->w + j) * LANE,
                                           .in_row = (int64_t)g->width * LANE,
                                           .in_pixel = LANE,
                                           .out_row = (int64_t)s->stride * s->w * LANE,
                                           .out_pixel = s->stride * LANE,
                                           .rows = (int)ceil_div(rows - i, s->stride),
                                           .columns = (int)ceil_div(s->w - j, s->stride),
                                           .n = LANE});
        }
}

static void data_rows(const sn_bases *b, const sn_conv_backward_data *p, const memory *mem, const depthwise_tile *t,
                      const target *into, int image, int row, int rows) {
    const sn_conv_size *s = &p->size;
    planes g = data_planes(s, mem->planes, LANE, row, rows);
    gradient dy = gradient_of(b, &p->g);
    planes_fill(&g, NULL, &dy, image, s->ho, s->wo, s->co, t, mem->offsets);
    int m = rows * s->w;
    for (int r = 0; r < m; r++) mem->offsets[r] = (((int64_t)image * s->h + row) * s->w + r) * s->ci;
    for (int j = 0; j < t->channels; j += LANE) {
        data_block(s, &g, mem, j / LANE, row, rows);
        LANES(target_block)(into, mem->offsets, mem->dz, LANE, m, t->c + j, min_int(t->channels - j, LANE));
    }
}

void LANES(depthwise_data_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_conv_backward_data *p = &call->as.conv_backward_data;
    const sn_conv_size *s = &p->size;
    depthwise_tile t = depthwise_tile_at(s, tile);
    memory mem;
    carve_data(scratch, s, &mem);
    depthwise_taps((const float *)b->weights + p->w, s->kernel * s->kernel, s->co, &t, mem.w);
    target into = target_of(b, &p->into, mem.vectors, t.c, CHANNELS);
    int band = data_band(s);
    for (int image = t.image; image < t.image + t.images; image++)
        for (int row = 0; row < s->h; row += band) data_rows(b, p, &mem, &t, &into, image, row, min_int(band, s->h - row));
    target_end(&into, (float *)b->arena + call->work, t.group, s->ci, t.c, t.channels);
}

void LANES(depthwise_data_finish)(const sn_bases *b, const sn_call *call) {
    const sn_conv_backward_data *p = &call->as.conv_backward_data;
    LANES(sums_finish)(b, call, &p->into, depthwise_tiles_of(&p->size).image_groups, p->size.ci);
}
