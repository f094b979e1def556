// Convolution with groups of few channels: forward and gradient of the input, for any kernel, stride and dilation.
// Not here: gradient of the weights (narrow_weights.c).
// Next: narrow.h.
#include "kernels/cpu/narrow.h"
#include "kernels/cpu/cpu.h"

typedef struct {
    int64_t *offsets; // of the pixels in a row, or of the pixels of a run
    int64_t *places, *at, *weights_at;
    narrow_piece *pieces;
    narrow_product *phases;
    float *w, *planes;
    float *sums; // (pixels of a run, lanes of the tile)
    float *vectors;
} memory;

// pixels: of a run.
static size_t carve_memory(void *scratch, const lattice *a, const sn_conv_size *s, const planes *p, int width, int phases,
                           int64_t pixels, memory *m) {
    carving c = {.base = scratch};
    int64_t taps = (int64_t)s->kernel * s->kernel, lanes = lattice_lanes(a);
    m->offsets = carve(&c, pixels > width ? pixels : width, sizeof *m->offsets);
    m->places = carve(&c, (int64_t)a->blocks * a->in * QUADS, sizeof *m->places);
    m->at = carve(&c, taps * a->blocks * a->in * QUADS, sizeof *m->at);
    m->weights_at = carve(&c, a->in * lanes, sizeof *m->weights_at);
    m->pieces = carve(&c, taps, sizeof *m->pieces);
    m->phases = carve(&c, phases, sizeof *m->phases);
    m->w = carve_floats(&c, taps * a->in * lanes);
    m->planes = carve_floats(&c, narrow_planes_floats(p, a->groups * a->in) + STRIP * s->stride * LANE); // strips go beyond
    m->sums = carve_floats(&c, pixels * lanes);
    m->vectors = carve_floats(&c, 3 * round_up(a->groups * a->out, LANE));
    return c.used;
}

// Rows of a run, a multiple of `multiple`.
static int run_rows(int width, int multiple, int band) {
    return min_int(band, max_int(1, RUN_PIXELS / width / multiple) * multiple);
}

// The sums of m pixels to channels side by side, in place.
static void to_channels(const lattice *a, int groups, int m, float *sums) {
    if (a->out == a->slot) return;
    for (int pixel = 0; pixel < m; pixel++, sums += lattice_lanes(a))
        for (int g = 0; g < groups; g++)
            for (int quad = 0; quad < a->slot; quad += QUAD) {
                float copy[QUAD]; // the last ones are overwritten by the next group
                memcpy(copy, sums + g * a->slot + quad, sizeof copy);
                memcpy(sums + g * a->out + quad, copy, sizeof copy);
            }
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
    return (int64_t)a.tiles * narrow_images_of(&call->as.conv_forward.size, &a).image_groups;
}

int64_t LANES(narrow_forward_work)(const sn_call *call) { // statistics of each image group
    const sn_conv_forward *p = &call->as.conv_forward;
    lattice a = forward_lattice(&p->size);
    return stat_work(&p->stat, narrow_images_of(&p->size, &a).image_groups, p->size.co);
}

static int forward_run(const sn_conv_size *s) {
    return run_rows(s->wo, 1, forward_band(s));
}

static size_t carve_forward(void *scratch, const sn_conv_size *s, const lattice *a, memory *m) {
    planes in = forward_planes(s, NULL, LANE, 0, forward_band(s));
    return carve_memory(scratch, a, s, &in, s->w, 1, (int64_t)forward_run(s) * s->wo, m);
}

size_t LANES(narrow_forward_scratch)(const sn_call *call) {
    memory mem;
    lattice a = forward_lattice(&call->as.conv_forward.size);
    return carve_forward(NULL, &call->as.conv_forward.size, &a, &mem);
}

