// The alphas of a run in mode relax, and their Adam: part of what a checkpoint keeps. By place (space/gates.h); those of
// decisions with one allowed option stay 0. Not here: what gates are made of them (sampler/relax.h), steps (relaxer.h).
#ifndef SN_ALPHAS_H
#define SN_ALPHAS_H

#include "io/config/config.h"
#include "sampler/method.h"

enum { SN_MONITOR_LEAN, SN_MONITOR_EIGENVALUE, SN_MONITOR_VALUES };
enum { SN_MONITOR_EPOCHS = 16, SN_MONITOR_BACK = 8 }; // that are remembered; most that one goes back
// Of Adam; 1 + the epoch to go back to, once a collapse was told, or, where the search goes back itself, how often it did, 1 more
// once another was told after the last time.
enum { SN_ALPHA_UPDATES, SN_ALPHA_TOLD, SN_ALPHA_COUNTS };

typedef struct {
    int places;
    double *alpha, *avg, *avg_sq; // and Adam's moments
    int64_t counts[SN_ALPHA_COUNTS];
    double history[SN_MONITOR_EPOCHS][SN_MONITOR_VALUES]; // of the last epochs, the latest last (monitor.h); 0: none yet
} sn_alphas;

// First alphas: normal around 0 with the config's deviation, by its seed.
sn_status sn_alphas_create(const sn_config *, sn_alphas **out);
void sn_alphas_free(sn_alphas *);

// One update of Adam (Kingma and Ba 2015, decay as in PyTorch) by the gradient. SN_DIVERGED naming the option whose alpha would
// not be finite; then nothing was updated.
sn_status sn_alphas_update(sn_alphas *, const sn_config *, const double *gradient);

// Whether a decision has alphas that are learned: one with a choice, but for picks while all of their values are there.
bool sn_alphas_learn(const sn_config *, int decision);
// How likely each option is, by place; the sum over those of a decision need not be 1 (fairdarts). Of a pick of which all values
// were there: the sum over its values of the largest share of an option of what is done to each, as a share of those of all
// picks.
void sn_alphas_shares(const sn_alphas *, const sn_config *, double *out);
// The likeliest option of every decision that exists, from the first decision on.
sn_status sn_alphas_decode(const sn_alphas *, const sn_config *, sn_arch *out);

#endif
