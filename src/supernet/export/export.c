// Writing an arch as ONNX or safetensors, and the check of both before they take their place; see export.h.
// Not here: which nodes (export_onnx.c), running them (onnxrun.c). Next: exportrun.h.
#include "supernet/export/export.h"
#include "io/files/atomic.h"
#include "io/files/safetensors.h"
#include "supernet/export/export_onnx.h"
#include "supernet/export/export_parts.h"
#include "supernet/export/onnxrun.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_CAP ((size_t)INT32_MAX) // ONNX itself allows no more; safetensors of an arch stay far below

// ---------------------------------------------------------------- files: beside the path until they are checked
static int64_t file_bytes(const char *path) {
    struct stat st;
    return stat(path, &st) ? 0 : (int64_t)st.st_size;
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
    sn_onnxrun *r;
    SN_TRY(sn_onnxrun_open(model, &r));
    int c, h, w;
    sn_onnxrun_input(r, &c, &h, &w);
    if (c != input->c || h != input->h || w != input->w || sn_onnxrun_classes(r) != x->classes) {
        sn_onnxrun_close(r);
        return sn_error(SN_DATA, "the file's net reads %d x %d x %d numbers (channels, height, width); ours %d x %d x %d", c, h,
                        w, input->c, input->h, input->w);
    }
    for (int i = 0; i < x->n; i++)
        sn_onnxrun_image(r, x->images + (size_t)i * x->pixels, x->theirs + (size_t)i * (size_t)x->classes);
    sn_onnxrun_close(r);
    return SN_OK;
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
    sn_onnx *model;
    SN_TRY(sn_onnx_load(path, FILE_CAP, &model));
    samples x = {0};
    sn_status s = read_samples(net->graph, images, &x);
    if (s == SN_OK) s = run_ours(net, a, &x);
    if (s == SN_OK) s = run_theirs(model, net->graph, &x);
    if (s == SN_OK) s = compare(&x, out);
    samples_free(&x);
    sn_onnx_free(model);
    return s;
}

// ---------------------------------------------------------------- ONNX: writing
static sn_status add_notes(sn_onnx *m, const sn_graph *g, const sn_export_about *about, bool fold) {
    sn_export_notes notes = {0};
    SN_TRY(sn_export_notes_make(g, about, &notes));
    sn_status s = sn_export_note_add(&notes, "bn", fold ? "folded into convolutions" : "kept");
    for (size_t i = 0; i < notes.n && s == SN_OK; i++) s = sn_onnx_add_note(m, notes.item[i].key, notes.item[i].value);
    sn_export_notes_free(&notes);
    return s;
}

static sn_status save_onnx(const sn_supernet *net, const sn_arch *a, const sn_export_about *about, bool fold, const char *path,
                           sn_export_result *r) {
    sn_onnx *m;
    SN_TRY(sn_export_build(net, a, fold, &m, &r->params));
    sn_status s = add_notes(m, net->graph, about, fold);
    if (s == SN_OK) s = sn_onnx_save(m, path);
    r->nodes = (int)m->n_nodes;
    r->tensors = (int)m->n_initializers;
    sn_onnx_free(m);
    return s;
}

sn_status sn_export_onnx(sn_supernet *net, const sn_arch *a, const sn_export_about *about, bool fold, const sn_source *images,
                         const char *path, sn_export_result *out) {
    char *beside = sn_file_beside(path);
    if (!beside) return SN_RESOURCE;
    sn_export_result r = {0};
    sn_status s = save_onnx(net, a, about, fold, beside, &r);
    if (s == SN_OK) s = sn_export_check(net, a, images, beside, &r);
    if (s != SN_OK) sn_error_prefix(s, "%s", path);
    r.bytes = file_bytes(beside);
    s = sn_file_settle(s, beside, path);
    free(beside);
    if (s == SN_OK) *out = r;
    return s;
}

