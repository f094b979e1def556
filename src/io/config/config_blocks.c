// `space.blocks`: operations with their attributes, choices between blocks, motifs; and the way back to text.
// Not here: what an operation builds (space/ops/), the network (config_space.c). Next: config_space.c.
#include "io/config/config_blocks.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_NAME = 48, MOST_NODES = 64 };

// --- names and keys

bool sn_blocks_name(sn_space_maker *m, const sn_yaml_node *at, const char *name, sn_place place, const char *what) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    char shown[SN_SHOWN], found[SN_SHOWN + 2];
    if (name && *name && *name != '-' && strlen(name) <= MOST_NAME && !name[strspn(name, allowed)]) return true;
    if (name) snprintf(found, sizeof found, "'%s'", sn_show(name, shown));
    sn_problem(m->problems, place, "%s: found %s; allowed are 1 to %d letters, digits, _ and -, not - first", what,
               name ? found : sn_yaml_found(at, found), MOST_NAME);
    return false;
}

bool sn_blocks_mapping(sn_space_maker *m, const sn_yaml_node *n, const char *what, const char *shape) {
    char found[SN_SHOWN + 2];
    if (n->kind == SN_YAML_MAP) return true;
    sn_problem(m->problems, n->place, "%s: found %s; allowed is %s", what, sn_yaml_found(n, found), shape);
    return false;
}

void sn_blocks_keys(sn_space_maker *m, const sn_yaml_node *map, const sn_op *op, const char *const *others, const char *where) {
    const char *allowed[SN_MAX_WORDS];
    int n = 0;
    for (; others[n]; n++) allowed[n] = others[n];
    for (const sn_attr *a = op ? op->attrs : NULL; a && a->type != SN_ATTR_END; a++) allowed[n++] = a->name;
    allowed[n] = NULL;
    for (const sn_yaml_node *k = map->first; k; k = k->next) {
        bool known = false;
        for (int i = 0; i < n; i++) known = known || !strcmp(allowed[i], k->key);
        char shown[SN_SHOWN];
        if (!known)
            sn_problem(m->problems, k->key_place, "unknown key '%s' in %s; allowed are %s%s", sn_show(k->key, shown), where,
                       sn_words_joined(allowed).text, sn_words_hint(k->key, allowed).text);
    }
}

int sn_blocks_shared(sn_space_maker *m, const sn_yaml_node *map) {
    const sn_yaml_node *n = sn_yaml_find(map, "shared");
    return n ? sn_read_bool(n, "shared", m->problems) : false;
}

// --- operations and their attributes

static const sn_op *read_op(sn_space_maker *m, const sn_yaml_node *map) {
    const sn_yaml_node *op = sn_yaml_find(map, "op");
    const char *names[SN_MAX_WORDS];
    int n = 0;
    for (; sn_ops[n] && n < SN_MAX_WORDS - 1; n++) names[n] = sn_ops[n]->name;
    names[n] = NULL;
    if (!op) {
        sn_problem(m->problems, map->place, "missing key op; allowed are %s", sn_words_joined(names).text);
        return NULL;
    }
    int i = sn_read_word(op, "op", names, m->problems);
    return i < 0 ? NULL : sn_ops[i];
}

// One attribute; -1 with a problem.
static int read_attr(sn_space_maker *m, const sn_op *op, const sn_attr *a, const sn_yaml_node *n) {
    char name[64];
    snprintf(name, sizeof name, "%s of %s", a->name, op->name);
    if (a->type == SN_ATTR_BOOL) return sn_read_bool(n, name, m->problems);
    if (a->type == SN_ATTR_WORD) return sn_read_word(n, name, a->words, m->problems);
    return sn_formula_read(&m->parameters, n, name, a->low, a->high, a->type == SN_ATTR_ODD, m->problems);
}

