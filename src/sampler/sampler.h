// Samplers: how a training step draws its paths. A sampler sees spaces, archs and numbers, never tensors; it writes its step with
// verbs that train.c carries out. A new sampler = one file and one line in methods.def. Next: uniform.c, fair.c.
#ifndef SN_SAMPLER_H
#define SN_SAMPLER_H

#include "space/arch.h"

// What a step may do, in the sampler's order.
typedef struct {
    void *trainer;
    sn_status (*pass)(void *trainer, const sn_arch *); // forward, loss, backward on this step's batch; gradients are added up
    sn_status (*update_weights)(void *trainer);        // one optimiser update of everything the passes used
} sn_verbs;

typedef struct sn_sampler {
    const char *name, *doc;
    int (*passes)(const sn_space *); // passes of one step
    // step counts from 0 over the whole training; draws depend on (seed, step) alone.
    sn_status (*step)(const sn_space *, uint32_t seed, uint32_t step, const sn_verbs *);
} sn_sampler;

// All samplers in the order of methods.def, ended by NULL; and one by name, NULL when unknown.
extern const sn_sampler *const sn_samplers[];
const sn_sampler *sn_sampler_find(const char *name);

#endif
