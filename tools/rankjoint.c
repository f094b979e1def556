// Rankings of several runs; see rankjoint.h. The statistics are supernet/rank/joint.h's and ties.h's.
#include "rankjoint.h"
#include "io/files/csv.h"
#include "table.h"

#include <math.h>
#include <stdlib.h>

sn_status rank_joint_make(const rank_runs *x, const sn_ranking *k, uint32_t draws, rank_joint *out) {
    *out = (rank_joint){.runs = x, .ranking = k};
    if (!k->runs) return SN_OK;
    size_t runs = (size_t)k->runs;
    out->tau = sn_new(runs, runs * sizeof *out->tau);
    sn_status s = out->tau ? sn_ranking_agreement(k, out->tau) : SN_RESOURCE;
    if (s == SN_OK) s = sn_ties_find(x->run->space, k, draws, (uint32_t)x->run->config->train.seed, &cli_stop, &out->ties);
    if (s != SN_OK) rank_joint_free(out);
    return s;
}

void rank_joint_free(rank_joint *j) {
    sn_ties_free(&j->ties);
    free(j->tau);
    *j = (rank_joint){0};
}

// ---------------------------------------------------------------- numbers
// A score as people read it: a loss is no less than 0.
static double shown(const sn_ranking *k, double score) {
    return k->by == SN_BEST_BY_LOSS ? -score : score;
}

static double mean_top1(const sn_ranking *k, int run) {
    double sum = 0;
    for (long i = 0; i < k->n; i++) sum += k->run[run].row[k->item[i].row].top1;
    return sum / (double)k->n;
}

// ---------------------------------------------------------------- text
// A column for each of the first n runs; the titles must last as long as the table.
typedef char title[32];
static title *add_runs(table *t, int n, const char *word) {
    title *text = sn_new((size_t)n, sizeof *text);
    for (int r = 0; text && r < n; r++) {
        snprintf(text[r], sizeof text[r], "%s %d", word, r + 1);
        table_column(t, TABLE_NUMBER, 2, text[r]);
    }
    if (!text) table_free(t);
    return text;
}

static sn_status print_runs(const rank_joint *j) {
    const sn_ranking *k = j->ranking;
    char text[32];
    table *t = table_new();
    table_column(t, TABLE_NUMBER, 0, "run");
    table_column(t, TABLE_TEXT, 0, "folder");
    table_column(t, TABLE_NUMBER, 0, "weight");
    table_column(t, TABLE_NUMBER, 1, "step");
    table_column(t, TABLE_NUMBER, 0, "mean top-1");
    table_column(t, TABLE_NUMBER, 3, "scored now");
    title *titles = add_runs(t, k->runs - 1, "tau with");
    if (!titles) return SN_RESOURCE;
    for (int r = 0; r < k->runs; r++) {
        table_cell(t, "%d", r + 1);
        table_cell(t, "%s", j->runs->member[r].name);
        table_cell(t, "%.4f", 1.0 / k->runs);
        table_cell(t, "%lld", (long long)j->runs->member[r].step);
        table_cell(t, "%.4f", mean_top1(k, r));
        table_cell(t, "%ld", k->run[r].scored);
        for (int q = 0; q < k->runs - 1; q++) table_cell(t, "%s", q < r ? cli_figure(j->tau[r * k->runs + q], text) : "");
    }
    sn_status s = table_print(t);
    free(titles);
    return s;
}

static void add_item(table *t, const rank_joint *j, long i) {
    const sn_ranking *k = j->ranking;
    const sn_ranked *x = &k->item[i];
    char text[SN_ARCH_TEXT], figure[32];
    table_cell(t, "%ld", i + 1);
    table_cell(t, "%s", sn_arch_text(j->runs->run->space, &x->arch, text));
    table_cell(t, "%s", cli_score(shown(k, x->score), figure));
    table_cell(t, "%s", cli_score(sn_ranking_spread(k, x), figure));
    table_cell(t, "%s", cli_score(i ? j->ties.behind[i] : NAN, figure));
    table_cell(t, "%s", cli_score(i ? j->ties.margin[i] : NAN, figure));
    table_cell(t, "%s", sn_tied(&j->ties, i) ? "yes" : j->ties.tied ? "no" : "-");
    for (int r = 0; r < k->runs; r++) table_cell(t, "%s", cli_score(shown(k, k->run[r].row[x->row].score), figure));
}

static sn_status print_items(const rank_joint *j, long top) {
    static const char *const words[] = {"top-1", "loss", "fitted"};
    const sn_ranking *k = j->ranking;
    table *t = table_new();
    table_column(t, TABLE_NUMBER, 0, "place");
    table_column(t, TABLE_TEXT, 0, "architecture");
    table_column(t, TABLE_NUMBER, 0, words[k->by]);
    table_column(t, TABLE_NUMBER, 1, "spread");
    table_column(t, TABLE_NUMBER, 0, "behind");
    table_column(t, TABLE_NUMBER, 0, "margin");
    table_column(t, TABLE_TEXT, 0, "tied");
    title *titles = add_runs(t, k->runs, "run");
    if (!titles) return SN_RESOURCE;
    for (long i = 0; i < k->n && i < top; i++) add_item(t, j, i);
    sn_status s = table_print(t);
    free(titles);
    return s;
}

