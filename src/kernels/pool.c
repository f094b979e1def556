// The thread pool: one atomic number says how many jobs of a list are left; who lowers it owns the next job.
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

// A list of jobs that threads take one by one.
typedef struct {
    // Jobs that nobody has taken. A successful exchange pins the list: it cannot end before that job does, so its description
    // below may be read afterwards, also by a thread that came late and finds the next list.
    _Alignas(CACHE_LINE) _Atomic int64_t left;
    _Alignas(CACHE_LINE) _Atomic int64_t done; // jobs that have ended
    // written before `left`, read after taking a job
    _Alignas(CACHE_LINE) int64_t jobs;
    void (*body)(void *arg, int64_t job, int thread);
    void *arg;
} list;

struct sn_pool {
    list region, background;

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

// Takes one job; false when none is left.
static bool take(list *l, int64_t *job) {
    int64_t left = atomic_load(&l->left);
    while (left > 0)
        if (atomic_compare_exchange_weak(&l->left, &left, left - 1)) {
            *job = l->jobs - left;
            return true;
        }
    return false;
}

// Runs one job; false when none is left.
static bool work(sn_pool *p, list *l, int thread) {
    int64_t job;
    if (!take(l, &job)) return false;
    int64_t jobs = l->jobs;
    l->body(l->arg, job, thread);
    if (atomic_fetch_add(&l->done, 1) + 1 == jobs && atomic_load(&p->caller_sleeps)) {
        pthread_mutex_lock(&p->mutex);
        pthread_cond_signal(&p->ended);
        pthread_mutex_unlock(&p->mutex);
    }
    return true;
}

static bool idle(sn_pool *p) {
    return !atomic_load(&p->region.left) && !atomic_load(&p->background.left) && !atomic_load(&p->stop);
}

static void rest(sn_pool *p) {
    for (int spin = 0; spin < SPINS; spin++) {
        if (!idle(p)) return;
        pause_briefly();
    }
    pthread_mutex_lock(&p->mutex);
    atomic_fetch_add(&p->sleeping, 1); // before looking again: the caller publishes, then looks here
    while (idle(p)) pthread_cond_wait(&p->wake, &p->mutex);
    atomic_fetch_sub(&p->sleeping, 1);
    pthread_mutex_unlock(&p->mutex);
}

static void *worker_main(void *arg) {
    worker *self = arg;
    sn_pool *p = self->pool;
    while (!atomic_load(&p->stop))
        if (!work(p, &p->region, self->index) && !work(p, &p->background, self->index)) rest(p);
    return NULL;
}

static void publish(sn_pool *p, list *l, int64_t jobs, void (*body)(void *, int64_t, int), void *arg) {
    l->jobs = jobs, l->body = body, l->arg = arg;
    atomic_store(&l->done, 0);
    atomic_store(&l->left, jobs);
    if (atomic_load(&p->sleeping) > 0) {
        pthread_mutex_lock(&p->mutex);
        pthread_cond_broadcast(&p->wake);
        pthread_mutex_unlock(&p->mutex);
    }
}

// The caller runs what is left and waits for what others have begun.
static void finish(sn_pool *p, list *l) {
    while (work(p, l, 0)) {}
    for (int spin = 0; spin < SPINS; spin++) {
        if (atomic_load(&l->done) == l->jobs) return;
        pause_briefly();
    }
    pthread_mutex_lock(&p->mutex);
    atomic_store(&p->caller_sleeps, true);
    while (atomic_load(&l->done) != l->jobs) pthread_cond_wait(&p->ended, &p->mutex);
    atomic_store(&p->caller_sleeps, false);
    pthread_mutex_unlock(&p->mutex);
}

void sn_pool_run(sn_pool *p, int64_t jobs, void (*body)(void *arg, int64_t job, int thread), void *arg) {
    if (p->threads == 1 || jobs == 1) {
        for (int64_t job = 0; job < jobs; job++) body(arg, job, 0);
        return;
    }
    publish(p, &p->region, jobs, body, arg);
    finish(p, &p->region);
}

void sn_pool_background(sn_pool *p, int64_t jobs, void (*body)(void *arg, int64_t job, int thread), void *arg) {
    publish(p, &p->background, jobs, body, arg);
}

void sn_pool_finish(sn_pool *p) {
    finish(p, &p->background);
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
