// The training loop and the verbs; see train.h. Read sn_train first, then sn_trainer_step.
#include "supernet/train/train.h"
#include "base/clock.h"
#include "io/files/events.h"
#include "io/files/runfolder.h"
#include "sampler/method.h"
#include "space/cost.h"
#include "supernet/train/climb.h"
#include "supernet/train/monitor.h"
#include "supernet/train/rollback.h"
#include "supernet/train/schedule.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------- making
static sn_status check_bn(const sn_trainer *t);
static sn_status reserve(sn_trainer *t);

// What comes before the first step of such a training is in another run.
static sn_status check_extends(const sn_run *r) {
    if (r->step || !*r->config->train.extends) return SN_OK;
    return sn_error(SN_CONFIG,
                    "train.extends is '%s': this training goes on from a checkpoint of another run, and cannot begin without it; "
                    "`supernet train RUN --extend N -o NEW` begins it, allowed elsewhere is \"\"",
                    r->config->train.extends);
}

static sn_status open_sampler(sn_trainer *t) {
    const char *name = t->run->config->train.sampler;
    t->sampler = sn_method_find(SN_SAMPLER, name);
    if (!t->sampler) return sn_error(SN_CONFIG, "no sampler '%s'", name);
    t->state = sn_new(1, t->sampler->state ? t->sampler->state(t->run->space) : 1);
    return t->state ? SN_OK : SN_RESOURCE;
}

sn_status sn_trainer_create(sn_run *run, sn_trainer **out) {
    sn_trainer *t = sn_new(1, sizeof *t);
    if (!t) return SN_RESOURCE;
    t->run = run;
    t->batch = run->config->train.batch;
    t->steps_per_epoch = sn_run_epoch_steps(run);
    t->steps = sn_run_steps(run);
    sn_status s = check_extends(run);
    if (s == SN_OK) s = sn_rollback_decay(run);
    if (s == SN_OK) s = check_bn(t);
    if (s == SN_OK) s = run->alphas ? sn_relaxer_create(run, &t->relaxer) : open_sampler(t);
    if (s == SN_OK) s = sn_loader_open(run, t->batch, t->steps, &t->loader);
    if (s == SN_OK) s = reserve(t);
    if (s != SN_OK)
        sn_trainer_free(t);
    else
        *out = t;
    return s;
}

void sn_trainer_free(sn_trainer *t) {
    if (!t) return;
    sn_loader_close(t->loader);
    sn_relaxer_free(t->relaxer);
    free(t->state);
    free(t);
}

static sn_pass training_pass(const sn_run *r, const sn_arch *a) {
    sn_pass pass = sn_training_pass(a, r->config->train.batch, r->config->train.optimizer.label_smoothing);
    pass.recompute = r->config->train.recompute;
    return pass;
}

sn_status sn_trainer_room(const sn_run *r, sn_room *out) {
    sn_pass pass = training_pass(r, NULL);
    int64_t update;
    SN_TRY(sn_optim_room(r->optim, &update));
    SN_TRY(r->alphas ? sn_relaxer_room(r, out) : sn_room_of(r->graph, r->space, r->backend, &pass, out));
    if (update > out->arena) out->arena = update;
    return SN_OK;
}

// A single number has no variance: its normalisation would be a constant, and nothing behind it would learn.
static sn_status check_bn(const sn_trainer *t) {
    const sn_graph *g = t->run->graph;
    for (int i = 0; i < g->n; i++) {
        const sn_node *n = &g->node[i];
        if (n->kind == SN_NODE_BN && t->batch == 1 && n->h * n->w == 1)
            return sn_error(
                SN_CONFIG,
                "a training batch of 1 image: node '%s' normalises each channel over the batch and 1 x 1 pixels, a single "
                "number; at least 2 images are needed",
                n->name);
    }
    return SN_OK;
}

