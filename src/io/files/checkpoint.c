// Checkpoints as HDF5; see checkpoint.h. Not here: when to save and what to keep (supernet/train/train.c).
#include "io/files/checkpoint.h"
#include "io/files/h5file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char format_name[] = "supernet-checkpoint";

size_t sn_checkpoint_bytes(const sn_params *p, int slots) {
    return (size_t)(p->total * (1 + slots) + p->stats_total) * sizeof(float) +
           (size_t)(p->n * (2 + slots) + p->n_stats * 2) * 1024 + (2u << 20);
}

// ---------------------------------------------------------------- saving
static sn_status put_param(sn_h5w *w, const char *path, const sn_param *p, const float *memory, float *scratch) {
    size_t dims[4];
    int n = sn_param_dims(p, dims);
    sn_param_to_file(p, memory, scratch);
    return sn_h5_put(w, path, SN_F32, n, dims, scratch);
}

static sn_status put_params(sn_h5w *w, const sn_checkpoint *c, float *scratch) {
    char path[1024];
    for (int i = 0; i < c->params->n; i++) {
        const sn_param *p = &c->params->param[i];
        snprintf(path, sizeof path, "/params/%s", p->name);
        SN_TRY(put_param(w, path, p, c->weights + p->offset, scratch));
        for (int k = 0; k < 2; k++) {
            if (!c->slot_name[k]) continue;
            snprintf(path, sizeof path, "/optim/%s/%s", p->name, c->slot_name[k]);
            SN_TRY(put_param(w, path, p, c->slot[k] + p->offset, scratch));
        }
    }
    return SN_OK;
}

static sn_status put_stats(sn_h5w *w, const sn_checkpoint *c) {
    char path[1024];
    for (int i = 0; i < c->params->n_stats; i++) {
        const sn_stats *s = &c->params->stats[i];
        size_t n = (size_t)s->c;
        snprintf(path, sizeof path, "/buffers/%s.running_mean", s->name);
        SN_TRY(sn_h5_put(w, path, SN_F32, 1, &n, c->stats + s->mean));
        snprintf(path, sizeof path, "/buffers/%s.running_var", s->name);
        SN_TRY(sn_h5_put(w, path, SN_F32, 1, &n, c->stats + s->var));
    }
    return SN_OK;
}

static sn_status put_progress(sn_h5w *w, const sn_checkpoint *c) {
    size_t n = (size_t)c->n_option_passes, m = (size_t)c->params->n, channels = (size_t)c->channels;
    SN_TRY(sn_h5_put(w, "/progress/option_passes", SN_I64, 1, &n, c->option_passes));
    SN_TRY(sn_h5_put(w, "/progress/updates", SN_I64, 1, &m, c->updates));
    SN_TRY(sn_h5_put(w, "/preprocessing/mean", SN_F64, 1, &channels, c->mean));
    SN_TRY(sn_h5_put(w, "/preprocessing/std", SN_F64, 1, &channels, c->std));
    SN_TRY(sn_h5_attr_text(w, "/", "format", format_name));
    SN_TRY(sn_h5_attr_int(w, "/", "format_version", SN_CHECKPOINT_VERSION));
    SN_TRY(sn_h5_attr_text(w, "/", "created_by", "supernet " SN_VERSION));
    SN_TRY(sn_h5_attr_text(w, "/", "config", c->config));
    SN_TRY(sn_h5_attr_text(w, "/", "data", c->fingerprint));
    SN_TRY(sn_h5_attr_text(w, "/", "class_names", c->class_names));
    SN_TRY(sn_h5_attr_int(w, "/", "step", c->step));
    SN_TRY(sn_h5_attr_int(w, "/", "best_step", c->best_step));
    return sn_h5_attr_f64(w, "/", "best", c->best);
}

// A checkpoint with a number that is not finite is never written.
static sn_status check_numbers(const float *v, int64_t n, const char *what, const char *name) {
    for (int64_t k = 0; k < n; k++)
        if (!isfinite(v[k]))
            return sn_error(SN_DIVERGED, "%s %lld of '%s' is not finite; nothing was saved", what, (long long)k, name);
    return SN_OK;
}

