// Dense convolution of any kernel, stride and dilation, forward: a matrix product whose A is read in place from padded planes.
// Not here: gradients (dense_data.c, dense_weights.c); 1x1 without padding (pointwise.c).
// Next: dense.h.
#include "kernels/cpu/dense.h"
#include "kernels/cpu/cpu.h"

static dense_blocks blocks_of(const sn_conv_size *s) {
    return dense_blocks_of(s->n, s->ho, s->wo, 1);
}

bool LANES(dense_forward_supports)(const sn_call *call) {
    return call->as.conv_forward.size.groups == 1;
}

int64_t LANES(dense_forward_tiles)(const sn_call *call) {
    dense_blocks d = blocks_of(&call->as.conv_forward.size);
    return dense_tiles(&d);
}

int64_t LANES(dense_forward_work)(const sn_call *call) {
    const sn_conv_forward *p = &call->as.conv_forward;
    dense_blocks d = blocks_of(&p->size);
    return stat_work(&p->stat, dense_tiles(&d), p->size.co);
}

typedef struct {
    float *planes; // of each image of a block
    const float **rows;
    int64_t *at_piece;
    float *panel; // (kernel*kernel*ci, PANEL)
    float *vectors;
} memory;

static size_t carve_memory(void *scratch, const sn_conv_size *s, memory *m) {
    carving c = {.base = scratch};
    dense_blocks d = blocks_of(s);
    planes in = forward_planes(s, NULL, s->ci, 0, d.rows);
    int taps = s->kernel * s->kernel;
    m->planes = carve_floats(&c, d.images * plane_size(&in));
    m->rows = carve(&c, (int64_t)d.images * d.rows * s->wo, sizeof *m->rows);
    m->at_piece = carve(&c, taps, sizeof *m->at_piece);
    m->panel = carve_floats(&c, (int64_t)taps * s->ci * PANEL);
    m->vectors = carve_floats(&c, 3 * tile_vector(s->co));
    return c.used;
}

size_t LANES(dense_forward_scratch)(const sn_call *call) {
    memory mem;
    return carve_memory(NULL, &call->as.conv_forward.size, &mem);
}

// Planes of the block's images, and where each output pixel's first tap is.
static int stage(const sn_bases *b, const sn_conv_forward *p, const dense_block *at, const memory *mem) {
    const sn_conv_size *s = &p->size;
    source x = source_of(b, &p->x);
    int m = 0;
    for (int i = 0; i < at->images; i++) {
        planes in = forward_planes(s, mem->planes, s->ci, at->row, at->rows);
        in.data += i * plane_size(&in);
        dense_fill(&in, &x, NULL, at->image + i, s->h, s->w);
        for (int row = 0; row < at->rows; row++)
            for (int column = 0; column < s->wo; column++)
                mem->rows[m++] = in.data + ((int64_t)row * in.width + column) * s->stride * s->ci;
        for (int piece = 0; piece < dense_pieces_of(s).pieces; piece++) mem->at_piece[piece] = dense_piece_at(s, &in, piece);
    }
    return m;
}

static void forward_block(const sn_bases *b, const sn_conv_forward *p, const memory *mem, const tile_stat *stat,
                          const dense_block *at, bool begin) {
    const sn_conv_size *s = &p->size;
    dense_pieces pieces = dense_pieces_of(s);
    const float *w = (const float *)b->weights + p->w;
    float *y = (float *)b->arena + p->y + ((int64_t)at->image * s->ho + at->row) * s->wo * s->co;
    int m = stage(b, p, at, mem);
    for (int n = 0; n < s->co; n += PANEL) {
        int columns = min_int(s->co - n, PANEL);
        pack_panel(w + n, s->co, s->kernel * s->kernel * s->ci, columns, mem->panel);
        multiply((product_kind){C_SET, true, true, true}, &(product){.m = m,
                                                                     .kc = pieces.taps * s->ci,
                                                                     .n = columns,
                                                                     .rows = mem->rows,
                                                                     .at_piece = mem->at_piece,
                                                                     .pieces = pieces.pieces,
                                                                     .b = mem->panel,
                                                                     .c = y + n,
                                                                     .ldc = s->co});
        if (p->stat.mean == SN_NONE) continue;
        for (int j = 0; j < columns; j += LANE)
            LANES(tile_stat_rows)(stat, begin, y + n + j, s->co, m, n + j, min_int(columns - j, LANE));
    }
}

// y and statistics overwritten
void LANES(dense_forward_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_conv_forward *p = &call->as.conv_forward;
    const sn_conv_size *s = &p->size;
    dense_blocks d = blocks_of(s);
    memory mem;
    carve_memory(scratch, s, &mem);
    tile_stat stat = tile_stat_begin(mem.vectors, s->co);
    int64_t first = tile * d.tile;
    for (int64_t i = first; i < first + d.tile && i < d.blocks; i++) {
        dense_block at = dense_block_at(&d, s->n, s->ho, i);
        forward_block(b, p, &mem, &stat, &at, i == first);
    }
    if (p->stat.mean != SN_NONE)
        tile_stat_end(&stat, (float *)b->arena + call->work, tile, s->co, 0, s->co,
                      dense_tile_pixels(&d, s->n, s->ho, s->wo, tile));
}

static int64_t rows_of_tile(const sn_call *call, int64_t tile) {
    const sn_conv_size *s = &call->as.conv_forward.size;
    dense_blocks d = blocks_of(s);
    return dense_tile_pixels(&d, s->n, s->ho, s->wo, tile);
}

void LANES(dense_forward_finish)(const sn_bases *b, const sn_call *call) {
    const sn_conv_forward *p = &call->as.conv_forward;
    dense_blocks d = blocks_of(&p->size);
    LANES(stat_finish)(b, call, &p->stat, dense_tiles(&d), p->size.co, rows_of_tile);
}
