// Concats, picks of some of several values, motifs that read several values before them, and DARTS, which has all three: sizes,
// wiring, costs, and what is wrong with one. What must hold for any of them: test_spaces.c. Next: src/space/space.h.
#include "kernels/backend.h"
#include "parsed_space.h"
#include "space/ops.h"
#include "supernet/engine/exec.h"
#include "supernet/engine/plan.h"

#define START(channels)                                                                                                          \
    "data: {source: /nowhere}\ntrain: {epochs: 1, batch: 8}\nspace:\n  input: {channels: " #channels                             \
    ", height: 6, width: 6}\n  classes: 2\n  blocks:\n    a: {op: conv, kernel: 1}\n    b: {op: conv}\n    none: {op: zero}\n"   \
    "    skip: {op: identity}\n    e: {choose: [none, a, b]}\n"

static int node_called(const char *name) {
    for (int i = 0; i < graph->n; i++)
        if (!strcmp(graph->node[i].name, name)) return i;
    ck_abort_msg("no node '%s'", name);
    return -1;
}

// The config written out and read again is the same config, and names the same space.
static void check_written(void) {
    char *text = NULL, *again = NULL;
    sn_config *other;
    ck_assert_ptr_nonnull(text = sn_config_resolved(config, true));
    ck_ok(sn_config_parse(text, strlen(text), "written.yaml", NULL, 0, &other));
    ck_assert_ptr_nonnull(again = sn_config_resolved(other, true));
    ck_assert_str_eq(text, again);
    ck_assert_int_eq(other->space.built->n_decisions, space->n_decisions);
    for (int d = 0; d < space->n_decisions; d++)
        ck_assert_str_eq(other->space.built->decisions[d].name, space->decisions[d].name);
    sn_config_free(other);
    free(text);
    free(again);
}

// ---------------------------------------------------------------- concat
static const char joined[] =
    START(3) "    m: {nodes: {x: {e: input}, y: {concat: [x, {e: input}, input]}, z: {b: y}}}\n  network:\n"
             "    - {out: 4, block: m}\n    - {op: classifier}\n";

START_TEST(concat) {
    open_text(joined);
    check_written();
    const sn_node *y = &graph->node[node_called("stage1.y")];
    ck_assert(y->kind == SN_NODE_PLACE && y->n_in == 3 && y->c == 11 && y->h == 6 && y->w == 6);
    // what reads a value that is nothing reads zeros: z has weights for all 11 channels in any arch
    int64_t z = 36 * 9 * 11 * 4, last = 4 * 2;
    ck_assert_int_eq(cost_of("none,none").macs, z + last);
    ck_assert_int_eq(cost_of("a,none").macs, z + last + 36 * 3 * 4);
    ck_assert_int_eq(cost_of("a,b").macs, z + last + 36 * (3 * 4 + 9 * 3 * 4));
    ck_assert_int_eq(cost_of("none,none").params, 9 * 11 * 4 + 8 + 4 * 2 + 2);
    long distinct;
    ck_ok(sn_graph_distinct(graph, space, &distinct)); // places are told apart: the channels of a concat have an order
    ck_assert_int_eq(distinct, 9);
}
END_TEST

// A concat of nothing is nothing, and so is what reads it.
START_TEST(concat_of_nothing) {
    open_text(START(3) "    m: {nodes: {x: {concat: [e: input, e: input]}, y: {sum: [{b: x}, {b: input}]}}}\n  network:\n"
                       "    - {out: 4, block: m}\n    - {op: classifier}\n");
    int64_t input = 36 * 9 * 3 * 4, x = 36 * 9 * 8 * 4, last = 8;
    ck_assert_int_eq(cost_of("none,none").macs, input + last);
    ck_assert_int_eq(cost_of("none,a").macs, input + x + 36 * 3 * 4 + last);
    ck_assert(!sn_costs_add_up(graph, space));
}
END_TEST

