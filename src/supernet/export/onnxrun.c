// An ONNX model as calls of the reference kernels: a rule per operator says what its node, attributes and tensors mean for one
// image; what no rule knows is refused. See onnxrun.h. Not here: decoding (io/files/onnx.h).
#include "supernet/export/onnxrun.h"
#include "base/round.h"
#include "supernet/engine/plan.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 1 << 20 }; // the largest size of a tensor along one axis

// A tensor that a node reads or writes, for one image.
typedef struct {
    const char *name; // the model's
    int dims;         // 4: (1, c, h, w); 2: (1, c)
    int c, h, w;
    sn_off at; // arena, as (h, w, c)
} value;

typedef struct {
    const sn_onnx *model;
    sn_backend *backend;
    sn_plan plan;
    value *values; // the first: the model's input
    int n_values;
    size_t value_capacity;
    float *weights, *stats;
    size_t weight_capacity, stats_capacity;
    int64_t n_weights, n_stats, arena;
} runner;

// ---------------------------------------------------------------- memory
static int64_t elements(const value *v) {
    return (int64_t)v->c * v->h * v->w;
}

// n elements of the arena.
static sn_off take(runner *r, int64_t n) {
    sn_off at = r->arena;
    r->arena += sn_aligned(n);
    return at;
}

// Appends n floats to weights or stats.
static sn_status put(float **items, size_t *capacity, int64_t *used, const float *from, int64_t n, sn_off *at) {
    SN_TRY(sn_grow(items, capacity, (size_t)(*used + n), sizeof **items));
    memcpy(*items + *used, from, (size_t)n * sizeof **items);
    *at = *used;
    *used += n;
    return SN_OK;
}

static sn_status put_weights(runner *r, const float *from, int64_t n, sn_off *at) {
    return put(&r->weights, &r->weight_capacity, &r->n_weights, from, n, at);
}

static sn_status put_stats(runner *r, const float *from, int64_t n, sn_off *at) {
    return put(&r->stats, &r->stats_capacity, &r->n_stats, from, n, at);
}

static sn_status add_value(runner *r, value v) {
    SN_TRY(sn_grow(&r->values, &r->value_capacity, (size_t)r->n_values + 1, sizeof *r->values));
    r->values[r->n_values++] = v;
    return SN_OK;
}

// A call as a launch of its own, with its workspace.
static sn_status add_call(runner *r, sn_call c) {
    SN_TRY(sn_backend_choose(r->backend, &c));
    if (c.impl->work) c.work = take(r, c.impl->work(&c));
    return sn_plan_add(&r->plan, r->backend, &c, false);
}

// ---------------------------------------------------------------- what a node says
static sn_status bad(const sn_onnx_node *n, const char *what) {
    return sn_error(SN_DATA, "node '%s' (%s): %s", n->name, n->op, what);
}

static sn_status get_int(const sn_onnx_node *n, const char *name, int64_t preset, int *out) {
    const sn_onnx_attr *a = sn_onnx_find_attr(n, name);
    if (a && a->kind != SN_ONNX_INT) return sn_error(SN_DATA, "node '%s' (%s): %s is not a whole number", n->name, n->op, name);
    int64_t v = a ? a->i : preset;
    if (v < INT_MIN || v > INT_MAX) return sn_error(SN_DATA, "node '%s' (%s): %s is %lld", n->name, n->op, name, (long long)v);
    *out = (int)v;
    return SN_OK;
}

static sn_status get_float(const sn_onnx_node *n, const char *name, float preset, float *out) {
    const sn_onnx_attr *a = sn_onnx_find_attr(n, name);
    if (a && a->kind != SN_ONNX_FLOAT) return sn_error(SN_DATA, "node '%s' (%s): %s is not a number", n->name, n->op, name);
    *out = a ? a->f : preset;
    return SN_OK;
}

