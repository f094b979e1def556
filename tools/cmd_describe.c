// supernet describe CONFIG: the size of the space, its decisions, costs, and a forecast of memory and time.
#include "cli.h"
#include "picture.h"
#include "space/cost.h"
#include "supernet/rank/archlist.h"
#include "supernet/rank/rank.h"
#include "supernet/train/forecast.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cli_option options[] = {
    {"arch", 'a', "A", "costs of this architecture too, or of the best of a run's ranking"},
    CLI_LIMITS,
    {"archs", 0, "all|FILE", "with --csv: print arch,macs,params of all, or of those in FILE"},
    {"csv", 0, NULL, "see --archs"},
    {"notation", 0, "N", "write the architecture so too, or, with --csv, all of them"},
    {"picture", 0, "FILE", "draw the space, or the architecture in it: FILE.svg, .png or .pdf (Graphviz)"},
    {"distinct", 0, NULL, "how many differ as nets trained alone; tries all"},
    {"no-timing", 0, NULL, "do not time a few steps to forecast the training time"},
    {0}};

static const cli_choice choices[] = {{"notation", sn_notation_words}, {0}};

static sn_status csv_line(const sn_space *s, const sn_graph *g, const sn_notation *n, const sn_arch *a) {
    char own[SN_ARCH_TEXT];
    sn_cost cost;
    SN_TRY(sn_cost_arch(g, a, &cost));
    char *other = n ? sn_notation_text(n, s, a) : NULL;
    if (n && !other) return SN_RESOURCE;
    const char *text = n ? other : sn_arch_text(s, a, own), *quote = strchr(text, ',') ? "\"" : "";
    cli_print("%s%s%s,%lld,%lld\n", quote, text, quote, (long long)cost.macs, (long long)cost.params);
    free(other);
    return SN_OK;
}

static sn_status print_csv(const cli *c, const sn_space *s, const sn_graph *g) {
    const char *which = cli_get(c, "archs");
    const sn_notation *notation;
    SN_TRY(cli_notation(c, s, true, &notation));
    sn_arch *archs = NULL, a = sn_arch_first(s);
    long n = 0;
    if (strcmp(which, "all"))
        SN_TRY(sn_archs_read(s, which, &cli_stop, &archs, &n));
    else if (sn_space_size(s, NULL, 0) > 1e7)
        return sn_error(SN_USAGE, "--archs all: the space has more than 10^7 architectures");
    cli_print("arch,macs,params\n");
    sn_status status = SN_OK;
    if (archs)
        for (long i = 0; status == SN_OK && i < n; i++) status = csv_line(s, g, notation, &archs[i]);
    else
        do status = csv_line(s, g, notation, &a);
        while (status == SN_OK && sn_arch_next(s, &a));
    free(archs);
    return status;
}

// An arch, what it costs, and its text in the notation asked for, or NULL.
typedef struct {
    const sn_arch *arch;
    sn_cost cost;
    char *written;
} priced;

static json_t *cost_json(const sn_space *s, const priced *p) {
    char text[SN_ARCH_TEXT];
    json_t *out = json_pack("{s:s,s:I,s:I}", "arch", sn_arch_text(s, p->arch, text), "macs", (json_int_t)p->cost.macs, "params",
                            (json_int_t)p->cost.params);
    if (out && p->written) json_object_set_new(out, "written", json_string(p->written));
    return out;
}

static void print_cost(const char *name, const sn_space *s, const priced *p) {
    char text[SN_ARCH_TEXT], macs[32];
    cli_print("%-9s %s: %s MMACs, %lld params\n", name, sn_arch_text(s, p->arch, text), cli_mmacs(p->cost.macs, macs),
              (long long)p->cost.params);
    if (p->written) cli_print("%s\n", p->written);
}

static json_t *decisions_json(const sn_space *s) {
    json_t *list = json_array();
    for (int d = 0; d < s->n_decisions; d++) {
        json_t *names = json_array();
        for (int n = 0, k; (k = sn_decision_option(&s->decisions[d], n)) >= 0; n++)
            json_array_append_new(names, json_string(sn_space_option_name(s, d, k)));
        json_array_append_new(list, json_pack("{s:s,s:o}", "name", s->decisions[d].name, "options", names));
    }
    return list;
}

// What is known with the data only.
typedef struct {
    sn_forecast training;
    sn_score_layout ranking;
} forecast;

