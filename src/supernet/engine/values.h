// What the nodes of an arch's net stand for: where the net is cut into segments, and a signature per value. Values of equal
// signature are equal bit for bit, in whichever archs they stand, so they need to be computed once. A segment is what one plan
// computes: from given values, the cuts before it, to one cut or the loss. Cuts are made at the value of every choice and
// wherever segments of different values would compute the same. Not here: which values are computed when (scoreplan.h).
#ifndef SN_VALUES_H
#define SN_VALUES_H

#include "space/graph.h"

typedef struct {
    const sn_graph *graph; // borrowed
    uint64_t *fields;      // per node: hash of kind, sizes and parameters
    bool *shared;          // per node: reached from more than one value without a cut between
    // of the arch read last, per node; only those that stand for themselves count
    int *stands;               // see graph.h
    bool *live, *picked, *cut; // live: aliases too; picked: what a choice or a shared sum stands for
    int *uses;                 // readers
    uint64_t *signature;
    int *choice, *value; // the choices that the loss needs, and the node each stands for
    int n_choices;
    // of the segment found last
    bool *inside;
    int *given, *stats; // nodes; indices of the running statistics of its BNs
    int n_given, n_stats;
    bool reads_images;
    uint64_t key; // equal keys: equal plans but for places
} sn_values;

// SN_RESOURCE when memory is out; *v is to be freed all the same.
sn_status sn_values_init(sn_values *v, const sn_graph *);
void sn_values_free(sn_values *);

void sn_values_read(sn_values *, const sn_arch *);
// The segment of a cut or of the loss, of the arch read last.
void sn_values_segment(sn_values *, int node);

#endif
