// Builds the graph of a space: the verbs of build.h, then entries and their blocks: operations, sites, motifs. Not here: what an
// operation consists of (ops/), how shapes follow from each other (graph.c). Next: graph.c.
#include "space/build.h"
#include "space/ops.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------- names
// Takes over the text; NULL when it is NULL or cannot be kept.
static const char *keep_name(sn_builder *b, char *text) {
    if (text && sn_grow(&b->name, &b->capacity, b->n + 1, sizeof *b->name) == SN_OK) return b->name[b->n++] = text;
    free(text);
    return NULL;
}

const char *sn_build_name(sn_builder *b, const char *format, ...) {
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0) sn_error(SN_RESOURCE, "out of memory for a name of the graph");
    return keep_name(b, n < 0 ? NULL : text);
}

// ---------------------------------------------------------------- nodes
const sn_node *sn_build_node(const sn_builder *b, int node) {
    return &b->graph->node[node];
}

static sn_node plain(sn_node_kind kind) {
    return (sn_node){.kind = kind, .weight = -1, .bias = -1, .stats = -1, .decision = -1};
}

// The shape that follows from the inputs; a missing one is a choice's option that is not allowed.
static sn_status infer(const sn_graph *g, sn_node *n) {
    sn_shape *in = sn_new((size_t)n->n_in, sizeof *in), out;
    if (!in) return SN_RESOURCE;
    for (int k = 0; k < n->n_in; k++)
        if (n->in[k] >= 0) in[k] = (sn_shape){g->node[n->in[k]].c, g->node[n->in[k]].h, g->node[n->in[k]].w};
    sn_status s = sn_node_shape(g, n, in, &out);
    if (s == SN_OK) n->c = out.c, n->h = out.h, n->w = out.w;
    free(in);
    return s;
}

// Of one name, and with parameters of one name: the same value.
static bool same_node(const sn_node *x, const sn_node *y, const char *name, const int *in, int n_in) {
    return x->kind == y->kind && !strcmp(x->name, name) && x->n_in == n_in && !memcmp(x->in, in, (size_t)n_in * sizeof *in) &&
           x->out == y->out && x->kernel == y->kernel && x->stride == y->stride && x->dilation == y->dilation &&
           x->groups == y->groups && x->first == y->first && x->shift == y->shift && x->mode == y->mode &&
           x->decision == y->decision;
}

// Of the operation with lists that is being built, or -1.
static int find_node(const sn_builder *b, const sn_node *node, const char *name, const int *in, int n_in) {
    for (int i = b->since; b->elastic && i < b->graph->n; i++)
        if (same_node(&b->graph->node[i], node, name, in, n_in)) return i;
    return -1;
}

// Copies the node, its name and its inputs into the graph; returns its id or -1.
static int add_node(sn_builder *b, sn_node node, const char *name, const int *in, int n_in) {
    sn_graph *g = b->graph;
    if (!name) return -1;
    for (int k = 0; node.kind != SN_NODE_CHOICE && k < n_in; k++)
        if (in[k] < 0) return -1;
    int same = find_node(b, &node, name, in, n_in);
    if (same >= 0) return same;
    if (sn_grow(&g->node, &g->capacity, (size_t)g->n + 1, sizeof *g->node) != SN_OK) return -1;
    node.name = sn_strdup(name);
    node.in = sn_new((size_t)n_in, sizeof *in);
    if (node.in && n_in) memcpy(node.in, in, (size_t)n_in * sizeof *in);
    node.n_in = n_in;
    if (!node.name || !node.in || infer(g, &node) != SN_OK) {
        free(node.name);
        free(node.in);
        return -1;
    }
    g->node[g->n] = node;
    return g->n++;
}

static int add_param(sn_builder *b, const char *name, const char *leaf, sn_param_kind kind, int kernel, int in, int out) {
    char *full = sn_format("%s.%s", name, leaf);
    int id = !full        ? -1
             : b->elastic ? sn_params_share(&b->graph->params, full, kind, kernel, in, out)
                          : sn_params_add(&b->graph->params, full, kind, kernel, in, out);
    free(full);
    return id;
}

