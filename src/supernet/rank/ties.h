// Which archs of a joint ranking are tied with its first: whether the difference can be told from 0, over other images and other
// runs. Not here: the ranking (joint.h), printing. Next: ties.c.
#ifndef SN_TIES_H
#define SN_TIES_H

#include "supernet/rank/joint.h"

// An arch is behind the first by D, the mean over R runs of the differences of their scores (by effects: of the logits). Runs and
// images are drawn by chance, and every run is scored on the same images:
//   V = B + U / R,  tied: D <= t sqrt(V)
//   B  variance of D over images drawn again (rescore.h), the same images for both archs and for all runs: paired.
//   U  variance of a run's difference between runs, on images without end: max(0, S - E). S is twice the mean square that A archs
//      by R runs leave over beyond the means of archs and of runs; images do a part of that to each run alone, and E is that
//      part: S of what the redrawn scores are beyond the scores, its mean over the draws.
//   U is one number for all pairs, of the better half of the ranked archs (2 at least, 1,024 at most): two or three runs tell
//      little of a single pair, and poor archs differ more between runs than good ones.
//   t  two-sided 95 % of Student's t with F (V R / S)^2 degrees of freedom, of the normal distribution where U is 0
//      (F. Satterthwaite, Biometrics Bulletin 2, 1946; for readers and cases, which are our runs and images: S. Hillis,
//      Statistics in Medicine 26, 2007). F = (R - 1) times the lesser of A - 1 and the options that the space has beyond one per
//      decision: runs differ in what options add, so their archs do not each tell anew.
// Where little is left of S, the margin with S in the place of U is less, and taken.
// Each pair is judged alone: 5 % of equal ones are called apart, and of many equal ones, where the first was lucky, more.
typedef struct {
    double *behind, *margin; // (items): D, t sqrt(V); not finite where the loss is not
    long tied;               // the first included; 0: not known, as the losses of images are not in a store
    double between;          // sqrt(U)
    double freedom;          // F
} sn_ties;

// Archs far behind are not looked at (margin NAN): those after 1,024 that none is tied of. Same seed: same images drawn.
// SN_USAGE for fewer than 2 runs or draws; SN_INTERRUPTED.
sn_status sn_ties_find(const sn_space *, const sn_ranking *, uint32_t draws, uint32_t seed, const volatile sig_atomic_t *stop,
                       sn_ties *out);
void sn_ties_free(sn_ties *);
static inline bool sn_tied(const sn_ties *t, long item) {
    return t->tied && (!item || t->behind[item] <= t->margin[item]);
}

#endif
