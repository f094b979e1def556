// A supernet's memory: one buffer per kind (weights, gradients, optimiser slots, running statistics, the arena), and running
// plans in it. Not here: making plans (plan.h), the optimiser's rule (optim.h), files (io/).
#ifndef SN_EXEC_H
#define SN_EXEC_H

#include "supernet/engine/plan.h"

typedef struct {
    const sn_graph *graph;  // borrowed
    sn_backend *backend;    // borrowed
    size_t real;            // bytes of a real: 4 or 8
    sn_bases bases;         // owned
    int64_t arena_elements; // capacity
    int slots;              // optimiser slots: 0, 1 or 2
} sn_supernet;

// Weights as sn_param_init gives them for the seed, slots 0, running means 0 and variances 1.
sn_status sn_supernet_create(const sn_graph *, sn_backend *, int slots, uint32_t seed, sn_supernet **out);
void sn_supernet_free(sn_supernet *);

// Makes room for a plan: grows the arena (contents kept) and the threads' scratch. SN_RESOURCE says how much was wanted and how
// much is free. Call before putting images. In training the first call is for the largest plan, so later ones do nothing.
sn_status sn_supernet_reserve(sn_supernet *, const sn_plan *);
sn_status sn_supernet_reserve_elements(sn_supernet *, int64_t elements);
// Images as floats (batch, h, w, c) into the plan's place.
void sn_supernet_put_images(sn_supernet *, const sn_plan *, const float *images, int64_t elements);
// labels: one per sample, or NULL for a plan without loss. Borrowed during the call.
void sn_supernet_run(sn_supernet *, const sn_plan *, const int32_t *labels);

// After a plan to the loss. Sums over the batch in sample order, in double.
typedef struct {
    double loss;    // sum over samples
    int top1, top5; // hits
    int finite;     // 0 if any loss is NaN or infinite
} sn_batch_score;
sn_batch_score sn_supernet_score(const sn_supernet *, const sn_plan *, int batch);
// Loss and rank (sn_loss) of each sample; either may be NULL.
void sn_supernet_losses(const sn_supernet *, const sn_plan *, int batch, float *loss, float *rank);
// Logits as the loss reads them, (batch, classes).
void sn_supernet_logits(const sn_supernet *, const sn_plan *, float *out);

// The buffers of parameters by name of purpose.
typedef enum { SN_BUFFER_WEIGHTS, SN_BUFFER_GRADS, SN_BUFFER_SLOT0, SN_BUFFER_SLOT1 } sn_buffer;
// One parameter in memory order.
void sn_supernet_get(const sn_supernet *, sn_buffer, int param, float *out);
void sn_supernet_put(sn_supernet *, sn_buffer, int param, const float *in);
// Running mean and variance of stats i, c floats each.
void sn_supernet_get_stats(const sn_supernet *, int i, float *mean, float *var);
void sn_supernet_put_stats(sn_supernet *, int i, const float *mean, const float *var);
// The same as the net keeps them, without rounding: sn_supernet_stats_bytes(i) bytes, for later.
size_t sn_supernet_stats_bytes(const sn_supernet *, int i);
void sn_supernet_keep_stats(const sn_supernet *, int i, void *out);
void sn_supernet_restore_stats(sn_supernet *, int i, const void *kept);
// Hash of all weights (not statistics): the key under which scores are stored.
uint64_t sn_supernet_weights_hash(const sn_supernet *);

#endif
