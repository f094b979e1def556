// Random small spaces: a seed gives a data set and a config, as a user would write them. Operations, their attributes, samplers
// and words are drawn from the program's own tables, so that a new one is met without a change here. A new construct of the
// language (an entry of `network`) is one function in `constructs`. Not here: what must hold for every space (test_spaces.c).
#ifndef SN_TEST_RANDOM_SPACE_H
#define SN_TEST_RANDOM_SPACE_H

#include "datafiles.h"
#include "sampler/method.h"
#include "space/cost.h"
#include "space/ops.h"
#include "space/words.h"

#include <hdf5.h>

// How large the spaces are.
typedef struct {
    int side[2], batch[2], widest; // from, to; channels of a layer
    int64_t macs;                  // of each layer, for one image
    int steps[2];                  // of an epoch
} measure;

static const measure small_measure = {{5, 19}, {2, 12}, 24, 150000, {2, 4}};

typedef struct {
    sn_rng rng;
    measure size;
    sn_space *space;        // of blocks only: those that entries may name
    char *blocks, *network; // texts of the two keys
    FILE *to_blocks, *to_network;
    int c, h, w;            // of the value that the next entry reads
    int entries, decisions; // so far
    int named;              // choices and motifs
    bool zeros;             // some block is nothing
    int inputs;             // of the motif at hand; 1: "input", 2: "before" and "last", as wide as its values
} maker;

// ---------------------------------------------------------------- draws
static int below(maker *m, int n) {
    return (int)sn_rng_below(&m->rng, (uint32_t)n);
}
static int between(maker *m, int low, int high) {
    return low + below(m, high - low + 1);
}
static bool once_in(maker *m, int n) {
    return below(m, n) == 0;
}
static int any_side(maker *m) {
    return between(m, m->size.side[0], m->size.side[1]);
}
#define ONE_OF(m, ...) ((const int[]){__VA_ARGS__})[below(m, (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)))]

static int count_words(const char *const *words) {
    int n = 0;
    while (words[n]) n++;
    return n;
}
static const char *any_word(maker *m, const char *const *words) {
    return words[below(m, count_words(words))];
}
static const char *any_bool(maker *m) {
    return below(m, 2) ? "true" : "false";
}

// ---------------------------------------------------------------- operations
// Mostly small values, the default often, the extreme now and then.
static int any_value(maker *m, const sn_attr *a) {
    int step = a->type == SN_ATTR_ODD ? 2 : 1, most = (a->high - a->low) / step;
    if (a->type == SN_ATTR_WORD) return below(m, count_words(a->words));
    if (a->type == SN_ATTR_BOOL) return below(m, 2);
    if (once_in(m, 3)) return a->preset;
    return a->low + step * below(m, (most < 6 || once_in(m, 8) ? most : 6) + 1);
}

// Whether an operation can stand between these channels, asked of the program; and is small enough.
static bool fits(const maker *m, const sn_op *op, const int *attr, int in, int out, int h, int w, int stride) {
    sn_space *s = sn_space_new();
    sn_graph *g = NULL;
    ck_assert_ptr_nonnull(s);
    s->channels = in, s->height = h, s->width = w, s->classes = 2;
    sn_entry e = {.choice = true, .options = 1, .layers = 1, .out = out, .stride = stride};
    e.block[0] = sn_space_add_block(s, "block", op, attr);
    sn_space_add_entry(s, "choice", &e);
    e = (sn_entry){.options = 1, .layers = 1, .stride = 1};
    e.block[0] = sn_space_add_block(s, "last", sn_op_find("classifier"), NULL);
    sn_space_add_entry(s, "last", &e);
    bool good = sn_space_finish(s) == SN_OK && sn_graph_build(s, &g) == SN_OK;
    sn_arch only = {0};
    sn_cost cost;
    if (good) only = sn_arch_first(s);
    if (good) good = sn_cost_arch(g, &only, &cost) == SN_OK && cost.macs <= m->size.macs;
    sn_graph_free(g);
    sn_space_free(s);
    return good;
}

