// Costs of an arch, read off the graph's nodes; no operation states its own.
// MACs: multiplications of conv and linear for one image. Params: numbers trained in the stand-alone net (no running statistics),
// a part of a parameter as large as it is.
#ifndef SN_COST_H
#define SN_COST_H

#include "space/graph.h"

typedef struct {
    int64_t macs, params;
} sn_cost;

// Of a node by itself, whether an arch uses it or not.
sn_cost sn_cost_node(const sn_graph *, const sn_node *);
// Of what an option is made of, at all sites of its decision; 0 for picks and depths, whose options have none of
// their own. SN_RESOURCE.
sn_status sn_cost_option(const sn_graph *, int decision, int option, sn_cost *out);
// Of the nodes that the arch uses.
sn_status sn_cost_arch(const sn_graph *, const sn_arch *, sn_cost *out);
// Whether costs are a sum over decisions, an option adding the same in every arch: where no value is ever nothing (a zero takes
// what others compute out of the net), all decisions always exist, none is a depth (which says how often a shared one counts),
// and no operation has two lists (whose numbers are multiplied).
bool sn_costs_add_up(const sn_graph *, const sn_space *);
// Where they do not, what depends on costs is exact by trying all archs of a space of so many at most.
enum { SN_MOST_TRIED = 1 << 20 };
bool sn_costs_exact(const sn_graph *, const sn_space *);
// SN_USAGE saying that no arch is within `most` (INT64_MAX: no limit); least: the fewest MACs and params that any has.
sn_status sn_cost_none_within(sn_cost least, sn_cost most);
// The archs with fewest and most MACs: exact where sn_costs_exact; else the best of a descent from several archs.
sn_status sn_cost_extremes(const sn_graph *, const sn_space *, sn_arch *smallest, sn_arch *largest);

#endif
