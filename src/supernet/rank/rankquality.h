// The quality of a ranking: every figure of rankstats.h with intervals over images and over archs, the half-split reliability,
// and the same on the distinct nets where several archs are equal as trained nets. Not here: which archs are equal, where scores
// and truths come from, printing. Next: rescore.h, io/files/truth.h.
#ifndef SN_RANKQUALITY_H
#define SN_RANKQUALITY_H

#include "supernet/rank/rankstats.h"
#include <stdint.h>

// Intervals are 95 %, NaN where they were not asked for or do not exist.
//
// Over images (needs scores on redrawn images, rescore.h): what another draw of as many images would give. Multinomial bootstrap
// of the images (Efron, Annals of Statistics 7, 1979): every arch is scored again on the same redrawn images, the figure is
// taken, and its quantiles 2.5 % and 97.5 % are read off. A redrawn score carries the noise of the images twice, which lowers
// every correlation and share, so for these the interval is moved by (value - median of the redrawn figures). Regrets are the
// quantiles as they are.
//
// Over archs: what another draw of as many archs from a large space would give. Subsampling without replacement (Politis &
// Romano, Annals of Statistics 22, 1994), since copies, as a bootstrap makes them, are ties. With b of n archs the figure's
// variance around the one of all n is sigma^2 (1/b - 1/n), wanted is sigma^2 / n, so differences are scaled by sqrt(b / (n - b))
// (Wu, On the Asymptotic Properties of the Jackknife Histogram, Annals of Statistics 18, 1990); b = n/2 makes that 1 for even n.
// The interval is value - scale * quantiles 97.5 % and 2.5 % of (subsample's figure - value). "10 best" is 10 b / n best in a
// subsample. Regrets are the quantiles of the subsamples' own: extremes obey no such scaling. Where every arch
// of a space was scored, this interval speaks of spaces like this one.
//
// All intervals end within what the figure can take.
typedef struct {
    double value;
    double image[2], arch[2]; // from, to
} sn_rank_figure;

typedef struct {
    size_t archs, top; // how many; how many of them in the true top 10 %; 0 archs: nothing here
    double half_tau;   // tau-b between the scores on the two halves of the images; NaN without
    sn_rank_figure figure[SN_RANK_FIGURES];
} sn_rank_part;

typedef struct {
    sn_rank_part all;
    sn_rank_part distinct; // one item per class: score and truth = mean over the class; 0 archs where no two are equal
} sn_rank_quality;

// What is judged. Arrays are borrowed.
typedef struct {
    size_t archs;
    const double *truth;     // (archs)
    const double *cost;      // (archs) for the figures of budgets, of a class the mean; NULL: those are NaN
    const double *score;     // (archs) larger is better: MACs, -loss, ...
    const double *drawn;     // (resamples, archs) scores on redrawn images; NULL: no interval over images
    const double *half;      // (2, archs) on two halves of the images; NULL: not known
    const uint64_t *classes; // (archs) archs of the same id (signature) are equal as trained nets; NULL: none are
    uint32_t resamples;      // of each kind; 0: no intervals
    uint32_t seed;
} sn_rank_input;

// Fills *out. Same input, same bits. SN_DATA for a NaN among scores or truths, SN_USAGE for sizes out of range, SN_RESOURCE.
// Time: 6,561 archs and 200 resamples take a second or two on one core.
sn_status sn_rank_measure(const sn_rank_input *in, sn_rank_quality *out);

// How far two archs are apart on the same images: z = (b - c) / sqrt(b + c), b and c the images that only the first or only the
// second got right (Q. McNemar, Psychometrika 12, 1947); 0 where there are none. Beyond +-1.96 with 5 % of equal ones.
double sn_rank_apart(const uint64_t *hits, const uint64_t *other, size_t images);

#endif
