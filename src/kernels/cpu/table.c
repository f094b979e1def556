// The table of fast kernels for one kind of lanes, chosen by SN_LANES_*: for each kernel a list of entries or NULL.
// Not here: the complete list of kernels; what is missing is taken from ref.
// Next: ../backend.c.
#include "kernels/cpu/cpu.h"
#include "kernels/tables.h"

#define ENTRY(id, text)                                                                                                          \
    {                                                                                                                            \
        LANES_NAME " " text, LANES(id##_supports), LANES(id##_tiles), LANES(id##_work), LANES(id##_scratch), LANES(id##_tile),   \
            LANES(id##_finish)                                                                                                   \
    }

static const sn_impl conv_forward[] = {
    ENTRY(pointwise_forward, "conv_forward 1x1"),
    ENTRY(depthwise_forward, "conv_forward depthwise"),
    ENTRY(narrow_forward, "conv_forward narrow groups"),
    ENTRY(dense_forward, "conv_forward dense"),
    {0},
};
static const sn_impl conv_backward_data[] = {
    ENTRY(pointwise_data, "conv_backward_data 1x1"),
    ENTRY(depthwise_data, "conv_backward_data depthwise"),
    ENTRY(narrow_data, "conv_backward_data narrow groups"),
    ENTRY(dense_data, "conv_backward_data dense"),
    {0},
};
static const sn_impl conv_backward_weights[] = {
    ENTRY(pointwise_weights, "conv_backward_weights 1x1"),
    ENTRY(depthwise_weights, "conv_backward_weights depthwise"),
    ENTRY(narrow_weights, "conv_backward_weights narrow groups"),
    ENTRY(dense_weights, "conv_backward_weights dense"),
    {0},
};

#define SINGLE(id) static const sn_impl id[] = {ENTRY(id, #id), {0}};
SINGLE(pool_forward)
SINGLE(pool_backward)
SINGLE(sum_forward)
SINGLE(sum_backward)
SINGLE(gate_backward)
SINGLE(scale_forward)
SINGLE(scale_backward)
SINGLE(scale_backward_gain)
SINGLE(mean_forward)
SINGLE(mean_backward)
SINGLE(place_forward)
SINGLE(place_backward)
SINGLE(transform_forward)
SINGLE(transform_backward)
SINGLE(fill)
SINGLE(squares)
SINGLE(sgd)
SINGLE(adam)

#if defined(SN_LANES_avx512)
#define TABLE sn_table_cpu_avx512
#elif defined(SN_LANES_avx2)
#define TABLE sn_table_cpu_avx2
#else
#define TABLE sn_table_cpu_plain
#endif
const sn_table TABLE = {{
    [SN_CONV_FORWARD] = conv_forward,
    [SN_CONV_BACKWARD_DATA] = conv_backward_data,
    [SN_CONV_BACKWARD_WEIGHTS] = conv_backward_weights,
    [SN_POOL_FORWARD] = pool_forward,
    [SN_POOL_BACKWARD] = pool_backward,
    [SN_SUM_FORWARD] = sum_forward,
    [SN_SUM_BACKWARD] = sum_backward,
    [SN_GATE_BACKWARD] = gate_backward,
    [SN_SCALE_FORWARD] = scale_forward,
    [SN_SCALE_BACKWARD] = scale_backward,
    [SN_SCALE_BACKWARD_GAIN] = scale_backward_gain,
    [SN_MEAN_FORWARD] = mean_forward,
    [SN_MEAN_BACKWARD] = mean_backward,
    [SN_PLACE_FORWARD] = place_forward,
    [SN_PLACE_BACKWARD] = place_backward,
    [SN_TRANSFORM_FORWARD] = transform_forward,
    [SN_TRANSFORM_BACKWARD] = transform_backward,
    [SN_FILL] = fill,
    [SN_SQUARES] = squares,
    [SN_SGD] = sgd,
    [SN_ADAM] = adam,
}};
