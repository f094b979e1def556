// random: different architectures, every set of so many equally likely; within limits fewer if there are not so many.
#include "sampler/method.h"
#include "space/within.h"

#include <stdlib.h>

static sn_status ask(const sn_question *q, sn_arch **archs, long *n) {
    char text[SN_SIZE_TEXT];
    double size = sn_space_size(q->space, text, sizeof text);
    if (!q->graph && (double)q->sample > size)
        return sn_error(SN_USAGE, "%ld archs are wanted; the space has %s", q->sample, text);
    sn_arch *list = sn_new((size_t)q->sample, sizeof *list);
    sn_rng rng = sn_rng_at(q->seed, SN_STREAM_ARCHS, 2, 0, 0);
    sn_status s = list ? SN_OK : SN_RESOURCE;
    *n = q->sample;
    if (s == SN_OK && q->graph) s = sn_arch_sample_within(q->graph, q->space, &rng, q->limit, q->sample, list, n);
    if (s == SN_OK && !q->graph) s = sn_arch_sample(q->space, &rng, q->sample, list);
    if (s == SN_OK)
        *archs = list;
    else
        free(list);
    return s;
}

const sn_method sn_method_random = {.kind = SN_STRATEGY, .name = "random", .doc = "rank.sample at random", .ask = ask};
