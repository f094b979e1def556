// What onnxrun.c (memory, the whole) and onnxrules.c (a rule per operator) share. Not here: what callers use (onnxrun.h).
// Next: onnxrules.c.
#ifndef SN_ONNXRUN_PARTS_H
#define SN_ONNXRUN_PARTS_H

#include "supernet/engine/plan.h"
#include "supernet/export/onnxrun.h"

enum { SN_ONNXRUN_SIZE = 1 << 20 }; // the largest size of a tensor along one axis

// A tensor that a node reads or writes, for one image.
typedef struct {
    const char *name; // the model's
    int dims;         // 4: (1, c, h, w); 2: (1, c)
    int c, h, w;
    sn_off at; // arena, as (h, w, c)
} sn_onnxrun_value;

struct sn_onnxrun {
    const sn_onnx *model;
    sn_backend *backend;
    sn_plan plan;
    sn_onnxrun_value *values;
    int n_values;
    size_t value_capacity;
    float *weights, *stats;
    size_t weight_capacity, stats_capacity;
    int64_t n_weights, n_stats, arena;
    sn_bases bases;
    sn_onnxrun_value input, output;
};

// n elements of the arena.
sn_off sn_onnxrun_take(sn_onnxrun *, int64_t n);
// Appends n floats to the weights or the running statistics.
sn_status sn_onnxrun_weights(sn_onnxrun *, const float *from, int64_t n, sn_off *at);
sn_status sn_onnxrun_stats(sn_onnxrun *, const float *from, int64_t n, sn_off *at);
sn_status sn_onnxrun_add(sn_onnxrun *, sn_onnxrun_value);
// Appends a call as a launch of its own, with its workspace.
sn_status sn_onnxrun_call(sn_onnxrun *, sn_call);

// The node as calls and a value. SN_DATA naming the node and what is not known about it.
sn_status sn_onnxrun_lower(sn_onnxrun *, const sn_onnx_node *);

static inline int64_t sn_onnxrun_elements(const sn_onnxrun_value *v) {
    return (int64_t)v->c * v->h * v->w;
}

#endif
