// Sums of views and means over pixels, with their gradients: passes over memory, cut into ranges of rows or groups of images.
// Not here: pooling over windows (pool.c).
// Next: view.h for the shared pieces.
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/view.h"

enum { BLOCK = 32, ROWS = 512, IMAGES = 8 }; // rows at once; rows and images of a tile

static int part(int64_t n, int64_t tile, int size) {
    int64_t left = n - tile * size;
    return left < size ? (int)left : size;
}

// --- sum forward: y and statistics overwritten
bool LANES(sum_forward_supports)(const sn_call *call) {
    return (void)call, true;
}

int64_t LANES(sum_forward_tiles)(const sn_call *call) {
    return ceil_div(call->as.sum_forward.rows, ROWS);
}

int64_t LANES(sum_forward_work)(const sn_call *call) {
    const sn_sum_forward *p = &call->as.sum_forward;
    return stat_work(&p->stat, ceil_div(p->rows, ROWS), p->c);
}

size_t LANES(sum_forward_scratch)(const sn_call *call) {
    return 3 * (size_t)tile_vector(call->as.sum_forward.c) * sizeof(float);
}

static void sum_rows(const sn_sum_forward *p, const source *x, float *y, int64_t first, int m, int c, int n) {
    affine a[SN_SUM_INPUTS];
    v16 gate[SN_SUM_INPUTS];
    for (int k = 0; k < p->inputs; k++) {
        a[k] = affine_at(x[k].mean != NULL, x[k].mean, x[k].scale, x[k].shift, c, n);
        gate[k] = v_set(p->gated ? (float)p->gate[k] : 1);
    }
    for (int64_t i = first * p->c + c, end = (first + m) * p->c + c; i < end; i += p->c) {
        v16 sum = p->inputs ? v_mul(gate[0], source_read(&x[0], &a[0], x[0].x + i, n)) : v_zero();
        for (int k = 1; k < p->inputs; k++) sum = v_fma(gate[k], source_read(&x[k], &a[k], x[k].x + i, n), sum);
        v_store_to(y + i, sum, n);
    }
}

void LANES(sum_forward_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_sum_forward *p = &call->as.sum_forward;
    source x[SN_SUM_INPUTS];
    for (int k = 0; k < p->inputs; k++) x[k] = source_of(b, &p->x[k]);
    float *y = (float *)b->arena + p->y;
    tile_stat stat = tile_stat_begin(scratch, p->c);
    int rows = part(p->rows, tile, ROWS);
    for (int r = 0; r < rows; r += BLOCK) {
        int m = min_int(rows - r, BLOCK);
        int64_t first = tile * ROWS + r;
        for (int c = 0; c < p->c; c += LANE) {
            sum_rows(p, x, y, first, m, c, p->c - c);
            if (p->stat.mean != SN_NONE)
                LANES(tile_stat_rows)(&stat, r == 0, y + first * p->c + c, p->c, m, c, min_int(p->c - c, LANE));
        }
    }
    if (p->stat.mean != SN_NONE) tile_stat_end(&stat, (float *)b->arena + call->work, tile, p->c, 0, p->c, rows);
}

static int64_t sum_forward_rows(const sn_call *call, int64_t tile) {
    return part(call->as.sum_forward.rows, tile, ROWS);
}

void LANES(sum_forward_finish)(const sn_bases *b, const sn_call *call) {
    const sn_sum_forward *p = &call->as.sum_forward;
    LANES(stat_finish)(b, call, &p->stat, ceil_div(p->rows, ROWS), p->c, sum_forward_rows);
}

// --- sum backward: dy overwritten, sums overwritten
typedef struct {
    int64_t *rows; // BLOCK: where they begin
    float *dz;     // BLOCK rows of one v16
    float *sums;   // 2 vectors
} memory;

static size_t carve_memory(void *scratch, int c, memory *m) {
    carving k = {.base = scratch};
    m->rows = carve(&k, BLOCK, sizeof *m->rows);
    m->dz = carve_floats(&k, BLOCK * LANE);
    m->sums = carve_floats(&k, 2 * tile_vector(c));
    return k.used;
}

bool LANES(sum_backward_supports)(const sn_call *call) {
    return (void)call, true;
}

int64_t LANES(sum_backward_tiles)(const sn_call *call) {
    return ceil_div(call->as.sum_backward.rows, ROWS);
}

