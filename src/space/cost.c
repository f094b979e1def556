// MACs and parameters of an arch, read off the nodes; see cost.h.
#include "space/cost.h"

#include <stdlib.h>

static int64_t node_macs(const sn_graph *g, const sn_node *n) {
    return n->kind == SN_NODE_CONV ? (int64_t)n->h * n->w * g->params.param[n->weight].size : 0;
}

static int64_t param_size(const sn_graph *g, int param) {
    return param < 0 ? 0 : g->params.param[param].size;
}

sn_cost sn_cost_arch(const sn_graph *g, const sn_arch *a) {
    sn_cost cost = {0};
    uint8_t *live = sn_new((size_t)g->n, 1);
    if (!live) return cost;
    sn_graph_live(g, a, live);
    for (int i = 0; i < g->n; i++) {
        const sn_node *n = &g->node[i];
        if (!live[i]) continue;
        cost.macs += node_macs(g, n);
        cost.params += param_size(g, n->weight) + param_size(g, n->bias);
    }
    free(live);
    return cost;
}

void sn_cost_extremes(const sn_graph *g, const sn_space *s, sn_arch *smallest, sn_arch *largest) {
    *smallest = *largest = sn_arch_first(s);
    for (int i = 0; i < s->n_decisions; i++) {
        sn_arch a = sn_arch_first(s);
        int64_t least = -1, most = -1;
        for (int n = 0, k; (k = sn_decision_option(&s->decisions[i], n)) >= 0; n++) {
            a.option[i] = (uint8_t)k;
            int64_t macs = sn_cost_arch(g, &a).macs;
            if (least < 0 || macs < least) least = macs, smallest->option[i] = (uint8_t)k;
            if (macs > most) most = macs, largest->option[i] = (uint8_t)k;
        }
    }
}
