// conv: a convolution, its BN and activation.
#include "space/ops.h"

enum { KERNEL, DILATION, GROUPS, ACTIVATION };

static int build(sn_builder *b, int in, const char *name, const sn_op_args *a) {
    char bn[512], act[512];
    snprintf(bn, sizeof bn, "%s_bn", name);
    snprintf(act, sizeof act, "%s_act", name);
    int x = sn_build_conv(b, in, name, a->out, a->attr[KERNEL], a->stride, a->attr[DILATION], a->attr[GROUPS]);
    return sn_build_act(b, sn_build_bn(b, x, bn), act, a->attr[ACTIVATION]);
}

const sn_op sn_op_conv = {"conv",
                          "convolution, batch normalisation, activation",
                          true,
                          {[KERNEL] = {"kernel", "side of the square kernel", SN_ATTR_ODD, 1, 11, 3, NULL},
                           [DILATION] = {"dilation", "distance between taps, pixels", SN_ATTR_INT, 1, 8, 1, NULL},
                           [GROUPS] = {"groups", "groups of channels", SN_ATTR_INT, 1, 4096, 1, NULL},
                           [ACTIVATION] = {"activation", "after the normalisation", SN_ATTR_WORD, 0, 0, 1, sn_act_words}},
                          build};
