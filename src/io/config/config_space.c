// The `space` section: presets, blocks with the attributes of their operations, the network, and the way back to text.
// Not here: what an operation builds (supernet/ops/), rules about whole spaces (space/space.c, graph.c).
// Next: space/space.h.
#include "io/config/config_table.h"
#include "space/arch.h"
#include "space/graph.h"
#include "space/ops.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_OUT = 16384, MOST_STRIDE = 8, MOST_LAYERS = 256, MOST_NAME = 48 };

// --- presets

enum { PLACES = 4 };

// Where a preset may be, in order. Paths with a slash are one place.
static int preset_places(sn_yaml *y, const char *name, const char *folder, char *out[PLACES]) {
    char program[4096], *made[PLACES];
    int n = 0;
    if (strchr(name, '/')) {
        made[n++] = sn_format("%s%s", *name == '/' ? "" : folder, name);
    } else {
        made[n++] = sn_format("%s%s.yaml", folder, name);
        made[n++] = sn_format("%sspaces/%s.yaml", folder, name);
        ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
        program[length > 0 ? length : 0] = 0;
        char *slash = strrchr(program, '/');
        if (slash) {
            *slash = 0;
            made[n++] = sn_format("%s/../share/supernet/spaces/%s.yaml", program, name);
            made[n++] = sn_format("%s/../configs/spaces/%s.yaml", program, name);
        }
    }
    bool complete = true;
    for (int i = 0; i < n; i++) {
        out[i] = made[i] ? sn_yaml_copy(y, made[i]) : NULL;
        complete = complete && out[i];
        free(made[i]);
    }
    return complete ? n : 0;
}

// Names of the spaces in the folder of a place; the config's own folder holds configs too, so only spaces/ counts.
static void add_names(const char *place, sn_phrase *known) {
    char folder[4096];
    const char *slash = strrchr(place, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - place) : 0, place);
    size_t length = strlen(folder);
    DIR *d = length >= 6 && !strcmp(folder + length - 6, "spaces") ? opendir(folder) : NULL;
    for (struct dirent *e; d && (e = readdir(d));) {
        size_t n = strlen(e->d_name), used = strlen(known->text);
        char name[256];
        if (e->d_name[0] == '.' || n < 6 || strcmp(e->d_name + n - 5, ".yaml")) continue;
        snprintf(name, sizeof name, "%.*s", (int)(n - 5), e->d_name);
        if (!strstr(known->text, name)) snprintf(known->text + used, sizeof known->text - used, "%s%s", used ? ", " : "", name);
    }
    if (d) closedir(d);
}

static sn_yaml_node *read_preset(sn_yaml *y, const char *path, const sn_yaml_node *named, sn_problems *problems) {
    char *text;
    size_t size;
    if (sn_config_read_file(path, &text, &size) != SN_OK) {
        sn_problem_error(problems, named->place, "space.preset: ");
        return NULL;
    }
    sn_yaml_node *root = sn_yaml_read(y, path, text, size, problems);
    free(text);
    if (!root) return NULL;
    sn_yaml_node *space = (sn_yaml_node *)sn_yaml_find(root, "space");
    if (!space || space->kind != SN_YAML_MAP || root->first->next)
        sn_problem(problems, root->place, "a space's file holds the section `space` and nothing else");
    else if (sn_yaml_find(space, "preset"))
        sn_problem(problems, sn_yaml_find(space, "preset")->key_place, "a preset in a preset; allowed is a space written out");
    else
        return space;
    return NULL;
}

bool sn_space_preset(sn_yaml *y, sn_yaml_node *space, const char *folder, sn_problems *problems) {
    const sn_yaml_node *named = sn_yaml_find(space, "preset");
    char found[SN_SHOWN + 2], *places[PLACES];
    if (!named) return true;
    if (named->kind != SN_YAML_SCALAR || !*named->text) {
        sn_problem(problems, named->place, "space.preset: found %s; allowed is the name of a space, such as nasbench-macro",
                   sn_yaml_found(named, found));
        return false;
    }
    if (!named->place.line && strchr(named->text, '/')) folder = ""; // an override's path counts from the current folder
    int n = preset_places(y, named->text, folder, places), at = 0;
    if (!n) {
        problems->memory = true;
        return false;
    }
    while (at < n && access(places[at], F_OK)) at++;
    if (at == n) {
        sn_phrase known = {""};
        for (int i = 0; i < n; i++) add_names(places[i], &known);
        if (strchr(named->text, '/') || !*known.text)
            sn_problem(problems, named->place, "space.preset: found %s, but there is no file %s", sn_yaml_found(named, found),
                       places[0]);
        else
            sn_problem(problems, named->place, "space.preset: found %s; allowed are %s, or the path of a file",
                       sn_yaml_found(named, found), known.text);
        return false;
    }
    sn_yaml_node *preset = read_preset(y, places[at], named, problems);
    if (!preset) return false;
    sn_yaml_merge(preset, space); // what the section gives stands
    space->first = preset->first;
    space->last = preset->last;
    return true;
}

