// Quality of a ranking: hits against scores, classes, coverage of the intervals on made worlds whose answer is known, and the
// published figures of NAS-Bench-Macro where its table lies beside the source tree.
// Not here: the figures themselves (test_rankstats.c).
// Next: test_truth.c.
#include "base/half.h"
#include "base/rng.h"
#include "io/files/truth.h"
#include "space/words.h"
#include "suite.h"
#include "supernet/rank/rankquality.h"
#include "supernet/rank/rescore.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// --- a made world: archs with a quality, images with a difficulty

enum { ARCHS = 90, IMAGES = 301, WORDS = (IMAGES + 63) / 64 };

typedef struct {
    double truth[ARCHS], score[ARCHS]; // score: share of hits
    uint64_t bit[ARCHS][WORDS];
    uint16_t losses[ARCHS][IMAGES]; // of an image that is right 0.25 to 0.5, else 1 to 2
    sn_ranked item[ARCHS];
    const sn_ranked *items[ARCHS];
    sn_rescored by; // good until the next rescored()
    uint64_t classes[ARCHS];
    double cost[ARCHS]; // falls where quality rises
} world;

static double quality(size_t arch) {
    return (double)arch / ARCHS - 0.5;
}

static void draw_world(world *w, uint32_t seed) {
    sn_rng truth = sn_rng_at(1, SN_STREAM_RESAMPLE, 50, 0, 0), r = sn_rng_at(seed, SN_STREAM_RESAMPLE, 51, 0, 0);
    memset(w, 0, sizeof *w);
    for (size_t a = 0; a < ARCHS; a++) {
        w->truth[a] = quality(a) + 0.15 * sn_rng_normal(&truth); // the same in every world
        w->item[a] = (sn_ranked){.hits = w->bit[a], .losses = w->losses[a]};
        w->items[a] = &w->item[a];
        w->classes[a] = (uint64_t)(1000 - a / 3 % 20);
        w->cost[a] = (double)(ARCHS - a);
        w->bit[a][WORDS - 1] = ~0ull << (IMAGES % 64); // beyond the last image: to be ignored
    }
    for (size_t i = 0; i < IMAGES; i++) {
        double difficulty = 1.5 * sn_rng_normal(&r);
        for (size_t a = 0; a < ARCHS; a++) {
            bool right = sn_rng_unit(&r) < 1 / (1 + exp(-1 - 2 * quality(a) + difficulty));
            w->losses[a][i] = sn_half_of((float)((right ? 0.25 : 1) * (1 + sn_rng_unit(&r))));
            w->item[a].loss += (double)sn_half_value(w->losses[a][i]) / IMAGES;
            if (!right) continue;
            w->bit[a][i / 64] |= 1ull << (i % 64);
            w->score[a] += 1.0 / IMAGES;
        }
    }
    for (size_t a = 0; a < ARCHS; a++) w->item[a].top1 = w->score[a];
}

static sn_rescore_job job_of(const world *w, size_t archs, uint64_t images, uint32_t draws) {
    return (sn_rescore_job){.item = w->items, .archs = archs, .images = images, .draws = draws, .seed = 5};
}

static sn_rescored latest;

static void rescored(world *w, int by, size_t archs, uint64_t images, uint32_t draws, uint32_t seed) {
    sn_rescore_job job = job_of(w, archs, images, draws);
    job.seed = seed;
    sn_rescored_free(&latest);
    ck_ok(sn_rescore(&job, by, &latest));
    w->by = latest;
}

static sn_rank_input input_of(world *w, uint32_t resamples) {
    rescored(w, SN_BEST_BY_ACCURACY, ARCHS, IMAGES, resamples, 5);
    return (sn_rank_input){.archs = ARCHS,
                           .truth = w->truth,
                           .cost = w->cost,
                           .score = w->by.score,
                           .drawn = w->by.drawn,
                           .half = w->by.half,
                           .classes = w->classes,
                           .resamples = resamples,
                           .seed = 5};
}

