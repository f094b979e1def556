// The section on two halves of the images: would other images rank the architectures alike?
// Not here: the halves (supernet/rank/rescore.h).
#include "report.h"

#include <math.h>
#include <stdlib.h>

static sn_status draw(report *r, const double *first, const double *second, size_t n) {
    report_figure f;
    char agree[160] = "", cut[96] = "";
    size_t below[2];
    double low = fmin(report_low(first, n, &below[0]), report_low(second, n, &below[1]));
    SN_TRY(report_figure_begin(&f, REPORT_HEIGHT + 40));
    report_axes(&f, 56, 14, 34, 52, "accuracy on one half, %", "accuracy on the other half, %");
    report_points(&f, "dots", first, second, n);
    fprintf(f.to, "set offsets graph 0.03,graph 0.03,graph 0.03,graph 0.03\n");
    if (below[0] && below[1]) fprintf(f.to, "set xrange [%.7g:*]\nset yrange [%.7g:*]\n", low, low);
    if (below[0] && below[1]) snprintf(cut, sizeof cut, " Some of the lowest are beyond the axes.");
    fprintf(f.to, "plot x with lines lw 1 lc rgb '#0000%02x', $dots with points pt 7 ps %.2f lc rgb '#0000%02x'\n", SN_AXIS,
            report_dot(n), SN_DOT);
    if (!isnan(r->against.half_tau))
        snprintf(agree, sizeof agree,
                 " The rankings on the two halves agree with Kendall's tau %.3f (1: the same order, 0: none in common).",
                 r->against.half_tau);
    return report_figure_end(
        r, &f, NULL,
        "Each dot is an architecture, scored twice: on one random half of the images (%llu) and on the other.%s "
        "On the line both accuracies are equal; a common distance from it only says that one half is easier.%s",
        (unsigned long long)r->ranking.images / 2, agree, cut);
}

sn_status report_halves(report *r) {
    size_t n = (size_t)r->ranking.n, drawn = 0;
    if (!r->against.half) {
        report_missing(r->out, "%s%s.",
                       r->ranking.n ? "Two architectures and two images at least are needed" : "No scores: ", r->unranked);
        return SN_OK;
    }
    double points = 100 / (double)(r->ranking.images / 2); // of an image
    double *x = sn_new(n, sizeof *x), *y = sn_new(n, sizeof *y);
    sn_status s = x && y ? SN_OK : SN_RESOURCE;
    for (size_t i = 0; s == SN_OK && i < n; i += report_stride(n), drawn++)
        x[drawn] = points * r->against.half[i], y[drawn] = points * r->against.half[n + i];
    report_figures(r->out);
    if (s == SN_OK) s = draw(r, x, y, drawn);
    report_figures_end(r->out);
    free(x);
    free(y);
    return s;
}
