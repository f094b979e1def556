// Relaxations by numbers alone: the map from alphas to gates of every method by finite differences at fixed noise, its whole
// step on losses written out by hand, darts of second order by its paper's formula and by exact products, how draws are
// distributed, likeliest archs. Not here: passes (test_gates.c), trainings that stop and go on (test_spaces.c).
#include "sampler/method.h"
#include "space/ops.h"
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 64 };

// ---------------------------------------------------------------- a space and a step without a net
static sn_space *some_space(void) { // 4 decisions of 2, 3, 4 and 5 options, of which one has only 2 allowed
    static const int none[SN_OP_ATTRS];
    sn_space *s = sn_space_new();
    s->channels = 1, s->height = 4, s->width = 4, s->classes = 2;
    int block[5];
    for (int i = 0; i < 5; i++) {
        char name[8];
        int attr[SN_OP_ATTRS] = {0};
        const sn_op *op = sn_op_find("conv");
        for (int k = 0; op->attrs[k].type != SN_ATTR_END; k++) attr[k] = op->attrs[k].preset;
        attr[0] = 2 * i + 1;
        snprintf(name, sizeof name, "k%d", 2 * i + 1);
        block[i] = sn_space_add_block(s, name, op, attr);
    }
    for (int options = 2; options <= 5; options++) {
        sn_entry e = {.choice = true, .options = options, .layers = 1, .out = 2, .stride = 1};
        char name[8];
        memcpy(e.block, block, (size_t)options * sizeof *block);
        snprintf(name, sizeof name, "d%d", options);
        sn_space_add_entry(s, name, &e);
    }
    sn_entry last = {.options = 1, .layers = 1, .stride = 1};
    last.block[0] = sn_space_add_block(s, "last", sn_op_find("classifier"), none);
    sn_space_add_entry(s, "last", &last);
    ck_ok(sn_space_finish(s));
    ck_ok(sn_space_restrict(s, 2, 0xA));
    return s;
}

typedef struct {
    sn_space *space;
    sn_relax relax;
    sn_relax_settings settings;
    double alpha[MOST], dalpha[MOST], dgate[MOST], kept[MOST], noise[MOST], spare[MOST];
} bed;

static void bed_open(bed *b, uint32_t seed) {
    memset(b, 0, sizeof *b);
    b->space = some_space();
    b->settings = (sn_relax_settings){.order = 1, .temperature = 2, .temperature_end = 0.5, .zero_one = 10, .lr = 0.025};
    b->relax = (sn_relax){.space = b->space,
                          .settings = &b->settings,
                          .seed = seed,
                          .step = 3,
                          .progress = 0.25,
                          .alpha = b->alpha,
                          .dalpha = b->dalpha,
                          .dgate = b->dgate,
                          .kept = b->kept,
                          .noise = b->noise,
                          .spare = b->spare,
                          .gates = sn_gates_new(b->space)};
    sn_rng r = sn_rng_at(seed, SN_STREAM_RESAMPLE, 90, 0, 0);
    for (int d = 0; d < b->space->n_decisions; d++) b->relax.gates->learned[d] = true;
    for (int i = 0; i < b->relax.gates->places; i++) {
        b->alpha[i] = 1.5 * sn_rng_normal(&r);
        b->dgate[i] = sn_rng_normal(&r);
    }
}

static void bed_close(bed *b) {
    sn_gates_free(b->relax.gates);
    sn_space_free(b->space);
}

static const sn_method *method_at(int i) {
    return sn_method_at(SN_RELAXATION, i);
}

static void set_gates(const sn_method *m, bed *b) {
    for (int d = 0; d < b->space->n_decisions; d++) m->gates(&b->relax, d, 0);
}

static void pull(const sn_method *m, bed *b) {
    memset(b->dalpha, 0, sizeof b->dalpha);
    for (int d = 0; d < b->space->n_decisions; d++) m->pull(&b->relax, d);
}

