// Convolution with groups of few channels: forward and gradient of the input, for any kernel, stride and dilation.
// Not here: gradient of the weights (narrow_weights.c).
// Next: narrow.h.
#include "kernels/cpu/narrow.h"
#include "kernels/cpu/cpu.h"

typedef struct {
    int64_t *offsets;  // of the pixels in a row, or of the pixels of the sums
    int64_t *at_piece; // of a row of taps
    const float **rows;
    int64_t *weights_at; // (period, LANE)
    int32_t *turn;       // (period, LANE)
    float *w;            // (taps, period, LANE), those of a phase together
    float *planes, *line;
    float *slots, *channels; // the sums of the pixels of a band, LANE each
    float *vectors;
} memory;

static size_t carve_memory(void *scratch, const lattice *a, int kernel, int64_t plane, int width, int64_t pixels, memory *m) {
    carving c = {.base = scratch};
    m->offsets = carve(&c, pixels > width ? pixels : width, sizeof *m->offsets);
    m->at_piece = carve(&c, kernel, sizeof *m->at_piece);
    m->rows = carve(&c, pixels, sizeof *m->rows);
    m->weights_at = carve(&c, a->period * LANE, sizeof *m->weights_at);
    m->turn = carve(&c, a->period * LANE, sizeof *m->turn);
    m->w = carve_floats(&c, (int64_t)kernel * kernel * a->period * LANE);
    m->planes = carve_floats(&c, plane + SLACK);
    m->line = carve_floats(&c, (int64_t)width * LANE);
    m->slots = carve_floats(&c, pixels * LANE + SLACK);
    m->channels = carve_floats(&c, pixels * LANE + SLACK);
    m->vectors = carve_floats(&c, 3 * LANE);
    return c.used;
}

// The weights of one tap of a block, w: of its first group.
static void tap_weights(const lattice *a, const float *w, const int64_t *at, float *out) {
    for (int i = 0; i < a->period * LANE; i++) out[i] = at[i] < 0 ? 0 : w[at[i]];
}

// The sums of m pixels in slots to channels side by side; those that are so already are left where they are.
static const float *channels_of(const lattice *a, const narrow_tile *t, int m, const memory *mem) {
    if (a->slot == a->out) return mem->slots;
    for (int i = 0; i < m; i++)
        for (int g = 0; g < t->groups; g++)
            sum8(mem->channels + i * LANE + g * a->out, mem->slots + i * LANE + g * a->slot, a->out,
                 a->repeats ? a->most / a->out : 1);
    return mem->channels;
}

enum { AHEAD = 16 }; // pixels

// --- forward: y and statistics overwritten
bool LANES(narrow_forward_supports)(const sn_call *call) {
    return is_narrow(&call->as.conv_forward.size);
}

static lattice forward_lattice(const sn_conv_size *s) {
    return lattice_of(s->ci / s->groups, s->co / s->groups, s->groups);
}

int64_t LANES(narrow_forward_tiles)(const sn_call *call) {
    lattice a = forward_lattice(&call->as.conv_forward.size);
    return (int64_t)a.blocks * narrow_images_of(&call->as.conv_forward.size, &a).image_groups;
}

int64_t LANES(narrow_forward_work)(const sn_call *call) { // statistics of each image group
    const sn_conv_forward *p = &call->as.conv_forward;
    lattice a = forward_lattice(&p->size);
    return stat_work(&p->stat, narrow_images_of(&p->size, &a).image_groups, p->size.co);
}

static size_t carve_forward(void *scratch, const sn_conv_size *s, const lattice *a, memory *m) {
    planes in = forward_planes(s, NULL, LANE, 0, forward_band(s));
    return carve_memory(scratch, a, s->kernel, plane_size(&in), s->w, (int64_t)forward_band(s) * s->wo, m);
}

size_t LANES(narrow_forward_scratch)(const sn_call *call) {
    memory mem;
    lattice a = forward_lattice(&call->as.conv_forward.size);
    return carve_forward(NULL, &call->as.conv_forward.size, &a, &mem);
}

