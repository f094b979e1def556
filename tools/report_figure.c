// Figures of a page: a script for gnuplot with one look, its SVG, key and caption. Not here: what is drawn, the process
// (gnuplot.h).
#include "report.h"
#include "supernet/rank/rankstats.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_POINTS = 8000 };

sn_status report_figure_begin(report_figure *f, int height) {
    *f = (report_figure){.width = REPORT_WIDTH, .height = height};
    f->to = open_memstream(&f->script, &f->size);
    if (!f->to) return sn_error(SN_RESOURCE, "out of memory for a figure");
    fprintf(f->to,
            "set encoding utf8\nset term svg size %d,%d font 'sans,14' noenhanced\nunset key\n"
            "set border 3 lc rgb '#0000%02x'\nset tics nomirror out scale 0.4 tc rgb '#0000%02x'\n"
            "set grid lt 1 lw 0.7 lc rgb '#0000%02x'\nset samples 2\n",
            f->width, height, SN_AXIS, SN_AXIS, SN_GRID);
    return SN_OK;
}

void report_axes(report_figure *f, int left, int right, int top, int bottom, const char *along, const char *up) {
    double w = f->width, h = f->height;
    fprintf(f->to,
            "set lmargin at screen %.5f\nset rmargin at screen %.5f\nset tmargin at screen %.5f\nset bmargin at screen %.5f\n",
            left / w, 1 - right / w, 1 - top / h, bottom / h);
    fprintf(f->to, "set label 1 ");
    report_quote(f->to, up);
    fprintf(f->to, " at screen %.5f,%.5f left tc rgb '#0000%02x'\n", 6 / w, 1 - (top - 16) / h, SN_INK);
    fprintf(f->to, "set label 2 ");
    report_quote(f->to, along);
    fprintf(f->to, " at screen %.5f,%.5f right tc rgb '#0000%02x'\n", 1 - right / w, (bottom - 43) / h, SN_INK);
}

// 1, 2 or 5 times a power of ten, so that at most so many fit.
void report_tics(report_figure *f, char axis, double from, double to, int most) {
    double step = (to - from) / most, power = pow(10, floor(log10(step)));
    if (!(step > 0) || !isfinite(step)) return;
    double digit = step / power;
    fprintf(f->to, "set %ctics %.7g\n", axis, power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10));
}

// Nothing is special between single quotes but those.
void report_quote(FILE *to, const char *text) {
    fputc('\'', to);
    for (; *text; text++) {
        if (*text == '\'') fputc('\'', to);
        fputc((unsigned char)*text < ' ' ? '?' : *text, to);
    }
    fputc('\'', to);
}

void report_points(report_figure *f, const char *name, const double *x, const double *y, size_t n) {
    fprintf(f->to, "$%s << EOD\n", name);
    for (size_t i = 0; i < n; i++)
        if (isfinite(x[i]) && isfinite(y[i])) fprintf(f->to, "%.7g %.7g\n", x[i], y[i]);
    fputs("EOD\n", f->to);
}

static void put_key(FILE *out, const report_key *key) {
    if (!key || !key->text) return;
    fputs("<ul class=\"key\">", out);
    for (; key->text; key++) {
        fprintf(out, "<li><i class=\"k%d\"></i>", key->colour);
        report_text(out, "%s", key->text);
        fputs("</li>", out);
    }
    fputs("</ul>\n", out);
}

static sn_status put_figure(FILE *out, const report_figure *f, int number, const report_key *key, const char *svg,
                            const char *caption) {
    fputs("<figure>\n", out);
    put_key(out, key);
    fprintf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"figure%d\">\n", f->width, f->height, number);
    sn_status s = sn_gnuplot_svg(svg, out);
    fprintf(out, "</svg>\n<figcaption id=\"figure%d\">", number);
    report_text(out, "%s", caption);
    fputs("</figcaption>\n</figure>\n", out);
    return s;
}

sn_status report_figure_end(report *r, report_figure *f, const report_key *key, const char *format, ...) {
    char *caption = NULL, *svg = NULL;
    va_list args;
    va_start(args, format);
    bool formed = vasprintf(&caption, format, args) >= 0;
    va_end(args);
    bool whole = !fclose(f->to) && formed;
    sn_status s = whole ? SN_OK : sn_error(SN_RESOURCE, "out of memory for a figure");
    if (s == SN_OK) s = sn_gnuplot_run(f->script, f->size, &svg);
    if (s == SN_OK) s = put_figure(r->out, f, ++r->figures, key, svg, caption);
    if (formed) free(caption);
    free(svg);
    free(f->script);
    return s;
}

void report_figures(FILE *out) {
    fputs("<div class=\"figures\">\n", out);
}

void report_figures_end(FILE *out) {
    fputs("</div>\n", out);
}

double report_low(const double *x, size_t n, size_t *below) {
    *below = 0;
    double *sorted = sn_new(n, sizeof *sorted);
    if (!n || !sorted) {
        free(sorted);
        return NAN;
    }
    memcpy(sorted, x, n * sizeof *x);
    sn_sort_numbers(sorted, n);
    double tenth = sn_quantile(sorted, n, 0.1), most = sorted[n - 1], low = tenth - (most - tenth);
    while (*below < n && sorted[*below] < low) ++*below;
    if (!*below) low = sorted[0];
    free(sorted);
    return low;
}

size_t report_stride(size_t n) {
    return (n + MOST_POINTS - 1) / MOST_POINTS + (n == 0);
}

double report_dot(size_t n) {
    return n < 100 ? 0.5 : n < 1000 ? 0.35 : 0.22;
}
