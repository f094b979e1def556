// list: the architectures of a file that the user names; nothing to ask.
#include "sampler/method.h"

const sn_method sn_method_list = {
    .kind = SN_STRATEGY, .name = "list", .doc = "those of the file rank.archs", .needs = "rank.archs"};