// A list of `count` equal whole numbers: the kernels here are square and padded alike on all sides.
static sn_status get_same(const sn_onnx_node *n, const char *name, size_t count, int preset, int *out) {
    const sn_onnx_attr *a = sn_onnx_find_attr(n, name);
    *out = preset;
    if (!a) return SN_OK;
    bool good = a->kind == SN_ONNX_INTS && a->n == count;
    for (size_t i = 0; good && i < count; i++) good = a->ints[i] == a->ints[0] && a->ints[i] >= 0 && a->ints[i] <= 4096;
    if (!good) return sn_error(SN_DATA, "node '%s' (%s): %s is not %zu equal whole numbers", n->name, n->op, name, count);
    *out = (int)a->ints[0];
    return SN_OK;
}

// An attribute that may be given, but only with the value that means nothing.
static sn_status expect_int(const sn_onnx_node *n, const char *name, int preset, int allowed) {
    int v = 0;
    SN_TRY(get_int(n, name, preset, &v));
    if (v != allowed) return sn_error(SN_DATA, "node '%s' (%s): %s is %d; only %d is known", n->name, n->op, name, v, allowed);
    return SN_OK;
}

static sn_status expect_one(const sn_onnx_node *n, const char *name) {
    float v = 0;
    SN_TRY(get_float(n, name, 1, &v));
    if (!(v == 1)) return sn_error(SN_DATA, "node '%s' (%s): %s is %g; only 1 is known", n->name, n->op, name, (double)v);
    return SN_OK;
}

static sn_status find_value(const runner *r, const sn_onnx_node *n, size_t input, value *out) {
    for (int i = 0; i < r->n_values; i++)
        if (!strcmp(r->values[i].name, n->inputs[input])) {
            *out = r->values[i];
            return SN_OK;
        }
    return sn_error(SN_DATA, "node '%s' (%s): input '%s' is made by no node before it", n->name, n->op, n->inputs[input]);
}

// Input `input` as a tensor of rank ndim; dims that are >= 0 are demanded.
static sn_status find_tensor(const runner *r, const sn_onnx_node *n, size_t input, int ndim, const int64_t *dims,
                             const sn_tensor **out) {
    const sn_tensor *t = sn_tensors_find(&r->model->tensors, n->inputs[input]);
    if (!t) return sn_error(SN_DATA, "node '%s' (%s): there is no tensor '%s'", n->name, n->op, n->inputs[input]);
    bool good = t->ndim == ndim;
    for (int i = 0; good && i < ndim; i++)
        good = t->dims[i] > 0 && t->dims[i] <= SIZE && (dims[i] < 0 || t->dims[i] == (size_t)dims[i]);
    if (!good) return sn_error(SN_DATA, "node '%s' (%s): tensor '%s' has another shape than it needs", n->name, n->op, t->name);
    *out = t;
    return SN_OK;
}

// ---------------------------------------------------------------- rules: a node as calls
static sn_view plain(const value *v) {
    return (sn_view){v->at, SN_NONE, SN_NONE, SN_NONE, SN_LINEAR};
}

// Makes the node's output of the given shape.
static sn_status make_output(runner *r, const sn_onnx_node *n, value shape, value *out) {
    if (elements(&shape) > INT32_MAX) return bad(n, "the output is too large");
    shape.name = n->output;
    shape.at = take(r, elements(&shape));
    *out = shape;
    return add_value(r, shape);
}

// y = the view, written out.
static sn_status write_view(runner *r, const value *y, sn_view view) {
    sn_sum_forward sum = {
        .rows = (int64_t)y->h * y->w, .c = y->c, .inputs = 1, .x = {view}, .y = y->at, .stat = {SN_NONE, SN_NONE}};
    return add_call(r, (sn_call){.kernel = SN_SUM_FORWARD, .as.sum_forward = sum});
}

