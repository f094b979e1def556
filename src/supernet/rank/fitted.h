// Main effects of scored archs: of accuracy (as its logit) and of the loss, with intervals over images. Made of a ranking
// whenever it is asked for: 6,561 archs take some milliseconds. Not here: how effects are fitted (effects.h), what is printed of
// them (cmd_effects.c). Next: rank.h.
#ifndef SN_FITTED_H
#define SN_FITTED_H

#include "supernet/rank/effects.h"
#include "supernet/rank/ranked.h"

enum { SN_UNFITTED_TEXT = 256 };

typedef struct {
    sn_effects_design *design;          // of all archs; NULL where they are too few
    double *logit;                      // (archs): sn_effects_logit of the hits
    sn_effects accuracy;                // of the logit; n = 0 where there are none
    sn_effects loss;                    // of the archs whose loss is finite; n = 0 where there are none
    char unfitted[2][SN_UNFITTED_TEXT]; // why there are none, "" otherwise
    long overflowed;                    // archs without a finite loss
} sn_fitted;

// Items in the order of archs (for the same bits whatever was scored first). Where something cannot be fitted, that is told in
// unfitted and is no failure.
sn_status sn_fitted_make(const sn_space *, const sn_ranked *item, long n, uint64_t images, sn_fitted *out);
// The same with the logits given, which it takes over; on failure too.
sn_status sn_fitted_of(const sn_space *, const sn_ranked *item, long n, double *logit, sn_fitted *out);
void sn_fitted_free(sn_fitted *);

// Of any arch of the space; NAN where there are no effects, or an option of it was never scored.
double sn_fitted_top1(const sn_fitted *, const sn_arch *);
double sn_fitted_loss(const sn_fitted *, const sn_arch *);

// Points of accuracy (100 of them are all images) that one unit of logit makes: 100 times the mean of p (1 - p) over the scored
// archs, p their fitted accuracy.
double sn_fitted_points(const sn_fitted *, const sn_ranked *item, long n);

// 95 % intervals of the effects on the logit over images: what another draw of as many images would give the same archs.
// Multinomial bootstrap as in rankquality.h: all archs are scored again on the same redrawn images and the effects are fitted
// again, lambda as it was. from, to: (accuracy.n), NAN where never scored. The items are those that were fitted.
sn_status sn_fitted_over_images(const sn_fitted *, const sn_ranked *item, long n, uint64_t images, uint32_t resamples,
                                uint32_t seed, double *from, double *to);

#endif
