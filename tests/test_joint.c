// Several rankings as one, and what is tied with its first: by hand, against the ranking of one run, and how often the margin
// covers in made worlds whose truth is known. Not here: the program (test_program.c runs it). Next: test_rankquality.c.
#include "base/half.h"
#include "base/rng.h"
#include "space/ops.h"
#include "space/words.h"
#include "suite.h"
#include "supernet/rank/rankstats.h"
#include "supernet/rank/ties.h"

#include <stdio.h>
#include <stdlib.h>

// ---------------------------------------------------------------- runs made by hand
enum { RUNS = 3, ARCHS = 27, IMAGES = 250, WORDS = (IMAGES + 63) / 64, DECISIONS = 3, OPTIONS = 3 };

typedef struct {
    uint64_t hits[ARCHS][WORDS];
    uint16_t losses[ARCHS][IMAGES];
} one_run;

static one_run made[RUNS];

static sn_space *new_space(int decisions) {
    static const int none[SN_OP_ATTRS];
    sn_space *s = sn_space_new();
    s->channels = s->height = s->width = s->classes = 2;
    sn_entry e = {.choice = true, .options = OPTIONS, .layers = decisions, .out = 2, .stride = 1};
    for (int k = 0; k < OPTIONS; k++)
        e.block[k] = sn_space_add_block(s, (char[]){(char)('a' + k), 0}, sn_op_find("identity"), none);
    sn_space_add_entry(s, "part", &e);
    e = (sn_entry){.options = 1, .layers = 1, .stride = 1};
    e.block[0] = sn_space_add_block(s, "last", sn_op_find("classifier"), NULL);
    sn_space_add_entry(s, "last", &e);
    ck_ok(sn_space_finish(s));
    return s;
}

static sn_arch arch_of(const sn_space *s, int number) {
    sn_arch a = sn_arch_first(s);
    for (int d = s->n_decisions - 1; d >= 0; d--, number /= OPTIONS) a.option[d] = (uint8_t)(number % OPTIONS);
    return a;
}

static void put(one_run *m, int arch, int image, bool right, double loss) {
    uint64_t bit = 1ull << (image % 64);
    m->hits[arch][image / 64] = (m->hits[arch][image / 64] & ~bit) | (right ? bit : 0);
    m->losses[arch][image] = sn_half_of((float)loss);
}

// The ranking of a run: rows are the archs first .. n - 1 of the space but `without`, all of them items.
static sn_ranking ranking_of(const sn_space *s, const one_run *m, int n, int images, int without) {
    sn_ranking k = {
        .images = (uint64_t)images, .row = sn_new((size_t)n, sizeof *k.row), .item = sn_new((size_t)n, sizeof *k.item)};
    for (int i = 0; i < n; i++) {
        double loss = 0;
        int right = 0;
        if (i == without) continue;
        for (int j = 0; j < images; j++) {
            loss += (double)sn_half_value(m->losses[i][j]) / images;
            right += (int)(m->hits[i][j / 64] >> (j % 64) & 1);
        }
        k.row[k.rows++] = (sn_ranked){.arch = arch_of(s, i),
                                      .top1 = right / (double)images,
                                      .top5 = (right < images ? right + 1 : right) / (double)images,
                                      .loss = loss,
                                      .cost = {.macs = 100 - i, .params = i},
                                      .logits = (uint64_t)i,
                                      .hits = m->hits[i],
                                      .losses = m->losses[i]};
    }
    for (long i = 0; i < k.rows; i++) k.item[i] = k.row[i];
    k.n = k.rows;
    k.scored = k.rows;
    return k;
}

static sn_ranking joined(const sn_space *s, int runs, int n, int images, int by) {
    sn_ranking part[RUNS], k;
    long left_out;
    for (int r = 0; r < runs; r++) part[r] = ranking_of(s, &made[r], n, images, -1);
    ck_ok(sn_ranking_join(s, by, part, runs, &k, &left_out));
    ck_assert_int_eq(left_out, 0);
    return k;
}

// ---------------------------------------------------------------- by hand
// What a draw of four images does to two means: their covariance.
static double mean_product(const double *x, const double *y) {
    double sum = 0, mean[2] = {0};
    for (int i = 0; i < 4; i++) mean[0] += x[i] / 4, mean[1] += y[i] / 4;
    for (int i = 0; i < 4; i++) sum += (x[i] - mean[0]) * (y[i] - mean[1]) / 16;
    return sum;
}

