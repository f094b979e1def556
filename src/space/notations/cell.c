// Cells of a space and the archs that they make; see cell.h.
#include "space/notations/cell.h"
#include "space/ops.h"

#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------- of a space
static sn_status unfit(const char *notation, const char *what, const char *name) {
    return sn_error(
        SN_USAGE,
        "archs of this space cannot be written as %s: %s%s%s; allowed are shared motifs whose nodes are sums of choices, "
        "each of an earlier value",
        notation, what, name ? " " : "", name ? name : "");
}

static int find_inside(const sn_space *s, const char *motif, const char *name) {
    char *full = sn_format("%s.%s", motif, name);
    int d = full ? sn_space_find_decision(s, full) : -1;
    free(full);
    return d;
}

static sn_status add_edge(const sn_space *s, const sn_block *motif, const sn_term *t, int node, int item, const char *notation,
                          sn_cell *cell) {
    bool choice = t->block >= 0 && s->blocks[t->block].options && !s->blocks[t->block].shared;
    int d = choice ? find_inside(s, motif->name, t->name) : -1;
    if (d < 0 || cell->edges == SN_MAX_DECISIONS) return unfit(notation, "no choice of its own stands in a node of", motif->name);
    sn_edge e = {node, cell->inputs + t->from, d, -1, item, false};
    for (int k = 0; k < s->decisions[d].options; k++) {
        const sn_op *op = s->blocks[s->decisions[d].block[k]].op;
        if (!op || strcmp(op->name, "zero")) continue;
        if (e.zero >= 0) return unfit(notation, "two options are `zero` in", s->decisions[d].name);
        e.zero = k;
    }
    for (int i = 0; i < cell->edges; i++) {
        const sn_edge *other = &cell->edge[i];
        if (other->node != e.node || other->from != e.from) continue;
        for (int k = 0; k < s->decisions[d].options; k++)
            for (int j = 0; j < s->decisions[other->decision].options; j++)
                if (k != e.zero && s->decisions[d].block[k] == s->decisions[other->decision].block[j])
                    return unfit(notation, "the same option can stand twice between two nodes, at", s->decisions[d].name);
    }
    cell->edge[cell->edges++] = e;
    return SN_OK;
}

static bool joins_values(const sn_motif_node *n) {
    bool values = n->concat;
    for (int k = 0; k < n->terms; k++) values = values && n->term[k].block < 0;
    return values;
}

// Nothing where the motif is not in use.
static sn_status make_cell(const sn_space *s, const sn_block *b, const char *notation, sn_cell *cell, int *covered) {
    const sn_motif_node *last = &b->node[b->nodes - 1];
    bool joins = joins_values(last);
    *cell = (sn_cell){.name = strcmp(b->name, "reduction") ? b->name : "reduce", .inputs = b->inputs.n ? b->inputs.n : 1};
    cell->nodes = b->nodes - joins;
    if (cell->nodes > 64) return unfit(notation, "there are more than 64 nodes in", b->name);
    if (!joins) cell->joined = UINT64_C(1) << (cell->nodes - 1);
    for (int k = 0; joins && k < last->terms; k++) {
        if (last->term[k].from < 0) return unfit(notation, "an input is part of the value of", b->name);
        cell->joined |= UINT64_C(1) << last->term[k].from;
    }
    for (int i = 0; i < cell->nodes; i++) {
        const sn_motif_node *n = &b->node[i];
        if (n->concat) return unfit(notation, "a node before the last is a concat in", b->name);
        cell->pick[i] = n->pick ? find_inside(s, b->name, n->name) : -1;
        *covered += n->pick > 0;
        for (int k = 0, item = 0; k < n->terms; k++)
            SN_TRY(add_edge(s, b, &n->term[k], cell->inputs + i, n->term[k].item ? item++ : -1, notation, cell));
    }
    *covered += cell->edges;
    return SN_OK;
}

static bool in_use(const sn_space *s, const char *motif) {
    size_t n = strlen(motif);
    for (int i = 0; i < s->n_decisions; i++)
        if (!strncmp(s->decisions[i].name, motif, n) && s->decisions[i].name[n] == '.') return true;
    return false;
}

sn_status sn_cells_of(const sn_space *s, const char *notation, sn_cells *out) {
    int covered = 0;
    *out = (sn_cells){sn_new((size_t)s->n_blocks, sizeof *out->cell), 0};
    sn_status status = out->cell ? SN_OK : SN_RESOURCE;
    for (int i = 0; status == SN_OK && i < s->n_blocks; i++)
        if (s->blocks[i].nodes && s->blocks[i].shared && in_use(s, s->blocks[i].name))
            status = make_cell(s, &s->blocks[i], notation, &out->cell[out->n++], &covered);
    if (status == SN_OK && covered != s->n_decisions) status = unfit(notation, "it has decisions outside of cells", NULL);
    if (status != SN_OK) sn_cells_free(out);
    return status;
}