START_TEST(hits_are_scores) {
    world w;
    draw_world(&w, 1);
    sn_rank_input by_hits = input_of(&w, 0), by_score = by_hits;
    double counts[ARCHS]; // whole numbers, so that ties are ties
    for (size_t a = 0; a < ARCHS; a++) counts[a] = round(w.score[a] * IMAGES);
    by_score = (sn_rank_input){.archs = ARCHS, .truth = w.truth, .cost = w.cost, .score = counts, .classes = w.classes};
    sn_rank_quality h, s;
    ck_assert_int_eq(sn_rank_measure(&by_hits, &h), SN_OK);
    ck_assert_int_eq(sn_rank_measure(&by_score, &s), SN_OK);
    double plain[SN_RANK_FIGURES];
    ck_assert_int_eq(sn_rank_figures(counts, w.truth, w.cost, ARCHS, plain), SN_OK);
    for (int id = 0; id < SN_RANK_FIGURES; id++) {
        ck_near(h.all.figure[id].value, plain[id], 0, "by hits");
        ck_near(s.all.figure[id].value, plain[id], 0, "by score");
        ck_near(h.distinct.figure[id].value, s.distinct.figure[id].value, 0, "distinct");
        ck_near(h.all.figure[id].image[0], NAN, 0, "no resamples, no interval");
        ck_near(h.all.figure[id].arch[1], NAN, 0, "no resamples, no interval");
    }
    ck_near(s.all.half_tau, NAN, 0, "scores have no halves");
    ck_assert(h.all.half_tau > 0.3 && h.all.half_tau < 0.99);
    ck_assert(h.distinct.half_tau > 0.3);
    ck_assert_uint_eq(h.all.archs, ARCHS);
}
END_TEST

START_TEST(distinct_is_the_mean_of_each_class) {
    world w;
    draw_world(&w, 2);
    double score[20] = {0}, truth[20] = {0}, cost[20] = {0}, plain[SN_RANK_FIGURES];
    int size[20] = {0};
    for (size_t a = 0; a < ARCHS; a++) {
        size_t c = 1000 - w.classes[a];
        score[c] += round(w.score[a] * IMAGES);
        truth[c] += w.truth[a];
        cost[c] += w.cost[a];
        size[c]++;
    }
    for (size_t c = 0; c < 20; c++) {
        score[c] /= size[c];
        truth[c] /= size[c];
        cost[c] /= size[c];
    }
    sn_rank_input in = input_of(&w, 0);
    sn_rank_quality q;
    ck_assert_int_eq(sn_rank_measure(&in, &q), SN_OK);
    ck_assert_uint_eq(q.distinct.archs, 20);
    ck_assert_int_eq(sn_rank_figures(score, truth, cost, 20, plain), SN_OK);
    for (int id = 0; id < SN_RANK_FIGURES; id++) ck_near(q.distinct.figure[id].value, plain[id], 1e-12, "distinct");
    in.classes = NULL;
    ck_assert_int_eq(sn_rank_measure(&in, &q), SN_OK);
    ck_assert_uint_eq(q.distinct.archs, 0);
}
END_TEST

START_TEST(equal_classes_stay_tied) { // sums of 0.1 would tell a class of three from a class of seven
    double truth[20], score[20];
    uint64_t classes[20];
    for (uint32_t i = 0; i < 20; i++) {
        classes[i] = i < 3 ? 0 : i < 10 ? 1 : i;
        truth[i] = i < 10 ? 0.1 : i;
        score[i] = i < 10 ? 0.7 : i;
    }
    sn_rank_input in = {.archs = 20, .truth = truth, .score = score, .classes = classes};
    sn_rank_quality q;
    ck_assert_int_eq(sn_rank_measure(&in, &q), SN_OK);
    ck_assert_uint_eq(q.distinct.archs, 12);
    ck_near(q.distinct.figure[SN_RANK_TAU].value, 1, 1e-15, "tau where both sides tie the same pair");
}
END_TEST

