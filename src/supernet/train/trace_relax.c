// What a trace says of mode relax: alphas, the gates of a pass, gradients of both; see trace.h.
// Not here: everything else of a step (trace.c). Next: sampler/relax.h.
#include "supernet/train/trace_parts.h"

#include <stdio.h>
#include <stdlib.h>

static sn_status put_list(sn_h5w *w, const char *group, const char *name, int places, const double *list) {
    char path[128];
    size_t n = (size_t)places;
    snprintf(path, sizeof path, "%s/%s", group, name);
    return sn_h5_put(w, path, SN_F64, 1, &n, list);
}

sn_status sn_trace_alphas(sn_h5w *w, const char *group, const sn_alphas *a) {
    char path[128];
    SN_TRY(put_list(w, group, "alpha", a->places, a->alpha));
    SN_TRY(put_list(w, group, "exp_avg", a->places, a->avg));
    SN_TRY(put_list(w, group, "exp_avg_sq", a->places, a->avg_sq));
    snprintf(path, sizeof path, "%s/step", group);
    return sn_h5_put(w, path, SN_I64, 0, NULL, &a->counts[SN_ALPHA_UPDATES]);
}

// Gates of the options that run, 0 for the others.
static sn_status put_gates(sn_h5w *w, const char *group, const sn_gates *g) {
    size_t n = (size_t)g->places;
    double *gate = sn_new(n, sizeof *gate);
    uint8_t *active = sn_new(n, sizeof *active);
    char path[128];
    sn_status s = gate && active ? SN_OK : SN_RESOURCE;
    for (int d = 0; s == SN_OK && d < g->decisions; d++) {
        int end = d + 1 < g->decisions ? g->first[d + 1] : g->places;
        for (int i = g->first[d]; i < end; i++)
            if (g->active[d] >> (i - g->first[d]) & 1) active[i] = 1, gate[i] = g->gate[i];
    }
    snprintf(path, sizeof path, "%s/active", group);
    if (s == SN_OK) s = sn_h5_put(w, path, SN_U8, 1, &n, active);
    if (s == SN_OK) s = put_list(w, group, "gates", g->places, gate);
    free(gate);
    free(active);
    return s;
}

sn_status sn_trace_gates(sn_h5w *w, const char *group, const sn_relaxed_pass *p, bool inputs_only) {
    const sn_relax *r = p->relax;
    SN_TRY(put_gates(w, group, r->gates));
    SN_TRY(sn_h5_attr_text(w, group, "half", p->half == SN_ON_ALPHAS ? "alphas" : "weights"));
    SN_TRY(sn_h5_attr_int(w, group, "wants_weights", (p->wanted & SN_WANT_WEIGHTS) != 0));
    SN_TRY(sn_h5_attr_int(w, group, "wants_gates", (p->wanted & SN_WANT_GATES) != 0));
    SN_TRY(sn_h5_attr_int(w, group, "moves_statistics", (p->wanted & SN_MOVE_STATISTICS) != 0));
    if (inputs_only) return SN_OK;
    SN_TRY(put_list(w, group, "kept", r->gates->places, r->kept));
    SN_TRY(put_list(w, group, "noise", r->gates->places, r->noise));
    return p->wanted & SN_WANT_GATES ? put_list(w, group, "gate_gradients", r->gates->places, r->dgate) : SN_OK;
}

sn_status sn_trace_alpha_gradients(sn_h5w *w, const char *step, const sn_relax *r) {
    if (r->cost) SN_TRY(put_list(w, step, "costs", r->gates->places, r->cost));
    return put_list(w, step, "alpha_gradients", r->gates->places, r->dalpha);
}
