// mbconv: inverted residual block of MobileNetV2 (Sandler et al., CVPR 2018): expand 1x1, depthwise, project 1x1, each with BN;
// the sum with the input where shapes match. expand: 1 leaves the first convolution out. With `se` the depthwise convolution's
// value is scaled per channel by what squeeze-excite makes of its mean (Hu et al., CVPR 2018), as in MobileNetV3 (Howard et al.,
// ICCV 2019).
#include "space/ops.h"

enum { EXPAND, KERNEL, ACTIVATION, RESIDUAL, SE };

// The nearest multiple of 8 that is not below 0.9 times n: what widths of these nets are rounded to.
static int round_width(int n) {
    int rounded = n < 4 ? 8 : (n + 4) / 8 * 8;
    return 10 * rounded < 9 * n ? rounded + 8 : rounded;
}

static int squeeze_excite(sn_builder *b, int in, const char *name, int reduction) {
    int c = sn_build_node(b, in)->c, x = sn_build_mean(b, in, sn_build_name(b, "%s.mean", name));
    x = sn_build_conv_bias_act(b, x, sn_build_name(b, "%s.reduce", name), round_width(c / reduction), 1, 1, SN_RELU_ACT);
    x = sn_build_conv_bias_act(b, x, sn_build_name(b, "%s.expand", name), c, 1, 1, SN_H_SIGMOID_ACT);
    return sn_build_scale(b, in, x, sn_build_name(b, "%s.scale", name));
}

static int build(sn_builder *b, const int *in, const char *name, const sn_op_args *a) {
    int from = sn_build_node(b, *in)->c, hidden = from * a->attr[EXPAND], act = a->attr[ACTIVATION], x = *in;
    if (hidden != from) x = sn_build_conv_bn_act(b, x, sn_build_name(b, "%s.expand", name), hidden, 1, 1, 1, 1, act);
    x = sn_build_conv_bn_act(b, x, sn_build_name(b, "%s.dw", name), hidden, a->attr[KERNEL], a->stride, 1, hidden, act);
    if (a->attr[SE] && x >= 0) x = squeeze_excite(b, x, sn_build_name(b, "%s.se", name), a->attr[SE]);
    x = sn_build_conv_bn_act(b, x, sn_build_name(b, "%s.project", name), a->out, 1, 1, 1, 1, SN_LINEAR_ACT);
    if (!a->attr[RESIDUAL] || from != a->out || a->stride != 1) return x;
    return sn_build_sum(b, (int[]){*in, x}, 2, sn_build_name(b, "%s.sum", name));
}

const sn_op sn_op_mbconv = {
    "mbconv",
    "inverted residual block: expand 1x1, depthwise, project 1x1",
    1,
    true,
    {[EXPAND] = {"expand", "hidden channels as a multiple of the input's", SN_ATTR_INT, 1, 32, 6, NULL, true},
     [KERNEL] = {"kernel", "side of the depthwise kernel", SN_ATTR_ODD, 1, 11, 3, NULL, true},
     [ACTIVATION] = {"activation", "after the first two normalisations", SN_ATTR_WORD, 0, 0, 1, sn_act_words, false},
     [RESIDUAL] = {"residual", "add the input where shapes match", SN_ATTR_BOOL, 0, 1, 1, NULL, false},
     [SE] = {"se", "squeeze-excite behind the depthwise convolution with so many times fewer channels, in eights; 0: none",
             SN_ATTR_INT, 0, 64, 0, NULL, false}},
    build};
