// safetensors files of float32 tensors (format: github.com/huggingface/safetensors, "Format"): written whole, read back strictly.
// Not here: which tensors and what they are called (export decides). No other element types.
// Next: atomic.h (how a file reaches the disk), onnx.h.
//
// The file: 8 bytes u64 N, N bytes JSON (a multiple of 8, padded with spaces), the data. The data follow each other in order of
// the names.
#ifndef SN_SAFETENSORS_H
#define SN_SAFETENSORS_H

#include "base/status.h"

enum { SN_ST_RANK = 8, SN_ST_HEADER_MAX = 100000000 }; // the format's own limit on the header, in bytes

typedef struct {
    const char *name; // UTF-8, not empty, not "__metadata__"
    int ndim;         // 0 to SN_ST_RANK
    size_t dims[SN_ST_RANK];
    const float *data; // row-major; may be NULL when a size is 0
} sn_st_tensor;

// An entry of the file's "__metadata__".
typedef struct {
    const char *key, *value;
} sn_st_note;

// Writes a file (sn_atomic_save: all or nothing). Order in the arrays does not matter; equal content gives equal bytes. SN_USAGE
// on malformed or repeated names. Everything is borrowed.
sn_status sn_safetensors_save(const char *path, const sn_st_tensor *tensors, size_t n, const sn_st_note *notes, size_t n_notes);

typedef struct sn_safetensors sn_safetensors;

// Reads a file. SN_DATA when it is missing, larger than cap, or not exactly as the format says: float32 only, data without gaps
// or overlaps from the first byte to the last, header padded as above. The caller owns *out; all that is got from it is borrowed.
sn_status sn_safetensors_open(const char *path, size_t cap, sn_safetensors **out);
void sn_safetensors_free(sn_safetensors *s);
size_t sn_safetensors_count(const sn_safetensors *s);
const sn_st_tensor *sn_safetensors_tensor(const sn_safetensors *s, size_t i);       // in order of the names
const sn_st_tensor *sn_safetensors_find(const sn_safetensors *s, const char *name); // or NULL
const char *sn_safetensors_note(const sn_safetensors *s, const char *key);          // or NULL

#endif
