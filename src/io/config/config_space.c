// The `space` section: presets, the network, and the way back to text.
// Not here: blocks (config_blocks.c), rules about whole spaces (space/space.c, graph.c).
// Next: config_blocks.c, space/space.h.
#include "io/config/config_blocks.h"
#include "space/arch.h"
#include "space/graph.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_OUT = 16384, MOST_STRIDE = 8, MOST_LAYERS = 256 };

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

// --- the network

static int read_count(sn_space_maker *m, const sn_yaml_node *map, const char *name, int high, int preset) {
    const sn_yaml_node *n = sn_yaml_find(map, name);
    if (n) return sn_formula_read(&m->parameters, n, name, 1, high, false, m->problems);
    if (preset < 0) sn_problem(m->problems, map->place, "missing key %s: a whole number from 1 to %d", name, high);
    return preset;
}

static bool classifier_next(const sn_yaml_node *entry) {
    const sn_yaml_node *op = entry->next ? sn_yaml_find(entry->next, "op") : NULL;
    return op && op->kind == SN_YAML_SCALAR && !strcmp(op->text, "classifier");
}

// Adds the entry under its own or the usual name.
static void add_entry(sn_space_maker *m, const sn_yaml_node *map, const char *usual, const sn_entry *entry) {
    const sn_yaml_node *n = sn_yaml_find(map, "name");
    const char *name = usual;
    if (n) name = n->text;
    if (n && !sn_blocks_name(m, n, n->text, n->place, "name")) return;
    int i = sn_space_add_entry(m->space, name, entry);
    if (i < 0)
        sn_problem_error(m->problems, n ? n->place : map->place, "");
    else
        m->entry[i] = map;
}

static void read_fixed(sn_space_maker *m, const sn_yaml_node *map, int position) {
    static const char *const with_out[] = {"op", "out", "stride", "name", NULL}, *const without[] = {"op", "name", NULL};
    const sn_yaml_node *op_node = sn_yaml_find(map, "op");
    const sn_op *known = op_node && op_node->kind == SN_YAML_SCALAR ? sn_op_find(op_node->text) : NULL;
    bool takes_out = !known || known->takes_out;
    int attr[SN_OP_ATTRS];
    sn_lists lists;
    char usual[64], block[80];
    const sn_op *op = sn_blocks_operation(m, map, takes_out ? with_out : without, attr, &lists);
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
    e.block[0] = sn_space_add_elastic(m->space, block, op, attr, &lists, false);
    if (e.block[0] < 0)
        sn_problem_error(m->problems, map->place, "");
    else
        add_entry(m, map, usual, &e);
}

// `layers`: a number, or a list of them to choose from. False with problems.
static bool read_depth(sn_space_maker *m, const sn_yaml_node *map, sn_entry *e) {
    const sn_yaml_node *list = sn_yaml_find(map, "layers");
    if (!list || list->kind != SN_YAML_LIST) {
        int fewest = m->parameters.n ? 0 : 1; // none where parameters say so
        e->layers = list ? sn_formula_read(&m->parameters, list, "layers", fewest, MOST_LAYERS, false, m->problems) : 1;
        return e->layers > 0;
    }
    if (!list->first) {
        sn_problem(m->problems, list->place, "layers: found an empty list; allowed is a number or a list of numbers");
        return false;
    }
    for (const sn_yaml_node *n = list->first; n; n = n->next) {
        int layers = sn_formula_read(&m->parameters, n, "layers", 1, MOST_LAYERS, false, m->problems);
        if (layers < 0) return false;
        if (e->depths == SN_MAX_OPTIONS || layers <= e->layers) {
            sn_problem(m->problems, n->place,
                       "layers: found %d behind %d; allowed are at most %d numbers, each greater than the last", layers,
                       e->layers, SN_MAX_OPTIONS);
            return false;
        }
        e->depth[e->depths++] = e->layers = layers;
    }
    return true;
}

// Layers of a choice, or of one block.
static void read_layers(sn_space_maker *m, const sn_yaml_node *map) {
    static const char *const of_choice[] = {"layers", "out", "stride", "choose", "shared", "name", NULL}, *const of_block[] = {
                                                                                                              "layers", "out",
                                                                                                              "stride", "block",
                                                                                                              "shared", "name",
                                                                                                              NULL};
    const sn_yaml_node *choose = sn_yaml_find(map, "choose");
    char usual[64];
    snprintf(usual, sizeof usual, "stage%d", ++m->choices);
    sn_entry e = {.choice = choose != NULL};
    sn_blocks_keys(m, map, NULL, choose ? of_choice : of_block, choose ? "a choice" : "layers of a block");
    bool good = read_depth(m, map, &e);
    e.out = read_count(m, map, "out", MOST_OUT, -1);
    e.stride = read_count(m, map, "stride", MOST_STRIDE, 1);
    e.options = choose ? sn_blocks_options(m, choose, NULL, e.block) : 1;
    if (!choose) e.block[0] = sn_blocks_find(m, sn_yaml_find(map, "block"), "block", NULL);
    int shared = sn_blocks_shared(m, map);
    e.shared = shared > 0;
    good = good && e.options > 0 && e.block[0] >= 0 && shared >= 0;
    if (good && e.out > 0 && e.stride > 0) add_entry(m, map, usual, &e);
}

