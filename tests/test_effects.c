// Main effects: planted additive truths, over spaces as users write them, come back exactly without noise and within their
// intervals as often as promised with it; absent decisions, options never scored, interactions, responses that cannot be fitted.
// The same of scores on images. Not here: the scores of a run (test_program.c).
// Next: src/supernet/rank/effects.h.
#include "io/config/config.h"
#include "random_space.h"
#include "supernet/rank/fitted.h"

// ---------------------------------------------------------------- spaces and truths
// Decisions that each choose between the same blocks a, b, c ...
static sn_space *plain_space(int decisions, int options) {
    static const int none[SN_OP_ATTRS];
    sn_space *s = sn_space_new();
    s->channels = s->height = s->width = s->classes = 2;
    sn_entry e = {.choice = true, .options = options, .layers = decisions, .out = 2, .stride = 1};
    for (int k = 0; k < options; k++)
        e.block[k] = sn_space_add_block(s, (char[]){(char)('a' + k), 0}, sn_op_find("identity"), none);
    sn_space_add_entry(s, "part", &e);
    e = (sn_entry){.options = 1, .layers = 1, .stride = 1};
    e.block[0] = sn_space_add_block(s, "last", sn_op_find("classifier"), NULL);
    sn_space_add_entry(s, "last", &e);
    ck_ok(sn_space_finish(s));
    return s;
}

static sn_config *random_config(uint32_t seed) {
    sn_config *c;
    put_random_space(seed, small_measure);
    ck_ok(sn_config_load(at("space.yaml"), NULL, 0, &c));
    return c;
}

// A truth: numbers by decision and option, absence last.
typedef struct {
    double of[SN_MAX_DECISIONS][SN_MAX_OPTIONS + 1];
} truth;

static truth *any_truth(const sn_space *s, sn_rng *r) {
    truth *t = sn_new(1, sizeof *t);
    for (int d = 0; d < s->n_decisions; d++)
        for (int k = 0; k <= SN_MAX_OPTIONS; k++) t->of[d][k] = sn_rng_normal(r);
    return t;
}

static double truth_of(const truth *t, int d, int option) {
    return t->of[d][option == SN_ABSENT ? SN_MAX_OPTIONS : option];
}

static double total(const truth *t, const sn_arch *a) {
    double sum = 0;
    for (int d = 0; d < a->n; d++) sum += truth_of(t, d, a->option[d]);
    return sum;
}

// What an effect should be: the truth, around its mean over the archs.
static double wanted(const truth *t, const sn_effect *e, const sn_arch *archs, long n) {
    double mean = 0;
    for (long i = 0; i < n; i++) mean += truth_of(t, e->decision, archs[i].option[e->decision]) / (double)n;
    return truth_of(t, e->decision, e->option) - mean;
}

static sn_arch *any_archs(const sn_space *s, sn_rng *r, long n) {
    sn_arch *a = sn_new((size_t)n, sizeof *a);
    for (long i = 0; i < n; i++) a[i] = sn_arch_random(s, r);
    return a;
}

static sn_arch *all_archs(const sn_space *s, long n) {
    sn_arch *a = sn_new((size_t)n, sizeof *a), next = sn_arch_first(s);
    for (long i = 0; i < n; i++, sn_arch_next(s, &next)) a[i] = next;
    return a;
}

// Archs that suffice for every effect of a space, and how many of its options are a choice.
static long enough(const sn_space *s, long times) {
    return times * (sn_space_options(s) - s->n_decisions) + 20;
}

// ---------------------------------------------------------------- planted truths
START_TEST(exact_without_noise) {
    int spaces = 0;
    for (uint32_t seed = 1; seed <= 40; seed++) {
        sn_config *c = random_config(seed);
        const sn_space *s = c->space.built;
        sn_rng r = sn_rng_at(seed, SN_STREAM_ARCHS, 1, 0, 0);
        if (sn_space_options(s) > s->n_decisions) {
            long n = enough(s, 8);
            sn_arch *a = any_archs(s, &r, n), new = sn_arch_random(s, &r);
            truth *t = any_truth(s, &r);
            double *y = sn_new((size_t)n, sizeof *y);
            sn_effects_design *d;
            sn_effects f;
            for (long i = 0; i < n; i++) y[i] = 5 + total(t, &a[i]);
            ck_ok(sn_effects_open(s, a, n, &d));
            ck_ok(sn_effects_fit(d, "y", y, &f));
            for (int e = 0; e < f.n; e++)
                if (f.effect[e].archs && !sn_space_nests(s)) // where decisions are absent effects are split in some way
                    ck_near(f.effect[e].value, wanted(t, &f.effect[e], a, n), 1e-9, "effect");
            for (long i = 0; i < n; i++) ck_near(sn_effects_predict(&f, &a[i]), y[i], 1e-9, "fitted");
            double predicted = sn_effects_predict(&f, &new);
            if (!isnan(predicted)) ck_near(predicted, 5 + total(t, &new), 1e-9, "predicted");
            ck_near(f.explained, 1, 1e-12, "explained");
            sn_effects_free(&f);
            sn_effects_close(d);
            free(a);
            free(t);
            free(y);
            spaces++;
        }
        sn_config_free(c);
    }
    ck_assert_int_ge(spaces, 30);
}
END_TEST

