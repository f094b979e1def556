// The optimiser: norm, clipping and the update, each one loop over the parts of parameters that the step's passes used. Nothing
// else is touched: no decay, no momentum for what is outside the step (PyTorch's `grad is None` rule, down to parts).
#ifndef SN_OPTIM_H
#define SN_OPTIM_H

#include "supernet/engine/exec.h"

typedef enum { SN_OPTIM_SGD, SN_OPTIM_ADAM, SN_OPTIM_ADAMW } sn_optim_kind;

typedef struct {
    sn_optim_kind kind;
    double momentum;          // SGD
    bool nesterov;            // SGD
    double beta1, beta2, eps; // Adam, AdamW
    double weight_decay;      // L2, added to the gradient; AdamW: times the learning rate, taken off the weights
    bool decay_bn;            // also on gamma, beta and biases
    double clip;              // largest norm of the gradient; 0: none
} sn_optim_settings;

typedef struct {
    sn_optim_settings settings;
    sn_supernet *net;    // borrowed
    int64_t *updates;    // per atom of all parameters: how often it was updated (t of Adam and AdamW)
    sn_plan plan;        // reused
    double norm, factor; // of the last update: global norm before clipping, and the clip factor
} sn_optim;

int sn_optim_slots(const sn_optim_settings *);
sn_status sn_optim_create(sn_supernet *, const sn_optim_settings *, sn_optim **out);
void sn_optim_free(sn_optim *);

// After the last pass: norm, clip, update of the active parts; then none is active. SN_DIVERGED (nothing updated) naming the
// first parameter whose gradient is not finite.
sn_status sn_optim_update(sn_optim *, double lr);
// Norm of the gradients at hand, as an update would take it; nothing is updated.
sn_status sn_optim_norm(sn_optim *, double *norm);
// Elements of the arena that the largest update needs.
sn_status sn_optim_room(sn_optim *, int64_t *arena);
double sn_optim_decay(const sn_optim *, int param); // weight decay that this parameter gets

#endif
