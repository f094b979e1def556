// Gradient of the weights of a 1x1 convolution (any stride): dw += transpose(view(x)) * g, summed over pixels.
// Not here: forward and gradient of the input (pointwise.c).
// Next: gemm.h.
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/gemm.h"

// A tile is one part of the pixels by one block of dw. Pixels are taken in chunks: within a chunk each element of dw is summed in
// pixel order from 0, the chunks of a part are added in order, and finish adds the parts in order.
enum { CHUNK = 96, ZPANEL = 48, BLOCK_MAX = 192, COLUMN_STEP = 32, TILES_WANTED = 32, ROWS_TOGETHER = 8 };

typedef struct {
    int64_t pixels, part;          // of all, of one part
    int parts, k_blocks, n_blocks; // tiles = their product
    int k, n;                      // channels of x and of g in one block
} geometry;

static geometry geometry_of(const sn_conv_size *s) {
    geometry g = {.pixels = (int64_t)s->n * s->ho * s->wo};
    g.k_blocks = (int)ceil_div(s->ci, BLOCK_MAX), g.n_blocks = (int)ceil_div(s->co, BLOCK_MAX);
    g.k = round_up((int)ceil_div(s->ci, g.k_blocks), ZPANEL), g.n = round_up((int)ceil_div(s->co, g.n_blocks), COLUMN_STEP);
    int64_t chunks = ceil_div(g.pixels, CHUNK), parts = ceil_div(TILES_WANTED, g.k_blocks * g.n_blocks);
    g.part = ceil_div(chunks, parts) * CHUNK;
    g.parts = (int)ceil_div(g.pixels, g.part);
    return g;
}

static const sn_conv_size *size_of(const sn_call *call) {
    return &call->as.conv_backward_weights.size;
}

bool LANES(pointwise_weights_supports)(const sn_call *call) {
    return is_pointwise(size_of(call));
}

int64_t LANES(pointwise_weights_tiles)(const sn_call *call) {
    geometry g = geometry_of(size_of(call));
    return (int64_t)g.parts * g.k_blocks * g.n_blocks;
}

int64_t LANES(pointwise_weights_work)(const sn_call *call) { // (part, ci, co)
    geometry g = geometry_of(size_of(call));
    return (int64_t)g.parts * size_of(call)->ci * size_of(call)->co;
}

typedef struct {
    int64_t *rows; // CHUNK
    float *z;      // (panels of ZPANEL channels, CHUNK, ZPANEL)
    float *g;      // (panels of PANEL channels, CHUNK, PANEL)
    float *dw;     // (k, n) of the block
} memory;

static size_t carve_memory(void *scratch, const geometry *g, memory *m) {
    carving c = {.base = scratch};
    m->rows = carve(&c, CHUNK, sizeof *m->rows);
    m->z = carve_floats(&c, CHUNK * g->k);
    m->g = carve_floats(&c, CHUNK * g->n);
    m->dw = carve_floats(&c, g->k * g->n);
    return c.used;
}

size_t LANES(pointwise_weights_scratch)(const sn_call *call) {
    geometry g = geometry_of(size_of(call));
    memory mem;
    return carve_memory(NULL, &g, &mem);
}

// Both operands of one chunk into panels; a few rows at a time, so that memory is read in order.
static void form_chunk(const sn_bases *b, const sn_conv_backward_weights *p, const memory *mem, int64_t first, int m, int k,
                       int k_n, int n, int n_n) {
    source x = source_of(b, &p->x);
    gradient g = gradient_of(b, &p->g);
    input_rows(&p->size, first, m, mem->rows);
    for (int r = 0; r < m; r += ROWS_TOGETHER)
        for (int j = 0; j < k_n; j += ZPANEL) LANES(source_block)
    (&x, mem->rows + r, min_int(m - r, ROWS_TOGETHER), k + j, min_int(k_n - j, ZPANEL), mem->z + (int64_t)j * CHUNK + r * ZPANEL,
     ZPANEL);
    for (int r = 0; r < m; r++) mem->rows[r] = (first + r) * p->size.co;
    for (int r = 0; r < m; r += ROWS_TOGETHER)
        for (int j = 0; j < n_n; j += PANEL) LANES(gradient_block)
    (&g, mem->rows + r, min_int(m - r, ROWS_TOGETHER), n + j, min_int(n_n - j, PANEL), mem->g + (int64_t)j * CHUNK + r * PANEL,
     PANEL);
}

static void add_chunk(const memory *mem, int ld, int m, int k_n, int n_n) {
    for (int i = 0; i < k_n; i += ZPANEL)
        for (int j = 0; j < n_n; j += PANEL)
            multiply((product_kind){C_ADD, false, false, false}, &(product){.m = min_int(k_n - i, ZPANEL),
                                                                            .step = ZPANEL,
                                                                            .kc = m,
                                                                            .n = min_int(n_n - j, PANEL),
                                                                            .a = mem->z + (int64_t)i * CHUNK,
                                                                            .row = 1,
                                                                            .b = mem->g + (int64_t)j * CHUNK,
                                                                            .c = mem->dw + (int64_t)i * ld + j,
                                                                            .ldc = ld});
}

void LANES(pointwise_weights_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_conv_backward_weights *p = &call->as.conv_backward_weights;
    geometry g = geometry_of(&p->size);
    memory mem;
    carve_memory(scratch, &g, &mem);
    int n = (int)(tile % g.n_blocks) * g.n, k = (int)(tile / g.n_blocks % g.k_blocks) * g.k;
    int64_t part = tile / g.n_blocks / g.k_blocks, first = part * g.part;
    int64_t end = first + g.part < g.pixels ? first + g.part : g.pixels;
    int n_n = min_int(p->size.co - n, g.n), k_n = min_int(p->size.ci - k, g.k);
    memset(mem.dw, 0, (size_t)k_n * (size_t)g.n * sizeof *mem.dw);
    for (int64_t at = first; at < end; at += CHUNK) {
        int m = end - at < CHUNK ? (int)(end - at) : CHUNK;
        form_chunk(b, p, &mem, at, m, k, k_n, n, n_n);
        add_chunk(&mem, g.n, m, k_n, n_n);
    }
    float *out = (float *)b->arena + call->work + part * p->size.ci * p->size.co + (int64_t)k * p->size.co + n;
    for (int i = 0; i < k_n; i++) memcpy(out + (int64_t)i * p->size.co, mem.dw + (int64_t)i * g.n, (size_t)n_n * sizeof *out);
}

void LANES(pointwise_weights_finish)(const sn_bases *b, const sn_call *call) { // dw accumulated
    const sn_conv_backward_weights *p = &call->as.conv_backward_weights;
    geometry g = geometry_of(&p->size);
    LANES(parts_finish)
    ((float *)b->grads + p->dw, (const float *)b->arena + call->work, g.parts, (int64_t)p->size.ci * p->size.co);
}
