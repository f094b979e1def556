// finals.json of RUN/finals/NAME: who takes part in the finals, what each scored after each rung, who won. A small text, written
// whole after every score. Not here: who takes part, who goes on (supernet/rank/finals.h), training. No locking: a run folder has
// one writer.
// Next: finalstore.c.
#ifndef SN_FINALSTORE_H
#define SN_FINALSTORE_H

#include "io/files/runfolder.h"

enum { SN_MOST_FINALISTS = 256, SN_MOST_RUNGS = 9 };

typedef struct {
    long right;     // top-1, of the validation images; -1: the training diverged on the way to this rung
    double loss;    // mean over the images; NAN where it is not finite
    uint64_t *hits; // which images were right, as in rankstore.h; NULL where it diverged
} sn_finals_score;

typedef struct {
    char *arch;
    int64_t place;            // in the ranking, from 1
    double top1, fitted_top1; // with the shared weights; fitted NAN where nothing is
    int64_t macs, params;
    sn_finals_score score[SN_MOST_RUNGS]; // [j]: after rung j
    int scores;
} sn_finalist;

// Zero, or filled by sn_finals_read or sn_finals_choose; arrays and texts are owned.
typedef struct {
    // what was asked for
    int64_t top;
    int by, init;                 // SN_BEST_BY_..., SN_START_...
    int64_t max_macs, max_params; // INT64_MAX: none
    // what follows from it
    char *config;                   // of the first finalist's training, as a checkpoint holds it
    int64_t step;                   // of the supernet's weights
    int64_t images;                 // of validation, which score
    int rung[SN_MOST_RUNGS], rungs; // epochs after which is scored, rising
    sn_finalist *finalist;          // best of the ranking first
    int n;
    // what came out
    int winner;        // index, or -1: not done yet
    sn_log_score test; // of the winner; images 0: there are none
} sn_finals;

// SN_DATA naming the file and what is wrong with it. Whatever the file holds, *out then has texts without control characters,
// scores that agree with their hits, and numbers within their ranges.
sn_status sn_finals_read(const char *path, sn_finals *out);
// All or nothing; equal finals give equal bytes.
sn_status sn_finals_write(const char *path, const sn_finals *);
void sn_finals_free(sn_finals *);

// Words of 64 hits that so many images take.
static inline size_t sn_finals_words(int64_t images) {
    return ((size_t)images + 63) / 64;
}

#endif
