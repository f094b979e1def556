// Running statistics of one arch taken anew over calibration images: what scoring does before it reads them (protocol
// `recalibrate`), here left in the supernet for whoever wants the net itself. Not here: scoring (evaluate.h).
// Next: export.h.
#ifndef SN_RECALIBRATE_H
#define SN_RECALIBRATE_H

#include "supernet/engine/evaluate.h"

// Sets the running statistics of the arch's BNs to the cumulative mean of batch means and unbiased variances over the source, in
// batches of `batch` images (at least 2) in the source's order. Statistics of other BNs stay. Bit-equal to what sn_score_archs
// computes for SN_PROTOCOL_RECALIBRATE. After an error the statistics are those of the batches done.
sn_status sn_recalibrate(sn_supernet *, const sn_arch *, const sn_source *, int batch);

#endif
