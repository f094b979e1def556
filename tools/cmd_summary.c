// supernet summary CONFIG: one architecture layer by layer: shapes, parameters, multiplications, share of a training step's time.
#include "cli.h"
#include "space/cost.h"
#include "supernet/train/bench.h"
#include "table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cli_option options[] = {
    {"arch", 'a', "A", "the architecture, or best of a run's ranking; not needed in a space of one"},
    CLI_LIMITS,
    {"no-timing", 0, NULL, "do not run training steps to measure the shares of time"},
    {"steps", 0, "N", "steps that are measured (default 5, after 2 that are not)"},
    {"batch", 0, "N", "images of a step (default: train.batch of the config)"},
    {"csv", 0, NULL, "print layer,op,channels,height,width,params,macs,share"},
    {0}};

// One architecture, what it costs, and where the time of its steps goes.
typedef struct {
    const sn_space *space;
    const sn_graph *graph;
    sn_arch arch;
    uint8_t *live;   // per node
    double *seconds; // per node, and the update; NULL: not measured
    double spent;    // their sum
    long batch, steps;
    sn_cost total;
} summary;

static void free_summary(summary *m) {
    free(m->live);
    free(m->seconds);
}

// The input is given; an activation is a layer where it takes time of its own.
static bool is_layer(const summary *m, int i) {
    sn_node_kind kind = m->graph->node[i].kind;
    if (kind == SN_NODE_ACT) return m->seconds && m->seconds[i] > 0;
    return m->live[i] && kind != SN_NODE_INPUT;
}

static double share(const summary *m, int i) {
    return m->seconds && m->spent > 0 ? m->seconds[i] / m->spent : NAN;
}

// "conv 3x3 /2 groups 48"
static const char *op_text(const sn_node *n, char text[64]) {
    static const char *const names[] = {
        [SN_NODE_INPUT] = "input", [SN_NODE_CONV] = "conv", [SN_NODE_POOL] = "pool",   [SN_NODE_MEAN] = "mean",
        [SN_NODE_SUM] = "sum",     [SN_NODE_LOSS] = "loss", [SN_NODE_SCALE] = "scale", [SN_NODE_BN] = "bn",
        [SN_NODE_BIAS] = "bias",   [SN_NODE_ACT] = "act",   [SN_NODE_PLACE] = "place"};
    char stride[16] = "", groups[24] = "";
    if (n->kind != SN_NODE_CONV && n->kind != SN_NODE_POOL) {
        snprintf(text, 64, "%s", names[n->kind]);
        return text;
    }
    if (n->stride > 1) snprintf(stride, sizeof stride, " /%d", n->stride);
    if (n->kind == SN_NODE_CONV && n->groups > 1) snprintf(groups, sizeof groups, " groups %d", n->groups);
    snprintf(text, 64, "%s %dx%d%s%s", n->kind == SN_NODE_POOL ? n->mode ? "average" : "max" : names[n->kind], n->kernel,
             n->kernel, stride, groups);
    return text;
}

// ---------------------------------------------------------------- printing
static json_t *layers_json(const summary *m) {
    json_t *list = json_array();
    char op[64];
    for (int i = 0; i < m->graph->n; i++) {
        const sn_node *n = &m->graph->node[i];
        if (!is_layer(m, i)) continue;
        sn_cost cost = sn_cost_node(m->graph, n);
        json_array_append_new(list, json_pack("{s:s,s:s,s:[i,i,i],s:I,s:I,s:o}", "layer", n->name, "op", op_text(n, op), "shape",
                                              n->c, n->h, n->w, "params", (json_int_t)cost.params, "macs", (json_int_t)cost.macs,
                                              "share", cli_real(share(m, i))));
    }
    return list;
}

static sn_status print_json(const summary *m) {
    char text[SN_ARCH_TEXT];
    return cli_print_json(
        json_pack("{s:i,s:s,s:I,s:I,s:o,s:o,s:o,s:o}", "schema", 1, "arch", sn_arch_text(m->space, &m->arch, text), "params",
                  (json_int_t)m->total.params, "macs", (json_int_t)m->total.macs, "layers", layers_json(m), "batch",
                  m->seconds ? json_integer(m->batch) : json_null(), "step_seconds",
                  cli_real(m->seconds ? m->spent / (double)m->steps : NAN), "update_share", cli_real(share(m, m->graph->n))));
}

static sn_status print_csv(const summary *m) {
    char op[64], text[32];
    cli_print("layer,op,channels,height,width,params,macs,share\n");
    for (int i = 0; i < m->graph->n; i++) {
        const sn_node *n = &m->graph->node[i];
        if (!is_layer(m, i)) continue;
        sn_cost cost = sn_cost_node(m->graph, n);
        snprintf(text, sizeof text, "%.6f", share(m, i));
        cli_print("%s,%s,%d,%d,%d,%lld,%lld,%s\n", n->name, op_text(n, op), n->c, n->h, n->w, (long long)cost.params,
                  (long long)cost.macs, m->seconds ? text : "");
    }
    return SN_OK;
}

static const char *percent(double part, char text[16]) {
    snprintf(text, 16, isnan(part) ? "-" : "%.1f %%", 100 * part);
    return text;
}

