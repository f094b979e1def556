// Training in a run folder; see training.h.
#include "training.h"
#include "base/clock.h"
#include "supernet/train/train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
static sn_status start(const cli *c, sn_run *r, const char *inherit) {
    int taken;
    if (r->passed_over) cli_warn("passed over and renamed *.damaged: %s", r->passed_over);
    if (r->step && r->step < sn_run_steps(r)) cli_say(c, "resuming after step %lld", (long long)r->step);
    if (r->step || !inherit) return SN_OK;
    SN_TRY(sn_run_inherit(r, inherit, &taken));
    cli_say(c, "%d of %d parameters start from %s", taken, r->graph->params.n, inherit);
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

static sn_status train_run(const cli *c, sn_run *r, const sn_folder *folder) {
    char *log = sn_folder_file(r->folder, "log.jsonl"), text[32];
    if (!log) return SN_RESOURCE;
    watcher w = {.c = c, .start = sn_now(), .first = r->step};
    sn_train_watch watch = {.stop = &cli_stop, .arg = &w, .event = on_event, .log = log, .folder = folder};
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
    sn_folder *lock = NULL;
    sn_run *r = NULL;
    sn_status s = cli_lock(c, folder, &lock);
    if (s == SN_OK)
        s = sn_run_begin(config, folder, &cli_stop, &r);
    else
        sn_config_free(config);
    if (s == SN_OK) s = start(c, r, inherit);
    if (s == SN_OK) s = train_run(c, r, lock);
    sn_folder_close(lock);
    if (s == SN_OK)
        *out = r;
    else
        sn_run_free(r);
    return s;
}
