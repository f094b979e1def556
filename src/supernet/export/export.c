// From a run, or from a net at hand, to an exported file: metadata gathered, file written, checked and put in place; see
// export.h. Not here: which tensors and nodes (export_net.c), running them (onnxrun.c). Next: export_net.c.
#include "supernet/export/export.h"
#include "io/files/atomic.h"
#include "supernet/engine/recalibrate.h"
#include "supernet/export/export_net.h"
#include "supernet/export/onnxrun.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_CAP ((size_t)INT32_MAX) // ONNX itself allows no more; safetensors of an arch stay far below

// ---------------------------------------------------------------- metadata
// Takes over a JSON list, which should have n items, and writes it as a note.
static sn_status note_list(sn_tensors *t, const char *key, int n, json_t *json) {
    char *text = json_array_size(json) == (size_t)n ? json_dumps(json, JSON_COMPACT) : NULL;
    sn_status s = text ? sn_tensors_note(t, key, text) : sn_error(SN_RESOURCE, "out of memory: the metadata '%s'", key);
    json_decref(json);
    free(text);
    return s;
}

static sn_status note_format(sn_tensors *t, char *key, char *value) { // takes over both
    sn_status s = key && value ? sn_tensors_note(t, key, value) : SN_RESOURCE;
    free(key);
    free(value);
    return s;
}

static json_t *numbers(const double *v, int n) {
    json_t *list = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(list, json_real(v[i]));
    return list;
}

// Names from folders may be no UTF-8: bytes that cannot be written become '?'.
static json_t *text_of(const char *name) {
    json_t *text = json_string(name);
    char *plain = text ? NULL : sn_strdup(name);
    for (char *p = plain; p && *p; p++)
        if ((unsigned char)*p >= 0x80) *p = '?';
    if (plain) text = json_string(plain);
    free(plain);
    return text;
}

static json_t *names(const char *const *v, int n) {
    json_t *list = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(list, text_of(v[i]));
    return list;
}

static sn_status add_notes(sn_tensors *t, const sn_graph *g, const sn_export_about *a) {
    const sn_node *x = &g->node[g->input];
    SN_TRY(sn_tensors_note(t, "creator", "supernet " SN_VERSION));
    SN_TRY(sn_tensors_note(t, "architecture", a->arch));
    SN_TRY(
        note_format(t, sn_strdup("input"),
                    sn_format("images: float32 [N, %d, %d, %d], channels first; per channel (pixel/255 - mean)/std, pixel from 0 "
                              "to 255",
                              x->c, x->h, x->w)));
    SN_TRY(note_list(t, "mean", x->c, numbers(a->mean, x->c)));
    SN_TRY(note_list(t, "std", x->c, numbers(a->std, x->c)));
    SN_TRY(note_list(t, "classes", g->node[g->logits].c, names(a->classes, g->node[g->logits].c)));
    SN_TRY(sn_tensors_note(t, "statistics", a->statistics));
    for (int i = 0; i < a->n_scores; i++)
        SN_TRY(note_format(t, sn_format("score.%s", a->scores[i].key), sn_strdup(a->scores[i].value)));
    return SN_OK;
}

// ---------------------------------------------------------------- ONNX: the check
typedef struct {
    float *images, *ours, *theirs;
    int n, classes;
    size_t pixels;
} samples;

static void samples_free(samples *x) {
    free(x->images);
    free(x->ours);
    free(x->theirs);
}

static sn_status read_samples(const sn_graph *g, const sn_source *source, samples *x) {
    const sn_node *input = &g->node[g->input];
    if (source->count < 1) return sn_error(SN_USAGE, "no images to check the exported file on");
    x->n = source->count < SN_EXPORT_IMAGES ? (int)source->count : SN_EXPORT_IMAGES;
    x->classes = g->node[g->logits].c;
    x->pixels = (size_t)input->c * (size_t)input->h * (size_t)input->w;
    size_t n = (size_t)x->n, logits = n * (size_t)x->classes;
    x->images = sn_new(n * x->pixels, sizeof *x->images);
    x->ours = sn_new(logits, sizeof *x->ours);
    x->theirs = sn_new(logits, sizeof *x->theirs);
    int32_t *labels = sn_new(n, sizeof *labels); // not of interest
    sn_status s = x->images && x->ours && x->theirs && labels ? SN_OK : SN_RESOURCE;
    if (s == SN_OK) s = source->read(source->arg, 0, x->n, x->images, labels);
    free(labels);
    return s;
}

// Our own forward pass with running statistics.
static sn_status run_ours(sn_supernet *net, const sn_arch *a, samples *x) {
    const sn_pass pass = {.arch = a, .batch = x->n, .bn = SN_BN_RUNNING, .loss_scale = 1, .target = -1};
    SN_TRY(sn_supernet_pass(net, &pass, x->images, NULL, NULL));
    sn_supernet_logits(net, x->ours);
    return SN_OK;
}

