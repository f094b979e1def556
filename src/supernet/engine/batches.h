// How a list of images is cut into batches for passes that use statistics of the batch or running ones. Not here: reading the
// images. Next: evaluate.h, recalibrate.h.
#ifndef SN_BATCHES_H
#define SN_BATCHES_H

#include <stdbool.h>

typedef struct {
    long images;
    int batch; // at least 1; at least 2 with join
    bool join; // a last batch of one image, which has no variance, joins the one before
} sn_batches;

static inline int sn_batches_count(const sn_batches *b) {
    long full = b->images / b->batch, rest = b->images % b->batch;
    return (int)(full + (rest > 1 || (rest == 1 && (!b->join || !full))));
}

static inline long sn_batches_first(const sn_batches *b, int i) {
    return (long)i * b->batch;
}

static inline int sn_batches_size(const sn_batches *b, int i) {
    return i + 1 < sn_batches_count(b) ? b->batch : (int)(b->images - sn_batches_first(b, i));
}

static inline int sn_batches_largest(const sn_batches *b) { // the first or the last
    int n = sn_batches_count(b);
    if (!n) return 0;
    int first = sn_batches_size(b, 0), last = sn_batches_size(b, n - 1);
    return first > last ? first : last;
}

// Weight of batch i in the cumulative mean over batches 0 .. i, by images; 1/(i+1) where all are of one size.
static inline double sn_batches_momentum(const sn_batches *b, int i) {
    double n = sn_batches_size(b, i);
    return n / ((double)sn_batches_first(b, i) + n);
}

#endif
