// Samplers: every registered one draws legal paths that depend on seed and step alone; fair counts differ by at most one.
#include "macro.h"
#include "sampler/method.h"
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

// One step of a method with a state of its own, or with one that is kept.
static sn_status step_of(const sn_method *m, const sn_space *s, uint32_t seed, uint32_t step, void *kept, const sn_verbs *v) {
    void *fresh = kept ? NULL : sn_new(1, m->state ? m->state(s) : 1);
    sn_status status = m->step(s, seed, step, kept ? kept : fresh, v);
    free(fresh);
    return status;
}

START_TEST(every_sampler) {
    sn_space *s = space_of();
    const sn_method *m;
    for (int k = 0; (m = sn_method_at(SN_SAMPLER, k)); k++) {
        void *state = sn_new(1, m->state ? m->state(s) : 1);
        recorder a = {.space = s}, b = {.space = s};
        sn_verbs v = {&a, record_pass, record_update};
        for (uint32_t step = 0; step < 30; step++) ck_assert_int_eq(step_of(m, s, 3, step, state, &v), SN_OK);
        ck_assert_int_eq(a.passes, 30 * m->passes(s));
        ck_assert_int_eq(a.updates, 30);
        v.trainer = &b; // the last step alone, with nothing kept, gives the same last path
        ck_assert_int_eq(step_of(m, s, 3, 29, NULL, &v), SN_OK);
        ck_assert(sn_arch_equal(&a.last, &b.last));
        for (int i = 0; i < s->n_decisions; i++)
            for (int n = 0, o; (o = sn_decision_option(&s->decisions[i], n)) >= 0; n++) ck_assert_int_gt(a.count[i][o], 0);
        free(state);
    }
    sn_space_free(s);
}
END_TEST

START_TEST(fair_counts) {
    sn_space *s = space_of();
    recorder a = {.space = s};
    sn_verbs v = {&a, record_pass, record_update};
    for (uint32_t step = 0; step < 101; step++) {
        ck_assert_int_eq(step_of(sn_method_find(SN_SAMPLER, "fair"), s, 9, step, NULL, &v), SN_OK);
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
    for (uint32_t step = 0; step < 3000; step++)
        ck_assert_int_eq(step_of(sn_method_find(SN_SAMPLER, "uniform"), s, 9, step, NULL, &v), SN_OK);
    for (int o = 0; o < 3; o++) ck_assert(a.count[0][o] > 900 && a.count[0][o] < 1100); // 1000 expected, deviation 26
    ck_assert_ptr_null(sn_method_find(SN_SAMPLER, "unifrom"));
    ck_assert_ptr_null(sn_method_find(SN_STRATEGY, "uniform")); // of another kind
    sn_space_free(s);
}
END_TEST

// Strategies: different archs in order, as many as asked; a list is the user's.
START_TEST(strategies) {
    sn_space *s = space_of();
    sn_arch *archs;
    long n;
    double share[SN_MAX_OPTIONS * 16];
    for (size_t i = 0; i < sizeof share / sizeof *share; i++) share[i] = 1 + (double)i;
    sn_question q = {.space = s, .share = share, .seed = 3, .sample = 50, .most = 2915};
    ck_assert_int_eq(sn_method_find(SN_STRATEGY, "exhaustive")->ask(&q, &archs, &n), SN_USAGE); // 2,916 are too many
    q.most = 2916;
    const sn_method *m;
    for (int k = 0; (m = sn_method_at(SN_STRATEGY, k)); k++) {
        if (!m->ask) continue;
        ck_ok(m->ask(&q, &archs, &n));
        ck_assert_int_eq(n, strcmp(m->name, "exhaustive") ? 50 : 2916);
        for (long i = 1; i < n; i++) ck_assert_int_lt(sn_arch_compare(&archs[i - 1], &archs[i]), 0);
        free(archs);
    }
    ck_assert_ptr_null(sn_method_find(SN_STRATEGY, "list")->ask);
    q.sample = 2917;
    ck_assert_int_eq(sn_method_find(SN_STRATEGY, "random")->ask(&q, &archs, &n), SN_USAGE);
    sn_space_free(s);
}
END_TEST

int main(void) {
    Suite *s = suite_create("sampler");
    TCase *t = tcase_create("samplers");
    tcase_add_test(t, every_sampler);
    tcase_add_test(t, fair_counts);
    tcase_add_test(t, uniform_counts);
    tcase_add_test(t, strategies);
    suite_add_tcase(s, t);
    return run_suite(s);
}
