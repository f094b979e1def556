// Mixtures of architectures as values; see gates.h.
#include "space/gates.h"

#include <stdlib.h>

sn_gates *sn_gates_new(const sn_space *s) {
    sn_gates *g = sn_new(1, sizeof *g);
    if (!g) return NULL;
    g->decisions = s->n_decisions;
    for (int d = 0; d < s->n_decisions; d++) {
        g->first[d] = g->places;
        g->places += s->decisions[d].options;
    }
    g->gate = sn_new((size_t)g->places, sizeof *g->gate);
    if (g->gate) return g;
    sn_gates_free(g);
    return NULL;
}

void sn_gates_free(sn_gates *g) {
    if (!g) return;
    free(g->gate);
    free(g);
}

void sn_gates_set_arch(sn_gates *g, const sn_arch *a) {
    for (int d = 0; d < g->decisions; d++) {
        g->active[d] = 0;
        if (a->option[d] == SN_ABSENT) continue;
        g->active[d] = 1ull << a->option[d];
        g->gate[g->first[d] + a->option[d]] = 1;
    }
}

bool sn_gates_weigh(const sn_gates *g, int decision, bool gradients) {
    uint64_t active = g->active[decision];
    if (!active) return false;
    if (active & (active - 1)) return true;
    double gate = g->gate[g->first[decision] + __builtin_ctzll(active)];
    return gate != 1 || (gradients && g->learned[decision]);
}
