// Whole steps, timed; see bench.h.
#include "supernet/train/bench.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sn_bench_row *row_of(sn_bench_result *r, const sn_call *c, bool sizes) {
    sn_bench_row row = {.kernel = sn_kernel_name(c->kernel), .impl = c->impl->name};
    if (sizes) sn_call_size(c, row.size);
    for (int i = 0; i < r->rows; i++)
        if (r->row[i].kernel == row.kernel && !strcmp(r->row[i].impl, row.impl) && !strcmp(r->row[i].size, row.size))
            return &r->row[i];
    if (r->rows == SN_BENCH_ROWS) return &r->row[SN_BENCH_ROWS - 1];
    r->row[r->rows] = row;
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
    bool sizes;
} profile_of;

static void add_launch(void *arg, const sn_call *first, int count, double seconds) {
    const profile_of *p = arg;
    sn_bench_row *row = row_of(p->result, first, p->sizes);
    row->seconds += seconds;
    for (int i = 0; i < count; i++) {
        double flops, bytes;
        sn_call_cost(&first[i], p->real, &flops, &bytes);
        row->flops += flops;
        row->bytes += bytes;
        row->calls++;
    }
}

// Launches of a plan are told apart from the optimiser's by their kernels.
typedef struct {
    const sn_supernet *net;
    double *seconds;
} layer_times;

static void add_layer(void *arg, const sn_call *first, int count, double seconds) {
    const layer_times *t = arg;
    const sn_kernel k = first->kernel;
    bool update = k == SN_FILL || k == SN_SQUARES || k == SN_CLIP || k == SN_SGD || k == SN_ADAM || k == SN_MOVE;
    int node = update ? -1 : t->net->plan.node[first - t->net->plan.call];
    (void)count; // a plan's launches have one call each
    t->seconds[node < 0 ? t->net->graph->n : node] += seconds;
}

static sn_status step(sn_supernet *n, sn_optim *o, const sn_arch *a, const sn_pass *like, const sn_batch *in,
                      sn_bench_result *r) {
    sn_pass pass = *like;
    pass.arch = a;
    SN_TRY(sn_supernet_pass(n, &pass, in->images, in->labels, NULL));
    SN_TRY(sn_optim_update(o, 0.01));
    r->plan_seconds += n->plan.seconds;
    r->steps++;
    count_flops(n, &n->plan, r);
    return SN_OK;
}

static sn_optim_settings timed_optimizer(const sn_supernet *n) {
    return (sn_optim_settings){.kind = SN_OPTIM_SGD, .momentum = n->slots ? 0.9 : 0, .weight_decay = 3e-4, .decay_bn = true};
}

static sn_status random_batch(const sn_supernet *n, int batch, sn_batch *out) {
    const sn_node *input = &n->graph->node[n->graph->input];
    size_t pixels = (size_t)batch * (size_t)(input->h * input->w * input->c);
    out->images = sn_new(pixels, sizeof *out->images);
    out->labels = sn_new((size_t)batch, sizeof *out->labels);
    if (!out->images || !out->labels) return SN_RESOURCE;
    sn_rng rng = sn_rng_at(1, SN_STREAM_AUGMENT, 0, 0, 0);
    for (size_t i = 0; i < pixels; i++) out->images[i] = (float)sn_rng_normal(&rng);
    for (int i = 0; i < batch; i++) out->labels[i] = (int32_t)sn_rng_below(&rng, (uint32_t)n->graph->node[n->graph->logits].c);
    return SN_OK;
}

sn_status sn_bench_steps(sn_supernet *n, const sn_arch *archs, long count, const sn_pass *like, int warmup,
                         sn_bench_detail detail, sn_loader *loader, void *arg, void (*progress)(void *arg, long done, long all),
                         sn_bench_result *out) {
    sn_optim_settings settings = timed_optimizer(n);
    sn_optim *o = NULL;
    sn_bench_result r = {0};
    profile_of p = {&r, n->real, detail == SN_BENCH_SIZES};
    sn_loader_times before = {0}, after = {0};
    sn_batch random = {0}, in;
    sn_status s = loader ? SN_OK : random_batch(n, like->batch, &random);
    if (s == SN_OK) s = sn_optim_create(n, &settings, &o);
    in = random;
    if (detail != SN_BENCH_TOTAL) n->launched = add_launch, n->launched_arg = &p;
    for (long i = -warmup; s == SN_OK && i < count; i++) {
        if (i == 0) r = (sn_bench_result){0};
        if (i == 0 && loader) before = sn_loader_spent(loader);
        double start = sn_now();
        if (loader) s = sn_loader_take(loader, i + warmup, &in);
        if (s == SN_OK) s = step(n, o, &archs[i < 0 ? (i + warmup) % count : i], like, &in, &r);
        r.seconds += sn_now() - start;
        if (s == SN_OK && progress) progress(arg, i + warmup + 1, count + warmup);
    }
    if (loader) after = sn_loader_spent(loader);
    r.loader = (sn_loader_times){after.loading - before.loading, after.waiting - before.waiting};
    n->launched = NULL;
    r.arena_bytes = sn_memory_elements(n->memory, SN_BUFFER_ARENA) * (int64_t)n->real;
    if (s == SN_OK) *out = r;
    sn_optim_free(o);
    free(random.images);
    free(random.labels);
    return s;
}

sn_status sn_bench_training(sn_trainer *t, long count, int warmup, sn_bench_detail detail, void *arg,
                            void (*progress)(void *arg, long done, long all), sn_bench_result *out) {
    sn_supernet *n = t->run->net;
    sn_bench_result r = {0};
    profile_of p = {&r, n->real, detail == SN_BENCH_SIZES};
    sn_loader_times before = {0}, after;
    sn_status s = SN_OK;
    if (detail != SN_BENCH_TOTAL) n->launched = add_launch, n->launched_arg = &p;
    for (long i = -warmup; s == SN_OK && i < count; i++) {
        if (i == 0) r = (sn_bench_result){0}, before = sn_loader_spent(t->loader);
        double start = sn_now();
        s = sn_trainer_step(t);
        r.seconds += sn_now() - start;
        r.plan_seconds += t->relaxed.plan_seconds;
        r.flops += t->relaxed.flops;
        r.steps++;
        if (s == SN_OK && progress) progress(arg, i + warmup + 1, count + warmup);
    }
    after = sn_loader_spent(t->loader);
    r.loader = (sn_loader_times){after.loading - before.loading, after.waiting - before.waiting};
    r.arena_bytes = sn_memory_elements(n->memory, SN_BUFFER_ARENA) * (int64_t)n->real;
    n->launched = NULL;
    if (s == SN_OK) *out = r;
    return s;
}

sn_status sn_bench_layers(sn_supernet *n, const sn_arch *a, int batch, int warmup, int steps, double *seconds) {
    sn_optim_settings settings = timed_optimizer(n);
    sn_optim *o = NULL;
    sn_bench_result unused = {0};
    sn_batch in = {0};
    layer_times times = {n, seconds};
    const sn_pass like = sn_training_pass(a, batch, 0);
    memset(seconds, 0, ((size_t)n->graph->n + 1) * sizeof *seconds);
    sn_status s = random_batch(n, batch, &in);
    if (s == SN_OK) s = sn_optim_create(n, &settings, &o);
    for (int i = -warmup; s == SN_OK && i < steps; i++) {
        if (i == 0) n->launched = add_layer, n->launched_arg = &times;
        s = step(n, o, a, &like, &in, &unused);
    }
    n->launched = NULL;
    sn_optim_free(o);
    free(in.images);
    free(in.labels);
    return s;
}