// Reads x through scale and shift of a BN or a bias and writes that to y.
static sn_status write_bn(runner *r, const value *y, sn_off x, sn_bn_forward bn) {
    bn.c = y->c, bn.rows = (int64_t)y->h * y->w;
    bn.stat = (sn_stat){SN_NONE, SN_NONE};
    bn.mean = take(r, y->c), bn.scale = take(r, y->c), bn.shift = take(r, y->c), bn.inv = take(r, y->c);
    SN_TRY(add_call(r, (sn_call){.kernel = SN_BN_FORWARD, .as.bn_forward = bn}));
    return write_view(r, y, (sn_view){x, bn.mean, bn.scale, bn.shift, SN_LINEAR});
}

// A convolution whose weight is given in file order, with or without a bias in the node's third input.
static sn_status lower_conv(runner *r, const sn_onnx_node *n, const value *x, sn_conv_size size, const float *weight,
                            const value *y) {
    sn_param shape = {.kind = SN_PARAM_CONV, .kernel = size.kernel, .in = size.ci / size.groups, .out = size.co};
    shape.size = (int64_t)shape.kernel * shape.kernel * shape.in * shape.out;
    float *ours = sn_new((size_t)shape.size, sizeof *ours);
    if (!ours) return SN_RESOURCE;
    sn_param_from_file(&shape, weight, ours);
    sn_conv_forward conv = {.size = size, .x = plain(x), .stat = {SN_NONE, SN_NONE}};
    sn_status s = put_weights(r, ours, shape.size, &conv.w);
    free(ours);
    SN_TRY(s);
    bool bias = n->n_inputs == 3;
    conv.y = bias ? take(r, elements(y)) : y->at;
    SN_TRY(add_call(r, (sn_call){.kernel = SN_CONV_FORWARD, .as.conv_forward = conv}));
    if (!bias) return SN_OK;
    const sn_tensor *b;
    SN_TRY(find_tensor(r, n, 2, 1, (int64_t[]){y->c}, &b));
    sn_bn_forward view = {.mode = SN_BN_BIAS, .gamma = SN_NONE, .running_mean = SN_NONE, .running_var = SN_NONE};
    SN_TRY(put_weights(r, b->data, y->c, &view.beta));
    return write_bn(r, y, conv.y, view);
}

static sn_status rule_conv(runner *r, const sn_onnx_node *n) {
    value x, y;
    const sn_tensor *w;
    sn_conv_size s = {.n = 1};
    SN_TRY(find_value(r, n, 0, &x));
    SN_TRY(find_tensor(r, n, 1, 4, (int64_t[]){-1, -1, -1, -1}, &w));
    SN_TRY(get_int(n, "group", 1, &s.groups));
    SN_TRY(get_same(n, "kernel_shape", 2, (int)w->dims[2], &s.kernel));
    SN_TRY(get_same(n, "strides", 2, 1, &s.stride));
    SN_TRY(get_same(n, "pads", 4, 0, &s.pad));
    SN_TRY(get_same(n, "dilations", 2, 1, &s.dilation));
    s.ci = x.c, s.h = x.h, s.w = x.w, s.co = (int)w->dims[0];
    if (x.dims != 4 || s.groups < 1 || s.stride < 1 || (int)w->dims[2] != s.kernel || (int)w->dims[3] != s.kernel ||
        (int64_t)w->dims[1] * s.groups != x.c || s.co % s.groups)
        return bad(n, "weight, groups and input do not fit");
    int span = s.dilation * (s.kernel - 1) + 1;
    if (x.h + 2 * s.pad < span || x.w + 2 * s.pad < span) return bad(n, "the kernel is larger than the padded input");
    s.ho = (x.h + 2 * s.pad - span) / s.stride + 1;
    s.wo = (x.w + 2 * s.pad - span) / s.stride + 1;
    SN_TRY(make_output(r, n, (value){.dims = 4, .c = s.co, .h = s.ho, .w = s.wo}, &y));
    return lower_conv(r, n, &x, s, w->data, &y);
}

