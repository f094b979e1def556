// snas: all options run, weighed by a Gumbel softmax (Xie et al., "SNAS: Stochastic Neural Architecture Search", ICLR 2019,
// equation 6). The temperature falls linearly.
#include "sampler/gumbel.h"
#include "sampler/method.h"

static void gates(sn_relax *r, int d, int draw) {
    sn_gumbel_softmax(r, d, draw);
    sn_relax_open(r, d, r->kept + r->gates->first[d]);
}

const sn_method sn_method_snas = {.kind = SN_RELAXATION,
                                  .name = "snas",
                                  .doc = "all options, weighed by a softmax with Gumbel noise (Xie et al. 2019)",
                                  .gates = gates,
                                  .pull = sn_relax_tempered_pull,
                                  .share = sn_relax_softmax_share,
                                  .relax = sn_relax_step,
                                  .draws = true};