// Two runs of three archs on four images.
static void four_images(void) {
    static const struct {
        const char *right;
        double loss;
    } of[2][3] = {{{"1110", 1}, {"1100", 2}, {"0001", 4}}, {{"1100", 3}, {"1111", 1}, {"1000", 5}}};
    for (int r = 0; r < 2; r++)
        for (int a = 0; a < 3; a++)
            for (int i = 0; i < 4; i++) put(&made[r], a, i, of[r][a].right[i] == '1', of[r][a].loss);
}

START_TEST(two_runs_by_hand) {
    sn_space *s = new_space(1);
    double tau[4];
    four_images();
    sn_ranking k = joined(s, 2, 3, 4, SN_BEST_BY_ACCURACY);
    static const int order[] = {1, 0, 2}; // 6, 5 and 2 of 8 right
    static const double top1[] = {0.75, 0.625, 0.25}, loss[] = {1.5, 2, 4.5}, low[] = {0.5, 0.75, 0.25}, high[] = {1, 0.5, 0.25};
    ck_assert_int_eq(k.n, 3);
    ck_assert_int_eq(k.runs, 2);
    ck_assert_int_eq(k.scored, 6);
    ck_assert_int_eq(k.by, SN_BEST_BY_ACCURACY);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(k.item[i].arch.option[0], order[i]);
        ck_near(k.item[i].top1, top1[i], 0, "mean top-1");
        ck_near(k.item[i].top5, i < 2 ? 7.0 / 8 : 0.5, 0, "mean top-5");
        ck_near(k.item[i].loss, loss[i], 0, "mean loss");
        ck_near(sn_ranking_spread(&k, &k.item[i]), fabs(high[i] - low[i]) / sqrt(2), 1e-15, "spread");
    }
    ck_ok(sn_ranking_agreement(&k, tau));
    ck_assert(isnan(tau[0]) && isnan(tau[3]) && tau[1] == tau[2]);
    ck_near(tau[1], 1.0 / 3, 1e-15, "of three pairs one is the other way round");
    // ties: the better half is the first two, whose differences by run are 0.25 and -0.5 to 0, so S is 9/32 by hand
    sn_ties t;
    ck_ok(sn_ties_find(s, &k, 20000, 1, NULL, &t));
    ck_near(t.behind[1], 0.125, 1e-15, "behind");
    ck_near(t.behind[2], 0.5, 1e-15, "behind");
    ck_near(t.freedom, 1, 0, "freedom");
    // images: first - second is (0, 0, -1, 0) and (0, 0, 1, 1), first - third (1, 1, 0, -1) and (0, 1, 1, 1)
    static const double x[2][2][4] = {{{0, 0, -1, 0}, {0, 0, 1, 1}}, {{1, 1, 0, -1}, {0, 1, 1, 1}}};
    double common = mean_product(x[0][0], x[0][1]), alone = mean_product(x[0][0], x[0][0]) + mean_product(x[0][1], x[0][1]);
    double spread = 9.0 / 32, images = alone / 2 - common, between = spread - images; // S, E, U
    ck_near(t.between, sqrt(between), 0.02 * sqrt(between), "between runs");
    for (int i = 0; i < 2; i++) {
        double b = 0;
        for (int r = 0; r < 4; r++) b += mean_product(x[i][r / 2], x[i][r % 2]) / 4;
        double v = b + between / 2, f = pow(v * 2 / spread, 2), quantile = f < 2 ? 12.706 : sn_student(f);
        ck_near(t.margin[1 + i], quantile * sqrt(v), 0.02 * quantile * sqrt(v), "margin");
    }
    ck_assert_int_eq(t.tied, 1 + (t.behind[1] <= t.margin[1]) + (t.behind[2] <= t.margin[2]));
    sn_ties_free(&t);
    sn_ranking_free(&k);
    k = joined(s, 2, 3, 4, SN_BEST_BY_LOSS);
    for (int i = 0; i < 3; i++) ck_assert_int_eq(k.item[i].arch.option[0], order[i]);
    ck_near(sn_ranking_spread(&k, &k.item[1]), sqrt(2), 1e-15, "spread of losses");
    sn_ranking_free(&k);
    sn_space_free(s);
}
END_TEST