// Where every arch was scored, least squares are means, and ridge shrinks all alike: lambda, effects and intervals by hand.
START_TEST(complete_design_by_hand) {
    enum { N = 81, EACH = 27, EFFECTS = 12, RANK = 8 };
    sn_space *s = plain_space(4, 3);
    sn_arch *a = all_archs(s, N);
    sn_rng r = sn_rng_at(3, SN_STREAM_ARCHS, 7, 0, 0);
    for (int draw = 0; draw < 20; draw++) {
        double y[N], mean = 0, all = 0, of_means = 0, means[EFFECTS] = {0}, best = INFINITY, lambda = 0;
        for (int i = 0; i < N; i++) y[i] = sn_rng_normal(&r) + 0.1 * draw * a[i].option[0], mean += y[i] / N;
        for (int i = 0; i < N; i++) all += (y[i] - mean) * (y[i] - mean);
        for (int i = 0; i < N; i++)
            for (int d = 0; d < 4; d++) means[3 * d + a[i].option[d]] += (y[i] - mean) / EACH;
        for (int e = 0; e < EFFECTS; e++) of_means += EACH * means[e] * means[e];
        for (int k = -31; k <= 10; k++) { // -31: none
            double l = k < -30 ? 0 : ldexp(EACH, k), kept = EACH / (EACH + l), lost = (1 - kept) * (1 - kept) * of_means;
            double now = N * (all - of_means + lost) / ((N - 1 - RANK * kept) * (N - 1 - RANK * kept));
            if (now < best) best = now, lambda = l;
        }
        sn_effects_design *d;
        sn_effects f;
        ck_ok(sn_effects_open(s, a, N, &d));
        ck_ok(sn_effects_fit(d, "y", y, &f));
        ck_near(f.lambda, lambda, 1e-9 * (lambda + 1), "lambda");
        double t = 1.99346, sigma = sqrt((all - of_means) / (N - 1 - RANK)); // Student's t of 72 degrees of freedom
        ck_near(f.sigma, sigma, 1e-12, "sigma");
        for (int e = 0; e < EFFECTS; e++) {
            double half = t * sigma * sqrt(2. / N); // the variance of a mean of EACH around the mean of all
            ck_near(f.effect[e].value, means[e] * EACH / (EACH + lambda), 1e-12, "effect");
            ck_near(f.effect[e].from, means[e] - half, 1e-5, "from");
            ck_near(f.effect[e].to, means[e] + half, 1e-5, "to");
        }
        sn_effects_free(&f);
        sn_effects_close(d);
    }
    sn_space_free(s);
    free(a);
}
END_TEST

// Shares of effects within their intervals, over draws of truth, archs and noise.
typedef struct {
    long within, all;
} coverage;

static void cover(const sn_space *s, sn_rng *r, long n, double noise, coverage *c) {
    sn_arch *a = any_archs(s, r, n);
    truth *t = any_truth(s, r);
    double *y = sn_new((size_t)n, sizeof *y);
    sn_effects_design *d;
    sn_effects f;
    for (long i = 0; i < n; i++) y[i] = total(t, &a[i]) + noise * sn_rng_normal(r);
    ck_ok(sn_effects_open(s, a, n, &d));
    ck_ok(sn_effects_fit(d, "y", y, &f));
    for (int e = 0; e < f.n; e++) {
        const sn_effect *x = &f.effect[e];
        if (!x->archs || isnan(x->from) || f.first[x->decision + 1] - f.first[x->decision] < 2) continue;
        double w = wanted(t, x, a, n);
        c->all++;
        c->within += w >= x->from && w <= x->to;
    }
    sn_effects_free(&f);
    sn_effects_close(d);
    free(a);
    free(t);
    free(y);
}