// Of a whole pass: the range of a value that is nothing is zeros, wherever it lies.
START_TEST(zeros_in_a_concat) {
    sn_backend *backend;
    sn_supernet *net;
    static float images[8 * 36 * 3], y[8 * 36 * 11];
    open_text(joined);
    ck_ok(sn_backend_open("cpu-guarded", 1, &backend));
    ck_ok(sn_supernet_create(graph, backend, 0, SN_INIT_FAN_OUT, 1, &net));
    for (int i = 0; i < 8 * 36 * 3; i++) images[i] = (float)(i % 7) - 3;
    static const char *const archs[] = {"none,a", "b,none", "none,none"};
    for (int k = 0; k < 3; k++) {
        sn_arch a = arch_of(archs[k]);
        sn_pass pass = {.arch = &a, .batch = 8, .bn = SN_BN_BATCH, .target = node_called("stage1.y"), .out = 0};
        pass.reserved = sn_value_elements(8 * 36, 11);
        ck_ok(sn_supernet_pass(net, &pass, images, NULL, NULL));
        sn_memory_get(net->memory, SN_BUFFER_ARENA, net->plan.target.data, y, 8 * 36 * 11);
        for (int row = 0; row < 8 * 36; row++)
            for (int c = 0; c < 11; c++) {
                bool first = c < 4, second = c >= 4 && c < 8;
                bool zero = (first && a.option[0] == 0) || (second && a.option[1] == 0);
                if (zero) ck_assert(y[row * 11 + c] == 0);
                if (c >= 8) ck_assert(y[row * 11 + c] == images[row * 3 + c - 8]);
            }
    }
    sn_supernet_free(net);
    sn_backend_close(backend);
}
END_TEST

// ---------------------------------------------------------------- pick
// Counted another way: every arch is drawn up and told apart; costs are those of the picked values alone.
START_TEST(pick) {
    open_text(START(4) "    m: {nodes: {x: {b: input}, y: {sum: [x, {pick: 2, of: [{e: input}, {e: x}, {e: x}, input]}]}}}\n"
                       "  network:\n    - {out: 4, block: m}\n    - {op: classifier}\n");
    check_written();
    static const char *const ways[] = {"input+x", "input+x-2", "input+input-2", "x+x-2", "x+input-2", "x-2+input-2"};
    char size[SN_SIZE_TEXT];
    ck_assert_int_eq(space->n_decisions, 4);
    ck_assert_str_eq(space->decisions[0].name, "stage1.y");
    ck_assert_str_eq(space->decisions[3].name, "stage1.y.x-2");
    for (int k = 0; k < 6; k++) ck_assert_str_eq(sn_space_option_name(space, 0, k), ways[k]);
    ck_assert_int_eq(graph->n_choices, 4 + 3);
    ck_assert_double_eq(sn_space_size(space, size, sizeof size), 3 * 9 + 3 * 3);
    int64_t x = 36 * 9 * 16, a = 36 * 16, last = 8;
    int n = 0;
    sn_arch arch = sn_arch_first(space);
    do {
        int64_t macs = x + last;
        for (int d = 1; d < 4; d++) {
            bool picked = space->decisions[0].items[arch.option[0]] >> (d - 1) & 1;
            ck_assert(picked == (arch.option[d] != SN_ABSENT));
            if (picked) macs += arch.option[d] == 1 ? a : arch.option[d] == 2 ? x : 0;
        }
        sn_cost c;
        ck_ok(sn_cost_arch(graph, &arch, &c));
        ck_assert_int_eq(c.macs, macs);
        n++;
    } while (sn_arch_next(space, &arch));
    ck_assert_int_eq(n, 36);
    ck_assert_int_eq(sn_arch_parse(space, "x+x-2,a,b,b", &arch), SN_USAGE);
    ck_message("found 'a' at decision stage1.y.input, which exists only where stage1.y is input+x or input+x-2 or input+input-2; "
               "allowed is '-'");
    ck_assert_int_eq(sn_arch_parse(space, "x-2+x,-,b,b", &arch), SN_USAGE);
    ck_message("found 'x-2+x'; allowed are input+x, input+x-2, input+input-2, x+x-2, x+input-2, x-2+input-2");
}
END_TEST

// A space of one arch has the parameters of its net, no more.
START_TEST(picked_alone) {
    open_text(START(4) "    m: {nodes: {y: {sum: [{pick: 1, of: [{e: input}, {b: input}, {a: input}]}, input]}}}\n"
                       "  network:\n    - {out: 4, block: m}\n    - {op: classifier}\n");
    sn_arch a = arch_of("input-3,-");
    sn_graph *alone;
    sn_cost c = cost_of("input-3,-");
    ck_ok(sn_space_restrict_to(config->space.built, &a));
    ck_ok(sn_graph_build(space, &alone));
    ck_assert_int_eq(sn_params_count(&alone->params), c.params);
    ck_assert_int_eq(alone->n_choices, 1);
    sn_graph_free(alone);
}
END_TEST

