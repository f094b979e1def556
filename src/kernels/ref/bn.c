// BN and bias: from statistics to the vectors of a view, and from the sums of the last reader to gradients and coefficients.
// Only vectors of c: no pass over a tensor. Formulas: docs/views.md (Ioffe and Szegedy 2015).
// Next: loss.c.
#include "kernels/ref/ref.h"

// Batch mean and variance of channel c, and the running ones moved towards them when momentum > 0.
static void batch_moments(const sn_bases *b, const sn_bn_forward *p, int c, double *mean, double *variance) {
    const real *arena = b->arena;
    real *stats = b->stats;
    double m2 = arena[p->stat.m2 + c];
    *mean = arena[p->stat.mean + c];
    *variance = m2 / (double)p->rows;
    if (!(p->momentum > 0)) return;
    double unbiased = m2 / (double)(p->rows > 1 ? p->rows - 1 : 1);
    real *running_mean = stats + p->running_mean + c, *running_var = stats + p->running_var + c;
    *running_mean = (real)((1 - p->momentum) * *running_mean + p->momentum * *mean);
    *running_var = (real)((1 - p->momentum) * *running_var + p->momentum * unbiased);
}

// The view's vectors overwritten; running statistics updated by BATCH.
void REF(bn_forward)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile, (void)scratch;
    const sn_bn_forward *p = &call->as.bn_forward;
    real *arena = b->arena;
    const real *weights = b->weights, *stats = b->stats;
    for (int c = 0; c < p->c; c++) {
        double gamma = p->gamma == SN_NONE ? 1 : weights[p->gamma + c], beta = p->beta == SN_NONE ? 0 : weights[p->beta + c];
        double mean = 0, variance = 0, inv = 1;
        if (p->mode == SN_BN_BATCH) batch_moments(b, p, c, &mean, &variance);
        if (p->mode == SN_BN_RUNNING) mean = stats[p->running_mean + c], variance = stats[p->running_var + c];
        if (p->mode != SN_BN_BIAS) inv = 1 / sqrt(variance + p->eps);
        if (p->gated) gamma *= p->gate, beta *= p->gate;
        arena[p->mean + c] = (real)mean;
        arena[p->scale + c] = (real)(gamma * inv);
        arena[p->shift + c] = (real)beta;
        if (p->inv != SN_NONE) arena[p->inv + c] = (real)inv;
    }
}

size_t REF(bn_forward_scratch)(const sn_call *call) {
    return (void)call, 0;
}

// The part of a channel in the gradient of a gate.
static double gate_share(const sn_bases *b, const sn_bn_backward *p, int c, double sum_dy, double sum_dyx) {
    const real *weights = b->weights;
    double gamma = p->gamma == SN_NONE ? 1 : weights[p->gamma + c], beta = p->beta == SN_NONE ? 0 : weights[p->beta + c];
    return gamma * ((const real *)b->arena)[p->inv + c] * sum_dyx + beta * sum_dy;
}

// dgamma and dbeta accumulated; the coefficients a, b, cc and the gradient of the gate overwritten.
void REF(bn_backward)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile, (void)scratch;
    const sn_bn_backward *p = &call->as.bn_backward;
    real *arena = b->arena, *grads = b->grads;
    double gate = p->gated ? p->gate : 1, dgate = 0;
    for (int c = 0; c < p->c; c++) {
        double sum_dy = p->sum_dy == SN_NONE ? 0 : arena[p->sum_dy + c];
        double sum_dyx = p->sum_dyx == SN_NONE ? 0 : arena[p->sum_dyx + c];
        if (p->dbeta != SN_NONE) grads[p->dbeta + c] = (real)(grads[p->dbeta + c] + gate * sum_dy);
        if (p->mode == SN_BN_BIAS) continue;
        double scale = arena[p->scale + c], inv = arena[p->inv + c], rows = (double)p->rows;
        if (p->dgamma != SN_NONE) grads[p->dgamma + c] = (real)(grads[p->dgamma + c] + gate * inv * sum_dyx);
        arena[p->a + c] = (real)scale;
        arena[p->b + c] = (real)(p->mode == SN_BN_BATCH ? -scale * inv * inv * sum_dyx / rows : 0);
        arena[p->cc + c] = (real)(p->mode == SN_BN_BATCH ? -scale * sum_dy / rows : 0);
        if (p->gated) dgate += gate_share(b, p, c, sum_dy, sum_dyx);
    }
    if (p->gated && p->dgate != SN_NONE) memcpy(arena + p->dgate, &dgate, sizeof dgate);
}

size_t REF(bn_backward_scratch)(const sn_call *call) {
    return (void)call, 0;
}
