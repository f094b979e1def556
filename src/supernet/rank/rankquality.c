// Resampling around rankstats.c; see rankquality.h.
// Not here: the figures themselves (rankstats.c), scores on images drawn again (rescore.c).
// Next: rankstats.c.
#include "supernet/rank/rankquality.h"
#include "base/rng.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FOR_ARCHS = 2 }; // sequence of SN_STREAM_RESAMPLE; rescore.c has 1 and 3

// One of the two parts being measured: all archs, or one item per class.
typedef struct {
    size_t n;
    uint32_t *member;      // (archs) archs by class; NULL: the archs themselves
    uint32_t *start;       // (n + 1) first member of each class
    double *truth, *score; // (n)
    double *cost;          // (n), or NULL
    double *a, *b, *c;     // (n) scratch
    uint32_t *order;       // (n) scratch
    double *drawn;         // (SN_RANK_FIGURES, resamples) figures of the resamples
    sn_rank_part result;
} part;

static void part_free(part *p) {
    free(p->member);
    free(p->start);
    free(p->truth);
    free(p->score);
    free(p->cost);
    free(p->a);
    free(p->b);
    free(p->c);
    free(p->order);
    free(p->drawn);
}

// Fills the arrays of *p, whose n (and member, start for classes) is set.
static sn_status part_open(part *p, bool costs, uint32_t resamples) {
    p->truth = sn_new(p->n, sizeof *p->truth);
    p->score = sn_new(p->n, sizeof *p->score);
    p->a = sn_new(p->n, sizeof *p->a);
    p->b = sn_new(p->n, sizeof *p->b);
    p->c = sn_new(p->n, sizeof *p->c);
    if (costs) p->cost = sn_new(p->n, sizeof *p->cost);
    p->order = sn_new(p->n, sizeof *p->order);
    p->drawn = sn_new((size_t)resamples * SN_RANK_FIGURES, sizeof *p->drawn);
    return p->truth && p->score && (p->cost || !costs) && p->a && p->b && p->c && p->order && p->drawn ? SN_OK : SN_RESOURCE;
}

typedef struct {
    uint64_t id;
    uint32_t index;
} labelled;

static int by_id(const void *a, const void *b) {
    const labelled *x = a, *y = b;
    if (x->id != y->id) return x->id < y->id ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

// Sets n, member and start of *p: classes by their ids, members by their index.
static sn_status find_classes(part *p, const uint64_t *classes, size_t archs) {
    labelled *m = sn_new(archs, sizeof *m);
    p->member = sn_new(archs, sizeof *p->member);
    p->start = sn_new(archs + 1, sizeof *p->start);
    if (!m || !p->member || !p->start) {
        free(m);
        return SN_RESOURCE;
    }
    for (size_t i = 0; i < archs; i++) m[i] = (labelled){classes[i], (uint32_t)i};
    qsort(m, archs, sizeof *m, by_id);
    for (size_t i = 0; i < archs; i++) {
        if (!i || m[i].id != m[i - 1].id) p->start[p->n++] = (uint32_t)i;
        p->member[i] = m[i].index;
    }
    p->start[p->n] = (uint32_t)archs;
    free(m);
    return SN_OK;
}

// Mean over each item's archs; to (n). Summed in long double, so that (on x86) the mean of equal numbers is that number: classes
// that are equal stay tied.
static void collapse(const part *p, const double *from, double *to) {
    if (!p->member) {
        memcpy(to, from, p->n * sizeof *to);
        return;
    }
    for (size_t i = 0; i < p->n; i++) {
        long double sum = 0;
        for (uint32_t k = p->start[i]; k < p->start[i + 1]; k++) sum += (long double)from[p->member[k]];
        to[i] = (double)(sum / (p->start[i + 1] - p->start[i]));
    }
}

// --- intervals

static const struct {
    double least, largest;
} range[SN_RANK_FIGURES] = {
#define X(id, key, text, low, high) [id] = {low, high},
    SN_RANK_FIGURE_TABLE(X)
#undef X
};

static bool is_regret(int id) {
    return range[id].largest == HUGE_VAL;
}

// Sorts the figures that exist to the front; their number.
static size_t existing(double *drawn, size_t n) {
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(drawn[i])) drawn[m++] = drawn[i];
    sn_sort_numbers(drawn, m);
    return m;
}

static void set_within(int id, double from, double to, double interval[2]) {
    interval[0] = fmin(fmax(from, range[id].least), range[id].largest);
    interval[1] = fmin(fmax(to, range[id].least), range[id].largest);
}

static void image_intervals(part *p, uint32_t resamples) {
    for (int id = 0; id < SN_RANK_FIGURES; id++) {
        sn_rank_figure *f = &p->result.figure[id];
        double *drawn = p->drawn + (size_t)id * resamples;
        size_t n = existing(drawn, resamples);
        if (!n || isnan(f->value)) continue;
        double moved = is_regret(id) ? 0 : f->value - sn_quantile(drawn, n, 0.5);
        set_within(id, sn_quantile(drawn, n, 0.025) + moved, sn_quantile(drawn, n, 0.975) + moved, f->image);
    }
}

static void arch_intervals(part *p, uint32_t resamples, size_t b) {
    double scale = sqrt((double)b / (double)(p->n - b));
    for (int id = 0; id < SN_RANK_FIGURES; id++) {
        sn_rank_figure *f = &p->result.figure[id];
        double *drawn = p->drawn + (size_t)id * resamples, v = f->value;
        size_t n = existing(drawn, resamples);
        if (!n || isnan(v)) continue;
        double low = sn_quantile(drawn, n, 0.025), high = sn_quantile(drawn, n, 0.975);
        if (is_regret(id))
            set_within(id, low, high, f->arch);
        else
            set_within(id, v - scale * (high - v), v - scale * (low - v), f->arch);
    }
}

