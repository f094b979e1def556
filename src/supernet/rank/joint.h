// One ranking of several runs, or checkpoints, of one space: the mean of their scores, the spread between them. Nothing of it is
// stored: each run has its scores in its own store.
// Not here: scoring (rank.h), whether differences are told from chance (ties.h). Next: joint.c.
#ifndef SN_JOINT_H
#define SN_JOINT_H

#include "supernet/rank/rank.h"
#include "supernet/rank/rescore.h"

// The mean, every run with the same weight, is that of the number which the ranking compares: by accuracy that of top-1 (right
// images of all runs together, so equal archs stay equal), by loss that of the loss (not finite where it is not in one run), by
// effects that of the logit: effects are fitted to each arch's mean logit, which gives the mean of the runs' effects under one
// lambda. A run whose scores lie further apart decides more; none is scaled.

// Whether two runs can be ranked together: the same space, validation images, and ways of scoring. SN_USAGE says what differs.
sn_status sn_runs_alike(const sn_run *, const char *name, const sn_run *other, const char *other_name);

// Takes over `runs` rankings, also on failure; run[0] says which archs, of those that have a score in every run. In *out,
// rows are the archs with a score in all stores (*left_out: those in some alone), item.row counts in them, and hits and losses
// are those of out->run[].row, whose score is by out->by and fitted_top1 that of the run by the joint lambda.
// SN_USAGE where no arch has a score in all. Of one run: the same numbers, to the bit.
sn_status sn_ranking_join(const sn_space *, int by, sn_ranking *run, int runs, sn_ranking *out, long *left_out);

// Deviation (n - 1) between runs of an item's score; NAN of one run.
double sn_ranking_spread(const sn_ranking *, const sn_ranked *item);
// Kendall's tau of each pair of runs over the items, (runs, runs); NAN where there is none.
sn_status sn_ranking_agreement(const sn_ranking *, double *tau);

// sn_rescore of items of a ranking; of several runs the sums of theirs, all on the same redrawn images.
sn_status sn_ranking_rescore(const sn_ranking *, const sn_ranked *const *item, size_t n, int by, uint32_t draws, uint32_t seed,
                             sn_rescored *out);
// The same of one of its runs.
sn_status sn_ranking_rescore_run(const sn_ranking *, int run, const sn_ranked *const *item, size_t n, int by, uint32_t draws,
                                 uint32_t seed, sn_rescored *out);

#endif
