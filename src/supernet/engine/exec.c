// A supernet's memory and its passes; see exec.h.
#include "supernet/engine/exec.h"
#include "base/clock.h"
#include "base/hash.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------- life
static sn_status start_values(sn_supernet *n, int init, uint32_t seed) {
    const sn_params *p = &n->graph->params;
    for (int i = 0; i < p->n; i++) {
        float *v = sn_new((size_t)p->param[i].size, sizeof *v);
        if (!v) return SN_RESOURCE;
        sn_param_init(&p->param[i], init, seed, v);
        sn_supernet_put(n, SN_BUFFER_WEIGHTS, i, v);
        free(v);
    }
    for (int i = 0; i < p->n_stats; i++) {
        float *v = sn_new(2 * (size_t)p->stats[i].c, sizeof *v);
        if (!v) return SN_RESOURCE;
        for (int k = 0; k < p->stats[i].c; k++) v[p->stats[i].c + k] = 1;
        sn_supernet_put_stats(n, i, v, v + p->stats[i].c);
        free(v);
    }
    return SN_OK;
}

sn_status sn_supernet_create(const sn_graph *g, sn_backend *backend, int slots, int init, uint32_t seed, sn_supernet **out) {
    sn_supernet *n = sn_new(1, sizeof *n);
    if (!n) return SN_RESOURCE;
    n->graph = g, n->backend = backend, n->slots = slots;
    n->real = sn_backend_real(backend);
    const int64_t sizes[SN_BUFFERS] = {[SN_BUFFER_WEIGHTS] = g->params.total,
                                       [SN_BUFFER_GRADS] = g->params.total,
                                       [SN_BUFFER_SLOT0] = slots > 0 ? g->params.total : 0,
                                       [SN_BUFFER_SLOT1] = slots > 1 ? g->params.total : 0,
                                       [SN_BUFFER_STATS] = g->params.stats_total};
    n->is_active = sn_new((size_t)g->params.n_atoms, sizeof *n->is_active);
    sn_status s = n->is_active ? SN_OK : SN_RESOURCE;
    if (s == SN_OK) s = sn_memory_open(backend, sizes, "weights, gradients and optimiser slots", &n->memory);
    if (s == SN_OK) s = start_values(n, init, seed);
    if (s != SN_OK)
        sn_supernet_free(n);
    else
        *out = n;
    return s;
}

void sn_supernet_free(sn_supernet *n) {
    if (!n) return;
    sn_memory_close(n->memory);
    sn_plan_free(&n->plan);
    sn_plan_free(&n->zero);
    free(n->active);
    free(n->is_active);
    free(n);
}

sn_status sn_supernet_reserve(sn_supernet *n, const sn_plan *plan) {
    SN_TRY(sn_memory_grow(n->memory, SN_BUFFER_ARENA, plan->arena, "activations; a smaller `train.batch` needs less"));
    SN_TRY(sn_memory_grow(n->memory, SN_BUFFER_LABELS, plan->batch, "labels"));
    SN_TRY(sn_memory_grow(n->memory, SN_BUFFER_WEIGHTS, plan->weights, "kernels made of parts"));
    SN_TRY(sn_memory_grow(n->memory, SN_BUFFER_GRADS, plan->weights, "gradients of kernels made of parts"));
    return sn_backend_scratch(n->backend, plan->scratch);
}

// ---------------------------------------------------------------- passes
void sn_supernet_put_images(sn_supernet *n, const sn_plan *plan, const float *images) {
    const sn_node *in = &n->graph->node[n->graph->input];
    if (plan->images == SN_NONE) return;
    sn_memory_put(n->memory, SN_BUFFER_ARENA, plan->images, images, (int64_t)plan->batch * in->h * in->w * in->c);
}

void sn_supernet_run(sn_supernet *n, const sn_plan *plan) {
    if (!n->launched) {
        sn_memory_run(n->memory, plan->call, plan->launch, plan->n_launches);
        return;
    }
    for (int l = 0; l < plan->n_launches; l++) {
        double start = sn_now();
        sn_memory_run(n->memory, plan->call, &plan->launch[l], 1);
        n->launched(n->launched_arg, &plan->call[plan->launch[l].first], plan->launch[l].count, sn_now() - start);
    }
}