static void forward_rows(const sn_bases *b, const sn_conv_forward *p, const lattice *a, const memory *mem, const narrow_tile *t,
                         const tile_stat *stat, int image, int row, int rows) {
    const sn_conv_size *s = &p->size;
    planes in = forward_planes(s, mem->planes, LANE, row, rows);
    source x = source_of(b, &p->x);
    narrow_channels read = narrow_channels_of(s->ci, a->in, t), written = narrow_channels_of(s->co, a->out, t);
    narrow_fill(&in, a, &x, NULL, image, s->h, s->w, &read, mem->offsets, mem->line);
    int m = 0, n = written.groups * written.each;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < s->wo; j++, m++) {
            mem->rows[m] = in.data + ((int64_t)i * in.width + j) * s->stride * LANE;
            mem->offsets[m] = (int64_t)m * s->co;
        }
    int64_t end = ((int64_t)(image - t->image) * s->h + (row + rows) * s->stride) * s->w;
    upcoming next = narrow_upcoming(x.x, NULL, &read, t, (int64_t)s->h * s->w, end, (int64_t)rows * s->stride * s->w,
                                    (int)ceil_div(m, ROWS_MOST));
    for (int i = 0; i < s->kernel; i++) mem->at_piece[i] = (int64_t)i * in.width * s->dilation * LANE;
    float *y = (float *)b->arena + p->y + ((int64_t)image * s->ho + row) * s->wo * s->co + written.c;
    bool straight = a->slot == a->out && n == LANE; // slots are channels
    lane_multiply(false, a,
                  &(lane_product){.m = m,
                                  .rows = mem->rows,
                                  .at_piece = mem->at_piece,
                                  .pieces = s->kernel,
                                  .kc = s->kernel,
                                  .step = s->dilation * LANE,
                                  .b = mem->w,
                                  .diagonals = a->period,
                                  .turn = mem->turn,
                                  .c = straight ? y : mem->slots,
                                  .ldc = straight ? s->co : LANE,
                                  .next = {&next},
                                  .touch = {y + AHEAD * s->co},
                                  .touch_at = mem->offsets});
    if (!straight) {
        const float *sums = channels_of(a, t, m, mem);
        for (int i = 0; i < m; i++) v_store_to(y + (int64_t)i * s->co, v_load(sums + i * LANE), n);
    }
    if (p->stat.mean != SN_NONE) LANES(tile_stat_rows)(stat, image == t->image && row == 0, y, s->co, m, 0, n);
}

void LANES(narrow_forward_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_conv_forward *p = &call->as.conv_forward;
    const sn_conv_size *s = &p->size;
    lattice a = forward_lattice(s);
    narrow_tile t = narrow_tile_at(s, &a, tile);
    weight_steps steps = {.in = s->co, .out = 1, .group = a.out, .tap = (int64_t)a.in * s->co};
    const float *w = (const float *)b->weights + p->w + t.first * steps.group;
    memory mem;
    carve_forward(scratch, s, &a, &mem);
    narrow_turns(&a, false, mem.turn);
    narrow_weights_at(&a, &steps, t.groups, mem.weights_at);
    for (int tap = 0; tap < s->kernel * s->kernel; tap++)
        tap_weights(&a, w + tap * steps.tap, mem.weights_at, mem.w + tap * a.period * LANE);
    tile_stat stat = tile_stat_begin(mem.vectors, LANE);
    int band = forward_band(s);
    for (int image = t.image; image < t.image + t.images; image++)
        for (int row = 0; row < s->ho; row += band)
            forward_rows(b, p, &a, &mem, &t, &stat, image, row, min_int(band, s->ho - row));
    if (p->stat.mean != SN_NONE)
        tile_stat_end(&stat, (float *)b->arena + call->work, t.group, s->co, t.first * a.out, t.groups * a.out,
                      (int64_t)t.images * s->ho * s->wo);
}

