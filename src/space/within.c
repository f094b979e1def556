// Drawing within limits; see within.h. Where costs add up, a table over decisions and what is left of each limit, in steps, says
// how many archs can still be completed; with steps rounded down it counts some that are just beyond a limit, which are drawn
// again. Where there are few, all are visited instead. Where costs do not add up, all archs are tried, or drawn and tried.
#include "space/within.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COSTS = 2, STEPS_OF_ONE = 4096, STEPS_OF_BOTH = 256 };

typedef struct {
    int64_t cost[COSTS][SN_MAX_OPTIONS]; // beyond the decision's cheapest; 0 where there is no limit
    int step[COSTS][SN_MAX_OPTIONS];     // the same in steps, rounded down
} choice;

typedef struct {
    const sn_graph *graph;
    const sn_space *space;
    sn_rng *rng;
    sn_cost most;
    choice *choice;      // (decisions)
    int64_t room[COSTS]; // beyond the cheapest arch
    int steps[COSTS];    // of the room, and 1
    double *share;       // (decisions + 1, steps of MACs, steps of params): of the completions that fit
} drawing;

// ---------------------------------------------------------------- costs
static int64_t cost_of(const sn_cost *c, int which) {
    return which ? c->params : c->macs;
}

static sn_status measure(drawing *w, sn_cost *least) {
    sn_arch a = sn_arch_first(w->space);
    sn_cost first;
    SN_TRY(sn_cost_arch(w->graph, &a, &first));
    *least = first;
    for (int d = 0; d < w->space->n_decisions; d++) {
        choice *c = &w->choice[d];
        int64_t low[COSTS] = {INT64_MAX, INT64_MAX};
        a = sn_arch_first(w->space);
        for (int n = 0, k; (k = sn_decision_option(&w->space->decisions[d], n)) >= 0; n++) {
            sn_cost cost;
            a.option[d] = (uint8_t)k;
            SN_TRY(sn_cost_arch(w->graph, &a, &cost));
            for (int i = 0; i < COSTS; i++) {
                c->cost[i][n] = cost_of(&cost, i) - cost_of(&first, i);
                if (c->cost[i][n] < low[i]) low[i] = c->cost[i][n];
            }
        }
        for (int i = 0; i < COSTS; i++)
            for (int n = 0; n < sn_decision_count(&w->space->decisions[d]); n++) c->cost[i][n] -= low[i];
        least->macs += low[0];
        least->params += low[1];
    }
    return SN_OK;
}

// Room in steps, and the options' costs; without a limit there is one step, and they cost nothing.
static void set_steps(drawing *w, const sn_cost *least) {
    bool both = w->most.macs != INT64_MAX && w->most.params != INT64_MAX;
    for (int i = 0; i < COSTS; i++) {
        bool limited = cost_of(&w->most, i) != INT64_MAX;
        w->room[i] = limited ? cost_of(&w->most, i) - cost_of(least, i) : 0;
        int64_t step = w->room[i] / (both ? STEPS_OF_BOTH : STEPS_OF_ONE) + 1;
        w->steps[i] = (int)(w->room[i] / step) + 1;
        for (int d = 0; d < w->space->n_decisions; d++)
            for (int n = 0; n < sn_decision_count(&w->space->decisions[d]); n++) {
                int64_t *cost = &w->choice[d].cost[i][n];
                if (!limited) *cost = 0;
                w->choice[d].step[i][n] = *cost > w->room[i] ? w->steps[i] : (int)(*cost / step);
            }
    }
}

// ---------------------------------------------------------------- the table
static double *share_at(const drawing *w, int d, int macs, int params) {
    return w->share + ((size_t)d * (size_t)w->steps[0] + (size_t)macs) * (size_t)w->steps[1] + (size_t)params;
}