START_TEST(only_what_all_have) {
    sn_space *s = new_space(1);
    sn_ranking part[2], k;
    long left_out;
    four_images();
    part[0] = ranking_of(s, &made[0], 3, 4, 1), part[1] = ranking_of(s, &made[1], 3, 4, 2);
    ck_ok(sn_ranking_join(s, SN_BEST_BY_ACCURACY, part, 2, &k, &left_out));
    ck_assert_int_eq(left_out, 2);
    ck_assert_int_eq(k.rows, 1);
    ck_assert_int_eq(k.n, 1);
    ck_near(k.item[0].top1, 0.625, 0, "of the one that both have");
    sn_ties t;
    ck_ok(sn_ties_find(s, &k, 10, 1, NULL, &t));
    ck_assert_int_eq(t.tied, 1);
    sn_ties_free(&t);
    sn_ranking_free(&k);
    part[0] = ranking_of(s, &made[0], 1, 4, -1), part[1] = ranking_of(s, &made[1], 2, 4, 0);
    ck_assert_int_eq(sn_ranking_join(s, SN_BEST_BY_ACCURACY, part, 2, &k, &left_out), SN_USAGE);
    ck_message("no architecture has a score in all 2 runs");
    sn_space_free(s);
}
END_TEST

// A loss that is not finite in one run is the worst; losses that a store does not have leave ties unknown.
START_TEST(losses_not_known) {
    sn_space *s = new_space(1);
    sn_ranking part[2], k;
    sn_ties t;
    long left_out;
    four_images();
    for (int r = 0; r < 2; r++) part[r] = ranking_of(s, &made[r], 3, 4, -1);
    part[1].row[1].loss = INFINITY;
    ck_ok(sn_ranking_join(s, SN_BEST_BY_LOSS, part, 2, &k, &left_out));
    ck_assert_int_eq(k.item[2].arch.option[0], 1);
    ck_ok(sn_ties_find(s, &k, 50, 1, NULL, &t));
    ck_assert_int_ge(t.tied, 1);
    ck_assert(!sn_tied(&t, 2) && !isfinite(t.behind[2]));
    ck_near(t.freedom, 1, 0, "of the two that are finite");
    sn_ties_free(&t);
    sn_ranking_free(&k);
    for (int r = 0; r < 2; r++) part[r] = ranking_of(s, &made[r], 3, 4, -1);
    for (int i = 0; i < 4; i++) made[1].losses[0][i] = SN_HALF_NAN;
    ck_ok(sn_ranking_join(s, SN_BEST_BY_LOSS, part, 2, &k, &left_out));
    ck_ok(sn_ties_find(s, &k, 50, 1, NULL, &t));
    ck_assert_int_eq(t.tied, 0);
    ck_assert(!sn_tied(&t, 0));
    sn_ties_free(&t);
    sn_ranking_free(&k);
    sn_space_free(s);
}
END_TEST

// ---------------------------------------------------------------- made worlds
// Logit of arch a, run r, image i: quality, the run's own effects of options, difficulty, what the arch and the image have. Archs
// 26 and 16 (options 222 and 121) are the two best, of equal quality; they differ in two decisions, as archs do on average. Of
// qualities that add up, as effects have them, it is 26 and 17, which differ in one.
static double quality_of(int a, bool additive) {
    if (additive) return (a / 9 ? 0 : -0.5) + 0.5 * (a / 3 % 3 - 2) + 0.5 * (a % 3 - 2) + 0.5;
    return a == 26 || a == 16 ? 0.5 : -0.8 + 0.02 * a;
}

static void draw_world(sn_rng *r, int runs, double between, bool additive) {
    static double effect[RUNS][DECISIONS][OPTIONS];
    for (int k = 0; k < runs; k++)
        for (int d = 0; d < DECISIONS; d++)
            for (int o = 0; o < OPTIONS; o++) effect[k][d][o] = between * sn_rng_normal(r);
    for (int i = 0; i < IMAGES; i++) {
        double difficulty = 1.5 * sn_rng_normal(r);
        for (int a = 0; a < ARCHS; a++) {
            double likes = sn_rng_normal(r), quality = quality_of(a, additive);
            for (int k = 0; k < runs; k++) {
                double own = effect[k][0][a / 9] + effect[k][1][a / 3 % 3] + effect[k][2][a % 3];
                bool right = sn_rng_unit(r) < 1 / (1 + exp(difficulty + likes - quality - own));
                put(&made[k], a, i, right, (right ? 0.25 : 1.5) * (1 + sn_rng_unit(r)));
            }
        }
    }
}

static const double betweens[] = {0, 0.1, 0.4};

static bool is_best(const sn_ranked *x, int by) {
    return x->cost.params == 26 || x->cost.params == (by == SN_BEST_BY_EFFECTS ? 17 : 16);
}