static sn_status rule_gemm(runner *r, const sn_onnx_node *n) {
    value x, y;
    const sn_tensor *w;
    SN_TRY(find_value(r, n, 0, &x));
    SN_TRY(expect_one(n, "alpha"));
    SN_TRY(expect_one(n, "beta"));
    SN_TRY(expect_int(n, "transA", 0, 0));
    SN_TRY(expect_int(n, "transB", 0, 1));
    SN_TRY(find_tensor(r, n, 1, 2, (int64_t[]){-1, x.c}, &w));
    if (x.dims != 2) return bad(n, "the input is not a matrix");
    SN_TRY(make_output(r, n, (value){.dims = 2, .c = (int)w->dims[0], .h = 1, .w = 1}, &y));
    sn_conv_size s = {1, 1, 1, x.c, 1, 1, y.c, 1, 1, 0, 1, 1};
    return lower_conv(r, n, &x, s, w->data, &y);
}

static sn_status rule_bn(runner *r, const sn_onnx_node *n) {
    value x, y;
    const sn_tensor *t[4];
    float eps = 0;
    SN_TRY(find_value(r, n, 0, &x));
    SN_TRY(get_float(n, "epsilon", 1e-5f, &eps));
    for (size_t i = 0; i < 4; i++) SN_TRY(find_tensor(r, n, i + 1, 1, (int64_t[]){x.c}, &t[i]));
    sn_bn_forward bn = {.mode = SN_BN_RUNNING, .eps = (double)eps};
    SN_TRY(put_weights(r, t[0]->data, x.c, &bn.gamma));
    SN_TRY(put_weights(r, t[1]->data, x.c, &bn.beta));
    SN_TRY(put_stats(r, t[2]->data, x.c, &bn.running_mean));
    SN_TRY(put_stats(r, t[3]->data, x.c, &bn.running_var));
    SN_TRY(make_output(r, n, x, &y));
    return write_bn(r, &y, x.at, bn);
}

static sn_status lower_act(runner *r, const sn_onnx_node *n, sn_act act) {
    value x, y;
    SN_TRY(find_value(r, n, 0, &x));
    SN_TRY(make_output(r, n, x, &y));
    sn_view view = plain(&x);
    view.act = act;
    return write_view(r, &y, view);
}

static sn_status rule_relu(runner *r, const sn_onnx_node *n) {
    return lower_act(r, n, SN_RELU);
}

static sn_status rule_clip(runner *r, const sn_onnx_node *n) {
    const sn_tensor *low, *high;
    SN_TRY(find_tensor(r, n, 1, 0, NULL, &low));
    SN_TRY(find_tensor(r, n, 2, 0, NULL, &high));
    if (!(low->data[0] == 0 && high->data[0] == 6)) return bad(n, "only limits 0 and 6 are known");
    return lower_act(r, n, SN_RELU6);
}

static sn_status rule_h_sigmoid(runner *r, const sn_onnx_node *n) {
    float alpha = 0, beta = 0;
    SN_TRY(get_float(n, "alpha", 0.2f, &alpha));
    SN_TRY(get_float(n, "beta", 0.5f, &beta));
    if (!(alpha == 1 / 6.0f && beta == 0.5f)) return bad(n, "only alpha 1/6 and beta 1/2 are known");
    return lower_act(r, n, SN_H_SIGMOID);
}

// Of a pool the end of the image may be padded otherwise than its beginning: only pixels of the image count.
static sn_status get_pool_pads(const sn_onnx_node *n, int *begin, int end[2]) {
    const sn_onnx_attr *a = sn_onnx_find_attr(n, "pads");
    *begin = end[0] = end[1] = 0;
    if (!a) return SN_OK;
    bool good = a->kind == SN_ONNX_INTS && a->n == 4 && a->ints[0] == a->ints[1];
    for (size_t i = 0; good && i < 4; i++) good = a->ints[i] >= 0 && a->ints[i] <= 4096;
    if (!good) return sn_error(SN_DATA, "node '%s' (%s): pads are not four whole numbers, the first two equal", n->name, n->op);
    *begin = (int)a->ints[0], end[0] = (int)a->ints[2], end[1] = (int)a->ints[3];
    return SN_OK;
}

