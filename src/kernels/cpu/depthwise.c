// Depthwise convolution: forward and gradient of the input, for any kernel, stride and dilation. Lanes are channels.
// Not here: gradient of the weights (depthwise_weights.c).
// Next: depthwise.h.
#include "kernels/cpu/depthwise.h"
#include "kernels/cpu/cpu.h"

// --- the sum over taps, for outputs whose taps lie at the same distances: forward all of them, backward those of one phase
// Taps come in runs, one for each row of the kernel that counts, of `span` taps at even steps.
typedef struct {
    int runs, span;
    int64_t at[SIDE_MAX]; // from the output's place in the planes to the run's first tap, in floats
    int64_t step;         // from tap to tap
    int weight[SIDE_MAX]; // number of the run's first tap among the weights
    int weight_step;
} tap_list;

typedef struct {
    const float *in; // planes of one block, at the place for the first output
    const float *w;  // (taps, LANE)
    float *out;
    int64_t in_row, in_pixel, out_row, out_pixel; // steps, in floats
    int rows, columns, n;                         // outputs, channels (<= LANE)
    upcoming *next;
    const float *touch[3]; // what else will be wanted of the outputs' pixels, or NULL
    int64_t touch_row, touch_pixel;
} tap_sum;

enum { AT_ONCE = 8 }; // outputs in registers

// Output i of `count` in row a, or of `count` more in row b.
INLINE int64_t place(int count, int i, int64_t row, int64_t pixel) {
    return (i >= count ? row : 0) + (i >= count ? i - count : i) * pixel;
}

INLINE void tap_store(int count, bool two, const tap_sum *s, const reg *acc, float *out, int part) {
    int lanes = min_int(s->n - part, REG), all = two ? 2 * count : count;
    UNROLL
    for (int i = 0; i < all; i++) {
        float *to = out + place(count, i, s->out_row, s->out_pixel) + part;
        if (lanes == REG)
            reg_store(to, acc[i]);
        else
            reg_store_n(to, acc[i], lanes);
    }
}

// Any taps: each product reads its input. pixel: in_pixel, known at compile time or not.
INLINE void tap_outputs(int count, bool two, int64_t pixel, const tap_list *taps, const tap_sum *s, const float *in, float *out,
                        int part) {
    reg acc[2 * AT_ONCE];
    int all = two ? 2 * count : count;
    UNROLL
    for (int i = 0; i < all; i++) acc[i] = reg_zero();
    for (int r = 0; r < taps->runs; r++) {
        const float *x = in + taps->at[r] + part, *w = s->w + taps->weight[r] * LANE + part;
        for (int t = 0; t < taps->span; t++, x += taps->step, w += taps->weight_step * LANE) {
            reg weight = reg_load(w);
            UNROLL
            for (int i = 0; i < all; i++) acc[i] = reg_fma(reg_load(x + place(count, i, s->in_row, pixel)), weight, acc[i]);
        }
    }
    tap_store(count, two, s, acc, out, part);
}

#if !defined(SN_COMPACT)
// Taps as far apart as outputs, `pixel` floats: an input is read once for all outputs that it goes into. Same order of each sum.
INLINE void tap_slide(int count, bool two, int span, int64_t pixel, const tap_list *taps, const tap_sum *s, const float *in,
                      float *out, int part) {
    reg acc[2 * AT_ONCE];
    int all = two ? 2 * count : count, rows = two ? 2 : 1;
    UNROLL
    for (int i = 0; i < all; i++) acc[i] = reg_zero();
    for (int r = 0; r < taps->runs; r++) {
        const float *x = in + taps->at[r] + part, *w = s->w + taps->weight[r] * LANE + part;
        reg weight[5];
        UNROLL
        for (int t = 0; t < span; t++) weight[t] = reg_load(w + t * taps->weight_step * LANE);
        UNROLL
        for (int row = 0; row < rows; row++) {
            UNROLL
            for (int i = 0; i < count + span - 1; i++) {
                reg value = reg_load(x + row * s->in_row + i * pixel);
                UNROLL
                for (int t = 0; t < span; t++)
                    if (i - t >= 0 && i - t < count)
                        acc[row * count + i - t] = reg_fma(value, weight[t], acc[row * count + i - t]);
            }
        }
    }
    tap_store(count, two, s, acc, out, part);
}
#endif

