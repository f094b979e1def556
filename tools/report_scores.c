// The section on scores: every scored architecture by its multiplications and accuracy, the Pareto line, the picks.
// Not here: whether the picks can be told from others (report_conclusions.c).
#include "report.h"
#include "supernet/rank/rankstats.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    size_t n, front;
    double *mmacs, *top1; // (n) best first; per cent
    size_t *index;        // (front) of the Pareto list, by rising cost
    double *line[2];      // (front) the same as coordinates
    size_t drawn;         // of the points
    double *dot[2];       // (drawn)
} scatter;

static void scatter_free(scatter *x) {
    free(x->mmacs);
    free(x->top1);
    free(x->index);
    for (int k = 0; k < 2; k++) free(x->line[k]), free(x->dot[k]);
}

static sn_status scatter_make(const sn_ranking *k, scatter *x) {
    x->n = (size_t)k->n;
    x->mmacs = sn_new(x->n, sizeof *x->mmacs);
    x->top1 = sn_new(x->n, sizeof *x->top1);
    x->index = sn_new(x->n, sizeof *x->index);
    for (int i = 0; i < 2; i++) x->line[i] = sn_new(x->n, sizeof **x->line), x->dot[i] = sn_new(x->n, sizeof **x->dot);
    if (!x->mmacs || !x->top1 || !x->index || !x->line[0] || !x->line[1] || !x->dot[0] || !x->dot[1]) return SN_RESOURCE;
    for (size_t i = 0; i < x->n; i++) x->mmacs[i] = (double)k->item[i].cost.macs * 1e-6, x->top1[i] = 100 * k->item[i].top1;
    SN_TRY(sn_rank_pareto(x->top1, x->mmacs, x->n, x->index, &x->front));
    for (size_t i = 0; i < x->front; i++) x->line[0][i] = x->mmacs[x->index[i]], x->line[1][i] = x->top1[x->index[i]];
    for (size_t i = 0; i < x->n; i += report_stride(x->n), x->drawn++)
        x->dot[0][x->drawn] = x->mmacs[i], x->dot[1][x->drawn] = x->top1[i];
    return SN_OK;
}

// A large dot with a rim that sets it off.
static void put_pick(report_figure *f, const char *name, const sn_ranked *x) {
    if (x) fprintf(f->to, "$%s << EOD\n%.7g %.7g\nEOD\n", name, (double)x->cost.macs * 1e-6, 100 * x->top1);
}

static void plot_pick(report_figure *f, const char *name, const sn_ranked *x, sn_colour colour, double size) {
    if (!x) return;
    fprintf(f->to, ", $%s with points pt 7 ps %.2f lc rgb '#0000%02x', $%s with points pt 7 ps %.2f lc rgb '#0000%02x'", name,
            size + 0.3, SN_PAPER, name, size, colour);
}

void report_interval(const report *r, const sn_ranked *x, double range[2]) {
    const double z = 1.96, n = (double)r->ranking.images, p = x->top1;
    double middle = p + z * z / (2 * n), half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)), all = 1 + z * z / n;
    range[0] = 100 * (middle - half) / all;
    range[1] = 100 * (middle + half) / all;
}

// fitted: NULL where it is the raw one, or there is none.
static void plot(report *r, report_figure *f, const scatter *x, const sn_ranked *fitted) {
    double range[2], at = (double)r->raw->cost.macs * 1e-6, dot = report_dot(x->drawn);
    report_points(f, "dots", x->dot[0], x->dot[1], x->drawn);
    report_points(f, "front", x->line[0], x->line[1], x->front);
    put_pick(f, "raw", r->raw);
    put_pick(f, "fitted", fitted);
    report_interval(r, r->raw, range);
    fprintf(f->to, "$range << EOD\n%.7g %.7g\n%.7g %.7g\nEOD\n", at, range[0], at, range[1]);
    fprintf(f->to, "plot $dots with points pt 7 ps %.2f lc rgb '#0000%02x', $front with steps lw 1.8 lc rgb '#0000%02x'", dot,
            SN_DOT, SN_INK);
    fprintf(f->to, ", $front with points pt 7 ps %.2f lc rgb '#0000%02x'", dot + 0.1, SN_INK);
    fprintf(f->to, ", $range with lines lw 2 lc rgb '#0000%02x'", SN_RAW);
    plot_pick(f, "fitted", fitted, SN_FITTED, 0.75);
    plot_pick(f, "raw", r->raw, SN_RAW, 0.75);
    fputc('\n', f->to);
}