static sn_status check_finite(const sn_checkpoint *c) {
    for (int i = 0; i < c->params->n; i++) {
        const sn_param *p = &c->params->param[i];
        SN_TRY(check_numbers(c->weights + p->offset, p->size, "weight", p->name));
        for (int k = 0; k < 2; k++)
            if (c->slot_name[k]) SN_TRY(check_numbers(c->slot[k] + p->offset, p->size, c->slot_name[k], p->name));
    }
    for (int i = 0; i < c->params->n_stats; i++) {
        const sn_stats *s = &c->params->stats[i];
        SN_TRY(check_numbers(c->stats + s->mean, s->c, "running mean", s->name));
        SN_TRY(check_numbers(c->stats + s->var, s->c, "running variance", s->name));
    }
    return SN_OK;
}

static int64_t largest_param(const sn_params *p) {
    int64_t most = 1;
    for (int i = 0; i < p->n; i++)
        if (p->param[i].size > most) most = p->param[i].size;
    return most;
}

sn_status sn_checkpoint_save(const char *path, const sn_checkpoint *c) {
    SN_TRY(check_finite(c));
    sn_h5w *w = NULL;
    float *scratch = sn_new((size_t)largest_param(c->params), sizeof *scratch);
    sn_status s = scratch
                      ? sn_h5_create(sn_checkpoint_bytes(c->params, (c->slot_name[0] != NULL) + (c->slot_name[1] != NULL)), &w)
                      : SN_RESOURCE;
    if (s == SN_OK) s = put_params(w, c, scratch);
    if (s == SN_OK) s = put_stats(w, c);
    if (s == SN_OK) s = put_progress(w, c);
    if (s == SN_OK) s = sn_h5_save(w, path);
    sn_h5w_free(w);
    free(scratch);
    return s;
}

// ---------------------------------------------------------------- reading
struct sn_checkpoint_file {
    sn_h5r *r;
    char *config, *fingerprint;
    int64_t step;
};

enum { LARGEST = 1 << 20 }; // MiB: 1 TiB

sn_status sn_checkpoint_open(const char *path, sn_checkpoint_file **out) {
    sn_checkpoint_file *f = sn_new(1, sizeof *f);
    if (!f) return SN_RESOURCE;
    char *format = NULL;
    int64_t version = 0;
    sn_status s = sn_h5_open(path, (size_t)LARGEST << 20, &f->r);
    if (s == SN_OK) s = sn_h5_attr_text_read(f->r, "/", "format", 64, &format);
    if (s == SN_OK && strcmp(format, format_name))
        s = sn_error(SN_DATA, "%s is a '%s' file, not a checkpoint ('%s')", path, format, format_name);
    if (s == SN_OK) s = sn_h5_attr_int_read(f->r, "/", "format_version", &version);
    if (s == SN_OK && version != SN_CHECKPOINT_VERSION)
        s = sn_error(SN_DATA, "%s has format version %lld; this program reads version %d", path, (long long)version,
                     SN_CHECKPOINT_VERSION);
    if (s == SN_OK) s = sn_h5_attr_text_read(f->r, "/", "config", SN_H5_TEXT_MAX, &f->config);
    if (s == SN_OK) s = sn_h5_attr_text_read(f->r, "/", "data", 256, &f->fingerprint);
    if (s == SN_OK) s = sn_h5_attr_int_read(f->r, "/", "step", &f->step);
    free(format);
    if (s != SN_OK)
        sn_checkpoint_close(f);
    else
        *out = f;
    return s;
}

void sn_checkpoint_close(sn_checkpoint_file *f) {
    if (!f) return;
    sn_h5r_free(f->r);
    free(f->config);
    free(f->fingerprint);
    free(f);
}

const char *sn_checkpoint_config(const sn_checkpoint_file *f) {
    return f->config;
}
const char *sn_checkpoint_fingerprint(const sn_checkpoint_file *f) {
    return f->fingerprint;
}

void sn_checkpoint_slots(const sn_checkpoint_file *f, const sn_params *p, const char *name[2]) {
    static const char *const known[] = {"momentum", "exp_avg", "exp_avg_sq"};
    char path[1024];
    int n = 0;
    name[0] = name[1] = NULL;
    for (size_t k = 0; k < sizeof known / sizeof *known && n < 2 && p->n; k++) {
        snprintf(path, sizeof path, "/optim/%s/%s", p->param[0].name, known[k]);
        if (sn_h5_has(f->r, path)) name[n++] = known[k];
    }
}