// ---------------------------------------------------------------- several inputs
static void reads(const char *node, const char *first, const char *second) {
    const sn_node *n = &graph->node[node_called(node)];
    ck_assert_int_eq(n->n_in, 2);
    ck_assert_str_eq(graph->node[n->in[0]].name, first);
    ck_assert_str_eq(graph->node[n->in[1]].name, second);
}

START_TEST(sizes_before) {
    open_text("data: {source: /nowhere}\ntrain: {epochs: 1, batch: 8}\nspace:\n  input: {channels: 1, height: 9, width: 16}\n"
              "  classes: 2\n  blocks:\n    a: {op: conv}\n    b: {op: pool}\n    e: {choose: [a, b]}\n"
              "    m: {inputs: {p: a, q: a}, nodes: {x: {sum: [e: p, e: q]}}}\n  network:\n    - {op: conv, out: 4}\n"
              "    - {layers: 2, out: 4, stride: 7, block: m}\n    - {op: classifier}\n");
    ck_assert_int_eq(graph->node[node_called("stage1.layer2.p")].stride, 6); // the least that makes 9 x 16 pixels 2 x 3
    ck_assert_int_eq(graph->node[node_called("stage1.layer2.p")].w, 3);
}
END_TEST

START_TEST(values_before) {
    open_text(START(
        4) "    fit: {op: factorized_reduce, keep: false}\n"
           "    m: {inputs: [p, q], nodes: {x: {sum: [p, q]}, y: {e: x}}}\n"
           "    n: {inputs: {p: fit, q: fit}, nodes: {x: {sum: [b: p, b: q]}, y: {e: x}}}\n"
           "  network:\n    - {op: conv, out: 4, name: first}\n    - {layers: 3, out: 4, block: m}\n"
           "    - {op: conv, out: 4, name: middle}\n    - {out: 8, stride: 2, block: n}\n    - {layers: 2, out: 8, block: n}\n"
           "    - {op: classifier}\n");
    check_written();
    // the first after another entry reads that twice, the next that and the first, then the last two
    reads("stage1.layer1.x", "first_act", "first_act");
    reads("stage1.layer2.x", "first_act", "stage1.layer1.y");
    reads("stage1.layer3.x", "stage1.layer1.y", "stage1.layer2.y");
    // what is larger than the last value is halved by the block that reads it; blocks at an input have the stride of the place
    ck_assert_int_eq(graph->node[node_called("stage2.p")].stride, 1);
    ck_assert_str_eq(graph->node[graph->node[node_called("stage2.p_act")].in[0]].name, "middle_act");
    ck_assert_int_eq(graph->node[node_called("stage2.x.p")].stride, 2);
    ck_assert_int_eq(graph->node[node_called("stage3.layer1.p.1")].stride, 2);
    ck_assert_int_eq(graph->node[node_called("stage3.layer1.p.both")].c, 8);
    ck_assert_int_eq(graph->node[node_called("stage3.layer1.q")].stride, 1);
    ck_assert_int_eq(graph->node[node_called("stage3.layer2.p")].stride, 1);
    ck_assert_int_eq(graph->node[node_called("stage3.layer2.x.p")].h, 3);
}
END_TEST

