// Scores archs with the shared weights: score(archs, protocol, split), the one function behind eval, rank, validation and export.
// Values that archs have in common are computed once, BN recalibration included, on any graph. Memory is bounded: images go
// through in blocks, each through all archs of a group. Scores are bit-equal to scoring one by one and do not depend on the
// memory, since a result for an image never depends on the batch it shares. Not here: which archs (rank.h), storing scores
// (io/files/rankstore.h). Next: scoreplan.h.
#ifndef SN_EVALUATE_H
#define SN_EVALUATE_H

#include "space/words.h"
#include "supernet/engine/exec.h"

// How a subnetwork's BN statistics are obtained; kind is one of space/words.h:
//   SN_PROTOCOL_RECALIBRATE  cumulative mean of batch means and unbiased variances over the calibration images, each batch
//                            weighing as much as it has images
//   SN_PROTOCOL_BATCH        each scoring batch's own statistics
//   SN_PROTOCOL_RUNNING      the running statistics of training
// Where statistics of a batch are taken, a last batch of one image joins the one before.
typedef struct {
    int kind;
    int calibrate_batch; // images per calibration batch (RECALIBRATE)
    int batch;           // images per scoring batch
} sn_protocol;

// Where images come from: normalised floats (n, h, w, c) and labels (NULL: not wanted) of positions first .. first+n-1; n is at
// most the batch of the protocol.
typedef struct {
    long count;
    void *arg;
    sn_status (*read)(void *arg, long first, long n, float *images, int32_t *labels);
} sn_source;

typedef struct {
    sn_arch arch;
    long images, top1, top5;
    double loss;            // mean over images
    const uint64_t *hits;   // one bit per image: top-1 hit; borrowed during the callback
    const float *logits;    // (images, classes); borrowed during the callback; NULL unless asked for
    uint64_t logits_hash;   // equal for equal logits on all images
    const uint16_t *losses; // (images) as base/half.h keeps them; borrowed during the callback; NULL unless asked for
} sn_score;

typedef struct {
    size_t allowed; // bytes that scoring may take,
    size_t bytes;   // and takes, for activations, statistics and sums: more where one batch needs more
    size_t arena;   // of these in the supernet's arena
    int blocks;     // of images; 1: every arch is scored on all at once
} sn_score_layout;

typedef struct {
    const sn_arch *archs; // in the order of sn_arch_compare for most sharing; any order is right
    long n;
    sn_protocol protocol;
    sn_source calibration; // RECALIBRATE only
    sn_source images;      // to score
    size_t memory;         // bytes; 0: sn_score_allowed(0)
    bool want_logits, want_losses;
    void *arg;
    sn_status (*scored)(void *arg, const sn_score *); // called once per arch in the order of archs; an error ends the evaluation
    bool (*stop)(void *arg);                          // asked between evaluations of blocks; NULL: never
    sn_status (*progress)(void *arg, double archs);   // done, with parts of those under way; NULL: nobody listens
    void (*layout)(void *arg, const sn_score_layout *); // of the first archs, before they are scored; NULL: nobody listens
} sn_score_job;

typedef struct {
    int64_t done,
        naive; // evaluations of choices (for a chain: blocks, identities counted, stem and head not), and without sharing
} sn_score_work;

// Running statistics of the net are as before on return. SN_INTERRUPTED when stop said so.
sn_status sn_score_archs(sn_supernet *, const sn_score_job *, sn_score_work *work);
// The layout for the first archs of a job; nothing is read or run.
sn_status sn_score_memory(const sn_supernet *, const sn_score_job *, sn_score_layout *);
// wanted, or, when 0, a quarter of what the machine has free, at most 2 GiB.
size_t sn_score_allowed(size_t wanted);

#endif