// In all layers of an entry: the first changes channels and size, the others keep them.
static bool fits_layers(const maker *m, const sn_op *op, const int *attr, int out, int stride, int layers) {
    int h = (m->h + stride - 1) / stride, w = (m->w + stride - 1) / stride;
    int in = m->inputs > 1 ? out : m->c; // of a motif of several inputs, which have the channels of its place
    return fits(m, op, attr, in, out, m->h, m->w, stride) && (layers == 1 || fits(m, op, attr, out, out, h, w, 1));
}

static const sn_op *any_operation(maker *m, int out, int stride, int layers, int attr[SN_OP_ATTRS]) {
    int ops = 0;
    while (sn_ops[ops]) ops++;
    for (int tries = 0; tries < 1000; tries++) {
        const sn_op *op = sn_ops[below(m, ops)];
        memset(attr, 0, SN_OP_ATTRS * sizeof *attr);
        for (int i = 0; op->attrs[i].type != SN_ATTR_END; i++) attr[i] = any_value(m, &op->attrs[i]);
        if (op->takes_out && strcmp(op->name, "zero") && fits_layers(m, op, attr, out, stride, layers)) return op;
    }
    ck_abort_msg("no operation between %d and %d channels of %d x %d: %s", m->c, out, m->h, m->w, sn_error_text());
    return NULL;
}

static void put_operation(maker *m, FILE *f, const sn_op *op, const int *attr) {
    fprintf(f, "op: %s", op->name);
    for (int i = 0; op->attrs[i].type != SN_ATTR_END; i++) {
        const sn_attr *a = &op->attrs[i];
        if (attr[i] == a->preset && below(m, 2)) continue;
        fprintf(f, ", %s: ", a->name);
        if (a->type == SN_ATTR_WORD || a->type == SN_ATTR_BOOL)
            fputs(a->type == SN_ATTR_BOOL ? (attr[i] ? "true" : "false") : a->words[attr[i]], f);
        else
            fprintf(f, "%d", attr[i]);
    }
}

// A block for an entry: one that is there, or a new one; now and then of a name that YAML takes for something else.
static int any_block(maker *m, int out, int stride, int layers) {
    static const char *const odd[] = {"no",  "null", "True", "1",  "0x1f",
                                      "1e5", "_",    "9-9",  "op", "CHOOSE_the_longest_name_that_there_can_be_in_a_space"};
    int attr[SN_OP_ATTRS], there = m->space->n_blocks;
    char name[64];
    for (int tries = below(m, 3); tries && there; tries--) {
        int i = below(m, there);
        if (fits_layers(m, m->space->blocks[i].op, m->space->blocks[i].attr, out, stride, layers)) return i;
    }
    const sn_op *op = any_operation(m, out, stride, layers, attr);
    snprintf(name, sizeof name, "%s%d", op->name, there);
    if (once_in(m, 6)) snprintf(name, sizeof name, "%.48s", odd[below(m, (int)(sizeof odd / sizeof *odd))]);
    if (sn_space_find_block(m->space, name) >= 0) snprintf(name, sizeof name, "b_%d", there);
    fprintf(m->to_blocks, "    \"%s\": {", name);
    put_operation(m, m->to_blocks, op, attr);
    fputs("}\n", m->to_blocks);
    return sn_space_add_block(m->space, name, op, attr);
}

// ---------------------------------------------------------------- entries of the network
static int any_channels(maker *m) {
    return once_in(m, 3) ? m->c : once_in(m, 2) ? between(m, 1, m->size.widest) : between(m, 1, m->size.widest / 4) * 4;
}
static int any_stride(maker *m) {
    return below(m, 5) < 3 ? 1 : once_in(m, 8) ? between(m, 3, 8) : 2;
}

// The key `layers`: so many, or a choice of how many; returns the decisions that this adds.
static int put_layers(maker *m, int layers) {
    if (!once_in(m, 3)) return fprintf(m->to_network, "layers: %d", layers), 0;
    fputs("layers: [", m->to_network);
    for (int l = 1; l < layers; l++)
        if (below(m, 2)) fprintf(m->to_network, "%d, ", l);
    fprintf(m->to_network, "%d]", layers);
    return 1;
}