START_TEST(intervals_cover) {
    static const double noise[] = {0.1, 1, 4};
    coverage c[3] = {0};
    for (uint32_t seed = 1; seed <= 300; seed++) {
        sn_config *config = random_config(seed);
        const sn_space *s = config->space.built;
        sn_rng r = sn_rng_at(seed, SN_STREAM_ARCHS, 2, 0, 0);
        for (int k = 0; k < 3 && sn_space_options(s) > s->n_decisions; k++)
            for (int draw = 0; draw < 60; draw++) cover(s, &r, enough(s, 1 + draw % 4), noise[k], &c[k]);
        sn_config_free(config);
    }
    for (int k = 0; k < 3; k++) {
        double share = (double)c[k].within / (double)c[k].all;
        if (getenv("SN_SHOW")) printf("noise %g: %.4f of %ld within their intervals\n", noise[k], share, c[k].all);
        ck_assert_msg(fabs(share - 0.95) <= 0.006, "noise %g: %.4f of %ld effects within their intervals, promised 0.95",
                      noise[k], share, c[k].all);
    }
}
END_TEST

// ---------------------------------------------------------------- structure
// The second decision exists only where the first is not a: its absence goes along with a.
START_TEST(absent_decisions) {
    sn_space *s = plain_space(3, 3);
    sn_rng r = sn_rng_at(7, SN_STREAM_ARCHS, 3, 0, 0);
    truth *t = any_truth(s, &r);
    sn_arch *a = all_archs(s, 27);
    double y[27];
    sn_effects_design *d;
    sn_effects f;
    for (int i = 0; i < 27; i++) {
        if (a[i].option[0] == 0) a[i].option[1] = SN_ABSENT;
        y[i] = total(t, &a[i]);
    }
    ck_ok(sn_effects_open(s, a, 27, &d));
    ck_ok(sn_effects_fit(d, "y", y, &f));
    ck_assert_int_eq(f.n, 10);
    ck_assert_int_eq(f.effect[6].option, SN_ABSENT);
    ck_assert_int_eq(f.effect[6].archs, 9);
    for (int i = 0; i < 27; i++) ck_near(sn_effects_predict(&f, &a[i]), y[i], 1e-12, "fitted");
    for (int e = 7; e < 10; e++) {
        ck_near(f.effect[e].value, wanted(t, &f.effect[e], a, 27), 1e-12, "third decision");
        ck_assert(!isnan(f.effect[e].from));
    }
    ck_assert(isnan(f.effect[0].from) && isnan(f.effect[6].to)); // only their sum is told
    sn_effects_free(&f);
    sn_effects_close(d);
    sn_space_free(s);
    free(a);
    free(t);
}
END_TEST

START_TEST(options_never_scored) {
    sn_space *s = plain_space(3, 3);
    sn_arch *a = all_archs(s, 27), unseen = a[0];
    long n = 0;
    double y[27];
    sn_effects_design *d;
    sn_effects f;
    for (int i = 0; i < 27; i++)
        if (a[i].option[1] != 2) a[n++] = a[i];
    for (int i = 0; i < n; i++) y[i] = a[i].option[0];
    ck_ok(sn_effects_open(s, a, n, &d));
    ck_ok(sn_effects_fit(d, "y", y, &f));
    ck_assert_int_eq(f.n, 9);
    ck_assert_int_eq(f.effect[5].archs, 0);
    ck_assert(isnan(f.effect[5].value) && isnan(f.effect[5].from));
    ck_assert_ptr_null(sn_effects_of(&f, 1, 2));
    ck_assert_ptr_nonnull(sn_effects_of(&f, 1, 1));
    ck_near(sn_effects_predict(&f, &unseen), 0, 1e-12, "seen");
    unseen.option[1] = 2;
    ck_assert(isnan(sn_effects_predict(&f, &unseen)));
    sn_effects_free(&f);
    sn_effects_close(d);
    sn_space_free(s);
    free(a);
}
END_TEST

