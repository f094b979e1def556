// Motifs: sizes, names and costs of spaces that have them, decisions that exist only under options, nets that are nothing, and
// what is wrong with a motif. What must hold for any of them: test_spaces.c. Next: src/space/space.h.
#include "kernels/backend.h"
#include "parsed_space.h"
#include "supernet/engine/plan.h"

// ---------------------------------------------------------------- NAS-Bench-201
// Costs as published (all convolutions of these four are used); 341 of its cells have no way from input to output, their whole
// nets are the classifier's bias.
START_TEST(nasbench201) {
    static const struct {
        const char *arch;
        int64_t macs, params;
    } rows[] = {
        {"nor_conv_3x3,nor_conv_3x3,nor_conv_3x3,nor_conv_3x3,nor_conv_3x3,nor_conv_3x3", 220119680, 1531546},
        {"skip_connect,skip_connect,skip_connect,skip_connect,skip_connect,skip_connect", 7783040, 73306},
        {"nor_conv_1x1,nor_conv_1x1,nor_conv_1x1,nor_conv_1x1,nor_conv_1x1,nor_conv_1x1", 31376000, 241306},
        {"nor_conv_3x3,none,nor_conv_3x3,skip_connect,none,skip_connect", 78561920, 559386},
    };
    char size[SN_SIZE_TEXT];
    open_preset("nasbench201", "");
    ck_assert_double_eq(sn_space_size(space, size, sizeof size), 15625);
    ck_assert_str_eq(size, "15,625");
    ck_assert_int_eq(graph->n_choices, 15 * 6);
    ck_assert_str_eq(space->decisions[4].name, "cell.n3.n1");
    ck_assert_int_ge(sn_params_find(&graph->params, "stage3.layer2.n3.n1.nor_conv_3x3.weight"), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sn_cost c = cost_of(rows[i].arch);
        ck_assert_msg(c.macs == rows[i].macs && c.params == rows[i].params, "%s: %lld MACs, %lld params", rows[i].arch,
                      (long long)c.macs, (long long)c.params);
    }
    long nothing = 0, archs = 0;
    sn_arch a = sn_arch_first(space);
    do {
        sn_cost c;
        ck_ok(sn_cost_arch(graph, &a, &c));
        archs++;
        nothing += c.macs == 0;
        if (c.macs == 0) ck_assert_int_eq((int)c.params, 10);
    } while (sn_arch_next(space, &a));
    ck_assert_int_eq(archs, 15625);
    ck_assert_int_eq(nothing, 341);
}
END_TEST

// As published for nets trained alone: each convolution that is used has weights of its own, zeros and aliases drop out, sums
// have no order, pooling is like nothing else. One cell in each stage is enough.
START_TEST(distinct_nets) {
    long distinct;
    open_preset("nasbench201", "");
    for (int i = 1; i < 6; i += 2) config->space.built->entries[i].layers = 1;
    sn_graph_free(graph);
    ck_ok(sn_graph_build(space, &graph));
    ck_ok(sn_graph_distinct(graph, space, &distinct));
    ck_assert_int_eq(distinct, 5260);
}
END_TEST

// ---------------------------------------------------------------- motifs within motifs
START_TEST(nested) {
    char size[SN_SIZE_TEXT], text[SN_ARCH_TEXT];
    long n = 0;
    sn_arch a, before, parsed;
    open_preset("motifs", "");
    ck_assert_double_eq(sn_space_size(space, size, sizeof size), 216);
    ck_assert_str_eq(size, "216");
    ck_assert_str_eq(space->decisions[1].name, "stage1.pair.left");
    ck_assert(sn_space_nests(space) && !sn_costs_add_up(graph, space) && sn_costs_exact(graph, space));
    a = sn_arch_first(space);
    do {
        ck_assert(!n || sn_arch_compare(&before, &a) < 0);
        for (int d = 0; d < a.n; d++) ck_assert(sn_arch_has(space, &a, d) == (a.option[d] != SN_ABSENT));
        ck_ok(sn_arch_parse(space, sn_arch_text(space, &a, text), &parsed));
        ck_assert(sn_arch_equal(&parsed, &a));
        before = a;
        n++;
    } while (sn_arch_next(space, &a));
    ck_assert_int_eq(n, 216);
    before = sn_arch_first(space);
    ck_assert(sn_arch_equal(&a, &before));
    ck_assert_int_eq(sn_arch_parse(space, "skip,-,-,pair,sep_k3,-,skip,-,-", &a), SN_USAGE);
    ck_message("'-' at decision stage2.pair.right, which exists since stage2 is pair");
    ck_assert_int_eq(sn_arch_parse(space, "skip,sep_k3,-,skip,-,-,skip,-,-", &a), SN_USAGE);
    ck_message("found 'sep_k3' at decision stage1.pair.left, which exists only where stage1 is pair; allowed is '-'");
    ck_assert_int_eq(sn_arch_parse(space, "-,-,-,skip,-,-,skip,-,-", &a), SN_USAGE);
    ck_message("'-' at decision stage1, which every arch of this space has");
}
END_TEST