// Zeroes the gradients that the plan adds to and nobody has since the last update.
static sn_status begin_gradients(sn_supernet *n) {
    sn_plan_clear(&n->zero);
    SN_TRY(sn_grow(&n->active, &n->active_capacity, (size_t)(n->n_active + n->plan.n_parts), sizeof *n->active));
    for (int i = 0; i < n->plan.n_parts; i++) {
        const sn_part *p = &n->plan.part[i];
        if (n->is_active[p->atom]) continue;
        sn_call fill = {.kernel = SN_FILL, .as.fill = {{p->offset, p->size, 1, p->size}}};
        SN_TRY(sn_plan_add(&n->zero, n->backend, &fill, true));
        n->is_active[p->atom] = 1;
        n->active[n->n_active++] = *p;
    }
    sn_supernet_run(n, &n->zero);
    return SN_OK;
}

void sn_supernet_end_gradients(sn_supernet *n) {
    for (int i = 0; i < n->n_active; i++) n->is_active[n->active[i].atom] = 0;
    n->n_active = 0;
}

sn_status sn_supernet_pass(sn_supernet *n, const sn_pass *pass, const float *images, const int32_t *labels,
                           sn_batch_score *score) {
    SN_TRY(sn_plan_make(n->graph, n->backend, pass, &n->plan));
    SN_TRY(sn_supernet_reserve(n, &n->plan));
    if (pass->gradients) SN_TRY(begin_gradients(n));
    if (images) sn_supernet_put_images(n, &n->plan, images);
    if (labels) sn_memory_put_labels(n->memory, labels, pass->batch);
    sn_supernet_run(n, &n->plan);
    if (score && n->plan.score != SN_NONE) sn_memory_read(n->memory, SN_BUFFER_ARENA, n->plan.score, score, sizeof *score);
    return SN_OK;
}

// ---------------------------------------------------------------- what a pass left
void sn_supernet_losses(const sn_supernet *n, float *loss, float *rank) {
    if (loss) sn_memory_get(n->memory, SN_BUFFER_ARENA, n->plan.loss, loss, n->plan.batch);
    if (rank) sn_memory_get(n->memory, SN_BUFFER_ARENA, n->plan.rank, rank, n->plan.batch);
}

void sn_supernet_gate_gradients(const sn_supernet *n, int places, double *out) {
    memset(out, 0, (size_t)places * sizeof *out);
    for (int i = 0; i < n->plan.n_gates; i++) {
        double one;
        sn_memory_read(n->memory, SN_BUFFER_ARENA, n->plan.gates + i * SN_GATE_ELEMENTS, &one, sizeof one);
        out[n->plan.gate_place[i]] += one;
    }
}

// Scale and shift as the kernels apply them: act(scale*(x - mean) + shift); logits have a bias or nothing, so mean 0 and scale 1
// are exact.
void sn_supernet_logits(const sn_supernet *n, float *out) {
    const sn_value *v = &n->plan.logits;
    sn_view w = sn_value_view(v);
    sn_memory_get(n->memory, SN_BUFFER_ARENA, w.data, out, v->rows * v->c);
    for (int c = 0; v->viewed && c < v->c; c++) {
        float mean, scale, shift;
        sn_memory_get(n->memory, SN_BUFFER_ARENA, w.mean + c, &mean, 1);
        sn_memory_get(n->memory, SN_BUFFER_ARENA, w.scale + c, &scale, 1);
        sn_memory_get(n->memory, SN_BUFFER_ARENA, w.shift + c, &shift, 1);
        for (int64_t r = 0; r < v->rows; r++) out[r * v->c + c] = fmaf(scale, out[r * v->c + c] - mean, shift);
    }
}

// ---------------------------------------------------------------- parameters and statistics
void sn_supernet_get(const sn_supernet *n, sn_buffer b, int param, float *out) {
    const sn_param *p = &n->graph->params.param[param];
    sn_memory_get(n->memory, b, p->offset, out, p->size);
}

