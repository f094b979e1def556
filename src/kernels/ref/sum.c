// The sum of up to SN_SUM_INPUTS views, each times its gate, and the gradients of one of them and of its gate.
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
            real y = 0;
            for (int input = 0; input < p->inputs; input++) {
                real x = ref_view(arena, &p->x[input], i, c);
                if (p->gated) x *= (real)p->gate[input];
                y = input ? y + x : x;
            }
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
        for (int c = 0; c < p->c; c++) {
            real g = ref_grad(b->arena, &p->g, row * p->c + c, c);
            ref_into_put(&sums, row, c, (double)(p->gated ? (real)p->gate * g : g));
        }
    ref_into_end(&sums);
}

size_t REF(sum_backward_scratch)(const sn_call *call) {
    return 2 * (size_t)call->as.sum_backward.c * sizeof(double);
}

// A double in the arena overwritten.
void REF(gate_backward)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile, (void)scratch;
    const sn_gate_backward *p = &call->as.gate_backward;
    real *arena = b->arena;
    double sum = 0;
    for (int64_t row = 0; row < p->rows; row++)
        for (int c = 0; c < p->c; c++) {
            int64_t i = row * p->c + c;
            sum += (double)ref_grad(arena, &p->g, i, c) * (double)ref_view(arena, &p->x, i, c);
        }
    memcpy(arena + p->dgate, &sum, sizeof sum);
}

size_t REF(gate_backward_scratch)(const sn_call *call) {
    return (void)call, 0;
}
