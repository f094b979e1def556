// The table of the finals, the winner, what they changed; see finals_print.h.
#include "finals_print.h"
#include "table.h"
#include "training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *finals_epochs(int64_t n, char text[32]) {
    snprintf(text, 32, "%lld epoch%s", (long long)n, cli_plural((long)n));
    return text;
}

static double share(const sn_finals *f, const sn_finalist *a, int rung) {
    return (double)a->score[rung].right / (double)f->images;
}

// ---------------------------------------------------------------- what the finals changed
static bool tells_apart(const sn_paired *p) {
    return p->from > 0 || p->to < 0;
}

// "1st"
static const char *ordinal(int n, char text[16]) {
    static const char *const ends[] = {"th", "st", "nd", "rd"};
    snprintf(text, 16, "%d%s", n, n % 10 < 4 && (n % 100 < 11 || n % 100 > 13) ? ends[n % 10] : "th");
    return text;
}

static void print_change(const sn_finals *f, const sn_finals_change *c) {
    char place[16], epochs[32];
    if (f->n == 1) return;
    if (c->place == 1) {
        cli_print("the finals confirm the ranking: its first of these wins\n");
        return;
    }
    cli_print("the ranking's first of these, %s, came out %s of %d", f->finalist[0].arch, ordinal(c->place, place), f->n);
    if (c->rung < 0) {
        cli_print(": its training diverged\n");
        return;
    }
    cli_print(": %.4f after %s, where the winner had %.4f\ndifference %+.4f, 95 %% over images %+.4f to %+.4f%s\n", c->top1[0],
              finals_epochs(f->rung[c->rung], epochs), c->top1[1], c->paired.difference, c->paired.from, c->paired.to,
              tells_apart(&c->paired) ? "" : ": these images cannot tell the two apart");
}

static json_t *change_json(const sn_finals *f, const sn_finals_change *c) {
    bool known = c->place > 1 && c->rung >= 0;
    return json_pack("{s:s,s:i,s:o,s:o,s:o,s:o,s:o}", "first", f->finalist[0].arch, "place", c->place, "epochs",
                     known ? json_integer(f->rung[c->rung]) : json_null(), "first_top1", cli_real(known ? c->top1[0] : NAN),
                     "winner_top1", cli_real(known ? c->top1[1] : NAN), "difference",
                     cli_real(known ? c->paired.difference : NAN), "over_images",
                     known ? json_pack("[f,f]", c->paired.from, c->paired.to) : json_null());
}

// ---------------------------------------------------------------- text
static void add_finalist(table *t, const sn_finals *f, const sn_finalist *a) {
    char text[32];
    table_cell(t, "%lld", (long long)a->place);
    table_cell(t, "%s", a->arch);
    table_cell(t, "%s", cli_score(a->top1, text));
    table_cell(t, "%s", cli_score(a->fitted_top1, text));
    table_cell(t, "%s", cli_mmacs(a->macs, text));
    table_cell(t, "%lld", (long long)a->params);
    for (int j = 0; j < f->rungs; j++) {
        if (j < sn_finals_scored(a))
            table_cell(t, "%s", cli_score(share(f, a, j), text));
        else
            table_cell(t, j < a->scores && a->score[j].right < 0 ? "diverged" : "-");
    }
}

static sn_status print_table(const sn_finals *f, const int *order) {
    table *t = table_new();
    char epochs[SN_MOST_RUNGS][32];
    table_column(t, TABLE_NUMBER, 0, "place");
    table_column(t, TABLE_TEXT, 0, "architecture");
    table_column(t, TABLE_NUMBER, 1, "shared");
    table_column(t, TABLE_NUMBER, 4, "fitted");
    table_column(t, TABLE_NUMBER, 2, "MMACs");
    table_column(t, TABLE_NUMBER, 3, "params");
    for (int j = 0; j < f->rungs; j++) table_column(t, TABLE_NUMBER, 0, finals_epochs(f->rung[j], epochs[j]));
    for (int i = 0; i < f->n; i++) add_finalist(t, f, &f->finalist[order[i]]);
    return table_print(t);
}

static sn_status print_text(const sn_finals *f, const int *order, const char *folder, const sn_config *config) {
    SN_TRY(print_table(f, order));
    char *winner = retraining_folder(folder, NULL, f->finalist[f->winner].arch), epochs[32];
    sn_finals_change c = sn_finals_changed(f, order);
    cli_print(
        "\nplace and shared, fitted top-1: of the ranking, by %s; then top-1 of each trained alone, on %lld validation image%s\n",
        sn_best_by_words[f->by], (long long)f->images, cli_plural((long)f->images));
    cli_print("winner: %s, trained for %s in %s\n", f->finalist[f->winner].arch, finals_epochs(f->rung[f->rungs - 1], epochs),
              winner ? winner : folder);
    print_change(f, &c);
    retrained_print(config, &f->test);
    free(winner);
    return SN_OK;
}

// ---------------------------------------------------------------- JSON
static json_t *scores_json(const sn_finals *f, const sn_finalist *a) {
    json_t *list = json_array();
    for (int j = 0; j < a->scores; j++)
        json_array_append_new(list, json_pack("{s:i,s:o,s:o}", "epochs", f->rung[j], "top1",
                                              a->score[j].right < 0 ? json_null() : json_real(share(f, a, j)), "loss",
                                              cli_real(a->score[j].loss)));
    return list;
}

static json_t *finalist_json(const sn_finals *f, const sn_finalist *a, const char *folder) {
    char *own = retraining_folder(folder, NULL, a->arch);
    json_t *out = json_pack("{s:s,s:s?,s:I,s:f,s:o,s:I,s:I,s:o}", "arch", a->arch, "run", own, "place", (json_int_t)a->place,
                            "shared_top1", a->top1, "fitted_top1", cli_real(a->fitted_top1), "macs", (json_int_t)a->macs,
                            "params", (json_int_t)a->params, "scores", scores_json(f, a));
    free(own);
    return out;
}

static json_t *all_json(const sn_finals *f, const int *order, const char *run, const char *folder) {
    json_t *list = json_array(), *rungs = json_array();
    sn_finals_change c = sn_finals_changed(f, order);
    for (int j = 0; j < f->rungs; j++) json_array_append_new(rungs, json_integer(f->rung[j]));
    for (int i = 0; i < f->n; i++) json_array_append_new(list, finalist_json(f, &f->finalist[order[i]], folder));
    json_t *winner = finalist_json(f, &f->finalist[f->winner], folder);
    json_object_del(winner, "scores");
    json_object_set_new(winner, "test_top1", cli_real(f->test.top1));
    json_object_set_new(winner, "test_top5", cli_real(f->test.top5));
    json_object_set_new(winner, "test_loss", cli_real(f->test.loss));
    json_object_set_new(winner, "test_images", json_integer(f->test.images));
    return json_pack("{s:i,s:s,s:s,s:I,s:s,s:s,s:I,s:o,s:o,s:o,s:o}", "schema", 1, "run", run, "finals", folder, "supernet_step",
                     (json_int_t)f->step, "by", sn_best_by_words[f->by], "init", sn_start_words[f->init], "images",
                     (json_int_t)f->images, "rungs", rungs, "winner", winner, "change", change_json(f, &c), "finalists", list);
}

sn_status finals_print(const cli *c, const sn_finals *f, const char *run, const char *folder, const sn_config *config) {
    int order[SN_MOST_FINALISTS];
    sn_finals_order(f, order);
    if (c->json) return cli_print_json(all_json(f, order, run, folder));
    return print_text(f, order, folder, config);
}
