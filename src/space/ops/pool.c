// pool: max or average pooling over the pixels inside the image, BN; a 1x1 convolution with BN first where the channels change.
#include "space/ops.h"

enum { KIND, KERNEL };
static const char *const kinds[] = {"max", "avg", NULL};

static int build(sn_builder *b, int in, const char *name, const sn_op_args *a) {
    if (in < 0) return -1;
    char part[512];
    int x = in;
    if (sn_build_node(b, in)->c != a->out) {
        snprintf(part, sizeof part, "%s.project", name);
        x = sn_build_conv_bn_act(b, x, part, a->out, 1, 1, 1, SN_LINEAR_ACT);
    }
    snprintf(part, sizeof part, "%s.pool", name);
    x = sn_build_pool(b, x, part, a->attr[KIND], a->attr[KERNEL], a->stride);
    snprintf(part, sizeof part, "%s.pool_bn", name);
    return sn_build_bn(b, x, part);
}

const sn_op sn_op_pool = {"pool",
                          "pooling and batch normalisation; a 1x1 convolution first where the channels change",
                          true,
                          {[KIND] = {"kind", "largest or average value", SN_ATTR_WORD, 0, 0, 0, kinds},
                           [KERNEL] = {"kernel", "side of the window", SN_ATTR_ODD, 1, 11, 3, NULL}},
                          build};
