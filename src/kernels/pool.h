// A pool of threads that run numbered jobs: results never depend on which thread ran what.
// Not here: tiles and kernels (backend.h).
// Next: pool.c.
#ifndef SN_POOL_H
#define SN_POOL_H

#include "base/status.h"
#include <stdint.h>

typedef struct sn_pool sn_pool;

// threads - 1 workers besides the calling thread; they block all signals and sleep when there is nothing to do.
// SN_RESOURCE when a thread cannot be made.
sn_status sn_pool_open(int threads, sn_pool **out);
void sn_pool_close(sn_pool *);
int sn_pool_threads(const sn_pool *);

// Runs body(arg, job, thread) once for each job in 0..jobs-1 and returns when all have ended; thread is in 0..threads-1 and tells
// private memory apart. The caller takes part, so a worker that gets no processor holds up nothing but the job it has begun.
// One caller at a time, for all functions here; no body may call them.
void sn_pool_run(sn_pool *, int64_t jobs, void (*body)(void *arg, int64_t job, int thread), void *arg);

// Begins jobs that run beside everything else: a worker takes one whenever it would otherwise wait, at the end of a run or where
// the caller works alone. A run begun meanwhile does not wait for a job that a worker has taken, so a job may block on a disk.
// Returns at once; arg lives until sn_pool_finish, and the next background begins after it.
void sn_pool_background(sn_pool *, int64_t jobs, void (*body)(void *arg, int64_t job, int thread), void *arg);
// Runs what is left of them, and returns when all have ended; at once when there are none.
void sn_pool_finish(sn_pool *);

#endif
