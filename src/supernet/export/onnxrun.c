// Lays out what an ONNX file says for the reference kernels, one image, and runs it; see onnxrun.h.
// Not here: decoding (io/files/onnx.h), what an operator means (onnxrules.c). Next: onnxrules.c.
#include "supernet/export/onnxrun.h"
#include "supernet/export/onnxrun_parts.h"

#include <stdlib.h>
#include <string.h>

typedef sn_onnxrun runner;
typedef sn_onnxrun_value value;

// ---------------------------------------------------------------- memory
sn_off sn_onnxrun_take(runner *r, int64_t n) {
    sn_off at = r->arena;
    r->arena += (n + 15) / 16 * 16;
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

sn_status sn_onnxrun_weights(runner *r, const float *from, int64_t n, sn_off *at) {
    return put(&r->weights, &r->weight_capacity, &r->n_weights, from, n, at);
}

sn_status sn_onnxrun_stats(runner *r, const float *from, int64_t n, sn_off *at) {
    return put(&r->stats, &r->stats_capacity, &r->n_stats, from, n, at);
}

sn_status sn_onnxrun_add(runner *r, value v) {
    SN_TRY(sn_grow(&r->values, &r->value_capacity, (size_t)r->n_values + 1, sizeof *r->values));
    r->values[r->n_values++] = v;
    return SN_OK;
}

sn_status sn_onnxrun_call(runner *r, sn_call c) {
    SN_TRY(sn_backend_choose(r->backend, &c));
    if (c.impl->work) c.work = sn_onnxrun_take(r, c.impl->work(&c));
    return sn_plan_add(&r->plan, r->backend, &c, false);
}

// ---------------------------------------------------------------- the whole
static bool size_fits(int64_t n) {
    return n > 0 && n <= SN_ONNXRUN_SIZE;
}

// images [N, C, H, W] in, logits [N, classes] out.
static sn_status check_ends(const sn_onnx *m) {
    const sn_onnx_value *x = m->inputs, *y = m->outputs;
    if (m->n_inputs != 1 || strcmp(x->name, "images") || x->ndim != 4 || x->dims[0] != SN_ONNX_BATCH || !size_fits(x->dims[1]) ||
        !size_fits(x->dims[2]) || !size_fits(x->dims[3]))
        return sn_error(SN_DATA, "the model's input is not images [N, C, H, W]");
    if (m->n_outputs != 1 || strcmp(y->name, "logits") || y->ndim != 2 || y->dims[0] != SN_ONNX_BATCH)
        return sn_error(SN_DATA, "the model's output is not logits [N, classes]");
    return SN_OK;
}

static sn_status lower_all(runner *r) {
    const sn_onnx *m = r->model;
    SN_TRY(check_ends(m));
    const int64_t *d = m->inputs->dims;
    r->input = (value){.name = "images", .dims = 4, .c = (int)d[1], .h = (int)d[2], .w = (int)d[3]};
    r->input.at = sn_onnxrun_take(r, sn_onnxrun_elements(&r->input));
    SN_TRY(sn_onnxrun_add(r, r->input));
    for (size_t i = 0; i < m->n_nodes; i++) SN_TRY(sn_onnxrun_lower(r, &m->nodes[i]));
    for (int i = 0; i < r->n_values; i++)
        if (!strcmp(r->values[i].name, "logits")) r->output = r->values[i];
    if (r->output.dims != 2 || r->output.c != m->outputs->dims[1])
        return sn_error(SN_DATA, "no node makes logits [N, %lld]", (long long)m->outputs->dims[1]);
    return SN_OK;
}

static sn_status open_runner(runner *r) {
    SN_TRY(sn_backend_open("ref", 1, &r->backend));
    SN_TRY(lower_all(r));
    SN_TRY(sn_backend_scratch(r->backend, r->plan.scratch));
    r->bases = (sn_bases){.arena = sn_new((size_t)r->arena, sizeof(float)), .weights = r->weights, .stats = r->stats};
    return r->bases.arena ? SN_OK : SN_RESOURCE;
}

sn_status sn_onnxrun_open(const sn_onnx *model, sn_onnxrun **out) {
    runner *r = sn_new(1, sizeof *r);
    if (!r) return SN_RESOURCE;
    r->model = model;
    sn_status s = open_runner(r);
    if (s != SN_OK)
        sn_onnxrun_close(r);
    else
        *out = r;
    return s;
}

void sn_onnxrun_close(sn_onnxrun *r) {
    if (!r) return;
    free(r->bases.arena);
    free(r->weights);
    free(r->stats);
    free(r->values);
    sn_plan_free(&r->plan);
    sn_backend_close(r->backend);
    free(r);
}

void sn_onnxrun_input(const sn_onnxrun *r, int *channels, int *height, int *width) {
    *channels = r->input.c, *height = r->input.h, *width = r->input.w;
}

int sn_onnxrun_classes(const sn_onnxrun *r) {
    return r->output.c;
}

void sn_onnxrun_image(sn_onnxrun *r, const float *image, float *logits) {
    float *arena = r->bases.arena;
    memcpy(arena + r->input.at, image, (size_t)sn_onnxrun_elements(&r->input) * sizeof *arena);
    sn_backend_run(r->backend, &r->bases, r->plan.call, r->plan.launch, r->plan.n_launches);
    memcpy(logits, arena + r->output.at, (size_t)r->output.c * sizeof *arena);
}