// ---------------------------------------------------------------- gates
START_TEST(gates_of_every_method) {
    const sn_method *m = method_at(_i);
    for (uint32_t seed = 0; seed < 100; seed++) {
        bed b;
        bed_open(&b, seed);
        set_gates(m, &b);
        const sn_gates *g = b.relax.gates;
        for (int d = 0; d < b.space->n_decisions; d++) {
            uint64_t allowed = b.space->decisions[d].allowed, active = g->active[d];
            double sum = 0;
            ck_assert_msg(active && !(active & ~allowed), "%s: options that are not allowed run", m->name);
            ck_assert_msg(m->single ? !(active & (active - 1)) : active == allowed, "%s: how many run", m->name);
            for (int k = 0; k < b.space->decisions[d].options; k++) {
                if (!(active >> k & 1)) continue;
                double gate = g->gate[g->first[d] + k];
                ck_assert_msg(gate >= 0 && gate <= 1, "%s: gate %g", m->name, gate);
                sum += gate;
            }
            if (strcmp(m->name, "fairdarts")) ck_near(sum, 1, 1e-12, m->name);
        }
        double before[MOST];
        memcpy(before, b.kept, sizeof before);
        set_gates(m, &b);
        ck_assert_msg(!memcmp(before, b.kept, sizeof before), "%s: the same draw gives other gates", m->name);
        bed_close(&b);
    }
}
END_TEST

// The linear function of the gates whose gradient dgate is, at the noise of the step. Of gdas the softmax stands for the gate
// that is 1; fairdarts adds its second loss.
static double linear(const sn_method *m, bed *b, const uint64_t *active) {
    double sum = 0, squares = 0;
    int all = 0;
    set_gates(m, b);
    for (int d = 0, place = 0; d < b->space->n_decisions; place += b->space->decisions[d++].options)
        for (int k = 0; k < b->space->decisions[d].options; k++) {
            if (!sn_decision_allows(&b->space->decisions[d], k)) continue;
            double gate = b->kept[place + k];
            all++;
            squares += (gate - 0.5) * (gate - 0.5);
            if (active[d] >> k & 1) sum += b->dgate[place + k] * gate;
        }
    return strcmp(m->name, "fairdarts") ? sum : sum - b->settings.zero_one * squares / all;
}

START_TEST(alphas_by_differences) {
    const sn_method *m = method_at(_i);
    if (!strcmp(m->name, "drnas")) return; // its draws move along quantiles: below
    for (uint32_t seed = 0; seed < 50; seed++) {
        bed b;
        bed_open(&b, seed);
        set_gates(m, &b);
        uint64_t active[SN_MAX_DECISIONS];
        memcpy(active, b.relax.gates->active, sizeof active);
        for (int d = 0; d < b.space->n_decisions; d++) // what does not run has no gradient
            for (int k = 0; k < b.space->decisions[d].options; k++)
                if (!(active[d] >> k & 1)) b.dgate[b.relax.gates->first[d] + k] = 0;
        pull(m, &b);
        for (int i = 0; i < b.relax.gates->places; i++) {
            double h = 1e-5, kept = b.alpha[i];
            b.alpha[i] = kept + h;
            double above = linear(m, &b, active);
            b.alpha[i] = kept - h;
            double below = linear(m, &b, active);
            b.alpha[i] = kept;
            ck_near(b.dalpha[i], (above - below) / (2 * h), 1e-8, m->name);
        }
        bed_close(&b);
    }
}
END_TEST

// ---------------------------------------------------------------- drnas
// I_x(a, b) by the rule of Takahasi and Mori, for which the ends need not be smooth: t = x / (1 + exp(-pi sinh z)).
static double beta_part(double x, double a, double b) {
    const double pi = 3.14159265358979323846, h = 1.0 / 64;
    double sum = 0;
    for (int i = -6 * 64; i <= 6 * 64; i++) {
        double z = i * h, e = exp(-pi * sinh(z)), t = x / (1 + e), slope = t * pi * cosh(z) * e / (1 + e);
        if (t > 0) sum += pow(t, a - 1) * pow(1 - t, b - 1) * slope;
    }
    return sum * h * exp(lgamma(a + b) - lgamma(a) - lgamma(b));
}

