// ONNX models as plain C values, and the files of them: encoding and decoding only. Opset 13, IR version 7, float32 and int64
// tensors. Not here: which nodes a network becomes and what they compute (export decides, and runs what was decoded). Next:
// onnx.c (building and checking), onnx_encode.c, onnx_decode.c. Format: onnx.proto of the ONNX project.
#ifndef SN_ONNX_H
#define SN_ONNX_H

#include "base/status.h"
#include "io/files/region.h"

#include <stdint.h>

enum { SN_ONNX_OPSET = 13, SN_ONNX_IR = 7, SN_ONNX_RANK = 8, SN_ONNX_BATCH = -1 };

typedef enum { SN_ONNX_FLOAT, SN_ONNX_INT, SN_ONNX_STRING, SN_ONNX_INTS } sn_onnx_kind;

typedef struct {
    const char *name;
    sn_onnx_kind kind;   // says which of the next four is meant
    float f;             // SN_ONNX_FLOAT
    int64_t i;           // SN_ONNX_INT
    const char *string;  // SN_ONNX_STRING
    const int64_t *ints; // SN_ONNX_INTS, n of them
    size_t n;
} sn_onnx_attr;

typedef struct {
    const char *op, *name;
    const char **inputs, **outputs; // names of values; "" = an optional input left out
    size_t n_inputs, n_outputs;
    sn_onnx_attr *attrs;
    size_t n_attrs, attrs_capacity;
} sn_onnx_node;

// A constant: row-major, one of f32 and i64 is not NULL.
typedef struct {
    const char *name;
    int ndim;
    size_t dims[SN_ONNX_RANK];
    size_t n; // product of dims
    const float *f32;
    const int64_t *i64;
} sn_onnx_tensor;

// An input or output of the model, float32. A size of SN_ONNX_BATCH is the symbol "N" in the file.
typedef struct {
    const char *name;
    int ndim;
    int64_t dims[SN_ONNX_RANK];
} sn_onnx_value;

typedef struct {
    const char *key, *value;
} sn_onnx_note;

// Read it freely; build it with the functions below. Everything in it lives as long as it.
typedef struct {
    const char *name, *producer, *producer_version;
    sn_onnx_node *nodes; // in an order in which they can run
    sn_onnx_tensor *initializers;
    sn_onnx_value *inputs, *outputs;
    sn_onnx_note *notes; // metadata_props
    size_t n_nodes, n_initializers, n_inputs, n_outputs, n_notes;
    size_t nodes_capacity, initializers_capacity, inputs_capacity, outputs_capacity, notes_capacity;
    size_t tensor_bytes; // of all initializers
    sn_region memory;
} sn_onnx;

// An empty model. Like all functions here it copies what it is given. The caller owns *out.
sn_status sn_onnx_new(const char *name, const char *producer, const char *producer_version, sn_onnx **out);
void sn_onnx_free(sn_onnx *m);

sn_status sn_onnx_add_node(sn_onnx *m, const char *op, const char *name, size_t n_inputs, const char *const *inputs,
                           size_t n_outputs, const char *const *outputs);
// Attributes of the node added last.
sn_status sn_onnx_attr_f32(sn_onnx *m, const char *name, float value);
sn_status sn_onnx_attr_int(sn_onnx *m, const char *name, int64_t value);
sn_status sn_onnx_attr_string(sn_onnx *m, const char *name, const char *value);
sn_status sn_onnx_attr_ints(sn_onnx *m, const char *name, size_t n, const int64_t *values);
// Initializers. SN_RESOURCE when all together would not fit one file (2 GiB); this is seen before data are touched.
sn_status sn_onnx_add_f32(sn_onnx *m, const char *name, int ndim, const size_t *dims, const float *data);
sn_status sn_onnx_add_i64(sn_onnx *m, const char *name, int ndim, const size_t *dims, const int64_t *data);
sn_status sn_onnx_add_input(sn_onnx *m, const char *name, int ndim, const int64_t *dims);
sn_status sn_onnx_add_output(sn_onnx *m, const char *name, int ndim, const int64_t *dims);
sn_status sn_onnx_add_note(sn_onnx *m, const char *key, const char *value);

// Whether it is a graph: names UTF-8 and not empty, each value made once, before it is used; nodes, attributes, notes named once.
// SN_DATA naming the first offender.
sn_status sn_onnx_check(const sn_onnx *m);

// Encoded bytes (free) of a model that passes the check; equal models give equal bytes. SN_RESOURCE above 2 GiB.
sn_status sn_onnx_encode(const sn_onnx *m, unsigned char **bytes, size_t *size);
// Decodes what sn_onnx_encode makes, and nothing else: SN_DATA unless encoding the result gives the very same bytes. Safe on any
// bytes; memory is bounded by a multiple of their number. The caller owns *out.
sn_status sn_onnx_decode(const unsigned char *bytes, size_t size, sn_onnx **out);

// The same on files (sn_atomic_save, sn_file_read with its cap). Never external data.
sn_status sn_onnx_save(const sn_onnx *m, const char *path);
sn_status sn_onnx_load(const char *path, size_t cap, sn_onnx **out);

const sn_onnx_attr *sn_onnx_find_attr(const sn_onnx_node *node, const char *name);  // or NULL
const sn_onnx_tensor *sn_onnx_find_initializer(const sn_onnx *m, const char *name); // or NULL; a search through all

#endif
