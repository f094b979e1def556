// Scores on images drawn again, for intervals over images: hits stay packed as the store has them. Not here: what is made of the
// scores (rankquality.c, fitted.c).
#ifndef SN_REDRAW_H
#define SN_REDRAW_H

#include "base/rng.h"
#include "base/status.h"

// How often every image counts, one bit plane per binary digit: the hits of an arch are a few popcounts.
typedef struct {
    size_t images, words;   // words of 64 images
    int planes;             // in use
    uint64_t *bit;          // (32, words): plane k holds digit k
    uint32_t *multiplicity; // (images), the caller's to fill before sn_redraw_set
} sn_redraw;

sn_status sn_redraw_open(size_t images, sn_redraw *out);
void sn_redraw_close(sn_redraw *);

// The multiplicities, as the caller has set them.
void sn_redraw_set(sn_redraw *);
// As many images, drawn with replacement (multinomial bootstrap).
void sn_redraw_with_replacement(sn_redraw *, sn_rng *);
// count (archs): hits of each arch, each image as often as drawn. Whole numbers: ties are ties. hits: rows of `words` words.
void sn_redraw_count(const sn_redraw *, const uint64_t *const *hits, size_t archs, double *count);

#endif
