// snas: all options run, weighed by a Gumbel softmax (Xie et al., "SNAS: Stochastic Neural Architecture Search", ICLR 2019,
// equation 6). The temperature falls linearly.
#include "sampler/gumbel.h"
#include "sampler/method.h"

static void gates(sn_relax *r, int d, int draw) {
    sn_gumbel_softmax(r, d, draw);
    sn_relax_open(r, d, r->kept + r->gates->first[d]);
}

static void pull(sn_relax *r, int d) {
    int first = r->gates->first[d];
    sn_relax_softmax_pull(r->space, d, r->kept + first, r->dgate + first, sn_relax_temperature(r), r->dalpha + first);
}

const sn_method sn_method_snas = {.kind = SN_RELAXATION,
                                  .name = "snas",
                                  .doc = "all options, weighed by a softmax with Gumbel noise (Xie et al. 2019)",
                                  .gates = gates,
                                  .pull = pull,
                                  .share = sn_relax_softmax_share,
                                  .relax = sn_relax_step,
                                  .draws = true};
