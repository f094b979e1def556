// The graph of a supernet: every option of every decision as nodes, choices between them. Built once from a space, then read
// only. Primitives store a tensor: conv, pool, mean, sum, scale (a tensor times a number per channel), place, loss. View nodes
// (bn, bias, act) change how readers read one and cost nothing. A choice, a site, stands for the value of its decision's option;
// identity is an alias and has no node. A zero stands for nothing, and so does what reads nothing; sums leave it out, to a concat
// it is zeros. Next: ops.h, cost.h, plan.h.
#ifndef SN_GRAPH_H
#define SN_GRAPH_H

#include "space/gates.h"
#include "space/params.h"

typedef enum {
    SN_NODE_INPUT,
    SN_NODE_CONV,
    SN_NODE_POOL,
    SN_NODE_MEAN,
    SN_NODE_SUM,
    SN_NODE_SCALE,
    SN_NODE_PLACE, // its inputs side by side, a concat; or of one input some channels, shuffled or not, of some pixels
    SN_NODE_LOSS,
    SN_NODE_BN,
    SN_NODE_BIAS,
    SN_NODE_ACT,
    SN_NODE_CHOICE,
    SN_NODE_ZERO
} sn_node_kind;

enum { SN_MOST_CONCAT = 1 << 20 }; // of a concat

typedef struct {
    int c, h, w;
} sn_shape;

typedef struct {
    sn_node_kind kind;
    char *name; // "stage2.layer1.mb6_k5.dw"; for messages, export and trace
    int *in;    // node ids, all smaller than this node's; a choice has one per option, -1 where it is not allowed
    int n_in;
    int c, h, w;                               // shape of the value
    int out;                                   // conv: channels; place of one input: those that it takes; else 0
    int kernel, stride, pad, dilation, groups; // conv, pool; place of one input: stride, groups of the shuffle
    int first, shift;                          // place of one input: the first channel, after the shuffle; and pixel
    int mode;                                  // pool: 0 max, 1 average; act: index into sn_act_words
    int weight;                                // conv: parameter; bn: gamma or -1; else -1
    int bias;                                  // bn: beta or -1; bias: the parameter; else -1
    int stats;                                 // bn: index of its running statistics; else -1
    int decision;                              // choice: whose option it takes; else -1
    int since;                                 // choice: the first node that its options are made of; itself where of none
} sn_node;

typedef struct {
    sn_node *node;
    int n;
    size_t capacity;
    sn_params params;
    int input, logits, loss;  // node ids
    int choice[SN_MAX_SITES]; // the sites: node ids of all choices, ascending; several may name one decision
    int n_choices;
    double bn_eps; // of all BNs
} sn_graph;

sn_status sn_graph_build(const sn_space *, sn_graph **out); // SN_CONFIG naming the entry and the shapes that do not fit
void sn_graph_free(sn_graph *);

// The shape of a node's value from the shapes of its inputs (in the node's order; of a choice the missing ones are not read) and
// its own attributes. SN_CONFIG naming the node where they do not fit. The builder sees to it that a choice's options agree.
sn_status sn_node_shape(const sn_graph *, const sn_node *, const sn_shape *in, sn_shape *out);

// What a node uses of its weight; and of its bias, which is a vector.
sn_extent sn_node_extent(const sn_graph *, const sn_node *);
// How many matrices make its kernel of larger ones; they follow each other from the weight's `matrix` on.
int sn_node_matrices(const sn_graph *, const sn_node *);
// The parts of parameters that a node uses, into `out` where that is not NULL: of the weight (and of what its kernel is made of),
// then of the bias. Returns how many.
int sn_node_parts(const sn_graph *, const sn_node *, sn_part *out);

// Whether a node computes a tensor, in whose place the statistics for a BN are taken; the input is there already, the others are
// ways to read one or stand for another node.
bool sn_node_stores(const sn_node *);
// Hash of kind, sizes and attributes; with names, of its parameters and statistics too. Inputs are not in it.
uint64_t sn_node_hash(const sn_node *, bool with_names);
// Mixes the hashes of a node's inputs, hash[what they stand for], into h. To all but a sum it matters which are nothing, and of
// how many channels.
uint64_t sn_inputs_hash(const sn_graph *, const sn_node *, const int *stands, const uint64_t *hash, uint64_t h);
uint64_t sn_nothing_hash(const sn_graph *, const sn_node *, int k); // of the kth input, where it is nothing

// stands[node]: the node whose value it is under the arch, often itself, or SN_NOTHING. A choice stands for its option, a sum
// with one input that is something for that input. Nothing are: a zero, a sum or concat of nothing, and whatever else reads
// nothing, BN too, but for the loss and a bias, which is then added to 0. given: nodes that stand for themselves whatever they
// are; NULL: none.
enum { SN_NOTHING = -1 };
void sn_graph_stand(const sn_graph *, const sn_arch *, const uint8_t *given, int *stands);
// The same under gates: a choice whose options are weighed stands for itself, if any active one is something; or for that, where
// it is one value with gates of 1 together that are not learned.
void sn_graph_stand_mixed(const sn_graph *, const sn_gates *, bool gradients, const uint8_t *given, int *stands);
// live[node] = 1 for the nodes, of those that stand for themselves, which the loss needs.
void sn_graph_live(const sn_graph *, const int *stands, uint8_t *live);
// Whether the logits of any arch depend on the image; and whether those of some may be nothing, if any options go together.
sn_status sn_graph_computes(const sn_graph *, bool *out);
sn_status sn_graph_may_lack(const sn_graph *, bool *out);
// 64-bit signature of the arch's net: equal for archs that are the same net when trained alone (sizes and wiring, no names), or,
// with names, for archs that compute the same function with the same shared weights.
sn_status sn_graph_signature(const sn_graph *, const sn_arch *, bool with_names, uint64_t *out);
// How many archs of a space differ as nets trained alone; all are tried and kept. SN_RESOURCE.
sn_status sn_graph_distinct(const sn_graph *, const sn_space *, long *out);

#endif
