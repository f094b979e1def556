// Going back to an earlier epoch of a search that may collapse, with a larger weight decay (Zela et al., "Understanding and
// Robustifying Differentiable Architecture Search", ICLR 2020: adaptive regularisation), and which checkpoints stay for it.
// Not here: the signs (monitor.h), when it is done (train.c).
#ifndef SN_ROLLBACK_H
#define SN_ROLLBACK_H

#include "supernet/train/run.h"

// Sets what the run's weights are decayed by after so many times as it went back. SN_CONFIG where going back would change
// nothing.
sn_status sn_rollback_decay(sn_run *);
// Whether a sign of a collapse is one to go back for; else whether one was told already; and that one now is, with this epoch.
bool sn_rollback_wanted(const sn_run *);
bool sn_rollback_told(const sn_run *);
void sn_rollback_tell(sn_run *, int epoch);
// The step after `epoch`, or after the newest one before it whose checkpoint is in the run's folder: SN_DIVERGED where there is
// none.
sn_status sn_rollback_step(const sn_run *, int epoch, int64_t *step);
// The run is again as after that step, but for how often it went back; what the folder has of later steps is gone. Whoever is
// killed in it finds the same sign again, and goes back to the same.
sn_status sn_rollback(sn_run *, int64_t step);

// Removes the checkpoints that train.keep does not keep: the best stays, and in mode relax the ends of the last epochs, and that
// of the epoch that was told.
sn_status sn_rollback_prune(const sn_run *);
// Most checkpoints that stay beside those of train.keep.
int sn_rollback_stay(const sn_run *);

#endif