static double beta_quantile(double p, double a, double b, double near) {
    double low = near * 0.9, high = near + 0.1 * (1 - near);
    for (int i = 0; i < 60; i++) {
        double mid = (low + high) / 2;
        *(beta_part(mid, a, b) < p ? &low : &high) = mid;
    }
    return (low + high) / 2;
}

static double concentration(double alpha) {
    return alpha > 0 ? alpha + 1 : exp(alpha);
}

// A gate moves with its Beta marginal at a fixed quantile, the others keep their proportions.
START_TEST(dirichlet_by_quantiles) {
    const sn_method *m = sn_method_find(SN_RELAXATION, "drnas");
    int checked = 0;
    for (uint32_t seed = 0; seed < 30; seed++) {
        bed b;
        bed_open(&b, seed);
        set_gates(m, &b);
        pull(m, &b);
        int d = (int)(seed % 2) * 3, place = b.relax.gates->first[d], n = b.space->decisions[d].options;
        double total = 0;
        for (int k = 0; k < n; k++) total += concentration(b.alpha[place + k]);
        for (int k = 0; k < n; k++) {
            double w = b.kept[place + k], a = concentration(b.alpha[place + k]), rest = total - a, h = 1e-4, moved[2], others = 0;
            if (w < 1e-3 || w > 1 - 1e-3) continue;
            double p = beta_part(w, a, rest);
            for (int side = 0; side < 2; side++)
                moved[side] = beta_quantile(p, concentration(b.alpha[place + k] + (side ? -h : h)), rest, w);
            double along = (moved[0] - moved[1]) / (2 * h);
            for (int j = 0; j < n; j++)
                if (j != k) others += b.kept[place + j] * b.dgate[place + j];
            double expected = along * (b.dgate[place + k] - others / (1 - w));
            ck_near(b.dalpha[place + k], expected, 2e-6 * (1 + fabs(expected)), "drnas");
            checked++;
        }
        bed_close(&b);
    }
    ck_assert_int_gt(checked, 30);
}
END_TEST

// Means and variances of the draws are those of the distribution.
START_TEST(dirichlet_draws) {
    enum { DRAWS = 20000 };
    const sn_method *m = sn_method_find(SN_RELAXATION, "drnas");
    bed b;
    bed_open(&b, 5);
    int d = 3, place = b.relax.gates->first[d], n = b.space->decisions[d].options;
    double mean[8] = {0}, square[8] = {0}, total = 0;
    for (int k = 0; k < n; k++) total += concentration(b.alpha[place + k]);
    for (int i = 0; i < DRAWS; i++) {
        b.relax.step = (uint32_t)i;
        m->gates(&b.relax, d, 0);
        for (int k = 0; k < n; k++)
            mean[k] += b.kept[place + k] / DRAWS, square[k] += b.kept[place + k] * b.kept[place + k] / DRAWS;
    }
    for (int k = 0; k < n; k++) {
        double share = concentration(b.alpha[place + k]) / total, variance = share * (1 - share) / (total + 1);
        ck_near(mean[k], share, 5 * sqrt(variance / DRAWS), "mean of a gate");
        ck_near(square[k] - mean[k] * mean[k], variance, 0.05 * variance, "variance of a gate");
    }
    bed_close(&b);
}
END_TEST

// ---------------------------------------------------------------- steps
// A net of 3 weights whose losses are written out: on either images L = 1/2 w'Aw + w'Bg + 1/2 g'Cg + c'w + sum of sin(g), with
// matrices of its own; the weights' optimiser is SGD with momentum and decay.
enum { WEIGHTS = 3 };
typedef struct {
    bed *b;
    double A[2][WEIGHTS][WEIGHTS], B[2][WEIGHTS][MOST], C[2][MOST][MOST], c[2][WEIGHTS];
    double w[WEIGHTS], v[WEIGHTS], grad[WEIGHTS], saved[WEIGHTS], momentum, decay;
    int passes, updates, alpha_updates;
} world;

