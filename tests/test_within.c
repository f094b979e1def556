// Archs drawn within limits: all of them where they are few, each equally often, and in a space far too large to list, where
// hardly any arch is within, as counting says. Next: src/space/within.h.
#include "io/config/config.h"
#include "long_space.h"
#include "random_space.h"
#include "space/within.h"

static bool is_within(const sn_graph *g, const sn_arch *a, sn_cost most) {
    sn_cost cost;
    ck_ok(sn_cost_arch(g, a, &cost));
    return cost.macs <= most.macs && cost.params <= most.params;
}

static long count_within(const sn_space *s, const sn_graph *g, sn_cost most) {
    long n = 0;
    sn_arch a = sn_arch_first(s);
    do n += is_within(g, &a, most);
    while (sn_arch_next(s, &a));
    return n;
}

static void check_draws(const sn_graph *g, const sn_arch *a, long n, sn_cost most) {
    for (long i = 0; i < n; i++) {
        ck_assert(is_within(g, &a[i], most));
        ck_assert(!i || sn_arch_compare(&a[i - 1], &a[i]) < 0);
    }
}

static int64_t any_limit(sn_rng *r, int64_t low, int64_t high) {
    return sn_rng_below(r, 4) ? low - 1 + (int64_t)(sn_rng_unit(r) * (double)(high - low + 2)) : INT64_MAX;
}

// Spaces as users write them: so many are there, so many come, all when asked for more.
START_TEST(as_enumerated) {
    enum { MOST = 3000 };
    static sn_arch list[MOST + 1];
    long drawn = 0, refused = 0;
    for (uint32_t seed = 1, spaces = 0; spaces < 100; seed++) {
        sn_config *c;
        sn_graph *g;
        folder_make();
        put_random_space(seed, small_measure);
        ck_ok(sn_config_load(at("space.yaml"), NULL, 0, &c));
        folder_remove();
        const sn_space *s = c->space.built;
        if (sn_space_size(s, NULL, 0) <= MOST) {
            spaces++;
            ck_ok(sn_graph_build(s, &g));
            sn_arch small, large;
            sn_cost low, high;
            ck_ok(sn_cost_extremes(g, s, &small, &large));
            ck_ok(sn_cost_arch(g, &small, &low));
            ck_ok(sn_cost_arch(g, &large, &high));
            sn_rng r = sn_rng_at(seed, SN_STREAM_RESAMPLE, 71, 0, 0);
            for (int trial = 0; trial < 5; trial++) {
                sn_cost most = {any_limit(&r, low.macs, high.macs), any_limit(&r, low.params, high.params)};
                long n = count_within(s, g, most), got, wanted = 1 + (long)sn_rng_below(&r, MOST);
                sn_status status = sn_arch_sample_within(g, s, &r, most, wanted, list, &got);
                ck_assert_msg(status == (n ? SN_OK : SN_USAGE), "seed %u: status %d of %ld: %s", seed, status, n,
                              sn_error_text());
                n ? drawn++ : refused++;
                if (!n) continue;
                ck_assert_int_eq(got, n < wanted ? n : wanted);
                check_draws(g, list, got, most);
            }
            sn_graph_free(g);
        }
        sn_config_free(c);
    }
    ck_assert_msg(drawn > 200 && refused > 20, "%ld drawn, %ld refused", drawn, refused);
}
END_TEST

// Each arch within is drawn as often as any other: chi squared of 4,000 draws of 3.
START_TEST(equally_likely) {
    enum { DRAWS = 4000, EACH = 3 };
    sn_graph *g;
    sn_space *s = long_space(4, &g);
    sn_arch all[81], list[EACH], a = sn_arch_first(s);
    sn_cost least, next;
    ck_ok(sn_cost_arch(g, &a, &least));
    a.option[0] = 1;
    ck_ok(sn_cost_arch(g, &a, &next));
    sn_cost most = {least.macs + 5 * (next.macs - least.macs), least.params + 6 * (next.params - least.params)};
    long n = count_within(s, g, most), got, times[81] = {0};
    ck_assert_msg(n > 10 && n < 70, "%ld within", n);
    sn_rng r = sn_rng_at(1, SN_STREAM_RESAMPLE, 72, 0, 0);
    ck_ok(sn_arch_sample_within(g, s, &r, most, 81, all, &got));
    ck_assert_int_eq(got, n);
    for (int i = 0; i < DRAWS; i++) {
        ck_ok(sn_arch_sample_within(g, s, &r, most, EACH, list, &got));
        for (int k = 0; k < EACH; k++)
            for (long j = 0; j < n; j++) times[j] += sn_arch_equal(&all[j], &list[k]);
    }
    double expected = (double)(DRAWS * EACH) / (double)n, chi = 0;
    for (long j = 0; j < n; j++) chi += ((double)times[j] - expected) * ((double)times[j] - expected) / expected;
    ck_assert_msg(chi < (double)n + 5 * sqrt(2 * (double)n), "chi squared %.1f of %ld", chi, n);
    sn_graph_free(g);
    sn_space_free(s);
}
END_TEST

// 3^60 archs; options cost 0, 1 and 3 units beyond the cheapest. The coefficients of (1 + x + x^3)^60 say what costs are
// expected.
START_TEST(larger_than_any_list) {
    enum { LAYERS = 60, ROOM = 50, N = 2000 };
    sn_graph *g;
    sn_space *s = long_space(LAYERS, &g);
    sn_arch *list = sn_new(N, sizeof *list), a = sn_arch_first(s);
    sn_cost least, next;
    ck_ok(sn_cost_arch(g, &a, &least));
    a.option[0] = 1;
    ck_ok(sn_cost_arch(g, &a, &next));
    double count[ROOM + 1] = {1}, sum = 0, mean = 0, square = 0;
    for (int d = 0; d < LAYERS; d++)
        for (int x = ROOM; x > 0; x--) count[x] += count[x - 1] + (x > 2 ? count[x - 3] : 0);
    for (int x = 0; x <= ROOM; x++) sum += count[x], mean += x * count[x], square += x * x * count[x];
    mean /= sum, square /= sum;
    const int64_t unit = next.macs - least.macs, unit_params = next.params - least.params;
    const sn_cost limits[] = {{least.macs + ROOM * unit, INT64_MAX},
                              {INT64_MAX, least.params + ROOM * unit_params},
                              {least.macs + ROOM * unit, least.params + (ROOM + 1) * unit_params}};
    for (int i = 0; i < 3; i++) {
        sn_rng r = sn_rng_at(2, SN_STREAM_RESAMPLE, 73, (uint32_t)i, 0);
        long got;
        double found = 0;
        ck_ok(sn_arch_sample_within(g, s, &r, limits[i], N, list, &got));
        ck_assert_int_eq(got, N);
        check_draws(g, list, got, limits[i]);
        for (long k = 0; k < N; k++) {
            sn_cost cost;
            ck_ok(sn_cost_arch(g, &list[k], &cost));
            found += (double)(cost.macs - least.macs) / (double)unit / N;
        }
        ck_near(found, mean, 5 * sqrt((square - mean * mean) / N), "mean cost in units");
    }
    free(list);
    sn_graph_free(g);
    sn_space_free(s);
}
END_TEST

int main(void) {
    Suite *s = suite_create("within");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, as_enumerated);
    tcase_add_test(t, equally_likely);
    tcase_add_test(t, larger_than_any_list);
    suite_add_tcase(s, t);
    return run_suite(s);
}
