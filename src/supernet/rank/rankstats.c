// Rank figures over plain numbers; see rankstats.h. Each vector is sorted once into dense ranks; the rest works on integers.
// Not here: resampling (rankquality.c).
// Next: rankquality.c.
#include "supernet/rank/rankstats.h"

#include <stdint.h>
#include <stdlib.h>

static const struct {
    const char *name, *text;
} figures[SN_RANK_FIGURES] = {
#define X(id, key, description, least, largest) [id] = {key, description},
    SN_RANK_FIGURE_TABLE(X)
#undef X
};

const char *sn_rank_figure_name(sn_rank_figure_id id) {
    return figures[id].name;
}
const char *sn_rank_figure_text(sn_rank_figure_id id) {
    return figures[id].text;
}

// --- dense ranks

typedef struct {
    double value;
    uint32_t index;
} keyed;

// Equal values share a rank 0 .. count-1; start[r] items lie below rank r, start[count] = n.
typedef struct {
    uint32_t count, *rank, *start; // (), (n), (count + 1)
} levels;

static int by_value(const void *a, const void *b) {
    double x = ((const keyed *)a)->value, y = ((const keyed *)b)->value;
    return (x > y) - (x < y);
}

static void levels_free(levels *l) {
    free(l->rank);
    free(l->start);
}

static sn_status levels_of(const char *what, const double *x, size_t n, levels *out) {
    if (n < 1 || n >= 1u << 31) return sn_error(SN_USAGE, "ranking %zu archs: between 1 and 2147483647 are allowed", n);
    for (size_t i = 0; i < n; i++)
        if (isnan(x[i])) return sn_error(SN_DATA, "%s of arch %zu is not a number", what, i);
    levels l = {.rank = sn_new(n, sizeof *l.rank), .start = sn_new(n + 1, sizeof *l.start)};
    keyed *item = sn_new(n, sizeof *item);
    if (!l.rank || !l.start || !item) {
        levels_free(&l);
        free(item);
        return SN_RESOURCE;
    }
    for (size_t i = 0; i < n; i++) item[i] = (keyed){x[i], (uint32_t)i};
    qsort(item, n, sizeof *item, by_value);
    for (size_t i = 0; i < n; i++) {
        if (!i || item[i].value > item[i - 1].value) l.start[l.count++] = (uint32_t)i;
        l.rank[item[i].index] = l.count - 1;
    }
    l.start[l.count] = (uint32_t)n;
    free(item);
    *out = l;
    return SN_OK;
}

static uint32_t size_of(const levels *l, uint32_t rank) {
    return l->start[rank + 1] - l->start[rank];
}

static double pairs(double n) {
    return n * (n - 1) / 2;
} // exact below 2^53

static double tied_pairs(const levels *l) {
    double sum = 0;
    for (uint32_t r = 0; r < l->count; r++) sum += pairs(size_of(l, r));
    return sum;
}

// --- correlations

// Items by rising rank, equal ranks in the order of `from` (NULL: index order): one pass of counting sort. next is scratch (n +
// 1).
static void place_by_rank(const levels *l, const uint32_t *from, size_t n, uint32_t *next, uint32_t *to) {
    for (uint32_t r = 0; r < l->count; r++) next[r] = l->start[r];
    for (size_t i = 0; i < n; i++) {
        uint32_t item = from ? from[i] : (uint32_t)i;
        to[next[l->rank[item]]++] = item;
    }
}

// Pairs i < j with a[i] > a[j], by merge sort from runs of 1 upwards; a and b (n each) are both overwritten.
static double inversions(uint32_t *a, uint32_t *b, size_t n) {
    uint64_t sum = 0;
    for (size_t run = 1; run < n; run *= 2) {
        for (size_t low = 0; low < n; low += 2 * run) {
            size_t mid = low + run < n ? low + run : n, high = mid + run < n ? mid + run : n;
            for (size_t i = low, j = mid, k = low; k < high; k++) {
                if (i < mid && (j == high || a[i] <= a[j])) {
                    b[k] = a[i++];
                } else {
                    sum += mid - i; // all that is left of the lower run is larger
                    b[k] = a[j++];
                }
            }
        }
        uint32_t *swap = a;
        a = b;
        b = swap;
    }
    return (double)sum;
}

