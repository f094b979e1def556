// Checkpoints: everything a training needs to go on with the same bits, in one HDF5 file (h5file.h). No time, host, thread count,
// instruction set or folder is in it, so equal trainings give equal files.
//   /params/NAME           weights, OIHW         /optim/NAME/momentum | exp_avg, exp_avg_sq   optimiser slots, same shape
//   /buffers/BN.running_mean, .running_var       /progress/option_passes, /progress/updates   counts
//   /preprocessing/mean, /preprocessing/std      of the training images, per channel, of pixel/255
//   /relax/alpha, /relax/exp_avg, exp_avg_sq   mode relax: per option of every decision; Adam's moments
//   /relax/counts, /relax/monitor   updates of alphas, what was told of a collapse; what the monitor of collapse remembers of the
//   last epochs attributes of /: format, format_version, created_by, config, data (fingerprint), step, best, best_step,
//   class_names
// Next: h5file.h. Which files to keep is supernet/train/train.c's business.
#ifndef SN_CHECKPOINT_H
#define SN_CHECKPOINT_H

#include "space/params.h"

enum { SN_CHECKPOINT_VERSION = 1 };

// What a checkpoint holds. Buffers are in memory order with the offsets of `params`; they and the texts are borrowed when saving.
typedef struct {
    const char *config;       // resolved config without machine keys
    const char *fingerprint;  // of the data
    const char *class_names;  // one per line
    int64_t step;             // updates done
    double best;              // best validation figure so far; NaN: none
    int64_t best_step;        // its step, 0: none
    const double *mean, *std; // per channel, of pixel/255
    int channels;
    const int64_t *option_passes; // passes per allowed option, decision after decision
    int n_option_passes;
    const sn_params *params;
    const char *slot_name[2]; // NULL: no such slot
    float *weights, *slot[2], *stats;
    int64_t *updates; // per atom of all parameters (params.h)
    int n_alphas;     // mode relax; else 0
    double *alpha, *alpha_avg, *alpha_avg_sq;
    int n_alpha_counts, n_history;
    int64_t *alpha_counts;
    double *history; // of the monitor
} sn_checkpoint;

// About how many bytes a save writes.
size_t sn_checkpoint_bytes(const sn_params *, int slots);
// SN_DIVERGED naming the first weight, slot or statistic that is not finite, or variance below 0: then nothing is written.
sn_status sn_checkpoint_save(const char *path, const sn_checkpoint *);

// Reading: open gives the texts and numbers, from which the caller builds the graph and so the shapes; read fills buffers of
// those shapes. SN_DATA: damaged, another format, a newer version, numbers that no training has, a step that is not the name's.
typedef struct sn_checkpoint_file sn_checkpoint_file;
sn_status sn_checkpoint_open(const char *path, sn_checkpoint_file **out);
void sn_checkpoint_close(sn_checkpoint_file *);
const char *sn_checkpoint_config(const sn_checkpoint_file *);      // borrowed
const char *sn_checkpoint_fingerprint(const sn_checkpoint_file *); // borrowed
int64_t sn_checkpoint_step(const sn_checkpoint_file *);            // 0 to 2^32
uint32_t sn_checkpoint_checksum(const sn_checkpoint_file *);       // of its content
// The names of the optimiser slots in the file, as sn_checkpoint_read wants them; NULL where there is none.
void sn_checkpoint_slots(const sn_checkpoint_file *, const sn_params *, const char *name[2]);
// Fills the caller's buffers in *c (weights, stats; slots and updates where not NULL; option_passes is written through `passes`
// where not NULL), step, best, best_step, and mean and std (c->channels numbers each) where not NULL. SN_DATA names the first
// tensor that is missing, has another shape or holds what no training makes; then nothing was filled.
sn_status sn_checkpoint_read(const sn_checkpoint_file *, sn_checkpoint *c, int64_t *passes, double *mean, double *std);
// The weights and statistics of every parameter that the file has under the same name; *taken counts them. For --init inherited.
sn_status sn_checkpoint_read_weights(const sn_checkpoint_file *, const sn_params *, float *weights, float *stats, int *taken);

#endif
