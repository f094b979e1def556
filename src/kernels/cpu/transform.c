// A kernel made of a larger one's centre by a matrix, and both gradients: a tile is a few columns, lanes are columns.
// Not here: copies between parameters and kernels (../ref/gather.c). Next: view.h for the shared pieces.
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/view.h"

enum { COLUMNS = 16 * LANE }; // of a tile

static int taps_of(const sn_transform *p) {
    return p->side * p->side;
}

// Of tap s of the centre of x.
static int64_t centre(const sn_transform *p, int s) {
    int edge = (p->from - p->side) / 2;
    return ((int64_t)(s / p->side + edge) * p->from + s % p->side + edge) * p->columns;
}

static int64_t tiles_of(const sn_transform *p) {
    return ceil_div(p->columns, COLUMNS);
}

static int64_t last_column(const sn_transform *p, int64_t tile) {
    int64_t end = (tile + 1) * COLUMNS;
    return end < p->columns ? end : p->columns;
}

// sum[i] += m[i*step] * x
INLINE void add_products(v16 x, const float *m, int step, int n, float *sum) {
    for (int i = 0; i < n; i++) v_store(sum + i * LANE, v_fma(v_set(m[i * step]), x, v_load(sum + i * LANE)));
}

// --- weights[y] overwritten
bool LANES(transform_forward_supports)(const sn_call *call) {
    return (void)call, true;
}

int64_t LANES(transform_forward_tiles)(const sn_call *call) {
    return tiles_of(&call->as.transform_forward);
}

int64_t LANES(transform_forward_work)(const sn_call *call) {
    return (void)call, 0;
}

size_t LANES(transform_forward_scratch)(const sn_call *call) {
    return (size_t)taps_of(&call->as.transform_forward) * LANE * sizeof(float);
}

void LANES(transform_forward_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_transform *p = &call->as.transform_forward;
    float *w = b->weights, *sum = scratch;
    int taps = taps_of(p);
    for (int64_t j = tile * COLUMNS; j < last_column(p, tile); j += LANE) {
        int n = p->columns - j < LANE ? (int)(p->columns - j) : LANE;
        memset(sum, 0, (size_t)taps * LANE * sizeof *sum);
        for (int s = 0; s < taps; s++) add_products(v_load_to(w + p->x + centre(p, s) + j, n), w + p->m + s * taps, 1, taps, sum);
        for (int t = 0; t < taps; t++) v_store_to(w + p->y + t * p->columns + j, v_load(sum + t * LANE), n);
    }
}

void LANES(transform_forward_finish)(const sn_bases *b, const sn_call *call) {
    (void)b, (void)call;
}

// --- grads[m] and the centre of grads[x] accumulated
bool LANES(transform_backward_supports)(const sn_call *call) {
    return (void)call, true;
}

int64_t LANES(transform_backward_tiles)(const sn_call *call) {
    return tiles_of(&call->as.transform_backward);
}

int64_t LANES(transform_backward_work)(const sn_call *call) { // for each tile its part of the matrix's gradient
    const sn_transform *p = &call->as.transform_backward;
    return tiles_of(p) * taps_of(p) * taps_of(p);
}

typedef struct {
    float *dx, *dm; // (taps, LANE), (taps, taps, LANE)
} memory;

static size_t carve_memory(void *scratch, int taps, memory *m) {
    carving c = {.base = scratch};
    m->dx = carve_floats(&c, taps * LANE);
    m->dm = carve_floats(&c, (int64_t)taps * taps * LANE);
    return c.used;
}

size_t LANES(transform_backward_scratch)(const sn_call *call) {
    memory m;
    return carve_memory(NULL, taps_of(&call->as.transform_backward), &m);
}

void LANES(transform_backward_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_transform *p = &call->as.transform_backward;
    const float *w = b->weights, *m = w + p->m;
    float *g = b->grads, *part = (float *)b->arena + call->work;
    int taps = taps_of(p);
    memory mem;
    carve_memory(scratch, taps, &mem);
    memset(mem.dm, 0, (size_t)taps * (size_t)taps * LANE * sizeof *mem.dm);
    for (int64_t j = tile * COLUMNS; j < last_column(p, tile); j += LANE) {
        int n = p->columns - j < LANE ? (int)(p->columns - j) : LANE;
        memset(mem.dx, 0, (size_t)taps * LANE * sizeof *mem.dx);
        for (int t = 0; t < taps; t++) add_products(v_load_to(g + p->y + t * p->columns + j, n), m + t, taps, taps, mem.dx);
        for (int s = 0; s < taps; s++) {
            v16 x = v_load_to(w + p->x + centre(p, s) + j, n);
            float *dx = g + p->x + centre(p, s) + j, *dm = mem.dm + s * taps * LANE;
            v_store_to(dx, v_add(v_load_to(dx, n), v_load(mem.dx + s * LANE)), n);
            for (int t = 0; t < taps; t++, dm += LANE)
                v_store(dm, v_fma(x, v_load_to(g + p->y + t * p->columns + j, n), v_load(dm)));
        }
    }
    for (int i = 0; i < taps * taps; i++) {
        double sum = 0;
        for (int l = 0; l < LANE; l++) sum += mem.dm[i * LANE + l];
        part[tile * taps * taps + i] = (float)sum;
    }
}

void LANES(transform_backward_finish)(const sn_bases *b, const sn_call *call) {
    const sn_transform *p = &call->as.transform_backward;
    int taps = taps_of(p);
    LANES(parts_finish)((float *)b->grads + p->m, (const float *)b->arena + call->work, tiles_of(p), (int64_t)taps * taps);
}
