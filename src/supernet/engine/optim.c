// The optimiser's lists of calls; see optim.h. The arithmetic is in the kernels (fill, squares, sgd, adam).
#include "supernet/engine/optim.h"
#include "base/round.h"

#include <math.h>
#include <stdlib.h>

int sn_optim_slots(const sn_optim_settings *s) {
    return s->kind == SN_OPTIM_ADAM ? 2 : s->momentum > 0 ? 1 : 0;
}

sn_status sn_optim_create(sn_supernet *net, const sn_optim_settings *settings, sn_optim **out) {
    sn_optim *o = sn_new(1, sizeof *o);
    if (!o) return SN_RESOURCE;
    o->settings = *settings;
    o->net = net;
    o->updates = sn_new((size_t)net->graph->params.n, sizeof *o->updates);
    o->active = sn_new((size_t)net->graph->params.n, sizeof *o->active);
    if (!o->updates || !o->active) {
        sn_optim_free(o);
        return SN_RESOURCE;
    }
    *out = o;
    return SN_OK;
}

void sn_optim_free(sn_optim *o) {
    if (!o) return;
    free(o->updates);
    free(o->active);
    sn_plan_free(&o->plan);
    free(o);
}

double sn_optim_decay(const sn_optim *o, int param) {
    sn_param_kind kind = o->net->graph->params.param[param].kind;
    bool weight = kind == SN_PARAM_CONV || kind == SN_PARAM_LINEAR;
    return weight || o->settings.decay_bn ? o->settings.weight_decay : 0;
}

// Adds a call to the one launch of the list, its workspace behind the others'.
static sn_status add(sn_optim *o, sn_call call) {
    SN_TRY(sn_backend_choose(o->net->backend, &call));
    if (call.impl->work) {
        call.work = o->plan.arena;
        o->plan.arena += sn_aligned(call.impl->work(&call));
    }
    return sn_plan_add(&o->plan, o->net->backend, &call, true);
}

static sn_status run(sn_optim *o) {
    SN_TRY(sn_supernet_reserve(o->net, &o->plan));
    if (o->plan.n_launches) sn_supernet_run(o->net, &o->plan, NULL);
    return SN_OK;
}

sn_status sn_optim_use(sn_optim *o, const sn_plan *pass) {
    sn_plan_clear(&o->plan);
    for (int i = 0; i < pass->n_params; i++) {
        int k = pass->param[i];
        if (o->active[k]) continue;
        const sn_param *p = &o->net->graph->params.param[k];
        SN_TRY(add(o, (sn_call){.kernel = SN_FILL, .as.fill = {p->offset, p->size}}));
        o->active[k] = true;
    }
    return run(o);
}

// o->norm of the active gradients; per-parameter sums of squares go to the arena's start, which no pass needs any more.
static sn_status measure_norm(sn_optim *o) {
    const sn_params *ps = &o->net->graph->params;
    sn_plan_clear(&o->plan);
    o->plan.arena = sn_aligned(ps->n);
    for (int i = 0; i < ps->n; i++)
        if (o->active[i])
            SN_TRY(add(o, (sn_call){.kernel = SN_SQUARES, .as.squares = {ps->param[i].offset, ps->param[i].size, i}}));
    SN_TRY(run(o));
    double sum = 0;
    for (int i = 0; i < ps->n; i++) {
        if (!o->active[i]) continue;
        float squares;
        sn_real_get(o->net->real, o->net->bases.arena, i, &squares, 1);
        if (!isfinite(squares)) return sn_error(SN_DIVERGED, "the gradient of '%s' is not finite", ps->param[i].name);
        sum += (double)squares;
    }
    o->norm = sqrt(sum);
    return SN_OK;
}

static sn_call update_call(sn_optim *o, int i, double lr) {
    const sn_param *p = &o->net->graph->params.param[i];
    const sn_optim_settings *s = &o->settings;
    double decay = sn_optim_decay(o, i);
    if (s->kind == SN_OPTIM_SGD)
        return (sn_call){.kernel = SN_SGD, .as.sgd = {p->offset, p->size, lr, s->momentum, decay, o->factor, s->nesterov}};
    return (sn_call){.kernel = SN_ADAM,
                     .as.adam = {p->offset, p->size, lr, s->beta1, s->beta2, s->eps, decay, o->factor, o->updates[i]}};
}

sn_status sn_optim_update(sn_optim *o, double lr) {
    int n = o->net->graph->params.n;
    SN_TRY(measure_norm(o));
    double factor = o->settings.clip > 0 ? o->settings.clip / (o->norm + 1e-6) : 1; // PyTorch's clip_grad_norm_
    o->factor = factor < 1 ? factor : 1;
    sn_plan_clear(&o->plan);
    for (int i = 0; i < n; i++) {
        if (!o->active[i]) continue;
        o->updates[i]++;
        o->active[i] = false;
        SN_TRY(add(o, update_call(o, i, lr)));
    }
    return run(o);
}
