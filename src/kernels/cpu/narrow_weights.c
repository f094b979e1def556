// Gradient of the weights of a convolution with groups of few channels: dw[tap] += sum over pixels of view(x) at the tap times g.
// Not here: forward and gradient of the input (narrow.c).
// Next: narrow.h.
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/narrow.h"

// Within a run of rows, of about RUN_PIXELS output pixels, each element of dw is summed in pixel order from 0; runs are added in
// order.

static const sn_conv_size *size_of(const sn_call *call) {
    return &call->as.conv_backward_weights.size;
}

bool LANES(narrow_weights_supports)(const sn_call *call) {
    return is_narrow(size_of(call));
}

static lattice lattice_for(const sn_conv_size *s) {
    return lattice_of(s->ci / s->groups, s->co / s->groups, s->groups);
}

int64_t LANES(narrow_weights_tiles)(const sn_call *call) {
    lattice a = lattice_for(size_of(call));
    return (int64_t)a.tiles * narrow_images_of(size_of(call), &a).image_groups;
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
    int64_t *offsets, *places, *weights_at;
    narrow_piece *pieces;
    float *x, *g; // planes; g: of lanes
    float *line;  // (w, channels of g)
    float *dw;    // (blocks, pieces, in, taps of the piece, LANE)
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
    int64_t taps = (int64_t)s->kernel * s->kernel, lanes = lattice_lanes(a), width = max_int(s->w, s->wo);
    m->offsets = carve(&c, width, sizeof *m->offsets);
    m->places = carve(&c, (int64_t)a->blocks * a->in * QUADS, sizeof *m->places);
    m->weights_at = carve(&c, a->in * lanes, sizeof *m->weights_at);
    m->pieces = carve(&c, taps, sizeof *m->pieces);
    m->x = carve_floats(&c, narrow_planes_floats(&x, a->groups * a->in) + LANE);
    m->g = carve_floats(&c, plane_size(&g) * a->blocks);
    m->line = carve_floats(&c, a->out != a->slot ? width * round_up(a->groups * a->out, LANE) + QUAD : 0);
    m->dw = carve_floats(&c, taps * a->in * lanes);
    return c.used;
}

size_t LANES(narrow_weights_scratch)(const sn_call *call) {
    memory mem;
    lattice a = lattice_for(size_of(call));
    return carve_memory(NULL, size_of(call), &a, &mem);
}

// The channels of m pixels, `ld` from pixel to pixel, to lanes in planes of `plane` floats. Lanes of no channel have no meaning.
static void to_lanes(const lattice *a, int groups, const float *from, int64_t ld, int m, float *data, int64_t plane) {
    for (int g = 0, lane = 0; g < groups; g++)
        for (int quad = 0; quad < a->slot; quad += QUAD, lane += QUAD) {
            const float *of = from + g * a->out + quad;
            float *to = data + lane / LANE * plane + lane % LANE;
            for (int i = 0; i < m; i++) memcpy(to + i * LANE, of + i * ld, QUAD * sizeof *to);
        }
}

static void fill_gradient(const planes *p, const lattice *a, const gradient *dy, int image, const sn_conv_size *s,
                          const depthwise_tile *channels, const memory *mem) {
    if (a->out == a->slot) {
        planes_fill(p, NULL, dy, image, s->ho, s->wo, s->co, channels, mem->offsets);
        return;
    }
    int64_t ld = round_up(channels->channels, LANE);
    for (int i = 0; i < p->rows && p->row0 + i < s->ho; i++) {
        for (int j = 0; j < s->wo; j++) mem->offsets[j] = (((int64_t)image * s->ho + p->row0 + i) * s->wo + j) * s->co;
        LANES(gradient_block)
        (dy, mem->offsets, s->wo, channels->c, channels->channels, (sheet){mem->line, (int)ld, ld, 0});
        to_lanes(a, channels->channels / a->out, mem->line, ld, s->wo, p->data + (int64_t)i * p->width * LANE, plane_size(p));
    }
}

// --- sums of one register's lanes over rows of pixels, for some read channels and the taps of a piece
typedef struct {
    const lattice *a;
    int rows, width;      // of outputs
    const float *x, *g;   // x: what the first tap reads; g: the first pixel
    int64_t x_row, g_row; // from one row to the next
    int64_t step, tap;    // of x: from one output, one tap to the next
    bool sweep;           // narrow_sweeps
    const int64_t *at;
    float *dw;         // (in, taps, LANE), added to
    upcoming *next[2]; // fetched meanwhile
} weight_sum;

enum { READ_MOST = 4 }; // channels at once

// Of what is read at x, by taps from..end-1 of the piece; g: the output of tap 0. All but i known at compile time.
INLINE void sum_read(int m, int from, int end, spreading s, const float *x, const int64_t *at, const float *g,
                     reg acc[READ_MOST][TAPS_MOST]) {
    reg dy[TAPS_MOST];
    UNROLL
    for (int k = from; k < end; k++) dy[k] = reg_load(g - k * LANE);
    reg read = reg_zero();
    UNROLL
    for (int c = 0; c < m; c++) {
        read = spread_next(s, x, at, c, read);
        UNROLL
        for (int k = from; k < end; k++) reg_add_product(&acc[c][k], read, dy[k]);
    }
}

