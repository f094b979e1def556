// Ridge regression on indicators of options; see effects.h. Columns are the options that were scored; one decomposition of their
// Gram matrix gives every lambda and every response.
// Not here: scores and their images (fitted.c).
#include "supernet/rank/effects.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS = SN_MAX_OPTIONS + 1, ABSENT = SN_MAX_OPTIONS }; // options of a decision, and its absence
enum { GRID_LOW = -30, GRID_HIGH = 10, SPARE = 3 };

struct sn_effects_design {
    const sn_space *space;
    sn_arch *arch; // (archs)
    long archs;
    int decisions, effects, columns;
    int first[SN_MAX_DECISIONS + 1]; // effects of a decision
    int *decision, *option;          // (effects)
    long *count;                     // (effects) archs that have it
    int *column;                     // (effects), or -1 where no arch has it
    int *at;                         // (archs, decisions) columns of each arch
    double *weight;                  // (columns) share of the archs that have it
    double *vectors;                 // (columns, columns) eigenvector j is row j
    double *values;                  // (columns) ascending; those that are 0 but for rounding are 0
};

// Eigenvalues and eigenvectors (in place of a) of a symmetric matrix. LAPACK, Fortran: lengths of texts come last.
extern void dsyevd_(const char *job, const char *half, const int *n, double *a, const int *lda, double *values, double *work,
                    const int *n_work, int *iwork, const int *n_iwork, int *info, size_t job_length, size_t half_length);

// ---------------------------------------------------------------- the design
void sn_effects_close(sn_effects_design *d) {
    if (!d) return;
    free(d->arch);
    free(d->decision);
    free(d->option);
    free(d->count);
    free(d->column);
    free(d->at);
    free(d->weight);
    free(d->vectors);
    free(d->values);
    free(d);
}

static int level_of(const sn_arch *a, int decision) {
    return a->option[decision] == SN_ABSENT ? ABSENT : a->option[decision];
}

// Effects of one decision: allowed options, then absence where it occurs.
static void list_effects(sn_effects_design *d, int decision) {
    const sn_decision *s = &d->space->decisions[decision];
    long count[LEVELS] = {0};
    for (long i = 0; i < d->archs; i++) count[level_of(&d->arch[i], decision)]++;
    d->first[decision] = d->effects;
    for (int level = 0; level < LEVELS; level++) {
        if (level == ABSENT ? !count[level] : level >= s->options || !sn_decision_allows(s, level)) continue;
        int e = d->effects++;
        d->decision[e] = decision;
        d->option[e] = level == ABSENT ? SN_ABSENT : level;
        d->count[e] = count[level];
        d->column[e] = count[level] ? d->columns++ : -1;
    }
    d->first[decision + 1] = d->effects;
}

static sn_status list_columns(sn_effects_design *d) {
    size_t most = (size_t)(sn_space_options(d->space) + d->decisions);
    d->decision = sn_new(most, sizeof *d->decision);
    d->option = sn_new(most, sizeof *d->option);
    d->count = sn_new(most, sizeof *d->count);
    d->column = sn_new(most, sizeof *d->column);
    d->weight = sn_new(most, sizeof *d->weight);
    d->values = sn_new(most, sizeof *d->values);
    d->at = sn_new((size_t)d->archs * (size_t)d->decisions, sizeof *d->at);
    if (!d->decision || !d->option || !d->count || !d->column || !d->weight || !d->values || !d->at) return SN_RESOURCE;
    for (int k = 0; k < d->decisions; k++) list_effects(d, k);
    for (int e = 0; e < d->effects; e++)
        if (d->column[e] >= 0) d->weight[d->column[e]] = (double)d->count[e] / (double)d->archs;
    for (int e = 0; e < d->effects; e++)
        for (long i = 0; d->column[e] >= 0 && i < d->archs; i++)
            if (d->arch[i].option[d->decision[e]] == d->option[e]) d->at[i * d->decisions + d->decision[e]] = d->column[e];
    return SN_OK;
}

