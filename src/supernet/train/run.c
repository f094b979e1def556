// Runs: made from a config, saved to and read from checkpoints, with sources of images for scoring; see run.h.
#include "supernet/train/run.h"
#include "io/files/atomic.h"
#include "io/files/checkpoint.h"
#include "io/files/runfolder.h"
#include "sampler/method.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ---------------------------------------------------------------- making
static sn_status make_augment(sn_run *r, bool plain, sn_augment *out) {
    const sn_config *c = r->config;
    sn_augment_options o = {0};
    if (!plain)
        o = (sn_augment_options){.crop = c->data.augment.resized ? SN_CROP_RESIZED : SN_CROP_SHIFT,
                                 .padding = c->data.augment.resized ? 0 : c->data.augment.crop,
                                 .black = c->data.augment.pad == SN_PAD_BLACK,
                                 .flip = c->data.augment.flip,
                                 .cutout = c->data.augment.cutout};
    return sn_augment_init(out, &o, c->space.input.channels, sn_dataset_height(r->data), sn_dataset_width(r->data),
                           c->space.input.height, c->space.input.width, sn_dataset_mean(r->data), sn_dataset_std(r->data));
}

static sn_optim_settings optim_settings(const sn_config_optimizer *c) {
    static const sn_optim_kind kinds[] = {
        [SN_OPTIMIZER_SGD] = SN_OPTIM_SGD, [SN_OPTIMIZER_ADAM] = SN_OPTIM_ADAM, [SN_OPTIMIZER_ADAMW] = SN_OPTIM_ADAMW};
    return (sn_optim_settings){.kind = kinds[c->name],
                               .momentum = c->momentum,
                               .nesterov = c->nesterov,
                               .beta1 = c->beta1,
                               .beta2 = c->beta2,
                               .eps = c->eps,
                               .weight_decay = c->weight_decay,
                               .decay_bn = c->decay_bn,
                               .clip = c->clip};
}

int sn_thread_count(int wanted) {
    long n = wanted ? wanted : sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > 1024 ? 1024 : (int)n;
}

static sn_status make_net(sn_run *r) {
    sn_optim_settings settings = optim_settings(&r->config->train.optimizer);
    SN_TRY(sn_graph_build(r->space, &r->graph));
    SN_TRY(sn_backend_open(r->config->device, sn_thread_count(r->config->threads), &r->backend));
    SN_TRY(sn_supernet_create(r->graph, r->backend, sn_optim_slots(&settings), r->config->train.init,
                              (uint32_t)r->config->train.seed, &r->net));
    SN_TRY(sn_optim_create(r->net, &settings, &r->optim));
    r->n_option_passes = sn_space_options(r->space);
    r->option_passes = sn_new((size_t)r->n_option_passes, sizeof *r->option_passes);
    return r->option_passes ? SN_OK : SN_RESOURCE;
}

