// A piece of a view copied to another place, and its gradient: concatenation, split, shuffle, every other pixel.
// Not here: which pieces a tensor has (supernet/engine/plan.h).
// Next: bn.c.
#include "kernels/ref/ref.h"

// The channel of x that channel k of y is.
static int channel(const sn_place_size *s, int k) {
    int c = s->first + k;
    return c % s->groups * (s->c / s->groups) + c / s->groups;
}

// y overwritten, statistics overwritten; the other channels of y's rows are left alone.
void REF(place_forward)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile, (void)scratch;
    const sn_place_forward *p = &call->as.place_forward;
    const sn_place_size *s = &p->size;
    real *arena = b->arena;
    int64_t row = 0;
    for (int n = 0; n < s->n; n++)
        for (int i = 0; i < s->ho; i++)
            for (int j = 0; j < s->wo; j++, row++)
                for (int k = 0; k < s->count; k++) {
                    int64_t h = (int64_t)i * s->stride + s->shift, w = (int64_t)j * s->stride + s->shift;
                    bool inside = p->x.data != SN_NONE && h < s->h && w < s->w;
                    int c = channel(s, k);
                    arena[p->y + row * s->co + k] =
                        inside ? ref_view(arena, &p->x, ((n * (int64_t)s->h + h) * s->w + w) * s->c + c, c) : 0;
                }
    ref_statistics_of(arena, &p->stat, p->y, row, s->count, s->co);
}

size_t REF(place_forward_scratch)(const sn_call *call) {
    return (void)call, 0;
}

// The pixel of y that pixel x is, of `out`; or -1.
static int pixel(const sn_place_size *s, int x, int out) {
    int from = x - s->shift;
    return from >= 0 && from % s->stride == 0 && from / s->stride < out ? from / s->stride : -1;
}

// dy overwritten, sums overwritten. Scratch: the sums, then for each channel of x the one of y, or -1.
void REF(place_backward)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile;
    const sn_place_backward *p = &call->as.place_backward;
    const sn_place_size *s = &p->size;
    ref_sums sums = ref_into_begin(b->arena, &p->into, s->c, scratch);
    double *of = (double *)scratch + 2 * (size_t)s->c;
    for (int c = 0; c < s->c; c++) of[c] = -1;
    for (int k = 0; k < s->count; k++) of[channel(s, k)] = k;
    int64_t row = 0;
    for (int n = 0; n < s->n; n++)
        for (int h = 0; h < s->h; h++)
            for (int w = 0; w < s->w; w++, row++)
                for (int c = 0; c < s->c; c++) {
                    int i = pixel(s, h, s->ho), j = pixel(s, w, s->wo), k = (int)of[c];
                    int64_t at = ((n * (int64_t)s->ho + i) * s->wo + j) * s->co + k;
                    ref_into_put(&sums, row, c, i >= 0 && j >= 0 && k >= 0 ? (double)ref_grad(b->arena, &p->g, at, k) : 0);
                }
    ref_into_end(&sums);
}

size_t REF(place_backward_scratch)(const sn_call *call) {
    return 3 * (size_t)call->as.place_backward.size.c * sizeof(double);
}
