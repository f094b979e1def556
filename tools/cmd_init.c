// supernet init SOURCE: looks at data and writes a config for it that trains as it is.
// Not here: the rules (init_choose.c), the text (init_config.c).
#include "base/amount.h"
#include "init.h"
#include "io/config/config_table.h"
#include "io/files/atomic.h"
#include "space/cost.h"
#include "supernet/train/forecast.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEAST_EPOCHS = 10, MOST_EPOCHS = 200 };

static const cli_option options[] = {
    {"output", 'o', "FILE", "the config (default: the source's name and .yaml); -: stdout, and no other results"},
    {"force", 0, NULL, "replace FILE if it is there"},
    {"hours", 0, "H", "that training is to take on this machine (default: 1)"},
    {"size", 0, "N", "shorter side of the pictures that the network takes (default: by the pictures, at most 128)"},
    {"max-macs", 0, "N", "multiplications of an architecture on average, at most, such as 6M"},
    {0}};

typedef struct {
    const cli *c;
    char *file, *source; // as the config says it; file: where to, "-" for stdout
    double hours;
    long size;
    int64_t max_macs;
    proposal p;
    sn_forecast forecast;
} job;

// ---------------------------------------------------------------- what was asked for
static sn_status read_hours(const cli *c, double *out) {
    const char *text = cli_get(c, "hours");
    const char *end;
    *out = text ? cli_decimal(text, &end) : 1;
    if (text && (*end || !(*out > 0 && *out <= 1e5)))
        return sn_error(SN_USAGE, "--hours: found '%s'; allowed are numbers above 0 to 100000, such as 0.5", text);
    return SN_OK;
}

static char *default_file(const char *source) {
    size_t n = strlen(source);
    while (n > 1 && source[n - 1] == '/') n--;
    size_t start = n;
    while (start && source[start - 1] != '/') start--;
    size_t end = start + strcspn(source + start, "/");
    for (size_t i = start + 1; i < end; i++) // pets.tar.gz: pets
        if (source[i] == '.') end = i;
    if (end == start || source[start] == '.') return sn_strdup("supernet.yaml");
    return sn_format("%.*s.yaml", (int)(end - start), source + start);
}

// Paths in a config count from its folder: as given where that is the current one, else absolute.
static sn_status config_source(const char *given, const char *file, char **out) {
    if (!sn_text_clean(given))
        return sn_error(SN_USAGE, "the path of the data cannot stand in a config: it is not UTF-8, or has control characters");
    bool here = strcmp(file, "-") && !strchr(file, '/');
    *out = here || *given == '/' ? sn_strdup(given) : realpath(given, NULL);
    return *out ? SN_OK : sn_error(SN_DATA, "data.source: %s: %s", given, strerror(errno));
}

static sn_status prepare(job *j) {
    const cli *c = j->c;
    const char *file = cli_get(c, "output");
    SN_TRY(read_hours(c, &j->hours));
    SN_TRY(cli_number(c, "size", 8, 1024, 0, &j->size));
    sn_cost most;
    SN_TRY(cli_limits(c, &most));
    j->max_macs = most.macs;
    if (!(j->file = file ? sn_strdup(file) : default_file(c->operand[0]))) return SN_RESOURCE;
    if (strcmp(j->file, "-")) {
        SN_TRY(sn_file_replaceable(j->file));
        if (!access(j->file, F_OK) && !cli_get(c, "force"))
            return sn_error(SN_USAGE, "%s is there already; --force replaces it, -o names another file", j->file);
    } else if (c->json) {
        return sn_error(SN_USAGE, "-o - is found beside --json; both would go to stdout");
    }
    return config_source(c->operand[0], j->file, &j->source);
}

