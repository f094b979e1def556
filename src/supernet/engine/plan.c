// Makes the plan of a pass; see plan.h. Here the nodes that the pass needs become ops on tensors: choices and aliases are gone,
// BN, bias and activation nodes are ways to read. Not here: placement (arena.c), kernels. Next: planner.h, plan_forward.c.
#include "base/clock.h"
#include "supernet/engine/planner.h"

#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------- values: data, and vectors apart from them
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
    plan->n_calls = plan->n_launches = plan->n_parts = plan->n_gates = 0;
    plan->arena = plan->weights = 0;
    plan->scratch = 0;
    plan->images = plan->loss = plan->rank = plan->score = SN_NONE;
}

sn_status sn_planner_emit(planner *p, sn_call call, int node) {
    sn_status s = sn_backend_choose(p->backend, &call);
    if (s != SN_OK) return sn_error_prefix(s, "node '%s'", p->graph->node[node].name);
    int64_t work = call.impl->work ? call.impl->work(&call) : 0;
    if (work) SN_TRY(sn_arena_take(&p->arena, work, &call.work));
    SN_TRY(sn_plan_add(p->plan, p->backend, &call, false));
    p->plan->node[p->plan->n_calls - 1] = node;
    return work ? sn_arena_give(&p->arena, call.work, work) : SN_OK;
}

sn_status sn_planner_use(planner *p, int node) {
    sn_plan *plan = p->plan;
    int n = sn_node_parts(p->graph, &p->graph->node[node], NULL);
    SN_TRY(sn_grow(&plan->part, &plan->part_capacity, (size_t)(plan->n_parts + n), sizeof *plan->part));
    plan->n_parts += sn_node_parts(p->graph, &p->graph->node[node], plan->part + plan->n_parts);
    return SN_OK;
}

// ---------------------------------------------------------------- which nodes, who reads what
// What input k of a live node stands for; of a choice that is live, the options that are not active are nothing.
static int input_of(const planner *p, const sn_node *n, int k) {
    if (n->kind == SN_NODE_CHOICE && !(p->pass->gates->active[n->decision] >> k & 1)) return SN_NOTHING;
    return resolve(p, n->in[k]);
}

// A choice that only a sum reads: its terms are the sum's.
static bool inlined(const planner *p, int node) {
    return p->graph->node[node].kind == SN_NODE_CHOICE && p->uses[node] == 1 && p->in_sum[node];
}