// Room for the largest step before the first one, so that no step allocates memory for tensors: only its plan.
static sn_status reserve(sn_trainer *t) {
    sn_room room;
    SN_TRY(sn_trainer_room(t->run, &room));
    sn_plan largest = {.batch = t->batch, .arena = room.arena, .weights = room.weights, .scratch = room.scratch};
    return sn_supernet_reserve(t->run->net, &largest);
}

// ---------------------------------------------------------------- one step
double sn_run_lr(const sn_run *r, int64_t step) {
    const sn_config_optimizer *o = &r->config->train.optimizer;
    int epochs = r->config->train.epochs;
    sn_schedule s = {o->schedule, o->lr, o->lr_min, o->warmup, o->step_epochs, o->step_factor, epochs, sn_run_steps(r) / epochs};
    return sn_schedule_lr(&s, step);
}

// Puts the step and its last arch before the message.
static sn_status in_step(const sn_trainer *t, sn_status s, int64_t step) {
    char text[SN_ARCH_TEXT];
    if (t->relaxer)
        sn_error_prefix(s, "step %lld", (long long)step);
    else
        sn_error_prefix(s, "step %lld, arch %s", (long long)step, sn_arch_text(t->run->space, &t->arch, text));
    return s == SN_DIVERGED ? sn_error(s, "%s; a smaller learning rate, warm-up or clip may help", sn_error_text()) : s;
}

static sn_status verb_pass(void *arg, const sn_arch *a) {
    sn_trainer *t = arg;
    sn_run *r = t->run;
    sn_pass pass = training_pass(r, a);
    t->arch = *a;
    sn_batch_score *s = &t->score;
    SN_TRY(sn_supernet_pass(r->net, &pass, t->in.images, t->in.labels, s));
    if (s->finite == 0) return in_step(t, sn_error(SN_DIVERGED, "the loss is not finite"), r->step + 1);
    t->passes++;
    t->loss += s->loss / t->batch;
    t->top1 += s->top1 / t->batch;
    for (int d = 0; d < a->n; d++)
        if (a->option[d] != SN_ABSENT) r->option_passes[sn_space_option_place(r->space, d, a->option[d])]++;
    return t->hooks.pass ? t->hooks.pass(t->hooks.arg, t, a, &r->net->plan) : SN_OK;
}

static sn_status verb_update_weights(void *arg) {
    sn_trainer *t = arg;
    if (t->hooks.update) SN_TRY(t->hooks.update(t->hooks.arg, t));
    sn_status s = sn_optim_update(t->run->optim, t->lr);
    return s == SN_OK ? s : in_step(t, s, t->run->step + 1);
}

static sn_status relaxed_step(sn_trainer *t) {
    sn_status s = sn_relaxer_step(t->relaxer, t->steps, &t->in, t->lr, &t->relaxed);
    t->passes = t->relaxed.passes;
    t->loss = t->relaxed.loss, t->top1 = t->relaxed.top1;
    return s == SN_DIVERGED ? in_step(t, s, t->run->step + 1) : s;
}

static sn_status sampled_step(sn_trainer *t) {
    const sn_run *r = t->run;
    sn_verbs verbs = {t, verb_pass, verb_update_weights};
    return t->sampler->step(r->space, (uint32_t)r->config->train.seed, (uint32_t)r->step, t->state, &verbs);
}

sn_status sn_trainer_step(sn_trainer *t) {
    sn_run *r = t->run;
    if (r->step < 0 || r->step >= t->steps)
        return sn_error(SN_FAIL, "step %lld of a training of %lld", (long long)r->step, (long long)t->steps);
    t->passes = 0;
    t->loss = t->top1 = 0;
    t->lr = sn_run_lr(r, r->step);
    SN_TRY(sn_loader_take(t->loader, r->step, &t->in));
    if (t->hooks.begin) SN_TRY(t->hooks.begin(t->hooks.arg, t));
    SN_TRY(t->relaxer ? relaxed_step(t) : sampled_step(t));
    if (t->hooks.end) SN_TRY(t->hooks.end(t->hooks.arg, t));
    r->step++;
    return SN_OK;
}

