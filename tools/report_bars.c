// Options as bars, decision by decision, names at the left and values at the right; heights are in pixels, so that names of any
// number of options keep their distance. Not here: what the bars show (report_effects.c, report_passes.c).
#include "report.h"

#include <math.h>
#include <string.h>

enum { NAME = 150, VALUE = 62, TOP = 8, BOTTOM = 52, LINE = 19, HEAD = 32, MOST = 100, LETTERS = 13 };

// Cut to what there is room for; names are plain letters.
static void put_name(report_figure *f, const char *name, size_t most, double x, double y, const char *look) {
    char text[64];
    if (strlen(name) > most)
        snprintf(text, sizeof text, "%.*s…", (int)most - 1, name);
    else
        snprintf(text, sizeof text, "%s", name);
    fputs("set label ", f->to);
    report_quote(f->to, text);
    fprintf(f->to, " at screen %.5f,first %.1f %s\n", x / f->width, y, look);
}

static size_t fitting(const report_bar *bar, size_t n, int *decisions) {
    size_t end = 0;
    *decisions = 0;
    while (end < n) {
        size_t next = end;
        while (next < n && bar[next].decision == bar[end].decision) next++;
        if (next > MOST && end) break;
        end = next;
        ++*decisions;
    }
    return end;
}

static void widen(double v, double range[2]) {
    if (isfinite(v)) range[0] = fmin(range[0], v), range[1] = fmax(range[1], v);
}

static void find_range(const report_bar *bar, size_t n, double range[2]) {
    range[0] = range[1] = 0;
    for (size_t i = 0; i < n; i++) {
        widen(bar[i].value, range);
        widen(bar[i].mark, range);
        for (int k = 0; k < 2; k++) widen(bar[i].thick[k], range), widen(bar[i].thin[k], range);
    }
    double room = range[1] > range[0] ? 0.04 * (range[1] - range[0]) : 1;
    if (range[0] < 0) range[0] -= room;
    range[1] += room;
}

static void put_interval(FILE *to, const double at[2], double y) {
    if (isfinite(at[0]) && isfinite(at[1])) fprintf(to, "%.7g %.1f\n%.7g %.1f\n\n", at[0], y, at[1], y);
}

// The middle of each bar, in pixels from the top.
static void put_data(report_figure *f, const report_bar *bar, const double *y, size_t n) {
    static const char *const blocks[] = {"more", "less", "low"};
    for (int k = 0; k < 3; k++) {
        fprintf(f->to, "$%s << EOD\n", blocks[k]);
        for (size_t i = 0; i < n; i++) {
            int kind = bar[i].low ? 2 : bar[i].value < 0;
            if (isfinite(bar[i].value) && kind == k)
                fprintf(f->to, "%.7g %.1f %.7g %.7g %.1f %.1f\n", bar[i].value, y[i], fmin(0, bar[i].value),
                        fmax(0, bar[i].value), y[i] - 6, y[i] + 6);
        }
        fputs("EOD\n", f->to);
    }
    fputs("$thick << EOD\n", f->to);
    for (size_t i = 0; i < n; i++) put_interval(f->to, bar[i].thick, y[i]);
    fputs("EOD\n$thin << EOD\n", f->to);
    for (size_t i = 0; i < n; i++) put_interval(f->to, bar[i].thin, y[i]);
    fputs("EOD\n$mark << EOD\n", f->to);
    for (size_t i = 0; i < n; i++)
        if (isfinite(bar[i].mark)) fprintf(f->to, "%.7g %.1f\n%.7g %.1f\n\n", bar[i].mark, y[i] - 8, bar[i].mark, y[i] + 8);
    fputs("EOD\n", f->to);
}

// gnuplot refuses a plot of data without a line: what is empty is not plotted.
static void put_plot(report_figure *f, const report_bar *bar, size_t n) {
    bool has[6] = {false};
    for (size_t i = 0; i < n; i++) {
        if (isfinite(bar[i].value)) has[bar[i].low ? 2 : bar[i].value < 0] = true;
        has[3] |= isfinite(bar[i].thin[0]) && isfinite(bar[i].thin[1]);
        has[4] |= isfinite(bar[i].thick[0]) && isfinite(bar[i].thick[1]);
        has[5] |= isfinite(bar[i].mark);
    }
    static const struct {
        const char *data, *look;
        double width;
        sn_colour colour;
    } part[] = {{"more", "with boxxyerror fs solid noborder", 1, SN_MORE},
                {"less", "with boxxyerror fs solid noborder", 1, SN_LESS},
                {"low", "with boxxyerror fs solid noborder", 1, SN_LOW},
                {"thin", "with lines", 1, SN_AXIS},
                {"thick", "with lines", 3.5, SN_INK},
                {"mark", "with lines", 2, SN_INK}};
    fputs("plot NaN", f->to);
    for (size_t k = 0; k < sizeof part / sizeof *part; k++)
        if (has[k])
            fprintf(f->to, ", $%s %s lw %.1f lc rgb '#0000%02x'", part[k].data, part[k].look, part[k].width, part[k].colour);
    fputc('\n', f->to);
}

static void put_names(report_figure *f, const sn_space *s, const report_bar *bar, const double *y, size_t n) {
    char look[64];
    for (size_t i = 0; i < n; i++) {
        snprintf(look, sizeof look, "left tc rgb '#0000%02x'", SN_INK);
        if (!i || bar[i].decision != bar[i - 1].decision) {
            snprintf(look, sizeof look, "left tc rgb '#0000%02x'", SN_AXIS);
            put_name(f, s->decisions[bar[i].decision].name, 40, 8, y[i] - 20, look);
            snprintf(look, sizeof look, "left tc rgb '#0000%02x'", SN_INK);
        }
        put_name(f, bar[i].option, LETTERS, 16, y[i], look);
        snprintf(look, sizeof look, "right tc rgb '#0000%02x'", bar[i].low ? SN_LOW : SN_INK);
        put_name(f, bar[i].text, 23, f->width - 8, y[i], look);
    }
}

sn_status report_bars(report_figure *f, const sn_space *s, const report_bar *bar, size_t all, const char *along, int *shown) {
    double y[MOST > SN_MAX_OPTIONS + 1 ? MOST : SN_MAX_OPTIONS + 1], range[2];
    size_t n = fitting(bar, all, shown);
    double at = 0;
    for (size_t i = 0; i < n; i++) {
        if (!i || bar[i].decision != bar[i - 1].decision) at += HEAD;
        y[i] = at + LINE / 2.0;
        at += LINE;
    }
    SN_TRY(report_figure_begin(f, (int)at + TOP + BOTTOM));
    report_axes(f, NAME, VALUE + 8, TOP, BOTTOM, along, "");
    find_range(bar, n, range);
    fprintf(f->to, "unset ytics\nset border 1\nset grid noytics\nset yrange [%.1f:0]\nset xrange [%.7g:%.7g]\n", at, range[0],
            range[1]);
    report_tics(f, 'x', range[0], range[1], 5);
    fprintf(f->to, "set arrow from 0,graph 0 to 0,graph 1 nohead lc rgb '#0000%02x'\n", SN_AXIS);
    put_names(f, s, bar, y, n);
    put_data(f, bar, y, n);
    put_plot(f, bar, n);
    return SN_OK;
}
