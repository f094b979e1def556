// A search space as the user describes it: input, blocks (candidate operations), network (entries), decisions. Plain values, no
// tensors. Not here: reading YAML (io/config/config.h) and building the graph (graph.h). Next: arch.h, ops.h, graph.h.
#ifndef SN_SPACE_H
#define SN_SPACE_H

#include "base/status.h"
#include <stdbool.h>
#include <stdint.h>

// Options: as many as a mask has bits.
enum { SN_MAX_DECISIONS = 256, SN_MAX_OPTIONS = 64, SN_OP_ATTRS = 8, SN_MAX_BLOCKS = 256, SN_MAX_ENTRIES = 256 };
enum { SN_MAX_SITES = 1024 }; // layers of choices
enum { SN_SIZE_TEXT = 640 };

struct sn_op;

// A named candidate operation: {op: mbconv, expand: 6, kernel: 5}.
typedef struct {
    char *name;             // "mb6_k5"; owned by the space
    const struct sn_op *op; // from the table in ops.h
    int attr[SN_OP_ATTRS];  // values in the order of op->attrs
} sn_block;

// One entry of `network`: a fixed operation, or `layers` layers that each choose between blocks.
typedef struct {
    char *name;                // "stem", "stage2"; unique; owned by the space
    bool choice;               // false: options = 1, layers = 1, no decision
    int block[SN_MAX_OPTIONS]; // indices into space->blocks
    int options;
    int layers; // the first layer has `stride`, the others 1
    int out;    // channels of every layer; 0 for operations without (classifier)
    int stride;
    bool shared;  // of a choice: one decision for all layers, else one each
    int decision; // of a choice: that of its first layer; set by sn_space_finish
} sn_entry;

// What archs differ in. The layers that take its option are its sites (graph.h). Archs number all options, allowed or not: a
// restricted space keeps the numbers.
typedef struct {
    char *name;                // of its layer, "stage2.layer1", or, shared, of its entry, "stage2"; owned by the space
    int options;               // at least 1
    int block[SN_MAX_OPTIONS]; // options as indices into space->blocks
    uint64_t allowed;          // the mask: bit k for option k; at least one
} sn_decision;

typedef struct {
    int channels, height, width, classes;
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
// Both copy the name and return the index, or -1 with the message set (limit reached, name taken).
int sn_space_add_block(sn_space *, const char *name, const struct sn_op *op, const int *attr);
int sn_space_add_entry(sn_space *, const char *name, const sn_entry *entry); // entry->name is ignored
int sn_space_find_block(const sn_space *, const char *name);                 // or -1
// Makes the decisions, checks the whole (at least one decision, the last entry a classifier and no other, limits). SN_CONFIG on
// error.
sn_status sn_space_finish(sn_space *);
// Number of archs as decimal text with commas (exact, with SN_SIZE_TEXT bytes of room). Returns the number as double too.
double sn_space_size(const sn_space *, char *text, size_t text_size);
// How many options the decision with most allowed options has: FairNAS's m.
int sn_space_max_options(const sn_space *);

// The decision that a layer of a choice, from 0, takes.
int sn_entry_decision(const sn_entry *, int layer);

// Allowed options of a decision: whether one is, how many there are, and the nth from 0 (-1 after the last).
bool sn_decision_allows(const sn_decision *, int option);
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
