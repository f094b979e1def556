// A ranking held against true accuracies, beside ranking by MACs and by params: figures, intervals, table and JSON.
#ifndef AGAINST_H
#define AGAINST_H

#include "cli.h"
#include "io/files/truth.h"
#include "supernet/rank/joint.h"
#include "supernet/rank/rankquality.h"

enum { SN_BY_ACCURACY, SN_BY_LOSS, SN_BY_EFFECTS, SN_BY_MACS, SN_BY_PARAMS, SN_RANKED_BY };

typedef struct {
    double half_tau; // between the rankings on two halves of the images
    double *half;    // (2, ranked archs) scores on these (rescore.h), in the order of the ranking; NULL: fewer than 2 archs or
                     // images, or by a loss whose images are not known
    long truths;     // archs with a known accuracy; 0: no file was given
    long missing;    // ranked archs without
    long outside;    // names in the file that are no archs of the space
    char first_outside[SN_TRUTH_TEXT];
    sn_rank_quality by[SN_RANKED_BY]; // by effects: archs = 0 where there are none
} sn_against;                         // sn_against_free

// half_tau is over all ranked archs, by what half_by says (SN_BEST_BY_...); the rest over those with a truth (NULL: half_tau
// alone), whose names become canonical texts (sn_truth_match). path: of the truth, for messages.
sn_status sn_against_measure(const sn_run *, const sn_ranking *, int half_by, sn_truth *truth, const char *path,
                             uint32_t resamples, sn_against *out);
void sn_against_free(sn_against *);
sn_status sn_against_print(const sn_against *);
json_t *sn_against_json(const sn_against *);

#endif