// ---------------------------------------------------------------- factorized_reduce
// The second half reads the pixels diagonally beside those of the first; beyond the edge there is 0.
START_TEST(reduces_by_halves) {
    sn_backend *backend;
    sn_supernet *net;
    float images[25 * 2], y[9 * 2], weight[4] = {1, 0, 1, 0}; // of input 0 both halves take all
    open_text("data: {source: /nowhere}\ntrain: {epochs: 1, batch: 8}\nspace:\n  input: {channels: 2, height: 5, width: 5}\n"
              "  classes: 2\n  blocks:\n    f: {op: factorized_reduce, activation: linear}\n  network:\n"
              "    - {out: 2, stride: 2, choose: [f]}\n    - {op: classifier}\n");
    ck_ok(sn_backend_open("cpu-guarded", 1, &backend));
    ck_ok(sn_supernet_create(graph, backend, 0, SN_INIT_FAN_OUT, 1, &net));
    for (int i = 0; i < 25; i++) images[2 * i] = (float)(i + 1), images[2 * i + 1] = 1000;
    for (int half = 1; half <= 2; half++) {
        char name[64];
        snprintf(name, sizeof name, "stage1.layer1.f.%d.weight", half);
        int param = sn_params_find(&graph->params, name);
        ck_assert_int_ge(param, 0);
        sn_supernet_put(net, SN_BUFFER_WEIGHTS, param, weight);
    }
    sn_arch a = sn_arch_first(space);
    sn_pass pass = {.arch = &a, .batch = 1, .bn = SN_BN_RUNNING, .target = node_called("stage1.layer1.f.both"), .out = 0};
    pass.reserved = sn_value_elements(9, 2);
    ck_ok(sn_supernet_pass(net, &pass, images, NULL, NULL));
    sn_memory_get(net->memory, SN_BUFFER_ARENA, net->plan.target.data, y, 18);
    static const float first[9] = {1, 3, 5, 11, 13, 15, 21, 23, 25}, second[9] = {7, 9, 0, 17, 19, 0, 0, 0, 0};
    for (int i = 0; i < 9; i++) ck_assert(y[2 * i] == first[i] && y[2 * i + 1] == second[i]);
    sn_supernet_free(net);
    sn_backend_close(backend);
}
END_TEST

// ---------------------------------------------------------------- gradients of whole nets
// Of a weight by central differences in double; nothing in the net has a kink. *loss: the mean over the batch.
enum { BATCH = 4, IMAGE = 9 * 9 * 2 };

static double loss_of(sn_supernet *net, const sn_arch *a, const float *images, bool gradients) {
    static const int32_t labels[BATCH] = {0, 2, 1, 0};
    sn_batch_score score;
    sn_pass pass = sn_training_pass(a, BATCH, 0);
    pass.momentum = 0, pass.gradients = gradients;
    ck_ok(sn_supernet_pass(net, &pass, images, labels, &score));
    return score.loss / BATCH;
}

static void check_gradient(sn_supernet *net, const sn_arch *a, const float *images, int param) {
    const sn_param *p = &graph->params.param[param];
    static float weight[20000], grad[20000];
    ck_assert_int_le(p->size, 20000);
    sn_supernet_get(net, SN_BUFFER_WEIGHTS, param, weight);
    sn_supernet_get(net, SN_BUFFER_GRADS, param, grad);
    double norm = 0;
    for (int64_t i = 0; i < p->size; i++) norm += (double)grad[i] * (double)grad[i];
    norm = fmax(sqrt(norm), 1e-4);
    for (int64_t i = 0; i < p->size; i += 1 + p->size / 7) {
        const float x = weight[i], up = x + 0x1p-10f, down = x - 0x1p-10f;
        weight[i] = up;
        sn_supernet_put(net, SN_BUFFER_WEIGHTS, param, weight);
        double high = loss_of(net, a, images, false);
        weight[i] = down;
        sn_supernet_put(net, SN_BUFFER_WEIGHTS, param, weight);
        double low = loss_of(net, a, images, false), found = (high - low) / (double)(up - down);
        weight[i] = x;
        sn_supernet_put(net, SN_BUFFER_WEIGHTS, param, weight);
        ck_assert_msg(fabs(found - (double)grad[i]) <= 1e-4 * norm, "%s[%lld]: gradient %.9g, difference %.9g, norm %g", p->name,
                      (long long)i, (double)grad[i], found, norm);
    }
}

static const char smooth[] =
    "data: {source: /nowhere}\ntrain: {epochs: 1, batch: 8}\nspace:\n  input: {channels: 2, height: 9, width: 9}\n  classes: 3\n"
    "  blocks:\n    none: {op: zero}\n    fr: {op: factorized_reduce, activation: linear}\n"
    "    fit: {op: factorized_reduce, keep: false, activation: linear}\n    sep: {op: actsepconv, times: 2, activation: linear}\n"
    "    avg: {op: pool, kind: avg, bn: false}\n    sh: {op: shuffle, activation: linear}\n"
    "    e: {choose: [none, fr, sep, avg]}\n    m:\n      inputs: {p: fit, q: fit}\n      nodes:\n        x: {sum: [e: p, e: "
    "q]}\n"
    "        y: {pick: 2, of: [e: p, e: q, e: x]}\n        z: {concat: [x, y, {e: x}]}\n        n: {fit: z}\n"
    "        c: {concat: [n, x, z]}\n  network:\n    - {op: conv, out: 4, activation: linear}\n    - {out: 4, block: m}\n"
    "    - {out: 6, stride: 2, block: m}\n    - {op: norm, out: 8, activation: linear}\n    - {layers: 2, out: 8, choose: [sh]}\n"
    "    - {op: classifier}\n";

