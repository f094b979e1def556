// identity: the input itself (an alias); where the shape changes, a 1x1 convolution with BN.
#include "space/ops.h"

static int build(sn_builder *b, int in, const char *name, const sn_op_args *a) {
    if (in < 0) return -1;
    if (sn_build_node(b, in)->c == a->out && a->stride == 1) return in;
    char part[512];
    snprintf(part, sizeof part, "%s.project", name);
    return sn_build_conv_bn_act(b, in, part, a->out, 1, a->stride, 1, SN_LINEAR_ACT);
}

const sn_op sn_op_identity = {
    "identity", "the input itself; a 1x1 convolution with batch normalisation where the shape changes", true, {{0}}, build};
