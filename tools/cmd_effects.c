// supernet effects RUN: why architectures score as they do. Per decision and option the effect on accuracy with its intervals,
// the shares of variance of decisions and of pairs of them, fitted scores of architectures that were not scored. Not here: the
// statistics (supernet/rank/effects.h, fitted.h).
#include "cli.h"
#include "io/files/atomic.h"
#include "io/files/csv.h"
#include "supernet/rank/budget.h"
#include "supernet/rank/findings.h"
#include "table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cli_option options[] = {
    {"arch", 'a', "A", "also the fitted scores of this architecture, scored or not; may be repeated"},
    {"archs", 0, "FILE", "also those of the architectures in a file, one a line"},
    {"pairs", 0, "K", "print the K largest interactions (default 5)"},
    {"csv", 0, "FILE", "also write the effects as CSV; -: that alone, to stdout"},
    {0}};

// ---------------------------------------------------------------- text
static void add_number(table *t, double v, int digits) {
    if (isnan(v))
        table_cell(t, "-");
    else
        table_cell(t, "%+.*f", digits, v);
}

static void add_range(table *t, const double range[2]) {
    if (isnan(range[0]) || isnan(range[1]))
        table_cell(t, "-");
    else
        table_cell(t, "%+.2f to %+6.2f", range[0], range[1]);
}

static sn_status print_effects(const sn_findings *f) {
    const sn_effects *x = &f->fitted->accuracy;
    table *t = table_new();
    table_column(t, TABLE_TEXT, 0, "option");
    table_column(t, TABLE_NUMBER, 5, "archs");
    table_column(t, TABLE_NUMBER, 0, "points");
    table_column(t, TABLE_NUMBER, 0, "over images");
    table_column(t, TABLE_NUMBER, 2, "over archs");
    table_column(t, TABLE_NUMBER, 4, "loss");
    table_column(t, TABLE_NUMBER, 1, "MMACs");
    table_column(t, TABLE_NUMBER, 3, "points per MMAC");
    for (int e = 0; e < x->n; e++) {
        sn_option_finding r = sn_findings_option(f, e);
        if (e == x->first[x->effect[e].decision]) table_heading(t, r.decision);
        table_cell(t, "  %s", r.option);
        table_cell(t, "%ld", r.archs);
        add_number(t, r.points, 2);
        add_range(t, r.images);
        add_range(t, r.over);
        add_number(t, r.loss, 4);
        add_number(t, r.mmacs, 3);
        add_number(t, r.per_mmac, 2);
    }
    return table_print(t);
}

static void print_shares(const sn_findings *f, long most) {
    const sn_space *s = f->run->space;
    size_t decisions = (size_t)s->n_decisions;
    sn_share_sum main = sn_findings_main(f), pairs = sn_findings_interactions(f);
    cli_print("\nshares of the variance of accuracy (as logit), in brackets what chance alone would give\n");
    cli_print("main effects %.3f (%.3f)\n", main.share, main.by_chance);
    for (size_t i = 0; i < decisions; i++)
        cli_print("  %-24s %.3f (%.3f)\n", s->decisions[i].name, f->share[i].share, f->share[i].by_chance);
    cli_print("interactions of pairs %.3f (%.3f)\n", pairs.share, pairs.by_chance);
    for (size_t i = 0; i < f->pairs && (long)i < most; i++) {
        const sn_effects_share *p = f->pair[i];
        cli_print("  %.3f (%.3f)  %s with %s, such as %s with %s: %+.2f points beyond their effects\n", p->share, p->by_chance,
                  s->decisions[p->decision[0]].name, s->decisions[p->decision[1]].name,
                  sn_findings_word(s, p->decision[0], p->option[0]), sn_findings_word(s, p->decision[1], p->option[1]),
                  f->points * p->value);
    }
    if (sn_findings_overlap(f))
        cli_print(
            "Not all combinations are scored equally often: single shares overlap, and may add up to more than there is.\n");
    cli_print("What pairs do with shared weights need not hold for nets trained alone (docs/results.md).\n");
}

// Best of the whole space by main effects.
static sn_status best_by_effects(const sn_findings *f, sn_arch *out) {
    return sn_budget_best(f->run->graph, f->run->space, &f->fitted->accuracy, (sn_cost){INT64_MAX, INT64_MAX}, &cli_stop, out);
}

