// The backward half of a plan: the ops in reverse. The rules are docs/views.md: one dy per tensor, the last reader reduces, a sum
// passes its gradient on without copying. See planner.h. Next: arena.c.
#include "supernet/engine/planner.h"

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

static sn_off gate_gradient(const planner *p, int slot) {
    return slot < 0 ? SN_NONE : p->plan->gates + slot * SN_GATE_ELEMENTS;
}

// After the last reader: gradients of gamma and beta, and the coefficients of the tensor's own gradient.
static sn_status emit_bn_backward(planner *p, int t) {
    const tensor *x = &p->tensors[t];
    if (x->left || x->bn < 0) return SN_OK;
    const sn_node *n = &p->graph->node[x->bn];
    const sn_value *v = &x->value;
    sn_bn_backward b = {.c = v->c, .rows = v->rows, .mode = n->kind == SN_NODE_BIAS ? SN_BN_BIAS : p->pass->bn};
    b.sum_dy = vector_of(v, SUM_DY), b.sum_dyx = vector_of(v, SUM_DYX), b.scale = vector_of(v, SCALE), b.inv = vector_of(v, INV);
    b.gamma = weight_offset(p, n->weight), b.beta = weight_offset(p, n->bias);
    b.dgamma = p->pass->gradients ? b.gamma : SN_NONE, b.dbeta = p->pass->gradients ? b.beta : SN_NONE;
    b.dgate = gate_gradient(p, x->slot);
    if (x->gate >= 0) b.gated = 1, b.gate = p->pass->gates->gate[x->gate];
    b.a = vector_of(v, COEF_A), b.b = vector_of(v, COEF_B), b.cc = vector_of(v, COEF_C);
    return sn_planner_emit(p, (sn_call){.kernel = SN_BN_BACKWARD, .as.bn_backward = b}, x->bn);
}

// A sum's gradient is its inputs': lent where the input has none yet and is read linearly. Then only the sums for a BN need a
// pass.
static sn_status sum_input_backward(planner *p, const op *o, int k) {
    int t = o->in[k].tensor;
    tensor *x = &p->tensors[t];
    sn_grad g = grad_of(p, o->out);
    sn_call c = {.kernel = SN_SUM_BACKWARD, .as.sum_backward = {.rows = x->value.rows, .c = x->value.c, .g = g}};
    double gate = gate_of(p, &o->in[k]);
    if (gate != 1) c.as.sum_backward.gated = 1, c.as.sum_backward.gate = gate;
    if (x->dy >= 0 || o->in[k].act != SN_LINEAR || g.a != SN_NONE || gate != 1) {
        SN_TRY(next_into(p, t, o->in[k].act, &c.as.sum_backward.into));
        return sn_planner_emit(p, c, o->node);
    }
    x->dy = p->tensors[o->out].dy;
    p->gradients[x->dy].users++;
    if (--x->left || x->bn < 0) return SN_OK;
    bool bn = p->graph->node[x->bn].kind == SN_NODE_BN;
    c.as.sum_backward.into = (sn_into){view_of(p, t, SN_LINEAR), SN_NONE, SN_NONE, vector_of(&x->value, SUM_DY),
                                       bn ? vector_of(&x->value, SUM_DYX) : SN_NONE};
    return sn_planner_emit(p, c, o->node);
}

// The input that the kth read of a place is.
static int place_input(const planner *p, const op *o, int k) {
    const sn_node *n = &p->graph->node[o->node];
    for (int i = 0;; i++)
        if (resolve(p, n->in[i]) != SN_NOTHING && k-- == 0) return i;
}