static json_t *all_json(const sn_space *s, const sn_graph *g, const priced *small, const priced *large, const forecast *known) {
    const sn_forecast *f = known ? &known->training : NULL;
    char size[SN_SIZE_TEXT];
    bool timed = f && f->step_seconds > 0;
    const sn_score_layout *l = known && known->ranking.blocks ? &known->ranking : NULL;
    return json_pack(
        "{s:i,s:s,s:o,s:o,s:o,s:b,s:I,s:o,s:o,s:o,s:o,s:o,s:o}", "schema", 1, "size", cli_digits(s, size), "decisions",
        decisions_json(s), "smallest", cost_json(s, small), "largest", cost_json(s, large), "extremes_exact",
        sn_costs_exact(g, s), "parameters", (json_int_t)sn_params_count(&g->params), "memory_bytes",
        f ? json_integer(f->bytes) : json_null(), "steps", f ? json_integer(f->steps) : json_null(), "step_seconds",
        cli_real(timed ? f->step_seconds : NAN), "train_seconds", cli_real(timed ? f->train_seconds : NAN), "rank_memory_bytes",
        l ? json_integer((json_int_t)l->bytes) : json_null(), "rank_blocks", l ? json_integer(l->blocks) : json_null());
}

// Of spaces that consist of several.
static void print_shared(const sn_space *s) {
    char size[SN_SIZE_TEXT];
    for (int i = 0; i < s->n_blocks; i++) {
        if (!s->blocks[i].shared || !s->blocks[i].nodes) continue;
        int decisions = sn_space_size_within(s, s->blocks[i].name, size, sizeof size);
        if (decisions > 1 && decisions < s->n_decisions)
            cli_print("%s: %s in %d decisions\n", s->blocks[i].name, size, decisions);
    }
}

static void print_decisions(const sn_space *s) {
    char size[SN_SIZE_TEXT];
    bool one = sn_space_size(s, size, sizeof size) == 1;
    cli_print("space: %s architecture%s, %d decision%s\n", size, one ? "" : "s", s->n_decisions, cli_plural(s->n_decisions));
    for (int d = 0; d < s->n_decisions; d++) {
        cli_print("  %-19s ", s->decisions[d].name);
        for (int n = 0, k; (k = sn_decision_option(&s->decisions[d], n)) >= 0; n++)
            cli_print("%s%s", n ? " | " : "", sn_space_option_name(s, d, k));
        cli_print("\n");
    }
    print_shared(s);
}

static sn_status count_distinct(const sn_space *s, const sn_graph *g, long *out) {
    if (sn_space_size(s, NULL, 0) > SN_MOST_TRIED)
        return sn_error(SN_USAGE, "--distinct: the space has more than %d architectures", SN_MOST_TRIED);
    return sn_graph_distinct(g, s, out);
}

// What is printed of a space; known: NULL where there is no forecast; asked.arch: NULL where none was.
typedef struct {
    const sn_config *config;
    const sn_graph *graph;
    const forecast *known;
    priced small, large, asked;
    long distinct; // 0: not counted
} description;

static void print_text(const description *d) {
    const sn_space *s = d->config->space.built;
    const sn_forecast *f = d->known ? &d->known->training : NULL;
    char time[32];
    print_decisions(s);
    if (d->distinct) cli_print("distinct as nets trained alone: %ld\n", d->distinct);
    bool exact = sn_costs_exact(d->graph, s); // else the best of a descent
    print_cost(exact ? "smallest" : "smallest (about)", s, &d->small);
    print_cost(exact ? "largest" : "largest (about)", s, &d->large);
    if (d->asked.arch) print_cost("asked", s, &d->asked);
    cli_print("supernet: %lld parameters\n", (long long)sn_params_count(&d->graph->params));
    if (f) cli_print("memory in training at batch %d: %.0f MiB\n", d->config->train.batch, (double)f->bytes / 0x1p20);
    if (d->known && d->known->ranking.blocks)
        cli_print("memory of scoring in a ranking: %.0f MiB of the %.0f MiB that rank.memory allows, in %d block%s of images\n",
                  (double)d->known->ranking.bytes / 0x1p20, (double)d->known->ranking.allowed / 0x1p20, d->known->ranking.blocks,
                  cli_plural(d->known->ranking.blocks));
    if (f && f->step_seconds > 0)
        cli_print("training: %lld steps of %.3f s (measured now, on this machine): %s\n", (long long)f->steps, f->step_seconds,
                  cli_duration(f->train_seconds, time));
}

static sn_status print_json(const description *d) {
    const sn_space *s = d->config->space.built;
    json_t *out = all_json(s, d->graph, &d->small, &d->large, d->known);
    if (out && d->asked.arch) json_object_set_new(out, "arch", cost_json(s, &d->asked));
    if (out && d->distinct) json_object_set_new(out, "distinct", json_integer(d->distinct));
    return cli_print_json(out);
}

static sn_status write_asked(const cli *c, const sn_space *s, priced *p) {
    const sn_notation *n;
    SN_TRY(cli_notation(c, s, false, &n));
    if (n && !(p->written = sn_notation_text(n, s, p->arch))) return SN_RESOURCE;
    return SN_OK;
}

