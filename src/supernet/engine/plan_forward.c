// The forward half of a plan: tensors placed in the order of the ops, views resolved, one call per primitive; see planner.h.
// Not here: which ops there are (plan.c). Next: plan_backward.c.
#include "supernet/engine/planner.h"

static sn_stat stat_of(const planner *p, int t) {
    const tensor *x = &p->tensors[t];
    bool wanted = x->bn >= 0 && p->graph->node[x->bn].kind == SN_NODE_BN && p->pass->bn == SN_BN_BATCH;
    return wanted ? (sn_stat){vector_of(&x->value, MEAN), vector_of(&x->value, M2)} : (sn_stat){SN_NONE, SN_NONE};
}

// Places the op's output; the tensor got its number and readers in lower_node.
static sn_status place_output(planner *p, const op *o) {
    const sn_node *n = &p->graph->node[o->node];
    const sn_shape *s = &p->shape[o->node];
    tensor *t = &p->tensors[o->out];
    t->value = (sn_value){.rows = (int64_t)p->pass->batch * s->h * s->w, .c = s->c, .viewed = t->bn >= 0, .act = SN_LINEAR};
    t->wants_gradient = p->pass->gradients ? n->kind != SN_NODE_INPUT : p->pass->gate_gradients && t->below;
    if (o->node == p->target) {
        sn_value at = sn_value_at(p->pass->out, t->value.rows, s->c);
        t->value.data = at.data, t->value.vectors = at.vectors;
        return SN_OK;
    }
    int vectors = t->bn < 0 ? 0 : has_backward(p) ? TRAINING_VECTORS : SCORING_VECTORS;
    t->elements = t->value.rows * s->c;
    t->vectors = vectors * sn_aligned(s->c);
    SN_TRY(sn_arena_take(&p->arena, t->elements, &t->value.data));
    return sn_arena_take(&p->arena, t->vectors, &t->value.vectors);
}

static sn_status drop_data(planner *p, tensor *t) {
    if (t->elements) SN_TRY(sn_arena_give(&p->arena, t->value.data, t->elements));
    t->elements = 0;
    return SN_OK;
}

sn_status sn_planner_drop(planner *p, tensor *t) {
    SN_TRY(drop_data(p, t));
    if (t->vectors) SN_TRY(sn_arena_give(&p->arena, t->value.vectors, t->vectors));
    t->vectors = 0;
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
    if (x->gate >= 0) bn.gated = 1, bn.gate = p->pass->gates->gate[x->gate];
    SN_TRY(sn_planner_use(p, x->bn));
    return sn_planner_emit(p, (sn_call){.kernel = SN_BN_FORWARD, .as.bn_forward = bn}, x->bn);
}

// When its last reader has run a tensor goes in a pass without gradients; else the data of what will be computed again.
static sn_status drop_read(planner *p, const op *o) {
    for (int k = 0; k < o->n_in; k++) {
        tensor *x = &p->tensors[o->in[k].tensor];
        if (--x->left) continue;
        if (!has_backward(p)) SN_TRY(sn_planner_drop(p, x));
        if (x->again >= 0) SN_TRY(drop_data(p, x));
    }
    return SN_OK;
}

sn_status sn_planner_loss(planner *p, const op *o, sn_into into) {
    p->tensors[o->in[0].tensor].elements = p->tensors[o->in[0].tensor].vectors =
        0; // stays until the end: the caller may read the logits
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
    SN_TRY(sn_planner_emit(p, (sn_call){.kernel = SN_LOSS, .as.loss = l}, o->node));
    SN_TRY(sn_arena_take(&p->arena, SN_RESULT_ELEMENTS, &p->plan->score));
    sn_score_call score = {p->pass->batch, p->plan->loss, p->plan->rank, p->plan->score};
    return sn_planner_emit(p, (sn_call){.kernel = SN_SCORE, .as.score = score}, o->node);
}

