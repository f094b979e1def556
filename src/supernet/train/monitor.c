// The signs of a collapse; see monitor.h. Two are told: options without weights have shares that are a fifth (in the logarithm)
// larger than those of the others; and the curvature of the loss in alpha grows (Zela et al., "Understanding and Robustifying
// Differentiable Architecture Search", ICLR 2020: the mean of five epochs' eigenvalues is 1.3 times that of four epochs before).
#include "supernet/train/monitor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------- options without weights
// marks[node]: what a node is made of, itself included.
static void mark_below(const sn_graph *g, int node, uint8_t *marks) {
    memset(marks, 0, (size_t)g->n);
    if (node < 0) return;
    marks[node] = 1;
    for (int i = node; i >= 0; i--)
        for (int k = 0; marks[i] && k < g->node[i].n_in; k++)
            if (g->node[i].in[k] >= 0) marks[g->node[i].in[k]] = 1;
}

// Whether an option of a site has a convolution that not all of them have. marks, common: room for a byte per node each.
static bool has_weights(const sn_graph *g, const sn_node *site, int option, uint8_t *marks, uint8_t *common) {
    memset(common, 1, (size_t)g->n);
    for (int k = 0; k < site->n_in; k++) {
        if (site->in[k] < 0 || g->node[site->in[k]].kind == SN_NODE_ZERO) continue; // nothing is made of nothing
        mark_below(g, site->in[k], marks);
        for (int i = 0; i < g->n; i++) common[i] &= marks[i];
    }
    if (g->node[site->in[option]].kind == SN_NODE_ZERO) return false;
    mark_below(g, site->in[option], marks);
    for (int i = 0; i < g->n; i++)
        if (marks[i] && !common[i] && g->node[i].kind == SN_NODE_CONV) return true;
    return false;
}

// bit k: option k of the decision has no weights, at its first site.
static uint64_t free_options(const sn_graph *g, const sn_decision *o, int decision, uint8_t *marks, uint8_t *common) {
    uint64_t out = 0;
    for (int c = 0; c < g->n_choices; c++) {
        const sn_node *site = &g->node[g->choice[c]];
        if (site->decision != decision) continue;
        for (int k = 0; k < o->options; k++)
            if (sn_decision_allows(o, k) && site->in[k] >= 0 && !has_weights(g, site, k, marks, common)) out |= 1ull << k;
        return out;
    }
    return 0;
}

// ---------------------------------------------------------------- numbers
static double entropy_of(const sn_decision *o, const double *share) {
    double sum = 0, entropy = 0;
    int n = sn_decision_count(o);
    for (int k = 0; k < o->options; k++) sum += share[k];
    for (int k = 0; k < o->options; k++)
        if (share[k] > 0) entropy -= share[k] / sum * log(share[k] / sum);
    return entropy / log(n);
}

static sn_status look(const sn_run *r, sn_monitor_report *out) {
    const sn_space *s = r->space;
    size_t nodes = (size_t)r->graph->n;
    double *share = sn_new((size_t)r->alphas->places, sizeof *share);
    uint8_t *marks = sn_new(2 * nodes, sizeof *marks);
    int relaxed = 0, mixed = 0;
    sn_status status = share && marks ? SN_OK : SN_RESOURCE;
    if (status == SN_OK) sn_alphas_shares(r->alphas, r->config, share);
    for (int d = 0, place = 0; status == SN_OK && d < s->n_decisions; place += s->decisions[d++].options) {
        const sn_decision *o = &s->decisions[d];
        int n = sn_decision_count(o), free_ones = 0;
        double of_free = 0, all = 0;
        if (!sn_alphas_learn(r->config, d)) continue;
        uint64_t without = free_options(r->graph, o, d, marks, marks + nodes);
        for (int k = 0; k < o->options; k++) {
            all += share[place + k];
            if (without >> k & 1) of_free += share[place + k], free_ones++;
        }
        out->entropy += entropy_of(o, share + place);
        relaxed++;
        if (!free_ones || free_ones == n) continue;
        out->free_share += of_free / all;
        out->lean += log(of_free / free_ones) - log((all - of_free) / (n - free_ones));
        mixed++;
    }
    free(share);
    free(marks);
    out->entropy = relaxed ? out->entropy / relaxed : NAN;
    out->free_share = mixed ? out->free_share / mixed : NAN;
    out->lean = mixed ? out->lean / mixed : NAN;
    return status;
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
