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

typedef struct { // the pixels of a window that lie inside the image: h0 <= h < h1, w0 <= w < w1
    int h0, h1, w0, w1;
    v16 pixels;
} window;

static window window_of(const sn_pool_size *s, int ho, int wo) {
    int h = ho * s->stride - s->pad, w = wo * s->stride - s->pad;
    window v = {max_int(h, 0), min_int(h + s->kernel, s->h), max_int(w, 0), min_int(w + s->kernel, s->w), v_zero()};
    v.pixels = v_set((float)((v.h1 - v.h0) * (v.w1 - v.w0)));
    return v;
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

size_t LANES(pool_forward_scratch)(const sn_call *call) {
    return 3 * (size_t)tile_vector(call->as.pool_forward.size.c) * sizeof(float);
}

// The window's maximum (the first wins, so a later NaN is passed over, as in ref) or average; x: the image at the channel block.
static v16 pool_window(const sn_pool_size *s, const source *x, const affine *a, int64_t image, window v, int n) {
    v16 all = v_zero();
    for (int h = v.h0; h < v.h1; h++)
        for (int w = v.w0; w < v.w1; w++) {
            v16 value = source_read(x, a, x->x + image + ((int64_t)h * s->w + w) * s->c, n);
            if (s->kind == SN_POOL_AVG)
                all = v_add(all, value);
            else
                all = h == v.h0 && w == v.w0 ? value : v_max(value, all);
        }
    return s->kind == SN_POOL_AVG ? v_div(all, v.pixels) : all;
}

void LANES(pool_forward_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_pool_forward *p = &call->as.pool_forward;
    const sn_pool_size *s = &p->size;
    source x = source_of(b, &p->x);
    tile_stat stat = tile_stat_begin(scratch, s->c);
    int first = (int)tile * images_of(s), images = images_in(s, tile);
    for (int image = first; image < first + images; image++)
        for (int ho = 0; ho < s->ho; ho++)
            for (int c = 0; c < s->c; c += LANE) {
                int n = min_int(s->c - c, LANE);
                affine a = affine_at(x.mean != NULL, x.mean, x.scale, x.shift, c, n);
                float *y = (float *)b->arena + p->y + ((int64_t)image * s->ho + ho) * s->wo * s->c + c;
                int64_t at = (int64_t)image * s->h * s->w * s->c + c;
                for (int wo = 0; wo < s->wo; wo++)
                    v_store_to(y + (int64_t)wo * s->c, pool_window(s, &x, &a, at, window_of(s, ho, wo), n), n);
                if (p->stat.mean != SN_NONE) LANES(tile_stat_rows)(&stat, image == first && ho == 0, y, s->c, s->wo, c, n);
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
typedef struct {
    int64_t *rows; // of the image's pixels
    float *dz;     // (pixels, LANE)
    float *sums;   // 2 vectors
} memory;

static size_t carve_memory(void *scratch, const sn_pool_size *s, memory *m) {
    carving k = {.base = scratch};
    m->rows = carve(&k, (int64_t)s->h * s->w, sizeof *m->rows);
    m->dz = carve_floats(&k, (int64_t)s->h * s->w * LANE);
    m->sums = carve_floats(&k, 2 * tile_vector(s->c));
    return k.used;
}

bool LANES(pool_backward_supports)(const sn_call *call) { // pixel numbers travel as floats
    const sn_pool_size *s = &call->as.pool_backward.size;
    return (int64_t)s->h * s->w < 1 << 24;
}

int64_t LANES(pool_backward_tiles)(const sn_call *call) {
    return tiles_of(&call->as.pool_backward.size);
}

int64_t LANES(pool_backward_work)(const sn_call *call) {
    const sn_pool_backward *p = &call->as.pool_backward;
    return sums_work(&p->into, tiles_of(&p->size), p->size.c);
}

size_t LANES(pool_backward_scratch)(const sn_call *call) {
    memory m;
    return carve_memory(NULL, &call->as.pool_backward.size, &m);
}

// Adds g, which belongs to the window, to its first largest pixel of each lane.
static void give_to_largest(const sn_pool_size *s, const source *x, const affine *a, int64_t image, window v, int n, v16 g,
                            float *dz) {
    v16 best = v_zero(), at = v_zero();
    for (int h = v.h0; h < v.h1; h++)
        for (int w = v.w0; w < v.w1; w++) {
            v16 here = v_set((float)(h * s->w + w)), value = source_read(x, a, x->x + image + ((int64_t)h * s->w + w) * s->c, n);
            bool first = h == v.h0 && w == v.w0;
            at = first ? here : v_where_gt(value, best, here, at);
            best = first ? value : v_max(value, best);
        }
    float pixel[LANE], part[LANE];
    v_store(pixel, at);
    v_store(part, g);
    for (int i = 0; i < n; i++) dz[(int64_t)pixel[i] * LANE + i] += part[i];
}

static void give_to_all(const sn_pool_size *s, window v, v16 g, float *dz) {
    g = v_div(g, v.pixels);
    for (int h = v.h0; h < v.h1; h++)
        for (int w = v.w0; w < v.w1; w++) {
            float *to = dz + ((int64_t)h * s->w + w) * LANE;
            v_store(to, v_add(v_load(to), g));
        }
}

// dz of one image's pixels for n channels from c on: windows in order.
static void image_gradient(const sn_bases *b, const sn_pool_backward *p, int image, int c, int n, float *dz) {
    const sn_pool_size *s = &p->size;
    source x = {0};
    affine a = {v_zero(), v_zero(), v_zero()};
    if (s->kind == SN_POOL_MAX) {
        x = source_of(b, &p->into.view);
        a = affine_at(x.mean != NULL, x.mean, x.scale, x.shift, c, n);
    }
    gradient g = gradient_of(b, &p->g);
    slopes of_g = slopes_at(g.a != NULL, &g, c, n);
    int64_t at = (int64_t)image * s->h * s->w * s->c + c;
    for (int ho = 0; ho < s->ho; ho++)
        for (int wo = 0; wo < s->wo; wo++) {
            v16 part = gradient_read(&g, &of_g, (((int64_t)image * s->ho + ho) * s->wo + wo) * s->c + c, n);
            if (s->kind == SN_POOL_MAX)
                give_to_largest(s, &x, &a, at, window_of(s, ho, wo), n, part, dz);
            else
                give_to_all(s, window_of(s, ho, wo), part, dz);
        }
}

void LANES(pool_backward_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_pool_backward *p = &call->as.pool_backward;
    const sn_pool_size *s = &p->size;
    int pixels = s->h * s->w, first = (int)tile * images_of(s);
    memory mem;
    carve_memory(scratch, s, &mem);
    target into = target_of(b, &p->into, (int64_t)s->n * pixels, s->c, mem.sums, 0, s->c);
    for (int image = first; image < first + images_in(s, tile); image++) {
        for (int i = 0; i < pixels; i++) mem.rows[i] = ((int64_t)image * pixels + i) * s->c;
        for (int c = 0; c < s->c; c += LANE) {
            int n = min_int(s->c - c, LANE);
            memset(mem.dz, 0, (size_t)pixels * LANE * sizeof *mem.dz);
            image_gradient(b, p, image, c, n, mem.dz);
            LANES(target_block)(&into, mem.rows, mem.dz, LANE, pixels, c, n);
        }
    }
    target_end(&into, (float *)b->arena + call->work, tile, s->c, 0, s->c);
}

void LANES(pool_backward_finish)(const sn_bases *b, const sn_call *call) {
    const sn_pool_backward *p = &call->as.pool_backward;
    LANES(sums_finish)(b, call, &p->into, tiles_of(&p->size), p->size.c);
}