// The matrices for a weight of the largest kernel, which is built first.
static bool add_matrices(sn_builder *b, const char *name, int weight) {
    sn_params *p = &b->graph->params;
    if (b->sides < 2 || p->param[weight].kernel != b->side[b->sides - 1] || p->param[weight].matrix >= 0) return true;
    p->param[weight].matrix = p->n;
    for (int k = b->sides - 2; k >= 0; k--) {
        int side = b->side[k], taps = side * side;
        const char *leaf = sn_build_name(b, "%dto%d.weight", b->side[k + 1], side);
        if (!leaf || add_param(b, name, leaf, SN_PARAM_TRANSFORM, 1, taps, taps) < 0) return false;
    }
    return true;
}

static int conv(sn_builder *b, int in, const char *name, sn_param_kind kind, int out, int kernel, int stride, int dilation,
                int groups) {
    sn_node n = plain(SN_NODE_CONV);
    n.out = out, n.kernel = kernel, n.stride = stride, n.dilation = dilation, n.groups = groups;
    n.pad = dilation * (kernel / 2);
    int id = add_node(b, n, name, &in, 1);
    if (id < 0) return -1;
    int weight = add_param(b, name, "weight", kind, kernel, sn_build_node(b, in)->c / groups, out);
    b->graph->node[id].weight = weight;
    return weight < 0 || !add_matrices(b, name, weight) ? -1 : id;
}

int sn_build_conv(sn_builder *b, int in, const char *name, int out, int kernel, int stride, int dilation, int groups) {
    return conv(b, in, name, SN_PARAM_CONV, out, kernel, stride, dilation, groups);
}

// A bias for each channel of a convolution or linear layer, named after it.
static int add_bias(sn_builder *b, int y, const char *name) {
    int id = add_node(b, plain(SN_NODE_BIAS), name, &y, 1);
    if (id < 0) return -1;
    int bias = add_param(b, name, "bias", SN_PARAM_BIAS, 1, 1, sn_build_node(b, y)->c);
    if (bias < 0) return -1;
    sn_param *p = b->graph->params.param;
    p[bias].fan_in = p[sn_build_node(b, y)->weight].fan_in;
    b->graph->node[id].bias = bias;
    return id;
}

int sn_build_conv_bias_act(sn_builder *b, int in, const char *name, int out, int kernel, int stride, int act) {
    int x = add_bias(b, sn_build_conv(b, in, name, out, kernel, stride, 1, 1), name);
    return sn_build_act(b, x, sn_build_name(b, "%s_act", name), act);
}

int sn_build_linear(sn_builder *b, int in, const char *name, int out, bool bias) {
    int y = conv(b, in, name, SN_PARAM_LINEAR, out, 1, 1, 1, 1);
    return bias ? add_bias(b, y, name) : y;
}

int sn_build_pool(sn_builder *b, int in, const char *name, int mode, int kernel, int stride) {
    sn_node n = plain(SN_NODE_POOL);
    n.mode = mode, n.kernel = kernel, n.stride = stride, n.pad = (kernel - 1) / 2, n.dilation = n.groups = 1;
    return add_node(b, n, name, &in, 1);
}

int sn_build_mean(sn_builder *b, int in, const char *name) {
    return add_node(b, plain(SN_NODE_MEAN), name, &in, 1);
}

int sn_build_sum(sn_builder *b, const int *in, int n, const char *name) {
    return add_node(b, plain(SN_NODE_SUM), name, in, n);
}

int sn_build_scale(sn_builder *b, int in, int gain, const char *name) {
    return add_node(b, plain(SN_NODE_SCALE), name, (int[]){in, gain}, 2);
}

int sn_build_concat(sn_builder *b, const int *in, int n, const char *name) {
    return n == 1 ? in[0] : add_node(b, plain(SN_NODE_PLACE), name, in, n);
}