// Every arch as often as any other: chi squared.
START_TEST(random_archs) {
    enum { DRAWS = 21600, ARCHS = 216 };
    static int count[ARCHS];
    sn_arch all[ARCHS];
    open_preset("motifs", "");
    all[0] = sn_arch_first(space);
    for (int i = 1; i < ARCHS; i++) {
        all[i] = all[i - 1];
        ck_assert(sn_arch_next(space, &all[i]));
    }
    sn_rng r = sn_rng_at(1, SN_STREAM_ARCHS, 5, 0, 0);
    for (int k = 0; k < DRAWS; k++) {
        sn_arch a = sn_arch_random(space, &r);
        int i = 0;
        while (i < ARCHS && !sn_arch_equal(&all[i], &a)) i++;
        ck_assert_int_lt(i, ARCHS);
        count[i]++;
    }
    double chi = 0, each = (double)DRAWS / ARCHS;
    for (int i = 0; i < ARCHS; i++) chi += (count[i] - each) * (count[i] - each) / each;
    ck_assert_msg(chi < 215 + 4 * sqrt(2 * 215), "chi squared %g of 215 degrees of freedom", chi);
}
END_TEST

START_TEST(sharing) {
    static const char start[] =
        "data: {source: /nowhere}\nspace:\n  input: {channels: 4, height: 6, width: 6}\n  classes: 2\n  blocks:\n"
        "    a: {op: conv}\n    b: {op: identity}\n    e: {choose: [a, b]%s}\n"
        "    m: {shared: %s, nodes: {x: {e: input}, y: {sum: [x, e: x, e: x]}}}\n  network:\n"
        "    - {layers: 2, out: 4, block: m, shared: %s}\n    - {out: 4, block: m}\n    - {op: classifier}\n"
        "train: {epochs: 1, batch: 8}\n";
    static const struct {
        const char *choice, *motif, *entry, *first, *last;
        int decisions;
    } cases[] = {{"", "false", "false", "stage1.layer1.x", "stage2.y.x-2", 9},
                 {"", "false", "true", "stage1.x", "stage2.y.x-2", 6},
                 {"", "true", "false", "m.x", "m.y.x-2", 3},
                 {"", "true", "true", "m.x", "m.y.x-2", 3},
                 {", shared: true", "false", "false", "e", "e", 1},
                 {", shared: true", "true", "true", "e", "e", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024];
        snprintf(text, sizeof text, start, cases[i].choice, cases[i].motif, cases[i].entry);
        open_text(text);
        ck_assert_int_eq(space->n_decisions, cases[i].decisions);
        ck_assert_str_eq(space->decisions[0].name, cases[i].first);
        ck_assert_str_eq(space->decisions[space->n_decisions - 1].name, cases[i].last);
        ck_assert_int_eq(graph->n_choices, 9);
        ck_assert_str_eq(graph->node[graph->choice[5]].name, "stage1.layer2.y.x-2");
        teardown();
    }
}
END_TEST

