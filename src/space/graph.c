// Shapes of nodes and walks over a graph; see graph.h. Not here: building (build.c), where tensors live (plan.c).
#include "space/graph.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------- shapes
static int strided(int size, int stride) { // "same" padding: a window at every stride-th pixel
    return (size + stride - 1) / stride;
}

static bool same_shape(sn_shape a, sn_shape b) {
    return a.c == b.c && a.h == b.h && a.w == b.w;
}

static sn_status sum_shape(const sn_graph *g, const sn_node *n, const sn_shape *in, sn_shape *out) {
    for (int k = 1; k < n->n_in; k++)
        if (!same_shape(in[0], in[k]))
            return sn_error(
                SN_CONFIG, "sum '%s' cannot join '%s' of %d x %d x %d with '%s' of %d x %d x %d (channels x height x width)",
                n->name, g->node[n->in[0]].name, in[0].c, in[0].h, in[0].w, g->node[n->in[k]].name, in[k].c, in[k].h, in[k].w);
    *out = in[0];
    return SN_OK;
}

static sn_status scale_shape(const sn_graph *g, const sn_node *n, const sn_shape *in, sn_shape *out) {
    if (!same_shape(in[1], (sn_shape){in[0].c, 1, 1}))
        return sn_error(SN_CONFIG, "scale '%s' of '%s' of %d channels by '%s' of %d x %d x %d (channels x height x width)",
                        n->name, g->node[n->in[0]].name, in[0].c, g->node[n->in[1]].name, in[1].c, in[1].h, in[1].w);
    *out = in[0];
    return SN_OK;
}

static sn_status place_shape(const sn_graph *g, const sn_node *n, const sn_shape *in, sn_shape *out) {
    *out = in[0];
    for (int k = 1; k < n->n_in; k++) {
        if (in[k].h != in[0].h || in[k].w != in[0].w)
            return sn_error(SN_CONFIG,
                            "concat '%s' cannot join '%s' of %d x %d x %d with '%s' of %d x %d x %d (channels x height x width); "
                            "allowed is one height and width",
                            n->name, g->node[n->in[0]].name, in[0].c, in[0].h, in[0].w, g->node[n->in[k]].name, in[k].c, in[k].h,
                            in[k].w);
        out->c += in[k].c;
        if (out->c > SN_MOST_CONCAT) return sn_error(SN_CONFIG, "concat '%s': more than %d channels", n->name, SN_MOST_CONCAT);
    }
    if (!n->out) return SN_OK;
    if (in->c % n->groups || n->first + n->out > in->c)
        return sn_error(SN_CONFIG, "'%s': of %d channels %d from %d on, shuffled in %d groups, cannot be taken", n->name, in->c,
                        n->out, n->first, n->groups);
    *out = (sn_shape){n->out, strided(in->h, n->stride), strided(in->w, n->stride)};
    return SN_OK;
}

sn_status sn_node_shape(const sn_graph *g, const sn_node *n, const sn_shape *in, sn_shape *out) {
    switch (n->kind) {
    case SN_NODE_INPUT:
    case SN_NODE_ZERO:
        *out = (sn_shape){n->c, n->h, n->w};
        return SN_OK;
    case SN_NODE_CONV:
        if (in->c % n->groups || n->out % n->groups)
            return sn_error(SN_CONFIG, "conv '%s': %d input and %d output channels cannot be cut into %d groups", n->name, in->c,
                            n->out, n->groups);
        *out = (sn_shape){n->out, strided(in->h, n->stride), strided(in->w, n->stride)};
        return SN_OK;
    case SN_NODE_POOL:
        *out = (sn_shape){in->c, strided(in->h, n->stride), strided(in->w, n->stride)};
        return SN_OK;
    case SN_NODE_MEAN:
        *out = (sn_shape){in->c, 1, 1};
        return SN_OK;
    case SN_NODE_SUM:
        return sum_shape(g, n, in, out);
    case SN_NODE_SCALE:
        return scale_shape(g, n, in, out);
    case SN_NODE_PLACE:
        return place_shape(g, n, in, out);
    case SN_NODE_CHOICE: {
        int first = 0;
        while (n->in[first] < 0) first++;
        *out = in[first];
        return SN_OK;
    }
    default: // a view, the loss
        *out = *in;
        return SN_OK;
    }
}

