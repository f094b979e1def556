// More epochs for a finished run, in a folder of its own: the config of the run with more epochs, and its last checkpoint to go
// on from. What comes out depends on that checkpoint and that config alone, both of which the new run's config names. Not here:
// the training (train.h). Next: tools/cmd_train.c.
#ifndef SN_EXTEND_H
#define SN_EXTEND_H

#include "supernet/train/run.h"

typedef struct {
    char *run, *checkpoint; // the finished run's folder, and its last checkpoint
    char name[48];          // of that, by step and content; the new config's train.extends
    int64_t step;
    int epochs; // that the run had
    double lr;  // of its last step
} sn_extension;

// SN_USAGE when the run is not finished; errors of sn_run_open. Zero *out first; free it in any case. The run is only read.
sn_status sn_extension_open(const char *run, const volatile sig_atomic_t *stop, sn_extension *out);
void sn_extension_free(sn_extension *);
// The config of the new run: `more` epochs, and the overrides, which may change the optimiser's numbers, its schedule, and keys
// that do not bind training; SN_USAGE for others.
sn_status sn_extension_config(const sn_extension *, long more, const char *const *overrides, int n, sn_config **out);
// Takes the checkpoint's state into the new run, which has none yet, saves it there, and writes down where it is from.
sn_status sn_extension_begin(const sn_extension *, sn_run *);

#endif
