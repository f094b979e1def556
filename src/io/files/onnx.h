// ONNX models as plain C values, and the files of them. Opset 13, IR version 7, float32; one input, one output, nodes that make
// one value each. Not here: which nodes a network becomes (supernet/export/export_net.h) and what they compute (onnxrun.h there).
// Next: onnx.c. Format: onnx.proto of the ONNX project.
#ifndef SN_ONNX_H
#define SN_ONNX_H

#include "io/files/tensors.h"

#include <stdbool.h>
#include <stdint.h>

enum { SN_ONNX_OPSET = 13, SN_ONNX_IR = 7, SN_ONNX_RANK = 4, SN_ONNX_BATCH = -1 };

typedef enum { SN_ONNX_FLOAT, SN_ONNX_INT, SN_ONNX_INTS } sn_onnx_kind;

typedef struct {
    const char *name;
    sn_onnx_kind kind;   // says which of the next three is meant
    float f;             // SN_ONNX_FLOAT
    int64_t i;           // SN_ONNX_INT
    const int64_t *ints; // SN_ONNX_INTS, n of them
    size_t n;
} sn_onnx_attr;

typedef struct {
    const char *op, *name, *output;
    const char **inputs; // names of the model's input, of tensors, of outputs of nodes before
    size_t n_inputs;
    sn_onnx_attr *attrs;
    size_t n_attrs, attrs_capacity;
} sn_onnx_node;

// The input or output of the model. A size of SN_ONNX_BATCH is the symbol "N" in the file.
typedef struct {
    const char *name;
    int ndim;
    int64_t dims[SN_ONNX_RANK];
} sn_onnx_value;

// All zero = empty. Set input and output, then add tensors and nodes. Everything in it lives as long as it.
typedef struct {
    sn_onnx_value input, output;
    sn_tensors tensors;  // initializers and metadata_props
    sn_onnx_node *nodes; // in an order in which they can run
    size_t n_nodes, nodes_capacity;
    sn_region memory;
} sn_onnx;

// All functions copy what they are given. SN_DATA when a name comes twice or an input is made by nothing before.
sn_status sn_onnx_add_node(sn_onnx *, const char *op, const char *name, size_t n_inputs, const char *const *inputs,
                           const char *output);
// Attributes of the node added last.
sn_status sn_onnx_attr_f32(sn_onnx *, const char *name, float value);
sn_status sn_onnx_attr_int(sn_onnx *, const char *name, int64_t value);
sn_status sn_onnx_attr_ints(sn_onnx *, const char *name, size_t n, const int64_t *values);
// Whether there is a value of this name by now.
bool sn_onnx_has(const sn_onnx *, const char *name);
const sn_onnx_attr *sn_onnx_find_attr(const sn_onnx_node *, const char *name); // or NULL
void sn_onnx_free(sn_onnx *);

// Writes a file (sn_atomic_save); equal models give equal bytes. SN_RESOURCE above 2 GiB, the most that the format holds.
sn_status sn_onnx_save(const sn_onnx *, const char *path);
// Reads what sn_onnx_save wrote into empty *out, whose owner is the caller. SN_DATA for a file that is missing, larger than cap,
// or says what cannot be told in an sn_onnx.
sn_status sn_onnx_load(const char *path, size_t cap, sn_onnx *out);

#endif