// ---------------------------------------------------------------- validation
sn_status sn_fixed_paths(const sn_run *r, sn_arch paths[SN_FIXED_PATHS], int *kept) {
    int n = 2;
    if (r->alphas) {
        *kept = 1;
        return sn_alphas_decode(r->alphas, r->config, &paths[0]);
    }
    SN_TRY(sn_cost_extremes(r->graph, r->space, &paths[0], &paths[1]));
    sn_rng rng = sn_rng_at((uint32_t)r->config->train.seed, SN_STREAM_ARCHS, 1, 0, 0);
    for (; n < SN_FIXED_PATHS; n++) paths[n] = sn_arch_random(r->space, &rng);
    *kept = 0;
    for (int i = 0; i < n; i++) {
        bool seen = false;
        for (int k = 0; k < *kept; k++) seen = seen || sn_arch_equal(&paths[k], &paths[i]);
        if (!seen) paths[(*kept)++] = paths[i];
    }
    return SN_OK;
}

typedef struct {
    double accuracy[SN_FIXED_PATHS];
    int n;
    sn_arch arch;   // mode relax: the likeliest
    double mixture; // and the accuracy of the mixture; else NaN
} validation;

static sn_status add_score(void *arg, const sn_score *s) {
    validation *v = arg;
    v->accuracy[v->n++] = (double)s->top1 / (double)s->images;
    return SN_OK;
}

enum { VALIDATION_BATCH = 250 };
static const sn_protocol validation_protocol = {SN_PROTOCOL_BATCH, 0, VALIDATION_BATCH};

// No more than training has taken already, if that is enough.
static size_t validation_memory(const sn_run *r, size_t arena) {
    size_t allowed = sn_score_allowed((size_t)r->config->rank.memory);
    return arena && arena < allowed ? arena : allowed;
}

static sn_status validate(sn_run *r, sn_relaxer *relaxer, validation *v) {
    sn_arch paths[SN_FIXED_PATHS];
    sn_view_of_split view;
    int n;
    *v = (validation){.mixture = NAN};
    SN_TRY(sn_fixed_paths(r, paths, &n));
    sn_score_job job = {.archs = paths,
                        .n = n,
                        .protocol = validation_protocol,
                        .memory =
                            validation_memory(r, (size_t)sn_memory_elements(r->net->memory, SN_BUFFER_ARENA) * r->net->real),
                        .arg = v,
                        .scored = add_score};
    SN_TRY(sn_run_source(r, SN_VALIDATION, SN_VALIDATION_IMAGES, VALIDATION_BATCH, &view, &job.images));
    sn_status s = sn_score_archs(r->net, &job, NULL);
    if (s == SN_OK && relaxer) {
        v->arch = paths[0];
        s = sn_relaxer_accuracy(relaxer, &job.images, &v->mixture);
    }
    sn_run_source_free(&view);
    return s;
}

sn_status sn_validation_layout(const sn_run *r, size_t arena, sn_score_layout *out) {
    sn_arch paths[SN_FIXED_PATHS];
    int n;
    SN_TRY(sn_fixed_paths(r, paths, &n));
    long images = r->config->train.validate_every ? sn_dataset_count(r->data, SN_VALIDATION) : 0;
    sn_score_job job = {.archs = paths, .n = n, .protocol = validation_protocol, .memory = validation_memory(r, arena)};
    job.images.count = images < SN_VALIDATION_IMAGES ? images : SN_VALIDATION_IMAGES;
    *out = (sn_score_layout){0};
    return images ? sn_score_memory(r->net, &job, out) : SN_OK;
}

// ---------------------------------------------------------------- the loop
typedef struct {
    sn_trainer *trainer;
    const sn_train_watch *watch;
    double since;   // time of the last speed measurement
    int64_t images; // since then
    double speed;
    double loss, accuracy; // sums since the last log line
    int64_t logged;        // steps in these sums
    bool log_failed;       // and was warned of
    sn_climb climb;        // of the losses in the log
    int64_t end;           // the step to stop at
    sn_events *events;     // for TensorBoard; NULL: none wanted, or no longer possible
    bool collapsed;        // the search is to end
    int64_t back;          // or to go back to this step; -1: neither
} loop;

