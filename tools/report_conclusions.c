// The section of words: what the figures allow to say, and what they do not. Every sentence is made from a figure, and left out
// where there is none.
#include "report.h"

#include <math.h>
#include <stdlib.h>

#define ITEM(r, ...) (fputs("<li>", (r)->out), report_text((r)->out, __VA_ARGS__), fputs("</li>\n", (r)->out))

static void on_training(report *r) {
    const sn_run *run = r->run;
    double guess = log(run->space->classes), last = NAN;
    long long step = (long long)run->step, steps = (long long)sn_run_steps(run);
    int decision, option, n = report_neglected(r, &decision, &option);
    for (size_t i = 0; i < r->points; i++)
        if (!isnan(r->point[i].loss)) last = r->point[i].loss;
    if (step < steps)
        ITEM(r, "Training stands at step %lld of %lld: the figures are those of a net that is not finished.", step, steps);
    if (last > 0.9 * guess)
        ITEM(r,
             "The last training loss, %.3f, is not clearly below that of guessing, %.3f: the net has learnt little, so its "
             "scores say "
             "little.",
             last, guess);
    if (n && step)
        ITEM(r,
             "%d option%s had fewer than half of the passes that an equal share is, first %s of %s: what it scores may be lack "
             "of training.",
             n, cli_plural(n), sn_space_option_name(run->space, decision, option), run->space->decisions[decision].name);
}

static void on_halves(report *r) {
    double tau = r->against.half_tau;
    if (isnan(tau)) return;
    const char *then = tau < 0.7 ? "These images are too few to rank by: differences between neighbours are mostly chance; score "
                                   "on more images (rank.images)."
                       : tau < 0.9 ? "That is enough to tell good from bad, not to order neighbours."
                                   : "More images would change little of the order.";
    ITEM(r,
         "On two halves of the images the rankings agree with tau %.3f: about %.0f %% of the pairs of architectures stand in the "
         "same order. %s",
         tau, 50 * (1 + tau), then);
}

// Those that the best cannot be told from, on the images that both were scored on.
static long tied_with(const report *r, const sn_ranked *pick) {
    long n = 0;
    for (long i = 0; i < r->ranking.n; i++) {
        const sn_ranked *x = &r->ranking.item[i];
        n += x != pick && fabs(sn_rank_apart(pick->hits, x->hits, (size_t)r->ranking.images)) < 1.96;
    }
    return n;
}

static void on_picks(report *r) {
    char raw[SN_ARCH_TEXT], fitted[SN_ARCH_TEXT];
    double range[2];
    if (r->ranking.n < 2) return;
    long tied = tied_with(r, r->raw);
    report_interval(r, r->raw, range);
    ITEM(r, "The best by accuracy is %s with %.2f %% (95 %% over images: %.2f to %.2f).",
         sn_arch_text(r->run->space, &r->raw->arch, raw), 100 * r->raw->top1, range[0], range[1]);
    if (tied)
        ITEM(r,
             "It cannot be told from %ld of the %ld others on these images (McNemar's test, each at 5 %%): which of "
             "these is the best is open, and being picked as the highest of many flatters it.",
             tied, r->ranking.n - 1);
    else
        ITEM(r, "On these images it differs from each of the %ld others (McNemar's test, each at 5 %%).", r->ranking.n - 1);
    if (r->fitted == r->raw) ITEM(r, "By effects the same one is the best.");
    if (!r->fitted || r->fitted == r->raw) return;
    double z = fabs(sn_rank_apart(r->raw->hits, r->fitted->hits, (size_t)r->ranking.images));
    ITEM(r, "By effects, which use all scores at once, the best is %s with %.2f %%; on these images the two %s.",
         sn_arch_text(r->run->space, &r->fitted->arch, fitted), 100 * r->fitted->top1,
         z < 1.96 ? "cannot be told apart"
                  : "differ by more than chance, but the first was picked for its score on these very images");
}

static void on_effects(report *r) {
    const sn_findings *f = &r->found;
    int open = 0, known = 0;
    if (!f->fitted) return;
    sn_share_sum main = sn_findings_main(f), pairs = sn_findings_interactions(f);
    for (int e = 0; e < f->fitted->accuracy.n; e++) {
        known += isfinite(f->from[e]);
        open += isfinite(f->from[e]) && f->from[e] <= 0 && f->to[e] >= 0;
    }
    if (open)
        ITEM(r, "Of %d effects of options %d cannot be told from none on these images (the interval holds 0).", known, open);
    else
        ITEM(r, "Each of the %d effects of options differs from none on these images (no interval holds 0).", known);
    ITEM(r, "Sums of effects make %.0f %% of the variance of the scores (as logit); chance alone would give %.1f %%.%s",
         100 * main.share, 100 * main.by_chance, main.share < 2 * main.by_chance ? " That is hardly more." : "");
    if (pairs.by_chance > 0.5)
        ITEM(r, "Too few architectures are scored to tell interactions of options from chance.");
    else
        ITEM(r, "Interactions of pairs of options make %.0f %%%s; chance alone would give %.1f %%. %s", 100 * pairs.share,
             sn_findings_overlap(f) ? ", added up pair by pair though they overlap" : "", 100 * pairs.by_chance,
             pairs.share > main.share ? "Options do not simply add up here: read the effects with care."
             : pairs.share > 2 * pairs.by_chance
                 ? "A sum of effects leaves that out; but what pairs do with shared weights need not "
                   "hold for nets trained alone."
                 : "That is hardly more.");
}

