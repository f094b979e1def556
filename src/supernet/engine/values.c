// Cuts and signatures; see values.h. What decides whether a node may be a cut: its tensor must be its own, and a plan that starts
// from it must give the same bits as one that computes it. Not here: how a plan lowers nodes (plan.c, whose rules these follow).
#include "supernet/engine/values.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------- of the graph
// Every node belongs to the value whose segment computes it: an option to its choice, what it reads to the same, until something
// that belongs to two is shared and a value of its own. owner: 0 none yet, else 1 + a number of the value; -1 more than one.
static sn_status find_shared(sn_values *v) {
    const sn_graph *g = v->graph;
    int *owner = sn_new((size_t)g->n, sizeof *owner), next = g->n + 1;
    if (!owner) return SN_RESOURCE;
    for (int i = g->n - 1; i >= 0; i--) {
        const sn_node *n = &g->node[i];
        bool choice = n->kind == SN_NODE_CHOICE;
        v->shared[i] = !choice && owner[i] < 0;
        int own = owner[i] > 0 ? owner[i] : i + 1;
        for (int k = 0; k < n->n_in; k++) {
            int reader = choice ? next++ : own;
            if (n->in[k] < 0) continue; // an option that is not allowed
            int *o = &owner[n->in[k]];
            *o = !*o || *o == reader ? reader : -1;
        }
    }
    free(owner);
    return SN_OK;
}

sn_status sn_values_init(sn_values *v, const sn_graph *g) {
    size_t n = (size_t)g->n;
    *v = (sn_values){.graph = g};
    v->fields = sn_new(n, sizeof *v->fields), v->signature = sn_new(n, sizeof *v->signature);
    v->shared = sn_new(n, 1), v->live = sn_new(n, 1), v->picked = sn_new(n, 1), v->cut = sn_new(n, 1), v->inside = sn_new(n, 1);
    v->stands = sn_new(n, sizeof *v->stands);
    v->uses = sn_new(n, sizeof *v->uses), v->choice = sn_new(n, sizeof *v->choice), v->value = sn_new(n, sizeof *v->value);
    v->given = sn_new(n, sizeof *v->given), v->stats = sn_new(n, sizeof *v->stats);
    if (!v->fields || !v->stands || !v->signature || !v->shared || !v->live || !v->picked || !v->cut || !v->inside || !v->uses ||
        !v->choice || !v->value || !v->given || !v->stats)
        return SN_RESOURCE;
    for (int i = 0; i < g->n; i++) v->fields[i] = sn_node_hash(&g->node[i], true);
    return find_shared(v);
}

void sn_values_free(sn_values *v) {
    free(v->fields), free(v->stands), free(v->signature);
    free(v->shared), free(v->live), free(v->picked), free(v->cut), free(v->inside);
    free(v->uses), free(v->choice), free(v->value), free(v->given), free(v->stats);
    *v = (sn_values){0};
}

// ---------------------------------------------------------------- of an arch
// The input that a node which stands for another takes its value from.
static int source_of(const sn_values *v, const sn_arch *a, const sn_node *n) {
    if (n->kind == SN_NODE_CHOICE) return n->in[a->option[n->decision]];
    int k = 0;
    while (v->stands[n->in[k]] == SN_NOTHING) k++;
    return n->in[k];
}

// Marks what is needed, from the loss to the input.
static void find_live(sn_values *v, const sn_arch *a) {
    const sn_graph *g = v->graph;
    size_t n = (size_t)g->n;
    memset(v->live, 0, n);
    memset(v->picked, 0, n);
    memset(v->uses, 0, n * sizeof *v->uses);
    v->n_choices = 0;
    sn_graph_stand(g, a, NULL, v->stands);
    v->live[g->loss] = true;
    for (int i = g->n - 1; i >= 0; i--) {
        const sn_node *x = &g->node[i];
        if (!v->live[i]) continue;
        if (v->stands[i] != i) {
            v->live[source_of(v, a, x)] = true;
            if (x->kind == SN_NODE_CHOICE || v->shared[i]) v->picked[v->stands[i]] = true;
        }
        if (x->kind == SN_NODE_CHOICE) {
            v->choice[v->n_choices] = i, v->value[v->n_choices++] = v->stands[i];
        }
        for (int k = 0; v->stands[i] == i && k < x->n_in; k++) {
            int in = x->in[k];
            if (v->stands[in] == SN_NOTHING) continue;
            v->live[in] = true;
            v->uses[v->stands[in]]++;
        }
    }
}

// A BN or bias that alone reads a stored tensor is how that is read: a plan must hold both, so there is no cut between them.
static bool claims(const sn_values *v, const sn_node *n, int input) {
    return (n->kind == SN_NODE_BN || n->kind == SN_NODE_BIAS) && sn_node_stores(&v->graph->node[input]) && v->uses[input] == 1;
}

void sn_values_read(sn_values *v, const sn_arch *a) {
    const sn_graph *g = v->graph;
    find_live(v, a);
    for (int i = 0; i < g->n; i++) {
        const sn_node *n = &g->node[i];
        v->cut[i] = false;
        if (!v->live[i] || v->stands[i] != i) continue;
        int first = n->n_in ? v->stands[n->in[0]] : SN_NOTHING;
        uint64_t h = v->fields[i];
        if (first >= 0 && claims(v, n, first)) {
            v->cut[first] = false;
            h = sn_hash_mix(h, 1);
        }
        v->signature[i] = sn_inputs_hash(g, n, v->stands, v->signature, h);
        // an activation of a given value is a way to read it, not a tensor
        bool view = n->kind == SN_NODE_ACT && v->cut[first] && g->node[first].kind != SN_NODE_ACT;
        v->cut[i] = (v->picked[i] || v->shared[i]) && !view && i != g->loss;
    }
}

void sn_values_segment(sn_values *v, int node) {
    const sn_graph *g = v->graph;
    memset(v->inside, 0, (size_t)node + 1);
    v->n_given = v->n_stats = 0;
    v->reads_images = false;
    v->key = sn_hash_mix(1, (uint64_t)node);
    v->inside[node] = true;
    for (int i = node, waiting = 1; waiting; i--) {
        const sn_node *n = &g->node[i];
        if (!v->inside[i]) continue;
        waiting--;
        bool given = i != node && v->cut[i];
        v->key = sn_hash_mix(v->key, 2 * (uint64_t)i + given);
        if (given) v->given[v->n_given++] = i;
        if (given) continue;
        if (n->kind == SN_NODE_INPUT) v->reads_images = true;
        if (n->kind == SN_NODE_BN) v->stats[v->n_stats++] = n->stats;
        for (int k = 0; k < n->n_in; k++) {
            int r = v->stands[n->in[k]];
            if (r == SN_NOTHING && n->kind == SN_NODE_SUM) continue;
            v->key = sn_hash_mix(v->key, (uint64_t)r);
            if (r == SN_NOTHING) continue;
            waiting += !v->inside[r];
            v->inside[r] = true;
        }
    }
}
