// The noise of gdas and snas: logits (alpha + g)/T with g from the Gumbel distribution (Jang et al. 2017; Maddison et al. 2017).
// A constant added to all alphas of a decision, as by a log softmax before it, changes nothing.
#ifndef SN_GUMBEL_H
#define SN_GUMBEL_H

#include "sampler/relax.h"

// kept = softmax of those logits of the decision.
void sn_gumbel_softmax(sn_relax *, int decision, int draw);

#endif
