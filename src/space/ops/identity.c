// identity: the input itself (an alias); where the shape changes, a 1x1 convolution with BN.
#include "space/ops.h"

static int build(sn_builder *b, const int *in, const char *name, const sn_op_args *a) {
    if (sn_build_node(b, *in)->c == a->out && a->stride == 1) return *in;
    return sn_build_conv_bn_act(b, *in, sn_build_name(b, "%s.project", name), a->out, 1, a->stride, 1, 1, SN_LINEAR_ACT);
}

const sn_op sn_op_identity = {
    "identity", "the input itself; a 1x1 convolution with batch normalisation where the shape changes", 1, true, {{0}}, build};
