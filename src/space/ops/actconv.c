// actconv: activation, convolution, BN, in this order (He et al., ECCV 2016); "nor_conv" of NAS-Bench-201.
#include "space/ops.h"

enum { KERNEL, DILATION, GROUPS, ACTIVATION };

static int build(sn_builder *b, const int *in, const char *name, const sn_op_args *a) {
    int x = sn_build_act(b, *in, sn_build_name(b, "%s_act", name), a->attr[ACTIVATION]);
    return sn_build_conv_bn_act(b, x, name, a->out, a->attr[KERNEL], a->stride, a->attr[DILATION], a->attr[GROUPS],
                                SN_LINEAR_ACT);
}

const sn_op sn_op_actconv = {"actconv",
                             "activation, convolution, batch normalisation",
                             1,
                             true,
                             {[KERNEL] = {"kernel", "side of the square kernel", SN_ATTR_ODD, 1, 11, 3, NULL, true},
                              [DILATION] = {"dilation", "distance between taps, pixels", SN_ATTR_INT, 1, 8, 1, NULL, false},
                              [GROUPS] = {"groups", "groups of channels", SN_ATTR_INT, 1, 4096, 1, NULL, false},
                              [ACTIVATION] = {"activation", "of the input", SN_ATTR_WORD, 0, 0, 1, sn_act_words, false}},
                             build};
