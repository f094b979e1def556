// sdarts: alphas as with darts; weights learn at gates beside the softmax of alphas, by up to a radius each, which grows linearly
// over the training, from 0.03 to 0.3 in the paper (Chen and Hsieh, "Stabilizing Differentiable Architecture Search via
// Perturbation-based Regularization", ICML 2020). Without train.relax.perturb_steps they are drawn uniformly (equation 7); with
// them they are those of the largest loss that so many steps along the signs of gates' gradients find (equation 8, 7 steps). As
// the authors have it gates are then clipped to 0..1 and add to 1, a step is twice the radius by their number, and where the loss
// is not larger the softmax itself is taken.
#include "sampler/method.h"

#include <math.h>
#include <string.h>

static void gates(sn_relax *r, int d, int draw) {
    (void)draw;
    int first = r->gates->first[d];
    sn_relax_softmax(r->space, d, r->alpha + first, 1, r->kept + first);
    sn_relax_open(r, d, r->kept + first);
}

static void pull(sn_relax *r, int d) {
    sn_relax_softmax_pull(r, d, 1);
}

static double radius(const sn_relax *r) {
    double end = r->settings->perturb, start = fmin(0.03, end);
    return start + (end - start) * r->progress;
}

// Gates to 0..1, with sum 1; where none is left the largest.
static void clip(const sn_decision *o, double *gate) {
    int largest = sn_relax_largest(o, gate);
    double sum = 0;
    for (int k = 0; k < o->options; k++) {
        gate[k] = sn_decision_allows(o, k) ? fmin(fmax(gate[k], 0), 1) : 0;
        sum += gate[k];
    }
    if (sum == 0) sum = gate[largest] = 1;
    for (int k = 0; k < o->options; k++) gate[k] /= sum;
}

static void scatter(sn_relax *r, int d) {
    const sn_decision *o = &r->space->decisions[d];
    double *gate = r->gates->gate + r->gates->first[d], by = radius(r);
    sn_rng rng = sn_relax_rng(r, d, SN_DRAW_WEIGHTS);
    for (int k = 0; k < o->options; k++) gate[k] += by * (2 * sn_rng_unit(&rng) - 1);
    clip(o, gate);
}

static void climb(sn_relax *r, int d) {
    const sn_decision *o = &r->space->decisions[d];
    int first = r->gates->first[d];
    double *gate = r->gates->gate + first, by = radius(r), step = 2 * by / r->settings->perturb_steps;
    for (int k = 0; k < o->options; k++) {
        double up = r->dgate[first + k], p = r->kept[first + k];
        gate[k] += up > 0 ? step : up < 0 ? -step : 0;
        gate[k] = p + fmin(fmax(gate[k] - p, -by), by);
    }
    clip(o, gate);
}

static void each(sn_relax *r, void (*of)(sn_relax *, int d)) {
    for (int d = 0; d < r->space->n_decisions; d++)
        if (r->gates->learned[d]) of(r, d);
}

static sn_status worst(const sn_method *m, sn_relax *r) {
    SN_TRY(r->verbs->pass(r->trainer, SN_ON_WEIGHTS, 0));
    double before = r->loss;
    each(r, scatter);
    for (int i = 0; i < r->settings->perturb_steps; i++) {
        SN_TRY(r->verbs->pass(r->trainer, SN_ON_WEIGHTS, SN_WANT_GATES));
        each(r, climb);
    }
    SN_TRY(r->verbs->pass(r->trainer, SN_ON_WEIGHTS, 0));
    if (r->loss < before) sn_relax_set(m, r, SN_DRAW_WEIGHTS);
    return SN_OK;
}

static sn_status relax(const sn_method *m, sn_relax *r) {
    if (!r->rest) {
        SN_TRY(sn_relax_alpha_pass(m, r, SN_DRAW_ALPHAS));
        SN_TRY(r->verbs->update_alphas(r->trainer));
    }
    sn_relax_set(m, r, SN_DRAW_WEIGHTS);
    if (r->settings->perturb_steps)
        SN_TRY(worst(m, r));
    else
        each(r, scatter);
    SN_TRY(r->verbs->pass(r->trainer, SN_ON_WEIGHTS, SN_WANT_WEIGHTS | SN_MOVE_STATISTICS));
    return r->verbs->update_weights(r->trainer);
}

const sn_method sn_method_sdarts = {.kind = SN_RELAXATION,
                                    .name = "sdarts",
                                    .doc = "darts whose weights learn at perturbed gates (Chen and Hsieh 2020)",
                                    .gates = gates,
                                    .pull = pull,
                                    .share = sn_relax_softmax_share,
                                    .relax = relax};