static void layer_row(const summary *m, table *t, int i) {
    const sn_node *n = &m->graph->node[i];
    sn_cost cost = sn_cost_node(m->graph, n);
    char op[64], time[16];
    table_cell(t, "%s", n->name);
    table_cell(t, "%s", op_text(n, op));
    table_cell(t, "%d x %d x %d", n->c, n->h, n->w);
    table_cell(t, "%lld", (long long)cost.params);
    table_cell(t, "%.3f", (double)cost.macs * 1e-6);
    if (m->seconds) table_cell(t, "%s", percent(share(m, i), time));
}

static void update_row(const summary *m, table *t) {
    char time[16];
    table_cell(t, "update");
    for (int i = 0; i < 4; i++) table_cell(t, "%s", "");
    table_cell(t, "%s", percent(share(m, m->graph->n), time));
}

static sn_status print_table(const summary *m) {
    char text[SN_ARCH_TEXT], macs[32];
    table *t = table_new();
    cli_print("%s\n", sn_arch_text(m->space, &m->arch, text));
    table_column(t, TABLE_TEXT, 0, "layer");
    table_column(t, TABLE_TEXT, 2, "op");
    table_column(t, TABLE_NUMBER, 1, "output");
    table_column(t, TABLE_NUMBER, 0, "params");
    table_column(t, TABLE_NUMBER, 0, "MMACs");
    if (m->seconds) table_column(t, TABLE_NUMBER, 0, "time");
    for (int i = 0; i < m->graph->n; i++)
        if (is_layer(m, i)) layer_row(m, t, i);
    if (m->seconds) update_row(m, t);
    SN_TRY(table_print(t));
    cli_print("in all: %lld params, %s MMACs\n", (long long)m->total.params, cli_mmacs(m->total.macs, macs));
    if (m->seconds)
        cli_print("a training step at batch %ld: %.4f s (measured now, on this machine)\n", m->batch,
                  m->spent / (double)m->steps);
    return SN_OK;
}

// ---------------------------------------------------------------- measuring
static sn_status measure(const cli *c, const sn_config *config, summary *m) {
    sn_backend *b = NULL;
    sn_supernet *net = NULL;
    SN_TRY(cli_number(c, "batch", 2, 65536, config->train.batch < 2 ? 2 : config->train.batch, &m->batch));
    SN_TRY(cli_number(c, "steps", 1, 100000, 5, &m->steps));
    if (!(m->seconds = sn_new((size_t)m->graph->n + 1, sizeof *m->seconds))) return SN_RESOURCE;
    sn_status s = sn_backend_open(config->device, sn_thread_count(config->threads), &b);
    if (s == SN_OK) s = sn_supernet_create(m->graph, b, 1, config->train.init, (uint32_t)config->train.seed, &net);
    if (s == SN_OK) s = sn_bench_layers(net, &m->arch, (int)m->batch, 2, (int)m->steps, m->seconds);
    for (int i = 0; i <= m->graph->n; i++) m->spent += m->seconds[i];
    sn_supernet_free(net);
    sn_backend_close(b);
    return s;
}

static sn_status choose(const cli *c, const sn_space *s, const sn_graph *g, sn_arch *out) {
    char size[SN_SIZE_TEXT];
    if (cli_get(c, "arch")) return cli_arch(c, c->operand[0], s, g, out);
    *out = sn_arch_first(s);
    return sn_space_size(s, size, sizeof size) == 1
               ? SN_OK
               : sn_error(SN_USAGE, "which of the %s architectures? give --arch A; a space of one needs none", size);
}

static sn_status summarise(const cli *c, const sn_config *config, summary *m) {
    SN_TRY(choose(c, m->space, m->graph, &m->arch));
    int *stands = sn_new((size_t)m->graph->n, sizeof *stands);
    m->live = sn_new((size_t)m->graph->n, 1);
    if (stands && m->live) {
        sn_graph_stand(m->graph, &m->arch, NULL, stands);
        sn_graph_live(m->graph, stands, m->live);
    }
    free(stands);
    if (!stands || !m->live) return SN_RESOURCE;
    SN_TRY(sn_cost_arch(m->graph, &m->arch, &m->total));
    if (!cli_get(c, "no-timing")) SN_TRY(measure(c, config, m));
    return cli_get(c, "csv") ? print_csv(m) : c->json ? print_json(m) : print_table(m);
}

static sn_status run(const cli *c) {
    sn_config *config;
    sn_graph *g = NULL;
    SN_TRY(cli_config(c, c->operand[0], &config));
    summary m = {.space = config->space.built};
    sn_status s = sn_graph_build(config->space.built, &g);
    m.graph = g;
    if (s == SN_OK) s = summarise(c, config, &m);
    free_summary(&m);
    sn_graph_free(g);
    sn_config_free(config);
    return s;
}

static const cli_rule rules[] = {{"csv", CLI_EXCLUDES, "json"},        {"steps", CLI_EXCLUDES, "no-timing"},
                                 {"batch", CLI_EXCLUDES, "no-timing"}, {"max-macs", CLI_NEEDS, "arch"},
                                 {"max-params", CLI_NEEDS, "arch"},    {0}};

const cli_command cmd_summary = {
    .name = "summary",
    .operands = "CONFIG|RUN",
    .summary = "one architecture layer by layer: shapes, parameters, multiplications, time",
    .details =
        "The output of a layer is channels x height x width, for one image; activations are part of the layers that read them. "
        "Times are of whole training steps, forward and backward, on random images; the data are not needed. The update is a "
        "line of its own.",
    .least = 1,
    .most = 1,
    .options = options,
    .rules = rules,
    .run = run,
};