static sn_status run_theirs(const sn_onnx *model, const sn_graph *g, samples *x) {
    const sn_node *input = &g->node[g->input];
    return sn_onnxrun(model, &(sn_onnxrun_job){x->n, input->c, input->h, input->w, x->classes, x->images, x->theirs});
}

static sn_status compare(const samples *x, sn_export_result *out) {
    double difference = 0, largest = 0;
    int finite = 1;
    for (int i = 0; i < x->n * x->classes; i++) {
        double ours = (double)x->ours[i], theirs = (double)x->theirs[i];
        finite = finite && isfinite(ours) && isfinite(theirs);
        if (fabs(ours) > largest) largest = fabs(ours);
        if (fabs(ours - theirs) > difference) difference = fabs(ours - theirs);
    }
    if (!finite) return sn_error(SN_FAIL, "logits of the exported net or of ours are not finite");
    if (!(difference <= SN_EXPORT_TOLERANCE * largest))
        return sn_error(
            SN_FAIL, "the exported net differs from ours by %.3g on %d images, %.3g of the largest logit; at most %g is allowed",
            difference, x->n, difference / largest, SN_EXPORT_TOLERANCE);
    out->images = x->n;
    out->difference = difference;
    out->largest_logit = largest;
    return SN_OK;
}

sn_status sn_export_check(sn_supernet *net, const sn_arch *a, const sn_source *images, const char *path, sn_export_result *out) {
    sn_onnx model = {0};
    samples x = {0};
    SN_TRY(sn_onnx_load(path, FILE_CAP, &model));
    sn_status s = read_samples(net->graph, images, &x);
    if (s == SN_OK) s = run_ours(net, a, &x);
    if (s == SN_OK) s = run_theirs(&model, net->graph, &x);
    if (s == SN_OK) s = compare(&x, out);
    samples_free(&x);
    sn_onnx_free(&model);
    return s;
}

// ---------------------------------------------------------------- files: beside the path until they are checked
// The end of writing `beside`: its size, and its place or its removal.
static sn_status settle(sn_status s, char *beside, const char *path, sn_export_result *r, sn_export_result *out) {
    struct stat st;
    if (s != SN_OK) sn_error_prefix(s, "%s", path);
    r->bytes = stat(beside, &st) ? 0 : (int64_t)st.st_size;
    s = sn_file_settle(s, beside, path);
    free(beside);
    if (s == SN_OK) *out = *r;
    return s;
}

sn_status sn_export_onnx(sn_supernet *net, const sn_arch *a, const sn_export_about *about, bool fold, const sn_source *images,
                         const char *path, sn_export_result *out) {
    char *beside = sn_file_beside(path);
    if (!beside) return SN_RESOURCE;
    sn_export_result r = {0};
    sn_onnx m = {0};
    sn_status s = sn_export_model(net, a, fold, &m, &r.params);
    if (s == SN_OK) s = add_notes(&m.tensors, net->graph, about);
    if (s == SN_OK) s = sn_tensors_note(&m.tensors, "bn", fold ? "folded into convolutions" : "kept");
    if (s == SN_OK) s = sn_onnx_save(&m, beside);
    r.nodes = (int)m.n_nodes;
    r.tensors = (int)m.tensors.n;
    sn_onnx_free(&m);
    if (s == SN_OK) s = sn_export_check(net, a, images, beside, &r);
    return settle(s, beside, path, &r, out);
}

static sn_status check_safetensors(const sn_tensors *written, const char *path) {
    sn_tensors t = {0};
    SN_TRY(sn_safetensors_load(path, FILE_CAP, &t));
    sn_status s = SN_OK;
    if (t.n != written->n) s = sn_error(SN_FAIL, "%zu tensors were written, %zu came back", written->n, t.n);
    for (size_t i = 0; i < written->n && s == SN_OK; i++) {
        const sn_tensor *x = &written->item[i], *y = sn_tensors_find(&t, x->name);
        if (!y || x->ndim != y->ndim || memcmp(x->dims, y->dims, sizeof x->dims) ||
            memcmp(x->data, y->data, x->n * sizeof(float)))
            s = sn_error(SN_FAIL, "tensor '%s' did not come back bit by bit as it was written", x->name);
    }
    sn_tensors_free(&t);
    return s;
}

sn_status sn_export_safetensors(sn_supernet *net, const sn_arch *a, const sn_export_about *about, const char *path,
                                sn_export_result *out) {
    char *beside = sn_file_beside(path);
    if (!beside) return SN_RESOURCE;
    sn_export_result r = {0};
    sn_tensors t = {0};
    sn_status s = sn_export_tensors(net, a, &t, &r.params);
    if (s == SN_OK) s = add_notes(&t, net->graph, about);
    if (s == SN_OK) s = sn_tensors_note(&t, "format", "pt"); // readers ask for it: names and orders are PyTorch's
    if (s == SN_OK) s = sn_safetensors_save(&t, beside);
    if (s == SN_OK) s = check_safetensors(&t, beside);
    r.tensors = (int)t.n;
    sn_tensors_free(&t);
    return settle(s, beside, path, &r, out);
}

// ---------------------------------------------------------------- from a run
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
