// Pooling over windows, maximum and average, forward and backward. A tile is a group of images.
// Not here: the mean over all pixels (sum.c).
// Next: view.h.
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/view.h"

enum { TILES_WANTED = 64 };

static int images_of(const sn_pool_size *s) { // in one tile
    return (int)ceil_div(s->n, TILES_WANTED);
}

static int64_t tiles_of(const sn_pool_size *s) {
    return ceil_div(s->n, images_of(s));
}

static int images_in(const sn_pool_size *s, int64_t tile) {
    return min_int(s->n - (int)tile * images_of(s), images_of(s));
}

// The image that windows see, for one block of channels: padded with what changes no maximum, or no sum, so that every window is
// whole. (rows, width, LANE); the image begins at (pad, pad).
INLINE int plane_rows(const sn_pool_size *s) {
    return max_int(s->pad + s->h, (s->ho - 1) * s->stride + s->kernel);
}

INLINE int plane_width(const sn_pool_size *s) {
    return max_int(s->pad + s->w, (s->wo - 1) * s->stride + s->kernel);
}

INLINE int64_t plane_floats(const sn_pool_size *s) {
    return (int64_t)plane_rows(s) * plane_width(s) * LANE;
}

INLINE int64_t in_plane(const sn_pool_size *s, int h, int w) { // the image's pixel
    return ((int64_t)(h + s->pad) * plane_width(s) + w + s->pad) * LANE;
}

static void pad_plane(const sn_pool_size *s, float *plane) { // what is not of the image
    v16 pad = v_set(s->kind == SN_POOL_MAX ? -INFINITY : 0);
    for (int h = -s->pad, rows = plane_rows(s) - s->pad; h < rows; h++)
        for (int w = -s->pad, width = plane_width(s) - s->pad; w < width; w++)
            if (h < 0 || h >= s->h || w < 0 || w >= s->w) v_store(plane + in_plane(s, h, w), pad);
}

// The view of an image, n channels from c on, into a padded plane. offsets: scratch of w.
static void fill_plane(const sn_pool_size *s, const source *x, int image, int c, int n, int64_t *offsets, float *plane) {
    for (int h = 0; h < s->h; h++) {
        int64_t row = ((int64_t)image * s->h + h) * s->w * s->c;
        for (int w = 0; w < s->w; w++) offsets[w] = row + (int64_t)w * s->c;
        LANES(source_block)(x, offsets, s->w, c, n, (sheet){plane + in_plane(s, h, 0), LANE, LANE, LANE});
    }
}

typedef struct { // of an output: its window in the plane, its first pixel of the image therein, and how many of the image it has
    int64_t at;
    int first;
    float pixels;
} window;

static window window_of(const sn_pool_size *s, int ho, int wo) {
    int h = ho * s->stride - s->pad, w = wo * s->stride - s->pad, h0 = max_int(h, 0), w0 = max_int(w, 0);
    int rows = min_int(h + s->kernel, s->h) - h0, columns = min_int(w + s->kernel, s->w) - w0;
    return (window){in_plane(s, h, w), (h0 - h) * s->kernel + (w0 - w), (float)(rows * columns)};
}

INLINE int64_t tap_at(int kernel, int64_t row, int tap) {
    return tap / kernel * row + (int64_t)(tap % kernel) * LANE;
}

// --- forward: y and statistics overwritten
bool LANES(pool_forward_supports)(const sn_call *call) {
    return (void)call, true;
}

int64_t LANES(pool_forward_tiles)(const sn_call *call) {
    return tiles_of(&call->as.pool_forward.size);
}

int64_t LANES(pool_forward_work)(const sn_call *call) {
    const sn_pool_forward *p = &call->as.pool_forward;
    return stat_work(&p->stat, tiles_of(&p->size), p->size.c);
}

typedef struct {
    int64_t *offsets; // of the pixels in a row
    float *plane;
    float *dz;      // backward: as the plane
    float *vectors; // forward: 3 of the channels; backward: 2
} memory;

static size_t carve_memory(void *scratch, const sn_pool_size *s, bool plane, bool dz, memory *m) {
    carving k = {.base = scratch};
    m->offsets = carve(&k, s->w, sizeof *m->offsets);
    m->plane = carve_floats(&k, plane ? plane_floats(s) : 0);
    m->dz = carve_floats(&k, dz ? plane_floats(s) : 0);
    m->vectors = carve_floats(&k, 3 * tile_vector(s->c));
    return k.used;
}