static sn_status on_costs(report *r) {
    size_t n = (size_t)r->ranking.n;
    double tau = NAN, *macs = sn_new(n, sizeof *macs), *top1 = sn_new(n, sizeof *top1);
    sn_status s = macs && top1 ? SN_OK : SN_RESOURCE;
    for (size_t i = 0; s == SN_OK && i < n; i++)
        macs[i] = (double)r->ranking.item[i].cost.macs, top1[i] = r->ranking.item[i].top1;
    if (s == SN_OK && n > 1) s = sn_rank_tau(top1, macs, n, &tau);
    if (!isnan(tau))
        ITEM(r, "Ordering by multiplications alone agrees with this ranking with tau %.3f.%s", tau,
             r->truth ? "" : " Whether the scores know more than that, only nets trained alone can tell (`--against`).");
    free(macs);
    free(top1);
    return s;
}

static void on_truth(report *r) {
    const sn_against *a = &r->against;
    if (!a->truths) return;
    double raw = a->by[SN_BY_ACCURACY].all.figure[SN_RANK_TAU].value, macs = a->by[SN_BY_MACS].all.figure[SN_RANK_TAU].value;
    double fitted = r->fitted ? a->by[SN_BY_EFFECTS].all.figure[SN_RANK_TAU].value : NAN;
    const sn_rank_figure *x = &a->by[SN_BY_ACCURACY].all.figure[SN_RANK_TAU];
    double regret = a->by[SN_BY_ACCURACY].all.figure[SN_RANK_BUDGETS].value,
           other = a->by[SN_BY_MACS].all.figure[SN_RANK_BUDGETS].value;
    if (isnan(raw) || isnan(macs)) return;
    ITEM(r,
         "Against the known accuracies the scores have tau %.3f (95 %% over images %.3f to %.3f), multiplications alone %.3f: %s",
         raw, x->image[0], x->image[1], macs,
         macs > x->image[1]   ? "counting would have ranked better."
         : macs < x->image[0] ? "the scores know more than the count."
                              : "the scores are not shown to know more than the count.");
    if (!isnan(fitted)) ITEM(r, "By effects tau is %.3f, %s than by accuracy.", fitted, fitted > raw ? "higher" : "not higher");
    if (!isnan(regret) && !isnan(other))
        ITEM(r, "Picking under a budget loses %.3f on average by the scores, %.3f by taking the most multiplications allowed.",
             regret, other);
}

static void on_finals(report *r) {
    for (size_t i = 0; i < r->n_finals; i++) {
        const sn_finals *f = &r->finals[i].f;
        if (r->finals[i].unknown[0] || f->winner < 0 || f->n < 2) continue;
        sn_finals_change c = sn_finals_changed(f, r->finals[i].order);
        const char *name = r->finals[i].name, *winner = f->finalist[f->winner].arch;
        if (c.place == 1)
            ITEM(r, "Finals `%s`: trained alone, the ranking's first of %d wins too, %s.", name, f->n, winner);
        else if (c.rung < 0)
            ITEM(r, "Finals `%s`: %s wins; the training of the ranking's first of %d diverged.", name, winner, f->n);
        else
            ITEM(r,
                 "Finals `%s`: %s wins; the ranking's first came out at place %d of %d. After %d epoch%s they had %.2f %% and "
                 "%.2f "
                 "%%: "
                 "a difference of %+.2f points (95 %% over images %+.2f to %+.2f), %s.",
                 name, winner, c.place, f->n, f->rung[c.rung], cli_plural(f->rung[c.rung]), 100 * c.top1[1], 100 * c.top1[0],
                 100 * c.paired.difference, 100 * c.paired.from, 100 * c.paired.to,
                 c.paired.from > 0 || c.paired.to < 0 ? "more than these images give by chance; another seed may still train "
                                                        "another winner"
                                                      : "in which these images cannot tell the two apart");
    }
}

static void on_all(report *r) {
    if (r->ranking.n)
        ITEM(r, "A score is the accuracy of shared weights, which were trained for all architectures at once. It is not the "
                "accuracy that the architecture reaches trained alone: `supernet retrain` measures that.");
    ITEM(r,
         "All this is one training with one seed (%lld). Another seed gives other weights and may give another order; no "
         "interval here holds that.",
         (long long)r->run->config->train.seed);
}

sn_status report_conclusions(report *r) {
    fputs("<ul class=\"conclusions\">\n", r->out);
    on_training(r);
    on_halves(r);
    on_picks(r);
    on_effects(r);
    SN_TRY(on_costs(r));
    on_truth(r);
    on_finals(r);
    on_all(r);
    fputs("</ul>\n", r->out);
    return SN_OK;
}
