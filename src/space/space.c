// Building and checking a space; see space.h. Not here: how many archs there are (size.c), YAML, the graph.
#include "space/space.h"
#include "space/arch.h"
#include "space/ops.h"

#include <stdlib.h>
#include <string.h>

sn_space *sn_space_new(void) {
    sn_space *s = sn_new(1, sizeof *s);
    if (s) s->bn_eps = 1e-5;
    return s;
}

static void free_nodes(sn_motif_node *node, int n) {
    for (int i = 0; node && i < n; i++) {
        free(node[i].name);
        for (int k = 0; k < node[i].terms; k++) free(node[i].term[k].name);
    }
    free(node);
}

static void free_inputs(const sn_motif_inputs *inputs) {
    for (int i = 0; inputs && i < inputs->n; i++) free(inputs->name[i]);
}

static void free_decision(sn_decision *d) {
    for (int k = 0; d->label && k < d->options; k++) free(d->label[k]);
    free(d->label);
    free(d->items);
    free(d->name);
}

void sn_space_free(sn_space *s) {
    if (!s) return;
    for (int i = 0; i < s->n_blocks; i++) {
        free(s->blocks[i].name);
        free_inputs(&s->blocks[i].inputs);
        free_nodes(s->blocks[i].node, s->blocks[i].nodes);
    }
    for (int i = 0; i < s->n_entries; i++) free(s->entries[i].name);
    for (int i = 0; i < s->n_decisions; i++) free_decision(&s->decisions[i]);
    free(s->blocks);
    free(s->entries);
    free(s->decisions);
    free(s);
}

// ---------------------------------------------------------------- blocks
int sn_space_find_block(const sn_space *s, const char *name) {
    for (int i = 0; i < s->n_blocks; i++)
        if (!strcmp(s->blocks[i].name, name)) return i;
    return -1;
}

// Room for another block of this name, zeroed but for that; NULL with the message set.
static sn_block *new_block(sn_space *s, const char *name) {
    if (s->n_blocks == SN_MAX_BLOCKS) {
        sn_error(SN_CONFIG, "more than %d blocks", SN_MAX_BLOCKS);
        return NULL;
    }
    if (sn_space_find_block(s, name) >= 0) {
        sn_error(SN_CONFIG, "block '%s' is defined twice", name);
        return NULL;
    }
    if (!s->blocks && !(s->blocks = sn_new(SN_MAX_BLOCKS, sizeof *s->blocks))) return NULL;
    sn_block *b = &s->blocks[s->n_blocks];
    *b = (sn_block){.name = sn_strdup(name)};
    return b->name ? b : NULL;
}

int sn_space_add_block(sn_space *s, const char *name, const sn_op *op, const int *attr) {
    sn_block *b = new_block(s, name);
    if (!b) return -1;
    b->op = op, b->lists.bn_per = -1;
    for (int i = 0; !attr && op->attrs[i].type != SN_ATTR_END; i++) b->attr[i] = op->attrs[i].preset;
    if (attr) memcpy(b->attr, attr, sizeof b->attr);
    return s->n_blocks++;
}

bool sn_block_elastic(const sn_block *b) {
    for (int i = 0; b->op && b->op->attrs[i].type != SN_ATTR_END; i++)
        if (b->lists.n[i]) return true;
    return false;
}

static sn_status check_list(const char *name, const sn_op *op, const sn_lists *l, int i) {
    const sn_attr *a = &op->attrs[i];
    if (!l->n[i]) return SN_OK;
    if (!a->elastic || l->n[i] > SN_MAX_VALUES)
        return sn_error(SN_CONFIG, "block '%s': %s of %s cannot be a list of %d", name, a->name, op->name, l->n[i]);
    for (int k = 1; k < l->n[i]; k++)
        if (l->value[i][k] <= l->value[i][k - 1])
            return sn_error(SN_CONFIG, "block '%s': %s of %s: %d stands behind %d", name, a->name, op->name, l->value[i][k],
                            l->value[i][k - 1]);
    return SN_OK;
}

