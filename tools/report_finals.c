// The section on finals: every RUN/finals/NAME, what its finalists reached when trained alone, who won and what that changed.
// Not here: who takes part and who goes on (supernet/rank/finals.h), what is printed by `finals` (finals_print.c).
#include "report.h"
#include "space/words.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// ---------------------------------------------------------------- what there is
static int visible(const struct dirent *e) {
    return e->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

// What cannot be read is told on the page and is no failure.
static sn_status read_one(const char *in, const char *name, report_contest *x) {
    struct stat st;
    char *path = sn_format("%s/%s/finals.json", in, name);
    if (!path || !(x->name = sn_strdup(name))) {
        free(path);
        return SN_RESOURCE;
    }
    sn_status s = SN_OK;
    if (lstat(path, &st) && errno == ENOENT) {
        snprintf(x->unknown, sizeof x->unknown, "no finalist has a score yet; `supernet finals` goes on");
    } else {
        s = sn_finals_read(path, &x->f);
        if (s == SN_OK && (s = sn_finals_check(&x->f)) != SN_OK) sn_error_prefix(s, "%s: damaged", path);
        if (s != SN_OK && s != SN_RESOURCE) snprintf(x->unknown, sizeof x->unknown, "%s", sn_error_text());
        if (s == SN_OK) sn_finals_order(&x->f, x->order);
    }
    free(path);
    return s == SN_RESOURCE ? s : SN_OK;
}

static sn_status read_all(const char *in, struct dirent **list, size_t n, report *r) {
    r->finals = sn_new(n, sizeof *r->finals);
    if (!r->finals) return SN_RESOURCE;
    for (; r->n_finals < n; r->n_finals++) SN_TRY(read_one(in, list[r->n_finals]->d_name, &r->finals[r->n_finals]));
    return SN_OK;
}

sn_status report_finals_read(report *r) {
    struct dirent **list = NULL;
    char *in = sn_folder_file(r->run->folder, "finals");
    if (!in) return SN_RESOURCE;
    int n = scandir(in, &list, visible, by_name);
    sn_status s = n >= 0            ? read_all(in, list, (size_t)n, r)
                  : errno == ENOENT ? SN_OK
                                    : sn_error(SN_FAIL, "%s: cannot list the finals: %s", in, strerror(errno));
    for (int i = 0; i < n; i++) free(list[i]);
    free(list);
    free(in);
    return s;
}

void report_finals_free(report *r) {
    for (size_t i = 0; i < r->n_finals; i++) {
        sn_finals_free(&r->finals[i].f);
        free(r->finals[i].name);
    }
    free(r->finals);
}

// ---------------------------------------------------------------- the figure
static double share(const sn_finals *f, const sn_finals_score *s) {
    return 100 * (double)s->right / (double)f->images;
}

// Lines of those finalists that are of a kind; false where none has a score.
enum { OTHERS, FIRST, WINNER };
static bool put_lines(report_figure *fig, const sn_finals *f, const char *name, int kind) {
    bool any = false;
    fprintf(fig->to, "$%s << EOD\n", name);
    for (int i = 0; i < f->n; i++) {
        const sn_finalist *a = &f->finalist[i];
        int scores = sn_finals_scored(a);
        if (!scores || kind != (i == f->winner ? WINNER : i ? OTHERS : FIRST)) continue;
        for (int j = 0; j < scores; j++) fprintf(fig->to, "%d %.7g\n", f->rung[j], share(f, &a->score[j]));
        fputc('\n', fig->to);
        any = true;
    }
    fputs("EOD\n", fig->to);
    return any;
}

// The epochs of the rungs stand where they are, twice as many at the same distance.
static void put_axes(report_figure *fig, const sn_finals *f) {
    double low = 100, high = 0;
    for (int i = 0; i < f->n; i++)
        for (int j = 0; j < sn_finals_scored(&f->finalist[i]); j++) {
            low = fmin(low, share(f, &f->finalist[i].score[j]));
            high = fmax(high, share(f, &f->finalist[i].score[j]));
        }
    double room = fmax(0.06 * (high - low), 0.5);
    low = fmax(0, low - room), high = fmin(100, high + room);
    report_axes(fig, 56, 14, 34, 52, "epochs of training alone", "validation accuracy, %");
    fprintf(fig->to, "set logscale x 2\nset xrange [%.7g:%.7g]\nset yrange [%.7g:%.7g]\nset xtics (", 0.85 * f->rung[0],
            f->rung[f->rungs - 1] / 0.85, low, high);
    for (int j = 0; j < f->rungs; j++) fprintf(fig->to, "%s%d", j ? "," : "", f->rung[j]);
    fputs(")\n", fig->to);
    report_tics(fig, 'y', low, high, 7);
}

static sn_status draw(report *r, const sn_finals *f) {
    static const struct {
        const char *name, *key;
        sn_colour colour;
        double width;
    } kinds[] = {[OTHERS] = {"others", "another finalist", SN_DOT, 1.2},
                 [FIRST] = {"first", "the ranking's first", SN_RAW, 1.8},
                 [WINNER] = {"winner", "the winner", SN_FITTED, 1.8}};
    report_figure fig;
    report_key key[4] = {{0}};
    int keys = 0;
    bool has[3];
    SN_TRY(report_figure_begin(&fig, REPORT_HEIGHT + 20));
    put_axes(&fig, f);
    for (int k = OTHERS; k <= WINNER; k++) has[k] = put_lines(&fig, f, kinds[k].name, k);
    for (int k = OTHERS; k <= WINNER; k++) {
        if (!has[k]) continue;
        fprintf(fig.to, "%s $%s with linespoints pt 7 ps 0.6 lw %.1f lc rgb '#0000%02x'", keys ? "," : "plot", kinds[k].name,
                kinds[k].width, kinds[k].colour);
        key[keys++] = (report_key){kinds[k].colour, k == WINNER && !f->winner ? "the winner, the ranking's first" : kinds[k].key};
    }
    fputc('\n', fig.to);
    return report_figure_end(r, &fig, key,
                             "Each line is a finalist, trained alone and scored on %lld validation images after each rung; after "
                             "a rung the better half goes on. The learning rate is that of the whole training at every rung: a "
                             "shorter training would end higher than these lines are there.",
                             (long long)f->images);
}

// ---------------------------------------------------------------- the table
static const char *what_of(const sn_finals *f, int i) {
    return i == f->winner ? i ? "winner" : "winner, ranked first" : i ? "" : "ranked first";
}

static void put_row(report *r, const sn_finals *f, int i) {
    const sn_finalist *a = &f->finalist[i];
    char scores[SN_MOST_RUNGS * 12] = "", fitted[32] = "-";
    if (isfinite(a->fitted_top1)) snprintf(fitted, sizeof fitted, "%.4f", a->fitted_top1);
    for (int j = 0; j < f->rungs; j++) {
        size_t n = strlen(scores);
        if (j < sn_finals_scored(a))
            snprintf(scores + n, sizeof scores - n, "\t%.4f", (double)a->score[j].right / (double)f->images);
        else
            snprintf(scores + n, sizeof scores - n, "\t%s", j < a->scores ? "diverged" : "-");
    }
    report_row(r->out, "%s\t%s\t%lld\t%.4f\t%s\t%.3f\t%lld%s", a->arch, what_of(f, i), (long long)a->place, a->top1, fitted,
               (double)a->macs * 1e-6, (long long)a->params, scores);
}

static void put_table(report *r, const report_contest *x) {
    enum { ROWS = 15 };
    const sn_finals *f = &x->f;
    char rungs[SN_MOST_RUNGS * 20] = "";
    for (int j = 0; j < f->rungs; j++)
        snprintf(rungs + strlen(rungs), sizeof rungs - strlen(rungs), "\t%d epoch%s", f->rung[j], cli_plural(f->rung[j]));
    report_table(r->out, "architecture\twhat\tplace\tshared\tfitted\tMMACs\tparams%s", rungs);
    for (int i = 0; i < f->n && i < ROWS; i++) put_row(r, f, x->order[i]);
    report_table_end(r->out);
    if (f->n > ROWS) report_say(r->out, "Of %d finalists the %d best are in the table.", f->n, ROWS);
}

// ---------------------------------------------------------------- in words
static void say_what(report *r, const sn_finals *f) {
    char within[160] = "";
    if (f->max_macs != INT64_MAX) snprintf(within, sizeof within, " of at most %lld multiplications", (long long)f->max_macs);
    if (f->max_params != INT64_MAX)
        snprintf(within + strlen(within), sizeof within - strlen(within), "%s of at most %lld parameters", *within ? " and" : "",
                 (long long)f->max_params);
    report_say(
        r->out,
        "%d architecture%s%s, the best of the ranking by %s with the weights of step %lld, %s trained alone, first weights: "
        "%s.%s",
        f->n, cli_plural(f->n), within, sn_best_by_words[f->by], (long long)f->step, f->n == 1 ? "was" : "were",
        sn_start_words[f->init],
        f->step == r->run->step ? "" : " The supernet has other weights now: the scores above are not those of then.");
}

static void say_outcome(report *r, const sn_finals *f) {
    int64_t all, done = sn_finals_epochs(f, &all);
    int rung, who, order[SN_MOST_FINALISTS];
    if (f->winner >= 0 && f->test.images)
        report_say(r->out, "The winner, %s, classifies %.2f %% of %lld test images right, which were used for this alone.",
                   f->finalist[f->winner].arch, 100 * f->test.top1, (long long)f->test.images);
    else if (f->winner >= 0)
        report_say(r->out, "The winner is %s; the data have no test images.", f->finalist[f->winner].arch);
    else if (sn_finals_next(f, &rung, &who))
        report_missing(r->out, "Not finished: %lld of %lld epochs are done; `supernet finals` goes on.", (long long)done,
                       (long long)all);
    else if (sn_finals_order(f, order))
        report_missing(r->out, "All are trained, the winner's test score is missing; `supernet finals` goes on.");
    else
        report_missing(r->out, "No finalist is left: the training of the last ones diverged.");
}

static sn_status put_one(report *r, const report_contest *x) {
    bool grew = false; // somebody has two scores: a line
    fputs("<h3>", r->out);
    report_text(r->out, "%s", x->name);
    fputs("</h3>\n", r->out);
    if (x->unknown[0]) {
        report_missing(r->out, "Nothing to show: %s.", x->unknown);
        return SN_OK;
    }
    for (int i = 0; i < x->f.n; i++) grew |= sn_finals_scored(&x->f.finalist[i]) > 1;
    say_what(r, &x->f);
    say_outcome(r, &x->f);
    if (grew) {
        report_figures(r->out);
        sn_status s = draw(r, &x->f);
        report_figures_end(r->out);
        SN_TRY(s);
    }
    put_table(r, x);
    return SN_OK;
}

sn_status report_finals(report *r) {
    if (!r->n_finals)
        report_missing(r->out,
                       "None were held: `supernet finals` trains the best of the ranking alone, the better half on and on.");
    for (size_t i = 0; i < r->n_finals; i++) SN_TRY(put_one(r, &r->finals[i]));
    return SN_OK;
}
