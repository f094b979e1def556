// Passes with batch statistics, one per calibration batch; see recalibrate.h.
#include "supernet/engine/recalibrate.h"

#include <stdlib.h>

// ---------------------------------------------------------------- calibration batches
sn_status sn_calibration_check(long images, int batch) {
    return images < 2 || batch < 2
               ? sn_error(SN_USAGE, "recalibration on %ld images in batches of %d; at least 2 are needed", images, batch)
               : SN_OK;
}

sn_batches sn_calibration_batches(long images, int batch) {
    return (sn_batches){images, batch, true};
}

// The image that joins a last batch is read by itself.
sn_status sn_batches_read(const sn_batches *b, int i, const sn_source *source, size_t image, float *images, int32_t *labels) {
    long first = sn_batches_first(b, i), n = sn_batches_size(b, i), most = n < b->batch ? n : b->batch;
    SN_TRY(source->read(source->arg, first, most, images, labels));
    if (n == most) return SN_OK;
    return source->read(source->arg, first + most, n - most, images + (size_t)most * image, labels ? labels + most : NULL);
}

// ---------------------------------------------------------------- one arch
static sn_status pass_batches(sn_supernet *net, const sn_arch *a, const sn_source *source, const sn_batches *b, size_t image,
                              float *images) {
    const sn_graph *g = net->graph;
    sn_status s = SN_OK;
    for (int i = 0; i < sn_batches_count(b) && s == SN_OK; i++) {
        sn_pass pass = {.arch = a,
                        .batch = sn_batches_size(b, i),
                        .bn = SN_BN_BATCH,
                        .momentum = sn_batches_momentum(b, i),
                        .loss_scale = 1,
                        .target = g->logits};
        pass.reserved = sn_value_elements(pass.batch, g->node[g->logits].c);
        s = sn_batches_read(b, i, source, image, images, NULL);
        if (s == SN_OK) s = sn_supernet_pass(net, &pass, images, NULL, NULL);
    }
    return s;
}

sn_status sn_recalibrate(sn_supernet *net, const sn_arch *a, const sn_source *source, int batch) {
    const sn_node *input = &net->graph->node[net->graph->input];
    size_t image = (size_t)input->h * (size_t)input->w * (size_t)input->c;
    SN_TRY(sn_calibration_check(source->count, batch));
    sn_batches b = sn_calibration_batches(source->count, batch);
    float *images = sn_new((size_t)sn_batches_largest(&b), image * sizeof *images);
    void *kept = images ? sn_statistics_keep(net) : NULL;
    sn_status s = kept ? pass_batches(net, a, source, &b, image, images) : SN_RESOURCE;
    if (s != SN_OK)
        sn_statistics_restore(net, kept);
    else
        free(kept);
    free(images);
    return s;
}
