// NAS-Bench-201 and the topology space of NATS-Bench: the nodes of a cell, joined by +, of each what it does to every node before
// it: |nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|. Also as its authors' programs print it, Structure(3 nodes with TEXT).
// Not here: the benchmark's numbering of archs, which follows no rule.
#include "space/notations/cell.h"

#include <string.h>

static bool looks(const char *text) {
    text += strspn(text, " \t\r\n");
    return *text == '|' || !strncmp(text, "Structure(", 10);
}

// |op~from|op~from|
static sn_status read_node(sn_reader *r, sn_cell *c, int node, sn_arch *out) {
    SN_TRY(sn_reader_needed(r, "|", "|"));
    for (int k = 0; k < sn_cell_width(r->space, c, node); k++) {
        int from;
        sn_word op = sn_reader_word(r);
        if (!op.n)
            return sn_reader_found(r, r->at, "an operation: node %d of this space has %d", node + 1,
                                   sn_cell_width(r->space, c, node));
        SN_TRY(sn_reader_needed(r, "~", "~ and the number of a node"));
        const char *at = r->at;
        SN_TRY(sn_reader_number(r, "the number of a node", &from));
        SN_TRY(sn_reader_needed(r, "|", "|"));
        SN_TRY(sn_cell_take(r, c, at, node + 1, from, op, out));
    }
    return SN_OK;
}

static sn_status read_nodes(sn_reader *r, sn_cell *c, sn_arch *out) {
    for (int i = 0; i < c->nodes; i++) {
        if (i) SN_TRY(sn_reader_needed(r, "+", "+ and another node"));
        SN_TRY(read_node(r, c, i, out));
    }
    return sn_cell_close(r, c, r->at, out);
}

static sn_status read_structure(sn_reader *r, sn_cell *c, sn_arch *out) {
    int nodes;
    if (!sn_reader_mark(r, "Structure(")) return read_nodes(r, c, out);
    SN_TRY(sn_reader_number(r, "a number of nodes", &nodes));
    SN_TRY(sn_reader_needed(r, "nodes", "the word nodes"));
    SN_TRY(sn_reader_needed(r, "with", "the word with"));
    SN_TRY(read_nodes(r, c, out));
    return sn_reader_needed(r, ")", ")");
}

// One cell of one input, no picks.
static sn_status cell_of(const sn_space *s, sn_cells *out) {
    SN_TRY(sn_cells_of(s, "nasbench201", out));
    bool fits = out->n == 1 && out->cell[0].inputs == 1 && out->cell[0].joined == UINT64_C(1) << (out->cell[0].nodes - 1);
    for (int i = 0; fits && i < out->cell[0].nodes; i++) fits = out->cell[0].pick[i] < 0;
    if (fits) return SN_OK;
    sn_cells_free(out);
    return sn_error(SN_USAGE,
                    "archs of this space cannot be written as nasbench201: allowed is one motif of one input whose nodes are "
                    "sums without `pick`, the last its value");
}

static sn_status read_text(const sn_space *s, const char *text, sn_arch *out) {
    sn_reader r = {s, text, text};
    sn_cells cells;
    SN_TRY(cell_of(s, &cells));
    sn_status status = read_structure(&r, cells.cell, out);
    sn_cells_free(&cells);
    return status == SN_OK ? sn_reader_end(&r) : status;
}

static sn_status write_text(const sn_space *s, const sn_arch *a, FILE *out) {
    sn_cells cells;
    SN_TRY(cell_of(s, &cells));
    const sn_cell *c = cells.cell;
    for (int node = 1, i = 0; node <= c->nodes; node++) {
        fputs(node > 1 ? "+|" : "|", out);
        for (; i < c->edges && c->edge[i].node == node; i++)
            fprintf(out, "%s~%d|", sn_edge_op(s, &c->edge[i], a), c->edge[i].from);
    }
    sn_cells_free(&cells);
    return SN_OK;
}

const sn_notation sn_notation_nasbench201 = {"nasbench201", false, looks, read_text, write_text};
