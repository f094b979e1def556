// Convolution 1x1 as a matrix product: forward (any stride) and gradient of the input (stride 1).
// Not here: gradient of the weights (pointwise_weights.c), larger kernels (dense.c).
// Next: gemm.h.
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/gemm.h"

// A tile is a range of output pixels by all channels, worked on in blocks of rows that keep A in the second-level cache.
enum { BLOCK_MAX = 192, TILE_MAX = 4 * BLOCK_MAX, TILE_MIN = 24, TILES_WANTED = 32, ROW_STEP = 12 };

typedef struct {
    int64_t pixels;
    int tile, block; // rows
} geometry;

static geometry geometry_of(const sn_conv_size *s) {
    geometry g = {.pixels = (int64_t)s->n * s->ho * s->wo};
    int64_t rows = ceil_div(g.pixels, TILES_WANTED);
    rows = rows < TILE_MIN ? TILE_MIN : rows > TILE_MAX ? TILE_MAX : rows;
    int blocks = (int)ceil_div(rows, BLOCK_MAX);
    g.block = round_up((int)ceil_div(rows, blocks), ROW_STEP);
    g.tile = blocks * g.block;
    return g;
}

static int64_t tiles_of(const sn_conv_size *s) {
    geometry g = geometry_of(s);
    return ceil_div(g.pixels, g.tile);
}

static int rows_in(const geometry *g, int64_t tile) {
    int64_t left = g->pixels - tile * g->tile;
    return left < g->tile ? (int)left : g->tile;
}

// --- scratch
typedef struct {
    int64_t *rows; // BLOCK_MAX
    float *panel;  // KC * PANEL
    float *a;      // block * depth_of(k)
    float *c;      // backward: block * width_of(k, n)
    float *sums;   // 3 vectors of the columns
} memory;

static int depth_of(int k) {                      // row length of A
    return round_up(min_int(k, KC), LANE) + LANE; // not a power of two: rows would share cache sets
}

static int width_of(int k, int n) { // row length of C in scratch: one panel, or all columns when k is cut
    return k > KC ? round_up(n, PANEL) : PANEL;
}

static size_t carve_memory(void *scratch, const geometry *g, int k, int n, memory *m) {
    carving c = {.base = scratch};
    m->rows = carve(&c, BLOCK_MAX, sizeof *m->rows);
    m->panel = carve_floats(&c, KC * PANEL);
    m->a = carve_floats(&c, (int64_t)g->block * depth_of(k));
    m->c = carve_floats(&c, (int64_t)g->block * width_of(k, n));
    m->sums = carve_floats(&c, 3 * tile_vector(n));
    return c.used;
}

static void multiply_rows(bool go_on, const product *p) {
    if (go_on)
        multiply((product_kind){C_CONTINUE, true, false, false}, p);
    else
        multiply((product_kind){C_SET, true, false, false}, p);
}

// --- forward: y and statistics overwritten
bool LANES(pointwise_forward_supports)(const sn_call *call) {
    return is_pointwise(&call->as.conv_forward.size);
}

int64_t LANES(pointwise_forward_tiles)(const sn_call *call) {
    return tiles_of(&call->as.conv_forward.size);
}

int64_t LANES(pointwise_forward_work)(const sn_call *call) {
    const sn_conv_forward *p = &call->as.conv_forward;
    return stat_work(&p->stat, tiles_of(&p->size), p->size.co);
}

size_t LANES(pointwise_forward_scratch)(const sn_call *call) {
    const sn_conv_size *s = &call->as.conv_forward.size;
    geometry g = geometry_of(s);
    memory mem;
    return carve_memory(NULL, &g, s->ci, s->co, &mem);
}

static void forward_block(const sn_bases *b, const sn_conv_forward *p, const memory *mem, const tile_stat *stat, int64_t first,
                          int m, bool begin) {
    int k_all = p->size.ci, n_all = p->size.co, lda = depth_of(k_all);
    source x = source_of(b, &p->x);
    const float *w = (const float *)b->weights + p->w;
    float *y = (float *)b->arena + p->y + first * n_all;
    input_rows(&p->size, first, m, mem->rows);
    for (int k = 0; k < k_all; k += KC) {
        int kc = min_int(k_all - k, KC);
        LANES(source_block)(&x, mem->rows, m, k, kc, mem->a, lda);
        for (int n = 0; n < n_all; n += PANEL) {
            int columns = min_int(n_all - n, PANEL);
            pack_panel(w + (int64_t)k * n_all + n, n_all, kc, columns, mem->panel);
            multiply_rows(
                k > 0,
                &(product){.m = m, .kc = kc, .n = columns, .a = mem->a, .row = lda, .b = mem->panel, .c = y + n, .ldc = n_all});
            if (p->stat.mean == SN_NONE || k + kc < k_all) continue;
            for (int j = 0; j < columns; j += LANE)
                LANES(tile_stat_rows)(stat, begin, y + n + j, n_all, m, n + j, min_int(columns - j, LANE));
        }
    }
}

