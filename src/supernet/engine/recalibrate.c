// Passes with batch statistics and momentum 1/k, one per calibration batch; see recalibrate.h.
#include "supernet/engine/recalibrate.h"

#include <stdlib.h>
#include <string.h>

static sn_status pass_batch(sn_supernet *net, const sn_pass *pass, sn_plan *plan, const float *images) {
    const sn_node *input = &net->graph->node[net->graph->input];
    SN_TRY(sn_plan_make(net->graph, net->backend, pass, plan));
    SN_TRY(sn_supernet_reserve(net, plan));
    sn_supernet_put_images(net, plan, images, (int64_t)pass->batch * input->h * input->w * input->c);
    sn_supernet_run(net, plan, NULL);
    return SN_OK;
}

sn_status sn_recalibrate(sn_supernet *net, const sn_arch *a, const sn_source *source, int batch) {
    const sn_graph *g = net->graph;
    const sn_node *input = &g->node[g->input];
    if (source->count < 2 || batch < 2)
        return sn_error(SN_USAGE, "recalibration on %ld images in batches of %d; at least 2 are needed", source->count, batch);
    float *images = sn_new((size_t)batch, (size_t)input->h * (size_t)input->w * (size_t)input->c * sizeof *images);
    if (!images) return SN_RESOURCE;
    sn_plan plan = {0};
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
        if (s == SN_OK) s = pass_batch(net, &pass, &plan, images);
    }
    sn_plan_free(&plan);
    free(images);
    return s;
}

static size_t statistics_bytes(const sn_supernet *net) {
    return (size_t)net->graph->params.stats_total * net->real;
}

void *sn_statistics_keep(const sn_supernet *net) {
    void *kept = sn_new(1, statistics_bytes(net));
    if (kept) memcpy(kept, net->bases.stats, statistics_bytes(net));
    return kept;
}

void sn_statistics_restore(sn_supernet *net, void *kept) {
    if (kept) memcpy(net->bases.stats, kept, statistics_bytes(net));
    free(kept);
}
