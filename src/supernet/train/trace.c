// Traced training steps; see trace.h. A step's hooks come in the order begin, pass..., update, end.
// In mode relax the relaxer calls the middle ones: passes of two kinds, update_alphas between them.
// Not here: attributes of the whole file (trace_head.c), gates and alphas (trace_relax.c), sides of activations (trace_sides.c).
// Next: trace_head.c.
#include "supernet/train/trace.h"
#include "supernet/train/trace_parts.h"
#include "supernet/train/train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Copies of the buffers at one moment, as floats.
typedef struct {
    float *weights, *slot[2], *stats;
    int64_t *updates;
} state;

typedef struct {
    sn_run *run;
    sn_trainer *trainer;
    sn_h5w *file;
    bool inputs_only, has_bn; // has_bn: the attributes of BN are written
    state before;
    bool *used;     // per parameter: by a pass of this step
    float *scratch; // the largest of a parameter and a batch
    int passes;
    char step[32]; // "/steps/00000001"
} tracer;

// ---------------------------------------------------------------- states
static void free_state(state *s) {
    free(s->weights);
    free(s->slot[0]);
    free(s->slot[1]);
    free(s->stats);
    free(s->updates);
}

static sn_status new_state(const sn_run *r, state *s) {
    const sn_params *p = &r->graph->params;
    s->weights = sn_new((size_t)p->total, sizeof *s->weights);
    s->stats = sn_new((size_t)p->stats_total, sizeof *s->stats);
    s->updates = sn_new((size_t)p->n_atoms, sizeof *s->updates);
    bool all = s->weights && s->stats && s->updates;
    for (int i = 0; i < r->net->slots; i++) all = (s->slot[i] = sn_new((size_t)p->total, sizeof *s->slot[i])) && all;
    return all ? SN_OK : SN_RESOURCE;
}

static void take_state(const sn_run *r, state *s) {
    const sn_params *p = &r->graph->params;
    sn_memory_get(r->net->memory, SN_BUFFER_WEIGHTS, 0, s->weights, p->total);
    sn_memory_get(r->net->memory, SN_BUFFER_STATS, 0, s->stats, p->stats_total);
    for (int i = 0; i < r->net->slots; i++)
        sn_memory_get(r->net->memory, (sn_buffer)(SN_BUFFER_SLOT0 + i), 0, s->slot[i], p->total);
    memcpy(s->updates, r->optim->updates, (size_t)p->n_atoms * sizeof *s->updates);
}

// A parameter or something of its shape, from memory order.
static sn_status put_param(tracer *t, const char *path, const sn_param *p, const float *memory) {
    size_t dims[4];
    int n = sn_param_dims(p, dims);
    sn_param_to_file(p, memory, t->scratch);
    return sn_h5_put(t->file, path, SN_F32, n, dims, t->scratch);
}

static sn_status put_slots(tracer *t, const char *group, const state *s, int param) {
    const sn_param *p = &t->run->graph->params.param[param];
    bool adam = t->run->optim->settings.kind != SN_OPTIM_SGD;
    const char *const names[] = {adam ? "exp_avg" : "momentum", "exp_avg_sq"};
    char path[1024];
    for (int k = 0; k < t->run->net->slots; k++) {
        snprintf(path, sizeof path, "%s/optim/%s/%s", group, p->name, names[k]);
        SN_TRY(put_param(t, path, p, s->slot[k] + p->offset));
    }
    snprintf(path, sizeof path, "%s/optim/%s/step", group, p->name);
    size_t atoms = (size_t)p->atoms;
    return adam ? sn_h5_put(t->file, path, SN_I64, atoms > 1, &atoms, &s->updates[p->first_atom]) : SN_OK;
}

static sn_status put_buffers(tracer *t, const char *group, const state *s, const sn_stats *b) {
    size_t n = (size_t)b->c;
    char path[1024];
    snprintf(path, sizeof path, "%s/buffers/%s.running_mean", group, b->name);
    SN_TRY(sn_h5_put(t->file, path, SN_F32, 1, &n, s->stats + b->mean));
    snprintf(path, sizeof path, "%s/buffers/%s.running_var", group, b->name);
    return sn_h5_put(t->file, path, SN_F32, 1, &n, s->stats + b->var);
}

// used: per parameter; NULL for all. A BN's statistics go with its gamma.
static sn_status put_state(tracer *t, const char *group, const state *s, const bool *used) {
    const sn_graph *g = t->run->graph;
    char path[1024];
    for (int i = 0; i < g->params.n; i++) {
        if (used && !used[i]) continue;
        snprintf(path, sizeof path, "%s/params/%s", group, g->params.param[i].name);
        SN_TRY(put_param(t, path, &g->params.param[i], s->weights + g->params.param[i].offset));
        SN_TRY(put_slots(t, group, s, i));
    }
    for (int i = 0; i < g->n; i++) {
        const sn_node *n = &g->node[i];
        if (n->kind == SN_NODE_BN && (!used || used[n->weight])) SN_TRY(put_buffers(t, group, s, &g->params.stats[n->stats]));
    }
    return SN_OK;
}

