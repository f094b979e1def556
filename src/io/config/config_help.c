// `help config`: every key and every operation, from the tables that the reader uses; as Markdown it is docs/config.md.
// Not here: the tables (config_keys.def, supernet/ops).
// Next: tools/.
#include "io/config/config_table.h"
#include "space/ops.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    FILE *out;
    bool markdown;
} writer;

static const char head[] = "A config is one YAML file. Every key has a type and a range; a key that is not\n"
                           "in this list is refused with its line and the nearest known key. Relative\n"
                           "paths count from the folder of the config. On the command line `--set\n"
                           "a.b=value` replaces a key (paths there count from the current folder). Keys\n"
                           "marked *machine* say where to run, not what to compute: other values do not\n"
                           "make another config. The run folder keeps the config with every key written\n"
                           "out. What a training began with stays: it goes on only with the same `data`,\n"
                           "`space` and `train` (but `data.source` may move, and `train.save_every` and\n"
                           "`train.keep` may change).\n";

static const char language[] = "`space.blocks` names blocks, each made of blocks above it (docs/spaces.md goes\n"
                               "through them step by step):\n"
                               "\n"
                               "- an operation, `NAME: {op: OPERATION, ATTRIBUTE: VALUE, ...}`. Where the table\n"
                               "  below says so, a value may be a list, `kernel: [3, 5, 7]`: a decision called\n"
                               "  `kernel`, whose options use parts of the same weights, the centre of a kernel,\n"
                               "  the first channels. With such lists, `transform: true` makes a smaller kernel\n"
                               "  of the next larger one's centre by a learned matrix, and `bn: {per: ATTRIBUTE}`\n"
                               "  gives each value of that list batch normalisations of its own;\n"
                               "- a choice, `NAME: {choose: [BLOCK, ...], shared: false}`;\n"
                               "- a motif, `NAME: {nodes: {...}, shared: false}`, a small graph: `NODE: {BLOCK:\n"
                               "  SOURCE}` or `NODE: {sum: [{BLOCK: SOURCE}, SOURCE, ...]}`, where a source is\n"
                               "  `input` or a node above; the last node is the motif's value. Blocks that\n"
                               "  read the input have the stride of the motif's place, the others 1; all have\n"
                               "  its channels. `{concat: [...]}` puts values side by side. `{pick: 2, of: [...]}`,\n"
                               "  alone or in a sum, is one decision between all ways to take two of them. A\n"
                               "  motif with `inputs: [NAME, ...]`, or `inputs: {NAME: BLOCK, ...}` read through\n"
                               "  blocks, reads so many values before it, the nearest last, and stands as the\n"
                               "  block of an entry of the network.\n"
                               "\n"
                               "With `shared: true` the decisions in it are made once for all its places, else\n"
                               "in each place. `space.network` lists what an image passes through:\n"
                               "\n"
                               "- a fixed operation, `{op: OPERATION, ATTRIBUTE: VALUE, ..., out: CHANNELS,\n"
                               "  stride: 1, name: NAME}`; the last one is `{op: classifier}`, which has no\n"
                               "  `out` or `stride`;\n"
                               "- a choice, `{layers: N, out: CHANNELS, stride: 1, choose: [NAME, ...],\n"
                               "  shared: false, name: NAME}`: N layers that choose one block each; the stride\n"
                               "  is the first layer's, the others have 1. With `shared: true` one decision,\n"
                               "  named after the entry, holds for all its layers: they take the same block,\n"
                               "  each with weights of its own;\n"
                               "- layers of a block, `{layers: N, out: CHANNELS, stride: 1, block: NAME,\n"
                               "  shared: false, name: NAME}`.\n"
                               "\n"
                               "With a list, `layers: [2, 3, 4]`, how many layers there are is a decision too,\n"
                               "`NAME.depth`: the value behind so many of them goes on; decisions of the layers\n"
                               "beyond do not exist. Where `name` is not given, layers are called stage1, stage2, ..., a fixed\n"
                               "operation stem if it is first, head before the classifier, else by its\n"
                               "operation and position. Layers are called layer1, layer2, ...: parameters have\n"
                               "names such as `stage2.layer1.mb6_k5.dw.weight`.\n";

static void write_default(const writer *w, const sn_key *k, char *text, size_t size) {
    const char *tick = w->markdown ? "`" : "";
    if (!k->preset)
        snprintf(text, size, "required");
    else if (*k->preset == '=')
        snprintf(text, size, "as %s%s%s", tick, k->preset + 1, tick);
    else if (!*k->preset)
        snprintf(text, size, "empty");
    else
        snprintf(text, size, "%s%s%s", tick, k->preset, tick);
}

