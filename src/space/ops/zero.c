// zero: nothing, an alias: sums leave it out, and what reads nothing is nothing too (graph.h).
#include "space/ops.h"

static int build(sn_builder *b, const int *in, const char *name, const sn_op_args *a) {
    return sn_build_zero(b, *in, name, a->out, a->stride);
}

const sn_op sn_op_zero = {"zero", "nothing: sums leave it out, and what reads nothing is nothing", 1, true, {{0}}, build};
