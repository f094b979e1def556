// The best arch under limits equals enumeration on random small spaces, as users write them, with random effects and limits; on a
// space far too large to list it equals what an order of its options gives.
// Not here: effects (test_effects.c). Next: src/supernet/rank/budget.h.
#include "base/amount.h"
#include "io/config/config.h"
#include "long_space.h"
#include "random_space.h"
#include "supernet/rank/budget.h"

// Effects of every option, some never scored; ties among them.
static sn_effects any_effects(const sn_space *s, sn_rng *r) {
    sn_effects e = {.effect = sn_new((size_t)(sn_space_options(s) + s->n_decisions), sizeof *e.effect), .mean = 1};
    ck_assert_ptr_nonnull(e.effect);
    for (int d = 0; d < s->n_decisions; d++) {
        e.first[d] = e.n;
        for (int n = 0, k; (k = sn_decision_option(&s->decisions[d], n)) >= 0; n++) {
            bool scored = sn_rng_below(r, 8) != 0;
            double value = sn_rng_below(r, 2) ? sn_rng_normal(r) : (double)sn_rng_below(r, 3);
            e.effect[e.n++] = (sn_effect){d, k, scored, scored ? value : NAN, NAN, NAN};
        }
        if (s->decisions[d].parent >= 0) e.effect[e.n++] = (sn_effect){d, SN_ABSENT, 1, sn_rng_normal(r), NAN, NAN};
    }
    e.first[s->n_decisions] = e.n;
    return e;
}

// By enumeration: the best worth, and how many archs can be predicted and are within the limits.
static long best_of_all(const sn_config *c, const sn_graph *g, const sn_effects *e, sn_cost most, double *worth) {
    long n = 0;
    sn_arch a = sn_arch_first(c->space.built);
    *worth = -INFINITY;
    do {
        sn_cost cost;
        double x = sn_effects_predict(e, &a);
        ck_ok(sn_cost_arch(g, &a, &cost));
        if (isnan(x) || cost.macs > most.macs || cost.params > most.params) continue;
        n++;
        *worth = fmax(*worth, x);
    } while (sn_arch_next(c->space.built, &a));
    return n;
}

static int64_t any_limit(sn_rng *r, int64_t low, int64_t high) {
    int64_t margin = (high - low) / 10 + 1;
    return sn_rng_below(r, 4) ? low - margin + (int64_t)(sn_rng_unit(r) * (double)(high - low + 2 * margin)) : INT64_MAX;
}

START_TEST(equals_enumeration) {
    long picked = 0, refused = 0;
    for (uint32_t seed = 1, spaces = 0; spaces < 200; seed++) {
        sn_config *c;
        sn_graph *g;
        folder_make();
        put_random_space(seed, small_measure);
        ck_ok(sn_config_load(at("space.yaml"), NULL, 0, &c));
        folder_remove();
        const sn_space *s = c->space.built;
        char text[SN_SIZE_TEXT];
        if (sn_space_size(s, text, sizeof text) > 3000) {
            sn_config_free(c);
            continue;
        }
        spaces++;
        ck_ok(sn_graph_build(s, &g));
        sn_arch small, large;
        sn_cost low, high;
        ck_ok(sn_cost_extremes(g, s, &small, &large));
        ck_ok(sn_cost_arch(g, &small, &low));
        ck_ok(sn_cost_arch(g, &large, &high));
        sn_rng r = sn_rng_at(seed, SN_STREAM_RESAMPLE, 70, 0, 0);
        for (int trial = 0; trial < 5; trial++) {
            sn_effects e = any_effects(s, &r);
            sn_cost most = {any_limit(&r, low.macs, high.macs), any_limit(&r, low.params, high.params)}, cost;
            double wanted;
            long n = best_of_all(c, g, &e, most, &wanted);
            sn_arch a;
            sn_status status = sn_budget_best(g, s, &e, most, NULL, &a);
            ck_assert_msg(status == (n ? SN_OK : SN_USAGE), "seed %u: status %d with %ld archs: %s", seed, status, n,
                          sn_error_text());
            if (n) {
                double found = sn_effects_predict(&e, &a);
                ck_ok(sn_cost_arch(g, &a, &cost));
                ck_assert_msg(cost.macs <= most.macs && cost.params <= most.params, "seed %u: beyond the limits", seed);
                ck_assert_msg(fabs(found - wanted) < 1e-12, "seed %u: found %.17g, the best is %.17g", seed, found, wanted);
            }
            n ? picked++ : refused++;
            free(e.effect);
        }
        sn_graph_free(g);
        sn_config_free(c);
    }
    ck_assert_msg(picked > 400 && refused > 20, "%ld picked, %ld refused", picked, refused);
}
END_TEST