int sn_space_add_elastic(sn_space *s, const char *name, const sn_op *op, const int *attr, const sn_lists *lists, bool shared) {
    for (int i = 0; op->attrs[i].type != SN_ATTR_END; i++)
        if (check_list(name, op, lists, i) != SN_OK) return -1;
    int id = sn_space_add_block(s, name, op, attr);
    if (id < 0) return -1;
    sn_block *b = &s->blocks[id];
    b->lists = *lists, b->shared = shared;
    for (int i = 0; i < SN_OP_ATTRS; i++)
        if (lists->n[i]) b->attr[i] = lists->value[i][lists->n[i] - 1];
    return id;
}

// What a choice may be made between; `who` names the choice.
static sn_status check_options(const sn_space *s, const char *who, const int *block, int options) {
    if (options < 1 || options > SN_MAX_OPTIONS)
        return sn_error(SN_CONFIG, "%s has %d options; 1 to %d are allowed", who, options, SN_MAX_OPTIONS);
    for (int k = 0; k < options; k++) {
        const sn_block *b = &s->blocks[block[k]];
        if (b->op && !b->op->takes_out)
            return sn_error(SN_CONFIG, "%s chooses block '%s', a %s, which cannot be an option", who, b->name, b->op->name);
        if (b->inputs.n > 1)
            return sn_error(SN_CONFIG, "%s chooses block '%s', which reads %d values and cannot be an option", who, b->name,
                            b->inputs.n);
        for (int j = 0; j < k; j++)
            if (block[j] == block[k]) return sn_error(SN_CONFIG, "%s lists block '%s' twice", who, b->name);
    }
    return SN_OK;
}

int sn_space_add_choice(sn_space *s, const char *name, const int *block, int options, bool shared) {
    char *who = sn_format("block '%s'", name);
    sn_status status = who ? check_options(s, who, block, options) : SN_RESOURCE;
    free(who);
    sn_block *b = status == SN_OK ? new_block(s, name) : NULL;
    if (!b) return -1;
    memcpy(b->block, block, (size_t)options * sizeof *block);
    b->options = options, b->shared = shared;
    return s->n_blocks++;
}

static const char *source_name(const sn_motif_inputs *inputs, const sn_motif_node *node, const sn_term *t) {
    if (t->from >= 0) return node[t->from].name;
    return inputs && inputs->n ? inputs->name[-1 - t->from] : "input";
}

// "n2" where it is alone; else "n2.n1", and "n2.n1-2" for the second from there.
static char *term_name(const sn_motif_inputs *inputs, const sn_motif_node *node, const sn_motif_node *n, int k) {
    int same = 1;
    for (int i = 0; i < k; i++) same += (n->term[i].block >= 0 || n->term[i].item) && n->term[i].from == n->term[k].from;
    if (n->terms == 1 && !n->pick) return sn_strdup(n->name);
    const char *source = source_name(inputs, node, &n->term[k]);
    return same == 1 ? sn_format("%s.%s", n->name, source) : sn_format("%s.%s-%d", n->name, source, same);
}

double sn_pick_ways(int n, int picked) {
    double ways = 1;
    for (int k = 1; k <= picked; k++) ways = ways * (n - picked + k) / k;
    return ways;
}

static int items_of(const sn_motif_node *n) {
    int items = 0;
    for (int k = 0; k < n->terms; k++) items += n->term[k].item;
    return items;
}

static sn_status check_pick(const char *motif, const sn_motif_node *n) {
    int items = items_of(n);
    double ways = sn_pick_ways(items, n->pick);
    if (n->pick < 0 || n->pick > items || (items && !n->pick) || (n->pick && n->concat))
        return sn_error(SN_CONFIG, "motif '%s': node '%s' picks %d of %d values; allowed are 1 to all of the values of a sum",
                        motif, n->name, n->pick, items);
    if (ways <= SN_MAX_OPTIONS) return SN_OK;
    return sn_error(SN_CONFIG,
                    "motif '%s': node '%s' picks %d of %d values, which can be done in %.0f ways; at most %d options are "
                    "allowed",
                    motif, n->name, n->pick, items, ways, SN_MAX_OPTIONS);
}

static bool reads(const sn_motif_node *node, int n, int from) {
    for (int i = 0; i < n; i++)
        for (int k = 0; k < node[i].terms; k++)
            if (node[i].term[k].from == from) return true;
    return false;
}

