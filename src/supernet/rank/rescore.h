// The scores of a ranking, by accuracy, loss or effects, as other draws of as many images would give them, and on two halves of
// the images: what intervals over images are made of. Not here: figures and intervals (rankquality.h), drawing (redraw.h).
#ifndef SN_RESCORE_H
#define SN_RESCORE_H

#include "supernet/rank/fitted.h"

typedef struct {
    const sn_ranked *const *item; // (archs) whose scores are wanted, with hits and losses
    size_t archs;
    const sn_ranked *row; // (rows) by effects: what was fitted, in that order
    long rows;
    const sn_fitted *fitted;
    uint64_t images;
    uint32_t draws; // 0: none
    uint32_t seed;  // same seed: the same images are drawn, whatever the scores are by
} sn_rescore_job;

// Larger is better: right images (whole numbers, so that ties are ties), -loss (-infinity where it is not finite), fitted logit.
typedef struct {
    double *score; // (archs)
    double *drawn; // (draws, archs) multinomial bootstrap of the images; NULL: no draws, or the losses of images are not known
    double
        *half; // (2, archs) on two random halves of images / 2 each (of an odd number one stays out); NULL: as above, or 1 image
} sn_rescored;

// by: SN_BEST_BY_... (space/words.h); by effects needs fitted->accuracy. SN_RESOURCE.
// Time: archs * images * draws of a loss are as many multiply-adds; hits take a fortieth.
sn_status sn_rescore(const sn_rescore_job *, int by, sn_rescored *out);
void sn_rescored_free(sn_rescored *);

#endif
