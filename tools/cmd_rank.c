// supernet rank RUN...: scores archs with the shared weights, of one run or of several together, prints the best, the Pareto
// list, and, --against known accuracies, what the ranking is worth. Not here: what only several runs tell (rankjoint.h).
#include "against.h"
#include "io/files/atomic.h"
#include "rankjoint.h"
#include "space/words.h"
#include "supernet/rank/archlist.h"
#include "table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cli_option options[] = {
    {"sample", 0, "N", "N different random architectures (default: rank.strategy)"},
    {"archs", 0, "FILE", "one architecture a line"},
    CLI_LIMITS,
    CLI_EPOCH,
    {"by", 0, "WHAT", "what is best: accuracy, loss or effects (default: rank.by)"},
    {"top", 0, "K", "print the K best (default 10)"},
    {"csv", 0, "FILE", "also every score of the store as CSV, best first, or what several runs say; -: that alone, to stdout"},
    {"notation", 0, "N", "write the architectures of the CSV so"},
    {"against", 0, "FILE", "hold scores against true accuracies: CSV arch,accuracy, or JSON by arch with --key"},
    {"key", 0, "KEY", "which value of the JSON objects, or which column"},
    {0}};

static const cli_choice choices[] = {{"by", sn_best_by_words}, {"notation", sn_notation_words}, {0}};

enum { RESAMPLES = 200 };

// ---------------------------------------------------------------- what is wanted
// Read and checked before anything is scored.
typedef struct {
    long top;
    int by;          // -1: as the config says
    sn_cost most;    // limits
    sn_truth *truth; // NULL: none
} wishes;

static sn_status read_wishes(const cli *c, wishes *w) {
    const char *against = cli_get(c, "against");
    *w = (wishes){.by = -1};
    SN_TRY(cli_number(c, "top", 1, SN_MOST_ARCHS, 10, &w->top));
    SN_TRY(cli_word(c, "by", &w->by));
    SN_TRY(cli_limits(c, &w->most));
    SN_TRY(cli_check_csv(c));
    return against ? sn_truth_read(against, cli_get(c, "key"), &cli_stop, &w->truth) : SN_OK;
}

// ---------------------------------------------------------------- which archs
static sn_status choose(const cli *c, const sn_run *r, const wishes *w, sn_arch **archs, long *n) {
    long sample;
    SN_TRY(cli_number(c, "sample", 1, SN_MOST_ARCHS, 0, &sample));
    SN_TRY(sn_archs_choose(r, cli_get(c, "archs"), sample, w->most, &cli_stop, archs, n));
    if (*n < sample) cli_say(c, "only %ld architecture%s within the limits, not %ld", *n, *n == 1 ? " is" : "s are", sample);
    return SN_OK;
}

// ---------------------------------------------------------------- printing
static json_t *item_json(const sn_run *r, const sn_ranked *x) {
    char text[SN_ARCH_TEXT];
    return json_pack("{s:s,s:f,s:f,s:o,s:o,s:o,s:I,s:I}", "arch", sn_arch_text(r->space, &x->arch, text), "top1", x->top1, "top5",
                     x->top5, "loss", cli_real(x->loss), "fitted_top1", cli_real(x->fitted_top1), "fitted_loss",
                     cli_real(x->fitted_loss), "macs", (json_int_t)x->cost.macs, "params", (json_int_t)x->cost.params);
}

static const char *const score_words[] = {"top-1", "loss", "fitted top-1"}; // by SN_BEST_BY_...

static void add_item(table *t, const sn_run *r, long place, const sn_ranked *x) {
    char text[SN_ARCH_TEXT], figure[32];
    table_cell(t, "%ld", place);
    table_cell(t, "%s", sn_arch_text(r->space, &x->arch, text));
    table_cell(t, "%s", cli_score(x->top1, figure));
    table_cell(t, "%s", cli_score(x->fitted_top1, figure));
    if (cli_has_top5(r->space)) table_cell(t, "%s", cli_score(x->top5, figure));
    table_cell(t, "%s", cli_score(x->loss, figure));
    table_cell(t, "%s", cli_mmacs(x->cost.macs, figure));
    table_cell(t, "%lld", (long long)x->cost.params);
}

// What a search has to beat: the arch of most MACs, that of fewest, and the one in the middle of the ranking.
enum { LARGEST, SMALLEST, MIDDLE, BASELINES };
static void find_baselines(const sn_ranking *k, long place[BASELINES]) {
    place[LARGEST] = place[SMALLEST] = 0;
    for (long i = 1; i < k->n; i++) {
        int64_t macs = k->item[i].cost.macs;
        if (macs > k->item[place[LARGEST]].cost.macs) place[LARGEST] = i;
        if (macs < k->item[place[SMALLEST]].cost.macs) place[SMALLEST] = i;
    }
    place[MIDDLE] = (k->n - 1) / 2;
}