static sn_status lower_pool(runner *r, const sn_onnx_node *n, sn_pool_kind kind) {
    value x, y;
    sn_pool_size s = {.n = 1, .kind = kind};
    SN_TRY(find_value(r, n, 0, &x));
    SN_TRY(get_same(n, "kernel_shape", 2, 0, &s.kernel));
    SN_TRY(get_same(n, "strides", 2, 1, &s.stride));
    int end[2];
    SN_TRY(get_pool_pads(n, &s.pad, end));
    SN_TRY(expect_int(n, "ceil_mode", 0, 0));
    SN_TRY(expect_int(n, "count_include_pad", 0, 0));
    s.h = x.h, s.w = x.w, s.c = x.c;
    int h = x.h + s.pad + end[0] - s.kernel, w = x.w + s.pad + end[1] - s.kernel;
    if (x.dims != 4 || s.kernel < 1 || s.stride < 1 || end[0] >= s.kernel || end[1] >= s.kernel || h < 0 || w < 0)
        return bad(n, "window and input do not fit");
    s.ho = h / s.stride + 1;
    s.wo = w / s.stride + 1;
    SN_TRY(make_output(r, n, (value){.dims = 4, .c = x.c, .h = s.ho, .w = s.wo}, &y));
    return add_call(r, (sn_call){.kernel = SN_POOL_FORWARD, .as.pool_forward = {s, plain(&x), y.at, {SN_NONE, SN_NONE}}});
}

static sn_status rule_max(runner *r, const sn_onnx_node *n) {
    return lower_pool(r, n, SN_POOL_MAX);
}

static sn_status rule_average(runner *r, const sn_onnx_node *n) {
    return lower_pool(r, n, SN_POOL_AVG);
}

static sn_status rule_global(runner *r, const sn_onnx_node *n) {
    value x, y;
    SN_TRY(find_value(r, n, 0, &x));
    if (x.dims != 4) return bad(n, "the input is not an image");
    SN_TRY(make_output(r, n, (value){.dims = 4, .c = x.c, .h = 1, .w = 1}, &y));
    sn_mean_forward mean = {1, x.h * x.w, x.c, plain(&x), y.at, {SN_NONE, SN_NONE}};
    return add_call(r, (sn_call){.kernel = SN_MEAN_FORWARD, .as.mean_forward = mean});
}

static sn_status rule_add(runner *r, const sn_onnx_node *n) {
    value a, b, y;
    SN_TRY(find_value(r, n, 0, &a));
    SN_TRY(find_value(r, n, 1, &b));
    if (a.dims != b.dims || a.c != b.c || a.h != b.h || a.w != b.w) return bad(n, "the two inputs differ in shape");
    SN_TRY(make_output(r, n, a, &y));
    sn_sum_forward sum = {(int64_t)a.h * a.w, a.c, 2, {plain(&a), plain(&b)}, y.at, {SN_NONE, SN_NONE}, 0, {0}};
    return add_call(r, (sn_call){.kernel = SN_SUM_FORWARD, .as.sum_forward = sum});
}

// The second input has the shape of the first, each of whose pixels then has its own number per channel, or is one pixel.
static sn_status rule_mul(runner *r, const sn_onnx_node *n) {
    value x, gain, y;
    SN_TRY(find_value(r, n, 0, &x));
    SN_TRY(find_value(r, n, 1, &gain));
    bool whole = gain.h == x.h && gain.w == x.w;
    if (x.dims != gain.dims || x.c != gain.c || !(whole || (gain.h == 1 && gain.w == 1)))
        return bad(n, "the second input has neither the shape of the first nor one pixel of its channels");
    SN_TRY(make_output(r, n, x, &y));
    int pixels = x.h * x.w;
    sn_scale_forward scale = {whole ? pixels : 1, whole ? 1 : pixels, x.c, plain(&x), plain(&gain), y.at, {SN_NONE, SN_NONE}};
    return add_call(r, (sn_call){.kernel = SN_SCALE_FORWARD, .as.scale_forward = scale});
}