static sn_status check_enough(const sn_effects_design *d) {
    int wanted = d->columns - d->decisions; // of each decision's options one follows from the others
    char all[SN_SIZE_TEXT];
    if (!wanted)
        return sn_error(SN_USAGE, "all of %ld scored architecture%s have the same options: there are no effects to fit", d->archs,
                        d->archs == 1 ? "" : "s");
    if (d->archs >= wanted + SPARE) return SN_OK;
    if (sn_space_size(d->space, all, sizeof all) < wanted + SPARE)
        return sn_error(SN_USAGE, "%d effect%s at least %d scored architectures, and this space has %s in all", wanted,
                        wanted == 1 ? " needs" : "s need", wanted + SPARE, all);
    return sn_error(SN_USAGE, "%d effect%s at least %d scored architectures, found are %ld: score at least %ld more", wanted,
                    wanted == 1 ? " needs" : "s need", wanted + SPARE, d->archs, wanted + SPARE - d->archs);
}

// G(a, b) = archs with both - archs with a * archs with b / archs: exact but for one rounding.
static void fill_gram(const sn_effects_design *d, double *gram) {
    size_t n = (size_t)d->columns;
    for (long i = 0; i < d->archs; i++) {
        const int *at = d->at + i * d->decisions;
        for (int a = 0; a < d->decisions; a++)
            for (int b = 0; b < d->decisions; b++) gram[(size_t)at[a] * n + (size_t)at[b]]++;
    }
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < n; b++) gram[a * n + b] -= (double)d->archs * d->weight[a] * d->weight[b];
}

static sn_status decompose(sn_effects_design *d) {
    const double nothing = 1e-10; // of the largest eigenvalue; the least that is not 0 is about 1 / (archs * decisions) of it
    const int n = d->columns, n_work = 1 + 6 * n + 2 * n * n, n_iwork = 3 + 5 * n;
    int info = 0;
    double *work = sn_new((size_t)n_work, sizeof *work);
    int *iwork = sn_new((size_t)n_iwork, sizeof *iwork);
    d->vectors = sn_new((size_t)n * (size_t)n, sizeof *d->vectors);
    sn_status s = work && iwork && d->vectors ? SN_OK : SN_RESOURCE;
    if (s == SN_OK) {
        fill_gram(d, d->vectors);
        dsyevd_("V", "L", &n, d->vectors, &n, d->values, work, &n_work, iwork, &n_iwork, &info, 1, 1);
        if (info) s = sn_error(SN_FAIL, "LAPACK's dsyevd gives %d for a matrix of %d effects", info, n);
    }
    for (int j = 0; s == SN_OK && j < n; j++)
        if (!(d->values[j] > nothing * d->values[n - 1])) d->values[j] = 0;
    free(work);
    free(iwork);
    return s;
}

sn_status sn_effects_open(const sn_space *space, const sn_arch *archs, long n, sn_effects_design **out) {
    sn_effects_design *d = sn_new(1, sizeof *d);
    if (!d) return SN_RESOURCE;
    d->space = space;
    d->archs = n;
    d->decisions = space->n_decisions;
    d->arch = sn_new((size_t)n, sizeof *d->arch);
    sn_status s = d->arch ? SN_OK : SN_RESOURCE;
    if (s == SN_OK) {
        memcpy(d->arch, archs, (size_t)n * sizeof *archs);
        s = list_columns(d);
    }
    if (s == SN_OK) s = check_enough(d);
    if (s == SN_OK) s = decompose(d);
    if (s == SN_OK)
        *out = d;
    else
        sn_effects_close(d);
    return s;
}

// ---------------------------------------------------------------- the fit
static double mean_of(const double *y, long n) {
    double sum = 0;
    for (long i = 0; i < n; i++) sum += y[i];
    return sum / (double)n;
}

// a = V' Z'y.
static void project(const sn_effects_design *d, const double *y, double *sums, double *a) {
    double mean = mean_of(y, d->archs);
    int n = d->columns;
    for (int c = 0; c < n; c++) sums[c] = 0;
    for (long i = 0; i < d->archs; i++)
        for (int k = 0; k < d->decisions; k++) sums[d->at[i * d->decisions + k]] += y[i] - mean;
    for (int j = 0; j < n; j++) {
        a[j] = 0;
        for (int c = 0; c < n; c++) a[j] += d->vectors[(size_t)j * (size_t)n + (size_t)c] * sums[c];
    }
}

