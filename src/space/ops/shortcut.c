// shortcut: the mean over stride x stride pixels, then a 1x1 convolution without BN (He et al., CVPR 2019, ResNet-D).
#include "space/ops.h"

static int build(sn_builder *b, const int *in, const char *name, const sn_op_args *a) {
    int x = *in;
    if (a->stride > 1) x = sn_build_pool(b, x, sn_build_name(b, "%s.pool", name), SN_AVERAGE_POOL, a->stride, a->stride);
    return sn_build_conv(b, x, name, a->out, 1, 1, 1, 1);
}

const sn_op sn_op_shortcut = {
    "shortcut", "mean over stride x stride pixels, then a 1x1 convolution without batch normalisation", 1, true, {{0}}, build};
