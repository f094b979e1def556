// A supernet's buffers and running plans; see exec.h.
#include "supernet/engine/exec.h"
#include "base/hash.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// Refuses what the machine cannot give: it would promise, and kill the process when the pages are touched.
static sn_status check_room(size_t bytes, const char *what) {
    size_t room = sn_memory_free();
    return bytes <= room ? SN_OK
                         : sn_error(SN_RESOURCE, "out of memory: %s: %.0f MiB more are needed, %.0f MiB are free", what,
                                    (double)bytes / 0x1p20, (double)room / 0x1p20);
}

// Grows a mapping, keeping its contents; new pages are touched now, so that no step pays for them.
static sn_status map_grow(void **base, size_t before, size_t bytes) {
    SN_TRY(check_room(bytes - before, "activations; a smaller `train.batch` needs less"));
    void *p = before ? mremap(*base, before, bytes, MREMAP_MAYMOVE)
                     : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return sn_error(SN_RESOURCE, "out of memory: cannot map %.0f MiB; a smaller `train.batch` needs less",
                        (double)bytes / 0x1p20);
    madvise(p, bytes, MADV_HUGEPAGE);
    long page = sysconf(_SC_PAGESIZE);
    for (size_t i = before; i < bytes; i += (size_t)page) ((volatile char *)p)[i] = 0;
    *base = p;
    return SN_OK;
}

static size_t page_round(size_t bytes) {
    return (bytes + 4095) / 4096 * 4096;
}

static sn_status new_buffer(const sn_supernet *n, int64_t elements, void **out) {
    size_t bytes = page_round(((size_t)elements + 16) * n->real);
    SN_TRY(check_room(bytes, "a buffer of all weights"));
    *out = aligned_alloc(4096, bytes);
    if (!*out) return sn_error(SN_RESOURCE, "out of memory: a buffer of %.0f MiB", (double)bytes / 0x1p20);
    memset(*out, 0, bytes);
    return SN_OK;
}