// y = effects + one interaction of decisions 0 and 2, over all archs: shares by hand.
START_TEST(shares_of_variance) {
    enum { N = 27 };
    sn_space *s = plain_space(3, 3);
    sn_arch *a = all_archs(s, N);
    double y[N], variance = 0, mean = 0;
    sn_effects_design *d;
    sn_effects f;
    sn_effects_share *share;
    size_t n;
    for (int i = 0; i < N; i++) {
        int p = a[i].option[0] - 1, q = a[i].option[2] - 1;
        y[i] = 2 * p + a[i].option[1] + 3 * p * q; // variances 4 * 2/3, 2/3, 9 * 4/9
        mean += y[i] / N;
    }
    for (int i = 0; i < N; i++) variance += (y[i] - mean) * (y[i] - mean) / N;
    ck_near(variance, 22. / 3, 1e-12, "variance");
    ck_ok(sn_effects_open(s, a, N, &d));
    ck_ok(sn_effects_fit(d, "y", y, &f));
    ck_ok(sn_effects_shares(d, y, &f, &share, &n));
    ck_assert_uint_eq(n, 6);
    const double expected[] = {8. / 22, 2. / 22, 0, 0, 12. / 22, 0}, chance = f.sigma * f.sigma / (N * variance);
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(share[i].decision[1] == -1, i < 3);
        ck_near(share[i].share, expected[i], 1e-12, "share");
        ck_near(share[i].by_chance, (i < 3 ? 2 : 4) * chance, 1e-12, "share by chance");
    }
    ck_near(chance, 12. / 22 / (N - 1 - 6), 1e-12, "chance");
    const sn_effects_share *x = &share[4];
    ck_assert(x->decision[0] == 0 && x->decision[1] == 2 && x->archs == 3);
    int sign = (x->option[0] - 1) * (x->option[1] - 1);
    ck_assert_int_eq(abs(sign), 1);
    ck_near(x->value, 3 * sign, 1e-12, "interaction");
    free(share);
    sn_effects_free(&f);
    sn_effects_close(d);
    sn_space_free(s);
    free(a);
}
END_TEST

// Of archs of which some options go together often, shares of decisions overlap; that of all main effects is the R^2 of least
// squares all the same: the squared correlation of the fitted with the response.
START_TEST(share_of_all_main_effects) {
    enum { N = 40 };
    sn_space *s = plain_space(3, 3);
    sn_rng r = sn_rng_at(3, SN_STREAM_ARCHS, 4, 0, 0);
    sn_arch a[N];
    double y[N], value[9], work[18], fitted[N], mean[2] = {0}, xx = 0, yy = 0, xy = 0, sum = 0;
    sn_effects_design *d;
    sn_effects f;
    sn_effects_share *share;
    size_t n;
    for (int i = 0; i < N; i++) {
        int same = (int)sn_rng_below(&r, 3);
        a[i] = sn_arch_first(s);
        for (int k = 0; k < 3; k++) a[i].option[k] = (uint8_t)(sn_rng_below(&r, 10) < 6 ? same : (int)sn_rng_below(&r, 3));
        y[i] = a[i].option[0] + a[i].option[1] + a[i].option[2] + sn_rng_normal(&r);
    }
    ck_ok(sn_effects_open(s, a, N, &d));
    ck_ok(sn_effects_fit(d, "y", y, &f));
    ck_ok(sn_effects_shares(d, y, &f, &share, &n));
    sn_effects_refit(d, y, 0, value, work);
    for (int i = 0; i < N; i++) {
        fitted[i] = 0;
        for (int k = 0; k < 3; k++) fitted[i] += value[3 * k + a[i].option[k]];
        mean[0] += fitted[i] / N, mean[1] += y[i] / N;
    }
    for (int i = 0; i < N; i++) {
        double x = fitted[i] - mean[0], z = y[i] - mean[1];
        xx += x * x, yy += z * z, xy += x * z;
    }
    ck_near(f.main.share, xy * xy / (xx * yy), 1e-12, "R^2");
    ck_near(f.main.by_chance, 6 * f.sigma * f.sigma / (N * f.variance), 1e-12, "by chance");
    ck_assert(f.main.share >= f.explained);
    for (int k = 0; k < 3; k++) sum += share[k].share;
    ck_assert(fabs(sum - f.main.share) > 0.05);
    free(share);
    sn_effects_free(&f);
    sn_effects_close(d);
    sn_space_free(s);
}
END_TEST

