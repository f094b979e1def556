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
    b->settings =
        (sn_relax_settings){.order = 1, .temperature = 2, .temperature_end = 0.5, .zero_one = 10, .perturb = 0.3, .lr = 0.025};
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
            ck_assert_msg(m->paths ? __builtin_popcountll(active) == m->paths : active == allowed, "%s: how many run", m->name);
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
    double alpha_lr;     // of update_alphas, which also moves alphas without a gradient, as momentum does
    double passed[MOST]; // gates of the last pass
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

static double loss_of(const world *x, int on, const double *w, const double *g) {
    int n = x->b->relax.gates->places;
    double sum = 0;
    for (int i = 0; i < WEIGHTS; i++) {
        sum += x->c[on][i] * w[i];
        for (int j = 0; j < WEIGHTS; j++) sum += 0.5 * w[i] * x->A[on][i][j] * w[j];
        for (int j = 0; j < n; j++) sum += w[i] * x->B[on][i][j] * g[j];
    }
    for (int j = 0; j < n; j++) {
        sum += sin(g[j]);
        for (int k = 0; k < n; k++) sum += 0.5 * g[j] * x->C[on][j][k] * g[k];
    }
    return sum;
}

static sn_status fake_pass(void *arg, sn_half half, unsigned wanted) {
    world *x = arg;
    double g[MOST] = {0}, dw[WEIGHTS];
    world_gate(x, g);
    memcpy(x->passed, g, sizeof g);
    x->b->relax.loss = loss_of(x, (int)half, x->w, g);
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
    world *x = arg;
    for (int i = 0; i < x->b->relax.gates->places; i++) x->b->alpha[i] -= x->alpha_lr * (x->b->dalpha[i] + 0.3);
    x->alpha_updates++;
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
static sn_status fake_set_alpha(void *arg, int place, double alpha) {
    ((world *)arg)->b->alpha[place] = alpha;
    return SN_OK;
}
static const sn_relax_verbs fakes = {fake_pass, fake_update_weights, fake_update_alphas, fake_save,     fake_restore,
                                     fake_move, fake_norm,           fake_drop,          fake_set_alpha};

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

// ---------------------------------------------------------------- costs
// Both forms, by differences of the whole loss L(p) of what the gates are made of, whose gradient dgate is: L + w C/R, and
// w L (ln C / ln R)^e.
START_TEST(costs_by_differences) {
    const sn_method *m = sn_method_find(SN_RELAXATION, "softmax");
    for (uint32_t seed = 0; seed < 40; seed++) {
        bed b;
        bed_open(&b, seed);
        int n = b.relax.gates->places;
        double cost[MOST] = {0}, dgate[MOST], found[MOST];
        sn_rng r = sn_rng_at(seed, SN_STREAM_RESAMPLE, 93, 0, 0);
        for (int i = 0; i < n; i++) cost[i] = 0.3 * sn_rng_unit(&r);
        memcpy(dgate, b.dgate, sizeof dgate);
        b.relax.cost = cost, b.relax.cost_fixed = 0.2, b.relax.cost_reference = 1e4;
        b.settings.cost = 0.7, b.settings.cost_multiplies = seed % 2, b.settings.cost_exponent = 0.3;
        for (int i = -1; i < n; i++) // first the gradient, then its differences
            for (int side = 0; side < 2; side++) {
                static double total[2];
                double h = 1e-5, kept = i < 0 ? 0 : b.alpha[i], loss = 3, c = 0.2;
                if (i >= 0) b.alpha[i] = kept + (side ? -h : h);
                set_gates(m, &b);
                for (int k = 0; k < n; k++) loss += dgate[k] * b.kept[k], c += cost[k] * b.kept[k];
                total[side] = seed % 2 ? 0.7 * loss * pow(log(c * 1e4) / log(1e4), 0.3) : loss + 0.7 * c;
                if (i >= 0) b.alpha[i] = kept;
                if (i < 0 && side) {
                    b.relax.loss = loss;
                    sn_relax_pull(m, &b.relax);
                    memcpy(found, b.dalpha, sizeof found);
                }
                if (i >= 0 && side) ck_near(found[i], (total[0] - total[1]) / (2 * h), 1e-7, "loss with its cost");
            }
        bed_close(&b);
    }
}
END_TEST

// ---------------------------------------------------------------- proxyless
static double softmax_of(const bed *b, int d, int option, uint64_t among) {
    const double *alpha = b->alpha + b->relax.gates->first[d];
    double sum = 0;
    for (int k = 0; k < b->space->decisions[d].options; k++)
        if (among >> k & 1) sum += exp(alpha[k]);
    return exp(alpha[option]) / sum;
}

// The gradient of equation 4 over the two that were drawn, and what was not drawn as likely after the update as before.
START_TEST(proxyless_of_two_paths) {
    const sn_method *m = sn_method_find(SN_RELAXATION, "proxyless");
    for (uint32_t seed = 0; seed < 30; seed++) {
        bed b;
        world x;
        world_open(&x, &b, seed);
        x.alpha_lr = 0.1;
        double w[WEIGHTS], before[MOST], g[MOST] = {0}, dg[MOST];
        memcpy(w, x.w, sizeof w);
        memcpy(before, b.alpha, sizeof before);
        set_gates(m, &b);
        uint64_t drawn[SN_MAX_DECISIONS];
        memcpy(drawn, b.relax.gates->active, sizeof drawn);
        world_gate(&x, g);
        gradients(&x, SN_ON_ALPHAS, w, g, NULL, dg);
        ck_ok(m->relax(m, &b.relax));
        for (int d = 0; d < b.space->n_decisions; d++) {
            int first = b.relax.gates->first[d], pair[2] = {__builtin_ctzll(drawn[d]), 63 - __builtin_clzll(drawn[d])};
            double p[2], moved[2], sum[2] = {0};
            bed then = b;
            memcpy(then.alpha, before, sizeof before);
            for (int i = 0; i < 2; i++) p[i] = softmax_of(&then, d, pair[i], drawn[d]);
            for (int i = 0; i < 2; i++) {
                double expected = 0;
                for (int j = 0; j < 2; j++) expected += dg[first + pair[j]] * p[j] * ((i == j) - p[i]);
                ck_near(b.dalpha[first + pair[i]], expected, 1e-12, "gradient of an alpha");
                moved[i] = before[first + pair[i]] - 0.1 * (expected + 0.3);
                sum[0] += exp(before[first + pair[i]]), sum[1] += exp(moved[i]);
            }
            for (int i = 0; i < 2; i++)
                ck_near(b.alpha[first + pair[i]], moved[i] - log(sum[1] / sum[0]), 1e-12, "alpha that was drawn");
            for (int k = 0; k < b.space->decisions[d].options; k++) {
                if (drawn[d] >> k & 1 || !sn_decision_allows(&b.space->decisions[d], k)) continue;
                ck_assert_msg(b.alpha[first + k] == before[first + k], "an alpha that was not drawn moved");
                uint64_t all = b.space->decisions[d].allowed;
                ck_near(softmax_of(&b, d, k, all), softmax_of(&then, d, k, all), 1e-12, "share of what was not drawn");
            }
        }
        bed_close(&b);
    }
}
END_TEST

// Single paths are drawn by the softmax of alphas, pairs without replacement, the one of a pair that runs by its share of it.
START_TEST(proxyless_draws) {
    enum { DRAWS = 20000, D = 3 };
    const sn_method *m = sn_method_find(SN_RELAXATION, "proxyless");
    bed b;
    bed_open(&b, 8);
    int first = b.relax.gates->first[D], n = b.space->decisions[D].options;
    uint64_t all = b.space->decisions[D].allowed;
    double alone[8] = {0}, in_pair[8] = {0}, runs[8] = {0}, pairs[8] = {0}, running[8] = {0};
    for (int i = 0; i < DRAWS; i++) {
        b.relax.step = (uint32_t)i;
        m->gates(&b.relax, D, SN_DRAW_WEIGHTS);
        alone[__builtin_ctzll(b.relax.gates->active[D])] += 1.0 / DRAWS;
        m->gates(&b.relax, D, SN_DRAW_ALPHAS);
        for (int k = 0; k < n; k++) {
            in_pair[k] += b.relax.gates->active[D] >> k & 1 ? 1.0 / DRAWS : 0;
            if (b.relax.gates->active[D] >> k & 1) runs[k] += b.relax.gates->gate[first + k] / DRAWS;
        }
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            uint64_t pair = UINT64_C(1) << i | UINT64_C(1) << j;
            double p = i == j ? 0 : softmax_of(&b, D, i, all) * softmax_of(&b, D, j, all & ~(UINT64_C(1) << i));
            pairs[i] += p, pairs[j] += p; // i first, then j
            running[i] += p * softmax_of(&b, D, i, pair), running[j] += p * softmax_of(&b, D, j, pair);
        }
    for (int k = 0; k < n; k++) {
        ck_near(alone[k], softmax_of(&b, D, k, all), 0.015, "how often an option is drawn alone");
        ck_near(in_pair[k], pairs[k], 0.015, "how often it is in a pair");
        ck_near(runs[k], running[k], 0.015, "how often it runs of a pair");
    }
    bed_close(&b);
}
END_TEST

// ---------------------------------------------------------------- sdarts
static void clip_by_hand(const sn_decision *o, double *g) {
    double sum = 0;
    for (int k = 0; k < o->options; k++) {
        if (!sn_decision_allows(o, k) || g[k] < 0) g[k] = 0;
        if (g[k] > 1) g[k] = 1;
        sum += g[k];
    }
    for (int k = 0; k < o->options; k++) g[k] /= sum;
}

// Drawn: uniform around the softmax, in a radius a quarter of the way from 0.03 to 0.3. Towards the largest loss: so many steps
// of the authors' loop, on the weights' images; without gain the softmax.
START_TEST(sdarts_perturbs_the_weights_gates) {
    const sn_method *m = sn_method_find(SN_RELAXATION, "sdarts");
    int kept = 0, left = 0;
    for (uint32_t seed = 0; seed < 60; seed++) {
        bed b;
        world x;
        world_open(&x, &b, seed);
        int steps = seed % 3 ? 7 : 0, n = b.relax.gates->places;
        b.settings.perturb_steps = steps;
        double w[WEIGHTS], p[MOST] = {0}, g[MOST] = {0}, dg[MOST], by = 0.03 + 0.27 * 0.25;
        memcpy(w, x.w, sizeof w);
        ck_ok(m->relax(m, &b.relax));
        ck_assert_int_eq(x.passes, steps ? 2 + 2 + steps : 2);
        for (int d = 0; d < b.space->n_decisions; d++) {
            const sn_decision *o = &b.space->decisions[d];
            int first = b.relax.gates->first[d];
            sn_rng r = sn_relax_rng(&b.relax, d, SN_DRAW_WEIGHTS);
            for (int k = 0; k < o->options; k++) {
                p[first + k] = sn_decision_allows(o, k) ? softmax_of(&b, d, k, o->allowed) : 0;
                g[first + k] = p[first + k] + by * (2 * sn_rng_unit(&r) - 1);
            }
            clip_by_hand(o, g + first);
        }
        for (int i = 0; i < steps; i++) {
            gradients(&x, SN_ON_WEIGHTS, w, g, NULL, dg);
            for (int k = 0; k < n; k++) {
                g[k] += dg[k] > 0 ? 2 * by / steps : -2 * by / steps;
                if (g[k] > p[k] + by) g[k] = p[k] + by;
                if (g[k] < p[k] - by) g[k] = p[k] - by;
            }
            for (int d = 0; d < b.space->n_decisions; d++) clip_by_hand(&b.space->decisions[d], g + b.relax.gates->first[d]);
        }
        bool gain = loss_of(&x, SN_ON_WEIGHTS, w, g) >= loss_of(&x, SN_ON_WEIGHTS, w, p);
        if (steps) gain ? kept++ : left++;
        if (steps && !gain) memcpy(g, p, sizeof g);
        for (int k = 0; k < n; k++) ck_near(x.passed[k], g[k], 1e-12, "gate of the weights' pass");
        bed_close(&b);
    }
    ck_assert_msg(kept > 5, "%d with a larger loss, %d without", kept, left);
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
    tcase_add_test(t, costs_by_differences);
    tcase_add_test(t, proxyless_of_two_paths);
    tcase_add_test(t, proxyless_draws);
    tcase_add_test(t, sdarts_perturbs_the_weights_gates);
    tcase_add_test(t, likeliest_are_those_of_enumeration);
    suite_add_tcase(s, t);
    return run_suite(s);
}