// ---------------------------------------------------------------- nothing
// A net that is nothing trains its classifier's bias alone and reads no image.
START_TEST(nothing) {
    sn_backend *backend;
    sn_plan plan = {0};
    sn_arch a;
    open_preset("nasbench201", "");
    ck_ok(sn_backend_open("cpu", 1, &backend));
    ck_ok(sn_arch_parse(space, "nor_conv_3x3,none,none,none,none,avg_pool_3x3", &a));
    sn_pass pass = sn_training_pass(&a, 4, 0);
    ck_ok(sn_plan_make(graph, backend, &pass, &plan));
    ck_assert(plan.images == SN_NONE);
    ck_assert_int_eq(plan.n_parts, 1);
    ck_assert_str_eq(graph->params.param[plan.part[0].param].name, "classifier.bias");
    pass.target = graph->choice[0] - 1; // a value that this arch has not
    pass.gradients = false;
    while (graph->node[pass.target].kind != SN_NODE_ZERO) pass.target--;
    ck_assert_int_eq(sn_plan_make(graph, backend, &pass, &plan), SN_FAIL);
    ck_message("is nothing in this arch");
    sn_plan_free(&plan);
    sn_backend_close(backend);
}
END_TEST

// A classifier without a bias has nothing to say of nothing; behind a sum with something in it that cannot be.
START_TEST(without_bias) {
    static const char start[] =
        "data: {source: /nowhere}\nspace:\n  input: {channels: 4, height: 6, width: 6}\n  classes: 3\n  blocks:\n"
        "    a: {op: conv}\n    b: {op: identity}\n    z: {op: zero}\n    e: {choose: [a, z]}\n"
        "    m: {nodes: {x: {sum: [e: input, %s]}}}\n  network:\n    - {out: 4, block: m}\n"
        "    - {op: classifier, bias: false}\ntrain: {epochs: 1, batch: 8}\n";
    char text[1024];
    snprintf(text, sizeof text, start, "e: input");
    ck_assert_int_eq(sn_config_parse(text, strlen(text), "test.yaml", NULL, 0, &config), SN_CONFIG);
    ck_message("test.yaml:12:5: space.network: a classifier without bias behind a `zero` may have nothing to give; allowed is "
               "bias: true");
    snprintf(text, sizeof text, start, "b: input");
    open_text(text);
    ck_assert_int_eq(cost_of("z").params, 4 * 3);
    ck_assert_str_eq(graph->node[graph->logits].name, "classifier");
}
END_TEST

// ---------------------------------------------------------------- what is wrong
typedef struct {
    const char *blocks, *network, *message;
} wrong;

#define CELL "    - {out: 4, block: m}\n"
static const wrong all_wrong[] = {
    {"m: {nodes: {}}", CELL, "test.yaml:8:16: nodes: found none; a motif needs one at least"},
    {"m: {nodes: [e]}", CELL, "test.yaml:8:16: nodes: found a list; allowed is a mapping NAME: {BLOCK: NODE}"},
    {"m: {nodes: {x: {e: input}}, share: true}", CELL,
     "test.yaml:8:33: unknown key 'share' in a motif; allowed are nodes, inputs, shared; did you mean 'shared'?"},
    {"m: {nodes: {x: {ee: input}}}", CELL, "test.yaml:8:21: block of a node: found 'ee'; allowed are a, b, e"},
    {"m: {nodes: {x: {a: inptu}}}", CELL,
     "test.yaml:8:24: found 'inptu'; allowed is a node above, one of input; did you mean 'input'?"},
    {"m: {nodes: {x: {e: y}, y: {e: x}}}", CELL,
     "test.yaml:8:24: node 'y' is defined here or below; allowed are nodes above: input"},
    {"m: {nodes: {x: {e: x}}}", CELL, "test.yaml:8:24: node 'x' is defined here or below"},
    {"m: {nodes: {x: {e: input}, y: {e: input}}}", CELL,
     "test.yaml:8:5: motif 'm': nothing reads node 'x'; the last node, 'y', is the motif's value"},
    {"m: {nodes: {x: {m: input}}}", CELL, "test.yaml:8:21: block of a node: block 'm' would be inside itself"},
    {"m: {nodes: {x: {n: input}}}\n    n: {nodes: {x: {m: input}}}", CELL,
     "test.yaml:8:21: block of a node: block 'n' is defined below, at line 9; allowed are blocks above: a, b, e"},
    {"m: {choose: [a, m]}", CELL, "test.yaml:8:21: choose: block 'm' would be inside itself"},
    {"m: {nodes: {input: {e: input}}}", CELL, "test.yaml:8:17: name of a node: found 'input', which is what the motif reads"},
    {"m: {nodes: {x: {sum: []}}}", CELL, "test.yaml:8:26: sum: found an empty list; allowed is a list of one or more"},
    {"m: {nodes: {x: {sum: [{a: input, b: input}]}}}", CELL,
     "test.yaml:8:27: found a mapping of several keys or none; allowed is the"},
    {"m: {nodes: {x: {sum: [input, e: input]}}}", "    - {out: 5, block: m}\n",
     "test.yaml:10:7: space.network: entry 'stage1' of `network`: sum 'stage1.x' cannot join 'input' of 4 x 6 x 6 with "
     "'stage1.x.input' of 5 x 6 x 6 (channels x height x width)"},
    {"m: {nodes: {x: {e: input}}}", "    - {out: 4, block: mm}\n", "test.yaml:10:23: block: found 'mm'; allowed are a, b, e, m"},
    {"m: {nodes: {x: {a: input}}}", CELL, "the space has nothing to choose"},
    {"z: {op: zero}\n    m: {choose: [z]}", CELL,
     "test.yaml:11:5: space.network: the logits depend on no image in any architecture: a `zero` stands in the way"},
    {"s: {choose: [a, b], shared: true}\n    m: {choose: [a, s]}", CELL "    - {out: 4, block: s}\n",
     "decision 's' is shared by places of which some exist only under some option of another decision"},
    {"m: {shared: true, nodes: {layer1: {e: input}}}", CELL "    - {layers: 1, out: 4, choose: [a], name: m}\n",
     "two different decisions would have the name 'm.layer1': give entries and shared blocks other names"},
};