// The names of the attributes that may be lists.
static int list_elastic(const sn_op *op, const char *names[SN_MAX_WORDS]) {
    int n = 0;
    for (const sn_attr *a = op->attrs; a->type != SN_ATTR_END; a++)
        if (a->elastic) names[n++] = a->name;
    names[n] = NULL;
    return n;
}

// An attribute that is a list; returns its last value, or -1 with problems.
static int read_list(sn_space_maker *m, const sn_op *op, int i, const sn_yaml_node *list, sn_lists *out) {
    const sn_attr *a = &op->attrs[i];
    const char *names[SN_MAX_WORDS];
    if (!a->elastic) {
        int n = list_elastic(op, names);
        sn_problem(m->problems, list->place, "%s of %s: found a list; allowed is one value%s%s", a->name, op->name,
                   n ? ". Lists may be " : ": it has no weights of which parts could be used",
                   n ? sn_words_joined(names).text : "");
        return -1;
    }
    int *value = out->value[i], n = 0;
    for (const sn_yaml_node *v = list->first; v; v = v->next) {
        int x = read_attr(m, op, a, v);
        if (x < 0) return -1;
        if (n == SN_MAX_VALUES || (n && x <= value[n - 1])) {
            sn_problem(m->problems, v->place,
                       "%s of %s: found %d behind %d; allowed are 2 to %d numbers, each greater than the last", a->name, op->name,
                       x, n ? value[n - 1] : 0, SN_MAX_VALUES);
            return -1;
        }
        value[n++] = x;
    }
    if (n < 2) {
        sn_problem(m->problems, list->place, "%s of %s: found a list of %d; allowed are 2 to %d numbers, or one without a list",
                   a->name, op->name, n, SN_MAX_VALUES);
        return -1;
    }
    out->n[i] = n;
    return value[n - 1];
}

// The attributes that are lists.
static int list_lists(const sn_op *op, const sn_lists *l, const char *names[SN_MAX_WORDS]) {
    int n = 0;
    for (int i = 0; op->attrs[i].type != SN_ATTR_END; i++)
        if (l->n[i]) names[n++] = op->attrs[i].name;
    names[n] = NULL;
    return n;
}

// {per: ATTRIBUTE}: which, or -1 with problems.
static int read_per(sn_space_maker *m, const sn_op *op, const sn_yaml_node *bn, const char *const *names) {
    static const char *const keys[] = {"per", NULL};
    const sn_yaml_node *per = sn_yaml_find(bn, "per");
    if (!sn_blocks_mapping(m, bn, "bn", "{per: ATTRIBUTE}, an attribute that is a list")) return -1;
    sn_blocks_keys(m, bn, NULL, keys, "bn");
    if (!per) {
        sn_problem(m->problems, bn->place, "bn: missing key per: an attribute that is a list, %s", sn_words_joined(names).text);
        return -1;
    }
    int word = sn_read_word(per, "per", names, m->problems);
    for (int i = 0; word >= 0 && op->attrs[i].type != SN_ATTR_END; i++)
        if (!strcmp(op->attrs[i].name, names[word])) return i;
    return -1;
}

static bool lists_kernel(const char *const *names) {
    for (; *names; names++)
        if (!strcmp(*names, "kernel")) return true;
    return false;
}

static bool has_attribute(const sn_op *op, const char *name) {
    for (const sn_attr *a = op->attrs; a->type != SN_ATTR_END; a++)
        if (!strcmp(a->name, name)) return true;
    return false;
}

