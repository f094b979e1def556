// The operations a space may name: a table of attributes (read by the config layer and by `help config`) and a build function
// that composes primitives. A new operation = one file in ops/ and one line in ops.def; gradients, cost, devices, checkpoint
// names, export and tests follow. Next: ops/mbconv.c as an example, build.h for what build functions call.
#ifndef SN_OPS_H
#define SN_OPS_H

#include "space/build.h"

enum { SN_LINEAR_ACT, SN_RELU_ACT, SN_H_SIGMOID_ACT = 4 }; // indices of words in sn_act_words
enum { SN_AVERAGE_POOL = 1 };                              // mode of a pool (graph.h)

typedef enum { SN_ATTR_END, SN_ATTR_INT, SN_ATTR_ODD, SN_ATTR_BOOL, SN_ATTR_WORD } sn_attr_type; // ODD: an odd whole number

typedef struct {
    const char *name, *doc;
    sn_attr_type type;
    int low, high;            // of INT and ODD
    int preset;               // default value; for WORD an index into words
    const char *const *words; // of WORD: ended by NULL
    bool elastic;             // may be a list, whose values use parts of the same weights
} sn_attr;

// What an operation is built with.
typedef struct {
    const int *attr; // in the order of the op's table
    int out;         // channels wanted; the number of classes for ops that take no `out`
    int stride;
} sn_op_args;

typedef struct sn_op {
    const char *name, *doc;
    int inputs;                     // values it reads
    bool takes_out;                 // entries give `out` and `stride`; a classifier takes neither
    sn_attr attrs[SN_OP_ATTRS + 1]; // ended by SN_ATTR_END
    // Adds nodes that read in[0 .. inputs-1]; parameters are named name + ".dw.weight" and so on. Returns the value (node id), or
    // -1 with the message set.
    int (*build)(sn_builder *, const int *in, const char *name, const sn_op_args *);
} sn_op;

// All operations in the order of ops.def; ended by NULL.
extern const sn_op *const sn_ops[];
const sn_op *sn_op_find(const char *name); // NULL when unknown

extern const char *const sn_act_words[]; // "linear", "relu" ..., NULL: in the order of sn_build_act's argument, and of sn_act

#endif