// Of what is left, after option n of decision d; 0 where it costs more.
static double share_after(const drawing *w, int d, int n, const int left[COSTS]) {
    const choice *c = &w->choice[d];
    int macs = left[0] - c->step[0][n], params = left[1] - c->step[1][n];
    return macs < 0 || params < 0 ? 0 : *share_at(w, d + 1, macs, params);
}

static sn_status fill(drawing *w) {
    int decisions = w->space->n_decisions;
    size_t layer = (size_t)w->steps[0] * (size_t)w->steps[1];
    w->share = sn_new(layer * (size_t)(decisions + 1), sizeof *w->share);
    if (!w->share) return SN_RESOURCE;
    for (size_t i = 0; i < layer; i++) w->share[(size_t)decisions * layer + i] = 1;
    for (int d = decisions - 1; d >= 0; d--) {
        int options = sn_decision_count(&w->space->decisions[d]);
        for (int macs = 0; macs < w->steps[0]; macs++)
            for (int params = 0; params < w->steps[1]; params++) {
                double sum = 0;
                for (int n = 0; n < options; n++) sum += share_after(w, d, n, (int[]){macs, params});
                *share_at(w, d, macs, params) = sum / options;
            }
    }
    return SN_OK;
}

// ---------------------------------------------------------------- few: all are visited
typedef struct {
    const drawing *drawing;
    sn_arch arch;
    double seen, all; // of the last visit, which only counted; all = 0: this is that one
    long wanted, got;
    sn_arch *out;
} visit;

// Each of the rest with the chance that makes every set equally likely (Knuth, The Art of Computer Programming 3.4.2, algorithm
// S).
static void meet(visit *v) {
    double rest = v->all - v->seen++;
    if (v->all > 0 && sn_rng_unit(v->drawing->rng) * rest < (double)(v->wanted - v->got)) v->out[v->got++] = v->arch;
}

static void visit_from(visit *v, int d, const int left[COSTS], const int64_t room[COSTS]) {
    const drawing *w = v->drawing;
    if (d == w->space->n_decisions) {
        meet(v);
        return;
    }
    const choice *c = &w->choice[d];
    for (int n = 0; n < sn_decision_count(&w->space->decisions[d]); n++) {
        const int64_t then[COSTS] = {room[0] - c->cost[0][n], room[1] - c->cost[1][n]};
        if (then[0] < 0 || then[1] < 0 || !(share_after(w, d, n, left) > 0)) continue;
        v->arch.option[d] = (uint8_t)sn_decision_option(&w->space->decisions[d], n);
        visit_from(v, d + 1, (int[]){left[0] - c->step[0][n], left[1] - c->step[1][n]}, then);
    }
}

static void visit_all(const drawing *w, long n, sn_arch *out, long *got) {
    int left[COSTS] = {w->steps[0] - 1, w->steps[1] - 1};
    visit v = {.drawing = w, .arch = sn_arch_first(w->space), .wanted = n, .out = out};
    visit_from(&v, 0, left, w->room);
    v.all = v.seen, v.seen = 0;
    if (v.all > 0) visit_from(&v, 0, left, w->room);
    *got = v.got;
}

// ---------------------------------------------------------------- many: drawn
// One that the table counts; false where it is beyond a limit.
static bool draw(void *arg, sn_arch *out) {
    const drawing *w = arg;
    int left[COSTS] = {w->steps[0] - 1, w->steps[1] - 1};
    int64_t room[COSTS] = {w->room[0], w->room[1]};
    out->n = w->space->n_decisions;
    for (int d = 0; d < out->n; d++) {
        int options = sn_decision_count(&w->space->decisions[d]), taken = 0;
        double at = sn_rng_unit(w->rng) * *share_at(w, d, left[0], left[1]) * options;
        for (int n = 0; n < options; n++) {
            double share = share_after(w, d, n, left);
            if (!(share > 0)) continue;
            taken = n;
            if ((at -= share) < 0) break;
        }
        out->option[d] = (uint8_t)sn_decision_option(&w->space->decisions[d], taken);
        for (int i = 0; i < COSTS; i++) left[i] -= w->choice[d].step[i][taken], room[i] -= w->choice[d].cost[i][taken];
    }
    return room[0] >= 0 && room[1] >= 0;
}

