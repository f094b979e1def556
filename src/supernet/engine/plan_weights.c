// Kernels that are parts of parameters: gathered into room behind all parameters, and made smaller by matrices, before the
// convolution; its gradient goes the other way. What lies in memory as the convolution wants it is used where it is. See
// planner.h. Not here: which parts a node uses (space/graph.h), the arithmetic (kernels/ref/gather.c). Next: plan_backward.c.
#include "supernet/engine/planner.h"

// The dense kernels that lead to that of a node, one behind the other in one room: the first is gathered, each next one is made
// of the one before by a matrix.
enum { MOST_KERNELS = 8 };
typedef struct {
    int n;
    int side[MOST_KERNELS];
    sn_off at[MOST_KERNELS]; // from the room's start on
    int64_t columns, size;
} kernels;

static kernels kernels_of(const sn_graph *g, const sn_node *n) {
    sn_extent piece = sn_node_extent(g, n);
    const sn_param *p = &g->params.param[n->weight];
    kernels k = {.columns = (int64_t)piece.in * piece.out};
    int matrices = sn_node_matrices(g, n);
    if (matrices) k.side[k.n++] = p->sides.end[p->sides.n - 2];
    for (int i = 1; i < matrices; i++) k.side[k.n++] = p->sides.end[p->sides.n - 1 - i];
    k.side[k.n++] = piece.kernel;
    for (int i = 0; i < k.n; i++) {
        k.at[i] = k.size;
        k.size += sn_aligned((int64_t)k.side[i] * k.side[i] * k.columns);
    }
    return k;
}

static bool in_place(const sn_graph *g, const sn_node *n) {
    return !sn_node_matrices(g, n) && sn_param_dense(&g->params.param[n->weight], sn_node_extent(g, n));
}

int64_t sn_node_room(const sn_graph *g, const sn_node *n) {
    return n->kind != SN_NODE_CONV || in_place(g, n) ? 0 : kernels_of(g, n).size;
}

static sn_status add(sn_plan *plan, const sn_backend *backend, int node, sn_call call, bool join) {
    SN_TRY(sn_plan_add(plan, backend, &call, join));
    plan->node[plan->n_calls - 1] = node;
    return SN_OK;
}

// Between the first of the kernels and the atoms of the weight.
static sn_status add_atoms(sn_plan *plan, const sn_graph *g, const sn_backend *backend, int node, sn_kernel kernel, sn_off room) {
    const sn_node *n = &g->node[node];
    const sn_param *p = &g->params.param[n->weight];
    kernels k = kernels_of(g, n);
    sn_extent piece = sn_node_extent(g, n);
    for (int i = 0, first = 1; i < p->atoms; i++) {
        sn_atom a = sn_param_atom(p, i);
        if (a.side > k.side[0] || a.in >= piece.in || a.out >= piece.out) continue;
        sn_gather c = {a.inner, a.side, a.in, a.ins, a.out, a.outs, k.side[0], piece.in, piece.out, p->offset + a.at, room};
        SN_TRY(add(plan, backend, node, (sn_call){.kernel = kernel, .as.gather = c}, !first));
        first = 0;
    }
    return SN_OK;
}

// The kernel behind the ith made of that, or its gradient handed on to it.
static sn_call matrix_call(const sn_graph *g, int node, sn_kernel kernel, int i, sn_off room) {
    const sn_node *n = &g->node[node];
    const sn_param *m = &g->params.param[g->params.param[n->weight].matrix + i];
    kernels k = kernels_of(g, n);
    sn_transform t = {k.side[i], k.side[i + 1], k.columns, m->offset, room + k.at[i], room + k.at[i + 1]};
    return (sn_call){.kernel = kernel, .as.transform_forward = t};
}

sn_status sn_plan_weight(sn_plan *plan, const sn_graph *g, const sn_backend *backend, int node, sn_off room, sn_off *w) {
    const sn_node *n = &g->node[node];
    kernels k = kernels_of(g, n);
    *w = g->params.param[n->weight].offset;
    if (in_place(g, n)) return SN_OK;
    SN_TRY(add_atoms(plan, g, backend, node, SN_GATHER, room));
    for (int i = 0; i + 1 < k.n; i++)
        SN_TRY(add(plan, backend, node, matrix_call(g, node, SN_TRANSFORM_FORWARD, i, room), false));
    *w = room + k.at[k.n - 1];
    if (room + k.size > plan->weights) plan->weights = room + k.size;
    return SN_OK;
}

// ---------------------------------------------------------------- in a pass
sn_status sn_planner_weight(planner *p, int node) {
    int64_t size = sn_node_room(p->graph, &p->graph->node[node]);
    SN_TRY(sn_arena_take(&p->room, size, &p->rooms[node]));
    return sn_plan_weight(p->plan, p->graph, p->backend, node, p->rooms[node], &p->weights[node]);
}

sn_status sn_planner_drop_weight(planner *p, int node) {
    return sn_arena_give(&p->room, p->rooms[node], sn_node_room(p->graph, &p->graph->node[node]));
}

sn_status sn_planner_begin_weight_gradient(planner *p, int node) {
    int64_t size = sn_node_room(p->graph, &p->graph->node[node]);
    if (!size) return SN_OK;
    sn_fill fill = {{p->rooms[node], size, 1, size}};
    return add(p->plan, p->backend, node, (sn_call){.kernel = SN_FILL, .as.fill = fill}, false);
}

sn_status sn_planner_end_weight_gradient(planner *p, int node) {
    const sn_node *n = &p->graph->node[node];
    if (in_place(p->graph, n)) return SN_OK;
    for (int i = kernels_of(p->graph, n).n - 2; i >= 0; i--)
        SN_TRY(sn_planner_emit(p, matrix_call(p->graph, node, SN_TRANSFORM_BACKWARD, i, p->rooms[node]), node));
    return add_atoms(p->plan, p->graph, p->backend, node, SN_SCATTER, p->rooms[node]);
}
