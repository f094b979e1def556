// proxyless: weights learn on one option at a time, drawn by the softmax of alphas. For the alphas two are drawn without
// replacement, of which one, drawn by their shares of the two, has gate 1 and the other gate 0; both gates' gradients go to the
// two alphas through the softmax of these two, which then move so that the options not drawn are as likely as before (Cai et al.,
// "ProxylessNAS", ICLR 2019, equations 3 and 4 and section 3.2.1; their Adam has beta1 0 and no decay).
#include "sampler/method.h"

#include <math.h>
#include <string.h>

static double log_sum(const double *alpha, uint64_t options) {
    double top = -INFINITY, sum = 0;
    for (uint64_t left = options; left; left &= left - 1) top = fmax(top, alpha[__builtin_ctzll(left)]);
    for (uint64_t left = options; left; left &= left - 1) sum += exp(alpha[__builtin_ctzll(left)] - top);
    return top + log(sum);
}

// One of them, by the softmax of their alphas.
static int draw_of(const double *alpha, uint64_t options, sn_rng *rng) {
    double at = sn_rng_unit(rng), all = log_sum(alpha, options);
    int k = 0;
    for (uint64_t left = options; left; left &= left - 1) {
        k = __builtin_ctzll(left);
        if ((at -= exp(alpha[k] - all)) < 0) break;
    }
    return k;
}

static void gates(sn_relax *r, int d, int draw) {
    int first = r->gates->first[d], n = r->space->decisions[d].options;
    const double *alpha = r->alpha + first;
    uint64_t allowed = r->space->decisions[d].allowed;
    sn_rng rng = sn_relax_rng(r, d, draw);
    int one = draw_of(alpha, allowed, &rng);
    uint64_t drawn = UINT64_C(1) << one;
    if (draw == SN_DRAW_ALPHAS) drawn |= UINT64_C(1) << draw_of(alpha, allowed & ~drawn, &rng);
    double all = log_sum(alpha, drawn);
    int chosen = draw_of(alpha, drawn, &rng);
    r->gates->active[d] = drawn;
    for (int k = 0; k < n; k++) {
        r->kept[first + k] = drawn >> k & 1 ? exp(alpha[k] - all) : 0;
        r->gates->gate[first + k] = k == chosen;
    }
}

static void pull(sn_relax *r, int d) {
    sn_relax_softmax_pull(r, d, 1);
}

// After the update: alphas that were not drawn are again what they were, the drawn ones moved so that their share is.
static sn_status settle(sn_relax *r, int d, const double *before) {
    int first = r->gates->first[d];
    uint64_t drawn = r->gates->active[d];
    double by = log_sum(before + first, drawn) - log_sum(r->alpha + first, drawn);
    for (int k = 0; k < r->space->decisions[d].options; k++)
        SN_TRY(r->verbs->set_alpha(r->trainer, first + k, drawn >> k & 1 ? r->alpha[first + k] + by : before[first + k]));
    return SN_OK;
}

static sn_status relax(const sn_method *m, sn_relax *r) {
    if (!r->rest) {
        SN_TRY(sn_relax_alpha_pass(m, r, SN_DRAW_ALPHAS));
        memcpy(r->spare, r->alpha, (size_t)r->gates->places * sizeof *r->spare);
        SN_TRY(r->verbs->update_alphas(r->trainer));
        for (int d = 0; d < r->space->n_decisions; d++)
            if (r->gates->learned[d]) SN_TRY(settle(r, d, r->spare));
    }
    SN_TRY(sn_relax_weight_pass(m, r, SN_DRAW_WEIGHTS));
    return r->verbs->update_weights(r->trainer);
}

const sn_method sn_method_proxyless = {.kind = SN_RELAXATION,
                                       .name = "proxyless",
                                       .doc =
                                           "one option at a time, two for the alphas, drawn by the softmax of alphas; costs what "
                                           "two paths cost (Cai et al. 2019)",
                                       .gates = gates,
                                       .pull = pull,
                                       .share = sn_relax_softmax_share,
                                       .relax = relax,
                                       .draws = true,
                                       .paths = 2};
