// A search space as the user describes it: input, blocks (operations, choices between blocks, motifs of blocks), network
// (entries), decisions. Plain values, no tensors. Not here: reading YAML (io/config/config.h) and building the graph (graph.h).
// Next: arch.h, ops.h, graph.h.
#ifndef SN_SPACE_H
#define SN_SPACE_H

#include "base/status.h"
#include <stdbool.h>
#include <stdint.h>

// Options: as many as a mask has bits.
enum { SN_MAX_DECISIONS = 256, SN_MAX_OPTIONS = 64, SN_OP_ATTRS = 8, SN_MAX_BLOCKS = 256, SN_MAX_ENTRIES = 256 };
enum { SN_MAX_SITES = 1024 };     // places of choices
enum { SN_MAX_PLACES = 1 << 15 }; // of blocks, in all layers and motifs
enum { SN_MAX_TERMS = 64 };       // of a node of a motif
enum { SN_MAX_INPUTS = 4 };       // of a motif
enum { SN_MAX_VALUES = 16 };      // of an attribute that is a list
enum { SN_SIZE_TEXT = 640 };

struct sn_op;

// One of the values that a node of a motif joins: a block applied to an earlier value, or that value.
typedef struct {
    char *name; // of a block's place: "n2" where it is the node's only one, else with its source, "n2.n1", "n2.n1-2"
    int block;  // index into space->blocks, smaller than that of the motif; -1: the value itself
    int from;   // node, smaller than its own; -1: the motif's input, -2: the one before it, and so on
    bool item;  // of the node's pick
} sn_term;

typedef struct {
    char *name; // unique in its motif, not that of an input
    sn_term term[SN_MAX_TERMS];
    int terms;
    bool concat; // the values side by side; else their sum
    int pick;    // of a sum: so many of the terms that are items, in every way, options of one decision; 0: no items
} sn_motif_node;

// What a motif reads, the last value of the network first; values before it are those before the layer that made it, if that was
// such a motif too, else the same again. Each is read through a block that gives it the channels of the place and the size of the
// last one, or (through: -1) as it is.
typedef struct {
    char *name[SN_MAX_INPUTS];
    int through[SN_MAX_INPUTS];
    int n; // 0: one, called "input", as it is
} sn_motif_inputs;

// Attributes of an operation that are lists: each is a decision between its values. Options use parts of the same weights: the
// first channels, the centre of a kernel.
typedef struct {
    int n[SN_OP_ATTRS]; // values of each attribute, ascending; 0: not a list
    int value[SN_OP_ATTRS][SN_MAX_VALUES];
    bool transform; // a smaller kernel is the centre of the next larger one times a learned matrix
    int bn_per;     // attribute each of whose values has batch normalisations of its own; -1: all use parts of the same
} sn_lists;

// A named block. All three read one value and give one, of the channels and stride of their place (a concat has all channels of
// its values), and may stand wherever a block may: in an entry, as an option, in a motif that is defined later. Motifs of several
// inputs stand in entries.
typedef struct {
    char *name; // "mb6_k5"; owned by the space
    // an operation: {op: mbconv, expand: 6, kernel: 5}
    const struct sn_op *op; // from the table in ops.h; NULL: a choice or a motif
    int attr[SN_OP_ATTRS];  // values in the order of op->attrs; of a list the last
    sn_lists lists;
    // a choice between blocks: {choose: [mb3_k3, skip]}
    int block[SN_MAX_OPTIONS];
    int options;
    // a motif: a small graph; the last node is its value. Blocks that read an input have the stride of the place, others 1
    sn_motif_inputs inputs;
    sn_motif_node *node;
    int nodes;
    bool shared; // its decisions are the same in all places, else each place has its own
} sn_block;

// One entry of `network`: layers of one block, or of a choice between several.
typedef struct {
    char *name;                // "stem", "stage2"; unique; owned by the space
    bool choice;               // false: options = 1
    int block[SN_MAX_OPTIONS]; // indices into space->blocks
    int options;
    int layers;                // the first layer has `stride`, the others 1
    int depth[SN_MAX_OPTIONS]; // a choice of how many of the layers there are: ascending, the last is all of them
    int depths;                // how many to choose from; 0: always all layers
    int out;                   // channels of every layer; 0 for operations without (classifier)
    int stride;
    bool shared; // the layers' decisions are the same, else each layer has its own
} sn_entry;