// ---------------------------------------------------------------- size and time of a space
// The mean over all architectures of a chain: what each option adds to one architecture, averaged over its decision.
static sn_status mean_macs(const sn_space *s, double *out) {
    sn_graph *g;
    sn_cost base, cost;
    SN_TRY(sn_graph_build(s, &g));
    sn_arch a = sn_arch_first(s), b;
    sn_status status = sn_cost_arch(g, &a, &base);
    *out = (double)base.macs;
    for (int d = 0; d < s->n_decisions && status == SN_OK; d++) {
        b = a;
        for (int i = 0, k; (k = sn_decision_option(&s->decisions[d], i)) >= 0 && status == SN_OK; i++) {
            b.option[d] = (uint8_t)k;
            status = sn_cost_arch(g, &b, &cost);
            *out += (double)(cost.macs - base.macs) / sn_decision_count(&s->decisions[d]);
        }
    }
    sn_graph_free(g);
    return status;
}

static sn_status parse(const job *j, sn_config **out) {
    cli_overrides o;
    char *text = init_config(&j->p);
    if (!text) return SN_RESOURCE;
    sn_status s = cli_overrides_of(j->c, &o);
    if (s == SN_OK) {
        s = sn_config_parse(text, strlen(text), j->file, (const char *const *)o.text, o.n, out);
        cli_free_overrides(&o);
    }
    free(text);
    return s;
}

static sn_status measure_space(job *j) {
    sn_config *config;
    SN_TRY(parse(j, &config));
    j->p.archs = sn_space_size(config->space.built, NULL, 0);
    sn_status s = mean_macs(config->space.built, &j->p.mean_macs);
    sn_config_free(config);
    return s;
}

// Times the proposal's space and takes the epochs that fit.
static sn_status time_space(job *j) {
    sn_config *config;
    sn_run *r;
    j->p.epochs = 1;
    SN_TRY(parse(j, &config));
    SN_TRY(sn_run_create(config, &cli_stop, &r));
    sn_status s = sn_forecast_run(r, true, &j->forecast);
    sn_run_free(r);
    if (s != SN_OK) return s;
    double each = j->forecast.train_seconds, fit = floor(j->hours * 3600 / each);
    j->p.too_slow = fit < LEAST_EPOCHS;
    j->p.epochs = fit < LEAST_EPOCHS ? LEAST_EPOCHS : fit > MOST_EPOCHS ? MOST_EPOCHS : (int)fit;
    j->forecast.steps *= j->p.epochs;
    j->forecast.train_seconds *= j->p.epochs;
    return SN_OK;
}

// The largest space that is small enough and leaves time for enough epochs; else the smallest.
static sn_status choose_space(job *j) {
    bool timed = false;
    for (int i = 0; i < INIT_SIZES; i++) {
        if (cli_stop) return sn_error(SN_INTERRUPTED, "stopped before a config was written");
        if (!init_size(&j->p, i)) break;
        SN_TRY(measure_space(j));
        if (j->p.mean_macs > (double)j->max_macs) continue;
        SN_TRY(time_space(j));
        timed = true;
        if (!j->p.too_slow) return SN_OK;
    }
    char macs[32];
    if (timed) return SN_OK;
    return sn_error(SN_USAGE,
                    "--max-macs: the smallest of the proposed spaces has %s MMACs on average; --size makes the pictures smaller",
                    sn_millions((int64_t)ceil(j->p.mean_macs), macs));
}

// ---------------------------------------------------------------- results
static json_t *classes_json(const sn_survey *s) {
    json_t *list = json_array();
    for (int i = 0; i < s->classes; i++)
        json_array_append_new(list, json_pack("{s:s,s:I}", "name", s->name[i], "train", (json_int_t)s->each[i]));
    return list;
}

static json_t *spread_json(const sn_spread *s) {
    return json_pack("[i,i,i]", s->least, s->median, s->most);
}

