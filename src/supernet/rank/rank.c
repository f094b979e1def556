// Ranking over the store; see rank.h.
#include "supernet/rank/rank.h"
#include "base/amount.h"
#include "base/clock.h"
#include "io/files/atomic.h"
#include "io/files/runfolder.h"
#include "supernet/engine/recalibrate.h"
#include "supernet/engine/scoreplan.h"
#include "supernet/rank/budget.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SCORING_BATCH = 250, SUBTREE = 3 };

// ---------------------------------------------------------------- what a score depends on
sn_protocol sn_run_protocol(const sn_run *r) {
    return (sn_protocol){r->config->rank.bn, r->config->rank.calibrate_batch, SCORING_BATCH};
}

static long calibration_images(const sn_run *r) {
    long all = sn_dataset_count(r->data, SN_TRAIN);
    return r->config->rank.calibrate < all ? r->config->rank.calibrate : all;
}

// Batches that are not all of one size weigh by their images, which is part of what a score means.
void sn_protocol_text(const sn_run *r, long images, char *out, size_t size) {
    const sn_config *c = r->config;
    const char *word = sn_protocol_words[c->rank.bn];
    sn_batches b = sn_calibration_batches(calibration_images(r), c->rank.calibrate_batch);
    if (c->rank.bn == SN_PROTOCOL_BATCH) b = (sn_batches){images, SCORING_BATCH, true};
    int last = sn_batches_count(&b) ? sn_batches_size(&b, sn_batches_count(&b) - 1) : b.batch;
    bool told = c->rank.bn == SN_PROTOCOL_BATCH ? last > b.batch : last != b.batch;
    char rest[48] = "";
    if (told) snprintf(rest, sizeof rest, ", the last of %d", last);
    if (c->rank.bn == SN_PROTOCOL_RECALIBRATE)
        snprintf(out, size, "%s %ld images, batches of %d%s", word, b.images, b.batch, rest);
    else if (c->rank.bn == SN_PROTOCOL_BATCH)
        snprintf(out, size, "%s of %d%s", word, b.batch, rest);
    else
        snprintf(out, size, "%s", word);
}

long sn_rank_images(const sn_run *r) {
    long all = sn_dataset_count(r->data, SN_VALIDATION), wanted = r->config->rank.images;
    return wanted && wanted < all ? wanted : all;
}

static sn_status open_store(const sn_run *r, sn_rankstore **store, size_t *setting) {
    if (!r->folder) return sn_error(SN_USAGE, "a bare checkpoint has no ranking; name the run folder");
    char *path = sn_folder_file(r->folder, "ranking.h5"), weights[32], protocol[128], split[64];
    uint64_t hash = 0;
    sn_status status = path ? sn_supernet_weights_hash(r->net, &hash) : SN_RESOURCE;
    snprintf(weights, sizeof weights, "%016llx", (unsigned long long)hash);
    sn_protocol_text(r, sn_rank_images(r), protocol, sizeof protocol);
    snprintf(split, sizeof split, "validation, order of seed %lld", (long long)r->config->data.seed);
    sn_rank_setting s = {weights, protocol, split, (uint64_t)sn_rank_images(r)};
    if (status == SN_OK) status = sn_rankstore_open(path, store);
    if (status == SN_DATA)
        sn_error(status, "%s; move %s away and rank again: the scores are measured anew", sn_error_text(), path);
    free(path);
    SN_TRY(status);
    if (!s.images)
        status = sn_error(SN_USAGE,
                          "%s was made without validation images, which a ranking needs; train one with data.validation above 0",
                          r->folder);
    if (status == SN_OK) status = sn_rankstore_setting(*store, &s, setting);
    if (status != SN_OK) sn_rankstore_close(*store);
    return status;
}

// ---------------------------------------------------------------- order
static int by_order(const void *a, const void *b) {
    return sn_arch_compare(a, b);
}

// ---------------------------------------------------------------- scoring what is missing
typedef struct {
    sn_run *run;
    sn_rankstore *store;
    size_t setting;
    const sn_rank_watch *watch;
    sn_ranking *out;
    sn_arch last;
    sn_arch *missing;
    long n, known;
    double saved, saving; // when the store was saved, and the seconds that this took
    bool unsaved;         // a subtree has ended since
} ranker;

