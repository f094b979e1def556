// Scores on images drawn again; see rescore.h.
#include "supernet/rank/rescore.h"
#include "base/half.h"
#include "space/words.h"
#include "supernet/rank/redraw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FOR_IMAGES = 1, FOR_HALVES = 3 }; // sequences of SN_STREAM_RESAMPLE

void sn_rescored_free(sn_rescored *r) {
    free(r->score);
    free(r->drawn);
    free(r->half);
    *r = (sn_rescored){0};
}

// ---------------------------------------------------------------- which images
typedef struct {
    const sn_rescore_job *job;
    int by;
    sn_redraw redraw;
    uint32_t *order;       // (images) of the halves
    const uint64_t **hits; // (hit_archs) of the items; by effects of the rows
    size_t hit_archs;
    double *count;        // (hit_archs)
    double *value, *work; // by effects: (effects), (2, effects)
    float *times;         // by loss: (images, draws) how often each counts
} drawing;

static void drawing_free(drawing *d) {
    sn_redraw_close(&d->redraw);
    free(d->order);
    free(d->hits);
    free(d->count);
    free(d->value);
    free(d->work);
    free(d->times);
}

static sn_status drawing_open(drawing *d) {
    const sn_rescore_job *j = d->job;
    bool effects = d->by == SN_BEST_BY_EFFECTS;
    size_t most = j->draws > 2 ? j->draws : 2, n = effects ? (size_t)j->fitted->accuracy.n : 0;
    d->hit_archs = effects ? (size_t)j->rows : j->archs;
    d->order = sn_new((size_t)j->images, sizeof *d->order);
    d->hits = sn_new(d->hit_archs, sizeof *d->hits);
    d->count = sn_new(d->hit_archs, sizeof *d->count);
    d->value = sn_new(n, sizeof *d->value);
    d->work = sn_new(2 * n, sizeof *d->work);
    d->times = d->by == SN_BEST_BY_LOSS ? sn_new((size_t)j->images, most * sizeof *d->times) : NULL;
    if (!d->order || !d->hits || !d->count || !d->value || !d->work || (d->by == SN_BEST_BY_LOSS && !d->times))
        return SN_RESOURCE;
    for (size_t i = 0; i < d->hit_archs; i++) d->hits[i] = effects ? j->row[i].hits : j->item[i]->hits;
    sn_rng r = sn_rng_at(j->seed, SN_STREAM_RESAMPLE, FOR_HALVES, 0, 0);
    sn_rng_permutation(&r, (uint32_t)j->images, d->order);
    return sn_redraw_open((size_t)j->images, &d->redraw);
}

// The images of a draw, or of a half.
static void draw_images(drawing *d, bool halves, uint32_t k) {
    sn_redraw *r = &d->redraw;
    if (!halves) {
        sn_rng rng = sn_rng_at(d->job->seed, SN_STREAM_RESAMPLE, FOR_IMAGES, k, 0);
        sn_redraw_with_replacement(r, &rng);
        return;
    }
    size_t half = r->images / 2;
    memset(r->multiplicity, 0, r->images * sizeof *r->multiplicity);
    for (size_t i = 0; i < half; i++) r->multiplicity[d->order[k * half + i]] = 1;
    sn_redraw_set(r);
}

// ---------------------------------------------------------------- scores on them
static void score_effects(drawing *d, double images, double *out) {
    const sn_fitted *f = d->job->fitted;
    for (size_t i = 0; i < d->hit_archs; i++) d->count[i] = sn_effects_logit(d->count[i], images);
    sn_effects_refit(f->design, d->count, f->accuracy.lambda, d->value, d->work);
    for (size_t i = 0; i < d->job->archs; i++) out[i] = sn_effects_add_up(&f->accuracy, d->value, &d->job->item[i]->arch);
}