static int by_position(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

// The training images in two parts, the weights' and the alphas', drawn by data.seed; of an odd number one is left out.
static sn_status part_images(sn_run *r) {
    uint32_t n = (uint32_t)sn_dataset_count(r->data, SN_TRAIN), half = n / 2;
    r->images = n;
    if (r->config->train.mode != SN_MODE_RELAX || r->config->train.relax.data == SN_RELAX_SAME) return SN_OK;
    r->images = half;
    r->part[0] = sn_new(n, sizeof *r->part[0]);
    r->part[1] = sn_new(half, sizeof *r->part[1]);
    if (!r->part[0] || !r->part[1]) return SN_RESOURCE;
    sn_rng rng = sn_rng_at((uint32_t)r->config->data.seed, SN_STREAM_SPLIT, UINT32_MAX, 0, 0);
    sn_rng_permutation(&rng, n, r->part[0]);
    memcpy(r->part[1], r->part[0] + half, half * sizeof *r->part[1]);
    for (int i = 0; i < 2; i++) qsort(r->part[i], half, sizeof *r->part[i], by_position);
    return SN_OK;
}

static sn_status check_training(const sn_run *r) {
    if (r->images < r->config->train.batch)
        return sn_error(SN_CONFIG, "train.batch is %d, but %s has only %ld training images%s", r->config->train.batch,
                        r->config->data.source, r->images, r->part[1] ? " for the weights, half of all" : "");
    if (sn_run_steps(r) > UINT32_MAX)
        return sn_error(SN_CONFIG, "train.epochs: %d are %lld steps; at most 2^32 are allowed", r->config->train.epochs,
                        (long long)sn_run_steps(r));
    return SN_OK;
}

static sn_status open_data(sn_run *r, const volatile sig_atomic_t *stop) {
    const sn_config *c = r->config;
    sn_data_options o = {.source = c->data.source,
                         .cache_dir = c->data.cache,
                         .channels = c->space.input.channels,
                         .height = c->space.input.height,
                         .width = c->space.input.width,
                         .fit = c->data.resize == SN_RESIZE_STRETCH ? SN_FIT_STRETCH : SN_FIT_CROP,
                         .validation = c->data.validation,
                         .test = c->data.test,
                         .images = c->data.images,
                         .use_validation = c->train.use_validation,
                         .store = c->data.store,
                         .seed = (uint32_t)c->data.seed,
                         .memory = (size_t)c->data.memory,
                         .stop = stop};
    SN_TRY(sn_dataset_open(&o, &r->data));
    if (sn_dataset_classes(r->data) != c->space.classes)
        return sn_error(SN_CONFIG, "space.classes is %d, but %s has %d classes", c->space.classes, c->data.source,
                        sn_dataset_classes(r->data));
    return SN_OK;
}

sn_status sn_run_create(sn_config *config, const volatile sig_atomic_t *stop, sn_run **out) {
    sn_run *r = sn_new(1, sizeof *r);
    if (!r) {
        sn_config_free(config);
        return SN_RESOURCE;
    }
    r->config = config;
    r->space = config->space.built;
    r->best = NAN;
    sn_status s = open_data(r, stop);
    if (s == SN_OK) s = part_images(r);
    if (s == SN_OK) s = check_training(r);
    if (s == SN_OK) s = make_augment(r, false, &r->augment);
    if (s == SN_OK) s = make_augment(r, true, &r->plain);
    if (s == SN_OK) s = make_net(r);
    if (s == SN_OK && config->train.mode == SN_MODE_RELAX) s = sn_alphas_create(config, &r->alphas);
    if (s != SN_OK)
        sn_run_free(r);
    else
        *out = r;
    return s;
}

void sn_run_free(sn_run *r) {
    if (!r) return;
    sn_optim_free(r->optim);
    sn_supernet_free(r->net);
    sn_backend_close(r->backend);
    sn_graph_free(r->graph);
    sn_dataset_close(r->data);
    sn_alphas_free(r->alphas);
    free(r->part[0]);
    free(r->part[1]);
    sn_config_free(r->config);
    free(r->option_passes);
    free(r->folder);
    free(r->passed_over);
    free(r);
}

int64_t sn_run_steps(const sn_run *r) {
    return sn_run_epoch_steps(r) * r->config->train.epochs;
}

// ---------------------------------------------------------------- checkpoints
static const char *slot_name(const sn_run *r, int slot) {
    if (slot >= r->net->slots) return NULL;
    if (r->optim->settings.kind == SN_OPTIM_SGD) return "momentum";
    return slot ? "exp_avg_sq" : "exp_avg";
}

// The net's buffers as floats: to read in place, or copies to fill.
typedef struct {
    float *weights, *slot[2], *stats;
} float_buffers;

enum { KINDS = 4 };
static const sn_buffer kinds[KINDS] = {SN_BUFFER_WEIGHTS, SN_BUFFER_STATS, SN_BUFFER_SLOT0, SN_BUFFER_SLOT1};

static float **field(float_buffers *b, int kind) {
    float **const all[KINDS] = {&b->weights, &b->stats, &b->slot[0], &b->slot[1]};
    return all[kind];
}

static void unmap_buffers(const sn_run *r, float_buffers *b) {
    for (int i = 0; i < KINDS; i++)
        if (*field(b, i)) sn_memory_unmap(r->net->memory, kinds[i], *field(b, i));
}

static sn_status map_buffers(const sn_run *r, float_buffers *b) {
    for (int i = 0; i < KINDS; i++)
        if (!(*field(b, i) = (float *)sn_memory_map(r->net->memory, kinds[i]))) {
            unmap_buffers(r, b);
            return SN_RESOURCE;
        }
    return SN_OK;
}

static void free_copies(float_buffers *b) {
    for (int i = 0; i < KINDS; i++) free(*field(b, i));
}

static sn_status copy_buffers(const sn_run *r, float_buffers *b) {
    for (int i = 0; i < KINDS; i++) {
        int64_t n = sn_memory_elements(r->net->memory, kinds[i]);
        if (!(*field(b, i) = sn_new((size_t)n, sizeof(float)))) {
            free_copies(b);
            return SN_RESOURCE;
        }
        if (n) sn_memory_get(r->net->memory, kinds[i], 0, *field(b, i), n);
    }
    return SN_OK;
}

static void put_buffers(sn_run *r, float_buffers *b) {
    for (int i = 0; i < KINDS; i++) {
        int64_t n = sn_memory_elements(r->net->memory, kinds[i]);
        if (n) sn_memory_put(r->net->memory, kinds[i], 0, *field(b, i), n);
    }
}

static sn_checkpoint describe(const sn_run *r, const float_buffers *b) {
    sn_checkpoint c = {.step = r->step,
                       .best = r->best,
                       .best_step = r->best_step,
                       .channels = r->space->channels,
                       .option_passes = r->option_passes,
                       .n_option_passes = r->n_option_passes,
                       .params = &r->graph->params,
                       .slot_name = {slot_name(r, 0), slot_name(r, 1)},
                       .weights = b->weights,
                       .slot = {b->slot[0], b->slot[1]},
                       .stats = b->stats,
                       .updates = r->optim->updates,
                       .fingerprint = sn_dataset_fingerprint(r->data),
                       .mean = sn_dataset_mean(r->data),
                       .std = sn_dataset_std(r->data)};
    if (r->alphas) {
        c.n_alphas = r->alphas->places;
        c.alpha = r->alphas->alpha, c.alpha_avg = r->alphas->avg, c.alpha_avg_sq = r->alphas->avg_sq;
        c.n_alpha_counts = SN_ALPHA_COUNTS;
        c.alpha_counts = r->alphas->counts;
        c.n_history = SN_MONITOR_EPOCHS * SN_MONITOR_VALUES;
        c.history = &r->alphas->history[0][0];
    }
    return c;
}

static char *class_names(const sn_run *r) {
    char *all = sn_strdup("");
    for (int i = 0; all && i < sn_dataset_classes(r->data); i++) {
        char *longer = sn_format("%s%s%s", all, i ? "\n" : "", sn_dataset_class_name(r->data, i));
        free(all);
        all = longer;
    }
    return all;
}

size_t sn_run_checkpoint_bytes(const sn_run *r) {
    return sn_checkpoint_bytes(&r->graph->params, r->net->slots);
}

sn_status sn_run_save(const sn_run *r, const char *path) {
    float_buffers b = {0};
    SN_TRY(map_buffers(r, &b));
    sn_checkpoint c = describe(r, &b);
    char *config = sn_config_resolved(r->config, false), *names = class_names(r);
    c.config = config, c.class_names = names;
    sn_status s = config && names ? sn_checkpoint_save(path, &c) : SN_RESOURCE;
    free(config);
    free(names);
    unmap_buffers(r, &b);
    return s;
}

static sn_status load(sn_run *r, const sn_checkpoint_file *f, const char *path) {
    if (strcmp(sn_checkpoint_fingerprint(f), sn_dataset_fingerprint(r->data)))
        return sn_error(SN_DATA, "%s was trained on other data than %s: fingerprint %s, now %s", path, r->config->data.source,
                        sn_checkpoint_fingerprint(f), sn_dataset_fingerprint(r->data));
    if (sn_checkpoint_step(f) > sn_run_steps(r))
        return sn_error(SN_DATA, "%s: step %lld, but the training of its config has %lld", path, (long long)sn_checkpoint_step(f),
                        (long long)sn_run_steps(r));
    float_buffers b = {0};
    SN_TRY(copy_buffers(r, &b));
    sn_checkpoint c = describe(r, &b);
    sn_status s = sn_checkpoint_read(f, &c, r->option_passes, NULL, NULL);
    if (s == SN_OK) {
        put_buffers(r, &b);
        r->step = c.step, r->best = c.best, r->best_step = c.best_step;
    }
    free_copies(&b);
    return s;
}

sn_status sn_run_load(sn_run *r, const char *path) {
    sn_checkpoint_file *f;
    SN_TRY(sn_checkpoint_open(path, &f));
    sn_status s = load(r, f, path);
    sn_checkpoint_close(f);
    return s;
}

// ---------------------------------------------------------------- the newest checkpoint
// Of a folder: the newest that is whole. All zero: there is none at all.
typedef struct {
    sn_checkpoint_file *file;
    char *path;
    char *passed_over; // see run.h
} newest;

static void newest_free(newest *w) {
    sn_checkpoint_close(w->file);
    free(w->path);
    free(w->passed_over);
}

// A checkpoint that cannot be looked into is no damaged one: going on from an older one would lose it. *there: it still is.
static sn_status check_readable(const char *path, bool *there) {
    struct stat st;
    *there = !lstat(path, &st);
    if (!*there) return errno == ENOENT ? SN_OK : sn_file_failed(path, "look at it", SN_FAIL);
    if (!S_ISREG(st.st_mode))
        return sn_error(SN_FAIL, "%s: not a regular file; allowed are those, or none of that name: move it away", path);
    return faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) ? sn_file_failed(path, "read", SN_FAIL) : SN_OK;
}