static void print_fitted(const sn_findings *f, const sn_arch *a) {
    char text[SN_ARCH_TEXT];
    const sn_ranked *x = sn_findings_scored(f, a);
    double top1 = sn_fitted_top1(f->fitted, a), loss = sn_fitted_loss(f->fitted, a);
    cli_print("%s: ", sn_arch_text(f->run->space, a, text));
    if (isnan(top1))
        cli_print("nothing is fitted: it has an option that was never scored\n");
    else
        cli_print("%s top-1 %.4f", x ? "fitted" : "predicted", top1);
    if (!isnan(top1) && !isnan(loss)) cli_print(", loss %.4f", loss);
    if (!isnan(top1) && x) cli_print("; scored top-1 %.4f, loss %.4f\n", x->top1, x->loss);
    if (!isnan(top1) && !x) cli_print("; not scored\n");
}

static sn_status print_text(const sn_findings *f, const sn_arch *archs, long n, long most) {
    const sn_ranking *k = f->ranking;
    double mean = 0;
    for (long i = 0; i < k->rows; i++) mean += k->row[i].top1 / (double)k->rows;
    SN_TRY(print_effects(f));
    print_shares(f, most);
    sn_arch best;
    SN_TRY(best_by_effects(f, &best));
    cli_print("\nbest of the space by effects: ");
    print_fitted(f, &best);
    for (long i = 0; i < n; i++) print_fitted(f, &archs[i]);
    cli_print("\n%ld scored architectures on %llu images each, weights of step %lld; mean top-1 %.4f\n", k->rows,
              (unsigned long long)k->images, (long long)f->run->step, mean);
    return SN_OK;
}

// ---------------------------------------------------------------- JSON
static json_t *range_json(const double range[2]) {
    return json_pack("[o,o]", cli_real(range[0]), cli_real(range[1]));
}

static json_t *row_json(const sn_option_finding *r) {
    return json_pack("{s:s,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "option", r->option, "archs", (json_int_t)r->archs, "points",
                     cli_real(r->points), "over_images", range_json(r->images), "over_archs", range_json(r->over), "loss",
                     cli_real(r->loss), "loss_over_archs", range_json(r->loss_over), "mmacs", cli_real(r->mmacs),
                     "points_per_mmac", cli_real(r->per_mmac));
}

static json_t *decisions_json(const sn_findings *f) {
    const sn_effects *x = &f->fitted->accuracy;
    json_t *list = json_array();
    for (int d = 0; d < f->run->space->n_decisions; d++) {
        json_t *rows = json_array();
        for (int e = x->first[d]; e < x->first[d + 1]; e++) {
            sn_option_finding r = sn_findings_option(f, e);
            json_array_append_new(rows, row_json(&r));
        }
        json_array_append_new(list, json_pack("{s:s,s:o,s:o,s:o}", "name", f->run->space->decisions[d].name, "share",
                                              cli_real(f->share[d].share), "by_chance", cli_real(f->share[d].by_chance),
                                              "options", rows));
    }
    return list;
}

static json_t *pairs_json(const sn_findings *f) {
    const sn_space *s = f->run->space;
    json_t *list = json_array();
    for (size_t i = 0; i < f->pairs; i++) {
        const sn_effects_share *p = f->pair[i];
        json_array_append_new(list,
                              json_pack("{s:[s,s],s:o,s:o,s:[s,s],s:I,s:o}", "decisions", s->decisions[p->decision[0]].name,
                                        s->decisions[p->decision[1]].name, "share", cli_real(p->share), "by_chance",
                                        cli_real(p->by_chance), "options", sn_findings_word(s, p->decision[0], p->option[0]),
                                        sn_findings_word(s, p->decision[1], p->option[1]), "archs", (json_int_t)p->archs,
                                        "points", cli_real(f->points * p->value)));
    }
    return list;
}

static json_t *fitted_json(const sn_findings *f, const sn_arch *a) {
    char text[SN_ARCH_TEXT];
    const sn_ranked *x = sn_findings_scored(f, a);
    return json_pack("{s:s,s:b,s:o,s:o,s:o,s:o}", "arch", sn_arch_text(f->run->space, a, text), "predicted", !x, "fitted_top1",
                     cli_real(sn_fitted_top1(f->fitted, a)), "fitted_loss", cli_real(sn_fitted_loss(f->fitted, a)), "top1",
                     cli_real(x ? x->top1 : NAN), "loss", cli_real(x ? x->loss : NAN));
}

