// softmax: gates are the softmax of alphas at a temperature that falls linearly, so that the mixture ends near one arch. With
// train.relax.cost the plain search under costs, for any space.
#include "sampler/method.h"

static void gates(sn_relax *r, int d, int draw) {
    (void)draw;
    int first = r->gates->first[d];
    sn_relax_softmax(r->space, d, r->alpha + first, sn_relax_temperature(r), r->kept + first);
    sn_relax_open(r, d, r->kept + first);
}

static void pull(sn_relax *r, int d) {
    int first = r->gates->first[d];
    sn_relax_softmax_pull(r->space, d, r->kept + first, r->dgate + first, sn_relax_temperature(r), r->dalpha + first);
}

const sn_method sn_method_softmax = {.kind = SN_RELAXATION,
                                     .name = "softmax",
                                     .doc = "all options, weighed by the softmax of alphas at a falling temperature",
                                     .gates = gates,
                                     .pull = pull,
                                     .share = sn_relax_softmax_share,
                                     .relax = sn_relax_step};
