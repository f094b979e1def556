// The page of a run, `supernet report`: what its sections are made from, and what they are made with. A section is one function,
// report_NAME, in report_NAME.c, and one line of REPORT_SECTIONS.
// Not here: figures of statistics (supernet/rank/). Next: cmd_report.c, then report_scores.c, a section.
#ifndef REPORT_H
#define REPORT_H

#include "against.h"
#include "gnuplot.h"
#include "supernet/rank/finals.h"
#include "supernet/rank/findings.h"

#define REPORT_SECTIONS(X)                                                                                                       \
    X(training, "Training")                                                                                                      \
    X(passes, "How often each option was trained")                                                                               \
    X(scores, "Scores and costs")                                                                                                \
    X(halves, "Would other images give the same ranking?")                                                                       \
    X(effects, "What each option adds")                                                                                          \
    X(truth, "Scores against known accuracies")                                                                                  \
    X(finals, "Finals: the best of the ranking trained alone")                                                                   \
    X(conclusions, "What may be concluded")

enum { REPORT_REASON = 640 };

// RUN/finals/NAME.
typedef struct {
    char *name;
    char unknown[REPORT_REASON]; // why nothing of it can be shown, else ""
    sn_finals f;
    int order[SN_MOST_FINALISTS]; // best first
} report_contest;

typedef struct {
    FILE *out;   // the page
    int figures; // on it so far
    const sn_run *run;
    sn_log_point *point; // (points) of the log
    size_t points;
    bool tested; // the log has a test of the only architecture
    sn_log_score test;
    sn_ranking ranking;            // best first; n = 0: none, and why not
    char unranked[REPORT_REASON];  //
    const sn_ranked *raw, *fitted; // the best by accuracy, by effects (NULL: no effects)
    sn_findings found;             // fitted NULL: none; ranking.fitted.unfitted says why
    sn_truth *truth;               // NULL: none was given
    sn_against against;            // without truth: the agreement of halves alone
    report_contest *finals;        // (n_finals) in the order of their names
    size_t n_finals;
} report;

#define X(name, title) sn_status report_##name(report *);
REPORT_SECTIONS(X)
#undef X
// Fills finals.
sn_status report_finals_read(report *);
void report_finals_free(report *);
// Options that had fewer than half of the equal share of passes of their decision; the first of them.
int report_neglected(const report *, int *decision, int *option);
// 95 % interval of an accuracy over images, in per cent (E. Wilson, JASA 22, 1927).
void report_interval(const report *, const sn_ranked *, double range[2]);
void report_head(report *); // what the run is, before the sections

// ---------------------------------------------------------------- words of the page (report_page.c)
void report_begin(FILE *, const char *title);
void report_end(FILE *);
// printf, made fit for HTML: every text that is not ours goes through this one.
void report_text(FILE *, const char *format, ...) __attribute__((format(printf, 2, 3)));
// A paragraph of it; of class "missing": what is not here, and what would make it.
void report_say(FILE *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void report_missing(FILE *, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Tables scroll in a box of their own. A row's cells are divided by tabs; the head comes first.
void report_table(FILE *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void report_row(FILE *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void report_table_end(FILE *);

// ---------------------------------------------------------------- figures (report_figure.c)
typedef struct {
    FILE *to; // gnuplot commands
    char *script;
    size_t size;
    int width, height;
} report_figure;

enum { REPORT_WIDTH = 480, REPORT_HEIGHT = 330 };

// Opens the script with the common look; report_figure_end runs it and puts the figure with its key and caption on the page.
sn_status report_figure_begin(report_figure *, int height);
// The margins of the next plot in pixels from the sides of the figure, and what its axes show: `up` stands above its axis.
void report_axes(report_figure *, int left, int right, int top, int bottom, const char *along, const char *up);
// Numbers along an axis, 'x' or 'y', with room between them.
void report_tics(report_figure *, char axis, double from, double to, int most);
// A text as gnuplot takes it.
void report_quote(FILE *, const char *);
// Inline data of two columns, $NAME; pairs with a number that is not finite are left out.
void report_points(report_figure *, const char *name, const double *x, const double *y, size_t n);

typedef struct {
    sn_colour colour;
    const char *text; // NULL ends the key
} report_key;
// caption: a sentence or two, as text. Also what is read aloud for the figure.
sn_status report_figure_end(report *, report_figure *, const report_key *, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
// Figures side by side where there is room.
void report_figures(FILE *);
void report_figures_end(FILE *);

// Where an axis begins so that a few low ones do not press the others together, and how many are below: where the upper nine
// tenths have less than half of it, it is cut there. NAN: memory ran out.
double report_low(const double *x, size_t n, size_t *below);
// Every n-th of many points is drawn; 1 where all are.
size_t report_stride(size_t n);
double report_dot(size_t n); // the size of a dot among so many

// ---------------------------------------------------------------- bars of options (report_bars.c)
typedef struct {
    int decision;
    const char *option;
    double value, thick[2], thin[2]; // thin and thick: intervals, NAN: none
    double mark;                     // NAN: none
    bool low;                        // stands out
    char text[24];                   // the value, at the right
} report_bar;
// Of whole decisions, as many as fit; *shown of them. Bars of a decision stand together, in order.
sn_status report_bars(report_figure *, const sn_space *, const report_bar *, size_t n, const char *along, int *shown);

#endif