// The keys that go with lists. False with problems.
static bool read_parts(sn_space_maker *m, const sn_op *op, const sn_yaml_node *map, sn_lists *out) {
    static const char *const keys[] = {"transform", "bn", "shared"};
    const char *names[SN_MAX_WORDS];
    int n = list_lists(op, out, names);
    for (int i = 0; i < 3 && !n; i++) {
        const sn_yaml_node *key = sn_yaml_find(map, keys[i]);
        if (!key || has_attribute(op, keys[i])) continue;
        sn_problem(m->problems, key->key_place, "%s: it is allowed in an operation of which an attribute is a list; found none",
                   keys[i]);
        return false;
    }
    const sn_yaml_node *transform = sn_yaml_find(map, "transform"), *bn = n ? sn_yaml_find(map, "bn") : NULL;
    int on = transform ? sn_read_bool(transform, "transform", m->problems) : false;
    if (bn && (out->bn_per = read_per(m, op, bn, names)) < 0) return false;
    out->transform = on > 0;
    if (!out->transform || lists_kernel(names)) return on >= 0;
    sn_problem(m->problems, transform->place, "transform: found true; it is allowed where `kernel` is a list, which it is not");
    return false;
}

const sn_op *sn_blocks_operation(sn_space_maker *m, const sn_yaml_node *map, const char *const *others, int attr[SN_OP_ATTRS],
                                 sn_lists *lists) {
    const sn_op *op = read_op(m, map);
    if (!op) return NULL;
    bool good = true;
    memset(attr, 0, SN_OP_ATTRS * sizeof *attr);
    *lists = (sn_lists){.bn_per = -1};
    for (int i = 0; op->attrs[i].type != SN_ATTR_END; i++) {
        const sn_yaml_node *n = sn_yaml_find(map, op->attrs[i].name);
        bool list = n && n->kind == SN_YAML_LIST;
        attr[i] = list ? read_list(m, op, i, n, lists) : n ? read_attr(m, op, &op->attrs[i], n) : op->attrs[i].preset;
        good = good && attr[i] >= 0;
    }
    good = good && read_parts(m, op, map, lists);
    const char *keys[SN_MAX_WORDS], *elastic[SN_MAX_WORDS];
    int n = 0;
    for (; others[n]; n++) keys[n] = others[n];
    if (list_elastic(op, elastic)) keys[n++] = "transform", keys[n++] = "bn";
    keys[n] = NULL;
    sn_blocks_keys(m, map, op, keys, op->name);
    return good ? op : NULL;
}

// --- blocks by name

// The names of the blocks above `inside`, or of all.
static void list_names(const sn_space_maker *m, const sn_yaml_node *inside, const char *names[SN_MAX_BLOCKS + 1]) {
    const sn_yaml_node *blocks = sn_yaml_find(m->section, "blocks");
    int n = 0;
    for (const sn_yaml_node *b = blocks && blocks->kind == SN_YAML_MAP ? blocks->first : NULL;
         b && b != inside && n < SN_MAX_BLOCKS; b = b->next)
        names[n++] = b->key;
    names[n] = NULL;
}

int sn_blocks_find(sn_space_maker *m, const sn_yaml_node *word, const char *key, const sn_yaml_node *inside) {
    const char *names[SN_MAX_BLOCKS + 1];
    list_names(m, inside, names);
    const char *text = word->kind == SN_YAML_SCALAR ? word->text : NULL;
    for (const sn_yaml_node *below = inside; below && text; below = below->next) {
        if (strcmp(below->key, text)) continue;
        if (below == inside)
            sn_problem(m->problems, word->place, "%s: block '%s' would be inside itself", key, text);
        else
            sn_problem(m->problems, word->place, "%s: block '%s' is defined below, at line %d; allowed are blocks above: %.400s",
                       key, text, below->key_place.line, sn_words_joined(names).text);
        return -1;
    }
    int i = sn_read_word(word, key, names, m->problems), block = i < 0 ? -1 : sn_space_find_block(m->space, names[i]);
    if (block < 0) return -1; // one that is known but wrong has its own problem
    const sn_op *op = m->space->blocks[block].op;
    int inputs = m->space->blocks[block].inputs.n;
    if (inputs > 1 && (inside || strcmp(key, "block"))) {
        sn_problem(m->problems, word->place,
                   "%s: block '%s' reads %d values; it is allowed as the block of an entry of the network", key, names[i],
                   inputs);
        return -1;
    }
    if (!op || op->takes_out) return block;
    sn_problem(m->problems, word->place, "%s: block '%s' is a %s, which cannot be an option", key, names[i], op->name);
    return -1;
}

