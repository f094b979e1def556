// Scoring: shared values against one by one and against whole passes, all protocols, on chains and other graphs, in any memory;
// batches and their weights; work counts; stopping; what errors leave behind.
#include "base/half.h"
#include "macro.h"
#include "mixed.h"
#include "suite.h"
#include "supernet/engine/recalibrate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

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
                          .want_logits = true,
                          .want_losses = true};
}

static void set_up(sn_space *s) {
    space = s;
    ck_ok(sn_space_finish(space));
    ck_ok(sn_graph_build(space, &graph));
    ck_ok(sn_backend_open("cpu", 2, &backend));
    ck_ok(sn_supernet_create(graph, backend, 0, SN_INIT_FAN_OUT, 3, &net));
    sn_rng r = sn_rng_at(1, SN_STREAM_AUGMENT, 0, 0, 0);
    for (int i = 0; i < (CALIBRATION + IMAGES) * IMAGE; i++) pixels[i] = (float)sn_rng_normal(&r);
}

static void setup(void) {
    set_up(macro_space(SIZE, 4, 8));
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

// Losses of images are those of their logits.
static void ck_losses(const sn_score *s) {
    static float images[IMAGES * IMAGE];
    int32_t label[IMAGES];
    ck_ok(read_images(&behind, 0, IMAGES, images, label));
    for (int i = 0; i < IMAGES; i++) {
        const float *x = s->logits + i * CLASSES;
        double sum = 0;
        for (int k = 0; k < CLASSES; k++) sum += exp((double)x[k] - (double)x[label[i]]);
        ck_near((double)sn_half_value(s->losses[i]), log(sum), 1e-3 * log(sum) + 1e-5, "loss of an image");
    }
}

static sn_status scored(void *arg, const sn_score *s) {
    results *r = arg;
    if (s->losses && s->logits && s->images == IMAGES) ck_losses(s);
    if (r->n < 64 && s->logits && s->images == IMAGES) memcpy(r->logits[r->n], s->logits, sizeof r->logits[0]);
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

// Logits and losses by whole passes: for recalibration the batches before, each weighing as much as it has images.
static sn_batch_score whole_pass(const sn_arch *a, int kind, float *logits) {
    float images[IMAGES * IMAGE];
    int32_t labels[IMAGES];
    sn_batch_score s, sum = {0};
    void *kept = sn_statistics_keep(net);
    const sn_batches parts[2] = {{kind == SN_PROTOCOL_RECALIBRATE ? CALIBRATION : 0, 5, true}, {IMAGES, 4, false}};
    for (int p = 0; p < 2; p++)
        for (int k = 0; k < sn_batches_count(&parts[p]); k++) {
            int n = sn_batches_size(&parts[p], k), first = 5 * k;
            if (p) first = 4 * k;
            sn_pass pass = {.arch = a,
                            .batch = n,
                            .bn = p && kind != SN_PROTOCOL_BATCH ? SN_BN_RUNNING : SN_BN_BATCH,
                            .momentum = p ? 0 : (double)n / (first + n),
                            .loss_scale = 1,
                            .target = -1};
            ck_ok(read_images(p ? &behind : &zero, first, n, images, labels));
            ck_ok(sn_supernet_pass(net, &pass, images, labels, &s));
            if (!p) continue;
            sum.loss += s.loss, sum.top1 += s.top1, sum.top5 += s.top5;
            sn_supernet_logits(net, logits + first * CLASSES);
        }
    sn_statistics_restore(net, kept);
    return sum;
}

// Scores in so much memory; all equal to whole passes. Returns the layout of the first archs.
static sn_score_layout ck_whole(const sn_arch *archs, long n, int kind, size_t memory, sn_score_work *work) {
    float logits[IMAGES * CLASSES];
    sn_score_job job = job_of(archs, n, kind);
    sn_score_layout layout;
    job.arg = &shared, job.scored = scored, job.memory = memory;
    shared.n = 0;
    ck_ok(sn_score_memory(net, &job, &layout));
    ck_ok(sn_score_archs(net, &job, work));
    ck_assert_int_eq(shared.n, n);
    for (int i = 0; i < n; i++) {
        sn_batch_score expected = whole_pass(&archs[i], kind, logits);
        ck_assert_msg(!memcmp(shared.logits[i], logits, sizeof logits), "arch %d, protocol %d, memory %zu", i, kind, memory);
        ck_assert((double)shared.score[i].top1 == expected.top1);
        ck_assert((double)shared.score[i].top5 == expected.top5);
        ck_near(shared.score[i].loss, expected.loss / IMAGES, 1e-12, "loss");
    }
    return layout;
}

START_TEST(equal_to_whole_passes) {
    sn_arch archs[8];
    archs_of(archs, 8);
    ck_assert_int_eq(ck_whole(archs, 8, _i, 0, NULL).blocks, 1);
}
END_TEST

// One block of all images, several, one batch each, and too little even for that, which is then taken.
START_TEST(equal_in_any_memory) {
    const size_t memory[] = {100000000, 220000, 180000, 160000, 140000, 120000, 100000, 80000, 60000, 1};
    sn_arch archs[40];
    sn_score_work all, work;
    archs_of(archs, 40);
    int most = 1;
    ck_whole(archs, 40, _i, memory[0], &all);
    for (size_t i = 1; i < sizeof memory / sizeof *memory; i++) {
        sn_score_layout l = ck_whole(archs, 40, _i, memory[i], &work);
        ck_assert_int_ge(work.done, all.done);
        if (memory[i] == 1 && _i == SN_PROTOCOL_RECALIBRATE)
            ck_assert_int_gt(work.done, all.done); // values gave way and came again
        ck_assert_int_eq(work.naive, all.naive);
        if (l.blocks > most) most = l.blocks;
        if (memory[i] > 1) continue;
        ck_assert_uint_gt(l.bytes, l.allowed);
        ck_assert_int_eq(l.blocks, _i == SN_PROTOCOL_RECALIBRATE ? 6 : 3); // a batch each
    }
    ck_assert_int_gt(most, 2);
}
END_TEST

// ---------------------------------------------------------------- where the net begins with a choice
static void choice_first(void) {
    const int none[SN_OP_ATTRS] = {0}, conv[SN_OP_ATTRS] = {3, 1, 1, 1}, mb[SN_OP_ATTRS] = {2, 3, 1, 1};
    sn_space *s = sn_space_new();
    s->channels = 3, s->height = s->width = SIZE, s->classes = CLASSES;
    int id = sn_space_add_block(s, "id", sn_op_find("identity"), none),
        c = sn_space_add_block(s, "conv", sn_op_find("conv"), conv), m = sn_space_add_block(s, "mb", sn_op_find("mbconv"), mb),
        fc = sn_space_add_block(s, "fc", sn_op_find("classifier"), NULL);
    sn_entry e = {.choice = true, .block = {id, c, m}, .options = 3, .layers = 3, .out = 3, .stride = 1};
    sn_space_add_entry(s, "first", &e);
    sn_space_add_entry(s, "fc", &(sn_entry){.block = {fc}, .options = 1, .layers = 1, .stride = 1});
    set_up(s);
}

static void identity_first(void) { // as an entry of its own, then a choice
    sn_space *s = sn_space_new();
    const int none[SN_OP_ATTRS] = {0}, conv[SN_OP_ATTRS] = {3, 1, 1, 0};
    s->channels = 3, s->height = s->width = SIZE, s->classes = CLASSES;
    int id = sn_space_add_block(s, "id", sn_op_find("identity"), none),
        c = sn_space_add_block(s, "conv", sn_op_find("conv"), conv),
        fc = sn_space_add_block(s, "fc", sn_op_find("classifier"), NULL);
    sn_space_add_entry(s, "start", &(sn_entry){.block = {id}, .options = 1, .layers = 1, .out = 3, .stride = 1});
    sn_space_add_entry(s, "stage",
                       &(sn_entry){.choice = true, .block = {c, id, c}, .options = 2, .layers = 4, .out = 3, .stride = 1});
    sn_space_add_entry(s, "fc", &(sn_entry){.block = {fc}, .options = 1, .layers = 1, .stride = 1});
    set_up(s);
}

// Every arch, identities everywhere among them.
static void ck_all_archs(int kind) {
    sn_arch archs[64], a = sn_arch_first(space);
    long n = 0;
    do archs[n++] = a;
    while (n < 64 && sn_arch_next(space, &a));
    ck_whole(archs, n, kind, 0, NULL);
    ck_whole(archs, n, kind, 90000, NULL);
    ck_whole(archs, n, kind, 1, NULL);
}

START_TEST(no_stem) {
    ck_all_archs(_i);
}
END_TEST

// ---------------------------------------------------------------- graphs that are no chains
static int named(const char *name) {
    for (int i = 0; i < graph->n; i++)
        if (!strcmp(graph->node[i].name, name)) return i;
    ck_abort_msg("no node '%s'", name);
}

// Macro wired anew: one decision at two choices, sums that read an earlier choice, a node inside one option that another reads,
// convolutions that several BNs may read, a choice behind which there is a BN.
static void tangled(void) {
    setup();
    sn_node *n = graph->node;
    n[graph->choice[4]].decision = n[graph->choice[3]].decision;   // stage2.layer3 chooses as stage2.layer2
    n[named("stage2.layer3.mb3_k3.sum")].in[0] = graph->choice[2]; // reads two choices
    n[named("stage2.layer3.mb6_k5.sum")].in[1] = graph->choice[2]; // and leaves its own blocks unread
    n[named("stage1.layer2.mb6_k5.sum")].in[1] = named("stage1.layer2.mb3_k3.project_bn");     // inside of another option
    n[named("stage3.layer2.mb6_k5.project_bn")].in[0] = named("stage3.layer2.mb3_k3.project"); // one conv, a BN in each option
    n[named("stage3.layer3.mb3_k3.expand")].in[0] = graph->choice[5];
    n[named("stage3.layer3.mb6_k5.sum")].in[0] = named("stage3.layer3.mb6_k5.project"); // one read by a BN and a sum at once
}

START_TEST(any_graph) {
    sn_arch archs[40];
    archs_of(archs, 40);
    sn_score_work work;
    ck_whole(archs, 40, _i, 0, &work);
    ck_assert_int_lt(work.done, work.naive);
    ck_whole(archs, 40, _i, 150000, NULL);
    ck_whole(archs, 40, _i, 100000, NULL);
    ck_whole(archs, 40, _i, 1, NULL);
}
END_TEST

static void mixed(void) {
    set_up(mixed_space(SIZE));
}

// BNs that read a choice: where the option is a plain pool or convolution, the BN takes its statistics as that is stored.
static void bn_behind_choice(void) {
    mixed();
    sn_node *n = graph->node;
    int choice = graph->choice[2];
    n[choice].in[2] = named("stage2.layer1.max.pool"); // without their BNs
    n[choice].in[3] = named("stage2.layer1.avg.pool");
    n[named("stage2.layer2.sep.dw_bn")].in[0] = choice;
}

static sn_arch *all_archs(void) { // of Macro, in order
    sn_arch *archs = sn_new(6561, sizeof *archs);
    archs[0] = sn_arch_first(space);
    for (int i = 1; i < 6561; i++) {
        archs[i] = archs[i - 1];
        ck_assert(sn_arch_next(space, &archs[i]));
    }
    return archs;
}

// The whole of Macro: 9,840 block evaluations instead of 52,488; running statistics are as before.
START_TEST(whole_space) {
    sn_arch *archs = all_archs();
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

// ---------------------------------------------------------------- batches
START_TEST(batches) {
    for (int k = 1; k < 3000; k++) // batches of one size: the plain cumulative mean, to the bit
        for (int n = 2; n < 400; n += 31) {
            sn_batches b = {(long)k * n, n, true};
            ck_assert(sn_batches_momentum(&b, k - 1) == 1.0 / k);
        }
    const struct {
        sn_batches b;
        int count, last, largest;
    } cut[] = {{{12, 5, true}, 3, 2, 5}, {{11, 5, true}, 2, 6, 6}, {{11, 5, false}, 3, 1, 5},
               {{1, 5, true}, 1, 1, 1},  {{10, 5, true}, 2, 5, 5}, {{3, 2, true}, 1, 3, 3},
               {{4, 5, false}, 1, 4, 4}, {{0, 5, true}, 0, 0, 0},  {{7, 1, false}, 7, 1, 1}};
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        const sn_batches *b = &cut[i].b;
        ck_assert_int_eq(sn_batches_count(b), cut[i].count);
        ck_assert_int_eq(sn_batches_largest(b), cut[i].largest);
        if (cut[i].count) ck_assert_int_eq(sn_batches_size(b, cut[i].count - 1), cut[i].last);
    }
}
END_TEST

// A last batch of one joins the one before, for calibration and where batches give the statistics.
START_TEST(one_left_over) {
    sn_arch archs[3];
    archs_of(archs, 3);
    for (int kind = 0; kind < 2; kind++) {
        sn_score_job job = job_of(archs, 3, kind);
        job.protocol.calibrate_batch = CALIBRATION - 1, job.protocol.batch = IMAGES - 1;
        job.arg = &shared, job.scored = scored, shared.n = 0;
        ck_ok(sn_score_archs(net, &job, NULL));
        job.protocol.calibrate_batch = CALIBRATION, job.protocol.batch = IMAGES;
        job.arg = &single, single.n = 0;
        ck_ok(sn_score_archs(net, &job, NULL));
        for (int i = 0; i < 3; i++) ck_assert_mem_eq(shared.logits[i], single.logits[i], sizeof single.logits[0]);
    }
    sn_score_job job = job_of(archs, 3, SN_PROTOCOL_BATCH);
    job.images.count = 1;
    ck_assert_int_eq(sn_score_archs(net, &job, NULL), SN_USAGE);
    ck_message("on 1 image in batches of 4; at least 2 are needed");
}
END_TEST

// One image more changes statistics by one image's weight: the mean of the stem's BN is that of all images.
START_TEST(weighs_by_images) {
    sn_arch a = sn_arch_first(space);
    float mean[2][4], var[4];
    for (int k = 0; k < 2; k++) { // 12 images as 5, 5, 2 and as one batch
        sn_source source = {CALIBRATION, &zero, read_images};
        ck_ok(sn_recalibrate(net, &a, &source, k ? CALIBRATION : 5));
        sn_supernet_get_stats(net, 0, mean[k], var);
    }
    for (int c = 0; c < 4; c++) ck_near((double)mean[0][c], (double)mean[1][c], 1e-6, "mean");
}
END_TEST

// ---------------------------------------------------------------- errors
static int reads_left;

static sn_status read_until_broken(void *arg, long first, long n, float *images, int32_t *labels) {
    if (!reads_left--) return sn_error(SN_DATA, "broken");
    return read_images(arg, first, n, images, labels);
}

START_TEST(statistics_outlast_errors) {
    sn_arch archs[4];
    archs_of(archs, 4);
    size_t bytes = (size_t)graph->params.stats_total * net->real;
    void *before = sn_statistics_keep(net);
    for (int reads = 0; reads < 6; reads++) {
        reads_left = reads;
        sn_score_job job = job_of(archs, 4, SN_PROTOCOL_RECALIBRATE);
        job.arg = &shared, job.scored = scored, job.calibration.read = job.images.read = read_until_broken;
        ck_assert_int_eq(sn_score_archs(net, &job, NULL), SN_DATA);
        void *after = sn_statistics_keep(net);
        ck_assert_mem_eq(before, after, bytes);
        free(after);
        reads_left = reads;
        sn_status expected = reads < 3 ? SN_DATA : SN_OK;
        ck_assert_int_eq(sn_recalibrate(net, archs, &job.calibration, 5), expected);
        after = sn_statistics_keep(net);
        ck_assert((memcmp(before, after, bytes) == 0) == (expected != SN_OK));
        free(after);
        after = malloc(bytes);
        memcpy(after, before, bytes);
        sn_statistics_restore(net, after);
    }
    free(before);
}
END_TEST

static sn_status read_nothing(void *arg, long first, long n, float *images, int32_t *labels) {
    (void)arg, (void)first;
    memset(images, 0, (size_t)n * IMAGE * sizeof *images);
    if (labels) memset(labels, 0, (size_t)n * sizeof *labels);
    return SN_OK;
}

// What the layout says is what is taken, and within what is allowed.
START_TEST(takes_what_it_says) {
    sn_arch archs[40];
    archs_of(archs, 40);
    int most = 0, least = 1000;
    for (size_t memory = 900000; memory < 8000000; memory += 700000) {
        sn_score_job job = job_of(archs, 40, _i);
        job.protocol.calibrate_batch = 30, job.protocol.batch = 20;
        job.calibration = (sn_source){150, NULL, read_nothing}, job.images = (sn_source){301, NULL, read_nothing};
        job.want_logits = false, job.scored = scored, job.arg = &shared, job.memory = memory;
        sn_score_layout l;
        shared.n = 0;
        ck_ok(sn_score_memory(net, &job, &l));
        ck_ok(sn_score_archs(net, &job, NULL));
        ck_assert_uint_le(l.bytes, memory);
        ck_assert_uint_le((size_t)sn_memory_elements(net->memory, SN_BUFFER_ARENA) * net->real, l.arena);
        if (l.blocks > most) most = l.blocks;
        if (l.blocks < least) least = l.blocks;
    }
    ck_assert_int_gt(most, 1);
    ck_assert_int_eq(least, 1);
}
END_TEST

// The whole of Macro in blocks of images: what is shared across the ends of groups is computed again, less than 1 % of all.
START_TEST(groups) {
    sn_arch *archs = all_archs();
    sn_score_job job = job_of(archs, 6561, SN_PROTOCOL_BATCH);
    job.want_logits = false, job.scored = scored;
    job.protocol.batch = 6;
    sn_score_layout l;
    sn_score_work one, work;
    job.arg = &single, single.n = 0;
    ck_ok(sn_score_memory(net, &job, &l));
    ck_ok(sn_score_archs(net, &job, &one));
    job.arg = &shared, shared.n = 0, job.memory = l.bytes - 1;
    ck_ok(sn_score_memory(net, &job, &l));
    ck_assert_int_eq(l.blocks, 2);
    ck_ok(sn_score_archs(net, &job, &work));
    ck_assert_int_eq(one.done, 9840);
    ck_assert_int_gt(work.done, 9840);
    ck_assert_int_lt(work.done, 9840 + 98);
    ck_assert_int_eq(shared.n, 6561);
    for (int i = 0; i < 6561; i++)
        ck_assert(shared.score[i].logits_hash == single.score[i].logits_hash && shared.score[i].loss == single.score[i].loss);
    free(archs);
}
END_TEST

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) // which have memory of their own
// A machine that cannot give what is allowed.
START_TEST(out_of_memory) {
    sn_arch archs[2];
    archs_of(archs, 2);
    sn_score_job job = job_of(archs, 2, SN_PROTOCOL_RUNNING);
    job.images = (sn_source){100000, NULL, read_nothing};
    job.protocol.batch = 1000, job.want_logits = false, job.scored = scored, job.arg = &shared;
    job.memory = (size_t)1 << 40;
    sn_score_layout l;
    ck_ok(sn_score_memory(net, &job, &l));
    ck_assert_int_eq(l.blocks, 1);
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    ck_assert(f && fscanf(f, "%ld", &pages) == 1);
    fclose(f);
    rlim_t limit = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + l.bytes / 2;
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &(struct rlimit){limit, limit}), 0);
    ck_assert_int_eq(sn_score_archs(net, &job, NULL), SN_RESOURCE);
    ck_message("`rank.memory`");
    ck_assert_ptr_null(strstr(sn_error_text(), "train.batch"));
    job.memory = l.bytes / 4;
    shared.n = 0;
    ck_ok(sn_score_archs(net, &job, NULL));
    ck_assert_int_eq(shared.n, 2);
}
END_TEST
#endif

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
    tcase_add_loop_test(t, equal_to_whole_passes, 0, 3);
    tcase_add_loop_test(t, equal_in_any_memory, 0, 3);
    tcase_add_test(t, whole_space);
    tcase_add_test(t, batches);
    tcase_add_test(t, one_left_over);
    tcase_add_test(t, weighs_by_images);
    tcase_add_test(t, statistics_outlast_errors);
    tcase_add_loop_test(t, takes_what_it_says, 0, 3);
    tcase_add_test(t, groups);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    tcase_add_test(t, out_of_memory);
#endif
    tcase_add_test(t, stops);
    suite_add_tcase(s, t);
    const struct {
        const char *name;
        void (*setup)(void);
        bool chain;
    } others[] = {{"a choice first", choice_first, true},
                  {"identity first", identity_first, true},
                  {"every operation", mixed, false},
                  {"tangled", tangled, false},
                  {"BN behind a choice", bn_behind_choice, false}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        TCase *other = tcase_create(others[i].name);
        tcase_set_timeout(other, 300);
        tcase_add_checked_fixture(other, others[i].setup, teardown);
        if (others[i].chain)
            tcase_add_loop_test(other, no_stem, 0, 3);
        else
            tcase_add_loop_test(other, any_graph, 0, 3);
        suite_add_tcase(s, other);
    }
    return run_suite(s);
}
