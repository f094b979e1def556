// shuffle: block of ShuffleNet v2 (Ma et al., ECCV 2018) as in Single Path One-Shot (Guo et al., ECCV 2020). Where the shape
// stays, every other channel passes by and the others go through the main branch; else both branches read all channels, after a
// 1x1 convolution to half of the wanted where these are no more, and the one beside is a depthwise and a 1x1 convolution. Side by
// side they are the value; the split of the next block mixes them. Main branch: 1x1, depthwise, 1x1; or of an Xception, three
// times depthwise and 1x1. No activation behind a depthwise convolution.
#include "space/ops.h"

enum { KERNEL, XCEPTION, ACTIVATION };

static int depthwise(sn_builder *b, int x, const char *name, const char *what, int kernel, int stride) {
    if (x < 0) return -1;
    int c = sn_build_node(b, x)->c;
    return sn_build_conv_bn_act(b, x, sn_build_name(b, "%s.%s", name, what), c, kernel, stride, 1, c, SN_LINEAR_ACT);
}

static int pointwise(sn_builder *b, int x, const char *name, const char *what, int out, const sn_op_args *a) {
    return sn_build_conv_bn_act(b, x, sn_build_name(b, "%s.%s", name, what), out, 1, 1, 1, 1, a->attr[ACTIVATION]);
}

static int build(sn_builder *b, const int *in, const char *name, const sn_op_args *a) {
    int from = sn_build_node(b, *in)->c, kernel = a->attr[KERNEL], middle = a->out / 2, x = *in, beside;
    if (!middle) {
        sn_error(SN_CONFIG, "'%s': shuffle to 1 channel; allowed are 2 or more", name);
        return -1;
    }
    if (a->stride == 1 && from == a->out && from % 2 == 0) { // even channels, odd channels
        beside = sn_build_part(b, x, sn_build_name(b, "%s.beside", name), 0, middle, middle, 1, 0);
        x = sn_build_part(b, x, sn_build_name(b, "%s.split", name), middle, middle, middle, 1, 0);
        from = middle;
    } else {
        if (from >= a->out)
            x = sn_build_conv_bn_act(b, x, sn_build_name(b, "%s.project", name), from = middle, 1, 1, 1, 1, SN_LINEAR_ACT);
        beside = depthwise(b, x, name, "beside_dw", kernel, a->stride);
        beside = pointwise(b, beside, name, "beside_pw", from, a);
    }
    if (!a->attr[XCEPTION]) x = pointwise(b, x, name, "expand", middle, a);
    x = depthwise(b, x, name, "dw", kernel, a->stride);
    for (int i = 2; a->attr[XCEPTION] && i <= 3; i++) {
        x = pointwise(b, x, name, i == 2 ? "pw1" : "pw2", middle, a);
        x = depthwise(b, x, name, i == 2 ? "dw2" : "dw3", kernel, 1);
    }
    x = pointwise(b, x, name, "pw", a->out - from, a);
    return sn_build_concat(b, (int[]){beside, x}, 2, sn_build_name(b, "%s.both", name));
}

const sn_op sn_op_shuffle = {
    "shuffle",
    "block of ShuffleNet v2: every other channel passes by the convolutions",
    1,
    true,
    {[KERNEL] = {"kernel", "side of the depthwise kernels", SN_ATTR_ODD, 1, 11, 3, NULL, true},
     [XCEPTION] = {"xception", "three depthwise convolutions in place of one", SN_ATTR_BOOL, 0, 1, 0, NULL, false},
     [ACTIVATION] = {"activation", "after the 1x1 convolutions", SN_ATTR_WORD, 0, 0, 1, sn_act_words, false}},
    build};
