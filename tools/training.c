// Training in a run folder; see training.h.
#include "training.h"
#include "base/clock.h"
#include "base/hash.h"
#include "supernet/train/train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------- progress
typedef struct {
    const cli *c;
    const sn_run *run;
    double start;
    int64_t first, end;    // steps at the start and where it ends
    const char *name;      // or ""
    int64_t epoch, steps;  // the epoch under way, and how many of its steps were seen
    double loss, accuracy; // sums over these
} watcher;

static void on_step(watcher *w, const sn_event *e) {
    double spent = sn_now() - w->start;
    char text[32], speed[32] = "";
    int64_t epoch = (e->step - 1) / e->steps_per_epoch;
    if (e->step <= w->first) w->first = e->step - 1, w->start = sn_now(), spent = 0; // a search that went back
    double left = spent / (double)(e->step - w->first) * (double)(w->end - e->step);
    if (epoch != w->epoch) w->epoch = epoch, w->steps = 0, w->loss = w->accuracy = 0;
    w->steps++;
    w->loss += e->loss;
    w->accuracy += e->accuracy;
    if (e->images_per_second > 0) snprintf(speed, sizeof speed, ", %.0f images/s", e->images_per_second);
    cli_progress(w->c, (double)e->step / (double)w->end, "%s%s left, epoch %.2f/%lld, mean loss %.3f, top-1 %.3f%s, lr %.4f",
                 w->name, cli_duration(left, text), (double)e->step / (double)e->steps_per_epoch,
                 (long long)(e->steps / e->steps_per_epoch), w->loss / (double)w->steps, w->accuracy / (double)w->steps, speed,
                 e->lr);
}

static void say_likeliest(const watcher *w, const sn_event *e) {
    char text[SN_ARCH_TEXT];
    sn_cost cost = {0, 0};
    sn_cost_arch(w->run->graph, e->arch, &cost);
    cli_say(w->c, "epoch %lld: likeliest %s, %.4g MMACs: accuracy %.4f with the shared weights; the mixture %.4f",
            (long long)(e->step / e->steps_per_epoch), sn_arch_text(w->run->space, e->arch, text), (double)cost.macs * 1e-6,
            e->validation, e->mixture);
}

static void on_event(void *arg, const sn_event *e) {
    watcher *w = arg;
    switch (e->kind) {
    case SN_EVENT_STEP:
        on_step(w, e);
        break;
    case SN_EVENT_VALIDATION:
        if (!*w->name && !isnan(e->mixture)) {
            say_likeliest(w, e);
        } else if (!*w->name)
            cli_say(w->c, "epoch %lld: mean accuracy of the validation paths %.4f", (long long)(e->step / e->steps_per_epoch),
                    e->validation);
        break;
    case SN_EVENT_WARNING:
        if (!w->c->quiet) cli_warn("%s%s", w->name, e->text);
        break;
    case SN_EVENT_SAVED:
        break;
    }
}

// ---------------------------------------------------------------- the folder
static sn_status extend(const cli *c, sn_run *r, const sn_extension *e) {
    static const char *const goes_on[] = {"as the cosine of the whole new length goes on", "as the schedule's steps go on",
                                          "and constant"};
    const sn_config *config = r->config;
    SN_TRY(sn_extension_begin(e, r));
    cli_say(c, "%s of %d epoch%s goes on in %s to %d epochs, from step %lld to %lld", e->run, e->epochs, cli_plural(e->epochs),
            r->folder, config->train.epochs, (long long)r->step, (long long)sn_run_steps(r));
    cli_say(c, "learning rate %.4g from there on, %s; it had ended at %.4g", sn_run_lr(r, r->step),
            goes_on[config->train.optimizer.schedule], e->lr);
    return SN_OK;
}