// ---------------------------------------------------------------- a step
// The images of a batch from `first` on, as many as a pass takes.
static sn_status put_images(tracer *t, const char *group, size_t first) {
    const sn_space *s = t->run->space;
    size_t pixels = (size_t)s->height * (size_t)s->width, channels = (size_t)s->channels, n = (size_t)t->trainer->batch;
    const float *images = t->trainer->in.images + first * sn_run_image(t->run);
    for (size_t i = 0; i < n; i++)
        for (size_t p = 0; p < pixels; p++)
            for (size_t c = 0; c < channels; c++)
                t->scratch[(i * channels + c) * pixels + p] = images[(i * pixels + p) * channels + c];
    char path[64];
    snprintf(path, sizeof path, "%s/images", group);
    return sn_h5_put(t->file, path, SN_F32, 4, (size_t[]){n, channels, (size_t)s->height, (size_t)s->width}, t->scratch);
}

static sn_status put_draws(tracer *t, const char *group, size_t first) {
    enum { COLUMNS = 7 };
    size_t dims[2] = {(size_t)t->trainer->batch, COLUMNS};
    int32_t *rows = sn_new(dims[0] * COLUMNS, sizeof *rows);
    if (!rows) return SN_RESOURCE;
    for (size_t i = 0; i < dims[0]; i++) {
        const sn_draw *d = &t->trainer->in.draws[first + i];
        memcpy(rows + i * COLUMNS, (int32_t[COLUMNS]){d->dy, d->dx, d->height, d->width, d->flip, d->cut_y, d->cut_x},
               COLUMNS * sizeof *rows);
    }
    char path[64];
    snprintf(path, sizeof path, "%s/draws", group);
    sn_status s = sn_h5_put(t->file, path, SN_I32, 2, dims, rows);
    free(rows);
    SN_TRY(s);
    return sn_h5_attr_text(t->file, path, "columns", "dy dx height width flip cut_y cut_x");
}

static sn_status put_batch(tracer *t, const char *group, size_t first) {
    size_t n = (size_t)t->trainer->batch;
    char path[64];
    SN_TRY(put_images(t, group, first));
    snprintf(path, sizeof path, "%s/labels", group);
    SN_TRY(sn_h5_put(t->file, path, SN_I32, 1, &n, t->trainer->in.labels + first));
    snprintf(path, sizeof path, "%s/samples", group);
    SN_TRY(sn_h5_put(t->file, path, SN_U32, 1, &n, t->trainer->in.samples + first));
    return t->inputs_only ? SN_OK : put_draws(t, group, first);
}

static sn_status put_alphas(tracer *t, const char *when) {
    char group[64];
    snprintf(group, sizeof group, "%s/alphas/%s", t->step, when);
    return t->run->alphas ? sn_trace_alphas(t->file, group, t->run->alphas) : SN_OK;
}

static sn_status begin(void *arg, sn_trainer *trainer) {
    tracer *t = arg;
    char group[64];
    t->passes = 0;
    memset(t->used, 0, (size_t)t->run->graph->params.n * sizeof *t->used);
    snprintf(t->step, sizeof t->step, "/steps/%08lld", (long long)t->run->step + 1);
    SN_TRY(put_batch(t, t->step, 0));
    SN_TRY(sn_h5_attr_text(t->file, t->step, "split", "train"));
    SN_TRY(sn_h5_attr_int(t->file, t->step, "epoch", t->run->step / trainer->steps_per_epoch));
    SN_TRY(sn_h5_attr_f64(t->file, t->step, "lr", trainer->lr));
    snprintf(group, sizeof group, "%s/alpha_batch", t->step);
    if (t->run->part[1]) SN_TRY(put_batch(t, group, (size_t)trainer->batch));
    if (t->inputs_only) return SN_OK;
    take_state(t->run, &t->before);
    return put_alphas(t, "before");
}

// What BN computes with, from the first pass that moves its statistics.
static sn_status put_bn(tracer *t, const sn_plan *plan) {
    for (int i = 0; i < plan->n_calls && !t->has_bn; i++) {
        const sn_bn_forward *bn = &plan->call[i].as.bn_forward;
        if (plan->call[i].kernel != SN_BN_FORWARD || bn->mode != SN_BN_BATCH || !(bn->momentum > 0)) continue;
        SN_TRY(sn_h5_attr_f64(t->file, "/", "bn_momentum", bn->momentum));
        t->has_bn = true;
    }
    return SN_OK;
}