// --- the steps of a measurement

static void keep(part *p, uint32_t resamples, uint32_t draw, const double figure[SN_RANK_FIGURES]) {
    for (size_t id = 0; id < SN_RANK_FIGURES; id++) p->drawn[id * resamples + draw] = figure[id];
}

static sn_status values(part *p, const double *score, const sn_rank_input *in) {
    sn_rank_part *r = &p->result;
    double figure[SN_RANK_FIGURES], cut;
    collapse(p, in->truth, p->truth);
    collapse(p, score, p->score);
    if (in->cost) collapse(p, in->cost, p->cost);
    SN_TRY(sn_rank_figures(p->score, p->truth, p->cost, p->n, figure));
    r->archs = p->n;
    SN_TRY(sn_rank_top_cut(p->truth, p->n, &cut, &r->top));
    for (int id = 0; id < SN_RANK_FIGURES; id++) r->figure[id] = (sn_rank_figure){figure[id], {NAN, NAN}, {NAN, NAN}};
    r->half_tau = NAN;
    return SN_OK;
}

static sn_status over_images(part *p, const sn_rank_input *in) {
    double figure[SN_RANK_FIGURES];
    for (uint32_t draw = 0; draw < in->resamples; draw++) {
        collapse(p, in->drawn + draw * in->archs, p->a);
        SN_TRY(sn_rank_figures(p->a, p->truth, p->cost, p->n, figure));
        keep(p, in->resamples, draw, figure);
    }
    image_intervals(p, in->resamples);
    return SN_OK;
}

static sn_status over_archs(part *p, const sn_rank_input *in) {
    double figure[SN_RANK_FIGURES];
    size_t b = p->n / 2, ten = (10 * b + p->n / 2) / p->n;
    if (b < 2) return SN_OK; // no pairs
    for (uint32_t draw = 0; draw < in->resamples; draw++) {
        sn_rng r = sn_rng_at(in->seed, SN_STREAM_RESAMPLE, FOR_ARCHS, draw, 0);
        sn_rng_permutation(&r, (uint32_t)p->n, p->order);
        for (size_t i = 0; i < b; i++) {
            p->a[i] = p->score[p->order[i]];
            p->b[i] = p->truth[p->order[i]];
            if (p->cost) p->c[i] = p->cost[p->order[i]];
        }
        SN_TRY(sn_rank_figures_ten(p->a, p->b, p->cost ? p->c : NULL, b, ten, figure));
        keep(p, in->resamples, draw, figure);
    }
    arch_intervals(p, in->resamples, b);
    return SN_OK;
}

static sn_status over_halves(part *p, const sn_rank_input *in) {
    collapse(p, in->half, p->a);
    collapse(p, in->half + in->archs, p->b);
    return sn_rank_tau(p->a, p->b, p->n, &p->result.half_tau);
}

static sn_status measure_part(part *p, const sn_rank_input *in) {
    SN_TRY(part_open(p, in->cost, in->resamples));
    SN_TRY(values(p, in->score, in));
    if (in->resamples) SN_TRY(over_archs(p, in));
    if (in->resamples && in->drawn) SN_TRY(over_images(p, in));
    return in->half ? over_halves(p, in) : SN_OK;
}

static sn_status measure(part p[2], const sn_rank_input *in) {
    SN_TRY(measure_part(&p[0], in));
    if (in->classes) SN_TRY(find_classes(&p[1], in->classes, in->archs));
    return in->classes && p[1].n < in->archs ? measure_part(&p[1], in) : SN_OK;
}

static sn_status check(const sn_rank_input *in) {
    const size_t most = (1u << 31) - 1;
    if (in->archs < 1 || in->archs > most) return sn_error(SN_USAGE, "ranking %zu archs: 1 to %zu are allowed", in->archs, most);
    for (size_t i = 0; i < in->archs; i++) // named here, before classes blur which arch it was
        if (isnan(in->truth[i]) || isnan(in->score[i]) || (in->cost && isnan(in->cost[i])))
            return sn_error(SN_DATA, "%s of arch %zu is not a number",
                            isnan(in->truth[i])   ? "truth"
                            : isnan(in->score[i]) ? "score"
                                                  : "cost",
                            i);
    return SN_OK;
}

sn_status sn_rank_measure(const sn_rank_input *in, sn_rank_quality *out) {
    SN_TRY(check(in));
    part p[2] = {{.n = in->archs}, {0}};
    sn_status status = measure(p, in);
    if (status == SN_OK) *out = (sn_rank_quality){.all = p[0].result, .distinct = p[1].result};
    part_free(&p[0]);
    part_free(&p[1]);
    return status;
}

double sn_rank_apart(const uint64_t *hits, const uint64_t *other, size_t n) {
    double first = 0, second = 0;
    for (size_t w = 0; w < (n + 63) / 64; w++) {
        uint64_t known = n - 64 * w < 64 ? ~(~0ull << n % 64) : ~0ull; // of the last word
        first += __builtin_popcountll(hits[w] & ~other[w] & known);
        second += __builtin_popcountll(other[w] & ~hits[w] & known);
    }
    return first + second > 0 ? (first - second) / sqrt(first + second) : 0;
}
