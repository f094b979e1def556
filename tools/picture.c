// The description of a picture in Graphviz' language, and the child process; see picture.h. Names in it are letters, digits, _ -
// and dots: they need no quoting beyond quotes.
#include "picture.h"
#include "helper.h"
#include "io/files/atomic.h"
#include "space/ops.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAKEN "#cfe3f7" // of what the arch takes
#define PALE "#a0a0a0"  // of what it does not

typedef struct {
    const sn_space *space;
    const sn_arch *arch; // NULL: of the space
    FILE *out;
    char *drawn[SN_MAX_PLACES]; // motifs that are: names, or with an arch scopes
    int n_drawn;
    bool edge_of[SN_MAX_BLOCKS]; // choices that stand at edges, to be explained
} picture;

static const char *name_of(const picture *p, int block) {
    return p->space->blocks[block].name;
}

static bool is_choice(const picture *p, int block) {
    return p->space->blocks[block].options > 0;
}

// The decision of a choice at a place.
static int decision_of(const picture *p, int block, const char *scope) {
    return sn_space_find_decision(p->space, p->space->blocks[block].shared ? name_of(p, block) : scope);
}

// ---------------------------------------------------------------- boxes
static void put_cell(const picture *p, const char *text, bool taken) {
    if (!p->arch)
        fprintf(p->out, "<TD BORDER=\"1\">%s</TD>", text);
    else if (taken)
        fprintf(p->out, "<TD BORDER=\"2\" BGCOLOR=\"" TAKEN "\"><B>%s</B></TD>", text);
    else
        fprintf(p->out, "<TD BORDER=\"1\" COLOR=\"" PALE "\"><FONT COLOR=\"" PALE "\">%s</FONT></TD>", text);
}

// The options of a decision side by side, a few a line; under a title of its own.
static void put_options(const picture *p, const char *title, int decision) {
    enum { A_LINE = 6 };
    const sn_decision *d = &p->space->decisions[decision];
    int taken = p->arch ? p->arch->option[decision] : -1;
    fprintf(p->out, "<TR><TD ALIGN=\"LEFT\">%s</TD><TD ALIGN=\"LEFT\"><TABLE BORDER=\"0\" CELLSPACING=\"2\"><TR>", title);
    for (int n = 0, k; (k = sn_decision_option(d, n)) >= 0; n++) {
        if (n && n % A_LINE == 0) fputs("</TR><TR>", p->out);
        put_cell(p, sn_space_option_name(p->space, decision, k), k == taken);
    }
    fputs("</TR></TABLE></TD></TR>", p->out);
}

// One of the things that are said of a box, behind its name and those before.
__attribute__((format(printf, 3, 4))) static void say(const picture *p, int *said, const char *format, ...) {
    va_list arguments;
    fputs((*said)++ ? ", " : "&nbsp; ", p->out);
    va_start(arguments, format);
    vfprintf(p->out, format, arguments);
    va_end(arguments);
}

// An operation and what it has that is not usual.
static void say_operation(const picture *p, int *said, const sn_block *b) {
    say(p, said, "%s", b->op->name);
    for (int i = 0; b->op->attrs[i].type != SN_ATTR_END; i++) {
        const sn_attr *a = &b->op->attrs[i];
        if (b->attr[i] == a->preset) continue;
        if (a->type == SN_ATTR_WORD)
            say(p, said, "%s", a->words[b->attr[i]]);
        else
            say(p, said, "%s %d", a->name, b->attr[i]);
    }
}

static void put_head(const picture *p, const sn_entry *e) {
    const sn_block *b = &p->space->blocks[e->block[0]];
    int said = 0;
    fprintf(p->out, "<TR><TD COLSPAN=\"2\" ALIGN=\"LEFT\"><B>%s</B>", e->name);
    if (!e->choice && b->nodes)
        say(p, &said, "%s%d x %s", e->depths ? "up to " : "", e->layers, b->name);
    else if (e->layers > 1)
        say(p, &said, "%s%d layers", e->depths ? "up to " : "", e->layers);
    if (!e->choice && b->op && strcmp(b->op->name, e->name)) say_operation(p, &said, b);
    if (e->out) say(p, &said, "%d channels", e->out);
    if (e->stride > 1) say(p, &said, "stride %d", e->stride);
    if (!e->choice && b->op && !b->op->takes_out) say(p, &said, "%d classes", p->space->classes);
    fputs("</TD></TR>", p->out);
}

