// Successive halving as a function of the scores so far; see finals.h.
#include "supernet/rank/finals.h"
#include "base/amount.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------- rungs
int sn_finals_half(int n) {
    return (n + 1) / 2;
}

int sn_finals_rungs(int n, int epochs, int rung[SN_MOST_RUNGS]) {
    int halvings = 0, rungs = 0;
    while (halvings < SN_MOST_RUNGS - 1 && 1 << halvings < n) halvings++;
    for (int j = halvings; j >= 0; j--) {
        int at = (int)(((int64_t)epochs + (1 << j) - 1) >> j);
        if (!rungs || at > rung[rungs - 1]) rung[rungs++] = at;
    }
    return rungs;
}

// ---------------------------------------------------------------- who goes on
typedef struct {
    const sn_finals_score *score;
    int who;
} entry;

// Better first; a divergence is the worst, then a loss that is not finite.
static int better(const void *a, const void *b) {
    const entry *x = a, *y = b;
    double loss[2] = {isnan(x->score->loss) ? INFINITY : x->score->loss, isnan(y->score->loss) ? INFINITY : y->score->loss};
    if (x->score->right != y->score->right) return x->score->right > y->score->right ? -1 : 1;
    if (loss[0] != loss[1]) return loss[0] < loss[1] ? -1 : 1;
    return x->who < y->who ? -1 : 1;
}

// From those in at a rung to those in at the next; -1 where a score lacks.
static int halve(const sn_finals *f, int rung, bool *in) {
    entry list[SN_MOST_FINALISTS];
    int n = 0, kept = 0;
    for (int i = 0; i < f->n; i++) {
        if (!in[i]) continue;
        if (f->finalist[i].scores <= rung) return -1;
        list[n++] = (entry){&f->finalist[i].score[rung], i};
    }
    qsort(list, (size_t)n, sizeof *list, better);
    memset(in, 0, (size_t)f->n * sizeof *in);
    for (; kept < sn_finals_half(n) && list[kept].score->right >= 0; kept++) in[list[kept].who] = true;
    return kept;
}

int sn_finals_in(const sn_finals *f, int rung, bool in[SN_MOST_FINALISTS]) {
    int n = f->n;
    for (int i = 0; i < f->n; i++) in[i] = true;
    for (int j = 0; j < rung && n >= 0; j++) n = halve(f, j, in);
    return n;
}

bool sn_finals_next(const sn_finals *f, int *rung, int *who) {
    bool in[SN_MOST_FINALISTS];
    for (*rung = 0; *rung < f->rungs && sn_finals_in(f, *rung, in) > 0; ++*rung)
        for (*who = 0; *who < f->n; ++*who)
            if (in[*who] && f->finalist[*who].scores <= *rung) return true;
    return false;
}

sn_status sn_finals_check(const sn_finals *f) {
    bool in[SN_MOST_FINALISTS];
    int rung, who, order[SN_MOST_FINALISTS];
    for (int i = 0; i < f->n; i++) {
        const sn_finalist *a = &f->finalist[i];
        if (a->scores && (sn_finals_in(f, a->scores - 1, in) < 0 || !in[i]))
            return sn_error(SN_DATA, "finalist %d has a score after %d epochs, to which the other scores did not let it train",
                            i + 1, f->rung[a->scores - 1]);
    }
    if (f->winner >= 0 && (sn_finals_next(f, &rung, &who) || !sn_finals_order(f, order) || order[0] != f->winner))
        return sn_error(SN_DATA, "'winner' is not whom the scores make it");
    return SN_OK;
}

// ---------------------------------------------------------------- what came out
int sn_finals_scored(const sn_finalist *a) {
    return a->scores && a->score[a->scores - 1].right < 0 ? a->scores - 1 : a->scores;
}

typedef struct {
    const sn_finalist *finalist;
    int who;
} place;

static int placed_before(const void *a, const void *b) {
    const place *x = a, *y = b;
    int n = sn_finals_scored(x->finalist), m = sn_finals_scored(y->finalist);
    if (n != m) return n > m ? -1 : 1;
    if (!n) return x->who < y->who ? -1 : 1;
    return better(&(entry){&x->finalist->score[n - 1], x->who}, &(entry){&y->finalist->score[n - 1], y->who});
}

