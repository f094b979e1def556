// The graph of one arch as tensors, and as ONNX nodes: live nodes in order, aliases followed; see export.h for names and folding.
// Not here: files (io/files/) and their check (export.c). Next: export.c.
#include "supernet/export/export_net.h"
#include "space/cost.h"
#include "space/ops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------- tensors
// What the node uses of its weight, or (bias) of its bias.
static sn_status add_param(sn_tensors *t, sn_supernet *net, int node, bool bias) {
    const sn_node *n = &net->graph->node[node];
    const sn_param *p = &net->graph->params.param[bias ? n->bias : n->weight];
    sn_extent e = bias ? (sn_extent){1, 1, n->c} : sn_node_extent(net->graph, n);
    const sn_param part = {.kind = p->kind, .kernel = e.kernel, .in = e.in, .out = e.out};
    size_t dims[SN_TENSOR_RANK];
    float *data, *memory;
    int ndim = sn_param_dims(&part, dims);
    bool kernel = n->kind == SN_NODE_CONV;
    SN_TRY(sn_tensors_add(t, p->name, ndim, dims, &data));
    if (!(memory = sn_new((size_t)(kernel ? sn_kernel_size(net->graph, n) : e.out), sizeof *memory))) return SN_RESOURCE;
    sn_status s = kernel ? sn_supernet_kernel(net, node, memory) : SN_OK;
    if (!kernel) sn_memory_get(net->memory, SN_BUFFER_WEIGHTS, p->offset, memory, e.out);
    if (s == SN_OK) sn_param_to_file(&part, memory, data);
    free(memory);
    return s;
}

// A tensor called as the owner is, with an ending.
static sn_status add_vector(sn_tensors *t, const char *owner, const char *ending, int c, float **data) {
    char *name = sn_format("%s.%s", owner, ending);
    sn_status s = name ? sn_tensors_add(t, name, 1, (size_t[]){(size_t)c}, data) : SN_RESOURCE;
    free(name);
    return s;
}

static sn_status add_stats(sn_tensors *t, const sn_supernet *net, const sn_node *bn) {
    const sn_stats *s = &net->graph->params.stats[bn->stats];
    float *mean, *var;
    SN_TRY(add_vector(t, s->name, "running_mean", bn->c, &mean));
    SN_TRY(add_vector(t, s->name, "running_var", bn->c, &var));
    sn_memory_get(net->memory, SN_BUFFER_STATS, s->mean, mean, bn->c);
    sn_memory_get(net->memory, SN_BUFFER_STATS, s->var, var, bn->c);
    return SN_OK;
}

static bool name_fits(const char *name) {
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return *name && strspn(name, alphabet) == strlen(name);
}

// What nodes stand for and which are live (graph.h), in new memory; `live` belongs to `stands`.
static sn_status find_live(const sn_supernet *net, const sn_arch *a, int **stands, uint8_t **live, int64_t *params) {
    const sn_graph *g = net->graph;
    if (!(*stands = sn_new((size_t)g->n, sizeof **stands + 1))) return SN_RESOURCE;
    *live = (uint8_t *)(*stands + g->n);
    sn_graph_stand(g, a, NULL, *stands);
    sn_graph_live(g, *stands, *live);
    *params = 0;
    for (int i = 0; i < g->n; i++) {
        const sn_node *n = &g->node[i];
        if (!(*live)[i]) continue;
        if (!name_fits(n->name))
            return sn_error(
                SN_FAIL, "node '%s' cannot be exported under this name; allowed are letters, digits, '.', '_' and '-'", n->name);
        *params += sn_cost_node(g, n).params;
    }
    return SN_OK;
}

sn_status sn_export_tensors(sn_supernet *net, const sn_arch *a, sn_tensors *out, int64_t *params) {
    uint8_t *live = NULL;
    int *stands = NULL;
    sn_status s = find_live(net, a, &stands, &live, params);
    for (int i = 0; i < net->graph->n && s == SN_OK; i++) {
        const sn_node *n = &net->graph->node[i];
        if (!live[i]) continue;
        if (n->weight >= 0) s = add_param(out, net, i, false);
        if (s == SN_OK && n->bias >= 0) s = add_param(out, net, i, true);
        if (s == SN_OK && n->stats >= 0) s = add_stats(out, net, n);
    }
    free(stands);
    return s;
}

// ---------------------------------------------------------------- one model
typedef struct {
    sn_supernet *net;
    const sn_graph *graph;
    bool fold;
    sn_onnx *model;
    int *stands; // per node, as the next: see graph.h
    uint8_t *live;
    int *merged;        // per conv: the bias or BN that becomes part of it, or -1
    const char **value; // per node: name of the value it stands for; the model's
} exporter;