// ---------------------------------------------------------------- rules: pieces at another place
// The whole numbers that a Constant before made, n of them at most.
static sn_status find_ints(const runner *r, const sn_onnx_node *n, size_t input, size_t most, const int64_t **out,
                           size_t *count) {
    for (size_t i = 0; i < r->model->n_nodes; i++) {
        const sn_onnx_node *c = &r->model->nodes[i];
        const sn_onnx_attr *a = !strcmp(c->output, n->inputs[input]) ? sn_onnx_find_attr(c, "value_ints") : NULL;
        if (!a || strcmp(c->op, "Constant")) continue;
        if (a->kind != SN_ONNX_INTS || !a->n || a->n > most) break;
        *out = a->ints, *count = a->n;
        return SN_OK;
    }
    return sn_error(SN_DATA, "node '%s' (%s): input '%s' is not 1 to %zu whole numbers of a Constant", n->name, n->op,
                    n->inputs[input], most);
}

static sn_status rule_constant(runner *r, const sn_onnx_node *n) {
    (void)r;
    return sn_onnx_find_attr(n, "value_ints") ? SN_OK : bad(n, "only value_ints is known");
}

// A piece of x, or zeros where x is NULL, at channel `at` of y.
static sn_status put_piece(runner *r, const value *x, const value *y, int at, sn_place_size s) {
    sn_place_forward p = {.size = s, .y = y->at + at, .stat = {SN_NONE, SN_NONE}};
    p.x = x ? plain(x) : (sn_view){SN_NONE, SN_NONE, SN_NONE, SN_NONE, SN_LINEAR};
    p.size.n = 1, p.size.ho = y->h, p.size.wo = y->w, p.size.co = y->c;
    return add_call(r, (sn_call){.kernel = SN_PLACE_FORWARD, .as.place_forward = p});
}

static sn_place_size whole(const value *x) {
    return (sn_place_size){.h = x->h, .w = x->w, .c = x->c, .stride = 1, .groups = 1, .count = x->c};
}

static sn_status rule_concat(runner *r, const sn_onnx_node *n) {
    value y = {0}, x;
    SN_TRY(expect_int(n, "axis", 0, 1));
    for (size_t i = 0; i < n->n_inputs; i++) {
        SN_TRY(find_value(r, n, i, &x));
        if (x.dims != 4 || (i && (x.h != y.h || x.w != y.w)) || x.c > SIZE - y.c) return bad(n, "the inputs do not fit");
        x.c += y.c;
        y = x;
    }
    SN_TRY(make_output(r, n, y, &y));
    for (size_t i = 0, at = 0; i < n->n_inputs; i++) {
        SN_TRY(find_value(r, n, i, &x));
        SN_TRY(put_piece(r, &x, &y, (int)at, whole(&x)));
        at += (size_t)x.c;
    }
    return SN_OK;
}

static sn_status rule_gather(runner *r, const sn_onnx_node *n) {
    value x, y;
    const int64_t *of;
    size_t count;
    SN_TRY(expect_int(n, "axis", 0, 1));
    SN_TRY(find_value(r, n, 0, &x));
    SN_TRY(find_ints(r, n, 1, SIZE, &of, &count));
    if (x.dims != 4) return bad(n, "the input is not an image");
    for (size_t i = 0; i < count; i++)
        if (of[i] < 0 || of[i] >= x.c) return bad(n, "a channel is not one of the input's");
    SN_TRY(make_output(r, n, (value){.dims = 4, .c = (int)count, .h = x.h, .w = x.w}, &y));
    for (size_t i = 0, end; i < count; i = end) { // those side by side at once
        for (end = i + 1; end < count && of[end] == of[end - 1] + 1;) end++;
        sn_place_size s = whole(&x);
        s.first = (int)of[i], s.count = (int)(end - i);
        SN_TRY(put_piece(r, &x, &y, (int)i, s));
    }
    return SN_OK;
}

