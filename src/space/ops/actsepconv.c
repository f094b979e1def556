// actsepconv: activation, depthwise convolution, 1x1 convolution, BN, so many times; the first has the stride. "sep_conv" (twice)
// and "dil_conv" (once, dilated) of DARTS (Liu et al., ICLR 2019).
#include "space/ops.h"

enum { KERNEL, DILATION, TIMES, ACTIVATION };

static int build(sn_builder *b, const int *in, const char *name, const sn_op_args *a) {
    int x = *in, c = sn_build_node(b, x)->c;
    for (int i = 1; i <= a->attr[TIMES] && x >= 0; i++) {
        int out = i == a->attr[TIMES] ? a->out : c;
        x = sn_build_act(b, x, sn_build_name(b, "%s.%d_act", name, i), a->attr[ACTIVATION]);
        x = sn_build_conv(b, x, sn_build_name(b, "%s.%d.dw", name, i), c, a->attr[KERNEL], i == 1 ? a->stride : 1,
                          a->attr[DILATION], c);
        x = sn_build_conv_bn_act(b, x, sn_build_name(b, "%s.%d", name, i), out, 1, 1, 1, 1, SN_LINEAR_ACT);
    }
    return x;
}

const sn_op sn_op_actsepconv = {"actsepconv",
                                "activation, depthwise convolution, 1x1 convolution, batch normalisation, so many times",
                                1,
                                true,
                                {[KERNEL] = {"kernel", "side of the depthwise kernel", SN_ATTR_ODD, 1, 11, 3, NULL, true},
                                 [DILATION] = {"dilation", "distance between taps, pixels", SN_ATTR_INT, 1, 8, 1, NULL, false},
                                 [TIMES] = {"times", "how often", SN_ATTR_INT, 1, 4, 1, NULL, false},
                                 [ACTIVATION] = {"activation", "of what each reads", SN_ATTR_WORD, 0, 0, 1, sn_act_words, false}},
                                build};
