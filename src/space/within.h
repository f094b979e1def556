// Random archs within limits on MACs and params, drawn within them, in a space that may be far too large to list.
// Not here: the best one within limits (supernet/rank/budget.h). Next: within.c.
#ifndef SN_WITHIN_H
#define SN_WITHIN_H

#include "space/cost.h"

// n different archs of at most `most` (INT64_MAX: no limit), every set of so many equally likely; in order. *got < n: these are
// all that there are. SN_USAGE naming the least that an arch costs where none is within; SN_RESOURCE: memory, or no more than a
// few could be found within both limits of a space too large to list, or within one where costs do not add up (cost.h).
sn_status sn_arch_sample_within(const sn_graph *, const sn_space *, sn_rng *, sn_cost most, long n, sn_arch *out, long *got);

#endif
