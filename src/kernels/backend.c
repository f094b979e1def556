// Backends by name, the choice of an implementation for a call, and the launches run on the thread pool.
// Not here: kernels (ref/, cpu/), threads (pool.c).
// Next: ref/conv.c.
#include "kernels/backend.h"

#include "kernels/pool.h"
#include "kernels/tables.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TABLES = 2, REGION_CALLS = 256, SLOW_TEXT = 160, SCRATCH_ALIGN = 4096 }; // each thread's scratch has its own pages

// --- names
static bool has_anything(void) {
    return true;
}

static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
}

typedef struct {
    const char *name;
    bool (*available)(void);
    size_t real;
    bool threaded;
    const sn_table *tables[TABLES]; // looked through in this order
    double (*fma_flops)(int64_t rounds);
} kind;

// Of the cpu lanes the best come first: "cpu" is the first available one.
static const kind kinds[] = {
    {"cpu-avx512", has_avx512, sizeof(float), true, {&sn_table_cpu_avx512, &sn_table_ref_float}, sn_fma_flops_avx512},
    {"cpu-avx2", has_avx2, sizeof(float), true, {&sn_table_cpu_avx2, &sn_table_ref_float}, sn_fma_flops_avx2},
    {"cpu-plain", has_anything, sizeof(float), true, {&sn_table_cpu_plain, &sn_table_ref_float}, sn_fma_flops_plain},
    {"ref", has_anything, sizeof(float), false, {&sn_table_ref_float, NULL}, NULL},
    {"ref64", has_anything, sizeof(double), false, {&sn_table_ref_double, NULL}, NULL},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static const char guarded_name[] = "cpu-guarded";

static sn_status find_kind(const char *name, const kind **out) {
    char available[128] = "";
    for (int i = 0; i < KINDS; i++) {
        if (!kinds[i].available()) continue;
        if (!strcmp(name, kinds[i].name) ||
            ((!strcmp(name, "cpu") || !strcmp(name, guarded_name)) && !strncmp(kinds[i].name, "cpu-", 4))) {
            *out = &kinds[i];
            return SN_OK;
        }
        size_t used = strlen(available);
        snprintf(available + used, sizeof available - used, ", %s", kinds[i].name);
    }
    for (int i = 0; i < KINDS; i++)
        if (!strcmp(name, kinds[i].name))
            return sn_error(SN_USAGE, "device %s: this processor lacks its instructions; it has cpu%s", name, available);
    return sn_error(SN_USAGE, "device: found \"%s\", allowed cpu%s", name, available);
}

// --- life
struct sn_backend {
    const kind *kind;
    bool guarded;
    char *slow; // SLOW_TEXT bytes, "" at first
    sn_pool *pool;
    size_t scratch_bytes; // of each thread
    void **scratch;       // one per thread
    // the region being run
    const sn_bases *bases;
    const sn_call *calls;
    int count;
    int64_t first_tile[REGION_CALLS + 1]; // of each call, over the region
    _Atomic int64_t tiles_left[REGION_CALLS];
};

sn_status sn_backend_open(const char *name, int threads, sn_backend **out) {
    const kind *found = NULL;
    SN_TRY(find_kind(name, &found));
    if (!found->threaded && threads > 1) threads = 1;
    sn_backend *b = sn_new(1, sizeof *b);
    if (!b) return SN_RESOURCE;
    b->kind = found;
    b->guarded = !strcmp(name, guarded_name);
    sn_status status = (b->slow = sn_new(1, SLOW_TEXT)) ? sn_pool_open(threads, &b->pool) : SN_RESOURCE;
    if (status == SN_OK && !(b->scratch = sn_new((size_t)threads, sizeof *b->scratch))) status = SN_RESOURCE;
    if (status != SN_OK) {
        sn_backend_close(b);
        return status;
    }
    *out = b;
    return SN_OK;
}

void sn_backend_close(sn_backend *b) {
    if (!b) return;
    for (int i = 0; b->scratch && i < sn_pool_threads(b->pool); i++) free(b->scratch[i]);
    free(b->scratch);
    sn_pool_close(b->pool);
    free(b->slow);
    free(b);
}

const char *sn_backend_name(const sn_backend *b) {
    return b->kind->name;
}
size_t sn_backend_real(const sn_backend *b) {
    return b->kind->real;
}
int sn_backend_threads(const sn_backend *b) {
    return sn_pool_threads(b->pool);
}

bool sn_backend_guarded(const sn_backend *b) {
    return b->guarded;
}

sn_status sn_backend_scratch(sn_backend *b, size_t bytes) {
    if (bytes <= b->scratch_bytes) return SN_OK;
    int threads = sn_pool_threads(b->pool);
    size_t size = (bytes + SCRATCH_ALIGN - 1) / SCRATCH_ALIGN * SCRATCH_ALIGN;
    void **fresh = sn_new((size_t)threads, sizeof *fresh);
    if (!fresh) return SN_RESOURCE;
    for (int i = 0; i < threads; i++) {
        if (size >= bytes) fresh[i] = aligned_alloc(SCRATCH_ALIGN, size);
        if (fresh[i]) {
            memset(fresh[i], 0, size); // no page faults inside a step
            continue;
        }
        while (i-- > 0) free(fresh[i]);
        free(fresh);
        return sn_error(SN_RESOURCE, "out of memory: %zu bytes of scratch for each of %d threads", bytes, threads);
    }
    for (int i = 0; i < threads; i++) free(b->scratch[i]);
    free(b->scratch);
    b->scratch = fresh;
    b->scratch_bytes = size;
    return SN_OK;
}

// --- choice
const char *sn_backend_slow(const sn_backend *b) {
    return *b->slow ? b->slow : NULL;
}

static void note_slow(const sn_backend *b, const sn_call *call) {
    char size[SN_CALL_SIZE];
    if (!*b->slow && b->kind->threaded && b->kind->tables[0]->list[call->kernel])
        snprintf(b->slow, SLOW_TEXT, "%s %s", sn_kernel_name(call->kernel), sn_call_size(call, size));
}

sn_status sn_backend_choose(const sn_backend *b, sn_call *call) {
    SN_TRY(sn_call_check(call));
    for (int t = 0; t < TABLES && b->kind->tables[t]; t++)
        for (const sn_impl *i = b->kind->tables[t]->list[call->kernel]; i && i->tile; i++)
            if (!i->supports || i->supports(call)) {
                call->impl = i;
                if (t) note_slow(b, call);
                return SN_OK;
            }
    return sn_error(SN_FAIL, "%s: backend %s has no implementation", sn_kernel_name(call->kernel), b->kind->name);
}

// --- running
static int call_of_tile(const sn_backend *b, int64_t tile) {
    int low = 0, high = b->count - 1; // the last call whose first tile is <= tile
    while (low < high) {
        int middle = (low + high + 1) / 2;
        if (b->first_tile[middle] <= tile)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static void run_tile(void *arg, int64_t tile, int thread) {
    sn_backend *b = arg;
    int c = call_of_tile(b, tile);
    const sn_call *call = &b->calls[c];
    call->impl->tile(b->bases, call, tile - b->first_tile[c], b->scratch[thread]);
    if (atomic_fetch_sub(&b->tiles_left[c], 1) == 1 && call->impl->finish) call->impl->finish(b->bases, call);
}

static void run_region(sn_backend *b, const sn_bases *bases, const sn_call *calls, int count) {
    b->bases = bases, b->calls = calls, b->count = count;
    for (int i = 0; i < count; i++) {
        int64_t tiles = calls[i].impl->tiles ? calls[i].impl->tiles(&calls[i]) : 1;
        b->first_tile[i + 1] = b->first_tile[i] + tiles;
        atomic_store_explicit(&b->tiles_left[i], tiles, memory_order_relaxed); // the pool's start makes it visible
    }
    sn_pool_run(b->pool, b->first_tile[count], run_tile, b);
}

void sn_backend_run(sn_backend *b, const sn_bases *bases, const sn_call *calls, const sn_launch *launches, int n_launches) {
    for (int l = 0; l < n_launches;
         l++) // a launch of many calls is cut into several regions: its calls do not depend on each other
        for (int done = 0; done < launches[l].count; done += REGION_CALLS) {
            int left = launches[l].count - done;
            run_region(b, bases, calls + launches[l].first + done, left < REGION_CALLS ? left : REGION_CALLS);
        }
}

void sn_backend_background(sn_backend *b, int64_t n, void (*body)(void *arg, int64_t i, int thread), void *arg) {
    sn_pool_background(b->pool, n, body, arg);
}

void sn_backend_finish(sn_backend *b) {
    sn_pool_finish(b->pool);
}

// --- the peak
static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double sn_backend_peak(const sn_backend *b) {
    if (!b->kind->fma_flops) return 0;
    double best = 0;
    int64_t rounds = 1000;
    for (double end = seconds() + 0.1, start = seconds(); start < end; start = seconds()) {
        double flops = b->kind->fma_flops(rounds), spent = seconds() - start;
        if (spent > 1e-4 && flops / spent > best) best = flops / spent;
        if (spent < 5e-3) rounds *= 2;
    }
    return best * 1e-9;
}
