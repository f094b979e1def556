// From a run to an exported file; see exportrun.h.
#include "supernet/export/exportrun.h"
#include "supernet/engine/recalibrate.h"

#include <stdlib.h>

// Recalibrates where the arch shares its weights, and says in words where the statistics come from (new memory).
static sn_status statistics(sn_run *r, const sn_arch *a, const sn_source *calibration, char **words) {
    if (r->config->space.arch[0]) { // trained alone
        *words = sn_strdup("running averages of training");
        return *words ? SN_OK : SN_RESOURCE;
    }
    int batch = r->config->rank.calibrate_batch;
    *words = sn_format("recalibrated on %ld training images in batches of %d", calibration->count, batch);
    return *words ? sn_recalibrate(r->net, a, calibration, batch) : SN_RESOURCE;
}

static sn_status write_file(sn_run *r, const sn_arch *a, const char *path, const sn_export_options *o, const sn_source *images,
                            const char *words, sn_export_result *out) {
    char text[SN_ARCH_TEXT];
    int n = sn_dataset_classes(r->data);
    const char **classes = sn_new((size_t)n, sizeof *classes);
    double *deviation = sn_new((size_t)r->space->channels, sizeof *deviation);
    if (!classes || !deviation) {
        free(classes);
        free(deviation);
        return SN_RESOURCE;
    }
    for (int i = 0; i < n; i++) classes[i] = sn_dataset_class_name(r->data, i);
    for (int c = 0; c < r->space->channels; c++) {
        double d = sn_dataset_std(r->data)[c];
        deviation[c] = d > 0 ? d : 1; // as io/data/augment.h divides
    }
    sn_export_about about = {.arch = sn_arch_text(r->space, a, text),
                             .mean = sn_dataset_mean(r->data),
                             .std = deviation,
                             .classes = classes,
                             .statistics = words,
                             .scores = o->scores,
                             .n_scores = o->n_scores};
    sn_status s = o->format == SN_FORMAT_ONNX ? sn_export_onnx(r->net, a, &about, o->fold, images, path, out)
                                              : sn_export_safetensors(r->net, a, &about, path, out);
    free(classes);
    free(deviation);
    return s;
}

sn_status sn_export_arch(sn_run *r, const sn_arch *a, const char *path, const sn_export_options *o, sn_export_result *out) {
    sn_view_of_split view;
    sn_source images;
    char *words = NULL;
    int most = r->config->rank.calibrate_batch > SN_EXPORT_IMAGES ? r->config->rank.calibrate_batch : SN_EXPORT_IMAGES;
    SN_TRY(sn_run_source(r, SN_TRAIN, r->config->rank.calibrate, most, &view, &images));
    void *kept = sn_statistics_keep(r->net);
    sn_status s = kept ? statistics(r, a, &images, &words) : SN_RESOURCE;
    if (s == SN_OK) s = write_file(r, a, path, o, &images, words, out);
    sn_statistics_restore(r->net, kept);
    free(words);
    sn_run_source_free(&view);
    return s;
}