bool sn_finals_order(const sn_finals *f, int order[SN_MOST_FINALISTS]) {
    place list[SN_MOST_FINALISTS];
    for (int i = 0; i < f->n; i++) list[i] = (place){&f->finalist[i], i};
    qsort(list, (size_t)f->n, sizeof *list, placed_before);
    for (int i = 0; i < f->n; i++) order[i] = list[i].who;
    return sn_finals_scored(list[0].finalist) == f->rungs;
}

int64_t sn_finals_epochs(const sn_finals *f, int64_t *all) {
    int64_t done = 0;
    *all = 0;
    for (int j = 0, n = f->n; j < f->rungs; j++, n = sn_finals_half(n)) {
        int epochs = f->rung[j] - (j ? f->rung[j - 1] : 0);
        for (int i = 0; i < f->n; i++) done += f->finalist[i].scores > j ? epochs : 0;
        *all += (int64_t)n * epochs;
    }
    return done;
}

sn_paired sn_paired_difference(const uint64_t *a, const uint64_t *b, int64_t images) {
    double only_a = 0, only_b = 0, n = (double)images;
    for (size_t i = 0; i < sn_finals_words(images); i++) {
        only_a += __builtin_popcountll(a[i] & ~b[i]);
        only_b += __builtin_popcountll(b[i] & ~a[i]);
    }
    double mean = (only_b - only_a) / n, variance = (only_a + only_b) / n - mean * mean;
    double half = 1.959963984540054 * sqrt(variance > 0 ? variance / n : 0);
    return (sn_paired){mean, fmax(-1, mean - half), fmin(1, mean + half)};
}

sn_finals_change sn_finals_changed(const sn_finals *f, const int *order) {
    const sn_finalist *first = &f->finalist[0], *best = &f->finalist[order[0]];
    sn_finals_change c = {.place = 1};
    while (order[c.place - 1]) c.place++;
    int n = sn_finals_scored(first), m = sn_finals_scored(best);
    c.rung = (n < m ? n : m) - 1;
    if (c.rung < 0) return c;
    const sn_finals_score *a = &first->score[c.rung], *b = &best->score[c.rung];
    c.top1[0] = (double)a->right / (double)f->images;
    c.top1[1] = (double)b->right / (double)f->images;
    c.paired = sn_paired_difference(a->hits, b->hits, f->images);
    return c;
}

// ---------------------------------------------------------------- who takes part
static sn_status add_finalist(const sn_run *r, const sn_ranking *k, long i, sn_finals *f) {
    const sn_ranked *x = &k->item[i];
    char text[SN_ARCH_TEXT];
    sn_finalist *a = &f->finalist[f->n];
    *a = (sn_finalist){.place = i + 1,
                       .top1 = x->top1,
                       .fitted_top1 = x->fitted_top1,
                       .macs = x->cost.macs,
                       .params = x->cost.params,
                       .arch = sn_strdup(sn_arch_text(r->space, &x->arch, text))};
    if (!a->arch) return SN_RESOURCE;
    f->n++;
    return SN_OK;
}

static sn_status none_within(const sn_ranking *k) {
    char macs[32];
    sn_cost least = k->item->cost; // of each, perhaps of two archs
    for (long i = 1; i < k->n; i++) {
        if (k->item[i].cost.macs < least.macs) least.macs = k->item[i].cost.macs;
        if (k->item[i].cost.params < least.params) least.params = k->item[i].cost.params;
    }
    return sn_error(SN_USAGE,
                    "none of %ld ranked architecture%s is within the limits; the smallest have %s MMACs and %lld params", k->n,
                    k->n == 1 ? "" : "s", sn_millions(least.macs, macs), (long long)least.params);
}

static sn_status take_best(const sn_run *r, const sn_ranking *k, sn_finals *f, long *equal) {
    uint64_t net[SN_MOST_FINALISTS];
    if (k->by != f->by)
        return sn_error(SN_USAGE, "best by effects: %s; or take the best by accuracy with --by accuracy", k->fitted.unfitted[0]);
    f->finalist = sn_new((size_t)f->top, sizeof *f->finalist);
    if (!f->finalist) return SN_RESOURCE;
    *equal = 0;
    for (long i = 0; i < k->n && f->n < f->top; i++) {
        const sn_ranked *x = &k->item[i];
        bool seen = false;
        if (x->cost.macs > f->max_macs || x->cost.params > f->max_params) continue;
        SN_TRY(sn_graph_signature(r->graph, &x->arch, false, &net[f->n]));
        for (int a = 0; a < f->n; a++) seen = seen || net[a] == net[f->n];
        *equal += seen;
        if (!seen) SN_TRY(add_finalist(r, k, i, f));
    }
    return f->n ? SN_OK : none_within(k);
}

