// Convolution of any kernel, stride, dilation and groups, gradient of the weights: dw += transpose(planes of view(x)) * g over
// pixels, for each group. Not here: forward (dense.c), gradient of the input (dense_data.c). Next: dense.h.
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/dense.h"

// A tile is one part of the blocks by COLUMNS output channels of a group. Within a block each element of dw is summed in pixel
// order from 0; the blocks of a part are added in order, and finish adds the parts in order.
enum { COLUMNS = 64, WEIGHT_TILES = 32 };

static const sn_conv_size *size_of(const sn_call *call) {
    return &call->as.conv_backward_weights.size;
}

typedef struct {
    dense_blocks blocks;
    int n_blocks, part; // blocks of columns of all groups; blocks of pixels in one part
    int parts;
} geometry;

static geometry geometry_of(const sn_conv_size *s) {
    geometry g = {.blocks = dense_blocks_of(s->n, s->ho, s->wo, 1),
                  .n_blocks = s->groups * (int)ceil_div(s->co / s->groups, COLUMNS)};
    g.part = (int)ceil_div(g.blocks.blocks, ceil_div(WEIGHT_TILES, g.n_blocks));
    g.parts = (int)ceil_div(g.blocks.blocks, g.part);
    return g;
}

bool LANES(dense_weights_supports)(const sn_call *call) {
    (void)call;
    return true;
}

int64_t LANES(dense_weights_tiles)(const sn_call *call) {
    geometry g = geometry_of(size_of(call));
    return (int64_t)g.parts * g.n_blocks;
}

static int64_t weights_of(const sn_conv_size *s) {
    return (int64_t)s->kernel * s->kernel * (s->ci / s->groups) * s->co;
}

int64_t LANES(dense_weights_work)(const sn_call *call) { // (part, taps, ci of a group, co)
    return geometry_of(size_of(call)).parts * weights_of(size_of(call));
}

typedef struct {
    int64_t *rows; // of g
    int64_t *at_row;
    float *x;  // planes of each image of a block
    float *g;  // (panels, pixels, PANEL)
    float *dw; // (taps*ci of a group, COLUMNS)
} memory;

static size_t carve_memory(void *scratch, const sn_conv_size *s, memory *m) {
    carving c = {.base = scratch};
    geometry g = geometry_of(s);
    planes in = forward_planes(s, NULL, s->ci / s->groups, 0, g.blocks.rows);
    int64_t lines = (int64_t)g.blocks.images * g.blocks.rows;
    m->rows = carve(&c, lines * s->wo, sizeof *m->rows);
    m->at_row = carve(&c, lines, sizeof *m->at_row);
    m->x = carve_floats(&c, g.blocks.images * plane_size(&in));
    m->g = carve_floats(&c, lines * s->wo * COLUMNS);
    m->dw = carve_floats(&c, (int64_t)s->kernel * s->kernel * in.depth * COLUMNS);
    return c.used;
}

size_t LANES(dense_weights_scratch)(const sn_call *call) {
    memory mem;
    return carve_memory(NULL, size_of(call), &mem);
}

// n_n output channels from n on, of one group, whose input channels are `channels`.
static void add_block(const sn_bases *b, const sn_conv_backward_weights *p, const memory *mem, const dense_block *at,
                      const dense_channels *channels, int n, int n_n) {
    const sn_conv_size *s = &p->size;
    source x = source_of(b, &p->x);
    gradient g = gradient_of(b, &p->g);
    int lines = 0, m = at->images * at->rows * s->wo;
    planes in = forward_planes(s, mem->x, channels->count, at->row, at->rows);
    for (int i = 0; i < at->images; i++) {
        planes of_image = in;
        of_image.data += i * plane_size(&in);
        dense_fill(&of_image, &x, NULL, at->image + i, s->h, s->w, channels);
        for (int row = 0; row < at->rows; row++)
            mem->at_row[lines++] = i * plane_size(&in) + (int64_t)row * s->stride * in.width * in.depth;
    }
    for (int r = 0; r < m; r++) mem->rows[r] = (((int64_t)at->image * s->ho + at->row) * s->wo + r) * s->co;
    LANES(gradient_block)(&g, mem->rows, m, n, n_n, (sheet){mem->g, PANEL, PANEL, (int64_t)PANEL * m});
    dense_pieces pieces = dense_pieces_of(s);
    int k = pieces.taps * in.depth;
    for (int i = 0; i < pieces.pieces; i++)
        for (int j = 0; j < n_n; j += PANEL)
            multiply((product_kind){C_ADD, false, false, true}, &(product){.m = k,
                                                                           .kc = s->wo,
                                                                           .n = min_int(n_n - j, PANEL),
                                                                           .a = in.data + dense_piece_at(s, &in, i),
                                                                           .row = 1,
                                                                           .step = s->stride * in.depth,
                                                                           .at_piece = mem->at_row,
                                                                           .pieces = lines,
                                                                           .b = mem->g + (int64_t)j * m,
                                                                           .c = mem->dw + (int64_t)i * k * COLUMNS + j,
                                                                           .ldc = COLUMNS});
}

void LANES(dense_weights_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_conv_backward_weights *p = &call->as.conv_backward_weights;
    const sn_conv_size *s = &p->size;
    geometry g = geometry_of(s);
    memory mem;
    carve_memory(scratch, s, &mem);
    int of_group = g.n_blocks / s->groups, block = (int)(tile % g.n_blocks), group = block / of_group;
    dense_channels in = dense_group(s->ci, s->groups, group), out = dense_group(s->co, s->groups, group);
    int column = block % of_group * COLUMNS, n = out.first + column, n_n = min_int(out.count - column, COLUMNS);
    int k = s->kernel * s->kernel * in.count;
    int64_t part = tile / g.n_blocks, first = part * g.part;
    memset(mem.dw, 0, (size_t)k * COLUMNS * sizeof *mem.dw);
    for (int64_t i = first; i < first + g.part && i < g.blocks.blocks; i++) {
        dense_block at = dense_block_at(&g.blocks, s->n, s->ho, i);
        add_block(b, p, &mem, &at, &in, n, n_n);
    }
    float *to = (float *)b->arena + call->work + part * weights_of(s) + n;
    for (int i = 0; i < k; i++) memcpy(to + (int64_t)i * s->co, mem.dw + (int64_t)i * COLUMNS, (size_t)n_n * sizeof *to);
}

void LANES(dense_weights_finish)(const sn_bases *b, const sn_call *call) { // dw accumulated
    const sn_conv_backward_weights *p = &call->as.conv_backward_weights;
    LANES(parts_finish)
    ((float *)b->grads + p->dw, (const float *)b->arena + call->work, geometry_of(&p->size).parts, weights_of(&p->size));
}
