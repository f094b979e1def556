// The section on training: loss against that of guessing, learning rate, accuracy. From log.jsonl.
// Not here: what it means (report_conclusions.c).
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 500 }; // points of a line

// Lines of the log, neighbours put together where they are many. Times are in epochs.
typedef struct {
    size_t n, validations;
    double *at, *loss, *accuracy, *lr; // (n)
    double *valid_at, *valid;          // (validations)
    double highest, fastest;           // loss, learning rate
} curve;

static void curve_free(curve *c) {
    free(c->at);
    free(c->loss);
    free(c->accuracy);
    free(c->lr);
    free(c->valid_at);
    free(c->valid);
}

static bool curve_room(curve *c, size_t points) {
    c->at = sn_new(points, sizeof *c->at);
    c->loss = sn_new(points, sizeof *c->loss);
    c->accuracy = sn_new(points, sizeof *c->accuracy);
    c->lr = sn_new(points, sizeof *c->lr);
    c->valid_at = sn_new(points, sizeof *c->valid_at);
    c->valid = sn_new(points, sizeof *c->valid);
    return c->at && c->loss && c->accuracy && c->lr && c->valid_at && c->valid;
}

// The mean over `each` neighbours, each step weighing the same.
static void add(curve *c, const sn_log_point *p, double steps, bool first) {
    if (first) c->n++;
    size_t i = c->n - 1;
    double weight = (double)p->steps / steps;
    c->loss[i] += weight * p->loss;
    c->accuracy[i] += weight * 100 * p->accuracy;
    c->lr[i] += weight * p->lr;
}

static sn_status read_curve(const report *r, curve *c) {
    double epoch = (double)sn_run_steps(r->run) / r->run->config->train.epochs;
    size_t lines = 0;
    if (!curve_room(c, r->points)) return SN_RESOURCE;
    for (size_t i = 0; i < r->points; i++) lines += isnan(r->point[i].validation) ? 1 : 0;
    size_t each = (lines + MOST - 1) / MOST;
    for (size_t i = 0; i < r->points;) {
        const sn_log_point *p = &r->point[i];
        double steps = 0;
        if (!isnan(p->validation)) {
            c->valid_at[c->validations] = (double)p->step / epoch;
            c->valid[c->validations++] = 100 * p->validation;
            i++;
            continue;
        }
        size_t end = i, taken = 0;
        for (; end < r->points && taken < each && isnan(r->point[end].validation); end++, taken++)
            steps += (double)r->point[end].steps;
        for (size_t k = i; k < end; k++) add(c, &r->point[k], steps, k == i);
        c->at[c->n - 1] = (double)r->point[end - 1].step / epoch;
        c->highest = fmax(c->highest, c->loss[c->n - 1]);
        c->fastest = fmax(c->fastest, c->lr[c->n - 1]);
        i = end;
    }
    return SN_OK;
}

static sn_status loss_figure(report *r, const curve *c) {
    report_figure f;
    double guess = log(r->run->space->classes), last = c->at[c->n - 1], top = fmin(fmax(c->highest, guess) * 1.08, 3 * guess);
    int classes = r->run->space->classes;
    SN_TRY(report_figure_begin(&f, REPORT_HEIGHT + 30));
    report_points(&f, "loss", c->at, c->loss, c->n);
    report_points(&f, "rate", c->at, c->lr, c->n);
    fprintf(f.to, "set multiplot\nset xrange [0:%.7g]\nset yrange [0:%.7g]\n", last, top);
    report_tics(&f, 'x', 0, last, 8);
    report_tics(&f, 'y', 0, top, 6);
    report_axes(&f, 56, 12, 34, 156, "", "loss");
    fprintf(
        f.to,
        "set format x ''\nset arrow 1 from graph 0,first %.7g to graph 1,first %.7g nohead lw 1.5 dt (6,4) lc rgb '#0000%02x'\n",
        guess, guess, SN_RAW);
    fprintf(f.to, "set label 3 'guessing, ln %d = %.2f' at graph 0.99,first %.7g offset 0,-0.7 right tc rgb '#0000%02x'\n",
            classes, guess, guess, SN_RAW);
    fprintf(f.to, "plot $loss with lines lw 1.6 lc rgb '#0000%02x'\nunset arrow 1\nunset label 3\n", SN_LINE);
    report_axes(&f, 56, 12, 242, 52, "epochs", "learning rate");
    fprintf(f.to, "set format x '%%g'\nset yrange [0:%.7g]\n", c->fastest > 0 ? 1.1 * c->fastest : 1);
    report_tics(&f, 'y', 0, 1.1 * c->fastest, 3);
    fprintf(f.to, "plot $rate with lines lw 1.6 lc rgb '#0000%02x'\n", SN_SECOND);
    return report_figure_end(
        r, &f, NULL,
        "Above: the training loss (cross-entropy) of the paths that were trained%s, lower is better; the dashed "
        "line is what guessing among %d classes gives. Below: the learning rate.%s",
        c->n < r->points - c->validations ? ", means of neighbouring log lines" : "", classes,
        c->highest > top ? " The axis ends at three times the loss of guessing; what was higher is cut." : "");
}

static sn_status accuracy_figure(report *r, const curve *c) {
    report_figure f;
    double last = c->at[c->n - 1];
    const report_key key[] = {
        {SN_LINE, "images of training"}, {c->validations ? SN_RAW : SN_LINE, c->validations ? "validation images" : NULL}, {0}};
    SN_TRY(report_figure_begin(&f, REPORT_HEIGHT));
    report_points(&f, "train", c->at, c->accuracy, c->n);
    if (c->validations) report_points(&f, "valid", c->valid_at, c->valid, c->validations);
    report_axes(&f, 56, 12, 34, 52, "epochs", "accuracy, %");
    fprintf(f.to, "set xrange [0:%.7g]\nset yrange [0:100]\n", last);
    report_tics(&f, 'x', 0, last, 8);
    report_tics(&f, 'y', 0, 100, 6);
    fprintf(f.to, "plot $train with lines lw 1.6 lc rgb '#0000%02x'", SN_LINE);
    if (c->validations) fprintf(f.to, ", $valid with linespoints pt 7 ps 0.6 lw 1.6 lc rgb '#0000%02x'", SN_RAW);
    fputc('\n', f.to);
    return report_figure_end(r, &f, key, "Share of images classified right: in training, by the paths of each step%s.",
                             c->validations ? "; on images held out, the mean of a few architectures fixed beforehand" : "");
}

sn_status report_training(report *r) {
    curve c = {0};
    sn_status s = read_curve(r, &c);
    if (s == SN_OK && !c.n) {
        report_missing(r->out, "The log holds no line of training; `supernet train` writes one every 20 steps.");
    } else if (s == SN_OK) {
        report_figures(r->out);
        s = loss_figure(r, &c);
        if (s == SN_OK) s = accuracy_figure(r, &c);
        report_figures_end(r->out);
    }
    curve_free(&c);
    return s;
}