START_TEST(gradients) {
    sn_backend *backend;
    sn_supernet *net;
    static float images[BATCH * IMAGE];
    sn_rng r = sn_rng_at(1, SN_STREAM_ARCHS, 8, 0, 0);
    open_text(smooth);
    ck_ok(sn_backend_open("ref64", 1, &backend));
    ck_ok(sn_supernet_create(graph, backend, 0, SN_INIT_FAN_OUT, 1, &net));
    for (int i = 0; i < BATCH * IMAGE; i++) images[i] = (float)sn_rng_unit(&r) - 0.5f;
    for (int k = 0; k < 12; k++) {
        sn_arch a = sn_arch_random(space, &r);
        loss_of(net, &a, images, true);
        int params[400], n = net->n_active;
        ck_assert(n > 0 && n <= 400);
        for (int i = 0; i < n; i++) params[i] = net->active[i].param;
        for (int i = 0; i < n; i++) check_gradient(net, &a, images, params[i]);
        sn_supernet_end_gradients(net);
    }
    sn_supernet_free(net);
    sn_backend_close(backend);
}
END_TEST

// ---------------------------------------------------------------- DARTS
// Counted on the authors' own modules, without the auxiliary head; _V1 and _V2 as in their genotypes.py.
START_TEST(darts) {
    static const struct {
        const char *normal, *reduction;
        int64_t macs, params;
    } rows[] = {{"sep_conv_3x3,sep_conv_3x3,c0+c1,skip_connect,sep_conv_3x3,-,c0+c1,skip_connect,sep_conv_3x3,-,-,"
                 "c0+n2,sep_conv_3x3,-,skip_connect,-,-",
                 "max_pool_3x3,max_pool_3x3,c0+n2,max_pool_3x3,-,skip_connect,c0+n2,max_pool_3x3,-,skip_connect,-,"
                 "c0+n2,avg_pool_3x3,-,skip_connect,-,-",
                 500987520, 3169414},
                {"sep_conv_3x3,sep_conv_3x3,c0+c1,sep_conv_3x3,sep_conv_3x3,-,c0+c1,skip_connect,sep_conv_3x3,-,-,"
                 "c0+n2,skip_connect,-,dil_conv_3x3,-,-",
                 "max_pool_3x3,max_pool_3x3,c1+n2,-,max_pool_3x3,skip_connect,c0+n2,max_pool_3x3,-,skip_connect,-,"
                 "c1+n2,-,max_pool_3x3,skip_connect,-,-",
                 528359040, 3349342}};
    char size[SN_SIZE_TEXT], text[1024];
    open_text("data: {source: /nowhere}\nspace: {preset: darts}\ntrain: {epochs: 1, batch: 8}\n");
    sn_space_size(space, size, sizeof size);
    ck_assert_str_eq(size, "1,076,746,950,455,072,400");
    sn_space_size_within(space, "normal", size, sizeof size);
    ck_assert_str_eq(size, "1,037,664,180");
    sn_space_size_within(space, "reduction", size, sizeof size);
    ck_assert_str_eq(size, "1,037,664,180");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(text, sizeof text, "%s,%s", rows[i].normal, rows[i].reduction);
        sn_cost c = cost_of(text);
        ck_assert_msg(c.macs == rows[i].macs && c.params == rows[i].params, "%zu: %lld MACs, %lld params", i, (long long)c.macs,
                      (long long)c.params);
    }
    check_written();
    teardown();
    open_text("data: {source: /nowhere}\nspace: {preset: darts, input: {channels: 1, height: 28, width: 28}}\n"
              "train: {epochs: 1, batch: 8}\n");
    ck_assert_int_eq(graph->node[node_called("stage5.layer6.out")].h, 7);
}
END_TEST