START_TEST(same_input_same_bits) {
    world w;
    draw_world(&w, 3);
    sn_rank_input in = input_of(&w, 50);
    sn_rank_quality a, b, other;
    memset(&a, 1, sizeof a);
    memset(&b, 2, sizeof b);
    ck_assert_int_eq(sn_rank_measure(&in, &a), SN_OK);
    ck_assert_int_eq(sn_rank_measure(&in, &b), SN_OK);
    ck_assert_mem_eq(&a, &b, sizeof a);
    in.seed++;
    rescored(&w, SN_BEST_BY_ACCURACY, ARCHS, IMAGES, 50, 6);
    in.score = w.by.score, in.drawn = w.by.drawn, in.half = w.by.half;
    ck_assert_int_eq(sn_rank_measure(&in, &other), SN_OK);
    ck_assert(memcmp(&a, &other, sizeof a) != 0);
    for (int id = 0; id < SN_RANK_FIGURES; id++) {
        ck_near(other.all.figure[id].value, a.all.figure[id].value, 0, "values do not depend on the seed");
        const sn_rank_figure *f = &a.all.figure[id];
        ck_assert_msg(f->image[0] <= f->image[1] && f->arch[0] <= f->arch[1], "interval of %s is upside down",
                      sn_rank_figure_name((sn_rank_figure_id)id));
    }
}
END_TEST

START_TEST(certain_hits_have_no_width) { // every image tells the same, so redrawing changes nothing
    world w;
    draw_world(&w, 4);
    for (size_t a = 0; a < ARCHS; a++) {
        memset(w.bit[a], a % 2 ? 0xff : 0, sizeof w.bit[a]);
        w.item[a].top1 = (double)(a % 2);
    }
    sn_rank_input in = input_of(&w, 20);
    sn_rank_quality q;
    ck_assert_int_eq(sn_rank_measure(&in, &q), SN_OK);
    for (int id = 0; id < SN_RANK_FIGURES; id++) {
        const sn_rank_figure *f = &q.all.figure[id];
        if (isnan(f->value)) continue;
        ck_near(f->image[0], f->value, 1e-15, "from");
        ck_near(f->image[1], f->value, 1e-15, "to");
    }
    ck_near(q.all.half_tau, 1, 1e-15, "halves agree");
}
END_TEST

// How often the interval over images holds the mean figure over all sets of as many images.
START_TEST(image_intervals_cover) {
    enum { WORLDS = 100 };
    static sn_rank_quality q[WORLDS];
    static world w;
    const int wanted[] = {SN_RANK_TAU, SN_RANK_RHO, SN_RANK_SHARE_10PC};
    for (uint32_t k = 0; k < WORLDS; k++) {
        draw_world(&w, 100 + k);
        sn_rank_input in = input_of(&w, 100);
        in.classes = NULL;
        ck_assert_int_eq(sn_rank_measure(&in, &q[k]), SN_OK);
    }
    for (size_t j = 0; j < sizeof wanted / sizeof *wanted; j++) {
        double mean = 0;
        int in = 0;
        for (size_t k = 0; k < WORLDS; k++) mean += q[k].all.figure[wanted[j]].value / WORLDS;
        for (size_t k = 0; k < WORLDS; k++) {
            const sn_rank_figure *f = &q[k].all.figure[wanted[j]];
            in += f->image[0] <= mean && mean <= f->image[1];
        }
        ck_assert_msg(in >= 87 && in <= WORLDS, "the 95 %% interval of %s held the mean in %d of %d worlds",
                      sn_rank_figure_name((sn_rank_figure_id)wanted[j]), in, WORLDS);
        ck_assert_msg(wanted[j] != SN_RANK_TAU || in < WORLDS, "intervals so wide that they never miss say nothing");
    }
}
END_TEST

