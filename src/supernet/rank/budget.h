// The best arch of a whole space under limits on MACs and params, by main effects; the space may be far too large to list.
// Not here: effects (effects.h), limits on a list (archlist.h). Next: budget.c.
#ifndef SN_BUDGET_H
#define SN_BUDGET_H

#include "space/cost.h"
#include "supernet/rank/effects.h"

// Exact: dynamic programming over the decisions. A state is what the options so far cost and are worth; one that another beats
// in cost and worth is dropped (Nemhauser & Ullmann, Management Science 15, 1969). It needs costs that add up over decisions,
// as those of every space that the config can describe do; where they do not, SN_FAIL says so instead of a wrong arch.
//
// sign: 1 for the largest sum of effects, -1 for the smallest (a loss). most: limits, INT64_MAX: none. Options that were never
// scored are not taken. Of equal sums the one of fewer MACs, then params, then first in the order of archs.
// SN_USAGE naming the least that an arch costs where none is within the limits, or the decision of which no option was scored.
sn_status sn_budget_best(const sn_graph *, const sn_space *, const sn_effects *, int sign, sn_cost most, sn_arch *out);

#endif
