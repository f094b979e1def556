// Scoring: shared prefixes against one by one and against whole passes, all protocols; work counts; stopping.
#include "macro.h"
#include "suite.h"
#include "supernet/engine/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 8, IMAGE = SIZE * SIZE * 3, CALIBRATION = 12, IMAGES = 11, CLASSES = 10 };

static sn_space *space;
static sn_graph *graph;
static sn_backend *backend;
static sn_supernet *net;
static float pixels[(CALIBRATION + IMAGES) * IMAGE];

static sn_status read_images(void *arg, long first, long n, float *images, int32_t *labels) {
    long base = *(long *)arg;
    memcpy(images, pixels + (base + first) * IMAGE, (size_t)n * IMAGE * sizeof *images);
    for (long i = 0; labels && i < n; i++) labels[i] = (int32_t)((base + first + i) * 7 % CLASSES);
    return SN_OK;
}

static long zero = 0, behind = CALIBRATION;

static sn_score_job job_of(const sn_arch *archs, long n, int kind) {
    return (sn_score_job){.archs = archs,
                          .n = n,
                          .protocol = {kind, 5, 4},
                          .calibration = {CALIBRATION, &zero, read_images},
                          .images = {IMAGES, &behind, read_images},
                          .want_logits = true};
}

static void setup(void) {
    space = macro_space(SIZE, 4, 8);
    ck_assert_int_eq(sn_space_finish(space), SN_OK);
    ck_assert_int_eq(sn_graph_build(space, &graph), SN_OK);
    ck_assert_int_eq(sn_backend_open("cpu", 2, &backend), SN_OK);
    ck_assert_int_eq(sn_supernet_create(graph, backend, 0, 3, &net), SN_OK);
    sn_rng r = sn_rng_at(1, SN_STREAM_AUGMENT, 0, 0, 0);
    for (int i = 0; i < (CALIBRATION + IMAGES) * IMAGE; i++) pixels[i] = (float)sn_rng_normal(&r);
}

static void teardown(void) {
    sn_supernet_free(net);
    sn_backend_close(backend);
    sn_graph_free(graph);
    sn_space_free(space);
}

typedef struct {
    sn_score score[6561];
    float logits[64][IMAGES * CLASSES];
    long n, stop_after;
} results;

static sn_status scored(void *arg, const sn_score *s) {
    results *r = arg;
    if (r->n < 64 && s->images == IMAGES) memcpy(r->logits[r->n], s->logits, sizeof r->logits[0]);
    r->score[r->n] = *s;
    r->score[r->n++].hits = (const uint64_t *)(uintptr_t)s->hits[0]; // the 11 bits themselves
    return SN_OK;
}

static bool stop(void *arg) {
    results *r = arg;
    return r->stop_after && r->n >= r->stop_after;
}

static results shared, single;

static void archs_of(sn_arch *archs, int n) {
    sn_rng r = sn_rng_at(8, SN_STREAM_ARCHS, 0, 0, 0);
    for (int i = 0; i < n; i++) archs[i] = sn_arch_random(space, &r);
    for (int i = 1; i < n; i++) // sorted
        for (int k = i; k && sn_arch_compare(&archs[k - 1], &archs[k]) > 0; k--) {
            sn_arch t = archs[k];
            archs[k] = archs[k - 1];
            archs[k - 1] = t;
        }
}

START_TEST(equal_to_one_by_one) {
    sn_arch archs[40];
    archs_of(archs, 40);
    sn_score_job job = job_of(archs, 40, _i);
    sn_score_work work;
    job.arg = &shared, job.scored = scored;
    shared.n = single.n = 0;
    ck_ok(sn_score_archs(net, &job, &work));
    ck_assert_int_eq(shared.n, 40);
    ck_assert_int_lt(work.done, work.naive);
    for (int i = 39; i >= 0; i--) {
        job = job_of(&archs[i], 1, _i);
        job.arg = &single, job.scored = scored;
        single.n = 0;
        ck_assert_int_eq(sn_score_archs(net, &job, NULL), SN_OK);
        ck_assert_mem_eq(single.logits[0], shared.logits[i], sizeof single.logits[0]);
        ck_assert(single.score[0].hits == shared.score[i].hits && single.score[0].logits_hash == shared.score[i].logits_hash);
        ck_assert(single.score[0].loss == shared.score[i].loss && single.score[0].top1 == shared.score[i].top1);
    }
}
END_TEST

