// Ties with the first; see ties.h.
#include "supernet/rank/ties.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 1024 }; // archs redrawn together

void sn_ties_free(sn_ties *t) {
    free(t->behind);
    free(t->margin);
    *t = (sn_ties){0};
}

// Of one run: share, -loss, or logit.
static double score_of(const sn_ranking *k, int run, long item) {
    double x = k->run[run].row[k->item[item].row].score;
    return k->by == SN_BEST_BY_EFFECTS ? -log(1 / x - 1) : x;
}

static double mean_of(const sn_ranking *k, long item) {
    double sum = 0;
    for (int r = 0; r < k->runs; r++) sum += score_of(k, r, item);
    return sum / k->runs;
}

// ---------------------------------------------------------------- redrawn scores
// Of some items, the ranking's first in front.
typedef struct {
    const sn_ranked **item; // (n)
    size_t n, runs, draws;
    double *score; // (runs, draws, n), as score_of has them, by effects without the mean of the run
} drawn;

static void drawn_free(drawn *d) {
    free(d->item);
    free(d->score);
}

static sn_status draw_run(const sn_ranking *k, size_t run, uint32_t seed, drawn *d, bool *known) {
    double scale = k->by == SN_BEST_BY_ACCURACY ? 1 / (double)k->images : 1, *to = d->score + run * d->draws * d->n;
    sn_rescored x;
    SN_TRY(sn_ranking_rescore_run(k, (int)run, d->item, d->n, k->by, (uint32_t)d->draws, seed, &x));
    *known = x.drawn != NULL;
    for (size_t i = 0; *known && i < d->draws * d->n; i++) to[i] = scale * x.drawn[i];
    sn_rescored_free(&x);
    return SN_OK;
}

// The first, and the items first .. first + n - 1. *known: whether the scores of single images are there.
static sn_status draw(const sn_ranking *k, long first, size_t n, uint32_t draws, uint32_t seed, drawn *out, bool *known) {
    drawn d = {sn_new(1 + n, sizeof *d.item), 1 + n, (size_t)k->runs, draws, NULL};
    d.score = sn_new(d.runs * d.draws, d.n * sizeof *d.score);
    sn_status s = d.item && d.score ? SN_OK : SN_RESOURCE;
    *known = true;
    if (s == SN_OK) d.item[0] = &k->item[0];
    for (size_t i = 0; s == SN_OK && i < n; i++) d.item[1 + i] = &k->item[first + (long)i];
    for (size_t r = 0; s == SN_OK && *known && r < d.runs; r++) s = draw_run(k, r, seed, &d, known);
    if (s == SN_OK)
        *out = d;
    else
        drawn_free(&d);
    return s;
}

static double redrawn(const drawn *d, size_t run, size_t draw, size_t i) {
    return d->score[(run * d->draws + draw) * d->n + i];
}

// B of item i.
static double over_images(const drawn *d, size_t i) {
    double sum = 0, squares = 0, n = (double)d->draws, start = 0;
    for (size_t j = 0; j < d->draws; j++) {
        double x = 0;
        for (size_t r = 0; r < d->runs; r++) x += (redrawn(d, r, j, 0) - redrawn(d, r, j, i)) / (double)d->runs;
        if (!j) start = x; // near the mean
        sum += x - start, squares += (x - start) * (x - start);
    }
    return (squares - sum * sum / n) / (n - 1);
}

// ---------------------------------------------------------------- between runs
// S of a table (runs, archs). mean: (archs), room.
static double left_over(const double *table, size_t runs, size_t archs, double *mean) {
    double all = 0, sum = 0;
    memset(mean, 0, archs * sizeof *mean);
    for (size_t i = 0; i < archs * runs; i++) mean[i % archs] += table[i] / (double)runs, all += table[i];
    all /= (double)(archs * runs);
    for (size_t r = 0; r < runs; r++) {
        double of_run = 0;
        for (size_t i = 0; i < archs; i++) of_run += table[r * archs + i] / (double)archs;
        for (size_t i = 0; i < archs; i++) sum += pow(table[r * archs + i] - mean[i] - of_run + all, 2);
    }
    return 2 * sum / (double)((archs - 1) * (runs - 1));
}

