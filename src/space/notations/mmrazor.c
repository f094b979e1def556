// Subnets of MMRazor, YAML: under each key what is chosen, or behind it. In chains of choices keys are those of the layers of its
// stages, from 0, backbone.layers.0.2; in cells those of nodes, normal_n3, where chosen are its edges, and those of edges,
// normal_n3_p0, from node 0; edges that no node chose are passed over, and so are other values under a key. Not here: YAML as a
// whole (io/config/yaml.h).
#include "space/notations/cell.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_KEYS = 1024 }; // and chosen values

static bool looks(const char *text) {
    text += strspn(text, " \t\r\n");
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");
    return n && text[n] == ':';
}

// ---------------------------------------------------------------- the YAML
// A key, and what is chosen there: so many values from the first on.
typedef struct {
    sn_word key;
    size_t first, n;
    bool known;
} choice;

typedef struct {
    sn_reader reader;
    choice *choice;
    sn_word *value;
    size_t n, values, room[2];
    bool listing; // lines with a dash are values of the last key
    int skipped;  // lines that are further in are none of ours; -1: all are
} subnet;

static void free_subnet(subnet *t) {
    free(t->choice);
    free(t->value);
}

static sn_word trimmed(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\t')) at++;
    while (at < end && strchr(" \t\r", end[-1])) end--;
    if (end - at > 1 && *at == end[-1] && (*at == '\'' || *at == '"')) at++, end--;
    return (sn_word){at, (size_t)(end - at)};
}

static sn_status add_value(subnet *t, sn_word w) {
    if (!w.n) return sn_reader_found(&t->reader, w.at, "the name of an option");
    if (t->values == MOST_KEYS) return sn_reader_wrong(&t->reader, w.at, "more than %d values", MOST_KEYS);
    SN_TRY(sn_grow(&t->value, &t->room[1], t->values + 1, sizeof *t->value));
    t->value[t->values++] = w;
    t->choice[t->n - 1].n++;
    return SN_OK;
}

static sn_status add_key(subnet *t, sn_word key) {
    if (t->n == MOST_KEYS) return sn_reader_wrong(&t->reader, key.at, "more than %d keys", MOST_KEYS);
    SN_TRY(sn_grow(&t->choice, &t->room[0], t->n + 1, sizeof *t->choice));
    t->choice[t->n++] = (choice){key, t->values, 0, false};
    t->listing = false, t->skipped = -1;
    return SN_OK;
}

// Behind "chosen:", or a key: one value, several in brackets, or none, when lines with dashes follow.
static sn_status read_chosen(subnet *t, sn_word rest) {
    const char *end = rest.at + rest.n;
    t->listing = !rest.n;
    if (!rest.n || *rest.at != '[') return rest.n ? add_value(t, rest) : SN_OK;
    if (end[-1] != ']') return sn_reader_found(&t->reader, end, "]");
    for (const char *at = rest.at + 1, *comma; at < end - 1; at = comma + 1) {
        for (comma = at; comma < end - 1 && *comma != ',';) comma++;
        SN_TRY(add_value(t, trimmed(at, comma)));
    }
    return SN_OK;
}

static sn_status read_line(subnet *t, const char *begin, const char *end) {
    int indent = (int)strspn(begin, " ");
    sn_word line = trimmed(begin, end);
    const char *colon = memchr(line.at, ':', line.n);
    if (!line.n || *line.at == '#' || (line.n == 3 && !strncmp(line.at, "---", 3))) return SN_OK;
    if (indent && t->skipped >= 0 && (indent > t->skipped || (indent == t->skipped && *line.at == '-'))) return SN_OK;
    t->skipped = -1;
    if (indent && *line.at == '-' && t->listing) return add_value(t, trimmed(line.at + 1, line.at + line.n));
    if (!colon) return sn_reader_found(&t->reader, line.at, "a key with a colon");
    sn_word key = trimmed(line.at, colon), rest = trimmed(colon + 1, line.at + line.n);
    t->listing = false;
    if (!indent) {
        SN_TRY(add_key(t, key));
        return rest.n ? read_chosen(t, rest) : SN_OK;
    }
    if (!t->n) return sn_reader_found(&t->reader, line.at, "a key at the begin of a line");
    if (sn_word_is(key, "chosen")) return read_chosen(t, rest);
    t->skipped = indent;
    return SN_OK;
}

static sn_status read_yaml(subnet *t) {
    for (const char *line = t->reader.text, *next; *line; line = next) {
        const char *end = line + strcspn(line, "\n");
        const char *comment = memmem(line, (size_t)(end - line), " #", 2);
        next = *end ? end + 1 : end;
        SN_TRY(read_line(t, line, comment ? comment : end));
    }
    return SN_OK;
}