// Whether a value or a tensor has this name, or will have it.
static bool taken(const exporter *e, const char *name) {
    return !strcmp(name, "logits") || sn_onnx_has(e->model, name) || sn_params_find(&e->graph->params, name) >= 0;
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

static sn_status put_weight(exporter *e, int node) {
    return add_param(&e->model->tensors, e->net, node, false);
}
static sn_status put_bias(exporter *e, int node) {
    return add_param(&e->model->tensors, e->net, node, true);
}

// NAME.weight and NAME.bias of a conv with its BN folded in: the weight times the BN's scale per output channel, and the bias
// that remains; in double, rounded once.
static sn_status put_folded(exporter *e, int node, int norm) {
    const sn_node *conv = &e->graph->node[node];
    sn_tensors v = {0}, *t = &e->model->tensors; // v: gamma, beta, mean, variance
    float *bias;
    SN_TRY(put_weight(e, node));
    sn_tensor w = t->item[t->n - 1];
    SN_TRY(add_vector(t, conv->name, "bias", conv->c, &bias));
    sn_status s = add_param(&v, e->net, norm, false);
    if (s == SN_OK) s = add_param(&v, e->net, norm, true);
    if (s == SN_OK) s = add_stats(&v, e->net, &e->graph->node[norm]);
    for (size_t o = 0, each = w.n / w.dims[0]; s == SN_OK && o < w.dims[0]; o++) {
        double scale = (double)v.item[0].data[o] / sqrt((double)v.item[3].data[o] + e->graph->bn_eps);
        for (size_t i = o * each; i < (o + 1) * each; i++) w.data[i] = (float)(scale * (double)w.data[i]);
        bias[o] = (float)((double)v.item[1].data[o] - scale * (double)v.item[2].data[o]);
    }
    sn_tensors_free(&v);
    return s;
}

// ---------------------------------------------------------------- nodes
static const sn_node *input_node(const exporter *e, const sn_node *n, int k) {
    return &e->graph->node[e->stands[n->in[k]]];
}

static const char *input_value(const exporter *e, const sn_node *n, int k) {
    return e->value[e->stands[n->in[k]]];
}

// Adds a node with one output, called as the node is, but for the last, which makes the logits. *output is the model's.
static sn_status add_op(exporter *e, const char *op, const char *wanted, bool last, size_t n, const char *const *inputs,
                        const char **output) {
    char *name = unique_name(e, wanted);
    if (!name) return SN_RESOURCE;
    sn_status s = sn_onnx_add_node(e->model, op, name, n, inputs, last ? "logits" : name);
    free(name);
    if (s == SN_OK) *output = e->model->nodes[e->model->n_nodes - 1].output;
    return s;
}

// The graph's node i, reading its own input, if it has one, and then up to four tensors.
static sn_status add_node(exporter *e, int i, const char *op, size_t n_tensors, const char *const *tensors) {
    const sn_node *n = &e->graph->node[i];
    const char *inputs[1 + 4];
    size_t count = 0;
    for (int k = 0; k < n->n_in && k < 1; k++) inputs[count++] = input_value(e, n, k);
    for (size_t k = 0; k < n_tensors; k++) inputs[count++] = tensors[k];
    int end = e->merged[i] >= 0 ? e->merged[i] : i;
    return add_op(e, op, n->name, end == e->stands[e->graph->logits], count, inputs, &e->value[i]);
}

static sn_status attr_same(exporter *e, const char *name, size_t n, int value) {
    const int64_t v[4] = {value, value, value, value};
    return sn_onnx_attr_ints(e->model, name, n, v);
}

// So many pixels that the last window ends with them: as many as before the image where the kernel's side is odd, or fewer.
static int end_pad(const sn_node *n, int size, int windows) {
    int needed = (windows - 1) * n->stride + n->dilation * (n->kernel - 1) + 1 - n->pad - size;
    return n->kernel % 2 ? n->pad : needed > 0 ? needed : 0;
}

static sn_status add_window(exporter *e, const sn_node *n) {
    SN_TRY(attr_same(e, "kernel_shape", 2, n->kernel));
    SN_TRY(attr_same(e, "strides", 2, n->stride));
    const sn_node *x = input_node(e, n, 0);
    const int64_t pads[4] = {n->pad, n->pad, end_pad(n, x->h, n->h), end_pad(n, x->w, n->w)}; // top, left, bottom, right
    return sn_onnx_attr_ints(e->model, "pads", 4, pads);
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
    bool last = (e->merged[i] >= 0 ? e->merged[i] : i) == e->stands[e->graph->logits];
    SN_TRY(add_op(e, "Gemm", n->name, last, 1 + n_tensors, inputs, &e->value[i]));
    return sn_onnx_attr_int(e->model, "transB", 1);
}

static sn_status add_conv(exporter *e, int i) {
    const sn_node *n = &e->graph->node[i], *m = e->merged[i] >= 0 ? &e->graph->node[e->merged[i]] : NULL;
    const sn_param *w = &e->graph->params.param[n->weight];
    if (m && m->kind == SN_NODE_BN) {
        SN_TRY(put_folded(e, i, e->merged[i]));
    } else {
        SN_TRY(put_weight(e, i));
        if (m) SN_TRY(put_bias(e, e->merged[i]));
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

// ONNX adds two at a time: names end in .1, .2 ..., but for the last.
static sn_status add_sum(exporter *e, int i) {
    const sn_node *n = &e->graph->node[i];
    const char *pair[2] = {NULL, NULL};
    int left = -1; // pairs to come after this one
    for (int k = 0; k < n->n_in; k++) left += e->stands[n->in[k]] != SN_NOTHING;
    for (int k = 0, made = 0; k < n->n_in; k++) {
        if (e->stands[n->in[k]] == SN_NOTHING) continue;
        pair[pair[0] ? 1 : 0] = input_value(e, n, k);
        if (!pair[1]) continue;
        bool last = !--left;
        char *name = last ? sn_strdup(n->name) : sn_format("%s.%d", n->name, ++made);
        sn_status s = name ? add_op(e, "Add", name, last && i == e->stands[e->graph->logits], 2, pair, &pair[0]) : SN_RESOURCE;
        free(name);
        SN_TRY(s);
        pair[1] = NULL;
    }
    e->value[i] = pair[0];
    return SN_OK;
}

// Whole numbers that a node takes as an input: a node of their own, called as that one with an ending.
static sn_status add_ints(exporter *e, const char *owner, const char *ending, size_t n, const int64_t *values, const char **out) {
    char *name = sn_format("%s.%s", owner, ending);
    sn_status s = name ? add_op(e, "Constant", name, false, 0, NULL, out) : SN_RESOURCE;
    free(name);
    return s == SN_OK ? sn_onnx_attr_ints(e->model, "value_ints", n, values) : s;
}

// The value with zeros around it: so many channels before and behind, so many rows and columns at the end.
static sn_status add_zeros(exporter *e, const char *owner, int before, int behind, int rows, int columns, const char **value) {
    const char *inputs[2] = {*value, NULL};
    const int64_t pads[8] = {0, before, 0, 0, 0, behind, rows, columns};
    if (!before && !behind && !rows && !columns) return SN_OK;
    SN_TRY(add_ints(e, owner, "pads", 8, pads, &inputs[1]));
    char *name = sn_format("%s.pad", owner);
    sn_status s = name ? add_op(e, "Pad", name, false, 2, inputs, value) : SN_RESOURCE;
    free(name);
    return s;
}

// Inputs that are nothing are zeros around those beside them.
static sn_status add_concat(exporter *e, int i) {
    const sn_node *n = &e->graph->node[i];
    const char **part = sn_new((size_t)n->n_in, sizeof *part);
    size_t parts = 0;
    sn_status s = part ? SN_OK : SN_RESOURCE;
    for (int k = 0, before = 0; s == SN_OK && k < n->n_in; k++) {
        int behind = 0;
        if (e->stands[n->in[k]] == SN_NOTHING) {
            before += e->graph->node[n->in[k]].c; // of the first part; later ones are behind another
            continue;
        }
        for (int j = k + 1; j < n->n_in && e->stands[n->in[j]] == SN_NOTHING; j++) behind += e->graph->node[n->in[j]].c;
        part[parts] = input_value(e, n, k);
        s = add_zeros(e, n->name, parts ? 0 : before, behind, 0, 0, &part[parts]);
        parts++;
    }
    if (s == SN_OK) s = add_op(e, "Concat", n->name, false, parts, part, &e->value[i]);
    free(part);
    return s == SN_OK ? sn_onnx_attr_int(e->model, "axis", 1) : s;
}

static sn_status gather_channels(exporter *e, const sn_node *n, int channels, const char **value) {
    const char *inputs[2] = {*value, NULL};
    int64_t *of = sn_new((size_t)n->out, sizeof *of);
    if (!of) return SN_RESOURCE;
    for (int k = 0; k < n->out; k++) {
        int c = n->first + k;
        of[k] = c % n->groups * (channels / n->groups) + c / n->groups;
    }
    sn_status s = add_ints(e, n->name, "channels", (size_t)n->out, of, &inputs[1]);
    free(of);
    SN_TRY(s);
    SN_TRY(add_op(e, "Gather", n->name, false, 2, inputs, value));
    return sn_onnx_attr_int(e->model, "axis", 1);
}

// So many zeros behind the image that the last pixel wanted lies inside.
static int zeros_behind(const sn_node *n, int size, int wanted) {
    int reach = (wanted - 1) * n->stride + n->shift + 1;
    return reach > size ? reach - size : 0;
}

static sn_status slice_pixels(exporter *e, const sn_node *n, const sn_node *x, const char **value) {
    int rows = zeros_behind(n, x->h, n->h), columns = zeros_behind(n, x->w, n->w);
    const int64_t starts[2] = {n->shift, n->shift}, ends[2] = {x->h + rows, x->w + columns}, axes[2] = {2, 3},
                  steps[2] = {n->stride, n->stride};
    SN_TRY(add_zeros(e, n->name, 0, 0, rows, columns, value));
    const char *inputs[5] = {*value, NULL, NULL, NULL, NULL};
    SN_TRY(add_ints(e, n->name, "starts", 2, starts, &inputs[1]));
    SN_TRY(add_ints(e, n->name, "ends", 2, ends, &inputs[2]));
    SN_TRY(add_ints(e, n->name, "axes", 2, axes, &inputs[3]));
    SN_TRY(add_ints(e, n->name, "steps", 2, steps, &inputs[4]));
    return add_op(e, "Slice", n->name, false, 5, inputs, value);
}

static sn_status add_part(exporter *e, int i) {
    const sn_node *n = &e->graph->node[i], *x = input_node(e, n, 0);
    const char *value = input_value(e, n, 0);
    if (n->out != x->c || n->groups > 1) SN_TRY(gather_channels(e, n, x->c, &value));
    if (n->stride > 1 || n->shift) SN_TRY(slice_pixels(e, n, x, &value));
    e->value[i] = value;
    return SN_OK;
}

// The logits of a net that computes nothing, for any number of images: a linear layer whose weight is 0.
static sn_status add_bias_of_nothing(exporter *e, int i) {
    const sn_node *n = &e->graph->node[i], *x = &e->graph->node[e->graph->input];
    const char *value = "images";
    float *zeros;
    SN_TRY(add_op(e, "GlobalAveragePool", "images.mean", false, 1, &value, &value));
    SN_TRY(add_op(e, "Flatten", "images.row", false, 1, &value, &value));
    SN_TRY(sn_onnx_attr_int(e->model, "axis", 1));
    SN_TRY(sn_tensors_add(&e->model->tensors, "nothing.weight", 2, (size_t[]){(size_t)n->c, (size_t)x->c}, &zeros));
    memset(zeros, 0, (size_t)n->c * (size_t)x->c * sizeof *zeros);
    SN_TRY(put_bias(e, i));
    const char *inputs[3] = {value, "nothing.weight", e->graph->params.param[n->bias].name};
    SN_TRY(add_op(e, "Gemm", n->name, true, 3, inputs, &e->value[i]));
    return sn_onnx_attr_int(e->model, "transB", 1);
}

static sn_status add_bn(exporter *e, int i) {
    const sn_node *n = &e->graph->node[i];
    SN_TRY(put_weight(e, i));
    SN_TRY(put_bias(e, i));
    SN_TRY(add_stats(&e->model->tensors, e->net, n));
    const sn_tensor *t = e->model->tensors.item + e->model->tensors.n - 4;
    SN_TRY(add_node(e, i, "BatchNormalization", 4, (const char *[]){t[0].name, t[1].name, t[2].name, t[3].name}));
    return sn_onnx_attr_f32(e->model, "epsilon", (float)e->graph->bn_eps);
}

static sn_status add_h_sigmoid(exporter *e, const char *name, bool last, const char *input, const char **output) {
    SN_TRY(add_op(e, "HardSigmoid", name, last, 1, &input, output));
    SN_TRY(sn_onnx_attr_f32(e->model, "alpha", 1 / 6.0f));
    return sn_onnx_attr_f32(e->model, "beta", 0.5f);
}

// The operator of this name came with opset 14.
static sn_status add_h_swish(exporter *e, int i, bool last) {
    const sn_node *n = &e->graph->node[i];
    const char *pair[2] = {input_value(e, n, 0), NULL};
    char *name = sn_format("%s.sigmoid", n->name);
    sn_status s = name ? add_h_sigmoid(e, name, false, pair[0], &pair[1]) : SN_RESOURCE;
    free(name);
    return s == SN_OK ? add_op(e, "Mul", n->name, last, 2, pair, &e->value[i]) : s;
}

static sn_status add_relu6(exporter *e, int i) {
    const char *limits[2] = {"relu6.min", "relu6.max"};
    float *low, *high;
    if (!sn_tensors_find(&e->model->tensors, limits[0])) {
        SN_TRY(sn_tensors_add(&e->model->tensors, limits[0], 0, NULL, &low));
        SN_TRY(sn_tensors_add(&e->model->tensors, limits[1], 0, NULL, &high));
        *low = 0, *high = 6;
    }
    return add_node(e, i, "Clip", 2, limits);
}

static sn_status add_act(exporter *e, int i) {
    const sn_node *n = &e->graph->node[i];
    bool last = i == e->stands[e->graph->logits];
    switch ((sn_act)n->mode) {
    case SN_RELU6:
        return add_relu6(e, i);
    case SN_H_SWISH:
        return add_h_swish(e, i, last);
    case SN_H_SIGMOID:
        return add_h_sigmoid(e, n->name, last, input_value(e, n, 0), &e->value[i]);
    default:
        return add_node(e, i, "Relu", 0, NULL);
    }
}

static sn_status add_pool(exporter *e, int i) {
    const sn_node *n = &e->graph->node[i];
    bool average = n->mode == SN_POOL_AVG;
    SN_TRY(add_node(e, i, average ? "AveragePool" : "MaxPool", 0, NULL));
    SN_TRY(add_window(e, n));
    return average ? sn_onnx_attr_int(e->model, "count_include_pad", 0) : SN_OK;
}

static sn_status add_scale(exporter *e, int i) {
    const sn_node *n = &e->graph->node[i];
    const char *pair[2] = {input_value(e, n, 0), input_value(e, n, 1)};
    return add_op(e, "Mul", n->name, i == e->stands[e->graph->logits], 2, pair, &e->value[i]);
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
        return add_sum(e, i);
    case SN_NODE_SCALE:
        return add_scale(e, i);
    case SN_NODE_PLACE:
        return e->graph->node[i].out ? add_part(e, i) : add_concat(e, i);
    case SN_NODE_BN:
        return add_bn(e, i);
    case SN_NODE_ACT:
        return add_act(e, i);
    case SN_NODE_BIAS:
        if (e->stands[n->in[0]] == SN_NOTHING) return add_bias_of_nothing(e, i);
        return sn_error(SN_FAIL,
                        "bias '%s' cannot be exported: only that of a convolution or linear layer which nothing else reads",
                        n->name);
    default: // the loss is not part of the net
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
        for (int k = 0; e->live[i] && k < g->node[i].n_in; k++) {
            int in = e->stands[g->node[i].in[k]];
            if (in != SN_NOTHING) readers[in]++;
        }
    for (int i = 0; i < g->n; i++) e->merged[i] = -1;
    for (int i = 0; i < g->n; i++) {
        const sn_node *n = &g->node[i];
        if (!e->live[i] || !(n->kind == SN_NODE_BIAS || (n->kind == SN_NODE_BN && e->fold))) continue;
        int x = e->stands[n->in[0]];
        if (x != SN_NOTHING && g->node[x].kind == SN_NODE_CONV && readers[x] == 1) e->merged[x] = i;
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

sn_status sn_export_model(sn_supernet *net, const sn_arch *a, bool fold, sn_onnx *out, int64_t *params) {
    exporter e = {.net = net, .graph = net->graph, .fold = fold, .model = out};
    const sn_node *x = &e.graph->node[e.graph->input], *y = &e.graph->node[e.graph->logits];
    out->input = (sn_onnx_value){"images", 4, {SN_ONNX_BATCH, x->c, x->h, x->w}};
    out->output = (sn_onnx_value){"logits", 2, {SN_ONNX_BATCH, y->c}};
    e.merged = sn_new((size_t)e.graph->n, sizeof *e.merged);
    e.value = sn_new((size_t)e.graph->n, sizeof *e.value);
    sn_status s = e.merged && e.value ? find_live(net, a, &e.stands, &e.live, params) : SN_RESOURCE;
    if (s == SN_OK) s = find_merged(&e);
    if (s == SN_OK) s = add_nodes(&e);
    free(e.stands);
    free(e.merged);
    free(e.value);
    return s;
}
