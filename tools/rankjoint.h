// What only a ranking of several runs tells: spread, ties with the first, agreement of the runs; printed, as JSON and CSV.
#ifndef RANKJOINT_H
#define RANKJOINT_H

#include "rankruns.h"
#include "supernet/rank/ties.h"

typedef struct {
    const rank_runs *runs; // borrowed, as the next
    const sn_ranking *ranking;
    sn_ties ties;
    double *tau; // (runs, runs)
} rank_joint;

// All zero where the ranking is of one run.
sn_status rank_joint_make(const rank_runs *, const sn_ranking *, uint32_t draws, rank_joint *out);
void rank_joint_free(rank_joint *);
sn_status rank_joint_print(const rank_joint *, long top);
json_t *rank_joint_json(const rank_joint *, long top);
// Of a rank_joint, for cli_write_csv: the ranked archs, best first.
sn_status rank_joint_csv(const void *joint, FILE *out);

#endif
