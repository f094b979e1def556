// factorized_reduce: activation, two 1x1 convolutions that each give half of the channels, the second from the pixels diagonally
// beside those of the first, side by side, BN ("factorized reduction": Zoph et al., CVPR 2018; DARTS). Where the size stays it is
// the input itself, or with keep: false one convolution.
#include "space/ops.h"

enum { KEEP, ACTIVATION };

static int build(sn_builder *b, const int *in, const char *name, const sn_op_args *a) {
    bool same = a->stride == 1 && sn_build_node(b, *in)->c == a->out;
    if (a->attr[KEEP] && same) return *in;
    int x = sn_build_act(b, *in, sn_build_name(b, "%s_act", name), a->attr[ACTIVATION]), half = a->out / 2;
    if (a->stride == 1 || !half) return sn_build_conv_bn_act(b, x, name, a->out, 1, a->stride, 1, 1, SN_LINEAR_ACT);
    int all = sn_build_node(b, x)->c;
    int beside = sn_build_part(b, x, sn_build_name(b, "%s.beside", name), 0, all, 1, a->stride, a->stride / 2);
    int y[2] = {sn_build_conv(b, x, sn_build_name(b, "%s.1", name), a->out - half, 1, a->stride, 1, 1),
                sn_build_conv(b, beside, sn_build_name(b, "%s.2", name), half, 1, 1, 1, 1)};
    return sn_build_bn(b, sn_build_concat(b, y, 2, sn_build_name(b, "%s.both", name)), sn_build_name(b, "%s_bn", name));
}

const sn_op sn_op_factorized_reduce = {
    "factorized_reduce",
    "activation, two 1x1 convolutions of every other pixel side by side, batch normalisation; the input itself where the shape "
    "stays",
    1,
    true,
    {[KEEP] = {"keep", "the input itself where the shape stays; else a convolution there too", SN_ATTR_BOOL, 0, 1, 1, NULL,
               false},
     [ACTIVATION] = {"activation", "of the input", SN_ATTR_WORD, 0, 0, 1, sn_act_words, false}},
    build};
