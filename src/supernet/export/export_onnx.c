// The graph of one arch as ONNX nodes: live nodes in order, choices followed to their option; see export.h for names and folding.
// Not here: the file (io/files/onnx.h) and its check (export.c). Next: export.c.
#include "supernet/export/export_onnx.h"
#include "space/ops.h"
#include "supernet/export/export_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const sn_supernet *net;
    const sn_graph *graph;
    const sn_arch *arch;
    bool fold;
    sn_onnx *model;
    uint8_t *live;      // per node
    int *merged;        // per conv: the bias or BN that becomes part of it, or -1
    const char **value; // per node: name of the value it stands for; the model's
} exporter;

// ---------------------------------------------------------------- names
// Whether a node, a value or an initializer has this name. Initializers come before the nodes that read them.
static bool taken(const exporter *e, const char *name) {
    if (!strcmp(name, "images") || !strcmp(name, "logits") || sn_onnx_find_initializer(e->model, name)) return true;
    if (sn_params_find(&e->graph->params, name) >= 0) return true;
    for (size_t i = 0; i < e->model->n_nodes; i++)
        if (!strcmp(e->model->nodes[i].name, name)) return true;
    return false;
}

// The name itself, or the first of name-2, name-3 ... that is free: two entries may be called "stem" and "stem_act".
static char *unique_name(const exporter *e, const char *wanted) {
    char *name = sn_strdup(wanted);
    for (int i = 2; name && taken(e, name); i++) {
        free(name);
        name = sn_format("%s-%d", wanted, i);
    }
    return name;
}

// ---------------------------------------------------------------- tensors
static sn_status put_tensors(exporter *e, sn_export_tensors *t) {
    for (size_t i = 0; i < t->n; i++)
        SN_TRY(sn_onnx_add_f32(e->model, t->item[i].name, t->item[i].ndim, t->item[i].dims, t->item[i].data));
    return SN_OK;
}

static sn_status put_param(exporter *e, int param) {
    sn_export_tensors t = {0};
    sn_status s = sn_export_add_param(&t, e->net, param);
    if (s == SN_OK) s = put_tensors(e, &t);
    sn_export_tensors_free(&t);
    return s;
}

static sn_status put_stats(exporter *e, int stats) {
    sn_export_tensors t = {0};
    sn_status s = sn_export_add_stats(&t, e->net, stats);
    if (s == SN_OK) s = put_tensors(e, &t);
    sn_export_tensors_free(&t);
    return s;
}

// Weight of a conv times the BN's scale per output channel, and the bias that remains: in double, rounded once.
static void fold_numbers(const sn_param *w, float *weight, float *bias, const float *v[4], double eps) {
    int64_t each = w->size / w->out; // file order: one output channel after another
    for (int o = 0; o < w->out; o++) {
        double scale = (double)v[0][o] / sqrt((double)v[3][o] + eps);
        for (int64_t i = 0; i < each; i++) weight[o * each + i] = (float)(scale * (double)weight[o * each + i]);
        bias[o] = (float)((double)v[1][o] - scale * (double)v[2][o]);
    }
}

// NAME.weight and NAME.bias of a conv with its BN folded in.
static sn_status put_folded(exporter *e, const sn_node *conv, const sn_node *bn) {
    const sn_params *p = &e->graph->params;
    const sn_param *w = &p->param[conv->weight];
    sn_export_tensors t = {0}, v = {0};
    size_t c = (size_t)conv->c;
    sn_status s = sn_export_add_param(&t, e->net, conv->weight);
    if (s == SN_OK) s = sn_export_add(&t, sn_format("%s.bias", conv->name), 1, &c, sn_new(c, sizeof(float)));
    if (s == SN_OK) s = sn_export_add_param(&v, e->net, bn->weight);
    if (s == SN_OK) s = sn_export_add_param(&v, e->net, bn->bias);
    if (s == SN_OK) s = sn_export_add_stats(&v, e->net, bn->stats);
    if (s == SN_OK) {
        const float *vectors[4] = {v.item[0].data, v.item[1].data, v.item[2].data, v.item[3].data};
        fold_numbers(w, t.item[0].data, t.item[1].data, vectors, e->graph->bn_eps);
        s = put_tensors(e, &t);
    }
    sn_export_tensors_free(&t);
    sn_export_tensors_free(&v);
    return s;
}

// ---------------------------------------------------------------- nodes
static const sn_node *input_node(const exporter *e, const sn_node *n, int k) {
    return &e->graph->node[sn_graph_resolve(e->graph, e->arch, n->in[k])];
}

static const char *input_value(const exporter *e, const sn_node *n, int k) {
    return e->value[sn_graph_resolve(e->graph, e->arch, n->in[k])];
}

