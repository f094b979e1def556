// classifier: mean over the pixels, linear layer to the classes. The last entry of every network.
#include "space/ops.h"

static int build(sn_builder *b, const int *in, const char *name, const sn_op_args *a) {
    return sn_build_linear(b, sn_build_mean(b, *in, sn_build_name(b, "%s.mean", name)), name, a->out);
}

const sn_op sn_op_classifier = {"classifier", "mean over the pixels, linear layer to the classes", 1, false, {{0}}, build};