static sn_status start(const cli *c, sn_run *r, const training *t) {
    int taken;
    if (r->passed_over) cli_warn("passed over and renamed *.damaged: %s", r->passed_over);
    if (!t->name) cli_say_data(c, r);
    if (r->step && r->step < sn_run_steps(r) && !t->name) cli_say(c, "resuming after step %lld", (long long)r->step);
    if (!r->step && t->extension) return extend(c, r, t->extension);
    if (r->step || !t->inherit) return SN_OK;
    SN_TRY(sn_run_inherit(r, t->inherit, &taken));
    if (!t->name) cli_say(c, "%d of %d parameters start from %s", taken, r->graph->params.n, t->inherit);
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

static sn_status train_run(const cli *c, sn_run *r, const training *t, const sn_folder *folder) {
    int64_t before = r->step, steps = sn_run_steps(r), end = t->epochs ? steps / r->config->train.epochs * t->epochs : steps;
    char *log = sn_folder_file(r->folder, "log.jsonl"), text[32];
    if (!log) return SN_RESOURCE;
    watcher w = {.c = c, .run = r, .start = sn_now(), .first = before, .end = end, .name = t->name ? t->name : ""};
    sn_train_watch watch = {.stop = &cli_stop, .arg = &w, .event = on_event, .log = log, .folder = folder, .until = end};
    sn_status s = before > end
                      ? sn_error(SN_FAIL, "%s is at step %lld already, beyond step %lld, after which it was to be scored",
                                 r->folder, (long long)before, (long long)end)
                      : sn_train(r, &watch);
    if (s == SN_OK && !t->name && r->step == before)
        cli_say(c, "%s is finished: %lld steps; nothing to do", r->folder, (long long)r->step);
    else if (s == SN_OK && !t->name)
        cli_say(c, "trained in %s", cli_duration(sn_now() - w.start, text));
    else if (s == SN_DIVERGED)
        say_what_stands(r->folder);
    free(log);
    return s;
}

// Of one architecture alone, the keys of `train` are those of `retrain` in the supernet's config.
static void name_keys(void) {
    char text[2048] = "";
    const char *from = sn_error_text();
    for (const char *p; (p = strstr(from, " train.")); from = p + 7)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%.*s retrain.", (int)(p - from), from);
    snprintf(text + strlen(text), sizeof text - strlen(text), "%s", from);
    sn_error(sn_error_code(), "%s", text);
}

sn_status train_in_folder(const cli *c, sn_config *config, const char *folder, const training *t, sn_run **out) {
    sn_folder *lock = NULL;
    sn_run *r = NULL;
    bool one = config->space.arch[0];
    sn_status s = cli_lock(c, folder, &lock);
    if (s == SN_OK)
        s = sn_run_begin(config, folder, &cli_stop, &r);
    else
        sn_config_free(config);
    if (s == SN_CONFIG && one) name_keys();
    if (s == SN_DATA) cli_add_moved(c);
    if (s == SN_OK) s = start(c, r, t);
    if (s == SN_OK) s = train_run(c, r, t, lock);
    sn_folder_close(lock);
    if (s == SN_OK)
        *out = r;
    else
        sn_run_free(r);
    return s;
}

// ---------------------------------------------------------------- one architecture alone
sn_status retraining_init(const cli *c, const sn_config *config, int *init) {
    *init = config->retrain.init;
    return cli_word(c, "init", init);
}

sn_status retraining_name(const cli *c, const char **out) {
    const char *name = *out = cli_get(c, "name");
    size_t good = name ? strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") : 0;
    if (name && (!*name || name[good] || name[0] == '.'))
        return sn_error(SN_USAGE, "--name: found '%s'; allowed are letters, digits, '-', '_' and '.', not first a '.'", name);
    return SN_OK;
}

char *retraining_folder(const char *in, const char *name, const char *arch) {
    return name ? sn_format("%s/%s", in, name) : sn_format("%s/%08x", in, sn_hash_name(arch));
}

sn_status retraining_of(const sn_config *supernet, const char *arch, int init, const char *in, const char *name,
                        sn_config **config, char **folder) {
    sn_config *made;
    SN_TRY(sn_config_retrain(supernet, arch, &made));
    made->retrain.init = init;
    *folder = retraining_folder(in, name, arch);
    if (*folder)
        *config = made;
    else
        sn_config_free(made);
    return *folder ? SN_OK : SN_RESOURCE;
}

sn_status retrained_score(sn_run *r, sn_split split, void *arg, sn_status (*scored)(void *arg, const sn_score *)) {
    sn_arch only = sn_arch_first(r->space);
    sn_view_of_split view = {0};
    sn_score_job job = {.archs = &only,
                        .n = 1,
                        .protocol = {SN_PROTOCOL_RUNNING, 0, 250},
                        .memory = (size_t)r->config->rank.memory,
                        .arg = arg,
                        .scored = scored,
                        .stop = cli_asked_to_stop};
    SN_TRY(sn_run_source(r, split, 0, job.protocol.batch, &view, &job.images));
    sn_status s = sn_score_archs(r->net, &job, NULL);
    sn_run_source_free(&view);
    return s == SN_INTERRUPTED ? sn_error(s, "%s: stopped while it was scored; the same command goes on from there", r->folder)
                               : s;
}

typedef struct {
    const cli *c;
    const sn_run *run;
    sn_log_score *score;
} tested;

static sn_status keep_test(void *arg, const sn_score *s) {
    tested *t = arg;
    double n = (double)s->images;
    *t->score = (sn_log_score){(double)s->top1 / n, (double)s->top5 / n, s->loss, s->images};
    return cli_log_test(t->c, t->run, t->run->folder, s);
}

sn_status retrained_test(const cli *c, sn_run *r, sn_log_score *out) {
    tested t = {c, r, out};
    *out = (sn_log_score){NAN, NAN, NAN, 0};
    char *log = sn_folder_file(r->folder, "log.jsonl");
    bool found = false;
    sn_status s = log ? sn_log_test(log, r->step, c->command->name, out, &found) : SN_RESOURCE;
    free(log);
    if (s != SN_OK || (found && out->images > 0)) return s;
    return sn_dataset_count(r->data, SN_TEST) ? retrained_score(r, SN_TEST, &t, keep_test) : SN_OK;
}

void retrained_print(const sn_config *config, const sn_log_score *t) {
    if (!t->images) {
        cli_print("test: %s has no test images\n", config->data.source);
        return;
    }
    cli_print("test: top-1 %.4f", t->top1);
    if (cli_has_top5(config->space.built)) cli_print("  top-5 %.4f", t->top5);
    cli_print("  loss %.4f on %lld images\n", t->loss, (long long)t->images);
}
