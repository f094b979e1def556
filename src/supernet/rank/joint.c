// Rankings of several runs as one; see joint.h.
#include "supernet/rank/joint.h"
#include "supernet/rank/rankstats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------- what can be ranked together
static sn_status check_config(const sn_run *a, const char *a_name, const sn_run *b, const char *b_name, const char *part,
                              const char *advice) {
    sn_config_change change;
    SN_TRY(sn_config_difference_in(part, a->config, b->config, &change));
    if (!change.key[0]) return SN_OK;
    return sn_error(SN_USAGE, "%s cannot be ranked together with %s: %s is %s, there %s; %s", b_name, a_name, change.key,
                    change.second, change.first, advice);
}

static sn_status check_scoring(const sn_run *a, const char *a_name, const sn_run *b, const char *b_name) {
    static const char advice[] = "allowed is one way of scoring: give both the same with --set rank....";
    char text[2][128];
    long n[2] = {sn_rank_images(a), sn_rank_images(b)};
    if (n[0] != n[1])
        return sn_error(SN_USAGE, "%s cannot be ranked together with %s: scored on %ld images, there on %ld; %s", b_name, a_name,
                        n[1], n[0], advice);
    sn_protocol_text(a, n[0], text[0], sizeof text[0]);
    sn_protocol_text(b, n[1], text[1], sizeof text[1]);
    if (!strcmp(text[0], text[1])) return SN_OK;
    return sn_error(SN_USAGE, "%s cannot be ranked together with %s: BN is '%s', there '%s'; %s", b_name, a_name, text[1],
                    text[0], advice);
}

sn_status sn_runs_alike(const sn_run *a, const char *a_name, const sn_run *b, const char *b_name) {
    static const char one_space[] = "allowed are runs of one space",
                      one_split[] = "allowed are runs that hold out the same images";
    const char *print[2] = {sn_dataset_fingerprint(a->data), sn_dataset_fingerprint(b->data)};
    SN_TRY(check_config(a, a_name, b, b_name, "space", one_space));
    if (strcmp(print[0], print[1]))
        return sn_error(SN_USAGE, "%s cannot be ranked together with %s: its data have the fingerprint %s, there %s; %s", b_name,
                        a_name, print[1], print[0], "allowed are runs of the same images");
    SN_TRY(check_config(a, a_name, b, b_name, "data.validation", one_split));
    SN_TRY(check_config(a, a_name, b, b_name, "data.seed", one_split));
    return check_scoring(a, a_name, b, b_name);
}

// ---------------------------------------------------------------- archs that all runs have
// Rows are in the order of archs.
static const sn_arch *least_head(const sn_ranking *k, const long *head) {
    const sn_arch *least = NULL;
    for (int r = 0; r < k->runs; r++) {
        if (head[r] == k->run[r].rows) continue;
        const sn_arch *a = &k->run[r].row[head[r]].arch;
        if (!least || sn_arch_compare(a, least) < 0) least = a;
    }
    return least;
}

static sn_status keep_common(sn_ranking *k, long *left_out) {
    long *head = sn_new((size_t)k->runs, sizeof *head), n = 0;
    bool *has = sn_new((size_t)k->runs, sizeof *has);
    sn_status s = head && has ? SN_OK : SN_RESOURCE;
    *left_out = 0;
    for (const sn_arch *least; s == SN_OK && (least = least_head(k, head));) {
        int with = 0;
        sn_arch a = *least; // whose row may be moved
        for (int r = 0; r < k->runs; r++) {
            has[r] = head[r] < k->run[r].rows && sn_arch_equal(&k->run[r].row[head[r]].arch, &a);
            with += has[r];
        }
        for (int r = 0; r < k->runs; r++) {
            if (with == k->runs) k->run[r].row[n] = k->run[r].row[head[r]];
            head[r] += has[r];
        }
        if (with == k->runs)
            n++;
        else
            ++*left_out;
    }
    for (int r = 0; r < k->runs; r++) k->run[r].rows = n;
    k->rows = n;
    free(head);
    free(has);
    if (s == SN_OK && !n) s = sn_error(SN_USAGE, "no architecture has a score in all %d runs", k->runs);
    return s;
}

// ---------------------------------------------------------------- means
static double right(const sn_ranking *k, double share) {
    return round(share * (double)k->images);
}

