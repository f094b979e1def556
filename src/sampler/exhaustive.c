// exhaustive: every architecture of the space.
#include "sampler/method.h"

static sn_status ask(const sn_question *q, sn_arch **archs, long *n) {
    char text[SN_SIZE_TEXT];
    double size = sn_space_size(q->space, text, sizeof text);
    if (size > (double)q->most)
        return sn_error(SN_USAGE, "the space has %s archs, more than %ld: rank a sample (--sample N) or a list (--archs FILE)",
                        text, q->most);
    sn_arch *list = sn_new((size_t)size, sizeof *list);
    if (!list) return SN_RESOURCE;
    long count = 0;
    sn_arch a = sn_arch_first(q->space);
    do list[count++] = a;
    while (sn_arch_next(q->space, &a));
    *archs = list;
    *n = count;
    return SN_OK;
}

const sn_method sn_method_exhaustive = {.kind = SN_STRATEGY, .name = "exhaustive", .doc = "every architecture", .ask = ask};
