// Scores archs with the shared weights: score(archs, protocol, split), the one function behind eval, rank, validation and export.
// Archs are evaluated as a trie: the net is cut where everything behind reads one value, equal prefixes are computed once, BN
// recalibration once per prefix. Scores are bit-equal to scoring one by one, since a result for an image never depends on the
// batch it shares. Not here: which archs (rank.h), storing scores (io/files/rankstore.h).
#ifndef SN_EVALUATE_H
#define SN_EVALUATE_H

#include "space/words.h"
#include "supernet/engine/exec.h"

// How a subnetwork's BN statistics are obtained; kind is one of space/words.h:
//   SN_PROTOCOL_RECALIBRATE  cumulative mean of batch means and unbiased variances over the calibration images
//   SN_PROTOCOL_BATCH        each scoring batch's own statistics
//   SN_PROTOCOL_RUNNING      the running statistics of training
typedef struct {
    int kind;
    int calibrate_batch; // images per calibration batch (RECALIBRATE)
    int batch;           // images per scoring batch
} sn_protocol;

// Where images come from: normalised floats (n, h, w, c) and labels of positions first .. first+n-1.
typedef struct {
    long count;
    void *arg;
    sn_status (*read)(void *arg, long first, long n, float *images, int32_t *labels);
} sn_source;

typedef struct {
    sn_arch arch;
    long images, top1, top5;
    double loss;          // mean over images
    const uint64_t *hits; // one bit per image: top-1 hit; borrowed during the callback
    const float *losses;  // one per image; borrowed during the callback
    const float *logits;  // (images, classes); borrowed during the callback; NULL unless asked for
    uint64_t logits_hash; // equal for equal logits on all images
} sn_score;

typedef struct {
    const sn_arch *archs; // in the order of sn_arch_compare for most sharing; any order is right
    long n;
    sn_protocol protocol;
    sn_source calibration; // RECALIBRATE only
    sn_source images;      // to score
    bool want_logits;
    void *arg;
    sn_status (*scored)(void *arg, const sn_score *); // called once per arch in the order of archs; an error ends the evaluation
    bool (*stop)(void *arg);                          // asked between evaluations of blocks; NULL: never
} sn_score_job;

typedef struct {
    int64_t done,
        naive; // evaluations of trie edges (for a chain: blocks, identities counted, stem and head not), and without sharing
} sn_score_work;

// Running statistics of the net are as before on return. SN_INTERRUPTED when stop said so.
sn_status sn_score_archs(sn_supernet *, const sn_score_job *, sn_score_work *work);
// Elements of the arena that scoring the first arch of a job needs; nothing is read or run.
sn_status sn_score_arena(const sn_supernet *, const sn_score_job *, int64_t *elements);

#endif