// What every entry ends with; what it leaves to the next one.
static void end_entry(maker *m, int out, int stride) {
    fprintf(m->to_network, ", out: %d", out);
    if (stride > 1 || below(m, 2)) fprintf(m->to_network, ", stride: %d", stride);
    if (once_in(m, 3)) fprintf(m->to_network, ", name: part_%d", m->entries);
    fputs("}\n", m->to_network);
    m->c = out, m->h = (m->h + stride - 1) / stride, m->w = (m->w + stride - 1) / stride;
    m->entries++;
}

static void put_fixed(maker *m) {
    int attr[SN_OP_ATTRS], out = any_channels(m), stride = any_stride(m);
    const sn_op *op = any_operation(m, out, stride, 1, attr);
    fputs("    - {", m->to_network);
    put_operation(m, m->to_network, op, attr);
    end_entry(m, out, stride);
}

// A name that no block has: of a zero, a choice or a motif.
static const char *any_name(maker *m, const char *what, char name[64]) {
    static const char *const odd[] = {"off", "nodes", "choose", "input", "sum", "2"};
    snprintf(name, 64, "%s_%d", what, m->named++);
    if (once_in(m, 6)) snprintf(name, 64, "%s%d", odd[below(m, 6)], m->named);
    return name;
}

static void put_zero(maker *m, char name[64]) {
    fprintf(m->to_blocks, "    \"%s\": {op: zero}\n", any_name(m, "none", name));
    m->zeros = true;
}

// ---------------------------------------------------------------- motifs
typedef struct {
    char name[64];
    int decisions; // of one place
    bool shared;
} named_block;

// A choice between blocks that stand anywhere in a motif; `inner`, if there is one, and nothing are options now and then.
static named_block put_choice_block(maker *m, int out, int stride, const named_block *inner, bool may_share) {
    named_block b = {.decisions = 1, .shared = may_share && once_in(m, 5)};
    char zero[64] = "";
    int block[3], n = 0, wanted = between(m, 1, 3);
    for (int tries = 0; n < wanted && tries < 20; tries++) {
        block[n] = any_block(m, out, stride, 2);
        bool seen = false;
        for (int k = 0; k < n; k++) seen = seen || block[k] == block[n];
        n += !seen;
    }
    if (below(m, 2)) put_zero(m, zero);
    fprintf(m->to_blocks, "    \"%s\": {choose: [", any_name(m, "choice", b.name));
    for (int k = 0; k < n; k++) fprintf(m->to_blocks, "%s\"%s\"", k ? ", " : "", m->space->blocks[block[k]].name);
    if (*zero) fprintf(m->to_blocks, ", \"%s\"", zero);
    if (inner) fprintf(m->to_blocks, ", \"%s\"", inner->name);
    fprintf(m->to_blocks, "]%s}\n", b.shared ? ", shared: true" : "");
    if (inner) b.decisions += inner->decisions;
    return b;
}

enum { MOST_NODES = 4 };

// What gives an input the shape of its place.
static const char *put_fit(maker *m) {
    static char name[64];
    bool halves = below(m, 2);
    any_name(m, "fit", name);
    fprintf(m->to_blocks, "    \"%s\": {op: %s}\n", name, halves ? "factorized_reduce, keep: false" : "conv, kernel: 1");
    return name;
}

// A motif while it is written.
typedef struct {
    maker *m;
    FILE *f;
    int out, stride, decisions;
    const named_block *choice, *inner;         // stand at its edges; inner: NULL or a motif
    bool as_option;                            // a motif is an option of `choice`; motifs may read values of `out` channels only
    bool read[MOST_NODES], concat[MOST_NODES]; // by another node; more channels than `out`
} motif_text;

static const char *any_source(motif_text *t, int from, char text[16]) {
    snprintf(text, 16, "n%d", from);
    if (from < 0) snprintf(text, 16, "%s", t->m->inputs == 1 ? "input" : below(t->m, 2) ? "before" : "last");
    return text;
}

