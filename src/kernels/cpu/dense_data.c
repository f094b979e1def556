// Convolution of any kernel, stride, dilation and groups, gradient of the input: for each group a matrix product over the
// gradient's planes for each phase, that is for the input pixels that are reached by the same taps. Not here: forward (dense.c),
// gradient of the weights (dense_weights.c). Next: dense.h.
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/dense.h"

static dense_blocks blocks_of(const sn_conv_size *s) { // of input pixels
    return dense_blocks_of(s->n, s->h, s->w, s->stride);
}

bool LANES(dense_data_supports)(const sn_call *call) {
    (void)call;
    return true;
}

int64_t LANES(dense_data_tiles)(const sn_call *call) {
    dense_blocks d = blocks_of(&call->as.conv_backward_data.size);
    return dense_tiles(&d);
}

int64_t LANES(dense_data_work)(const sn_call *call) {
    const sn_conv_backward_data *p = &call->as.conv_backward_data;
    dense_blocks d = blocks_of(&p->size);
    return sums_work(&p->into, dense_tiles(&d), p->size.ci);
}

typedef struct {
    float *planes; // of each image of a block
    const float **rows;
    int64_t *into_rows; // of the same pixels in the input
    int64_t *at_piece;
    float *panel; // (taps of the phase * co of a group, PANEL)
    float *dz;    // (pixels of the phase, PANEL)
    float *vectors;
} memory;

static size_t carve_memory(void *scratch, const sn_conv_size *s, memory *m) {
    carving c = {.base = scratch};
    dense_blocks d = blocks_of(s);
    planes g = data_planes(s, NULL, s->co / s->groups, 0, d.rows);
    int taps = s->kernel * s->kernel;
    int64_t pixels = (int64_t)d.images * d.rows * s->w;
    m->planes = carve_floats(&c, d.images * plane_size(&g));
    m->rows = carve(&c, pixels, sizeof *m->rows);
    m->into_rows = carve(&c, pixels, sizeof *m->into_rows);
    m->at_piece = carve(&c, taps, sizeof *m->at_piece);
    m->panel = carve_floats(&c, (int64_t)taps * g.depth * PANEL);
    m->dz = carve_floats(&c, pixels * PANEL);
    m->vectors = carve_floats(&c, 2 * dense_vectors(s->ci, s->groups));
    return c.used;
}

size_t LANES(dense_data_scratch)(const sn_call *call) {
    memory mem;
    return carve_memory(NULL, &call->as.conv_backward_data.size, &mem);
}

typedef struct { // input pixels (row + i*stride, column + j*stride)
    int row, column, m, taps;
    const planes *g; // of the block's first image
} phase;

// The phase's pixels: rows of A begin at the output that the phase's first pixel reaches with tap 0, taken as (0, 0).
static void phase_rows(const sn_conv_size *s, const dense_block *at, const memory *mem, phase *f) {
    f->m = 0;
    for (int i = 0; i < at->images; i++)
        for (int row = f->row; row < at->rows; row += s->stride)
            for (int column = f->column; column < s->w; column += s->stride) {
                mem->rows[f->m] = f->g->data + i * plane_size(f->g) +
                                  ((int64_t)(row / s->stride) * f->g->width + column / s->stride) * f->g->depth;
                mem->into_rows[f->m++] = ((int64_t)((at->image + i) * s->h + at->row + row) * s->w + column) * s->ci;
            }
}

// The phase's taps, and their weights for `columns` input channels, transposed; w: of the first of them.
static void phase_taps(const sn_conv_size *s, const dense_block *at, const float *w, int columns, const memory *mem, phase *f) {
    int row = at->row + f->row, co = f->g->depth;
    int64_t tap = (int64_t)(s->ci / s->groups) * s->co;
    f->taps = 0;
    for (int kh = 0; kh < s->kernel; kh++)
        for (int kw = 0; kw < s->kernel; kw++) {
            int oh = output_of(s, row, kh), ow = output_of(s, f->column, kw);
            if (oh * s->stride - s->pad + kh * s->dilation != row || ow * s->stride - s->pad + kw * s->dilation != f->column)
                continue;
            mem->at_piece[f->taps] = ((int64_t)(oh - f->g->row0) * f->g->width + ow - f->g->column0) * co;
            pack_panel_transposed(w + (kh * s->kernel + kw) * tap, s->co, co, columns,
                                  mem->panel + (int64_t)f->taps++ * co * PANEL);
        }
}

