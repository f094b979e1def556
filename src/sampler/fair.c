// fair: strict fairness (Chu et al., "FairNAS", ICCV 2021): m paths per step, gradients added, one update; m = the largest count
// of allowed options. Draw t of a decision with k of them is entry t mod k of its permutation number t div k, so how often
// options were drawn never differs by more than one.
#include "sampler/sampler.h"

static int option_of_draw(const sn_decision *d, uint32_t seed, int decision, uint64_t t) {
    int k = sn_decision_count(d);
    uint32_t order[SN_MAX_OPTIONS];
    uint64_t number = t / (uint64_t)k;
    sn_rng r = sn_rng_at(seed, SN_STREAM_PATH, (uint32_t)decision, (uint32_t)number, (uint32_t)(number >> 32));
    sn_rng_permutation(&r, (uint32_t)k, order);
    return sn_decision_option(d, (int)order[t % (uint64_t)k]);
}

static sn_status step(const sn_space *s, uint32_t seed, uint32_t step, const sn_verbs *v) {
    int m = sn_space_max_options(s);
    for (int j = 0; j < m; j++) {
        sn_arch a = {.n = s->n_decisions};
        uint64_t t = (uint64_t)step * (uint64_t)m + (uint64_t)j;
        for (int i = 0; i < a.n; i++) a.option[i] = (uint8_t)option_of_draw(&s->decisions[i], seed, i, t);
        SN_TRY(v->pass(v->trainer, &a));
    }
    return v->update_weights(v->trainer);
}

const sn_sampler sn_sampler_fair = {
    "fair", "as many paths per step as a decision has options, each option equally often (Chu et al. 2021)", sn_space_max_options,
    step};
