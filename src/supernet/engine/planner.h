// The planner's own state, between the files that make a plan: plan.c turns the nodes that a pass needs into ops,
// plan_forward.c and plan_backward.c place their tensors and append their calls, plan_weights.c makes kernels of parts. Not here:
// who makes plans (plan.h). Next: plan.c, sn_plan_make.
#ifndef SN_PLANNER_H
#define SN_PLANNER_H

#include "base/round.h"
#include "supernet/engine/arena.h"
#include "supernet/engine/plan.h"

// A tensor stored by this pass (or given to it).
typedef struct {
    sn_value value;   // act is the reader's business: SN_LINEAR here
    int bn;           // the BN or bias node it is read through, or -1
    int readers;      // ops that read it
    int left;         // of these, not yet seen (forward frees and the last reader in backward)
    int64_t elements; // of its data, 0 when these are the caller's
    int64_t vectors;  // elements of its vectors, likewise
    bool below;       // gates whose gradients are wanted are in what it is made of
    bool wants_gradient;
    int dy;         // gradient buffer, or -1
    int gate, slot; // of its BN, see reading; -1: none
    int again;      // the op that computes it again for backward, or -1: it is kept
} tensor;

// A gradient buffer, possibly shared: a sum lends its own to its inputs.
typedef struct {
    sn_off offset;
    int64_t size;
    int users;
} gradient;

// A primitive as the pass runs it.
typedef struct {
    int node;
    int out; // tensor; -1 for the loss
    const struct reading *in;
    int n_in;
} op;

// What a node stands for; as a term of a sum, with its gate.
typedef struct reading {
    int tensor; // -1: not known
    sn_act act;
    int gate;    // place of its gate, -1: none
    int slot;    // of the gate's gradient in the plan, -1: not wanted
    bool folded; // the gate is in the tensor's BN
} reading;

static inline reading read_as(int number, sn_act act) {
    return (reading){number, act, -1, -1, false};
}

typedef struct {
    const sn_graph *graph;
    const sn_backend *backend;
    const sn_pass *pass;
    sn_plan *plan;
    sn_arena arena, room;    // room: behind the parameters
    sn_off *rooms, *weights; // per convolution: its room there, and its kernel
    uint8_t *live, *given;   // per node
    int *stands;             // per node: see graph.h
    int *uses;               // per node: direct readers
    uint8_t *in_sum;         // per node: a sum reads it
    int *claim;              // per node: the BN or bias that alone reads it, or -1
    reading *value;          // per node
    sn_shape *shape;         // per node: of its value in this pass
    sn_shape *in_shape;      // of the inputs of one node
    tensor *tensors;
    int n_tensors;
    op *ops;
    int n_ops;
    reading *inputs; // of all ops
    int n_inputs;
    gradient *gradients;
    int n_gradients;
    int target; // resolved node whose value goes to pass->out, or -1
} planner;

// The vectors of a tensor: those of its view, and for gradients.
enum {
    MEAN,
    SCALE,
    SHIFT,
    INV,
    M2,
    SCORING_VECTORS,
    SUM_DY = SCORING_VECTORS,
    SUM_DYX,
    COEF_A,
    COEF_B,
    COEF_C,
    TRAINING_VECTORS
};

static inline sn_off vector_of(const sn_value *v, int which) {
    return v->vectors + which * sn_aligned(v->c);
}

static inline sn_view view_of(const planner *p, int t, sn_act act) {
    sn_value v = p->tensors[t].value;
    v.act = act;
    return sn_value_view(&v);
}

static inline sn_off weight_offset(const planner *p, int param) {
    return param < 0 ? SN_NONE : p->graph->params.param[param].offset;
}

static inline int resolve(const planner *p, int node) {
    return p->stands[node];
}

static inline bool has_backward(const planner *p) {
    return p->pass->gradients || p->pass->gate_gradients;
}

// Of the value that a node reads, nothing too.
static inline sn_shape input_shape(const planner *p, const sn_node *n, int k) {
    const sn_node *x = &p->graph->node[n->in[k]];
    int r = resolve(p, n->in[k]);
    return r == SN_NOTHING ? (sn_shape){x->c, x->h, x->w} : p->shape[r];
}

static inline sn_conv_size conv_size(const planner *p, int node) {
    const sn_node *n = &p->graph->node[node];
    const sn_shape *x = &p->shape[resolve(p, n->in[0])], *y = &p->shape[node];
    return (sn_conv_size){p->pass->batch, x->h,      x->w,      x->c,   y->h,        y->w,
                          y->c,           n->kernel, n->stride, n->pad, n->dilation, n->groups};
}

static inline sn_pool_size pool_size(const planner *p, int node) {
    const sn_node *n = &p->graph->node[node];
    const sn_shape *x = &p->shape[resolve(p, n->in[0])], *y = &p->shape[node];
    return (sn_pool_size){p->pass->batch, x->h,      x->w,      y->c,   y->h,
                          y->w,           n->kernel, n->stride, n->pad, n->mode ? SN_POOL_AVG : SN_POOL_MAX};
}

static inline int mean_pixels(const planner *p, const op *o) {
    return (int)(p->tensors[o->in[0].tensor].value.rows / p->pass->batch);
}

// The gate that a sum applies to a term.
static inline double gate_of(const planner *p, const reading *r) {
    return r->gate < 0 || r->folded ? 1 : p->pass->gates->gate[r->gate];
}

// Adds a call of the node with its workspace placed for the time of the call.
sn_status sn_planner_emit(planner *, sn_call, int node);
// The node's parts of parameters become the plan's.
sn_status sn_planner_use(planner *, int node);
// Gives back what a tensor took.
sn_status sn_planner_drop(planner *, tensor *);
// Computes the data of a tensor that forward gave back, if it did.
sn_status sn_planner_again(planner *, int tensor);
// The loss with its gradient into `into`, which may want none, and what the batch came to.
sn_status sn_planner_loss(planner *, const op *, sn_into);
// Of the kth input of a place: its channels in the value, `at` the first of them.
sn_place_size sn_planner_place(const planner *, const op *, int k, int *at);
// The kernel of a convolution: made, p->weights[node]; its gradient zeroed, and handed on to what it was made of; its room given
// back.
sn_status sn_planner_weight(planner *, int node);
sn_status sn_planner_begin_weight_gradient(planner *, int node);
sn_status sn_planner_end_weight_gradient(planner *, int node);
sn_status sn_planner_drop_weight(planner *, int node);
sn_status sn_planner_forward(planner *);
sn_status sn_planner_backward(planner *);

#endif