INLINE void tap_columns(int count, bool two, const tap_list *taps, const tap_sum *s, const float *in, float *out) {
    for (int part = 0; part < s->n; part += REG) {
#if !defined(SN_COMPACT)
        if (taps->step == s->in_pixel && s->in_pixel == LANE && taps->span == 3) {
            tap_slide(count, two, 3, LANE, taps, s, in, out, part);
            continue;
        }
        if (taps->step == s->in_pixel && s->in_pixel == LANE && taps->span == 5) {
            tap_slide(count, two, 5, LANE, taps, s, in, out, part);
            continue;
        }
        if (taps->step == s->in_pixel && s->in_pixel == 2 * LANE && taps->span == 3) {
            tap_slide(count, two, 3, 2 * LANE, taps, s, in, out, part);
            continue;
        }
        if (taps->step == s->in_pixel && s->in_pixel == 2 * LANE && taps->span == 5) {
            tap_slide(count, two, 5, 2 * LANE, taps, s, in, out, part);
            continue;
        }
#endif
        if (s->in_pixel == LANE)
            tap_outputs(count, two, LANE, taps, s, in, out, part);
        else if (s->in_pixel == 2 * LANE)
            tap_outputs(count, two, 2 * LANE, taps, s, in, out, part);
        else
            tap_outputs(count, two, s->in_pixel, taps, s, in, out, part);
    }
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

static void touch(const tap_sum *s, int row) {
    for (int i = 0; i < 3 && s->touch[i]; i++)
        for (int column = 0; column < s->columns; column++)
            __builtin_prefetch(s->touch[i] + row * s->touch_row + column * s->touch_pixel);
}

static void sum_columns(const tap_list *taps, const tap_sum *s) {
    enum { ROWS_AHEAD = 2 };
    int groups = (int)ceil_div(s->columns, AT_ONCE), most = (int)ceil_div(s->columns, groups);
    for (int row = 0; row < s->rows;) {
        bool two = 2 * most <= AT_ONCE && row + 1 < s->rows; // narrow: two rows fill the registers
        for (int column = 0; column < s->columns; column += most)
            tap_group(min_int(most, s->columns - column), two, taps, s, s->in + row * s->in_row + column * s->in_pixel,
                      s->out + row * s->out_row + column * s->out_pixel);
        for (int i = 0; i < (two ? 2 : 1); i++, row++) {
            upcoming_fetch(s->next);
            touch(s, row + ROWS_AHEAD);
        }
    }
}

// Where the taps are two outputs apart, even and odd columns on their own: then the taps of each are as far apart as outputs.
static void tap_sums(const tap_list *taps, const tap_sum *s) {
    int apart = taps->step == 2 * s->in_pixel ? 2 : 1;
    for (int i = 0; i < min_int(apart, s->columns); i++) {
        tap_sum part = *s;
        part.in += i * s->in_pixel, part.out += i * s->out_pixel;
        for (int j = 0; j < 3 && s->touch[j]; j++) part.touch[j] += i * s->touch_pixel;
        part.in_pixel *= apart, part.out_pixel *= apart, part.touch_pixel *= apart;
        part.columns = (s->columns - i + apart - 1) / apart;
        sum_columns(taps, &part);
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
    *taps = (tap_list){.runs = s->kernel, .span = s->kernel, .step = s->dilation * LANE, .weight_step = 1};
    for (int i = 0; i < s->kernel; i++) {
        taps->at[i] = (int64_t)i * s->dilation * width * LANE;
        taps->weight[i] = i * s->kernel;
    }
}

static void forward_rows(const sn_bases *b, const sn_conv_forward *p, const memory *mem, const depthwise_tile *t,
                         const tile_stat *stat, int image, int row, int rows) {
    const sn_conv_size *s = &p->size;
    planes in = forward_planes(s, mem->planes, LANE, row, rows);
    source x = source_of(b, &p->x);
    planes_fill(&in, &x, NULL, image, s->h, s->w, s->ci, t, mem->offsets);
    // what the next band reads, about: from where these planes end
    int64_t end = ((int64_t)(image - t->image) * s->h + (row + rows) * s->stride) * s->w;
    upcoming next = upcoming_band(x.x, NULL, s->ci, t, (int64_t)s->h * s->w, end, (int64_t)rows * s->stride * s->w,
                                  (int)ceil_div(t->channels, LANE) * rows);
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
                                       .n = n,
                                       .next = &next,
                                       .touch = {y},
                                       .touch_row = (int64_t)s->wo * s->co,
                                       .touch_pixel = s->co});
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

// The taps of the input pixels (row + i*stride, column + j*stride), as seen from output (row0, column0) of the planes. Within a
// row of the kernel from the last to the first, that is from left to right in the planes.
static void data_taps(const sn_conv_size *s, const planes *g, int row, int column, tap_list *taps) {
    *taps = (tap_list){.runs = 0};
    int first = -1, second = -1;
    for (int k = s->kernel - 1; k >= 0; k--) {
        if (!meets(s, column, k)) continue;
        if (first < 0)
            first = k;
        else if (second < 0)
            second = k;
        taps->span++;
    }
    if (first < 0) return;
    if (second >= 0) {
        taps->step = (int64_t)(output_of(s, column, second) - output_of(s, column, first)) * LANE;
        taps->weight_step = second - first;
    }
    for (int k = 0; k < s->kernel; k++) {
        if (!meets(s, row, k)) continue;
        int oh = output_of(s, row, k) - g->row0, ow = output_of(s, column, first) - g->column0;
        taps->at[taps->runs] = ((int64_t)oh * g->width + ow) * LANE;
        taps->weight[taps->runs++] = k * s->kernel + first;
    }
}

// dz of the band's pixels for the block of channels from c on: (rows, w, LANE).
static void data_block(const sn_conv_size *s, const planes *g, const memory *mem, const target *into, upcoming *next, int block,
                       int c, int row, int rows) {
    for (int i = 0; i < s->stride; i++)
        for (int j = 0; j < s->stride; j++) {
            if (i >= rows || j >= s->w) continue;
            data_taps(s, g, row + i, j, mem->taps);
            int64_t pixel = mem->offsets[i * s->w + j] + c;
            tap_sum sum = {.in = g->data + block * plane_size(g),
                           .w = mem->w + block * LANE * s->kernel * s->kernel,
                           .out = mem->dz + ((int64_t)i * s->w + j) * LANE,
                           .in_row = (int64_t)g->width * LANE,
                           .in_pixel = LANE,
                           .out_row = (int64_t)s->stride * s->w * LANE,
                           .out_pixel = s->stride * LANE,
                           .rows = (int)ceil_div(rows - i, s->stride),
                           .columns = (int)ceil_div(s->w - j, s->stride),
                           .n = LANE,
                           .next = next,
                           .touch_row = (int64_t)s->stride * s->w * s->ci,
                           .touch_pixel = s->stride * s->ci};
            int touches = 0;
            if (into->x) sum.touch[touches++] = into->x + pixel;
            if (into->add) sum.touch[touches++] = into->add + pixel;
            if (into->dy && into->dy != into->add && !into->streams) sum.touch[touches++] = into->dy + pixel;
            tap_sums(mem->taps, &sum);
        }
}

static void data_rows(const sn_bases *b, const sn_conv_backward_data *p, const memory *mem, const depthwise_tile *t,
                      const target *into, int image, int row, int rows) {
    const sn_conv_size *s = &p->size;
    planes g = data_planes(s, mem->planes, LANE, row, rows);
    gradient dy = gradient_of(b, &p->g);
    planes_fill(&g, NULL, &dy, image, s->ho, s->wo, s->co, t, mem->offsets);
    int64_t end = ((int64_t)(image - t->image) * s->ho + (row + rows) / s->stride) * s->wo;
    upcoming next = upcoming_band(dy.dy, dy.a ? dy.x : NULL, s->co, t, (int64_t)s->ho * s->wo, end,
                                  (int64_t)rows / s->stride * s->wo, (int)ceil_div(t->channels, LANE) * rows * s->stride);
    int m = rows * s->w;
    for (int r = 0; r < m; r++) mem->offsets[r] = (((int64_t)image * s->h + row) * s->w + r) * s->ci;
    for (int j = 0; j < t->channels; j += LANE) {
        data_block(s, &g, mem, into, &next, j / LANE, t->c + j, row, rows);
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
    target into = target_of(b, &p->into, (int64_t)s->n * s->h * s->w, s->ci, mem.vectors, t.c, CHANNELS);
    int band = data_band(s);
    for (int image = t.image; image < t.image + t.images; image++)
        for (int row = 0; row < s->h; row += band) data_rows(b, p, &mem, &t, &into, image, row, min_int(band, s->h - row));
    target_end(&into, (float *)b->arena + call->work, t.group, s->ci, t.c, t.channels);
}

void LANES(depthwise_data_finish)(const sn_bases *b, const sn_call *call) {
    const sn_conv_backward_data *p = &call->as.conv_backward_data;
    LANES(sums_finish)(b, call, &p->into, depthwise_tiles_of(&p->size).image_groups, p->size.ci);
}
