// Dynamic programming over decisions, or trying all; see budget.h.
#include "supernet/rank/budget.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int64_t first, second; // limited costs of the decisions so far, beyond their least; 0 for a second limit that is not there
    double worth;
    uint32_t before; // state of the decision before
    uint8_t option;
} state;

typedef struct {
    int64_t macs[SN_MAX_OPTIONS], params[SN_MAX_OPTIONS]; // beyond those of the cheapest option that was scored
    double worth[SN_MAX_OPTIONS];                         // NAN: not to be taken
    int64_t least_macs, least_params;                     // of the cheapest, against the first arch's option
} choice;

typedef struct {
    const sn_space *space;
    choice *choice; // (decisions)
    state **layer;  // (decisions) of `count` states each
    uint32_t *count;
    sn_cost least, room;    // the fewest of an arch; what options may cost beyond that
    bool only_params, both; // which limits there are; else MACs
    const volatile sig_atomic_t *stop;
} search;

// ---------------------------------------------------------------- costs
// What each option of a decision costs more than the first arch's.
static sn_status measure(const sn_graph *g, const sn_space *s, const sn_effects *e, int d, sn_cost first, choice *c) {
    sn_arch a = sn_arch_first(s);
    c->least_macs = c->least_params = INT64_MAX;
    for (int k = 0; k < SN_MAX_OPTIONS; k++) c->worth[k] = NAN;
    for (int n = 0, k; (k = sn_decision_option(&s->decisions[d], n)) >= 0; n++) {
        const sn_effect *x = sn_effects_of(e, d, k);
        sn_cost cost;
        a.option[d] = (uint8_t)k;
        SN_TRY(sn_cost_arch(g, &a, &cost));
        c->macs[k] = cost.macs - first.macs;
        c->params[k] = cost.params - first.params;
        if (!x || isnan(x->value)) continue;
        c->worth[k] = x->value;
        if (c->macs[k] < c->least_macs) c->least_macs = c->macs[k];
        if (c->params[k] < c->least_params) c->least_params = c->params[k];
    }
    if (c->least_macs == INT64_MAX)
        return sn_error(SN_USAGE, "no option of %s was scored; rank architectures that have one", s->decisions[d].name);
    for (int k = 0; k < SN_MAX_OPTIONS; k++)
        if (!isnan(c->worth[k])) c->macs[k] -= c->least_macs, c->params[k] -= c->least_params;
    return SN_OK;
}

static sn_status measure_all(const sn_graph *g, const sn_effects *e, sn_cost most, search *s) {
    sn_arch a = sn_arch_first(s->space);
    sn_cost first;
    SN_TRY(sn_cost_arch(g, &a, &first));
    sn_cost least = first;
    for (int d = 0; d < s->space->n_decisions; d++) {
        SN_TRY(measure(g, s->space, e, d, first, &s->choice[d]));
        least.macs += s->choice[d].least_macs;
        least.params += s->choice[d].least_params;
    }
    s->least = least;
    if (least.macs > most.macs || least.params > most.params) return sn_cost_none_within(least, most);
    s->room = (sn_cost){most.macs - least.macs, most.params - least.params};
    s->only_params = most.macs == INT64_MAX && most.params != INT64_MAX;
    s->both = most.macs != INT64_MAX && most.params != INT64_MAX;
    return SN_OK;
}

// ---------------------------------------------------------------- states
// Cheaper first, of equal costs the better; then any order that is always the same.
static int cheaper_first(const void *a, const void *b) {
    const state *x = a, *y = b;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    if (x->second != y->second) return x->second < y->second ? -1 : 1;
    if (x->worth != y->worth) return x->worth > y->worth ? -1 : 1;
    if (x->before != y->before) return x->before < y->before ? -1 : 1;
    return (x->option > y->option) - (x->option < y->option);
}

// The worth of the best among states of at most so much of the second cost: stairs that rise in both.
typedef struct {
    int64_t second;
    double worth;
} stair;

// Adds a state to the stairs; false where one of them is as good.
static bool climb(stair *stairs, uint32_t *n, const state *x) {
    uint32_t low = 0, high = *n; // the first of more
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (stairs[middle].second <= x->second)
            low = middle + 1;
        else
            high = middle;
    }
    if (low && stairs[low - 1].worth >= x->worth) return false;
    uint32_t end = low; // beaten: more, no better
    while (end < *n && stairs[end].worth <= x->worth) end++;
    if (low && stairs[low - 1].second == x->second) low--;
    memmove(stairs + low + 1, stairs + end, (*n - end) * sizeof *stairs);
    stairs[low] = (stair){x->second, x->worth};
    *n += low + 1 - end;
    return true;
}