// A value that reads node `from`, -1: an input; `any`: of any number of channels.
static void put_term(motif_text *t, int from, bool any) {
    maker *m = t->m;
    char source[16];
    any_source(t, from, source);
    bool as_wide = from >= 0 ? !t->concat[from] : m->inputs > 1 || m->c == t->out, itself = any || as_wide;
    bool as_large = from >= 0 || t->stride == 1, full = t->decisions >= 5;
    if (from >= 0) t->read[from] = true;
    if (itself && as_large && (full || once_in(m, 4))) {
        fputs(source, t->f);
    } else if (!full && t->inner && as_wide && once_in(m, 4)) {
        fprintf(t->f, "{\"%s\": %s}", t->inner->name, source);
        t->decisions += t->inner->decisions;
    } else if (!full && (as_wide || !t->as_option) && below(m, 4)) {
        fprintf(t->f, "{\"%s\": %s}", t->choice->name, source);
        t->decisions += t->choice->shared ? 0 : t->choice->decisions;
    } else {
        fprintf(t->f, "{\"%s\": %s}", m->space->blocks[any_block(m, t->out, t->stride, 2)].name, source);
    }
}

// A node of some values: their sum, some of which are picked now and then, or a concat of them. The last one reads all that
// nobody else does, and the inputs.
static void put_node(motif_text *t, int i, bool last) {
    maker *m = t->m;
    int terms = ONE_OF(m, 1, 1, 2, 2, 3, 5);
    bool concat = !last && once_in(m, 4), picks = !concat && terms < 5 && t->decisions < 4 && !t->choice->shared && once_in(m, 4);
    t->concat[i] = concat;
    fprintf(t->f, "        n%d: {%s: [", i, concat ? "concat" : "sum");
    if (picks) fprintf(t->f, "{pick: %d, of: [", between(m, 1, terms)), t->decisions++;
    for (int k = 0; k < terms; k++) {
        if (k) fputs(", ", t->f);
        put_term(t, between(m, -1, i - 1), concat);
    }
    if (picks) fputs("]}", t->f);
    for (int k = 0; last && k < i; k++)
        if (!t->read[k]) fputs(", ", t->f), put_term(t, k, false);
    for (int k = 0; last && k < m->inputs; k++)
        fprintf(t->f, ", {\"%s\": %s}", t->choice->name, m->inputs == 1 ? "input" : k ? "last" : "before");
    fputs("]}\n", t->f);
}

// A motif of a few nodes; every node reads some above. It has one choice at least.
static named_block put_motif_block(maker *m, int out, int stride, const named_block *inner, bool may_share) {
    named_block nested = {.decisions = 0}, b = {.shared = may_share && once_in(m, 3)};
    bool as_option = inner && below(m, 2);
    named_block choice = put_choice_block(m, out, stride, as_option ? inner : NULL, may_share && !inner);
    if (inner && !as_option) nested = *inner;
    const char *fit = m->inputs > 1 ? put_fit(m) : NULL;
    char *nodes;
    size_t size;
    motif_text t = {m,       open_memstream(&nodes, &size), out,       stride, choice.decisions,
                    &choice, *nested.name ? &nested : NULL, as_option, {0},    {0}};
    ck_assert_ptr_nonnull(t.f); // blocks that it needs stand above it
    for (int i = 0, n = between(m, 1, MOST_NODES); i < n; i++) put_node(&t, i, i == n - 1);
    fclose(t.f);
    b.decisions = t.decisions + (m->inputs > 1 && !choice.shared ? choice.decisions : 0);
    fprintf(m->to_blocks, "    \"%s\":\n%s", any_name(m, "motif", b.name), b.shared ? "      shared: true\n" : "");
    if (fit) fprintf(m->to_blocks, "      inputs: {before: \"%s\", last: \"%s\"}\n", fit, fit);
    fprintf(m->to_blocks, "      nodes:\n%s", nodes);
    free(nodes);
    return b;
}