int sn_blocks_options(sn_space_maker *m, const sn_yaml_node *choose, const sn_yaml_node *inside, int block[SN_MAX_OPTIONS]) {
    char found[SN_SHOWN + 2];
    int n = 0;
    bool good = true;
    if (choose->kind != SN_YAML_LIST || !choose->first) {
        const char *names[SN_MAX_BLOCKS + 1];
        list_names(m, inside, names);
        sn_problem(m->problems, choose->place, "choose: found %s; allowed is a list of blocks [NAME, ...] out of %.400s",
                   choose->kind == SN_YAML_LIST ? "an empty list" : sn_yaml_found(choose, found), sn_words_joined(names).text);
        return -1;
    }
    for (const sn_yaml_node *o = choose->first; o; o = o->next) {
        int b = sn_blocks_find(m, o, "choose", inside);
        good = good && b >= 0;
        if (b < 0) continue;
        for (int k = 0; k < n; k++)
            if (block[k] == b) {
                sn_problem(m->problems, o->place, "choose: block '%s' stands here twice; once is allowed", o->text);
                good = false;
            }
        if (n == SN_MAX_OPTIONS) {
            sn_problem(m->problems, o->place, "choose: more than %d options", SN_MAX_OPTIONS);
            return -1;
        }
        block[n++] = b;
    }
    return good ? n : -1;
}

static void read_choice(sn_space_maker *m, const sn_yaml_node *b) {
    static const char *const keys[] = {"choose", "shared", NULL};
    int block[SN_MAX_OPTIONS];
    sn_blocks_keys(m, b, NULL, keys, "a choice");
    int n = sn_blocks_options(m, sn_yaml_find(b, "choose"), b, block), shared = sn_blocks_shared(m, b);
    if (n > 0 && shared >= 0 && sn_space_add_choice(m->space, b->key, block, n, shared) < 0)
        sn_problem_error(m->problems, b->key_place, "");
}

// --- motifs

typedef struct {
    sn_space_maker *maker;
    const sn_yaml_node *block, *nodes; // the motif and its key `nodes`
    sn_motif_inputs inputs;
    sn_motif_node *node;
    int n; // read so far
    bool good;
} motif;

static const char term_shape[] = "the name of a node or input, or {BLOCK: NODE}";

// The motif's inputs, the first value first, then the nodes so far; *inputs: how many of them are inputs.
static void list_sources(const motif *t, const char *names[SN_MAX_INPUTS + MOST_NODES + 1], int *inputs) {
    int n = 0;
    for (int k = t->inputs.n - 1; k >= 0; k--) names[n++] = t->inputs.name[k];
    if (!n) names[n++] = "input";
    *inputs = n;
    for (int i = 0; i < t->n; i++) names[n++] = t->node[i].name;
    names[n] = NULL;
}

// A node above, or an input: into *from.
static bool find_node(motif *t, const sn_yaml_node *word, int *from) {
    sn_problems *problems = t->maker->problems;
    const char *names[SN_MAX_INPUTS + MOST_NODES + 1];
    char found[SN_SHOWN + 2];
    int inputs;
    list_sources(t, names, &inputs);
    const char *text = word->kind == SN_YAML_SCALAR ? word->text : NULL;
    for (int i = 0; text && names[i]; i++)
        if (!strcmp(text, names[i])) {
            *from = i - inputs;
            return true;
        }
    const sn_yaml_node *below = text ? sn_yaml_find(t->nodes, text) : NULL;
    if (below)
        sn_problem(problems, word->place, "node '%s' is defined %s; allowed are nodes above: %.400s", text,
                   below->key_place.line == word->place.line ? "here or below" : "below", sn_words_joined(names).text);
    else
        sn_problem(problems, word->place, "found %s; allowed is a node above, one of %.400s%s", sn_yaml_found(word, found),
                   sn_words_joined(names).text, text ? sn_words_hint(text, names).text : "");
    return false;
}

