// DARTS and what follows it: Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=range(2, 6), reduce=[...], ...). Read are
// lists of pairs, two a node; pairs in groups, one a node; triples of two numbers, of which the larger is the node (FairDARTS
// writes it first, aw_nas last); triples whose third is a weight, with a point in it. Written are pairs, or triples as FairDARTS'
// where nodes do not have two inputs each.
#include "space/notations/cell.h"

#include <ctype.h>
#include <string.h>

// On one line with a name before it, "DARTS_V2 = " or "1: ", or part of its own, CNN; NULL: no call begins here.
static const char *find_call(const char *text) {
    static const char call[] = "Genotype(";
    text += strspn(text, " \t\r\n");
    for (; *text && (isalnum((unsigned char)*text) || strchr("_-. \t=:", *text)); text++)
        if (!strncmp(text, call, strlen(call))) return text + strlen(call);
    return NULL;
}

static bool looks(const char *text) {
    return find_call(text);
}

// ---------------------------------------------------------------- reading
typedef enum { UNKNOWN, PAIRS, GROUPS, TRIPLES, WEIGHTED } form;

// A cell's list as it is read.
typedef struct {
    sn_reader *reader;
    sn_cell *cell;
    sn_arch *arch;
    form form;
    int n, groups; // operations so far; groups of pairs before this one
} list;

static sn_status open_bracket(sn_reader *r, const char **close) {
    *close = sn_reader_mark(r, "[") ? "]" : ")";
    return **close == ']' ? SN_OK : sn_reader_needed(r, "(", "[ or (");
}

// After a value: whether another one follows.
static sn_status more(sn_reader *r, const char *close, bool *out) {
    bool comma = sn_reader_mark(r, ",");
    *out = !sn_reader_mark(r, close);
    return *out && !comma ? sn_reader_found(r, r->at, "a comma or %s", close) : SN_OK;
}

// Passes the rest of a number with a point in it.
static bool read_fraction(sn_reader *r) {
    size_t n = strspn(r->at, "0123456789");
    if (r->at[n] != '.' && r->at[n] != 'e') return false;
    r->at += strspn(r->at, "+-.0123456789e");
    return true;
}

static sn_status read_op(list *l, const char *close, bool grouped) {
    sn_reader *r = l->reader;
    sn_word op;
    int number[2] = {0};
    form found = grouped ? GROUPS : PAIRS;
    SN_TRY(sn_reader_quoted(r, "an operation in quotes", &op));
    SN_TRY(sn_reader_needed(r, ",", "a comma and the number of a node"));
    sn_reader_blanks(r);
    const char *at = r->at;
    SN_TRY(sn_reader_number(r, "the number of a node", &number[0]));
    bool third;
    SN_TRY(more(r, close, &third));
    if (third && !grouped) {
        sn_reader_blanks(r);
        found = read_fraction(r) ? WEIGHTED : TRIPLES;
        if (found == TRIPLES) SN_TRY(sn_reader_number(r, "the number of a node, or a weight with a point in it", &number[1]));
        SN_TRY(sn_reader_needed(r, close, close));
    } else if (third) {
        return sn_reader_found(r, r->at, "%s", close);
    }
    if (l->form && l->form != found)
        return sn_reader_wrong(r, at, "operations of one list are written in two ways; allowed is one");
    l->form = found;
    int node = l->cell->inputs + (found == GROUPS ? l->groups : l->n / 2), from = number[0];
    if (found == TRIPLES) node = number[number[1] > number[0]], from = number[number[1] <= number[0]];
    l->n++;
    return sn_cell_take(r, l->cell, at, node, from, op, l->arch);
}

static sn_status read_group(list *l, const char *close) {
    bool again = !sn_reader_mark(l->reader, close);
    while (again) {
        const char *inner;
        SN_TRY(open_bracket(l->reader, &inner));
        SN_TRY(read_op(l, inner, true));
        SN_TRY(more(l->reader, close, &again));
    }
    l->groups++;
    return SN_OK;
}

