// The thread pool: one atomic word holds the region's number and the jobs left; who lowers it owns the next job.
// No work stealing, no OpenMP. A waiting thread spins briefly, then sleeps, so a busy neighbour costs a wake-up, not a time
// slice. Next: backend.c.
#include "kernels/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SPINS = 1000, CACHE_LINE = 64 }; // 1000 pauses: about 20 us, the order of a wake-up

typedef struct {
    sn_pool *pool;
    int index;
    pthread_t id;
} worker;

struct sn_pool {
    // Region number (high 32 bits) and jobs left (low 32). A successful exchange pins the region: it cannot end before that job
    // does, so its description below may be read afterwards; the number keeps a late thread from taking a job of the wrong
    // region.
    _Alignas(CACHE_LINE) _Atomic uint64_t word;
    _Alignas(CACHE_LINE) _Atomic int64_t done; // jobs of this region that have ended
    // the region: written before `word`, read after taking a job
    _Alignas(CACHE_LINE) int64_t jobs, first;
    void (*body)(void *arg, int64_t job, int thread);
    void *arg;

    pthread_mutex_t mutex;
    pthread_cond_t wake, ended;
    _Atomic int sleeping;       // workers at `wake`
    _Atomic bool caller_sleeps; // the caller at `ended`
    _Atomic bool stop;
    int threads, started; // workers[0..started-1] run
    worker *workers;
};

static void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

// Takes one job of the current region; false when none is left.
static bool take(sn_pool *p, int64_t *job) {
    uint64_t word = atomic_load(&p->word);
    while ((uint32_t)word != 0)
        if (atomic_compare_exchange_weak(&p->word, &word, word - 1)) {
            *job = p->first + p->jobs - (int64_t)(uint32_t)word;
            return true;
        }
    return false;
}

static void work(sn_pool *p, int thread) {
    int64_t job;
    while (take(p, &job)) {
        int64_t jobs = p->jobs;
        p->body(p->arg, job, thread);
        if (atomic_fetch_add(&p->done, 1) + 1 == jobs && atomic_load(&p->caller_sleeps)) {
            pthread_mutex_lock(&p->mutex);
            pthread_cond_signal(&p->ended);
            pthread_mutex_unlock(&p->mutex);
        }
    }
}

static bool idle(sn_pool *p) {
    return (uint32_t)atomic_load(&p->word) == 0 && !atomic_load(&p->stop);
}

static void *worker_main(void *arg) {
    worker *self = arg;
    sn_pool *p = self->pool;
    while (!atomic_load(&p->stop)) {
        for (int spin = 0; spin < SPINS && idle(p); spin++) pause_briefly();
        if (idle(p)) {
            pthread_mutex_lock(&p->mutex);
            atomic_fetch_add(&p->sleeping, 1); // before looking again: the caller publishes, then looks here
            while (idle(p)) pthread_cond_wait(&p->wake, &p->mutex);
            atomic_fetch_sub(&p->sleeping, 1);
            pthread_mutex_unlock(&p->mutex);
        }
        work(p, self->index);
    }
    return NULL;
}

static void wait_for_end(sn_pool *p, int64_t jobs) {
    for (int spin = 0; spin < SPINS; spin++) {
        if (atomic_load(&p->done) == jobs) return;
        pause_briefly();
    }
    pthread_mutex_lock(&p->mutex);
    atomic_store(&p->caller_sleeps, true);
    while (atomic_load(&p->done) != jobs) pthread_cond_wait(&p->ended, &p->mutex);
    atomic_store(&p->caller_sleeps, false);
    pthread_mutex_unlock(&p->mutex);
}

static void region(sn_pool *p, int64_t first, int64_t jobs, void (*body)(void *, int64_t, int), void *arg) {
    p->first = first, p->jobs = jobs, p->body = body, p->arg = arg;
    atomic_store(&p->done, 0);
    uint64_t number = (atomic_load(&p->word) >> 32) + 1;
    atomic_store(&p->word, number << 32 | (uint64_t)jobs);
    if (atomic_load(&p->sleeping) > 0) {
        pthread_mutex_lock(&p->mutex);
        pthread_cond_broadcast(&p->wake);
        pthread_mutex_unlock(&p->mutex);
    }
    work(p, 0);
    wait_for_end(p, jobs);
}

void sn_pool_run(sn_pool *p, int64_t jobs, void (*body)(void *arg, int64_t job, int thread), void *arg) {
    if (p->threads == 1 || jobs == 1) {
        for (int64_t job = 0; job < jobs; job++) body(arg, job, 0);
        return;
    }
    const int64_t most = INT32_MAX; // of one region
    for (int64_t first = 0; first < jobs; first += most) region(p, first, jobs - first < most ? jobs - first : most, body, arg);
}

int sn_pool_threads(const sn_pool *p) {
    return p->threads;
}

void sn_pool_close(sn_pool *p) {
    if (!p) return;
    pthread_mutex_lock(&p->mutex);
    atomic_store(&p->stop, true);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->mutex);
    for (int i = 0; i < p->started; i++) pthread_join(p->workers[i].id, NULL);
    pthread_cond_destroy(&p->ended);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->mutex);
    free(p->workers);
    free(p);
}

// Starts the workers with all signals blocked, so that handlers run on the program's own thread.
static sn_status start(sn_pool *p) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = 0;
    while (p->started < p->threads - 1 && !failed) {
        worker *w = &p->workers[p->started];
        *w = (worker){.pool = p, .index = p->started + 1};
        failed = pthread_create(&w->id, NULL, worker_main, w);
        if (!failed) p->started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return sn_error(SN_RESOURCE, "cannot start thread %d of %d: %s; fewer threads may do", p->started + 2, p->threads,
                        strerror(failed));
    return SN_OK;
}

sn_status sn_pool_open(int threads, sn_pool **out) {
    if (threads < 1) return sn_error(SN_USAGE, "threads: found %d, allowed 1 or more", threads);
    sn_pool *p = aligned_alloc(CACHE_LINE, sizeof *p); // the size is a multiple of the alignment
    if (!p) return sn_error(SN_RESOURCE, "out of memory: thread pool of %zu bytes", sizeof *p);
    memset(p, 0, sizeof *p);
    p->threads = threads;
    pthread_mutex_init(&p->mutex, NULL); // these three cannot fail with default attributes
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->ended, NULL);
    sn_status status = SN_OK;
    if (!(p->workers = sn_new((size_t)threads, sizeof *p->workers))) status = SN_RESOURCE;
    if (status == SN_OK) status = start(p);
    if (status != SN_OK) {
        sn_pool_close(p);
        return status;
    }
    *out = p;
    return SN_OK;
}