static void tell(const loop *l, sn_event e) {
    e.step = l->trainer->run->step;
    e.steps = l->trainer->steps;
    e.steps_per_epoch = l->trainer->steps_per_epoch;
    if (l->watch->event) l->watch->event(l->watch->arg, &e);
}

static void warn(const loop *l, const char *what) {
    char text[1024];
    snprintf(text, sizeof text, "%s: %s", what, sn_error_text());
    tell(l, (sn_event){.kind = SN_EVENT_WARNING, .text = text});
}

// A log that cannot be written never stops training; the first failure is told.
static void log_result(loop *l, sn_status s) {
    if (s != SN_OK && !l->log_failed) warn(l, "the log is not complete, training goes on");
    l->log_failed = s != SN_OK;
}

static void log_line(loop *l, json_t *line) {
    char *text = line ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    sn_status s = text ? SN_OK : sn_error(SN_FAIL, "a line cannot be written as JSON");
    if (s == SN_OK && l->watch->log) s = sn_log_append(l->watch->log, text);
    log_result(l, s);
    free(text);
    json_decref(line);
}

// The same for what TensorBoard reads, which then ends.
static void events_result(loop *l, sn_status s) {
    if (s == SN_OK) return;
    warn(l, "no more points for TensorBoard, training goes on");
    sn_events_close(l->events);
    l->events = NULL;
}

static void events_start(loop *l) {
    const sn_run *r = l->trainer->run;
    if (!r->config->train.tensorboard) return;
    char *folder = sn_folder_file(r->folder, "tensorboard");
    events_result(l, folder ? sn_events_open(folder, r->step, &l->events) : SN_RESOURCE);
    free(folder);
}

static void events_add(loop *l, const sn_point *points, size_t n) {
    if (l->events) events_result(l, sn_events_add(l->events, l->trainer->run->step, points, n));
}

// Which images feed the steps that follow: once per start of the program.
static void log_start(loop *l) {
    const sn_run *r = l->trainer->run;
    log_line(l, json_pack("{s:I,s:s,s:I,s:I,s:s}", "step", (json_int_t)r->step, "split", "training", "images",
                          (json_int_t)sn_dataset_count(r->data, SN_TRAIN), "held_out",
                          (json_int_t)sn_dataset_count(r->data, SN_VALIDATION), "data", sn_dataset_fingerprint(r->data)));
}

// To the listener and into the log.
static void log_warning(loop *l, const char *text) {
    tell(l, (sn_event){.kind = SN_EVENT_WARNING, .text = text});
    log_line(l, json_pack("{s:I,s:s}", "step", (json_int_t)l->trainer->run->step, "warning", text));
}

// A call without a fast kernel takes many times as long on one thread; once per start of the program.
static void tell_slow(loop *l) {
    const char *slow = sn_backend_slow(l->trainer->run->backend);
    if (!slow) return;
    char text[256];
    snprintf(text, sizeof text, "no fast kernel for %s: the reference kernel is used, on one thread", slow);
    log_warning(l, text);
}

static void recall_loss(void *arg, const sn_log_point *p) {
    if (isnan(p->validation)) sn_climb_add(arg, p->loss, p->steps);
}

// Once per run: what the log has is not told again.
static void tell_climb(loop *l, double loss) {
    const sn_trainer *t = l->trainer;
    if (!sn_climb_add(&l->climb, loss, l->logged)) return;
    char text[320];
    snprintf(text, sizeof text,
             "step %lld: the loss has been below that of guessing among %d classes (ln %d = %.3f) and is above it again, %.3f at "
             "the learning rate %.4g; training may not recover: a smaller learning rate, a longer warm-up or clip may help",
             (long long)t->run->step, t->run->space->classes, t->run->space->classes, l->climb.guess, loss, t->lr);
    log_warning(l, text);
}