static sn_status name_terms(const char *motif, const sn_motif_inputs *inputs, sn_motif_node *node, int n) {
    for (int k = 0; inputs && k < inputs->n; k++)
        if (!reads(node, n, -1 - k)) return sn_error(SN_CONFIG, "motif '%s': nothing reads input '%s'", motif, inputs->name[k]);
    for (int i = 0; i < n; i++) {
        SN_TRY(check_pick(motif, &node[i]));
        for (int k = 0; k < node[i].terms; k++)
            if (!(node[i].term[k].name = term_name(inputs, node, &node[i], k))) return SN_RESOURCE;
        if (i < n - 1 && !reads(node, n, i))
            return sn_error(SN_CONFIG, "motif '%s': nothing reads node '%s'; the last node, '%s', is the motif's value", motif,
                            node[i].name, node[n - 1].name);
    }
    return SN_OK;
}

int sn_space_add_motif(sn_space *s, const char *name, const sn_motif_inputs *inputs, sn_motif_node *nodes, int n, bool shared) {
    sn_block *b = name_terms(name, inputs, nodes, n) == SN_OK ? new_block(s, name) : NULL;
    if (!b) {
        free_nodes(nodes, n);
        free_inputs(inputs);
        return -1;
    }
    if (inputs) b->inputs = *inputs;
    b->node = nodes, b->nodes = n, b->shared = shared;
    return s->n_blocks++;
}

// ---------------------------------------------------------------- entries
int sn_space_add_entry(sn_space *s, const char *name, const sn_entry *entry) {
    if (s->n_entries == SN_MAX_ENTRIES) {
        sn_error(SN_CONFIG, "more than %d entries in `network`", SN_MAX_ENTRIES);
        return -1;
    }
    for (int i = 0; i < s->n_entries; i++)
        if (!strcmp(s->entries[i].name, name)) {
            sn_error(SN_CONFIG, "two entries of `network` have the name '%s'", name);
            return -1;
        }
    if (!s->entries && !(s->entries = sn_new(SN_MAX_ENTRIES, sizeof *s->entries))) return -1;
    char *copy = sn_strdup(name);
    if (!copy) return -1;
    s->entries[s->n_entries] = *entry;
    s->entries[s->n_entries].name = copy;
    return s->n_entries++;
}

char *sn_entry_place(const sn_entry *e, int layer) {
    return !e->choice && e->layers == 1 ? sn_strdup(e->name) : sn_format("%s.layer%d", e->name, layer + 1);
}

char *sn_entry_scope(const sn_entry *e, int layer) {
    return e->shared ? sn_strdup(e->name) : sn_entry_place(e, layer);
}

char *sn_entry_depth(const sn_entry *e) {
    return sn_format("%s.depth", e->name);
}

static bool is_classifier(const sn_space *s, int entry) {
    const sn_block *b = &s->blocks[s->entries[entry].block[0]];
    return !s->entries[entry].choice && b->op && !b->op->takes_out;
}

// ---------------------------------------------------------------- decisions
// A walk through all places in the builder's order (build.c); decisions that are shared are met again.
typedef struct {
    sn_space *space;
    int sites, places;
    int parent; // of the options that the place is in; -1: none
    uint64_t options;
} walk;

static sn_status visit_block(walk *w, int block, const char *scope);
static sn_status visit_inside(walk *w, int block, const char *scope, const char *name);

int sn_space_find_decision(const sn_space *s, const char *name) {
    for (int i = 0; i < s->n_decisions; i++)
        if (!strcmp(s->decisions[i].name, name)) return i;
    return -1;
}

// Without options yet.
static sn_status add_decision(walk *w, const char *name) {
    sn_space *s = w->space;
    if (s->n_decisions == SN_MAX_DECISIONS) return sn_error(SN_CONFIG, "more than %d decisions", SN_MAX_DECISIONS);
    sn_decision *d = &s->decisions[s->n_decisions];
    *d = (sn_decision){.name = sn_strdup(name), .parent = w->parent, .parent_options = w->options};
    if (!d->name) return SN_RESOURCE;
    s->n_decisions++;
    return SN_OK;
}