void sn_supernet_put(sn_supernet *n, sn_buffer b, int param, const float *in) {
    const sn_param *p = &n->graph->params.param[param];
    sn_memory_put(n->memory, b, p->offset, in, p->size);
}

int64_t sn_kernel_size(const sn_graph *g, const sn_node *n) {
    sn_extent p = sn_node_extent(g, n);
    return (int64_t)p.kernel * p.kernel * p.in * p.out;
}

sn_status sn_supernet_kernel(sn_supernet *n, int node, float *out) {
    sn_off w;
    sn_plan plan = {0};
    sn_plan_clear(&plan);
    sn_status s = sn_plan_weight(&plan, n->graph, n->backend, node, n->graph->params.total, &w);
    if (s == SN_OK) s = sn_supernet_reserve(n, &plan);
    if (s == SN_OK) sn_supernet_run(n, &plan);
    if (s == SN_OK) sn_memory_get(n->memory, SN_BUFFER_WEIGHTS, w, out, sn_kernel_size(n->graph, &n->graph->node[node]));
    sn_plan_free(&plan);
    return s;
}

void sn_supernet_get_stats(const sn_supernet *n, int i, float *mean, float *var) {
    const sn_stats *s = &n->graph->params.stats[i];
    sn_memory_get(n->memory, SN_BUFFER_STATS, s->mean, mean, s->c);
    sn_memory_get(n->memory, SN_BUFFER_STATS, s->var, var, s->c);
}

void sn_supernet_put_stats(sn_supernet *n, int i, const float *mean, const float *var) {
    const sn_stats *s = &n->graph->params.stats[i];
    sn_memory_put(n->memory, SN_BUFFER_STATS, s->mean, mean, s->c);
    sn_memory_put(n->memory, SN_BUFFER_STATS, s->var, var, s->c);
}

size_t sn_supernet_stats_bytes(const sn_supernet *n, int i) {
    return 2 * (size_t)n->graph->params.stats[i].c * n->real;
}

void sn_supernet_keep_stats(const sn_supernet *n, int i, void *out) {
    const sn_stats *s = &n->graph->params.stats[i];
    size_t half = sn_supernet_stats_bytes(n, i) / 2;
    sn_memory_read(n->memory, SN_BUFFER_STATS, s->mean, out, half);
    sn_memory_read(n->memory, SN_BUFFER_STATS, s->var, (char *)out + half, half);
}

void sn_supernet_restore_stats(sn_supernet *n, int i, const void *kept) {
    const sn_stats *s = &n->graph->params.stats[i];
    size_t half = sn_supernet_stats_bytes(n, i) / 2;
    sn_memory_write(n->memory, SN_BUFFER_STATS, s->mean, kept, half);
    sn_memory_write(n->memory, SN_BUFFER_STATS, s->var, (const char *)kept + half, half);
}

sn_status sn_supernet_weights_hash(const sn_supernet *n, uint64_t *out) {
    const float *w = sn_memory_map(n->memory, SN_BUFFER_WEIGHTS);
    if (!w) return SN_RESOURCE;
    const sn_params *p = &n->graph->params;
    uint64_t h = SN_HASH_START;
    for (int i = 0; i < p->n; i++) h = sn_hash_bytes(h, w + p->param[i].offset, (size_t)p->param[i].size * sizeof *w);
    sn_memory_unmap(n->memory, SN_BUFFER_WEIGHTS, w);
    *out = h;
    return SN_OK;
}

static size_t statistics_bytes(const sn_supernet *n) {
    return (size_t)n->graph->params.stats_total * n->real;
}

void *sn_statistics_keep(const sn_supernet *n) {
    void *kept = sn_new(1, statistics_bytes(n));
    if (kept) sn_memory_read(n->memory, SN_BUFFER_STATS, 0, kept, statistics_bytes(n));
    return kept;
}

void sn_statistics_restore(sn_supernet *n, void *kept) {
    if (kept) sn_memory_write(n->memory, SN_BUFFER_STATS, 0, kept, statistics_bytes(n));
    free(kept);
}