// A row where neighbouring taps and outputs read the same; no fewer outputs than taps - 1.
INLINE void sum_sweep(int m, int taps, spreading s, const weight_sum *p, const float *x, const int64_t *at, const float *g,
                      reg acc[READ_MOST][TAPS_MOST]) {
    UNROLL
    for (int j = 0; j < taps - 1; j++, x += LANE, g += LANE) sum_read(m, 0, j + 1, s, x, at, g, acc);
    for (int j = taps - 1; j < p->width; j++, x += LANE, g += LANE) sum_read(m, 0, taps, s, x, at, anew(g), acc);
    UNROLL
    for (int j = 1; j < taps; j++, x += LANE, g += LANE) sum_read(m, j, taps, s, x, at, g, acc);
}

// Any row.
INLINE void sum_outputs(int m, int taps, spreading s, const weight_sum *p, const float *x, const int64_t *at, const float *g,
                        reg acc[READ_MOST][TAPS_MOST]) {
    for (int j = 0; j < p->width; j++, x += p->step, g += LANE) {
        reg dy = reg_load(g), read = dy;
        UNROLL
        for (int k = 0; k < taps; k++) {
            UNROLL
            for (int c = 0; c < m; c++) {
                read = spread_next(s, x + k * p->tap, at, c, read);
                reg_add_product(&acc[c][k], read, dy);
            }
        }
    }
}

// m, taps, spreading and sweep known at compile time; i: the first of m read channels.
INLINE void sum_channels(int m, int taps, spreading s, bool sweep, const weight_sum *p, int i) {
    const int64_t *at = p->at + (s.kind == ALIKE ? 0 : i * QUADS);
    reg acc[READ_MOST][TAPS_MOST];
    UNROLL
    for (int c = 0; c < m; c++) {
        UNROLL
        for (int k = 0; k < taps; k++) acc[c][k] = reg_zero();
    }
    for (int row = 0; row < p->rows; row++) {
        const float *x = p->x + row * p->x_row, *g = p->g + row * p->g_row;
        upcoming_fetch(p->next[0]), upcoming_fetch(p->next[1]);
        if (sweep)
            sum_sweep(m, taps, s, p, x, at, g, acc);
        else
            sum_outputs(m, taps, s, p, x, at, g, acc);
    }
    UNROLL
    for (int c = 0; c < m; c++) {
        UNROLL
        for (int k = 0; k < taps; k++) {
            float *to = p->dw + ((i + c) * taps + k) * LANE;
            reg_store(to, reg_add(reg_load(to), acc[c][k]));
        }
    }
}

INLINE void sum_taps(int taps, spreading s, bool sweep, const weight_sum *p) {
    int i = 0;
#if defined(SN_COMPACT)
    for (; i < p->a->in; i += READ_MOST) sum_channels(min_int(p->a->in - i, READ_MOST), taps, s, sweep, p, i);
#else
    for (; i + READ_MOST <= p->a->in; i += READ_MOST) sum_channels(READ_MOST, taps, s, sweep, p, i);
    for (; i + 2 <= p->a->in; i += 2) sum_channels(2, taps, s, sweep, p, i);
    if (i < p->a->in) sum_channels(1, taps, s, sweep, p, i);
#endif
}

INLINE void sum_piece(int taps, spreading s, const weight_sum *p) {
    if (p->sweep && p->width >= taps - 1)
        sum_taps(taps, s, true, p);
    else
        sum_taps(taps, s, false, p);
}

#define SUM(name, kind)                                                                                                          \
    static void name(int taps, int split, const weight_sum *p) {                                                                 \
        spreading s = {kind, split};                                                                                             \
        if (taps == 3)                                                                                                           \
            sum_piece(3, s, p);                                                                                                  \
        else if (taps == 2)                                                                                                      \
            sum_piece(2, s, p);                                                                                                  \
        else                                                                                                                     \
            sum_piece(1, s, p);                                                                                                  \
    }
SUM(sum_one, ONE)
SUM(sum_alike, ALIKE)
SUM(sum_two, TWO)
SUM(sum_four, FOUR)
#undef SUM

typedef struct {
    const lattice *a;
    const narrow_piece *pieces; // of which there are n
    int n;
    const int64_t *places; // as narrow_places
} weight_pieces;

// p: of the first block and piece but for at, x of the run's first pixel.
static void add_run(const weight_pieces *all, weight_sum p, int64_t g_plane, float *dw) {
    const lattice *a = p.a;
    const float *x = p.x, *g = p.g;
    for (int block = 0; block < a->blocks; block++)
        for (int i = 0; i < all->n; i++) {
            const narrow_piece *piece = all->pieces + i;
            for (int part = 0; part < LANE; part += REG) {
                p.at = all->places + (int64_t)block * a->in * QUADS + part / QUAD;
                p.x = x + piece->at, p.g = g + block * g_plane + part, p.dw = dw + part;
                spreading how = spreading_of(a, p.at);
                void (*sum[])(int, int, const weight_sum *) = {sum_one, sum_alike, sum_two, sum_four};
                sum[how.kind](piece->taps, how.split, &p);
            }
            dw += (int64_t)a->in * piece->taps * LANE;
        }
}