static sn_status add_choice(walk *w, const char *name, const int *block, int options) {
    SN_TRY(add_decision(w, name));
    sn_decision *d = &w->space->decisions[w->space->n_decisions - 1];
    memcpy(d->block, block, (size_t)options * sizeof *block);
    d->options = options;
    d->allowed = UINT64_MAX >> (SN_MAX_OPTIONS - options);
    return SN_OK;
}

// Of the items of a node those whose bit is set, "a+b".
static char *pick_label(const sn_motif_node *n, uint64_t items) {
    char *label = sn_strdup("");
    for (int k = 0, item = 0; label && k < n->terms; k++) {
        if (!n->term[k].item || !(items >> item++ & 1)) continue;
        char *longer = sn_format("%s%s%s", label, *label ? "+" : "", n->term[k].name + strlen(n->name) + 1);
        free(label);
        label = longer;
    }
    return label;
}

// Every set of so many items is an option, in the order in which they are listed.
static sn_status add_pick(walk *w, const char *name, const sn_motif_node *n) {
    int items = items_of(n), picked[SN_MAX_TERMS], options = (int)sn_pick_ways(items, n->pick);
    SN_TRY(add_decision(w, name));
    sn_decision *d = &w->space->decisions[w->space->n_decisions - 1];
    d->label = sn_new((size_t)options, sizeof *d->label), d->items = sn_new((size_t)options, sizeof *d->items);
    if (!d->label || !d->items) return SN_RESOURCE;
    for (int i = 0; i < n->pick; i++) picked[i] = i;
    for (d->options = 0; d->options < options; d->options++) {
        uint64_t *set = &d->items[d->options];
        for (int i = 0; i < n->pick; i++) *set |= UINT64_C(1) << picked[i];
        if (!(d->label[d->options] = pick_label(n, *set))) return SN_RESOURCE;
        int last = n->pick - 1; // the last that can move on
        while (last >= 0 && picked[last] == items - n->pick + last) last--;
        if (last < 0) continue;
        picked[last]++;
        for (int i = last + 1; i < n->pick; i++) picked[i] = picked[i - 1] + 1;
    }
    d->allowed = UINT64_MAX >> (SN_MAX_OPTIONS - options);
    return SN_OK;
}

// Whether a decision exists wherever the place that is visited does: it was met here, or around here.
static bool exists_here(const walk *w, const sn_decision *d) {
    int parent = w->parent;
    uint64_t options = w->options;
    while (parent != d->parent || (parent >= 0 && options & ~d->parent_options)) {
        if (parent < 0) return false;
        options = w->space->decisions[parent].parent_options;
        parent = w->space->decisions[parent].parent;
    }
    return true;
}

// That a decision which is met again is the same one.
static sn_status check_again(const walk *w, const sn_decision *d, bool same) {
    if (!same)
        return sn_error(SN_CONFIG, "two different decisions would have the name '%s': give entries and shared blocks other names",
                        d->name);
    if (exists_here(w, d)) return SN_OK;
    return sn_error(SN_CONFIG,
                    "decision '%s' is shared by places of which some exist only under some option of another decision; allowed "
                    "is sharing between places that exist together",
                    d->name);
}

static sn_status add_sites(walk *w, int n) {
    w->sites += n;
    if (w->sites <= SN_MAX_SITES) return SN_OK;
    return sn_error(SN_CONFIG, "more than %d places choose between blocks, in all layers and motifs", SN_MAX_SITES);
}

static bool same_choice(const sn_decision *d, const int *block, int options) {
    return !d->label && d->options == options && !memcmp(d->block, block, (size_t)options * sizeof *block);
}

// Of one motif: a place of other items has another name.
static bool same_pick(const sn_decision *d, const sn_motif_node *n) {
    if (!d->items || d->options != (int)sn_pick_ways(items_of(n), n->pick)) return false;
    for (int k = 0; k < d->options; k++) {
        char *label = pick_label(n, d->items[k]);
        bool same = label && !strcmp(label, d->label[k]);
        free(label);
        if (!same) return false;
    }
    return true;
}

