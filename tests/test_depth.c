// How many layers an entry has as a decision: sizes, names, costs, what exists and what is built, and what is wrong. What must
// hold for any space: test_spaces.c. Next: src/space/space.h.
#include "parsed_space.h"

static sn_status parse(const char *network, const char *arch) {
    char text[2048];
    snprintf(text, sizeof text,
             "data: {source: /nowhere}\nspace:\n  input: {channels: 4, height: 6, width: 6}\n  classes: 2\n  arch: \"%s\"\n"
             "  blocks:\n    a: {op: conv, kernel: 3}\n    b: {op: conv, kernel: 1}\n    e: {choose: [a, b]}\n"
             "    s: {choose: [a, b], shared: true}\n    m: {nodes: {x: {e: input}, y: {sum: [x, s: x]}}}\n  network:\n%s"
             "    - {op: classifier}\ntrain: {epochs: 1, batch: 8}\n",
             arch, network);
    return sn_config_parse(text, strlen(text), "test.yaml", NULL, 0, &config);
}

static void open_arch(const char *network, const char *arch) {
    ck_ok(parse(network, arch));
    space = config->space.built;
    ck_ok(sn_graph_build(space, &graph));
}

static void open_network(const char *network) {
    open_arch(network, "");
}

#define CHAIN "    - {layers: [1, 3, 4], out: 8, stride: 2, choose: [a, b]}\n"
START_TEST(layers) {
    static const char *const names[] = {"stage1.depth", "stage1.layer1", "stage1.layer2", "stage1.layer3", "stage1.layer4"};
    enum { FIRST = 4 * 8, LATER = 8 * 8, BN = 2 * 8, LAST = 8 * 2 + 2 }; // weights per tap, and others
    char text[SN_SIZE_TEXT];
    long n = 0;
    sn_arch a, before;
    open_network(CHAIN);
    ck_assert_double_eq(sn_space_size(space, text, sizeof text), 2 + 8 + 16);
    ck_assert_int_eq(space->n_decisions, 5);
    for (int d = 0; d < 5; d++) ck_assert_str_eq(space->decisions[d].name, names[d]);
    ck_assert(sn_space_nests(space) && !sn_costs_add_up(graph, space));
    a = sn_arch_first(space);
    do {
        ck_assert(!n++ || sn_arch_compare(&before, &a) < 0);
        before = a;
    } while (sn_arch_next(space, &a));
    ck_assert_int_eq(n, 26);
    ck_assert_str_eq(sn_arch_text(space, &before, (char[SN_ARCH_TEXT]){0}), "4,b,b,b,b");
    ck_assert_int_eq(cost_of("1,a,-,-,-").params, 9 * FIRST + BN + LAST);
    ck_assert_int_eq(cost_of("3,b,a,b,-").params, FIRST + 10 * LATER + 3 * BN + LAST);
    ck_assert_int_eq(cost_of("4,b,a,b,a").macs, 9 * (FIRST + 19 * LATER) + 8 * 2); // on 3 x 3 pixels
    ck_assert_int_eq(sn_arch_parse(space, "1,a,b,-,-", &a), SN_USAGE);
    ck_message("found 'b' at decision stage1.layer2, which exists only where stage1.depth is 3 or 4; allowed is '-'");
    ck_assert_int_eq(sn_arch_parse(space, "3,a,b,-,-", &a), SN_USAGE);
    ck_message("'-' at decision stage1.layer3, which exists since stage1.depth is 3");
    ck_assert_int_eq(sn_arch_parse(space, "2,a,-,-,-", &a), SN_USAGE);
    ck_message("(stage1.depth): found '2'; allowed are 1, 3, 4");
}
END_TEST

