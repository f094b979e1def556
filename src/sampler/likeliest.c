// likeliest: the rank.sample architectures that alphas of a run in mode relax make likeliest, by the product of the shares of
// their options. Lists are grown decision by decision and cut to that length, which is exact where all decisions always exist;
// spaces of nested decisions are tried whole where they are small, and larger ones may miss some.
#include "sampler/method.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    double likelihood; // logarithm
    sn_arch arch;
} item;

static int by_likelihood(const void *a, const void *b) { // then by the order of archs, so that ties are told
    const item *x = a, *y = b;
    if (x->likelihood != y->likelihood) return x->likelihood < y->likelihood ? 1 : -1;
    return sn_arch_compare(&x->arch, &y->arch);
}

static int by_order(const void *a, const void *b) {
    return sn_arch_compare(a, b);
}

typedef struct {
    item *list;
    size_t n, capacity;
    long most;
} shortlist;

static void cut(shortlist *l) {
    if (l->n) qsort(l->list, l->n, sizeof *l->list, by_likelihood);
    if (l->n > (size_t)l->most) l->n = (size_t)l->most;
}

static sn_status add(shortlist *l, const sn_arch *a, double likelihood) {
    SN_TRY(sn_grow(&l->list, &l->capacity, l->n + 1, sizeof *l->list));
    l->list[l->n++] = (item){likelihood, *a};
    if (l->n >= 8 * (size_t)l->most + 4096) cut(l);
    return SN_OK;
}

static double likelihood_of(const sn_question *q, const sn_arch *a) {
    double sum = 0;
    for (int d = 0, place = 0; d < a->n; place += q->space->decisions[d++].options)
        if (a->option[d] != SN_ABSENT) sum += log(q->share[place + a->option[d]]);
    return sum;
}

// least: the fewest multiplications and parameters met so far.
static sn_status is_within(const sn_question *q, const sn_arch *a, sn_cost *least, bool *within) {
    sn_cost c;
    *within = true;
    if (!q->graph) return SN_OK;
    SN_TRY(sn_cost_arch(q->graph, a, &c));
    if (c.macs < least->macs) least->macs = c.macs;
    if (c.params < least->params) least->params = c.params;
    *within = c.macs <= q->limit.macs && c.params <= q->limit.params;
    return SN_OK;
}

static sn_status try_all(const sn_question *q, shortlist *l) {
    sn_arch a = sn_arch_first(q->space);
    sn_cost least = {INT64_MAX, INT64_MAX};
    do {
        bool within;
        SN_TRY(is_within(q, &a, &least, &within));
        if (within) SN_TRY(add(l, &a, likelihood_of(q, &a)));
    } while (sn_arch_next(q->space, &a));
    cut(l);
    return l->n ? SN_OK : sn_cost_none_within(least, q->limit);
}

// Every option of decision d for what is in `from`, which has those of the decisions before it.
static sn_status extend(const sn_question *q, const shortlist *from, int d, int place, shortlist *to) {
    to->n = 0;
    for (size_t i = 0; i < from->n; i++) {
        sn_arch a = from->list[i].arch;
        if (!sn_arch_has(q->space, &a, d)) {
            SN_TRY(add(to, &a, from->list[i].likelihood));
            continue;
        }
        for (int n = 0, k; (k = sn_decision_option(&q->space->decisions[d], n)) >= 0; n++) {
            sn_arch b = a;
            b.option[d] = (uint8_t)k;
            sn_arch_settle(q->space, &b);
            SN_TRY(add(to, &b, from->list[i].likelihood + log(q->share[place + k])));
        }
    }
    cut(to);
    return SN_OK;
}

static sn_status grow(const sn_question *q, shortlist *l) {
    shortlist next = {.most = l->most};
    sn_arch first = sn_arch_first(q->space);
    sn_status s = add(l, &first, 0);
    for (int d = 0, place = 0; s == SN_OK && d < q->space->n_decisions; place += q->space->decisions[d++].options) {
        s = extend(q, l, d, place, &next);
        shortlist t = *l;
        *l = next, next = t;
    }
    free(next.list);
    return s;
}

static sn_status ask(const sn_question *q, sn_arch **archs, long *n) {
    if (!q->share) return sn_error(SN_USAGE, "strategy likeliest: this run has no alphas; allowed are runs of train.mode: relax");
    shortlist l = {.most = q->sample};
    sn_status s = sn_space_size(q->space, NULL, 0) <= SN_MOST_TRIED ? try_all(q, &l) : grow(q, &l);
    sn_arch *list = s == SN_OK ? sn_new(l.n ? l.n : 1, sizeof *list) : NULL;
    if (s == SN_OK && !list) s = SN_RESOURCE;
    for (size_t i = 0; list && i < l.n; i++) list[i] = l.list[i].arch;
    if (list) qsort(list, l.n, sizeof *list, by_order);
    *n = (long)l.n;
    free(l.list);
    if (s == SN_OK) *archs = list;
    return s;
}

const sn_method sn_method_likeliest = {
    .kind = SN_STRATEGY, .name = "likeliest", .doc = "of a run in mode relax the rank.sample likeliest", .ask = ask};