// The two best are equal: how often they are called tied; and that the others are not.
START_TEST(margins_cover) {
    static const int bys[] = {SN_BEST_BY_ACCURACY, SN_BEST_BY_LOSS, SN_BEST_BY_EFFECTS};
    enum { WORLDS = 250 };
    int by = bys[_i % 3], runs = 2 + _i / 3 % 2;
    double between = betweens[_i / 6];
    sn_space *s = new_space(DECISIONS);
    sn_rng r = sn_rng_at(3, SN_STREAM_RESAMPLE, 60, (uint32_t)_i / 3, 0);
    double tied = 0, equal = 0, others = 0, worse = 0;
    for (int w = 0; w < WORLDS; w++) {
        sn_ties t;
        draw_world(&r, runs, between, by == SN_BEST_BY_EFFECTS);
        sn_ranking k = joined(s, runs, ARCHS, IMAGES, by);
        ck_ok(sn_ties_find(s, &k, 100, (uint32_t)w, NULL, &t));
        for (long i = 1; is_best(&k.item[0], by) && i < k.n; i++) {
            if (is_best(&k.item[i], by))
                tied += sn_tied(&t, i), equal++;
            else
                others += sn_tied(&t, i), worse++;
        }
        sn_ties_free(&t);
        sn_ranking_free(&k);
    }
    double share = tied / equal, wrong = others / worse;
    if (getenv("SN_SHOW"))
        printf("by %d, %d runs, between %.1f: tied %.3f of %.0f, others %.3f\n", by, runs, between, share, equal, wrong);
    double most = by == SN_BEST_BY_EFFECTS ? 1 : 0.99; // one decision apart, less than most pairs
    ck_assert(equal >= WORLDS / 2);
    ck_assert_msg(share >= 0.9 && share <= most, "by %d, %d runs, between %.1f: tied %.3f of equal ones, promised 0.95", by, runs,
                  between, share);
    ck_assert_msg(wrong < 0.01 + 1.5 * between, "by %d, %d runs, between %.1f: %.3f of the worse ones are tied", by, runs,
                  between, wrong);
    sn_space_free(s);
}
END_TEST

// Effects of the joint ranking are those of the mean logits, and the means of the runs' effects.
START_TEST(joint_effects) {
    sn_space *s = new_space(DECISIONS);
    sn_rng r = sn_rng_at(4, SN_STREAM_RESAMPLE, 61, 0, 0);
    sn_arch archs[ARCHS];
    double logit[ARCHS] = {0};
    sn_effects_design *d;
    sn_effects e;
    draw_world(&r, RUNS, 0.3, false);
    sn_ranking k = joined(s, RUNS, ARCHS, IMAGES, SN_BEST_BY_EFFECTS);
    for (int i = 0; i < ARCHS; i++) {
        archs[i] = arch_of(s, i);
        for (int j = 0; j < RUNS; j++) logit[i] += sn_effects_logit(round(k.run[j].row[i].top1 * IMAGES), IMAGES) / RUNS;
    }
    ck_ok(sn_effects_open(s, archs, ARCHS, &d));
    ck_ok(sn_effects_fit(d, "top-1", logit, &e));
    ck_assert_int_eq(k.by, SN_BEST_BY_EFFECTS);
    for (long i = 0; i < k.n; i++) {
        const sn_ranked *x = &k.item[i];
        double mean = 0;
        for (int j = 0; j < RUNS; j++) mean -= log(1 / k.run[j].row[x->row].fitted_top1 - 1) / RUNS;
        ck_near(x->fitted_top1, sn_effects_share_of(sn_effects_predict(&e, &x->arch)), 1e-12, "fit of the mean");
        ck_near(x->fitted_top1, sn_effects_share_of(mean), 1e-9, "mean of the fits");
        ck_assert(!i || k.item[i - 1].score >= x->score);
    }
    sn_ties t;
    ck_ok(sn_ties_find(s, &k, 100, 1, NULL, &t));
    ck_assert_int_ge(t.tied, 1);
    ck_assert_int_lt(t.tied, ARCHS);
    sn_ties_free(&t);
    sn_effects_free(&e);
    sn_effects_close(d);
    sn_ranking_free(&k);
    sn_space_free(s);
}
END_TEST

