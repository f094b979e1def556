// Samplers: every registered one draws legal paths that depend on seed and step alone; fair counts differ by at most one.
#include "macro.h"
#include "sampler/sampler.h"
#include "suite.h"

#include <stdlib.h>

typedef struct {
    const sn_space *space;
    int count[SN_MAX_DECISIONS][SN_MAX_OPTIONS], passes, updates;
    sn_arch last;
} recorder;

static sn_status record_pass(void *arg, const sn_arch *a) {
    recorder *r = arg;
    ck_assert_int_eq(a->n, r->space->n_decisions);
    for (int i = 0; i < a->n; i++) {
        ck_assert(sn_decision_allows(&r->space->decisions[i], a->option[i]));
        r->count[i][a->option[i]]++;
    }
    r->last = *a;
    r->passes++;
    return SN_OK;
}

static sn_status record_update(void *arg) {
    ((recorder *)arg)->updates++;
    return SN_OK;
}

// A space whose decisions have 3 options and, in two places, 2 of them.
static sn_space *space_of(void) {
    sn_space *s = macro_space(32, 32, 64);
    ck_assert_int_eq(sn_space_finish(s), SN_OK);
    ck_ok(sn_space_restrict(s, 4, 3));
    ck_ok(sn_space_restrict(s, 6, 6));
    return s;
}

START_TEST(every_sampler) {
    sn_space *s = space_of();
    for (int k = 0; sn_samplers[k]; k++) {
        recorder a = {.space = s}, b = {.space = s};
        sn_verbs v = {&a, record_pass, record_update};
        for (uint32_t step = 0; step < 30; step++) ck_assert_int_eq(sn_samplers[k]->step(s, 3, step, &v), SN_OK);
        ck_assert_int_eq(a.passes, 30 * sn_samplers[k]->passes(s));
        ck_assert_int_eq(a.updates, 30);
        v.trainer = &b; // the last step alone gives the same last path
        ck_assert_int_eq(sn_samplers[k]->step(s, 3, 29, &v), SN_OK);
        ck_assert(sn_arch_equal(&a.last, &b.last));
        for (int i = 0; i < s->n_decisions; i++)
            for (int n = 0, o; (o = sn_decision_option(&s->decisions[i], n)) >= 0; n++) ck_assert_int_gt(a.count[i][o], 0);
    }
    sn_space_free(s);
}
END_TEST

START_TEST(fair_counts) {
    sn_space *s = space_of();
    recorder a = {.space = s};
    sn_verbs v = {&a, record_pass, record_update};
    for (uint32_t step = 0; step < 101; step++) {
        ck_assert_int_eq(sn_sampler_find("fair")->step(s, 9, step, &v), SN_OK);
        for (int i = 0; i < s->n_decisions; i++) {
            int first = a.count[i][sn_decision_option(&s->decisions[i], 0)];
            for (int n = 1, o; (o = sn_decision_option(&s->decisions[i], n)) >= 0; n++)
                ck_assert_int_le(abs(a.count[i][o] - first), 1);
        }
    }
    sn_space_free(s);
}
END_TEST

START_TEST(uniform_counts) {
    sn_space *s = space_of();
    recorder a = {.space = s};
    sn_verbs v = {&a, record_pass, record_update};
    for (uint32_t step = 0; step < 3000; step++) ck_assert_int_eq(sn_sampler_find("uniform")->step(s, 9, step, &v), SN_OK);
    for (int o = 0; o < 3; o++) ck_assert(a.count[0][o] > 900 && a.count[0][o] < 1100); // 1000 expected, deviation 26
    ck_assert_ptr_null(sn_sampler_find("unifrom"));
    sn_space_free(s);
}
END_TEST

int main(void) {
    Suite *s = suite_create("sampler");
    TCase *t = tcase_create("samplers");
    tcase_add_test(t, every_sampler);
    tcase_add_test(t, fair_counts);
    tcase_add_test(t, uniform_counts);
    suite_add_tcase(s, t);
    return run_suite(s);
}