// Layers of a motif, with another in it or not. Sums of many values grow; they are normalised again.
static void put_motif(maker *m) {
    int out = any_channels(m), stride = any_stride(m), layers = ONE_OF(m, 1, 1, 2);
    named_block inner = {.decisions = 0};
    bool nests = once_in(m, 3);
    if (nests) inner = put_motif_block(m, out, stride, NULL, false);
    named_block b = put_motif_block(m, out, stride, nests ? &inner : NULL, true);
    bool shared = once_in(m, 3);
    if (b.decisions * layers > 8 && !b.shared) shared = true;
    fputs("    - {", m->to_network);
    m->decisions += put_layers(m, layers);
    fprintf(m->to_network, ", block: \"%s\"", b.name);
    if (shared) fputs(", shared: true", m->to_network);
    m->decisions += shared || b.shared ? b.decisions : layers * b.decisions;
    end_entry(m, out, stride);
    fputs("    - {op: norm", m->to_network);
    end_entry(m, out, 1);
}

// Layers that read the two before them, in one entry or two.
static void put_cells(maker *m) {
    for (int entries = ONE_OF(m, 1, 2, 2), i = 0; i < entries && (i == 0 || m->decisions < 6); i++) {
        int out = any_channels(m), stride = any_stride(m), layers = ONE_OF(m, 1, 2, 3);
        m->inputs = 2;
        named_block b = put_motif_block(m, out, stride, NULL, true);
        m->inputs = 1;
        bool shared = once_in(m, 3) || (b.decisions * layers > 8 && !b.shared);
        fprintf(m->to_network, "    - {layers: %d, block: \"%s\"%s", layers, b.name, shared ? ", shared: true" : "");
        m->decisions += shared || b.shared ? b.decisions : layers * b.decisions;
        end_entry(m, out, stride);
    }
    fputs("    - {op: norm", m->to_network);
    end_entry(m, m->c, 1);
}

static void put_choice(maker *m) {
    enum { MOST = 8 };
    int out = any_channels(m), stride = any_stride(m), layers = ONE_OF(m, 1, 1, 1, 2, 2, 3), block[MOST], n = 0;
    char zero[64] = "";
    int wanted = once_in(m, 5) ? 1 : once_in(m, 4) ? MOST : between(m, 2, 4);
    for (int tries = 0; n < wanted && tries < 4 * MOST; tries++) {
        block[n] = any_block(m, out, stride, layers);
        bool seen = false;
        for (int k = 0; k < n; k++) seen = seen || block[k] == block[n];
        n += !seen;
    }
    if (once_in(m, 8)) put_zero(m, zero);
    fputs("    - {", m->to_network);
    bool with_layers = layers > 1 || below(m, 2);
    if (with_layers) m->decisions += put_layers(m, layers);
    fprintf(m->to_network, "%schoose: [", with_layers ? ", " : "");
    for (int k = 0; k < n; k++) fprintf(m->to_network, "%s\"%s\"", k ? ", " : "", m->space->blocks[block[k]].name);
    if (*zero) fprintf(m->to_network, ", \"%s\"", zero);
    fputs("]", m->to_network);
    bool shared = once_in(m, 4);
    if (shared || once_in(m, 4)) fprintf(m->to_network, ", shared: %s", shared ? "true" : "false");
    end_entry(m, out, stride);
    m->decisions += shared ? 1 : layers;
}

// Some of the values of an attribute up to this one, which is among them; how many.
static int put_values(maker *m, const sn_attr *a, int last) {
    int value = last, list[3], n = 0, step = a->type == SN_ATTR_ODD ? 2 : 1;
    do {
        list[n++] = value;
        value -= step * between(m, 1, 2);
    } while (n < 3 && value >= a->low && (n < 2 || below(m, 2)));
    if (n == 1) return fprintf(m->to_blocks, ", %s: %d", a->name, last), 0;
    fprintf(m->to_blocks, ", %s: [", a->name);
    for (int k = n - 1; k >= 0; k--) fprintf(m->to_blocks, "%d%s", list[k], k ? ", " : "]");
    return n;
}

