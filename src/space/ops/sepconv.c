// sepconv: depthwise separable convolution (Howard et al. 2017, MobileNet): depthwise, BN, activation, 1x1, BN, activation.
#include "space/ops.h"

enum { KERNEL, ACTIVATION, RESIDUAL };

static int build(sn_builder *b, const int *in, const char *name, const sn_op_args *a) {
    int from = sn_build_node(b, *in)->c, act = a->attr[ACTIVATION];
    int x = sn_build_conv_bn_act(b, *in, sn_build_name(b, "%s.dw", name), from, a->attr[KERNEL], a->stride, 1, from, act);
    x = sn_build_conv_bn_act(b, x, sn_build_name(b, "%s.pw", name), a->out, 1, 1, 1, 1, act);
    if (!a->attr[RESIDUAL] || from != a->out || a->stride != 1) return x;
    return sn_build_sum(b, (int[]){*in, x}, 2, sn_build_name(b, "%s.sum", name));
}

const sn_op sn_op_sepconv = {
    "sepconv",
    "depthwise separable convolution: depthwise, then 1x1",
    1,
    true,
    {[KERNEL] = {"kernel", "side of the depthwise kernel", SN_ATTR_ODD, 1, 11, 3, NULL, true},
     [ACTIVATION] = {"activation", "after both normalisations", SN_ATTR_WORD, 0, 0, 1, sn_act_words, false},
     [RESIDUAL] = {"residual", "add the input where shapes match", SN_ATTR_BOOL, 0, 1, 0, NULL, false}},
    build};