static sn_status rule_slice(runner *r, const sn_onnx_node *n) {
    value x, y;
    const int64_t *v[4]; // starts, ends, axes, steps
    size_t count;
    SN_TRY(find_value(r, n, 0, &x));
    for (size_t i = 0; i < 4; i++) {
        SN_TRY(find_ints(r, n, i + 1, 2, &v[i], &count));
        if (count != 2 || (i != 1 && i != 2 && v[i][0] != v[i][1]))
            return bad(n, "only equal slices of rows and columns are known");
    }
    int64_t shift = v[0][0], step = v[3][0];
    if (x.dims != 4 || v[2][0] != 2 || v[2][1] != 3 || v[1][0] != x.h || v[1][1] != x.w || shift < 0 || shift >= x.h ||
        shift >= x.w || step < 1 || step > SIZE)
        return bad(n, "only slices of rows and columns to the end are known");
    sn_place_size s = whole(&x);
    s.shift = (int)shift, s.stride = (int)step;
    y = (value){.dims = 4, .c = x.c, .h = (int)((x.h - shift + step - 1) / step), .w = (int)((x.w - shift + step - 1) / step)};
    SN_TRY(make_output(r, n, y, &y));
    return put_piece(r, &x, &y, 0, s);
}

static sn_status rule_pad(runner *r, const sn_onnx_node *n) {
    value x, y;
    const int64_t *pads;
    size_t count;
    SN_TRY(find_value(r, n, 0, &x));
    SN_TRY(find_ints(r, n, 1, 8, &pads, &count));
    bool good = count == 8 && x.dims == 4 && !pads[0] && !pads[2] && !pads[3] && !pads[4];
    for (size_t i = 0; good && i < 8; i++) good = pads[i] >= 0 && pads[i] <= SIZE;
    if (!good) return bad(n, "only zeros around the channels and at the end of rows and columns are known");
    int before = (int)pads[1], behind = (int)pads[5];
    y = (value){.dims = 4, .c = before + x.c + behind, .h = x.h + (int)pads[6], .w = x.w + (int)pads[7]};
    SN_TRY(make_output(r, n, y, &y));
    const value zeros = {.c = y.c, .h = y.h, .w = y.w};
    sn_place_size s = whole(&zeros);
    if ((s.count = before)) SN_TRY(put_piece(r, NULL, &y, 0, s));
    if ((s.count = behind)) SN_TRY(put_piece(r, NULL, &y, before + x.c, s));
    return put_piece(r, &x, &y, before, whole(&x));
}

static sn_status rule_flatten(runner *r, const sn_onnx_node *n) {
    value x;
    SN_TRY(find_value(r, n, 0, &x));
    SN_TRY(expect_int(n, "axis", 1, 1));
    if (x.h != 1 || x.w != 1) return bad(n, "only one pixel can be flattened: memory order is h, w, c");
    x.name = n->output, x.dims = 2;
    return add_value(r, x);
}

// ---------------------------------------------------------------- the operators known
enum { RULE_ATTRS = 5 };

typedef struct {
    const char *op;
    size_t least, most; // inputs
    sn_status (*lower)(runner *, const sn_onnx_node *);
    const char *attr[RULE_ATTRS + 1]; // names allowed, ended by NULL
} rule;

static const rule rules[] = {
    {"Conv", 2, 3, rule_conv, {"kernel_shape", "strides", "pads", "dilations", "group"}},
    {"BatchNormalization", 5, 5, rule_bn, {"epsilon"}},
    {"Relu", 1, 1, rule_relu, {NULL}},
    {"Clip", 3, 3, rule_clip, {NULL}},
    {"HardSigmoid", 1, 1, rule_h_sigmoid, {"alpha", "beta"}},
    {"Mul", 2, 2, rule_mul, {NULL}},
    {"MaxPool", 1, 1, rule_max, {"kernel_shape", "strides", "pads", "ceil_mode"}},
    {"AveragePool", 1, 1, rule_average, {"kernel_shape", "strides", "pads", "ceil_mode", "count_include_pad"}},
    {"GlobalAveragePool", 1, 1, rule_global, {NULL}},
    {"Add", 2, 2, rule_add, {NULL}},
    {"Constant", 0, 0, rule_constant, {"value_ints"}},
    {"Concat", 1, SIZE, rule_concat, {"axis"}},
    {"Gather", 2, 2, rule_gather, {"axis"}},
    {"Slice", 5, 5, rule_slice, {NULL}},
    {"Pad", 2, 2, rule_pad, {NULL}},
    {"Flatten", 1, 1, rule_flatten, {"axis"}},
    {"Gemm", 2, 3, rule_gemm, {"alpha", "beta", "transA", "transB"}},
};