// An operation whose attributes are lists, where they may be; how many are.
static int put_elastic_block(maker *m, int out, int stride, int layers, char name[64], bool *shared) {
    int attr[SN_OP_ATTRS], lists = 0;
    const sn_op *op;
    const char *last = NULL;
    bool kernel = false;
    do op = any_operation(m, out, stride, layers, attr);
    while (!op->attrs[0].elastic && !op->attrs[1].elastic);
    fprintf(m->to_blocks, "    \"%s\": {op: %s", any_name(m, "elastic", name), op->name);
    for (int i = 0; op->attrs[i].type != SN_ATTR_END; i++) {
        const sn_attr *a = &op->attrs[i];
        if (a->elastic && (below(m, 4) ? put_values(m, a, attr[i]) : (fprintf(m->to_blocks, ", %s: %d", a->name, attr[i]), 0)))
            lists++, last = a->name, kernel = kernel || !strcmp(a->name, "kernel");
        else if (!a->elastic && a->type == SN_ATTR_BOOL)
            fprintf(m->to_blocks, ", %s: %s", a->name, attr[i] ? "true" : "false");
        else if (!a->elastic && a->type == SN_ATTR_WORD)
            fprintf(m->to_blocks, ", %s: %s", a->name, a->words[attr[i]]);
        else if (!a->elastic)
            fprintf(m->to_blocks, ", %s: %d", a->name, attr[i]);
    }
    if (kernel && below(m, 2)) fputs(", transform: true", m->to_blocks);
    if (last && once_in(m, 4)) fprintf(m->to_blocks, ", bn: {per: %s}", last);
    *shared = last && once_in(m, 4);
    fputs(*shared ? ", shared: true}\n" : "}\n", m->to_blocks);
    return lists;
}

// Layers of such an operation, or that choose between it and another block.
static void put_elastic(maker *m) {
    int out = any_channels(m), stride = any_stride(m), layers = ONE_OF(m, 1, 1, 2, 2, 3), other = -1;
    char name[64];
    bool shared, in_entry = once_in(m, 3);
    int lists = put_elastic_block(m, out, stride, layers, name, &shared);
    if (once_in(m, 3) && !shared) other = any_block(m, out, stride, layers);
    fputs("    - {", m->to_network);
    m->decisions += put_layers(m, layers);
    if (other < 0)
        fprintf(m->to_network, ", block: \"%s\"", name);
    else
        fprintf(m->to_network, ", choose: [\"%s\", \"%s\"]", m->space->blocks[other].name, name);
    if (in_entry) fputs(", shared: true", m->to_network);
    m->decisions += (shared || in_entry ? 1 : layers) * (lists + (other >= 0));
    end_entry(m, out, stride);
}

static void (*const constructs[])(maker *) = {put_choice, put_choice, put_fixed, put_motif, put_motif, put_cells, put_elastic};

// One without bias has nothing to give behind a zero.
static void put_classifier(maker *m) {
    const sn_op *op = sn_op_find("classifier");
    int attr[SN_OP_ATTRS];
    for (int i = 0; op->attrs[i].type != SN_ATTR_END; i++) {
        attr[i] = any_value(m, &op->attrs[i]);
        if (m->zeros && !strcmp(op->attrs[i].name, "bias")) attr[i] = true;
        if (attr[i] > 64) attr[i] = 64;
    }
    fputs("    - {", m->to_network);
    put_operation(m, m->to_network, op, attr);
    fputs("}\n", m->to_network);
}

static void put_network(maker *m) {
    m->space = sn_space_new();
    m->inputs = 1;
    size_t sizes[2];
    m->to_blocks = open_memstream(&m->blocks, &sizes[0]);
    m->to_network = open_memstream(&m->network, &sizes[1]);
    ck_assert(m->space && m->to_blocks && m->to_network);
    int entries = between(m, 1, 4);
    if (below(m, 2)) put_fixed(m); // a stem
    for (int i = 0; i < entries && m->decisions < 6; i++) constructs[below(m, (int)(sizeof constructs / sizeof *constructs))](m);
    if (!m->decisions) put_choice(m);
    for (int heads = ONE_OF(m, 0, 0, 1, 2); heads; heads--) put_fixed(m);
    put_classifier(m);
    fclose(m->to_blocks);
    fclose(m->to_network);
}