static void log_steps(loop *l) {
    sn_trainer *t = l->trainer;
    double loss = l->loss / (double)l->logged;
    log_line(l, json_pack("{s:I,s:f,s:f,s:f,s:f,s:f}", "step", (json_int_t)t->run->step, "epoch",
                          (double)t->run->step / (double)t->steps_per_epoch, "loss", loss, "accuracy",
                          l->accuracy / (double)l->logged, "lr", t->lr, "norm", t->run->optim->norm));
    const sn_point points[] = {{"loss/train", loss},
                               {"accuracy/train", l->accuracy / (double)l->logged},
                               {"learning_rate", t->lr},
                               {"images_per_second", l->speed}};
    events_add(l, points, l->speed > 0 ? 4 : 3); // no speed is known yet
    tell_climb(l, loss);
    l->loss = l->accuracy = 0;
    l->logged = 0;
}

static void after_step(loop *l) {
    sn_trainer *t = l->trainer;
    enum { LOG_EVERY = 20 };
    l->loss += t->loss / t->passes;
    l->accuracy += t->top1 / t->passes;
    l->images += t->batch;
    double now = sn_now();
    if (now - l->since > 2) {
        l->speed = (double)l->images / (now - l->since);
        l->since = now;
        l->images = 0;
    }
    l->logged++;
    if (t->run->step % LOG_EVERY == 0 || t->run->step % t->steps_per_epoch == 0) log_steps(l);
    tell(l, (sn_event){.kind = SN_EVENT_STEP,
                       .loss = t->loss / t->passes,
                       .accuracy = t->top1 / t->passes,
                       .lr = t->lr,
                       .images_per_second = l->speed});
}

// Unless needed, a save that the machine refuses is only warned of: a later one may work.
static sn_status save(loop *l, bool needed) {
    sn_run *r = l->trainer->run;
    if (l->watch->folder) SN_TRY(sn_folder_check(l->watch->folder));
    char *path = sn_folder_checkpoint(r->folder, r->step);
    sn_status s = path ? sn_run_save(r, path) : SN_RESOURCE;
    if (s == SN_OK) {
        tell(l, (sn_event){.kind = SN_EVENT_SAVED, .text = path});
        if (sn_rollback_prune(r) != SN_OK) warn(l, "old checkpoints stay");
    } else if (s == SN_DIVERGED) {
        in_step(l->trainer, s, r->step);
    } else if (!needed && (s == SN_RESOURCE || s == SN_FAIL)) {
        warn(l, "checkpoint not saved, training goes on");
        s = SN_OK;
    }
    free(path);
    return s;
}

// The likeliest arch, its cost, and what is lost between the mixture and it.
static void add_mixture(const loop *l, const validation *v, json_t *line) {
    const sn_run *r = l->trainer->run;
    char text[SN_ARCH_TEXT];
    sn_cost cost = {0, 0};
    sn_cost_arch(r->graph, &v->arch, &cost);
    json_object_set_new(line, "arch", json_string(sn_arch_text(r->space, &v->arch, text)));
    json_object_set_new(line, "macs", json_integer(cost.macs));
    json_object_set_new(line, "mixture", json_real(v->mixture));
}

static sn_status validate_epoch(loop *l) {
    sn_run *r = l->trainer->run;
    validation v;
    SN_TRY(validate(r, l->trainer->relaxer, &v));
    double mean = 0;
    json_t *each = json_array();
    for (int i = 0; i < v.n; i++) {
        mean += v.accuracy[i] / v.n;
        json_array_append_new(each, json_real(v.accuracy[i]));
    }
    if (!(mean <= r->best)) r->best = mean, r->best_step = r->step; // also when there is none yet (NaN)
    json_t *line = json_pack("{s:I,s:f,s:o}", "step", (json_int_t)r->step, "validation", mean, "paths", each);
    if (r->alphas) add_mixture(l, &v, line);
    log_line(l, line);
    events_add(l, &(sn_point){"accuracy/validation", mean}, 1);
    tell(l, (sn_event){.kind = SN_EVENT_VALIDATION, .validation = mean, .mixture = v.mixture, .arch = &v.arch});
    return SN_OK;
}