size_t LANES(pool_forward_scratch)(const sn_call *call) {
    memory m;
    return carve_memory(NULL, &call->as.pool_forward.size, true, false, &m);
}

// The window's maximum (the first wins, so a later NaN is passed over, as in ref) or sum. Taps beside the image change neither.
INLINE v16 window_value(bool largest, int kernel, const float *plane, int64_t row, const window *v) {
    const float *x = plane + v->at;
    v16 all = largest ? v_load(x + tap_at(kernel, row, v->first)) : v_zero();
    for (int h = 0; h < kernel; h++, x += row) UNROLL
    for (int w = 0; w < kernel; w++) all = largest ? v_max(v_load(x + w * LANE), all) : v_add(all, v_load(x + w * LANE));
    return largest ? all : v_div(all, v_set(v->pixels));
}

INLINE void forward_row(bool largest, int kernel, const sn_pool_size *s, const float *plane, int ho, float *y, int n) {
    int64_t row = (int64_t)plane_width(s) * LANE;
    for (int wo = 0; wo < s->wo; wo++) {
        window v = window_of(s, ho, wo);
        v_store_to(y + (int64_t)wo * s->c, window_value(largest, kernel, plane, row, &v), n);
    }
}

static void forward_row_of(const sn_pool_size *s, const float *plane, int ho, float *y, int n) {
    if (s->kind == SN_POOL_MAX)
        s->kernel == 3 ? forward_row(true, 3, s, plane, ho, y, n) : forward_row(true, s->kernel, s, plane, ho, y, n);
    else
        s->kernel == 3 ? forward_row(false, 3, s, plane, ho, y, n) : forward_row(false, s->kernel, s, plane, ho, y, n);
}

void LANES(pool_forward_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_pool_forward *p = &call->as.pool_forward;
    const sn_pool_size *s = &p->size;
    memory mem;
    carve_memory(scratch, s, true, false, &mem);
    source x = source_of(b, &p->x);
    tile_stat stat = tile_stat_begin(mem.vectors, s->c);
    int first = (int)tile * images_of(s), images = images_in(s, tile);
    pad_plane(s, mem.plane);
    for (int image = first; image < first + images; image++)
        for (int c = 0; c < s->c; c += LANE) {
            int n = min_int(s->c - c, LANE);
            fill_plane(s, &x, image, c, n, mem.offsets, mem.plane);
            for (int ho = 0; ho < s->ho; ho++) {
                float *y = (float *)b->arena + p->y + ((int64_t)image * s->ho + ho) * s->wo * s->c + c;
                forward_row_of(s, mem.plane, ho, y, n);
                if (p->stat.mean != SN_NONE) LANES(tile_stat_rows)(&stat, image == first && ho == 0, y, s->c, s->wo, c, n);
            }
        }
    if (p->stat.mean != SN_NONE)
        tile_stat_end(&stat, (float *)b->arena + call->work, tile, s->c, 0, s->c, (int64_t)images * s->ho * s->wo);
}

static int64_t forward_rows(const sn_call *call, int64_t tile) {
    const sn_pool_size *s = &call->as.pool_forward.size;
    return (int64_t)images_in(s, tile) * s->ho * s->wo;
}

void LANES(pool_forward_finish)(const sn_bases *b, const sn_call *call) {
    const sn_pool_forward *p = &call->as.pool_forward;
    LANES(stat_finish)(b, call, &p->stat, tiles_of(&p->size), p->size.c, forward_rows);
}

// --- backward: dy overwritten, sums overwritten
bool LANES(pool_backward_supports)(const sn_call *call) { // numbers of taps travel as floats
    return call->as.pool_backward.size.kernel < 1 << 12;
}

int64_t LANES(pool_backward_tiles)(const sn_call *call) {
    return tiles_of(&call->as.pool_backward.size);
}

int64_t LANES(pool_backward_work)(const sn_call *call) {
    const sn_pool_backward *p = &call->as.pool_backward;
    return sums_work(&p->into, tiles_of(&p->size), p->size.c);
}

