// Ranks archs of a run: scores what the ranking store does not hold yet (killed and resumed: it goes on), best first, with costs.
// Not here: how a score is measured (evaluate.h), whether rankings mean anything (rankquality.h), printing.
#ifndef SN_RANK_H
#define SN_RANK_H

#include "io/files/rankstore.h"
#include "supernet/rank/fitted.h"
#include "supernet/train/run.h"

typedef struct sn_ranking {
    sn_ranked *item; // best first: by score, then top-1, loss, fewer MACs, order of archs
    long n;
    int by;         // SN_BEST_BY_...: the config's rank.by; accuracy where that is effects and there are none
    sn_ranked *row; // (rows) every score in the store with these weights and this protocol, in the order of archs
    long rows;
    sn_fitted fitted; // of the rows
    long unscored;    // options that no row has: archs with one have no fitted score
    uint64_t images;
    long scored; // now; the others were in the store
    sn_score_work work;
    long identical;         // archs whose logits equal another's on every image
    sn_arch twins[2];       // the first such pair
    sn_rank_fits fits;      // of the rows of the store
    sn_rankstore *store;    // hits and losses live there
    struct sn_ranking *run; // of several (joint.h): the ranking of each, its rows the same archs in the same order
    int runs;               // 0: this is of one
} sn_ranking;               // owns all of it

typedef struct {
    const volatile sig_atomic_t *stop;
    void *arg;
    void (*progress)(void *arg, double done, long all); // archs, with parts of those under way
    void (*layout)(void *arg, const sn_score_layout *); // how they are scored, before the first
} sn_rank_watch;

// The archs (any order, repeats count once) by the config's rank section on the validation split. The store is RUN/ranking.h5.
// Saved now and then, after a subtree three decisions deep. SN_INTERRUPTED after a stop, with everything scored saved.
sn_status sn_rank(sn_run *, const sn_arch *archs, long n, const sn_rank_watch *, sn_ranking *out);
void sn_ranking_free(sn_ranking *);
// Of items in the order of archs keeps those of a list in the same order, and ranks these.
void sn_ranking_choose(sn_ranking *, const sn_arch *sorted, long n, int by);

// How the ranking of a large space is scored: a forecast, nothing is run. All 0 without validation images.
sn_status sn_rank_layout(const sn_run *, sn_score_layout *);

// All that the run's store holds under its present weights and protocol, ranked; nothing is scored. SN_USAGE when nothing is.
sn_status sn_rank_stored(const sn_run *, sn_ranking *out);
// The first of a ranking if it were by something else (SN_BEST_BY_...); NULL where that is effects and there are none.
const sn_ranked *sn_ranking_first(const sn_ranking *, int by);
// The first of the stored ranking within limits (INT64_MAX: none); of a space of one, that one. SN_USAGE when nothing is ranked
// yet, none of it is within, or rank.by is effects and there are none.
sn_status sn_rank_best(const sn_run *, sn_cost most, sn_arch *out);
// The best of the whole space by the main effects of the rows, within limits (INT64_MAX: none), scored or not. As
// sn_budget_best; SN_USAGE too when there are no effects.
sn_status sn_ranking_whole(const sn_run *, const sn_ranking *, sn_cost most, const volatile sig_atomic_t *stop, sn_arch *out);
// The stored score of one arch, *found says whether there is one.
sn_status sn_rank_find(const sn_run *, const sn_arch *, sn_ranked *out, bool *found); // nothing fitted

// The job's protocol as stored with every score: "recalibrate 2000 images, batches of 250". images: that are scored.
void sn_protocol_text(const sn_run *, long images, char *out, size_t size);
long sn_rank_images(const sn_run *); // of the config's rank section
// How the config scores: protocol and counts. Batch of scoring: 250.
sn_protocol sn_run_protocol(const sn_run *);

#endif