int sn_build_part(sn_builder *b, int in, const char *name, int first, int out, int groups, int stride, int shift) {
    sn_node n = plain(SN_NODE_PLACE);
    n.first = first, n.out = out, n.groups = groups, n.stride = stride, n.shift = shift;
    return add_node(b, n, name, &in, 1);
}

int sn_build_zero(sn_builder *b, int in, const char *name, int out, int stride) {
    if (in < 0) return -1;
    const sn_node *x = sn_build_node(b, in);
    sn_node n = plain(SN_NODE_ZERO);
    n.c = out, n.h = (x->h + stride - 1) / stride, n.w = (x->w + stride - 1) / stride;
    return add_node(b, n, name, NULL, 0);
}

int sn_build_bn(sn_builder *b, int in, const char *name) {
    if (name && b->bn) name = sn_build_name(b, "%s.%s", name, b->bn);
    int id = add_node(b, plain(SN_NODE_BN), name, &in, 1);
    if (id < 0) return -1;
    int c = sn_build_node(b, id)->c, gamma = add_param(b, name, "weight", SN_PARAM_GAMMA, 1, 1, c);
    int beta = gamma < 0 ? -1 : add_param(b, name, "bias", SN_PARAM_BETA, 1, 1, c);
    sn_params *p = &b->graph->params;
    int stats = beta < 0 ? -1 : b->elastic ? sn_params_share_stats(p, name, c) : sn_params_add_stats(p, name, c);
    sn_node *n = &b->graph->node[id];
    n->weight = gamma, n->bias = beta, n->stats = stats;
    return stats < 0 ? -1 : id;
}

int sn_build_act(sn_builder *b, int in, const char *name, int act) {
    if (act == SN_LINEAR_ACT) return in; // the value itself
    sn_node n = plain(SN_NODE_ACT);
    n.mode = act;
    return add_node(b, n, name, &in, 1);
}

int sn_build_conv_bn_act(sn_builder *b, int in, const char *name, int out, int kernel, int stride, int dilation, int groups,
                         int act) {
    int x = sn_build_conv(b, in, name, out, kernel, stride, dilation, groups);
    x = sn_build_bn(b, x, sn_build_name(b, "%s_bn", name));
    return sn_build_act(b, x, sn_build_name(b, "%s_act", name), act);
}

// ---------------------------------------------------------------- the network
// Where a block stands: what its weights are called by and what its decisions are (the same but where these are shared).
typedef struct {
    const char *path, *scope;
    int out, stride;
} place;

typedef struct {
    sn_builder *builder;
    const sn_space *space;
} maker;

static int build_block(maker *m, int block, place at, int in);

static int build_op(maker *m, const sn_block *k, const int *attr, place at, int in) {
    sn_op_args args = {attr, k->op->takes_out ? at.out : m->space->classes, at.stride};
    if (k->op->inputs == 1) return k->op->build(m->builder, &in, at.path, &args);
    sn_error(SN_CONFIG, "'%s': %s takes %d inputs; 1 are given", at.path, k->op->name, k->op->inputs);
    return -1;
}

// Further inside: a term of a motif or an option of a choice.
static place inside(maker *m, place at, const char *name) {
    bool same = at.path == at.scope;
    at.path = sn_build_name(m->builder, "%s.%s", at.path, name);
    at.scope = same ? at.path : sn_build_name(m->builder, "%s.%s", at.scope, name);
    return at;
}

// Options of a site give one shape: that of the first. False with the message set.
static bool check_shapes(const maker *m, int decision, const char *site, int first, int first_value, int k, int value) {
    const sn_node *x = sn_build_node(m->builder, first_value), *y = sn_build_node(m->builder, value);
    if (x->c == y->c && x->h == y->h && x->w == y->w) return true;
    sn_error(
        SN_CONFIG,
        "'%s': option '%s' gives %d x %d x %d and option '%s' %d x %d x %d (channels x height x width); allowed is one shape",
        site, sn_space_option_name(m->space, decision, first), x->c, x->h, x->w, sn_space_option_name(m->space, decision, k),
        y->c, y->h, y->w);
    return false;
}

