// The memory of one supernet: a buffer of each kind, owned by its backend and opaque. The verbs below are all that anyone else
// may do with it, so that a backend may keep it where the host cannot read. Offsets and counts are elements of the backend's real
// (labels: of int32). Not here: what lies where (supernet/engine/plan.h). Next: memory.c.
#ifndef SN_MEMORY_H
#define SN_MEMORY_H

#include "kernels/backend.h"

typedef enum {
    SN_BUFFER_ARENA,   // activations, their gradients, vectors, workspace, results
    SN_BUFFER_WEIGHTS, // all parameters
    SN_BUFFER_GRADS,   // at the offsets of the weights
    SN_BUFFER_SLOT0,   // optimiser slots, at the offsets of the weights
    SN_BUFFER_SLOT1,
    SN_BUFFER_STATS,  // running means and variances
    SN_BUFFER_LABELS, // of the batch
    SN_BUFFERS
} sn_buffer;

typedef struct sn_memory sn_memory;

// The buffers of the sizes given, zeroed and touched; 0: none. SN_RESOURCE, before anything is taken, when the machine cannot
// give them all: it says how much is wanted and how much is free, and begins with `what`. The backend is borrowed.
sn_status sn_memory_open(sn_backend *, const int64_t elements[SN_BUFFERS], const char *what, sn_memory **out);
void sn_memory_close(sn_memory *);
int64_t sn_memory_elements(const sn_memory *, sn_buffer);
// Makes a buffer larger, contents kept, the rest zeroed and touched now so that no step pays for it. SN_RESOURCE as above.
sn_status sn_memory_grow(sn_memory *, sn_buffer, int64_t elements, const char *what);

// n floats into the buffer and back, converted to the backend's real.
void sn_memory_put(sn_memory *, sn_buffer, sn_off, const float *, int64_t n);
void sn_memory_get(const sn_memory *, sn_buffer, sn_off, float *, int64_t n);
void sn_memory_put_labels(sn_memory *, const int32_t *, int64_t n);
// Bytes as they are, from an offset on: reals of any kind, and results (sn_score_result, sn_clip_result).
void sn_memory_read(const sn_memory *, sn_buffer, sn_off, void *, size_t bytes);
void sn_memory_write(sn_memory *, sn_buffer, sn_off, const void *, size_t bytes);
// A buffer as floats to read, the host's memory where it can be, else a copy: NULL with the message set when memory is out. Give
// it back before the next verb.
const float *sn_memory_map(const sn_memory *, sn_buffer);
void sn_memory_unmap(const sn_memory *, sn_buffer, const float *);
// The whole buffer set to one byte (0, or 255: NaN).
void sn_memory_fill(sn_memory *, sn_buffer, int byte);

// Runs launches in order, one after the other. Cannot fail: everything was checked when the plan was made.
void sn_memory_run(sn_memory *, const sn_call *calls, const sn_launch *launches, int n_launches);

#endif