static int64_t forward_group_rows(const sn_call *call, int64_t group) {
    const sn_conv_size *s = &call->as.conv_forward.size;
    lattice a = forward_lattice(s);
    narrow_tile t = narrow_tile_at(s, &a, group * a.blocks);
    return (int64_t)t.images * s->ho * s->wo;
}

void LANES(narrow_forward_finish)(const sn_bases *b, const sn_call *call) {
    const sn_conv_forward *p = &call->as.conv_forward;
    lattice a = forward_lattice(&p->size);
    LANES(stat_finish)
    (b, call, &p->stat, narrow_images_of(&p->size, &a).image_groups, p->size.co, forward_group_rows);
}

// --- gradient of the input: dy overwritten, sums overwritten. The product of each phase, that is of the input pixels that are
// reached by the same taps
bool LANES(narrow_data_supports)(const sn_call *call) {
    return is_narrow(&call->as.conv_backward_data.size);
}

static lattice data_lattice(const sn_conv_size *s) {
    return lattice_of(s->co / s->groups, s->ci / s->groups, s->groups);
}

int64_t LANES(narrow_data_tiles)(const sn_call *call) {
    lattice a = data_lattice(&call->as.conv_backward_data.size);
    return (int64_t)a.blocks * narrow_images_of(&call->as.conv_backward_data.size, &a).image_groups;
}

int64_t LANES(narrow_data_work)(const sn_call *call) { // sums of each image group
    const sn_conv_backward_data *p = &call->as.conv_backward_data;
    lattice a = data_lattice(&p->size);
    return sums_work(&p->into, narrow_images_of(&p->size, &a).image_groups, p->size.ci);
}

static size_t carve_data(void *scratch, const sn_conv_size *s, const lattice *a, memory *m) {
    int band = data_band(s);
    planes g = data_planes(s, NULL, LANE, 0, band);
    return carve_memory(scratch, a, s->kernel, plane_size(&g), s->wo, (int64_t)band * s->w, m);
}

size_t LANES(narrow_data_scratch)(const sn_call *call) {
    memory mem;
    lattice a = data_lattice(&call->as.conv_backward_data.size);
    return carve_data(NULL, &call->as.conv_backward_data.size, &a, &mem);
}

// Which taps in one dimension the input coordinate `at` meets, from the last to the first: from left to right in the planes.
typedef struct {
    int n, first, step;
} met_taps;

static met_taps taps_met(const sn_conv_size *s, int at) {
    met_taps t = {0};
    for (int k = s->kernel - 1; k >= 0; k--) {
        if (!meets(s, at, k)) continue;
        if (t.n == 0) t.first = k;
        if (t.n == 1) t.step = t.first - k;
        t.n++;
    }
    return t;
}

// w: the phase's weights; returns those of the next.
static const float *data_phase(const sn_conv_backward_data *p, const lattice *a, const memory *mem, const narrow_tile *t,
                               const target *into, upcoming *next, const planes *g, int image, int row, int rows, int phase,
                               const float *w) {
    const sn_conv_size *s = &p->size;
    narrow_channels written = narrow_channels_of(s->ci, a->out, t);
    int i0 = phase / s->stride, j0 = phase % s->stride, m = 0;
    for (int i = i0; i < rows; i += s->stride)
        for (int j = j0; j < s->w; j += s->stride) {
            mem->rows[m] = g->data + ((int64_t)(i / s->stride) * g->width + j / s->stride) * LANE;
            mem->offsets[m++] = (((int64_t)image * s->h + row + i) * s->w + j) * s->ci;
        }
    const float *touch[3] = {0};
    int touches = 0;
    if (into->x) touch[touches++] = into->x + written.c;
    if (into->add) touch[touches++] = into->add + written.c;
    if (into->dy && into->dy != into->add && !into->streams) touch[touches] = into->dy + written.c;
    met_taps down = taps_met(s, row + i0), right = taps_met(s, j0);
    for (int i = 0; i < down.n; i++)
        mem->at_piece[i] = ((int64_t)(output_of(s, row + i0, down.first - i * down.step) - g->row0) * g->width +
                            output_of(s, j0, right.first) - g->column0) *
                           LANE;
    lane_multiply(false, a,
                  &(lane_product){.m = m,
                                  .rows = mem->rows,
                                  .at_piece = mem->at_piece,
                                  .pieces = down.n,
                                  .kc = right.n,
                                  .step = right.step * s->dilation / s->stride * LANE,
                                  .b = w,
                                  .diagonals = a->period,
                                  .turn = mem->turn,
                                  .c = mem->slots,
                                  .ldc = LANE,
                                  .next = {next},
                                  .touch = {touch[0], touch[1], touch[2]},
                                  .touch_at = mem->offsets});
    LANES(target_block)
    (into, mem->offsets, channels_of(a, t, m, mem), LANE, m, written.c, written.groups * written.each);
    return w + (int64_t)down.n * right.n * a->period * LANE;
}

