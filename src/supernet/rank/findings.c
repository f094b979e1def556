// Figures of effects; see findings.h.
#include "supernet/rank/findings.h"

#include <math.h>
#include <stdlib.h>

enum { RESAMPLES = 400 };

void sn_findings_free(sn_findings *f) {
    free(f->from);
    free(f->to);
    free(f->mmacs);
    free(f->share);
    free(f->pair);
    *f = (sn_findings){0};
}

static int by_arch(const void *a, const void *b) {
    return sn_arch_compare(&((const sn_ranked *)a)->arch, &((const sn_ranked *)b)->arch);
}

static int by_share(const void *a, const void *b) {
    const sn_effects_share *x = *(const sn_effects_share *const *)a, *y = *(const sn_effects_share *const *)b;
    if (x->share != y->share) return x->share > y->share ? -1 : 1;
    return x < y ? -1 : x > y;
}

static sn_status find_mmacs(sn_findings *f) {
    const sn_ranking *k = f->ranking;
    size_t effects = (size_t)f->fitted->accuracy.n;
    double *macs = sn_new((size_t)k->rows, sizeof *macs), *work = sn_new(2 * effects, sizeof *work);
    f->mmacs = sn_new(effects, sizeof *f->mmacs);
    sn_status s = macs && work && f->mmacs ? SN_OK : SN_RESOURCE;
    for (long i = 0; s == SN_OK && i < k->rows; i++) macs[i] = (double)k->row[i].cost.macs * 1e-6;
    if (s == SN_OK) sn_effects_refit(f->fitted->design, macs, 0, f->mmacs, work);
    for (size_t e = 0; s == SN_OK && e < effects; e++) // split between options that always go along
        if (isnan(f->fitted->accuracy.effect[e].from)) f->mmacs[e] = NAN;
    free(macs);
    free(work);
    return s;
}

static sn_status find_shares(sn_findings *f) {
    size_t n, decisions = (size_t)f->run->space->n_decisions;
    SN_TRY(sn_effects_shares(f->fitted->design, f->fitted->logit, &f->fitted->accuracy, &f->share, &n));
    f->pairs = n - decisions;
    f->pair = sn_new(f->pairs, sizeof *f->pair);
    if (!f->pair) return SN_RESOURCE;
    for (size_t i = 0; i < f->pairs; i++) f->pair[i] = &f->share[decisions + i];
    qsort(f->pair, f->pairs, sizeof *f->pair, by_share);
    return SN_OK;
}

static sn_status find(sn_findings *f, const sn_ranking *k) {
    const sn_run *r = f->run;
    f->ranking = k;
    f->fitted = &k->fitted;
    if (!f->fitted->accuracy.n) return sn_error(SN_USAGE, "%s: no main effects: %s", r->folder, f->fitted->unfitted[0]);
    size_t effects = (size_t)f->fitted->accuracy.n;
    f->points = sn_fitted_points(f->fitted, k->row, k->rows);
    f->from = sn_new(effects, sizeof *f->from);
    f->to = sn_new(effects, sizeof *f->to);
    if (!f->from || !f->to) return SN_RESOURCE;
    SN_TRY(
        sn_fitted_over_images(f->fitted, k->row, k->rows, k->images, RESAMPLES, (uint32_t)r->config->train.seed, f->from, f->to));
    SN_TRY(find_mmacs(f));
    return find_shares(f);
}

sn_status sn_findings_make(const sn_run *r, const sn_ranking *k, sn_findings *out) {
    sn_findings f = {.run = r};
    sn_status s = find(&f, k);
    if (s == SN_OK)
        *out = f;
    else
        sn_findings_free(&f);
    return s;
}

const char *sn_findings_word(const sn_space *s, int decision, int option) {
    return option == SN_ABSENT ? "absent" : sn_space_option_name(s, decision, option);
}

static double per_mmac(const sn_findings *f, int e) {
    const sn_effects *x = &f->fitted->accuracy;
    int d = x->effect[e].decision, cheapest = e;
    for (int o = x->first[d]; o < x->first[d + 1]; o++) {
        if (x->effect[o].archs && isnan(f->mmacs[o])) return NAN; // which is the cheapest cannot be told
        if (f->mmacs[o] < f->mmacs[cheapest]) cheapest = o;       // false where never scored
    }
    double more = f->mmacs[e] - f->mmacs[cheapest];
    return more > 0.5e-6 ? f->points * (x->effect[e].value - x->effect[cheapest].value) / more : NAN;
}

sn_option_finding sn_findings_option(const sn_findings *f, int e) {
    const sn_space *s = f->run->space;
    const sn_effect *x = &f->fitted->accuracy.effect[e];
    const sn_effect *loss = f->fitted->loss.n ? sn_effects_of(&f->fitted->loss, x->decision, x->option) : NULL;
    return (sn_option_finding){.decision = s->decisions[x->decision].name,
                               .option = sn_findings_word(s, x->decision, x->option),
                               .archs = x->archs,
                               .points = f->points * x->value,
                               .images = {f->points * f->from[e], f->points * f->to[e]},
                               .over = {f->points * x->from, f->points * x->to},
                               .loss = loss ? loss->value : NAN,
                               .loss_over = {loss ? loss->from : NAN, loss ? loss->to : NAN},
                               .mmacs = f->mmacs[e],
                               .per_mmac = per_mmac(f, e)};
}

static sn_share_sum sum_of(const sn_effects_share *s, size_t n) {
    sn_share_sum all = {0};
    for (size_t i = 0; i < n; i++) all.share += s[i].share, all.by_chance += s[i].by_chance;
    return all;
}

sn_share_sum sn_findings_main(const sn_findings *f) {
    return f->fitted->accuracy.main;
}
sn_share_sum sn_findings_interactions(const sn_findings *f) {
    return sum_of(f->share + f->run->space->n_decisions, f->pairs);
}
bool sn_findings_overlap(const sn_findings *f) {
    double sum = sum_of(f->share, (size_t)f->run->space->n_decisions).share;
    return fabs(sum - sn_findings_main(f).share) > 1e-9 || sum + sn_findings_interactions(f).share > 1 + 1e-9;
}

const sn_ranked *sn_findings_scored(const sn_findings *f, const sn_arch *a) {
    return bsearch(&(sn_ranked){.arch = *a}, f->ranking->row, (size_t)f->ranking->rows, sizeof *f->ranking->row, by_arch);
}
