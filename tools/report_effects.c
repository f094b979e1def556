// The section on effects: bars with two intervals, decision by decision, and the figures as a table.
// Not here: how bars are drawn (report_bars.c), the figures (supernet/rank/findings.h).
#include "report.h"

#include <math.h>
#include <stdlib.h>

static const char *number(double v, int digits, char text[32]) {
    snprintf(text, 32, isfinite(v) ? "%+.*f" : "-", digits, v);
    return text;
}

static void put_table(report *r) {
    char text[8][32];
    const sn_findings *f = &r->found;
    report_table(r->out, "option\tpoints\tMMACs\tper MMAC\tover images\tover architectures\tarchs");
    for (int e = 0; e < f->fitted->accuracy.n; e++) {
        sn_option_finding x = sn_findings_option(f, e);
        report_row(r->out, "%s %s\t%s\t%s\t%s\t%s to %s\t%s to %s\t%ld", x.decision, x.option, number(x.points, 2, text[0]),
                   number(x.mmacs, 3, text[1]), number(x.per_mmac, 2, text[2]), number(x.images[0], 2, text[3]),
                   number(x.images[1], 2, text[4]), number(x.over[0], 2, text[5]), number(x.over[1], 2, text[6]), x.archs);
    }
    report_table_end(r->out);
}

static void collect(const sn_findings *f, report_bar *bar) {
    for (int e = 0; e < f->fitted->accuracy.n; e++) {
        sn_option_finding x = sn_findings_option(f, e);
        bar[e] = (report_bar){.decision = f->fitted->accuracy.effect[e].decision,
                              .option = x.option,
                              .value = x.points,
                              .thick = {x.images[0], x.images[1]},
                              .thin = {x.over[0], x.over[1]},
                              .mark = NAN};
        char text[32];
        snprintf(bar[e].text, sizeof bar[e].text, "%.20s", number(x.points, 2, text));
    }
}

static sn_status draw(report *r, const report_bar *bar) {
    report_figure f;
    char rest[128] = "";
    int shown, all = r->run->space->n_decisions;
    SN_TRY(report_bars(&f, r->run->space, bar, (size_t)r->found.fitted->accuracy.n, "points of accuracy", &shown));
    if (shown < all) snprintf(rest, sizeof rest, " Drawn are the first %d of %d decisions; the table has all.", shown, all);
    const report_key key[] = {{SN_MORE, "adds"},
                              {SN_LESS, "takes away"},
                              {SN_INK, "95 % over images (thick)"},
                              {SN_AXIS, "95 % over architectures (thin)"},
                              {0}};
    return report_figure_end(
        r, &f, key,
        "What each option adds to the accuracy with the shared weights, in points (per cent of the images), around the "
        "mean of the scored architectures, all else equal. Thick: what other images would give; thin: what other "
        "architectures of such spaces would. Per MMAC: points for a million multiplications more than "
        "the cheapest option of the decision.%s",
        rest);
}

sn_status report_effects(report *r) {
    size_t n = r->found.fitted ? (size_t)r->found.fitted->accuracy.n : 0;
    if (!n) {
        report_missing(r->out, "No %s: %s.", r->ranking.n ? "effects" : "scores",
                       r->ranking.n ? r->ranking.fitted.unfitted[0] : r->unranked);
        return SN_OK;
    }
    report_bar *bar = sn_new(n, sizeof *bar);
    if (!bar) return SN_RESOURCE;
    collect(&r->found, bar);
    report_figures(r->out);
    sn_status s = draw(r, bar);
    report_figures_end(r->out);
    if (s == SN_OK) put_table(r);
    free(bar);
    return s;
}
