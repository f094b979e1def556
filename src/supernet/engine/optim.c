// The optimiser's lists of calls; see optim.h. The arithmetic is in the kernels (squares, clip, sgd, adam).
#include "supernet/engine/optim.h"
#include "base/round.h"

#include <stdlib.h>

int sn_optim_slots(const sn_optim_settings *s) {
    return s->kind != SN_OPTIM_SGD ? 2 : s->momentum > 0 ? 1 : 0;
}

sn_status sn_optim_create(sn_supernet *net, const sn_optim_settings *settings, sn_optim **out) {
    sn_optim *o = sn_new(1, sizeof *o);
    if (!o) return SN_RESOURCE;
    o->settings = *settings;
    o->net = net;
    o->updates = sn_new((size_t)net->graph->params.n_atoms, sizeof *o->updates);
    if (!o->updates) {
        sn_optim_free(o);
        return SN_RESOURCE;
    }
    *out = o;
    return SN_OK;
}

void sn_optim_free(sn_optim *o) {
    if (!o) return;
    free(o->updates);
    sn_plan_free(&o->plan);
    free(o);
}

double sn_optim_decay(const sn_optim *o, int param) {
    sn_param_kind kind = o->net->graph->params.param[param].kind;
    bool weight = kind == SN_PARAM_CONV || kind == SN_PARAM_LINEAR;
    weight = weight || kind == SN_PARAM_TRANSFORM;
    return weight || o->settings.decay_bn ? o->settings.weight_decay : 0;
}

// Adds a call, to the last launch if that runs the same kernel, its workspace behind the others'.
static sn_status add(sn_optim *o, sn_call call) {
    SN_TRY(sn_backend_choose(o->net->backend, &call));
    if (call.impl->work) {
        call.work = o->plan.arena;
        o->plan.arena += sn_aligned(call.impl->work(&call));
    }
    return sn_plan_add(&o->plan, o->net->backend, &call, true);
}

// Where the lists put their numbers: at the arena's start, which no pass needs any more.
enum { CLIP = 0, SQUARES = SN_RESULT_ELEMENTS };

static sn_box box_of(const sn_part *p) {
    return (sn_box){p->offset, p->size, 1, p->size};
}

static sn_status add_norm(sn_optim *o, const sn_part *part, int n) {
    sn_plan_clear(&o->plan);
    o->plan.arena = SQUARES + sn_aligned(n);
    for (int k = 0; k < n; k++) SN_TRY(add(o, (sn_call){.kernel = SN_SQUARES, .as.squares = {box_of(&part[k]), SQUARES + k}}));
    return add(o, (sn_call){.kernel = SN_CLIP, .as.clip = {n, SQUARES, o->settings.clip, CLIP}});
}

static sn_call update_call(const sn_optim *o, const sn_part *part, double lr) {
    const sn_optim_settings *s = &o->settings;
    double decay = sn_optim_decay(o, part->param);
    if (s->kind == SN_OPTIM_SGD)
        return (sn_call){.kernel = SN_SGD, .as.sgd = {box_of(part), lr, s->momentum, decay, s->nesterov, CLIP}};
    bool apart = s->kind == SN_OPTIM_ADAMW;
    return (sn_call){.kernel = SN_ADAM,
                     .as.adam = {.box = box_of(part),
                                 .lr = lr,
                                 .beta1 = s->beta1,
                                 .beta2 = s->beta2,
                                 .eps = s->eps,
                                 .decay = apart ? 0 : decay,
                                 .keep = apart ? 1 - lr * decay : 1,
                                 .t = o->updates[part->atom] + 1,
                                 .clip = CLIP}};
}

// An update of all parameters, planned and not run.
sn_status sn_optim_room(sn_optim *o, int64_t *arena) {
    const sn_graph *g = o->net->graph;
    sn_part *all = sn_new((size_t)g->params.n_atoms, sizeof *all);
    if (!all) return SN_RESOURCE;
    int n = 0;
    for (int i = 0; i < g->params.n; i++) {
        const sn_param *p = &g->params.param[i];
        n += sn_param_parts(&g->params, i, (sn_extent){p->kernel, p->in, p->out}, all + n);
    }
    sn_status s = add_norm(o, all, n);
    *arena = o->plan.arena;
    free(all);
    return s;
}

static int by_offset(const void *a, const void *b) {
    const sn_part *x = a, *y = b;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

static sn_clip_result run_plan(sn_optim *o) {
    sn_clip_result clip;
    sn_supernet_run(o->net, &o->plan);
    sn_memory_read(o->net->memory, SN_BUFFER_ARENA, CLIP, &clip, sizeof clip);
    return clip;
}

sn_status sn_optim_norm(sn_optim *o, double *norm) {
    sn_supernet *net = o->net;
    *norm = 0;
    if (!net->n_active) return SN_OK;
    qsort(net->active, (size_t)net->n_active, sizeof *net->active, by_offset);
    SN_TRY(add_norm(o, net->active, net->n_active));
    SN_TRY(sn_supernet_reserve(net, &o->plan));
    *norm = run_plan(o).norm;
    return SN_OK;
}

sn_status sn_optim_update(sn_optim *o, double lr) {
    sn_supernet *net = o->net;
    const sn_part *part = net->active;
    int n = net->n_active;
    o->norm = 0, o->factor = 1;
    if (!n) return SN_OK;
    qsort(net->active, (size_t)n, sizeof *part, by_offset); // the order of the norm's sum
    SN_TRY(add_norm(o, part, n));
    for (int k = 0; k < n; k++) SN_TRY(add(o, update_call(o, &part[k], lr)));
    SN_TRY(sn_supernet_reserve(net, &o->plan));
    sn_clip_result clip = run_plan(o);
    o->norm = clip.norm, o->factor = clip.factor;
    sn_supernet_end_gradients(net);
    if (clip.bad >= 0)
        return sn_error(SN_DIVERGED, "the gradient of '%s' is not finite",
                        net->graph->params.param[part[(int)clip.bad].param].name);
    for (int k = 0; k < n; k++) o->updates[part[k].atom]++;
    return SN_OK;
}