static sn_status start_values(sn_supernet *n, uint32_t seed) {
    const sn_params *p = &n->graph->params;
    for (int i = 0; i < p->n; i++) {
        float *v = sn_new((size_t)p->param[i].size, sizeof *v);
        if (!v) return SN_RESOURCE;
        sn_param_init(&p->param[i], seed, v);
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

sn_status sn_supernet_create(const sn_graph *g, sn_backend *backend, int slots, uint32_t seed, sn_supernet **out) {
    sn_supernet *n = sn_new(1, sizeof *n);
    if (!n) return SN_RESOURCE;
    n->graph = g, n->backend = backend, n->slots = slots;
    n->real = sn_backend_real(backend);
    sn_status s = new_buffer(n, g->params.total, &n->bases.weights);
    if (s == SN_OK) s = new_buffer(n, g->params.total, &n->bases.grads);
    for (int i = 0; i < slots && s == SN_OK; i++) s = new_buffer(n, g->params.total, &n->bases.slot[i]);
    if (s == SN_OK) s = new_buffer(n, g->params.stats_total, &n->bases.stats);
    if (s == SN_OK) s = start_values(n, seed);
    if (s != SN_OK)
        sn_supernet_free(n);
    else
        *out = n;
    return s;
}

void sn_supernet_free(sn_supernet *n) {
    if (!n) return;
    if (n->arena_elements) munmap(n->bases.arena, page_round((size_t)n->arena_elements * n->real));
    free(n->bases.weights);
    free(n->bases.grads);
    free(n->bases.slot[0]);
    free(n->bases.slot[1]);
    free(n->bases.stats);
    free(n);
}

sn_status sn_supernet_reserve_elements(sn_supernet *n, int64_t elements) {
    if (elements <= n->arena_elements) return SN_OK;
    size_t before = page_round((size_t)n->arena_elements * n->real), after = page_round((size_t)elements * n->real);
    if (after > before) SN_TRY(map_grow(&n->bases.arena, before, after));
    n->arena_elements = elements;
    return SN_OK;
}

sn_status sn_supernet_reserve(sn_supernet *n, const sn_plan *plan) {
    SN_TRY(sn_supernet_reserve_elements(n, plan->arena));
    return sn_backend_scratch(n->backend, plan->scratch);
}

void sn_supernet_put_images(sn_supernet *n, const sn_plan *plan, const float *images, int64_t elements) {
    sn_real_put(n->real, n->bases.arena, plan->images, images, elements);
}

void sn_supernet_run(sn_supernet *n, const sn_plan *plan, const int32_t *labels) {
    n->bases.labels = labels;
    sn_backend_run(n->backend, &n->bases, plan->call, plan->launch, plan->n_launches);
    n->bases.labels = NULL;
}

void sn_supernet_losses(const sn_supernet *n, const sn_plan *plan, int batch, float *loss, float *rank) {
    if (loss) sn_real_get(n->real, n->bases.arena, plan->loss, loss, batch);
    if (rank) sn_real_get(n->real, n->bases.arena, plan->rank, rank, batch);
}

sn_batch_score sn_supernet_score(const sn_supernet *n, const sn_plan *plan, int batch) {
    sn_batch_score s = {.finite = 1};
    for (int i = 0; i < batch; i++) {
        float loss, rank;
        sn_real_get(n->real, n->bases.arena, plan->loss + i, &loss, 1);
        sn_real_get(n->real, n->bases.arena, plan->rank + i, &rank, 1);
        if (!isfinite(loss)) s.finite = 0;
        s.loss += (double)loss;
        s.top1 += rank < 1;
        s.top5 += rank < 5;
    }
    return s;
}

// Scale and shift as the kernels apply them: act(scale*(x - mean) + shift); logits have a bias or nothing, so mean 0 and scale 1
// are exact.
void sn_supernet_logits(const sn_supernet *n, const sn_plan *plan, float *out) {
    const sn_value *v = &plan->logits;
    sn_view w = sn_value_view(v);
    sn_real_get(n->real, n->bases.arena, w.data, out, v->rows * v->c);
    for (int64_t r = 0; v->viewed && r < v->rows; r++)
        for (int c = 0; c < v->c; c++) {
            float mean, scale, shift;
            sn_real_get(n->real, n->bases.arena, w.mean + c, &mean, 1);
            sn_real_get(n->real, n->bases.arena, w.scale + c, &scale, 1);
            sn_real_get(n->real, n->bases.arena, w.shift + c, &shift, 1);
            out[r * v->c + c] = fmaf(scale, out[r * v->c + c] - mean, shift);
        }
}

static void *buffer_of(const sn_supernet *n, sn_buffer b) {
    switch (b) {
    case SN_BUFFER_WEIGHTS:
        return n->bases.weights;
    case SN_BUFFER_GRADS:
        return n->bases.grads;
    case SN_BUFFER_SLOT0:
        return n->bases.slot[0];
    default:
        return n->bases.slot[1];
    }
}

void sn_supernet_get(const sn_supernet *n, sn_buffer b, int param, float *out) {
    const sn_param *p = &n->graph->params.param[param];
    sn_real_get(n->real, buffer_of(n, b), p->offset, out, p->size);
}

void sn_supernet_put(sn_supernet *n, sn_buffer b, int param, const float *in) {
    const sn_param *p = &n->graph->params.param[param];
    sn_real_put(n->real, buffer_of(n, b), p->offset, in, p->size);
}

void sn_supernet_get_stats(const sn_supernet *n, int i, float *mean, float *var) {
    const sn_stats *s = &n->graph->params.stats[i];
    sn_real_get(n->real, n->bases.stats, s->mean, mean, s->c);
    sn_real_get(n->real, n->bases.stats, s->var, var, s->c);
}

void sn_supernet_put_stats(sn_supernet *n, int i, const float *mean, const float *var) {
    const sn_stats *s = &n->graph->params.stats[i];
    sn_real_put(n->real, n->bases.stats, s->mean, mean, s->c);
    sn_real_put(n->real, n->bases.stats, s->var, var, s->c);
}

size_t sn_supernet_stats_bytes(const sn_supernet *n, int i) {
    return 2 * (size_t)n->graph->params.stats[i].c * n->real;
}

// The mean's or the variance's place in the buffer.
static char *stats_part(const sn_supernet *n, sn_off offset) {
    return (char *)n->bases.stats + (size_t)offset * n->real;
}

void sn_supernet_keep_stats(const sn_supernet *n, int i, void *out) {
    const sn_stats *s = &n->graph->params.stats[i];
    size_t half = sn_supernet_stats_bytes(n, i) / 2;
    memcpy(out, stats_part(n, s->mean), half);
    memcpy((char *)out + half, stats_part(n, s->var), half);
}

void sn_supernet_restore_stats(sn_supernet *n, int i, const void *kept) {
    const sn_stats *s = &n->graph->params.stats[i];
    size_t half = sn_supernet_stats_bytes(n, i) / 2;
    memcpy(stats_part(n, s->mean), kept, half);
    memcpy(stats_part(n, s->var), (const char *)kept + half, half);
}

uint64_t sn_supernet_weights_hash(const sn_supernet *n) {
    uint64_t h = SN_HASH_START;
    const sn_params *p = &n->graph->params;
    for (int i = 0; i < p->n; i++) {
        const unsigned char *v = (const unsigned char *)n->bases.weights + (size_t)p->param[i].offset * n->real;
        h = sn_hash_bytes(h, v, (size_t)p->param[i].size * n->real);
    }
    return h;
}