// A save writes the whole store: it waits until the last one has cost at most a twentieth of the time since.
static sn_status save_now_and_then(ranker *r) {
    double now = sn_now();
    if (now - r->saved < 20 * r->saving) return SN_OK;
    r->unsaved = false;
    SN_TRY(sn_rankstore_save(r->store));
    r->saved = sn_now();
    r->saving = r->saved - now;
    return SN_OK;
}

static sn_status add_score(void *arg, const sn_score *s) {
    ranker *r = arg;
    char text[SN_ARCH_TEXT];
    sn_cost cost;
    SN_TRY(sn_cost_arch(r->run->graph, &s->arch, &cost));
    sn_rank_row row = {sn_arch_text(r->run->space, &s->arch, text),
                       s->loss,
                       (uint64_t)s->top1,
                       (uint64_t)s->top5,
                       (uint64_t)cost.macs,
                       (uint64_t)cost.params,
                       s->logits_hash,
                       s->hits,
                       s->losses};
    SN_TRY(sn_rankstore_add(r->store, r->setting, &row));
    r->out->scored++;
    int depth = s->arch.n < SUBTREE ? s->arch.n : SUBTREE;
    r->unsaved = r->unsaved || (r->out->scored > 1 && memcmp(r->last.option, s->arch.option, (size_t)depth));
    r->last = s->arch;
    return SN_OK;
}

static sn_status on_progress(void *arg, double archs) {
    ranker *r = arg;
    if (r->watch->progress) r->watch->progress(r->watch->arg, (double)r->known + archs, r->known + r->n);
    return r->unsaved ? save_now_and_then(r) : SN_OK;
}

static void on_layout(void *arg, const sn_score_layout *l) {
    const ranker *r = arg;
    if (r->watch->layout) r->watch->layout(r->watch->arg, l);
}

static bool asked_to_stop(void *arg) {
    const ranker *r = arg;
    return r->watch->stop && *r->watch->stop;
}

static sn_status score_missing(ranker *r) {
    sn_run *run = r->run;
    sn_view_of_split calibration = {0}, validation = {0};
    sn_score_job job = {.archs = r->missing,
                        .n = r->n,
                        .protocol = sn_run_protocol(run),
                        .memory = (size_t)run->config->rank.memory,
                        .want_losses = true,
                        .arg = r,
                        .scored = add_score,
                        .stop = asked_to_stop,
                        .progress = on_progress,
                        .layout = on_layout};
    sn_status s = SN_OK;
    if (job.protocol.kind == SN_PROTOCOL_RECALIBRATE)
        s = sn_run_source(run, SN_TRAIN, run->config->rank.calibrate, run->config->rank.calibrate_batch, &calibration,
                          &job.calibration);
    if (s == SN_OK) s = sn_run_source(run, SN_VALIDATION, sn_rank_images(run), SCORING_BATCH, &validation, &job.images);
    if (s == SN_OK) s = sn_score_archs(run->net, &job, &r->out->work);
    sn_run_source_free(&calibration);
    sn_run_source_free(&validation);
    if (s == SN_INTERRUPTED) sn_error(s, "%s; the same command goes on from there", sn_error_text());
    char *message = sn_strdup(sn_error_text());
    sn_status saved = sn_rankstore_save(r->store); // also what was scored before a stop or a failure
    if (saved == SN_OK && s != SN_OK && message) sn_error(s, "%s", message);
    free(message);
    return saved != SN_OK ? saved : s;
}

// An arch of most work and its neighbours: all options of every decision, and every shared value needed until the end.
static sn_status neighbours(const sn_run *r, sn_arch *list, long *n) {
    sn_arch small, large;
    SN_TRY(sn_cost_extremes(r->graph, r->space, &small, &large));
    list[0] = large;
    *n = 1;
    for (int d = large.n - 1; d >= 0; d--)
        for (int i = 0, k; (k = sn_decision_option(&r->space->decisions[d], i)) >= 0 && *n < SN_SCORE_GROUP; i++) {
            if (k == large.option[d] || large.option[d] == SN_ABSENT) continue;
            list[*n] = large;
            list[*n].option[d] = (uint8_t)k;
            sn_arch_settle(r->space, &list[(*n)++]);
        }
    return SN_OK;
}

