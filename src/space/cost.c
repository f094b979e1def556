// MACs and parameters of an arch, read off the nodes; see cost.h.
#include "space/cost.h"

#include <stdlib.h>

sn_cost sn_cost_node(const sn_graph *g, const sn_node *n) {
    sn_cost cost = {0};
    sn_part part[SN_NODE_PARTS];
    for (int k = 0, parts = sn_node_parts(g, n, part); k < parts; k++) {
        int64_t size = part[k].run * part[k].rows;
        cost.params += size;
        if (n->kind == SN_NODE_CONV) cost.macs += (int64_t)n->h * n->w * size;
    }
    return cost;
}

sn_status sn_cost_arch(const sn_graph *g, const sn_arch *a, sn_cost *out) {
    uint8_t *live = sn_new((size_t)g->n, 1);
    if (!live) return SN_RESOURCE;
    sn_graph_live(g, a, live);
    *out = (sn_cost){0};
    for (int i = 0; i < g->n; i++) {
        if (!live[i]) continue;
        sn_cost node = sn_cost_node(g, &g->node[i]);
        out->macs += node.macs, out->params += node.params;
    }
    free(live);
    return SN_OK;
}

sn_status sn_cost_extremes(const sn_graph *g, const sn_space *s, sn_arch *smallest, sn_arch *largest) {
    sn_arch least = sn_arch_first(s), most = least;
    for (int i = 0; i < s->n_decisions; i++) {
        sn_arch a = sn_arch_first(s);
        int64_t low = INT64_MAX, high = -1;
        for (int n = 0, k; (k = sn_decision_option(&s->decisions[i], n)) >= 0; n++) {
            sn_cost c;
            a.option[i] = (uint8_t)k;
            SN_TRY(sn_cost_arch(g, &a, &c));
            if (c.macs < low) low = c.macs, least.option[i] = (uint8_t)k;
            if (c.macs > high) high = c.macs, most.option[i] = (uint8_t)k;
        }
    }
    *smallest = least;
    *largest = most;
    return SN_OK;
}
