// fairdarts: each option has a gate of its own, the sigmoid of its alpha, so that options do not compete (Chu et al., "Fair
// DARTS", ECCV 2020, equation 3), and a second loss drives gates to 0 or 1 (equation 4): the mean over options of
// -(sigmoid(alpha) - 1/2)^2, times train.relax.zero_one, in the paper 10.
#include "sampler/method.h"

#include <math.h>

static void share(const sn_space *s, int d, const double *alpha, double *out) {
    const sn_decision *o = &s->decisions[d];
    for (int k = 0; k < o->options; k++) out[k] = sn_decision_allows(o, k) ? 1 / (1 + exp(-alpha[k])) : 0;
}

static void gates(sn_relax *r, int d, int draw) {
    (void)draw;
    int first = r->gates->first[d];
    share(r->space, d, r->alpha + first, r->kept + first);
    sn_relax_open(r, d, r->kept + first);
}

static int learned_options(const sn_relax *r) {
    int n = 0;
    for (int d = 0; d < r->space->n_decisions; d++)
        if (r->gates->learned[d]) n += sn_decision_count(&r->space->decisions[d]);
    return n;
}

static void pull(sn_relax *r, int d) {
    int first = r->gates->first[d], all = learned_options(r);
    for (int k = 0; k < r->space->decisions[d].options; k++) {
        double g = r->kept[first + k], second = -2 * (g - 0.5) / all;
        r->dalpha[first + k] += g * (1 - g) * (r->dgate[first + k] + r->settings->zero_one * second);
    }
}

const sn_method sn_method_fairdarts = {.kind = SN_RELAXATION,
                                       .name = "fairdarts",
                                       .doc = "all options, each weighed by the sigmoid of its alpha (Chu et al. 2020)",
                                       .gates = gates,
                                       .pull = pull,
                                       .share = share,
                                       .relax = sn_relax_step};
