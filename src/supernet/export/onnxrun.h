// Runs an ONNX model as its file describes it, with the reference kernels, one image at a time. Knows the operators and
// attributes that export.c writes and refuses all others. It is how an exported file is checked before anyone is told that it is
// good. Not here: decoding (io/files/onnx.h), what the answer is held against (export.h).
#ifndef SN_ONNXRUN_H
#define SN_ONNXRUN_H

#include "io/files/onnx.h"

typedef struct sn_onnxrun sn_onnxrun;

// Lays the model out: input "images" [N, C, H, W], output "logits" [N, classes]. The model is borrowed and must outlive *out.
// SN_DATA naming the node for an operator, an attribute or a value of one that is not known, a missing initializer, shapes that
// do not fit.
sn_status sn_onnxrun_open(const sn_onnx *, sn_onnxrun **out);
void sn_onnxrun_close(sn_onnxrun *);

void sn_onnxrun_input(const sn_onnxrun *, int *channels, int *height, int *width);
int sn_onnxrun_classes(const sn_onnxrun *);
// image: (height, width, channels), normalised; logits: classes numbers.
void sn_onnxrun_image(sn_onnxrun *, const float *image, float *logits);

#endif