// out (draws, archs): losses added up as often as each image counts.
static sn_status score_losses(const drawing *d, uint32_t draws, double images, double *out) {
    const sn_rescore_job *j = d->job;
    double *sum = sn_new(draws, sizeof *sum);
    if (!sum) return SN_RESOURCE;
    for (size_t a = 0; a < j->archs; a++) {
        memset(sum, 0, draws * sizeof *sum);
        for (size_t i = 0; i < (size_t)j->images; i++) {
            double loss = (double)sn_half_value(j->item[a]->losses[i]);
            const float *times = d->times + i * draws;
            for (uint32_t k = 0; k < draws; k++) sum[k] += loss * (double)times[k];
        }
        for (uint32_t k = 0; k < draws; k++) out[k * j->archs + a] = isfinite(sum[k]) ? -sum[k] / images : -INFINITY;
    }
    free(sum);
    return SN_OK;
}

// out (draws, archs)
static sn_status score_draws(drawing *d, bool halves, uint32_t draws, double *out) {
    size_t archs = d->job->archs, images = d->redraw.images, drawn = halves ? images / 2 : images;
    for (uint32_t k = 0; k < draws; k++) {
        draw_images(d, halves, k);
        if (d->by == SN_BEST_BY_LOSS) {
            for (size_t i = 0; i < images; i++) d->times[i * draws + k] = (float)d->redraw.multiplicity[i];
            continue;
        }
        sn_redraw_count(&d->redraw, d->hits, d->hit_archs, d->count);
        if (d->by == SN_BEST_BY_EFFECTS)
            score_effects(d, (double)drawn, out + k * archs);
        else
            memcpy(out + k * archs, d->count, archs * sizeof *out);
    }
    return d->by == SN_BEST_BY_LOSS ? score_losses(d, draws, (double)drawn, out) : SN_OK;
}

// ---------------------------------------------------------------- the whole
static double score_now(const sn_rescore_job *j, int by, const sn_ranked *x) {
    if (by == SN_BEST_BY_LOSS) return isfinite(x->loss) ? -x->loss : -INFINITY;
    if (by == SN_BEST_BY_EFFECTS) return sn_effects_predict(&j->fitted->accuracy, &x->arch);
    return round(x->top1 * (double)j->images);
}

// An arch with a finite loss has those of its images, or its score is from before they were kept.
static bool losses_known(const sn_rescore_job *j) {
    for (size_t i = 0; i < j->archs; i++)
        if (isfinite(j->item[i]->loss) && (!j->item[i]->losses || isnan(sn_half_value(j->item[i]->losses[0])))) return false;
    return true;
}

static sn_status rescore(const sn_rescore_job *j, int by, sn_rescored *out) {
    drawing d = {.job = j, .by = by};
    sn_status s = drawing_open(&d);
    if (s == SN_OK && j->draws) {
        out->drawn = sn_new(j->archs, j->draws * sizeof *out->drawn);
        s = out->drawn ? score_draws(&d, false, j->draws, out->drawn) : SN_RESOURCE;
    }
    if (s == SN_OK && j->images > 1) {
        out->half = sn_new(j->archs, 2 * sizeof *out->half);
        s = out->half ? score_draws(&d, true, 2, out->half) : SN_RESOURCE;
    }
    drawing_free(&d);
    return s;
}

sn_status sn_rescore(const sn_rescore_job *j, int by, sn_rescored *out) {
    if (j->images < 1 || j->images > INT32_MAX)
        return sn_error(SN_USAGE, "scores on %llu images: 1 to %d are allowed", (unsigned long long)j->images, INT32_MAX);
    *out = (sn_rescored){.score = sn_new(j->archs, sizeof *out->score)};
    sn_status s = out->score ? SN_OK : SN_RESOURCE;
    for (size_t i = 0; s == SN_OK && i < j->archs; i++) out->score[i] = score_now(j, by, j->item[i]);
    if (s == SN_OK && (by != SN_BEST_BY_LOSS || losses_known(j))) s = rescore(j, by, out);
    if (s != SN_OK) sn_rescored_free(out);
    return s;
}
