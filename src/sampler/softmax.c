// softmax: gates are the softmax of alphas at a temperature that falls linearly, so that the mixture ends near one arch: the
// plain search, with train.relax.cost under costs.
#include "sampler/method.h"

static void gates(sn_relax *r, int d, int draw) {
    (void)draw;
    int first = r->gates->first[d];
    sn_relax_softmax(r->space, d, r->alpha + first, sn_relax_temperature(r), r->kept + first);
    sn_relax_open(r, d, r->kept + first);
}

const sn_method sn_method_softmax = {.kind = SN_RELAXATION,
                                     .name = "softmax",
                                     .doc = "all options, weighed by the softmax of alphas at a falling temperature",
                                     .gates = gates,
                                     .pull = sn_relax_tempered_pull,
                                     .share = sn_relax_softmax_share,
                                     .relax = sn_relax_step};
