// Effects of scores; see fitted.h.
#include "supernet/rank/fitted.h"
#include "supernet/rank/rankstats.h"
#include "supernet/rank/redraw.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { FOR_EFFECTS = 4 }; // sequence of SN_STREAM_RESAMPLE; rankquality.c has 1 to 3

void sn_fitted_free(sn_fitted *f) {
    sn_effects_close(f->design);
    sn_effects_free(&f->accuracy);
    sn_effects_free(&f->loss);
    free(f->logit);
    *f = (sn_fitted){0};
}

// What cannot be fitted is told, not a failure.
static sn_status excuse(sn_status s, char why[SN_UNFITTED_TEXT]) {
    if (s != SN_USAGE && s != SN_DATA) return s;
    snprintf(why, SN_UNFITTED_TEXT, "%s", sn_error_text());
    return SN_OK;
}

static sn_status fit_accuracy(const sn_space *space, const sn_arch *archs, long n, sn_fitted *f) {
    SN_TRY(sn_effects_open(space, archs, n, &f->design));
    return sn_effects_fit(f->design, "top-1", f->logit, &f->accuracy);
}

// archs and loss are overwritten: those of finite loss.
static sn_status fit_loss(const sn_space *space, sn_arch *archs, double *loss, const sn_ranked *item, long n, sn_fitted *f) {
    sn_effects_design *design = NULL;
    long m = 0;
    for (long i = 0; i < n; i++)
        if (isfinite(item[i].loss)) archs[m] = item[i].arch, loss[m++] = item[i].loss;
    f->overflowed = n - m;
    if (!m) return sn_error(SN_DATA, "no scored architecture has a finite loss");
    if (m < n || !f->design) SN_TRY(sn_effects_open(space, archs, m, &design));
    sn_status s = sn_effects_fit(design ? design : f->design, "the loss", loss, &f->loss);
    sn_effects_close(design);
    return s;
}

sn_status sn_fitted_make(const sn_space *space, const sn_ranked *item, long n, uint64_t images, sn_fitted *out) {
    double *logit = sn_new((size_t)n, sizeof *logit);
    for (long i = 0; logit && i < n; i++) logit[i] = sn_effects_logit(round(item[i].top1 * (double)images), (double)images);
    return logit ? sn_fitted_of(space, item, n, logit, out) : SN_RESOURCE;
}

sn_status sn_fitted_of(const sn_space *space, const sn_ranked *item, long n, double *logit, sn_fitted *out) {
    sn_fitted f = {.logit = logit};
    sn_arch *archs = sn_new((size_t)n, sizeof *archs);
    double *loss = sn_new((size_t)n, sizeof *loss);
    sn_status s = archs && loss ? SN_OK : SN_RESOURCE;
    for (long i = 0; s == SN_OK && i < n; i++) archs[i] = item[i].arch;
    if (s == SN_OK) s = excuse(fit_accuracy(space, archs, n, &f), f.unfitted[0]);
    if (s == SN_OK) s = excuse(fit_loss(space, archs, loss, item, n, &f), f.unfitted[1]);
    free(archs);
    free(loss);
    if (s == SN_OK)
        *out = f;
    else
        sn_fitted_free(&f);
    return s;
}

double sn_fitted_top1(const sn_fitted *f, const sn_arch *a) {
    return f->accuracy.n ? sn_effects_share_of(sn_effects_predict(&f->accuracy, a)) : NAN;
}
double sn_fitted_loss(const sn_fitted *f, const sn_arch *a) {
    return f->loss.n ? sn_effects_predict(&f->loss, a) : NAN;
}

double sn_fitted_points(const sn_fitted *f, const sn_ranked *item, long n) {
    double sum = 0;
    for (long i = 0; i < n; i++) {
        double p = sn_fitted_top1(f, &item[i].arch);
        sum += p * (1 - p);
    }
    return 100 * sum / (double)n;
}

// ---------------------------------------------------------------- over images
typedef struct {
    const sn_fitted *fitted;
    const uint64_t **hits;        // (archs)
    double *count, *value, *work; // (archs), (effects), (2, effects)
    double *drawn;                // (effects, resamples)
    sn_redraw redraw;
} drawing;

static void drawing_free(drawing *d) {
    free(d->hits);
    free(d->count);
    free(d->value);
    free(d->work);
    free(d->drawn);
    sn_redraw_close(&d->redraw);
}

static sn_status drawing_open(drawing *d, size_t archs, size_t effects, size_t images, size_t resamples) {
    d->hits = sn_new(archs, sizeof *d->hits);
    d->count = sn_new(archs, sizeof *d->count);
    d->value = sn_new(effects, sizeof *d->value);
    d->work = sn_new(2 * effects, sizeof *d->work);
    d->drawn = sn_new(effects, resamples * sizeof *d->drawn);
    if (!d->hits || !d->count || !d->value || !d->work || !d->drawn) return SN_RESOURCE;
    return sn_redraw_open(images, &d->redraw);
}

static void draw_all(drawing *d, size_t archs, uint32_t resamples, uint32_t seed) {
    const sn_effects *e = &d->fitted->accuracy;
    for (uint32_t k = 0; k < resamples; k++) {
        sn_rng rng = sn_rng_at(seed, SN_STREAM_RESAMPLE, FOR_EFFECTS, k, 0);
        sn_redraw_with_replacement(&d->redraw, &rng);
        sn_redraw_count(&d->redraw, d->hits, archs, d->count);
        for (size_t i = 0; i < archs; i++) d->count[i] = sn_effects_logit(d->count[i], (double)d->redraw.images);
        sn_effects_refit(d->fitted->design, d->count, e->lambda, d->value, d->work);
        for (int i = 0; i < e->n; i++) d->drawn[(size_t)i * resamples + k] = d->value[i];
    }
}

sn_status sn_fitted_over_images(const sn_fitted *f, const sn_ranked *item, long n, uint64_t images, uint32_t resamples,
                                uint32_t seed, double *from, double *to) {
    drawing d = {.fitted = f};
    sn_status s = drawing_open(&d, (size_t)n, (size_t)f->accuracy.n, (size_t)images, resamples);
    if (s == SN_OK) {
        for (long i = 0; i < n; i++) d.hits[i] = item[i].hits;
        draw_all(&d, (size_t)n, resamples, seed);
    }
    for (int e = 0; s == SN_OK && e < f->accuracy.n; e++) {
        double *x = d.drawn + (size_t)e * resamples;
        bool known = f->accuracy.effect[e].archs;
        if (known) sn_sort_numbers(x, resamples);
        from[e] = known ? sn_quantile(x, resamples, 0.025) : NAN;
        to[e] = known ? sn_quantile(x, resamples, 0.975) : NAN;
    }
    drawing_free(&d);
    return s;
}
