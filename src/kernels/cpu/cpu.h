// The fast entries' functions, named after their lanes: sn_cpu_avx2_pointwise_forward_tile and so on.
// Not here: what each part of an entry means (../backend.h).
// Next: table.c for the list, lanes.h for the lanes.
#ifndef SN_CPU_H
#define SN_CPU_H

#include "kernels/backend.h"
#include "kernels/cpu/lanes.h"

#define SN_CPU_ENTRY(id)                                                                                                         \
    bool LANES(id##_supports)(const sn_call *);                                                                                  \
    int64_t LANES(id##_tiles)(const sn_call *);                                                                                  \
    int64_t LANES(id##_work)(const sn_call *);                                                                                   \
    size_t LANES(id##_scratch)(const sn_call *);                                                                                 \
    void LANES(id##_tile)(const sn_bases *, const sn_call *, int64_t tile, void *scratch);                                       \
    void LANES(id##_finish)(const sn_bases *, const sn_call *);

SN_CPU_ENTRY(pointwise_forward)
SN_CPU_ENTRY(pointwise_data)
SN_CPU_ENTRY(pointwise_weights)
SN_CPU_ENTRY(depthwise_forward)
SN_CPU_ENTRY(depthwise_data)
SN_CPU_ENTRY(depthwise_weights)
SN_CPU_ENTRY(narrow_forward)
SN_CPU_ENTRY(narrow_data)
SN_CPU_ENTRY(narrow_weights)
SN_CPU_ENTRY(dense_forward)
SN_CPU_ENTRY(dense_data)
SN_CPU_ENTRY(dense_weights)
SN_CPU_ENTRY(pool_forward)
SN_CPU_ENTRY(pool_backward)
SN_CPU_ENTRY(sum_forward)
SN_CPU_ENTRY(sum_backward)
SN_CPU_ENTRY(gate_backward)
SN_CPU_ENTRY(scale_forward)
SN_CPU_ENTRY(scale_backward)
SN_CPU_ENTRY(scale_backward_gain)
SN_CPU_ENTRY(mean_forward)
SN_CPU_ENTRY(mean_backward)
SN_CPU_ENTRY(place_forward)
SN_CPU_ENTRY(place_backward)
SN_CPU_ENTRY(transform_forward)
SN_CPU_ENTRY(transform_backward)
SN_CPU_ENTRY(fill)
SN_CPU_ENTRY(squares)
SN_CPU_ENTRY(sgd)
SN_CPU_ENTRY(adam)

#endif
