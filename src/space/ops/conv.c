// conv: a convolution, its BN and activation.
#include "space/ops.h"

enum { KERNEL, DILATION, GROUPS, ACTIVATION };

static int build(sn_builder *b, const int *in, const char *name, const sn_op_args *a) {
    return sn_build_conv_bn_act(b, *in, name, a->out, a->attr[KERNEL], a->stride, a->attr[DILATION], a->attr[GROUPS],
                                a->attr[ACTIVATION]);
}

const sn_op sn_op_conv = {"conv",
                          "convolution, batch normalisation, activation",
                          1,
                          true,
                          {[KERNEL] = {"kernel", "side of the square kernel", SN_ATTR_ODD, 1, 11, 3, NULL, true},
                           [DILATION] = {"dilation", "distance between taps, pixels", SN_ATTR_INT, 1, 8, 1, NULL, false},
                           [GROUPS] = {"groups", "groups of channels", SN_ATTR_INT, 1, 4096, 1, NULL, false},
                           [ACTIVATION] = {"activation", "after the normalisation", SN_ATTR_WORD, 0, 0, 1, sn_act_words, false}},
                          build};
