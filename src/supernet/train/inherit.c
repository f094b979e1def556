// Weights of a net from a checkpoint of another space: the file's net is made anew, and each part that the net uses is cut out of
// it, a kernel as that net makes it. See run.h. Not here: checkpoints of the same net (run.c).
#include "io/files/checkpoint.h"
#include "supernet/train/run.h"

#include <stdlib.h>
#include <string.h>

// The net of a file.
typedef struct {
    const char *path;
    sn_config *config;
    sn_graph *graph;
    sn_supernet *net;
} source;

static sn_status fill_net(const source *s, const sn_checkpoint_file *f) {
    const sn_params *p = &s->graph->params;
    float *weights = sn_new((size_t)p->total, sizeof *weights), *stats = sn_new((size_t)p->stats_total, sizeof *stats);
    int taken;
    sn_status status = weights && stats ? sn_checkpoint_read_weights(f, p, weights, stats, &taken) : SN_RESOURCE;
    if (status == SN_OK) sn_memory_put(s->net->memory, SN_BUFFER_WEIGHTS, 0, weights, p->total);
    if (status == SN_OK) sn_memory_put(s->net->memory, SN_BUFFER_STATS, 0, stats, p->stats_total);
    free(weights);
    free(stats);
    return status;
}

static sn_status open_source(source *s, const sn_checkpoint_file *f, sn_backend *backend) {
    const char *text = sn_checkpoint_config(f);
    SN_TRY(sn_config_embedded(text, strlen(text), s->path, NULL, 0, &s->config));
    SN_TRY(sn_graph_build(s->config->space.built, &s->graph));
    SN_TRY(sn_supernet_create(s->graph, backend, 0, SN_INIT_FAN_OUT, 0, &s->net));
    return fill_net(s, f);
}

static void close_source(source *s) {
    sn_supernet_free(s->net);
    sn_graph_free(s->graph);
    sn_config_free(s->config);
}

static const char *name_of(const sn_graph *g, int param) {
    return param < 0 ? "" : g->params.param[param].name;
}

static bool same_parameters(const sn_graph *g, const sn_node *n, const sn_graph *h, const sn_node *m) {
    return n->kind == m->kind && !strcmp(name_of(g, n->weight), name_of(h, m->weight)) &&
           !strcmp(name_of(g, n->bias), name_of(h, m->bias));
}

// The node of the file's net that uses the same of the same parameters; -1: it does not have them. SN_DATA: of another shape.
static sn_status find_node(const source *s, const sn_graph *g, const sn_node *n, int *out) {
    sn_extent e = sn_node_extent(g, n), other = {0};
    bool there = false;
    *out = -1;
    for (int i = 0; i < s->graph->n && *out < 0; i++) {
        const sn_node *m = &s->graph->node[i];
        if (!same_parameters(g, n, s->graph, m)) continue;
        sn_extent x = sn_node_extent(s->graph, m);
        there = true, other = x;
        if (x.kernel == e.kernel && x.in == e.in && x.out == e.out) *out = i;
    }
    if (*out >= 0 || !there) return SN_OK;
    return sn_error(SN_DATA, "%s: '%s' is %d x %d x %d x %d there; needed is %d x %d x %d x %d", s->path,
                    name_of(g, n->weight >= 0 ? n->weight : n->bias), other.out, other.in, other.kernel, other.kernel, e.out,
                    e.in, e.kernel, e.kernel);
}

static void take_vector(sn_supernet *to, int param, const sn_supernet *from, int other, int n, float *room) {
    sn_memory_get(from->memory, SN_BUFFER_WEIGHTS, from->graph->params.param[other].offset, room, n);
    sn_memory_put(to->memory, SN_BUFFER_WEIGHTS, to->graph->params.param[param].offset, room, n);
}

static void take_stats(sn_supernet *to, int stats, const sn_supernet *from, int other, int n, float *room) {
    const sn_stats *a = &from->graph->params.stats[other], *b = &to->graph->params.stats[stats];
    sn_memory_get(from->memory, SN_BUFFER_STATS, a->mean, room, n);
    sn_memory_put(to->memory, SN_BUFFER_STATS, b->mean, room, n);
    sn_memory_get(from->memory, SN_BUFFER_STATS, a->var, room, n);
    sn_memory_put(to->memory, SN_BUFFER_STATS, b->var, room, n);
}

// The parameters of a node of a net whose parameters are all whole.
static sn_status take_node(sn_supernet *net, int node, const source *s, int *taken) {
    const sn_node *n = &net->graph->node[node];
    int other;
    SN_TRY(find_node(s, net->graph, n, &other));
    if (other < 0) return SN_OK;
    const sn_node *m = &s->graph->node[other];
    int64_t size = n->kind == SN_NODE_CONV ? sn_kernel_size(net->graph, n) : n->c;
    float *room = sn_new((size_t)size, sizeof *room);
    if (!room) return SN_RESOURCE;
    sn_status status = n->kind == SN_NODE_CONV ? sn_supernet_kernel(s->net, other, room) : SN_OK;
    if (status == SN_OK && n->kind == SN_NODE_CONV) {
        sn_supernet_put(net, SN_BUFFER_WEIGHTS, n->weight, room);
    } else if (status == SN_OK) {
        if (n->weight >= 0) take_vector(net, n->weight, s->net, m->weight, n->c, room);
        if (n->bias >= 0) take_vector(net, n->bias, s->net, m->bias, n->c, room);
        if (n->stats >= 0) take_stats(net, n->stats, s->net, m->stats, n->c, room);
    }
    *taken += (n->weight >= 0) + (n->bias >= 0);
    free(room);
    return status;
}

// First all shapes, then all numbers: what does not fit changes nothing.
static sn_status take_all(sn_supernet *net, const source *s, int *taken) {
    const sn_graph *g = net->graph;
    int found;
    for (int i = 0; i < g->n; i++)
        if (g->node[i].weight >= 0 || g->node[i].bias >= 0) SN_TRY(find_node(s, g, &g->node[i], &found));
    *taken = 0;
    for (int i = 0; i < g->n; i++)
        if (g->node[i].weight >= 0 || g->node[i].bias >= 0) SN_TRY(take_node(net, i, s, taken));
    return SN_OK;
}

sn_status sn_run_inherit(sn_run *r, const char *path, int *taken) {
    sn_checkpoint_file *f;
    source s = {.path = path};
    SN_TRY(sn_checkpoint_open(path, &f));
    sn_status status = open_source(&s, f, r->backend);
    if (status == SN_OK) status = take_all(r->net, &s, taken);
    close_source(&s);
    sn_checkpoint_close(f);
    return status;
}