static sn_status pass_over(newest *w) {
    char *text = w->passed_over ? sn_format("%s; an older one is damaged too", w->passed_over) : sn_strdup(sn_error_text());
    if (!text) return SN_RESOURCE;
    free(w->passed_over);
    w->passed_over = text;
    return SN_OK;
}

// w->file stays NULL where the checkpoint is not there any more or damaged.
static sn_status try_checkpoint(const char *folder, int64_t step, newest *w) {
    bool there = false;
    char *path = sn_folder_checkpoint(folder, step);
    sn_status s = path ? check_readable(path, &there) : SN_RESOURCE;
    if (s == SN_OK && there) s = sn_checkpoint_open(path, &w->file);
    if (s == SN_DATA) s = pass_over(w);
    if (w->file)
        w->path = path;
    else
        free(path);
    return s;
}

static sn_status open_newest(const char *folder, newest *w) {
    int64_t *steps;
    int n;
    SN_TRY(sn_folder_steps(folder, &steps, &n));
    sn_status s = SN_OK;
    for (int i = 0; i < n && s == SN_OK && !w->file; i++) s = try_checkpoint(folder, steps[i], w);
    free(steps);
    if (s == SN_OK && !w->file && w->passed_over)
        s = sn_error(SN_DATA, "%s has no checkpoint that is whole: %s; without its checkpoints it can be trained anew", folder,
                     w->passed_over);
    return s;
}