static sn_status choose(const sn_run *r, sn_finals *f, long *equal) {
    sn_ranking k;
    sn_config *config = NULL;
    SN_TRY(sn_rank_stored(r, &k));
    sn_status s = take_best(r, &k, f, equal);
    sn_ranking_free(&k);
    if (s == SN_OK) s = sn_config_retrain(r->config, f->finalist[0].arch, &config);
    if (s == SN_OK && !(f->config = sn_config_resolved(config, false))) s = SN_RESOURCE;
    sn_config_free(config);
    f->step = r->step;
    f->images = sn_dataset_count(r->data, SN_VALIDATION);
    f->rungs = sn_finals_rungs(f->n, r->config->retrain.epochs, f->rung);
    f->winner = -1;
    return s;
}

sn_status sn_finals_choose(const sn_run *r, sn_finals *f, long *equal) {
    sn_status s = choose(r, f, equal);
    if (s != SN_OK) sn_finals_free(f);
    return s;
}

// ---------------------------------------------------------------- the same again
static sn_status differs(const char *what, int64_t was, int64_t is) {
    char text[2][32] = {"not given", "not given"};
    if (was == is) return SN_OK;
    if (was != INT64_MAX) snprintf(text[0], sizeof text[0], "%lld", (long long)was);
    if (is != INT64_MAX) snprintf(text[1], sizeof text[1], "%lld", (long long)is);
    return sn_error(SN_USAGE, "%s was %s, now %s", what, text[0], text[1]);
}

static sn_status differs_word(const char *what, const char *const *words, int was, int is) {
    return was == is ? SN_OK : sn_error(SN_USAGE, "%s was %s, now %s", what, words[was], words[is]);
}

// The keys of `retrain` have gone to those of `train`.
static sn_status differs_config(const char *was, const char *is) {
    sn_config *before = NULL, *now = NULL;
    sn_config_change change = {0};
    sn_status s = sn_config_embedded(was, strlen(was), "its config", NULL, 0, &before);
    if (s == SN_OK) s = sn_config_embedded(is, strlen(is), "config", NULL, 0, &now);
    if (s == SN_OK) s = sn_config_difference(before, now, SN_BINDS_TRAINING | SN_BINDS_STEPS, &change);
    sn_config_free(before);
    sn_config_free(now);
    if (s != SN_OK || !change.key[0]) return s;
    return sn_error(SN_USAGE, "%s%s was %s, now %s", strncmp(change.key, "train.", 6) ? "" : "re", change.key, change.first,
                    change.second);
}

sn_status sn_finals_same(const sn_finals *read, const sn_finals *now) {
    SN_TRY(differs("--top", read->top, now->top));
    SN_TRY(differs_word("--by", sn_best_by_words, read->by, now->by));
    SN_TRY(differs("--max-macs", read->max_macs, now->max_macs));
    SN_TRY(differs("--max-params", read->max_params, now->max_params));
    SN_TRY(differs_word("--init", sn_start_words, read->init, now->init));
    SN_TRY(differs("the step of the supernet", read->step, now->step));
    for (int i = 0; i < read->n && i < now->n; i++) {
        const sn_finalist *a = &read->finalist[i], *b = &now->finalist[i];
        if (strcmp(a->arch, b->arch) || a->top1 != b->top1)
            return sn_error(SN_USAGE, "the ranking is another: finalist %d was %s with %.4f, now %s with %.4f", i + 1, a->arch,
                            a->top1, b->arch, b->top1);
    }
    SN_TRY(differs("the ranking is another: the number of finalists", read->n, now->n));
    SN_TRY(differs_config(read->config, now->config));
    SN_TRY(differs("the number of validation images", read->images, now->images));
    for (int j = 0; j < now->rungs; j++) SN_TRY(differs("a rung", j < read->rungs ? read->rung[j] : INT64_MAX, now->rung[j]));
    return differs("the number of rungs", read->rungs, now->rungs);
}
