// The signs of a collapse; see monitor.h. Three are told: options without weights have shares that are a fifth (in the logarithm)
// larger than those of the others; they have come nearer to that in each of eight epochs; or they come nearer while the curvature
// of the loss in alpha grows (Zela et al., "Understanding and Robustifying Differentiable Architecture Search", ICLR 2020: the
// mean of five epochs' eigenvalues is 1.3 times that of four epochs before). Curvature alone is none: it grows with weights that
// learn, also where no alpha moves.
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

// For the log; where costs are wanted for a decision of the program, errors are passed on.
static bool has_no_weights(const sn_run *r, int decision, int option) {
    sn_cost of;
    return sn_cost_option(r->graph, decision, option, &of) == SN_OK && !of.macs; // a scale and a shift are none
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
enum { AGO = 4, MEAN = 5, FIRST = 10, RISES = 8 };
static const double leans = 0.2, upright = 0.1, risen = 0.05;

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

static double lean_grew(const sn_alphas *a, int since, int until) { // epochs ago
    return value(a, SN_MONITOR_LEAN, until) - value(a, SN_MONITOR_LEAN, since);
}

static bool always_grew(const sn_alphas *a) {
    for (int i = 0; i < RISES; i++)
        if (!(lean_grew(a, i + 1, i) > 0)) return false;
    return true;
}

static bool curves(const sn_alphas *a, int epoch) {
    return epoch >= FIRST + AGO && mean_before(a, AGO) > 0 && mean_before(a, 0) > 1.3 * mean_before(a, AGO);
}

static void tell(sn_monitor_report *out, const char *why, int epoch) {
    out->why = why;
    out->epoch = epoch;
}

static void judge(const sn_alphas *a, int epoch, sn_monitor_report *out) {
    int ago = 1;
    while (ago < SN_MONITOR_BACK && ago < epoch && value(a, SN_MONITOR_LEAN, ago) > upright) ago++;
    if (isfinite(out->eigenvalue) && curves(a, epoch) && lean_grew(a, AGO, 0) > 0)
        tell(out, "options without weights gain, and the loss is ever more curved in the alphas", epoch - AGO);
    else if (value(a, SN_MONITOR_LEAN, 0) > leans)
        tell(out, "the mixture leans to options without weights", epoch - ago);
    else if (epoch > RISES && always_grew(a) && lean_grew(a, RISES, 0) > risen)
        tell(out, "options without weights gain in every epoch", epoch - RISES);
}

sn_status sn_monitor_epoch(sn_run *r, sn_relaxer *x, int epoch, sn_monitor_report *out) {
    *out = (sn_monitor_report){.eigenvalue = NAN};
    SN_TRY(look(r, out));
    SN_TRY(sn_relaxer_eigenvalue(x, &out->eigenvalue));
    remember(r->alphas, out->lean, out->eigenvalue);
    judge(r->alphas, epoch, out);
    return SN_OK;
}

// ---------------------------------------------------------------- the log
static json_t *number(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

static void add(json_t *cell, const char *option, double what) {
    json_object_set_new(cell, option, json_real(json_real_value(json_object_get(cell, option)) + what));
}

static bool same_cell(const sn_space *s, int a, int b) {
    return !strncmp(s->decisions[a].name, s->decisions[b].name, strcspn(s->decisions[a].name, ".") + 1);
}

// Of the cell that a decision is in.
static json_t *shares_json(const sn_run *r, const double *share, int of) {
    const sn_space *s = r->space;
    json_t *cell = json_object();
    int relaxed = 0;
    for (int d = 0; d < s->n_decisions; d++) relaxed += same_cell(s, of, d) && sn_alphas_learn(r->config, d);
    for (int d = 0, place = 0; d < s->n_decisions; place += s->decisions[d++].options)
        for (int i = 0, k; same_cell(s, of, d) && (k = sn_decision_option(&s->decisions[d], i)) >= 0; i++)
            if (sn_alphas_learn(r->config, d) && has_no_weights(r, d, k))
                add(cell, sn_space_option_name(s, d, k), share[place + k] / relaxed);
    return cell;
}

static json_t *likeliest_json(const sn_run *r, const double *share, int of) {
    const sn_space *s = r->space;
    json_t *cell = json_object();
    for (int d = 0, place = 0; d < s->n_decisions; place += s->decisions[d++].options)
        if (same_cell(s, of, d) && sn_alphas_learn(r->config, d))
            add(cell, sn_space_option_name(s, d, sn_relax_largest(&s->decisions[d], share + place)), 1);
    return cell;
}

static json_t *cells_json(const sn_run *r, json_t *(*of_cell)(const sn_run *, const double *share, int of)) {
    const sn_space *s = r->space;
    double *share = sn_new((size_t)r->alphas->places, sizeof *share);
    json_t *cells = share ? json_object() : NULL;
    if (share) sn_alphas_shares(r->alphas, r->config, share);
    for (int d = 0; cells && d < s->n_decisions; d++) {
        char *name = sn_format("%.*s", (int)strcspn(s->decisions[d].name, "."), s->decisions[d].name);
        if (name && !json_object_get(cells, name)) json_object_set_new(cells, name, of_cell(r, share, d));
        free(name);
    }
    free(share);
    return cells;
}

json_t *sn_monitor_json(const sn_run *r, const sn_monitor_report *m) {
    return json_pack("{s:o,s:o,s:o,s:o,s:i,s:I,s:o,s:o}", "entropy", number(m->entropy), "without_weights", number(m->free_share),
                     "lean", number(m->lean), "eigenvalue", number(m->eigenvalue), "batch", r->config->train.batch, "seed",
                     (json_int_t)r->config->train.seed, "shares", cells_json(r, shares_json), "likeliest",
                     cells_json(r, likeliest_json));
}
