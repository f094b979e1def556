// The signs of a collapse; see monitor.h. Two are told: options without weights have shares that are a fifth (in the logarithm)
// larger than those of the others; and the curvature of the loss in alpha grows (Zela et al., "Understanding and Robustifying
// Differentiable Architecture Search", ICLR 2020: the mean of five epochs' eigenvalues is 1.3 times that of four epochs before).
#include "supernet/train/monitor.h"
#include "space/cost.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------- numbers
static double entropy_of(const sn_decision *o, const double *share) {
    double sum = 0, entropy = 0;
    int n = sn_decision_count(o);
    for (int k = 0; k < o->options; k++) sum += share[k];
    for (int k = 0; k < o->options; k++)
        if (share[k] > 0) entropy -= share[k] / sum * log(share[k] / sum);
    return entropy / log(n);
}

static sn_status look_at(const sn_run *r, const double *share, sn_monitor_report *out) {
    const sn_space *s = r->space;
    int relaxed = 0, mixed = 0;
    for (int d = 0, place = 0; d < s->n_decisions; place += s->decisions[d++].options) {
        const sn_decision *o = &s->decisions[d];
        int n = sn_decision_count(o), free_ones = 0;
        double of_free = 0, all = 0;
        if (!sn_alphas_learn(r->config, d)) continue;
        for (int i = 0, k; (k = sn_decision_option(o, i)) >= 0; i++) {
            all += share[place + k];
            sn_cost option;
            SN_TRY(sn_cost_option(r->graph, d, k, &option));
            if (!option.params) of_free += share[place + k], free_ones++;
        }
        out->entropy += entropy_of(o, share + place);
        relaxed++;
        if (!free_ones || free_ones == n) continue;
        out->free_share += of_free / all;
        out->lean += log(of_free / free_ones) - log((all - of_free) / (n - free_ones));
        mixed++;
    }
    out->entropy = relaxed ? out->entropy / relaxed : NAN;
    out->free_share = mixed ? out->free_share / mixed : NAN;
    out->lean = mixed ? out->lean / mixed : NAN;
    return SN_OK;
}

static sn_status look(const sn_run *r, sn_monitor_report *out) {
    double *share = sn_new((size_t)r->alphas->places, sizeof *share);
    if (!share) return SN_RESOURCE;
    sn_alphas_shares(r->alphas, r->config, share);
    sn_status s = look_at(r, share, out);
    free(share);
    return s;
}

// ---------------------------------------------------------------- the history
enum { AGO = 4, MEAN = 5, FIRST = 10 };
static const double leans = 0.2, upright = 0.1;

static double value(const sn_alphas *a, int what, int ago) { // 0: this epoch
    return a->history[SN_MONITOR_EPOCHS - 1 - ago][what];
}

static void remember(sn_alphas *a, double lean, double eigenvalue) {
    memmove(a->history[0], a->history[1], sizeof a->history - sizeof *a->history);
    a->history[SN_MONITOR_EPOCHS - 1][SN_MONITOR_LEAN] = isfinite(lean) ? lean : 0;
    a->history[SN_MONITOR_EPOCHS - 1][SN_MONITOR_EIGENVALUE] = isfinite(eigenvalue) ? eigenvalue : 0;
}

static double mean_before(const sn_alphas *a, int ago) {
    double sum = 0;
    for (int i = 0; i < MEAN; i++) sum += value(a, SN_MONITOR_EIGENVALUE, ago + i);
    return sum / MEAN;
}

static void judge(const sn_alphas *a, int epoch, sn_monitor_report *out) {
    if (value(a, SN_MONITOR_LEAN, 0) > leans) {
        int ago = 1;
        while (ago < SN_MONITOR_EPOCHS && ago < epoch && value(a, SN_MONITOR_LEAN, ago) > upright) ago++;
        out->why = "the mixture leans to options without weights";
        out->epoch = epoch - ago;
    }
    if (isfinite(out->eigenvalue) && epoch >= FIRST + AGO && mean_before(a, AGO) > 0 &&
        mean_before(a, 0) > 1.3 * mean_before(a, AGO)) {
        out->why = "the loss is ever more curved in the alphas";
        out->epoch = epoch - AGO;
    }
}

sn_status sn_monitor_epoch(sn_run *r, sn_relaxer *x, int epoch, sn_monitor_report *out) {
    *out = (sn_monitor_report){.eigenvalue = NAN};
    SN_TRY(look(r, out));
    SN_TRY(sn_relaxer_eigenvalue(x, &out->eigenvalue));
    remember(r->alphas, out->lean, out->eigenvalue);
    judge(r->alphas, epoch, out);
    return SN_OK;
}
