// Export from a run: statistics recalibrated, metadata gathered, file written and checked. One call for the program's `export`.
// Not here: which arch is meant by "best", printing. Next: export.h.
#ifndef SN_EXPORTRUN_H
#define SN_EXPORTRUN_H

#include "supernet/export/export.h"
#include "supernet/train/run.h"

typedef struct {
    int format;                   // SN_FORMAT_ONNX or SN_FORMAT_SAFETENSORS
    bool fold;                    // BN into convolutions (ONNX; safetensors hold the tensors as trained)
    const sn_export_note *scores; // "validation.top1" -> "0.9123" and the like, for the metadata
    int n_scores;
} sn_export_options;

// Writes the arch of the run to `path`, anywhere. The running statistics of the arch are first taken anew as rank.calibrate and
// rank.calibrate_batch say, and those of the net put back afterwards; a net of one arch (space.arch: a retrained one) keeps its
// own. Errors of sn_recalibrate and of sn_export_onnx / sn_export_safetensors; no new file is left then.
sn_status sn_export_arch(sn_run *, const sn_arch *, const char *path, const sn_export_options *, sn_export_result *out);

#endif