static void forward_product(const sn_conv_size *s, const lattice *a, const narrow_tile *t, const float *w, const memory *mem) {
    planes in = forward_planes(s, NULL, LANE, 0, forward_band(s));
    weight_steps steps = forward_steps(s, a);
    narrow_places(a, t->groups, plane_size(&in), mem->places);
    narrow_weights_at(a, &steps, t->groups, OWN_READ, mem->weights_at);
    *mem->phases = (narrow_product){.a = a,
                                    .pieces = mem->pieces,
                                    .n = narrow_forward_pieces(s, narrow_sweeps(s) ? TAPS_MOST : 1, mem->pieces),
                                    .step = (int64_t)s->stride * LANE,
                                    .places = mem->places,
                                    .w = mem->w};
    narrow_steps(mem->phases, mem->at);
    narrow_pack(mem->phases, &steps, mem->weights_at, w + t->first * steps.group, mem->w);
}

// Rows of y from pixel `first` of the tensor on; in: planes that begin with what the first row reads.
static void forward_rows(const sn_bases *b, const sn_conv_forward *p, const memory *mem, const narrow_tile *t,
                         const tile_stat *stat, upcoming *next, const float *in, int width, int64_t first, int rows, bool begin) {
    const sn_conv_size *s = &p->size;
    const lattice *a = mem->phases->a;
    int m = rows * s->wo, lanes = lattice_lanes(a), channels = t->groups * a->out;
    float *y = (float *)b->arena + p->y + first * s->co + t->first * a->out;
    bool straight = a->out == a->slot; // lanes are channels
    for (int i = 0; i < m; i++) mem->offsets[i] = (int64_t)i * s->co;
    narrow_pixels to = {.rows = rows,
                        .width = s->wo,
                        .x = in,
                        .x_row = (int64_t)s->stride * width * LANE,
                        .ld = lanes,
                        .next = next,
                        .touch = {y + AHEAD * s->co},
                        .touch_at = mem->offsets};
    for (int block = 0; block < a->blocks; block++, to.touch[0] += LANE) {
        bool whole = straight && (block + 1) * LANE <= channels;
        to.out = whole ? y + block * LANE : mem->sums + block * LANE;
        to.ld = whole ? s->co : lanes;
        narrow_sums(mem->phases, block, &to);
        if (whole && p->stat.mean != SN_NONE) LANES(tile_stat_rows)(stat, begin, to.out, s->co, m, block * LANE, LANE);
    }
    to_channels(a, t->groups, m, mem->sums);
    for (int j = straight ? channels / LANE * LANE : 0; j < channels; j += LANE) {
        int n = min_int(channels - j, LANE);
        for (int i = 0; i < m; i++) v_store_to(y + j + (int64_t)i * s->co, v_load(mem->sums + i * lanes + j), n);
        if (p->stat.mean != SN_NONE) LANES(tile_stat_rows)(stat, begin, mem->sums + j, lanes, m, j, n);
    }
}

void LANES(narrow_forward_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_conv_forward *p = &call->as.conv_forward;
    const sn_conv_size *s = &p->size;
    lattice a = forward_lattice(s);
    narrow_tile t = narrow_tile_at(s, &a, tile);
    depthwise_tile read = narrow_channels(&t, a.in);
    source x = source_of(b, &p->x);
    memory mem;
    carve_forward(scratch, s, &a, &mem);
    forward_product(s, &a, &t, (const float *)b->weights + p->w, &mem);
    tile_stat stat = tile_stat_begin(mem.vectors, a.groups * a.out);
    int band = forward_band(s), run = forward_run(s);
    for (int image = t.image; image < t.image + t.images; image++)
        for (int row = 0; row < s->ho; row += band) {
            int rows = min_int(band, s->ho - row);
            planes in = forward_planes(s, mem.planes, LANE, row, band);
            planes_fill(&in, &x, NULL, image, s->h, s->w, s->ci, &read, mem.offsets);
            int64_t done = ((int64_t)(image - t.image) * s->h + (row + rows) * s->stride) * s->w;
            upcoming next = upcoming_band(x.x, NULL, s->ci, &read, (int64_t)s->h * s->w, done, (int64_t)rows * s->stride * s->w,
                                          narrow_times(rows, s->wo) * a.blocks * (LANE / REG));
            for (int i = 0; i < rows; i += run)
                forward_rows(b, p, &mem, &t, &stat, &next, in.data + (int64_t)i * s->stride * in.width * LANE, in.width,
                             ((int64_t)image * s->ho + row + i) * s->wo, min_int(run, rows - i),
                             image == t.image && row + i == 0);
        }
    if (p->stat.mean != SN_NONE)
        tile_stat_end(&stat, (float *)b->arena + call->work, t.part, s->co, t.first * a.out, t.groups * a.out,
                      (int64_t)t.images * s->ho * s->wo);
}

