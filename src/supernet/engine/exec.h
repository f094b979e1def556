// A supernet: a graph with one set of weights and statistics in a backend's memory, and the passes that run in it. Not here:
// making plans (plan.h), the optimiser's rule (optim.h), files (io/).
#ifndef SN_EXEC_H
#define SN_EXEC_H

#include "kernels/memory.h"
#include "supernet/engine/plan.h"

typedef struct {
    const sn_graph *graph; // borrowed
    sn_backend *backend;   // borrowed
    sn_memory *memory;
    size_t real;     // bytes of a real: 4 or 8
    int slots;       // optimiser slots: 0, 1 or 2
    sn_part *active; // what passes since the last update added gradients to, each once
    int n_active;
    size_t active_capacity;
    uint8_t *is_active; // per atom of all parameters
    sn_plan plan;       // of the last pass
    sn_plan zero;       // the gradients that it began
    // told of every launch with its seconds; NULL: launches run in one go
    void (*launched)(void *arg, const sn_call *first, int count, double seconds);
    void *launched_arg;
} sn_supernet;

// Weights as sn_param_init gives them for init (SN_INIT_*) and the seed, slots 0, running means 0 and variances 1.
sn_status sn_supernet_create(const sn_graph *, sn_backend *, int slots, int init, uint32_t seed, sn_supernet **out);
void sn_supernet_free(sn_supernet *);

// Makes room for a plan in the arena and behind the parameters (contents kept), and the threads' scratch. SN_RESOURCE says how
// much was wanted and how much is free. Training asks for the largest step first, so later calls do nothing.
sn_status sn_supernet_reserve(sn_supernet *, const sn_plan *);

// After a pass to the loss: sums over the batch in sample order.
typedef sn_score_result sn_batch_score;

// One pass: makes its plan (net->plan), room for it and, where gradients are wanted, zeroes those of parameters that no pass
// since the last update has used; runs it. images: floats (batch, h, w, c), NULL when the plan starts from given values; labels:
// one per sample, NULL for a plan without loss; score: NULL when not wanted or without loss.
sn_status sn_supernet_pass(sn_supernet *, const sn_pass *, const float *images, const int32_t *labels, sn_batch_score *score);
// After an update: no part is active, the next pass begins its gradients anew. (net->active keeps the parts until then.)
void sn_supernet_end_gradients(sn_supernet *);
// Loss and rank (sn_loss) of each sample of the last pass; either may be NULL.
void sn_supernet_losses(const sn_supernet *, float *loss, float *rank);
// Gradients of the gates of the last pass, summed over the sites of each, by place (gates.h); 0 where the net does not have it.
void sn_supernet_gate_gradients(const sn_supernet *, int places, double *out);
// Logits of the last pass as the loss reads them, (batch, classes).
void sn_supernet_logits(const sn_supernet *, float *out);

// Runs a plan that the caller made and reserved, its images put.
void sn_supernet_run(sn_supernet *, const sn_plan *);
// Images that nothing reads are left.
void sn_supernet_put_images(sn_supernet *, const sn_plan *, const float *images);

// One parameter in memory order, in one of the buffers of parameters.
void sn_supernet_get(const sn_supernet *, sn_buffer, int param, float *out);
void sn_supernet_put(sn_supernet *, sn_buffer, int param, const float *in);
// The kernel of a convolution as it is used, dense (tap, in, out); and how many numbers it has.
sn_status sn_supernet_kernel(sn_supernet *, int node, float *out);
int64_t sn_kernel_size(const sn_graph *, const sn_node *);
// Running mean and variance of stats i, c floats each.
void sn_supernet_get_stats(const sn_supernet *, int i, float *mean, float *var);
void sn_supernet_put_stats(sn_supernet *, int i, const float *mean, const float *var);
// The same as the net keeps them, without rounding: sn_supernet_stats_bytes(i) bytes, for later.
size_t sn_supernet_stats_bytes(const sn_supernet *, int i);
void sn_supernet_keep_stats(const sn_supernet *, int i, void *out);
void sn_supernet_restore_stats(sn_supernet *, int i, const void *kept);
// Hash of all weights (not statistics): the key under which scores are stored.
sn_status sn_supernet_weights_hash(const sn_supernet *, uint64_t *out);

// A copy of all running statistics, to be given back later; NULL with the message set when memory is out.
void *sn_statistics_keep(const sn_supernet *);
// Puts the copy back and frees it; NULL: nothing.
void sn_statistics_restore(sn_supernet *, void *kept);

#endif
