// MACs and parameters of an arch, read off the nodes; see cost.h.
#include "space/cost.h"
#include "base/amount.h"

#include <stdlib.h>
#include <string.h>

// Of a net cut out: a kernel counts as large as it is, whatever it is made of.
sn_cost sn_cost_node(const sn_graph *g, const sn_node *n) {
    sn_extent piece = sn_node_extent(g, n);
    int64_t size = (int64_t)piece.kernel * piece.kernel * piece.in * piece.out;
    sn_cost cost = {0};
    if (n->weight >= 0) cost.params += size;
    if (n->bias >= 0) cost.params += piece.out;
    if (n->kind == SN_NODE_CONV) cost.macs = (int64_t)n->h * n->w * size;
    return cost;
}

// Of what a site's option is made of: marked are the nodes that it needs.
static void add_option(const sn_graph *g, int site, int option, uint8_t *needed, sn_cost *cost) {
    const sn_node *choice = &g->node[site];
    if (choice->in[option] < 0) return;
    memset(needed, 0, (size_t)g->n);
    needed[choice->in[option]] = 1;
    for (int i = site - 1; i >= choice->since; i--) {
        const sn_node *n = &g->node[i];
        if (!needed[i]) continue;
        for (int k = 0; k < n->n_in; k++)
            if (n->in[k] >= 0) needed[n->in[k]] = 1;
        sn_cost node = sn_cost_node(g, n);
        cost->macs += node.macs, cost->params += node.params;
    }
}

sn_status sn_cost_option(const sn_graph *g, int decision, int option, sn_cost *out) {
    uint8_t *needed = sn_new((size_t)g->n, 1);
    if (!needed) return SN_RESOURCE;
    *out = (sn_cost){0};
    for (int c = 0; c < g->n_choices; c++)
        if (g->node[g->choice[c]].decision == decision) add_option(g, g->choice[c], option, needed, out);
    free(needed);
    return SN_OK;
}

sn_status sn_cost_arch(const sn_graph *g, const sn_arch *a, sn_cost *out) {
    int *stands = sn_new((size_t)g->n, sizeof *stands + 1);
    if (!stands) return SN_RESOURCE;
    uint8_t *live = (uint8_t *)(stands + g->n);
    sn_graph_stand(g, a, NULL, stands);
    sn_graph_live(g, stands, live);
    *out = (sn_cost){0};
    for (int i = 0; i < g->n; i++) {
        if (!live[i]) continue;
        sn_cost node = sn_cost_node(g, &g->node[i]);
        out->macs += node.macs, out->params += node.params;
    }
    free(stands);
    return SN_OK;
}

bool sn_costs_add_up(const sn_graph *g, const sn_space *s) {
    for (int i = 0; i < g->n; i++)
        if (g->node[i].kind == SN_NODE_ZERO) return false;
    for (int d = 0; d < s->n_decisions; d++)
        if (s->decisions[d].depth || s->decisions[d].lists > 1) return false;
    return !sn_space_nests(s);
}

bool sn_costs_exact(const sn_graph *g, const sn_space *s) {
    return sn_costs_add_up(g, s) || sn_space_size(s, NULL, 0) <= SN_MOST_TRIED;
}

sn_status sn_cost_none_within(sn_cost least, sn_cost most) {
    char macs[32];
    if (least.macs > most.macs || least.params > most.params)
        return sn_error(SN_USAGE, "no architecture is within the limits; the smallest have %s MMACs and %lld params",
                        sn_millions(least.macs, macs), (long long)least.params);
    return sn_error(SN_USAGE, "no architecture is within both limits, %s MMACs and %lld params", sn_millions(most.macs, macs),
                    (long long)most.params);
}

// ---------------------------------------------------------------- extremes
typedef struct {
    const sn_graph *graph;
    const sn_space *space;
    sn_arch least, most;
    int64_t low, high;
} extremes;

static sn_status meet(extremes *x, const sn_arch *a) {
    sn_cost c;
    SN_TRY(sn_cost_arch(x->graph, a, &c));
    if (c.macs < x->low) x->low = c.macs, x->least = *a;
    if (c.macs > x->high) x->high = c.macs, x->most = *a;
    return SN_OK;
}

static sn_status meet_all(extremes *x) {
    sn_arch a = sn_arch_first(x->space);
    do SN_TRY(meet(x, &a));
    while (sn_arch_next(x->space, &a));
    return SN_OK;
}

// Every other option of every decision of an arch.
static sn_status meet_neighbours(extremes *x, sn_arch from) {
    for (int d = 0; d < from.n; d++)
        for (int n = 0, k; sn_arch_has(x->space, &from, d) && (k = sn_decision_option(&x->space->decisions[d], n)) >= 0; n++) {
            sn_arch a = from;
            a.option[d] = (uint8_t)k;
            sn_arch_settle(x->space, &a);
            SN_TRY(meet(x, &a));
        }
    return SN_OK;
}

// Down and up from the first arch and some others, until no single option leads further.
static sn_status descend(extremes *x) {
    enum { STARTS = 8, ROUNDS = 1000 };
    sn_rng rng = sn_rng_at(0, SN_STREAM_ARCHS, 4, 0, 0);
    for (int i = 0; i < STARTS; i++) {
        sn_arch a = i ? sn_arch_random(x->space, &rng) : sn_arch_first(x->space);
        SN_TRY(meet(x, &a));
    }
    for (int i = 0; i < ROUNDS; i++) {
        int64_t low = x->low, high = x->high;
        SN_TRY(meet_neighbours(x, x->least));
        SN_TRY(meet_neighbours(x, x->most));
        if (x->low == low && x->high == high) return SN_OK;
    }
    return SN_OK;
}

// Option by option: each adds the same in any arch.
static sn_status pick(extremes *x) {
    x->least = x->most = sn_arch_first(x->space);
    for (int i = 0; i < x->space->n_decisions; i++) {
        extremes one = {.graph = x->graph, .space = x->space, .low = INT64_MAX, .high = -1};
        sn_arch a = sn_arch_first(x->space);
        for (int n = 0, k; (k = sn_decision_option(&x->space->decisions[i], n)) >= 0; n++) {
            a.option[i] = (uint8_t)k;
            SN_TRY(meet(&one, &a));
        }
        x->least.option[i] = one.least.option[i], x->most.option[i] = one.most.option[i];
    }
    return SN_OK;
}

sn_status sn_cost_extremes(const sn_graph *g, const sn_space *s, sn_arch *smallest, sn_arch *largest) {
    extremes x = {.graph = g, .space = s, .low = INT64_MAX, .high = -1};
    SN_TRY(sn_costs_add_up(g, s) ? pick(&x) : sn_costs_exact(g, s) ? meet_all(&x) : descend(&x));
    *smallest = x.least;
    *largest = x.most;
    return SN_OK;
}