// Correlated normals: tau = 2/pi asin(r), rho = 6/pi asin(r/2) in an endless space.
START_TEST(arch_intervals_cover) {
    enum { DRAWS = 100, N = 151 };
    const double r = 0.8, tau = 2 / 3.14159265358979 * asin(r), rho = 6 / 3.14159265358979 * asin(r / 2);
    int tau_in = 0, rho_in = 0;
    for (uint32_t k = 0; k < DRAWS; k++) {
        double x[N], y[N];
        sn_rng g = sn_rng_at(k, SN_STREAM_RESAMPLE, 52, 0, 0);
        for (size_t i = 0; i < N; i++) {
            x[i] = sn_rng_normal(&g);
            y[i] = r * x[i] + sqrt(1 - r * r) * sn_rng_normal(&g);
        }
        sn_rank_input in = {.archs = N, .truth = y, .score = x, .resamples = 200, .seed = k};
        sn_rank_quality q;
        ck_assert_int_eq(sn_rank_measure(&in, &q), SN_OK);
        const sn_rank_figure *f = q.all.figure;
        tau_in += f[SN_RANK_TAU].arch[0] <= tau && tau <= f[SN_RANK_TAU].arch[1];
        rho_in += f[SN_RANK_RHO].arch[0] <= rho && rho <= f[SN_RANK_RHO].arch[1];
        ck_near(f[SN_RANK_TAU].image[0], NAN, 0, "no images");
    }
    ck_assert_msg(tau_in >= 87 && tau_in < DRAWS, "tau in %d of %d", tau_in, DRAWS);
    ck_assert_msg(rho_in >= 87 && rho_in < DRAWS, "rho in %d of %d", rho_in, DRAWS);
}
END_TEST

// By loss: the sums are those of plain loops over the same images; an overflowed net is the worst; what is not known is not made
// up.
START_TEST(losses_drawn_again) {
    world w;
    enum { DRAWS = 7 };
    draw_world(&w, 9);
    w.item[3].loss = NAN; // one image overflowed
    w.losses[3][10] = SN_HALF_NAN;
    rescored(&w, SN_BEST_BY_LOSS, ARCHS, IMAGES, DRAWS, 5);
    for (uint32_t k = 0; k < DRAWS; k++) {
        uint32_t times[IMAGES] = {0};
        sn_rng r = sn_rng_at(5, SN_STREAM_RESAMPLE, 1, k, 0);
        for (size_t i = 0; i < IMAGES; i++) times[sn_rng_below(&r, IMAGES)]++;
        for (size_t a = 0; a < ARCHS; a++) {
            double sum = 0;
            for (size_t i = 0; i < IMAGES; i++) sum += times[i] * (double)sn_half_value(w.losses[a][i]);
            double drawn = w.by.drawn[k * ARCHS + a];
            ck_assert_msg(a == 3 ? drawn <= -HUGE_VAL : fabs(drawn + sum / IMAGES) < 1e-12, "arch %zu: %g", a, drawn);
        }
    }
    for (size_t a = 0; a < ARCHS; a++) {
        double both = (w.by.half[a] + w.by.half[ARCHS + a]) / 2;
        ck_assert(w.by.score[a] == (a == 3 ? -HUGE_VAL : -w.item[a].loss));
        if (a != 3) ck_near(both, w.by.score[a], 0.02, "two halves make the whole but for an image");
    }
    for (size_t i = 0; i < IMAGES; i++) w.losses[4][i] = SN_HALF_NAN; // a score of before
    rescored(&w, SN_BEST_BY_LOSS, ARCHS, IMAGES, DRAWS, 5);
    ck_assert(!w.by.drawn && !w.by.half && w.by.score);
}
END_TEST

START_TEST(refuses_bad_input) {
    world w;
    draw_world(&w, 6);
    sn_rank_quality q = {.all.archs = 42};
    sn_rank_input in = input_of(&w, 10), bad = in;
    bad.archs = 0;
    ck_assert_int_eq(sn_rank_measure(&bad, &q), SN_USAGE);
    sn_rescore_job job = job_of(&w, ARCHS, 0, 10);
    sn_rescored none;
    ck_assert_int_eq(sn_rescore(&job, SN_BEST_BY_ACCURACY, &none), SN_USAGE);
    w.truth[17] = NAN;
    ck_assert_int_eq(sn_rank_measure(&in, &q), SN_DATA);
    ck_message("truth of arch 17");
    ck_assert_uint_eq(q.all.archs, 42);
}
END_TEST