sn_status sn_rank_layout(const sn_run *r, sn_score_layout *out) {
    sn_score_job job = {.protocol = sn_run_protocol(r), .memory = (size_t)r->config->rank.memory, .want_losses = true};
    job.calibration.count = calibration_images(r);
    job.images.count = sn_rank_images(r);
    *out = (sn_score_layout){0};
    if (!job.images.count) return SN_OK;
    sn_arch *archs = sn_new(SN_SCORE_GROUP, sizeof *archs);
    job.archs = archs;
    sn_status s = archs ? neighbours(r, archs, &job.n) : SN_RESOURCE;
    if (s == SN_OK) s = sn_score_memory(r->net, &job, out);
    free(archs);
    return s;
}

// ---------------------------------------------------------------- the ranking
static sn_status ranked_of(const sn_run *r, const sn_rankstore *store, size_t setting, size_t row, const sn_arch *a,
                           sn_ranked *out) {
    sn_rank_row s = sn_rankstore_row(store, setting, row);
    double images = (double)sn_rankstore_get_setting(store, setting).images;
    sn_cost cost;
    SN_TRY(sn_cost_arch(r->graph, a, &cost));
    *out = (sn_ranked){.arch = *a,
                       .top1 = (double)s.top1 / images,
                       .top5 = (double)s.top5 / images,
                       .loss = s.loss,
                       .fitted_top1 = NAN,
                       .fitted_loss = NAN,
                       .cost = cost,
                       .row = row,
                       .logits = s.logits,
                       .hits = s.hits,
                       .losses = s.losses};
    return SN_OK;
}

static sn_status load_rows(const sn_run *r, size_t setting, sn_ranking *out) {
    size_t n = sn_rankstore_count(out->store, setting);
    if (!n)
        return sn_error(SN_USAGE, "nothing is ranked yet with these weights and this protocol: run `supernet rank %s` first",
                        r->folder);
    out->row = sn_new(n, sizeof *out->row);
    if (!out->row) return SN_RESOURCE;
    for (size_t i = 0; i < n; i++) {
        sn_arch a;
        SN_TRY(sn_arch_parse(r->space, sn_rankstore_row(out->store, setting, i).arch, &a));
        SN_TRY(ranked_of(r, out->store, setting, i, &a, &out->row[i]));
    }
    out->rows = (long)n;
    return SN_OK;
}

static int by_arch(const void *a, const void *b) {
    return sn_arch_compare(&((const sn_ranked *)a)->arch, &((const sn_ranked *)b)->arch);
}

// Every score of the store, in the order of archs whatever order they were measured in, and what is fitted to them.
static sn_status load_fitted(const sn_run *r, size_t setting, sn_ranking *out) {
    SN_TRY(load_rows(r, setting, out));
    size_t n = (size_t)out->rows;
    qsort(out->row, n, sizeof *out->row, by_arch);
    SN_TRY(sn_fitted_make(r->space, out->row, out->rows, out->images, &out->fitted));
    out->fits =
        (sn_rank_fits){.setting = setting, .fitted_top1 = sn_new(n, sizeof(double)), .fitted_loss = sn_new(n, sizeof(double))};
    out->item = sn_new(n, sizeof *out->item);
    if (!out->fits.fitted_top1 || !out->fits.fitted_loss || !out->item) return SN_RESOURCE;
    for (size_t i = 0; i < n; i++) {
        sn_ranked *x = &out->row[i];
        out->fits.fitted_top1[x->row] = x->fitted_top1 = sn_fitted_top1(&out->fitted, &x->arch);
        out->fits.fitted_loss[x->row] = x->fitted_loss = sn_fitted_loss(&out->fitted, &x->arch);
    }
    memcpy(out->item, out->row, n * sizeof *out->item);
    out->n = out->rows;
    for (int e = 0; e < out->fitted.accuracy.n; e++) out->unscored += !out->fitted.accuracy.effect[e].archs;
    return SN_OK;
}

static int by_logits(const void *a, const void *b) {
    const sn_ranked *x = a, *y = b;
    if (x->logits != y->logits) return x->logits < y->logits ? -1 : 1;
    return sn_arch_compare(&x->arch, &y->arch);
}

