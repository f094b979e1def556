// The runs that one ranking is of: opened, held against each other, scored one after the other, joined.
#ifndef RANKRUNS_H
#define RANKRUNS_H

#include "cli.h"
#include "supernet/rank/joint.h"

typedef struct {
    const char *name; // a run folder, or one of its checkpoints, RUN/checkpoints/step-NNNNNNNN.h5
    char *folder;     // of the run
    int64_t step;
    uint64_t weights; // hash
} rank_member;

typedef struct {
    const cli *c;
    rank_member *member;
    int n;
    sn_run *run;                 // member 0, open throughout: space, config and protocol are those of all
    sn_folder *lock;             // of its folder
    const sn_notation *notation; // of a CSV; NULL: the space's own
    long left_out;               // by the last rank_runs_score: archs with a score in some runs only
} rank_runs;

// The operands of the command line. by: SN_BEST_BY_..., -1: as the first's config says. SN_USAGE where one cannot be ranked
// together with the first, or has the weights of another.
sn_status rank_runs_open(const cli *, int by, rank_runs *out);
void rank_runs_close(rank_runs *);
// sn_rank in each, with progress; of one run its ranking, of several the joint one.
sn_status rank_runs_score(rank_runs *, const sn_arch *archs, long n, sn_ranking *out);

#endif