// A choice between values, the options of a decision; since: see graph.h.
static int add_choice(maker *m, sn_node choice, const char *name, const int *value, int options) {
    sn_graph *g = m->builder->graph;
    int before = g->n, id = add_node(m->builder, choice, name, value, options);
    if (id < 0) return -1;
    if (g->n > before) g->choice[g->n_choices++] = id;
    return id;
}

// The kernels that the attributes of an operation allow.
static void list_sides(maker *m, const sn_block *k, const char *scope) {
    sn_builder *b = m->builder;
    b->sides = 0;
    for (int i = 0; k->lists.transform && i < SN_OP_ATTRS; i++) {
        if (!k->lists.n[i] || strcmp(k->op->attrs[i].name, "kernel")) continue;
        const sn_decision *d =
            &m->space->decisions[sn_space_find_decision(m->space, sn_build_name(b, "%s.%s", scope, k->op->attrs[i].name))];
        for (int n = 0, o; (o = sn_decision_option(d, n)) >= 0; n++) b->side[b->sides++] = d->block[o];
    }
}

// A choice for the attribute `list` if that is a list, whose options choose for those behind it; else the operation itself. The
// largest values come first, so parameters are made as large as they get.
static int build_lists(maker *m, const sn_block *k, place at, int in, int list, int *attr) {
    while (list < SN_OP_ATTRS && !k->lists.n[list]) list++;
    if (list == SN_OP_ATTRS) return build_op(m, k, attr, at, in);
    sn_node choice = plain(SN_NODE_CHOICE);
    const char *word = k->op->attrs[list].name, *name = sn_build_name(m->builder, "%s.%s", at.scope, word);
    if (!name) return -1;
    choice.decision = sn_space_find_decision(m->space, name), choice.since = m->builder->since;
    const sn_decision *d = &m->space->decisions[choice.decision];
    int value[SN_MAX_OPTIONS], last = sn_decision_option(d, sn_decision_count(d) - 1);
    for (int o = d->options - 1; o >= 0; o--) {
        value[o] = -1;
        if (!sn_decision_allows(d, o)) continue;
        attr[list] = d->block[o];
        bool own = k->lists.bn_per == list;
        if (own) m->builder->bn = sn_build_name(m->builder, "%s%d", word, attr[list]);
        value[o] = build_lists(m, k, at, in, list + 1, attr);
        if (own) m->builder->bn = NULL;
        if (value[o] < 0 || !check_shapes(m, choice.decision, at.path, last, value[last], o, value[o])) return -1;
    }
    return add_choice(m, choice, sn_build_name(m->builder, "%s.%s", at.path, word), value, d->options);
}

static int build_elastic(maker *m, const sn_block *k, place at, int in) {
    int attr[SN_OP_ATTRS];
    memcpy(attr, k->attr, sizeof attr);
    list_sides(m, k, at.scope);
    m->builder->elastic = true, m->builder->since = m->builder->graph->n;
    int id = build_lists(m, k, at, in, 0, attr);
    m->builder->elastic = false, m->builder->sides = 0;
    return id;
}

// A site: every allowed option from the same input, then the choice between them.
static int build_site(maker *m, place at, int in) {
    sn_node choice = plain(SN_NODE_CHOICE);
    choice.decision = sn_space_find_decision(m->space, at.scope), choice.since = m->builder->graph->n;
    const sn_decision *d = &m->space->decisions[choice.decision];
    int value[SN_MAX_OPTIONS], first = sn_decision_option(d, 0);
    for (int k = 0; k < d->options; k++) {
        value[k] = -1;
        if (!sn_decision_allows(d, k)) continue;
        value[k] = build_block(m, d->block[k], inside(m, at, m->space->blocks[d->block[k]].name), in);
        if (value[k] < 0 || !check_shapes(m, choice.decision, at.path, first, value[first], k, value[k])) return -1;
    }
    return add_choice(m, choice, at.path, value, d->options);
}

// The allowed options of a pick that have an item, and all others.
static uint64_t options_with(const sn_decision *pick, int item) {
    uint64_t with = 0;
    for (int k = 0; k < pick->options; k++)
        if (pick->items[k] >> item & 1) with |= UINT64_C(1) << k;
    return with & pick->allowed;
}

