// Gumbel noise; see gumbel.h.
#include "sampler/gumbel.h"

#include <math.h>

void sn_gumbel_softmax(sn_relax *r, int d, int draw) {
    int first = r->gates->first[d], options = r->space->decisions[d].options;
    double logit[SN_MAX_OPTIONS];
    sn_rng rng = sn_relax_rng(r, d, draw);
    for (int k = 0; k < options; k++) {
        double u;
        while (!((u = sn_rng_unit(&rng)) > 0)) continue;
        r->noise[first + k] = -log(-log(u));
        logit[k] = r->alpha[first + k] + r->noise[first + k];
    }
    sn_relax_softmax(r->space, d, logit, sn_relax_temperature(r), r->kept + first);
}
