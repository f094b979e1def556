// The finals of a ranking: its best are trained alone for a short time, the better half goes on, and so until one is left
// (successive halving: Jamieson & Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter Optimization, AISTATS
// 2016). Who takes part, who trains how long next, who won: all read off the scores (io/files/finalstore.h), so a stopped
// competition goes on from them.
// Not here: training and printing (tools/cmd_finals.c).
// Next: finals.c.
#ifndef SN_FINALS_H
#define SN_FINALS_H

#include "io/files/finalstore.h"
#include "supernet/rank/rank.h"

// Epochs after which n finalists of a training of `epochs` are scored: ceil(epochs / 2^j) for j = ceil(log2 n) .. 0, each once. n
// is at most SN_MOST_FINALISTS. Returns how many.
int sn_finals_rungs(int n, int epochs, int rung[SN_MOST_RUNGS]);
// Of n that were scored, so many go on: the better half, rounded up.
int sn_finals_half(int n);

// Of *f, what was asked for (top, by, init, limits) is given; all else becomes that of finals that begin: the best of the stored
// ranking within the limits, of those that are the same net when trained alone only the first, which *equal counts. May be fewer
// than `top`. SN_USAGE where nothing is ranked, or nothing within the limits. On failure *f is freed.
sn_status sn_finals_choose(const sn_run *, sn_finals *f, long *equal);
// Whether finals that were read are those that were chosen just now; SN_USAGE says what differs.
sn_status sn_finals_same(const sn_finals *read, const sn_finals *now);
// Whether the scores can have come about, each after those that it depends on; SN_DATA naming the finalist. To be asked after
// sn_finals_read, before any of the below.
sn_status sn_finals_check(const sn_finals *);

// Who trains to a rung: in[i]. Returns how many, or -1 where the scores of the rungs before do not tell yet. One whose training
// diverged never goes on.
int sn_finals_in(const sn_finals *, int rung, bool in[SN_MOST_FINALISTS]);
// The next score to be measured, *who after *rung. False: there is none; then sn_finals_order says who won.
bool sn_finals_next(const sn_finals *, int *rung, int *who);
// Finalists, best first: by the last rung with a score, the score there (top-1, then loss), the place in the ranking. False where
// the first was not trained to the end: more is to be scored, or all trainings that went on diverged.
bool sn_finals_order(const sn_finals *, int order[SN_MOST_FINALISTS]);
// Scores of one that count: without a divergence at the end.
int sn_finals_scored(const sn_finalist *);
// Epochs of training, all finalists together: measured so far, and of the whole (where none diverges).
int64_t sn_finals_epochs(const sn_finals *, int64_t *all);

// Two nets on the same images: the difference of their accuracies, b - a, with its 95 % interval over images, which is normal and
// paired (images that both have right or wrong say nothing, as in McNemar's test).
typedef struct {
    double difference, from, to;
} sn_paired;
sn_paired sn_paired_difference(const uint64_t *a, const uint64_t *b, int64_t images);
// What the finals changed: the ranking's first, finalist 0, held against the best, on the last rung where both have a score.
typedef struct {
    int place;        // of the ranking's first in the order, from 1: that it is the best
    int rung;         // -1: they share none, and nothing below is known
    double top1[2];   // there, of the ranking's first and of the best
    sn_paired paired; // the best's more
} sn_finals_change;
sn_finals_change sn_finals_changed(const sn_finals *, const int *order);

#endif