// Layers of one block, shared decisions, decisions of a motif.
START_TEST(kinds) {
    static const struct {
        const char *network, *size, *arch;
        int decisions;
    } cases[] = {
        {"    - {layers: [1, 2, 3], out: 4, block: a}\n", "3", "2", 1},
        {"    - {layers: [2], out: 4, choose: [a, b]}\n", "4", "2,a,b", 3},
        {"    - {layers: [1, 3], out: 4, choose: [a, b], shared: true}\n", "4", "1,b", 2},
        {"    - {layers: [1, 2], out: 4, block: m}\n", "12", "1,a,b,-", 4}, // 2·2 + 2·2·2: s is one everywhere
        {"    - {layers: [1, 2], out: 4, block: m, shared: true}\n", "8", "2,a,b", 3},
        {"    - {out: 4, block: s}\n    - {layers: [1, 2], out: 4, block: m}\n", "12", "a,1,b,-", 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char size[SN_SIZE_TEXT], text[SN_ARCH_TEXT];
        sn_arch a;
        open_network(cases[i].network);
        sn_space_size(space, size, sizeof size);
        ck_assert_msg(!strcmp(size, cases[i].size), "%zu: %s", i, size);
        ck_assert_int_eq(space->n_decisions, cases[i].decisions);
        ck_ok(sn_arch_parse(space, cases[i].arch, &a));
        ck_assert_str_eq(sn_arch_text(space, &a, text), cases[i].arch);
        long n = 0;
        a = sn_arch_first(space);
        do n++;
        while (sn_arch_next(space, &a));
        ck_assert_int_eq(n, atol(size));
        teardown();
    }
}
END_TEST

// Every arch as often as any other, not every depth.
START_TEST(random_archs) {
    enum { DRAWS = 26000 };
    int count[3] = {0};
    open_network(CHAIN);
    sn_rng r = sn_rng_at(1, SN_STREAM_ARCHS, 6, 0, 0);
    for (int k = 0; k < DRAWS; k++) count[sn_arch_random(space, &r).option[0]]++;
    for (int k = 0; k < 3; k++) {
        double wanted = 1000.0 * (double[]){2, 8, 16}[k];
        ck_assert_msg(fabs(count[k] - wanted) < 4 * sqrt(wanted), "depth %d: %d, about %g wanted", k, count[k], wanted);
    }
}
END_TEST

// The space of one arch has its layers only, under the same names; the resolved text gives it again.
START_TEST(one_arch) {
    open_arch(CHAIN, "3,a,b,a,-");
    ck_assert_int_ge(sn_params_find(&graph->params, "stage1.layer3.a.weight"), 0);
    ck_assert_int_lt(sn_params_find(&graph->params, "stage1.layer4.a.weight"), 0);
    ck_assert_double_eq(sn_space_size(space, NULL, 0), 1);
    char *resolved = sn_config_resolved(config, true);
    ck_assert_ptr_nonnull(resolved);
    ck_assert_ptr_nonnull(strstr(resolved, "{layers: [1, 3, 4], out: 8, stride: 2, choose: [a, b], name: stage1}"));
    sn_config *again = NULL;
    sn_config_change change;
    ck_ok(sn_config_parse(resolved, strlen(resolved), "test.yaml", NULL, 0, &again));
    ck_ok(sn_config_difference(config, again, SN_BINDS_TRAINING, &change));
    ck_assert_str_eq(change.key, "");
    sn_config_free(again);
    free(resolved);
}
END_TEST

static const struct {
    const char *layers, *message;
} all_wrong[] = {
    {"[]", "test.yaml:13:16: layers: found an empty list; allowed is a number or a list of numbers"},
    {"[2, 2]", "test.yaml:13:20: layers: found 2 behind 2; allowed are at most 64 numbers, each greater than the last"},
    {"[3, 2]", "test.yaml:13:20: layers: found 2 behind 3"},
    {"[0, 2]", "test.yaml:13:17: layers: found '0'; allowed is a whole number from 1 to 256"},
    {"[1, x]", "test.yaml:13:20: layers: found 'x'; allowed is a whole number from 1 to 256"},
    {"[1, 257]", "layers: found '257'"},
    {"{a: 1}", "layers: found a mapping; allowed is a whole number from 1 to 256"},
};

START_TEST(bad_input) {
    char network[200];
    snprintf(network, sizeof network, "    - {layers: %s, out: 4, choose: [a, b]}\n", all_wrong[_i].layers);
    ck_assert_int_eq(parse(network, ""), SN_CONFIG);
    ck_message(all_wrong[_i].message);
}
END_TEST

int main(void) {
    Suite *s = suite_create("depth");
    TCase *t = tcase_create("depth");
    tcase_add_checked_fixture(t, NULL, teardown);
    tcase_add_test(t, layers);
    tcase_add_test(t, kinds);
    tcase_add_test(t, random_archs);
    tcase_add_test(t, one_arch);
    tcase_add_loop_test(t, bad_input, 0, (int)(sizeof all_wrong / sizeof *all_wrong));
    suite_add_tcase(s, t);
    return run_suite(s);
}