size_t LANES(pool_backward_scratch)(const sn_call *call) {
    const sn_pool_size *s = &call->as.pool_backward.size;
    memory m;
    return carve_memory(NULL, s, s->kind == SN_POOL_MAX, true, &m);
}

// Adds g, which belongs to the window, to its first largest pixel of each lane; or its share to all.
INLINE void give(bool largest, int kernel, const float *plane, int64_t row, const window *v, v16 g, float *dz) {
    v16 best = v_zero(), at = v_zero();
    if (largest) {
        const float *x = plane + v->at;
        best = v_load(x + tap_at(kernel, row, v->first)), at = v_set((float)v->first);
        for (int h = 0, tap = 0; h < kernel; h++, x += row) UNROLL
        for (int w = 0; w < kernel; w++, tap++) {
            v16 value = v_load(x + w * LANE);
            at = v_where_gt(value, best, v_set((float)tap), at);
            best = v_max(value, best);
        }
    } else
        g = v_div(g, v_set(v->pixels));
    float *to = dz + v->at;
    for (int h = 0, tap = 0; h < kernel; h++, to += row) UNROLL
    for (int w = 0; w < kernel; w++, tap++)
        v_store(to + w * LANE, v_add(v_load(to + w * LANE), largest ? v_where_equal(at, v_set((float)tap), g) : g));
}

INLINE void give_image(bool largest, int kernel, const sn_pool_size *s, const gradient *g, const memory *mem, int image, int c,
                       int n) {
    slopes of_g = slopes_at(g->a != NULL, g, c, n);
    int64_t row = (int64_t)plane_width(s) * LANE;
    for (int ho = 0; ho < s->ho; ho++)
        for (int wo = 0; wo < s->wo; wo++) {
            window v = window_of(s, ho, wo);
            v16 part = gradient_read(g, &of_g, (((int64_t)image * s->ho + ho) * s->wo + wo) * s->c + c, n);
            give(largest, kernel, mem->plane, row, &v, part, mem->dz);
        }
}

// dz of one image's pixels for n channels from c on: windows in order.
static void image_gradient(const sn_bases *b, const sn_pool_backward *p, const memory *mem, int image, int c, int n) {
    const sn_pool_size *s = &p->size;
    gradient g = gradient_of(b, &p->g);
    memset(mem->dz, 0, (size_t)plane_floats(s) * sizeof *mem->dz);
    if (s->kind == SN_POOL_MAX) {
        source x = source_of(b, &p->into.view);
        fill_plane(s, &x, image, c, n, mem->offsets, mem->plane);
        s->kernel == 3 ? give_image(true, 3, s, &g, mem, image, c, n) : give_image(true, s->kernel, s, &g, mem, image, c, n);
    } else
        s->kernel == 3 ? give_image(false, 3, s, &g, mem, image, c, n) : give_image(false, s->kernel, s, &g, mem, image, c, n);
}

void LANES(pool_backward_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_pool_backward *p = &call->as.pool_backward;
    const sn_pool_size *s = &p->size;
    int first = (int)tile * images_of(s);
    memory mem;
    carve_memory(scratch, s, s->kind == SN_POOL_MAX, true, &mem);
    target into = target_of(b, &p->into, (int64_t)s->n * s->h * s->w, s->c, mem.vectors, 0, s->c);
    if (s->kind == SN_POOL_MAX) pad_plane(s, mem.plane);
    for (int image = first; image < first + images_in(s, tile); image++)
        for (int c = 0; c < s->c; c += LANE) {
            int n = min_int(s->c - c, LANE);
            image_gradient(b, p, &mem, image, c, n);
            for (int h = 0; h < s->h; h++) {
                for (int w = 0; w < s->w; w++) mem.offsets[w] = (((int64_t)image * s->h + h) * s->w + w) * s->c;
                LANES(target_block)(&into, mem.offsets, mem.dz + in_plane(s, h, 0), LANE, s->w, c, n);
            }
        }
    target_end(&into, (float *)b->arena + call->work, tile, s->c, 0, s->c);
}

void LANES(pool_backward_finish)(const sn_bases *b, const sn_call *call) {
    const sn_pool_backward *p = &call->as.pool_backward;
    LANES(sums_finish)(b, call, &p->into, tiles_of(&p->size), p->size.c);
}
