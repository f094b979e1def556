// A backend: for each kernel a list of implementations, fastest first, ending in the plain one; and the threads that run
// launches. Not here: what to run (supernet/engine/plan.h). Next: ref/conv.c, then cpu/dense.c.
#ifndef SN_BACKEND_H
#define SN_BACKEND_H

#include "base/status.h"
#include "kernels/kernels.h"
#include <stdbool.h>
#include <stddef.h>

// One implementation of one kernel. A call is cut into tiles by its sizes alone; tiles run in any order on any thread, then
// finish runs once, on the thread that ended the last tile. Tiles of one call write disjoint memory.
typedef struct sn_impl {
    const char *name;                   // for bench and messages: "cpu-avx2 conv 1x1"
    bool (*supports)(const sn_call *);  // NULL: everything
    int64_t (*tiles)(const sn_call *);  // NULL: 1
    int64_t (*work)(const sn_call *);   // elements of workspace shared by the tiles (partial sums); NULL: 0
    size_t (*scratch)(const sn_call *); // bytes of private memory of one thread, 64-byte aligned, not kept between tiles; NULL: 0
    void (*tile)(const sn_bases *, const sn_call *, int64_t tile, void *scratch);
    void (*finish)(const sn_bases *, const sn_call *); // NULL: nothing
} sn_impl;

// A table of implementations: list[kernel] is an array ended by an entry with tile == NULL. ref's list is complete.
typedef struct {
    const sn_impl *list[SN_KERNELS];
} sn_table;

typedef struct sn_backend sn_backend;

// Names: ref, ref64, cpu (best lanes this processor has), cpu-avx2, cpu-avx512, cpu-plain, cpu-guarded (cpu, its memory closed
// to all but its own verbs: for tests). threads >= 1 (ref: 1 is used).
// SN_USAGE for an unknown name (lists them) or lanes this processor lacks (says which it has).
sn_status sn_backend_open(const char *name, int threads, sn_backend **out);
void sn_backend_close(sn_backend *);
const char *sn_backend_name(const sn_backend *); // resolved: "cpu-avx2"
size_t sn_backend_real(const sn_backend *);      // bytes of a real: 4, or 8 for ref64
int sn_backend_threads(const sn_backend *);
bool sn_backend_guarded(const sn_backend *);

// Chooses call->impl. SN_FAIL naming the kernel and sizes if they make no sense or no implementation supports the call.
sn_status sn_backend_choose(const sn_backend *, sn_call *call);
// The first call chosen so far that fell to a reference kernel although this backend has fast ones for others of its kind: kernel
// and sizes as text; NULL: none. Borrowed.
const char *sn_backend_slow(const sn_backend *);
// Makes sure that each thread has `bytes` of scratch; called when plans are made, never inside a step.
sn_status sn_backend_scratch(sn_backend *, size_t bytes);
// Runs launches in order on memory of the caller's, which the host can reach; a supernet's is run by sn_memory_run (memory.h).
void sn_backend_run(sn_backend *, const sn_bases *, const sn_call *calls, const sn_launch *launches, int n_launches);
// Begins body(arg, i, thread) for i in 0..n-1, in any order, on the backend's threads wherever they would wait, beside launches
// (the loading of data); thread tells private memory apart. sn_backend_finish runs the rest: pool.h.
void sn_backend_background(sn_backend *, int64_t n, void (*body)(void *arg, int64_t i, int thread), void *arg);
void sn_backend_finish(sn_backend *);

// FMA peak of one core with the backend's lanes, GFLOP/s, measured now (about 0.1 s); 0 for ref.
double sn_backend_peak(const sn_backend *);

const char *sn_kernel_name(sn_kernel);

// Whether the sizes of a call make sense; SN_FAIL naming kernel and sizes if not. sn_backend_choose asks this first.
sn_status sn_call_check(const sn_call *);

// Sizes of a convolution or pool as text, "16x16 64->64 k3 s1 d1 g8"; "" for other calls. Returns out.
enum { SN_CALL_SIZE = 96 };
char *sn_call_size(const sn_call *, char out[SN_CALL_SIZE]);

// Counted from the record: multiply-adds of convolutions (2 flops each), and bytes read and written once, for bench.
void sn_call_cost(const sn_call *, size_t real, double *flops, double *bytes);

#endif
