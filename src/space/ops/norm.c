// norm: BN and activation of the input; a 1x1 convolution with BN first where the shape changes.
#include "space/ops.h"

enum { ACTIVATION };

static int build(sn_builder *b, const int *in, const char *name, const sn_op_args *a) {
    int x = *in;
    if (sn_build_node(b, x)->c != a->out || a->stride > 1)
        x = sn_build_conv_bn_act(b, x, sn_build_name(b, "%s.project", name), a->out, 1, a->stride, 1, 1, SN_LINEAR_ACT);
    x = sn_build_bn(b, x, sn_build_name(b, "%s.bn", name));
    return sn_build_act(b, x, sn_build_name(b, "%s.act", name), a->attr[ACTIVATION]);
}

const sn_op sn_op_norm = {"norm",
                          "batch normalisation and activation; a 1x1 convolution first where the shape changes",
                          1,
                          true,
                          {[ACTIVATION] = {"activation", "after the normalisation", SN_ATTR_WORD, 0, 0, 1, sn_act_words, false}},
                          build};
