// Watches whether a relaxation collapses: whether the mixture leans to options without weights (skips, pools, nothing), which
// need no training and so win early. Once an epoch; what it says is in log.jsonl, its memory in the checkpoint (alphas.h).
// Not here: passes (relaxer.h), when it is asked (train.c).
#ifndef SN_MONITOR_H
#define SN_MONITOR_H

#include "supernet/train/relaxer.h"

#include <jansson.h>

typedef struct {
    double entropy; // mean over relaxed decisions of that of their shares, 1 where all options are equally likely
    double
        free_share; // mean share of options without weights, over decisions that have options of both kinds; NaN: there are none
    double lean;    // over the same: logarithm of (mean share of options without weights / mean share of the others)
    double eigenvalue; // largest of the Hessian of the loss on the alphas' images in alpha, at this step's batch; NaN: not taken
    const char *why;   // it may collapse; NULL: no sign
    int epoch;         // then that to go back to; 0: the start
} sn_monitor_report;

// After an epoch, the epochs so far counted, this one included. The history in run->alphas goes on.
sn_status sn_monitor_epoch(sn_run *, sn_relaxer *, int epoch, sn_monitor_report *out);
// The same for the log, with the mean share of each option without weights in each cell (the decisions that have the first part
// of their names in common), and of how many of its decisions each option is the likeliest. The caller's; NULL without memory.
json_t *sn_monitor_json(const sn_run *, const sn_monitor_report *);

#endif
