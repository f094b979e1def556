// pool: max or average pooling over the pixels inside the image, BN if wanted; a 1x1 convolution with BN first where the channels
// change.
#include "space/ops.h"

enum { KIND, KERNEL, BN };
static const char *const kinds[] = {"max", "avg", NULL};

static int build(sn_builder *b, const int *in, const char *name, const sn_op_args *a) {
    int x = *in;
    if (sn_build_node(b, x)->c != a->out)
        x = sn_build_conv_bn_act(b, x, sn_build_name(b, "%s.project", name), a->out, 1, 1, 1, 1, SN_LINEAR_ACT);
    x = sn_build_pool(b, x, sn_build_name(b, "%s.pool", name), a->attr[KIND], a->attr[KERNEL], a->stride);
    return a->attr[BN] ? sn_build_bn(b, x, sn_build_name(b, "%s.pool_bn", name)) : x;
}

const sn_op sn_op_pool = {
    "pool",
    "pooling and batch normalisation; a 1x1 convolution first where the channels change",
    1,
    true,
    {[KIND] = {"kind", "largest or average value, of the pixels inside the image", SN_ATTR_WORD, 0, 0, 0, kinds, false},
     [KERNEL] = {"kernel", "side of the window", SN_ATTR_ODD, 1, 11, 3, NULL, false},
     [BN] = {"bn", "batch normalisation of the result", SN_ATTR_BOOL, 0, 1, 1, NULL, false}},
    build};
