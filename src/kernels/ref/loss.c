// Softmax cross-entropy with label smoothing (Szegedy et al. 2016), the rank of the label, and the gradient of the logits; and
// the score of a batch.
// Not here: the mean over the batch, which is in `scale` for the gradient and left to the reader of the losses.
// Next: optim.c.
#include "kernels/ref/ref.h"

// log of the sum of exp(z), taken around the largest z.
static double log_sum_exp(const double *z, int classes) {
    double top = z[0], sum = 0;
    for (int k = 1; k < classes; k++) top = z[k] > top ? z[k] : top;
    for (int k = 0; k < classes; k++) sum += exp(z[k] - top);
    return top + log(sum);
}

static int rank_of(const double *z, int classes, int label) {
    int rank = 0;
    for (int k = 0; k < classes; k++) {
        if (isnan(z[k])) return classes;
        rank += z[k] > z[label] || (z[k] == z[label] && k < label);
    }
    return rank;
}

// loss and rank overwritten; dy and sums overwritten where wanted.
void REF(loss)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile;
    const sn_loss *p = &call->as.loss;
    real *arena = b->arena;
    double *z = scratch; // classes
    ref_sums sums = ref_into_begin(arena, &p->into, p->classes, z + p->classes);
    int wanted = p->into.dy != SN_NONE || p->into.sum_dy != SN_NONE || p->into.sum_dyx != SN_NONE;
    double smooth = p->smoothing / p->classes; // every class's share of the target
    for (int n = 0; n < p->n; n++) {
        int label = b->labels[n];
        double total = 0;
        for (int k = 0; k < p->classes; k++) {
            z[k] = ref_view(arena, &p->logits, (int64_t)n * p->classes + k, k);
            total += z[k];
        }
        double lse = log_sum_exp(z, p->classes);
        arena[p->loss + n] = (real)(lse - (1 - p->smoothing) * z[label] - smooth * total);
        arena[p->rank + n] = (real)rank_of(z, p->classes, label);
        for (int k = 0; wanted && k < p->classes; k++) {
            double target = smooth + (k == label ? 1 - p->smoothing : 0);
            ref_into_put(&sums, n, k, p->scale * (exp(z[k] - lse) - target));
        }
    }
    ref_into_end(&sums);
}

size_t REF(loss_scratch)(const sn_call *call) {
    return 3 * (size_t)call->as.loss.classes * sizeof(double);
}

// out overwritten.
void REF(score)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile, (void)scratch;
    const sn_score_call *p = &call->as.score;
    real *arena = b->arena;
    sn_score_result r = {.finite = 1};
    for (int n = 0; n < p->n; n++) {
        real loss = arena[p->loss + n], rank = arena[p->rank + n];
        if (!isfinite(loss)) r.finite = 0;
        r.loss += (double)loss;
        r.top1 += rank < 1;
        r.top5 += rank < 5;
    }
    memcpy(arena + p->out, &r, sizeof r);
}

size_t REF(score_scratch)(const sn_call *call) {
    return (void)call, 0;
}