sn_extent sn_node_extent(const sn_graph *g, const sn_node *n) {
    if (n->kind == SN_NODE_CONV) return (sn_extent){n->kernel, g->node[n->in[0]].c / n->groups, n->out};
    return (sn_extent){1, 1, n->c};
}

int sn_node_matrices(const sn_graph *g, const sn_node *n) {
    const sn_param *w = n->kind == SN_NODE_CONV ? &g->params.param[n->weight] : NULL;
    int larger = 0;
    if (!w || w->matrix < 0) return 0;
    for (int k = 0; k < w->sides.n; k++) larger += w->sides.end[k] > n->kernel;
    return larger;
}

// A kernel made by matrices is made of all of the second largest.
int sn_node_parts(const sn_graph *g, const sn_node *n, sn_part *out) {
    sn_extent piece = sn_node_extent(g, n), bias = {1, 1, piece.out};
    int matrices = sn_node_matrices(g, n), parts = 0;
    if (matrices) piece.kernel = g->params.param[n->weight].sides.end[g->params.param[n->weight].sides.n - 2];
    if (n->weight >= 0) parts += sn_param_parts(&g->params, n->weight, piece, out);
    for (int k = 0; k < matrices; k++, parts++) {
        int m = g->params.param[n->weight].matrix + k;
        const sn_param *p = &g->params.param[m];
        if (out) out[parts] = (sn_part){m, p->first_atom, p->offset, p->size};
    }
    if (n->bias >= 0) parts += sn_param_parts(&g->params, n->bias, bias, out ? out + parts : NULL);
    return parts;
}

// ---------------------------------------------------------------- walks
void sn_graph_free(sn_graph *g) {
    if (!g) return;
    for (int i = 0; i < g->n; i++) {
        free(g->node[i].name);
        free(g->node[i].in);
    }
    free(g->node);
    sn_params_free(&g->params);
    free(g);
}

// Of a sum: itself where two inputs or more are something.
static int sum_stands(const sn_node *n, int i, const int *stands) {
    int found = SN_NOTHING;
    for (int k = 0; k < n->n_in; k++) {
        if (stands[n->in[k]] == SN_NOTHING) continue;
        if (found != SN_NOTHING) return i;
        found = stands[n->in[k]];
    }
    return found;
}

static bool all_nothing(const sn_node *n, const int *stands) {
    for (int k = 0; k < n->n_in; k++)
        if (stands[n->in[k]] != SN_NOTHING) return false;
    return true;
}

static int option_stands(const sn_node *n, int option, const int *stands) { // absent: nobody needs this site
    int in = option < n->n_in ? n->in[option] : -1;
    return in < 0 ? SN_NOTHING : stands[in];
}

// Where all active options but for nothing are one value, with gates of 1 together that are not learned, that value.
static int mixture_stands(const sn_node *n, int i, const sn_gates *m, bool gradients, const int *stands) {
    uint64_t active = m->active[n->decision];
    if (!sn_gates_weigh(m, n->decision, gradients))
        return active ? option_stands(n, __builtin_ctzll(active), stands) : SN_NOTHING;
    int value = SN_NOTHING;
    bool one = !(gradients && m->learned[n->decision]);
    double gate = 0;
    for (; active; active &= active - 1) {
        int option = __builtin_ctzll(active), x = option_stands(n, option, stands);
        if (x == SN_NOTHING) continue;
        if (value != SN_NOTHING && x != value) one = false;
        value = x;
        gate += m->gate[m->first[n->decision] + option];
    }
    bool whole = gate > 1 - 1e-12 && gate < 1 + 1e-12;
    return value == SN_NOTHING || (one && whole) ? value : i;
}

// Under an arch, or else under gates.
static void stand(const sn_graph *g, const sn_arch *a, const sn_gates *m, bool gradients, const uint8_t *given, int *stands) {
    for (int i = 0; i < g->n; i++) {
        const sn_node *n = &g->node[i];
        stands[i] = i;
        if (given && given[i]) continue;
        if (n->kind == SN_NODE_CHOICE) {
            stands[i] = a ? option_stands(n, a->option[n->decision], stands) : mixture_stands(n, i, m, gradients, stands);
        } else if (n->kind == SN_NODE_ZERO) {
            stands[i] = SN_NOTHING;
        } else if (n->kind == SN_NODE_SUM) {
            stands[i] = sum_stands(n, i, stands);
        } else if (n->kind == SN_NODE_SCALE && (stands[n->in[0]] == SN_NOTHING || stands[n->in[1]] == SN_NOTHING)) {
            stands[i] = SN_NOTHING;
        } else if (n->n_in && all_nothing(n, stands) && n->kind != SN_NODE_BIAS && n->kind != SN_NODE_LOSS) {
            stands[i] = SN_NOTHING;
        }
    }
}

