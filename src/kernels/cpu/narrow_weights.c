// Gradient of the weights of a convolution with groups of few channels: dw[tap] += sum over pixels of view(x) at the tap times g,
// for each diagonal of the groups. Not here: forward and gradient of the input (narrow.c).
// Next: narrow.h.
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/narrow.h"

// Within a run of rows, of about this many output pixels, each element of dw is summed in pixel order from 0; runs are added in
// order.
enum { RUN_PIXELS = 64 };

static const sn_conv_size *size_of(const sn_call *call) {
    return &call->as.conv_backward_weights.size;
}

bool LANES(narrow_weights_supports)(const sn_call *call) {
    return is_narrow(size_of(call));
}

static lattice lattice_for(const sn_conv_size *s) {
    return lattice_of(s->ci / s->groups, s->co / s->groups, s->groups);
}

static lattice backwards(const lattice *a) { // for the lanes of g
    lattice back = *a;
    back.in = a->out, back.out = a->in;
    return back;
}

int64_t LANES(narrow_weights_tiles)(const sn_call *call) {
    lattice a = lattice_for(size_of(call));
    return (int64_t)a.blocks * narrow_images_of(size_of(call), &a).image_groups;
}

static int64_t weights_of(const sn_conv_size *s) {
    return (int64_t)s->kernel * s->kernel * (s->ci / s->groups) * s->co;
}

int64_t LANES(narrow_weights_work)(const sn_call *call) { // (image group, taps, ci of a group, co)
    const sn_conv_size *s = size_of(call);
    lattice a = lattice_for(s);
    return narrow_images_of(s, &a).image_groups * weights_of(s);
}

typedef struct {
    int64_t *offsets, *at_line, *weights_at;
    const float **taps; // of x: where each begins
    int32_t *turn;      // (period, LANE)
    float *x, *g;       // planes
    float *line;
    float *diagonals; // (pixels of a run, period, LANE): g as each diagonal reads it, of odd periods
    float *dw;        // (taps, period, LANE)
} memory;

static int run_rows(const sn_conv_size *s) {
    return max_int(1, min_int(forward_band(s), RUN_PIXELS / s->wo));
}

static planes output_planes(const sn_conv_size *s, float *data, int row, int rows) {
    return (planes){data, LANE, row, rows, 0, s->wo};
}

static size_t carve_memory(void *scratch, const sn_conv_size *s, const lattice *a, memory *m) {
    carving c = {.base = scratch};
    planes x = forward_planes(s, NULL, LANE, 0, forward_band(s)), g = output_planes(s, NULL, 0, forward_band(s));
    int taps = s->kernel * s->kernel, width = max_int(s->w, s->wo);
    m->offsets = carve(&c, width, sizeof *m->offsets);
    m->at_line = carve(&c, run_rows(s), sizeof *m->at_line);
    m->weights_at = carve(&c, a->period * LANE, sizeof *m->weights_at);
    m->taps = carve(&c, taps, sizeof *m->taps);
    m->turn = carve(&c, a->period * LANE, sizeof *m->turn);
    m->x = carve_floats(&c, plane_size(&x) + SLACK);
    m->g = carve_floats(&c, plane_size(&g) + SLACK);
    m->line = carve_floats(&c, width * LANE);
    m->diagonals = carve_floats(&c, a->even ? 0 : (int64_t)run_rows(s) * s->wo * a->period * LANE);
    m->dw = carve_floats(&c, (int64_t)taps * a->period * LANE);
    return c.used;
}

size_t LANES(narrow_weights_scratch)(const sn_call *call) {
    memory mem;
    lattice a = lattice_for(size_of(call));
    return carve_memory(NULL, size_of(call), &a, &mem);
}

