// Published spaces of chains: sizes, and costs of published nets, counted from their definitions (Params and MACs of the net
// trained alone, without running statistics); their images in other sizes. Not here: NAS-Bench-201 (test_motifs.c),
// NAS-Bench-Macro (test_config.c). Next: configs/spaces/.
#include "parsed_space.h"

static void check_cost(const char *text, int64_t macs, int64_t params) {
    sn_cost c = cost_of(text);
    ck_assert_msg(c.macs == macs && c.params == params, "%s: %lld MACs, %lld params", text, (long long)c.macs,
                  (long long)c.params);
}

static void check_size(const char *expected) {
    char size[SN_SIZE_TEXT];
    sn_space_size(space, size, sizeof size);
    ck_assert_str_eq(size, expected);
}

START_TEST(fairnas) {
    open_preset("fairnas", "");
    check_size("609,359,740,010,496");
    check_cost("k7e3,k3e3,k7e3,k3e6,k7e6,k3e3,k3e3,k7e6,k7e6,k5e3,k3e6,k5e3,k5e3,k3e6,k3e6,k7e6,k3e6,k7e6,k5e6", 388122848,
               4651352); // FairNAS-A
}
END_TEST

// The net that was found for GPUs has other channels.
#define WIDTHS                                                                                                                   \
    "  network:\n    - {op: conv, kernel: 3, out: 40, stride: 2, activation: relu6}\n"                                           \
    "    - {op: mbconv, expand: 1, kernel: 3, out: 24, activation: relu6, residual: false}\n"                                    \
    "    - {block: shrink, out: 32, stride: 2}\n    - {layers: 3, block: keep, out: 32}\n"                                       \
    "    - {block: shrink, out: 56, stride: 2}\n    - {layers: 3, block: keep, out: 56}\n"                                       \
    "    - {block: shrink, out: 112, stride: 2}\n    - {layers: 3, block: keep, out: 112}\n"                                     \
    "    - {block: shrink, out: 128}\n    - {layers: 3, block: keep, out: 128}\n"                                                \
    "    - {block: shrink, out: 256, stride: 2}\n    - {layers: 3, block: keep, out: 256}\n"                                     \
    "    - {block: shrink, out: 432}\n    - {op: conv, kernel: 1, out: 1728, activation: relu6}\n    - {op: classifier}\n"
START_TEST(proxylessnas) {
    static const char gpu[] = "5x5_MBConv3,Zero,Zero,Zero,7x7_MBConv3,Zero,Zero,3x3_MBConv3,7x7_MBConv6,Zero,Zero,5x5_MBConv3,"
                              "5x5_MBConv6,Zero,3x3_MBConv3,5x5_MBConv3,7x7_MBConv6,7x7_MBConv6,7x7_MBConv6,5x5_MBConv6,"
                              "7x7_MBConv6";
    open_preset("proxylessnas", "");
    check_size("221,502,229,807,900,608");
    ck_assert_double_eq(graph->bn_eps, 1e-3);
    teardown();
    open_preset("proxylessnas", WIDTHS);
    check_cost(gpu, 465260160, 7119848);
    ck_assert_double_eq(graph->bn_eps, 1e-3);
}
END_TEST

// Of 20 blocks in five units kernel and expansion, 0 beyond a unit's depth, as Once-for-All writes them, in our words.
static void from_ofa(const char *depth, const char *kernel, const char *expand, char *text) {
    static const char *const unit[] = {"r", "rs", "h", "hs", "hs"};
    for (int i = 0; i < 20; i++) {
        if (i % 4 == 0) text += sprintf(text, "%s%c", i ? "," : "", depth[i / 4]);
        text += kernel[i] == '0' ? sprintf(text, ",-") : sprintf(text, ",%s_k%ce%c", unit[i / 4], kernel[i], expand[i]);
    }
}

// The same as decisions: a depth, and of each block an expansion and a kernel.
static void in_parts(const char *depth, const char *kernel, const char *expand, char *text) {
    for (int i = 0; i < 20; i++) {
        if (i % 4 == 0) text += sprintf(text, "%s%c", i ? "," : "", depth[i / 4]);
        text += kernel[i] == '0' ? sprintf(text, ",-,-") : sprintf(text, ",%c,%c", expand[i], kernel[i]);
    }
}

// Published nets, some with the name of the device that they are for, at their resolutions.
START_TEST(mobilenetv3) {
    static const struct {
        int side;
        const char *depth, *kernel, *expand;
        int64_t macs, params;
    } rows[] = {
        {224, "44444", "77777777777777777777", "66666666666666666666", 566170656, 7664760},
        {224, "22222", "33003300330033003300", "33003300330033003300", 121278672, 3410792},
        {128, "22222", "33003300330033003300", "33003300330033003300", 41476224, 3410792},
        {128, "44444", "77777777777777777777", "66666666666666666666", 188248320, 7664760},
        {176, "23334", "33007530555037505733", "33004330643044306664", 151108528, 5809576}, // LG-G8, 16 ms
        {160, "22234", "33005300750033303533", "33003400440044306433", 95935136, 4663872},  // s7edge, 41 ms
        {140, "22222", "33005500730053003700", "33003300430034006600", 67196888, 4304592},  // note8, 22 ms
        {224, "23334", "33005330755053303333", "33003440444046406663", 237063424, 5863056}, // note10, 22 ms
        {152, "22222", "33005500730053003700", "33003300430034006600", 76664384, 4304592},  // pixel1, 20 ms
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char keys[100], text[400];
        snprintf(keys, sizeof keys, "  input: {height: %d, width: %d}\n", rows[i].side, rows[i].side);
        for (int parts = 0; parts < 2; parts++) {
            open_preset(parts ? "ofa-mobilenetv3" : "mobilenetv3-unshared", keys);
            check_size("21,758,655,492,572,485,851");
            (parts ? in_parts : from_ofa)(rows[i].depth, rows[i].kernel, rows[i].expand, text);
            check_cost(text, rows[i].macs, rows[i].params);
            // 20 pairs of matrices beside the largest net
            if (parts) ck_assert_int_eq(sn_params_count(&graph->params), 7664760 + 20 * (625 + 81));
            teardown();
        }
    }
}
END_TEST

static const char *const chains[] = {"fairnas", "proxylessnas", "mobilenetv3-unshared", "ofa-mobilenetv3"};
enum { CHAINS = sizeof chains / sizeof *chains };

// The last channels are read from the one pixel that is left.
START_TEST(other_images) {
    static const struct {
        const char *keys;
        int side;
    } images[] = {{"  input: {height: 32, width: 32}\n  classes: 10\n", 1},
                  {"  input: {channels: 1, height: 28, width: 28}\n  classes: 10\n", 1},
                  {"  input: {height: 96, width: 96}\n  classes: 10\n", 3}};
    for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
        open_preset(chains[_i], images[i].keys);
        const sn_node *mean = &graph->node[graph->n - 1];
        while (mean->kind != SN_NODE_MEAN) mean--;
        ck_assert_int_eq(graph->node[mean->in[0]].h, images[i].side);
        ck_assert_int_eq(graph->node[graph->logits].c, 10);
        teardown();
    }
}
END_TEST

int main(void) {
    Suite *s = suite_create("presets");
    TCase *t = tcase_create("presets");
    tcase_add_checked_fixture(t, NULL, teardown);
    tcase_add_test(t, fairnas);
    tcase_add_test(t, proxylessnas);
    tcase_add_test(t, mobilenetv3);
    tcase_add_loop_test(t, other_images, 0, CHAINS);
    suite_add_tcase(s, t);
    return run_suite(s);
}