// ---------------------------------------------------------------- ShuffleNet
// Counted on the authors' own modules: the published net, and those of one kind of block; their classifier has no bias.
START_TEST(spos) {
    static const struct {
        const char *arch;
        int64_t macs, params;
    } rows[] = {{"21012020202300003233", 322918720, 3558464},
                {"00000000000000000000", 295842496, 3154880},
                {"11111111111111111111", 313654976, 3211968},
                {"22222222222222222222", 340373696, 3297600},
                {"33333333333333333333", 358825920, 3870816}};
    char size[SN_SIZE_TEXT];
    open_text("data: {source: /nowhere}\nspace: {preset: spos-shufflenet}\ntrain: {epochs: 1, batch: 8}\n");
    sn_space_size(space, size, sizeof size);
    ck_assert_str_eq(size, "1,099,511,627,776");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sn_cost c = cost_of(rows[i].arch);
        ck_assert_msg(c.macs == rows[i].macs && c.params == rows[i].params, "%s: %lld MACs, %lld params", rows[i].arch,
                      (long long)c.macs, (long long)c.params);
    }
    // the channels that pass by are the even ones, before the others in what comes out
    const sn_node *beside = &graph->node[node_called("stage1.layer2.shuffle_3x3.beside")];
    const sn_node *split = &graph->node[node_called("stage1.layer2.shuffle_3x3.split")];
    ck_assert(beside->first == 0 && beside->out == 32 && beside->groups == 32);
    ck_assert(split->first == 32 && split->out == 32 && split->groups == 32);
    reads("stage1.layer2.shuffle_3x3.both", "stage1.layer2.shuffle_3x3.beside", "stage1.layer2.shuffle_3x3.pw_act");
    teardown();
    open_text(
        "data: {source: /nowhere}\nspace: {preset: spos-shufflenet, input: {channels: 1, height: 28, width: 28}, classes: 10}\n"
        "train: {epochs: 1, batch: 8}\n");
    ck_assert_int_eq(graph->node[graph->choice[19]].h, 1);
    sn_config *c = NULL;
    const char *one =
        "data: {source: /nowhere}\ntrain: {epochs: 1, batch: 8}\nspace:\n  input: {channels: 4, height: 9, width: 9}\n"
        "  classes: 2\n  blocks: {x: {op: shuffle}}\n  network: [{out: 1, choose: [x]}, {op: classifier}]\n";
    ck_assert_int_eq(sn_config_parse(one, strlen(one), "test.yaml", NULL, 0, &c), SN_CONFIG);
    ck_message(
        "test.yaml:7:13: space.network: entry 'stage1' of `network`: 'stage1.layer1.x': shuffle to 1 channel; allowed are 2 or "
        "more");
}
END_TEST

// ---------------------------------------------------------------- parameters
START_TEST(parameters) {
    static const int cells[] = {8, 5, 3};
    static const char *const last[] = {"stage5.layer2.out", "stage5.out", "stage4.out"};
    for (int i = 0; i < 3; i++) {
        char text[300];
        snprintf(text, sizeof text,
                 "data: {source: /nowhere}\nspace: {preset: darts, parameters: {channels: 4, cells: %d}}\n"
                 "train: {epochs: 1, batch: 8}\n",
                 cells[i]);
        open_text(text);
        int n = 0;
        for (int k = 0; k < graph->n; k++) n += graph->node[k].kind == SN_NODE_PLACE && graph->node[k].n_in == 4;
        ck_assert_int_eq(n, cells[i]);
        ck_assert_int_eq(graph->node[node_called("stem")].c, 12);
        ck_assert_int_eq(graph->node[node_called(last[i])].c, 64);
        check_written();
        teardown();
    }
    open_text("data: {source: /nowhere}\ntrain: {epochs: 1, batch: 8}\nspace:\n  input: {channels: 1, height: 9, width: 9}\n"
              "  classes: 2\n  parameters: {a: 7, b_c: 2}\n  blocks: {x: {op: conv, kernel: 2*b_c+1}, y: {op: identity}}\n"
              "  network: [{out: (a - b_c)*3/2, choose: [x, y]}, {layers: a/b_c-3, out: 1, choose: [x]}, {op: classifier}]\n");
    ck_assert_int_eq(space->n_entries, 2);
    ck_assert_int_eq(space->entries[0].out, 7);
    ck_assert_int_eq(space->blocks[0].attr[0], 5);
}
END_TEST

