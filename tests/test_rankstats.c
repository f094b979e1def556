// Rank figures: frozen scipy values, an O(n^2) count of pairs, hand-made ties, Pareto by exhaustion.
// Not here: intervals and classes (test_rankquality.c).
// Next: test_rankquality.c.
#include "base/rng.h"
#include "suite.h"
#include "supernet/rank/rankstats.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double *numbers(json_t *list, size_t n) {
    double *x = sn_new(n, sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = json_number_value(json_array_get(list, i));
    return x;
}

START_TEST(equals_scipy) {
    json_t *root = json_load_file(SN_TEST_DATA "/rank_frozen.json", 0, NULL);
    json_t *cases = json_object_get(root, "cases"), *c;
    size_t at;
    ck_assert_uint_eq(json_array_size(cases), 11);
    json_array_foreach(cases, at, c) {
        size_t n = json_array_size(json_object_get(c, "score")), top;
        double *score = numbers(json_object_get(c, "score"), n), *truth = numbers(json_object_get(c, "truth"), n);
        double figure[SN_RANK_FIGURES], tau, rho, cut;
        ck_assert_int_eq(sn_rank_figures(score, truth, NULL, n, figure), SN_OK);
        for (int id = 0; id < SN_RANK_FIGURES; id++) {
            json_t *expected = json_object_get(json_object_get(c, "figures"), sn_rank_figure_name((sn_rank_figure_id)id));
            if (id == SN_RANK_BUDGETS || id == SN_RANK_BUDGETS_WORST) { // no costs there
                ck_assert(isnan(figure[id]));
                continue;
            }
            ck_assert_ptr_nonnull(expected);
            char what[100];
            snprintf(what, sizeof what, "%s, %s", json_string_value(json_object_get(c, "name")),
                     sn_rank_figure_text((sn_rank_figure_id)id));
            ck_near(figure[id], json_is_null(expected) ? NAN : json_number_value(expected), 1e-12, what);
        }
        ck_assert_int_eq(sn_rank_tau(score, truth, n, &tau), SN_OK);
        ck_assert_int_eq(sn_rank_rho(score, truth, n, &rho), SN_OK);
        ck_near(tau, figure[SN_RANK_TAU], 0, "tau alone");
        ck_near(rho, figure[SN_RANK_RHO], 0, "rho alone");
        ck_assert_int_eq(sn_rank_top_cut(truth, n, &cut, &top), SN_OK);
        ck_assert_int_eq((long)top, json_integer_value(json_object_get(c, "top")));
        free(score);
        free(truth);
    }
    json_decref(root);
}
END_TEST

// Tau-b by its definition.
static double tau_by_pairs(const double *x, const double *y, size_t n) {
    double both = 0, px = 0, py = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            int a = (x[i] > x[j]) - (x[i] < x[j]), b = (y[i] > y[j]) - (y[i] < y[j]);
            both += a * b;
            px += a != 0;
            py += b != 0;
        }
    return px > 0 && py > 0 ? both / sqrt(px * py) : NAN;
}

START_TEST(equals_all_pairs) {
    enum { MOST = 67 };
    sn_rng r = sn_rng_at(7, SN_STREAM_RESAMPLE, 99, 0, 0);
    double x[MOST], y[MOST];
    for (uint32_t n = 1; n <= MOST; n++)
        for (uint32_t values = 1; values <= 100; values *= 10) { // from all tied to hardly any tie
            for (uint32_t i = 0; i < n; i++) {
                x[i] = (double)sn_rng_below(&r, values) - 3;
                y[i] = (double)sn_rng_below(&r, values) / 8;
            }
            if (n > 5) x[5] = -HUGE_VAL; // a diverged net ranks last
            double tau;
            ck_assert_int_eq(sn_rank_tau(x, y, n, &tau), SN_OK);
            ck_near(tau, tau_by_pairs(x, y, n), 1e-12, "tau by pairs");
        }
}
END_TEST