// b of a lambda, as effects: mean 0 over the scored archs within each decision.
static void solve(const sn_effects_design *d, const double *a, double lambda, double *b, double *value) {
    int n = d->columns;
    for (int c = 0; c < n; c++) b[c] = 0;
    for (int j = 0; j < n; j++)
        for (int c = 0; d->values[j] > 0 && c < n; c++)
            b[c] += d->vectors[(size_t)j * (size_t)n + (size_t)c] * (a[j] / (d->values[j] + lambda));
    for (int k = 0; k < d->decisions; k++) {
        double mean = 0;
        for (int e = d->first[k]; e < d->first[k + 1]; e++)
            if (d->column[e] >= 0) mean += d->weight[d->column[e]] * b[d->column[e]];
        for (int e = d->first[k]; e < d->first[k + 1]; e++) value[e] = d->column[e] >= 0 ? b[d->column[e]] - mean : NAN;
    }
}

void sn_effects_refit(const sn_effects_design *d, const double *y, double lambda, double *value, double *work) {
    double *b = work, *a = work + d->columns;
    project(d, y, b, a);
    solve(d, a, lambda, b, value);
}

static double freedom_of(const sn_effects_design *d, double lambda) {
    double sum = 0;
    for (int j = 0; j < d->columns; j++)
        if (d->values[j] > 0) sum += d->values[j] / (d->values[j] + lambda);
    return sum;
}

// |rest|^2 of a lambda from that of lambda 0.
static double rest_of(const sn_effects_design *d, const double *a, double rest0, double lambda) {
    double sum = rest0;
    for (int j = 0; j < d->columns; j++) {
        double e = d->values[j], kept = e > 0 ? lambda / (e + lambda) : 0;
        if (e > 0) sum += kept * kept * a[j] * a[j] / e;
    }
    return sum;
}

static double criterion(const sn_effects_design *d, const double *a, double rest0, double lambda) {
    double n = (double)d->archs, left = n - 1 - freedom_of(d, lambda);
    return n * rest_of(d, a, rest0, lambda) / (left * left);
}

static double best_lambda(const sn_effects_design *d, const double *a, double rest0) {
    double best = 0, least = criterion(d, a, rest0, 0);
    for (int k = GRID_LOW; k <= GRID_HIGH; k++) {
        double lambda = ldexp(d->values[d->columns - 1], k), now = criterion(d, a, rest0, lambda);
        if (now < least) least = now, best = lambda;
    }
    return best;
}

// What the effects (in order) and the mean of the response leave over of it.
static void leave_over(const sn_effects_design *d, const double *y, const double *value, double *rest) {
    double mean = mean_of(y, d->archs), of_column[LEVELS * SN_MAX_DECISIONS];
    for (int e = 0; e < d->effects; e++)
        if (d->column[e] >= 0) of_column[d->column[e]] = value[e];
    for (long i = 0; i < d->archs; i++) {
        rest[i] = y[i] - mean;
        for (int k = 0; k < d->decisions; k++) rest[i] -= of_column[d->at[i * d->decisions + k]];
    }
}

static double squares(const double *x, long n) {
    double sum = 0;
    for (long i = 0; i < n; i++) sum += x[i] * x[i];
    return sum;
}

double sn_student(double freedom) {
    const double z = 1.959963984540054, q = z * z, v = freedom;
    return z * (1 + (q + 1) / (4 * v) + ((5 * q + 16) * q + 3) / (96 * v * v) +
                (((3 * q + 19) * q + 17) * q - 15) / (384 * v * v * v) +
                ((((79 * q + 776) * q + 1482) * q - 1920) * q - 945) / (92160 * v * v * v * v));
}