static void add_baselines(table *t, const sn_run *r, const sn_ranking *k) {
    long place[BASELINES];
    find_baselines(k, place);
    table_heading(t, "\nFor comparison: most MACs, fewest, the middle of the ranking:");
    for (int b = 0; b < BASELINES; b++) add_item(t, r, place[b] + 1, &k->item[place[b]]);
}

static json_t *baselines_json(const sn_run *r, const sn_ranking *k, double macs_tau) {
    long place[BASELINES];
    find_baselines(k, place);
    return json_pack("{s:o,s:o,s:o,s:o}", "largest", item_json(r, &k->item[place[LARGEST]]), "smallest",
                     item_json(r, &k->item[place[SMALLEST]]), "middle", item_json(r, &k->item[place[MIDDLE]]), "macs_tau",
                     cli_real(macs_tau));
}

// Between the scores and MACs, as if more multiplications were all that counts. NAN for one arch.
static sn_status tau_with_macs(const sn_ranking *k, double *tau) {
    size_t n = (size_t)k->n;
    double *score = sn_new(n, sizeof *score), *macs = sn_new(n, sizeof *macs);
    sn_status s = score && macs ? SN_OK : SN_RESOURCE;
    *tau = NAN;
    for (size_t i = 0; s == SN_OK && i < n; i++) score[i] = k->item[i].score, macs[i] = (double)k->item[i].cost.macs;
    bool known = s == SN_OK && n > 1;
    for (size_t i = 0; known && i < n; i++) known = !isnan(score[i]);
    if (known) s = sn_rank_tau(score, macs, n, tau);
    free(score);
    free(macs);
    return s;
}

static sn_status print_items(const sn_run *r, const sn_ranking *k, long top, const size_t *front, size_t n_front) {
    table *t = table_new();
    char pareto[96];
    table_column(t, TABLE_NUMBER, 0, "place");
    table_column(t, TABLE_TEXT, 0, "architecture");
    table_column(t, TABLE_NUMBER, 0, "top-1");
    table_column(t, TABLE_NUMBER, 1, "fitted");
    if (cli_has_top5(r->space)) table_column(t, TABLE_NUMBER, 4, "top-5");
    table_column(t, TABLE_NUMBER, 3, "loss");
    table_column(t, TABLE_NUMBER, 0, "MMACs");
    table_column(t, TABLE_NUMBER, 2, "params");
    for (long i = 0; i < k->n && i < top; i++) add_item(t, r, i + 1, &k->item[i]);
    size_t first = n_front > 2 * (size_t)top ? n_front - 2 * (size_t)top : 0; // the worst of a long list are left out
    snprintf(pareto, sizeof pareto,
             first ? "\nPareto list (%s against MACs), the best of %zu:" : "\nPareto list (%s against MACs):", score_words[k->by],
             n_front);
    table_heading(t, pareto);
    for (size_t i = first; i < n_front; i++) add_item(t, r, (long)front[i] + 1, &k->item[front[i]]);
    if (k->n > BASELINES) add_baselines(t, r, k);
    return table_print(t);
}

static sn_status pareto(const sn_ranking *k, size_t **index, size_t *count) {
    size_t n = (size_t)k->n;
    double *score = sn_new(n, sizeof *score), *cost = sn_new(n, sizeof *cost);
    *index = sn_new(n, sizeof **index);
    sn_status s = score && cost && *index ? SN_OK : SN_RESOURCE;
    for (size_t i = 0; s == SN_OK && i < n; i++) score[i] = k->item[i].score, cost[i] = (double)k->item[i].cost.macs;
    if (s == SN_OK) s = sn_rank_pareto(score, cost, n, *index, count);
    free(score);
    free(cost);
    return s;
}

static double mean_top1(const sn_ranking *k) {
    double sum = 0;
    for (long i = 0; i < k->n; i++) sum += k->item[i].top1;
    return sum / (double)k->n;
}

static const char *const halves_by[] = {"", " by loss", " by effects"}; // by SN_BEST_BY_...