static void read_network(sn_space_maker *m, const sn_yaml_node *network) {
    char found[SN_SHOWN + 2];
    if (network->kind != SN_YAML_LIST) {
        sn_problem(m->problems, network->place, "space.network: found %s; allowed is a list of operations and choices",
                   sn_yaml_found(network, found));
        return;
    }
    int position = 0;
    for (const sn_yaml_node *n = network->first; n; n = n->next) {
        position++;
        if (!sn_blocks_mapping(m, n, "entry of space.network",
                               "{op: OPERATION, ...} or {layers: N, out: N, choose: [NAME, ...]}"))
            continue;
        if (sn_yaml_find(n, "choose") || sn_yaml_find(n, "block"))
            read_layers(m, n);
        else if (sn_yaml_find(n, "op"))
            read_fixed(m, n, position);
        else
            sn_problem(m->problems, n->place,
                       "an entry of space.network with none of op, choose and block; allowed is one of them");
    }
}

// --- the whole

// The entry that the current message begins with, or the network.
static sn_place place_of(const sn_space_maker *m, const sn_yaml_node *network) {
    for (int i = 0; i < m->space->n_entries; i++) {
        char start[96];
        snprintf(start, sizeof start, "entry '%.64s'", m->space->entries[i].name);
        if (!strncmp(sn_error_text(), start, strlen(start))) return m->entry[i]->place;
    }
    return network->place;
}

// Shapes: they are the graph's business; built once here so that a wrong space is an error of the config.
static void check_whole(sn_space_maker *m, const sn_yaml_node *network) {
    sn_graph *graph = NULL;
    bool computes = true, lacks = false;
    sn_status s = sn_space_finish(m->space);
    if (s == SN_OK) s = sn_graph_build(m->space, &graph);
    if (s == SN_OK) s = sn_graph_computes(graph, &computes);
    if (s == SN_OK) s = sn_graph_may_lack(graph, &lacks);
    if (s != SN_OK) sn_problem_error(m->problems, place_of(m, network), "space.network: ");
    if (!computes)
        sn_problem(m->problems, network->place,
                   "space.network: the logits depend on no image in any architecture: a `zero` stands in the way");
    if (computes && lacks)
        sn_problem(m->problems, network->place,
                   "space.network: a classifier without bias behind a `zero` may have nothing to give; allowed is bias: true");
    sn_graph_free(graph);
}

// Keeps one arch and writes its canonical text into the config.
static void restrict_to(sn_space_maker *m, sn_config *c) {
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
    sn_space_maker m = {.section = section, .space = sn_space_new(), .problems = problems};
    if (!m.space) {
        problems->memory = true;
        return;
    }
    const sn_yaml_node *network = sn_yaml_find(section, "network");
    m.space->channels = c->space.input.channels, m.space->height = c->space.input.height, m.space->width = c->space.input.width;
    m.space->classes = c->space.classes, m.space->bn_eps = c->space.bn_eps, m.space->digits = c->space.text == SN_TEXT_DIGITS;
    sn_parameters_read(&m.parameters, sn_yaml_find(section, "parameters"), problems);
    sn_blocks_read(&m);
    if (network)
        read_network(&m, network);
    else
        sn_problem(problems, section->place, "missing key space.network");
    if (!sn_problems_any(problems)) check_whole(&m, network);
    if (!sn_problems_any(problems) && *c->space.arch) restrict_to(&m, c);
    c->space.built = m.space;
}

// --- back to text

static void print_entry(const sn_space *s, const sn_entry *e, FILE *out) {
    const sn_block *b = &s->blocks[e->block[0]];
    fputs("    - {", out);
    if (!e->choice && strchr(b->name, '.')) {
        sn_blocks_print_operation(b, out);
        if (e->out) fprintf(out, ", out: %d, stride: %d", e->out, e->stride);
    } else {
        fputs("layers: ", out);
        for (int k = 0; k < e->depths; k++) fprintf(out, "%s%d", k ? ", " : "[", e->depth[k]);
        if (e->depths)
            fputc(']', out);
        else
            fprintf(out, "%d", e->layers);
        fprintf(out, ", out: %d, stride: %d, %s: ", e->out, e->stride, e->choice ? "choose" : "block");
        if (e->choice)
            sn_blocks_print_names(s, e->block, e->options, out);
        else
            sn_text_print(b->name, out);
        if (e->shared) fputs(", shared: true", out);
    }
    fputs(", name: ", out);
    sn_text_print(e->name, out);
    fputs("}\n", out);
}

void sn_space_print(const sn_space *s, FILE *out) {
    sn_blocks_print(s, out);
    fputs("  network:\n", out);
    for (int i = 0; i < s->n_entries; i++) print_entry(s, &s->entries[i], out);
}
