// The sum of up to SN_SUM_INPUTS views, and the gradient of one of them.
// Not here: which inputs a sum has (supernet/engine/plan.h).
// Next: bn.c.
#include "kernels/ref/ref.h"

// y overwritten, statistics overwritten.
void REF(sum_forward)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile, (void)scratch;
    const sn_sum_forward *p = &call->as.sum_forward;
    real *arena = b->arena;
    for (int64_t row = 0; row < p->rows; row++)
        for (int c = 0; c < p->c; c++) {
            int64_t i = row * p->c + c;
            real y = p->inputs ? ref_view(arena, &p->x[0], i, c) : 0;
            for (int input = 1; input < p->inputs; input++) y += ref_view(arena, &p->x[input], i, c);
            arena[p->y + i] = y;
        }
    ref_statistics(arena, &p->stat, p->y, p->rows, p->c);
}

size_t REF(sum_forward_scratch)(const sn_call *call) {
    return (void)call, 0;
}

// dy overwritten, sums overwritten.
void REF(sum_backward)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile;
    const sn_sum_backward *p = &call->as.sum_backward;
    ref_sums sums = ref_into_begin(b->arena, &p->into, p->c, scratch);
    for (int64_t row = 0; row < p->rows; row++)
        for (int c = 0; c < p->c; c++) ref_into_put(&sums, row, c, (double)ref_grad(b->arena, &p->g, row * p->c + c, c));
    ref_into_end(&sums);
}

size_t REF(sum_backward_scratch)(const sn_call *call) {
    return 2 * (size_t)call->as.sum_backward.c * sizeof(double);
}
