// Cells, as notations of cell spaces speak of them: nodes numbered from the farthest input on, and edges, each an option between
// an earlier node and a later one. What motifs whose nodes are sums of choices are; each motif is shared, and a space that
// consists of them has no other decisions. Not here: texts (nasbench201.c, genotype.c, mmrazor.c). Next: cell.c.
#ifndef SN_NOTATION_CELL_H
#define SN_NOTATION_CELL_H

#include "space/notations/reader.h"

typedef struct {
    int node, from;
    int decision; // whose option stands there
    int zero;     // its option that is nothing; -1: none
    int item;     // of the node's pick; -1: always there
    bool taken;   // by what was read
} sn_edge;

typedef struct {
    const char *name; // the motif's; "reduce" for a reduction
    int inputs, nodes;
    int pick[SN_MAX_DECISIONS]; // of each node, from 0: the decision which edges it has; -1: all
    uint64_t joined;            // nodes, from 0, that are joined as the cell's value
    sn_edge edge[SN_MAX_DECISIONS];
    int edges;
} sn_cell;

typedef struct {
    sn_cell *cell;
    int n;
} sn_cells;

// SN_USAGE: why the archs of a space are not cells; `notation` is who asks. Free with sn_cells_free.
sn_status sn_cells_of(const sn_space *, const char *notation, sn_cells *out);
void sn_cells_free(sn_cells *);
sn_cell *sn_cells_find(const sn_cells *, sn_word name);

// Puts an operation on an edge, once; node and from must be those of the notation, at: where they stand in the text.
sn_status sn_cell_take(sn_reader *, sn_cell *, const char *at, int node, int from, sn_word op, sn_arch *out);
// When all are taken: what the nodes then picked, and nothing on the other edges. at: where the cell ends.
sn_status sn_cell_close(sn_reader *, const sn_cell *, const char *at, sn_arch *out);

// Edges of a node, of which so many are in an arch; whether one is, and its option's name.
int sn_cell_width(const sn_space *, const sn_cell *, int node);
bool sn_edge_in(const sn_edge *, const sn_arch *);
const char *sn_edge_op(const sn_space *, const sn_edge *, const sn_arch *);

#endif
