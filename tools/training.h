// Training a config in a run folder with progress on stderr: what `train` and `retrain` share.
#ifndef TRAINING_H
#define TRAINING_H

#include "cli.h"

// Takes over the config. Makes or resumes the folder, trains to the end. inherit: checkpoint or run whose weights a fresh
// training starts from, or NULL. On SN_OK *out is the trained run (a finished folder says so and comes back at once).
sn_status train_in_folder(const cli *, sn_config *, const char *folder, const char *inherit, sn_run **out);

#endif
