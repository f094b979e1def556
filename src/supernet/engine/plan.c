// Makes the plan of a pass; see plan.h. Forward: nodes in order, views resolved, one call per primitive. Backward: the same list
// in reverse. The rules for gradients are docs/views.md: one dy per tensor, the last reader reduces, a sum passes its gradient on
// without copying. Not here: placement (arena.c), kernels.
#include "supernet/engine/plan.h"
#include "base/clock.h"
#include "base/round.h"
#include "supernet/engine/arena.h"

#include <stdlib.h>
#include <string.h>

// A tensor stored by this pass (or given to it).
typedef struct {
    sn_value value;   // act is the reader's business: SN_LINEAR here
    int bn;           // the BN or bias node it is read through, or -1
    int readers;      // ops that read it
    int left;         // of these, not yet seen (forward frees and the last reader in backward)
    int64_t elements; // of its data, 0 when these are the caller's
    int64_t vectors;  // elements of its vectors, likewise
    bool wants_gradient;
    int dy; // gradient buffer, or -1
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

// What a node stands for.
typedef struct reading {
    int tensor; // -1: not known
    sn_act act;
} reading;

typedef struct {
    const sn_graph *graph;
    const sn_backend *backend;
    const sn_pass *pass;
    sn_plan *plan;
    sn_arena arena;
    uint8_t *live, *given; // per node
    int *stands;           // per node: see graph.h
    int *uses;             // per node: direct readers
    int *claim;            // per node: the BN or bias that alone reads it, or -1
    reading *value;        // per node
    sn_shape *shape;       // per node: of its value in this pass
    sn_shape *in_shape;    // of the inputs of one node
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

// ---------------------------------------------------------------- values: data, and vectors apart from them
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

static sn_off vector_of(const sn_value *v, int which) {
    return v->vectors + which * sn_aligned(v->c);
}
int64_t sn_value_elements(int64_t rows, int c) {
    return sn_aligned(rows * c) + SCORING_VECTORS * sn_aligned(c);
}

sn_value sn_value_at(sn_off block, int64_t rows, int c) {
    return (sn_value){.data = block, .vectors = block + sn_aligned(rows * c), .rows = rows, .c = c, .act = SN_LINEAR};
}

sn_view sn_value_view(const sn_value *v) {
    if (!v->viewed) return (sn_view){v->data, SN_NONE, SN_NONE, SN_NONE, v->act};
    return (sn_view){v->data, vector_of(v, MEAN), vector_of(v, SCALE), vector_of(v, SHIFT), v->act};
}

static sn_view view_of(const planner *p, int t, sn_act act) {
    sn_value v = p->tensors[t].value;
    v.act = act;
    return sn_value_view(&v);
}

static sn_stat stat_of(const planner *p, int t) {
    const tensor *x = &p->tensors[t];
    bool wanted = x->bn >= 0 && p->graph->node[x->bn].kind == SN_NODE_BN && p->pass->bn == SN_BN_BATCH;
    return wanted ? (sn_stat){vector_of(&x->value, MEAN), vector_of(&x->value, M2)} : (sn_stat){SN_NONE, SN_NONE};
}

// ---------------------------------------------------------------- appending calls
sn_status sn_plan_add(sn_plan *plan, const sn_backend *backend, const sn_call *call, bool join) {
    SN_TRY(sn_grow(&plan->call, &plan->call_capacity, (size_t)plan->n_calls + 1, sizeof *plan->call));
    SN_TRY(sn_grow(&plan->node, &plan->node_capacity, (size_t)plan->n_calls + 1, sizeof *plan->node));
    SN_TRY(sn_grow(&plan->launch, &plan->launch_capacity, (size_t)plan->n_launches + 1, sizeof *plan->launch));
    sn_call *c = &plan->call[plan->n_calls];
    *c = *call;
    if (!c->impl) SN_TRY(sn_backend_choose(backend, c));
    size_t scratch = c->impl->scratch ? c->impl->scratch(c) : 0;
    if (scratch > plan->scratch) plan->scratch = scratch;
    if (join && plan->n_launches && plan->call[plan->launch[plan->n_launches - 1].first].kernel == c->kernel)
        plan->launch[plan->n_launches - 1].count++;
    else
        plan->launch[plan->n_launches++] = (sn_launch){plan->n_calls, 1};
    plan->node[plan->n_calls++] = -1;
    return SN_OK;
}

void sn_plan_clear(sn_plan *plan) {
    plan->n_calls = plan->n_launches = plan->n_parts = 0;
    plan->arena = 0;
    plan->scratch = 0;
    plan->images = plan->loss = plan->rank = plan->score = SN_NONE;
}

// Adds a call of the node with its workspace placed for the time of the call.
static sn_status emit(planner *p, sn_call call, int node) {
    sn_status s = sn_backend_choose(p->backend, &call);
    if (s != SN_OK) return sn_error_prefix(s, "node '%s'", p->graph->node[node].name);
    int64_t work = call.impl->work ? call.impl->work(&call) : 0;
    if (work) SN_TRY(sn_arena_take(&p->arena, work, &call.work));
    SN_TRY(sn_plan_add(p->plan, p->backend, &call, false));
    p->plan->node[p->plan->n_calls - 1] = node;
    return work ? sn_arena_give(&p->arena, call.work, work) : SN_OK;
}

static sn_status use_parts(planner *p, int node) {
    sn_plan *plan = p->plan;
    sn_part part[SN_NODE_PARTS];
    int n = sn_node_parts(p->graph, &p->graph->node[node], part);
    SN_TRY(sn_grow(&plan->part, &plan->part_capacity, (size_t)(plan->n_parts + n), sizeof *plan->part));
    for (int i = 0; i < n; i++) plan->part[plan->n_parts++] = part[i];
    return SN_OK;
}

static sn_off weight_offset(const planner *p, int param) {
    return param < 0 ? SN_NONE : p->graph->params.param[param].offset;
}

// ---------------------------------------------------------------- which nodes, who reads what
static int resolve(const planner *p, int node) {
    return p->stands[node];
}

// Of the value that a node reads, nothing too.
static sn_shape input_shape(const planner *p, const sn_node *n, int k) {
    const sn_node *x = &p->graph->node[n->in[k]];
    int r = resolve(p, n->in[k]);
    return r == SN_NOTHING ? (sn_shape){x->c, x->h, x->w} : p->shape[r];
}

static void mark_live(planner *p, int target) {
    p->live[target] = 1;
    for (int i = target; i >= 0; i--) {
        const sn_node *n = &p->graph->node[i];
        if (!p->live[i] || p->given[i]) continue;
        for (int k = 0; k < n->n_in; k++) {
            int r = resolve(p, n->in[k]);
            if (r == SN_NOTHING) continue;
            p->live[r] = 1;
            p->uses[r]++;
        }
    }
}

// A BN or bias that alone reads a stored tensor is how that tensor is read; any other reads a copy of its own (`materialise`).
static void mark_claims(planner *p) {
    for (int i = 0; i < p->graph->n; i++) {
        const sn_node *n = &p->graph->node[i];
        if (!p->live[i] || (n->kind != SN_NODE_BN && n->kind != SN_NODE_BIAS)) continue;
        int r = resolve(p, n->in[0]);
        if (r == SN_NOTHING) continue;
        if (sn_node_stores(&p->graph->node[r]) && p->uses[r] == 1 && !p->given[r]) p->claim[r] = i;
    }
}

// ---------------------------------------------------------------- forward
// Places the op's output; the tensor got its number and readers in lower_node.
static sn_status place_output(planner *p, const op *o) {
    const sn_node *n = &p->graph->node[o->node];
    const sn_shape *s = &p->shape[o->node];
    tensor *t = &p->tensors[o->out];
    t->value = (sn_value){.rows = (int64_t)p->pass->batch * s->h * s->w, .c = s->c, .viewed = t->bn >= 0, .act = SN_LINEAR};
    t->wants_gradient = p->pass->gradients && n->kind != SN_NODE_INPUT;
    if (o->node == p->target) {
        sn_value at = sn_value_at(p->pass->out, t->value.rows, s->c);
        t->value.data = at.data, t->value.vectors = at.vectors;
        return SN_OK;
    }
    int vectors = t->bn < 0 ? 0 : p->pass->gradients ? TRAINING_VECTORS : SCORING_VECTORS;
    t->elements = t->value.rows * s->c;
    t->vectors = vectors * sn_aligned(s->c);
    SN_TRY(sn_arena_take(&p->arena, t->elements, &t->value.data));
    return sn_arena_take(&p->arena, t->vectors, &t->value.vectors);
}

// Gives back what place_output took.
static sn_status drop_tensor(planner *p, tensor *t) {
    if (!t->elements) return SN_OK;
    SN_TRY(sn_arena_give(&p->arena, t->value.data, t->elements));
    SN_TRY(sn_arena_give(&p->arena, t->value.vectors, t->vectors));
    t->elements = t->vectors = 0;
    return SN_OK;
}

// The vectors of a tensor that is read through a BN or a bias, after the tensor's own call.
static sn_status emit_bn(planner *p, int t) {
    const tensor *x = &p->tensors[t];
    if (x->bn < 0) return SN_OK;
    const sn_node *n = &p->graph->node[x->bn];
    const sn_stats *s = n->stats >= 0 ? &p->graph->params.stats[n->stats] : NULL;
    sn_bn_forward bn = {.c = x->value.c,
                        .rows = x->value.rows,
                        .mode = s ? p->pass->bn : SN_BN_BIAS,
                        .eps = p->graph->bn_eps,
                        .momentum = p->pass->momentum};
    bn.stat = (sn_stat){vector_of(&x->value, MEAN), vector_of(&x->value, M2)};
    bn.gamma = weight_offset(p, n->weight), bn.beta = weight_offset(p, n->bias);
    bn.running_mean = s ? s->mean : SN_NONE, bn.running_var = s ? s->var : SN_NONE;
    bn.mean = vector_of(&x->value, MEAN), bn.scale = vector_of(&x->value, SCALE), bn.shift = vector_of(&x->value, SHIFT),
    bn.inv = vector_of(&x->value, INV);
    SN_TRY(use_parts(p, x->bn));
    return emit(p, (sn_call){.kernel = SN_BN_FORWARD, .as.bn_forward = bn}, x->bn);
}

static sn_conv_size conv_size(const planner *p, int node) {
    const sn_node *n = &p->graph->node[node];
    const sn_shape *x = &p->shape[resolve(p, n->in[0])], *y = &p->shape[node];
    return (sn_conv_size){p->pass->batch, x->h,      x->w,      x->c,   y->h,        y->w,
                          y->c,           n->kernel, n->stride, n->pad, n->dilation, n->groups};
}

static sn_pool_size pool_size(const planner *p, int node) {
    const sn_node *n = &p->graph->node[node];
    const sn_shape *x = &p->shape[resolve(p, n->in[0])], *y = &p->shape[node];
    return (sn_pool_size){p->pass->batch, x->h,      x->w,      y->c,   y->h,
                          y->w,           n->kernel, n->stride, n->pad, n->mode ? SN_POOL_AVG : SN_POOL_MAX};
}

static int mean_pixels(const planner *p, const op *o) {
    return (int)(p->tensors[o->in[0].tensor].value.rows / p->pass->batch);
}

// In a pass without gradients a tensor goes when its last reader has run.
static sn_status drop_read(planner *p, const op *o) {
    for (int k = 0; k < o->n_in; k++) {
        tensor *x = &p->tensors[o->in[k].tensor];
        if (--x->left == 0) SN_TRY(drop_tensor(p, x));
    }
    return SN_OK;
}

static sn_status emit_loss(planner *p, const op *o, sn_into into) {
    p->tensors[o->in[0].tensor].elements = 0; // stays until the end: the caller may read the logits
    p->plan->logits = p->tensors[o->in[0].tensor].value;
    p->plan->logits.act = o->in[0].act;
    SN_TRY(sn_arena_take(&p->arena, p->pass->batch, &p->plan->loss));
    SN_TRY(sn_arena_take(&p->arena, p->pass->batch, &p->plan->rank));
    sn_loss l = {p->pass->batch,
                 p->shape[o->node].c,
                 view_of(p, o->in[0].tensor, o->in[0].act),
                 p->pass->smoothing,
                 p->pass->loss_scale,
                 p->plan->loss,
                 p->plan->rank,
                 into};
    SN_TRY(emit(p, (sn_call){.kernel = SN_LOSS, .as.loss = l}, o->node));
    SN_TRY(sn_arena_take(&p->arena, SN_RESULT_ELEMENTS, &p->plan->score));
    sn_score_call score = {p->pass->batch, p->plan->loss, p->plan->rank, p->plan->score};
    return emit(p, (sn_call){.kernel = SN_SCORE, .as.score = score}, o->node);
}

// A record holds SN_SUM_INPUTS views; a sum of more goes on from what was written so far, with the same bits. One of none is 0.
static sn_status emit_sum(planner *p, const op *o) {
    const sn_value *y = &p->tensors[o->out].value;
    const sn_view so_far = {y->data, SN_NONE, SN_NONE, SN_NONE, SN_LINEAR};
    int k = 0;
    do {
        sn_sum_forward s = {.rows = y->rows, .c = y->c, .y = y->data, .stat = {SN_NONE, SN_NONE}};
        if (k) s.x[s.inputs++] = so_far;
        while (k < o->n_in && s.inputs < SN_SUM_INPUTS) {
            s.x[s.inputs++] = view_of(p, o->in[k].tensor, o->in[k].act);
            k++;
        }
        if (k == o->n_in) s.stat = stat_of(p, o->out);
        SN_TRY(emit(p, (sn_call){.kernel = SN_SUM_FORWARD, .as.sum_forward = s}, o->node));
    } while (k < o->n_in);
    return SN_OK;
}

// Of the kth input of a place: its channels in the value, `at` the first of them.
static sn_place_size place_size(const planner *p, const op *o, int k, int *at) {
    const sn_node *n = &p->graph->node[o->node];
    const sn_shape *y = &p->shape[o->node], x = input_shape(p, n, k);
    *at = 0;
    for (int i = 0; i < k; i++) *at += input_shape(p, n, i).c;
    sn_place_size s = {p->pass->batch, x.h, x.w, x.c, y->h, y->w, y->c, 1, 0, 0, 1, x.c};
    if (n->out) s.stride = n->stride, s.shift = n->shift, s.first = n->first, s.groups = n->groups, s.count = n->out;
    return s;
}

// A call for each input; nothing is zeros.
static sn_status emit_place(planner *p, const op *o) {
    const sn_node *n = &p->graph->node[o->node];
    const sn_value *y = &p->tensors[o->out].value;
    const sn_view zeros = {SN_NONE, SN_NONE, SN_NONE, SN_NONE, SN_LINEAR};
    for (int k = 0, read = 0; k < n->n_in; k++) {
        int at;
        sn_place_forward c = {place_size(p, o, k, &at), zeros, y->data, stat_of(p, o->out)};
        if (resolve(p, n->in[k]) != SN_NOTHING) c.x = view_of(p, o->in[read].tensor, o->in[read].act), read++;
        c.y += at;
        if (c.stat.mean != SN_NONE) c.stat.mean += at, c.stat.m2 += at;
        SN_TRY(emit(p, (sn_call){.kernel = SN_PLACE_FORWARD, .as.place_forward = c}, o->node));
    }
    return SN_OK;
}

static sn_status emit_forward(planner *p, const op *o) {
    const sn_node *n = &p->graph->node[o->node];
    sn_call c = {.kernel = SN_KERNELS};
    sn_view x = o->n_in ? view_of(p, o->in[0].tensor, o->in[0].act) : (sn_view){0};
    sn_off y = o->out >= 0 ? p->tensors[o->out].value.data : SN_NONE;
    sn_stat stat = o->out >= 0 ? stat_of(p, o->out) : (sn_stat){SN_NONE, SN_NONE};
    switch (n->kind) {
    case SN_NODE_CONV:
        SN_TRY(use_parts(p, o->node));
        c.kernel = SN_CONV_FORWARD;
        c.as.conv_forward = (sn_conv_forward){conv_size(p, o->node), x, weight_offset(p, n->weight), y, stat};
        break;
    case SN_NODE_POOL:
        c.kernel = SN_POOL_FORWARD;
        c.as.pool_forward = (sn_pool_forward){pool_size(p, o->node), x, y, stat};
        break;
    case SN_NODE_MEAN:
        c.kernel = SN_MEAN_FORWARD;
        c.as.mean_forward = (sn_mean_forward){p->pass->batch, mean_pixels(p, o), p->shape[o->node].c, x, y, stat};
        break;
    case SN_NODE_SCALE:
        c.kernel = SN_SCALE_FORWARD;
        c.as.scale_forward = (sn_scale_forward){
            p->pass->batch, mean_pixels(p, o), p->shape[o->node].c, x, view_of(p, o->in[1].tensor, o->in[1].act), y, stat};
        break;
    case SN_NODE_PLACE:
        SN_TRY(emit_place(p, o));
        break;
    case SN_NODE_LOSS:
        if (p->pass->gradients) return SN_OK; // comes with its gradient, first in backward
        SN_TRY(emit_loss(p, o, (sn_into){x, SN_NONE, SN_NONE, SN_NONE, SN_NONE}));
        return drop_read(p, o);
    default: // a sum, or the copy of a BN's or activation's input
        SN_TRY(emit_sum(p, o));
    }
    if (c.kernel != SN_KERNELS) SN_TRY(emit(p, c, o->node));
    SN_TRY(emit_bn(p, o->out));
    return p->pass->gradients ? SN_OK : drop_read(p, o);
}

// Adds an op and its output tensor (none for the loss); counts readers. Places come later, when all readers are known.
// The inputs are copied to the end of p->inputs, where they may stand already.
static int add_op(planner *p, int node, int bn, const reading *in, int n_in) {
    int out = p->graph->node[node].kind == SN_NODE_LOSS ? -1 : p->n_tensors++;
    if (out >= 0) p->tensors[out] = (tensor){.bn = bn, .dy = -1};
    op *o = &p->ops[p->n_ops++];
    *o = (op){.node = node, .out = out, .in = p->inputs + p->n_inputs, .n_in = n_in};
    for (int k = 0; k < n_in; k++) {
        p->inputs[p->n_inputs++] = in[k];
        p->tensors[in[k].tensor].readers++;
    }
    return out;
}

// The value written out as a tensor of its own, read through bn (or plainly).
static reading materialise(planner *p, int node, reading x, int bn) {
    return (reading){add_op(p, node, bn, &x, 1), SN_LINEAR};
}

static sn_status infer_shape(planner *p, int i) {
    const sn_node *n = &p->graph->node[i];
    for (int k = 0; k < n->n_in; k++) p->in_shape[k] = input_shape(p, n, k);
    return sn_node_shape(p->graph, n, p->in_shape, &p->shape[i]);
}

static sn_status lower_node(planner *p, int i) {
    const sn_node *n = &p->graph->node[i];
    SN_TRY(infer_shape(p, i));
    int first = n->n_in ? resolve(p, n->in[0]) : SN_NOTHING;
    reading x = first == SN_NOTHING ? (reading){-1, SN_LINEAR} : p->value[first];
    if (x.tensor < 0 && n->kind == SN_NODE_LOSS) return sn_error(SN_FAIL, "'%s' reads nothing in this arch", n->name);
    if (x.tensor < 0 && n->kind == SN_NODE_BIAS) {
        p->value[i] = (reading){add_op(p, i, i, NULL, 0), SN_LINEAR};
        return SN_OK;
    }
    switch (n->kind) {
    case SN_NODE_BN:
    case SN_NODE_BIAS: {
        p->value[i] = p->claim[first] == i ? x : materialise(p, i, x, i);
        return SN_OK;
    }
    case SN_NODE_ACT:
        p->value[i] = x.act == SN_LINEAR ? x : materialise(p, i, x, -1);
        p->value[i].act = (sn_act)n->mode;
        return SN_OK;
    case SN_NODE_LOSS:
        add_op(p, i, -1, &x, 1);
        return SN_OK;
    default: {
        reading *in = p->inputs + p->n_inputs;
        int n_in = 0;
        for (int k = 0; k < n->n_in; k++) {
            int r = resolve(p, n->in[k]);
            if (r != SN_NOTHING) in[n_in++] = p->value[r];
        }
        p->value[i] = (reading){add_op(p, i, p->claim[i], in, n_in), SN_LINEAR};
        return SN_OK;
    }
    }
}

static sn_status plan_forward(planner *p) {
    for (int i = 0; i < p->n_tensors; i++) p->tensors[i].left = p->tensors[i].readers;
    for (int i = 0; i < p->n_ops; i++) {
        const op *o = &p->ops[i];
        if (o->out >= 0) SN_TRY(place_output(p, o));
        if (p->graph->node[o->node].kind == SN_NODE_INPUT)
            p->plan->images = p->tensors[o->out].value.data;
        else
            SN_TRY(emit_forward(p, o));
    }
    return SN_OK;
}

// ---------------------------------------------------------------- backward
static sn_status new_gradient(planner *p, int64_t size, int *out) {
    gradient *g = &p->gradients[p->n_gradients];
    *g = (gradient){.size = size, .users = 1};
    SN_TRY(sn_arena_take(&p->arena, size, &g->offset));
    *out = p->n_gradients++;
    return SN_OK;
}

static sn_status release_gradient(planner *p, int g) {
    if (g < 0 || --p->gradients[g].users) return SN_OK;
    return sn_arena_give(&p->arena, p->gradients[g].offset, p->gradients[g].size);
}

static sn_off gradient_offset(const planner *p, int g) {
    return g < 0 ? SN_NONE : p->gradients[g].offset;
}

// The gradient of a tensor as its producer reads it.
static sn_grad grad_of(const planner *p, int t) {
    const tensor *x = &p->tensors[t];
    sn_off dy = gradient_offset(p, x->dy);
    if (x->bn < 0 || p->graph->node[x->bn].kind != SN_NODE_BN) return (sn_grad){dy, SN_NONE, SN_NONE, SN_NONE, SN_NONE, SN_NONE};
    const sn_value *v = &x->value;
    return (sn_grad){dy, v->data, vector_of(v, MEAN), vector_of(v, COEF_A), vector_of(v, COEF_B), vector_of(v, COEF_C)};
}

// Where the next reader of tensor t puts its gradient: into a fresh buffer, onto the present one, or, if others use that, into a
// fresh one on top.
static sn_status next_into(planner *p, int t, sn_act act, sn_into *into) {
    tensor *x = &p->tensors[t];
    bool last = --x->left == 0, bn = x->bn >= 0;
    int before = x->dy;
    if (before < 0 || p->gradients[before].users > 1) SN_TRY(new_gradient(p, x->value.rows * x->value.c, &x->dy));
    *into = (sn_into){view_of(p, t, act), gradient_offset(p, before), gradient_offset(p, x->dy), SN_NONE, SN_NONE};
    if (before >= 0 && before != x->dy) p->gradients[before].users--; // the others still hold it
    if (last && bn) {
        into->sum_dy = vector_of(&x->value, SUM_DY);
        if (p->graph->node[x->bn].kind == SN_NODE_BN) into->sum_dyx = vector_of(&x->value, SUM_DYX);
    }
    return SN_OK;
}

// After the last reader: gradients of gamma and beta, and the coefficients of the tensor's own gradient.
static sn_status emit_bn_backward(planner *p, int t) {
    const tensor *x = &p->tensors[t];
    if (x->left || x->bn < 0) return SN_OK;
    const sn_node *n = &p->graph->node[x->bn];
    const sn_value *v = &x->value;
    sn_bn_backward b = {.c = v->c, .rows = v->rows, .mode = n->kind == SN_NODE_BIAS ? SN_BN_BIAS : p->pass->bn};
    b.sum_dy = vector_of(v, SUM_DY), b.sum_dyx = vector_of(v, SUM_DYX), b.scale = vector_of(v, SCALE), b.inv = vector_of(v, INV);
    b.dgamma = weight_offset(p, n->weight), b.dbeta = weight_offset(p, n->bias);
    b.a = vector_of(v, COEF_A), b.b = vector_of(v, COEF_B), b.cc = vector_of(v, COEF_C);
    return emit(p, (sn_call){.kernel = SN_BN_BACKWARD, .as.bn_backward = b}, x->bn);
}

// A sum's gradient is its inputs': lent where the input has none yet and is read linearly. Then only the sums for a BN need a
// pass.
static sn_status sum_input_backward(planner *p, const op *o, int k) {
    int t = o->in[k].tensor;
    tensor *x = &p->tensors[t];
    sn_grad g = grad_of(p, o->out);
    sn_call c = {.kernel = SN_SUM_BACKWARD, .as.sum_backward = {.rows = x->value.rows, .c = x->value.c, .g = g}};
    if (x->dy >= 0 || o->in[k].act != SN_LINEAR || g.a != SN_NONE) {
        SN_TRY(next_into(p, t, o->in[k].act, &c.as.sum_backward.into));
        return emit(p, c, o->node);
    }
    x->dy = p->tensors[o->out].dy;
    p->gradients[x->dy].users++;
    if (--x->left || x->bn < 0) return SN_OK;
    bool bn = p->graph->node[x->bn].kind == SN_NODE_BN;
    c.as.sum_backward.into = (sn_into){view_of(p, t, SN_LINEAR), SN_NONE, SN_NONE, vector_of(&x->value, SUM_DY),
                                       bn ? vector_of(&x->value, SUM_DYX) : SN_NONE};
    return emit(p, c, o->node);
}

// Of the tensor, and of its gain: each needs the other as it was read.
static sn_status scale_input_backward(planner *p, const op *o, int k) {
    int other = 1 - k, n = p->pass->batch, pixels = mean_pixels(p, o), c = p->shape[o->node].c;
    sn_view view = view_of(p, o->in[other].tensor, o->in[other].act);
    sn_grad g = grad_of(p, o->out);
    sn_into into;
    SN_TRY(next_into(p, o->in[k].tensor, o->in[k].act, &into));
    sn_call call = {.kernel = SN_SCALE_BACKWARD, .as.scale_backward = {n, pixels, c, g, view, into}};
    if (k) call = (sn_call){.kernel = SN_SCALE_BACKWARD_GAIN, .as.scale_backward_gain = {n, pixels, c, g, view, into}};
    return emit(p, call, o->node);
}

// The input that the kth read of a place is.
static int place_input(const planner *p, const op *o, int k) {
    const sn_node *n = &p->graph->node[o->node];
    for (int i = 0;; i++)
        if (resolve(p, n->in[i]) != SN_NOTHING && k-- == 0) return i;
}

static sn_status place_input_backward(planner *p, const op *o, int k) {
    int at;
    sn_place_backward c = {place_size(p, o, place_input(p, o, k), &at), grad_of(p, o->out), {{0}, 0, 0, 0, 0}};
    c.g.dy += at;
    if (c.g.a != SN_NONE) c.g.x += at, c.g.mean += at, c.g.a += at, c.g.b += at, c.g.c += at;
    SN_TRY(next_into(p, o->in[k].tensor, o->in[k].act, &c.into));
    return emit(p, (sn_call){.kernel = SN_PLACE_BACKWARD, .as.place_backward = c}, o->node);
}

static sn_status input_backward(planner *p, const op *o, int k) {
    const sn_node *n = &p->graph->node[o->node];
    sn_grad g = o->out >= 0 ? grad_of(p, o->out) : (sn_grad){0};
    sn_into into;
    if (n->kind == SN_NODE_SCALE) return scale_input_backward(p, o, k);
    if (n->kind == SN_NODE_PLACE) return place_input_backward(p, o, k);
    if (n->kind != SN_NODE_CONV && n->kind != SN_NODE_POOL && n->kind != SN_NODE_MEAN && n->kind != SN_NODE_LOSS)
        return sum_input_backward(p, o, k);
    SN_TRY(next_into(p, o->in[k].tensor, o->in[k].act, &into));
    sn_call c = {0};
    if (n->kind == SN_NODE_CONV) {
        c.kernel = SN_CONV_BACKWARD_DATA;
        c.as.conv_backward_data = (sn_conv_backward_data){conv_size(p, o->node), g, weight_offset(p, n->weight), into};
    } else if (n->kind == SN_NODE_POOL) {
        c.kernel = SN_POOL_BACKWARD;
        c.as.pool_backward = (sn_pool_backward){pool_size(p, o->node), g, into};
    } else if (n->kind == SN_NODE_MEAN) {
        c.kernel = SN_MEAN_BACKWARD;
        c.as.mean_backward = (sn_mean_backward){p->pass->batch, mean_pixels(p, o), p->shape[o->node].c, g, into};
    } else {
        return emit_loss(p, o, into);
    }
    return emit(p, c, o->node);
}

static sn_status op_backward(planner *p, const op *o) {
    const sn_node *n = &p->graph->node[o->node];
    if (n->kind == SN_NODE_CONV) {
        sn_conv_backward_weights w = {conv_size(p, o->node), grad_of(p, o->out), view_of(p, o->in[0].tensor, o->in[0].act),
                                      weight_offset(p, n->weight)};
        SN_TRY(emit(p, (sn_call){.kernel = SN_CONV_BACKWARD_WEIGHTS, .as.conv_backward_weights = w}, o->node));
    }
    for (int k = 0; k < o->n_in; k++) {
        if (!p->tensors[o->in[k].tensor].wants_gradient) continue;
        SN_TRY(input_backward(p, o, k));
        SN_TRY(emit_bn_backward(p, o->in[k].tensor));
    }
    if (o->out < 0) return SN_OK;
    tensor *t = &p->tensors[o->out];
    SN_TRY(release_gradient(p, t->dy));
    t->dy = -1;
    return drop_tensor(p, t);
}

static sn_status plan_backward(planner *p) {
    for (int i = 0; i < p->n_tensors; i++) p->tensors[i].left = p->tensors[i].readers;
    for (int i = p->n_ops - 1; i >= 0; i--) SN_TRY(op_backward(p, &p->ops[i]));
    return SN_OK;
}

// ---------------------------------------------------------------- the whole
static void take_given(planner *p) {
    for (int i = 0; i < p->pass->n_given; i++) {
        const sn_given *g = &p->pass->given[i];
        sn_value v = g->value;
        v.act = SN_LINEAR;
        p->tensors[p->n_tensors] = (tensor){.value = v, .bn = -1, .dy = -1};
        p->value[g->node] = (reading){p->n_tensors++, g->value.act};
        p->shape[g->node] = (sn_shape){g->value.c, p->graph->node[g->node].h, p->graph->node[g->node].w};
    }
}

static sn_status make(planner *p) {
    const sn_graph *g = p->graph;
    int target = p->pass->target < 0 ? g->loss : p->pass->target;
    for (int i = 0; i < p->pass->n_given; i++) p->given[p->pass->given[i].node] = 1;
    sn_graph_stand(g, p->pass->arch, p->given, p->stands);
    if (resolve(p, target) == SN_NOTHING) return sn_error(SN_FAIL, "node '%s' is nothing in this arch", g->node[target].name);
    mark_live(p, resolve(p, target));
    mark_claims(p);
    take_given(p);
    for (int i = 0; i < g->n; i++)
        if (p->live[i] && !p->given[i]) SN_TRY(lower_node(p, i));
    if (p->pass->target >= 0) { // the value's tensor is written to pass->out
        reading r = p->value[resolve(p, target)];
        p->tensors[r.tensor].readers++; // the caller
        p->target = -1;
        for (int i = 0; i < p->n_ops; i++)
            if (p->ops[i].out == r.tensor) p->target = p->ops[i].node;
    }
    SN_TRY(plan_forward(p));
    if (p->pass->gradients) SN_TRY(plan_backward(p));
    if (p->pass->target >= 0) {
        reading r = p->value[resolve(p, target)];
        p->plan->target = p->tensors[r.tensor].value;
        p->plan->target.act = r.act;
    }
    p->plan->arena = p->arena.peak;
    return SN_OK;
}

// The planner's lists in one piece of memory, which p->live begins.
static sn_status allocate(planner *p) {
    const sn_graph *g = p->graph;
    size_t n = (size_t)g->n, m = 2 * n + (size_t)p->pass->n_given, inputs = m, most = 1;
    for (int i = 0; i < g->n; i++) {
        size_t k = (size_t)g->node[i].n_in;
        inputs += k;
        if (k > most) most = k;
    }
    struct {
        void *list;
        size_t n, size;
    } lists[] = {{&p->live, n, sizeof *p->live},          {&p->given, n, sizeof *p->given},
                 {&p->stands, n, sizeof *p->stands},      {&p->uses, n, sizeof *p->uses},
                 {&p->claim, n, sizeof *p->claim},        {&p->value, n, sizeof *p->value},
                 {&p->shape, n, sizeof *p->shape},        {&p->in_shape, most, sizeof *p->in_shape},
                 {&p->tensors, m, sizeof *p->tensors},    {&p->ops, m, sizeof *p->ops},
                 {&p->inputs, inputs, sizeof *p->inputs}, {&p->gradients, 2 * m, sizeof *p->gradients}};
    size_t bytes = 0;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) bytes += (size_t)sn_aligned((int64_t)(lists[i].n * lists[i].size));
    char *at = sn_new(1, bytes);
    if (!at) return SN_RESOURCE;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        memcpy(lists[i].list, &at, sizeof at);
        at += sn_aligned((int64_t)(lists[i].n * lists[i].size));
    }
    for (size_t i = 0; i < n; i++) p->claim[i] = -1, p->value[i].tensor = -1;
    return SN_OK;
}

sn_status sn_plan_make(const sn_graph *g, const sn_backend *backend, const sn_pass *pass, sn_plan *out) {
    planner p = {.graph = g, .backend = backend, .pass = pass, .plan = out, .target = -1};
    double start = sn_now();
    sn_plan_clear(out);
    out->batch = pass->batch;
    sn_arena_reset(&p.arena, pass->reserved);
    sn_status s = allocate(&p);
    if (s == SN_OK) s = make(&p);
    free(p.live);
    sn_arena_free(&p.arena);
    out->seconds = sn_now() - start;
    return s;
}

void sn_plan_free(sn_plan *plan) {
    free(plan->call);
    free(plan->node);
    free(plan->launch);
    free(plan->part);
    *plan = (sn_plan){0};
}