// u' G^+ u for the effect e; NAN where u is not told by the archs.
static double spread_of(const sn_effects_design *d, int e) {
    int k = d->decision[e], n = d->columns;
    double sum = 0, untold = 0;
    for (int j = 0; j < n; j++) {
        const double *v = d->vectors + (size_t)j * (size_t)n;
        double u = v[d->column[e]];
        for (int o = d->first[k]; o < d->first[k + 1]; o++)
            if (d->column[o] >= 0) u -= d->weight[d->column[o]] * v[d->column[o]];
        if (d->values[j] > 0)
            sum += u * u / d->values[j];
        else
            untold += u * u;
    }
    return untold > 1e-9 ? NAN : sum;
}

// Room of a fit.
typedef struct {
    double *a, *b, *value, *rest; // (columns), (columns), (effects), (archs)
} room;

// What a share of by_chance is per degree of freedom.
static double chance(const sn_effects *f) {
    return f->sigma * f->sigma / ((double)f->archs * f->variance);
}

static void fit(const sn_effects_design *d, const double *y, room *w, sn_effects *f) {
    double n = (double)d->archs, left = n - 1 - freedom_of(d, 0), t = sn_student(left);
    project(d, y, w->b, w->a);
    solve(d, w->a, 0, w->b, w->value);
    leave_over(d, y, w->value, w->rest);
    double rest0 = squares(w->rest, d->archs);
    f->sigma = sqrt(rest0 / left);
    f->main = (sn_share_sum){1 - rest0 / (n * f->variance), (n - 1 - left) * chance(f)};
    for (int e = 0; e < f->n; e++) {
        double half = d->column[e] < 0 ? NAN : t * f->sigma * sqrt(spread_of(d, e));
        f->effect[e] = (sn_effect){d->decision[e], d->option[e], d->count[e], NAN, w->value[e] - half, w->value[e] + half};
    }
    f->lambda = best_lambda(d, w->a, rest0);
    f->freedom = freedom_of(d, f->lambda);
    solve(d, w->a, f->lambda, w->b, w->value);
    for (int e = 0; e < f->n; e++) f->effect[e].value = w->value[e];
    leave_over(d, y, w->value, w->rest);
    f->explained = 1 - squares(w->rest, d->archs) / (n * f->variance);
}

// Finite, and not all equal.
static sn_status check_response(const sn_effects_design *d, const char *what, const double *y) {
    char text[SN_ARCH_TEXT];
    bool differ = false;
    for (long i = 0; i < d->archs; i++) {
        if (!isfinite(y[i]))
            return sn_error(SN_DATA, "%s of %s is %g, found where only finite numbers can be fitted", what,
                            sn_arch_text(d->space, &d->arch[i], text), y[i]);
        differ = differ || y[i] != y[0];
    }
    return differ ? SN_OK
                  : sn_error(SN_DATA, "%s of all %ld scored architectures is equal: there are no effects", what, d->archs);
}

sn_status sn_effects_fit(const sn_effects_design *d, const char *what, const double *y, sn_effects *out) {
    SN_TRY(check_response(d, what, y));
    sn_effects f = {.n = d->effects, .archs = d->archs, .mean = mean_of(y, d->archs)};
    for (long i = 0; i < d->archs; i++) f.variance += (y[i] - f.mean) * (y[i] - f.mean) / (double)d->archs;
    memcpy(f.first, d->first, sizeof f.first);
    f.effect = sn_new((size_t)d->effects, sizeof *f.effect);
    size_t columns = (size_t)d->columns, effects = (size_t)d->effects;
    double *work = sn_new(2 * columns + effects + (size_t)d->archs, sizeof *work);
    sn_status s = f.effect && work ? SN_OK : SN_RESOURCE;
    if (s == SN_OK) fit(d, y, &(room){work, work + columns, work + 2 * columns, work + 2 * columns + effects}, &f);
    free(work);
    if (s == SN_OK)
        *out = f;
    else
        free(f.effect);
    return s;
}

void sn_effects_free(sn_effects *f) {
    free(f->effect);
    *f = (sn_effects){0};
}

const sn_effect *sn_effects_of(const sn_effects *f, int decision, int option) {
    for (int e = f->first[decision]; e < f->first[decision + 1]; e++)
        if (f->effect[e].option == option) return f->effect[e].archs ? &f->effect[e] : NULL;
    return NULL;
}

