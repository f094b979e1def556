// Parts of a trace that have a file of their own. Internal to trace*.c. Next: trace.c.
#ifndef SN_TRACE_PARTS_H
#define SN_TRACE_PARTS_H

#include "io/files/h5file.h"
#include "supernet/train/relaxer.h"
#include "supernet/train/run.h"

// Attributes of "/" that say what was trained and how, and the decay groups.
sn_status sn_trace_head(sn_h5w *, const sn_run *);

// Mode relax: alphas and their moments; the gates of a pass that has just run, with their gradients where wanted; the gradients
// of alphas, and what options cost where that is in them.
sn_status sn_trace_alphas(sn_h5w *, const char *group, const sn_alphas *);
sn_status sn_trace_gates(sn_h5w *, const char *group, const sn_relaxed_pass *, bool inputs_only);
sn_status sn_trace_alpha_gradients(sn_h5w *, const char *step, const sn_relax *);

// The sides of all activations of a pass that has just run: `group`/inside/BN. Runs the forward calls of the plan once more,
// without touching running statistics; what the pass left in the arena is gone afterwards. images: the pass's batch.
sn_status sn_trace_sides(sn_h5w *, const char *group, sn_supernet *, const sn_plan *, const float *images, int batch);

#endif