static bool read_term(motif *t, const sn_yaml_node *n, sn_term *out) {
    char found[SN_SHOWN + 2];
    *out = (sn_term){.block = -1};
    if (n->kind == SN_YAML_SCALAR) return find_node(t, n, &out->from);
    if (n->kind != SN_YAML_MAP || !n->first || n->first->next) {
        sn_problem(t->maker->problems, n->place, "found %s; allowed is %s",
                   n->kind == SN_YAML_MAP ? "a mapping of several keys or none" : sn_yaml_found(n, found), term_shape);
        return false;
    }
    sn_yaml_node word = {.kind = SN_YAML_SCALAR, .text = n->first->key, .place = n->first->key_place};
    out->block = sn_blocks_find(t->maker, &word, "block of a node", t->block);
    bool good = find_node(t, n->first, &out->from);
    return out->block >= 0 && good;
}

static bool is_pick(const sn_yaml_node *n) {
    return n->kind == SN_YAML_MAP && sn_yaml_find(n, "pick") && n->first->next;
}

static bool read_pick(motif *t, const sn_yaml_node *map, sn_motif_node *out);

// The values of a node that joins several: `key` is sum, concat, or `of` in a pick.
static bool read_terms(motif *t, const sn_yaml_node *list, const char *key, sn_motif_node *out) {
    char found[SN_SHOWN + 2];
    bool good = true, items = !strcmp(key, "of");
    if (!list || list->kind != SN_YAML_LIST || !list->first) {
        sn_problem(t->maker->problems, list ? list->place : t->block->place,
                   "%s: found %s; allowed is a list of one or more, each %s", key,
                   !list                        ? "none"
                   : list->kind == SN_YAML_LIST ? "an empty list"
                                                : sn_yaml_found(list, found),
                   term_shape);
        return false;
    }
    for (const sn_yaml_node *n = list->first; n; n = n->next) {
        sn_term term;
        if (is_pick(n) && !items) {
            good = read_pick(t, n, out) && good;
            continue;
        }
        if (out->terms == SN_MAX_TERMS) {
            sn_problem(t->maker->problems, n->place, "%s: more than %d values", key, SN_MAX_TERMS);
            return false;
        }
        if (read_term(t, n, &term)) {
            term.item = items;
            out->term[out->terms++] = term;
        } else {
            good = false;
        }
    }
    return good;
}

// {pick: N, of: [...]}: in a sum, or alone.
static bool read_pick(motif *t, const sn_yaml_node *map, sn_motif_node *out) {
    static const char *const keys[] = {"pick", "of", NULL};
    sn_problems *problems = t->maker->problems;
    const sn_yaml_node *pick = sn_yaml_find(map, "pick"), *of = sn_yaml_find(map, "of");
    if (out->concat || out->pick) {
        sn_problem(problems, map->place, "pick: found %s; allowed is one in a sum",
                   out->concat ? "one in a concat" : "a second one");
        return false;
    }
    sn_blocks_keys(t->maker, map, NULL, keys, "a pick");
    if (!of) {
        sn_problem(problems, map->place, "pick: missing key of: a list of one or more, each %s", term_shape);
        return false;
    }
    int before = out->terms;
    if (!read_terms(t, of, "of", out)) return false;
    int n = out->terms - before, picked = sn_read_int(pick, "pick", 1, n, false, problems);
    if (picked < 0) return false;
    if (sn_pick_ways(n, picked) > SN_MAX_OPTIONS) {
        sn_problem(problems, pick->place, "pick: %d of %d values can be picked in %.0f ways; allowed are %d at most", picked, n,
                   sn_pick_ways(n, picked), SN_MAX_OPTIONS);
        return false;
    }
    out->pick = picked;
    return true;
}

