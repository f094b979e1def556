// The section on how often each option was trained, and which ones far less than their neighbours.
// Not here: how they are drawn (report_bars.c).
#include "report.h"

#include <math.h>
#include <stdlib.h>

static double mean_of(const report *r, int d) {
    const sn_decision *x = &r->run->space->decisions[d];
    double sum = 0;
    int n = sn_decision_count(x);
    for (int i = 0; i < n; i++)
        sum += (double)r->run->option_passes[sn_space_option_place(r->run->space, d, sn_decision_option(x, i))];
    return sum / n;
}

int report_neglected(const report *r, int *decision, int *option) {
    int count = 0;
    const sn_space *s = r->run->space;
    for (int d = 0; d < s->n_decisions; d++)
        for (int i = 0, o; (o = sn_decision_option(&s->decisions[d], i)) >= 0; i++)
            if ((double)r->run->option_passes[sn_space_option_place(s, d, o)] < mean_of(r, d) / 2 && !count++)
                *decision = d, *option = o;
    return count;
}

static size_t collect(const report *r, report_bar *bar) {
    const sn_space *s = r->run->space;
    size_t n = 0;
    for (int d = 0; d < s->n_decisions; d++)
        for (int i = 0, o; (o = sn_decision_option(&s->decisions[d], i)) >= 0; i++) {
            double passes = (double)r->run->option_passes[sn_space_option_place(s, d, o)], mean = mean_of(r, d);
            bar[n] = (report_bar){.decision = d,
                                  .option = sn_space_option_name(s, d, o),
                                  .value = passes,
                                  .thick = {NAN, NAN},
                                  .thin = {NAN, NAN},
                                  .mark = mean,
                                  .low = passes < mean / 2};
            snprintf(bar[n].text, sizeof bar[n].text, "%.0f", passes);
            n++;
        }
    return n;
}

static sn_status draw(report *r, const report_bar *bar, size_t n) {
    report_figure f;
    char rest[128] = "";
    int shown, all = r->run->space->n_decisions;
    SN_TRY(report_bars(&f, r->run->space, bar, n, "passes", &shown));
    if (shown < all) snprintf(rest, sizeof rest, " Drawn are the first %d of %d decisions.", shown, all);
    return report_figure_end(
        r, &f, (report_key[]){{SN_MORE, "passes"}, {SN_INK, "equal share"}, {SN_LOW, "below half of it"}, {0}},
        "How many training passes each option took part in; the line is an equal share of its decision.%s", rest);
}

sn_status report_passes(report *r) {
    if (sn_space_options(r->run->space) == r->run->space->n_decisions) {
        report_missing(r->out, "Each decision has a single option, which every pass trained.");
        return SN_OK;
    }
    if (!r->run->step) {
        report_missing(r->out, "Nothing is trained yet; `supernet train` does.");
        return SN_OK;
    }
    report_bar *bar = sn_new((size_t)sn_space_options(r->run->space), sizeof *bar);
    if (!bar) return SN_RESOURCE;
    report_figures(r->out);
    sn_status s = draw(r, bar, collect(r, bar));
    report_figures_end(r->out);
    free(bar);
    return s;
}
