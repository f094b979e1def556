// uniform: every allowed option of every decision that exists uniform and independent, one path per step (Guo et al., "Single
// Path One-Shot", ECCV 2020).
#include "sampler/method.h"

static int passes(const sn_space *s) {
    (void)s;
    return 1;
}

static sn_status step(const sn_space *s, uint32_t seed, uint32_t step, void *state, const sn_verbs *v) {
    (void)state;
    sn_arch a = {.n = s->n_decisions};
    for (int i = 0; i < a.n; i++) {
        const sn_decision *d = &s->decisions[i];
        sn_rng r = sn_rng_at(seed, SN_STREAM_PATH, (uint32_t)i, step, 0);
        a.option[i] = (uint8_t)sn_decision_option(d, (int)sn_rng_below(&r, (uint32_t)sn_decision_count(d)));
    }
    sn_arch_settle(s, &a);
    SN_TRY(v->pass(v->trainer, &a));
    return v->update_weights(v->trainer);
}

const sn_method sn_method_uniform = {.kind = SN_SAMPLER,
                                     .name = "uniform",
                                     .doc = "one path per step, every option equally likely (Guo et al. 2020)",
                                     .passes = passes,
                                     .step = step};
