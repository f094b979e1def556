// The optimiser's loops over a part of one buffer: zeroing, sum of squares, the clip factor, SGD, Adam, a step along a buffer.
// Each element in double, stored as real. Not here: which parts are active and with which learning rate
// (supernet/engine/optim.h). Next: table.c.
#include "kernels/ref/ref.h"

// Where a row of a box begins.
static int64_t at(const sn_box *box, int64_t row) {
    return box->offset + row * box->stride;
}

// grads overwritten.
void REF(fill)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile, (void)scratch;
    const sn_fill *p = &call->as.fill;
    for (int64_t row = 0; row < p->box.rows; row++)
        for (int64_t i = at(&p->box, row); i < at(&p->box, row) + p->box.run; i++) ((real *)b->grads)[i] = 0;
}

size_t REF(fill_scratch)(const sn_call *call) {
    return (void)call, 0;
}

// arena[out] overwritten.
void REF(squares)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile, (void)scratch;
    const sn_squares *p = &call->as.squares;
    const real *grads = b->grads;
    double sum = 0;
    for (int64_t row = 0; row < p->box.rows; row++)
        for (int64_t i = at(&p->box, row); i < at(&p->box, row) + p->box.run; i++) sum += (double)grads[i] * (double)grads[i];
    ((real *)b->arena)[p->out] = (real)sum;
}

size_t REF(squares_scratch)(const sn_call *call) {
    return (void)call, 0;
}

// out overwritten.
void REF(clip)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile, (void)scratch;
    const sn_clip *p = &call->as.clip;
    real *arena = b->arena;
    double sum = 0;
    int bad = -1;
    for (int i = 0; i < p->n; i++) {
        double squares = (double)arena[p->squares + i];
        if (!isfinite(squares) && bad < 0) bad = i;
        sum += squares;
    }
    double norm = sqrt(sum), factor = p->clip > 0 ? p->clip / (norm + 1e-6) : 1;
    sn_clip_result r = {norm, factor < 1 ? factor : 1, bad};
    memcpy(arena + p->out, &r, sizeof r);
}

size_t REF(clip_scratch)(const sn_call *call) {
    return (void)call, 0;
}

// Weights and the momentum slot updated; gradients kept.
void REF(sgd)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile, (void)scratch;
    const sn_sgd *p = &call->as.sgd;
    sn_clip_result clip;
    memcpy(&clip, (const real *)b->arena + p->clip, sizeof clip);
    if (clip.bad >= 0) return;
    real *w = b->weights, *slot = b->slot[0];
    const real *g = b->grads;
    for (int64_t row = 0; row < p->box.rows; row++)
        for (int64_t i = at(&p->box, row); i < at(&p->box, row) + p->box.run; i++) {
            double d = clip.factor * g[i] + p->decay * w[i], step = d;
            if (p->momentum != 0) {
                double v = p->momentum * slot[i] + d;
                slot[i] = (real)v;
                step = p->nesterov ? d + p->momentum * v : v;
            }
            w[i] = (real)(w[i] - p->lr * step);
        }
}

size_t REF(sgd_scratch)(const sn_call *call) {
    return (void)call, 0;
}

// Adam and AdamW: weights and both slots updated; gradients kept.
void REF(adam)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile, (void)scratch;
    const sn_adam *p = &call->as.adam;
    sn_clip_result clip;
    memcpy(&clip, (const real *)b->arena + p->clip, sizeof clip);
    if (clip.bad >= 0) return;
    real *w = b->weights, *first = b->slot[0], *second = b->slot[1];
    const real *g = b->grads;
    double correction1 = 1 - pow(p->beta1, (double)p->t), correction2 = 1 - pow(p->beta2, (double)p->t);
    for (int64_t row = 0; row < p->box.rows; row++)
        for (int64_t i = at(&p->box, row); i < at(&p->box, row) + p->box.run; i++) {
            double d = clip.factor * g[i] + p->decay * w[i];
            double m = p->beta1 * first[i] + (1 - p->beta1) * d, v = p->beta2 * second[i] + (1 - p->beta2) * d * d;
            first[i] = (real)m;
            second[i] = (real)v;
            w[i] = (real)(p->keep * w[i] - p->lr * (m / correction1) / (sqrt(v / correction2) + p->eps));
        }
}

size_t REF(adam_scratch)(const sn_call *call) {
    return (void)call, 0;
}

// Weights updated.
void REF(move)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile, (void)scratch;
    const sn_move *p = &call->as.move;
    real *w = b->weights;
    const real *x = p->from == SN_FROM_GRADS ? b->grads : p->from == SN_FROM_SLOT0 ? b->slot[0] : w;
    for (int64_t row = 0; row < p->box.rows; row++)
        for (int64_t i = at(&p->box, row); i < at(&p->box, row) + p->box.run; i++)
            w[i] = (real)((double)w[i] + p->coefficient * (double)x[i]);
}

size_t REF(move_scratch)(const sn_call *call) {
    return (void)call, 0;
}
