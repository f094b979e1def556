// The graph of one arch as an ONNX model in memory. For export.c only. Not here: notes and files.
// Next: export_onnx.c.
#ifndef SN_EXPORT_ONNX_H
#define SN_EXPORT_ONNX_H

#include "io/files/onnx.h"
#include "supernet/engine/exec.h"

// The caller owns *out. *params: numbers that the arch's parameters hold. SN_FAIL naming a node that cannot be exported.
sn_status sn_export_build(const sn_supernet *, const sn_arch *, bool fold, sn_onnx **out, int64_t *params);

#endif