static const struct {
    const char *parameters, *out, *message;
} wrong_formulas[] = {
    {"{a: 2}", "3*aa",
     "test.yaml:8:20: out: found '3*aa': unknown parameter 'aa'; allowed are whole numbers, a, and + - * / ( )"},
    {"{channels: 2}", "2*chanels",
     "unknown parameter 'chanels'; allowed are whole numbers, channels, and + - * / ( ); did you mean"},
    {"{a: 2}", "a/(a-2)", "a division by 0"},
    {"{a: 2}", "(a", "a parenthesis is not closed"},
    {"{a: 2}", "a a", "an operator is missing"},
    {"{a: 2}", "a-", "a number or parameter is missing"},
    {"{a: 1000000}", "a*a", "a number on the way is too large"},
    {"{a: 2}", "99999999999999999999*a", "a number on the way is too large"},
    {"{a: 2}", "((((((((((((((((((((((a))))))))))))))))))))))", "too many parentheses within each other"},
    {"{a: 2}", "a-2", "out: found 'a-2', which is 0; allowed is a whole number from 1 to 16384"},
    {"{a: b}", "a", "test.yaml:6:19: a: found 'b'; allowed is a whole number from 0 to"},
    {"[a]", "a", "space.parameters: found a list; allowed is a mapping NAME: NUMBER"},
    {"{a1: 2}", "4", "name of a parameter: found 'a1'; allowed are letters and _"},
    {"{}", "2*a", "out: found '2*a'; allowed is a whole number from 1 to 16384"},
};

START_TEST(bad_formulas) {
    char text[600];
    sn_config *c = NULL;
    snprintf(
        text, sizeof text,
        "data: {source: /nowhere}\ntrain: {epochs: 1, batch: 8}\nspace:\n  input: {channels: 1, height: 9, width: 9}\n"
        "  classes: 2\n  parameters: %s\n  blocks: {x: {op: conv}}\n  network: [{ out: %s, choose: [x]}, {op: classifier}]\n",
        wrong_formulas[_i].parameters, wrong_formulas[_i].out);
    ck_assert_int_eq(sn_config_parse(text, strlen(text), "test.yaml", NULL, 0, &c), SN_CONFIG);
    ck_message(wrong_formulas[_i].message);
}
END_TEST

// ---------------------------------------------------------------- what is wrong
typedef struct {
    const char *blocks, *network, *message;
} wrong;

