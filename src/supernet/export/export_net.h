// One arch as named tensors, and as an ONNX model in memory. For export.c only. Not here: notes and files. Next: export_net.c.
#ifndef SN_EXPORT_NET_H
#define SN_EXPORT_NET_H

#include "io/files/onnx.h"
#include "supernet/engine/exec.h"

// Both fill an empty *out, which is the caller's also on failure, and *params: numbers that the arch's parameters hold. SN_FAIL
// when a node's name would leave the alphabet of exported names: letters, digits, ".", "_", "-".

// Every parameter and running statistic that the arch uses, in file order.
sn_status sn_export_tensors(sn_supernet *, const sn_arch *, sn_tensors *out, int64_t *params);
// SN_FAIL also for a node that cannot be exported.
sn_status sn_export_model(sn_supernet *, const sn_arch *, bool fold, sn_onnx *out, int64_t *params);

#endif
