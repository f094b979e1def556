// Whether two archs are the same net: see graph.h. With names the order of what a node reads counts, as it does for bits. A net
// trained alone is known by its wiring: sums are flattened and their order is none, and nodes without parameters that read the
// same are one; but each convolution has weights of its own, so the same value read twice is not two equal values. The wiring is
// written down from the loss on, each node numbered when it is first met, and hashed: equal signatures are equal nets. Operands
// of a sum are met in the order of labels, of what a node is made of and what is made of it, which tells apart all that differ in
// small cells. Not here: what nodes stand for (graph.c).
#include "base/hash.h"
#include "space/graph.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const sn_graph *graph;
    int *stands;
    uint8_t *live;
    // per node; of a sum the plain sum of those of its operands
    uint64_t *made;  // of what it is made
    uint64_t *used;  // what is made of it
    uint64_t *self;  // which value of this net it is
    uint64_t *times; // operand of a sum, so often
    uint64_t *now;   // of what it is made, by the numbers of what was met
    uint64_t *met;   // values in the order in which they were met
    int *number;     // of a node with parameters that was met, from 1
    int n_met;
    uint64_t hash;
} signer;

static const sn_node *node_of(const signer *s, int i) {
    return &s->graph->node[i];
}

static bool is_sum(const signer *s, int i) {
    return node_of(s, i)->kind == SN_NODE_SUM;
}

// The kth input of a node, or SN_NOTHING.
static int input_of(const signer *s, int i, int k) {
    return s->stands[node_of(s, i)->in[k]];
}

static bool owns(const signer *s, int i) { // parameters
    return node_of(s, i)->weight >= 0 || node_of(s, i)->bias >= 0;
}

// ---------------------------------------------------------------- with names
static uint64_t sign_named(signer *s) {
    for (int i = 0; i < s->graph->n; i++) {
        if (!s->live[i]) continue;
        s->made[i] = sn_inputs_hash(s->graph, node_of(s, i), s->stands, s->made, sn_node_hash(node_of(s, i), true));
    }
    return s->made[s->graph->loss];
}

// ---------------------------------------------------------------- alone
// A value of `list` as its readers count it: a sum is a value of its own for all but sums.
static uint64_t as_read(const signer *s, const uint64_t *list, int i) {
    return is_sum(s, i) ? sn_hash_mix(sn_node_hash(node_of(s, i), false), list[i]) : list[i];
}

// From the input on. kind: by what nodes are; as values: nodes with parameters are unlike any other; now: those that were met are
// their numbers.
typedef enum { KIND, VALUE, NOW } labelling;
static void label_made(signer *s, uint64_t *list, labelling by) {
    for (int i = 0; i < s->graph->n; i++) {
        const sn_node *n = node_of(s, i);
        if (!s->live[i]) continue;
        uint64_t h = is_sum(s, i) ? 0 : sn_node_hash(n, false);
        bool own = owns(s, i), known = by == NOW && s->number[i];
        if (own && by == VALUE) h = sn_hash_mix(h, (uint64_t)i + 1);
        if (known) h = sn_hash_mix(2, (uint64_t)s->number[i]);
        for (int k = 0; !known && k < n->n_in; k++) {
            int in = input_of(s, i, k);
            if (in == SN_NOTHING)
                h = is_sum(s, i) ? h : sn_hash_mix(h, sn_nothing_hash(s->graph, n, k));
            else if (is_sum(s, i))
                h += is_sum(s, in) ? list[in] : sn_hash_mix(1, list[in]);
            else
                h = sn_hash_mix(h, as_read(s, list, in));
        }
        list[i] = h;
    }
}

// From the loss back.
static void label_used(signer *s) {
    for (int i = s->graph->n - 1; i >= 0; i--)
        for (int k = 0; s->live[i] && k < node_of(s, i)->n_in; k++) {
            int in = input_of(s, i, k);
            if (in == SN_NOTHING) continue;
            uint64_t as = sn_hash_mix(s->made[i], s->used[i]);
            s->used[in] += is_sum(s, i) ? s->used[i] : k ? sn_hash_mix(as, (uint64_t)k) : as;
        }
}

typedef struct {
    uint64_t label, now, times;
    int node;
} operand;

static int by_label(const void *a, const void *b) {
    const operand *x = a, *y = b;
    if (x->label != y->label) return x->label < y->label ? -1 : 1;
    if (x->now != y->now) return x->now < y->now ? -1 : 1;
    return x->node - y->node;
}

static void put(signer *s, uint64_t v) {
    s->hash = sn_hash_mix(s->hash, v);
}

static sn_status meet(signer *s, int i);