// What archs differ in. The places that take its option are its sites (graph.h). Archs number all options, allowed or not: a
// restricted space keeps the numbers. A decision in a block that is itself an option exists only where that is taken, one in a
// layer only where the entry's depth reaches it.
typedef struct {
    char *name;                // of its place without what is shared: "stage2.layer1", "stage2", "cell.n2.n1"; owned by the space
    int options;               // at least 1
    int block[SN_MAX_OPTIONS]; // options as indices into space->blocks; of a depth or list its numbers; of a pick unused
    bool depth;
    int lists; // of an attribute that is a list: how many its operation has; else 0
    // but of blocks: what each option is called, "3" or "a+b"; NULL: of blocks. Of a pick its items, bit k for item k
    char **label;
    uint64_t *items;
    uint64_t allowed; // the mask: bit k for option k; at least one
    int parent;       // it exists if this decision, a smaller one, takes one of these options; -1: always
    uint64_t parent_options;
} sn_decision;

typedef struct {
    int channels, height, width, classes;
    double bn_eps; // added to variances; 1e-5 in a new space
    sn_block *blocks;
    int n_blocks;
    sn_entry *entries;
    int n_entries;
    sn_decision *decisions; // made by sn_space_finish from the entries
    int n_decisions;
    bool digits; // arch text as one index digit per decision (`text: digits`; needs at most 10 options each)
} sn_space;

// Starts empty: fill with the functions below, then sn_space_finish. Free with sn_space_free.
sn_space *sn_space_new(void);
void sn_space_free(sn_space *);
// All copy the name and return the index, or -1 with the message set (limit reached, name taken).
// attr: values of the operation's attributes; NULL: their defaults.
int sn_space_add_block(sn_space *, const char *name, const struct sn_op *op, const int *attr);
// The same with lists; SN_CONFIG-like messages name what is wrong with them.
int sn_space_add_elastic(sn_space *, const char *name, const struct sn_op *op, const int *attr, const sn_lists *, bool shared);
int sn_space_add_choice(sn_space *, const char *name, const int *block, int options, bool shared);
// inputs: NULL for one as it is. inputs and nodes are taken over with their names, also on failure; names of terms are made here.
// Each node but the last must be read.
int sn_space_add_motif(sn_space *, const char *name, const sn_motif_inputs *inputs, sn_motif_node *nodes, int n, bool shared);
int sn_space_add_entry(sn_space *, const char *name, const sn_entry *entry); // entry->name is ignored
int sn_space_find_block(const sn_space *, const char *name);                 // or -1
// Makes the decisions, checks the whole (at least one decision, the last entry a classifier and no other, limits). SN_CONFIG on
// error.
sn_status sn_space_finish(sn_space *);
// Number of archs as decimal text with commas (exact, with SN_SIZE_TEXT bytes of room). Returns the number as double too.
double sn_space_size(const sn_space *, char *text, size_t text_size);
// The same of what lies within a shared block alone, where it exists. Returns how many decisions that are.
int sn_space_size_within(const sn_space *, const char *block, char *text, size_t text_size);
// Whether some decisions exist only under an option of another; and how many archs differ in what exists under an option.
bool sn_space_nests(const sn_space *);
double sn_space_archs_with(const sn_space *, int decision, int option);
// How many options the decision with most allowed options has: FairNAS's m.
int sn_space_max_options(const sn_space *);

// In how many ways some of n items can be picked, as a number that may be too large for a decision.
double sn_pick_ways(int n, int picked);

// Whether a block has lists.
bool sn_block_elastic(const sn_block *);

int sn_space_find_decision(const sn_space *, const char *name); // or -1
// What the weights of a layer, from 0, are called by: "stage2.layer1", or "stem" where an entry has one layer of one block; and
// its decisions, which layers may share: "stage2"; and the decision of its depth: "stage2.depth". The caller's; NULL: out of
// memory.
char *sn_entry_place(const sn_entry *, int layer);
char *sn_entry_scope(const sn_entry *, int layer);
char *sn_entry_depth(const sn_entry *);

// Allowed options of a decision: whether one is, how many there are, and the nth from 0 (-1 after the last).
bool sn_decision_allows(const sn_decision *, int option);
bool sn_decision_within(const sn_decision *, int option); // whether it exists where its parent takes the option
int sn_decision_count(const sn_decision *);
int sn_decision_option(const sn_decision *, int nth);
// Counts per allowed option, decision after decision: how many there are, and the place of one.
int sn_space_options(const sn_space *);
int sn_space_option_place(const sn_space *, int decision, int option);
const char *sn_space_option_name(const sn_space *, int decision, int option);

// Narrows the mask of a decision to the options that are in both. SN_USAGE when none is left.
sn_status sn_space_restrict(sn_space *, int decision, uint64_t options);
struct sn_arch;
// Restricts every decision to the arch's option: the space of a single arch (retrain).
sn_status sn_space_restrict_to(sn_space *, const struct sn_arch *);

#endif