static void world_gate(const world *x, double *g) { // 0 where an option does not run
    const sn_gates *of = x->b->relax.gates;
    for (int d = 0; d < of->decisions; d++)
        for (int k = 0; k < x->b->space->decisions[d].options; k++)
            g[of->first[d] + k] = of->active[d] >> k & 1 ? of->gate[of->first[d] + k] : 0;
}

static void gradients(const world *x, int on, const double *w, const double *g, double *dw, double *dg) {
    int n = x->b->relax.gates->places;
    for (int i = 0; dw && i < WEIGHTS; i++) {
        dw[i] = x->c[on][i];
        for (int j = 0; j < WEIGHTS; j++) dw[i] += x->A[on][i][j] * w[j];
        for (int j = 0; j < n; j++) dw[i] += x->B[on][i][j] * g[j];
    }
    for (int j = 0; dg && j < n; j++) {
        dg[j] = cos(g[j]);
        for (int i = 0; i < WEIGHTS; i++) dg[j] += x->B[on][i][j] * w[i];
        for (int k = 0; k < n; k++) dg[j] += x->C[on][j][k] * g[k];
    }
}

static sn_status fake_pass(void *arg, sn_half half, unsigned wanted) {
    world *x = arg;
    double g[MOST], dw[WEIGHTS];
    world_gate(x, g);
    gradients(x, (int)half, x->w, g, dw, wanted & SN_WANT_GATES ? x->b->dgate : NULL);
    for (int i = 0; wanted & SN_WANT_WEIGHTS && i < WEIGHTS; i++) x->grad[i] += dw[i];
    x->passes++;
    return SN_OK;
}
static sn_status fake_update_weights(void *arg) {
    world *x = arg;
    for (int i = 0; i < WEIGHTS; i++) {
        x->v[i] = x->momentum * x->v[i] + x->grad[i] + x->decay * x->w[i];
        x->w[i] -= x->b->settings.lr * x->v[i];
        x->grad[i] = 0;
    }
    x->updates++;
    return SN_OK;
}
static sn_status fake_update_alphas(void *arg) {
    ((world *)arg)->alpha_updates++;
    return SN_OK;
}
static sn_status fake_save(void *arg) {
    world *x = arg;
    memcpy(x->saved, x->w, sizeof x->w);
    return SN_OK;
}
static sn_status fake_restore(void *arg) {
    world *x = arg;
    memcpy(x->w, x->saved, sizeof x->w);
    return SN_OK;
}
static sn_status fake_move(void *arg, double coefficient, sn_along along) {
    world *x = arg;
    for (int i = 0; i < WEIGHTS; i++)
        x->w[i] += coefficient * (along == SN_ALONG_GRADIENTS  ? x->grad[i]
                                  : along == SN_ALONG_MOMENTUM ? x->momentum * x->v[i]
                                                               : x->decay * x->w[i]);
    return SN_OK;
}
static sn_status fake_norm(void *arg, double *norm) {
    const world *x = arg;
    *norm = sqrt(x->grad[0] * x->grad[0] + x->grad[1] * x->grad[1] + x->grad[2] * x->grad[2]);
    return SN_OK;
}
static sn_status fake_drop(void *arg) {
    memset(((world *)arg)->grad, 0, sizeof((world *)arg)->grad);
    return SN_OK;
}
static const sn_relax_verbs fakes = {fake_pass,    fake_update_weights, fake_update_alphas, fake_save,
                                     fake_restore, fake_move,           fake_norm,          fake_drop};