// {sum: [...]}, {concat: [...]}, {pick: N, of: [...]}, or one value.
static bool read_value(motif *t, const sn_yaml_node *n, sn_motif_node *out) {
    const sn_yaml_node *sum = sn_yaml_find(n, "sum"), *concat = sn_yaml_find(n, "concat");
    if (is_pick(n)) return read_pick(t, n, out);
    if (concat && !n->first->next) {
        out->concat = true;
        return read_terms(t, concat, "concat", out);
    }
    return sum && !n->first->next ? read_terms(t, sum, "sum", out) : read_term(t, n, &out->term[out->terms++]);
}

// A node; wrong ones are known by their names all the same.
static void read_node(motif *t, const sn_yaml_node *n) {
    sn_motif_node *out = &t->node[t->n];
    sn_space_maker *m = t->maker;
    if (!sn_blocks_name(m, n, n->key, n->key_place, "name of a node")) {
        t->good = false;
        return;
    }
    const char *names[SN_MAX_INPUTS + MOST_NODES + 1];
    int inputs;
    list_sources(t, names, &inputs);
    for (int i = 0; i < inputs; i++)
        if (!strcmp(n->key, names[i])) {
            sn_problem(m->problems, n->key_place, "name of a node: found '%s', which is what the motif reads", n->key);
            t->good = false;
            return;
        }
    t->good = read_value(t, n, out) && t->good;
    if (!(out->name = sn_strdup(n->key))) m->problems->memory = true, t->good = false;
    t->n++;
}

// An input of a name, read through a block or (NULL) as it is. Given are the first value first; kept is the last one first.
static void read_input(motif *t, const sn_yaml_node *at, const char *name, sn_place place, const sn_yaml_node *through) {
    sn_space_maker *m = t->maker;
    sn_motif_inputs *to = &t->inputs;
    int block = through ? sn_blocks_find(m, through, "inputs", t->block) : -1;
    bool good = sn_blocks_name(m, at, name, place, "name of an input") && (!through || block >= 0);
    for (int k = 0; good && k < to->n; k++)
        if (!strcmp(to->name[k], name)) {
            sn_problem(m->problems, place, "inputs: '%s' stands here twice; once is allowed", name);
            good = false;
        }
    char *copy = good ? sn_strdup(name) : NULL;
    m->problems->memory = m->problems->memory || (good && !copy);
    if (!copy) {
        t->good = false;
        return;
    }
    memmove(to->name + 1, to->name, (size_t)to->n * sizeof *to->name);
    memmove(to->through + 1, to->through, (size_t)to->n * sizeof *to->through);
    to->name[0] = copy, to->through[0] = block;
    to->n++;
}

// [NAME, ...], or NAME: BLOCK where they are read through blocks.
static void read_inputs(motif *t, const sn_yaml_node *inputs) {
    char found[SN_SHOWN + 2];
    int n = 0;
    bool map = inputs->kind == SN_YAML_MAP;
    for (const sn_yaml_node *i = map || inputs->kind == SN_YAML_LIST ? inputs->first : NULL; i; i = i->next) n++;
    if (n < 1 || n > SN_MAX_INPUTS) {
        const char *what = map || inputs->kind == SN_YAML_LIST ? NULL : sn_yaml_found(inputs, found);
        if (!what) snprintf(found, sizeof found, "%d", n);
        sn_problem(t->maker->problems, inputs->place,
                   "inputs: found %s; allowed are 1 to %d: [NAME, ...], or {NAME: BLOCK, ...} where they are read through blocks",
                   what ? what : found, SN_MAX_INPUTS);
        t->good = false;
        return;
    }
    for (const sn_yaml_node *i = inputs->first; i; i = i->next)
        if (map)
            read_input(t, i, i->key, i->key_place, i);
        else
            read_input(t, i, i->kind == SN_YAML_SCALAR ? i->text : NULL, i->place, NULL);
}

static void free_motif(motif *t) {
    for (int i = 0; i < t->n; i++) free(t->node[i].name);
    for (int i = 0; i < t->inputs.n; i++) free(t->inputs.name[i]);
    free(t->node);
}

