// Carries out the steps of a relaxation (sampler/relax.h): the verbs on a run's supernet, its images, its alphas. For train.c.
// Not here: what gates are (space/gates.h), what a method does with them (sampler/). Next: relaxer.c.
#ifndef SN_RELAXER_H
#define SN_RELAXER_H

#include "sampler/relax.h"
#include "supernet/engine/room.h"
#include "supernet/train/loader.h"

typedef struct sn_relaxer sn_relaxer;

// What passes came to.
typedef struct {
    int passes;                 // that trained the weights
    double loss, top1;          // sums over these of the means over their images
    double flops, plan_seconds; // of all passes: convolutions, two for each multiply-add; making their plans
} sn_relax_sums;

// A pass that has run: its results are still in the supernet, those of its gates in relax->dgate.
typedef struct {
    sn_half half;
    unsigned wanted; // as the verb was asked
    const sn_relax *relax;
    const float *images;
    double loss; // mean over them
} sn_relaxed_pass;

// Called inside a step, for traces. Any may be NULL; an error ends the step.
typedef struct {
    void *arg;
    sn_status (*pass)(void *arg, const sn_relaxed_pass *); // after each pass
    sn_status (*alphas)(void *arg, const sn_relax *);      // dalpha complete, alphas not yet moved
    sn_status (*weights)(void *arg);                       // gradients complete, weights not yet moved
} sn_relax_hooks;

// The run is in mode relax and stays. SN_CONFIG where its method cannot be used with its space.
sn_status sn_relaxer_create(sn_run *, sn_relaxer **out);
void sn_relaxer_free(sn_relaxer *);
void sn_relaxer_watch(sn_relaxer *, const sn_relax_hooks *);

// Step run->step of `steps` on the batch of a loader, at a learning rate of the weights.
sn_status sn_relaxer_step(sn_relaxer *, int64_t steps, const sn_batch *, double lr, sn_relax_sums *out);
// What the largest step of a run in mode relax needs.
sn_status sn_relaxer_room(const sn_run *, sn_room *out);
// The largest eigenvalue of the Hessian of the loss in alpha on the alphas' images of the last step, by Lanczos' iteration on
// differences of gradients; NaN where gates are drawn, before a first step, or where nothing is learned.
sn_status sn_relaxer_eigenvalue(sn_relaxer *, double *out);
// Accuracy of the mixture, each option weighed by its share, over images in batches as large as those of training, which give
// their own statistics; a last one that is not whole is left out, where there is another.
sn_status sn_relaxer_accuracy(sn_relaxer *, const sn_source *images, double *top1);

#endif