static int64_t forward_part_rows(const sn_call *call, int64_t part) {
    const sn_conv_size *s = &call->as.conv_forward.size;
    lattice a = forward_lattice(s);
    narrow_tile t = narrow_tile_at(s, &a, part * a.tiles);
    return (int64_t)t.images * s->ho * s->wo;
}

void LANES(narrow_forward_finish)(const sn_bases *b, const sn_call *call) {
    const sn_conv_forward *p = &call->as.conv_forward;
    lattice a = forward_lattice(&p->size);
    LANES(stat_finish)
    (b, call, &p->stat, narrow_images_of(&p->size, &a).image_groups, p->size.co, forward_part_rows);
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
    return (int64_t)a.tiles * narrow_images_of(&call->as.conv_backward_data.size, &a).image_groups;
}

int64_t LANES(narrow_data_work)(const sn_call *call) { // sums of each image group
    const sn_conv_backward_data *p = &call->as.conv_backward_data;
    lattice a = data_lattice(&p->size);
    return sums_work(&p->into, narrow_images_of(&p->size, &a).image_groups, p->size.ci);
}

static int data_run(const sn_conv_size *s) {
    return run_rows(s->w, s->stride, data_band(s));
}

static size_t carve_data(void *scratch, const sn_conv_size *s, const lattice *a, memory *m) {
    planes g = data_planes(s, NULL, LANE, 0, data_band(s));
    return carve_memory(scratch, a, s, &g, s->wo, s->stride * s->stride, (int64_t)data_run(s) * s->w, m);
}

size_t LANES(narrow_data_scratch)(const sn_call *call) {
    memory mem;
    lattice a = data_lattice(&call->as.conv_backward_data.size);
    return carve_data(NULL, &call->as.conv_backward_data.size, &a, &mem);
}

// Which taps in one dimension the input coordinate `at` meets, from the last to the first: from left to right in the planes.
static met_taps taps_met(const sn_conv_size *s, int at) {
    met_taps t = {0};
    for (int k = s->kernel - 1; k >= 0; k--) {
        if (!meets(s, at, k)) continue;
        if (t.n == 0) t.first = k;
        if (t.n == 1) t.step = k - t.first;
        t.n++;
    }
    return t;
}

static void data_products(const sn_conv_size *s, const lattice *a, const narrow_tile *t, const float *w, const memory *mem) {
    planes g = data_planes(s, NULL, LANE, 0, data_band(s));
    weight_steps steps = {.in = 1, .out = s->co, .group = a->in, .tap = (int64_t)a->out * s->co};
    narrow_places(a, t->groups, plane_size(&g), mem->places);
    narrow_weights_at(a, &steps, t->groups, OWN_READ, mem->weights_at);
    narrow_piece *pieces = mem->pieces;
    int64_t *places = mem->at;
    float *packed = mem->w;
    for (int phase = 0; phase < s->stride * s->stride; phase++) {
        int row = phase / s->stride, column = phase % s->stride;
        met_taps down = taps_met(s, row), right = taps_met(s, column);
        int64_t at = (int64_t)(output_of(s, row, down.first) - g.row0) * g.width + output_of(s, column, right.first) - g.column0;
        int64_t down_step = -down.step * s->dilation / s->stride, tap = -right.step * s->dilation / s->stride;
        narrow_product *p = mem->phases + phase;
        *p = (narrow_product){.a = a, .pieces = pieces, .step = LANE, .places = mem->places, .w = packed};
        p->n =
            narrow_pieces(s, &down, &right, tap == 1 ? TAPS_MOST : 1, at * LANE, down_step * g.width * LANE, tap * LANE, pieces);
        places = narrow_steps(p, places);
        packed = narrow_pack(p, &steps, mem->weights_at, w + t->first * steps.group, packed);
        pieces += p->n;
    }
}