// The best as scored and the best by main effects, where they differ.
static void print_picks(const sn_run *r, const sn_ranking *k) {
    const sn_ranked *raw = sn_ranking_first(k, SN_BEST_BY_ACCURACY), *fitted = sn_ranking_first(k, SN_BEST_BY_EFFECTS);
    char text[2][SN_ARCH_TEXT];
    if (!fitted || fitted == raw) return;
    cli_print("\nbest of these by accuracy: %s (%.4f, fitted %.4f)\nbest of these by effects:  %s (%.4f, fitted %.4f)\n",
              sn_arch_text(r->space, &raw->arch, text[0]), raw->top1, raw->fitted_top1,
              sn_arch_text(r->space, &fitted->arch, text[1]), fitted->top1, fitted->fitted_top1);
}

// The best by effects that the ranking did not hold (NULL: it did).
static void print_whole(const sn_run *r, const sn_ranked *x) {
    char text[SN_ARCH_TEXT];
    if (!x) return;
    cli_print("\nbest by effects of the whole space, scored beside the others: %s (%.4f, fitted %.4f; %.3f MMACs, %lld params)\n",
              sn_arch_text(r->space, &x->arch, text), x->top1, x->fitted_top1, (double)x->cost.macs * 1e-6,
              (long long)x->cost.params);
}

static json_t *picks_json(const sn_run *r, const sn_ranking *k) {
    json_t *picks = json_object();
    for (int by = 0; sn_best_by_words[by]; by++) {
        const sn_ranked *x = sn_ranking_first(k, by);
        if (picks) json_object_set_new(picks, sn_best_by_words[by], x ? item_json(r, x) : json_null());
    }
    return picks;
}

static sn_status print_text(const sn_run *r, const sn_ranking *k, const sn_ranked *whole, long top, const size_t *front,
                            size_t n_front, const sn_against *a, const rank_joint *j) {
    char tau[2][32], weights[48];
    snprintf(weights, sizeof weights, k->runs ? "means of %lld runs" : "weights of step %lld",
             k->runs ? (long long)k->runs : (long long)r->step);
    double macs_tau;
    SN_TRY(tau_with_macs(k, &macs_tau));
    SN_TRY(print_items(r, k, top, front, n_front));
    print_picks(r, k);
    print_whole(r, whole);
    cli_print("\n%ld architecture%s, %ld scored now on %llu image%s each", k->n, cli_plural(k->n), k->scored,
              (unsigned long long)k->images, cli_plural((long)k->images));
    if (k->work.naive)
        cli_print("; block evaluations %lld of %lld (%.3f)", (long long)k->work.done, (long long)k->work.naive,
                  (double)k->work.done / (double)k->work.naive);
    cli_print("; %s\nmean top-1 %.4f, which one drawn at random has; a ranking by MACs agrees by tau %s\n"
              "agreement of the rankings%s on two halves of the images, over %ld: tau %s\n",
              weights, mean_top1(k), cli_figure(macs_tau, tau[0]), halves_by[k->by], k->n, cli_figure(a->half_tau, tau[1]));
    if (k->runs) SN_TRY(rank_joint_print(j, top));
    return a->truths ? sn_against_print(a) : SN_OK;
}

static sn_status print_json(const sn_run *r, const sn_ranking *k, const sn_ranked *whole, long top, const size_t *front,
                            size_t n_front, const sn_against *a, const rank_joint *j) {
    double macs_tau;
    SN_TRY(tau_with_macs(k, &macs_tau));
    json_t *best = json_array(), *list = json_array();
    for (long i = 0; i < k->n && i < top; i++) json_array_append_new(best, item_json(r, &k->item[i]));
    for (size_t i = 0; i < n_front; i++) json_array_append_new(list, item_json(r, &k->item[front[i]]));
    json_t *out = json_pack("{s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o}", "schema", 1, "archs", (json_int_t)k->n, "scored",
                            (json_int_t)k->scored, "images", (json_int_t)k->images, "evaluations", (json_int_t)k->work.done,
                            "evaluations_naive", (json_int_t)k->work.naive, "identical", (json_int_t)k->identical, "best", best,
                            "pareto", list);
    char protocol[128];
    sn_protocol_text(r, sn_rank_images(r), protocol, sizeof protocol);
    if (out && !k->runs) json_object_set_new(out, "run", json_string(r->folder));
    if (out && !k->runs) json_object_set_new(out, "step", json_integer(r->step));
    if (out && k->runs) json_object_set_new(out, "joint", rank_joint_json(j, top));
    if (out) json_object_set_new(out, "protocol", json_string(protocol));
    if (out) json_object_set_new(out, "mean_top1", cli_real(mean_top1(k)));
    if (out) json_object_set_new(out, "baselines", baselines_json(r, k, macs_tau));
    if (out) json_object_set_new(out, "half_split_tau", cli_real(a->half_tau));
    if (out) json_object_set_new(out, "by", json_string(sn_best_by_words[k->by]));
    if (out) json_object_set_new(out, "picks", picks_json(r, k));
    if (out && whole) json_object_set_new(out, "whole_space", item_json(r, whole));
    if (out && a->truths) json_object_set_new(out, "against", sn_against_json(a));
    return cli_print_json(out);
}

