// supernet rank RUN: scores archs with the shared weights, prints the best, the Pareto list, and, --against known accuracies,
// what the ranking is worth.
#include "against.h"
#include "base/clock.h"
#include "io/files/atomic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cli_option options[] = {
    {"sample", 0, "N", "N different random architectures (default: rank.strategy)"},
    {"archs", 0, "FILE", "one architecture a line"},
    {"max-macs", 0, "N", "only architectures of at most N multiplications"},
    {"max-params", 0, "N", "only architectures of at most N parameters"},
    {"top", 0, "K", "print the K best (default 10)"},
    {"csv", 0, "FILE", "also write every score of the store as CSV"},
    {"against", 0, "FILE", "hold scores against true accuracies: CSV arch,accuracy, or JSON by arch with --key"},
    {"key", 0, "KEY", "which value of the JSON objects, or which column"},
    {0}};

enum { MOST_ARCHS = 10000000, RESAMPLES = 200 };

// ---------------------------------------------------------------- what is wanted
// Read and checked before anything is scored.
typedef struct {
    long top;
    sn_truth *truth; // NULL: none
} wishes;

static sn_status read_wishes(const cli *c, wishes *w) {
    const char *csv = cli_get(c, "csv"), *against = cli_get(c, "against");
    *w = (wishes){0};
    SN_TRY(cli_number(c, "top", 1, MOST_ARCHS, 10, &w->top));
    if (csv) SN_TRY(sn_file_replaceable(csv));
    return against ? sn_truth_read(against, cli_get(c, "key"), &w->truth) : SN_OK;
}

// ---------------------------------------------------------------- which archs
static sn_status choose(const cli *c, const sn_run *r, sn_arch **archs, long *n) {
    long sample;
    const sn_config *config = r->config;
    SN_TRY(
        cli_number(c, "sample", 1, MOST_ARCHS, config->rank.strategy == SN_STRATEGY_RANDOM ? config->rank.sample : 0, &sample));
    if (cli_get(c, "archs")) return cli_read_archs(r->space, cli_get(c, "archs"), archs, n);
    if (cli_get(c, "sample") || config->rank.strategy == SN_STRATEGY_RANDOM) {
        *n = sample;
        return sn_rank_random(r, sample, archs);
    }
    if (config->rank.strategy == SN_STRATEGY_LIST) return cli_read_archs(r->space, config->rank.archs, archs, n);
    return sn_rank_all(r->space, MOST_ARCHS, archs, n);
}

static sn_status keep_small(const cli *c, const sn_run *r, sn_arch *archs, long *n) {
    long macs, params, kept = 0;
    SN_TRY(cli_number(c, "max-macs", 1, INT64_MAX, INT64_MAX, &macs));
    SN_TRY(cli_number(c, "max-params", 1, INT64_MAX, INT64_MAX, &params));
    sn_cost least = {.macs = INT64_MAX, .params = INT64_MAX};
    for (long i = 0; i < *n; i++) {
        sn_cost cost;
        SN_TRY(sn_cost_arch(r->graph, &archs[i], &cost));
        if (cost.macs < least.macs) least.macs = cost.macs;
        if (cost.params < least.params) least.params = cost.params;
        if (cost.macs <= macs && cost.params <= params) archs[kept++] = archs[i];
    }
    if (!kept)
        return sn_error(SN_USAGE, "none of %ld architecture%s is within the limits; the smallest have %lld MACs and %lld params",
                        *n, cli_plural(*n), (long long)least.macs, (long long)least.params);
    *n = kept;
    return SN_OK;
}

// ---------------------------------------------------------------- progress
typedef struct {
    const cli *c;
    double start;
    long first;
} watcher;

static void progress(void *arg, long done, long all) {
    watcher *w = arg;
    if (!w->first) w->first = done;
    char left[32] = "";
    if (done > w->first) cli_duration((sn_now() - w->start) / (double)(done - w->first) * (double)(all - done), left);
    cli_progress(w->c, (double)done / (double)all, "%ld of %ld architecture%s%s%s%s", done, all, cli_plural(all),
                 *left ? ", " : "", left, *left ? " left" : "");
}

