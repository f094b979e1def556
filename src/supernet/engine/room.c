// The largest pass of a space; see room.h.
#include "supernet/engine/room.h"
#include "space/cost.h"

// The nodes of a parameter stand near each other, but nothing depends on it.
int64_t sn_room_weights(const sn_graph *g) {
    int64_t sum = 0;
    for (int i = 0; i < g->n; i++) {
        int64_t most = sn_node_room(g, &g->node[i]);
        for (int k = 0; k < g->n && most; k++) {
            if (k == i || g->node[k].weight != g->node[i].weight) continue;
            int64_t other = sn_node_room(g, &g->node[k]);
            if (other > most || (other == most && k < i)) most = 0; // counted there
        }
        sum += most;
    }
    return sum ? g->params.total + sum : 0;
}

enum { ALL = 300, SWEEPS = 4, STARTS = 6 };

typedef struct {
    const sn_graph *graph;
    const sn_space *space;
    const sn_backend *backend;
    sn_pass pass;
    sn_plan plan;
    sn_room most;
} search;

static sn_status try(search *x, const sn_arch *a, int64_t *arena) {
    x->pass.arch = a;
    SN_TRY(sn_plan_make(x->graph, x->backend, &x->pass, &x->plan));
    *arena = x->plan.arena;
    if (x->plan.arena > x->most.arena) x->most.arena = x->plan.arena;
    if (x->plan.scratch > x->most.scratch) x->most.scratch = x->plan.scratch;
    return SN_OK;
}

static sn_status try_all(search *x) {
    sn_arch a = sn_arch_first(x->space);
    int64_t arena;
    do SN_TRY(try(x, &a, &arena));
    while (sn_arch_next(x->space, &a));
    return SN_OK;
}

// One decision takes its largest option: of each the decisions that exist only with it take theirs first.
static sn_status climb_decision(search *x, sn_arch *a, int d, int64_t *best) {
    const sn_arch from = *a;
    if (!sn_arch_has(x->space, a, d)) return SN_OK;
    for (int n = 0, k; (k = sn_decision_option(&x->space->decisions[d], n)) >= 0; n++) {
        int64_t arena;
        sn_arch other = from;
        other.option[d] = (uint8_t)k;
        sn_arch_settle(x->space, &other);
        SN_TRY(try(x, &other, &arena));
        for (int i = d + 1; i < other.n; i++)
            if (from.option[i] == SN_ABSENT) SN_TRY(climb_decision(x, &other, i, &arena));
        if (arena > *best) *best = arena, *a = other;
    }
    return SN_OK;
}

static sn_status climb(search *x, sn_arch a) {
    int64_t best = 0;
    SN_TRY(try(x, &a, &best));
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        int64_t before = best;
        for (int d = 0; d < a.n; d++) SN_TRY(climb_decision(x, &a, d, &best));
        if (best == before) return SN_OK;
    }
    return SN_OK;
}

static sn_status climb_from_several(search *x) {
    sn_arch start[STARTS];
    SN_TRY(sn_cost_extremes(x->graph, x->space, &start[0], &start[1]));
    sn_rng rng = sn_rng_at(0, SN_STREAM_ARCHS, 3, 0, 0);
    for (int i = 2; i < STARTS; i++) start[i] = sn_arch_random(x->space, &rng);
    for (int i = 0; i < STARTS; i++) SN_TRY(climb(x, start[i]));
    x->most.arena += x->most.arena / 64; // gaps between tensors, which differ from arch to arch in no order
    return SN_OK;
}

sn_status sn_room_of(const sn_graph *g, const sn_space *s, const sn_backend *backend, const sn_pass *like, sn_room *out) {
    search x = {.graph = g, .space = s, .backend = backend, .pass = *like};
    char text[SN_SIZE_TEXT];
    sn_status status = sn_space_size(s, text, sizeof text) <= ALL ? try_all(&x) : climb_from_several(&x);
    sn_plan_free(&x.plan);
    x.most.weights = sn_room_weights(g);
    if (status == SN_OK) *out = x.most;
    return status;
}