// A ranking as CSV.
typedef struct {
    const sn_ranking *ranking;
    sn_rank_words words;
} scores;

static sn_status put_scores(const void *what, FILE *out) {
    const sn_ranking *k = ((const scores *)what)->ranking;
    sn_rank_fits fits = k->fits;
    size_t *order = sn_new((size_t)k->n, sizeof *order);
    if (!order) return SN_RESOURCE;
    for (long i = 0; i < k->n; i++) order[i] = k->item[i].row;
    fits.order = order;
    fits.ranked = (size_t)k->n;
    sn_status s = sn_rankstore_csv(k->store, &fits, ((const scores *)what)->words, out);
    free(order);
    return s;
}

// What is not fitted, and why; of a space of one there is nothing to say.
static void say_unfitted(const cli *c, const sn_run *r, const sn_ranking *k) {
    bool wanted = r->config->rank.by == SN_BEST_BY_EFFECTS;
    if (sn_space_options(r->space) == r->space->n_decisions && !wanted) return;
    if (k->fitted.unfitted[0][0] && wanted)
        cli_warn("ranked by accuracy: no main effects: %s%s", k->fitted.unfitted[0],
                 cli_get(c, "max-macs") || cli_get(c, "max-params") ? "; rank without limits first, to know more options" : "");
    else if (k->fitted.unfitted[0][0])
        cli_say(c, "no main effects: %s", k->fitted.unfitted[0]);
    if (k->fitted.unfitted[1][0] && strcmp(k->fitted.unfitted[0], k->fitted.unfitted[1]))
        cli_say(c, "no fitted loss: %s", k->fitted.unfitted[1]);
    cli_say_left_out(c, k);
}

static sn_status write_csv(const cli *c, const sn_ranking *k, const rank_joint *j) {
    const scores all = {k, {j->runs->run->space, j->runs->notation}};
    if (!cli_get(c, "csv")) return SN_OK;
    return k->runs ? cli_write_csv(c, rank_joint_csv, j) : cli_write_csv(c, put_scores, &all);
}

static sn_status report(const cli *c, const rank_runs *x, const sn_ranking *k, const sn_ranked *whole, const wishes *w) {
    const sn_run *r = x->run;
    size_t *front = NULL, n_front = 0;
    sn_against against = {0};
    rank_joint joint;
    char text[2][SN_ARCH_TEXT];
    if (k->identical)
        cli_warn("%ld architecture%s the same logits as another on every image, such as %s and %s", k->identical,
                 k->identical == 1 ? " gives" : "s give", sn_arch_text(r->space, &k->twins[0], text[0]),
                 sn_arch_text(r->space, &k->twins[1], text[1]));
    say_unfitted(c, r, k);
    if (x->left_out)
        cli_say(c, "left out: %ld architecture%s with a score in some of the runs only", x->left_out, cli_plural(x->left_out));
    SN_TRY(rank_joint_make(x, k, RESAMPLES, &joint));
    sn_status s = write_csv(c, k, &joint);
    if (s != SN_OK || cli_csv_only(c)) {
        rank_joint_free(&joint);
        return s;
    }
    s = sn_against_measure(r, k, k->by, w->truth, cli_get(c, "against"), RESAMPLES, &against);
    if (against.outside)
        if (!c->quiet)
            cli_warn("%ld of %zu names are no architectures of this space, the first: %s", against.outside,
                     sn_truth_count(w->truth), against.first_outside);
    if (s == SN_OK) s = pareto(k, &front, &n_front);
    if (s == SN_OK) s = (c->json ? print_json : print_text)(r, k, whole, w->top, front, n_front, &against, &joint);
    free(front);
    rank_joint_free(&joint);
    sn_against_free(&against);
    return s;
}

// ---------------------------------------------------------------- the command
// Whether the ranking holds an arch.
static bool holds(const sn_ranking *k, const sn_arch *a) {
    for (long i = 0; i < k->n; i++)
        if (sn_arch_equal(&k->item[i].arch, a)) return true;
    return false;
}