static sn_status print_json(const job *j) {
    const proposal *p = &j->p;
    const sn_survey *s = p->s;
    init_warnings w;
    init_warn(p, &w);
    json_t *warnings = json_array();
    for (int i = 0; i < w.n; i++) json_array_append_new(warnings, json_string(w.text[i]));
    return cli_print_json(
        json_pack("{s:i,s:s,s:s,s:s,s:o,s:o,s:o,s:b,s:[I,I,I],s:[i,i,i],s:{s:I,s:I,s:I},s:f,s:f,s:i,s:i,s:I,s:f,s:o}", "schema",
                  1, "config", j->file, "source", p->source, "format", s->format, "classes", classes_json(s), "heights",
                  spread_json(&s->height), "widths", spread_json(&s->width), "grey", s->grey, "parts", (json_int_t)s->count[0],
                  (json_int_t)s->count[1], (json_int_t)s->count[2], "input", p->channels, p->height, p->width, "images", "train",
                  (json_int_t)p->train, "validation", (json_int_t)p->validation, "test",
                  (json_int_t)(s->count[2] ? (long)s->count[2] : p->test), "archs", p->archs, "mean_macs", p->mean_macs, "epochs",
                  p->epochs, "batch", p->batch, "memory_bytes", (json_int_t)j->forecast.bytes, "train_seconds",
                  j->forecast.train_seconds, "warnings", warnings));
}

static void print_result(const job *j) {
    const proposal *p = &j->p;
    const char *slash = strrchr(j->file, '/'), *name = slash ? slash + 1 : j->file, *dot = strrchr(name, '.');
    int n = (int)(dot && dot > name ? dot - name : (long)strlen(name));
    char time[32];
    cli_print("%s: %.0f architectures of %.2f MMACs on average, for pictures of %dx%d, %d channel%s\n", j->file, p->archs,
              p->mean_macs * 1e-6, p->height, p->width, p->channels, cli_plural(p->channels));
    cli_print("forecast: %d epochs of %lld steps at batch %d: %s, %.0f MiB\n", p->epochs,
              (long long)(j->forecast.steps / p->epochs), p->batch, cli_duration(j->forecast.train_seconds, time),
              (double)j->forecast.bytes / 0x1p20);
    cli_print("next:\n  supernet describe %s\n  supernet train %s\n  supernet rank runs/%.*s\n  supernet report runs/%.*s -o "
              "%.*s.html\n  supernet retrain runs/%.*s --arch best\n",
              j->file, j->file, n, name, n, name, n, name, n, name);
}

// To stdout go the lines for a person, or one JSON object, or the config itself.
static sn_status finish(const job *j) {
    char *text = init_config(&j->p);
    if (!text) return SN_RESOURCE;
    bool to_stdout = !strcmp(j->file, "-");
    sn_status s = to_stdout ? SN_OK : sn_text_write(j->file, text);
    if (to_stdout) fputs(text, stdout);
    free(text);
    if (s != SN_OK || to_stdout) return s;
    if (j->c->json) return print_json(j);
    print_result(j);
    return SN_OK;
}

static sn_status propose(job *j, const sn_survey *s) {
    init_warnings w;
    SN_TRY(init_choose(s, j->source, (int)j->size, j->hours, &j->p));
    if (!j->c->json && strcmp(j->file, "-")) init_print_survey(&j->p);

    init_warn(&j->p, &w);
    for (int i = 0; i < w.n; i++) cli_warn("%s", w.text[i]);
    SN_TRY(choose_space(j));
    if (j->p.too_slow) {
        init_warn(&j->p, &w);
        cli_warn("%s", w.text[w.n - 1]);
    }
    return finish(j);
}

static sn_status run(const cli *c) {
    job j = {.c = c};
    sn_survey *survey = NULL;
    cli_watch_signals();
    sn_status s = prepare(&j);
    if (s == SN_OK) s = sn_survey_make(c->operand[0], NULL, &cli_stop, &survey);
    if (s == SN_OK) s = propose(&j, survey);
    sn_survey_free(survey);
    free(j.file);
    free(j.source);
    return s;
}

const cli_command cmd_init = {
    .name = "init",
    .operands = "SOURCE",
    .summary = "look at data and write a config for it that trains as it is",
    .details = "SOURCE is a folder of pictures by class, with train, val and test above the classes or without; a tar of one; a "
               "folder of IDX files or CIFAR binary batches; an HDF5 file. Every picture is read once. The config gives the "
               "reason beside each value.",
    .least = 1,
    .most = 1,
    .options = options,
    .without = CLI_SET,
    .run = run,
};