#define CELL "    - {out: 4, block: m}\n"
static const wrong all_wrong[] = {
    {"m: {inputs: [p, q], nodes: {x: {sum: [e: p, e: q]}}}", "    - {layers: [1, 2], out: 4, block: m}\n",
     "entry 'stage1': of block 'm', which reads several values, how many layers there are cannot be a choice; allowed is one "
     "number"},
    {"m: {nodes: {x: {concat: []}}}", CELL, "test.yaml:12:29: concat: found an empty list; allowed is a list of one or more"},
    {"m: {nodes: {x: {concat: input}}}", CELL, "concat: found 'input'; allowed is a list of one or more"},
    {"p: {op: shortcut}\n    m: {nodes: {x: {p: input}, y: {concat: [x, input]}, z: {e: y}}}",
     "    - {out: 4, stride: 2, block: m}\n",
     "concat 'stage1.y' cannot join 'stage1.x' of 4 x 3 x 3 with 'input' of 4 x 6 x 6 (channels x height x width); allowed is "
     "one "
     "height and width"},
    {"m: {nodes: {x: {concat: [input, e: input]}}}", "    - {out: 4, choose: [a, m]}\n",
     "option 'a' gives 4 x 6 x 6 and option 'm' 8 x 6 x 6"},
    {"m: {nodes: {x: {pick: 0, of: [input, e: input]}}}", CELL,
     "test.yaml:12:27: pick: found '0'; allowed is a whole number from 1 to 2"},
    {"m: {nodes: {x: {pick: 3, of: [input, e: input]}}}", CELL, "pick: found '3'; allowed is a whole number from 1 to 2"},
    {"m: {nodes: {x: {pick: 1, of: []}}}", CELL, "of: found an empty list; allowed is a list of one or more"},
    {"m: {nodes: {x: {pick: 1, off: [input]}}}", CELL,
     "test.yaml:12:30: unknown key 'off' in a pick; allowed are pick, of; did you mean 'of'?"},
    {"m: {nodes: {x: {concat: [input, {pick: 1, of: [input, e: input]}]}}}", CELL,
     "pick: found one in a concat; allowed is one in a sum"},
    {"m: {nodes: {x: {sum: [{pick: 1, of: [input]}, {pick: 1, of: [e: input]}]}}}", CELL,
     "pick: found a second one; allowed is one in a sum"},
    {"m: {nodes: {x: {pick: 4, of: [input, input, input, input, input, input, input, input, {e: input}]}}}", CELL,
     "pick: 4 of 9 values can be picked in 126 ways; allowed are 64 at most"},
    {"m: {nodes: {x: {pick: 1, of: [{pick: 1, of: [input]}, e: input]}}}", CELL, "found a mapping of several keys or none"},
    {"m: {inputs: [], nodes: {x: {e: input}}}", CELL, "test.yaml:12:17: inputs: found 0; allowed are 1 to 4: [NAME, ...], or"},
    {"m: {inputs: [p, q, r, s, t], nodes: {x: {e: p}}}", CELL, "inputs: found 5; allowed are 1 to 4"},
    {"m: {inputs: p, nodes: {x: {e: p}}}", CELL, "inputs: found 'p'; allowed are 1 to 4"},
    {"m: {inputs: [p, p], nodes: {x: {e: p}}}", CELL, "test.yaml:12:21: inputs: 'p' stands here twice; once is allowed"},
    {"m: {inputs: [p, {q: e}], nodes: {x: {e: p}}}", CELL, "name of an input: found a mapping; allowed are 1 to 48 letters"},
    {"m: {inputs: {p: ee}, nodes: {x: {e: p}}}", CELL, "test.yaml:12:21: inputs: found 'ee'; allowed are a, b, none, skip, e"},
    {"m: {inputs: [p, q], nodes: {x: {e: p}}}", CELL, "motif 'm': nothing reads input 'q'"},
    {"m: {inputs: [p, q], nodes: {q: {e: p}}}", CELL, "name of a node: found 'q', which is what the motif reads"},
    {"m: {inputs: [p, q], nodes: {x: {sum: [p, e: input]}}}", CELL, "found 'input'; allowed is a node above, one of p, q"},
    {"m: {inputs: [p, q], nodes: {x: {sum: [p, e: q]}}}", "    - {out: 4, choose: [a, m]}\n",
     "choose: block 'm' reads 2 values; it is allowed as the block of an entry of the network"},
    {"m: {inputs: [p, q], nodes: {x: {sum: [p, e: q]}}}\n    n: {nodes: {x: {m: input}}}", "    - {out: 4, block: n}\n",
     "test.yaml:13:21: block of a node: block 'm' reads 2 values"},
    {"m: {inputs: [p, q], nodes: {x: {sum: [p, e: q]}}}", "    - {layers: 2, out: 4, stride: 2, block: m}\n",
     "cannot join 'input' of 4 x 6 x 6 with"},
};

START_TEST(bad_input) {
    const wrong *w = &all_wrong[_i];
    char text[2048];
    sn_config *c = NULL;
    snprintf(text, sizeof text, "%s    %s\n  network:\n%s    - {op: classifier}\n", START(4), w->blocks, w->network);
    ck_assert_int_eq(sn_config_parse(text, strlen(text), "test.yaml", NULL, 0, &c), SN_CONFIG);
    ck_message(w->message);
}
END_TEST

int main(void) {
    Suite *s = suite_create("joins");
    TCase *t = tcase_create("joins");
    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, NULL, teardown);
    tcase_add_test(t, concat);
    tcase_add_test(t, concat_of_nothing);
    tcase_add_test(t, zeros_in_a_concat);
    tcase_add_test(t, pick);
    tcase_add_test(t, picked_alone);
    tcase_add_test(t, values_before);
    tcase_add_test(t, sizes_before);
    tcase_add_test(t, reduces_by_halves);
    tcase_add_test(t, gradients);
    tcase_add_test(t, darts);
    tcase_add_test(t, spos);
    tcase_add_test(t, parameters);
    tcase_add_loop_test(t, bad_formulas, 0, (int)(sizeof wrong_formulas / sizeof *wrong_formulas));
    tcase_add_loop_test(t, bad_input, 0, (int)(sizeof all_wrong / sizeof *all_wrong));
    suite_add_tcase(s, t);
    return run_suite(s);
}
