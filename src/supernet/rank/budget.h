// The best arch of a whole space under limits on MACs and params, by main effects; the space may be far too large to list.
// Not here: effects (effects.h), limits on a list (archlist.h). Next: budget.c.
#ifndef SN_BUDGET_H
#define SN_BUDGET_H

#include "space/cost.h"
#include "supernet/rank/effects.h"
#include <signal.h>

// Exact: dynamic programming over the decisions. A state is what the options so far cost and are worth; one that another beats
// in cost and worth is dropped (Nemhauser & Ullmann, Management Science 15, 1969). Where costs do not add up over decisions
// (cost.h) all archs are tried, and SN_USAGE says so where they are too many.
//
// most: limits, INT64_MAX: none. Options that were never scored are not taken. Of equal sums the one of lower limited cost (MACs
// where neither is limited), then any, always the same. stop: as in sn_input_read; SN_INTERRUPTED. 48 decisions of 7
// options took 0.02 s and 5 MB under one limit, 4 s and 195 MB under both (CPU, AMD Zen 3); SN_RESOURCE beyond 2^24 partial archs
// of a decision. SN_USAGE naming the least that an arch costs where none is within the limits, or the decision of which no option
// was scored.
sn_status sn_budget_best(const sn_graph *, const sn_space *, const sn_effects *, sn_cost most, const volatile sig_atomic_t *stop,
                         sn_arch *out);

#endif