// --- names

// Letters, digits, _ and -: names are parts of paths of parameters and of archs' texts.
static bool good_name(const sn_yaml_node *at, const char *name, sn_place place, const char *what, sn_problems *problems) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    char shown[SN_SHOWN], found[SN_SHOWN + 2];
    if (name && *name && *name != '-' && strlen(name) <= MOST_NAME && !name[strspn(name, allowed)]) return true;
    if (name) snprintf(found, sizeof found, "'%s'", sn_show(name, shown));
    sn_problem(problems, place, "%s: found %s; allowed are 1 to %d letters, digits, _ and -, not - first", what,
               name ? found : sn_yaml_found(at, found), MOST_NAME);
    return false;
}

// --- operations and their attributes

typedef struct {
    const sn_yaml_node *section; // of the config
    sn_space *space;
    sn_problems *problems;
    int choices;
} maker;

static const sn_op *read_op(maker *m, const sn_yaml_node *map) {
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
static int read_attr(maker *m, const sn_op *op, const sn_attr *a, const sn_yaml_node *n) {
    char name[64];
    snprintf(name, sizeof name, "%s of %s", a->name, op->name);
    if (a->type == SN_ATTR_BOOL) return sn_read_bool(n, name, m->problems);
    if (a->type == SN_ATTR_WORD) return sn_read_word(n, name, a->words, m->problems);
    return sn_read_int(n, name, a->low, a->high, a->type == SN_ATTR_ODD, m->problems);
}

// Keys of a mapping other than the attributes of op and `others` are unknown.
static void check_keys(maker *m, const sn_yaml_node *map, const sn_op *op, const char *const *others, const char *where) {
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

// The operation of {op: ..., ATTRIBUTE: VALUE, ...} and its attributes, defaults filled in. NULL with problems; also when one
// attribute is wrong.
static const sn_op *read_operation(maker *m, const sn_yaml_node *map, const char *const *others, int attr[SN_OP_ATTRS]) {
    const sn_op *op = read_op(m, map);
    if (!op) return NULL;
    bool good = true;
    memset(attr, 0, SN_OP_ATTRS * sizeof *attr);
    for (int i = 0; op->attrs[i].type != SN_ATTR_END; i++) {
        const sn_yaml_node *n = sn_yaml_find(map, op->attrs[i].name);
        attr[i] = n ? read_attr(m, op, &op->attrs[i], n) : op->attrs[i].preset;
        good = good && attr[i] >= 0;
    }
    check_keys(m, map, op, others, op->name);
    return good ? op : NULL;
}

static bool is_mapping(maker *m, const sn_yaml_node *n, const char *what, const char *shape) {
    char found[SN_SHOWN + 2];
    if (n->kind == SN_YAML_MAP) return true;
    sn_problem(m->problems, n->place, "%s: found %s; allowed is %s", what, sn_yaml_found(n, found), shape);
    return false;
}

static void read_blocks(maker *m) {
    static const char *const others[] = {"op", NULL};
    const sn_yaml_node *blocks = sn_yaml_find(m->section, "blocks");
    if (!blocks) {
        sn_problem(m->problems, m->section->place, "missing key space.blocks");
        return;
    }
    if (!is_mapping(m, blocks, "space.blocks", "a mapping NAME: {op: OPERATION, ...}")) return;
    for (const sn_yaml_node *b = blocks->first; b; b = b->next) {
        char what[SN_SHOWN + 32], shown[SN_SHOWN];
        int attr[SN_OP_ATTRS];
        snprintf(what, sizeof what, "block '%s'", sn_show(b->key, shown));
        if (!good_name(b, b->key, b->key_place, "name of a block", m->problems) ||
            !is_mapping(m, b, what, "{op: OPERATION, ATTRIBUTE: VALUE, ...}"))
            continue;
        const sn_op *op = read_operation(m, b, others, attr);
        if (op && sn_space_add_block(m->space, b->key, op, attr) < 0) sn_problem_error(m->problems, b->key_place, "");
    }
}

// --- the network

static int read_count(maker *m, const sn_yaml_node *map, const char *name, int high, int preset) {
    const sn_yaml_node *n = sn_yaml_find(map, name);
    if (n) return sn_read_int(n, name, 1, high, false, m->problems);
    if (preset < 0) sn_problem(m->problems, map->place, "missing key %s: a whole number from 1 to %d", name, high);
    return preset;
}

static bool classifier_next(const sn_yaml_node *entry) {
    const sn_yaml_node *op = entry->next ? sn_yaml_find(entry->next, "op") : NULL;
    return op && op->kind == SN_YAML_SCALAR && !strcmp(op->text, "classifier");
}

// Adds the entry under its own or the usual name.
static void add_entry(maker *m, const sn_yaml_node *map, const char *usual, const sn_entry *entry) {
    const sn_yaml_node *n = sn_yaml_find(map, "name");
    const char *name = usual;
    if (n) name = n->text;
    if (n && !good_name(n, n->text, n->place, "name", m->problems)) return;
    if (sn_space_add_entry(m->space, name, entry) < 0) sn_problem_error(m->problems, n ? n->place : map->place, "");
}

static void read_fixed(maker *m, const sn_yaml_node *map, int position) {
    static const char *const with_out[] = {"op", "out", "stride", "name", NULL}, *const without[] = {"op", "name", NULL};
    const sn_yaml_node *op_node = sn_yaml_find(map, "op");
    const sn_op *known = op_node && op_node->kind == SN_YAML_SCALAR ? sn_op_find(op_node->text) : NULL;
    bool takes_out = !known || known->takes_out;
    int attr[SN_OP_ATTRS];
    char usual[64], block[80];
    const sn_op *op = read_operation(m, map, takes_out ? with_out : without, attr);
    sn_entry e = {.options = 1, .layers = 1, .stride = 1};
    if (takes_out) {
        e.out = read_count(m, map, "out", MOST_OUT, -1);
        e.stride = read_count(m, map, "stride", MOST_STRIDE, 1);
    }
    if (!op || e.out < 0 || e.stride < 0) return;
    if (!takes_out)
        snprintf(usual, sizeof usual, "%s", op->name);
    else if (position == 1)
        snprintf(usual, sizeof usual, "stem");
    else if (classifier_next(map))
        snprintf(usual, sizeof usual, "head");
    else
        snprintf(usual, sizeof usual, "%s%d", op->name, position);
    snprintf(block, sizeof block, "network.%d", position); // no name that a user can give
    e.block[0] = sn_space_add_block(m->space, block, op, attr);
    if (e.block[0] < 0)
        sn_problem_error(m->problems, map->place, "");
    else
        add_entry(m, map, usual, &e);
}

// The options of a choice into e; false with problems.
static bool read_options(maker *m, const sn_yaml_node *choose, sn_entry *e) {
    const sn_yaml_node *blocks = sn_yaml_find(m->section, "blocks");
    const char *names[SN_MAX_BLOCKS + 1];
    char found[SN_SHOWN + 2];
    int n = 0;
    for (const sn_yaml_node *b = blocks && blocks->kind == SN_YAML_MAP ? blocks->first : NULL; b && n < SN_MAX_BLOCKS;
         b = b->next)
        names[n++] = b->key;
    names[n] = NULL;
    if (choose->kind != SN_YAML_LIST || !choose->first) {
        sn_problem(m->problems, choose->place, "choose: found %s; allowed is a list of blocks [NAME, ...] out of %.400s",
                   choose->kind == SN_YAML_LIST ? "an empty list" : sn_yaml_found(choose, found), sn_words_joined(names).text);
        return false;
    }
    bool good = true;
    for (const sn_yaml_node *o = choose->first; o; o = o->next) {
        int i = sn_read_word(o, "choose", names, m->problems), block = i < 0 ? -1 : sn_space_find_block(m->space, names[i]);
        good = good && block >= 0; // a block that is known but wrong has its own problem
        if (block < 0) continue;
        for (int k = 0; k < e->options; k++)
            if (e->block[k] == block) {
                sn_problem(m->problems, o->place, "choose: block '%s' stands here twice; once is allowed", names[i]);
                good = false;
            }
        if (!m->space->blocks[block].op->takes_out) {
            sn_problem(m->problems, o->place, "choose: block '%s' is a %s, which cannot be an option", names[i],
                       m->space->blocks[block].op->name);
            good = false;
        }
        if (e->options == SN_MAX_OPTIONS) {
            sn_problem(m->problems, o->place, "choose: more than %d options", SN_MAX_OPTIONS);
            return false;
        }
        e->block[e->options++] = block;
    }
    return good;
}

static void read_choice(maker *m, const sn_yaml_node *map) {
    static const char *const keys[] = {"layers", "out", "stride", "choose", "shared", "name", NULL};
    char usual[64];
    snprintf(usual, sizeof usual, "stage%d", ++m->choices);
    sn_entry e = {.choice = true};
    check_keys(m, map, NULL, keys, "a choice");
    e.layers = read_count(m, map, "layers", MOST_LAYERS, 1);
    e.out = read_count(m, map, "out", MOST_OUT, -1);
    e.stride = read_count(m, map, "stride", MOST_STRIDE, 1);
    bool good = read_options(m, sn_yaml_find(map, "choose"), &e);
    const sn_yaml_node *shared = sn_yaml_find(map, "shared");
    int word = shared ? sn_read_bool(shared, "shared", m->problems) : false;
    e.shared = word > 0;
    if (good && word >= 0 && e.layers > 0 && e.out > 0 && e.stride > 0) add_entry(m, map, usual, &e);
}

static void read_network(maker *m, const sn_yaml_node *network) {
    char found[SN_SHOWN + 2];
    if (network->kind != SN_YAML_LIST) {
        sn_problem(m->problems, network->place, "space.network: found %s; allowed is a list of operations and choices",
                   sn_yaml_found(network, found));
        return;
    }
    int position = 0;
    for (const sn_yaml_node *n = network->first; n; n = n->next) {
        position++;
        if (!is_mapping(m, n, "entry of space.network", "{op: OPERATION, ...} or {layers: N, out: N, choose: [NAME, ...]}"))
            continue;
        if (sn_yaml_find(n, "choose"))
            read_choice(m, n);
        else if (sn_yaml_find(n, "op"))
            read_fixed(m, n, position);
        else
            sn_problem(m->problems, n->place, "an entry of space.network with neither op nor choose; allowed is one of them");
    }
}

// --- the whole

// Shapes: they are the graph's business; built once here so that a wrong space is an error of the config.
static void check_whole(maker *m, const sn_yaml_node *network) {
    sn_graph *graph = NULL;
    if (sn_space_finish(m->space) != SN_OK || sn_graph_build(m->space, &graph) != SN_OK)
        sn_problem_error(m->problems, network->place, "space.network: ");
    sn_graph_free(graph);
}

// Keeps one arch and writes its canonical text into the config.
static void restrict_to(maker *m, sn_config *c) {
    const sn_yaml_node *n = sn_yaml_find(m->section, "arch");
    char text[SN_ARCH_TEXT];
    sn_arch arch;
    if (sn_arch_parse(m->space, c->space.arch, &arch) != SN_OK) {
        sn_problem_error(m->problems, n->place, "space.arch: ");
        return;
    }
    char *canonical = sn_strdup(sn_arch_text(m->space, &arch, text));
    if (!canonical || sn_space_restrict_to(m->space, &arch) != SN_OK) {
        m->problems->memory = true;
        free(canonical);
        return;
    }
    free(c->space.arch);
    c->space.arch = canonical;
}

void sn_space_read(const sn_yaml_node *section, sn_config *c, sn_problems *problems) {
    maker m = {section, sn_space_new(), problems, 0};
    if (!m.space) {
        problems->memory = true;
        return;
    }
    const sn_yaml_node *network = sn_yaml_find(section, "network");
    m.space->channels = c->space.input.channels, m.space->height = c->space.input.height, m.space->width = c->space.input.width;
    m.space->classes = c->space.classes, m.space->digits = c->space.text == SN_TEXT_DIGITS;
    read_blocks(&m);
    if (network)
        read_network(&m, network);
    else
        sn_problem(problems, section->place, "missing key space.network");
    if (!sn_problems_any(problems)) check_whole(&m, network);
    if (!sn_problems_any(problems) && *c->space.arch) restrict_to(&m, c);
    c->space.built = m.space;
}

// --- back to text

static void print_attrs(const sn_block *b, FILE *out) {
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

static void print_entry(const sn_space *s, const sn_entry *e, FILE *out) {
    fputs("    - {", out);
    if (e->choice) {
        fprintf(out, "layers: %d, out: %d, stride: %d, choose: [", e->layers, e->out, e->stride);
        for (int i = 0; i < e->options; i++) {
            if (i) fputs(", ", out);
            sn_text_print(s->blocks[e->block[i]].name, out);
        }
        fputs(e->shared ? "], shared: true" : "]", out);
    } else {
        print_attrs(&s->blocks[e->block[0]], out);
        if (e->out) fprintf(out, ", out: %d, stride: %d", e->out, e->stride);
    }
    fputs(", name: ", out);
    sn_text_print(e->name, out);
    fputs("}\n", out);
}

void sn_space_print(const sn_space *s, FILE *out) {
    fputs("  blocks:\n", out);
    for (int i = 0; i < s->n_blocks; i++) {
        if (strchr(s->blocks[i].name, '.')) continue; // of a fixed entry
        fputs("    ", out);
        sn_text_print(s->blocks[i].name, out);
        fputs(": {", out);
        print_attrs(&s->blocks[i], out);
        fputs("}\n", out);
    }
    fputs("  network:\n", out);
    for (int i = 0; i < s->n_entries; i++) print_entry(s, &s->entries[i], out);
}