double sn_effects_add_up(const sn_effects *f, const double *value, const sn_arch *a) {
    double sum = 0;
    for (int k = 0; k < a->n; k++) sum += value[sn_effects_of(f, k, a->option[k]) - f->effect];
    return sum;
}

double sn_effects_predict(const sn_effects *f, const sn_arch *a) {
    double sum = f->mean;
    for (int k = 0; k < a->n; k++) {
        const sn_effect *e = sn_effects_of(f, k, a->option[k]);
        if (!e) return NAN;
        sum += e->value;
    }
    return sum;
}

// ---------------------------------------------------------------- shares of variance
static sn_effects_share share_of_decision(const sn_effects_design *d, const sn_effects *f, const double *value, int k) {
    double sum = 0;
    int options = 0;
    for (int e = d->first[k]; e < d->first[k + 1]; e++)
        if (d->column[e] >= 0) sum += (double)d->count[e] * value[e] * value[e], options++;
    return (sn_effects_share){
        .decision = {k, -1}, .share = sum / ((double)f->archs * f->variance), .by_chance = (options - 1) * chance(f)};
}

typedef struct {
    long archs;
    double sum;
} cell;

// cells: room for LEVELS * LEVELS.
static sn_effects_share share_of_pair(const sn_effects_design *d, const sn_effects *f, const double *rest, int p, int q,
                                      cell *cells) {
    sn_effects_share s = {.decision = {p, q}};
    memset(cells, 0, LEVELS * LEVELS * sizeof *cells);
    for (long i = 0; i < d->archs; i++) {
        cell *c = &cells[level_of(&d->arch[i], p) * LEVELS + level_of(&d->arch[i], q)];
        c->archs++;
        c->sum += rest[i];
    }
    double largest = -1, sum = 0;
    int freedom = 1;
    for (int c = 0; c < LEVELS * LEVELS; c++) {
        if (!cells[c].archs) continue;
        double here = cells[c].sum * cells[c].sum / (double)cells[c].archs;
        sum += here;
        freedom++;
        if (!(here > largest)) continue;
        largest = here;
        s.option[0] = c / LEVELS == ABSENT ? SN_ABSENT : c / LEVELS;
        s.option[1] = c % LEVELS == ABSENT ? SN_ABSENT : c % LEVELS;
        s.archs = cells[c].archs;
        s.value = cells[c].sum / (double)cells[c].archs;
    }
    for (int e = 0; e < f->n; e++) freedom -= f->effect[e].archs && (f->effect[e].decision == p || f->effect[e].decision == q);
    s.share = sum / ((double)f->archs * f->variance);
    s.by_chance = freedom > 0 ? freedom * chance(f) : 0;
    return s;
}

sn_status sn_effects_shares(const sn_effects_design *d, const double *y, const sn_effects *f, sn_effects_share **out, size_t *n) {
    size_t decisions = (size_t)d->decisions, effects = (size_t)d->effects, count = 0;
    sn_effects_share *share = sn_new(decisions + decisions * (decisions - 1) / 2, sizeof *share);
    double *value = sn_new(3 * effects + (size_t)d->archs, sizeof *value), *work = value + effects, *rest = work + 2 * effects;
    cell *cells = sn_new(LEVELS * LEVELS, sizeof *cells);
    sn_status s = share && value && cells ? SN_OK : SN_RESOURCE;
    if (s == SN_OK) {
        sn_effects_refit(d, y, 0, value, work);
        leave_over(d, y, value, rest);
        for (int k = 0; k < d->decisions; k++) share[count++] = share_of_decision(d, f, value, k);
        for (int p = 0; p < d->decisions; p++)
            for (int q = p + 1; q < d->decisions; q++) share[count++] = share_of_pair(d, f, rest, p, q, cells);
        *out = share;
        *n = count;
    } else {
        free(share);
    }
    free(value);
    free(cells);
    return s;
}

// ---------------------------------------------------------------- shares of images
double sn_effects_logit(double hits, double images) {
    return log(hits + 0.5) - log(images - hits + 0.5);
}
double sn_effects_share_of(double logit) {
    return 1 / (1 + exp(-logit));
}
