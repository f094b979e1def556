// Which values scoring computes when, and where they lie. Archs are taken in groups of a list. The values of a group are found by
// signature, each once, and get their places in advance, since it is known who reads them: a place is free again after the last
// reader; where room is short, the value that is read again last gives way and is computed once more. Sizes and places are for
// one unit of images: a block of M units takes M times as much. Not here: cuts and signatures (values.h), running (evaluate.c).
#ifndef SN_SCOREPLAN_H
#define SN_SCOREPLAN_H

#include "supernet/engine/arena.h"
#include "supernet/engine/exec.h"
#include "supernet/engine/values.h"

// A value, or a loss, which takes no room.
typedef struct {
    uint64_t signature, key; // see values.h
    int node;                // in the graph,
    long arch;               // under the first arch that has it, a place in the list
    int input, n_inputs;     // what it is computed from: sn_scoreplan.input
    int stats, n_stats;      // running statistics that it is computed with: sn_scoreplan.stats
    size_t kept;             // their place in a table of the group's, bytes
    int score;               // a loss: which of the group's; else -1
    int64_t size;            // elements per unit
    bool reads_images;
    bool viewed; // how it is read
    sn_act act;
    int64_t now; // where it lies while the ops run; set for values that stayed
    // of sn_scoreplan_place
    int64_t at; // -1: nowhere
    int reader, reader_end, readers, pins;
    bool done, stays; // stays: the next group may read it
} sn_scored_value;

typedef struct {
    int node, value; // the node that the value stands for under the reader's arch
} sn_scored_input;

typedef struct {
    int loss;                          // a value
    int choices, fresh;                // choices that it needs, and how many of them have a value not met before
    int values, inputs, stats, scores; // how many there were before it
    size_t table;
} sn_scored_arch;

typedef struct {
    int value;
    int64_t at;
    bool again; // not for the first time
} sn_score_op;

// What the passes are like that the places are for.
typedef struct {
    int unit;                 // images
    int calibration, scoring; // images of the largest batches; calibration 0: none
    sn_bn_mode bn;            // of scoring
    size_t score_bytes;       // of one arch's sums
    size_t group_bytes;       // most of a group's sums and statistics
} sn_scoreplan_setting;

typedef struct {
    uint64_t key;
    int value;
} sn_value_slot;

// What the plan of a segment gives, by key.
typedef struct {
    uint64_t key;
    bool viewed;
    sn_act act;
} sn_segment;

typedef struct {
    const sn_supernet *net; // borrowed, as are the archs
    const sn_arch *archs;
    long n;
    sn_scoreplan_setting setting;
    sn_values values;
    // the group: archs first .. first+count-1
    long first;
    int count;
    sn_scored_arch *arch;
    sn_scored_value *value;
    int n_values;
    size_t value_capacity;
    sn_scored_input *input;
    int n_inputs;
    size_t input_capacity;
    int *stats;
    int n_stats;
    size_t stats_capacity;
    int n_scores;
    size_t table; // bytes of all its statistics
    // its places
    sn_score_op *op;
    int n_ops;
    size_t op_capacity;
    int64_t peak;   // elements per unit
    int64_t work;   // elements of the arena that its largest plan needs besides
    size_t scratch; // bytes per thread
    // aids
    sn_value_slot *slot; // values, and pairs of choice and value, by signature
    size_t slots, used;
    int *reader; // who reads a value, value after value
    size_t reader_capacity;
    sn_segment *segment;
    int n_segments;
    size_t segment_capacity;
    sn_arena arena;
    sn_plan plan;
} sn_scoreplan;

enum { SN_SCORE_GROUP = 1024 }; // most archs of a group

// SN_RESOURCE when memory is out; *p is to be freed all the same.
sn_status sn_scoreplan_init(sn_scoreplan *p, const sn_supernet *, const sn_arch *archs, long n, const sn_scoreplan_setting *);
void sn_scoreplan_free(sn_scoreplan *);

// The group that begins with arch `first`: as many archs as the setting allows, ended where neighbours differ early. go_on: what
// stayed of the group before lies where it was.
sn_status sn_scoreplan_group(sn_scoreplan *, long first, bool go_on);
// Makes its ops, within `limit` elements per unit unless one arch alone needs more. go_on: as above; else nothing lies anywhere.
sn_status sn_scoreplan_place(sn_scoreplan *, int64_t limit, bool go_on);

#endif
