// Costs of an arch, read off the graph's nodes; no operation states its own.
// MACs: multiplications of conv and linear for one image. Params: numbers trained in the stand-alone net (no running statistics).
#ifndef SN_COST_H
#define SN_COST_H

#include "space/graph.h"

typedef struct {
    int64_t macs, params;
} sn_cost;

// Of a node by itself, whether an arch uses it or not.
sn_cost sn_cost_node(const sn_graph *, const sn_node *);
// Of the nodes that the arch uses.
sn_status sn_cost_arch(const sn_graph *, const sn_arch *, sn_cost *out);
// The archs with fewest and most MACs (option by option; exact for chains, where options are independent).
sn_status sn_cost_extremes(const sn_graph *, const sn_space *, sn_arch *smallest, sn_arch *largest);

#endif
