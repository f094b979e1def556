// classifier: mean over the pixels, linear layer to the classes. The last entry of every network.
#include "space/ops.h"

static int build(sn_builder *b, int in, const char *name, const sn_op_args *a) {
    char part[512];
    snprintf(part, sizeof part, "%s.mean", name);
    return sn_build_linear(b, sn_build_mean(b, in, part), name, a->out);
}

const sn_op sn_op_classifier = {"classifier", "mean over the pixels, linear layer to the classes", false, {{0}}, build};