static sn_status read_element(list *l) {
    const char *close;
    SN_TRY(open_bracket(l->reader, &close));
    sn_reader_blanks(l->reader);
    return *l->reader->at == '\'' || *l->reader->at == '"' ? read_op(l, close, false) : read_group(l, close);
}

static sn_status read_cell(list *l) {
    sn_reader *r = l->reader;
    const char *close;
    SN_TRY(open_bracket(r, &close));
    const char *end = r->at;
    bool again = !sn_reader_mark(r, close);
    while (again) {
        SN_TRY(read_element(l));
        end = r->at;
        SN_TRY(more(r, close, &again));
    }
    return sn_cell_close(r, l->cell, end, l->arch);
}

// Whether anything reaches a node.
static bool node_is(const sn_cell *c, int node, const sn_arch *a) {
    for (int i = 0; i < c->edges; i++)
        if (c->edge[i].node == node && sn_edge_in(&c->edge[i], a) && a->option[c->edge[i].decision] != c->edge[i].zero)
            return true;
    return false;
}

// Nodes joined as the cell's value: [2, 3] or range(2, 4).
static sn_status read_joined(sn_reader *r, const sn_cell *c, uint64_t *out) {
    int from, end;
    const char *close;
    sn_reader_blanks(r);
    const char *at = r->at;
    *out = 0;
    bool range = sn_reader_mark(r, "range"), again = true;
    SN_TRY(open_bracket(r, &close));
    for (int n = 0; again; n++) {
        SN_TRY(sn_reader_number(r, "the number of a node", n && range ? &end : &from));
        SN_TRY(more(r, close, &again));
        if (range && again != !n)
            return sn_reader_wrong(r, r->at, "range() has two numbers: the first, and the one after the last");
        if (range && !n) continue;
        if (!range) end = from + 1;
        if (from < c->inputs || end > c->inputs + c->nodes)
            return sn_reader_wrong(r, at, "found nodes %d to %d; '%s' has nodes %d to %d in this space", from, end - 1, c->name,
                                   c->inputs, c->inputs + c->nodes - 1);
        for (int i = from; i < end; i++) *out |= UINT64_C(1) << (i - c->inputs);
    }
    return SN_OK;
}

// Those of the space; nodes that nothing reaches may be left out.
static sn_status check_joined(const sn_reader *r, const char *at, const sn_cell *c, uint64_t joined, const sn_arch *a) {
    for (int i = 0; i < c->nodes; i++) {
        bool here = joined >> i & 1, there = c->joined >> i & 1;
        if (here == there || (there && !node_is(c, c->inputs + i, a))) continue;
        return sn_reader_wrong(r, at, "node %d is %sin the value of '%s'; in this space it is%s", c->inputs + i,
                               here ? "" : "not ", c->name, there ? "" : " not");
    }
    return SN_OK;
}

// What the call was given so far.
typedef struct {
    const char *cell[SN_MAX_BLOCKS], *joined[SN_MAX_BLOCKS]; // where; NULL: not yet
    uint64_t nodes[SN_MAX_BLOCKS];
} given;

// normal, normal_concat; aw_nas: normal_0, normal_0_concat
static sn_cell *find_cell(const sn_cells *cells, sn_word key, bool *concat) {
    static const char ending[] = "_concat";
    size_t n = strlen(ending);
    *concat = key.n > n && !strncmp(key.at + key.n - n, ending, n);
    if (*concat) key.n -= n;
    sn_cell *c = sn_cells_find(cells, key);
    while (!c && key.n && isdigit((unsigned char)key.at[key.n - 1])) key.n--;
    if (!c && key.n && key.at[key.n - 1] == '_') key.n--, c = sn_cells_find(cells, key);
    return c;
}

static sn_status unknown_key(const sn_reader *r, const sn_cells *cells, sn_word key) {
    char names[1024] = "";
    for (int i = 0; i < cells->n; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s=, %s_concat=", i ? ", " : "", cells->cell[i].name, cells->cell[i].name);
    }
    return sn_reader_found(r, key.at, "%s", names);
}