// The same by whole passes: calibration in batches of 5, 5, 2 with the cumulative mean, then all images with those statistics.
START_TEST(equal_to_whole_passes) {
    sn_arch archs[4];
    archs_of(archs, 4);
    for (int i = 0; i < 4; i++) {
        sn_batch_score expected;
        float images[IMAGES * IMAGE], logits[IMAGES * CLASSES];
        int32_t labels[IMAGES];
        const int sizes[3] = {5, 5, 2};
        for (int k = 0; k < 4; k++) {
            int n = k < 3 ? sizes[k] : IMAGES;
            sn_pass pass = {.arch = &archs[i],
                            .batch = n,
                            .bn = k < 3 ? SN_BN_BATCH : SN_BN_RUNNING,
                            .momentum = k < 3 ? 1.0 / (k + 1) : 0,
                            .loss_scale = 1,
                            .target = -1};
            ck_assert_int_eq(read_images(k < 3 ? &zero : &behind, k < 3 ? 5 * k : 0, n, images, labels), SN_OK);
            ck_ok(sn_supernet_pass(net, &pass, images, labels, &expected));
        }
        sn_supernet_logits(net, logits);
        sn_score_job job = job_of(&archs[i], 1, SN_PROTOCOL_RECALIBRATE);
        job.arg = &single, job.scored = scored;
        single.n = 0;
        ck_assert_int_eq(sn_score_archs(net, &job, NULL), SN_OK);
        ck_assert_mem_eq(single.logits[0], logits, sizeof logits);
        ck_assert((double)single.score[0].top1 == expected.top1);
        ck_assert((double)single.score[0].top5 == expected.top5);
        ck_assert(fabs(single.score[0].loss - expected.loss / IMAGES) <= 1e-12);
    }
}
END_TEST

// The whole of Macro: 9,840 block evaluations instead of 52,488; running statistics are as before.
START_TEST(whole_space) {
    sn_arch *archs = sn_new(6561, sizeof *archs);
    archs[0] = sn_arch_first(space);
    for (int i = 1; i < 6561; i++) {
        archs[i] = archs[i - 1];
        ck_assert(sn_arch_next(space, &archs[i]));
    }
    sn_score_job job = job_of(archs, 6561, SN_PROTOCOL_RUNNING);
    job.images.count = 2;
    job.want_logits = true;
    float mean[4], var[4], mean2[4], var2[4];
    sn_supernet_get_stats(net, 0, mean, var);
    sn_score_work work;
    shared.n = 0;
    job.arg = &shared, job.scored = scored;
    ck_assert_int_eq(sn_score_archs(net, &job, &work), SN_OK);
    ck_assert_int_eq(work.done, 9840);
    ck_assert_int_eq(work.naive, 52488);
    sn_supernet_get_stats(net, 0, mean2, var2);
    ck_assert_mem_eq(mean, mean2, sizeof mean);
    ck_assert_mem_eq(var, var2, sizeof var);
    free(archs);
}
END_TEST

START_TEST(stops) {
    sn_arch archs[20];
    archs_of(archs, 20);
    sn_score_job job = job_of(archs, 20, SN_PROTOCOL_BATCH);
    shared.n = 0;
    shared.stop_after = 3;
    job.arg = &shared, job.scored = scored, job.stop = stop;
    ck_assert_int_eq(sn_score_archs(net, &job, NULL), SN_INTERRUPTED);
    ck_assert_int_eq(shared.n, 3);
    shared.stop_after = 0;
    job.images.count = 0;
    ck_assert_int_eq(sn_score_archs(net, &job, NULL), SN_USAGE);
}
END_TEST

int main(void) {
    Suite *s = suite_create("evaluate");
    TCase *t = tcase_create("scores");
    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, equal_to_one_by_one, 0, 3);
    tcase_add_test(t, equal_to_whole_passes);
    tcase_add_test(t, whole_space);
    tcase_add_test(t, stops);
    suite_add_tcase(s, t);
    return run_suite(s);
}
