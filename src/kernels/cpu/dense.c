// Convolution of any kernel, stride, dilation and groups, forward: for each group a matrix product whose A is read in place from
// padded planes. Not here: gradients (dense_data.c, dense_weights.c); 1x1 without padding (pointwise.c).
// Next: dense.h.
#include "kernels/cpu/dense.h"
#include "kernels/cpu/cpu.h"

static dense_blocks blocks_of(const sn_conv_size *s) {
    return dense_blocks_of(s->n, s->ho, s->wo, 1);
}

bool LANES(dense_forward_supports)(const sn_call *call) {
    (void)call;
    return true;
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
    float *panel; // (kernel*kernel*channels of a group, PANEL)
    float *vectors;
} memory;

static size_t carve_memory(void *scratch, const sn_conv_size *s, memory *m) {
    carving c = {.base = scratch};
    dense_blocks d = blocks_of(s);
    planes in = forward_planes(s, NULL, s->ci / s->groups, 0, d.rows);
    int taps = s->kernel * s->kernel;
    m->planes = carve_floats(&c, d.images * plane_size(&in));
    m->rows = carve(&c, (int64_t)d.images * d.rows * s->wo, sizeof *m->rows);
    m->at_piece = carve(&c, taps, sizeof *m->at_piece);
    m->panel = carve_floats(&c, (int64_t)taps * in.depth * PANEL);
    m->vectors = carve_floats(&c, 3 * dense_vectors(s->co, s->groups));
    return c.used;
}

size_t LANES(dense_forward_scratch)(const sn_call *call) {
    memory mem;
    return carve_memory(NULL, &call->as.conv_forward.size, &mem);
}

// Planes of the block's images, and where each output pixel's first tap is.
static int stage(const sn_bases *b, const sn_conv_forward *p, const dense_block *at, int group, const memory *mem) {
    const sn_conv_size *s = &p->size;
    source x = source_of(b, &p->x);
    dense_channels channels = dense_group(s->ci, s->groups, group);
    int m = 0;
    for (int i = 0; i < at->images; i++) {
        planes in = forward_planes(s, mem->planes, channels.count, at->row, at->rows);
        in.data += i * plane_size(&in);
        dense_fill(&in, &x, NULL, at->image + i, s->h, s->w, &channels);
        for (int row = 0; row < at->rows; row++)
            for (int column = 0; column < s->wo; column++)
                mem->rows[m++] = in.data + ((int64_t)row * in.width + column) * s->stride * in.depth;
        for (int piece = 0; piece < dense_pieces_of(s).pieces; piece++) mem->at_piece[piece] = dense_piece_at(s, &in, piece);
    }
    return m;
}

// stat: of the group's channels.
static void forward_block(const sn_bases *b, const sn_conv_forward *p, const memory *mem, const tile_stat *stat,
                          const dense_block *at, int group, bool begin) {
    const sn_conv_size *s = &p->size;
    dense_pieces pieces = dense_pieces_of(s);
    dense_channels out = dense_group(s->co, s->groups, group);
    const float *w = (const float *)b->weights + p->w + out.first;
    float *y = (float *)b->arena + p->y + ((int64_t)at->image * s->ho + at->row) * s->wo * s->co + out.first;
    int m = stage(b, p, at, group, mem), depth = s->ci / s->groups;
    for (int n = 0; n < out.count; n += PANEL) {
        int columns = min_int(out.count - n, PANEL);
        pack_panel(w + n, s->co, s->kernel * s->kernel * depth, columns, mem->panel);
        multiply((product_kind){C_SET, true, true, true}, &(product){.m = m,
                                                                     .kc = pieces.taps * depth,
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

static tile_stat stat_of_group(const tile_stat *t, const sn_conv_size *s, int group) {
    int at = group * dense_vectors(s->co / s->groups, 1);
    return (tile_stat){t->pivot + at, t->sum + at, t->squares + at};
}

// y and statistics overwritten
void LANES(dense_forward_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_conv_forward *p = &call->as.conv_forward;
    const sn_conv_size *s = &p->size;
    dense_blocks d = blocks_of(s);
    memory mem;
    carve_memory(scratch, s, &mem);
    tile_stat stat = tile_stat_begin(mem.vectors, dense_vectors(s->co, s->groups));
    int64_t first = tile * d.tile;
    for (int64_t i = first; i < first + d.tile && i < d.blocks; i++) {
        dense_block at = dense_block_at(&d, s->n, s->ho, i);
        for (int group = 0; group < s->groups; group++) {
            tile_stat of_group = stat_of_group(&stat, s, group);
            forward_block(b, p, &mem, &of_group, &at, group, i == first);
        }
    }
    for (int group = 0; group < s->groups && p->stat.mean != SN_NONE; group++) {
        tile_stat of_group = stat_of_group(&stat, s, group);
        dense_channels out = dense_group(s->co, s->groups, group);
        tile_stat_end(&of_group, (float *)b->arena + call->work, tile, s->co, out.first, out.count,
                      dense_tile_pixels(&d, s->n, s->ho, s->wo, tile));
    }
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