int64_t LANES(sum_backward_work)(const sn_call *call) {
    const sn_sum_backward *p = &call->as.sum_backward;
    return sums_work(&p->into, ceil_div(p->rows, ROWS), p->c);
}

size_t LANES(sum_backward_scratch)(const sn_call *call) {
    memory m;
    return carve_memory(NULL, call->as.sum_backward.c, &m);
}

void LANES(sum_backward_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_sum_backward *p = &call->as.sum_backward;
    memory mem;
    carve_memory(scratch, p->c, &mem);
    gradient g = gradient_of(b, &p->g);
    target into = target_of(b, &p->into, p->rows, p->c, mem.sums, 0, p->c);
    int rows = part(p->rows, tile, ROWS);
    for (int r = 0; r < rows; r += BLOCK) {
        int m = min_int(rows - r, BLOCK);
        for (int i = 0; i < m; i++) mem.rows[i] = (tile * ROWS + r + i) * p->c;
        for (int c = 0; c < p->c; c += LANE) {
            int n = min_int(p->c - c, LANE);
            LANES(gradient_block)(&g, mem.rows, m, c, n, (sheet){mem.dz, LANE, LANE, 0});
            for (int i = 0; p->gated && i < m * LANE; i += LANE)
                v_store(mem.dz + i, v_mul(v_set((float)p->gate), v_load(mem.dz + i)));
            LANES(target_block)(&into, mem.rows, mem.dz, LANE, m, c, n);
        }
    }
    target_end(&into, (float *)b->arena + call->work, tile, p->c, 0, p->c);
}

void LANES(sum_backward_finish)(const sn_bases *b, const sn_call *call) {
    const sn_sum_backward *p = &call->as.sum_backward;
    LANES(sums_finish)(b, call, &p->into, ceil_div(p->rows, ROWS), p->c);
}

// --- gate backward: a double overwritten; the tiles' sums are doubles in the workspace, each of blocks summed in floats
bool LANES(gate_backward_supports)(const sn_call *call) {
    return (void)call, true;
}

int64_t LANES(gate_backward_tiles)(const sn_call *call) {
    return ceil_div(call->as.gate_backward.rows, ROWS);
}

int64_t LANES(gate_backward_work)(const sn_call *call) {
    return 2 * ceil_div(call->as.gate_backward.rows, ROWS);
}

size_t LANES(gate_backward_scratch)(const sn_call *call) {
    return (void)call, 0;
}

// Of m rows of n channels at c.
static double products(const sn_gate_backward *p, const gradient *g, const source *x, int64_t first, int m, int c, int n) {
    affine a = affine_at(x->mean != NULL, x->mean, x->scale, x->shift, c, n);
    slopes s = slopes_at(g->a != NULL, g, c, n);
    v16 sum = v_zero();
    for (int64_t i = first * p->c + c, end = (first + m) * p->c + c; i < end; i += p->c)
        sum = v_fma(gradient_read(g, &s, i, n), source_read(x, &a, x->x + i, n), sum);
    float lane[LANE];
    v_store_to(lane, sum, min_int(n, LANE));
    double total = 0;
    for (int k = 0; k < min_int(n, LANE); k++) total += (double)lane[k];
    return total;
}

void LANES(gate_backward_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)scratch;
    const sn_gate_backward *p = &call->as.gate_backward;
    gradient g = gradient_of(b, &p->g);
    source x = source_of(b, &p->x);
    int rows = part(p->rows, tile, ROWS);
    double sum = 0;
    for (int r = 0; r < rows; r += BLOCK)
        for (int c = 0; c < p->c; c += LANE) sum += products(p, &g, &x, tile * ROWS + r, min_int(rows - r, BLOCK), c, p->c - c);
    memcpy((float *)b->arena + call->work + 2 * tile, &sum, sizeof sum);
}

void LANES(gate_backward_finish)(const sn_bases *b, const sn_call *call) {
    const sn_gate_backward *p = &call->as.gate_backward;
    float *arena = b->arena;
    double sum = 0;
    for (int64_t tile = 0; tile < ceil_div(p->rows, ROWS); tile++) {
        double part_sum;
        memcpy(&part_sum, arena + call->work + 2 * tile, sizeof part_sum);
        sum += part_sum;
    }
    memcpy(arena + p->dgate, &sum, sizeof sum);
}