// Sorts operands; where labels are equal, what was met already decides.
static void sort_operands(signer *s, operand *list, int n) {
    bool tie = false;
    qsort(list, (size_t)n, sizeof *list, by_label);
    for (int k = 1; k < n; k++) tie = tie || list[k].label == list[k - 1].label;
    if (!tie) return;
    label_made(s, s->now, NOW);
    for (int k = 0; k < n; k++) list[k].now = s->now[list[k].node];
    qsort(list, (size_t)n, sizeof *list, by_label);
}

// The operands of a sum, those of sums in it too, in the order of their labels.
static sn_status meet_operands(signer *s, int sum) {
    int n = 0;
    operand *list = sn_new((size_t)sum + 1, sizeof *list);
    if (!list) return SN_RESOURCE;
    memset(s->times, 0, (size_t)s->graph->n * sizeof *s->times);
    s->times[sum] = 1;
    for (int i = sum; i >= 0; i--) {
        if (!s->times[i]) continue;
        if (!is_sum(s, i)) list[n++] = (operand){sn_hash_mix(s->made[i], s->used[i]), 0, s->times[i], i};
        for (int k = 0; is_sum(s, i) && k < node_of(s, i)->n_in; k++)
            if (input_of(s, i, k) != SN_NOTHING) s->times[input_of(s, i, k)] += s->times[i];
    }
    sort_operands(s, list, n);
    sn_status status = SN_OK;
    put(s, (uint64_t)n);
    for (int k = 0; status == SN_OK && k < n; k++) {
        put(s, list[k].times);
        status = meet(s, list[k].node);
    }
    free(list);
    return status;
}

static sn_status meet(signer *s, int i) {
    uint64_t self = as_read(s, s->self, i);
    for (int k = 0; k < s->n_met; k++)
        if (s->met[k] == self) {
            put(s, (uint64_t)k + 1);
            return SN_OK;
        }
    s->met[s->n_met++] = self;
    if (owns(s, i)) s->number[i] = s->n_met;
    put(s, 0);
    put(s, sn_node_hash(node_of(s, i), false));
    if (is_sum(s, i)) return meet_operands(s, i);
    for (int k = 0; k < node_of(s, i)->n_in; k++)
        if (input_of(s, i, k) != SN_NOTHING)
            SN_TRY(meet(s, input_of(s, i, k)));
        else
            put(s, sn_nothing_hash(s->graph, node_of(s, i), k));
    return SN_OK;
}

// Nodes without parameters that are the same value stand for the first of them.
static void merge_equal(signer *s) {
    for (int i = 0; i < s->graph->n; i++) {
        int same = 0;
        if (!s->live[i] || owns(s, i)) continue;
        while (same < i && !(s->live[same] && is_sum(s, same) == is_sum(s, i) && s->self[same] == s->self[i])) same++;
        for (int k = 0; same < i && k < s->graph->n; k++)
            if (s->stands[k] == i) s->stands[k] = same;
    }
    sn_graph_live(s->graph, s->stands, s->live);
}

static sn_status sign_alone(signer *s, uint64_t *out) {
    label_made(s, s->self, VALUE);
    merge_equal(s);
    label_made(s, s->made, KIND);
    label_used(s);
    SN_TRY(meet(s, s->graph->loss));
    *out = s->hash;
    return SN_OK;
}

sn_status sn_graph_signature(const sn_graph *g, const sn_arch *a, bool with_names, uint64_t *out) {
    enum { LISTS = 6 };
    size_t n = (size_t)g->n;
    signer s = {.graph = g, .hash = 1};
    s.stands = sn_new(n, 2 * sizeof *s.stands + 1);
    s.made = sn_new(LISTS * n, sizeof *s.made);
    sn_status status = s.stands && s.made ? SN_OK : SN_RESOURCE;
    if (status == SN_OK) {
        s.number = s.stands + n, s.live = (uint8_t *)(s.number + n);
        s.used = s.made + n, s.self = s.used + n, s.times = s.self + n, s.met = s.times + n, s.now = s.met + n;
        sn_graph_stand(g, a, NULL, s.stands);
        sn_graph_live(g, s.stands, s.live);
        if (with_names)
            *out = sign_named(&s);
        else
            status = sign_alone(&s, out);
    }
    free(s.stands);
    free(s.made);
    return status;
}

static int by_value(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

sn_status sn_graph_distinct(const sn_graph *g, const sn_space *s, long *out) {
    uint64_t *signature = sn_new((size_t)sn_space_size(s, NULL, 0), sizeof *signature);
    sn_status status = signature ? SN_OK : SN_RESOURCE;
    sn_arch a = sn_arch_first(s);
    size_t n = 0;
    while (status == SN_OK) {
        status = sn_graph_signature(g, &a, false, &signature[n++]);
        if (!sn_arch_next(s, &a)) break;
    }
    if (status == SN_OK) {
        qsort(signature, n, sizeof *signature, by_value);
        *out = 1;
        for (size_t i = 1; i < n; i++) *out += signature[i] != signature[i - 1];
    }
    free(signature);
    return status;
}
