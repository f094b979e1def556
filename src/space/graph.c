// Builds the graph of a space and walks it; see graph.h. Shapes are inferred here, once.
// Not here: what an operation consists of (ops/), where tensors live (plan.c).
#include "space/graph.h"
#include "space/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sn_builder {
    sn_graph *graph;
};

const sn_node *sn_build_node(const sn_builder *b, int node) {
    return &b->graph->node[node];
}

// Copies the node, its name and its inputs into the graph; returns its id or -1.
static int add_node(sn_builder *b, sn_node node, const char *name, const int *in, int n_in) {
    sn_graph *g = b->graph;
    if (sn_grow(&g->node, &g->capacity, (size_t)g->n + 1, sizeof *g->node) != SN_OK) return -1;
    node.name = sn_strdup(name);
    node.in = sn_new((size_t)n_in, sizeof *in);
    if (!node.name || !node.in) {
        free(node.name);
        free(node.in);
        return -1;
    }
    if (n_in) memcpy(node.in, in, (size_t)n_in * sizeof *in);
    node.n_in = n_in;
    g->node[g->n] = node;
    return g->n++;
}

// A node that keeps its input's shape and has no parameters.
static sn_node like(const sn_builder *b, int in, sn_node_kind kind) {
    const sn_node *x = sn_build_node(b, in);
    return (sn_node){.kind = kind, .c = x->c, .h = x->h, .w = x->w, .weight = -1, .bias = -1, .stats = -1, .decision = -1};
}

static int add_param(sn_builder *b, const char *name, const char *leaf, sn_param_kind kind, int kernel, int in, int out) {
    char full[512];
    snprintf(full, sizeof full, "%s.%s", name, leaf);
    return sn_params_add(&b->graph->params, full, kind, kernel, in, out);
}

static int conv(sn_builder *b, int in, const char *name, sn_param_kind kind, int out, int kernel, int stride, int dilation,
                int groups) {
    if (in < 0) return -1;
    sn_node n = like(b, in, SN_NODE_CONV);
    if (n.c % groups || out % groups) {
        sn_error(SN_CONFIG, "conv '%s': %d input and %d output channels cannot be cut into %d groups", name, n.c, out, groups);
        return -1;
    }
    n.weight = add_param(b, name, "weight", kind, kernel, n.c / groups, out);
    if (n.weight < 0) return -1;
    n.kernel = kernel, n.stride = stride, n.dilation = dilation, n.groups = groups;
    n.pad = dilation * (kernel / 2);
    n.c = out;
    n.h = (n.h + stride - 1) / stride;
    n.w = (n.w + stride - 1) / stride;
    return add_node(b, n, name, &in, 1);
}

int sn_build_conv(sn_builder *b, int in, const char *name, int out, int kernel, int stride, int dilation, int groups) {
    return conv(b, in, name, SN_PARAM_CONV, out, kernel, stride, dilation, groups);
}

int sn_build_linear(sn_builder *b, int in, const char *name, int out) {
    int y = conv(b, in, name, SN_PARAM_LINEAR, out, 1, 1, 1, 1);
    if (y < 0) return -1;
    sn_node n = like(b, y, SN_NODE_BIAS);
    n.bias = add_param(b, name, "bias", SN_PARAM_BIAS, 1, 1, out);
    return n.bias < 0 ? -1 : add_node(b, n, name, &y, 1);
}

int sn_build_pool(sn_builder *b, int in, const char *name, int mode, int kernel, int stride) {
    if (in < 0) return -1;
    sn_node n = like(b, in, SN_NODE_POOL);
    n.mode = mode, n.kernel = kernel, n.stride = stride, n.pad = kernel / 2, n.dilation = n.groups = 1;
    n.h = (n.h + stride - 1) / stride;
    n.w = (n.w + stride - 1) / stride;
    return add_node(b, n, name, &in, 1);
}

int sn_build_mean(sn_builder *b, int in, const char *name) {
    if (in < 0) return -1;
    sn_node n = like(b, in, SN_NODE_MEAN);
    n.h = n.w = 1;
    return add_node(b, n, name, &in, 1);
}

int sn_build_sum(sn_builder *b, int x, int y, const char *name) {
    if (x < 0 || y < 0) return -1;
    const sn_node *p = sn_build_node(b, x), *q = sn_build_node(b, y);
    if (p->c != q->c || p->h != q->h || p->w != q->w) {
        sn_error(SN_CONFIG, "sum '%s' cannot join '%s' of %d x %d x %d with '%s' of %d x %d x %d (channels x height x width)",
                 name, p->name, p->c, p->h, p->w, q->name, q->c, q->h, q->w);
        return -1;
    }
    int in[2] = {x, y};
    return add_node(b, like(b, x, SN_NODE_SUM), name, in, 2);
}

int sn_build_bn(sn_builder *b, int in, const char *name) {
    if (in < 0) return -1;
    sn_node n = like(b, in, SN_NODE_BN);
    n.weight = add_param(b, name, "weight", SN_PARAM_GAMMA, 1, 1, n.c);
    n.bias = n.weight < 0 ? -1 : add_param(b, name, "bias", SN_PARAM_BETA, 1, 1, n.c);
    n.stats = n.bias < 0 ? -1 : sn_params_add_stats(&b->graph->params, name, n.c);
    return n.stats < 0 ? -1 : add_node(b, n, name, &in, 1);
}

