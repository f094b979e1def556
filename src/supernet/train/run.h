// A run: what a config and a checkpoint make together - data, graph, backend, supernet, progress. The commands that need images
// or weights start here. Not here: the training loop (train.h). Next: train.h, evaluate.h.
#ifndef SN_RUN_H
#define SN_RUN_H

#include "io/config/config.h"
#include "io/data/augment.h"
#include "io/data/dataset.h"
#include "supernet/engine/evaluate.h"
#include "supernet/engine/optim.h"
#include "supernet/train/alphas.h"

typedef struct {
    sn_config *config;     // owned
    const sn_space *space; // of the config
    sn_graph *graph;
    sn_backend *backend;
    sn_dataset *data;
    sn_augment augment, plain; // the config's augmentation, and normalising alone
    sn_supernet *net;
    sn_optim *optim;
    sn_alphas *alphas; // mode relax; else NULL
    uint32_t *part[2]; // images of the weights and of the alphas: positions in the training split; NULL: all are the weights'
    long images;       // that the weights train on: all, or those of their part
    char *folder;      // of the run; NULL for a bare checkpoint or config
    char *passed_over; // damaged checkpoints newer than the loaded one, and what is wrong with the newest; NULL: none
    // progress
    int64_t step; // updates done
    double best;  // best mean accuracy of the validation paths; NaN: none
    int64_t best_step;
    int64_t *option_passes; // passes per allowed option, in the order of sn_space_option_place
    int n_option_passes;
} sn_run;

// wanted, or one per processor when 0.
int sn_thread_count(int wanted);

// Takes over the config (also on failure). Weights are initial. threads 0 in the config: one per processor. stop: ends the
// decoding of data (may be NULL).
sn_status sn_run_create(sn_config *, const volatile sig_atomic_t *stop, sn_run **out);
// A run folder (its newest whole checkpoint: run->passed_over, run->step) or a checkpoint file. overrides: "threads=2" and such.
// stop: as above. SN_CONFIG when config.yaml is not what the checkpoint was trained with.
sn_status sn_run_open(const char *path, const char *const *overrides, int n_overrides, const volatile sig_atomic_t *stop,
                      sn_run **out);
void sn_run_free(sn_run *);

// Saves the state after `step` into checkpoints/ of the folder, or reads it back from a file.
sn_status sn_run_save(const sn_run *, const char *path);
sn_status sn_run_load(sn_run *, const char *path); // SN_DATA when data or shapes differ
size_t sn_run_checkpoint_bytes(const sn_run *);

// The run that trains in a folder whose writer the caller is. Takes over the config (also on failure). Goes on from the newest
// whole checkpoint (run->step), if there is any, and writes config.yaml. Damaged ones are passed over and set aside; SN_DATA when
// all are; SN_FAIL when the newest cannot be read at all; SN_CONFIG when the folder was trained with another config.
sn_status sn_run_begin(sn_config *, const char *folder, const volatile sig_atomic_t *stop, sn_run **out);
// Weights and statistics of a net of one arch, where the net of the checkpoint has them under the same names, whole or as parts;
// *taken counts the parameters. SN_DATA naming the first that has another shape there.
sn_status sn_run_inherit(sn_run *, const char *path, int *taken);

// The whole state of training from a checkpoint of the same net and data: the run goes on from there. None of its own validations
// is the best one yet.
sn_status sn_run_continue(sn_run *, const char *path);

// The state after an epoch, from the checkpoint that the run's folder has kept of it. SN_USAGE naming those that there are.
sn_status sn_run_to_epoch(sn_run *, int64_t epoch);

// Updates of the whole training, and of an epoch: a last partial batch is left out.
int64_t sn_run_steps(const sn_run *);
int64_t sn_run_epoch_steps(const sn_run *);

// Images of a split, normalised, not augmented, in a seed-fixed order. The source borrows *view, which borrows the run.
typedef struct {
    const sn_run *run;
    sn_split split;
    uint32_t *order; // owned
    uint8_t *pixels; // owned
} sn_view_of_split;
// count: the first so many of the order; 0 or more than there are: all. batch: most images read at once.
sn_status sn_run_source(const sn_run *, sn_split, long count, long batch, sn_view_of_split *view, sn_source *out);
void sn_run_source_free(sn_view_of_split *);
// Bytes of a picture as the data set keeps it; numbers of an image as the net takes it.
size_t sn_run_picture(const sn_run *);
size_t sn_run_image(const sn_run *);

#endif