static choice *find_choice(subnet *t, sn_word key) {
    for (size_t i = 0; i < t->n; i++)
        if (t->choice[i].key.n == key.n && !strncmp(t->choice[i].key.at, key.at, key.n)) return &t->choice[i];
    return NULL;
}

static sn_status one_value(const subnet *t, const choice *c, sn_word *out) {
    if (c->n == 1) {
        *out = t->value[c->first];
        return SN_OK;
    }
    return sn_reader_wrong(&t->reader, c->key.at, "%zu values are chosen; allowed is one", c->n);
}

static sn_status missing(const subnet *t, const char *key, const char *decision) {
    return sn_reader_wrong(&t->reader, t->reader.text + strlen(t->reader.text), "key %s is missing (%s)", key, decision);
}

// ---------------------------------------------------------------- chains
// The decision of a layer, both from 0; -1: no such.
static int decision_of(const sn_space *s, int stage, int layer) {
    for (int i = 0; i < s->n_entries; i++) {
        const sn_entry *e = &s->entries[i];
        if (!e->choice || stage--) continue;
        char *scope = layer < e->layers ? sn_entry_scope(e, layer) : NULL;
        int d = scope ? sn_space_find_decision(s, scope) : -1;
        free(scope);
        return d;
    }
    return -1;
}

// Whether every decision is that of a layer.
static bool is_chain(const sn_space *s) {
    int layers = 0;
    for (int i = 0; i < s->n_entries; i++) {
        const sn_entry *e = &s->entries[i];
        if (e->choice && (e->shared || e->depths)) return false;
        if (e->choice) layers += e->layers;
    }
    return layers == s->n_decisions;
}

// [backbone.]layers.STAGE.LAYER
static int decision_named(const sn_space *s, sn_word key) {
    static const char layers[] = "layers.";
    const char *at = key.at, *end = key.at + key.n;
    for (const char *p = at; p + strlen(layers) < end; p++)
        if (!strncmp(p, layers, strlen(layers)) && (p == key.at || p[-1] == '.')) at = p + strlen(layers);
    size_t n = strspn(at, "0123456789"), m = at[n] == '.' ? strspn(at + n + 1, "0123456789") : 0;
    if (at == key.at || !n || !m || n > 3 || m > 3 || at + n + 1 + m != end) return -1;
    return decision_of(s, atoi(at), atoi(at + n + 1));
}

static sn_status read_chain(subnet *t, sn_arch *out) {
    const sn_space *s = t->reader.space;
    bool seen[SN_MAX_DECISIONS] = {false};
    for (size_t i = 0; i < t->n; i++) {
        sn_word key = t->choice[i].key, value;
        int d = decision_named(s, key);
        if (d < 0)
            return sn_reader_found(&t->reader, key.at,
                                   "backbone.layers.STAGE.LAYER, both counted from 0, of a layer that chooses");
        if (seen[d]) return sn_reader_wrong(&t->reader, key.at, "%s has its option already", s->decisions[d].name);
        seen[d] = true;
        SN_TRY(one_value(t, &t->choice[i], &value));
        int option = sn_option_named(s, d, value);
        if (option < 0) return sn_option_refused(&t->reader, d, value, false);
        out->option[d] = (uint8_t)option;
    }
    for (int stage = 0, d; (d = decision_of(s, stage, 0)) >= 0; stage++)
        for (int layer = 0; (d = decision_of(s, stage, layer)) >= 0; layer++) {
            char key[64];
            snprintf(key, sizeof key, "backbone.layers.%d.%d", stage, layer);
            if (!seen[d]) return missing(t, key, s->decisions[d].name);
        }
    return SN_OK;
}

static void write_chain(const sn_space *s, const sn_arch *a, FILE *out) {
    for (int stage = 0; decision_of(s, stage, 0) >= 0; stage++)
        for (int layer = 0, d; (d = decision_of(s, stage, layer)) >= 0; layer++)
            fprintf(out, "backbone.layers.%d.%d:\n  chosen: %s\n", stage, layer, sn_space_option_name(s, d, a->option[d]));
}

// ---------------------------------------------------------------- cells
// An edge that a node chose, normal_n3_p0.
static sn_status read_edge(subnet *t, sn_cell *c, int node, sn_word name, sn_arch *out) {
    for (int from = 0; from < node; from++) {
        char known[128];
        snprintf(known, sizeof known, "%s_n%d_p%d", c->name, node, from);
        if (!sn_word_is(name, known)) continue;
        choice *ops = find_choice(t, name);
        if (!ops) return sn_reader_wrong(&t->reader, name.at, "key %s is missing: this edge is chosen here", known);
        for (size_t i = 0; i < ops->n; i++)
            SN_TRY(sn_cell_take(&t->reader, c, ops->key.at, node, from, t->value[ops->first + i], out));
        return SN_OK;
    }
    return sn_reader_found(&t->reader, name.at, "an edge of this node, such as %s_n%d_p0", c->name, node);
}