static sn_status tau_of(const levels *x, const levels *y, size_t n, double *tau) {
    uint32_t *memory = sn_new(3 * n + 1, sizeof *memory);
    if (!memory) return SN_RESOURCE;
    uint32_t *a = memory, *b = a + n, *next = b + n;
    place_by_rank(y, NULL, n, next, a);
    place_by_rank(x, a, n, next, b); // b: by x, then by y
    double both = 0, run = 0;
    for (size_t i = 0; i < n; i++) {
        int same = i && x->rank[b[i]] == x->rank[b[i - 1]] && y->rank[b[i]] == y->rank[b[i - 1]];
        run = same ? run + 1 : 0;
        both += run; // 0 + 1 + ... = pairs tied in both
    }
    for (size_t i = 0; i < n; i++) a[i] = y->rank[b[i]];
    double swaps = inversions(a, b, n), all = pairs((double)n), tx = tied_pairs(x), ty = tied_pairs(y);
    free(memory);
    *tau = all > tx && all > ty ? (all - tx - ty + both - 2 * swaps) / sqrt(all - tx) / sqrt(all - ty) : NAN;
    return SN_OK;
}

static double mid_rank(const levels *l, size_t i) {
    uint32_t r = l->rank[i];
    return ((double)l->start[r] + (double)l->start[r + 1] + 1) / 2; // mean of start + 1 .. next start
}

static double rho_of(const levels *x, const levels *y, size_t n) {
    double mean = ((double)n + 1) / 2, xx = 0, yy = 0, xy = 0;
    for (size_t i = 0; i < n; i++) {
        double dx = mid_rank(x, i) - mean, dy = mid_rank(y, i) - mean;
        xx += dx * dx;
        yy += dy * dy;
        xy += dx * dy;
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx) / sqrt(yy) : NAN;
}

// Calls one of the two on the ranks of x and y.
static sn_status correlate(const double *x, const double *y, size_t n, int spearman, double *out) {
    levels lx = {0}, ly = {0};
    sn_status status = levels_of("score", x, n, &lx);
    if (status == SN_OK) status = levels_of("truth", y, n, &ly);
    if (status == SN_OK && spearman) *out = rho_of(&lx, &ly, n);
    if (status == SN_OK && !spearman) status = tau_of(&lx, &ly, n, out);
    levels_free(&lx);
    levels_free(&ly);
    return status;
}

sn_status sn_rank_tau(const double *x, const double *y, size_t n, double *tau) {
    return correlate(x, y, n, 0, tau);
}
sn_status sn_rank_rho(const double *x, const double *y, size_t n, double *rho) {
    return correlate(x, y, n, 1, rho);
}

// --- the best ones

// First rank of the top 10 %: the rank of the item at sorted index ceil(9 (n - 1) / 10).
static uint32_t top_rank(const levels *truth, size_t n) {
    size_t index = (9 * (n - 1) + 9) / 10;
    uint32_t r = truth->count - 1;
    while (truth->start[r] > index) r--;
    return r;
}

sn_status sn_rank_top_cut(const double *truth, size_t n, double *cut, size_t *count) {
    levels l;
    SN_TRY(levels_of("truth", truth, n, &l));
    uint32_t r = top_rank(&l, n);
    size_t i = 0;
    while (l.rank[i] != r) i++;
    *cut = truth[i];
    *count = n - l.start[r];
    levels_free(&l);
    return SN_OK;
}

static sn_status top_tau(const double *score, const double *truth, const levels *lt, size_t n, double *tau) {
    uint32_t least = top_rank(lt, n);
    size_t room = n - lt->start[least], m = 0;
    double *x = sn_new(2 * room, sizeof *x), *y = x + room;
    if (!x) return SN_RESOURCE;
    for (size_t i = 0; i < n; i++) {
        if (lt->rank[i] < least) continue;
        x[m] = score[i];
        y[m++] = truth[i];
    }
    sn_status status = sn_rank_tau(x, y, m, tau);
    free(x);
    return status;
}

static double regret_of(const double *truth, const levels *ls, size_t n) {
    double best = -HUGE_VAL, sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (truth[i] > best) best = truth[i];
        if (ls->rank[i] == ls->count - 1) sum += truth[i];
    }
    return fmax(0, best - sum / size_of(ls, ls->count - 1)); // a mean of equal truths may round upwards
}

// Which part of an item of this rank is among the k best.
static double membership(const levels *l, uint32_t rank, size_t n, size_t k) {
    double better = (double)(n - l->start[rank + 1]), left = (double)k - better, here = size_of(l, rank);
    return left <= 0 ? 0 : left >= here ? 1 : left / here;
}

static double share_of_best(const levels *ls, const levels *lt, size_t n, size_t k) {
    if (k < 1) k = 1;
    if (k > n) k = n;
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += membership(ls, ls->rank[i], n, k) * membership(lt, lt->rank[i], n, k);
    return sum / (double)k;
}

// --- plain numbers

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void sn_sort_numbers(double *x, size_t n) {
    qsort(x, n, sizeof *x, by_size);
}