static sn_status visit_pick(walk *w, const sn_motif_node *n, const char *scope, int *decision) {
    sn_space *s = w->space;
    SN_TRY(add_sites(w, items_of(n)));
    int d = sn_space_find_decision(s, scope);
    *decision = d < 0 ? s->n_decisions : d;
    return d < 0 ? add_pick(w, scope, n) : check_again(w, &s->decisions[d], same_pick(&s->decisions[d], n));
}

static sn_status visit_choice(walk *w, const int *block, int options, const char *scope) {
    sn_space *s = w->space;
    SN_TRY(add_sites(w, 1));
    int d = sn_space_find_decision(s, scope);
    if (d < 0) {
        d = s->n_decisions;
        SN_TRY(add_choice(w, scope, block, options));
    } else {
        SN_TRY(check_again(w, &s->decisions[d], same_choice(&s->decisions[d], block, options)));
    }
    walk outer = *w;
    for (int k = 0; k < options; k++) {
        w->parent = d, w->options = UINT64_C(1) << k;
        SN_TRY(visit_inside(w, block[k], scope, s->blocks[block[k]].name));
    }
    w->parent = outer.parent, w->options = outer.options;
    return SN_OK;
}

static sn_status visit_inside(walk *w, int block, const char *scope, const char *name) {
    char *inside = sn_format("%s.%s", scope, name);
    sn_status status = inside ? visit_block(w, block, inside) : SN_RESOURCE;
    free(inside);
    return status;
}

// The options of a pick with its kth item.
static uint64_t options_with(const sn_decision *d, int item) {
    uint64_t options = 0;
    for (int k = 0; k < d->options; k++)
        if (d->items[k] >> item & 1) options |= UINT64_C(1) << k;
    return options;
}

static sn_status visit_node(walk *w, const sn_motif_node *n, const char *scope) {
    int pick = -1, item = 0;
    char *inside = n->pick ? sn_format("%s.%s", scope, n->name) : NULL;
    sn_status status = !n->pick ? SN_OK : inside ? visit_pick(w, n, inside, &pick) : SN_RESOURCE;
    free(inside);
    const int parent = w->parent;
    const uint64_t options = w->options;
    for (int k = 0; status == SN_OK && k < n->terms; k++) {
        const sn_term *t = &n->term[k];
        w->parent = t->item ? pick : parent;
        w->options = t->item ? options_with(&w->space->decisions[pick], item++) : options;
        if (t->block >= 0) status = visit_inside(w, t->block, scope, t->name);
    }
    w->parent = parent, w->options = options;
    return status;
}

// A label for each of a decision's numbers.
static sn_status label_numbers(sn_decision *d) {
    if (!(d->label = sn_new((size_t)d->options, sizeof *d->label))) return SN_RESOURCE;
    for (int k = 0; k < d->options; k++)
        if (!(d->label[k] = sn_format("%d", d->block[k]))) return SN_RESOURCE;
    return SN_OK;
}

static sn_status visit_list(walk *w, const sn_block *b, int attr, int lists, const char *name) {
    const int *value = b->lists.value[attr], n = b->lists.n[attr];
    int d = sn_space_find_decision(w->space, name);
    if (d >= 0) {
        const sn_decision *there = &w->space->decisions[d];
        bool same = there->lists == lists && there->options == n && !memcmp(there->block, value, (size_t)n * sizeof *value);
        return check_again(w, there, same);
    }
    SN_TRY(add_choice(w, name, value, n));
    sn_decision *new = &w->space->decisions[w->space->n_decisions - 1];
    new->lists = lists;
    return label_numbers(new);
}

// The decisions of an operation's lists. Each stands within those before it, which makes so many sites.
static sn_status visit_lists(walk *w, const sn_block *b, const char *scope) {
    int lists = 0, sites = 1;
    for (int i = 0; i < SN_OP_ATTRS; i++) lists += b->lists.n[i] > 0;
    for (int i = 0; i < SN_OP_ATTRS && b->op->attrs[i].type != SN_ATTR_END; i++) {
        if (!b->lists.n[i]) continue;
        char *name = sn_format("%s.%s", scope, b->op->attrs[i].name);
        sn_status status = name ? visit_list(w, b, i, lists, name) : SN_RESOURCE;
        free(name);
        SN_TRY(status);
        SN_TRY(add_sites(w, sites));
        sites *= b->lists.n[i];
    }
    if (sites > SN_MAX_OPTIONS)
        return sn_error(SN_CONFIG, "block '%s': its lists can be combined in %d ways; at most %d are allowed", b->name, sites,
                        SN_MAX_OPTIONS);
    w->places += sites - 1;
    return SN_OK;
}