// Adds a node with one output, called as the node is, but for the last, which makes the logits. *output is the model's.
static sn_status add_op(exporter *e, const char *op, const char *wanted, bool last, size_t n, const char *const *inputs,
                        const char **output) {
    char *name = unique_name(e, wanted);
    if (!name) return SN_RESOURCE;
    const char *made = last ? "logits" : name;
    sn_status s = sn_onnx_add_node(e->model, op, name, n, inputs, 1, &made);
    free(name);
    if (s == SN_OK) *output = e->model->nodes[e->model->n_nodes - 1].outputs[0];
    return s;
}

// The graph's node i, reading its own inputs and then up to four tensors.
static sn_status add_node(exporter *e, int i, const char *op, size_t n_tensors, const char *const *tensors) {
    const sn_node *n = &e->graph->node[i];
    const char *inputs[SN_SUM_INPUTS + 4];
    size_t count = 0;
    for (int k = 0; k < n->n_in; k++) inputs[count++] = input_value(e, n, k);
    for (size_t k = 0; k < n_tensors; k++) inputs[count++] = tensors[k];
    int end = e->merged[i] >= 0 ? e->merged[i] : i;
    return add_op(e, op, n->name, end == sn_graph_resolve(e->graph, e->arch, e->graph->logits), count, inputs, &e->value[i]);
}

static sn_status attr_same(exporter *e, const char *name, size_t n, int value) {
    const int64_t v[4] = {value, value, value, value};
    return sn_onnx_attr_ints(e->model, name, n, v);
}

static sn_status add_window(exporter *e, const sn_node *n) {
    SN_TRY(attr_same(e, "kernel_shape", 2, n->kernel));
    SN_TRY(attr_same(e, "strides", 2, n->stride));
    return attr_same(e, "pads", 4, n->pad);
}

// The linear layer: its one pixel as a row, then the product with the weight (out, in) and the bias.
static sn_status add_linear(exporter *e, int i, size_t n_tensors, const char *const *tensors) {
    const sn_node *n = &e->graph->node[i], *x = input_node(e, n, 0);
    if (x->h != 1 || x->w != 1)
        return sn_error(SN_FAIL, "linear layer '%s' reads %d x %d pixels; only one can be exported", n->name, x->h, x->w);
    const char *image = input_value(e, n, 0), *row;
    char *wanted = sn_format("%s.flatten", n->name);
    sn_status s = wanted ? add_op(e, "Flatten", wanted, false, 1, &image, &row) : SN_RESOURCE;
    free(wanted);
    SN_TRY(s);
    SN_TRY(sn_onnx_attr_int(e->model, "axis", 1));
    const char *inputs[3] = {row, tensors[0], n_tensors > 1 ? tensors[1] : NULL};
    bool last = e->merged[i] == sn_graph_resolve(e->graph, e->arch, e->graph->logits);
    SN_TRY(add_op(e, "Gemm", n->name, last, 1 + n_tensors, inputs, &e->value[i]));
    return sn_onnx_attr_int(e->model, "transB", 1);
}

static sn_status add_conv(exporter *e, int i) {
    const sn_node *n = &e->graph->node[i], *m = e->merged[i] >= 0 ? &e->graph->node[e->merged[i]] : NULL;
    const sn_param *w = &e->graph->params.param[n->weight];
    if (m && m->kind == SN_NODE_BN) {
        SN_TRY(put_folded(e, n, m));
    } else {
        SN_TRY(put_param(e, n->weight));
        if (m) SN_TRY(put_param(e, m->bias));
    }
    char *bias = sn_format("%s.bias", n->name); // of a folded BN, or of the linear layer
    if (!bias) return SN_RESOURCE;
    const char *tensors[2] = {w->name, m && m->kind == SN_NODE_BIAS ? e->graph->params.param[m->bias].name : bias};
    sn_status s = w->kind == SN_PARAM_LINEAR ? add_linear(e, i, m ? 2 : 1, tensors) : add_node(e, i, "Conv", m ? 2 : 1, tensors);
    free(bias);
    SN_TRY(s);
    if (w->kind == SN_PARAM_LINEAR) return SN_OK;
    SN_TRY(add_window(e, n));
    SN_TRY(attr_same(e, "dilations", 2, n->dilation));
    return sn_onnx_attr_int(e->model, "group", n->groups);
}

static sn_status add_bn(exporter *e, int i) {
    const sn_node *n = &e->graph->node[i];
    SN_TRY(put_param(e, n->weight));
    SN_TRY(put_param(e, n->bias));
    SN_TRY(put_stats(e, n->stats));
    const sn_onnx_tensor *t = e->model->initializers + e->model->n_initializers - 4;
    SN_TRY(add_node(e, i, "BatchNormalization", 4, (const char *[]){t[0].name, t[1].name, t[2].name, t[3].name}));
    return sn_onnx_attr_f32(e->model, "epsilon", (float)e->graph->bn_eps);
}