static void read_motif(sn_space_maker *m, const sn_yaml_node *b) {
    static const char *const keys[] = {"nodes", "inputs", "shared", NULL};
    const sn_yaml_node *inputs = sn_yaml_find(b, "inputs");
    motif t = {m, b, sn_yaml_find(b, "nodes"), {.n = 0}, sn_new(MOST_NODES, sizeof *t.node), 0, true};
    int shared = sn_blocks_shared(m, b);
    sn_blocks_keys(m, b, NULL, keys, "a motif");
    if (!t.node) m->problems->memory = true;
    if (t.node && inputs) read_inputs(&t, inputs);
    if (!t.node || !sn_blocks_mapping(m, t.nodes, "nodes",
                                      "a mapping NAME: {BLOCK: NODE}, {sum: [...]}, {concat: [...]} or {pick: N, of: [...]}")) {
        free_motif(&t);
        return;
    }
    if (!t.nodes->first) sn_problem(m->problems, t.nodes->place, "nodes: found none; a motif needs one at least"), t.good = false;
    for (const sn_yaml_node *n = t.nodes->first; n; n = n->next) {
        if (t.n == MOST_NODES) {
            sn_problem(m->problems, n->key_place, "nodes: more than %d", MOST_NODES);
            t.good = false;
            break;
        }
        read_node(&t, n);
    }
    if (t.good && shared >= 0) {
        if (sn_space_add_motif(m->space, b->key, &t.inputs, t.node, t.n, shared) < 0)
            sn_problem_error(m->problems, b->key_place, "");
        return;
    }
    free_motif(&t);
}

// --- all

static void read_operation(sn_space_maker *m, const sn_yaml_node *b) {
    static const char *const others[] = {"op", "shared", NULL};
    int attr[SN_OP_ATTRS], shared = sn_blocks_shared(m, b);
    sn_lists lists;
    const sn_op *op = sn_blocks_operation(m, b, others, attr, &lists);
    if (op && shared >= 0 && sn_space_add_elastic(m->space, b->key, op, attr, &lists, shared) < 0)
        sn_problem_error(m->problems, b->key_place, "");
}

void sn_blocks_read(sn_space_maker *m) {
    const sn_yaml_node *blocks = sn_yaml_find(m->section, "blocks");
    if (!blocks) {
        sn_problem(m->problems, m->section->place, "missing key space.blocks");
        return;
    }
    if (!sn_blocks_mapping(m, blocks, "space.blocks", "a mapping NAME: {op: OPERATION, ...}")) return;
    for (const sn_yaml_node *b = blocks->first; b; b = b->next) {
        char what[SN_SHOWN + 32], shown[SN_SHOWN];
        snprintf(what, sizeof what, "block '%s'", sn_show(b->key, shown));
        if (!sn_blocks_name(m, b, b->key, b->key_place, "name of a block") ||
            !sn_blocks_mapping(m, b, what, "{op: OPERATION, ATTRIBUTE: VALUE, ...}, {choose: [BLOCK, ...]} or {nodes: {...}}"))
            continue;
        if (sn_yaml_find(b, "choose")) {
            read_choice(m, b);
        } else if (sn_yaml_find(b, "nodes")) {
            read_motif(m, b);
        } else if (!sn_yaml_find(b, "op")) {
            sn_problem(m->problems, b->place, "%s: found none of op, choose, nodes; allowed is one of them", what);
        } else {
            read_operation(m, b);
        }
    }
}

// --- back to text

static void print_list(const char *name, const int *value, int n, FILE *out) {
    fprintf(out, ", %s: [", name);
    for (int k = 0; k < n; k++) fprintf(out, "%s%d", k ? ", " : "", value[k]);
    fputc(']', out);
}