// Archs that give another's logits on every image: sampling silently not applied, or nets that are the same function.
static void find_identical(sn_ranking *r) {
    qsort(r->item, (size_t)r->n, sizeof *r->item, by_logits);
    for (long i = 1; i < r->n; i++)
        if (r->item[i].logits == r->item[i - 1].logits && !r->identical++)
            r->twins[0] = r->item[i - 1].arch, r->twins[1] = r->item[i].arch;
}

// A loss that is not finite is the worst.
static double score_by(const sn_ranked *x, int by) {
    double loss = isfinite(x->loss) ? -x->loss : -INFINITY;
    return by == SN_BEST_BY_LOSS ? loss : by == SN_BEST_BY_EFFECTS ? x->fitted_top1 : x->top1;
}

// Better first: a, b are what they are ranked by, larger is better.
static int compare(const sn_ranked *x, double a, const sn_ranked *y, double b) {
    double loss[2] = {score_by(x, SN_BEST_BY_LOSS), score_by(y, SN_BEST_BY_LOSS)};
    if (a != b) return a > b ? -1 : 1;
    if (x->top1 != y->top1) return x->top1 > y->top1 ? -1 : 1;
    if (loss[0] != loss[1]) return loss[0] > loss[1] ? -1 : 1;
    if (x->cost.macs != y->cost.macs) return x->cost.macs < y->cost.macs ? -1 : 1;
    return sn_arch_compare(&x->arch, &y->arch);
}

static int best_first(const void *a, const void *b) {
    const sn_ranked *x = a, *y = b;
    return compare(x, x->score, y, y->score);
}

static void order(sn_ranking *k, int by) {
    k->by = by == SN_BEST_BY_EFFECTS && k->fitted.unfitted[0][0] ? SN_BEST_BY_ACCURACY : by;
    for (long i = 0; i < k->n; i++) k->item[i].score = score_by(&k->item[i], k->by);
    qsort(k->item, (size_t)k->n, sizeof *k->item, best_first);
}

const sn_ranked *sn_ranking_first(const sn_ranking *k, int by) {
    if (by == SN_BEST_BY_EFFECTS && k->fitted.unfitted[0][0]) return NULL;
    const sn_ranked *first = k->item;
    for (long i = 1; i < k->n; i++)
        if (compare(&k->item[i], score_by(&k->item[i], by), first, score_by(first, by)) < 0) first = &k->item[i];
    return first;
}

// Of all items only those of a list, both in the order of archs.
static void keep_wanted(sn_ranking *k, const sn_arch *sorted, long n) {
    long kept = 0;
    for (long i = 0; i < k->n && kept < n; i++)
        if (sn_arch_equal(&k->item[i].arch, &sorted[kept])) k->item[kept++] = k->item[i];
    k->n = kept;
}

void sn_ranking_choose(sn_ranking *k, const sn_arch *sorted, long n, int by) {
    keep_wanted(k, sorted, n);
    find_identical(k);
    order(k, by);
}

static sn_status rank_in(ranker *r, const sn_arch *sorted, long n) {
    char text[SN_ARCH_TEXT];
    r->missing = sn_new((size_t)n, sizeof *r->missing);
    if (!r->missing) return SN_RESOURCE;
    for (long i = 0; i < n; i++) {
        if (sn_rankstore_find(r->store, r->setting, sn_arch_text(r->run->space, &sorted[i], text)) >= 0)
            r->known++;
        else
            r->missing[r->n++] = sorted[i];
    }
    if (r->n && access(r->run->folder, W_OK)) {
        sn_status s = sn_file_failed(r->run->folder, "write to this folder", SN_FAIL);
        return sn_error(s, "%s; %ld of %ld architectures have no score yet, and none could be kept", sn_error_text(), r->n, n);
    }
    if (r->n) SN_TRY(score_missing(r));
    SN_TRY(load_fitted(r->run, r->setting, r->out));
    sn_ranking_choose(r->out, sorted, n, r->run->config->rank.by);
    return SN_OK;
}

