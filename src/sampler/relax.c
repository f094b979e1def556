// What relaxations share; see relax.h.
#include "sampler/relax.h"
#include "sampler/method.h"

#include <math.h>
#include <string.h>

void sn_relax_softmax(const sn_space *s, int decision, const double *in, double temperature, double *out) {
    const sn_decision *d = &s->decisions[decision];
    double top = -INFINITY, sum = 0;
    for (int n = 0, k; (k = sn_decision_option(d, n)) >= 0; n++)
        if (in[k] > top) top = in[k];
    for (int k = 0; k < d->options; k++) {
        out[k] = sn_decision_allows(d, k) ? exp((in[k] - top) / temperature) : 0;
        sum += out[k];
    }
    for (int k = 0; k < d->options; k++) out[k] /= sum;
}

void sn_relax_softmax_pull(sn_relax *r, int decision, double temperature) {
    int first = r->gates->first[decision], n = r->space->decisions[decision].options;
    const double *p = r->kept + first, *dp = r->dgate + first;
    double mean = 0;
    for (int k = 0; k < n; k++) mean += p[k] * dp[k];
    for (int k = 0; k < n; k++) r->dalpha[first + k] += p[k] * (dp[k] - mean) / temperature;
}

void sn_relax_tempered_pull(sn_relax *r, int decision) {
    sn_relax_softmax_pull(r, decision, sn_relax_temperature(r));
}

int sn_relax_largest(const sn_decision *d, const double *value) {
    int best = sn_decision_option(d, 0);
    for (int n = 1, k; (k = sn_decision_option(d, n)) >= 0; n++)
        if (value[k] > value[best]) best = k;
    return best;
}

void sn_relax_softmax_share(const sn_space *s, int decision, const double *alpha, double *out) {
    sn_relax_softmax(s, decision, alpha, 1, out);
}

void sn_relax_open(sn_relax *r, int decision, const double *gate) {
    sn_gates *g = r->gates;
    g->active[decision] = r->space->decisions[decision].allowed;
    memcpy(g->gate + g->first[decision], gate, (size_t)r->space->decisions[decision].options * sizeof *gate);
}

double sn_relax_temperature(const sn_relax *r) {
    return r->settings->temperature + (r->settings->temperature_end - r->settings->temperature) * r->progress;
}

sn_rng sn_relax_rng(const sn_relax *r, int decision, int draw) {
    return sn_rng_at(r->seed, SN_STREAM_GATES, (uint32_t)decision, r->step, (uint32_t)draw);
}

// ---------------------------------------------------------------- steps
void sn_relax_set(const sn_method *m, sn_relax *r, int draw) {
    for (int d = 0; d < r->space->n_decisions; d++)
        if (r->gates->learned[d]) m->gates(r, d, draw);
}

// As a share of the reference; linear in what the gates were made of.
static double expected_cost(const sn_relax *r) {
    double sum = r->cost_fixed;
    for (int d = 0; d < r->space->n_decisions; d++)
        for (int k = 0; r->gates->learned[d] && k < r->space->decisions[d].options; k++)
            sum += r->kept[r->gates->first[d] + k] * r->cost[r->gates->first[d] + k];
    return sum;
}

// Makes gradients of the loss those of the loss with the cost.
static void add_cost(sn_relax *r) {
    const sn_relax_settings *s = r->settings;
    double of_loss = 1, of_cost = s->cost;
    if (s->cost_multiplies) {
        double whole = log(r->cost_reference), least = 2 / r->cost_reference, cost = fmax(expected_cost(r), least); // ln above 0
        double logarithm = whole + log(cost);
        of_loss = s->cost * pow(logarithm / whole, s->cost_exponent);
        of_cost = of_loss * r->loss * s->cost_exponent / (logarithm * cost);
    }
    for (int i = 0; i < r->gates->places; i++) r->dgate[i] = of_loss * r->dgate[i] + of_cost * r->cost[i];
}

void sn_relax_pull(const sn_method *m, sn_relax *r) {
    if (r->cost) add_cost(r);
    memset(r->dalpha, 0, (size_t)r->gates->places * sizeof *r->dalpha);
    for (int d = 0; d < r->space->n_decisions; d++)
        if (r->gates->learned[d]) m->pull(r, d);
}

sn_status sn_relax_alpha_pass(const sn_method *m, sn_relax *r, int draw) {
    sn_relax_set(m, r, draw);
    SN_TRY(r->verbs->pass(r->trainer, SN_ON_ALPHAS, SN_WANT_GATES));
    sn_relax_pull(m, r);
    return SN_OK;
}

sn_status sn_relax_weight_pass(const sn_method *m, sn_relax *r, int draw) {
    sn_relax_set(m, r, draw);
    return r->verbs->pass(r->trainer, SN_ON_WEIGHTS, SN_WANT_WEIGHTS | SN_MOVE_STATISTICS);
}

sn_status sn_relax_step(const sn_method *m, sn_relax *r) {
    if (!r->rest) {
        SN_TRY(sn_relax_alpha_pass(m, r, SN_DRAW_ALPHAS));
        SN_TRY(r->verbs->update_alphas(r->trainer));
    }
    SN_TRY(sn_relax_weight_pass(m, r, SN_DRAW_WEIGHTS));
    return r->verbs->update_weights(r->trainer);
}