void LANES(pointwise_forward_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_conv_forward *p = &call->as.conv_forward;
    geometry g = geometry_of(&p->size);
    memory mem;
    carve_memory(scratch, &g, p->size.ci, p->size.co, &mem);
    tile_stat stat = tile_stat_begin(mem.sums, p->size.co);
    int rows = rows_in(&g, tile);
    for (int r = 0; r < rows; r += g.block)
        forward_block(b, p, &mem, &stat, tile * g.tile + r, min_int(rows - r, g.block), r == 0);
    if (p->stat.mean != SN_NONE) tile_stat_end(&stat, (float *)b->arena + call->work, tile, p->size.co, 0, p->size.co, rows);
}

static int64_t forward_rows(const sn_call *call, int64_t tile) {
    geometry g = geometry_of(&call->as.conv_forward.size);
    return rows_in(&g, tile);
}

void LANES(pointwise_forward_finish)(const sn_bases *b, const sn_call *call) {
    const sn_conv_forward *p = &call->as.conv_forward;
    LANES(stat_finish)(b, call, &p->stat, tiles_of(&p->size), p->size.co, forward_rows);
}

// --- gradient of the input: dy overwritten, sums overwritten
bool LANES(pointwise_data_supports)(const sn_call *call) {
    const sn_conv_size *s = &call->as.conv_backward_data.size;
    return is_pointwise(s) && s->stride == 1;
}

int64_t LANES(pointwise_data_tiles)(const sn_call *call) {
    return tiles_of(&call->as.conv_backward_data.size);
}

int64_t LANES(pointwise_data_work)(const sn_call *call) {
    const sn_conv_backward_data *p = &call->as.conv_backward_data;
    return sums_work(&p->into, tiles_of(&p->size), p->size.ci);
}

size_t LANES(pointwise_data_scratch)(const sn_call *call) {
    const sn_conv_size *s = &call->as.conv_backward_data.size;
    geometry g = geometry_of(s);
    memory mem;
    return carve_memory(NULL, &g, s->co, s->ci, &mem);
}

static void data_block(const sn_bases *b, const sn_conv_backward_data *p, const memory *mem, const target *into, int64_t first,
                       int m) {
    int k_all = p->size.co, n_all = p->size.ci, lda = depth_of(k_all), ldc = width_of(k_all, n_all);
    gradient g = gradient_of(b, &p->g);
    const float *w = (const float *)b->weights + p->w;
    for (int k = 0; k < k_all; k += KC) {
        int kc = min_int(k_all - k, KC);
        for (int r = 0; r < m; r++) mem->rows[r] = (first + r) * k_all;
        LANES(gradient_block)(&g, mem->rows, m, k, kc, mem->a, lda);
        for (int r = 0; r < m; r++) mem->rows[r] = (first + r) * n_all;
        for (int n = 0; n < n_all; n += PANEL) {
            int columns = min_int(n_all - n, PANEL);
            float *c = mem->c + (k_all > KC ? n : 0);
            pack_panel_transposed(w + (int64_t)n * k_all + k, k_all, kc, columns, mem->panel);
            multiply_rows(
                k > 0, &(product){.m = m, .kc = kc, .n = columns, .a = mem->a, .row = lda, .b = mem->panel, .c = c, .ldc = ldc});
            if (k + kc < k_all) continue;
            for (int j = 0; j < columns; j += LANE)
                LANES(target_block)(into, mem->rows, c + j, ldc, m, n + j, min_int(columns - j, LANE));
        }
    }
}

void LANES(pointwise_data_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_conv_backward_data *p = &call->as.conv_backward_data;
    geometry g = geometry_of(&p->size);
    memory mem;
    carve_memory(scratch, &g, p->size.co, p->size.ci, &mem);
    target into = target_of(b, &p->into, mem.sums, 0, p->size.ci);
    int rows = rows_in(&g, tile);
    for (int r = 0; r < rows; r += g.block) data_block(b, p, &mem, &into, tile * g.tile + r, min_int(rows - r, g.block));
    target_end(&into, (float *)b->arena + call->work, tile, p->size.ci, 0, p->size.ci);
}

void LANES(pointwise_data_finish)(const sn_bases *b, const sn_call *call) {
    const sn_conv_backward_data *p = &call->as.conv_backward_data;
    LANES(sums_finish)(b, call, &p->into, tiles_of(&p->size), p->size.ci);
}