// S and E of the first n items of a drawing, whose scores are finite.
static sn_status of_tables(const sn_ranking *k, const drawn *d, size_t n, double *s, double *e) {
    double *table = sn_new(d->runs, n * sizeof *table), *now = sn_new(d->runs, n * sizeof *now), *mean = sn_new(n, sizeof *mean);
    bool room = table && now && mean;
    *e = 0;
    for (size_t i = 0; room && i < d->runs * n; i++) now[i] = score_of(k, (int)(i / n), (long)(i % n));
    if (room) *s = left_over(now, d->runs, n, mean);
    for (size_t j = 0; room && j < d->draws; j++) {
        for (size_t i = 0; i < d->runs * n; i++) table[i] = redrawn(d, i / n, j, i % n) - now[i];
        *e += left_over(table, d->runs, n, mean) / (double)d->draws;
    }
    free(table);
    free(now);
    free(mean);
    return room ? SN_OK : SN_RESOURCE;
}

// Archs that tell U: items 0 .. n - 1.
static size_t tellers(const sn_ranking *k) {
    long finite = 0;
    while (finite < k->n && isfinite(mean_of(k, finite))) finite++; // the others are last
    long half = (finite + 1) / 2;
    return (size_t)(finite < 2 ? finite : half < 2 ? 2 : half < AT_ONCE ? half : AT_ONCE);
}

typedef struct {
    double s, u, freedom; // of the pairs
} spread;

static sn_status between_runs(const sn_space *space, const sn_ranking *k, const drawn *d, spread *out) {
    size_t n = tellers(k), options = (size_t)(sn_space_options(space) - space->n_decisions);
    double e;
    *out = (spread){0};
    if (n < 2) return SN_OK;
    SN_TRY(of_tables(k, d, n, &out->s, &e));
    out->u = isfinite(e) ? fmax(0, out->s - e) : out->s;
    out->freedom = (double)((d->runs - 1) * (n - 1 < options ? n - 1 : options));
    return SN_OK;
}

// ---------------------------------------------------------------- both
static double quantile(double freedom) {
    const double one_degree = 12.706, many = 1e6;
    return freedom < 2 ? one_degree : sn_student(fmin(freedom, many));
}

static double margin_of(const spread *x, int runs, double images) {
    double v = images + x->u / runs, careful = images + x->s / runs;
    if (!(x->u > 0)) return quantile(HUGE_VAL) * sqrt(v);
    return fmin(quantile(x->freedom * pow(v * runs / x->s, 2)) * sqrt(v),
                quantile(x->freedom * pow(careful * runs / x->s, 2)) * sqrt(careful));
}

static sn_status judge(const sn_space *space, const sn_ranking *k, uint32_t draws, uint32_t seed,
                       const volatile sig_atomic_t *stop, sn_ties *t) {
    long tied = 1;
    spread between = {0};
    for (long first = 1, before = 0; first < k->n && tied > before; first += AT_ONCE) {
        size_t n = k->n - first < AT_ONCE ? (size_t)(k->n - first) : AT_ONCE;
        drawn d;
        bool known;
        before = tied;
        if (stop && *stop)
            return sn_error(SN_INTERRUPTED, "stopped while ties were looked for; all scores are kept, the same command goes on");
        SN_TRY(draw(k, first, n, draws, seed, &d, &known));
        sn_status s = known && first == 1 ? between_runs(space, k, &d, &between) : SN_OK;
        for (size_t i = 0; s == SN_OK && known && i < n; i++) {
            double *margin = &t->margin[first + (long)i];
            *margin = margin_of(&between, k->runs, over_images(&d, 1 + i));
            tied += t->behind[first + (long)i] <= *margin;
        }
        drawn_free(&d);
        if (s != SN_OK || !known) return s;
    }
    t->tied = tied;
    t->between = sqrt(between.u);
    t->freedom = between.freedom;
    return SN_OK;
}

sn_status sn_ties_find(const sn_space *space, const sn_ranking *k, uint32_t draws, uint32_t seed,
                       const volatile sig_atomic_t *stop, sn_ties *out) {
    if (k->runs < 2 || draws < 2)
        return sn_error(SN_USAGE, "ties over %d runs and %u draws of images: at least 2 of each are needed", k->runs, draws);
    sn_ties t = {.behind = sn_new((size_t)k->n, sizeof(double)), .margin = sn_new((size_t)k->n, sizeof(double))};
    sn_status s = t.behind && t.margin ? SN_OK : SN_RESOURCE;
    for (long i = 0; s == SN_OK && i < k->n; i++) t.behind[i] = mean_of(k, 0) - mean_of(k, i), t.margin[i] = NAN;
    if (s == SN_OK) s = judge(space, k, draws, seed, stop, &t);
    if (s == SN_OK)
        *out = t;
    else
        sn_ties_free(&t);
    return s;
}
