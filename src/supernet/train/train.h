// The main job: trains a supernet by its config until the last epoch, a signal, or a loss that is not finite. A sampler writes
// each step with the verbs `pass` and `update_weights`, which are here. Saves checkpoints, validates a few fixed paths, writes
// log.jsonl. In mode relax a relaxation writes the steps (relaxer.h). Not here: printing (the caller's `event`), signals (the
// caller's `stop`).
#ifndef SN_TRAIN_H
#define SN_TRAIN_H

#include "sampler/method.h"
#include "supernet/engine/room.h"
#include "supernet/train/relaxer.h"

typedef enum { SN_EVENT_STEP, SN_EVENT_VALIDATION, SN_EVENT_SAVED, SN_EVENT_WARNING } sn_event_kind;

typedef struct {
    sn_event_kind kind;
    int64_t step, steps; // done, and in all
    int64_t steps_per_epoch;
    double loss, accuracy, lr; // STEP: of this step (means over its passes)
    double images_per_second;  // STEP: over the last seconds
    double validation;         // VALIDATION: mean accuracy over the fixed paths; mode relax: of the likeliest arch
    double mixture;            // VALIDATION in mode relax: accuracy of the mixture; else NaN
    const sn_arch *arch;       // VALIDATION in mode relax: the likeliest
    const char *text;          // SAVED: the file; WARNING: what
} sn_event;

struct sn_trainer;

// Called inside a step, for traces. Any may be NULL; an error ends the training.
typedef struct {
    void *arg;
    sn_status (*begin)(void *arg, struct sn_trainer *);                                  // batch loaded, nothing run
    sn_status (*pass)(void *arg, struct sn_trainer *, const sn_arch *, const sn_plan *); // after each pass
    sn_status (*update)(void *arg, struct sn_trainer *); // gradients complete, weights not yet moved
    sn_status (*end)(void *arg, struct sn_trainer *);    // weights moved
} sn_train_hooks;

typedef struct sn_trainer {
    sn_run *run;
    sn_relaxer *relaxer; // mode relax; else NULL and
    const sn_method *sampler;
    void *state; // the sampler's
    int64_t steps_per_epoch, steps;
    double lr; // of this step
    sn_loader *loader;
    int batch;
    sn_batch in; // of this step; the loader's
    // the step so far
    sn_arch arch; // of the last pass
    int passes;
    sn_batch_score score;  // of the last pass
    double loss, top1;     // sums over passes
    sn_relax_sums relaxed; // mode relax: the same, and what all its passes took
    sn_train_hooks hooks;
} sn_trainer;

typedef struct {
    const volatile sig_atomic_t *stop; // not 0: finish the step, save, return SN_INTERRUPTED; NULL: never
    void *arg;
    void (*event)(void *arg, const sn_event *); // NULL: nobody listens
    const char *log;                            // path of log.jsonl, or NULL
    const struct sn_folder *folder;             // the run's, locked; asked before each save. NULL: nobody else is there
    int64_t until;                              // stop after this step with a checkpoint saved, SN_OK; 0: at the end
} sn_train_watch;

sn_status sn_trainer_create(sn_run *, sn_trainer **out);
void sn_trainer_free(sn_trainer *);
// One step (run->step), hooks included; then run->step is one more.
sn_status sn_trainer_step(sn_trainer *);
// What the largest step needs.
sn_status sn_trainer_room(const sn_run *, sn_room *out);
// Learning rate of a step under the run's config.
double sn_run_lr(const sn_run *, int64_t step);

// From run->step to the end, or to `until`: what is trained is the same in the same bits. The run has a folder, which the caller
// has locked. SN_DIVERGED names step and arch; the last checkpoint stands.
sn_status sn_train(sn_run *, const sn_train_watch *);

// The fixed paths of validation: smallest, largest and two random ones; fewer where archs are few. In mode relax the likeliest.
enum { SN_FIXED_PATHS = 4, SN_VALIDATION_IMAGES = 1000 };
sn_status sn_fixed_paths(const sn_run *, sn_arch paths[SN_FIXED_PATHS], int *n);
// What validation takes beside a training whose arena has so many bytes; all 0 where there is none.
sn_status sn_validation_layout(const sn_run *, size_t arena, sn_score_layout *);

#endif
