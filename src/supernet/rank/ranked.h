// One scored architecture, as rankings, effects and reports pass it on. Not here: scoring and ordering (rank.h).
#ifndef SN_RANKED_H
#define SN_RANKED_H

#include "space/arch.h"
#include "space/cost.h"

typedef struct {
    sn_arch arch;
    double top1, top5, loss;         // shares and mean
    double fitted_top1, fitted_loss; // by the main effects of all scores in the store (fitted.h); NAN where there are none
    double score;                    // what the ranking is by, larger is better
    sn_cost cost;
    size_t row;             // of the store
    uint64_t logits;        // hash of the logits on all images
    const uint64_t *hits;   // borrowed from the store
    const uint16_t *losses; // the same: of each image, as base/half.h keeps it; all NaN where not known
} sn_ranked;

#endif
