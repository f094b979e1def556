// Runs: made from a config, saved to and read from checkpoints, with sources of images for scoring; see run.h.
#include "supernet/train/run.h"
#include "io/files/checkpoint.h"
#include "io/files/runfolder.h"
#include "sampler/sampler.h"

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
        o = (sn_augment_options){c->data.augment.resized ? SN_CROP_RESIZED : SN_CROP_SHIFT,
                                 c->data.augment.resized ? 0 : c->data.augment.crop, c->data.augment.flip,
                                 c->data.augment.cutout};
    return sn_augment_init(out, &o, c->space.input.channels, sn_dataset_height(r->data), sn_dataset_width(r->data),
                           c->space.input.height, c->space.input.width, sn_dataset_mean(r->data), sn_dataset_std(r->data));
}

static sn_optim_settings optim_settings(const sn_config_optimizer *c) {
    return (sn_optim_settings){.kind = c->name == SN_OPTIMIZER_ADAM ? SN_OPTIM_ADAM : SN_OPTIM_SGD,
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
    SN_TRY(sn_supernet_create(r->graph, r->backend, sn_optim_slots(&settings), (uint32_t)r->config->train.seed, &r->net));
    SN_TRY(sn_optim_create(r->net, &settings, &r->optim));
    r->n_option_passes = sn_space_options(r->space);
    r->option_passes = sn_new((size_t)r->n_option_passes, sizeof *r->option_passes);
    return r->option_passes ? SN_OK : SN_RESOURCE;
}

static sn_status check_training(const sn_run *r) {
    long images = sn_dataset_count(r->data, SN_TRAIN);
    if (images < r->config->train.batch)
        return sn_error(SN_CONFIG, "train.batch is %d, but %s has only %ld training images", r->config->train.batch,
                        r->config->data.source, images);
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
                         .images = c->data.images,
                         .use_validation = c->train.use_validation,
                         .store = c->data.store,
                         .seed = (uint32_t)c->train.seed,
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
    if (s == SN_OK) s = check_training(r);
    if (s == SN_OK) s = make_augment(r, false, &r->augment);
    if (s == SN_OK) s = make_augment(r, true, &r->plain);
    if (s == SN_OK) s = make_net(r);
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
    sn_config_free(r->config);
    free(r->option_passes);
    free(r->folder);
    free(r->passed_over);
    free(r);
}

int64_t sn_run_steps(const sn_run *r) {
    return sn_dataset_count(r->data, SN_TRAIN) / r->config->train.batch * r->config->train.epochs;
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
    return (sn_checkpoint){.step = r->step,
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

// A training goes on only under the config that it began with.
static sn_status check_config(const sn_run *r, const sn_checkpoint_file *f, const char *path) {
    const char *text = sn_checkpoint_config(f);
    sn_config *before;
    sn_config_change change;
    SN_TRY(sn_config_parse(text, strlen(text), path, NULL, 0, &before));
    sn_status s = sn_config_difference(before, r->config, &change);
    sn_config_free(before);
    SN_TRY(s);
    if (!change.key[0]) return SN_OK;
    return sn_error(SN_CONFIG, "%s was trained with another config: %s was %s, now %s; choose another folder with -o", path,
                    change.key, change.first, change.second);
}

// Remembers in the run that a damaged file is not used; the message says why.
static sn_status pass_over(sn_run *r, bool first) {
    char *text = first ? sn_strdup(sn_error_text()) : sn_format("%s; an older one is damaged too", r->passed_over);
    if (!text) return SN_RESOURCE;
    free(r->passed_over);
    r->passed_over = text;
    return SN_OK;
}

// Opens the newest checkpoint that is whole; *out is NULL when the folder has none at all. *path is the caller's.
static sn_status open_newest(sn_run *r, const char *folder, sn_checkpoint_file **out, char **path) {
    int64_t *steps;
    int n, i = 0;
    SN_TRY(sn_folder_steps(folder, &steps, &n));
    sn_status s = SN_OK;
    for (; i < n; i++) {
        *path = sn_folder_checkpoint(folder, steps[i]);
        s = *path ? sn_checkpoint_open(*path, out) : SN_RESOURCE;
        if (s == SN_DATA) s = pass_over(r, i == 0);
        if (*out || s != SN_OK) break;
        free(*path);
        *path = NULL;
    }
    free(steps);
    if (s == SN_OK && n && i == n)
        s = sn_error(SN_DATA, "%s has no checkpoint that is whole: %s; without its checkpoints it can be trained anew", folder,
                     r->passed_over);
    return s;
}

static sn_status load_newest(sn_run *r, const char *folder, bool same_config, bool *found) {
    sn_checkpoint_file *f = NULL;
    char *path = NULL;
    sn_status s = open_newest(r, folder, &f, &path);
    *found = f != NULL;
    if (s == SN_OK && f && same_config) s = check_config(r, f, path);
    if (s == SN_OK && f) s = load(r, f, path);
    sn_checkpoint_close(f);
    free(path);
    return s;
}

sn_status sn_run_resume(sn_run *r, const char *folder, bool *found) {
    SN_TRY(load_newest(r, folder, true, found));
    return r->passed_over ? sn_folder_set_aside(folder, r->step) : SN_OK;
}

// ---------------------------------------------------------------- opening
static sn_status open_folder(const char *path, const char *const *overrides, int n, const volatile sig_atomic_t *stop,
                             sn_run **out) {
    char *config_path = sn_folder_file(path, "config.yaml");
    sn_config *config;
    sn_status s = config_path ? sn_config_load(config_path, overrides, n, &config) : SN_RESOURCE;
    free(config_path);
    if (s != SN_OK) return s;
    sn_run *r;
    SN_TRY(sn_run_create(config, stop, &r));
    bool found;
    s = load_newest(r, path, false, &found);
    if (s == SN_OK && !found) s = sn_error(SN_DATA, "%s has no checkpoint yet: train it first", path);
    r->folder = s == SN_OK ? sn_strdup(path) : NULL;
    if (s == SN_OK && !r->folder) s = SN_RESOURCE;
    if (s != SN_OK)
        sn_run_free(r);
    else
        *out = r;
    return s;
}

static sn_status open_checkpoint(const char *path, const char *const *overrides, int n, const volatile sig_atomic_t *stop,
                                 sn_run **out) {
    sn_checkpoint_file *f;
    SN_TRY(sn_checkpoint_open(path, &f));
    sn_config *config;
    const char *text = sn_checkpoint_config(f);
    sn_status s = sn_config_parse(text, strlen(text), path, overrides, n, &config);
    sn_checkpoint_close(f);
    if (s != SN_OK) return s;
    sn_run *r;
    SN_TRY(sn_run_create(config, stop, &r));
    s = sn_run_load(r, path);
    if (s != SN_OK)
        sn_run_free(r);
    else
        *out = r;
    return s;
}

// What a run was made with stays: other splits would score it on images it has learned, other names would not be found again.
// Keys that do not exist are left to the config's reader, which knows the nearest.
static sn_status check_override(const char *path, const char *override) {
    static const char *const free_keys[] = {"rank",       "retrain",     "export",  "data.augment", "data.source",
                                            "data.cache", "data.memory", "threads", "device"};
    char allowed[256] = "";
    if (!strncmp(override, "--", 2) || !sn_config_knows(override)) return SN_OK; // --threads and --device
    for (size_t k = 0, used = 0; k < sizeof free_keys / sizeof *free_keys; k++) {
        size_t n = strlen(free_keys[k]);
        if (!strncmp(override, free_keys[k], n) && strchr(".=", override[n])) return SN_OK;
        used += (size_t)snprintf(allowed + used, sizeof allowed - used, "%s%s", k ? ", " : "", free_keys[k]);
    }
    return sn_error(SN_CONFIG, "--set %s: what %s was made with stays; allowed are %s", override, path, allowed);
}

sn_status sn_run_open(const char *path, const char *const *overrides, int n, const volatile sig_atomic_t *stop, sn_run **out) {
    struct stat st;
    if (stat(path, &st)) return sn_error(SN_USAGE, "there is no run folder or checkpoint %s", path);
    for (int i = 0; i < n; i++) SN_TRY(check_override(path, overrides[i]));
    return (S_ISDIR(st.st_mode) ? open_folder : open_checkpoint)(path, overrides, n, stop, out);
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
    sn_rng rng = sn_rng_at((uint32_t)r->config->train.seed, SN_STREAM_CALIB, (uint32_t)split, 0, 0);
    sn_rng_permutation(&rng, (uint32_t)all, view->order);
    *out = (sn_source){count > 0 && count < all ? count : all, view, read_view};
    return SN_OK;
}

void sn_run_source_free(sn_view_of_split *v) {
    free(v->order);
    free(v->pixels);
    *v = (sn_view_of_split){0};
}