START_TEST(few_archs) {
    for (size_t n = 1; n <= 5; n++) {
        world w;
        draw_world(&w, 8);
        sn_rank_input in = input_of(&w, 20);
        rescored(&w, SN_BEST_BY_ACCURACY, n, 3, 20, 5);
        in.archs = n, in.score = w.by.score, in.drawn = w.by.drawn, in.half = w.by.half;
        sn_rank_quality q;
        ck_assert_int_eq(sn_rank_measure(&in, &q), SN_OK);
        ck_assert_uint_eq(q.all.archs, n);
        ck_assert(q.all.figure[SN_RANK_REGRET].value >= 0);
    }
}
END_TEST

// --- NAS-Bench-Macro, where its table is at hand

typedef struct {
    size_t n;
    double *accuracy, *flops, *params, *seed[2];
    uint64_t *classes;
} macro;

// Two texts of equal nets become one: within stages of 2, 3, 3 layers, identities other than at the first layer go last.
static uint32_t canonical(const char *arch) {
    static const int first[] = {0, 2, 5, 8};
    uint32_t id = 0;
    for (int stage = 0; stage < 3; stage++) {
        int zeros = 0;
        id = id * 3 + (uint32_t)(arch[first[stage]] - '0');
        for (int i = first[stage] + 1; i < first[stage + 1]; i++) {
            if (arch[i] == '0')
                zeros++;
            else
                id = id * 3 + (uint32_t)(arch[i] - '0');
        }
        while (zeros--) id *= 3;
    }
    return id;
}

static void column(const char *path, const char *key, const sn_truth *order, double **out) {
    sn_truth *t;
    ck_ok(sn_truth_read(path, key, NULL, &t));
    *out = sn_new(sn_truth_count(order), sizeof **out);
    for (size_t i = 0; i < sn_truth_count(order); i++) ck_assert(sn_truth_find(t, sn_truth_arch(order, i), &(*out)[i]));
    sn_truth_free(t);
}

static sn_rank_quality measured(const macro *m, const double *score, const double *truth, const uint64_t *classes) {
    sn_rank_input in = {.archs = m->n, .truth = truth, .cost = m->flops, .score = score, .classes = classes, .resamples = 3};
    sn_rank_quality q;
    ck_assert_int_eq(sn_rank_measure(&in, &q), SN_OK);
    return q;
}