// The decision of an entry's layer; -1: none.
static int layer_decision(const picture *p, const sn_entry *e, int layer) {
    char *scope = sn_entry_scope(e, layer);
    int d = -1;
    if (scope && e->choice) d = sn_space_find_decision(p->space, scope);
    if (scope && !e->choice && is_choice(p, e->block[0])) d = decision_of(p, e->block[0], scope);
    free(scope);
    return d;
}

// One row for all layers where nothing tells them apart.
static void put_layers(const picture *p, const sn_entry *e) {
    bool one = !p->arch || e->layers == 1 || layer_decision(p, e, 0) == layer_decision(p, e, 1);
    for (int l = 0; l < (one ? 1 : e->layers); l++) {
        int d = layer_decision(p, e, l);
        char title[48];
        snprintf(title, sizeof title, "layer %d", l + 1);
        if (d >= 0) put_options(p, !one ? title : e->layers == 1 ? "" : e->shared ? "all the same" : "each", d);
    }
}

static void put_entry(const picture *p, int i) {
    const sn_entry *e = &p->space->entries[i];
    char *depth = e->depths ? sn_entry_depth(e) : NULL;
    fprintf(p->out, "  e%d [label=<<TABLE BORDER=\"0\" CELLSPACING=\"1\" CELLPADDING=\"3\">", i);
    put_head(p, e);
    if (depth) put_options(p, "depth", sn_space_find_decision(p->space, depth));
    put_layers(p, e);
    fputs("</TABLE>>]\n", p->out);
    free(depth);
}

static void put_network(const picture *p) {
    const sn_space *s = p->space;
    fprintf(p->out, "subgraph cluster_network {\n  label=\"network\"\n  image [shape=ellipse, label=\"%d x %d x %d\"]\n",
            s->channels, s->height, s->width);
    for (int i = 0; i < s->n_entries; i++) put_entry(p, i);
    fputs("  image", p->out);
    for (int i = 0; i < s->n_entries; i++) fprintf(p->out, " -> e%d", i);
    fprintf(p->out, " [penwidth=%s]\n}\n", p->arch ? "2.5" : "1");
}

// ---------------------------------------------------------------- motifs
static sn_status draw_block(picture *p, int block, const char *scope);

static sn_status draw_inside(picture *p, int block, const char *scope, const char *name) {
    char *inside = sn_format("%s.%s", scope, name);
    sn_status s = inside ? draw_block(p, block, inside) : SN_RESOURCE;
    free(inside);
    return s;
}

static const char *input_name(const sn_block *b, int from) {
    return b->inputs.n ? b->inputs.name[-1 - from] : "input";
}

static const char *source_name(const sn_block *b, int from) {
    return from < 0 ? input_name(b, from) : b->node[from].name;
}

// What stands at an edge; `nothing`: a zero that the arch takes.
static const char *edge_text(picture *p, int block, const char *scope, bool *nothing) {
    *nothing = false;
    if (block < 0) return "";
    if (!is_choice(p, block)) return name_of(p, block);
    if (!p->arch) {
        p->edge_of[block] = true;
        return name_of(p, block);
    }
    int d = decision_of(p, block, scope), option = d < 0 ? SN_ABSENT : p->arch->option[d];
    if (option == SN_ABSENT) return "";
    const sn_op *op = p->space->blocks[p->space->blocks[block].block[option]].op;
    *nothing = op && !strcmp(op->name, "zero");
    return sn_space_option_name(p->space, d, option);
}

static sn_status put_edge(picture *p, const sn_block *b, const char *id, const char *scope, int node, int term, bool taken) {
    const sn_motif_node *n = &b->node[node];
    const sn_term *t = &n->term[term];
    char *inside = sn_format("%s.%s", scope, t->name);
    if (!inside) return SN_RESOURCE;
    bool nothing;
    const char *text = taken ? edge_text(p, t->block, inside, &nothing) : "", *look = "";
    if (!taken || nothing)
        look = ", style=dashed, color=\"" PALE "\", fontcolor=\"" PALE "\"";
    else if (p->arch)
        look = ", penwidth=2.5";
    fprintf(p->out, "  \"%s/%s\" -> \"%s/%s\" [label=\" %s \"%s]\n", id, source_name(b, t->from), id, n->name, text, look);
    free(inside);
    return SN_OK;
}

