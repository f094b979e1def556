// The thread pool: every job of every list runs exactly once, on a thread that does nothing else meanwhile, and nothing hangs.
// Run with the thread sanitizer too (tools/test).
// Not here: launches (test_backend.c).
// Next: src/kernels/pool.c.
#include "base/clock.h"
#include "base/rng.h"
#include "kernels/pool.h"
#include "suite.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum { MOST_JOBS = 300, MOST_THREADS = 7 };

// A list of jobs that notes what runs. Plain memory is written by each job and read after the end: the pool must order it.
typedef struct {
    _Atomic int *busy; // per thread: inside a job of any list
    _Atomic int wrong; // jobs on a thread out of range or busy already
    int threads;
    int runs[MOST_JOBS];
    uint32_t most_work; // jobs differ in length by chance; 0: all short
    uint32_t seed;
    bool nap; // now and then a job sleeps
} tally;

static void noted_job(void *arg, int64_t job, int thread) {
    tally *t = arg;
    bool in_range = thread >= 0 && thread < t->threads;
    if (!in_range || atomic_exchange(&t->busy[thread], 1)) atomic_fetch_add(&t->wrong, 1);
    t->runs[job]++;
    sn_rng r = sn_rng_at(t->seed, 0, 0, 0, (uint32_t)job);
    for (volatile uint32_t k = t->most_work ? sn_rng_below(&r, t->most_work) : 0; k > 0; k = k - 1) {}
    if (t->nap && sn_rng_below(&r, 50) == 0) usleep(100);
    if (in_range) atomic_store(&t->busy[thread], 0);
}

static void ck_ran_once(const tally *t, int jobs) {
    ck_assert_int_eq(atomic_load(&t->wrong), 0);
    for (int j = 0; j < MOST_JOBS; j++)
        ck_assert_msg(t->runs[j] == (j < jobs), "job %d of %d ran %d times with %d threads", j, jobs, t->runs[j], t->threads);
}

static sn_pool *opened(int threads) {
    sn_pool *p = NULL;
    ck_ok(sn_pool_open(threads, &p));
    ck_assert_int_eq(sn_pool_threads(p), threads);
    return p;
}

// Runs of many sizes, so that threads arrive late, early, asleep and awake; a background beside some of them, which ends now
// during one, now by sn_pool_finish alone.
START_TEST(every_job_once) {
    const double seconds = 0.5; // for each number of threads
    int threads = _i;
    sn_pool *pool = opened(threads);
    _Atomic int busy[MOST_THREADS] = {0};
    sn_rng r = sn_rng_at(1, 0, 0, 0, (uint32_t)threads);
    tally behind = {0};
    int behind_jobs = 0, runs_left = 0;
    double end = sn_now() + seconds;
    for (uint32_t round = 0; round < SN_OFTEN(1000) || sn_now() < end; round++) {
        if (!runs_left--) {
            sn_pool_finish(pool);
            if (round) ck_ran_once(&behind, behind_jobs);
            behind = (tally){
                .busy = busy, .threads = threads, .most_work = sn_rng_below(&r, 2) * 3000, .seed = round, .nap = round % 8 == 0};
            behind_jobs = (int)sn_rng_below(&r, sn_rng_below(&r, 3) ? 20 : MOST_JOBS);
            runs_left = (int)sn_rng_below(&r, 30);
            sn_pool_background(pool, behind_jobs, noted_job, &behind);
        }
        int jobs = (int)sn_rng_below(&r, round % 100 ? 8 : MOST_JOBS);
        tally t = {.busy = busy, .threads = threads, .most_work = sn_rng_below(&r, 3) * 1000, .seed = round};
        sn_pool_run(pool, jobs, noted_job, &t);
        ck_ran_once(&t, jobs);
        if (sn_rng_below(&r, 200) == 0) usleep(500); // all fall asleep
    }
    sn_pool_finish(pool);
    ck_ran_once(&behind, behind_jobs);
    sn_pool_finish(pool); // again
    sn_pool_close(pool);
}
END_TEST

// --- the background

typedef struct {
    _Atomic int ended, held;
    _Atomic bool release;
} gate;

static void count_up(void *arg, int64_t job, int thread) {
    (void)job;
    (void)thread;
    atomic_fetch_add(&((gate *)arg)->ended, 1);
}

static void hold(void *arg, int64_t job, int thread) {
    gate *g = arg;
    atomic_fetch_add(&g->held, 1);
    while (!atomic_load(&g->release)) usleep(100);
    count_up(arg, job, thread);
}

// Workers run it while the caller does something else, also when they were asleep; the caller alone must ask for it.
START_TEST(idle_workers_take_it) {
    for (int sleepy = 0; sleepy < 2; sleepy++) {
        sn_pool *pool = opened(2);
        gate g = {0};
        if (sleepy) usleep(20000);
        sn_pool_background(pool, 100, count_up, &g);
        while (atomic_load(&g.ended) < 100) usleep(100); // or the test's time is up
        sn_pool_finish(pool);
        ck_assert_int_eq(atomic_load(&g.ended), 100);
        sn_pool_close(pool);
    }
    sn_pool *alone = opened(1);
    gate g = {0};
    sn_pool_background(alone, 100, count_up, &g);
    usleep(1000);
    ck_assert_int_eq(atomic_load(&g.ended), 0);
    sn_pool_finish(alone);
    ck_assert_int_eq(atomic_load(&g.ended), 100);
    sn_pool_close(alone);
}
END_TEST

// Runs go on while every worker is held up in a background job.
START_TEST(runs_do_not_wait_for_it) {
    sn_pool *pool = opened(3);
    gate g = {0}, runs = {0};
    sn_pool_background(pool, 2, hold, &g);
    while (atomic_load(&g.held) < 2) usleep(100);
    for (int i = 0; i < 1000; i++) sn_pool_run(pool, 10, count_up, &runs);
    ck_assert_int_eq(atomic_load(&runs.ended), 10000);
    ck_assert_int_eq(atomic_load(&g.ended), 0);
    atomic_store(&g.release, true);
    sn_pool_finish(pool);
    ck_assert_int_eq(atomic_load(&g.ended), 2);
    sn_pool_close(pool);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("pool");
    TCase *tests = tcase_create("pool");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, every_job_once, 1, MOST_THREADS + 1);
    tcase_add_test(tests, idle_workers_take_it);
    tcase_add_test(tests, runs_do_not_wait_for_it);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