static void mark_live(planner *p, int target) {
    p->live[target] = 1;
    for (int i = target; i >= 0; i--) {
        const sn_node *n = &p->graph->node[i];
        if (!p->live[i] || p->given[i]) continue;
        for (int k = 0; k < n->n_in; k++) {
            int r = input_of(p, n, k);
            if (r == SN_NOTHING) continue;
            p->live[r] = 1;
            p->uses[r]++;
            p->in_sum[r] |= n->kind == SN_NODE_SUM;
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
        bool stores = sn_node_stores(&p->graph->node[r]) || p->graph->node[r].kind == SN_NODE_CHOICE;
        if (stores && p->uses[r] == 1 && !p->given[r]) p->claim[r] = i;
    }
}

// ---------------------------------------------------------------- from nodes to ops
// Adds an op and its output tensor (none for the loss); counts readers. Places come later, when all readers are known.
// The inputs are copied to the end of p->inputs, where they may stand already.
static int add_op(planner *p, int node, int bn, const reading *in, int n_in) {
    int out = p->graph->node[node].kind == SN_NODE_LOSS ? -1 : p->n_tensors++;
    if (out >= 0) p->tensors[out] = (tensor){.bn = bn, .dy = -1, .gate = -1, .slot = -1, .again = -1};
    op *o = &p->ops[p->n_ops++];
    *o = (op){.node = node, .out = out, .in = p->inputs + p->n_inputs, .n_in = n_in};
    for (int k = 0; k < n_in; k++) {
        p->inputs[p->n_inputs++] = in[k];
        p->tensors[in[k].tensor].readers++;
        if (out >= 0) p->tensors[out].below |= in[k].slot >= 0 || p->tensors[in[k].tensor].below;
    }
    return out;
}

// The value written out as a tensor of its own, read through bn (or plainly).
static reading materialise(planner *p, int node, reading x, int bn) {
    return read_as(add_op(p, node, bn, &x, 1), SN_LINEAR);
}

static sn_status infer_shape(planner *p, int i) {
    const sn_node *n = &p->graph->node[i];
    for (int k = 0; n->kind == SN_NODE_CHOICE && k < n->n_in; k++) {
        int r = input_of(p, n, k);
        if (r != SN_NOTHING) return p->shape[i] = p->shape[r], SN_OK;
    }
    for (int k = 0; k < n->n_in; k++) p->in_shape[k] = input_shape(p, n, k);
    return sn_node_shape(p->graph, n, p->in_shape, &p->shape[i]);
}

// The terms of a choice that is weighed: its active options with their gates, and a place for each gradient that is wanted.
static sn_status add_options(planner *p, const sn_node *n, reading *in, int *n_in) {
    const sn_gates *g = p->pass->gates;
    sn_plan *plan = p->plan;
    for (int k = 0; k < n->n_in; k++) {
        int r = input_of(p, n, k);
        if (r == SN_NOTHING) continue;
        reading x = p->value[r];
        x.gate = g->first[n->decision] + k;
        if (p->pass->gate_gradients && g->learned[n->decision]) {
            SN_TRY(sn_grow(&plan->gate_place, &plan->gate_capacity, (size_t)plan->n_gates + 1, sizeof *plan->gate_place));
            plan->gate_place[plan->n_gates] = x.gate;
            x.slot = plan->n_gates++;
        }
        in[(*n_in)++] = x;
    }
    return SN_OK;
}

static sn_status lower_sum(planner *p, int i) {
    const sn_node *n = &p->graph->node[i];
    reading *in = p->inputs + p->n_inputs;
    int n_in = 0;
    if (inlined(p, i)) return SN_OK; // its reader does it
    if (n->kind == SN_NODE_CHOICE) {
        SN_TRY(add_options(p, n, in, &n_in));
    } else {
        for (int k = 0; k < n->n_in; k++) {
            int r = resolve(p, n->in[k]);
            if (r == SN_NOTHING) continue;
            if (inlined(p, r))
                SN_TRY(add_options(p, &p->graph->node[r], in, &n_in));
            else
                in[n_in++] = p->value[r];
        }
    }
    p->value[i] = read_as(add_op(p, i, p->claim[i], in, n_in), SN_LINEAR);
    return SN_OK;
}

// A gate of a BN that nobody else reads, and linearly, is in the BN's vectors: scale and shift take it, and the sums over the
// gradient that the BN needs give the gate's (docs/views.md).
static void fold_gates(planner *p) {
    for (int i = 0; i < p->n_inputs; i++) {
        reading *r = &p->inputs[i];
        tensor *t = &p->tensors[r->tensor];
        bool bn = t->bn >= 0 && p->graph->node[t->bn].kind == SN_NODE_BN;
        if (r->gate < 0 || !bn || t->readers != 1 || r->act != SN_LINEAR) continue;
        r->folded = true;
        t->gate = r->gate, t->slot = r->slot;
    }
}

// What is cheap to compute and large to keep: depthwise convolutions, of what is kept itself.
static void choose_again(planner *p) {
    if (!p->pass->recompute || !has_backward(p)) return;
    for (int i = 0; i < p->n_ops; i++) {
        const op *o = &p->ops[i];
        const sn_node *n = &p->graph->node[o->node];
        bool depthwise = n->kind == SN_NODE_CONV && n->groups > 1 && n->groups == n->out;
        if (depthwise && p->tensors[o->in[0].tensor].again < 0) p->tensors[o->out].again = i;
        if (n->kind == SN_NODE_LOSS) p->tensors[o->in[0].tensor].again = -1; // the caller may read the logits
    }
}

static sn_status lower_node(planner *p, int i) {
    const sn_node *n = &p->graph->node[i];
    SN_TRY(infer_shape(p, i));
    int first = n->n_in ? resolve(p, n->in[0]) : SN_NOTHING;
    reading x = first == SN_NOTHING ? read_as(-1, SN_LINEAR) : p->value[first];
    if (x.tensor < 0 && n->kind == SN_NODE_LOSS) return sn_error(SN_FAIL, "'%s' reads nothing in this arch", n->name);
    if (x.tensor < 0 && n->kind == SN_NODE_BIAS) {
        p->value[i] = read_as(add_op(p, i, i, NULL, 0), SN_LINEAR);
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
    default:
        return lower_sum(p, i);
    }
}

// ---------------------------------------------------------------- the whole
static void take_given(planner *p) {
    for (int i = 0; i < p->pass->n_given; i++) {
        const sn_given *g = &p->pass->given[i];
        sn_value v = g->value;
        v.act = SN_LINEAR;
        p->tensors[p->n_tensors] = (tensor){.value = v, .bn = -1, .dy = -1, .gate = -1, .slot = -1, .again = -1};
        p->value[g->node] = read_as(p->n_tensors++, g->value.act);
        p->shape[g->node] = (sn_shape){g->value.c, p->graph->node[g->node].h, p->graph->node[g->node].w};
    }
}

static sn_status make(planner *p) {
    const sn_graph *g = p->graph;
    int target = p->pass->target < 0 ? g->loss : p->pass->target;
    for (int i = 0; i < p->pass->n_given; i++) p->given[p->pass->given[i].node] = 1;
    if (p->pass->arch)
        sn_graph_stand(g, p->pass->arch, p->given, p->stands);
    else
        sn_graph_stand_mixed(g, p->pass->gates, p->pass->gate_gradients, p->given, p->stands);
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
    fold_gates(p);
    choose_again(p);
    SN_TRY(sn_planner_forward(p));
    if (has_backward(p)) SN_TRY(sn_planner_backward(p));
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
    } lists[] = {{&p->live, n, sizeof *p->live},
                 {&p->given, n, sizeof *p->given},
                 {&p->stands, n, sizeof *p->stands},
                 {&p->uses, n, sizeof *p->uses},
                 {&p->in_sum, n, sizeof *p->in_sum},
                 {&p->claim, n, sizeof *p->claim},
                 {&p->rooms, n, sizeof *p->rooms},
                 {&p->weights, n, sizeof *p->weights},
                 {&p->value, n, sizeof *p->value},
                 {&p->shape, n, sizeof *p->shape},
                 {&p->in_shape, most, sizeof *p->in_shape},
                 {&p->tensors, m, sizeof *p->tensors},
                 {&p->ops, m, sizeof *p->ops},
                 {&p->inputs, inputs, sizeof *p->inputs},
                 {&p->gradients, 2 * m, sizeof *p->gradients}};
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
    sn_arena_reset(&p.room, g->params.total);
    sn_status s = allocate(&p);
    if (s == SN_OK) s = make(&p);
    free(p.live);
    sn_arena_free(&p.arena);
    sn_arena_free(&p.room);
    out->seconds = sn_now() - start;
    return s;
}

void sn_plan_free(sn_plan *plan) {
    free(plan->call);
    free(plan->node);
    free(plan->launch);
    free(plan->part);
    free(plan->gate_place);
    *plan = (sn_plan){0};
}