static void print_tied(const rank_joint *j) {
    long tied = j->ties.tied;
    const char *unit = j->ranking->by == SN_BEST_BY_EFFECTS ? ", in logits" : "";
    if (!tied)
        cli_print("\nwhat is tied with the first is not known: a version that did not keep the losses of images scored them\n");
    else if (tied == 1)
        cli_print("\nnone is tied with the first: all %ld others are behind by more than the margin", j->ranking->n - 1);
    else
        cli_print("\n%ld of %ld are tied: behind the first by no more than the margin", tied, j->ranking->n);
    if (tied) cli_print(" (95 %% over images, paired, and over runs%s)\n", unit);
}

sn_status rank_joint_print(const rank_joint *j, long top) {
    cli_print("\n");
    SN_TRY(print_runs(j));
    cli_print("\n");
    SN_TRY(print_items(j, top));
    print_tied(j);
    return SN_OK;
}

// ---------------------------------------------------------------- JSON
static json_t *item_json(const rank_joint *j, long i) {
    const sn_ranking *k = j->ranking;
    const sn_ranked *x = &k->item[i];
    char text[SN_ARCH_TEXT];
    json_t *runs = json_array();
    for (int r = 0; r < k->runs; r++) json_array_append_new(runs, cli_real(shown(k, k->run[r].row[x->row].score)));
    return json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:o}", "arch", sn_arch_text(j->runs->run->space, &x->arch, text), "score",
                     cli_real(shown(k, x->score)), "spread", cli_real(sn_ranking_spread(k, x)), "behind",
                     cli_real(j->ties.behind[i]), "margin", cli_real(i ? j->ties.margin[i] : NAN), "tied",
                     j->ties.tied ? json_boolean(sn_tied(&j->ties, i)) : json_null(), "by_run", runs);
}

static json_t *run_json(const rank_joint *j, int r) {
    const sn_ranking *k = j->ranking;
    const rank_member *m = &j->runs->member[r];
    json_t *tau = json_array();
    for (int q = 0; q < k->runs; q++) json_array_append_new(tau, cli_real(j->tau[r * k->runs + q]));
    return json_pack("{s:s,s:I,s:f,s:I,s:f,s:o}", "run", m->name, "step", (json_int_t)m->step, "weight", 1.0 / k->runs, "scored",
                     (json_int_t)k->run[r].scored, "mean_top1", mean_top1(k, r), "tau", tau);
}

json_t *rank_joint_json(const rank_joint *j, long top) {
    const sn_ranking *k = j->ranking;
    json_t *runs = json_array(), *items = json_array();
    for (int r = 0; r < k->runs; r++) json_array_append_new(runs, run_json(j, r));
    for (long i = 0; i < k->n && i < top; i++) json_array_append_new(items, item_json(j, i));
    return json_pack("{s:o,s:o,s:o,s:f,s:f,s:I}", "runs", runs, "best", items, "tied",
                     j->ties.tied ? json_integer(j->ties.tied) : json_null(), "spread_of_differences", j->ties.between, "freedom",
                     j->ties.freedom, "left_out", (json_int_t)j->runs->left_out);
}

// ---------------------------------------------------------------- CSV
static void put(FILE *out, double v) {
    fputc(',', out);
    if (isfinite(v)) fprintf(out, "%.10g", v);
}

sn_status rank_joint_csv(const void *joint, FILE *out) {
    const rank_joint *j = joint;
    const sn_ranking *k = j->ranking;
    const rank_runs *runs = j->runs;
    char own[SN_ARCH_TEXT];
    fputs("arch,top1,top5,loss,macs,params,images,fitted_top1,fitted_loss,spread,behind,margin,tied", out);
    for (int r = 1; r <= k->runs; r++) fprintf(out, ",top1_%d,loss_%d", r, r);
    fputc('\n', out);
    for (long i = 0; i < k->n; i++) {
        const sn_ranked *x = &k->item[i];
        char *other = runs->notation ? sn_notation_text(runs->notation, runs->run->space, &x->arch) : NULL;
        if (runs->notation && !other) return sn_error_code();
        sn_csv_text(out, other ? other : sn_arch_text(runs->run->space, &x->arch, own));
        free(other);
        put(out, x->top1), put(out, x->top5), put(out, x->loss);
        fprintf(out, ",%lld,%lld,%llu", (long long)x->cost.macs, (long long)x->cost.params, (unsigned long long)k->images);
        put(out, x->fitted_top1), put(out, x->fitted_loss), put(out, sn_ranking_spread(k, x));
        put(out, j->ties.behind[i]), put(out, i ? j->ties.margin[i] : NAN);
        fputs(!j->ties.tied ? "," : sn_tied(&j->ties, i) ? ",1" : ",0", out);
        for (int r = 0; r < k->runs; r++) put(out, k->run[r].row[x->row].top1), put(out, k->run[r].row[x->row].loss);
        fputc('\n', out);
    }
    return ferror(out) ? sn_error(SN_RESOURCE, "the CSV of %d runs could not be written", k->runs) : SN_OK;
}
