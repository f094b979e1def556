// Training in a run folder; see training.h.
#include "training.h"
#include "base/clock.h"
#include "io/files/checkpoint.h"
#include "supernet/train/train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ---------------------------------------------------------------- progress
typedef struct {
    const cli *c;
    double start;
    int64_t first; // step at the start
    bool forecast; // of the end was printed
} watcher;

static void on_step(watcher *w, const sn_event *e) {
    double spent = sn_now() - w->start, each = spent / (double)(e->step - w->first), left = each * (double)(e->steps - e->step);
    char text[32];
    char speed[32] = "";
    if (e->images_per_second > 0) snprintf(speed, sizeof speed, " %.0f images/s,", e->images_per_second);
    cli_progress(w->c, (double)e->step / (double)e->steps, "epoch %.2f, loss %.3f, accuracy %.3f, lr %.4f,%s %s left",
                 (double)e->step / (double)e->steps_per_epoch, e->loss, e->accuracy, e->lr, speed, cli_duration(left, text));
    if (w->forecast || spent < 60) return;
    w->forecast = true;
    cli_say(w->c, "forecast after a minute: %s more", cli_duration(left, text));
}

static void on_event(void *arg, const sn_event *e) {
    watcher *w = arg;
    switch (e->kind) {
    case SN_EVENT_STEP:
        on_step(w, e);
        break;
    case SN_EVENT_VALIDATION:
        cli_say(w->c, "epoch %lld: mean accuracy of the validation paths %.4f", (long long)(e->step / e->steps_per_epoch),
                e->validation);
        break;
    case SN_EVENT_WARNING:
        cli_say(w->c, "warning: %s", e->text);
        break;
    case SN_EVENT_SAVED:
        break;
    }
}

// ---------------------------------------------------------------- the folder
// A folder belongs to the config of its checkpoints; before the first one it is free.
static sn_status check_same_config(const sn_config *config, const char *folder, const char *path) {
    int64_t *steps;
    int n;
    SN_TRY(sn_folder_steps(folder, &steps, &n));
    free(steps);
    if (!n || access(path, F_OK)) return SN_OK;
    sn_config *before;
    sn_config_change change;
    SN_TRY(sn_config_load(path, NULL, 0, &before));
    sn_status s = sn_config_difference(before, config, &change);
    sn_config_free(before);
    SN_TRY(s);
    if (!change.key[0]) return SN_OK;
    return sn_error(SN_CONFIG, "%s belongs to another config: %s was %s, now %s; choose another folder (-o, retrain: --name)",
                    path, change.key, change.first, change.second);
}

// Writes nothing when nothing is new, so that a finished run on a full disk still says that it is finished.
static sn_status write_config(const sn_config *config, const char *path) {
    char *text = sn_config_resolved(config, true), *before = NULL;
    if (!text) return SN_RESOURCE;
    bool same = !access(path, F_OK) && sn_text_read(path, &before) == SN_OK && !strcmp(text, before);
    sn_status s = same ? SN_OK : sn_text_write(path, text);
    free(before);
    free(text);
    return s;
}

// Weights of equal names and shapes from another run's newest checkpoint, or a checkpoint file.
static sn_status inherit_weights(const cli *c, sn_run *r, const char *from) {
    sn_checkpoint_file *f;
    int taken;
    SN_TRY(sn_checkpoint_open(from, &f));
    const sn_params *p = &r->graph->params;
    float *weights = sn_new((size_t)p->total, sizeof *weights), *stats = sn_new((size_t)p->stats_total, sizeof *stats);
    sn_status s = weights && stats ? SN_OK : SN_RESOURCE;
    if (s == SN_OK) {
        sn_memory_get(r->net->memory, SN_BUFFER_WEIGHTS, 0, weights, p->total);
        sn_memory_get(r->net->memory, SN_BUFFER_STATS, 0, stats, p->stats_total);
        s = sn_checkpoint_read_weights(f, p, weights, stats, &taken);
    }
    if (s == SN_OK) {
        sn_memory_put(r->net->memory, SN_BUFFER_WEIGHTS, 0, weights, p->total);
        sn_memory_put(r->net->memory, SN_BUFFER_STATS, 0, stats, p->stats_total);
        cli_say(c, "%d of %d parameters start from %s", taken, p->n, from);
    }
    free(weights);
    free(stats);
    sn_checkpoint_close(f);
    return s;
}

static sn_status resume_or_start(const cli *c, sn_run *r, const char *folder, const char *inherit) {
    bool found;
    SN_TRY(sn_run_resume(r, folder, &found));
    if (r->passed_over) cli_say(c, "warning: passed over and renamed *.damaged: %s", r->passed_over);
    if (found && r->step < sn_run_steps(r)) cli_say(c, "resuming after step %lld", (long long)r->step);
    if (!found && inherit) SN_TRY(inherit_weights(c, r, inherit));
    return SN_OK;
}

// After a divergence.
static void say_what_stands(const char *folder) {
    char text[1024];
    int64_t *steps;
    int n = 0;
    snprintf(text, sizeof text, "%s", sn_error_text());
    if (sn_folder_steps(folder, &steps, &n) == SN_OK) free(steps);
    if (n)
        sn_error(SN_DIVERGED, "%s; the last checkpoints stand, in %s/checkpoints", text, folder);
    else
        sn_error(SN_DIVERGED, "%s; no checkpoint had been made yet", text);
}

static sn_status train_run(const cli *c, sn_run *r) {
    char *log = sn_folder_file(r->folder, "log.jsonl"), text[32];
    if (!log) return SN_RESOURCE;
    watcher w = {.c = c, .start = sn_now(), .first = r->step};
    sn_train_watch watch = {.stop = &cli_stop, .arg = &w, .event = on_event, .log = log};
    int64_t before = r->step;
    sn_status s = sn_train(r, &watch);
    if (s == SN_OK && r->step == before)
        cli_say(c, "%s is finished: %lld steps; nothing to do", r->folder, (long long)r->step);
    else if (s == SN_OK)
        cli_say(c, "trained in %s", cli_duration(sn_now() - w.start, text));
    else if (s == SN_DIVERGED)
        say_what_stands(r->folder);
    free(log);
    return s;
}

sn_status train_in_folder(const cli *c, sn_config *config, const char *folder, const char *inherit, sn_run **out) {
    char *path = sn_folder_file(folder, "config.yaml");
    sn_folder *lock = NULL;
    sn_run *r = NULL;
    sn_status s = path ? cli_lock(c, folder, &lock) : SN_RESOURCE;
    if (s == SN_OK) s = check_same_config(config, folder, path);
    if (s == SN_OK)
        s = sn_run_create(config, &cli_stop, &r);
    else
        sn_config_free(config);
    if (s == SN_OK) s = write_config(r->config, path);
    if (s == SN_OK) s = (r->folder = sn_strdup(folder)) ? SN_OK : SN_RESOURCE;
    if (s == SN_OK) s = resume_or_start(c, r, folder, inherit);
    if (s == SN_OK) s = train_run(c, r);
    sn_folder_close(lock);
    free(path);
    if (s == SN_OK)
        *out = r;
    else
        sn_run_free(r);
    return s;
}
