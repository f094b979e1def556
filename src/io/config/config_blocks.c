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
    return sn_read_int(n, name, a->low, a->high, a->type == SN_ATTR_ODD, m->problems);
}

const sn_op *sn_blocks_operation(sn_space_maker *m, const sn_yaml_node *map, const char *const *others, int attr[SN_OP_ATTRS]) {
    const sn_op *op = read_op(m, map);
    if (!op) return NULL;
    bool good = true;
    memset(attr, 0, SN_OP_ATTRS * sizeof *attr);
    for (int i = 0; op->attrs[i].type != SN_ATTR_END; i++) {
        const sn_yaml_node *n = sn_yaml_find(map, op->attrs[i].name);
        attr[i] = n ? read_attr(m, op, &op->attrs[i], n) : op->attrs[i].preset;
        good = good && attr[i] >= 0;
    }
    sn_blocks_keys(m, map, op, others, op->name);
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
    sn_motif_node *node;
    int n; // read so far
    bool good;
} motif;

static const char term_shape[] = "the name of a node or input, or {BLOCK: NODE}";

// A node above, or `input`: into *from.
static bool find_node(motif *t, const sn_yaml_node *word, int *from) {
    sn_problems *problems = t->maker->problems;
    const char *names[MOST_NODES + 2] = {"input"};
    char found[SN_SHOWN + 2];
    for (int i = 0; i < t->n; i++) names[i + 1] = t->node[i].name;
    const char *text = word->kind == SN_YAML_SCALAR ? word->text : NULL;
    for (int i = 0; text && i <= t->n; i++)
        if (!strcmp(text, names[i])) {
            *from = i - 1;
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

static bool read_sum(motif *t, const sn_yaml_node *list, sn_motif_node *out) {
    char found[SN_SHOWN + 2];
    bool good = true;
    if (list->kind != SN_YAML_LIST || !list->first) {
        sn_problem(t->maker->problems, list->place, "sum: found %s; allowed is a list of one or more, each %s",
                   list->kind == SN_YAML_LIST ? "an empty list" : sn_yaml_found(list, found), term_shape);
        return false;
    }
    for (const sn_yaml_node *n = list->first; n; n = n->next) {
        if (out->terms == SN_MAX_TERMS) {
            sn_problem(t->maker->problems, n->place, "sum: more than %d values", SN_MAX_TERMS);
            return false;
        }
        sn_term term;
        if (read_term(t, n, &term))
            out->term[out->terms++] = term;
        else
            good = false;
    }
    return good;
}

// A node; wrong ones are known by their names all the same.
static void read_node(motif *t, const sn_yaml_node *n) {
    sn_motif_node *out = &t->node[t->n];
    sn_space_maker *m = t->maker;
    if (!sn_blocks_name(m, n, n->key, n->key_place, "name of a node")) {
        t->good = false;
        return;
    }
    if (!strcmp(n->key, "input")) {
        sn_problem(m->problems, n->key_place, "name of a node: found 'input', which is what the motif reads");
        t->good = false;
        return;
    }
    const sn_yaml_node *sum = sn_yaml_find(n, "sum");
    if (sum && !n->first->next)
        t->good = read_sum(t, sum, out) && t->good;
    else
        t->good = read_term(t, n, &out->term[out->terms++]) && t->good;
    if (!(out->name = sn_strdup(n->key))) m->problems->memory = true, t->good = false;
    t->n++;
}

static void read_motif(sn_space_maker *m, const sn_yaml_node *b) {
    static const char *const keys[] = {"nodes", "shared", NULL};
    motif t = {m, b, sn_yaml_find(b, "nodes"), sn_new(MOST_NODES, sizeof *t.node), 0, true};
    int shared = sn_blocks_shared(m, b);
    sn_blocks_keys(m, b, NULL, keys, "a motif");
    if (!t.node) m->problems->memory = true;
    if (!t.node || !sn_blocks_mapping(m, t.nodes, "nodes", "a mapping NAME: {BLOCK: NODE} or NAME: {sum: [...]}")) {
        free(t.node);
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
        if (sn_space_add_motif(m->space, b->key, t.node, t.n, shared) < 0) sn_problem_error(m->problems, b->key_place, "");
        return;
    }
    for (int i = 0; i < t.n; i++) free(t.node[i].name);
    free(t.node);
}

// --- all

void sn_blocks_read(sn_space_maker *m) {
    static const char *const others[] = {"op", NULL};
    const sn_yaml_node *blocks = sn_yaml_find(m->section, "blocks");
    if (!blocks) {
        sn_problem(m->problems, m->section->place, "missing key space.blocks");
        return;
    }
    if (!sn_blocks_mapping(m, blocks, "space.blocks", "a mapping NAME: {op: OPERATION, ...}")) return;
    for (const sn_yaml_node *b = blocks->first; b; b = b->next) {
        char what[SN_SHOWN + 32], shown[SN_SHOWN];
        int attr[SN_OP_ATTRS];
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
            const sn_op *op = sn_blocks_operation(m, b, others, attr);
            if (op && sn_space_add_block(m->space, b->key, op, attr) < 0) sn_problem_error(m->problems, b->key_place, "");
        }
    }
}

// --- back to text

void sn_blocks_print_operation(const sn_block *b, FILE *out) {
    fprintf(out, "op: %s", b->op->name);
    for (int i = 0; b->op->attrs[i].type != SN_ATTR_END; i++) {
        const sn_attr *a = &b->op->attrs[i];
        if (a->type == SN_ATTR_BOOL)
            fprintf(out, ", %s: %s", a->name, b->attr[i] ? "true" : "false");
        else if (a->type == SN_ATTR_WORD)
            fprintf(out, ", %s: %s", a->name, a->words[b->attr[i]]);
        else
            fprintf(out, ", %s: %d", a->name, b->attr[i]);
    }
}

void sn_blocks_print_names(const sn_space *s, const int *block, int n, FILE *out) {
    for (int i = 0; i < n; i++) {
        fputs(i ? ", " : "[", out);
        sn_text_print(s->blocks[block[i]].name, out);
    }
    fputc(']', out);
}

static void print_term(const sn_space *s, const sn_block *b, const sn_term *t, FILE *out) {
    const char *from = t->from < 0 ? "input" : b->node[t->from].name;
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
        fputs("        ", out);
        sn_text_print(n->name, out);
        fputs(n->terms > 1 ? ": {sum: [" : ": ", out);
        for (int k = 0; k < n->terms; k++) {
            if (k) fputs(", ", out);
            print_term(s, b, &n->term[k], out);
        }
        fputs(n->terms > 1 ? "]}\n" : "\n", out);
    }
}

void sn_blocks_print(const sn_space *s, FILE *out) {
    fputs("  blocks:\n", out);
    for (int i = 0; i < s->n_blocks; i++) {
        const sn_block *b = &s->blocks[i];
        if (strchr(b->name, '.')) continue; // of a fixed entry
        fputs("    ", out);
        sn_text_print(b->name, out);
        if (b->nodes) {
            fprintf(out, ":\n      shared: %s\n      nodes:\n", b->shared ? "true" : "false");
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