// Scores the best of the whole space within the limits by effects, which moves the effects a little, until it is one that was
// scored: *best. *extra: how many were scored for it, with their work.
static sn_status settle(const cli *c, rank_runs *x, const wishes *w, const sn_ranking *k, sn_arch *best, sn_ranking *extra) {
    enum { ROUNDS = 20 };
    sn_run *r = x->run;
    char text[SN_ARCH_TEXT];
    *extra = (sn_ranking){0};
    SN_TRY(sn_ranking_whole(r, k, w->most, &cli_stop, best));
    for (int i = 0;; i++) {
        sn_ranking one;
        if (holds(k, best)) return SN_OK;
        SN_TRY(rank_runs_score(x, best, 1, &one));
        bool known = !one.scored;
        extra->scored += one.scored;
        extra->work.done += one.work.done, extra->work.naive += one.work.naive;
        sn_status s = known ? SN_OK : sn_ranking_whole(r, &one, w->most, &cli_stop, best);
        sn_ranking_free(&one);
        if (known || s != SN_OK) return s;
        cli_say(c, "best of the whole space by effects: %s scored too", sn_arch_text(r->space, best, text));
        if (i == ROUNDS - 1) {
            cli_warn("the best of the whole space by effects still changes after %d more scores; the same command goes on",
                     ROUNDS);
            return SN_OK;
        }
    }
}

// Where the ranking is by effects: if the list does not hold the best of the whole space, that is scored beside it, *whole is it,
// and the list is ranked again with what the store then knows. Else whole->arch.n stays 0.
static sn_status score_whole(const cli *c, rank_runs *x, const sn_arch *archs, long n, const wishes *w, sn_ranking *k,
                             sn_ranked *whole) {
    sn_ranking one, again, extra;
    sn_arch best;
    if (k->by != SN_BEST_BY_EFFECTS) return SN_OK;
    SN_TRY(settle(c, x, w, k, &best, &extra));
    if (extra.scored) {
        SN_TRY(rank_runs_score(x, archs, n, &again));
        again.scored = k->scored + extra.scored;
        again.work = (sn_score_work){k->work.done + extra.work.done, k->work.naive + extra.work.naive};
        sn_ranking_free(k);
        *k = again;
    }
    if (holds(k, &best)) return SN_OK;
    SN_TRY(rank_runs_score(x, &best, 1, &one));
    *whole = one.item[0];
    whole->hits = NULL, whole->losses = NULL; // they go with that store
    sn_ranking_free(&one);
    return SN_OK;
}

static sn_status rank(const cli *c, rank_runs *x, const wishes *wanted) {
    const sn_run *r = x->run;
    sn_arch *archs = NULL;
    long n;
    sn_ranking k;
    sn_ranked whole = {0};
    char protocol[128];
    sn_status s = choose(c, r, wanted, &archs, &n);
    sn_protocol_text(r, sn_rank_images(r), protocol, sizeof protocol);
    if (s == SN_OK) cli_say(c, "ranking %ld architecture%s; BN %s", n, cli_plural(n), protocol);
    if (s == SN_OK) s = rank_runs_score(x, archs, n, &k);
    if (s == SN_OK) {
        s = score_whole(c, x, archs, n, wanted, &k, &whole);
        if (s == SN_OK) s = report(c, x, &k, whole.arch.n ? &whole : NULL, wanted);
        sn_ranking_free(&k);
    }
    free(archs);
    return s;
}

static sn_status run(const cli *c) {
    rank_runs x = {0};
    wishes wanted;
    cli_watch_signals();
    sn_status s = read_wishes(c, &wanted);
    if (s == SN_OK) s = rank_runs_open(c, wanted.by, &x);
    if (s == SN_OK) s = cli_notation(c, x.run->space, true, &x.notation); // before anything is scored
    if (s == SN_OK) s = rank(c, &x, &wanted);
    sn_truth_free(wanted.truth);
    rank_runs_close(&x);
    return s;
}

static const cli_rule rules[] = {
    {"sample", CLI_EXCLUDES, "archs"}, {"key", CLI_NEEDS, "against"}, {"notation", CLI_NEEDS, "csv"}, {0}};

const cli_command cmd_rank = {
    .name = "rank",
    .operands = "RUN...",
    .summary = "score architectures with the shared weights, best first",
    .details =
        "Scores are kept in RUN/ranking.h5 and never measured twice; stopped or killed, the same command goes on. Several runs "
        "of one space, or checkpoints of a run (RUN/checkpoints/*.h5), are ranked together: by the mean of their scores, each "
        "with the same weight, with the spread between them and what is tied with the first.",
    .least = 1,
    .most = CLI_OPERANDS,
    .options = options,
    .choices = choices,
    .rules = rules,
    .run = run,
};
