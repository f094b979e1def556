// The section on known accuracies (--against): scores by accuracy and by effects against them, and the table of figures with the
// regret under budgets. Not here: the figures (against.h).
#include "report.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    size_t n, drawn;
    double *score[2], *truth; // (n) by accuracy, by effects; per cent
} pairs;

static void pairs_free(pairs *p) {
    free(p->score[0]);
    free(p->score[1]);
    free(p->truth);
}

// The unit of truths is the file's own: shares and per cents are both in use.
static sn_status pairs_make(const report *r, pairs *p) {
    size_t n = (size_t)r->ranking.n, step = report_stride((size_t)r->against.truths);
    char text[SN_ARCH_TEXT];
    p->truth = sn_new(n, sizeof *p->truth);
    for (int k = 0; k < 2; k++) p->score[k] = sn_new(n, sizeof *p->score[k]);
    if (!p->truth || !p->score[0] || !p->score[1]) return SN_RESOURCE;
    for (size_t i = 0; i < n; i++) {
        const sn_ranked *x = &r->ranking.item[i];
        double truth;
        if (!sn_truth_find(r->truth, sn_arch_text(r->run->space, &x->arch, text), &truth) || p->n++ % step) continue;
        p->score[0][p->drawn] = 100 * x->top1;
        p->score[1][p->drawn] = 100 * x->fitted_top1;
        p->truth[p->drawn++] = truth;
    }
    return SN_OK;
}

static bool find_truth(const report *r, const sn_ranked *x, double *truth) {
    char text[SN_ARCH_TEXT];
    return x && sn_truth_find(r->truth, sn_arch_text(r->run->space, &x->arch, text), truth);
}

static sn_status draw(report *r, const pairs *p, int by) {
    static const char *const words[] = {"accuracy with the shared weights, %", "accuracy fitted by effects, %"};
    static const char *const names[] = {"accuracy", "effects"};
    const sn_rank_part *part = &r->against.by[by ? SN_BY_EFFECTS : SN_BY_ACCURACY].all;
    const sn_ranked *pick = by ? r->fitted : r->raw;
    sn_colour colour = by ? SN_FITTED : SN_RAW;
    double truth;
    bool known = find_truth(r, pick, &truth);
    report_figure f;
    char tau[32], regret[32], best[64], thinned[64] = "", cut[64] = "";
    size_t below;
    double low = report_low(p->score[by], p->drawn, &below);
    SN_TRY(report_figure_begin(&f, REPORT_HEIGHT + 40));
    report_axes(&f, 64, 14, 34, 52, words[by], "known accuracy");
    report_points(&f, "dots", p->score[by], p->truth, p->drawn);
    fprintf(f.to, "set offsets graph 0.03,graph 0.03,graph 0.03,graph 0.03\nset format y '%%g'\n");
    if (below) fprintf(f.to, "set xrange [%.7g:*]\n", low);
    if (below) snprintf(cut, sizeof cut, " %zu lie left of the axis.", below);
    if (known) fprintf(f.to, "$pick << EOD\n%.7g %.7g\nEOD\n", 100 * (by ? pick->fitted_top1 : pick->top1), truth);
    fprintf(f.to, "plot $dots with points pt 7 ps %.2f lc rgb '#0000%02x'", report_dot(p->drawn), SN_DOT);
    if (known)
        fprintf(f.to, ", $pick with points pt 7 ps 1.05 lc rgb '#0000%02x', $pick with points pt 7 ps 0.75 lc rgb '#0000%02x'",
                SN_PAPER, colour);
    fputc('\n', f.to);
    snprintf(best, sizeof best, "best by %s", names[by]);
    if (p->drawn < p->n) snprintf(thinned, sizeof thinned, " Every %zuth is drawn.", report_stride(p->n));
    return report_figure_end(r, &f, (report_key[]){{SN_DOT, "an architecture"}, {colour, known ? best : NULL}, {0}},
                             "Scores by %s against known accuracies of %zu architectures: Kendall's tau %s, regret of the best "
                             "scored %s (how much the best of all is better).%s%s",
                             names[by], part->archs, cli_figure(part->figure[SN_RANK_TAU].value, tau),
                             cli_figure(part->figure[SN_RANK_REGRET].value, regret), thinned, cut);
}

static void put_part(report *r, bool distinct) {
    const sn_against *a = &r->against;
    const sn_rank_part *first = distinct ? &a->by[0].distinct : &a->by[0].all;
    char text[SN_RANKED_BY + 4][32];
    report_table(r->out, "%zu %s\tby accuracy\tby loss\tby effects\tby MACs\tby params\t95 %%, images\t95 %%, archs",
                 first->archs, distinct ? "distinct as trained nets" : "architectures");
    for (int f = 0; f < SN_RANK_FIGURES; f++) {
        for (int by = 0; by < SN_RANKED_BY; by++) {
            const sn_rank_part *p = distinct ? &a->by[by].distinct : &a->by[by].all;
            cli_figure(p->archs ? p->figure[f].value : NAN, text[by]);
        }
        const sn_rank_figure *x = &first->figure[f];
        char *end[4] = {text[SN_RANKED_BY], text[SN_RANKED_BY + 1], text[SN_RANKED_BY + 2], text[SN_RANKED_BY + 3]};
        for (int k = 0; k < 2; k++) cli_figure(x->image[k], end[k]), cli_figure(x->arch[k], end[2 + k]);
        report_row(r->out, "%s\t%s\t%s\t%s\t%s\t%s\t%s to %s\t%s to %s", sn_rank_figure_text((sn_rank_figure_id)f),
                   text[SN_BY_ACCURACY], text[SN_BY_LOSS], text[SN_BY_EFFECTS], text[SN_BY_MACS], text[SN_BY_PARAMS], end[0],
                   end[1], end[2], end[3]);
    }
    report_table_end(r->out);
}

static void put_tables(report *r) {
    const sn_against *a = &r->against;
    report_say(
        r->out,
        "Regrets are in the unit of the known accuracies. A budget is a limit on multiplications; under each of 20 the best "
        "scored is compared with the best there is. The last two columns are 95 %% intervals of the figures by accuracy, over "
        "images and over architectures.");
    put_part(r, false);
    if (a->by[0].distinct.archs) put_part(r, true);
    if (a->missing)
        report_say(r->out, "%ld ranked architecture%s no known accuracy and %s left out.", a->missing,
                   a->missing == 1 ? " has" : "s have", a->missing == 1 ? "is" : "are");
    if (a->outside)
        report_say(r->out, "%ld name%s in the file %s no architecture of this space, the first: %s.", a->outside,
                   cli_plural(a->outside), a->outside == 1 ? "is" : "are", a->first_outside);
}

sn_status report_truth(report *r) {
    if (!r->truth || !r->ranking.n) {
        report_missing(r->out,
                       r->truth ? "No scores: see above."
                                : "None were given: `--against FILE` names accuracies of nets trained alone, by architecture.");
        return SN_OK;
    }
    pairs p = {0};
    sn_status s = pairs_make(r, &p);
    report_figures(r->out);
    if (s == SN_OK) s = draw(r, &p, 0);
    if (s == SN_OK && r->fitted) s = draw(r, &p, 1);
    report_figures_end(r->out);
    if (s == SN_OK) put_tables(r);
    pairs_free(&p);
    return s;
}