// ---------------------------------------------------------------- printing
static json_t *item_json(const sn_run *r, const sn_ranked *x) {
    char text[SN_ARCH_TEXT];
    return json_pack("{s:s,s:f,s:f,s:o,s:I,s:I}", "arch", sn_arch_text(r->space, &x->arch, text), "top1", x->top1, "top5",
                     x->top5, "loss", cli_real(x->loss), "macs", (json_int_t)x->cost.macs, "params", (json_int_t)x->cost.params);
}

static void print_item(const sn_run *r, int width, long place, const sn_ranked *x) {
    char text[SN_ARCH_TEXT], loss[32];
    snprintf(loss, sizeof loss, isfinite(x->loss) ? "%.4f" : "-", x->loss);
    printf("%5ld  %-*s  %.4f  %.4f  %8s  %9.3f  %9lld\n", place, width, sn_arch_text(r->space, &x->arch, text), x->top1, x->top5,
           loss, (double)x->cost.macs * 1e-6, (long long)x->cost.params);
}

static void widen(const sn_run *r, const sn_ranked *x, int *width) {
    char text[SN_ARCH_TEXT];
    int n = (int)strlen(sn_arch_text(r->space, &x->arch, text));
    if (n > *width) *width = n;
}

static sn_status pareto(const sn_ranking *k, size_t **index, size_t *count) {
    size_t n = (size_t)k->n;
    double *score = sn_new(n, sizeof *score), *cost = sn_new(n, sizeof *cost);
    *index = sn_new(n, sizeof **index);
    sn_status s = score && cost && *index ? SN_OK : SN_RESOURCE;
    for (size_t i = 0; s == SN_OK && i < n; i++) score[i] = k->item[i].top1, cost[i] = (double)k->item[i].cost.macs;
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

static sn_status print_text(const sn_run *r, const sn_ranking *k, long top, const size_t *front, size_t n_front,
                            const sn_against *a) {
    char tau[32];
    int width = 24;
    for (long i = 0; i < k->n && i < top; i++) widen(r, &k->item[i], &width);
    for (size_t i = 0; i < n_front; i++) widen(r, &k->item[front[i]], &width);
    printf("place  %-*s   top-1   top-5      loss      MMACs     params\n", width, "architecture");
    for (long i = 0; i < k->n && i < top; i++) print_item(r, width, i + 1, &k->item[i]);
    printf("\nPareto list (top-1 against MACs):\n");
    for (size_t i = 0; i < n_front; i++) print_item(r, width, (long)front[i] + 1, &k->item[front[i]]);
    printf("\n%ld architecture%s, %ld scored now on %llu image%s each", k->n, cli_plural(k->n), k->scored,
           (unsigned long long)k->images, cli_plural((long)k->images));
    if (k->work.naive)
        printf("; block evaluations %lld of %lld (%.3f)", (long long)k->work.done, (long long)k->work.naive,
               (double)k->work.done / (double)k->work.naive);
    printf("\nmean top-1 %.4f; agreement of the rankings on two halves of the images: tau %s\n", mean_top1(k),
           cli_figure(a->half_tau, tau));
    if (a->truths) sn_against_print(a);
    return SN_OK;
}

static sn_status print_json(const sn_run *r, const sn_ranking *k, long top, const size_t *front, size_t n_front,
                            const sn_against *a) {
    json_t *best = json_array(), *list = json_array();
    for (long i = 0; i < k->n && i < top; i++) json_array_append_new(best, item_json(r, &k->item[i]));
    for (size_t i = 0; i < n_front; i++) json_array_append_new(list, item_json(r, &k->item[front[i]]));
    json_t *out = json_pack("{s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o}", "schema", 1, "archs", (json_int_t)k->n, "scored",
                            (json_int_t)k->scored, "images", (json_int_t)k->images, "evaluations", (json_int_t)k->work.done,
                            "evaluations_naive", (json_int_t)k->work.naive, "identical", (json_int_t)k->identical, "best", best,
                            "pareto", list);
    char protocol[128];
    sn_protocol_text(r, protocol, sizeof protocol);
    if (out) json_object_set_new(out, "run", json_string(r->folder));
    if (out) json_object_set_new(out, "protocol", json_string(protocol));
    if (out) json_object_set_new(out, "mean_top1", cli_real(mean_top1(k)));
    if (out) json_object_set_new(out, "half_split_tau", cli_real(a->half_tau));
    if (out && a->truths) json_object_set_new(out, "against", sn_against_json(a));
    return cli_print_json(out);
}

// Whole or not at all, as every output.
static sn_status write_csv(const sn_ranking *k, const char *path) {
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!f) return sn_error(SN_RESOURCE, "%s: out of memory for the CSV", path);
    sn_status s = sn_rankstore_csv(k->store, f);
    if (fclose(f) && s == SN_OK) s = sn_error(SN_RESOURCE, "%s: out of memory for the CSV", path);
    if (s == SN_OK) s = sn_text_write(path, text);
    free(text);
    return s;
}

