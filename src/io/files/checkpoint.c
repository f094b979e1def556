// Checkpoints as HDF5; see checkpoint.h. Not here: when to save and what to keep (supernet/train/train.c).
#include "io/files/checkpoint.h"
#include "io/files/h5file.h"
#include "io/files/runfolder.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char format_name[] = "supernet-checkpoint";

// Beside the numbers: what HDF5 takes per dataset, per group (one for the slots of each parameter) and per name, and the texts.
size_t sn_checkpoint_bytes(const sn_params *p, int slots) {
    enum { DATASET = 512, GROUP = 1152, PER_LETTER = 4, TEXTS = 32 << 10 };
    size_t datasets = (size_t)(p->n * (1 + slots) + p->n_stats * 2), groups = slots ? (size_t)p->n : 0, letters = 0;
    for (int i = 0; i < p->n; i++) letters += strlen(p->param[i].name) * (slots ? 2 : 1);
    for (int i = 0; i < p->n_stats; i++) letters += (strlen(p->stats[i].name) + sizeof ".running_mean") * 2;
    return (size_t)(p->total * (1 + slots) + p->stats_total) * sizeof(float) + datasets * DATASET + groups * GROUP +
           letters * PER_LETTER + (size_t)(p->n_atoms - p->n) * sizeof(int64_t) + TEXTS;
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

static sn_status put_alphas(sn_h5w *w, const sn_checkpoint *c) {
    size_t n = (size_t)c->n_alphas, counts = (size_t)c->n_alpha_counts, history = (size_t)c->n_history;
    if (!n) return SN_OK;
    SN_TRY(sn_h5_put(w, "/relax/alpha", SN_F64, 1, &n, c->alpha));
    SN_TRY(sn_h5_put(w, "/relax/exp_avg", SN_F64, 1, &n, c->alpha_avg));
    SN_TRY(sn_h5_put(w, "/relax/exp_avg_sq", SN_F64, 1, &n, c->alpha_avg_sq));
    SN_TRY(sn_h5_put(w, "/relax/monitor", SN_F64, 1, &history, c->history));
    return sn_h5_put(w, "/relax/counts", SN_I64, 1, &counts, c->alpha_counts);
}

static sn_status put_progress(sn_h5w *w, const sn_checkpoint *c) {
    size_t n = (size_t)c->n_option_passes, m = (size_t)c->params->n_atoms, channels = (size_t)c->channels;
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

// Numbers that are not finite, and variances below 0 (from_0), are neither written nor believed.

static sn_status check_numbers(const float *v, int64_t n, bool from_0, sn_status code, const char *what, const char *name) {
    for (int64_t k = 0; k < n; k++) {
        if (!isfinite(v[k])) return sn_error(code, "%s %lld of '%s' is not finite", what, (long long)k, name);
        if (from_0 && v[k] < 0) return sn_error(code, "%s %lld of '%s' is negative (%g)", what, (long long)k, name, (double)v[k]);
    }
    return SN_OK;
}

static bool slot_from_0(const char *slot) {
    return !strcmp(slot, "exp_avg_sq");
}

static sn_status check_state(const sn_checkpoint *c) {
    for (int i = 0; i < c->params->n; i++) {
        const sn_param *p = &c->params->param[i];
        SN_TRY(check_numbers(c->weights + p->offset, p->size, false, SN_DIVERGED, "weight", p->name));
        for (int k = 0; k < 2; k++)
            if (c->slot_name[k])
                SN_TRY(check_numbers(c->slot[k] + p->offset, p->size, slot_from_0(c->slot_name[k]), SN_DIVERGED, c->slot_name[k],
                                     p->name));
    }
    for (int i = 0; i < c->params->n_stats; i++) {
        const sn_stats *s = &c->params->stats[i];
        SN_TRY(check_numbers(c->stats + s->mean, s->c, false, SN_DIVERGED, "running mean", s->name));
        SN_TRY(check_numbers(c->stats + s->var, s->c, true, SN_DIVERGED, "running variance", s->name));
    }
    for (int i = 0; i < c->n_alphas; i++)
        if (!isfinite(c->alpha[i]) || !isfinite(c->alpha_avg[i]) || !isfinite(c->alpha_avg_sq[i]))
            return sn_error(SN_DIVERGED, "alpha %d is not finite", i);
    return SN_OK;
}

static int64_t largest_param(const sn_params *p) {
    int64_t most = 1;
    for (int i = 0; i < p->n; i++)
        if (p->param[i].size > most) most = p->param[i].size;
    return most;
}

sn_status sn_checkpoint_save(const char *path, const sn_checkpoint *c) {
    sn_status s = check_state(c);
    if (s != SN_OK) return sn_error(s, "%s; nothing was saved", sn_error_text());
    sn_h5w *w = NULL;
    float *scratch = sn_new((size_t)largest_param(c->params), sizeof *scratch);
    s = scratch ? sn_h5_create(sn_checkpoint_bytes(c->params, (c->slot_name[0] != NULL) + (c->slot_name[1] != NULL)), &w)
                : SN_RESOURCE;
    if (s == SN_OK) s = put_params(w, c, scratch);
    if (s == SN_OK) s = put_stats(w, c);
    if (s == SN_OK) s = put_alphas(w, c);
    if (s == SN_OK) s = put_progress(w, c);
    if (s == SN_OK) s = sn_h5_save(w, path);
    sn_h5w_free(w);
    free(scratch);
    return s;
}

// ---------------------------------------------------------------- reading
struct sn_checkpoint_file {
    sn_h5r *r;
    char *path, *config, *fingerprint;
    int64_t step, best_step;
    double best;
};

enum { LARGEST = 1 << 20 }; // MiB: 1 TiB
static const int64_t most_steps = INT64_C(1) << 32, most_count = INT64_C(1) << 53;

static sn_status check_format(const sn_checkpoint_file *f) {
    char *format = NULL;
    int64_t version = 0;
    SN_TRY(sn_h5_attr_text_read(f->r, "/", "format", 64, &format));
    sn_status s = !strcmp(format, format_name)
                      ? sn_h5_attr_int_read(f->r, "/", "format_version", &version)
                      : sn_error(SN_DATA, "%s is a '%s' file, not a checkpoint ('%s')", f->path, format, format_name);
    free(format);
    if (s == SN_OK && version != SN_CHECKPOINT_VERSION)
        s = sn_error(SN_DATA, "%s has format version %lld; this program reads version %d", f->path, (long long)version,
                     SN_CHECKPOINT_VERSION);
    return s;
}

static sn_status read_progress(sn_checkpoint_file *f) {
    int64_t named = sn_folder_step_of(f->path);
    SN_TRY(sn_h5_attr_int_read(f->r, "/", "step", &f->step));
    SN_TRY(sn_h5_attr_int_read(f->r, "/", "best_step", &f->best_step));
    SN_TRY(sn_h5_attr_f64_read(f->r, "/", "best", &f->best));
    if (f->step < 0 || f->step > most_steps)
        return sn_error(SN_DATA, "%s: step %lld; 0 to 2^32 are allowed", f->path, (long long)f->step);
    if (named >= 0 && named != f->step)
        return sn_error(SN_DATA, "%s: holds step %lld, which is not that of its name", f->path, (long long)f->step);
    if (f->best_step < 0 || f->best_step > f->step)
        return sn_error(SN_DATA, "%s: best_step %lld; 0 to the step, %lld, are allowed", f->path, (long long)f->best_step,
                        (long long)f->step);
    if (f->best_step ? !isfinite(f->best) : !isnan(f->best))
        return sn_error(SN_DATA, "%s: best is %g where best_step is %lld; NaN goes with 0, a number with others", f->path,
                        f->best, (long long)f->best_step);
    return SN_OK;
}

sn_status sn_checkpoint_open(const char *path, sn_checkpoint_file **out) {
    sn_checkpoint_file *f = sn_new(1, sizeof *f);
    sn_status s = f && (f->path = sn_strdup(path)) ? SN_OK : SN_RESOURCE;
    if (s == SN_OK) s = sn_h5_open(path, (size_t)LARGEST << 20, &f->r);
    if (s == SN_OK) s = check_format(f);
    if (s == SN_OK) s = sn_h5_attr_text_read(f->r, "/", "config", SN_H5_TEXT_MAX, &f->config);
    if (s == SN_OK) s = sn_h5_attr_text_read(f->r, "/", "data", 256, &f->fingerprint);
    if (s == SN_OK) s = read_progress(f);
    if (s != SN_OK)
        sn_checkpoint_close(f);
    else
        *out = f;
    return s;
}

void sn_checkpoint_close(sn_checkpoint_file *f) {
    if (!f) return;
    sn_h5r_free(f->r);
    free(f->path);
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
int64_t sn_checkpoint_step(const sn_checkpoint_file *f) {
    return f->step;
}
uint32_t sn_checkpoint_checksum(const sn_checkpoint_file *f) {
    return sn_h5_count(f->r).checksum;
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

// Everything is read twice: first checked, in scratch, then kept. So a file that is refused has changed nothing.
typedef struct {
    const sn_checkpoint_file *file;
    void *scratch;
    bool keep;
} reading;

static sn_status begin_reading(const sn_checkpoint_file *f, const sn_params *p, int64_t n, reading *x) {
    int64_t most = largest_param(p);
    for (int i = 0; i < p->n_stats; i++)
        if (p->stats[i].c > most) most = p->stats[i].c;
    if (p->n_atoms > most) most = p->n_atoms;
    if (n > most) most = n;
    *x = (reading){f, sn_new((size_t)most, sizeof(int64_t)), false};
    return x->scratch ? SN_OK : SN_RESOURCE;
}

// "PATH: " before the message.
static sn_status blame(const reading *x, sn_status s) {
    return s == SN_OK ? s : sn_error_prefix(s, "%s", x->file->path);
}

static sn_status read_param(const reading *x, const char *path, const sn_param *p, bool from_0, const char *what, float *memory) {
    size_t dims[4];
    int n = sn_param_dims(p, dims);
    SN_TRY(sn_h5_read(x->file->r, path, SN_F32, n, dims, x->scratch));
    if (!x->keep) return blame(x, check_numbers(x->scratch, p->size, from_0, SN_DATA, what, p->name));
    sn_param_from_file(p, x->scratch, memory);
    return SN_OK;
}

static sn_status read_weights(const reading *x, const sn_param *p, float *weights) {
    char path[1024];
    snprintf(path, sizeof path, "/params/%s", p->name);
    return read_param(x, path, p, false, "weight", weights + p->offset);
}

static sn_status read_slot(const reading *x, const sn_param *p, const char *name, float *slot) {
    char path[1024];
    snprintf(path, sizeof path, "/optim/%s/%s", p->name, name);
    return read_param(x, path, p, slot_from_0(name), name, slot + p->offset);
}

static sn_status read_stat(const reading *x, const sn_stats *s, const char *end, bool from_0, const char *what, float *out) {
    char path[1024];
    size_t n = (size_t)s->c;
    snprintf(path, sizeof path, "/buffers/%s.%s", s->name, end);
    SN_TRY(sn_h5_read(x->file->r, path, SN_F32, 1, &n, x->scratch));
    if (!x->keep) return blame(x, check_numbers(x->scratch, s->c, from_0, SN_DATA, what, s->name));
    memcpy(out, x->scratch, n * sizeof *out);
    return SN_OK;
}

static sn_status read_stats(const reading *x, const sn_stats *s, float *stats) {
    SN_TRY(read_stat(x, s, "running_mean", false, "running mean", stats + s->mean));
    return read_stat(x, s, "running_var", true, "running variance", stats + s->var);
}

static sn_status read_counts(const reading *x, const char *path, int count, int64_t *out) {
    size_t n = (size_t)count;
    const int64_t *v = x->scratch;
    if (!out) return SN_OK;
    SN_TRY(sn_h5_read(x->file->r, path, SN_I64, 1, &n, x->scratch));
    for (size_t i = 0; i < n && !x->keep; i++)
        if (v[i] < 0 || v[i] > most_count)
            return blame(x, sn_error(SN_DATA, "%s: number %zu is %lld; 0 to 2^53 are allowed", path, i, (long long)v[i]));
    if (x->keep) memcpy(out, v, n * sizeof *v);
    return SN_OK;
}

static sn_status read_doubles(const reading *x, const char *path, int channels, bool from_0, double *out) {
    size_t n = (size_t)channels;
    const double *v = x->scratch;
    if (!out) return SN_OK;
    SN_TRY(sn_h5_read(x->file->r, path, SN_F64, 1, &n, x->scratch));
    for (size_t i = 0; i < n && !x->keep; i++)
        if (!isfinite(v[i]) || (from_0 && v[i] < 0))
            return blame(
                x, sn_error(SN_DATA, "%s: number %zu is %g; allowed are numbers%s", path, i, v[i], from_0 ? " from 0" : ""));
    if (x->keep) memcpy(out, v, n * sizeof *v);
    return SN_OK;
}

static sn_status read_alphas(const reading *x, const sn_checkpoint *c) {
    if (!c->n_alphas) return SN_OK;
    SN_TRY(read_doubles(x, "/relax/alpha", c->n_alphas, false, c->alpha));
    SN_TRY(read_doubles(x, "/relax/exp_avg", c->n_alphas, false, c->alpha_avg));
    SN_TRY(read_doubles(x, "/relax/exp_avg_sq", c->n_alphas, true, c->alpha_avg_sq));
    SN_TRY(read_doubles(x, "/relax/monitor", c->n_history, false, c->history));
    return read_counts(x, "/relax/counts", c->n_alpha_counts, c->alpha_counts);
}

static sn_status read_all(const reading *x, const sn_checkpoint *c, int64_t *passes, double *mean, double *std) {
    for (int i = 0; i < c->params->n; i++) {
        const sn_param *p = &c->params->param[i];
        SN_TRY(read_weights(x, p, c->weights));
        for (int k = 0; k < 2; k++)
            if (c->slot_name[k] && c->slot[k]) SN_TRY(read_slot(x, p, c->slot_name[k], c->slot[k]));
    }
    for (int i = 0; i < c->params->n_stats; i++) SN_TRY(read_stats(x, &c->params->stats[i], c->stats));
    SN_TRY(read_counts(x, "/progress/option_passes", c->n_option_passes, passes));
    SN_TRY(read_counts(x, "/progress/updates", c->params->n_atoms, c->updates));
    SN_TRY(read_alphas(x, c));
    SN_TRY(read_doubles(x, "/preprocessing/mean", c->channels, false, mean));
    return read_doubles(x, "/preprocessing/std", c->channels, true, std);
}

sn_status sn_checkpoint_read(const sn_checkpoint_file *f, sn_checkpoint *c, int64_t *passes, double *mean, double *std) {
    reading x;
    int64_t most = c->n_option_passes > c->channels ? c->n_option_passes : c->channels;
    if (c->n_alphas > most) most = c->n_alphas;
    SN_TRY(begin_reading(f, c->params, c->n_history > most ? c->n_history : most, &x));
    sn_status s = read_all(&x, c, passes, mean, std);
    x.keep = true;
    if (s == SN_OK) s = read_all(&x, c, passes, mean, std);
    if (s == SN_OK) c->step = f->step, c->best = f->best, c->best_step = f->best_step;
    free(x.scratch);
    return s;
}

static sn_status read_known(const reading *x, const sn_params *params, float *weights, float *stats, int *taken) {
    char path[1024];
    *taken = 0;
    for (int i = 0; i < params->n; i++) {
        snprintf(path, sizeof path, "/params/%s", params->param[i].name);
        if (!sn_h5_has(x->file->r, path)) continue;
        SN_TRY(read_weights(x, &params->param[i], weights));
        ++*taken;
    }
    for (int i = 0; i < params->n_stats; i++) {
        snprintf(path, sizeof path, "/buffers/%s.running_mean", params->stats[i].name);
        if (sn_h5_has(x->file->r, path)) SN_TRY(read_stats(x, &params->stats[i], stats));
    }
    return SN_OK;
}

sn_status sn_checkpoint_read_weights(const sn_checkpoint_file *f, const sn_params *params, float *weights, float *stats,
                                     int *taken) {
    reading x;
    SN_TRY(begin_reading(f, params, 0, &x));
    sn_status s = read_known(&x, params, weights, stats, taken);
    x.keep = true;
    if (s == SN_OK) s = read_known(&x, params, weights, stats, taken);
    free(x.scratch);
    return s;
}
