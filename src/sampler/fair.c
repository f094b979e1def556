// fair: strict fairness (Chu et al., "FairNAS", ICCV 2021): m paths per step, gradients added, one update; m = the largest count
// of allowed options. Draw t of a decision with k of them is entry t mod k of its permutation number t div k, so how often
// options were drawn never differs by more than one.
#include "sampler/method.h"

// The permutation that a decision is in.
typedef struct {
    uint64_t next; // its number + 1; 0: none yet
    uint32_t order[SN_MAX_OPTIONS];
} deck;

static size_t state(const sn_space *s) {
    return (size_t)s->n_decisions * sizeof(deck);
}

static int option_of_draw(const sn_decision *d, deck *own, uint32_t seed, int decision, uint64_t t) {
    int k = sn_decision_count(d);
    uint64_t number = t / (uint64_t)k;
    if (own->next != number + 1) {
        sn_rng r = sn_rng_at(seed, SN_STREAM_PATH, (uint32_t)decision, (uint32_t)number, (uint32_t)(number >> 32));
        sn_rng_permutation(&r, (uint32_t)k, own->order);
        own->next = number + 1;
    }
    return sn_decision_option(d, (int)own->order[t % (uint64_t)k]);
}

static sn_status step(const sn_space *s, uint32_t seed, uint32_t step, void *state, const sn_verbs *v) {
    int m = sn_space_max_options(s);
    deck *decks = state;
    for (int j = 0; j < m; j++) {
        sn_arch a = {.n = s->n_decisions};
        uint64_t t = (uint64_t)step * (uint64_t)m + (uint64_t)j;
        for (int i = 0; i < a.n; i++) a.option[i] = (uint8_t)option_of_draw(&s->decisions[i], &decks[i], seed, i, t);
        sn_arch_settle(s, &a);
        SN_TRY(v->pass(v->trainer, &a));
    }
    return v->update_weights(v->trainer);
}

const sn_method sn_method_fair = {
    .kind = SN_SAMPLER,
    .name = "fair",
    .doc = "as many paths per step as a decision has options, each option equally often (Chu et al. 2021)",
    .passes = sn_space_max_options,
    .state = state,
    .step = step};