static sn_status read_argument(sn_reader *r, const sn_cells *cells, given *g, sn_arch *out) {
    bool concat;
    sn_word key = sn_reader_word(r);
    sn_cell *c = find_cell(cells, key, &concat);
    const char *after = r->at;
    if (!c && key.n && sn_reader_mark(r, "=") && sn_reader_mark(r, "None")) return SN_OK; // what some add, connectN
    r->at = after;
    if (!c) return unknown_key(r, cells, key);
    SN_TRY(sn_reader_needed(r, "=", "="));
    ptrdiff_t i = c - cells->cell;
    const char **at = concat ? &g->joined[i] : &g->cell[i];
    if (*at) return sn_reader_wrong(r, key.at, "'%s' is given twice", c->name);
    sn_reader_blanks(r);
    *at = r->at;
    list l = {.reader = r, .cell = c, .arch = out};
    return concat ? read_joined(r, c, &g->nodes[i]) : read_cell(&l);
}

static sn_status read_call(sn_reader *r, const sn_cells *cells, sn_arch *out) {
    given g = {0};
    r->at = find_call(r->text);
    if (!r->at) return sn_reader_found(r, r->text, "Genotype(");
    bool again = !sn_reader_mark(r, ")");
    while (again) {
        SN_TRY(read_argument(r, cells, &g, out));
        SN_TRY(more(r, ")", &again));
    }
    const char *end = r->at;
    SN_TRY(sn_reader_end(r));
    for (int i = 0; i < cells->n; i++) {
        if (!g.cell[i]) return sn_reader_wrong(r, end, "'%s=' is missing: this space has such cells", cells->cell[i].name);
        if (g.joined[i]) SN_TRY(check_joined(r, g.joined[i], &cells->cell[i], g.nodes[i], out));
    }
    return SN_OK;
}

static sn_status read_text(const sn_space *s, const char *text, sn_arch *out) {
    sn_reader r = {s, text, text};
    sn_cells cells;
    SN_TRY(sn_cells_of(s, "genotype", &cells));
    for (int i = 0; i < s->n_decisions; i++) out->option[i] = SN_ABSENT;
    sn_status status = read_call(&r, &cells, out);
    sn_cells_free(&cells);
    return status;
}

// ---------------------------------------------------------------- writing
static bool is_pairs(const sn_space *s, const sn_cells *cells) {
    bool pairs = true;
    for (int i = 0; i < cells->n; i++)
        for (int node = 0; node < cells->cell[i].nodes; node++) pairs = pairs && sn_cell_width(s, &cells->cell[i], node) == 2;
    return pairs;
}

static void write_cell(const sn_space *s, const sn_cell *c, bool pairs, const sn_arch *a, FILE *out) {
    bool first = true;
    fprintf(out, "%s=[", c->name);
    for (int i = 0; i < c->edges; i++) {
        const sn_edge *e = &c->edge[i];
        if (!sn_edge_in(e, a) || (!pairs && e->item < 0 && a->option[e->decision] == e->zero)) continue;
        fprintf(out, "%s('%s', ", first ? "" : ", ", sn_edge_op(s, e, a));
        if (!pairs) fprintf(out, "%d, ", e->node);
        fprintf(out, "%d)", e->from);
        first = false;
    }
    fprintf(out, "], %s_concat=[", c->name);
    first = true;
    for (int i = 0; i < c->nodes; i++)
        if (c->joined >> i & 1) fprintf(out, first ? "%d" : ", %d", c->inputs + i), first = false;
    fputc(']', out);
}

static sn_status write_text(const sn_space *s, const sn_arch *a, FILE *out) {
    sn_cells cells;
    SN_TRY(sn_cells_of(s, "genotype", &cells));
    bool pairs = is_pairs(s, &cells);
    fputs("Genotype(", out);
    for (int i = 0; i < cells.n; i++) {
        if (i) fputs(", ", out);
        write_cell(s, &cells.cell[i], pairs, a, out);
    }
    fputc(')', out);
    sn_cells_free(&cells);
    return SN_OK;
}

const sn_notation sn_notation_genotype = {"genotype", false, looks, read_text, write_text};