// Holds a config against the one in the checkpoint, both with the overrides.
static sn_status compare_configs(const newest *w, const sn_config *config, const char *const *overrides, int n,
                                 sn_config_change *change) {
    const char *text = sn_checkpoint_config(w->file);
    sn_config *before;
    SN_TRY(sn_config_embedded(text, strlen(text), w->path, overrides, n, &before));
    sn_status s = sn_config_difference(before, config, SN_BINDS_TRAINING | SN_BINDS_STEPS, change);
    sn_config_free(before);
    return s;
}

// Makes the run and gives it the checkpoint's state, if there is one. Takes over the config.
static sn_status make_from(newest *w, sn_config *config, const char *folder, const volatile sig_atomic_t *stop, sn_run **out) {
    sn_run *r;
    SN_TRY(sn_run_create(config, stop, &r));
    sn_status s = (r->folder = sn_strdup(folder)) ? SN_OK : SN_RESOURCE;
    if (s == SN_OK && w->file) s = load(r, w->file, w->path);
    r->passed_over = w->passed_over;
    w->passed_over = NULL;
    if (s != SN_OK)
        sn_run_free(r);
    else
        *out = r;
    return s;
}

// ---------------------------------------------------------------- training in a folder
// A training goes on only under the config that it began with.
static sn_status check_same(const newest *w, const sn_config *config) {
    sn_config_change change;
    SN_TRY(compare_configs(w, config, NULL, 0, &change));
    if (!change.key[0]) return SN_OK;
    bool arch = !strcmp(change.key, "space.arch"), epochs = !strcmp(change.key, "train.epochs");
    return sn_error(
        SN_CONFIG,
        "%s was trained with another config: %s was %s, now %s; go on with %s%s%s%s, or choose another folder (-o; retrain, "
        "finals: --name)%s",
        w->path, change.key, change.first, change.second, arch ? "--arch" : "--set ", arch ? "" : change.key, arch ? " " : "=",
        change.first, epochs ? "; more epochs for a finished run: `supernet train RUN --extend N -o NEW`" : "");
}