// ---------------------------------------------------------------- whole
// Whether costs added up.
static sn_status check(const drawing *w, const sn_arch *a, long n) {
    for (long i = 0; i < n; i++) {
        sn_cost cost;
        SN_TRY(sn_cost_arch(w->graph, &a[i], &cost));
        if (cost.macs > w->most.macs || cost.params > w->most.params)
            return sn_error(SN_FAIL, "the costs of this space do not add up over its decisions, as was taken for granted");
    }
    return SN_OK;
}

static sn_status sample(drawing *w, long n, sn_arch *out, long *got) {
    enum { FEW = 1 << 22 };
    sn_cost least;
    SN_TRY(measure(w, &least));
    if (least.macs > w->most.macs || least.params > w->most.params) return sn_cost_none_within(least, w->most);
    set_steps(w, &least);
    SN_TRY(fill(w));
    double counted = *share_at(w, 0, w->steps[0] - 1, w->steps[1] - 1) * sn_space_size(w->space, NULL, 0);
    *got = n;
    if (counted <= FEW || counted <= 4 * (double)n)
        visit_all(w, n, out, got);
    else
        SN_TRY(sn_arch_draw_different(w, draw, n, out));
    if (!*got) return sn_cost_none_within(least, w->most);
    return check(w, out, *got);
}

// ---------------------------------------------------------------- costs that do not add up
static bool is_within(const drawing *w, const sn_cost *c) {
    return c->macs <= w->most.macs && c->params <= w->most.params;
}

// Meets the archs within the limits; the least that any costs.
static sn_status try_all(const drawing *w, visit *v, sn_cost *least) {
    v->arch = sn_arch_first(w->space);
    do {
        sn_cost cost;
        SN_TRY(sn_cost_arch(w->graph, &v->arch, &cost));
        if (cost.macs < least->macs) least->macs = cost.macs;
        if (cost.params < least->params) least->params = cost.params;
        if (is_within(w, &cost)) meet(v);
    } while (sn_arch_next(w->space, &v->arch));
    return SN_OK;
}

static sn_status sample_tried(const drawing *w, long n, sn_arch *out, long *got) {
    sn_cost least = {INT64_MAX, INT64_MAX};
    visit v = {.drawing = w, .wanted = n, .out = out};
    SN_TRY(try_all(w, &v, &least));
    if (!(v.seen > 0)) return sn_cost_none_within(least, w->most);
    v.all = v.seen, v.seen = 0;
    SN_TRY(try_all(w, &v, &least));
    *got = v.got;
    return SN_OK;
}

// Tries in vain count (arch.h); a cost that cannot be had is one.
static bool draw_tried(void *arg, sn_arch *out) {
    const drawing *w = arg;
    sn_cost cost;
    *out = sn_arch_random(w->space, w->rng);
    return sn_cost_arch(w->graph, out, &cost) == SN_OK && is_within(w, &cost);
}

static sn_status sample_otherwise(drawing *w, long n, sn_arch *out, long *got) {
    *got = n;
    return sn_costs_exact(w->graph, w->space) ? sample_tried(w, n, out, got) : sn_arch_draw_different(w, draw_tried, n, out);
}

sn_status sn_arch_sample_within(const sn_graph *g, const sn_space *s, sn_rng *rng, sn_cost most, long n, sn_arch *out,
                                long *got) {
    drawing w = {.graph = g, .space = s, .rng = rng, .most = most};
    if (!sn_costs_add_up(g, s)) return sample_otherwise(&w, n, out, got);
    w.choice = sn_new((size_t)s->n_decisions, sizeof *w.choice);
    sn_status status = w.choice ? sample(&w, n, out, got) : SN_RESOURCE;
    free(w.choice);
    free(w.share);
    return status;
}