static void add_rows(const sn_bases *b, const sn_conv_backward_weights *p, const weight_pieces *all, const memory *mem,
                     const narrow_tile *t, int image, int row, int rows) {
    const sn_conv_size *s = &p->size;
    const lattice *a = all->a;
    source view = source_of(b, &p->x);
    gradient dy = gradient_of(b, &p->g);
    int band = forward_band(s);
    planes x = forward_planes(s, mem->x, LANE, row, band), g = output_planes(s, mem->g, row, band);
    depthwise_tile of_x = narrow_channels(t, a->in), of_g = narrow_channels(t, a->out);
    planes_fill(&x, &view, NULL, image, s->h, s->w, s->ci, &of_x, mem->offsets);
    fill_gradient(&g, a, &dy, image, s, &of_g, mem);
    int run = run_rows(s), times = rows * a->blocks * all->n * (LANE / REG) * (int)ceil_div(a->in, READ_MOST);
    int64_t read = ((int64_t)(image - t->image) * s->h + (row + rows) * s->stride) * s->w;
    int64_t written = ((int64_t)(image - t->image) * s->ho + row + rows) * s->wo;
    upcoming next[2] = {
        upcoming_band(view.x, NULL, s->ci, &of_x, (int64_t)s->h * s->w, read, (int64_t)rows * s->stride * s->w, times),
        upcoming_band(dy.dy, dy.a ? dy.x : NULL, s->co, &of_g, (int64_t)s->ho * s->wo, written, (int64_t)rows * s->wo, times)};
    for (int i = 0; i < rows; i += run)
        add_run(all,
                (weight_sum){.a = a,
                             .rows = min_int(run, rows - i),
                             .width = s->wo,
                             .x = x.data + (int64_t)i * s->stride * x.width * LANE,
                             .g = g.data + (int64_t)i * g.width * LANE,
                             .x_row = (int64_t)s->stride * x.width * LANE,
                             .g_row = (int64_t)g.width * LANE,
                             .step = (int64_t)s->stride * LANE,
                             .tap = (int64_t)s->dilation * LANE,
                             .sweep = narrow_sweeps(s),
                             .next = {&next[0], &next[1]}},
                plane_size(&g), mem->dw);
}

// The sums of a tile to where they belong; out: of its first group.
static void unpack(const weight_pieces *all, const weight_steps *s, const int64_t *at, const float *dw, float *out) {
    for (int block = 0; block < all->a->blocks; block++, at += LANE)
        for (int piece = 0; piece < all->n; piece++)
            for (int i = 0; i < all->a->in; i++)
                for (int k = 0; k < all->pieces[piece].taps; k++, dw += LANE) {
                    float *to = out + (all->pieces[piece].first + k * all->pieces[piece].step) * s->tap;
                    const int64_t *of = at + i * lattice_lanes(all->a);
                    for (int lane = 0; lane < LANE; lane++)
                        if (of[lane] >= 0) to[of[lane]] = dw[lane];
                }
}

void LANES(narrow_weights_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_conv_backward_weights *p = &call->as.conv_backward_weights;
    const sn_conv_size *s = &p->size;
    lattice a = lattice_for(s);
    narrow_tile t = narrow_tile_at(s, &a, tile);
    memory mem;
    carve_memory(scratch, s, &a, &mem);
    int band = forward_band(s);
    int64_t taps = (int64_t)s->kernel * s->kernel;
    planes in = forward_planes(s, NULL, LANE, 0, band);
    weight_pieces all = {&a, mem.pieces, narrow_forward_pieces(s, TAPS_MOST, mem.pieces), mem.places};
    weight_steps steps = forward_steps(s, &a);
    narrow_places(&a, t.groups, plane_size(&in), mem.places);
    memset(mem.dw, 0, (size_t)(taps * a.in * lattice_lanes(&a)) * sizeof *mem.dw);
    for (int image = t.image; image < t.image + t.images; image++)
        for (int row = 0; row < s->ho; row += band) add_rows(b, p, &all, &mem, &t, image, row, min_int(band, s->ho - row));
    narrow_weights_at(&a, &steps, t.groups, OWN_WRITTEN, mem.weights_at);
    unpack(&all, &steps, mem.weights_at, mem.dw, (float *)b->arena + call->work + t.part * weights_of(s) + t.first * steps.group);
}

void LANES(narrow_weights_finish)(const sn_bases *b, const sn_call *call) { // dw accumulated
    const sn_conv_backward_weights *p = &call->as.conv_backward_weights;
    const sn_conv_size *s = &p->size;
    lattice a = lattice_for(s);
    LANES(parts_finish)
    ((float *)b->grads + p->dw, (const float *)b->arena + call->work, narrow_images_of(s, &a).image_groups, weights_of(s));
}