START_TEST(bad_input) {
    const wrong *w = &all_wrong[_i];
    char text[2048];
    sn_config *c = NULL;
    snprintf(
        text, sizeof text,
        "space:\n  input: {channels: 4, height: 6, width: 6}\n  classes: 2\n  blocks:\n    a: {op: conv}\n    b: {op: identity}\n"
        "    e: {choose: [a, b]}\n    %s\n  network:\n%s    - {op: classifier}\ndata: {source: /nowhere}\n"
        "train: {epochs: 1, batch: 8}\n",
        w->blocks, w->network);
    ck_assert_int_eq(sn_config_parse(text, strlen(text), "test.yaml", NULL, 0, &c), SN_CONFIG);
    ck_message(w->message);
}
END_TEST

// Motifs that hold each other grow by a factor at every level: refused before memory or time is out.
START_TEST(too_many) {
    char text[8192];
    sn_config *c = NULL;
    int n = snprintf(text, sizeof text,
                     "data: {source: /nowhere}\nspace:\n  input: {channels: 4, height: 6, width: 6}\n  classes: 2\n  blocks:\n"
                     "    m0: {op: conv}\n");
    for (int i = 1; i < 30; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "    m%d: {nodes: {x: {sum: [m%d: input, m%d: input]}}}\n", i, i - 1,
                      i - 1);
    snprintf(text + n, sizeof text - (size_t)n,
             "  network:\n    - {out: 4, block: m29}\n    - {op: classifier}\ntrain: {epochs: 1, batch: 8}\n");
    ck_assert_int_eq(sn_config_parse(text, strlen(text), "test.yaml", NULL, 0, &c), SN_CONFIG);
    ck_message("more than 32768 places of blocks, in all layers and motifs");
}
END_TEST

int main(void) {
    Suite *s = suite_create("motifs");
    TCase *t = tcase_create("motifs");
    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, NULL, teardown);
    tcase_add_test(t, nasbench201);
    tcase_add_test(t, distinct_nets);
    tcase_add_test(t, nested);
    tcase_add_test(t, random_archs);
    tcase_add_test(t, sharing);
    tcase_add_test(t, nothing);
    tcase_add_test(t, without_bias);
    tcase_add_loop_test(t, bad_input, 0, (int)(sizeof all_wrong / sizeof *all_wrong));
    tcase_add_test(t, too_many);
    suite_add_tcase(s, t);
    return run_suite(s);
}