// Every alpha, decision by decision: once per epoch.
static void log_alphas(loop *l) {
    const sn_run *r = l->trainer->run;
    json_t *all = json_object();
    for (int d = 0, place = 0; d < r->space->n_decisions; place += r->space->decisions[d++].options) {
        json_t *options = json_object();
        for (int n = 0, k; (k = sn_decision_option(&r->space->decisions[d], n)) >= 0; n++)
            json_object_set_new(options, sn_space_option_name(r->space, d, k), json_real(r->alphas->alpha[place + k]));
        json_object_set_new(all, r->space->decisions[d].name, options);
    }
    log_line(l, json_pack("{s:I,s:o}", "step", (json_int_t)r->step, "alphas", all));
}

// What may be done about a collapse, for the warning.
static void advise(const loop *l, const sn_monitor_report *m, char *out, size_t size) {
    const sn_run *r = l->trainer->run;
    if (l->back >= 0)
        snprintf(out, size, "it goes back to epoch %lld, with weight_decay %g",
                 (long long)(l->back / l->trainer->steps_per_epoch),
                 r->optim->settings.weight_decay * r->config->train.relax.rollback_decay);
    else if (m->epoch)
        snprintf(out, size, "better is the likeliest of epoch %d: supernet retrain %s --epoch %d", m->epoch, r->folder, m->epoch);
    else
        snprintf(out, size, "begin anew with a smaller train.relax.lr or a longer train.relax.warmup");
}

// What comes before the first step of a start, and after one went back.
static void log_begin(loop *l) {
    const sn_run *r = l->trainer->run;
    l->climb = sn_climb_start(r->space->classes);
    l->loss = l->accuracy = 0;
    l->logged = 0;
    if (l->watch->log) log_result(l, sn_log_cut(l->watch->log, r->step));
    if (l->watch->log) log_result(l, sn_log_points(l->watch->log, &l->climb, recall_loss));
}

static sn_status go_back(loop *l, const char *text) {
    sn_run *r = l->trainer->run;
    if (l->watch->folder) SN_TRY(sn_folder_check(l->watch->folder));
    SN_TRY(sn_rollback(r, l->back));
    sn_trainer_free(l->trainer);
    l->trainer = NULL;
    SN_TRY(sn_trainer_create(r, &l->trainer));
    log_begin(l);
    log_warning(l, text);
    sn_events_close(l->events);
    l->events = NULL;
    events_start(l);
    return SN_OK;
}

static sn_status tell_collapse(loop *l, int epoch, const sn_monitor_report *m) {
    sn_run *r = l->trainer->run;
    char text[1024], advice[640];
    bool back = sn_rollback_wanted(r);
    if (!back && sn_rollback_told(r)) return SN_OK;
    if (back) SN_TRY(sn_rollback_step(r, m->epoch, &l->back));
    advise(l, m, advice, sizeof advice);
    snprintf(text, sizeof text, "epoch %d: the search may collapse: %s (their mean share is %.2f; largest eigenvalue %.3g); %s",
             epoch, m->why, m->free_share, m->eigenvalue, advice);
    if (back) return go_back(l, text);
    sn_rollback_tell(r, m->epoch);
    log_warning(l, text);
    l->collapsed = r->config->train.relax.on_collapse == SN_COLLAPSE_STOP;
    return SN_OK;
}

// Signs of a collapse are told once in a run, or each time that it goes back: what the log has is not told again.
static sn_status watch_collapse(loop *l, int epoch) {
    sn_trainer *t = l->trainer;
    sn_monitor_report m;
    SN_TRY(sn_monitor_epoch(t->run, t->relaxer, epoch, &m));
    log_line(l, json_pack("{s:I,s:o}", "step", (json_int_t)t->run->step, "monitor", sn_monitor_json(t->run, &m)));
    return m.why ? tell_collapse(l, epoch, &m) : SN_OK;
}

