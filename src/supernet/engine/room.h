// What the largest pass over any arch of a space needs: what training reserves before its first step, and forecasts name.
// Not here: scoring's own bound (evaluate.h). Next: plan.h.
#ifndef SN_ROOM_H
#define SN_ROOM_H

#include "supernet/engine/plan.h"

typedef struct {
    int64_t arena;   // elements
    int64_t weights; // elements of the buffers of weights and gradients, as in a plan
    size_t scratch;  // bytes per thread
} sn_room;

// `weights` of any pass of one arch: each parameter as large a kernel as any node makes of it; 0: none is made.
int64_t sn_room_weights(const sn_graph *);

// The most that passes like this one (its arch is not read) plan for. Small spaces are planned arch by arch. In larger ones each
// decision in turn takes the option that makes the arena largest, from several starts, until nothing grows, and 1/64 is added for
// the gaps between tensors: every option is planned at least once, so scratch, which calls do not add up, is exact.
sn_status sn_room_of(const sn_graph *, const sn_space *, const sn_backend *, const sn_pass *like, sn_room *out);

#endif
