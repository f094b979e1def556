// Initial weights: their distributions by kind of parameter and by train.init, and that a parameter's name alone chooses them.
// Not here: the orders of a weight (test_space.c). Next: test_space.c.
#include "macro.h"
#include "space/graph.h"
#include "suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { INITS = 3 };

typedef struct {
    double mean, deviation, largest; // over all values
} summary;

static float *values_of(const sn_param *p, int init, uint32_t seed) {
    float *v = sn_new((size_t)p->size, sizeof *v);
    sn_param_init(p, init, seed, v);
    return v;
}

static summary summary_of(const sn_param *p, int init) {
    float *v = values_of(p, init, 1);
    double sum = 0, squares = 0, largest = 0;
    for (int64_t i = 0; i < p->size; i++)
        sum += v[i], squares += (double)v[i] * v[i], largest = fmax(largest, fabs((double)v[i]));
    free(v);
    return (summary){sum / (double)p->size, sqrt(squares / (double)p->size), largest};
}

// out, in per group and kernel; sizes at which the deviation of a sample is known to a percent or so.
static const struct {
    const char *name;
    sn_param_kind kind;
    int kernel, in, out;
    double fan_out, fan_in; // deviations by the formulas, as numbers
} layers[] = {
    {"dense", SN_PARAM_CONV, 3, 32, 64, 0.0589256, 0.0833333},
    {"grouped", SN_PARAM_CONV, 3, 8, 256, 0.0294628, 0.1666667},
    {"depthwise", SN_PARAM_CONV, 5, 1, 1024, 0.0088388, 0.2828427},
    {"linear", SN_PARAM_LINEAR, 1, 512, 100, 0.01, 0.0625},
};

static void near(double found, double expected, double tolerance, const char *what, const char *name) {
    ck_assert_msg(fabs(found - expected) <= tolerance, "%s of %s: %g, not %g", what, name, found, expected);
}

START_TEST(weights) {
    sn_params list = {0};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        int id = sn_params_add(&list, layers[i].name, layers[i].kind, layers[i].kernel, layers[i].in, layers[i].out);
        ck_assert_int_ge(id, 0);
        const sn_param *p = &list.param[id];
        double bound = 1 / sqrt((double)layers[i].kernel * layers[i].kernel * layers[i].in);
        double expected[INITS] = {
            [SN_INIT_FAN_OUT] = layers[i].fan_out, [SN_INIT_FAN_IN] = layers[i].fan_in, [SN_INIT_TORCH] = bound / sqrt(3)};
        for (int init = 0; init < INITS; init++) {
            summary s = summary_of(p, init);
            near(s.deviation, expected[init], 0.025 * expected[init], sn_init_words[init], p->name);
            near(s.mean, 0, 5 * expected[init] / sqrt((double)p->size), "mean", p->name);
            if (init != SN_INIT_TORCH) ck_assert(s.largest > 3 * expected[init]); // tails, so normal
        }
        double largest = summary_of(p, SN_INIT_TORCH).largest;
        ck_assert_msg(largest <= bound * (1 + 1e-6) && largest > 0.998 * bound, "%s: %g of a bound of %g", p->name, largest,
                      bound);
    }
    sn_params_free(&list);
}
END_TEST

static sn_graph *graph_of(sn_space **space, uint64_t allowed) {
    sn_graph *g;
    *space = macro_space(32, 8, 1280);
    ck_ok(sn_space_finish(*space));
    for (int d = 0; allowed && d < (*space)->n_decisions; d++) ck_ok(sn_space_restrict(*space, d, allowed));
    ck_ok(sn_graph_build(*space, &g));
    return g;
}

static const sn_param *find(const sn_graph *g, const char *name) {
    int i = sn_params_find(&g->params, name);
    ck_assert_msg(i >= 0, "%s", name);
    return &g->params.param[i];
}