static sn_status add_act(exporter *e, int i) {
    if (e->graph->node[i].mode == SN_RELU) return add_node(e, i, "Relu", 0, NULL);
    const char *limits[2] = {"relu6.min", "relu6.max"};
    const float low = 0, high = 6;
    if (!sn_onnx_find_initializer(e->model, limits[0])) {
        SN_TRY(sn_onnx_add_f32(e->model, limits[0], 0, NULL, &low));
        SN_TRY(sn_onnx_add_f32(e->model, limits[1], 0, NULL, &high));
    }
    return add_node(e, i, "Clip", 2, limits);
}

static sn_status add_pool(exporter *e, int i) {
    const sn_node *n = &e->graph->node[i];
    bool average = n->mode == SN_POOL_AVG;
    SN_TRY(add_node(e, i, average ? "AveragePool" : "MaxPool", 0, NULL));
    SN_TRY(add_window(e, n));
    return average ? sn_onnx_attr_int(e->model, "count_include_pad", 0) : SN_OK;
}

static sn_status add(exporter *e, int i) {
    const sn_node *n = &e->graph->node[i];
    switch (n->kind) {
    case SN_NODE_INPUT:
        e->value[i] = "images";
        return SN_OK;
    case SN_NODE_CONV:
        return add_conv(e, i);
    case SN_NODE_POOL:
        return add_pool(e, i);
    case SN_NODE_MEAN:
        return add_node(e, i, "GlobalAveragePool", 0, NULL);
    case SN_NODE_SUM:
        return add_node(e, i, "Add", 0, NULL);
    case SN_NODE_BN:
        return add_bn(e, i);
    case SN_NODE_ACT:
        return add_act(e, i);
    case SN_NODE_BIAS:
        return sn_error(SN_FAIL,
                        "bias '%s' cannot be exported: only that of a convolution or linear layer which nothing else reads",
                        n->name);
    default: // the choice stands for its option, the loss is not part of the net
        return SN_OK;
    }
}

// ---------------------------------------------------------------- the whole
// A bias, and a BN that is to be folded, becomes part of the conv that it alone reads.
static sn_status find_merged(exporter *e) {
    const sn_graph *g = e->graph;
    int *readers = sn_new((size_t)g->n, sizeof *readers);
    if (!readers) return SN_RESOURCE;
    for (int i = 0; i < g->n; i++)
        for (int k = 0; e->live[i] && g->node[i].kind != SN_NODE_CHOICE && k < g->node[i].n_in; k++)
            readers[sn_graph_resolve(g, e->arch, g->node[i].in[k])]++;
    for (int i = 0; i < g->n; i++) e->merged[i] = -1;
    for (int i = 0; i < g->n; i++) {
        const sn_node *n = &g->node[i];
        if (!e->live[i] || !(n->kind == SN_NODE_BIAS || (n->kind == SN_NODE_BN && e->fold))) continue;
        int x = sn_graph_resolve(g, e->arch, n->in[0]);
        if (g->node[x].kind == SN_NODE_CONV && readers[x] == 1) e->merged[x] = i;
    }
    free(readers);
    return SN_OK;
}

static sn_status add_nodes(exporter *e) {
    for (int i = 0; i < e->graph->n; i++) {
        if (!e->live[i] || e->value[i]) continue;
        SN_TRY(add(e, i));
        if (e->merged[i] >= 0) e->value[e->merged[i]] = e->value[i];
    }
    return SN_OK;
}

static sn_status add_ends(exporter *e) {
    const sn_node *x = &e->graph->node[e->graph->input];
    SN_TRY(sn_onnx_add_input(e->model, "images", 4, (int64_t[]){SN_ONNX_BATCH, x->c, x->h, x->w}));
    return sn_onnx_add_output(e->model, "logits", 2, (int64_t[]){SN_ONNX_BATCH, e->graph->node[e->graph->logits].c});
}

sn_status sn_export_build(const sn_supernet *net, const sn_arch *a, bool fold, sn_onnx **out, int64_t *params) {
    exporter e = {.net = net, .graph = net->graph, .arch = a, .fold = fold};
    size_t n = (size_t)e.graph->n;
    sn_status s = sn_export_live(net, a, &e.live, params);
    if (s == SN_OK) s = sn_onnx_new("subnet", "supernet", SN_VERSION, &e.model);
    e.merged = sn_new(n, sizeof *e.merged);
    e.value = sn_new(n, sizeof *e.value);
    if (s == SN_OK && (!e.merged || !e.value)) s = SN_RESOURCE;
    if (s == SN_OK) s = find_merged(&e);
    if (s == SN_OK) s = add_ends(&e);
    if (s == SN_OK) s = add_nodes(&e);
    if (s == SN_OK)
        *out = e.model;
    else
        sn_onnx_free(e.model);
    free(e.live);
    free(e.merged);
    free(e.value);
    return s;
}