static sn_status put_mask(tracer *t, const char *group, const sn_arch *a) {
    int32_t mask[SN_MAX_DECISIONS];
    float gates[SN_MAX_DECISIONS];
    size_t n = (size_t)a->n;
    char path[80], text[SN_ARCH_TEXT];
    for (size_t i = 0; i < n; i++) mask[i] = a->option[i], gates[i] = 1;
    snprintf(path, sizeof path, "%s/mask", group);
    SN_TRY(sn_h5_put(t->file, path, SN_I32, 1, &n, mask));
    SN_TRY(sn_h5_attr_text(t->file, group, "arch", sn_arch_text(t->run->space, a, text)));
    snprintf(path, sizeof path, "%s/gates", group);
    return t->inputs_only ? SN_OK : sn_h5_put(t->file, path, SN_F32, 1, &n, gates);
}

static sn_status put_logits(tracer *t, const char *group, int batch) {
    size_t dims[2] = {(size_t)batch, (size_t)t->run->space->classes};
    float *logits = sn_new(dims[0] * dims[1], sizeof *logits);
    if (!logits) return SN_RESOURCE;
    sn_supernet_logits(t->run->net, logits);
    char path[80];
    snprintf(path, sizeof path, "%s/logits", group);
    sn_status s = sn_h5_put(t->file, path, SN_F32, 2, dims, logits);
    free(logits);
    return s;
}

static void next_pass(tracer *t, char *group, size_t size) {
    snprintf(group, size, "%s/passes/%d", t->step, t->passes++);
}

// What a pass came to; its arena is gone afterwards.
static sn_status put_results(tracer *t, const char *group, const sn_plan *plan, const float *images, double loss) {
    SN_TRY(put_bn(t, plan));
    SN_TRY(sn_h5_attr_f64(t->file, group, "loss", loss));
    if (t->inputs_only) return SN_OK;
    for (int i = 0; i < plan->n_parts; i++) t->used[plan->part[i].param] = true;
    SN_TRY(sn_h5_attr_text(t->file, group, "targets", "labels"));
    SN_TRY(put_logits(t, group, t->trainer->batch));
    return sn_trace_sides(t->file, group, t->run->net, plan, images, t->trainer->batch);
}

static sn_status pass(void *arg, sn_trainer *trainer, const sn_arch *a, const sn_plan *plan) {
    tracer *t = arg;
    char group[64];
    next_pass(t, group, sizeof group);
    SN_TRY(put_mask(t, group, a));
    return put_results(t, group, plan, trainer->in.images, trainer->score.loss / trainer->batch);
}

static sn_status relaxed_pass(void *arg, const sn_relaxed_pass *p) {
    tracer *t = arg;
    char group[64];
    next_pass(t, group, sizeof group);
    SN_TRY(sn_trace_gates(t->file, group, p, t->inputs_only));
    return put_results(t, group, &t->run->net->plan, p->images, p->loss);
}

static sn_status update_alphas(void *arg, const sn_relax *r) {
    tracer *t = arg;
    return t->inputs_only ? SN_OK : sn_trace_alpha_gradients(t->file, t->step, r);
}

static bool any_active(const sn_supernet *net, const sn_param *p) {
    for (int k = 0; k < p->atoms; k++)
        if (net->is_active[p->first_atom + k]) return true;
    return false;
}

// The gradient of a part that no pass used is 0; the buffer holds that of an earlier step.
static void clear_idle(const sn_supernet *net, const sn_param *p, float *gradient) {
    for (int k = 0; k < p->atoms; k++) {
        sn_atom a = sn_param_atom(p, k);
        if (!net->is_active[p->first_atom + k]) memset(gradient + a.at, 0, (size_t)sn_atom_size(&a) * sizeof *gradient);
    }
}

// Gradients of what the update moves: a pass for alphas may use more.
static sn_status update_weights(void *arg) {
    tracer *t = arg;
    const sn_params *p = &t->run->graph->params;
    char path[1024];
    if (t->inputs_only) return SN_OK;
    for (int i = 0; i < p->n; i++) {
        if (!any_active(t->run->net, &p->param[i])) continue;
        float *memory = sn_new((size_t)p->param[i].size, sizeof *memory);
        if (!memory) return SN_RESOURCE;
        sn_supernet_get(t->run->net, SN_BUFFER_GRADS, i, memory);
        clear_idle(t->run->net, &p->param[i], memory);
        snprintf(path, sizeof path, "%s/gradients/%s", t->step, p->param[i].name);
        sn_status s = put_param(t, path, &p->param[i], memory);
        free(memory);
        SN_TRY(s);
    }
    return SN_OK;
}

static sn_status update(void *arg, sn_trainer *trainer) {
    (void)trainer;
    return update_weights(arg);
}