// Of a pick the decision; else -1.
static int pick_of(const picture *p, const sn_motif_node *n, const char *scope) {
    char *name = n->pick ? sn_format("%s.%s", scope, n->name) : NULL;
    int d = name ? sn_space_find_decision(p->space, name) : -1;
    free(name);
    return d;
}

static sn_status put_node(picture *p, const sn_block *b, const char *id, const char *scope, int node) {
    const sn_motif_node *n = &b->node[node];
    int pick = pick_of(p, n, scope), items = 0;
    int option = p->arch && pick >= 0 ? p->arch->option[pick] : SN_ABSENT;
    for (int k = 0; k < n->terms; k++) items += n->term[k].item;
    fprintf(p->out, "  \"%s/%s\" [label=\"%s", id, n->name, n->name);
    if (n->pick) fprintf(p->out, ": %d of %d", n->pick, items);
    if (n->concat) fputs(": side by side", p->out);
    fprintf(p->out, "\"%s]\n", node == b->nodes - 1 ? ", peripheries=2" : "");
    for (int k = 0, item = 0; k < n->terms; k++) {
        bool taken = true;
        if (n->term[k].item) taken = option == SN_ABSENT || p->space->decisions[pick].items[option] >> item++ & 1;
        SN_TRY(put_edge(p, b, id, scope, node, k, taken));
    }
    return SN_OK;
}

// What a motif is drawn once as: with an arch one that decides something, where it does.
static const char *id_of(const picture *p, const sn_block *b, const char *scope) {
    size_t n = strlen(scope);
    for (int i = 0; p->arch && i < p->space->n_decisions; i++) {
        const char *name = p->space->decisions[i].name;
        if (!strncmp(name, scope, n) && name[n] == '.') return scope;
    }
    return b->name;
}

static sn_status put_motif(picture *p, const sn_block *b, const char *scope) {
    const char *id = id_of(p, b, scope);
    fprintf(p->out, "subgraph \"cluster_%s\" {\n  label=\"%s%s%s\"\n", id, b->name, strcmp(id, b->name) ? " at " : "",
            strcmp(id, b->name) ? id : "");
    for (int k = b->inputs.n ? b->inputs.n : 1; k > 0; k--) {
        int through = b->inputs.n ? b->inputs.through[k - 1] : -1;
        fprintf(p->out, "  \"%s/%s\" [shape=ellipse, label=\"%s%s%s\"]\n", id, input_name(b, -k), input_name(b, -k),
                through >= 0 ? ": " : "", through >= 0 ? name_of(p, through) : "");
    }
    sn_status s = SN_OK;
    for (int i = 0; s == SN_OK && i < b->nodes; i++) s = put_node(p, b, id, scope, i);
    fputs("}\n", p->out);
    return s;
}

// Whether it is to be drawn: the first time.
static sn_status is_new(picture *p, const char *id, bool *out) {
    *out = false;
    for (int i = 0; i < p->n_drawn; i++)
        if (!strcmp(p->drawn[i], id)) return SN_OK;
    if (p->n_drawn == SN_MAX_PLACES) return SN_OK;
    *out = true;
    return (p->drawn[p->n_drawn++] = sn_strdup(id)) ? SN_OK : SN_RESOURCE;
}

static sn_status draw_motif(picture *p, const sn_block *b, const char *scope) {
    bool new;
    SN_TRY(is_new(p, id_of(p, b, scope), &new));
    if (!new) return SN_OK;
    SN_TRY(put_motif(p, b, scope));
    for (int i = 0; i < b->inputs.n; i++)
        if (b->inputs.through[i] >= 0) SN_TRY(draw_inside(p, b->inputs.through[i], scope, b->inputs.name[i]));
    for (int i = 0; i < b->nodes; i++)
        for (int k = 0; k < b->node[i].terms; k++)
            if (b->node[i].term[k].block >= 0) SN_TRY(draw_inside(p, b->node[i].term[k].block, scope, b->node[i].term[k].name));
    return SN_OK;
}

// Of options those that are motifs; with an arch the one that it takes.
static sn_status draw_options(picture *p, const int *block, int options, int decision, const char *scope) {
    for (int k = 0; k < options; k++)
        if (!p->arch || (decision >= 0 && p->arch->option[decision] == k))
            SN_TRY(draw_inside(p, block[k], scope, name_of(p, block[k])));
    return SN_OK;
}

static sn_status draw_block(picture *p, int block, const char *scope) {
    const sn_block *b = &p->space->blocks[block];
    if (b->shared) scope = b->name;
    if (b->options) return draw_options(p, b->block, b->options, sn_space_find_decision(p->space, scope), scope);
    return b->nodes ? draw_motif(p, b, scope) : SN_OK;
}

