// darts: gates are the softmax of alphas (Liu et al., "DARTS: Differentiable Architecture Search", ICLR 2019, equation 2). Of
// first order alphas follow the loss on their images at the present weights w; of second order (equations 7 and 8) that at the
// weights one step ahead, w' = w - xi*(momentum*v + gradient + decay*w):
//   grad_alpha L_a(w') - xi*(grad_alpha L_w(w+) - grad_alpha L_w(w-))/(2 eps),  w+- = w +- eps*grad_w' L_a(w'),
//   eps = 0.01/norm of grad_w' L_a(w')
#include "sampler/method.h"

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

static void add(double *to, double coefficient, const double *x, int n) {
    for (int i = 0; i < n; i++) to[i] += coefficient * x[i];
}

// One step ahead of the weights that are saved.
static sn_status look_ahead(sn_relax *r, double xi) {
    SN_TRY(r->verbs->pass(r->trainer, SN_ON_WEIGHTS, SN_WANT_WEIGHTS));
    SN_TRY(r->verbs->move_weights(r->trainer, -xi, SN_ALONG_DECAY));
    SN_TRY(r->verbs->move_weights(r->trainer, -xi, SN_ALONG_MOMENTUM));
    SN_TRY(r->verbs->move_weights(r->trainer, -xi, SN_ALONG_GRADIENTS));
    return r->verbs->drop_gradients(r->trainer);
}

// The gates' gradient on the weights' images, at the saved weights moved along the gradients at hand.
static sn_status beside(sn_relax *r, double move) {
    SN_TRY(r->verbs->restore_weights(r->trainer));
    SN_TRY(r->verbs->move_weights(r->trainer, move, SN_ALONG_GRADIENTS));
    return r->verbs->pass(r->trainer, SN_ON_WEIGHTS, SN_WANT_GATES);
}

static sn_status second_order(const sn_method *m, sn_relax *r) {
    const sn_relax_verbs *v = r->verbs;
    double xi = r->settings->lr, norm;
    int n = r->gates->places;
    sn_relax_set(m, r, SN_DRAW_ALPHAS);
    SN_TRY(v->save_weights(r->trainer));
    SN_TRY(look_ahead(r, xi));
    SN_TRY(v->pass(r->trainer, SN_ON_ALPHAS, SN_WANT_WEIGHTS | SN_WANT_GATES));
    SN_TRY(v->gradient_norm(r->trainer, &norm));
    memcpy(r->spare, r->dgate, (size_t)n * sizeof *r->spare);
    double loss = r->loss;
    double eps = norm > 0 ? 0.01 / norm : 0, share = norm > 0 ? xi / (2 * eps) : 0;
    SN_TRY(beside(r, eps));
    add(r->spare, -share, r->dgate, n);
    SN_TRY(beside(r, -eps));
    add(r->spare, share, r->dgate, n);
    memcpy(r->dgate, r->spare, (size_t)n * sizeof *r->spare);
    SN_TRY(v->restore_weights(r->trainer));
    SN_TRY(v->drop_gradients(r->trainer));
    r->loss = loss; // that the gradient is of
    sn_relax_pull(m, r);
    return v->update_alphas(r->trainer);
}

static sn_status relax(const sn_method *m, sn_relax *r) {
    if (r->settings->order == 1) return sn_relax_step(m, r);
    if (!r->rest) SN_TRY(second_order(m, r));
    SN_TRY(sn_relax_weight_pass(m, r, SN_DRAW_WEIGHTS));
    return r->verbs->update_weights(r->trainer);
}

const sn_method sn_method_darts = {.kind = SN_RELAXATION,
                                   .name = "darts",
                                   .doc = "all options, weighed by the softmax of alphas (Liu et al. 2019)",
                                   .gates = gates,
                                   .pull = pull,
                                   .share = sn_relax_softmax_share,
                                   .relax = relax};