// ---------------------------------------------------------------- one run
START_TEST(one_run_is_itself) {
    sn_space *s = new_space(DECISIONS);
    sn_rng r = sn_rng_at(5, SN_STREAM_RESAMPLE, 62, 0, 0);
    draw_world(&r, 1, 0, false);
    for (int by = 0; by <= SN_BEST_BY_EFFECTS; by++) {
        sn_ranking one = ranking_of(s, &made[0], ARCHS, IMAGES, -1), k = joined(s, 1, ARCHS, IMAGES, by);
        sn_arch archs[ARCHS];
        const sn_ranked *item[2][ARCHS];
        ck_ok(sn_fitted_make(s, one.row, one.rows, one.images, &one.fitted));
        for (int i = 0; i < ARCHS; i++) {
            archs[i] = one.row[i].arch;
            one.row[i].row = (size_t)i;
            one.row[i].fitted_top1 = sn_fitted_top1(&one.fitted, &archs[i]);
            one.row[i].fitted_loss = sn_fitted_loss(&one.fitted, &archs[i]);
            one.item[i] = one.row[i];
        }
        sn_ranking_choose(&one, archs, ARCHS, by);
        ck_assert_int_eq(one.by, k.by);
        for (int i = 0; i < ARCHS; i++) {
            const sn_ranked *x = item[0][i] = &one.item[i], *y = item[1][i] = &k.item[i];
            ck_assert(sn_arch_equal(&x->arch, &y->arch));
            const double a[] = {x->top1, x->top5, x->loss, x->fitted_top1, x->fitted_loss, x->score},
                         b[] = {y->top1, y->top5, y->loss, y->fitted_top1, y->fitted_loss, y->score};
            ck_assert_mem_eq(a, b, sizeof a);
            ck_assert(isnan(sn_ranking_spread(&k, y)));
        }
        sn_rescored a, b;
        ck_ok(sn_ranking_rescore(&one, item[0], ARCHS, by, 7, 3, &a));
        ck_ok(sn_ranking_rescore(&k, item[1], ARCHS, by, 7, 3, &b));
        ck_assert_mem_eq(a.score, b.score, ARCHS * sizeof(double));
        ck_assert_mem_eq(a.drawn, b.drawn, 7 * ARCHS * sizeof(double));
        ck_assert_mem_eq(a.half, b.half, 2 * ARCHS * sizeof(double));
        sn_rescored_free(&a);
        sn_rescored_free(&b);
        sn_ties t;
        ck_assert_int_eq(sn_ties_find(s, &k, 100, 1, NULL, &t), SN_USAGE);
        ck_message("ties over 1 runs and 100 draws of images: at least 2 of each are needed");
        sn_ranking_free(&one);
        sn_ranking_free(&k);
    }
    sn_space_free(s);
}
END_TEST

// All runs are scored on the same redrawn images: two runs that are one give twice its numbers.
START_TEST(same_images_for_all) {
    sn_space *s = new_space(DECISIONS);
    sn_rng r = sn_rng_at(6, SN_STREAM_RESAMPLE, 63, 0, 0);
    draw_world(&r, 1, 0, false);
    made[1] = made[0];
    for (int by = 0; by <= SN_BEST_BY_EFFECTS; by++) {
        sn_ranking one = joined(s, 1, ARCHS, IMAGES, by), two = joined(s, 2, ARCHS, IMAGES, by);
        const sn_ranked *item[2][ARCHS];
        sn_rescored a, b;
        for (int i = 0; i < ARCHS; i++) item[0][i] = &one.item[i], item[1][i] = &two.item[i];
        ck_ok(sn_ranking_rescore(&one, item[0], ARCHS, by, 7, 3, &a));
        ck_ok(sn_ranking_rescore(&two, item[1], ARCHS, by, 7, 3, &b));
        for (int i = 0; i < 7 * ARCHS; i++) ck_near(b.drawn[i], 2 * a.drawn[i], 1e-12, "drawn");
        for (int i = 0; i < 2 * ARCHS; i++) ck_near(b.half[i], 2 * a.half[i], 1e-12, "half");
        sn_rescored_free(&a);
        sn_rescored_free(&b);
        sn_ranking_free(&one);
        sn_ranking_free(&two);
    }
    sn_space_free(s);
}
END_TEST

int main(void) {
    Suite *s = suite_create("joint");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, two_runs_by_hand);
    tcase_add_test(t, only_what_all_have);
    tcase_add_test(t, losses_not_known);
    tcase_add_loop_test(t, margins_cover, 0, SN_OFTEN(18));
    tcase_add_test(t, joint_effects);
    tcase_add_test(t, one_run_is_itself);
    tcase_add_test(t, same_images_for_all);
    suite_add_tcase(s, t);
    return run_suite(s);
}
