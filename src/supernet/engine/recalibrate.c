// Passes with batch statistics and momentum 1/k, one per calibration batch; see recalibrate.h.
#include "supernet/engine/recalibrate.h"

#include <stdlib.h>

sn_status sn_recalibrate(sn_supernet *net, const sn_arch *a, const sn_source *source, int batch) {
    const sn_graph *g = net->graph;
    const sn_node *input = &g->node[g->input];
    if (source->count < 2 || batch < 2)
        return sn_error(SN_USAGE, "recalibration on %ld images in batches of %d; at least 2 are needed", source->count, batch);
    float *images = sn_new((size_t)batch, (size_t)input->h * (size_t)input->w * (size_t)input->c * sizeof *images);
    if (!images) return SN_RESOURCE;
    sn_status s = SN_OK;
    int k = 0;
    for (long first = 0; first < source->count && s == SN_OK; first += batch) {
        long left = source->count - first;
        sn_pass pass = {.arch = a,
                        .batch = left < batch ? (int)left : batch,
                        .bn = SN_BN_BATCH,
                        .momentum = 1.0 / ++k, // the cumulative mean
                        .loss_scale = 1,
                        .target = g->logits};
        pass.reserved = sn_value_elements(pass.batch, g->node[g->logits].c);
        s = source->read(source->arg, first, pass.batch, images, NULL);
        if (s == SN_OK) s = sn_supernet_pass(net, &pass, images, NULL, NULL);
    }
    free(images);
    return s;
}
