// Runs an ONNX model as its file describes it, with the reference kernels, one image at a time. Knows the operators and
// attributes that export_net.c writes and refuses all others. It is how an exported file is checked before anyone is told that it
// is good. Not here: decoding (io/files/onnx.h), what the answer is held against (export.h). Next: onnxrun.c.
#ifndef SN_ONNXRUN_H
#define SN_ONNXRUN_H

#include "io/files/onnx.h"

// Images (height, width, channels), normalised, one after another, and room for their logits.
typedef struct {
    int n, channels, height, width, classes;
    const float *images;
    float *logits;
} sn_onnxrun_job;

// SN_DATA when the model's input "images" [N, C, H, W] or its output "logits" [N, classes] is not of the job's sizes; naming the
// node, for an operator, an attribute or a value of one that is not known, a missing tensor, shapes that do not fit.
sn_status sn_onnxrun(const sn_onnx *, const sn_onnxrun_job *);

#endif
