// mbconv: inverted residual block of MobileNetV2 (Sandler et al., CVPR 2018): expand 1x1, depthwise, project 1x1, each with BN;
// the sum with the input where shapes match. expand: 1 leaves the first convolution out.
#include "space/ops.h"

enum { EXPAND, KERNEL, ACTIVATION, RESIDUAL };

static int build(sn_builder *b, const int *in, const char *name, const sn_op_args *a) {
    int from = sn_build_node(b, *in)->c, hidden = from * a->attr[EXPAND], act = a->attr[ACTIVATION], x = *in;
    if (hidden != from) x = sn_build_conv_bn_act(b, x, sn_build_name(b, "%s.expand", name), hidden, 1, 1, 1, 1, act);
    x = sn_build_conv_bn_act(b, x, sn_build_name(b, "%s.dw", name), hidden, a->attr[KERNEL], a->stride, 1, hidden, act);
    x = sn_build_conv_bn_act(b, x, sn_build_name(b, "%s.project", name), a->out, 1, 1, 1, 1, SN_LINEAR_ACT);
    if (!a->attr[RESIDUAL] || from != a->out || a->stride != 1) return x;
    return sn_build_sum(b, (int[]){*in, x}, 2, sn_build_name(b, "%s.sum", name));
}

const sn_op sn_op_mbconv = {
    "mbconv",
    "inverted residual block: expand 1x1, depthwise, project 1x1",
    1,
    true,
    {[EXPAND] = {"expand", "hidden channels as a multiple of the input's", SN_ATTR_INT, 1, 32, 6, NULL},
     [KERNEL] = {"kernel", "side of the depthwise kernel", SN_ATTR_ODD, 1, 11, 3, NULL},
     [ACTIVATION] = {"activation", "after the first two normalisations", SN_ATTR_WORD, 0, 0, 1, sn_act_words},
     [RESIDUAL] = {"residual", "add the input where shapes match", SN_ATTR_BOOL, 0, 1, 1, NULL}},
    build};