static void world_open(world *x, bed *b, uint32_t seed) {
    memset(x, 0, sizeof *x);
    bed_open(b, seed);
    x->b = b, x->momentum = 0.9, x->decay = 0.1;
    b->relax.verbs = &fakes, b->relax.trainer = x;
    sn_rng r = sn_rng_at(seed, SN_STREAM_RESAMPLE, 91, 0, 0);
    int n = b->relax.gates->places;
    for (int on = 0; on < 2; on++) {
        for (int i = 0; i < WEIGHTS; i++)
            for (int j = 0; j <= i; j++) x->A[on][i][j] = x->A[on][j][i] = sn_rng_normal(&r);
        for (int i = 0; i < WEIGHTS; i++)
            for (int j = 0; j < n; j++) x->B[on][i][j] = sn_rng_normal(&r);
        for (int i = 0; i < n; i++)
            for (int j = 0; j <= i; j++) x->C[on][i][j] = x->C[on][j][i] = 0.3 * sn_rng_normal(&r);
        for (int i = 0; i < WEIGHTS; i++) x->c[on][i] = sn_rng_normal(&r);
    }
    for (int i = 0; i < WEIGHTS; i++) x->w[i] = sn_rng_normal(&r), x->v[i] = sn_rng_normal(&r);
}

// First alphas at the weights as they are, on their images; then the weights, by the new gates; nothing else.
START_TEST(a_step_of_every_method) {
    const sn_method *m = method_at(_i);
    for (int rest = 0; rest < 2; rest++) {
        bed b;
        world x;
        world_open(&x, &b, 17);
        b.relax.rest = rest;
        double w[WEIGHTS], g[MOST], dg[MOST] = {0}, found[MOST];
        memcpy(w, x.w, sizeof w);
        ck_ok(m->relax(m, &b.relax));
        ck_assert_int_eq(x.passes, rest ? 1 : 2);
        ck_assert_int_eq(x.alpha_updates, !rest);
        ck_assert_int_eq(x.updates, 1);
        memcpy(found, b.dalpha, sizeof found);
        if (!rest) {
            set_gates(m, &b); // draw 0
            world_gate(&x, g);
            gradients(&x, SN_ON_ALPHAS, w, g, NULL, dg);
            memcpy(b.dgate, dg, sizeof dg);
            pull(m, &b);
            for (int i = 0; i < b.relax.gates->places; i++) ck_near(found[i], b.dalpha[i], 1e-12, m->name);
        }
        bed_close(&b);
    }
}
END_TEST