// ---------------------------------------------------------------- data
typedef struct {
    int channels, height, width, classes; // of the pictures in the files
    int train, val, test;                 // images of each part; 0: no such part
} random_data;

static void put_part(maker *m, hid_t file, const char *name, int n, const random_data *d) {
    size_t image = (size_t)d->channels * (size_t)d->height * (size_t)d->width;
    uint8_t *pixels = malloc((size_t)n * image), *labels = malloc((size_t)n);
    ck_assert(pixels && labels);
    for (int i = 0; i < n; i++) {
        labels[i] = (uint8_t)(i % d->classes);
        for (size_t p = 0; p < image; p++) // noise around a level of the class
            pixels[(size_t)i * image + p] = (uint8_t)(between(m, 0, 127) + 127 * labels[i] / d->classes);
    }
    hsize_t size[4] = {(hsize_t)n, (hsize_t)d->height, (hsize_t)d->width, (hsize_t)d->channels};
    hid_t group = H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    const struct {
        const char *name;
        int ranks;
        const uint8_t *data;
    } sets[] = {{"images", 4, pixels}, {"labels", 1, labels}};
    for (int i = 0; i < 2; i++) {
        hid_t space = H5Screate_simple(sets[i].ranks, size, NULL);
        hid_t set = H5Dcreate2(group, sets[i].name, H5T_STD_U8LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        ck_assert_int_ge(H5Dwrite(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, sets[i].data), 0);
        H5Dclose(set);
        H5Sclose(space);
    }
    H5Gclose(group);
    free(pixels);
    free(labels);
}

// A file or folder of one of the kinds that hold such pictures.
static const char *put_random_data(maker *m, const random_data *d) {
    if (d->channels == 1 && !d->val && d->test && below(m, 2)) {
        uint8_t labels[1024];
        for (int i = 0; i < d->train + d->test; i++) labels[i] = (uint8_t)(i % d->classes);
        put_idx(at("idx"), (uint32_t)d->train, (uint32_t)d->test, (uint32_t)d->height, (uint32_t)d->width, labels);
        return "idx";
    }
    hid_t file = H5Fcreate(at("data.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(file, 0);
    put_part(m, file, "train", d->train, d);
    if (d->val) put_part(m, file, "val", d->val, d);
    if (d->test) put_part(m, file, "test", d->test, d);
    H5Fclose(file);
    return "data.h5";
}

// ---------------------------------------------------------------- the config
// So many images that batches of `batch` leave none over, one, or some.
static int any_count(maker *m, int batch, int batches) {
    return batch * batches + ONE_OF(m, 0, 1, below(m, batch));
}

static void put_data_section(maker *m, FILE *f, int batch, int classes) {
    random_data d = {m->c, m->h, m->w, classes, 0, 0, 0};
    int train = any_count(m, batch, between(m, m->size.steps[0], m->size.steps[1])), validation = between(m, 5, 40);
    if (train < classes) train += (classes - train + batch - 1) / batch * batch;
    bool own = once_in(m, 4), fewer = once_in(m, 4);
    d.train = train + (own ? 0 : validation) + (fewer ? between(m, 1, 9) : 0);
    d.val = own ? validation : 0;
    d.test = once_in(m, 8) ? 0 : between(m, 1, 9);
    if (once_in(m, 4)) d.height = any_side(m) + below(m, 5), d.width = any_side(m) + below(m, 5);
    fprintf(f, "data:\n  source: %s\n  cache: cache\n", put_random_data(m, &d));
    if (!own) fprintf(f, "  validation: %d\n", validation);
    if (fewer) fprintf(f, "  images: %d\n", train);
    fprintf(f, "  resize: %s\n", any_word(m, sn_resize_words));
    int least = m->h < m->w ? m->h : m->w;
    fputs("  augment: {", f);
    if (once_in(m, 3))
        fprintf(f, "resized: true, ");
    else if (below(m, 2))
        fprintf(f, "crop: %d, ", between(m, 0, least < 4 ? least : 4));
    if (below(m, 2)) fprintf(f, "cutout: %d, ", between(m, 0, least));
    fprintf(f, "flip: %s}\n", any_bool(m));
}

static void put_optimizer(maker *m, FILE *f) {
    const char *name = any_word(m, sn_optimizer_words);
    fprintf(f, "  optimizer: {name: %s, lr: %s, schedule: %s", name, strcmp(name, "sgd") ? "0.002" : "0.02",
            any_word(m, sn_schedule_words));
    if (below(m, 2))
        fprintf(f, ", momentum: 0.%d, nesterov: %s", between(m, 1, 9), any_bool(m));
    else if (below(m, 2))
        fprintf(f, ", momentum: 0, nesterov: false");
    if (below(m, 2)) fprintf(f, ", weight_decay: 0.00%d, decay_bn: %s", below(m, 10), any_bool(m));
    if (once_in(m, 3)) fprintf(f, ", warmup: 0.%d", below(m, 10));
    if (once_in(m, 3)) fprintf(f, ", clip: %d", between(m, 1, 5));
    if (once_in(m, 3)) fprintf(f, ", label_smoothing: 0.%d", below(m, 9));
    if (once_in(m, 3)) fprintf(f, ", step_epochs: 1, step_factor: 0.%d", below(m, 10));
    fputs("}\n", f);
}

static int count_methods(sn_method_kind kind) {
    int n = 0;
    while (sn_method_at(kind, n)) n++;
    return n;
}

static void put_relaxation(maker *m, FILE *f) {
    fprintf(f, "  mode: relax\n  relax: {method: %s, order: %d, data: %s, lr: 0.0%d, temperature: %d, warmup: 0.%d}\n",
            sn_method_at(SN_RELAXATION, below(m, count_methods(SN_RELAXATION)))->name, between(m, 1, 2),
            any_word(m, sn_relax_data_words), between(m, 1, 9), between(m, 1, 10), once_in(m, 3) ? below(m, 10) : 0);
}

static void put_training(maker *m, FILE *f, int batch) {
    int per_batch = between(m, 2, 9);
    fprintf(f,
            "train:\n  sampler: %s\n  epochs: %d\n  batch: %d\n  seed: %u\n  save_every: %d\n  validate_every: %d\n  keep: 9\n",
            sn_method_at(SN_SAMPLER, below(m, count_methods(SN_SAMPLER)))->name, between(m, 1, 2), batch,
            (unsigned)below(m, 1000), below(m, 4), below(m, 2));
    if (once_in(m, 3)) put_relaxation(m, f);
    put_optimizer(m, f);
    fprintf(f, "rank: {bn: %s, calibrate: %d, calibrate_batch: %d, images: %d, sample: 12}\n", any_word(m, sn_protocol_words),
            any_count(m, per_batch, between(m, 1, 4)), per_batch, below(m, 2) ? 0 : between(m, 2, 30));
    fprintf(f, "retrain: {epochs: 1, init: %s}\n", any_word(m, sn_start_words));
    fprintf(f, "export: {format: %s, bn: %s}\n", any_word(m, sn_format_words), any_word(m, sn_export_bn_words));
}

// Writes scratch/space.yaml and the data that it names.
static inline void put_random_space(uint32_t seed, measure size) {
    maker m = {.rng = sn_rng_at(seed, SN_STREAM_ARCHS, 0, 0, 0), .size = size};
    m.c = between(&m, 1, 3), m.h = any_side(&m), m.w = any_side(&m);
    int batch = between(&m, size.batch[0], size.batch[1]), classes = between(&m, 2, 12);
    FILE *f = fopen(at("space.yaml"), "w");
    ck_assert_ptr_nonnull(f);
    put_data_section(&m, f, batch, classes);
    fprintf(f, "space:\n  input: {channels: %d, height: %d, width: %d}\n  classes: %d\n  text: %s\n", m.c, m.h, m.w, classes,
            any_word(&m, sn_text_words));
    put_network(&m);
    fprintf(f, "  blocks:\n%s  network:\n%s", m.blocks, m.network);
    put_training(&m, f, batch);
    ck_assert_int_eq(fclose(f), 0);
    sn_space_free(m.space);
    free(m.blocks);
    free(m.network);
}

#endif