static sn_status lower(runner *r, const sn_onnx_node *n) {
    const rule *found = NULL;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (!strcmp(rules[i].op, n->op)) found = &rules[i];
    if (!found) return bad(n, "the operator is not known");
    if (n->n_inputs < found->least || n->n_inputs > found->most) return bad(n, "wrong number of inputs");
    for (size_t i = 0; i < n->n_attrs; i++) {
        const char *const *a = found->attr;
        while (*a && strcmp(*a, n->attrs[i].name)) a++;
        if (!*a) return sn_error(SN_DATA, "node '%s' (%s): the attribute '%s' is not known", n->name, n->op, n->attrs[i].name);
    }
    return found->lower(r, n);
}

// ---------------------------------------------------------------- the whole
static bool has_shape(const sn_onnx_value *v, const char *name, int ndim, const int64_t *dims) {
    return !strcmp(v->name, name) && v->ndim == ndim && !memcmp(v->dims, dims, (size_t)ndim * sizeof *dims);
}

static sn_status lower_all(runner *r, const sn_onnxrun_job *job) {
    const sn_onnx *m = r->model;
    if (!has_shape(&m->input, "images", 4, (int64_t[]){SN_ONNX_BATCH, job->channels, job->height, job->width}))
        return sn_error(SN_DATA, "the model's input is not images [N, %d, %d, %d]", job->channels, job->height, job->width);
    if (!has_shape(&m->output, "logits", 2, (int64_t[]){SN_ONNX_BATCH, job->classes}))
        return sn_error(SN_DATA, "the model's output is not logits [N, %d]", job->classes);
    value x = {.name = "images", .dims = 4, .c = job->channels, .h = job->height, .w = job->width}, *y;
    x.at = take(r, elements(&x));
    SN_TRY(add_value(r, x));
    for (size_t i = 0; i < m->n_nodes; i++) SN_TRY(lower(r, &m->nodes[i]));
    y = &r->values[r->n_values - 1];
    if (strcmp(y->name, "logits") || y->dims != 2 || y->c != job->classes)
        return sn_error(SN_DATA, "the last node does not make logits [N, %d]", job->classes);
    return SN_OK;
}

static sn_status run(runner *r, const sn_onnxrun_job *job) {
    SN_TRY(sn_backend_open("ref", 1, &r->backend));
    SN_TRY(lower_all(r, job));
    SN_TRY(sn_backend_scratch(r->backend, r->plan.scratch));
    float *arena = sn_new((size_t)r->arena, sizeof *arena);
    if (!arena) return SN_RESOURCE;
    const sn_bases bases = {.arena = arena, .weights = r->weights, .stats = r->stats};
    const value *x = &r->values[0], *y = &r->values[r->n_values - 1];
    for (int i = 0; i < job->n; i++) {
        memcpy(arena + x->at, job->images + i * elements(x), (size_t)elements(x) * sizeof *arena);
        sn_backend_run(r->backend, &bases, r->plan.call, r->plan.launch, r->plan.n_launches);
        memcpy(job->logits + i * y->c, arena + y->at, (size_t)y->c * sizeof *arena);
    }
    free(arena);
    return SN_OK;
}

sn_status sn_onnxrun(const sn_onnx *model, const sn_onnxrun_job *job) {
    runner r = {.model = model};
    sn_status s = run(&r, job);
    free(r.weights);
    free(r.stats);
    free(r.values);
    sn_plan_free(&r.plan);
    sn_backend_close(r.backend);
    return s;
}
