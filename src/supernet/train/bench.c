// Whole steps on random images, timed; see bench.h.
#include "supernet/train/bench.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

static sn_bench_row *row_of(sn_bench_result *r, const sn_call *c) {
    const char *kernel = sn_kernel_name(c->kernel);
    for (int i = 0; i < r->rows; i++)
        if (r->row[i].kernel == kernel && !strcmp(r->row[i].impl, c->impl->name)) return &r->row[i];
    if (r->rows == SN_BENCH_ROWS) return &r->row[SN_BENCH_ROWS - 1];
    r->row[r->rows] = (sn_bench_row){.kernel = kernel, .impl = c->impl->name};
    return &r->row[r->rows++];
}

static void count_flops(const sn_supernet *n, const sn_plan *p, sn_bench_result *r) {
    for (int i = 0; i < p->n_calls; i++) {
        double flops, bytes;
        sn_call_cost(&p->call[i], n->real, &flops, &bytes);
        r->flops += flops;
    }
}

typedef struct {
    sn_bench_result *result;
    size_t real;
} profile_of;

static void add_launch(void *arg, const sn_call *first, int count, double seconds) {
    const profile_of *p = arg;
    sn_bench_row *row = row_of(p->result, first);
    row->seconds += seconds;
    for (int i = 0; i < count; i++) {
        double flops, bytes;
        sn_call_cost(&first[i], p->real, &flops, &bytes);
        row->flops += flops;
        row->bytes += bytes;
        row->calls++;
    }
}

static sn_status step(sn_supernet *n, sn_optim *o, const sn_arch *a, int batch, const float *images, const int32_t *labels,
                      sn_bench_result *r) {
    sn_pass pass = sn_training_pass(a, batch, 0);
    double start = sn_now();
    SN_TRY(sn_supernet_pass(n, &pass, images, labels, NULL));
    SN_TRY(sn_optim_update(o, 0.01));
    r->seconds += sn_now() - start;
    r->plan_seconds += n->plan.seconds;
    r->steps++;
    count_flops(n, &n->plan, r);
    return SN_OK;
}

sn_status sn_bench_steps(sn_supernet *n, const sn_arch *archs, long count, int batch, int warmup, bool profile,
                         sn_bench_result *out) {
    const sn_node *input = &n->graph->node[n->graph->input];
    size_t pixels = (size_t)batch * (size_t)(input->h * input->w * input->c);
    sn_optim_settings settings = {.kind = SN_OPTIM_SGD, .momentum = 0.9, .weight_decay = 3e-4, .decay_bn = true};
    sn_optim *o = NULL;
    sn_bench_result r = {0};
    profile_of p = {&r, n->real};
    float *images = sn_new(pixels, sizeof *images);
    int32_t *labels = sn_new((size_t)batch, sizeof *labels);
    sn_status s = images && labels ? sn_optim_create(n, &settings, &o) : SN_RESOURCE;
    sn_rng rng = sn_rng_at(1, SN_STREAM_AUGMENT, 0, 0, 0);
    for (size_t i = 0; s == SN_OK && i < pixels; i++) images[i] = (float)sn_rng_normal(&rng);
    for (int i = 0; s == SN_OK && i < batch; i++)
        labels[i] = (int32_t)sn_rng_below(&rng, (uint32_t)n->graph->node[n->graph->logits].c);
    if (profile) n->launched = add_launch, n->launched_arg = &p;
    for (long i = -warmup; s == SN_OK && i < count; i++) {
        if (i == 0) r = (sn_bench_result){0};
        s = step(n, o, &archs[i < 0 ? (i + warmup) % count : i], batch, images, labels, &r);
    }
    n->launched = NULL;
    r.arena_bytes = sn_memory_elements(n->memory, SN_BUFFER_ARENA) * (int64_t)n->real;
    if (s == SN_OK) *out = r;
    sn_optim_free(o);
    free(images);
    free(labels);
    return s;
}