static sn_status print_json(const sn_findings *f, const sn_arch *archs, long n) {
    const sn_effects *x = &f->fitted->accuracy;
    char protocol[128];
    sn_share_sum main = sn_findings_main(f), pairs = sn_findings_interactions(f);
    sn_arch best;
    SN_TRY(best_by_effects(f, &best));
    json_t *list = json_array();
    for (long i = 0; i < n; i++) json_array_append_new(list, fitted_json(f, &archs[i]));
    sn_protocol_text(f->run, sn_rank_images(f->run), protocol, sizeof protocol);
    return cli_print_json(json_pack(
        "{s:i,s:s,s:I,s:s,s:I,s:I,s:f,s:f,s:f,s:f,s:o,s:{s:o,s:o},s:{s:o,s:o},s:b,s:o,s:o,s:o}", "schema", 1, "run",
        f->run->folder, "step", (json_int_t)f->run->step, "protocol", protocol, "archs", (json_int_t)x->archs, "images",
        (json_int_t)f->ranking->images, "lambda", x->lambda, "freedom", x->freedom, "explained", x->explained, "points_per_logit",
        f->points, "decisions", decisions_json(f), "main_effects", "share", cli_real(main.share), "by_chance",
        cli_real(main.by_chance), "interactions", "share", cli_real(pairs.share), "by_chance", cli_real(pairs.by_chance),
        "shares_overlap", sn_findings_overlap(f), "pairs", pairs_json(f), "best", fitted_json(f, &best), "fitted", list));
}

// ---------------------------------------------------------------- CSV
static void put_number(FILE *out, double v) {
    fputc(',', out);
    if (!isnan(v)) fprintf(out, "%.9g", v);
}

static sn_status put_rows(const void *what, FILE *out) {
    const sn_findings *f = what;
    fputs("decision,option,archs,points,images_from,images_to,archs_from,archs_to,loss,loss_from,loss_to,mmacs,points_per_mmac\n",
          out);
    for (int e = 0; e < f->fitted->accuracy.n; e++) {
        sn_option_finding r = sn_findings_option(f, e);
        const double numbers[] = {r.points, r.images[0],    r.images[1],    r.over[0], r.over[1],
                                  r.loss,   r.loss_over[0], r.loss_over[1], r.mmacs,   r.per_mmac};
        sn_csv_text(out, r.decision);
        fputc(',', out);
        sn_csv_text(out, r.option);
        fprintf(out, ",%ld", r.archs);
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) put_number(out, numbers[i]);
        fputc('\n', out);
    }
    return ferror(out) ? sn_error(SN_RESOURCE, "out of memory for the CSV") : SN_OK;
}

// ---------------------------------------------------------------- the command
static sn_status report(const cli *c, const sn_run *r, long most) {
    sn_ranking ranking = {0};
    sn_findings f = {0};
    sn_arch *archs = NULL;
    long n = 0;
    sn_status s = cli_get(c, "arch") || cli_get(c, "archs") ? cli_archs(c, r, SN_NO_LIMIT, &archs, &n) : SN_OK;
    if (s == SN_OK) s = sn_rank_stored(r, &ranking);
    if (s == SN_OK) s = sn_findings_make(r, &ranking, &f);
    if (s == SN_OK && !f.fitted->loss.n) cli_say(c, "no effects on the loss: %s", f.fitted->unfitted[1]);
    if (s == SN_OK) cli_say_left_out(c, &ranking);
    if (s == SN_OK && cli_get(c, "csv")) s = cli_write_csv(c, put_rows, &f);
    if (s == SN_OK && !cli_csv_only(c)) s = c->json ? print_json(&f, archs, n) : print_text(&f, archs, n, most);
    sn_findings_free(&f);
    sn_ranking_free(&ranking);
    free(archs);
    return s;
}

static sn_status run(const cli *c) {
    sn_run *r;
    long most;
    SN_TRY(cli_number(c, "pairs", 0, SN_MAX_DECISIONS * SN_MAX_DECISIONS, 5, &most));
    SN_TRY(cli_check_csv(c));
    SN_TRY(cli_open_run(c, c->operand[0], &r));
    sn_status s = report(c, r, most);
    sn_run_free(r);
    return s;
}

static const cli_rule rules[] = {{"pairs", CLI_EXCLUDES, "json"}, {0}};

const cli_command cmd_effects = {
    .name = "effects",
    .operands = "RUN",
    .summary = "what each option adds to the scores, and what pairs of them do",
    .details =
        "From the scores that `supernet rank` stored; nothing is scored. Effects are points of accuracy around the mean of the "
        "scored architectures, with 95 % intervals over images (another draw of as many) and over architectures; points are "
        "shrunk by ridge regression, intervals over architectures are those of least squares, around values not shrunk.",
    .least = 1,
    .most = 1,
    .options = options,
    .rules = rules,
    .run = run,
};