// --- mean forward: y overwritten; pixels in index order. Statistics behind a mean are ref's.
bool LANES(mean_forward_supports)(const sn_call *call) {
    return call->as.mean_forward.stat.mean == SN_NONE;
}

int64_t LANES(mean_forward_tiles)(const sn_call *call) {
    return ceil_div(call->as.mean_forward.n, IMAGES);
}

int64_t LANES(mean_forward_work)(const sn_call *call) {
    return (void)call, 0;
}

size_t LANES(mean_forward_scratch)(const sn_call *call) {
    return (void)call, 0;
}

// The mean of m rows in halves: rounding grows with the logarithm of m, as the sums of ref in double nearly do not.
static v16 sum_pixels(const source *x, const affine *a, int64_t first, int64_t ld, int m, int n) {
    v16 sum[4] = {v_zero(), v_zero(), v_zero(), v_zero()};
    for (int r = 0; r < m; r++) sum[r & 3] = v_add(sum[r & 3], source_read(x, a, x->x + first + r * ld, n));
    return v_add(v_add(sum[0], sum[1]), v_add(sum[2], sum[3]));
}

void LANES(mean_forward_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)scratch;
    enum { PIXELS = 64 }; // summed together before they are added to the rest
    const sn_mean_forward *p = &call->as.mean_forward;
    source x = source_of(b, &p->x);
    float *y = (float *)b->arena + p->y;
    for (int64_t i = tile * IMAGES, end = i + part(p->n, tile, IMAGES); i < end; i++)
        for (int c = 0; c < p->c; c += LANE) {
            int n = p->c - c;
            affine a = affine_at(x.mean != NULL, x.mean, x.scale, x.shift, c, n);
            v16 sum = v_zero();
            for (int r = 0; r < p->pixels; r += PIXELS)
                sum = v_add(sum, sum_pixels(&x, &a, (i * p->pixels + r) * p->c + c, p->c, min_int(p->pixels - r, PIXELS), n));
            v_store_to(y + i * p->c + c, v_div(sum, v_set((float)p->pixels)), n);
        }
}

void LANES(mean_forward_finish)(const sn_bases *b, const sn_call *call) {
    (void)b, (void)call;
}

// --- mean backward: dy overwritten, sums overwritten. Every pixel of an image gets the same dz.
bool LANES(mean_backward_supports)(const sn_call *call) {
    return (void)call, true;
}

int64_t LANES(mean_backward_tiles)(const sn_call *call) {
    return ceil_div(call->as.mean_backward.n, IMAGES);
}

int64_t LANES(mean_backward_work)(const sn_call *call) {
    const sn_mean_backward *p = &call->as.mean_backward;
    return sums_work(&p->into, ceil_div(p->n, IMAGES), p->c);
}

size_t LANES(mean_backward_scratch)(const sn_call *call) {
    memory m;
    return carve_memory(NULL, call->as.mean_backward.c, &m);
}

void LANES(mean_backward_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_mean_backward *p = &call->as.mean_backward;
    memory mem;
    carve_memory(scratch, p->c, &mem);
    gradient g = gradient_of(b, &p->g);
    target into = target_of(b, &p->into, (int64_t)p->n * p->pixels, p->c, mem.sums, 0, p->c);
    for (int64_t i = tile * IMAGES, end = i + part(p->n, tile, IMAGES); i < end; i++)
        for (int r = 0; r < p->pixels; r += BLOCK) {
            int m = min_int(p->pixels - r, BLOCK);
            for (int k = 0; k < m; k++) mem.rows[k] = (i * p->pixels + r + k) * p->c;
            for (int c = 0; c < p->c; c += LANE) {
                int n = min_int(p->c - c, LANE);
                int64_t row = i * p->c;
                LANES(gradient_block)(&g, &row, 1, c, n, (sheet){mem.dz, LANE, LANE, 0});
                v_store(mem.dz, v_div(v_load(mem.dz), v_set((float)p->pixels)));
                LANES(target_block)(&into, mem.rows, mem.dz, 0, m, c, n);
            }
        }
    target_end(&into, (float *)b->arena + call->work, tile, p->c, 0, p->c);
}

void LANES(mean_backward_finish)(const sn_bases *b, const sn_call *call) {
    const sn_mean_backward *p = &call->as.mean_backward;
    LANES(sums_finish)(b, call, &p->into, ceil_div(p->n, IMAGES), p->c);
}
