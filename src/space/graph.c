// Shapes of nodes and walks over a graph; see graph.h. Not here: building (build.c), where tensors live (plan.c).
#include "space/graph.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------- shapes
static int strided(int size, int stride) { // "same" padding: a window at every stride-th pixel
    return (size + stride - 1) / stride;
}

static bool same_shape(sn_shape a, sn_shape b) {
    return a.c == b.c && a.h == b.h && a.w == b.w;
}

static sn_status sum_shape(const sn_graph *g, const sn_node *n, const sn_shape *in, sn_shape *out) {
    for (int k = 1; k < n->n_in; k++)
        if (!same_shape(in[0], in[k]))
            return sn_error(
                SN_CONFIG, "sum '%s' cannot join '%s' of %d x %d x %d with '%s' of %d x %d x %d (channels x height x width)",
                n->name, g->node[n->in[0]].name, in[0].c, in[0].h, in[0].w, g->node[n->in[k]].name, in[k].c, in[k].h, in[k].w);
    *out = in[0];
    return SN_OK;
}

sn_status sn_node_shape(const sn_graph *g, const sn_node *n, const sn_shape *in, sn_shape *out) {
    switch (n->kind) {
    case SN_NODE_INPUT:
        *out = (sn_shape){n->c, n->h, n->w};
        return SN_OK;
    case SN_NODE_CONV:
        if (in->c % n->groups || n->out % n->groups)
            return sn_error(SN_CONFIG, "conv '%s': %d input and %d output channels cannot be cut into %d groups", n->name, in->c,
                            n->out, n->groups);
        *out = (sn_shape){n->out, strided(in->h, n->stride), strided(in->w, n->stride)};
        return SN_OK;
    case SN_NODE_POOL:
        *out = (sn_shape){in->c, strided(in->h, n->stride), strided(in->w, n->stride)};
        return SN_OK;
    case SN_NODE_MEAN:
        *out = (sn_shape){in->c, 1, 1};
        return SN_OK;
    case SN_NODE_SUM:
        return sum_shape(g, n, in, out);
    case SN_NODE_CHOICE: {
        int first = 0;
        while (n->in[first] < 0) first++;
        *out = in[first];
        return SN_OK;
    }
    default: // a view, the loss
        *out = *in;
        return SN_OK;
    }
}

int sn_node_parts(const sn_graph *g, const sn_node *n, sn_part out[SN_NODE_PARTS]) {
    const int params[SN_NODE_PARTS] = {n->weight, n->bias};
    int parts = 0;
    for (int i = 0; i < SN_NODE_PARTS; i++) {
        if (params[i] < 0) continue;
        const sn_param *p = &g->params.param[params[i]];
        out[parts++] = (sn_part){params[i], p->offset, p->size, 1, p->size};
    }
    return parts;
}

// ---------------------------------------------------------------- walks
void sn_graph_free(sn_graph *g) {
    if (!g) return;
    for (int i = 0; i < g->n; i++) {
        free(g->node[i].name);
        free(g->node[i].in);
    }
    free(g->node);
    sn_params_free(&g->params);
    free(g);
}

int sn_graph_resolve(const sn_graph *g, const sn_arch *a, int node) {
    while (g->node[node].kind == SN_NODE_CHOICE) node = g->node[node].in[a->option[g->node[node].decision]];
    return node;
}

void sn_graph_live(const sn_graph *g, const sn_arch *a, uint8_t *live) {
    memset(live, 0, (size_t)g->n);
    live[g->loss] = 1;
    for (int i = g->n - 1; i >= 0; i--) {
        const sn_node *n = &g->node[i];
        if (!live[i]) continue;
        if (n->kind == SN_NODE_CHOICE)
            live[n->in[a->option[n->decision]]] = 1;
        else
            for (int k = 0; k < n->n_in; k++) live[n->in[k]] = 1;
    }
}

bool sn_node_stores(const sn_node *n) {
    return n->kind == SN_NODE_INPUT || n->kind == SN_NODE_CONV || n->kind == SN_NODE_POOL || n->kind == SN_NODE_MEAN ||
           n->kind == SN_NODE_SUM;
}

uint64_t sn_node_hash(const sn_node *n, bool with_names) {
    const int field[] = {(int)n->kind,
                         n->c,
                         n->h,
                         n->w,
                         n->kernel,
                         n->stride,
                         n->pad,
                         n->dilation,
                         n->groups,
                         n->mode,
                         n->n_in,
                         with_names ? n->weight : 0,
                         with_names ? n->bias : 0,
                         with_names ? n->stats : 0};
    uint64_t h = 1;
    for (size_t i = 0; i < sizeof field / sizeof *field; i++) h = sn_hash_mix(h, (uint64_t)(int64_t)field[i]);
    return h;
}

static uint64_t signature_of(const sn_graph *g, const sn_arch *a, bool with_names, int node, uint64_t *known) {
    node = sn_graph_resolve(g, a, node);
    if (known[node]) return known[node];
    const sn_node *n = &g->node[node];
    uint64_t h = sn_node_hash(n, with_names);
    for (int k = 0; k < n->n_in; k++) h = sn_hash_mix(h, signature_of(g, a, with_names, n->in[k], known));
    return known[node] = h ? h : 1;
}

sn_status sn_graph_signature(const sn_graph *g, const sn_arch *a, bool with_names, uint64_t *out) {
    uint64_t *known = sn_new((size_t)g->n, sizeof *known);
    if (!known) return SN_RESOURCE;
    *out = signature_of(g, a, with_names, g->loss, known);
    free(known);
    return SN_OK;
}