static double logit_of(const sn_ranking *k, int run, long row) {
    return sn_effects_logit(right(k, k->run[run].row[row].top1), (double)k->images);
}

static void mean_row(const sn_ranking *k, long i) {
    sn_ranked *x = &k->row[i];
    double top1 = 0, top5 = 0, loss = 0, all = (double)k->images * (double)k->runs;
    *x = k->run[0].row[i];
    x->row = (size_t)i;
    x->logits = 0;
    x->hits = NULL, x->losses = NULL;
    for (int r = 0; r < k->runs; r++) {
        const sn_ranked *y = &k->run[r].row[i];
        top1 += right(k, y->top1), top5 += right(k, y->top5), loss += y->loss;
        x->logits = x->logits * 0x100000001b3 + y->logits; // equal where all are
    }
    x->top1 = top1 / all, x->top5 = top5 / all, x->loss = loss / k->runs;
}

// Effects of the means.
static sn_status fit_means(const sn_space *space, sn_ranking *k) {
    double *logit = sn_new((size_t)k->rows, sizeof *logit);
    if (!logit) return SN_RESOURCE;
    for (long i = 0; i < k->rows; i++) {
        for (int r = 0; r < k->runs; r++) logit[i] += logit_of(k, r, i);
        logit[i] /= k->runs;
    }
    SN_TRY(sn_fitted_of(space, k->row, k->rows, logit, &k->fitted));
    for (long i = 0; i < k->rows; i++) {
        k->row[i].fitted_top1 = sn_fitted_top1(&k->fitted, &k->row[i].arch);
        k->row[i].fitted_loss = sn_fitted_loss(&k->fitted, &k->row[i].arch);
    }
    for (int e = 0; e < k->fitted.accuracy.n; e++) k->unscored += !k->fitted.accuracy.effect[e].archs;
    return SN_OK;
}

// Each run's effects, by the lambda of the means.
static sn_status fit_runs(sn_ranking *k) {
    const sn_effects *e = &k->fitted.accuracy;
    size_t n = (size_t)e->n;
    double *logit = sn_new((size_t)k->rows, sizeof *logit), *value = sn_new(3 * n, sizeof *value);
    sn_status s = logit && value ? SN_OK : SN_RESOURCE;
    for (int r = 0; s == SN_OK && r < k->runs; r++) {
        double mean = 0;
        for (long i = 0; i < k->rows; i++) mean += logit[i] = logit_of(k, r, i);
        if (n) sn_effects_refit(k->fitted.design, logit, e->lambda, value, value + n);
        for (long i = 0; i < k->rows; i++) {
            sn_ranked *x = &k->run[r].row[i];
            double sum = n ? mean / (double)k->rows + sn_effects_add_up(e, value, &x->arch) : NAN;
            x->fitted_top1 = n ? sn_effects_share_of(sum) : NAN, x->fitted_loss = NAN;
        }
    }
    free(logit);
    free(value);
    return s;
}

// ---------------------------------------------------------------- the joint ranking
static int by_order(const void *a, const void *b) {
    return sn_arch_compare(a, b);
}

static sn_status choose_items(sn_ranking *k, int by) {
    const sn_ranking *first = &k->run[0];
    sn_arch *archs = sn_new((size_t)first->n, sizeof *archs);
    k->item = sn_new((size_t)k->rows, sizeof *k->item);
    if (!archs || !k->item) {
        free(archs);
        return SN_RESOURCE;
    }
    for (long i = 0; i < first->n; i++) archs[i] = first->item[i].arch;
    qsort(archs, (size_t)first->n, sizeof *archs, by_order);
    memcpy(k->item, k->row, (size_t)k->rows * sizeof *k->item);
    k->n = k->rows;
    sn_ranking_choose(k, archs, first->n, by);
    free(archs);
    return SN_OK;
}

static sn_status join(const sn_space *space, int by, sn_ranking *k, long *left_out) {
    SN_TRY(keep_common(k, left_out));
    if (!(k->row = sn_new((size_t)k->rows, sizeof *k->row))) return SN_RESOURCE;
    for (long i = 0; i < k->rows; i++) mean_row(k, i);
    SN_TRY(fit_means(space, k));
    SN_TRY(fit_runs(k));
    SN_TRY(choose_items(k, by));
    for (int r = 0; r < k->runs; r++) {
        k->scored += k->run[r].scored;
        k->work.done += k->run[r].work.done, k->work.naive += k->run[r].work.naive;
        for (long i = 0; i < k->rows; i++) {
            sn_ranked *x = &k->run[r].row[i];
            double loss = isfinite(x->loss) ? -x->loss : -INFINITY;
            x->score = k->by == SN_BEST_BY_LOSS ? loss : k->by == SN_BEST_BY_EFFECTS ? x->fitted_top1 : x->top1;
        }
    }
    return SN_OK;
}