// How many layers there are: all, or as many as the arch takes.
static int layers_of(const picture *p, const sn_entry *e) {
    char *name = p->arch && e->depths ? sn_entry_depth(e) : NULL;
    int d = name ? sn_space_find_decision(p->space, name) : -1;
    free(name);
    return d < 0 ? e->layers : e->depth[p->arch->option[d]];
}

static sn_status draw_entry(picture *p, const sn_entry *e) {
    for (int l = 0; l < layers_of(p, e); l++) {
        char *scope = sn_entry_scope(e, l);
        if (!scope) return SN_RESOURCE;
        sn_status s = e->choice ? draw_options(p, e->block, e->options, sn_space_find_decision(p->space, scope), scope)
                                : draw_block(p, e->block[0], scope);
        free(scope);
        SN_TRY(s);
    }
    return SN_OK;
}

// ---------------------------------------------------------------- the whole
// Of choices at edges their options, which would not fit there.
static void put_choices(const picture *p) {
    for (int i = 0; i < p->space->n_blocks; i++) {
        const sn_block *b = &p->space->blocks[i];
        if (!p->edge_of[i]) continue;
        fprintf(p->out, "\"choice/%s\" [label=<<TABLE BORDER=\"0\" CELLSPACING=\"2\"><TR><TD><B>%s</B>: one of</TD></TR>",
                b->name, b->name);
        for (int k = 0; k < b->options; k++) fprintf(p->out, "<TR><TD BORDER=\"1\">%s</TD></TR>", name_of(p, b->block[k]));
        fputs("</TABLE>>]\n", p->out);
    }
}

static sn_status put_all(picture *p) {
    fputs("digraph space {\n"
          "fontname=\"sans-serif\"\nnode [shape=box, style=rounded, fontname=\"sans-serif\", fontsize=11, margin=\"0.08,0.04\"]\n"
          "edge [fontname=\"sans-serif\", fontsize=10]\nstyle=rounded\ncolor=\"#808080\"\nranksep=0.3\nnodesep=0.3\n",
          p->out);
    put_network(p);
    sn_status s = SN_OK;
    for (int i = 0; s == SN_OK && i < p->space->n_entries; i++) s = draw_entry(p, &p->space->entries[i]);
    put_choices(p);
    fputs("}\n", p->out);
    return s;
}

char *picture_text(const sn_space *s, const sn_arch *arch, size_t *size) {
    char *text = NULL;
    picture *p = sn_new(1, sizeof *p);
    if (!p) return NULL;
    *p = (picture){.space = s, .arch = arch, .out = open_memstream(&text, size)};
    sn_status status = p->out ? put_all(p) : SN_RESOURCE;
    bool lost = !p->out || fclose(p->out);
    for (int i = 0; i < p->n_drawn; i++) free(p->drawn[i]);
    free(p);
    if (status == SN_OK && !lost) return text;
    sn_error(SN_RESOURCE, "out of memory for a picture");
    free(text);
    return NULL;
}

static const char *const endings[] = {"svg", "png", "pdf"};

static const char *ending_of(const char *path) {
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (!strcmp(dot + 1, endings[i])) return endings[i];
    return NULL;
}

sn_status picture_check(const char *path) {
    if (!ending_of(path))
        return sn_error(SN_USAGE, "--picture: found '%s'; allowed are names that end in .svg, .png or .pdf", path);
    return sn_file_replaceable(path);
}

sn_status picture_save(const sn_space *s, const sn_arch *arch, const char *path) {
    char type[8], *arguments[] = {"dot", type, NULL}, *image = NULL;
    const helper dot = {"dot", arguments, "known to work is that of Debian package graphviz, version 2.42",
                        "pictures need Graphviz, Debian package graphviz: apt-get install graphviz"};
    size_t size, got = 0;
    SN_TRY(picture_check(path));
    snprintf(type, sizeof type, "-T%s", ending_of(path));
    char *text = picture_text(s, arch, &size);
    if (!text) return SN_RESOURCE;
    sn_status status = helper_run(&dot, text, size, &image, &got);
    free(text);
    if (status == SN_OK && !got) status = sn_error(SN_RESOURCE, "dot printed nothing; %s", dot.known);
    if (status == SN_OK) status = sn_atomic_save(path, &(sn_piece){image, got}, 1);
    free(image);
    return status;
}
