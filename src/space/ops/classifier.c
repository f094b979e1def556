// classifier: mean over the pixels, linear layer to the classes; between them another layer where `hidden` is not 0, as at the
// end of MobileNetV3 (Howard et al., ICCV 2019). The last entry of every network.
#include "space/ops.h"

enum { HIDDEN, ACTIVATION, BIAS };

static int build(sn_builder *b, const int *in, const char *name, const sn_op_args *a) {
    int x = sn_build_mean(b, *in, sn_build_name(b, "%s.mean", name));
    if (a->attr[HIDDEN]) {
        x = sn_build_conv(b, x, sn_build_name(b, "%s.hidden", name), a->attr[HIDDEN], 1, 1, 1, 1);
        x = sn_build_act(b, x, sn_build_name(b, "%s.hidden_act", name), a->attr[ACTIVATION]);
    }
    return sn_build_linear(b, x, name, a->out, a->attr[BIAS]);
}

const sn_op sn_op_classifier = {"classifier",
                                "mean over the pixels, linear layer to the classes",
                                1,
                                false,
                                {[HIDDEN] = {"hidden", "channels of a layer without bias before the last one; 0: none",
                                             SN_ATTR_INT, 0, 16384, 0, NULL, false},
                                 [ACTIVATION] = {"activation", "of the hidden layer", SN_ATTR_WORD, 0, 0, 1, sn_act_words, false},
                                 [BIAS] = {"bias", "a bias per class", SN_ATTR_BOOL, 0, 1, 1, NULL, false}},
                                build};