static void data_rows(const sn_bases *b, const sn_conv_backward_data *p, const lattice *a, const memory *mem,
                      const narrow_tile *t, const target *into, int image, int row, int rows) {
    const sn_conv_size *s = &p->size;
    planes g = data_planes(s, mem->planes, LANE, row, rows);
    gradient dy = gradient_of(b, &p->g);
    narrow_channels read = narrow_channels_of(s->co, a->in, t);
    narrow_fill(&g, a, NULL, &dy, image, s->ho, s->wo, &read, mem->offsets, mem->line);
    int64_t end = ((int64_t)(image - t->image) * s->ho + (row + rows) / s->stride) * s->wo;
    upcoming next = narrow_upcoming(dy.dy, dy.a ? dy.x : NULL, &read, t, (int64_t)s->ho * s->wo, end,
                                    (int64_t)rows / s->stride * s->wo, (int)ceil_div(rows * s->w, ROWS_MOST));
    const float *w = mem->w;
    for (int phase = 0; phase < s->stride * s->stride; phase++)
        w = data_phase(p, a, mem, t, into, &next, &g, image, row, rows, phase, w);
}

void LANES(narrow_data_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_conv_backward_data *p = &call->as.conv_backward_data;
    const sn_conv_size *s = &p->size;
    lattice a = data_lattice(s);
    narrow_tile t = narrow_tile_at(s, &a, tile);
    weight_steps steps = {.in = 1, .out = s->co, .group = a.in, .tap = (int64_t)a.out * s->co};
    const float *w = (const float *)b->weights + p->w + t.first * steps.group;
    memory mem;
    carve_data(scratch, s, &a, &mem);
    narrow_turns(&a, false, mem.turn);
    narrow_weights_at(&a, &steps, t.groups, mem.weights_at);
    float *of_tap = mem.w;
    for (int phase = 0; phase < s->stride * s->stride; phase++) {
        met_taps down = taps_met(s, phase / s->stride), right = taps_met(s, phase % s->stride);
        for (int i = 0; i < down.n; i++)
            for (int j = 0; j < right.n; j++, of_tap += a.period * LANE)
                tap_weights(&a, w + ((down.first - i * down.step) * s->kernel + right.first - j * right.step) * steps.tap,
                            mem.weights_at, of_tap);
    }
    target into = target_of(b, &p->into, (int64_t)s->n * s->h * s->w, s->ci, mem.vectors, t.first * a.out, LANE);
    int band = data_band(s);
    for (int image = t.image; image < t.image + t.images; image++)
        for (int row = 0; row < s->h; row += band) data_rows(b, p, &a, &mem, &t, &into, image, row, min_int(band, s->h - row));
    target_end(&into, (float *)b->arena + call->work, t.group, s->ci, t.first * a.out, t.groups * a.out);
}

void LANES(narrow_data_finish)(const sn_bases *b, const sn_call *call) {
    const sn_conv_backward_data *p = &call->as.conv_backward_data;
    lattice a = data_lattice(&p->size);
    LANES(sums_finish)(b, call, &p->into, narrow_images_of(&p->size, &a).image_groups, p->size.ci);
}