static sn_status report(const cli *c, const sn_run *r, const sn_ranking *k, const wishes *w) {
    size_t *front = NULL, n_front = 0;
    sn_against against = {0};
    char text[2][SN_ARCH_TEXT];
    if (k->identical)
        cli_say(c, "warning: %ld architecture%s the same logits as another on every image, such as %s and %s", k->identical,
                k->identical == 1 ? " gives" : "s give", sn_arch_text(r->space, &k->twins[0], text[0]),
                sn_arch_text(r->space, &k->twins[1], text[1]));
    if (cli_get(c, "csv")) SN_TRY(write_csv(k, cli_get(c, "csv")));
    SN_TRY(sn_against_measure(r, k, w->truth, RESAMPLES, &against));
    sn_status s = pareto(k, &front, &n_front);
    if (s == SN_OK) s = (c->json ? print_json : print_text)(r, k, w->top, front, n_front, &against);
    free(front);
    return s;
}

// ---------------------------------------------------------------- the command
static sn_status rank(const cli *c, sn_run *r, const wishes *wanted) {
    sn_arch *archs;
    long n;
    sn_ranking k;
    watcher w = {.c = c, .start = sn_now()};
    sn_rank_watch watch = {&cli_stop, &w, progress};
    char protocol[128];
    SN_TRY(choose(c, r, &archs, &n));
    sn_status s = keep_small(c, r, archs, &n);
    sn_protocol_text(r, protocol, sizeof protocol);
    if (s == SN_OK) cli_say(c, "ranking %ld architecture%s; BN %s", n, cli_plural(n), protocol);
    if (s == SN_OK) s = sn_rank(r, archs, n, &watch, &k);
    free(archs);
    SN_TRY(s);
    s = report(c, r, &k, wanted);
    sn_ranking_free(&k);
    return s;
}

static sn_status run(const cli *c) {
    sn_run *r = NULL;
    sn_folder *lock = NULL;
    wishes wanted;
    cli_watch_signals();
    sn_status s = read_wishes(c, &wanted);
    if (s == SN_OK) s = cli_lock_run(c, c->operand[0], &lock);
    if (s == SN_OK) s = cli_open_run(c, c->operand[0], &r);
    if (s == SN_OK) s = rank(c, r, &wanted);
    sn_truth_free(wanted.truth);
    sn_folder_close(lock);
    sn_run_free(r);
    return s;
}

static const cli_rule rules[] = {{"sample", CLI_EXCLUDES, "archs"}, {"key", CLI_NEEDS, "against"}, {0}};

const cli_command cmd_rank = {
    .name = "rank",
    .operands = "RUN",
    .summary = "score architectures with the shared weights, best first",
    .details = "Scores are kept in RUN/ranking.h5 and never measured twice; stopped or killed, the same command goes on.",
    .least = 1,
    .most = 1,
    .options = options,
    .rules = rules,
    .run = run,
};