START_TEST(larger_than_a_merge_run) { // n log n at work: a permutation with a known number of inversions
    enum { N = 5003 };
    double *x = sn_new(N, sizeof *x), *y = sn_new(N, sizeof *y), tau;
    for (int i = 0; i < N; i++) {
        x[i] = i;
        y[i] = i % 2 ? i - 1 : i + 1; // N is odd: (N - 1) / 2 neighbours swapped, the last one stays
    }
    y[N - 1] = N - 1;
    ck_assert_int_eq(sn_rank_tau(x, y, N, &tau), SN_OK);
    double pairs = N * (N - 1) / 2.0;
    ck_near(tau, (pairs - 2 * ((N - 1) / 2)) / pairs, 1e-15, "swapped neighbours");
    free(x);
    free(y);
}
END_TEST

START_TEST(top_is_what_a_percentile_gives) {
    const struct {
        size_t n, top;
    } rule[] = {{1, 1}, {2, 1}, {10, 1}, {11, 2}, {12, 2}, {20, 2}, {21, 3}, {100, 10}, {101, 11}, {6561, 657}};
    for (size_t k = 0; k < sizeof rule / sizeof *rule; k++) {
        double *truth = sn_new(rule[k].n, sizeof *truth), cut;
        for (size_t i = 0; i < rule[k].n; i++) truth[i] = (double)(i * 7919 % rule[k].n); // a permutation: 7919 is prime
        size_t top;
        ck_assert_int_eq(sn_rank_top_cut(truth, rule[k].n, &cut, &top), SN_OK);
        ck_assert_uint_eq(top, rule[k].top);
        ck_near(cut, (double)(rule[k].n - top), 0, "cut");
        free(truth);
    }
    const double tied[] = {1, 5, 5, 5, 2, 3, 5, 1, 1, 1};
    double cut;
    size_t top;
    ck_assert_int_eq(sn_rank_top_cut(tied, 10, &cut, &top), SN_OK);
    ck_assert_uint_eq(top, 4);
    ck_near(cut, 5, 0, "cut among ties");
}
END_TEST

START_TEST(ties_at_the_cut_count_in_part) {
    // Best by score: 9, then three tied for the two other... places of 3; best by truth: items 0, 1, 2.
    const double score[] = {9, 5, 5, 5, 1}, truth[] = {50, 40, 30, 20, 10};
    double figure[SN_RANK_FIGURES];
    ck_assert_int_eq(sn_rank_figures_ten(score, truth, NULL, 5, 3, figure), SN_OK);
    ck_near(figure[SN_RANK_SHARE_10], (1 + 2.0 / 3 + 2.0 / 3) / 3, 1e-15, "share of 3");
    ck_near(figure[SN_RANK_SHARE_1PC], 1, 0, "share of 1");
    ck_near(figure[SN_RANK_REGRET], 0, 0, "regret");
    const double flat[] = {2, 7, 7, 7, 1};
    ck_assert_int_eq(sn_rank_figures(flat, truth, NULL, 5, figure), SN_OK);
    ck_near(figure[SN_RANK_REGRET], 50 - 30, 0, "regret of tied picks");
    ck_near(figure[SN_RANK_SHARE_10], 1, 1e-15, "ten of five");
}
END_TEST

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// One budget by its definition: among those that are not dearer, the best truth less the mean truth of the best-scored.
static double regret_under(double budget, const double *score, const double *truth, const double *cost, size_t n) {
    double best = -HUGE_VAL, picked = -HUGE_VAL, sum = 0;
    int count = 0;
    for (size_t i = 0; i < n; i++)
        if (cost[i] <= budget) best = fmax(best, truth[i]), picked = fmax(picked, score[i]);
    for (size_t i = 0; i < n; i++)
        if (cost[i] <= budget && score[i] == picked) sum += truth[i], count++;
    return best - sum / count;
}

