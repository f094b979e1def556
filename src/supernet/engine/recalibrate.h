// Running statistics of one arch taken anew over calibration images: what scoring does before it reads them (protocol
// `recalibrate`), here left in the supernet for whoever wants the net itself. Not here: scoring (evaluate.h).
// Next: export.h.
#ifndef SN_RECALIBRATE_H
#define SN_RECALIBRATE_H

#include "supernet/engine/batches.h"
#include "supernet/engine/evaluate.h"

// Sets the running statistics of the arch's BNs to the cumulative mean of batch means and unbiased variances over the source, in
// batches of `batch` images (at least 2) in the source's order, each weighing as much as it has images. Statistics of other BNs
// stay. Bit-equal to what sn_score_archs computes for SN_PROTOCOL_RECALIBRATE. After an error all statistics are as before.
sn_status sn_recalibrate(sn_supernet *, const sn_arch *, const sn_source *, int batch);

// SN_USAGE where there are too few images to take statistics of.
sn_status sn_calibration_check(long images, int batch);
sn_batches sn_calibration_batches(long images, int batch);
// Images (`image` numbers each) and labels (NULL: not wanted) of batch i; the source is asked for at most b->batch at once.
sn_status sn_batches_read(const sn_batches *b, int i, const sn_source *, size_t image, float *images, int32_t *labels);

#endif
