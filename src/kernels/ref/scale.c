// A tensor times one number per image and channel (the gain), the gradient of the tensor and that of the gain.
// Not here: where the gain comes from (supernet/engine/plan.h).
// Next: bn.c.
#include "kernels/ref/ref.h"

// y overwritten, statistics overwritten.
void REF(scale_forward)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile, (void)scratch;
    const sn_scale_forward *p = &call->as.scale_forward;
    real *arena = b->arena;
    int64_t rows = (int64_t)p->n * p->pixels;
    for (int64_t row = 0; row < rows; row++)
        for (int c = 0; c < p->c; c++)
            arena[p->y + row * p->c + c] =
                ref_view(arena, &p->x, row * p->c + c, c) * ref_view(arena, &p->gain, row / p->pixels * p->c + c, c);
    ref_statistics(arena, &p->stat, p->y, rows, p->c);
}

size_t REF(scale_forward_scratch)(const sn_call *call) {
    return (void)call, 0;
}

// dy overwritten, sums overwritten.
void REF(scale_backward)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile;
    const sn_scale_backward *p = &call->as.scale_backward;
    ref_sums sums = ref_into_begin(b->arena, &p->into, p->c, scratch);
    for (int64_t row = 0; row < (int64_t)p->n * p->pixels; row++)
        for (int c = 0; c < p->c; c++)
            ref_into_put(&sums, row, c,
                         (double)ref_grad(b->arena, &p->g, row * p->c + c, c) *
                             (double)ref_view(b->arena, &p->gain, row / p->pixels * p->c + c, c));
    ref_into_end(&sums);
}

size_t REF(scale_backward_scratch)(const sn_call *call) {
    return 2 * (size_t)call->as.scale_backward.c * sizeof(double);
}

// dy overwritten, sums overwritten.
void REF(scale_backward_gain)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile;
    const sn_scale_backward_gain *p = &call->as.scale_backward_gain;
    ref_sums sums = ref_into_begin(b->arena, &p->into, p->c, scratch);
    for (int n = 0; n < p->n; n++)
        for (int c = 0; c < p->c; c++) {
            double sum = 0;
            for (int i = 0; i < p->pixels; i++) {
                int64_t at = ((int64_t)n * p->pixels + i) * p->c + c;
                sum += (double)ref_grad(b->arena, &p->g, at, c) * (double)ref_view(b->arena, &p->x, at, c);
            }
            ref_into_put(&sums, n, c, sum);
        }
    ref_into_end(&sums);
}

size_t REF(scale_backward_gain_scratch)(const sn_call *call) {
    return 2 * (size_t)call->as.scale_backward_gain.c * sizeof(double);
}
