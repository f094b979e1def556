// Methods: samplers draw the paths of a training step, relaxations learn gates on all of them, strategies propose architectures
// to score. They see spaces, archs and
// numbers, never tensors. A new method = one file and one line in methods.def. Not here: carrying out what they ask
// (supernet/train/train.h, supernet/rank/archlist.h). Next: uniform.c, fair.c, exhaustive.c.
#ifndef SN_METHOD_H
#define SN_METHOD_H

#include "sampler/relax.h"
#include "space/cost.h"

typedef enum { SN_SAMPLER, SN_RELAXATION, SN_STRATEGY } sn_method_kind;

// What a step may do, in the sampler's order.
typedef struct {
    void *trainer;
    sn_status (*pass)(void *trainer, const sn_arch *); // forward, loss, backward on this step's batch; gradients are added up
    sn_status (*update_weights)(void *trainer);        // one optimiser update of everything the passes used
} sn_verbs;

// What a strategy may know: `sample` is its own number of archs (rank.sample), `most` what one ranking may hold; limits on costs,
// which those who draw keep to (graph NULL: there are none), while of lists what is beyond is left out by the caller.
typedef struct {
    const sn_space *space;
    const sn_graph *graph;
    sn_cost limit;
    const double *share; // of a run in mode relax: how likely each option is, by place (space/gates.h); else NULL
    uint32_t seed;
    long sample, most;
} sn_question;

typedef struct sn_method {
    sn_method_kind kind;
    const char *name, *doc;
    const char *needs; // the text key of a config without which it cannot be chosen; NULL: none
    // --- of a sampler
    int (*passes)(const sn_space *); // of one step
    // Bytes that it keeps from step to step, zeroed at first; NULL: none. They hold only what (seed, step) give anew, so that a
    // training broken off needs no more than its step.
    size_t (*state)(const sn_space *);
    // step counts from 0 over the whole training; draws depend on (seed, step) alone.
    sn_status (*step)(const sn_space *, uint32_t seed, uint32_t step, void *state, const sn_verbs *);
    // --- of a relaxation, decision by decision: relax.h
    void (*gates)(sn_relax *, int decision, int draw); // sets them, by draws of (seed, step, draw)
    void (*pull)(sn_relax *, int decision);            // dalpha += what dgate is for alpha, under the gates set last
    // How likely each option is, without noise, from its alphas on: what is decoded, and the mixture that is validated.
    void (*share)(const sn_space *, int decision, const double *alpha, double *out);
    sn_status (*relax)(const struct sn_method *, sn_relax *); // a step
    int paths;                                                // most options of a decision that its passes run; 0: all
    bool draws;                                               // its gates depend on draws
    // --- of a strategy: a list of different archs in their order, the caller's; NULL: the user names them (rank.archs)
    sn_status (*ask)(const sn_question *, sn_arch **archs, long *n);
} sn_method;

// One by kind and name, NULL when unknown; and the ith of a kind in the order of methods.def, NULL after the last.
const sn_method *sn_method_find(sn_method_kind, const char *name);
const sn_method *sn_method_at(sn_method_kind, int i);

#endif