static void write_key(const writer *w, const sn_key *k) {
    sn_phrase allowed = sn_value_allowed(k);
    char preset[128];
    write_default(w, k, preset, sizeof preset);
    const char *machine = k->binds == SN_BINDS_MACHINE ? w->markdown ? "*machine*; " : "machine; " : "";
    const char *comma = *k->unit ? ", " : "";
    if (k->type == SN_KEY_TREE && w->markdown)
        fprintf(w->out, "| `%s` | see below | | %s |\n", k->path, k->meaning);
    else if (k->type == SN_KEY_TREE)
        fprintf(w->out, "  %s\n      %s\n", k->path, k->meaning);
    else if (w->markdown)
        fprintf(w->out, "| `%s` | %s%s%s | %s | %s%s |\n", k->path, allowed.text, comma, k->unit, preset, machine, k->meaning);
    else
        fprintf(w->out, "  %s: %s%s%s; %s%s\n      %s%s\n", k->path, allowed.text, comma, k->unit,
                k->preset && *k->preset != '=' ? "default " : "", preset, machine, k->meaning);
}

// The words after the last dot belong to the key, those before to its section.
static bool in_section(const sn_key *k, const char *section) {
    size_t n = strlen(section);
    const char *dot = strrchr(k->path, '.');
    return dot ? (size_t)(dot - k->path) == n && !strncmp(k->path, section, n) : !n;
}

static void write_section(const writer *w, const char *path, const char *meaning) {
    if (w->markdown)
        fprintf(w->out, "\n## %s\n\n%s.\n\n| key | allowed | default | meaning |\n|---|---|---|---|\n",
                *path ? path : "of the program", meaning);
    else
        fprintf(w->out, "\n%s: %s\n", *path ? path : "(no section)", meaning);
    for (const sn_key *k = sn_keys; k->path; k++)
        if (in_section(k, path)) write_key(w, k);
}

static void write_attr(const writer *w, const sn_op *op, const sn_attr *a) {
    char allowed[256], preset[64];
    snprintf(preset, sizeof preset, "%d", a->preset);
    switch (a->type) {
    case SN_ATTR_BOOL:
        snprintf(allowed, sizeof allowed, "true or false");
        snprintf(preset, sizeof preset, "%s", a->preset ? "true" : "false");
        break;
    case SN_ATTR_WORD:
        snprintf(allowed, sizeof allowed, "one of %.240s", sn_words_joined(a->words).text);
        snprintf(preset, sizeof preset, "%s", a->words[a->preset]);
        break;
    default:
        snprintf(allowed, sizeof allowed, "%s whole number from %d to %d%s", a->type == SN_ATTR_ODD ? "an odd" : "a", a->low,
                 a->high, a->elastic ? ", or a list of them" : "");
    }
    if (w->markdown)
        fprintf(w->out, "| `%s` | `%s` | %s | `%s` | %s |\n", op->name, a->name, allowed, preset, a->doc);
    else
        fprintf(w->out, "      %s: %s; default %s\n          %s\n", a->name, allowed, preset, a->doc);
}

// Text as it stands in Markdown; else a line for each paragraph and each item of a list, for whoever breaks lines by a width.
static void write_text(const writer *w, const char *text) {
    for (const char *p = text; *p; p++) {
        bool within = *p == '\n' && p > text && p[-1] != '\n' && p[1] && p[1] != '\n' && strncmp(p + 1, "- ", 2) != 0;
        fputc(within && !w->markdown ? ' ' : *p, w->out);
        if (within && !w->markdown) p += strspn(p + 1, " ");
    }
}

static void write_ops(const writer *w) {
    fputs(w->markdown ? "\n## The language of spaces\n\n" : "\nThe language of spaces\n\n", w->out);
    write_text(w, language);
    fputs(w->markdown ? "\n" : "\nOperations\n", w->out);
    for (int i = 0; w->markdown && sn_ops[i]; i++) fprintf(w->out, "- `%s`: %s\n", sn_ops[i]->name, sn_ops[i]->doc);
    if (w->markdown) fputs("\n| operation | attribute | allowed | default | meaning |\n|---|---|---|---|---|\n", w->out);
    for (int i = 0; sn_ops[i]; i++) {
        if (!w->markdown) fprintf(w->out, "  %s: %s\n", sn_ops[i]->name, sn_ops[i]->doc);
        for (const sn_attr *a = sn_ops[i]->attrs; a->type != SN_ATTR_END; a++) write_attr(w, sn_ops[i], a);
    }
}

char *sn_config_help(bool markdown) {
    char *text = NULL;
    size_t size = 0;
    writer w = {open_memstream(&text, &size), markdown};
    if (w.out) {
        if (markdown)
            fputs("<!-- Made by `supernet help config --markdown > docs/config.md`; a test compares it with the program's "
                  "tables. -->\n# Config\n\n",
                  w.out);
        write_text(&w, head);
        for (const sn_section *s = sn_sections; s->path; s++) write_section(&w, s->path, s->meaning);
        write_section(&w, "", "how and where to run");
        write_ops(&w);
        bool failed = ferror(w.out) != 0;
        if (!fclose(w.out) && !failed && text) return text;
    }
    free(text);
    sn_error(SN_RESOURCE, "out of memory while writing the help text");
    return NULL;
}