// A record holds SN_SUM_INPUTS views; a sum of more goes on from what was written so far, with the same bits. One of none is 0.
static sn_status emit_sum(planner *p, const op *o) {
    const sn_value *y = &p->tensors[o->out].value;
    const sn_view so_far = {y->data, SN_NONE, SN_NONE, SN_NONE, SN_LINEAR};
    int k = 0;
    do {
        sn_sum_forward s = {.rows = y->rows, .c = y->c, .y = y->data, .stat = {SN_NONE, SN_NONE}};
        if (k) s.gate[s.inputs] = 1, s.x[s.inputs++] = so_far;
        while (k < o->n_in && s.inputs < SN_SUM_INPUTS) {
            double gate = gate_of(p, &o->in[k]);
            if (gate != 1) s.gated = 1;
            s.gate[s.inputs] = gate, s.x[s.inputs++] = view_of(p, o->in[k].tensor, o->in[k].act);
            k++;
        }
        if (k == o->n_in) s.stat = stat_of(p, o->out);
        SN_TRY(sn_planner_emit(p, (sn_call){.kernel = SN_SUM_FORWARD, .as.sum_forward = s}, o->node));
    } while (k < o->n_in);
    return SN_OK;
}

sn_place_size sn_planner_place(const planner *p, const op *o, int k, int *at) {
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
        sn_place_forward c = {sn_planner_place(p, o, k, &at), zeros, y->data, stat_of(p, o->out)};
        if (resolve(p, n->in[k]) != SN_NOTHING) c.x = view_of(p, o->in[read].tensor, o->in[read].act), read++;
        c.y += at;
        if (c.stat.mean != SN_NONE) c.stat.mean += at, c.stat.m2 += at;
        SN_TRY(sn_planner_emit(p, (sn_call){.kernel = SN_PLACE_FORWARD, .as.place_forward = c}, o->node));
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
        SN_TRY(sn_planner_use(p, o->node));
        SN_TRY(sn_planner_weight(p, o->node));
        c.kernel = SN_CONV_FORWARD;
        c.as.conv_forward = (sn_conv_forward){conv_size(p, o->node), x, p->weights[o->node], y, stat};
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
        if (p->tensors[o->in[0].tensor].wants_gradient) return SN_OK; // comes with its gradient, first in backward
        SN_TRY(sn_planner_loss(p, o, (sn_into){x, SN_NONE, SN_NONE, SN_NONE, SN_NONE}));
        return drop_read(p, o);
    default: // a sum, a mixture, or the copy of a BN's or activation's input
        SN_TRY(emit_sum(p, o));
    }
    if (c.kernel != SN_KERNELS) SN_TRY(sn_planner_emit(p, c, o->node));
    SN_TRY(emit_bn(p, o->out));
    if (n->kind == SN_NODE_CONV && !has_backward(p)) SN_TRY(sn_planner_drop_weight(p, o->node));
    return drop_read(p, o);
}

sn_status sn_planner_again(planner *p, int number) {
    tensor *t = &p->tensors[number];
    if (t->again < 0 || t->elements) return SN_OK;
    const op *o = &p->ops[t->again];
    sn_conv_forward conv = {
        conv_size(p, o->node), view_of(p, o->in[0].tensor, o->in[0].act), p->weights[o->node], SN_NONE, {SN_NONE, SN_NONE}};
    t->elements = t->value.rows * t->value.c;
    SN_TRY(sn_arena_take(&p->arena, t->elements, &t->value.data));
    conv.y = t->value.data;
    return sn_planner_emit(p, (sn_call){.kernel = SN_CONV_FORWARD, .as.conv_forward = conv}, o->node);
}

sn_status sn_planner_forward(planner *p) {
    SN_TRY(sn_arena_take(&p->arena, (int64_t)p->plan->n_gates * SN_GATE_ELEMENTS, &p->plan->gates));
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