// 60 decisions of 3: the same block thrice would tie, so the options are convolutions of 1, 3 and 5; worth as MACs, times a
// number that falls. What fits is then the best first, as far as it goes, where all layers cost the same.
START_TEST(larger_than_any_list) {
    enum { LAYERS = 60 };
    sn_graph *g;
    sn_space *s = long_space(LAYERS, &g);
    sn_effects f = {.effect = sn_new(3 * LAYERS, sizeof *f.effect), .n = 3 * LAYERS};
    for (int i = 0; i < f.n; i++)
        f.effect[i] = (sn_effect){i / 3, i % 3, 1, (double[]){0, 2, 3}[i % 3] * (100 - i / 3), NAN, NAN}; // 5x5: little more
    for (int d = 0; d <= LAYERS; d++) f.first[d] = 3 * d;
    sn_arch a = sn_arch_first(s), best;
    sn_cost least, of_3;
    ck_ok(sn_cost_arch(g, &a, &least));
    a.option[0] = 1;
    ck_ok(sn_cost_arch(g, &a, &of_3));
    sn_cost most = {least.macs + 10 * (of_3.macs - least.macs), INT64_MAX}; // room for ten 3x3, or three 5x5
    ck_ok(sn_budget_best(g, s, &f, most, NULL, &best));
    for (int d = 0; d < LAYERS; d++) ck_assert_int_eq(best.option[d], d < 10);
    most = (sn_cost){INT64_MAX, least.params + 10 * (of_3.params - least.params)};
    ck_ok(sn_budget_best(g, s, &f, most, NULL, &best));
    for (int d = 0; d < LAYERS; d++) ck_assert_int_eq(best.option[d], d < 10);
    most = (sn_cost){INT64_MAX, INT64_MAX};
    ck_ok(sn_budget_best(g, s, &f, most, NULL, &best));
    for (int d = 0; d < LAYERS; d++) ck_assert_int_eq(best.option[d], 2);
    most = (sn_cost){least.macs + 10 * (of_3.macs - least.macs), least.params + 10 * (of_3.params - least.params)};
    const volatile sig_atomic_t asked = 1;
    ck_assert_int_eq(sn_budget_best(g, s, &f, most, &asked, &best), SN_INTERRUPTED);
    ck_ok(sn_budget_best(g, s, &f, most, NULL, &best));
    for (int d = 0; d < LAYERS; d++) ck_assert_int_eq(best.option[d], d < 10);
    most = (sn_cost){least.macs - 1, INT64_MAX};
    ck_assert_int_eq(sn_budget_best(g, s, &f, most, NULL, &best), SN_USAGE);
    char fewest[64], macs[32];
    snprintf(fewest, sizeof fewest, "the smallest have %s MMACs", sn_millions(least.macs, macs));
    ck_message(fewest);
    for (int k = 0; k < 3; k++) f.effect[3 * 7 + k].value = NAN;
    ck_assert_int_eq(sn_budget_best(g, s, &f, (sn_cost){INT64_MAX, INT64_MAX}, NULL, &best), SN_USAGE);
    ck_message("no option of part.layer8 was scored");
    free(f.effect);
    sn_graph_free(g);
    sn_space_free(s);
}
END_TEST

int main(void) {
    Suite *s = suite_create("budget");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, equals_enumeration);
    tcase_add_test(t, larger_than_any_list);
    suite_add_tcase(s, t);
    return run_suite(s);
}