void sn_cells_free(sn_cells *c) {
    free(c->cell);
    *c = (sn_cells){0};
}

sn_cell *sn_cells_find(const sn_cells *c, sn_word name) {
    for (int i = 0; i < c->n; i++)
        if (sn_word_is(name, c->cell[i].name)) return &c->cell[i];
    return NULL;
}

// ---------------------------------------------------------------- reading
static sn_status no_edge(const sn_reader *r, const sn_cell *c, const char *at, int node, int from) {
    char sources[512] = "";
    for (int i = 0; i < c->edges; i++) {
        size_t used = strlen(sources);
        bool again = false;
        for (int j = 0; j < i; j++) again = again || (c->edge[j].node == node && c->edge[j].from == c->edge[i].from);
        if (c->edge[i].node == node && !again)
            snprintf(sources + used, sizeof sources - used, "%s%d", used ? ", " : "", c->edge[i].from);
    }
    return sn_reader_wrong(r, at, "node %d of '%s' reads node %d; allowed are %s", node, c->name, from, sources);
}

sn_status sn_cell_take(sn_reader *r, sn_cell *c, const char *at, int node, int from, sn_word op, sn_arch *out) {
    sn_edge *of = NULL, *fits = NULL;
    if (node < c->inputs || node >= c->inputs + c->nodes)
        return sn_reader_wrong(r, at, "found node %d; '%s' has nodes %d to %d in this space", node, c->name, c->inputs,
                               c->inputs + c->nodes - 1);
    for (int i = 0; i < c->edges; i++) {
        sn_edge *e = &c->edge[i];
        if (e->node != node || e->from != from) continue;
        if (!of || of->taken) of = e;
        if (!fits && sn_option_named(r->space, e->decision, op) >= 0) fits = e;
    }
    if (!of) return no_edge(r, c, at, node, from);
    if (!fits) return sn_option_refused(r, of->decision, op, false);
    if (fits->taken)
        return sn_reader_wrong(r, at, "an operation from node %d to node %d of '%s' stands here twice; allowed is one", from,
                               node, c->name);
    fits->taken = true;
    out->option[fits->decision] = (uint8_t)sn_option_named(r->space, fits->decision, op);
    return SN_OK;
}

static sn_status settle_pick(const sn_reader *r, const sn_cell *c, const char *at, int node, uint64_t items, sn_arch *out) {
    const sn_decision *d = &r->space->decisions[c->pick[node]];
    for (int k = 0; k < d->options; k++)
        if (sn_decision_allows(d, k) && d->items[k] == items) {
            out->option[c->pick[node]] = (uint8_t)k;
            return SN_OK;
        }
    return sn_reader_wrong(r, at, "node %d of '%s' reads %d values in a way that %s of this space has not; allowed are %d",
                           c->inputs + node, c->name, __builtin_popcountll(items), d->name, __builtin_popcountll(d->items[0]));
}

sn_status sn_cell_close(sn_reader *r, const sn_cell *c, const char *at, sn_arch *out) {
    for (int node = 0; node < c->nodes; node++) {
        uint64_t items = 0;
        for (int i = 0; i < c->edges; i++) {
            const sn_edge *e = &c->edge[i];
            if (e->node != c->inputs + node) continue;
            if (e->item >= 0) {
                items |= (uint64_t)e->taken << e->item;
            } else if (!e->taken) {
                if (e->zero < 0 || !sn_decision_allows(&r->space->decisions[e->decision], e->zero))
                    return sn_reader_wrong(r, at,
                                           "nothing from node %d to node %d of '%s', where every arch of this space has an "
                                           "operation (%s)",
                                           e->from, e->node, c->name, r->space->decisions[e->decision].name);
                out->option[e->decision] = (uint8_t)e->zero;
            }
        }
        if (c->pick[node] >= 0) SN_TRY(settle_pick(r, c, at, node, items, out));
    }
    return SN_OK;
}

// ---------------------------------------------------------------- writing
int sn_cell_width(const sn_space *s, const sn_cell *c, int node) {
    int n = c->pick[node] < 0 ? 0 : __builtin_popcountll(s->decisions[c->pick[node]].items[0]);
    for (int i = 0; i < c->edges; i++) n += c->edge[i].node == c->inputs + node && c->edge[i].item < 0;
    return n;
}

bool sn_edge_in(const sn_edge *e, const sn_arch *a) {
    return a->option[e->decision] != SN_ABSENT;
}

const char *sn_edge_op(const sn_space *s, const sn_edge *e, const sn_arch *a) {
    return sn_space_option_name(s, e->decision, a->option[e->decision]);
}