static sn_status read_cell(subnet *t, sn_cell *c, sn_arch *out) {
    const char *at = t->reader.text;
    for (int node = c->inputs; node < c->inputs + c->nodes; node++) {
        char key[128];
        snprintf(key, sizeof key, "%s_n%d", c->name, node);
        choice *edges = find_choice(t, (sn_word){key, strlen(key)});
        if (!edges) return missing(t, key, "a node of this space");
        at = edges->key.at;
        for (size_t i = 0; i < edges->n; i++) SN_TRY(read_edge(t, c, node, t->value[edges->first + i], out));
    }
    return sn_cell_close(&t->reader, c, at, out);
}

static bool names_place(const sn_cell *c, sn_word key) {
    for (int node = c->inputs; node < c->inputs + c->nodes; node++)
        for (int from = -1; from < node; from++) {
            char known[128];
            snprintf(known, sizeof known, from < 0 ? "%s_n%d" : "%s_n%d_p%d", c->name, node, from);
            if (sn_word_is(key, known)) return true;
        }
    return false;
}

static sn_status read_cells(subnet *t, const sn_cells *cells, sn_arch *out) {
    for (size_t i = 0; i < t->n; i++) {
        bool known = false;
        for (int k = 0; k < cells->n; k++) known = known || names_place(&cells->cell[k], t->choice[i].key);
        if (!known)
            return sn_reader_found(&t->reader, t->choice[i].key.at,
                                   "CELL_nNODE or CELL_nNODE_pEDGE, such as %s_n%d and %s_n%d_p0", cells->cell[0].name,
                                   cells->cell[0].inputs, cells->cell[0].name, cells->cell[0].inputs);
        if (find_choice(t, t->choice[i].key) != &t->choice[i])
            return sn_reader_wrong(&t->reader, t->choice[i].key.at, "a key that stands above already");
    }
    for (int i = 0; i < cells->n; i++) SN_TRY(read_cell(t, &cells->cell[i], out));
    return SN_OK;
}

static bool is_there(const sn_edge *e, const sn_arch *a) {
    return sn_edge_in(e, a) && (e->item >= 0 || a->option[e->decision] != e->zero);
}

// The operations of an edge, all in one list.
static void write_edge(const sn_space *s, const sn_cell *c, int node, int from, const sn_arch *a, FILE *out) {
    bool begun = false;
    for (int i = 0; i < c->edges; i++) {
        const sn_edge *e = &c->edge[i];
        if (e->node != node || e->from != from || !is_there(e, a)) continue;
        if (!begun) fprintf(out, "%s_n%d_p%d:\n  chosen:\n", c->name, node, from);
        fprintf(out, "  - %s\n", sn_edge_op(s, e, a));
        begun = true;
    }
}

static void write_node(const sn_space *s, const sn_cell *c, int node, const sn_arch *a, FILE *out) {
    fprintf(out, "%s_n%d:\n  chosen:", c->name, node);
    int edges = 0;
    for (int from = 0; from < node; from++) {
        bool there = false;
        for (int i = 0; i < c->edges; i++)
            there = there || (c->edge[i].node == node && c->edge[i].from == from && is_there(&c->edge[i], a));
        if (there) fprintf(out, edges++ ? "  - %s_n%d_p%d\n" : "\n  - %s_n%d_p%d\n", c->name, node, from);
    }
    if (!edges) fputs(" []\n", out);
    for (int from = 0; from < node; from++) write_edge(s, c, node, from, a, out);
}

// ---------------------------------------------------------------- both
static sn_status read_text(const sn_space *s, const char *text, sn_arch *out) {
    subnet t = {.reader = {s, text, text}, .skipped = -1};
    sn_cells cells = {0};
    bool chain = is_chain(s);
    sn_status status = chain ? SN_OK : sn_cells_of(s, "mmrazor", &cells);
    for (int i = 0; i < s->n_decisions; i++) out->option[i] = SN_ABSENT;
    if (status == SN_OK) status = read_yaml(&t);
    if (status == SN_OK) status = chain ? read_chain(&t, out) : read_cells(&t, &cells, out);
    free_subnet(&t);
    sn_cells_free(&cells);
    return status;
}

static sn_status write_text(const sn_space *s, const sn_arch *a, FILE *out) {
    sn_cells cells = {0};
    if (is_chain(s)) {
        write_chain(s, a, out);
        return SN_OK;
    }
    SN_TRY(sn_cells_of(s, "mmrazor", &cells));
    for (int i = 0; i < cells.n; i++)
        for (int node = 0; node < cells.cell[i].nodes; node++) write_node(s, &cells.cell[i], cells.cell[i].inputs + node, a, out);
    sn_cells_free(&cells);
    return SN_OK;
}

const sn_notation sn_notation_mmrazor = {"mmrazor", true, looks, read_text, write_text};