START_TEST(refit_is_the_fit) {
    sn_space *s = plain_space(4, 4);
    sn_rng r = sn_rng_at(9, SN_STREAM_ARCHS, 4, 0, 0);
    sn_arch *a = any_archs(s, &r, 60);
    double y[60], value[16], work[32];
    sn_effects_design *d;
    sn_effects f, again;
    for (int i = 0; i < 60; i++) y[i] = sn_rng_normal(&r) + a[i].option[0];
    ck_ok(sn_effects_open(s, a, 60, &d));
    ck_ok(sn_effects_fit(d, "y", y, &f));
    ck_ok(sn_effects_fit(d, "y", y, &again));
    ck_assert_int_eq(memcmp(f.effect, again.effect, (size_t)f.n * sizeof *f.effect), 0);
    sn_effects_refit(d, y, f.lambda, value, work);
    for (int e = 0; e < f.n; e++) ck_near(value[e], f.effect[e].value, 0, "refit");
    sn_effects_free(&f);
    sn_effects_free(&again);
    sn_effects_close(d);
    sn_space_free(s);
    free(a);
}
END_TEST

// ---------------------------------------------------------------- what cannot be fitted
START_TEST(too_little_to_fit) {
    sn_space *s = plain_space(3, 3);
    sn_arch *a = all_archs(s, 27);
    double y[27];
    sn_effects_design *d;
    sn_effects f;
    ck_assert_int_eq(sn_effects_open(s, a, 5, &d), SN_USAGE); // 3 options of the last, 2 of the one before
    ck_message("3 effects need at least 6 scored architectures, found are 5: score at least 1 more");
    ck_assert_int_eq(sn_effects_open(s, a, 1, &d), SN_USAGE);
    ck_message("all of 1 scored architecture have the same options: there are no effects to fit");
    ck_ok(sn_effects_open(s, a, 27, &d));
    for (int i = 0; i < 27; i++) y[i] = 0.25;
    ck_assert_int_eq(sn_effects_fit(d, "top-1", y, &f), SN_DATA);
    ck_message("top-1 of all 27 scored architectures is equal: there are no effects");
    y[4] = NAN;
    ck_assert_int_eq(sn_effects_fit(d, "the loss", y, &f), SN_DATA);
    ck_message("the loss of a,b,b is nan");
    sn_effects_close(d);
    sn_effects_close(NULL);
    sn_space_free(s);
    free(a);
    s = plain_space(1, 4); // nobody can score more than there are
    a = all_archs(s, 4);
    ck_assert_int_eq(sn_effects_open(s, a, 4, &d), SN_USAGE);
    ck_message("3 effects need at least 6 scored architectures, and this space has 4 in all");
    sn_space_free(s);
    free(a);
}
END_TEST

// ---------------------------------------------------------------- scores on images
enum { ARCHS = 27, IMAGES = 600, WORDS = (IMAGES + 63) / 64 };

// Scores of all archs of 3 decisions with 3 options: an image has a difficulty, which an arch masters or not.
typedef struct {
    sn_space *space;
    double share[ARCHS]; // of all images that there could be
    sn_ranked item[ARCHS];
    uint64_t hits[ARCHS][WORDS];
} scores;

static scores *some_scores(sn_rng *r) {
    scores *s = sn_new(1, sizeof *s);
    s->space = plain_space(3, 3);
    sn_arch *a = all_archs(s->space, ARCHS);
    truth *t = any_truth(s->space, r);
    for (int i = 0; i < ARCHS; i++) {
        s->share[i] = sn_effects_share_of(0.5 + 0.4 * total(t, &a[i]));
        s->item[i] = (sn_ranked){.arch = a[i], .loss = 1 + total(t, &a[i]), .hits = s->hits[i]};
    }
    free(a);
    free(t);
    return s;
}

static void draw_images(scores *s, sn_rng *r) {
    memset(s->hits, 0, sizeof s->hits);
    for (int i = 0; i < ARCHS; i++) s->item[i].top1 = 0;
    for (int k = 0; k < IMAGES; k++) {
        double difficulty = sn_rng_unit(r);
        for (int i = 0; i < ARCHS; i++) {
            bool right = (sn_rng_below(r, 4) ? difficulty : sn_rng_unit(r)) < s->share[i];
            s->hits[i][k / 64] |= (uint64_t)right << (k % 64);
            s->item[i].top1 += right / (double)IMAGES;
        }
    }
}

static void free_scores(scores *s) {
    sn_space_free(s->space);
    free(s);
}