// A site: the value of an item where it is picked, else nothing.
static int build_item(maker *m, const sn_decision *pick, int item, place at, int value) {
    sn_node choice = plain(SN_NODE_CHOICE);
    choice.decision = (int)(pick - m->space->decisions);
    if (value < 0) return -1;
    uint64_t with = options_with(pick, item);
    int nothing = -1, in[SN_MAX_OPTIONS];
    if (with != pick->allowed)
        nothing = sn_build_zero(m->builder, value, inside(m, at, "none").path, sn_build_node(m->builder, value)->c, 1);
    if (with != pick->allowed && nothing < 0) return -1;
    for (int k = 0; k < pick->options; k++) in[k] = !sn_decision_allows(pick, k) ? -1 : with >> k & 1 ? value : nothing;
    choice.since = m->builder->graph->n;
    return add_choice(m, choice, inside(m, at, "pick").path, in, pick->options);
}

// A node of a motif from the motif's inputs and the values of the nodes before it.
static int build_node(maker *m, const sn_block *motif, int i, place at, const int *in, const int *value) {
    const sn_motif_node *n = &motif->node[i];
    const sn_decision *pick = NULL;
    place here = inside(m, at, n->name);
    if (!here.path || !here.scope) return -1;
    if (n->pick) pick = &m->space->decisions[sn_space_find_decision(m->space, here.scope)];
    int term[SN_MAX_TERMS], terms = 0, item = 0;
    for (int k = 0; k < n->terms; k++) {
        const sn_term *t = &n->term[k];
        if (t->item && !options_with(pick, item)) { // never picked
            item++;
            continue;
        }
        place there = inside(m, at, t->name);
        if (t->from >= 0) there.stride = 1;
        term[terms] = t->from < 0 ? in[-1 - t->from] : value[t->from];
        if (t->block >= 0) term[terms] = build_block(m, t->block, there, term[terms]);
        if (t->item) term[terms] = build_item(m, pick, item++, there, term[terms]);
        if (term[terms++] < 0) return -1;
    }
    if (terms == 1) return term[0];
    return n->concat ? sn_build_concat(m->builder, term, terms, here.path) : sn_build_sum(m->builder, term, terms, here.path);
}

// By how much height and width are to be divided, rounding up, to be as wanted; 1 where there is no such number.
static int stride_to(const sn_node *x, const sn_node *wanted) {
    for (int s = 1; s <= x->h || s <= x->w; s++)
        if ((x->h + s - 1) / s == wanted->h && (x->w + s - 1) / s == wanted->w) return s;
    return 1;
}

// The kth input of a motif, the last value is the first.
static int build_input(maker *m, const sn_motif_inputs *inputs, int k, place at, const int *past) {
    int block = inputs->through[k];
    if (block < 0 || past[k] < 0) return past[k];
    const sn_node *x = sn_build_node(m->builder, past[k]), *last = sn_build_node(m->builder, past[0]);
    at = inside(m, at, inputs->name[k]);
    at.stride = stride_to(x, last);
    return build_block(m, block, at, past[k]);
}

// past: what the motif's inputs are, the last value first.
static int build_motif(maker *m, const sn_block *motif, place at, const int *past) {
    int in[SN_MAX_INPUTS] = {past[0]}, last = -1;
    for (int k = motif->inputs.n - 1; k >= 0; k--)
        if ((in[k] = build_input(m, &motif->inputs, k, at, past)) < 0) return -1;
    int *value = sn_new((size_t)motif->nodes, sizeof *value);
    for (int i = 0; value && i < motif->nodes; i++)
        if ((last = value[i] = build_node(m, motif, i, at, in, value)) < 0) break;
    free(value);
    return last;
}

static int build_block(maker *m, int block, place at, int in) {
    const sn_block *k = &m->space->blocks[block];
    if (k->shared) at.scope = k->name;
    if (!at.path || !at.scope || in < 0) return -1;
    if (sn_block_elastic(k)) return build_elastic(m, k, at, in);
    return k->op ? build_op(m, k, k->attr, at, in) : k->options ? build_site(m, at, in) : build_motif(m, k, at, &in);
}