void sn_blocks_print_operation(const sn_block *b, FILE *out) {
    fprintf(out, "op: %s", b->op->name);
    for (int i = 0; b->op->attrs[i].type != SN_ATTR_END; i++) {
        const sn_attr *a = &b->op->attrs[i];
        if (b->lists.n[i])
            print_list(a->name, b->lists.value[i], b->lists.n[i], out);
        else if (a->type == SN_ATTR_BOOL)
            fprintf(out, ", %s: %s", a->name, b->attr[i] ? "true" : "false");
        else if (a->type == SN_ATTR_WORD)
            fprintf(out, ", %s: %s", a->name, a->words[b->attr[i]]);
        else
            fprintf(out, ", %s: %d", a->name, b->attr[i]);
    }
    if (b->lists.transform) fputs(", transform: true", out);
    if (b->lists.bn_per >= 0) fprintf(out, ", bn: {per: %s}", b->op->attrs[b->lists.bn_per].name);
}

void sn_blocks_print_names(const sn_space *s, const int *block, int n, FILE *out) {
    for (int i = 0; i < n; i++) {
        fputs(i ? ", " : "[", out);
        sn_text_print(s->blocks[block[i]].name, out);
    }
    fputc(']', out);
}

static void print_term(const sn_space *s, const sn_block *b, const sn_term *t, FILE *out) {
    const char *from = t->from >= 0 ? b->node[t->from].name : b->inputs.n ? b->inputs.name[-1 - t->from] : "input";
    if (t->block >= 0) {
        fputc('{', out);
        sn_text_print(s->blocks[t->block].name, out);
        fputs(": ", out);
    }
    sn_text_print(from, out);
    if (t->block >= 0) fputc('}', out);
}

static void print_nodes(const sn_space *s, const sn_block *b, FILE *out) {
    for (int i = 0; i < b->nodes; i++) {
        const sn_motif_node *n = &b->node[i];
        bool joins = n->terms > 1 || n->pick;
        fputs("        ", out);
        sn_text_print(n->name, out);
        fputs(!joins ? ": " : n->concat ? ": {concat: [" : ": {sum: [", out);
        for (int k = 0; k < n->terms; k++) {
            bool item = n->term[k].item, first = item && !(k && n->term[k - 1].item);
            if (k) fputs(", ", out);
            if (first) fprintf(out, "{pick: %d, of: [", n->pick);
            print_term(s, b, &n->term[k], out);
            if (item && !(k + 1 < n->terms && n->term[k + 1].item)) fputs("]}", out);
        }
        fputs(joins ? "]}\n" : "\n", out);
    }
}

static void print_inputs(const sn_space *s, const sn_motif_inputs *inputs, FILE *out) {
    if (!inputs->n) return;
    bool map = inputs->through[0] >= 0;
    fputs(map ? "      inputs: {" : "      inputs: [", out);
    for (int k = inputs->n - 1; k >= 0; k--) {
        sn_text_print(inputs->name[k], out);
        if (map) fputs(": ", out), sn_text_print(s->blocks[inputs->through[k]].name, out);
        if (k) fputs(", ", out);
    }
    fputs(map ? "}\n" : "]\n", out);
}

void sn_blocks_print(const sn_space *s, FILE *out) {
    fputs("  blocks:\n", out);
    for (int i = 0; i < s->n_blocks; i++) {
        const sn_block *b = &s->blocks[i];
        if (strchr(b->name, '.')) continue; // of a fixed entry
        fputs("    ", out);
        sn_text_print(b->name, out);
        if (b->nodes) {
            fprintf(out, ":\n      shared: %s\n", b->shared ? "true" : "false");
            print_inputs(s, &b->inputs, out);
            fputs("      nodes:\n", out);
            print_nodes(s, b, out);
            continue;
        }
        fputs(": {", out);
        if (b->op)
            sn_blocks_print_operation(b, out);
        else
            fputs("choose: ", out), sn_blocks_print_names(s, b->block, b->options, out);
        fputs(b->shared ? ", shared: true}\n" : "}\n", out);
    }
}