// g: of the run's first pixel.
static void add_run(const sn_conv_size *s, const lattice *a, const memory *mem, const planes *x, const float *g, int row,
                    int rows) {
    int m = rows * s->wo, period = a->period;
    for (int r = 0; r < period && !a->even; r++)
        for (int part = 0; part < LANE; part += REG)
            for (int i = 0; i < m; i++)
                reg_store(mem->diagonals + (i * period + r) * LANE + part,
                          reg_pick(reg_load(g + i * LANE + part), mem->turn + r * LANE + part));
    for (int i = 0; i < rows; i++) mem->at_line[i] = (int64_t)(row + i) * s->stride * x->width * LANE;
    lane_multiply(true, a,
                  &(lane_product){.m = s->kernel * s->kernel,
                                  .rows = mem->taps,
                                  .at_piece = mem->at_line,
                                  .pieces = rows,
                                  .kc = s->wo,
                                  .step = s->stride * LANE,
                                  .b = a->even ? g : mem->diagonals,
                                  .diagonals = period,
                                  .c = mem->dw,
                                  .ldc = period * LANE});
}

static void add_rows(const sn_bases *b, const sn_conv_backward_weights *p, const lattice *a, const memory *mem,
                     const narrow_tile *t, int image, int row, int rows) {
    const sn_conv_size *s = &p->size;
    source view = source_of(b, &p->x);
    gradient dy = gradient_of(b, &p->g);
    lattice back = backwards(a);
    planes x = forward_planes(s, mem->x, LANE, row, rows), g = output_planes(s, mem->g, row, rows);
    narrow_channels of_x = narrow_channels_of(s->ci, a->in, t), of_g = narrow_channels_of(s->co, a->out, t);
    narrow_fill(&x, a, &view, NULL, image, s->h, s->w, &of_x, mem->offsets, mem->line);
    narrow_fill(&g, &back, NULL, &dy, image, s->ho, s->wo, &of_g, mem->offsets, mem->line);
    for (int tap = 0; tap < s->kernel * s->kernel; tap++)
        mem->taps[tap] = x.data + ((int64_t)(tap / s->kernel) * x.width + tap % s->kernel) * s->dilation * LANE;
    int run = run_rows(s);
    for (int i = 0; i < rows; i += run) add_run(s, a, mem, &x, g.data + (int64_t)i * s->wo * LANE, i, min_int(run, rows - i));
}

void LANES(narrow_weights_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_conv_backward_weights *p = &call->as.conv_backward_weights;
    const sn_conv_size *s = &p->size;
    lattice a = lattice_for(s);
    narrow_tile t = narrow_tile_at(s, &a, tile);
    weight_steps steps = {.in = s->co, .out = 1, .group = a.out, .tap = (int64_t)a.in * s->co};
    memory mem;
    carve_memory(scratch, s, &a, &mem);
    int band = forward_band(s), taps = s->kernel * s->kernel, sums = a.period * LANE;
    narrow_turns(&a, true, mem.turn);
    narrow_weights_at(&a, &steps, t.groups, mem.weights_at);
    memset(mem.dw, 0, (size_t)(taps * sums) * sizeof *mem.dw);
    for (int image = t.image; image < t.image + t.images; image++)
        for (int row = 0; row < s->ho; row += band) add_rows(b, p, &a, &mem, &t, image, row, min_int(band, s->ho - row));
    float *out = (float *)b->arena + call->work + t.group * weights_of(s) + t.first * steps.group;
    for (int tap = 0; tap < taps; tap++, out += steps.tap)
        for (int i = 0; i < sums; i++)
            if (mem.weights_at[i] >= 0) out[mem.weights_at[i]] = mem.dw[tap * sums + i];
}

void LANES(narrow_weights_finish)(const sn_bases *b, const sn_call *call) { // dw accumulated
    const sn_conv_backward_weights *p = &call->as.conv_backward_weights;
    const sn_conv_size *s = &p->size;
    lattice a = lattice_for(s);
    LANES(parts_finish)
    ((float *)b->grads + p->dw, (const float *)b->arena + call->work, narrow_images_of(s, &a).image_groups, weights_of(s));
}