// known: NULL where there is no forecast; asked: NULL where none was.
static sn_status print_all(const cli *c, const sn_config *config, const sn_graph *g, const sn_arch *asked,
                           const forecast *known) {
    const sn_space *s = config->space.built;
    sn_arch smallest, largest;
    description d = {config, g, known, {&smallest, {0}, NULL}, {&largest, {0}, NULL}, {asked, {0}, NULL}, 0};
    if (cli_get(c, "notation") && !asked) return sn_error(SN_USAGE, "--notation needs --arch, or --archs with --csv");
    if (cli_get(c, "distinct")) SN_TRY(count_distinct(s, g, &d.distinct));
    SN_TRY(sn_cost_extremes(g, s, &smallest, &largest));
    SN_TRY(sn_cost_arch(g, &smallest, &d.small.cost));
    SN_TRY(sn_cost_arch(g, &largest, &d.large.cost));
    if (asked) SN_TRY(sn_cost_arch(g, asked, &d.asked.cost));
    if (asked) SN_TRY(write_asked(c, s, &d.asked));
    sn_status status = SN_OK;
    if (c->json)
        status = print_json(&d);
    else
        print_text(&d);
    free(d.asked.written);
    return status;
}

// Costs need the space alone; a forecast needs the data and the backend too.
static sn_status run_csv(const cli *c, sn_config *config) {
    sn_graph *g = NULL;
    sn_status s = sn_graph_build(config->space.built, &g);
    if (s == SN_OK) s = print_csv(c, config->space.built, g);
    sn_graph_free(g);
    sn_config_free(config);
    return s;
}

// The arch that is asked for, if any, and its picture, or that of the space, if wanted.
static sn_status look(const cli *c, const sn_space *s, const sn_graph *g, sn_arch *asked) {
    const char *picture = cli_get(c, "picture");
    bool one = cli_get(c, "arch");
    if (one) SN_TRY(cli_arch(c, c->operand[0], s, g, asked));
    if (picture) SN_TRY(picture_save(s, one ? asked : NULL, picture));
    if (picture) cli_say(c, "picture: %s", picture);
    return SN_OK;
}

static sn_status print_without_data(const cli *c, const sn_config *config, const sn_graph *g) {
    sn_arch asked;
    SN_TRY(look(c, config->space.built, g, &asked));
    return print_all(c, config, g, cli_get(c, "arch") ? &asked : NULL, NULL);
}

// What the space alone gives, and why there is no more: the current message.
static sn_status describe_without_data(const cli *c) {
    char *why = sn_strdup(sn_error_text());
    sn_config *config = NULL;
    sn_graph *g = NULL;
    sn_status s = why ? cli_config(c, c->operand[0], &config) : SN_RESOURCE;
    if (s == SN_OK) s = sn_graph_build(config->space.built, &g);
    if (s == SN_OK) s = print_without_data(c, config, g);
    if (s == SN_OK) cli_say(c, "no forecast of memory and time: %s", why);
    sn_graph_free(g);
    sn_config_free(config);
    free(why);
    return s;
}

static sn_status describe(const cli *c, sn_run *r) {
    sn_arch asked;
    forecast f;
    SN_TRY(look(c, r->space, r->graph, &asked));
    cli_say_data(c, r);
    SN_TRY(sn_rank_layout(r, &f.ranking));
    SN_TRY(sn_forecast_run(r, !cli_get(c, "no-timing"), &f.training));
    return print_all(c, r->config, r->graph, cli_get(c, "arch") ? &asked : NULL, &f);
}

static sn_status run(const cli *c) {
    sn_config *config;
    sn_run *r;
    if (cli_get(c, "picture")) SN_TRY(picture_check(cli_get(c, "picture")));
    SN_TRY(cli_config(c, c->operand[0], &config));
    if (cli_get(c, "csv")) return run_csv(c, config);
    sn_status s = sn_run_create(config, &cli_stop, &r);
    if (s == SN_DATA) return describe_without_data(c);
    if (s != SN_OK) return s;
    s = describe(c, r);
    sn_run_free(r);
    return s;
}

static const cli_rule rules[] = {
    {"archs", CLI_NEEDS, "csv"},     {"csv", CLI_NEEDS, "archs"},       {"csv", CLI_EXCLUDES, "json"},
    {"csv", CLI_EXCLUDES, "arch"},   {"csv", CLI_EXCLUDES, "distinct"}, {"csv", CLI_EXCLUDES, "picture"},
    {"max-macs", CLI_NEEDS, "arch"}, {"max-params", CLI_NEEDS, "arch"}, {0}};

const cli_command cmd_describe = {
    .name = "describe",
    .operands = "CONFIG|RUN",
    .summary = "size of the space, costs, forecast of memory and time",
    .details = "Without the data there is no forecast; what the space alone gives is printed.",
    .least = 1,
    .most = 1,
    .options = options,
    .choices = choices,
    .rules = rules,
    .run = run,
};
