// gdas: one option runs, that with the largest Gumbel softmax, with gate 1; its gate's gradient goes to the alphas as if the gate
// were that softmax (Dong and Yang, "Searching for a Robust Neural Architecture in Four GPU Hours", CVPR 2019, equations 5 and
// 6). Options that do not run have no part in the gradient, as in the authors' cells for CIFAR. The temperature falls linearly,
// from 10 to 0.1 in the paper.
#include "sampler/gumbel.h"
#include "sampler/method.h"

static void gates(sn_relax *r, int d, int draw) {
    int first = r->gates->first[d];
    sn_gumbel_softmax(r, d, draw);
    int chosen = sn_relax_largest(&r->space->decisions[d], r->kept + first);
    r->gates->active[d] = 1ull << chosen;
    r->gates->gate[first + chosen] = 1;
}

const sn_method sn_method_gdas = {
    .kind = SN_RELAXATION,
    .name = "gdas",
    .doc = "one option at a time, drawn by Gumbel noise; costs what one path costs (Dong and Yang 2019)",
    .gates = gates,
    .pull = sn_relax_tempered_pull,
    .share = sn_relax_softmax_share,
    .relax = sn_relax_step,
    .draws = true,
    .paths = 1};