static sn_status end(void *arg, sn_trainer *trainer) {
    (void)trainer;
    tracer *t = arg;
    char group[64];
    if (t->inputs_only) return SN_OK;
    SN_TRY(sn_h5_attr_f64(t->file, t->step, "norm", t->run->optim->norm));
    SN_TRY(sn_h5_attr_f64(t->file, t->step, "factor", t->run->optim->factor));
    snprintf(group, sizeof group, "%s/before", t->step);
    SN_TRY(put_state(t, group, &t->before, t->used));
    take_state(t->run, &t->before);
    snprintf(group, sizeof group, "%s/after", t->step);
    SN_TRY(put_state(t, group, &t->before, t->used));
    return put_alphas(t, "after");
}

// ---------------------------------------------------------------- all steps
static sn_status check_steps(const sn_trainer *t, int64_t first, int64_t last) {
    int64_t done = t->run->step;
    if (first < 1 || last < first)
        return sn_error(SN_USAGE, "steps %lld:%lld: wanted is A:B with 1 <= A <= B", (long long)first, (long long)last);
    if (last > t->steps)
        return sn_error(SN_USAGE, "step %lld: the training has %lld steps", (long long)last, (long long)t->steps);
    if (first > done) return SN_OK;
    return sn_error(
        SN_USAGE,
        "step %lld: the run stands after step %lld; trace a later one, or start from an earlier checkpoint or the config",
        (long long)first, (long long)done);
}

static sn_status put_start(tracer *t, int64_t first, int64_t last) {
    SN_TRY(sn_h5_attr_text(t->file, "/", "format", "supernet-trace"));
    SN_TRY(sn_h5_attr_int(t->file, "/", "format_version", SN_TRACE_VERSION));
    SN_TRY(sn_h5_attr_int(t->file, "/", "first_step", first));
    SN_TRY(sn_h5_attr_int(t->file, "/", "last_step", last));
    SN_TRY(sn_h5_attr_int(t->file, "/", "inputs_only", t->inputs_only));
    SN_TRY(sn_trace_head(t->file, t->run));
    take_state(t->run, &t->before);
    if (t->run->alphas) SN_TRY(sn_trace_alphas(t->file, "/initial/alphas", t->run->alphas));
    return put_state(t, "/initial", &t->before, NULL);
}

// About: the state once, and per step the batch and, at most, everything before, after and gradients.
static size_t expected_bytes(const tracer *t, int64_t steps, size_t image) {
    const sn_params *p = &t->run->graph->params;
    size_t all = (size_t)(p->total * (1 + t->run->net->slots) + p->stats_total) + (size_t)(p->n + p->n_stats) * 512;
    size_t batch = image * (size_t)t->run->config->train.batch * (t->run->part[1] ? 2 : 1),
           step = t->inputs_only ? 0 : 2 * all + (size_t)p->total;
    return 4 * (all + (size_t)steps * (batch + step));
}

static sn_status allocate(tracer *t, int64_t steps) {
    const sn_params *p = &t->run->graph->params;
    size_t image = sn_run_image(t->run), largest = image * (size_t)t->run->config->train.batch;
    for (int i = 0; i < p->n; i++)
        if ((size_t)p->param[i].size > largest) largest = (size_t)p->param[i].size;
    t->scratch = sn_new(largest, sizeof *t->scratch);
    t->used = sn_new((size_t)p->n, sizeof *t->used);
    if (!t->scratch || !t->used) return SN_RESOURCE;
    SN_TRY(new_state(t->run, &t->before));
    return sn_h5_create(expected_bytes(t, steps, image), &t->file);
}

static sn_status trace_steps(sn_trainer *trainer, tracer *t, int64_t first, int64_t last) {
    SN_TRY(check_steps(trainer, first, last));
    while (t->run->step + 1 < first) SN_TRY(sn_trainer_step(trainer));
    SN_TRY(allocate(t, last - first + 1));
    SN_TRY(put_start(t, first, last));
    trainer->hooks = (sn_train_hooks){t, begin, pass, update, end};
    if (trainer->relaxer) sn_relaxer_watch(trainer->relaxer, &(sn_relax_hooks){t, relaxed_pass, update_alphas, update_weights});
    while (t->run->step < last) SN_TRY(sn_trainer_step(trainer));
    return SN_OK;
}

sn_status sn_trace(sn_run *run, int64_t first, int64_t last, bool inputs_only, const char *path) {
    tracer t = {.run = run, .inputs_only = inputs_only};
    SN_TRY(sn_trainer_create(run, &t.trainer));
    sn_status s = trace_steps(t.trainer, &t, first, last);
    if (s == SN_OK) s = sn_h5_save(t.file, path);
    sn_h5w_free(t.file);
    free_state(&t.before);
    free(t.used);
    free(t.scratch);
    sn_trainer_free(t.trainer);
    return s;
}