// Keeps, in place, the states that no other beats.
static sn_status keep_best(state *x, uint32_t *n) {
    stair *stairs = sn_new(*n + 1u, sizeof *stairs);
    if (!stairs) return SN_RESOURCE;
    uint32_t kept = 0, steps = 0;
    qsort(x, *n, sizeof *x, cheaper_first);
    for (uint32_t i = 0; i < *n; i++)
        if (climb(stairs, &steps, &x[i])) x[kept++] = x[i];
    free(stairs);
    *n = kept;
    return SN_OK;
}

static bool fits(const search *s, const state *x) {
    return x->first <= (s->only_params ? s->room.params : s->room.macs) && x->second <= s->room.params;
}

// The states of decision d from those of the one before.
static sn_status next_layer(search *s, int d) {
    static const state none = {0};
    const state *before = d ? s->layer[d - 1] : &none;
    uint32_t n_before = d ? s->count[d - 1] : 1;
    const choice *c = &s->choice[d];
    size_t most = (size_t)n_before * (size_t)sn_decision_count(&s->space->decisions[d]);
    enum { MOST = 1 << 24 };
    if (most > MOST)
        return sn_error(SN_RESOURCE, "the best within the limits: more than %d partial architectures%s", MOST,
                        s->both ? "; one limit needs far fewer" : "");
    state *x = s->layer[d] = sn_new(most, sizeof *x);
    if (!x) return SN_RESOURCE;
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_before; i++) {
        if (s->stop && *s->stop) return sn_error(SN_INTERRUPTED, "stopped while the best within the limits was searched");
        for (int k = 0; k < SN_MAX_OPTIONS; k++) {
            if (isnan(c->worth[k])) continue;
            x[n] = (state){before[i].first + (s->only_params ? c->params[k] : c->macs[k]),
                           s->both ? before[i].second + c->params[k] : 0, before[i].worth + c->worth[k], i, (uint8_t)k};
            n += fits(s, &x[n]);
        }
    }
    SN_TRY(keep_best(x, &n));
    s->count[d] = n;
    x = realloc(x, (n ? n : 1) * sizeof *x);
    if (x) s->layer[d] = x;
    return SN_OK;
}

// Of the last layer's states, which are cheaper first: the first of the best.
static void follow(const search *s, sn_arch *out) {
    int d = s->space->n_decisions - 1;
    uint32_t at = 0;
    for (uint32_t i = 1; i < s->count[d]; i++)
        if (s->layer[d][i].worth > s->layer[d][at].worth) at = i;
    out->n = s->space->n_decisions;
    for (; d >= 0; d--) {
        out->option[d] = s->layer[d][at].option;
        at = s->layer[d][at].before;
    }
}

// Whether costs added up, for the arch that was found.
static sn_status check(const sn_graph *g, const search *s, sn_cost most, const sn_arch *a) {
    sn_cost cost;
    int64_t macs = most.macs - s->room.macs;
    for (int d = 0; d < a->n; d++) macs += s->choice[d].macs[a->option[d]];
    SN_TRY(sn_cost_arch(g, a, &cost));
    if (cost.macs == macs && cost.macs <= most.macs && cost.params <= most.params) return SN_OK;
    return sn_error(SN_FAIL, "the costs of this space do not add up over its decisions, as was taken for granted");
}

// ---------------------------------------------------------------- costs that do not add up
static sn_status try_all(const sn_graph *g, const sn_space *space, const sn_effects *e, sn_cost most,
                         const volatile sig_atomic_t *stop, sn_arch *out) {
    sn_arch a = sn_arch_first(space);
    sn_cost least = {INT64_MAX, INT64_MAX}, best = least;
    bool only_params = most.macs == INT64_MAX && most.params != INT64_MAX;
    double worth = -INFINITY;
    do {
        sn_cost cost;
        if (stop && *stop) return sn_error(SN_INTERRUPTED, "stopped while the best within the limits was searched");
        SN_TRY(sn_cost_arch(g, &a, &cost));
        double x = sn_effects_predict(e, &a);
        if (isnan(x)) continue; // an option that was never scored
        if (cost.macs < least.macs) least.macs = cost.macs;
        if (cost.params < least.params) least.params = cost.params;
        if (cost.macs > most.macs || cost.params > most.params || x < worth) continue;
        if (x == worth && (only_params ? cost.params >= best.params : cost.macs >= best.macs)) continue;
        worth = x, best = cost, *out = a;
    } while (sn_arch_next(space, &a));
    return worth > -INFINITY ? SN_OK : sn_cost_none_within(least, most);
}