static sn_status visit_block(walk *w, int block, const char *scope) {
    const sn_block *b = &w->space->blocks[block];
    if (++w->places > SN_MAX_PLACES)
        return sn_error(SN_CONFIG, "more than %d places of blocks, in all layers and motifs", SN_MAX_PLACES);
    if (b->shared) scope = b->name;
    if (b->op) return visit_lists(w, b, scope);
    if (b->options) return visit_choice(w, b->block, b->options, scope);
    for (int i = b->inputs.n - 1; i >= 0; i--)
        if (b->inputs.through[i] >= 0) SN_TRY(visit_inside(w, b->inputs.through[i], scope, b->inputs.name[i]));
    for (int i = 0; i < b->nodes; i++) SN_TRY(visit_node(w, &b->node[i], scope));
    return SN_OK;
}

// The options of a depth are numbers of layers.
static sn_status add_depth(walk *w, const char *name, const sn_entry *e) {
    SN_TRY(add_choice(w, name, e->depth, e->depths));
    sn_decision *d = &w->space->decisions[w->space->n_decisions - 1];
    d->depth = true;
    return label_numbers(d);
}

static sn_status visit_depth(walk *w, const sn_entry *e) {
    char *name = sn_entry_depth(e);
    int same = name ? sn_space_find_decision(w->space, name) : -1;
    sn_status status = !name ? SN_RESOURCE : same < 0 ? add_depth(w, name, e) : check_again(w, &w->space->decisions[same], false);
    free(name);
    SN_TRY(status);
    return add_sites(w, 1);
}

// Bit k where depth k reaches the layer.
static uint64_t reaches(const sn_entry *e, int layer) {
    uint64_t options = 0;
    for (int k = 0; k < e->depths; k++) options |= (uint64_t)(e->depth[k] > layer) << k;
    return options;
}

static sn_status visit_layers(walk *w, const sn_entry *e) {
    int depth = w->space->n_decisions - 1;
    for (int l = 0; l < e->layers; l++) {
        if (e->depths && l >= e->depth[0]) w->parent = depth, w->options = reaches(e, l);
        char *scope = sn_entry_scope(e, l);
        sn_status status = SN_RESOURCE;
        if (scope) status = e->choice ? visit_choice(w, e->block, e->options, scope) : visit_block(w, e->block[0], scope);
        free(scope);
        SN_TRY(status);
    }
    return SN_OK;
}

static sn_status visit_entry(walk *w, const sn_entry *e) {
    if (e->depths) SN_TRY(visit_depth(w, e));
    SN_TRY(visit_layers(w, e));
    w->parent = -1, w->options = 0;
    return SN_OK;
}

// The longest text of an arch fits.
static sn_status check_text(const sn_space *s) {
    size_t bytes = 0;
    for (int i = 0; i < s->n_decisions; i++) {
        size_t longest = 0;
        for (int k = 0; k < s->decisions[i].options && !s->digits; k++) {
            size_t n = strlen(sn_space_option_name(s, i, k));
            if (n > longest) longest = n;
        }
        bytes += longest + 1; // a comma or the end, or the digit
    }
    if (bytes <= SN_ARCH_TEXT) return SN_OK;
    return sn_error(SN_CONFIG, "the names of an arch can take %zu bytes; at most %d are allowed: give the blocks shorter names",
                    bytes, SN_ARCH_TEXT);
}

static sn_status check_entry(const sn_space *s, int i) {
    const sn_entry *e = &s->entries[i];
    if (i + 1 < s->n_entries && is_classifier(s, i))
        return sn_error(SN_CONFIG, "entry '%s' is a classifier but not the last entry of `network`", e->name);
    const sn_block *b = &s->blocks[e->block[0]];
    if (e->depths && !e->choice && b->inputs.n > 1)
        return sn_error(SN_CONFIG,
                        "entry '%s': of block '%s', which reads several values, how many layers there are cannot be a choice; "
                        "allowed is one number",
                        e->name, b->name);
    if (!e->choice) return SN_OK;
    char *who = sn_format("entry '%s'", e->name);
    sn_status status = who ? check_options(s, who, e->block, e->options) : SN_RESOURCE;
    free(who);
    return status;
}

