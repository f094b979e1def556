// A plan: the launches and calls of one pass. The planner walks the graph under one arch, turns BN, bias and activation nodes
// into views, places every tensor in the arena and chooses implementations. Plans are cheap (microseconds a call) and made anew
// for every pass. Not here: running them (exec.h), who asks for which pass (train.h, evaluate.h).
#ifndef SN_PLAN_H
#define SN_PLAN_H

#include "kernels/backend.h"
#include "space/graph.h"

// A stored value: a tensor in the arena, and apart from it the vectors of its view.
typedef struct {
    sn_off data, vectors;
    int64_t rows;
    int c;
    bool viewed; // read through the vectors (a BN or bias)
    sn_act act;
} sn_value;

// Elements of a block with room for both as a pass without gradients needs them: data, then mean, scale, shift, inv, m2.
int64_t sn_value_elements(int64_t rows, int c);
// The value, read plainly, whose tensor and vectors are in the block that begins at an offset.
sn_value sn_value_at(sn_off block, int64_t rows, int c);
sn_view sn_value_view(const sn_value *);

// A value that is in the arena already and stands for a node: the plan starts from it.
typedef struct {
    int node;
    sn_value value;
} sn_given;

typedef struct {
    const sn_arch *arch;   // NULL: gates
    const sn_gates *gates; // the mixture that the pass computes
    int batch;
    sn_bn_mode bn;       // SN_BN_BATCH or SN_BN_RUNNING
    double momentum;     // of running statistics; 0: they stay as they are
    bool gradients;      // accumulate the gradients of the weights
    bool gate_gradients; // take those of the gates of learned decisions
    double smoothing;    // of labels
    double loss_scale;   // of the gradients; 1/batch for the mean loss
    bool recompute;      // depthwise convolutions go after their last reader in forward and are computed again in backward
    // evaluation in parts (a plain pass leaves them zero and target = -1, the loss)
    const sn_given *given;
    int n_given;
    int target; // node to stop at; its value goes to a block of sn_value_elements at `out`
    sn_off out;
    sn_off reserved; // elements at the arena's start that belong to the caller
} sn_pass;

// The pass of a training step: batch statistics with PyTorch's momentum 0.1, gradients of the mean loss.
static inline sn_pass sn_training_pass(const sn_arch *a, int batch, double smoothing) {
    return (sn_pass){.arch = a,
                     .batch = batch,
                     .bn = SN_BN_BATCH,
                     .momentum = 0.1,
                     .gradients = true,
                     .smoothing = smoothing,
                     .loss_scale = 1.0 / batch,
                     .target = -1};
}

typedef struct {
    sn_call *call;
    int n_calls;
    size_t call_capacity;
    int *node; // per call: whose it is; -1 in the optimiser's lists
    size_t node_capacity;
    sn_launch *launch;
    int n_launches;
    size_t launch_capacity;
    sn_part *part; // of parameters that the pass uses, in the order of first use
    int n_parts;
    size_t part_capacity;
    int batch;
    int64_t arena;     // elements needed, reserved ones included
    int64_t weights;   // elements of the buffers of weights and gradients, with the kernels made of parts behind the parameters
    size_t scratch;    // bytes per thread
    double seconds;    // that making it took
    sn_off images;     // where the batch goes: (batch, h, w, c); SN_NONE when nothing reads it
    sn_value logits;   // of a plan to the loss: c = classes
    sn_off loss, rank; // of a plan to the loss: one per sample, see sn_loss
    sn_off score;      // of a plan to the loss: an sn_score_result
    sn_value target;   // of a plan to another node
    sn_off gates;      // gradients of gates: a double each, SN_GATE_ELEMENTS apart
    int *gate_place;   // per gradient: whose it is (gates.h); that of a gate is the sum over its sites
    int n_gates;
    size_t gate_capacity;
} sn_plan;

// Makes the plan in *out, reusing its memory (start with a zeroed struct). Errors name the node.
sn_status sn_plan_make(const sn_graph *, const sn_backend *, const sn_pass *, sn_plan *out);
void sn_plan_free(sn_plan *);

// What the kernel of a node takes behind the parameters, elements; 0: it lies in memory as a convolution wants it.
int64_t sn_node_room(const sn_graph *, const sn_node *);
// Appends what makes it there, from `room` on, where it must be made; *w: where it then lies.
sn_status sn_plan_weight(sn_plan *, const sn_graph *, const sn_backend *, int node, sn_off room, sn_off *w);

// Appends a call as a launch of its own, or, with `join`, to the last launch. For the optimiser's lists too. Workspace is the
// caller's business.
sn_status sn_plan_add(sn_plan *, const sn_backend *, const sn_call *, bool join);
void sn_plan_clear(sn_plan *);

#endif