START_TEST(budgets_equal_exhaustion) {
    enum { MOST = 90 };
    double score[MOST], truth[MOST], cost[MOST], sorted[MOST], figure[SN_RANK_FIGURES];
    for (uint32_t seed = 0; seed < 300; seed++) {
        sn_rng r = sn_rng_at(seed, SN_STREAM_RESAMPLE, 60, 0, 0);
        size_t n = 1 + sn_rng_below(&r, MOST);
        uint32_t values = 2 + sn_rng_below(&r, 100); // few: many ties
        for (size_t i = 0; i < n; i++) {
            score[i] = seed % 7 ? (double)sn_rng_below(&r, values) : i ? 1.0 : -HUGE_VAL;
            truth[i] = sn_rng_below(&r, values);
            cost[i] = sorted[i] = seed % 5 ? (double)sn_rng_below(&r, values) : 3.0;
        }
        qsort(sorted, n, sizeof *sorted, by_value);
        double mean = 0, worst = 0;
        for (size_t b = 1; b <= 20; b++) {
            double regret = regret_under(sorted[(size_t)ceil((double)(b * n) / 20.0) - 1], score, truth, cost, n);
            mean += regret / 20, worst = fmax(worst, regret);
        }
        ck_assert_int_eq(sn_rank_figures(score, truth, cost, n, figure), SN_OK);
        ck_near(figure[SN_RANK_BUDGETS], mean, 1e-10, "mean over budgets");
        ck_near(figure[SN_RANK_BUDGETS_WORST], worst, 1e-12, "worst budget");
        ck_assert(figure[SN_RANK_REGRET] <= figure[SN_RANK_BUDGETS_WORST]); // the last budget allows all
    }
}
END_TEST

START_TEST(refuses_what_has_no_order) {
    const double bad[] = {1, 2, NAN}, good[] = {1, 2, 3};
    double figure[SN_RANK_FIGURES] = {42}, tau = 42;
    ck_assert_int_eq(sn_rank_tau(bad, good, 3, &tau), SN_DATA);
    ck_message("score of arch 2");
    ck_assert_int_eq(sn_rank_figures(good, bad, NULL, 3, figure), SN_DATA);
    ck_message("truth of arch 2");
    ck_assert_int_eq(sn_rank_tau(good, good, 0, &tau), SN_USAGE);
    ck_near(tau, 42, 0, "untouched");
    ck_near(figure[0], 42, 0, "untouched");
    ck_assert_int_eq(sn_rank_figures(good, good, bad, 3, figure), SN_DATA);
    ck_message("cost of arch 2");
}
END_TEST

START_TEST(pareto_equals_exhaustion) {
    enum { N = 200 };
    double score[N], cost[N];
    sn_rng r = sn_rng_at(3, SN_STREAM_RESAMPLE, 98, 0, 0);
    for (uint32_t values = 2; values <= 2000; values *= 10) {
        for (size_t i = 0; i < N; i++) {
            score[i] = sn_rng_below(&r, values);
            cost[i] = sn_rng_below(&r, values);
        }
        size_t index[N], count, seen = 0;
        ck_assert_int_eq(sn_rank_pareto(score, cost, N, index, &count), SN_OK);
        char listed[N] = {0};
        for (size_t k = 0; k < count; k++) {
            listed[index[k]] = 1;
            if (!k) continue;
            size_t i = index[k - 1], j = index[k];
            ck_assert(cost[i] < cost[j] || (cost[i] <= cost[j] && i < j));
        }
        for (size_t i = 0; i < N; i++) {
            int beaten = 0;
            for (size_t j = 0; j < N; j++)
                beaten |= score[j] >= score[i] && cost[j] <= cost[i] && (score[j] > score[i] || cost[j] < cost[i]);
            ck_assert_int_eq(listed[i], !beaten);
            seen += !beaten;
        }
        ck_assert_uint_eq(count, seen);
    }
    size_t index[1], count;
    ck_assert_int_eq(sn_rank_pareto(score, cost, 0, index, &count), SN_OK);
    ck_assert_uint_eq(count, 0);
}
END_TEST

int main(void) {
    Suite *s = suite_create("rankstats");
    TCase *t = tcase_create("all");
    tcase_add_test(t, equals_scipy);
    tcase_add_test(t, equals_all_pairs);
    tcase_add_test(t, larger_than_a_merge_run);
    tcase_add_test(t, top_is_what_a_percentile_gives);
    tcase_add_test(t, ties_at_the_cut_count_in_part);
    tcase_add_test(t, budgets_equal_exhaustion);
    tcase_add_test(t, refuses_what_has_no_order);
    tcase_add_test(t, pareto_equals_exhaustion);
    suite_add_tcase(s, t);
    return run_suite(s);
}