// Without limits what options cost does not matter: the best of each decision, with the best of what exists only then. Of equal
// sums the first option.
static sn_status choose_freely(const sn_space *space, const sn_effects *e, sn_arch *out) {
    double worth[SN_MAX_DECISIONS], absent[SN_MAX_DECISIONS]; // of a decision with all in it
    uint8_t best[SN_MAX_DECISIONS];
    for (int d = space->n_decisions - 1; d >= 0; d--) {
        const sn_effect *none = sn_effects_of(e, d, SN_ABSENT);
        worth[d] = -INFINITY, absent[d] = none ? none->value : -INFINITY;
        for (int n = 0, k; (k = sn_decision_option(&space->decisions[d], n)) >= 0; n++) {
            const sn_effect *x = sn_effects_of(e, d, k);
            double sum = x && !isnan(x->value) ? x->value : -INFINITY;
            for (int i = d + 1; i < space->n_decisions; i++)
                if (space->decisions[i].parent == d) sum += sn_decision_within(&space->decisions[i], k) ? worth[i] : absent[i];
            if (sum > worth[d]) worth[d] = sum, best[d] = (uint8_t)k;
        }
        for (int i = d + 1; i < space->n_decisions; i++)
            if (space->decisions[i].parent == d) absent[d] += absent[i];
    }
    sn_arch a = {.n = space->n_decisions};
    for (int d = 0; d < a.n; d++) {
        a.option[d] = sn_arch_has(space, &a, d) ? best[d] : SN_ABSENT;
        if (a.option[d] != SN_ABSENT && !(worth[d] > -INFINITY))
            return sn_error(SN_USAGE, "no option of %s was scored; rank architectures that have one", space->decisions[d].name);
    }
    *out = a;
    return SN_OK;
}

static sn_status best_otherwise(const sn_graph *g, const sn_space *space, const sn_effects *e, sn_cost most,
                                const volatile sig_atomic_t *stop, sn_arch *out) {
    char size[SN_SIZE_TEXT];
    if (sn_costs_exact(g, space)) return try_all(g, space, e, most, stop, out);
    if (most.macs == INT64_MAX && most.params == INT64_MAX) return choose_freely(space, e, out);
    sn_space_size(space, size, sizeof size);
    return sn_error(SN_USAGE,
                    "the costs of this space do not add up over its decisions (`zero`, or decisions within options), and its %s "
                    "architectures are too many to try each (at most %d): ask for the best of a ranking within the limits",
                    size, SN_MOST_TRIED);
}

sn_status sn_budget_best(const sn_graph *g, const sn_space *space, const sn_effects *e, sn_cost most,
                         const volatile sig_atomic_t *stop, sn_arch *out) {
    if (!sn_costs_add_up(g, space)) return best_otherwise(g, space, e, most, stop, out);
    size_t n = (size_t)space->n_decisions;
    search s = {space, sn_new(n, sizeof *s.choice), sn_new(n, sizeof *s.layer), sn_new(n, sizeof *s.count), .stop = stop};
    sn_arch best = {0};
    sn_status status = s.choice && s.layer && s.count ? measure_all(g, e, most, &s) : SN_RESOURCE;
    for (int d = 0; status == SN_OK && d < space->n_decisions; d++) status = next_layer(&s, d);
    if (status == SN_OK && !s.count[n - 1]) status = sn_cost_none_within(s.least, most);
    if (status == SN_OK) {
        follow(&s, &best);
        status = check(g, &s, most, &best);
    }
    if (status == SN_OK) *out = best;
    for (size_t d = 0; s.layer && d < n; d++) free(s.layer[d]);
    free(s.choice);
    free(s.layer);
    free(s.count);
    return status;
}
