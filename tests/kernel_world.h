// Memory for kernel tests: every operand ends at an unreadable page, has poison before it, and outputs start as NaN.
// Not here: which operands a call has (kernel_cases.h).
// Next: kernel_cases.h.
#ifndef SN_TEST_KERNEL_WORLD_H
#define SN_TEST_KERNEL_WORLD_H

#include "kernels/tables.h"
#include "suite.h"

#include <float.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// --- what is tested: every table that this processor can run
typedef struct {
    const char *backend;
    const sn_table *table;
    size_t real;
    bool lanes; // equal bit by bit among themselves
} table_under_test;

static const table_under_test all_tables[] = {
    {"ref64", &sn_table_ref_double, sizeof(double), false},    {"ref", &sn_table_ref_float, sizeof(float), false},
    {"cpu-plain", &sn_table_cpu_plain, sizeof(float), true},   {"cpu-avx2", &sn_table_cpu_avx2, sizeof(float), true},
    {"cpu-avx512", &sn_table_cpu_avx512, sizeof(float), true},
};
enum { TABLES = sizeof all_tables / sizeof *all_tables };

static inline bool table_available(const table_under_test *t) {
    sn_backend *b = NULL;
    sn_status status = sn_backend_open(t->backend, 1, &b);
    ck_assert_msg(status == SN_OK || status == SN_USAGE, "%s", sn_error_text());
    sn_backend_close(b);
    return status == SN_OK;
}

// --- memory
typedef enum { ARENA, WEIGHTS, GRADS, FIRST_SLOT, SECOND_SLOT, STATS, BUFFERS } buffer;

// A buffer is a row of cells; cell k holds one operand in elements [k*CELL, (k+1)*CELL - GUARD), pushed against its end, and
// GUARD unreadable elements. Cell 0 is unreadable as a whole, so that SN_NONE taken for an offset is seen.
enum { GUARD = 1024, CELL = 1 << 17, CELLS = 80, CANARY = 256, WORK = 1 << 22, SCRATCH = 1 << 23 };

typedef struct {
    size_t real;
    char *base[BUFFERS];
    char *work;      // end of the workspace
    char *scratch;   // end of the scratch
    int32_t *labels; // end of the labels
} world;

static inline char *guarded(size_t bytes) { // returns its end, where a guard page lies
    size_t page = 4096, size = (bytes + page - 1) / page * page;
    char *p = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ck_assert(p != MAP_FAILED);
    ck_assert_int_eq(mprotect(p + size, page, PROT_NONE), 0);
    return p + size;
}

static inline world world_open(size_t real) {
    world w = {.real = real};
    for (int b = 0; b < BUFFERS; b++) {
        size_t cell = CELL * real, guard = GUARD * real;
        // the arena is followed by its workspace, which calls address from the same base
        size_t extra = b == ARENA ? WORK * real : 0;
        w.base[b] = mmap(NULL, CELLS * cell + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        ck_assert(w.base[b] != MAP_FAILED);
        ck_assert_int_eq(mprotect(w.base[b], cell, PROT_NONE), 0);
        for (size_t c = 1; c < CELLS; c++) ck_assert_int_eq(mprotect(w.base[b] + (c + 1) * cell - guard, guard, PROT_NONE), 0);
        if (b == ARENA) {
            w.work = w.base[b] + CELLS * cell + extra - guard;
            ck_assert_int_eq(mprotect(w.work, guard, PROT_NONE), 0);
        }
    }
    w.scratch = guarded(SCRATCH);
    w.labels = (int32_t *)(void *)guarded(1 << 16);
    return w;
}

static inline void world_close(world *w) {
    for (int b = 0; b < BUFFERS; b++) munmap(w->base[b], CELLS * CELL * w->real + (b == ARENA ? WORK * w->real : 0));
    munmap(w->scratch - SCRATCH, SCRATCH + 4096);
    munmap((char *)w->labels - (1 << 16), (1 << 16) + 4096);
}

static inline void poison(void *p, size_t bytes) {
    memset(p, 0xff, bytes);
} // a NaN in float and in double
static inline bool is_poison(const void *p, size_t bytes) {
    const unsigned char *c = p;
    for (size_t i = 0; i < bytes; i++)
        if (c[i] != 0xff) return false;
    return true;
}

// Offset of an operand of n elements in cell k.
static inline sn_off cell_offset(int k, int64_t n) {
    ck_assert_msg(k > 0 && k < CELLS && n > 0 && n + CANARY <= CELL - GUARD, "cell %d of %lld", k, (long long)n);
    return (int64_t)(k + 1) * CELL - GUARD - n;
}

static inline double world_get(const world *w, buffer b, sn_off i) {
    return w->real == sizeof(float) ? ((const float *)(const void *)w->base[b])[i]
                                    : ((const double *)(const void *)w->base[b])[i];
}

static inline void world_set(const world *w, buffer b, sn_off i, double value) {
    if (w->real == sizeof(float))
        ((float *)(void *)w->base[b])[i] = (float)value;
    else
        ((double *)(void *)w->base[b])[i] = value;
}

static inline sn_bases world_bases(const world *w, int labels) {
    return (sn_bases){w->base[ARENA], w->base[WEIGHTS],  w->base[GRADS], {w->base[FIRST_SLOT], w->base[SECOND_SLOT]},
                      w->base[STATS], w->labels - labels};
}

// Gives the call its workspace, against the end of the arena, and poisons it.
static inline void world_work(const world *w, sn_call *call) {
    int64_t n = call->impl->work ? call->impl->work(call) : 0;
    ck_assert_msg(n >= 0 && n <= WORK - GUARD, "%s: workspace of %lld", call->impl->name, (long long)n);
    call->work = n > 0 ? (w->work - w->base[ARENA]) / (int64_t)w->real - n : SN_NONE;
    poison(w->work - (size_t)n * w->real, (size_t)n * w->real);
}

// Runs one call tile by tile on this thread, scratch poisoned and against an unreadable page. backwards: the last tile first.
static inline void world_run(const world *w, const sn_call *request, const sn_impl *impl, int labels, bool backwards) {
    sn_call call = *request;
    call.impl = impl;
    world_work(w, &call);
    sn_bases bases = world_bases(w, labels);
    int64_t tiles = impl->tiles ? impl->tiles(&call) : 1;
    size_t bytes = impl->scratch ? (impl->scratch(&call) + 63) / 64 * 64 : 0;
    ck_assert_msg(bytes <= SCRATCH, "%s: scratch of %zu", impl->name, bytes);
    for (int64_t t = 0; t < tiles; t++) {
        if (t == 0 || bytes * (size_t)tiles < 1 << 20) poison(w->scratch - bytes, bytes);
        impl->tile(&bases, &call, backwards ? tiles - 1 - t : t, w->scratch - bytes);
    }
    if (impl->finish) impl->finish(&bases, &call);
}

#endif