// Writes nothing when nothing is new, so that a finished run on a full disk still says that it is finished.
static sn_status write_config(const sn_run *r) {
    char *path = sn_folder_file(r->folder, "config.yaml"), *text = sn_config_resolved(r->config, true), *before = NULL;
    sn_status s = path && text ? SN_OK : SN_RESOURCE;
    bool same = s == SN_OK && !access(path, F_OK) && sn_text_read(path, &before) == SN_OK && !strcmp(text, before);
    if (s == SN_OK && !same) s = sn_text_write(path, text);
    free(before);
    free(text);
    free(path);
    return s;
}

sn_status sn_run_begin(sn_config *config, const char *folder, const volatile sig_atomic_t *stop, sn_run **out) {
    newest w = {0};
    sn_run *r = NULL;
    sn_status s = open_newest(folder, &w);
    if (s == SN_OK && w.file) s = check_same(&w, config);
    if (s == SN_OK)
        s = make_from(&w, config, folder, stop, &r);
    else
        sn_config_free(config);
    newest_free(&w);
    if (s == SN_OK && r->passed_over) s = sn_folder_set_aside(folder, r->step);
    if (s == SN_OK) s = write_config(r);
    if (s != SN_OK)
        sn_run_free(r);
    else
        *out = r;
    return s;
}

sn_status sn_run_continue(sn_run *r, const char *path) {
    SN_TRY(sn_run_load(r, path));
    r->best = NAN, r->best_step = 0;
    return SN_OK;
}

// ---------------------------------------------------------------- opening
// What config.yaml says must be what the weights were trained with: with another seed, training images would score.
static sn_status check_held(const newest *w, const sn_config *config, const char *folder, const char *const *overrides, int n) {
    sn_config_change change;
    SN_TRY(compare_configs(w, config, overrides, n, &change));
    if (!change.key[0]) return SN_OK;
    return sn_error(SN_CONFIG, "%s/config.yaml was changed: %s is %s, but %s was trained with %s; write that back", folder,
                    change.key, change.second, w->path, change.first);
}

static sn_status open_folder(const char *path, const char *const *overrides, int n, const volatile sig_atomic_t *stop,
                             sn_run **out) {
    char *config_path = sn_folder_file(path, "config.yaml");
    sn_config *config = NULL;
    newest w = {0};
    sn_status s = config_path ? sn_config_of_folder(config_path, overrides, n, &config) : SN_RESOURCE;
    free(config_path);
    if (s == SN_OK) s = open_newest(path, &w);
    if (s == SN_OK && !w.file) s = sn_error(SN_DATA, "%s has no checkpoint yet: train it first", path);
    if (s == SN_OK) s = check_held(&w, config, path, overrides, n);
    if (s == SN_OK)
        s = make_from(&w, config, path, stop, out);
    else
        sn_config_free(config);
    newest_free(&w);
    return s;
}

static sn_status open_checkpoint(const char *path, const char *const *overrides, int n, const volatile sig_atomic_t *stop,
                                 sn_run **out) {
    sn_checkpoint_file *f;
    SN_TRY(sn_checkpoint_open(path, &f));
    sn_config *config;
    const char *text = sn_checkpoint_config(f);
    sn_status s = sn_config_embedded(text, strlen(text), path, overrides, n, &config);
    sn_run *r = NULL;
    if (s == SN_OK) s = sn_run_create(config, stop, &r);
    if (s == SN_OK) s = load(r, f, path);
    sn_checkpoint_close(f);
    if (s != SN_OK)
        sn_run_free(r);
    else
        *out = r;
    return s;
}

// What a run was made with stays: other splits would score it on images it has learned, other names would not be found again.
// Keys that do not exist are left to the config's reader, which knows the nearest.
static sn_status check_override(const char *path, const char *override) {
    char allowed[256];
    if (!(sn_config_binds(override) & SN_BINDS_TRAINING)) return SN_OK;
    return sn_error(SN_CONFIG, "--set %s: what %s was made with stays; allowed are %s", override, path,
                    sn_config_free_keys(SN_BINDS_TRAINING, allowed, sizeof allowed));
}

