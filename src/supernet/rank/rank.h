// Ranks archs of a run: scores what the ranking store does not hold yet (killed and resumed: it goes on), best first, with costs.
// Not here: how a score is measured (evaluate.h), whether rankings mean anything (rankquality.h), printing.
#ifndef SN_RANK_H
#define SN_RANK_H

#include "io/files/rankstore.h"
#include "space/cost.h"
#include "supernet/train/run.h"

typedef struct {
    sn_arch arch;
    double top1, top5, loss; // shares and mean
    sn_cost cost;
    uint64_t logits;      // hash of the logits on all images
    const uint64_t *hits; // borrowed from the store
} sn_ranked;

typedef struct {
    sn_ranked *item; // best first: by top-1, then loss, then fewer MACs, then order of archs
    long n;
    uint64_t images;
    long scored; // now; the others were in the store
    sn_score_work work;
    long identical;      // archs whose logits equal another's on every image
    sn_arch twins[2];    // the first such pair
    sn_rankstore *store; // owned: the hits live there
} sn_ranking;

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

// How the ranking of a large space is scored: a forecast, nothing is run. All 0 without validation images.
sn_status sn_rank_layout(const sn_run *, sn_score_layout *);

// Best arch of the run's store under its present weights and protocol; of a space of one, that one. SN_USAGE when nothing is
// ranked yet.
sn_status sn_rank_best(const sn_run *, sn_arch *out);
// The stored score of one arch, *found says whether there is one.
sn_status sn_rank_find(const sn_run *, const sn_arch *, sn_ranked *out, bool *found);

// The job's protocol as stored with every score: "recalibrate 2000 images, batches of 250". images: that are scored.
void sn_protocol_text(const sn_run *, long images, char *out, size_t size);
long sn_rank_images(const sn_run *); // of the config's rank section
// How the config scores: protocol and counts. Batch of scoring: 250.
sn_protocol sn_run_protocol(const sn_run *);

#endif
