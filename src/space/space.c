// Building and checking a space; see space.h. Not here: YAML, the graph.
#include "space/space.h"
#include "space/arch.h"
#include "space/ops.h"

#include <stdio.h>
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

void sn_space_free(sn_space *s) {
    if (!s) return;
    for (int i = 0; i < s->n_blocks; i++) {
        free(s->blocks[i].name);
        free_nodes(s->blocks[i].node, s->blocks[i].nodes);
    }
    for (int i = 0; i < s->n_entries; i++) free(s->entries[i].name);
    for (int i = 0; i < s->n_decisions; i++) free(s->decisions[i].name);
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
    b->op = op;
    for (int i = 0; !attr && op->attrs[i].type != SN_ATTR_END; i++) b->attr[i] = op->attrs[i].preset;
    if (attr) memcpy(b->attr, attr, sizeof b->attr);
    return s->n_blocks++;
}

// What a choice may be made between; `who` names the choice.
static sn_status check_options(const sn_space *s, const char *who, const int *block, int options) {
    if (options < 1 || options > SN_MAX_OPTIONS)
        return sn_error(SN_CONFIG, "%s has %d options; 1 to %d are allowed", who, options, SN_MAX_OPTIONS);
    for (int k = 0; k < options; k++) {
        const sn_block *b = &s->blocks[block[k]];
        if (b->op && !b->op->takes_out)
            return sn_error(SN_CONFIG, "%s chooses block '%s', a %s, which cannot be an option", who, b->name, b->op->name);
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

static const char *source_name(const sn_motif_node *node, const sn_term *t) {
    return t->from < 0 ? "input" : node[t->from].name;
}

// "n2" where it is alone; else "n2.n1", and "n2.n1-2" for the second from there.
static char *term_name(const sn_motif_node *node, const sn_motif_node *n, int k) {
    int same = 1;
    for (int i = 0; i < k; i++) same += n->term[i].block >= 0 && n->term[i].from == n->term[k].from;
    if (n->terms == 1) return sn_strdup(n->name);
    const char *source = source_name(node, &n->term[k]);
    return same == 1 ? sn_format("%s.%s", n->name, source) : sn_format("%s.%s-%d", n->name, source, same);
}

static sn_status name_terms(const char *motif, sn_motif_node *node, int n) {
    for (int i = 0; i < n; i++) {
        bool read = i == n - 1;
        for (int k = 0; k < node[i].terms; k++)
            if (!(node[i].term[k].name = term_name(node, &node[i], k))) return SN_RESOURCE;
        for (int j = i + 1; j < n; j++)
            for (int k = 0; k < node[j].terms; k++) read = read || node[j].term[k].from == i;
        if (!read)
            return sn_error(SN_CONFIG, "motif '%s': nothing reads node '%s'; the last node, '%s', is the motif's value", motif,
                            node[i].name, node[n - 1].name);
    }
    return SN_OK;
}

int sn_space_add_motif(sn_space *s, const char *name, sn_motif_node *nodes, int n, bool shared) {
    sn_block *b = name_terms(name, nodes, n) == SN_OK ? new_block(s, name) : NULL;
    if (!b) {
        free_nodes(nodes, n);
        return -1;
    }
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

int sn_space_find_decision(const sn_space *s, const char *name) {
    for (int i = 0; i < s->n_decisions; i++)
        if (!strcmp(s->decisions[i].name, name)) return i;
    return -1;
}

static sn_status add_decision(walk *w, const char *name, const int *block, int options) {
    sn_space *s = w->space;
    if (s->n_decisions == SN_MAX_DECISIONS) return sn_error(SN_CONFIG, "more than %d decisions", SN_MAX_DECISIONS);
    sn_decision *d = &s->decisions[s->n_decisions];
    *d = (sn_decision){.name = sn_strdup(name), .options = options, .parent = w->parent, .parent_options = w->options};
    if (!d->name) return SN_RESOURCE;
    memcpy(d->block, block, (size_t)options * sizeof *block);
    d->allowed = UINT64_MAX >> (SN_MAX_OPTIONS - options);
    s->n_decisions++;
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
static sn_status check_again(const walk *w, const sn_decision *d, const int *block, int options) {
    if (d->options != options || memcmp(d->block, block, (size_t)options * sizeof *block))
        return sn_error(SN_CONFIG, "two different decisions would have the name '%s': give entries and shared blocks other names",
                        d->name);
    if (exists_here(w, d)) return SN_OK;
    return sn_error(SN_CONFIG,
                    "decision '%s' is shared by places of which some exist only under some option of another decision; allowed "
                    "is sharing between places that exist together",
                    d->name);
}

static const char too_many_sites[] = "more than %d places choose between blocks, in all layers and motifs";

static sn_status visit_choice(walk *w, const int *block, int options, const char *scope) {
    sn_space *s = w->space;
    if (++w->sites > SN_MAX_SITES) return sn_error(SN_CONFIG, too_many_sites, SN_MAX_SITES);
    int d = sn_space_find_decision(s, scope);
    if (d < 0) {
        d = s->n_decisions;
        SN_TRY(add_decision(w, scope, block, options));
    } else {
        SN_TRY(check_again(w, &s->decisions[d], block, options));
    }
    walk outer = *w;
    for (int k = 0; k < options; k++) {
        char *inside = sn_format("%s.%s", scope, s->blocks[block[k]].name);
        w->parent = d, w->options = UINT64_C(1) << k;
        sn_status status = inside ? visit_block(w, block[k], inside) : SN_RESOURCE;
        free(inside);
        SN_TRY(status);
    }
    w->parent = outer.parent, w->options = outer.options;
    return SN_OK;
}

static sn_status visit_block(walk *w, int block, const char *scope) {
    const sn_block *b = &w->space->blocks[block];
    if (++w->places > SN_MAX_PLACES)
        return sn_error(SN_CONFIG, "more than %d places of blocks, in all layers and motifs", SN_MAX_PLACES);
    if (b->shared) scope = b->name;
    if (b->options) return visit_choice(w, b->block, b->options, scope);
    for (int i = 0; i < b->nodes; i++)
        for (int k = 0; k < b->node[i].terms; k++) {
            const sn_term *t = &b->node[i].term[k];
            if (t->block < 0) continue;
            char *inside = sn_format("%s.%s", scope, t->name);
            sn_status status = inside ? visit_block(w, t->block, inside) : SN_RESOURCE;
            free(inside);
            SN_TRY(status);
        }
    return SN_OK;
}

static sn_status visit_depth(walk *w, const sn_entry *e) {
    char *name = sn_entry_depth(e);
    sn_status status = SN_RESOURCE;
    if (name && sn_space_find_decision(w->space, name) >= 0)
        status = sn_error(SN_CONFIG,
                          "two different decisions would have the name '%s': give entries and shared blocks other names", name);
    else if (name)
        status = add_decision(w, name, e->depth, e->depths);
    free(name);
    SN_TRY(status);
    sn_decision *d = &w->space->decisions[w->space->n_decisions - 1];
    d->depth = true;
    for (int k = 0; k < d->options; k++) snprintf(d->number[k], sizeof d->number[k], "%d", d->block[k]);
    return ++w->sites > SN_MAX_SITES ? sn_error(SN_CONFIG, too_many_sites, SN_MAX_SITES) : SN_OK;
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
        return sn_error(SN_CONFIG, "the space has nothing to choose: no `choose` in `network` or in a block that it uses");
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
    return d->depth ? d->number[option] : s->blocks[d->block[option]].name;
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

// ---------------------------------------------------------------- size
bool sn_space_nests(const sn_space *s) {
    for (int i = 0; i < s->n_decisions; i++)
        if (s->decisions[i].parent >= 0) return true;
    return false;
}

static double archs_of(const sn_space *s, int decision) {
    double sum = 0;
    for (int n = 0, k; (k = sn_decision_option(&s->decisions[decision], n)) >= 0; n++) sum += sn_space_archs_with(s, decision, k);
    return sum;
}

double sn_space_archs_with(const sn_space *s, int decision, int option) {
    double product = 1;
    for (int i = decision + 1; i < s->n_decisions; i++)
        if (s->decisions[i].parent == decision && sn_decision_within(&s->decisions[i], option)) product *= archs_of(s, i);
    return product;
}

// A whole number in decimal digits, lowest first: at most 256 decisions of 64 options, 2^1536 < 10^463.
enum { DIGITS = 480 };
typedef struct {
    unsigned char digit[DIGITS];
    int used;
} number;

static void add(number *to, const number *x) {
    int carry = 0;
    for (int j = 0; j < x->used || carry; j++) {
        int v = (j < to->used ? to->digit[j] : 0) + (j < x->used ? x->digit[j] : 0) + carry;
        to->digit[j] = (unsigned char)(v % 10);
        carry = v / 10;
        if (j >= to->used) to->used = j + 1;
    }
}

static number times(const number *x, const number *y) {
    int sum[DIGITS + 1] = {0}, n = x->used + y->used < DIGITS ? x->used + y->used : DIGITS;
    number out = {.used = 1};
    for (int i = 0; i < x->used; i++)
        for (int j = 0; j < y->used && i + j < n; j++) sum[i + j] += x->digit[i] * y->digit[j];
    for (int i = 0; i < n; i++) {
        sum[i + 1] += sum[i] / 10;
        out.digit[i] = (unsigned char)(sum[i] % 10);
        if (out.digit[i]) out.used = i + 1;
    }
    return out;
}

static number count_archs(const sn_space *s, int decision);

// Of the decisions that exist where `decision` takes `option`; -1, -1: that always do.
static number count_with(const sn_space *s, int decision, int option) {
    number product = {{1}, 1};
    for (int i = decision + 1; i < s->n_decisions; i++)
        if (s->decisions[i].parent == decision && (decision < 0 || sn_decision_within(&s->decisions[i], option))) {
            number x = count_archs(s, i);
            product = times(&product, &x);
        }
    return product;
}

static number count_archs(const sn_space *s, int decision) {
    number sum = {.used = 1};
    for (int n = 0, k; (k = sn_decision_option(&s->decisions[decision], n)) >= 0; n++) {
        number x = count_with(s, decision, k);
        add(&sum, &x);
    }
    return sum;
}

double sn_space_size(const sn_space *s, char *text, size_t text_size) {
    double size = 1;
    for (int i = 0; i < s->n_decisions; i++)
        if (s->decisions[i].parent < 0) size *= archs_of(s, i);
    if (!text_size) return size;
    number all = count_with(s, -1, -1);
    size_t n = 0;
    for (int j = all.used - 1; j >= 0 && n + 1 < text_size; j--) {
        text[n++] = (char)('0' + all.digit[j]);
        if (j && j % 3 == 0 && n + 1 < text_size) text[n++] = ',';
    }
    text[n] = 0;
    return size;
}