sn_status sn_run_open(const char *path, const char *const *overrides, int n, const volatile sig_atomic_t *stop, sn_run **out) {
    struct stat st;
    if (stat(path, &st)) return sn_error(SN_USAGE, "there is no run folder or checkpoint %s", path);
    for (int i = 0; i < n; i++) SN_TRY(check_override(path, overrides[i]));
    return (S_ISDIR(st.st_mode) ? open_folder : open_checkpoint)(path, overrides, n, stop, out);
}

// ---------------------------------------------------------------- an epoch
int64_t sn_run_epoch_steps(const sn_run *r) {
    return r->images / r->config->train.batch;
}

// "epochs 3, 8, 9" of the checkpoints that end one, oldest first.
static char *kept_epochs(const sn_run *r, const int64_t *steps, int n) {
    char *all = sn_strdup("");
    int found = 0;
    for (int i = n - 1; all && i >= 0; i--) {
        if (steps[i] % sn_run_epoch_steps(r)) continue;
        char *longer = sn_format("%s%s%lld", all, found++ ? ", " : "", (long long)(steps[i] / sn_run_epoch_steps(r)));
        free(all);
        all = longer;
    }
    return all;
}

sn_status sn_run_to_epoch(sn_run *r, int64_t epoch) {
    int64_t *steps, wanted = epoch * sn_run_epoch_steps(r);
    int n;
    bool there = false;
    if (!r->folder)
        return sn_error(SN_USAGE, "a checkpoint file is of one epoch: found one beside epoch %lld; a run folder is needed",
                        (long long)epoch);
    SN_TRY(sn_folder_steps(r->folder, &steps, &n));
    for (int i = 0; i < n; i++) there = there || steps[i] == wanted;
    char *kept = kept_epochs(r, steps, n), *path = sn_folder_checkpoint(r->folder, wanted);
    sn_status s = kept && path ? SN_OK : SN_RESOURCE;
    if (s == SN_OK && there)
        s = sn_run_load(r, path);
    else if (s == SN_OK)
        s = sn_error(SN_USAGE, "%s has no checkpoint of epoch %lld; there are those of epochs %s (train.keep says how many stay)",
                     r->folder, (long long)epoch, *kept ? kept : "- none -");
    free(kept);
    free(path);
    free(steps);
    return s;
}

// ---------------------------------------------------------------- images for scoring
size_t sn_run_picture(const sn_run *r) {
    return (size_t)sn_dataset_height(r->data) * (size_t)sn_dataset_width(r->data) * (size_t)r->space->channels;
}

size_t sn_run_image(const sn_run *r) {
    return (size_t)r->space->height * (size_t)r->space->width * (size_t)r->space->channels;
}

static sn_status read_view(void *arg, long first, long n, float *images, int32_t *labels) {
    sn_view_of_split *v = arg;
    SN_TRY(sn_dataset_read(v->run->data, v->split, v->order + first, n, v->pixels, labels));
    for (long i = 0; i < n; i++)
        sn_augment_image(&v->run->plain, NULL, v->pixels + (size_t)i * sn_run_picture(v->run),
                         images + (size_t)i * sn_run_image(v->run));
    return SN_OK;
}

sn_status sn_run_source(const sn_run *r, sn_split split, long count, long batch, sn_view_of_split *view, sn_source *out) {
    static const char *const names[] = {"training", "validation", "test"};
    long all = sn_dataset_count(r->data, split);
    if (all < 1) return sn_error(SN_USAGE, "%s has no %s images", r->config->data.source, names[split]);
    *view = (sn_view_of_split){r, split, sn_new((size_t)all, sizeof(uint32_t)), sn_new((size_t)batch, sn_run_picture(r))};
    if (!view->order || !view->pixels) {
        sn_run_source_free(view);
        return SN_RESOURCE;
    }
    sn_rng rng = sn_rng_at((uint32_t)r->config->data.seed, SN_STREAM_CALIB, (uint32_t)split, 0, 0);
    sn_rng_permutation(&rng, (uint32_t)all, view->order);
    *out = (sn_source){count > 0 && count < all ? count : all, view, read_view};
    return SN_OK;
}

void sn_run_source_free(sn_view_of_split *v) {
    free(v->order);
    free(v->pixels);
    *v = (sn_view_of_split){0};
}
