// Alphas, their updates, and the arch that they stand for; see alphas.h.
#include "supernet/train/alphas.h"

#include <math.h>
#include <stdlib.h>

bool sn_alphas_learn(const sn_config *c, int decision) {
    const sn_decision *d = &c->space.built->decisions[decision];
    return sn_decision_count(d) > 1 && !(d->items && c->train.relax.picks == SN_PICKS_ALL);
}

static sn_status allocate(sn_alphas *a, const sn_space *s) {
    for (int d = 0; d < s->n_decisions; d++) a->places += s->decisions[d].options;
    size_t n = (size_t)a->places;
    a->alpha = sn_new(n, sizeof *a->alpha);
    a->avg = sn_new(n, sizeof *a->avg);
    a->avg_sq = sn_new(n, sizeof *a->avg_sq);
    return a->alpha && a->avg && a->avg_sq ? SN_OK : SN_RESOURCE;
}

sn_status sn_alphas_create(const sn_config *c, sn_alphas **out) {
    const sn_space *s = c->space.built;
    sn_alphas *a = sn_new(1, sizeof *a);
    if (!a) return SN_RESOURCE;
    if (allocate(a, s) != SN_OK) {
        sn_alphas_free(a);
        return SN_RESOURCE;
    }
    for (int d = 0, place = 0; d < s->n_decisions; place += s->decisions[d++].options) {
        sn_rng r = sn_rng_at((uint32_t)c->train.seed, SN_STREAM_GATES, (uint32_t)d, UINT32_MAX, 0);
        for (int k = 0; k < s->decisions[d].options; k++) {
            double first = c->train.relax.deviation * sn_rng_normal(&r);
            if (sn_alphas_learn(c, d) && sn_decision_allows(&s->decisions[d], k)) a->alpha[place + k] = first;
        }
    }
    *out = a;
    return SN_OK;
}

void sn_alphas_free(sn_alphas *a) {
    if (!a) return;
    free(a->alpha);
    free(a->avg);
    free(a->avg_sq);
    free(a);
}

static sn_status check(const sn_space *s, const double *gradient) {
    for (int d = 0, place = 0; d < s->n_decisions; place += s->decisions[d++].options)
        for (int k = 0; k < s->decisions[d].options; k++)
            if (!isfinite(gradient[place + k]))
                return sn_error(SN_DIVERGED, "the gradient of the alpha of '%s', option %s, is not finite", s->decisions[d].name,
                                sn_space_option_name(s, d, k));
    return SN_OK;
}

sn_status sn_alphas_update(sn_alphas *a, const sn_config *c, const double *gradient) {
    const sn_space *s = c->space.built;
    SN_TRY(check(s, gradient));
    double b1 = c->train.relax.beta1, b2 = c->train.relax.beta2;
    double t = (double)++a->counts[SN_ALPHA_UPDATES], part1 = 1 - pow(b1, t), part2 = 1 - pow(b2, t);
    for (int d = 0, place = 0; d < s->n_decisions; place += s->decisions[d++].options)
        for (int k = 0; k < s->decisions[d].options; k++) {
            int i = place + k;
            if (!sn_alphas_learn(c, d) || !sn_decision_allows(&s->decisions[d], k)) continue;
            double g = gradient[i] + c->train.relax.weight_decay * a->alpha[i];
            a->avg[i] = b1 * a->avg[i] + (1 - b1) * g;
            a->avg_sq[i] = b2 * a->avg_sq[i] + (1 - b2) * g * g;
            a->alpha[i] -= c->train.relax.lr * (a->avg[i] / part1) / (sqrt(a->avg_sq[i] / part2) + 1e-8);
        }
    return SN_OK;
}

// Of the kth item of a pick: the largest share of an option of what is done to it, 1 where nothing is chosen for it.
static double strength(const sn_space *s, int pick, int item, const int *first, const double *share) {
    const sn_decision *p = &s->decisions[pick];
    uint64_t with = 0;
    for (int k = 0; k < p->options; k++)
        if (p->items[k] >> item & 1 && sn_decision_allows(p, k)) with |= UINT64_C(1) << k;
    for (int d = pick + 1; d < s->n_decisions; d++) {
        const sn_decision *o = &s->decisions[d];
        if (o->parent == pick && (o->parent_options & p->allowed) == with)
            return share[first[d] + sn_relax_largest(o, share + first[d])];
    }
    return 1;
}

// As shares of a sum.
static void pick_shares(const sn_space *s, int pick, const int *first, double *share) {
    const sn_decision *p = &s->decisions[pick];
    double *out = share + first[pick], sum = 0;
    for (int k = 0; k < p->options; k++) {
        out[k] = 0;
        for (int item = 0; sn_decision_allows(p, k) && item < 64; item++)
            if (p->items[k] >> item & 1) out[k] += strength(s, pick, item, first, share);
        sum += out[k];
    }
    for (int k = 0; k < p->options; k++) out[k] /= sum;
}

void sn_alphas_shares(const sn_alphas *a, const sn_config *c, double *out) {
    const sn_space *s = c->space.built;
    const sn_method *m = sn_method_find(SN_RELAXATION, c->train.relax.method);
    int first[SN_MAX_DECISIONS], place = 0;
    for (int d = 0; d < s->n_decisions; place += s->decisions[d++].options) {
        first[d] = place;
        m->share(s, d, a->alpha + place, out + place);
    }
    for (int d = s->n_decisions - 1; d >= 0; d--) // what is within a pick stands behind it
        if (sn_decision_count(&s->decisions[d]) > 1 && !sn_alphas_learn(c, d)) pick_shares(s, d, first, out);
}

sn_status sn_alphas_decode(const sn_alphas *a, const sn_config *c, sn_arch *out) {
    const sn_space *s = c->space.built;
    double *share = sn_new((size_t)a->places, sizeof *share);
    if (!share) return SN_RESOURCE;
    sn_alphas_shares(a, c, share);
    *out = sn_arch_first(s);
    for (int d = 0, place = 0; d < s->n_decisions; place += s->decisions[d++].options) {
        if (!sn_arch_has(s, out, d)) continue;
        out->option[d] = (uint8_t)sn_relax_largest(&s->decisions[d], share + place);
        sn_arch_settle(s, out);
    }
    free(share);
    return SN_OK;
}