sn_status sn_ranking_join(const sn_space *space, int by, sn_ranking *run, int runs, sn_ranking *out, long *left_out) {
    sn_ranking k = {.runs = runs, .images = run[0].images, .run = sn_new((size_t)runs, sizeof *run)};
    if (!k.run) {
        for (int r = 0; r < runs; r++) sn_ranking_free(&run[r]);
        return SN_RESOURCE;
    }
    memcpy(k.run, run, (size_t)runs * sizeof *run);
    memset(run, 0, (size_t)runs * sizeof *run);
    sn_status s = join(space, by, &k, left_out);
    if (s == SN_OK)
        *out = k;
    else
        sn_ranking_free(&k);
    return s;
}

double sn_ranking_spread(const sn_ranking *k, const sn_ranked *item) {
    double mean = 0, sum = 0;
    if (k->runs < 2) return NAN;
    for (int r = 0; r < k->runs; r++) mean += k->run[r].row[item->row].score / k->runs;
    for (int r = 0; r < k->runs; r++) sum += pow(k->run[r].row[item->row].score - mean, 2);
    return sqrt(sum / (k->runs - 1));
}

sn_status sn_ranking_agreement(const sn_ranking *k, double *tau) {
    size_t n = (size_t)k->n, runs = (size_t)k->runs;
    double *score = sn_new(n, runs * sizeof *score);
    sn_status s = score ? SN_OK : SN_RESOURCE;
    for (size_t r = 0; s == SN_OK && r < runs; r++)
        for (size_t i = 0; i < n; i++) score[r * n + i] = k->run[r].row[k->item[i].row].score;
    for (size_t r = 0; s == SN_OK && r < runs; r++)
        for (size_t q = 0; s == SN_OK && q <= r; q++) {
            double x = NAN;
            if (q < r && n > 1) s = sn_rank_tau(score + r * n, score + q * n, n, &x);
            tau[r * runs + q] = tau[q * runs + r] = x;
        }
    free(score);
    return s;
}

// ---------------------------------------------------------------- on redrawn images
sn_status sn_ranking_rescore_run(const sn_ranking *k, int run, const sn_ranked *const *item, size_t n, int by, uint32_t draws,
                                 uint32_t seed, sn_rescored *out) {
    const sn_ranking *from = &k->run[run];
    const sn_ranked **own = sn_new(n, sizeof *own);
    if (!own) return SN_RESOURCE;
    for (size_t i = 0; i < n; i++) own[i] = &from->row[item[i]->row];
    sn_rescore_job job = {own, n, from->row, from->rows, &k->fitted, k->images, draws, seed};
    sn_status s = sn_rescore(&job, by, out);
    free(own);
    return s;
}

// *to += from; what one of them lacks is lacking.
static void add(double **to, const double *from, size_t n) {
    if (!from) {
        free(*to);
        *to = NULL;
    }
    for (size_t i = 0; *to && i < n; i++) (*to)[i] += from[i];
}

sn_status sn_ranking_rescore(const sn_ranking *k, const sn_ranked *const *item, size_t n, int by, uint32_t draws, uint32_t seed,
                             sn_rescored *out) {
    if (!k->runs) {
        sn_rescore_job job = {item, n, k->row, k->rows, &k->fitted, k->images, draws, seed};
        return sn_rescore(&job, by, out);
    }
    SN_TRY(sn_ranking_rescore_run(k, 0, item, n, by, draws, seed, out));
    for (int r = 1; r < k->runs; r++) {
        sn_rescored x;
        sn_status s = sn_ranking_rescore_run(k, r, item, n, by, draws, seed, &x);
        if (s != SN_OK) {
            sn_rescored_free(out);
            return s;
        }
        add(&out->score, x.score, n);
        add(&out->drawn, x.drawn, n * draws);
        add(&out->half, x.half, n * 2);
        sn_rescored_free(&x);
    }
    return SN_OK;
}