// Passes per option, decision by decision.
static void log_passes(loop *l) {
    const sn_run *r = l->trainer->run;
    json_t *all = json_object();
    for (int d = 0; d < r->space->n_decisions; d++) {
        json_t *options = json_object();
        for (int n = 0, k; (k = sn_decision_option(&r->space->decisions[d], n)) >= 0; n++)
            json_object_set_new(options, sn_space_option_name(r->space, d, k),
                                json_integer(r->option_passes[sn_space_option_place(r->space, d, k)]));
        json_object_set_new(all, r->space->decisions[d].name, options);
    }
    log_line(l, json_pack("{s:I,s:o}", "step", (json_int_t)r->step, "passes", all));
}

static sn_status end_of_step(loop *l) {
    sn_trainer *t = l->trainer;
    const sn_config *c = t->run->config;
    int64_t step = t->run->step;
    bool epoch_ends = step % t->steps_per_epoch == 0, last = step == t->steps, stop = l->watch->stop && *l->watch->stop;
    bool has_validation = sn_dataset_count(t->run->data, SN_VALIDATION) > 0;
    int64_t epoch = step / t->steps_per_epoch;
    if (epoch_ends && has_validation && c->train.validate_every && (epoch % c->train.validate_every == 0 || last))
        SN_TRY(validate_epoch(l));
    if (epoch_ends && t->run->alphas) log_alphas(l);
    l->collapsed = false, l->back = -1;
    if (epoch_ends && t->run->alphas) SN_TRY(watch_collapse(l, (int)epoch));
    bool ends = step == l->end && l->back < 0, due = epoch_ends || (c->train.save_every && step % c->train.save_every == 0);
    if (l->back >= 0) step = l->back, last = due = false; // which is saved
    if (last) log_passes(l);
    if (due || ends || (stop && l->back < 0)) SN_TRY(save(l, ends || stop));
    if (l->collapsed && !ends)
        return sn_error(SN_DIVERGED, "stopped after step %lld, as train.relax.on_collapse says; the same command goes on",
                        (long long)step);
    return stop && !ends ? sn_error(SN_INTERRUPTED, "stopped after step %lld of %lld; the same command goes on from there",
                                    (long long)step, (long long)l->trainer->steps)
                         : SN_OK;
}

// Room for the checkpoints to come: at most the kept ones, the best one and the one being written lie there at once.
static sn_status check_space(const sn_trainer *t) {
    const sn_config *c = t->run->config;
    int64_t *steps, left = t->steps - t->run->step;
    int n;
    SN_TRY(sn_folder_steps(t->run->folder, &steps, &n));
    free(steps);
    int64_t saves = left / t->steps_per_epoch + 1 + (c->train.save_every ? left / c->train.save_every : 0);
    int64_t wanted = c->train.keep + sn_rollback_stay(t->run) + 1 - n;
    if (wanted > saves) wanted = saves;
    return sn_folder_space(t->run->folder, sn_run_checkpoint_bytes(t->run) * (size_t)(wanted > 1 ? wanted : 1));
}

sn_status sn_train(sn_run *r, const sn_train_watch *watch) {
    sn_trainer *t;
    SN_TRY(sn_trainer_create(r, &t));
    loop l = {.trainer = t,
              .watch = watch,
              .since = sn_now(),
              .end = watch->until && watch->until < t->steps ? watch->until : t->steps};
    sn_status s = SN_OK;
    if (r->step < l.end) {
        s = check_space(t);
        if (s == SN_OK) log_begin(&l), log_start(&l), tell_slow(&l), events_start(&l);
        if (s == SN_OK && !r->step && r->alphas && sn_rollback_wanted(r)) s = save(&l, true); // to go back to
    }
    while (s == SN_OK && r->step < l.end) {
        s = sn_trainer_step(l.trainer);
        if (s != SN_OK) break;
        after_step(&l);
        s = end_of_step(&l);
    }
    sn_events_close(l.events);
    sn_trainer_free(l.trainer);
    return s;
}