sn_status sn_space_finish(sn_space *s) {
    if (s->channels < 1 || s->height < 1 || s->width < 1)
        return sn_error(SN_CONFIG, "the space has no input size: `input` needs channels, height and width");
    if (s->classes < 2) return sn_error(SN_CONFIG, "the space has %d classes; at least 2 are needed", s->classes);
    if (!s->n_entries || !is_classifier(s, s->n_entries - 1))
        return sn_error(SN_CONFIG, "the last entry of `network` must be {op: classifier}");
    if (!(s->decisions = sn_new(SN_MAX_DECISIONS, sizeof *s->decisions))) return SN_RESOURCE;
    walk w = {.space = s, .parent = -1};
    for (int i = 0; i < s->n_entries; i++) {
        SN_TRY(check_entry(s, i));
        SN_TRY(visit_entry(&w, &s->entries[i]));
    }
    if (!s->n_decisions)
        return sn_error(SN_CONFIG,
                        "the space has nothing to choose: no `choose` and no list in `network` or in a block that it uses");
    if (s->digits && sn_space_max_options(s) > 10)
        return sn_error(SN_CONFIG, "`text: digits` needs at most 10 options per decision; found %d", sn_space_max_options(s));
    return check_text(s);
}

// ---------------------------------------------------------------- allowed options
bool sn_decision_allows(const sn_decision *d, int option) {
    return option >= 0 && option < d->options && (d->allowed >> option & 1);
}

bool sn_decision_within(const sn_decision *d, int option) {
    return option >= 0 && option < SN_MAX_OPTIONS && (d->parent_options >> option & 1);
}

int sn_decision_count(const sn_decision *d) {
    return __builtin_popcountll(d->allowed);
}

int sn_decision_option(const sn_decision *d, int nth) {
    uint64_t left = d->allowed;
    for (; left && nth; nth--) left &= left - 1;
    return left ? __builtin_ctzll(left) : -1;
}

int sn_space_max_options(const sn_space *s) {
    int most = 0;
    for (int i = 0; i < s->n_decisions; i++)
        if (sn_decision_count(&s->decisions[i]) > most) most = sn_decision_count(&s->decisions[i]);
    return most;
}

static int options_before(const sn_space *s, int decision) {
    int n = 0;
    for (int i = 0; i < decision; i++) n += sn_decision_count(&s->decisions[i]);
    return n;
}

int sn_space_options(const sn_space *s) {
    return options_before(s, s->n_decisions);
}

int sn_space_option_place(const sn_space *s, int decision, int option) {
    uint64_t below = s->decisions[decision].allowed & ((UINT64_C(1) << option) - 1);
    return options_before(s, decision) + __builtin_popcountll(below);
}

const char *sn_space_option_name(const sn_space *s, int decision, int option) {
    const sn_decision *d = &s->decisions[decision];
    return d->label ? d->label[option] : s->blocks[d->block[option]].name;
}

sn_status sn_space_restrict(sn_space *s, int decision, uint64_t options) {
    sn_decision *d = &s->decisions[decision];
    if (!(d->allowed & options)) return sn_error(SN_USAGE, "decision '%s' would have no option left", d->name);
    d->allowed &= options;
    return SN_OK;
}

sn_status sn_space_restrict_to(sn_space *s, const sn_arch *a) {
    if (a->n != s->n_decisions) return sn_error(SN_USAGE, "an arch of %d decisions for a space of %d", a->n, s->n_decisions);
    for (int i = 0; i < a->n; i++) { // of a decision that the arch does not reach any option will do
        int option = a->option[i] == SN_ABSENT ? sn_decision_option(&s->decisions[i], 0) : a->option[i];
        if (!sn_decision_allows(&s->decisions[i], option))
            return sn_error(SN_USAGE, "decision '%s' does not allow option %d", s->decisions[i].name, option);
        SN_TRY(sn_space_restrict(s, i, UINT64_C(1) << option));
    }
    return SN_OK;
}