// into: of the group's channels.
static void data_block(const sn_bases *b, const sn_conv_backward_data *p, const memory *mem, const target *into,
                       const dense_block *at, int group) {
    const sn_conv_size *s = &p->size;
    dense_channels in = dense_group(s->ci, s->groups, group), out = dense_group(s->co, s->groups, group);
    const float *w = (const float *)b->weights + p->w + out.first;
    gradient g = gradient_of(b, &p->g);
    planes first = data_planes(s, mem->planes, out.count, at->row, at->rows);
    for (int i = 0; i < at->images; i++) {
        planes of_image = first;
        of_image.data += i * plane_size(&first);
        dense_fill(&of_image, NULL, &g, at->image + i, s->ho, s->wo, &out);
    }
    for (int i = 0; i < s->stride * s->stride; i++) {
        phase f = {.row = i / s->stride, .column = i % s->stride, .g = &first};
        phase_rows(s, at, mem, &f);
        for (int n = 0; n < in.count && f.m > 0; n += PANEL) {
            int columns = min_int(in.count - n, PANEL);
            phase_taps(s, at, w + (int64_t)n * s->co, columns, mem, &f);
            multiply((product_kind){C_SET, true, true, true}, &(product){.m = f.m,
                                                                         .kc = out.count,
                                                                         .n = columns,
                                                                         .rows = mem->rows,
                                                                         .at_piece = mem->at_piece,
                                                                         .pieces = f.taps,
                                                                         .b = mem->panel,
                                                                         .c = mem->dz,
                                                                         .ldc = PANEL});
            for (int j = 0; j < columns; j += LANE) LANES(target_block)
            (into, mem->into_rows, mem->dz + j, PANEL, f.m, in.first + n + j, min_int(columns - j, LANE));
        }
    }
}

static target target_of_group(const target *t, const sn_conv_size *s, int group) {
    target of_group = *t;
    int at = group * dense_vectors(s->ci / s->groups, 1);
    of_group.first = dense_group(s->ci, s->groups, group).first;
    if (t->sum_dy) of_group.sum_dy = t->sum_dy + at, of_group.sum_dyx = t->sum_dyx + at;
    return of_group;
}

// dy overwritten, sums overwritten
void LANES(dense_data_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_conv_backward_data *p = &call->as.conv_backward_data;
    const sn_conv_size *s = &p->size;
    dense_blocks d = blocks_of(s);
    memory mem;
    carve_memory(scratch, s, &mem);
    target into = target_of(b, &p->into, (int64_t)s->n * s->h * s->w, s->ci, mem.vectors, 0, dense_vectors(s->ci, s->groups));
    into.streams &= s->ci / s->groups % LANE == 0; // then each group begins on a boundary
    int64_t first = tile * d.tile;
    for (int64_t i = first; i < first + d.tile && i < d.blocks; i++) {
        dense_block at = dense_block_at(&d, s->n, s->h, i);
        for (int group = 0; group < s->groups; group++) {
            target of_group = target_of_group(&into, s, group);
            data_block(b, p, &mem, &of_group, &at, group);
        }
    }
    for (int group = 0; group < s->groups; group++) {
        target of_group = target_of_group(&into, s, group);
        target_end(&of_group, (float *)b->arena + call->work, tile, s->ci, of_group.first, s->ci / s->groups);
    }
}

void LANES(dense_data_finish)(const sn_bases *b, const sn_call *call) {
    const sn_conv_backward_data *p = &call->as.conv_backward_data;
    dense_blocks d = blocks_of(&p->size);
    LANES(sums_finish)(b, call, &p->into, dense_tiles(&d), p->size.ci);
}
