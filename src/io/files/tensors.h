// Named float32 tensors and notes in memory, and the safetensors file of them (format: github.com/huggingface/safetensors).
// Not here: which tensors and what they are called (export decides); nodes between them (onnx.h). No other element types.
// Next: tensors.c, onnx.h.
//
// The file: 8 bytes u64 N, N bytes JSON (a multiple of 8, padded with spaces), the data. The data follow each other in order of
// the names.
#ifndef SN_TENSORS_H
#define SN_TENSORS_H

#include "base/status.h"
#include "io/files/region.h"

enum { SN_TENSOR_RANK = 4 };

typedef struct {
    const char *name;
    int ndim; // 0 to SN_TENSOR_RANK
    size_t dims[SN_TENSOR_RANK];
    size_t n;    // product of dims
    float *data; // row-major
} sn_tensor;

typedef struct {
    const char *key, *value;
} sn_note;

// All zero = empty. Everything in it lives as long as it.
typedef struct {
    sn_tensor *item;
    sn_note *note;
    size_t n, n_notes, capacity, notes_capacity;
    sn_region memory;
} sn_tensors;

// A tensor of zeros, whose *data the caller fills. The name is copied. SN_DATA when it is empty, not UTF-8 or there already, for
// more than SN_TENSOR_RANK dimensions and sizes too large to count.
sn_status sn_tensors_add(sn_tensors *, const char *name, int ndim, const size_t *dims, float **data);
// Copies both texts; SN_DATA as above.
sn_status sn_tensors_note(sn_tensors *, const char *key, const char *value);
const sn_tensor *sn_tensors_find(const sn_tensors *, const char *name); // or NULL
const char *sn_tensors_find_note(const sn_tensors *, const char *key);  // or NULL
void sn_tensors_free(sn_tensors *);

// Writes a file (sn_atomic_save: all or nothing). The order of adding does not matter: equal content gives equal bytes.
sn_status sn_safetensors_save(const sn_tensors *, const char *path);
// Reads what sn_safetensors_save wrote into empty *out, whose owner is the caller. SN_DATA for a file that is missing, larger
// than cap, or another.
sn_status sn_safetensors_load(const char *path, size_t cap, sn_tensors *out);

#endif
