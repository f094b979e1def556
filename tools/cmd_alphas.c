// supernet alphas RUN: what a run in mode relax has learned: alphas and shares of every option, and how they came about.
#include "cli.h"
#include "io/files/csv.h"
#include "io/files/runfolder.h"
#include "space/cost.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>

static const cli_option options[] = {{"csv", 0, "FILE", "write step,decision,option,alpha of every epoch to FILE; -: to stdout"},
                                     {"notation", 0, "N", "write the likeliest architecture so too"},
                                     CLI_EPOCH,
                                     {0}};

static const cli_choice choices[] = {{"notation", sn_notation_words}, {0}};

typedef struct {
    const sn_run *run;
    double *share;
    sn_arch likeliest;
    char *written; // NULL: not asked for
} learned;

static sn_status look(const cli *c, const sn_run *r, learned *l) {
    const sn_notation *notation;
    *l = (learned){.run = r};
    if (!r->alphas)
        return sn_error(SN_USAGE, "this run has no alphas: its train.mode is %s; allowed is relax",
                        sn_mode_words[r->config->train.mode]);
    SN_TRY(sn_alphas_decode(r->alphas, r->config, &l->likeliest));
    SN_TRY(cli_notation(c, r->space, false, &notation));
    if (notation && !(l->written = sn_notation_text(notation, r->space, &l->likeliest))) return SN_RESOURCE;
    if (!(l->share = sn_new((size_t)r->alphas->places, sizeof *l->share))) return SN_RESOURCE;
    sn_alphas_shares(r->alphas, r->config, l->share);
    return SN_OK;
}

// ---------------------------------------------------------------- printing
static sn_status print_table(const learned *l) {
    const sn_run *r = l->run;
    char text[SN_ARCH_TEXT];
    sn_cost cost;
    table *t = table_new();
    table_column(t, TABLE_TEXT, 0, "option");
    table_column(t, TABLE_NUMBER, 0, "alpha");
    table_column(t, TABLE_NUMBER, 0, "share");
    for (int d = 0, place = 0; d < r->space->n_decisions; place += r->space->decisions[d++].options) {
        const sn_decision *o = &r->space->decisions[d];
        table_heading(t, o->name);
        for (int n = 0, k; (k = sn_decision_option(o, n)) >= 0; n++) {
            table_cell(t, "  %s%s", sn_space_option_name(r->space, d, k), l->likeliest.option[d] == k ? " *" : "");
            table_cell(t, "%+.4f", r->alphas->alpha[place + k]);
            table_cell(t, "%.4f", l->share[place + k]);
        }
    }
    SN_TRY(table_print(t));
    SN_TRY(sn_cost_arch(r->graph, &l->likeliest, &cost));
    cli_print("\nlikeliest (*): %s, %.4g MMACs, after step %lld\n", sn_arch_text(r->space, &l->likeliest, text),
              (double)cost.macs * 1e-6, (long long)r->step);
    if (l->written) cli_print("%s\n", l->written);
    return SN_OK;
}

static sn_status print_json(const learned *l) {
    const sn_run *r = l->run;
    char text[SN_ARCH_TEXT];
    json_t *list = json_array();
    for (int d = 0, place = 0; d < r->space->n_decisions; place += r->space->decisions[d++].options)
        for (int n = 0, k; (k = sn_decision_option(&r->space->decisions[d], n)) >= 0; n++)
            json_array_append_new(list, json_pack("{s:s,s:s,s:f,s:f}", "decision", r->space->decisions[d].name, "option",
                                                  sn_space_option_name(r->space, d, k), "alpha", r->alphas->alpha[place + k],
                                                  "share", l->share[place + k]));
    json_t *out = json_pack("{s:i,s:I,s:s,s:o}", "schema", 1, "step", (json_int_t)r->step, "likeliest",
                            sn_arch_text(r->space, &l->likeliest, text), "alphas", list);
    if (out && l->written) json_object_set_new(out, "written", json_string(l->written));
    return cli_print_json(out);
}

// ---------------------------------------------------------------- every epoch
static void put_line(void *arg, const char *line) {
    FILE *out = arg;
    json_t *object = json_loads(line, 0, NULL), *alphas = json_object_get(object, "alphas"), *of_one, *alpha;
    long long step = json_integer_value(json_object_get(object, "step"));
    const char *decision, *option;
    json_object_foreach(alphas, decision, of_one) json_object_foreach(of_one, option, alpha) {
        fprintf(out, "%lld,", step);
        sn_csv_text(out, decision);
        fputc(',', out);
        sn_csv_text(out, option);
        fprintf(out, ",%.9g\n", json_number_value(alpha));
    }
    json_decref(object);
}

static sn_status put_epochs(const void *arg, FILE *out) {
    const learned *l = arg;
    char *log = l->run->folder ? sn_folder_file(l->run->folder, "log.jsonl") : NULL;
    if (!log) return sn_error(SN_USAGE, "--csv: the alphas of every epoch are in a run folder; found is a checkpoint alone");
    fputs("step,decision,option,alpha\n", out);
    sn_status s = sn_log_lines(log, out, put_line);
    free(log);
    return s == SN_OK && ferror(out) ? sn_error(SN_RESOURCE, "out of memory for the CSV") : s;
}

static sn_status run(const cli *c) {
    sn_run *r;
    learned l;
    SN_TRY(cli_check_csv(c));
    SN_TRY(cli_open_run(c, c->operand[0], &r));
    sn_status s = look(c, r, &l);
    if (s == SN_OK && cli_get(c, "csv")) s = cli_write_csv(c, put_epochs, &l);
    if (s == SN_OK && !cli_csv_only(c)) s = c->json ? print_json(&l) : print_table(&l);
    free(l.share);
    free(l.written);
    sn_run_free(r);
    return s;
}

const cli_command cmd_alphas = {
    .name = "alphas",
    .operands = "RUN",
    .summary = "what a run in mode relax has learned of each option",
    .details =
        "The alphas of the newest checkpoint, how likely they make each option, and the likeliest architecture. RUN may be a "
        "checkpoint. Afterwards `--arch likeliest` names it in eval, retrain and export.",
    .least = 1,
    .most = 1,
    .options = options,
    .choices = choices,
    .run = run,
};