static sn_status read_param(const sn_h5r *r, const char *path, const sn_param *p, float *memory, float *scratch) {
    size_t dims[4];
    int n = sn_param_dims(p, dims);
    SN_TRY(sn_h5_read(r, path, SN_F32, n, dims, scratch));
    sn_param_from_file(p, scratch, memory);
    return SN_OK;
}

static sn_status read_stats(const sn_h5r *r, const sn_stats *s, float *stats) {
    char path[1024];
    size_t n = (size_t)s->c;
    snprintf(path, sizeof path, "/buffers/%s.running_mean", s->name);
    SN_TRY(sn_h5_read(r, path, SN_F32, 1, &n, stats + s->mean));
    snprintf(path, sizeof path, "/buffers/%s.running_var", s->name);
    return sn_h5_read(r, path, SN_F32, 1, &n, stats + s->var);
}

static sn_status read_params(const sn_h5r *r, const sn_checkpoint *c, float *scratch) {
    char path[1024];
    for (int i = 0; i < c->params->n; i++) {
        const sn_param *p = &c->params->param[i];
        snprintf(path, sizeof path, "/params/%s", p->name);
        SN_TRY(read_param(r, path, p, c->weights + p->offset, scratch));
        for (int k = 0; k < 2; k++) {
            if (!c->slot_name[k] || !c->slot[k]) continue;
            snprintf(path, sizeof path, "/optim/%s/%s", p->name, c->slot_name[k]);
            SN_TRY(read_param(r, path, p, c->slot[k] + p->offset, scratch));
        }
    }
    return SN_OK;
}

sn_status sn_checkpoint_read(const sn_checkpoint_file *f, sn_checkpoint *c, int64_t *passes, double *mean, double *std) {
    size_t n = (size_t)c->n_option_passes, m = (size_t)c->params->n, channels = (size_t)c->channels;
    float *scratch = sn_new((size_t)largest_param(c->params), sizeof *scratch);
    sn_status s = scratch ? read_params(f->r, c, scratch) : SN_RESOURCE;
    for (int i = 0; i < c->params->n_stats && s == SN_OK; i++) s = read_stats(f->r, &c->params->stats[i], c->stats);
    if (s == SN_OK && passes) s = sn_h5_read(f->r, "/progress/option_passes", SN_I64, 1, &n, passes);
    if (s == SN_OK && c->updates) s = sn_h5_read(f->r, "/progress/updates", SN_I64, 1, &m, c->updates);
    if (s == SN_OK && mean) s = sn_h5_read(f->r, "/preprocessing/mean", SN_F64, 1, &channels, mean);
    if (s == SN_OK && std) s = sn_h5_read(f->r, "/preprocessing/std", SN_F64, 1, &channels, std);
    if (s == SN_OK) s = sn_h5_attr_f64_read(f->r, "/", "best", &c->best);
    if (s == SN_OK) s = sn_h5_attr_int_read(f->r, "/", "best_step", &c->best_step);
    c->step = f->step;
    free(scratch);
    return s;
}

sn_status sn_checkpoint_read_weights(const sn_checkpoint_file *f, const sn_params *params, float *weights, float *stats,
                                     int *taken) {
    float *scratch = sn_new((size_t)largest_param(params), sizeof *scratch);
    sn_status s = scratch ? SN_OK : SN_RESOURCE;
    char path[1024];
    *taken = 0;
    for (int i = 0; i < params->n && s == SN_OK; i++) {
        const sn_param *p = &params->param[i];
        snprintf(path, sizeof path, "/params/%s", p->name);
        if (!sn_h5_has(f->r, path)) continue;
        s = read_param(f->r, path, p, weights + p->offset, scratch);
        ++*taken;
    }
    for (int i = 0; i < params->n_stats && s == SN_OK; i++) {
        snprintf(path, sizeof path, "/buffers/%s.running_mean", params->stats[i].name);
        if (sn_h5_has(f->r, path)) s = read_stats(f->r, &params->stats[i], stats);
    }
    free(scratch);
    return s;
}