START_TEST(macro_anchors) {
    static const char path[] = SN_SOURCE_DIR "/../shared/data/nas-bench-macro_cifar10.json";
    if (access(path, R_OK) != 0) {
        printf("macro_anchors: skipped, no table at ../shared/data/nas-bench-macro_cifar10.json\n");
        return;
    }
    sn_truth *t;
    macro m;
    ck_ok(sn_truth_read(path, "mean_acc", NULL, &t));
    m.n = sn_truth_count(t);
    ck_assert_uint_eq(m.n, 6561);
    column(path, "mean_acc", t, &m.accuracy);
    column(path, "flops", t, &m.flops);
    column(path, "params", t, &m.params);
    column(path, "test_acc.0", t, &m.seed[0]);
    column(path, "test_acc.1", t, &m.seed[1]);
    m.classes = sn_new(m.n, sizeof *m.classes);
    for (size_t i = 0; i < m.n; i++) m.classes[i] = canonical(sn_truth_arch(t, i));

    sn_rank_quality q = measured(&m, m.flops, m.accuracy, m.classes);
    ck_assert_uint_eq(q.all.top, 660);
    ck_assert_uint_eq(q.distinct.archs, 3969);
    ck_assert_uint_eq(m.n - q.distinct.archs, 2592);
    ck_near(q.all.figure[SN_RANK_TAU].value, 0.5559973586436202, 1e-12, "tau of FLOPs");
    ck_near(q.all.figure[SN_RANK_RHO].value, 0.7477875004205337, 1e-12, "rho of FLOPs");
    ck_near(q.all.figure[SN_RANK_TOP_TAU].value, 0.34131842453126915, 1e-12, "tau of FLOPs in the top 10 %");
    ck_near(q.distinct.figure[SN_RANK_TAU].value, 0.5460986633119852, 1e-12, "tau of FLOPs, distinct");
    ck_near(q.all.figure[SN_RANK_BUDGETS].value, 1.9018993093097045, 1e-9, "regret of FLOPs over budgets");
    ck_near(q.all.figure[SN_RANK_BUDGETS_WORST].value, 5.1900011698404995, 1e-9, "regret of FLOPs, worst budget");
    q = measured(&m, m.params, m.accuracy, NULL);
    ck_near(q.all.figure[SN_RANK_TAU].value, 0.21764196901860966, 1e-12, "tau of params");
    ck_near(q.all.figure[SN_RANK_BUDGETS].value, 6.198165893554686, 1e-9, "regret of params over budgets");
    q = measured(&m, m.seed[0], m.seed[1], NULL);
    ck_near(q.all.figure[SN_RANK_TAU].value, 0.881950305261682, 1e-12, "seed 0 against seed 1");
    ck_near(q.all.figure[SN_RANK_RHO].value, 0.9795526649137469, 1e-12, "seed 0 against seed 1, rho");
    q = measured(&m, m.seed[0], m.accuracy, NULL);
    ck_near(q.all.figure[SN_RANK_TAU].value, 0.9310019562482003, 1e-12, "seed 0 against the mean");

    double best = 0, at = 0; // seed 0 against seed 1 among the archs that are best by the mean
    size_t top, inside = 0;
    ck_assert_int_eq(sn_rank_top_cut(m.accuracy, m.n, &at, &top), SN_OK);
    for (size_t i = 0; i < m.n; i++) {
        if (m.accuracy[i] < at) continue;
        m.seed[0][inside] = m.seed[0][i];
        m.seed[1][inside++] = m.seed[1][i];
    }
    ck_assert_int_eq(sn_rank_tau(m.seed[0], m.seed[1], inside, &best), SN_OK);
    ck_near(best, 0.18678735558030954, 1e-12, "seeds in the top 10 %");
    sn_truth_free(t);
    free(m.accuracy);
    free(m.flops);
    free(m.params);
    free(m.seed[0]);
    free(m.seed[1]);
    free(m.classes);
}
END_TEST

START_TEST(apart) {
    uint64_t a[2] = {0xfff, ~0ull << 6}, b[2] = {0xf000 | 0x7, 0}; // 70 images: bits beyond are ignored
    ck_near(sn_rank_apart(a, b, 70), (9 - 4) / sqrt(13), 1e-15, "9 against 4");
    ck_near(sn_rank_apart(b, a, 70), -(9 - 4) / sqrt(13), 1e-15, "4 against 9");
    ck_near(sn_rank_apart(a, b, 128), (9 + 58 - 4) / sqrt(71), 1e-15, "all of the last word");
    ck_near(sn_rank_apart(a, a, 70), 0, 0, "itself");
}
END_TEST

int main(void) {
    Suite *s = suite_create("rankquality");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, hits_are_scores);
    tcase_add_test(t, distinct_is_the_mean_of_each_class);
    tcase_add_test(t, equal_classes_stay_tied);
    tcase_add_test(t, same_input_same_bits);
    tcase_add_test(t, certain_hits_have_no_width);
    tcase_add_test(t, image_intervals_cover);
    tcase_add_test(t, arch_intervals_cover);
    tcase_add_test(t, losses_drawn_again);
    tcase_add_test(t, refuses_bad_input);
    tcase_add_test(t, few_archs);
    tcase_add_test(t, apart);
    tcase_add_test(t, macro_anchors);
    suite_add_tcase(s, t);
    return run_suite(s);
}