sn_status sn_rank(sn_run *run, const sn_arch *archs, long n, const sn_rank_watch *watch, sn_ranking *out) {
    sn_ranking result = {.images = (uint64_t)sn_rank_images(run)};
    ranker r = {.run = run, .watch = watch, .out = &result};
    SN_TRY(open_store(run, &r.store, &r.setting));
    result.store = r.store;
    sn_arch *sorted = sn_new((size_t)n, sizeof *sorted);
    sn_status s = sorted ? SN_OK : SN_RESOURCE;
    if (s == SN_OK) {
        memcpy(sorted, archs, (size_t)n * sizeof *sorted);
        qsort(sorted, (size_t)n, sizeof *sorted, by_order);
        long distinct = 0;
        for (long i = 0; i < n; i++)
            if (!i || sn_arch_compare(&sorted[distinct - 1], &sorted[i])) sorted[distinct++] = sorted[i];
        s = rank_in(&r, sorted, distinct);
    }
    free(sorted);
    free(r.missing);
    if (s != SN_OK)
        sn_ranking_free(&result);
    else
        *out = result;
    return s;
}

void sn_ranking_free(sn_ranking *r) {
    free(r->item);
    free(r->row);
    sn_fitted_free(&r->fitted);
    free(r->fits.fitted_top1);
    free(r->fits.fitted_loss);
    sn_rankstore_close(r->store);
    for (int i = 0; i < r->runs; i++) sn_ranking_free(&r->run[i]);
    free(r->run);
    *r = (sn_ranking){0};
}

sn_status sn_rank_stored(const sn_run *r, sn_ranking *out) {
    sn_ranking k = {.images = (uint64_t)sn_rank_images(r)};
    size_t setting;
    SN_TRY(open_store(r, &k.store, &setting));
    sn_status s = load_fitted(r, setting, &k);
    if (s == SN_OK) {
        order(&k, r->config->rank.by);
        *out = k;
    } else {
        sn_ranking_free(&k);
    }
    return s;
}

static sn_status best_within(const sn_ranking *k, sn_cost most, sn_arch *out) {
    char macs[32];
    sn_cost least = {INT64_MAX, INT64_MAX};
    for (long i = 0; i < k->n; i++) {
        const sn_cost *c = &k->item[i].cost;
        *out = k->item[i].arch;
        if (c->macs <= most.macs && c->params <= most.params) return SN_OK;
        if (c->macs < least.macs) least.macs = c->macs;
        if (c->params < least.params) least.params = c->params;
    }
    return sn_error(SN_USAGE,
                    "none of the %ld ranked architectures is within the limits; the smallest have %s MMACs and %lld params; "
                    "rank some that are: `supernet rank` takes the same limits",
                    k->n, sn_millions(least.macs, macs), (long long)least.params);
}

sn_status sn_rank_best(const sn_run *r, sn_cost most, sn_arch *out) {
    sn_ranking k;
    *out = sn_arch_first(r->space);
    sn_arch second = *out;
    if (!sn_arch_next(r->space, &second)) return SN_OK; // the only one
    SN_TRY(sn_rank_stored(r, &k));
    sn_status s = k.by == r->config->rank.by
                      ? best_within(&k, most, out)
                      : sn_error(SN_USAGE, "best by effects: %s; or take the best by accuracy with --set rank.by=accuracy",
                                 k.fitted.unfitted[0]);
    sn_ranking_free(&k);
    return s;
}

sn_status sn_ranking_whole(const sn_run *r, const sn_ranking *k, sn_cost most, const volatile sig_atomic_t *stop, sn_arch *out) {
    if (!k->fitted.accuracy.n) return sn_error(SN_USAGE, "best by effects: %s", k->fitted.unfitted[0]);
    return sn_budget_best(r->graph, r->space, &k->fitted.accuracy, most, stop, out);
}

sn_status sn_rank_find(const sn_run *r, const sn_arch *a, sn_ranked *out, bool *found) {
    sn_rankstore *store;
    size_t setting;
    char text[SN_ARCH_TEXT];
    SN_TRY(open_store(r, &store, &setting));
    ptrdiff_t row = sn_rankstore_find(store, setting, sn_arch_text(r->space, a, text));
    *found = row >= 0;
    sn_status s = *found ? ranked_of(r, store, setting, (size_t)row, a, out) : SN_OK;
    out->hits = NULL;
    out->losses = NULL;
    sn_rankstore_close(store);
    return s;
}