static sn_status place_input_backward(planner *p, const op *o, int k) {
    int at;
    sn_place_backward c = {sn_planner_place(p, o, place_input(p, o, k), &at), grad_of(p, o->out), {{0}, 0, 0, 0, 0}};
    c.g.dy += at;
    if (c.g.a != SN_NONE) c.g.x += at, c.g.mean += at, c.g.a += at, c.g.b += at, c.g.c += at;
    SN_TRY(next_into(p, o->in[k].tensor, o->in[k].act, &c.into));
    return sn_planner_emit(p, (sn_call){.kernel = SN_PLACE_BACKWARD, .as.place_backward = c}, o->node);
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
    return sn_planner_emit(p, call, o->node);
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
        c.as.conv_backward_data = (sn_conv_backward_data){conv_size(p, o->node), g, p->weights[o->node], into};
    } else if (n->kind == SN_NODE_POOL) {
        c.kernel = SN_POOL_BACKWARD;
        c.as.pool_backward = (sn_pool_backward){pool_size(p, o->node), g, into};
    } else if (n->kind == SN_NODE_MEAN) {
        c.kernel = SN_MEAN_BACKWARD;
        c.as.mean_backward = (sn_mean_backward){p->pass->batch, mean_pixels(p, o), p->shape[o->node].c, g, into};
    } else {
        return sn_planner_loss(p, o, into);
    }
    return sn_planner_emit(p, c, o->node);
}

// The gradient of a gate that no BN holds.
static sn_status gate_backward(planner *p, const op *o, int k) {
    const reading *r = &o->in[k];
    if (r->slot < 0 || r->folded) return SN_OK;
    const sn_value *v = &p->tensors[r->tensor].value;
    sn_gate_backward g = {v->rows, v->c, grad_of(p, o->out), view_of(p, r->tensor, r->act), gate_gradient(p, r->slot)};
    return sn_planner_emit(p, (sn_call){.kernel = SN_GATE_BACKWARD, .as.gate_backward = g}, o->node);
}

// Whether the value of an input is read, beside its gradient being made.
static bool reads_value(const planner *p, const op *o, const reading *r) {
    bool conv = p->graph->node[o->node].kind == SN_NODE_CONV;
    return !conv || p->pass->gradients || r->act != SN_LINEAR || p->tensors[r->tensor].bn >= 0;
}

static sn_status op_backward(planner *p, const op *o) {
    const sn_node *n = &p->graph->node[o->node];
    for (int k = 0; k < o->n_in; k++)
        if (reads_value(p, o, &o->in[k])) SN_TRY(sn_planner_again(p, o->in[k].tensor));
    if (n->kind == SN_NODE_CONV && p->pass->gradients) {
        sn_conv_backward_weights w = {conv_size(p, o->node), grad_of(p, o->out), view_of(p, o->in[0].tensor, o->in[0].act),
                                      p->weights[o->node]};
        SN_TRY(sn_planner_begin_weight_gradient(p, o->node));
        SN_TRY(sn_planner_emit(p, (sn_call){.kernel = SN_CONV_BACKWARD_WEIGHTS, .as.conv_backward_weights = w}, o->node));
        SN_TRY(sn_planner_end_weight_gradient(p, o->node));
    }
    for (int k = 0; k < o->n_in; k++) {
        const tensor *x = &p->tensors[o->in[k].tensor];
        SN_TRY(gate_backward(p, o, k));
        if (!x->wants_gradient && x->slot < 0) continue; // a BN with a gate has sums to take
        SN_TRY(input_backward(p, o, k));
        SN_TRY(emit_bn_backward(p, o->in[k].tensor));
    }
    if (n->kind == SN_NODE_CONV) SN_TRY(sn_planner_drop_weight(p, o->node));
    if (o->out < 0) return SN_OK;
    tensor *t = &p->tensors[o->out];
    SN_TRY(release_gradient(p, t->dy));
    t->dy = -1;
    return sn_planner_drop(p, t);
}

sn_status sn_planner_backward(planner *p) {
    for (int i = 0; i < p->n_tensors; i++) p->tensors[i].left = p->tensors[i].readers;
    for (int i = p->n_ops - 1; i >= 0; i--) SN_TRY(op_backward(p, &p->ops[i]));
    return SN_OK;
}