// A normalisation starts as the identity; the bias of the linear layer at 0, or as torch's, within the bound of its weight.
START_TEST(vectors) {
    sn_space *s;
    sn_graph *g = graph_of(&s, 0);
    const sn_param *bias = find(g, "classifier.bias");
    double bound = 1 / sqrt(1280);
    for (int init = 0; init < INITS; init++) {
        for (int i = 0; i < g->params.n; i++) {
            const sn_param *p = &g->params.param[i];
            if (p->kind != SN_PARAM_GAMMA && p->kind != SN_PARAM_BETA) continue;
            float *v = values_of(p, init, 1), constant = p->kind == SN_PARAM_GAMMA ? 1 : 0;
            for (int64_t k = 0; k < p->size; k++) ck_assert(v[k] == constant);
            free(v);
        }
        summary of_bias = summary_of(bias, init);
        if (init == SN_INIT_TORCH)
            ck_assert(of_bias.largest <= bound * (1 + 1e-6) && of_bias.deviation > 0.25 * bound);
        else
            ck_assert(of_bias.largest == 0);
    }
    sn_graph_free(g);
    sn_space_free(s);
}
END_TEST

// Equal for equal names and seeds: an option more gives other places in the buffer, and the same weights.
START_TEST(an_option_more) {
    sn_space *few_space, *all_space;
    sn_graph *few = graph_of(&few_space, 5), *all = graph_of(&all_space, 0);
    ck_assert_int_lt(few->params.n, all->params.n);
    for (int init = 0; init < INITS; init++) {
        int moved = 0;
        for (int i = 0; i < few->params.n; i++) {
            const sn_param *a = &few->params.param[i], *b = find(all, a->name);
            float *v = values_of(a, init, 9), *w = values_of(b, init, 9);
            ck_assert_int_eq(a->size, b->size);
            ck_assert_mem_eq(v, w, (size_t)a->size * sizeof *v);
            moved += a->offset != b->offset;
            free(v);
            free(w);
        }
        ck_assert_int_gt(moved, 0);
    }
    sn_graph_free(few);
    sn_graph_free(all);
    sn_space_free(few_space);
    sn_space_free(all_space);
}
END_TEST

START_TEST(seeds_and_names) {
    sn_params list = {0};
    ck_assert_int_eq(sn_params_add(&list, "a", SN_PARAM_CONV, 3, 4, 8), 0);
    ck_assert_int_eq(sn_params_add(&list, "b", SN_PARAM_CONV, 3, 4, 8), 1);
    for (int init = 0; init < INITS; init++) {
        float *v = values_of(&list.param[0], init, 1), *seed = values_of(&list.param[0], init, 2),
              *name = values_of(&list.param[1], init, 1);
        ck_assert(memcmp(v, seed, 16) != 0 && memcmp(v, name, 16) != 0);
        free(v);
        free(seed);
        free(name);
    }
    sn_params_free(&list);
}
END_TEST

// These values belong to what a seed means: they must never change.
START_TEST(frozen) {
    static const float expected[INITS][3] = {[SN_INIT_FAN_OUT] = {-0.0453515425F, 0.0264866743F, -0.136448458F},
                                             [SN_INIT_FAN_IN] = {-0.148117512F, 0.086505115F, -0.445638776F},
                                             [SN_INIT_TORCH] = {-0.0239971019F, -0.0636391267F, -0.172446787F}};
    sn_params list = {0};
    ck_assert_int_eq(sn_params_add(&list, "stem.weight", SN_PARAM_CONV, 3, 3, 32), 0);
    for (int init = 0; init < INITS; init++) {
        float *v = values_of(&list.param[0], init, 1);
        for (int k = 0; k < 3; k++)
            ck_assert_msg(v[k] == expected[init][k], "%s: {%.9g, %.9g, %.9g}", sn_init_words[init], (double)v[0], (double)v[1],
                          (double)v[2]);
        free(v);
    }
    sn_params_free(&list);
}
END_TEST

int main(void) {
    Suite *s = suite_create("params");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, weights);
    tcase_add_test(t, vectors);
    tcase_add_test(t, an_option_more);
    tcase_add_test(t, seeds_and_names);
    tcase_add_test(t, frozen);
    suite_add_tcase(s, t);
    return run_suite(s);
}