int sn_build_act(sn_builder *b, int in, const char *name, int act) {
    if (in < 0 || act == 0) return in; // linear: the value itself
    sn_node n = like(b, in, SN_NODE_ACT);
    n.mode = act;
    return add_node(b, n, name, &in, 1);
}

int sn_build_conv_bn_act(sn_builder *b, int in, const char *name, int out, int kernel, int stride, int groups, int act) {
    char bn[512], relu[512];
    snprintf(bn, sizeof bn, "%s_bn", name);
    snprintf(relu, sizeof relu, "%s_act", name);
    return sn_build_act(b, sn_build_bn(b, sn_build_conv(b, in, name, out, kernel, stride, 1, groups), bn), relu, act);
}

static int build_block(sn_builder *b, const sn_space *s, int block, int in, const char *name, int out, int stride) {
    const sn_block *k = &s->blocks[block];
    sn_op_args args = {k->attr, k->op->takes_out ? out : s->classes, stride};
    return k->op->build(b, in, name, &args);
}

// One layer of a choice, a site: every allowed option from the same input, then the choice between them.
static int build_site(sn_builder *b, const sn_space *s, const sn_entry *e, int layer, int in) {
    int decision = sn_entry_decision(e, layer);
    const sn_decision *d = &s->decisions[decision];
    int value[SN_MAX_OPTIONS], first = sn_decision_option(d, 0);
    char site[128];
    snprintf(site, sizeof site, "%s.layer%d", e->name, layer + 1);
    for (int k = 0; k < d->options; k++) {
        value[k] = -1;
        if (!sn_decision_allows(d, k)) continue;
        char name[256];
        snprintf(name, sizeof name, "%s.%s", site, s->blocks[d->block[k]].name);
        value[k] = build_block(b, s, d->block[k], in, name, e->out, layer ? 1 : e->stride);
        if (value[k] < 0) return -1;
    }
    sn_node n = like(b, value[first], SN_NODE_CHOICE);
    n.decision = decision;
    int id = add_node(b, n, site, value, d->options);
    if (id >= 0) b->graph->choice[b->graph->n_choices++] = id;
    return id;
}

static int build_entries(sn_builder *b, const sn_space *s, int x) {
    for (int i = 0; i < s->n_entries && x >= 0; i++) {
        const sn_entry *e = &s->entries[i];
        if (!e->choice) x = build_block(b, s, e->block[0], x, e->name, e->out, e->stride);
        for (int l = 0; e->choice && l < e->layers && x >= 0; l++) x = build_site(b, s, e, l, x);
        if (x < 0) sn_error_prefix(SN_CONFIG, "entry '%s' of `network`", e->name);
    }
    return x;
}

sn_status sn_graph_build(const sn_space *s, sn_graph **out) {
    sn_graph *g = sn_new(1, sizeof *g);
    if (!g) return SN_RESOURCE;
    g->bn_eps = 1e-5;
    sn_builder b = {g};
    sn_node input = {.kind = SN_NODE_INPUT,
                     .c = s->channels,
                     .h = s->height,
                     .w = s->width,
                     .weight = -1,
                     .bias = -1,
                     .stats = -1,
                     .decision = -1};
    g->input = add_node(&b, input, "input", NULL, 0);
    g->logits = g->input < 0 ? -1 : build_entries(&b, s, g->input);
    g->loss = g->logits < 0 ? -1 : add_node(&b, like(&b, g->logits, SN_NODE_LOSS), "loss", &g->logits, 1);
    if (g->loss < 0) {
        sn_graph_free(g);
        return SN_CONFIG;
    }
    *out = g;
    return SN_OK;
}

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

static uint64_t mix(uint64_t h, uint64_t v) { // splitmix64's finaliser over the running value
    h += v + UINT64_C(0x9e3779b97f4a7c15);
    h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
    return h ^ (h >> 31);
}

static uint64_t signature_of(const sn_graph *g, const sn_arch *a, bool with_names, int node, uint64_t *known) {
    node = sn_graph_resolve(g, a, node);
    if (known[node]) return known[node];
    const sn_node *n = &g->node[node];
    int field[] = {(int)n->kind,
                   n->c,
                   n->h,
                   n->w,
                   n->kernel,
                   n->stride,
                   n->pad,
                   n->dilation,
                   n->groups,
                   n->mode,
                   with_names ? n->weight : 0,
                   with_names ? n->bias : 0,
                   with_names ? n->stats : 0};
    uint64_t h = 1;
    for (size_t i = 0; i < sizeof field / sizeof *field; i++) h = mix(h, (uint64_t)(int64_t)field[i]);
    for (int k = 0; k < n->n_in; k++) h = mix(h, signature_of(g, a, with_names, n->in[k], known));
    return known[node] = h ? h : 1;
}

uint64_t sn_graph_signature(const sn_graph *g, const sn_arch *a, bool with_names) {
    uint64_t *known = sn_new((size_t)g->n, sizeof *known);
    if (!known) return 0;
    uint64_t h = signature_of(g, a, with_names, g->loss, known);
    free(known);
    return h;
}
