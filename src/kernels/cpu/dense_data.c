// Dense convolution of any kernel, stride and dilation, gradient of the input: a matrix product over the gradient's planes for
// each phase, that is for the input pixels that are reached by the same taps. Not here: forward (dense.c), gradient of the
// weights (dense_weights.c). Next: dense.h.
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/dense.h"

static dense_blocks blocks_of(const sn_conv_size *s) { // of input pixels
    return dense_blocks_of(s->n, s->h, s->w, s->stride);
}

bool LANES(dense_data_supports)(const sn_call *call) {
    return call->as.conv_backward_data.size.groups == 1;
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
    float *panel; // (taps of the phase * co, PANEL)
    float *dz;    // (pixels of the phase, PANEL)
    float *vectors;
} memory;

static size_t carve_memory(void *scratch, const sn_conv_size *s, memory *m) {
    carving c = {.base = scratch};
    dense_blocks d = blocks_of(s);
    planes g = data_planes(s, NULL, s->co, 0, d.rows);
    int taps = s->kernel * s->kernel;
    int64_t pixels = (int64_t)d.images * d.rows * s->w;
    m->planes = carve_floats(&c, d.images * plane_size(&g));
    m->rows = carve(&c, pixels, sizeof *m->rows);
    m->into_rows = carve(&c, pixels, sizeof *m->into_rows);
    m->at_piece = carve(&c, taps, sizeof *m->at_piece);
    m->panel = carve_floats(&c, (int64_t)taps * s->co * PANEL);
    m->dz = carve_floats(&c, pixels * PANEL);
    m->vectors = carve_floats(&c, 2 * tile_vector(s->ci));
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
                mem->rows[f->m] =
                    f->g->data + i * plane_size(f->g) + ((int64_t)(row / s->stride) * f->g->width + column / s->stride) * s->co;
                mem->into_rows[f->m++] = ((int64_t)((at->image + i) * s->h + at->row + row) * s->w + column) * s->ci;
            }
}

// The phase's taps, and their weights for the input channels from n on, transposed.
static void phase_taps(const sn_conv_size *s, const dense_block *at, const float *w, int n, const memory *mem, phase *f) {
    int row = at->row + f->row;
    f->taps = 0;
    for (int kh = 0; kh < s->kernel; kh++)
        for (int kw = 0; kw < s->kernel; kw++) {
            int oh = output_of(s, row, kh), ow = output_of(s, f->column, kw);
            if (oh * s->stride - s->pad + kh * s->dilation != row || ow * s->stride - s->pad + kw * s->dilation != f->column)
                continue;
            mem->at_piece[f->taps] = ((int64_t)(oh - f->g->row0) * f->g->width + ow - f->g->column0) * s->co;
            pack_panel_transposed(w + ((int64_t)(kh * s->kernel + kw) * s->ci + n) * s->co, s->co, s->co,
                                  min_int(s->ci - n, PANEL), mem->panel + (int64_t)f->taps++ * s->co * PANEL);
        }
}

static void data_block(const sn_bases *b, const sn_conv_backward_data *p, const memory *mem, const target *into,
                       const dense_block *at) {
    const sn_conv_size *s = &p->size;
    gradient g = gradient_of(b, &p->g);
    planes first = data_planes(s, mem->planes, s->co, at->row, at->rows);
    for (int i = 0; i < at->images; i++) {
        planes of_image = first;
        of_image.data += i * plane_size(&first);
        dense_fill(&of_image, NULL, &g, at->image + i, s->ho, s->wo);
    }
    for (int i = 0; i < s->stride * s->stride; i++) {
        phase f = {.row = i / s->stride, .column = i % s->stride, .g = &first};
        phase_rows(s, at, mem, &f);
        for (int n = 0; n < s->ci && f.m > 0; n += PANEL) {
            int columns = min_int(s->ci - n, PANEL);
            phase_taps(s, at, (const float *)b->weights + p->w, n, mem, &f);
            multiply((product_kind){C_SET, true, true, true}, &(product){.m = f.m,
                                                                         .kc = s->co,
                                                                         .n = columns,
                                                                         .rows = mem->rows,
                                                                         .at_piece = mem->at_piece,
                                                                         .pieces = f.taps,
                                                                         .b = mem->panel,
                                                                         .c = mem->dz,
                                                                         .ldc = PANEL});
            for (int j = 0; j < columns; j += LANE)
                LANES(target_block)(into, mem->into_rows, mem->dz + j, PANEL, f.m, n + j, min_int(columns - j, LANE));
        }
    }
}

// dy overwritten, sums overwritten
void LANES(dense_data_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_conv_backward_data *p = &call->as.conv_backward_data;
    const sn_conv_size *s = &p->size;
    dense_blocks d = blocks_of(s);
    memory mem;
    carve_memory(scratch, s, &mem);
    target into = target_of(b, &p->into, mem.vectors, 0, s->ci);
    int64_t first = tile * d.tile;
    for (int64_t i = first; i < first + d.tile && i < d.blocks; i++) {
        dense_block at = dense_block_at(&d, s->n, s->h, i);
        data_block(b, p, &mem, &into, &at);
    }
    target_end(&into, (float *)b->arena + call->work, tile, s->ci, 0, s->ci);
}

void LANES(dense_data_finish)(const sn_bases *b, const sn_call *call) {
    const sn_conv_backward_data *p = &call->as.conv_backward_data;
    dense_blocks d = blocks_of(&p->size);
    LANES(sums_finish)(b, call, &p->into, dense_tiles(&d), p->size.ci);
}
