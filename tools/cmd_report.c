// supernet report RUN: what a run has to show, as one HTML page. Here: what is gathered and the page as a whole. Not here:
// sections (report.h).
#include "io/files/atomic.h"
#include "report.h"
#include "space/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const cli_option options[] = {
    {"output", 'o', "FILE", "the page, FILE.html"},
    {"against", 0, "FILE", "hold scores against true accuracies: CSV arch,accuracy, or JSON by arch with --key"},
    {"key", 0, "KEY", "which value of the JSON objects, or which column"},
    {0}};

enum { RESAMPLES = 200 };

// ---------------------------------------------------------------- what is gathered
typedef struct {
    sn_log_point *point;
    size_t n, capacity;
    bool failed;
} points;

// A line that lacks a number, or has one that no training writes, is passed over.
static bool sound(const sn_log_point *p) {
    const double most = 1e15;
    bool step = p->step > 0 && (double)p->step < most, share = p->accuracy >= 0 && p->accuracy <= 1;
    if (!isnan(p->validation)) return step && p->validation >= 0 && p->validation <= 1;
    return step && p->steps > 0 && share && p->loss >= 0 && p->loss < most && p->lr >= 0 && p->lr < most;
}

static void add_point(void *arg, const sn_log_point *p) {
    points *all = arg;
    if (all->failed || !sound(p)) return;
    all->failed = sn_grow(&all->point, &all->capacity, all->n + 1, sizeof *all->point) != SN_OK;
    if (!all->failed) all->point[all->n++] = *p;
}

static sn_status read_log(report *r) {
    points all = {0};
    char *path = sn_folder_file(r->run->folder, "log.jsonl");
    sn_status s = path ? sn_log_points(path, &all, add_point) : SN_RESOURCE;
    if (s == SN_OK && sn_space_options(r->run->space) == r->run->space->n_decisions)
        s = sn_log_test(path, r->run->step, NULL, &r->test, &r->tested);
    free(path);
    r->point = all.point;
    r->points = all.n;
    return s == SN_OK && all.failed ? SN_RESOURCE : s;
}

// What there is not yet is told on the page and is no failure.
static sn_status read_ranking(report *r) {
    sn_status s = sn_rank_stored(r->run, &r->ranking);
    if (s != SN_USAGE) return s;
    bool single = sn_space_options(r->run->space) == r->run->space->n_decisions;
    snprintf(r->unranked, sizeof r->unranked, "%s", single ? "of one architecture there is nothing to rank" : sn_error_text());
    return SN_OK;
}

static sn_status read_scores(report *r, const char *truth_path) {
    sn_ranking *k = &r->ranking;
    SN_TRY(read_ranking(r));
    r->against.half_tau = NAN;
    if (!k->n) return SN_OK;
    r->raw = sn_ranking_first(k, SN_BEST_BY_ACCURACY);
    r->fitted = sn_ranking_first(k, SN_BEST_BY_EFFECTS);
    if (r->fitted) SN_TRY(sn_findings_make(r->run, k, &r->found));
    return sn_against_measure(r->run, k, SN_BEST_BY_ACCURACY, r->truth, truth_path, RESAMPLES, &r->against);
}

static void report_free(report *r) {
    report_finals_free(r);
    sn_against_free(&r->against);
    sn_findings_free(&r->found);
    sn_ranking_free(&r->ranking);
    free(r->point);
}

// ---------------------------------------------------------------- the page
static const struct {
    const char *id, *title;
    sn_status (*put)(report *);
} sections[] = {
#define X(name, title) {#name, title, report_##name},
    REPORT_SECTIONS(X)
#undef X
};

static sn_status put_page(report *r) {
    char *title = sn_format("Supernet run %s", r->run->folder);
    if (!title) return SN_RESOURCE;
    report_begin(r->out, title);
    free(title);
    report_head(r);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        fprintf(r->out, "<section id=\"%s\">\n<h2>%s</h2>\n", sections[i].id, sections[i].title);
        SN_TRY(sections[i].put(r));
        fputs("</section>\n", r->out);
    }
    report_end(r->out);
    return SN_OK;
}

static sn_status save_page(report *r, const char *path) {
    char *text = NULL;
    size_t size = 0;
    r->out = open_memstream(&text, &size);
    if (!r->out) return sn_error(SN_RESOURCE, "%s: out of memory for the page", path);
    sn_status s = put_page(r);
    bool lost = ferror(r->out);
    lost |= fclose(r->out) != 0;
    if (s == SN_OK && lost) s = sn_error(SN_RESOURCE, "%s: out of memory for the page", path);
    if (s == SN_OK) s = sn_atomic_save(path, &(sn_piece){text, size}, 1);
    free(text);
    return s;
}

// ---------------------------------------------------------------- the command
static sn_status make(const cli *c, sn_run *run, sn_truth *truth) {
    const char *path = cli_get(c, "output"), *against = cli_get(c, "against");
    report r = {.run = run, .truth = truth};
    if (!run->folder) return sn_error(SN_USAGE, "`supernet report` needs a run folder; %s is a bare checkpoint", c->operand[0]);
    sn_status s = read_log(&r);
    if (s == SN_OK) s = read_scores(&r, against);
    if (s == SN_OK && truth && !r.ranking.n)
        s = sn_error(SN_USAGE, "--against: there are no scores to hold against %s: %s", against, r.unranked);
    if (s == SN_OK) s = report_finals_read(&r);
    if (s == SN_OK) s = save_page(&r, path);
    report_free(&r);
    if (s == SN_OK) cli_print("%s\n", path);
    return s;
}

static sn_status run(const cli *c) {
    const char *path = cli_get(c, "output"), *against = cli_get(c, "against");
    sn_run *r = NULL;
    sn_truth *truth = NULL;
    if (!path) return sn_error(SN_USAGE, "report needs -o FILE.html");
    SN_TRY(sn_file_replaceable(path));
    if (against) SN_TRY(sn_truth_read(against, cli_get(c, "key"), &cli_stop, &truth));
    sn_status s = cli_open_run(c, c->operand[0], &r);
    if (s == SN_OK) s = make(c, r, truth);
    sn_truth_free(truth);
    sn_run_free(r);
    return s;
}

static const cli_rule rules[] = {{"key", CLI_NEEDS, "against"}, {0}};

const cli_command cmd_report = {
    .name = "report",
    .operands = "RUN",
    .summary = "what a run has to show, as one HTML page",
    .details =
        "Training, scores, effects, finals and what may be concluded from them, with figures that gnuplot draws (Debian package "
        "gnuplot-nox). Nothing is trained or scored. The page needs no network and no script; the same run gives the same bytes.",
    .least = 1,
    .most = 1,
    .options = options,
    .without = CLI_JSON,
    .rules = rules,
    .run = run,
};