// ---------------------------------------------------------------- safetensors
static sn_status gather(const sn_supernet *net, const sn_arch *a, sn_export_tensors *t, int64_t *params) {
    const sn_graph *g = net->graph;
    uint8_t *live;
    SN_TRY(sn_export_live(net, a, &live, params));
    sn_status s = SN_OK;
    for (int i = 0; i < g->n && s == SN_OK; i++) {
        const sn_node *n = &g->node[i];
        if (!live[i]) continue;
        if (n->weight >= 0) s = sn_export_add_param(t, net, n->weight);
        if (s == SN_OK && n->bias >= 0) s = sn_export_add_param(t, net, n->bias);
        if (s == SN_OK && n->stats >= 0) s = sn_export_add_stats(t, net, n->stats);
    }
    free(live);
    return s;
}

static sn_status save_safetensors(const sn_graph *g, const sn_export_tensors *t, const sn_export_about *about, const char *path) {
    sn_export_notes notes = {0};
    SN_TRY(sn_export_notes_make(g, about, &notes));
    sn_status s = sn_export_note_add(&notes, "format", "pt"); // readers ask for it: names and orders are PyTorch's
    sn_st_tensor *tensors = sn_new(t->n, sizeof *tensors);
    sn_st_note *texts = sn_new(notes.n, sizeof *texts);
    if (s == SN_OK && (!tensors || !texts)) s = SN_RESOURCE;
    for (size_t i = 0; s == SN_OK && i < t->n; i++) {
        const sn_export_tensor *x = &t->item[i];
        tensors[i] = (sn_st_tensor){.name = x->name, .ndim = x->ndim, .data = x->data};
        memcpy(tensors[i].dims, x->dims, sizeof x->dims);
    }
    for (size_t i = 0; s == SN_OK && i < notes.n; i++) texts[i] = (sn_st_note){notes.item[i].key, notes.item[i].value};
    if (s == SN_OK) s = sn_safetensors_save(path, tensors, t->n, texts, notes.n);
    free(tensors);
    free(texts);
    sn_export_notes_free(&notes);
    return s;
}

static bool same_tensor(const sn_export_tensor *x, const sn_st_tensor *y) {
    size_t n = 1;
    if (!y || x->ndim != y->ndim) return false;
    for (int i = 0; i < x->ndim; i++) {
        if (x->dims[i] != y->dims[i]) return false;
        n *= x->dims[i];
    }
    return !memcmp(x->data, y->data, n * sizeof *x->data);
}

static sn_status check_safetensors(const sn_export_tensors *t, const char *path) {
    sn_safetensors *f;
    SN_TRY(sn_safetensors_open(path, FILE_CAP, &f));
    sn_status s = SN_OK;
    if (sn_safetensors_count(f) != t->n)
        s = sn_error(SN_FAIL, "%zu tensors were written, %zu came back", t->n, sn_safetensors_count(f));
    for (size_t i = 0; i < t->n && s == SN_OK; i++)
        if (!same_tensor(&t->item[i], sn_safetensors_find(f, t->item[i].name)))
            s = sn_error(SN_FAIL, "tensor '%s' did not come back bit by bit as it was written", t->item[i].name);
    sn_safetensors_free(f);
    return s;
}

sn_status sn_export_safetensors(const sn_supernet *net, const sn_arch *a, const sn_export_about *about, const char *path,
                                sn_export_result *out) {
    char *beside = sn_file_beside(path);
    if (!beside) return SN_RESOURCE;
    sn_export_result r = {0};
    sn_export_tensors t = {0};
    sn_status s = gather(net, a, &t, &r.params);
    if (s == SN_OK) s = save_safetensors(net->graph, &t, about, beside);
    if (s == SN_OK) s = check_safetensors(&t, beside);
    if (s != SN_OK) sn_error_prefix(s, "%s", path);
    r.tensors = (int)t.n;
    r.bytes = file_bytes(beside);
    s = sn_file_settle(s, beside, path);
    sn_export_tensors_free(&t);
    free(beside);
    if (s == SN_OK) *out = r;
    return s;
}