// The phase's pixels of input rows row..row+rows-1; g: planes that begin with what the first row reads.
static void data_phase(const sn_conv_backward_data *p, const memory *mem, const narrow_tile *t, const target *into,
                       upcoming *next, const float *g, int width, int image, int row, int rows, int phase) {
    const sn_conv_size *s = &p->size;
    const narrow_product *product = mem->phases + phase;
    const lattice *a = product->a;
    int m = 0, lanes = lattice_lanes(a), channels = t->groups * a->out, i0 = phase / s->stride, j0 = phase % s->stride;
    int columns = (int)ceil_div(s->w - j0, s->stride);
    for (int i = i0; i < rows; i += s->stride)
        for (int j = 0; j < columns; j++)
            mem->offsets[m++] = (((int64_t)image * s->h + row + i) * s->w + j0 + j * s->stride) * s->ci;
    narrow_pixels to = {.rows = (int)ceil_div(rows - i0, s->stride),
                        .width = columns,
                        .x = g,
                        .x_row = (int64_t)width * LANE,
                        .out = mem->sums,
                        .ld = lanes,
                        .next = next,
                        .touch_at = mem->offsets};
    const float *with[] = {into->x, into->add, into->streams || into->dy == into->add ? NULL : into->dy};
    for (int i = 0, n = 0; i < 3; i++)
        if (with[i]) to.touch[n++] = with[i] + t->first * a->out;
    for (int block = 0; block < a->blocks && m > 0; block++, to.out += LANE) {
        narrow_sums(product, block, &to);
        for (int i = 0; i < 3 && to.touch[i]; i++) to.touch[i] += LANE;
    }
    to_channels(a, t->groups, m, mem->sums);
    for (int j = 0; j < channels; j += LANE) LANES(target_block)
    (into, mem->offsets, mem->sums + j, lanes, m, t->first * a->out + j, min_int(channels - j, LANE));
}

void LANES(narrow_data_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_conv_backward_data *p = &call->as.conv_backward_data;
    const sn_conv_size *s = &p->size;
    lattice a = data_lattice(s);
    narrow_tile t = narrow_tile_at(s, &a, tile);
    depthwise_tile read = narrow_channels(&t, a.in);
    gradient dy = gradient_of(b, &p->g);
    memory mem;
    carve_data(scratch, s, &a, &mem);
    data_products(s, &a, &t, (const float *)b->weights + p->w, &mem);
    target into = target_of(b, &p->into, (int64_t)s->n * s->h * s->w, s->ci, mem.vectors, t.first * a.out, a.groups * a.out);
    into.streams &= a.groups * a.out % LANE == 0; // then each tile begins on a boundary
    int band = data_band(s), run = data_run(s);
    for (int image = t.image; image < t.image + t.images; image++)
        for (int row = 0; row < s->h; row += band) {
            int rows = min_int(band, s->h - row);
            planes g = data_planes(s, mem.planes, LANE, row, band);
            planes_fill(&g, NULL, &dy, image, s->ho, s->wo, s->co, &read, mem.offsets);
            int64_t done = ((int64_t)(image - t.image) * s->ho + (row + rows) / s->stride) * s->wo;
            upcoming next = upcoming_band(dy.dy, dy.a ? dy.x : NULL, s->co, &read, (int64_t)s->ho * s->wo, done,
                                          (int64_t)rows / s->stride * s->wo, narrow_times(rows, s->w) * a.blocks * (LANE / REG));
            for (int i = 0; i < rows; i += run)
                for (int phase = 0; phase < s->stride * s->stride; phase++)
                    data_phase(p, &mem, &t, &into, &next, g.data + (int64_t)(i / s->stride) * g.width * LANE, g.width, image,
                               row + i, min_int(run, rows - i), phase);
        }
    target_end(&into, (float *)b->arena + call->work, t.part, s->ci, t.first * a.out, t.groups * a.out);
}

void LANES(narrow_data_finish)(const sn_bases *b, const sn_call *call) {
    const sn_conv_backward_data *p = &call->as.conv_backward_data;
    lattice a = data_lattice(&p->size);
    LANES(sums_finish)(b, call, &p->into, narrow_images_of(&p->size, &a).image_groups, p->size.ci);
}