// True effects are those of the true shares; the intervals are of the archs that were scored, all of them.
START_TEST(image_intervals_cover) {
    sn_rng r = sn_rng_at(11, SN_STREAM_ARCHS, 5, 0, 0);
    coverage c = {0};
    for (int draw = 0; draw < 120; draw++) {
        scores *s = some_scores(&r);
        sn_fitted f;
        double logit[ARCHS], value[9], work[18], from[9], to[9];
        draw_images(s, &r);
        ck_ok(sn_fitted_make(s->space, s->item, ARCHS, IMAGES, &f));
        for (int i = 0; i < ARCHS; i++) logit[i] = log(s->share[i] / (1 - s->share[i]));
        sn_effects_refit(f.design, logit, f.accuracy.lambda, value, work);
        ck_ok(sn_fitted_over_images(&f, s->item, ARCHS, IMAGES, 200, (uint32_t)draw, from, to));
        for (int e = 0; e < 9; e++, c.all++) c.within += value[e] >= from[e] && value[e] <= to[e];
        sn_fitted_free(&f);
        free_scores(s);
    }
    double share = (double)c.within / (double)c.all;
    if (getenv("SN_SHOW")) printf("over images: %.4f of %ld within their intervals\n", share, c.all);
    ck_assert_msg(fabs(share - 0.95) <= 0.03, "%.4f of %ld effects within their intervals, promised 0.95", share, c.all);
}
END_TEST

START_TEST(scores_that_cannot_be_fitted) {
    sn_rng r = sn_rng_at(12, SN_STREAM_ARCHS, 6, 0, 0);
    scores *s = some_scores(&r);
    sn_fitted f;
    draw_images(s, &r);
    double loss = s->item[4].loss;
    s->item[4].loss = NAN; // fitted without it, and predicted
    s->item[9].loss = INFINITY;
    ck_ok(sn_fitted_make(s->space, s->item, ARCHS, IMAGES, &f));
    ck_assert_int_eq(f.overflowed, 2);
    ck_assert_str_eq(f.unfitted[1], "");
    ck_near(sn_fitted_loss(&f, &s->item[4].arch), loss, 1e-9, "loss of an overflowed net");
    ck_assert(sn_fitted_points(&f, s->item, ARCHS) > 0 && sn_fitted_points(&f, s->item, ARCHS) < 25);
    sn_fitted_free(&f);
    for (int i = 0; i < ARCHS; i++) s->item[i].loss = NAN, s->item[i].top1 = 0.1;
    ck_ok(sn_fitted_make(s->space, s->item, ARCHS, IMAGES, &f));
    ck_assert_str_eq(f.unfitted[0], "top-1 of all 27 scored architectures is equal: there are no effects");
    ck_assert_str_eq(f.unfitted[1], "no scored architecture has a finite loss");
    ck_assert(isnan(sn_fitted_top1(&f, &s->item[0].arch)) && isnan(sn_fitted_loss(&f, &s->item[0].arch)));
    sn_fitted_free(&f);
    ck_ok(sn_fitted_make(s->space, s->item, 4, IMAGES, &f));
    ck_assert_ptr_nonnull(strstr(f.unfitted[0], "score at least 2 more"));
    sn_fitted_free(&f);
    free_scores(s);
}
END_TEST

START_TEST(logits) {
    ck_near(sn_effects_logit(50, 100), 0, 0, "half");
    ck_assert(isfinite(sn_effects_logit(0, 100)) && isfinite(sn_effects_logit(100, 100)));
    ck_near(sn_effects_share_of(sn_effects_logit(750, 1000)), 0.75, 3e-4, "back");
    ck_near(sn_effects_share_of(-2000), 0, 0, "far below");
}
END_TEST

int main(void) {
    Suite *s = suite_create("effects");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, folder_make, folder_remove);
    tcase_add_test(t, exact_without_noise);
    tcase_add_test(t, complete_design_by_hand);
    tcase_add_test(t, intervals_cover);
    tcase_add_test(t, absent_decisions);
    tcase_add_test(t, options_never_scored);
    tcase_add_test(t, shares_of_variance);
    tcase_add_test(t, share_of_all_main_effects);
    tcase_add_test(t, refit_is_the_fit);
    tcase_add_test(t, too_little_to_fit);
    tcase_add_test(t, image_intervals_cover);
    tcase_add_test(t, scores_that_cannot_be_fitted);
    tcase_add_test(t, logits);
    suite_add_tcase(s, t);
    return run_suite(s);
}