static sn_status draw(report *r, const scatter *x) {
    report_figure f;
    const sn_ranked *fitted = r->fitted == r->raw ? NULL : r->fitted;
    char thinned[96] = "", cut[96] = "";
    size_t below;
    double low = report_low(x->top1, x->n, &below);
    SN_TRY(report_figure_begin(&f, REPORT_HEIGHT + 40));
    report_axes(&f, 56, 14, 34, 52, "million multiplications (MACs)", "accuracy, %");
    fprintf(f.to, "set offsets graph 0.03,graph 0.03,graph 0.03,graph 0.03\n");
    if (below) fprintf(f.to, "set yrange [%.7g:*]\n", low);
    if (below) snprintf(cut, sizeof cut, " %zu lie below the axis.", below);
    plot(r, &f, x, fitted);
    if (x->drawn < x->n) snprintf(thinned, sizeof thinned, " Of %zu, every %zuth is drawn.", x->n, report_stride(x->n));
    const report_key key[] = {{SN_DOT, "an architecture"},
                              {SN_INK, "Pareto line"},
                              {SN_RAW, "best by accuracy"},
                              {SN_FITTED, fitted ? "best by effects" : NULL},
                              {0}};
    return report_figure_end(
        r, &f, key,
        "Accuracy with the shared weights on %llu validation images against multiplications per image. On the Pareto "
        "line nothing is both cheaper and better. The bar at the best is its 95 %% interval over images%s.%s%s",
        (unsigned long long)r->ranking.images, r->fitted && !fitted ? "; it is the best by effects too" : "", thinned, cut);
}

static void put_item(report *r, const sn_ranked *x, const char *what) {
    char arch[SN_ARCH_TEXT], fitted[32] = "-", loss[32] = "-";
    if (isfinite(x->fitted_top1)) snprintf(fitted, sizeof fitted, "%.4f", x->fitted_top1);
    if (isfinite(x->loss)) snprintf(loss, sizeof loss, "%.4f", x->loss);
    report_row(r->out, "%s\t%s\t%.4f\t%s\t%s\t%.3f\t%lld", sn_arch_text(r->run->space, &x->arch, arch), what, x->top1, fitted,
               loss, (double)x->cost.macs * 1e-6, (long long)x->cost.params);
}

static const char *place_of(const report *r, const sn_ranked *x) {
    return x == r->raw && x == r->fitted ? "best by accuracy and by effects"
           : x == r->raw                 ? "best by accuracy"
           : x == r->fitted              ? "best by effects"
                                         : "Pareto";
}

// The picks, then the Pareto list from the best down.
static void put_table(report *r, const scatter *x) {
    enum { ROWS = 15 };
    report_table(r->out, "architecture\twhat\ttop-1\tfitted\tloss\tMMACs\tparams");
    put_item(r, r->raw, place_of(r, r->raw));
    if (r->fitted && r->fitted != r->raw) put_item(r, r->fitted, place_of(r, r->fitted));
    for (size_t i = x->front, rows = 0; i-- && rows < ROWS;) {
        const sn_ranked *one = &r->ranking.item[x->index[i]];
        if (one == r->raw || one == r->fitted) continue;
        put_item(r, one, place_of(r, one));
        rows++;
    }
    report_table_end(r->out);
    if (x->front > ROWS)
        report_say(r->out, "The Pareto list has %zu architectures, of which the %d best are shown; `supernet rank` prints all.",
                   x->front, ROWS);
}

sn_status report_scores(report *r) {
    scatter x = {0};
    if (!r->ranking.n) {
        report_missing(r->out, "No scores: %s.", r->unranked);
        return SN_OK;
    }
    sn_status s = scatter_make(&r->ranking, &x);
    if (s == SN_OK) {
        report_figures(r->out);
        s = draw(r, &x);
        report_figures_end(r->out);
    }
    if (s == SN_OK) put_table(r, &x);
    scatter_free(&x);
    return s;
}
