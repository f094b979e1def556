// How much of each option a pass takes: a mixture of architectures. Where several options of a decision are active, its sites
// stand for the sum of their values, each times its gate; an arch is the case of one active option with gate 1 everywhere.
// Not here: who sets them (sampler/relax.h), how a pass runs them (supernet/engine/plan.h).
#ifndef SN_GATES_H
#define SN_GATES_H

#include "space/arch.h"

typedef struct {
    int decisions, places;
    int first[SN_MAX_DECISIONS];       // place of a decision's option 0; the others follow, allowed or not
    uint64_t active[SN_MAX_DECISIONS]; // bit k for option k; 0: a decision that does not exist
    bool learned[SN_MAX_DECISIONS];    // gradients of its gates may be asked for
    double *gate;                      // (places), read where active
} sn_gates;

// No option active. NULL with the message set when memory is out; free with sn_gates_free.
sn_gates *sn_gates_new(const sn_space *);
void sn_gates_free(sn_gates *);
// One option active of every decision that exists, gate 1.
void sn_gates_set_arch(sn_gates *, const sn_arch *);
// Whether a pass must weigh the options of a decision; else it takes the one that is active as it is.
bool sn_gates_weigh(const sn_gates *, int decision, bool gradients);

#endif
