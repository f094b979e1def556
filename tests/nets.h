// Nets in memory: parameters that are not as they begin, and buffers in double. Not here: what is asked of a net. Next:
// test_plan.c, test_gates.c.
#ifndef SN_TEST_NETS_H
#define SN_TEST_NETS_H

#include "suite.h"
#include "supernet/engine/exec.h"

#include <stdlib.h>

// Gammas and betas away from 1 and 0, some negative; biases too.
static inline void shake_vectors(sn_supernet *net, sn_rng *r) {
    const sn_params *all = &net->graph->params;
    for (int i = 0; i < all->n; i++) {
        const sn_param *p = &all->param[i];
        if (p->kind == SN_PARAM_CONV || p->kind == SN_PARAM_LINEAR) continue;
        float *v = sn_new((size_t)p->size, sizeof *v);
        for (int64_t k = 0; k < p->size; k++) v[k] = (float)(0.3 * sn_rng_normal(r) + (p->kind == SN_PARAM_GAMMA));
        sn_supernet_put(net, SN_BUFFER_WEIGHTS, i, v);
        free(v);
    }
}

// A buffer of parameters; the caller's.
static inline double *doubles_of(const sn_supernet *net, sn_buffer which) {
    size_t n = (size_t)net->graph->params.total;
    double *out = sn_new(n, sizeof *out);
    if (net->real == sizeof *out) {
        sn_memory_read(net->memory, which, 0, out, n * sizeof *out);
        return out;
    }
    float *narrow = sn_new(n, sizeof *narrow);
    sn_memory_get(net->memory, which, 0, narrow, (int64_t)n);
    for (size_t i = 0; i < n; i++) out[i] = (double)narrow[i];
    free(narrow);
    return out;
}

#endif
