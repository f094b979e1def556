// Whole steps, timed; see bench.h.
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

// Launch by launch, each timed.
static void run_profiled(sn_supernet *n, const sn_plan *p, const int32_t *labels, sn_bench_result *r) {
    n->bases.labels = labels;
    for (int l = 0; l < p->n_launches; l++) {
        double start = sn_now();
        sn_backend_run(n->backend, &n->bases, p->call, &p->launch[l], 1);
        sn_bench_row *row = row_of(r, &p->call[p->launch[l].first]);
        row->seconds += sn_now() - start;
        for (int i = 0; i < p->launch[l].count; i++) {
            double flops, bytes;
            sn_call_cost(&p->call[p->launch[l].first + i], n->real, &flops, &bytes);
            row->flops += flops;
            row->bytes += bytes;
            row->calls++;
        }
    }
    n->bases.labels = NULL;
}

static sn_status step(sn_supernet *n, sn_optim *o, const sn_arch *a, int batch, bool profile, const sn_batch *in, sn_plan *plan,
                      sn_bench_result *r) {
    const sn_node *input = &n->graph->node[n->graph->input];
    sn_pass pass = {.arch = a,
                    .batch = batch,
                    .bn = SN_BN_BATCH,
                    .momentum = 0.1,
                    .gradients = true,
                    .loss_scale = 1.0 / batch,
                    .target = -1};
    double start = sn_now();
    SN_TRY(sn_plan_make(n->graph, n->backend, &pass, plan));
    SN_TRY(sn_supernet_reserve(n, plan));
    r->plan_seconds += sn_now() - start;
    SN_TRY(sn_optim_use(o, plan));
    sn_supernet_put_images(n, plan, in->images, (int64_t)batch * input->h * input->w * input->c);
    if (profile)
        run_profiled(n, plan, in->labels, r);
    else
        sn_supernet_run(n, plan, in->labels);
    SN_TRY(sn_optim_update(o, 0.01));
    r->steps++;
    count_flops(n, plan, r);
    return SN_OK;
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

sn_status sn_bench_steps(sn_supernet *n, const sn_arch *archs, long count, int batch, int warmup, bool profile, sn_loader *loader,
                         sn_bench_result *out) {
    sn_optim_settings settings = {.kind = SN_OPTIM_SGD, .momentum = n->slots ? 0.9 : 0, .weight_decay = 3e-4, .decay_bn = true};
    sn_optim *o = NULL;
    sn_plan plan = {0};
    sn_bench_result r = {0};
    sn_loader_times before = {0};
    sn_batch random = {0}, in;
    sn_status s = loader ? SN_OK : random_batch(n, batch, &random);
    if (s == SN_OK) s = sn_optim_create(n, &settings, &o);
    in = random;
    for (long i = -warmup; s == SN_OK && i < count; i++) {
        if (i == 0) r = (sn_bench_result){0};
        if (i == 0 && loader) before = sn_loader_spent(loader);
        double start = sn_now();
        if (loader) s = sn_loader_take(loader, i + warmup, &in);
        if (s == SN_OK) s = step(n, o, &archs[i < 0 ? (i + warmup) % count : i], batch, profile, &in, &plan, &r);
        r.seconds += sn_now() - start;
    }
    if (loader) {
        sn_loader_times after = sn_loader_spent(loader);
        r.loader = (sn_loader_times){after.loading - before.loading, after.waiting - before.waiting};
    }
    r.arena_bytes = n->arena_elements * (int64_t)n->real;
    if (s == SN_OK) *out = r;
    sn_plan_free(&plan);
    sn_optim_free(o);
    free(random.images);
    free(random.labels);
    return s;
}