double sn_quantile(const double *sorted, size_t n, double q) {
    double at = q * (double)(n - 1);
    size_t i = (size_t)at;
    return i + 1 < n ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

// --- by rising cost

typedef struct {
    double score, cost;
    size_t index;
} offer;

static int by_cost(const void *a, const void *b) {
    const offer *x = a, *y = b;
    if (x->cost != y->cost) return x->cost < y->cost ? -1 : 1;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

// *out is the caller's.
static sn_status offers_of(const double *score, const double *cost, size_t n, offer **out) {
    for (size_t i = 0; i < n; i++)
        if (isnan(score[i]) || isnan(cost[i])) return sn_error(SN_DATA, "score or cost of arch %zu is not a number", i);
    offer *o = sn_new(n, sizeof *o);
    if (!o) return SN_RESOURCE;
    for (size_t i = 0; i < n; i++) o[i] = (offer){score[i], cost[i], i};
    qsort(o, n, sizeof *o, by_cost);
    *out = o;
    return SN_OK;
}

// The regrets under budgets: their mean and the worst.
static sn_status budgets_of(const double *score, const double *truth, const double *cost, size_t n, double *mean, double *worst) {
    enum { BUDGETS = 20 };
    offer *o;
    SN_TRY(offers_of(score, cost, n, &o));
    double best = -HUGE_VAL, picked = -HUGE_VAL, sum = 0, count = 0, all = 0, most = 0;
    size_t in = 0;
    for (size_t b = 1; b <= BUDGETS; b++) {
        double budget = o[(b * n + BUDGETS - 1) / BUDGETS - 1].cost;
        for (; in < n && o[in].cost <= budget; in++) {
            double t = truth[o[in].index];
            if (t > best) best = t;
            if (o[in].score > picked || !in) picked = o[in].score, sum = 0, count = 0;
            if (o[in].score == picked) sum += t, count++;
        }
        double regret = fmax(0, best - sum / count); // as in regret_of
        all += regret;
        if (regret > most) most = regret;
    }
    free(o);
    *mean = all / BUDGETS;
    *worst = most;
    return SN_OK;
}

// --- all of them

sn_status sn_rank_figures_ten(const double *score, const double *truth, const double *cost, size_t n, size_t ten,
                              double figure[SN_RANK_FIGURES]) {
    double f[SN_RANK_FIGURES] = {[SN_RANK_BUDGETS] = NAN, [SN_RANK_BUDGETS_WORST] = NAN};
    levels ls = {0}, lt = {0};
    sn_status status = levels_of("score", score, n, &ls);
    if (status == SN_OK) status = levels_of("truth", truth, n, &lt);
    if (status == SN_OK) status = tau_of(&ls, &lt, n, &f[SN_RANK_TAU]);
    if (status == SN_OK) status = top_tau(score, truth, &lt, n, &f[SN_RANK_TOP_TAU]);
    if (status == SN_OK && cost) status = budgets_of(score, truth, cost, n, &f[SN_RANK_BUDGETS], &f[SN_RANK_BUDGETS_WORST]);
    if (status == SN_OK) {
        f[SN_RANK_RHO] = rho_of(&ls, &lt, n);
        f[SN_RANK_REGRET] = regret_of(truth, &ls, n);
        f[SN_RANK_SHARE_10] = share_of_best(&ls, &lt, n, ten);
        f[SN_RANK_SHARE_1PC] = share_of_best(&ls, &lt, n, (n + 50) / 100);
        f[SN_RANK_SHARE_10PC] = share_of_best(&ls, &lt, n, (n + 5) / 10);
        for (int i = 0; i < SN_RANK_FIGURES; i++) figure[i] = f[i];
    }
    levels_free(&ls);
    levels_free(&lt);
    return status;
}

sn_status sn_rank_figures(const double *score, const double *truth, const double *cost, size_t n,
                          double figure[SN_RANK_FIGURES]) {
    return sn_rank_figures_ten(score, truth, cost, n, 10, figure);
}

// --- Pareto

sn_status sn_rank_pareto(const double *score, const double *cost, size_t n, size_t *index, size_t *count) {
    offer *o;
    SN_TRY(offers_of(score, cost, n, &o));
    size_t m = 0, last = 0; // last: the dearest item that is in
    for (size_t i = 0; i < n; i++) {
        int equal = m && o[i].cost == o[last].cost && o[i].score == o[last].score;
        if (m && !equal && o[i].score <= o[last].score) continue;
        index[m++] = o[i].index;
        last = i;
    }
    free(o);
    *count = m;
    return SN_OK;
}
