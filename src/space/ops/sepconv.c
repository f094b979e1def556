// sepconv: depthwise separable convolution (Howard et al. 2017, MobileNet): depthwise, BN, activation, 1x1, BN, activation.
#include "space/ops.h"

enum { KERNEL, ACTIVATION, RESIDUAL };

static int build(sn_builder *b, int in, const char *name, const sn_op_args *a) {
    if (in < 0) return -1;
    char part[512];
    int from = sn_build_node(b, in)->c;
    snprintf(part, sizeof part, "%s.dw", name);
    int x = sn_build_conv_bn_act(b, in, part, from, a->attr[KERNEL], a->stride, from, a->attr[ACTIVATION]);
    snprintf(part, sizeof part, "%s.pw", name);
    x = sn_build_conv_bn_act(b, x, part, a->out, 1, 1, 1, a->attr[ACTIVATION]);
    if (!a->attr[RESIDUAL] || from != a->out || a->stride != 1) return x;
    snprintf(part, sizeof part, "%s.sum", name);
    return sn_build_sum(b, in, x, part);
}

const sn_op sn_op_sepconv = {"sepconv",
                             "depthwise separable convolution: depthwise, then 1x1",
                             true,
                             {[KERNEL] = {"kernel", "side of the depthwise kernel", SN_ATTR_ODD, 1, 11, 3, NULL},
                              [ACTIVATION] = {"activation", "after both normalisations", SN_ATTR_WORD, 0, 0, 1, sn_act_words},
                              [RESIDUAL] = {"residual", "add the input where shapes match", SN_ATTR_BOOL, 0, 1, 0, NULL}},
                             build};