void sn_graph_stand(const sn_graph *g, const sn_arch *a, const uint8_t *given, int *stands) {
    stand(g, a, NULL, false, given, stands);
}

void sn_graph_stand_mixed(const sn_graph *g, const sn_gates *m, bool gradients, const uint8_t *given, int *stands) {
    stand(g, NULL, m, gradients, given, stands);
}

void sn_graph_live(const sn_graph *g, const int *stands, uint8_t *live) {
    memset(live, 0, (size_t)g->n);
    live[g->loss] = 1;
    for (int i = g->n - 1; i >= 0; i--)
        for (int k = 0; live[i] && k < g->node[i].n_in; k++) {
            int in = stands[g->node[i].in[k]];
            if (in != SN_NOTHING) live[in] = 1;
        }
}

// As if every choice took all options at once.
sn_status sn_graph_computes(const sn_graph *g, bool *out) {
    bool *some = sn_new((size_t)g->n, 1);
    if (!some) return SN_RESOURCE;
    for (int i = 0; i < g->n; i++) {
        const sn_node *n = &g->node[i];
        some[i] = n->kind == SN_NODE_INPUT;
        for (int k = 0; k < n->n_in; k++) some[i] = some[i] || (n->in[k] >= 0 && some[n->in[k]]);
    }
    *out = some[g->loss];
    free(some);
    return SN_OK;
}

// Of a choice any input is enough, of a sum or concat all must be nothing.
sn_status sn_graph_may_lack(const sn_graph *g, bool *out) {
    bool *lacks = sn_new((size_t)g->n, 1);
    if (!lacks) return SN_RESOURCE;
    for (int i = 0; i < g->n; i++) {
        const sn_node *n = &g->node[i];
        int may = 0, of = 0;
        for (int k = 0; k < n->n_in; k++) {
            of += n->in[k] >= 0;
            may += n->in[k] >= 0 && lacks[n->in[k]];
        }
        bool joins = n->kind == SN_NODE_SUM || n->kind == SN_NODE_PLACE;
        lacks[i] = n->kind == SN_NODE_ZERO || (n->kind != SN_NODE_BIAS && may && (!joins || may == of));
    }
    *out = lacks[g->logits];
    free(lacks);
    return SN_OK;
}

bool sn_node_stores(const sn_node *n) {
    return n->kind == SN_NODE_CONV || n->kind == SN_NODE_POOL || n->kind == SN_NODE_MEAN || n->kind == SN_NODE_SUM ||
           n->kind == SN_NODE_SCALE || n->kind == SN_NODE_PLACE;
}

uint64_t sn_node_hash(const sn_node *n, bool with_names) {
    const int field[] = {(int)n->kind,
                         n->c,
                         n->h,
                         n->w,
                         n->kernel,
                         n->stride,
                         n->pad,
                         n->dilation,
                         n->groups,
                         n->mode,
                         n->first,
                         n->shift,
                         with_names ? n->weight : 0,
                         with_names ? n->bias : 0,
                         with_names ? n->stats : 0};
    uint64_t h = 1;
    for (size_t i = 0; i < sizeof field / sizeof *field; i++) h = sn_hash_mix(h, (uint64_t)(int64_t)field[i]);
    return h;
}

uint64_t sn_nothing_hash(const sn_graph *g, const sn_node *n, int k) {
    return sn_hash_mix(2, (uint64_t)g->node[n->in[k]].c);
}

uint64_t sn_inputs_hash(const sn_graph *g, const sn_node *n, const int *stands, const uint64_t *hash, uint64_t h) {
    for (int k = 0; k < n->n_in; k++) {
        int in = stands[n->in[k]];
        if (in != SN_NOTHING)
            h = sn_hash_mix(h, hash[in]);
        else if (n->kind != SN_NODE_SUM)
            h = sn_hash_mix(h, sn_nothing_hash(g, n, k));
    }
    return h;
}