// A layer of a motif that reads several values keeps those before its own for the next one; any other is all there is to read.
static int build_layer(maker *m, const sn_entry *e, place at, int past[SN_MAX_INPUTS]) {
    const sn_block *b = &m->space->blocks[e->block[0]];
    bool several = !e->choice && b->inputs.n > 1;
    if (several && b->shared) at.scope = b->name;
    int x = e->choice ? build_site(m, at, past[0])
            : several ? build_motif(m, b, at, past)
                      : build_block(m, e->block[0], at, past[0]);
    for (int k = SN_MAX_INPUTS - 1; k > 0; k--) past[k] = several ? past[k - 1] : x;
    return past[0] = x;
}

// Layers until the deepest that is allowed; after: the values of the depths that are, -1 of the others.
static int build_layers(maker *m, const sn_entry *e, const sn_decision *depth, int past[SN_MAX_INPUTS],
                        int after[SN_MAX_OPTIONS]) {
    int layers = e->layers, x = past[0];
    for (int k = 0; depth && k < e->depths; k++)
        if (sn_decision_allows(depth, k)) layers = e->depth[k];
    for (int l = 0; l < layers && x >= 0; l++) {
        const char *path = keep_name(m->builder, sn_entry_place(e, l)), *scope = keep_name(m->builder, sn_entry_scope(e, l));
        place at = {path, scope, e->out, l ? 1 : e->stride};
        if (!path || !scope) return -1;
        x = build_layer(m, e, at, past);
        for (int k = 0; depth && k < e->depths; k++)
            if (e->depth[k] == l + 1) after[k] = sn_decision_allows(depth, k) ? x : -1;
    }
    return x;
}

static int build_entry(maker *m, const sn_entry *e, int past[SN_MAX_INPUTS]) {
    sn_node choice = plain(SN_NODE_CHOICE);
    int after[SN_MAX_OPTIONS];
    if (!e->depths) return build_layers(m, e, NULL, past, after);
    const char *name = keep_name(m->builder, sn_entry_depth(e));
    if (!name) return -1;
    choice.decision = sn_space_find_decision(m->space, name);
    for (int k = 0; k < e->depths; k++) after[k] = -1;
    if (build_layers(m, e, &m->space->decisions[choice.decision], past, after) < 0) return -1;
    choice.since = m->builder->graph->n;
    int id = add_choice(m, choice, name, after, e->depths);
    for (int k = 0; k < SN_MAX_INPUTS; k++) past[k] = id;
    return id;
}

static int build_entries(sn_builder *b, const sn_space *s, int x) {
    maker m = {b, s};
    int past[SN_MAX_INPUTS];
    for (int k = 0; k < SN_MAX_INPUTS; k++) past[k] = x;
    for (int i = 0; i < s->n_entries && x >= 0; i++) {
        x = build_entry(&m, &s->entries[i], past);
        if (x < 0) sn_error_prefix(sn_error_code(), "entry '%s' of `network`", s->entries[i].name);
    }
    return x;
}

sn_status sn_graph_build(const sn_space *s, sn_graph **out) {
    sn_graph *g = sn_new(1, sizeof *g);
    if (!g) return SN_RESOURCE;
    g->bn_eps = s->bn_eps;
    sn_builder b = {.graph = g};
    sn_node input = plain(SN_NODE_INPUT);
    input.c = s->channels, input.h = s->height, input.w = s->width;
    g->input = add_node(&b, input, "input", NULL, 0);
    g->logits = g->input < 0 ? -1 : build_entries(&b, s, g->input);
    g->loss = add_node(&b, plain(SN_NODE_LOSS), "loss", &g->logits, 1);
    for (size_t i = 0; i < b.n; i++) free(b.name[i]);
    free(b.name);
    if (g->loss < 0) {
        sn_graph_free(g);
        return sn_error_code();
    }
    *out = g;
    return SN_OK;
}