// Equations 7 and 8 of the paper, written out with its finite difference, and with the exact product of the second derivative,
// which is B here, whatever the weights.
START_TEST(darts_of_second_order) {
    const sn_method *m = sn_method_find(SN_RELAXATION, "darts");
    for (uint32_t seed = 0; seed < 20; seed++) {
        bed b;
        world x;
        world_open(&x, &b, seed);
        b.settings.order = 2;
        double w[WEIGHTS], ahead[WEIGHTS], g[MOST], dw[WEIGHTS], step[WEIGHTS], dg[MOST], side[MOST], v[WEIGHTS];
        double xi = b.settings.lr, norm = 0;
        memcpy(w, x.w, sizeof w);
        memcpy(v, x.v, sizeof v);
        ck_ok(m->relax(m, &b.relax));
        ck_assert_int_eq(x.passes, 5);
        double found[MOST];
        memcpy(found, b.dalpha, sizeof found);

        int n = b.relax.gates->places;
        set_gates(m, &b);
        world_gate(&x, g);
        gradients(&x, SN_ON_WEIGHTS, w, g, step, NULL);
        for (int i = 0; i < WEIGHTS; i++) ahead[i] = w[i] - xi * (x.momentum * v[i] + step[i] + x.decay * w[i]);
        gradients(&x, SN_ON_ALPHAS, ahead, g, dw, dg);
        for (int i = 0; i < WEIGHTS; i++) norm += dw[i] * dw[i];
        double eps = 0.01 / sqrt(norm), exact[MOST];
        for (int j = 0; j < n; j++) {
            exact[j] = dg[j];
            for (int i = 0; i < WEIGHTS; i++) exact[j] -= xi * x.B[SN_ON_WEIGHTS][i][j] * dw[i];
        }
        for (int s = 0; s < 2; s++) {
            double beside[WEIGHTS];
            for (int i = 0; i < WEIGHTS; i++) beside[i] = w[i] + (s ? -eps : eps) * dw[i];
            gradients(&x, SN_ON_WEIGHTS, beside, g, NULL, side);
            for (int j = 0; j < n; j++) dg[j] -= (s ? -1 : 1) * xi * side[j] / (2 * eps);
        }
        memcpy(b.dgate, dg, sizeof dg);
        pull(m, &b);
        for (int j = 0; j < n; j++) ck_near(found[j], b.dalpha[j], 1e-9, "by the paper's differences");
        memcpy(b.dgate, exact, sizeof exact);
        pull(m, &b);
        for (int j = 0; j < n; j++) ck_near(found[j], b.dalpha[j], 1e-9, "by the exact product");
        // the weights are trained from where they were, not from ahead
        gradients(&x, SN_ON_WEIGHTS, w, g, dw, NULL);
        for (int i = 0; i < WEIGHTS; i++)
            ck_near(x.w[i], w[i] - xi * (x.momentum * v[i] + dw[i] + x.decay * w[i]), 1e-12, "weight after the step");
        bed_close(&b);
    }
}
END_TEST

// ---------------------------------------------------------------- likeliest archs
START_TEST(likeliest_are_those_of_enumeration) {
    const sn_method *m = sn_method_find(SN_STRATEGY, "likeliest");
    for (uint32_t seed = 0; seed < 20; seed++) {
        bed b;
        double share[MOST];
        bed_open(&b, seed);
        for (int d = 0; d < b.space->n_decisions; d++)
            sn_relax_softmax_share(b.space, d, b.alpha + b.relax.gates->first[d], share + b.relax.gates->first[d]);
        long wanted = 1 + (long)seed, n;
        sn_arch *list, a = sn_arch_first(b.space);
        ck_ok(m->ask(&(sn_question){.space = b.space, .share = share, .sample = wanted, .most = 1000}, &list, &n));
        ck_assert_int_eq(n, wanted);
        double least = INFINITY;
        for (long i = 0; i < n; i++) {
            double p = 1;
            for (int d = 0; d < a.n; d++) p *= share[b.relax.gates->first[d] + list[i].option[d]];
            if (p < least) least = p;
            ck_assert(!i || sn_arch_compare(&list[i - 1], &list[i]) < 0);
        }
        long better = 0;
        do {
            double p = 1;
            for (int d = 0; d < a.n; d++) p *= share[b.relax.gates->first[d] + a.option[d]];
            better += p > least * (1 + 1e-12);
        } while (sn_arch_next(b.space, &a));
        ck_assert_int_lt(better, n);
        free(list);
        bed_close(&b);
    }
    sn_arch *list;
    long n;
    ck_assert_int_eq(m->ask(&(sn_question){.sample = 1}, &list, &n), SN_USAGE);
    ck_message("train.mode: relax");
}
END_TEST

int main(void) {
    int methods = 0;
    while (method_at(methods)) methods++;
    Suite *s = suite_create("relax");
    TCase *t = tcase_create("relax");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, gates_of_every_method, 0, methods);
    tcase_add_loop_test(t, alphas_by_differences, 0, methods);
    tcase_add_test(t, dirichlet_by_quantiles);
    tcase_add_test(t, dirichlet_draws);
    tcase_add_loop_test(t, a_step_of_every_method, 0, methods);
    tcase_add_test(t, darts_of_second_order);
    tcase_add_test(t, likeliest_are_those_of_enumeration);
    suite_add_tcase(s, t);
    return run_suite(s);
}
