// Notations of archs: published texts read as the archs that they are, every arch of a space written and read again, files of
// texts, and what is said of a text that is wrong. Not here: canonical texts (test_space.c), the program (test_program.c). Next:
// space/notation.h.
#include "base/rng.h"
#include "io/files/truth.h"
#include "parsed_space.h"
#include "program.h"
#include "space/notation.h"
#include "supernet/rank/archlist.h"

static const sn_notation *notation(const char *name) {
    int i = 0;
    while (strcmp(sn_notation_words[i], name)) i++;
    return sn_notations[i];
}

static void open_space(const char *preset) {
    open_preset(preset, "");
}

// ---------------------------------------------------------------- there and back
// Which notations archs of a preset have.
static const struct {
    const char *preset, *notations;
} fits[] = {{"nasbench-macro", "names digits tuple mmrazor "},
            {"nasbench201", "names digits tuple nasbench201 genotype mmrazor "},
            {"darts", "names digits tuple genotype mmrazor "},
            {"spos-shufflenet", "names digits tuple mmrazor "},
            {"fairnas", "names digits tuple mmrazor "},
            {"mobilenetv3-unshared", "names digits tuple ofa "},
            {"motifs", "names digits tuple "},
            {"skips", "names digits tuple "}};
enum { PRESETS = sizeof fits / sizeof *fits };

START_TEST(every_arch_comes_back) {
    open_space(fits[_i].preset);
    char found[128] = "";
    sn_rng rng = sn_rng_at(1, 0, 0, 0, 0);
    for (int n = 0; sn_notations[n]; n++) {
        sn_arch first = sn_arch_first(space), back;
        char *text = sn_notation_text(sn_notations[n], space, &first);
        if (!text) {
            ck_assert_int_eq(sn_error_code(), SN_USAGE);
            continue;
        }
        strcat(strcat(found, sn_notations[n]->name), " ");
        for (int i = 0; i < 200; i++) {
            free(text);
            sn_arch a = sn_arch_random(space, &rng);
            ck_assert_ptr_nonnull(text = sn_notation_text(sn_notations[n], space, &a));
            if (n < 2) // no text looks so: the space's own
            {
                ck_ok(sn_notations[n]->read(space, text, &back));
                back.n = a.n;
            } else
                ck_ok(sn_arch_parse(space, text, &back));
            ck_assert_msg(sn_arch_equal(&a, &back), "%s: %s", sn_notations[n]->name, text);
        }
        free(text);
    }
    ck_assert_str_eq(found, fits[_i].notations);
}
END_TEST

// ---------------------------------------------------------------- published texts
// Each of these is the same arch; the first is its canonical text.
static void check_same(const char *const *texts) {
    sn_arch first = arch_of(texts[0]);
    for (int i = 1; texts[i]; i++) {
        sn_arch a;
        ck_assert_msg(sn_arch_parse(space, texts[i], &a) == SN_OK, "%s", sn_error_text());
        ck_assert_msg(sn_arch_equal(&a, &first), "not the same: %s", texts[i]);
    }
}

static void check_written(const char *name, const char *arch, const char *expected) {
    sn_arch a = arch_of(arch);
    char *text = sn_notation_text(notation(name), space, &a);
    ck_assert_msg(text != NULL, "%s", sn_error_text());
    ck_assert_str_eq(text, expected);
    free(text);
}

START_TEST(nasbench201) {
    static const char arch[] = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|";
    open_space("nasbench201");
    check_same((const char *[]){"nor_conv_3x3,nor_conv_3x3,avg_pool_3x3,none,nor_conv_3x3,avg_pool_3x3", arch,
                                "Structure(4 nodes with |nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|none~0|nor_conv_3x3~1|"
                                "avg_pool_3x3~2|)",
                                " |nor_conv_3x3~0| + |avg_pool_3x3~1|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|\n",
                                "(3, 3, 4, 0, 3, 4)", "[3,3,4,0,3,4]",
                                "Genotype(cell=[('nor_conv_3x3', 1, 0), ('nor_conv_3x3', 2, 0), ('avg_pool_3x3', 2, 1), "
                                "('nor_conv_3x3', 3, 1), ('avg_pool_3x3', 3, 2)])",
                                NULL});
    check_written("nasbench201", arch, arch);
    check_written("tuple", arch, "(3, 3, 4, 0, 3, 4)");
    check_written("digits", arch, "334034");
    sn_cost c = cost_of("|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|");
    ck_assert_int_eq(c.macs, 220119680); // published
    ck_assert_int_eq(c.params, 1531546);
}
END_TEST

#define DARTS_NORMAL                                                                                                             \
    "('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 1), "                  \
    "('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)"
#define DARTS_REDUCE                                                                                                             \
    "('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "                  \
    "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)"
#define DARTS_V2                                                                                                                 \
    "sep_conv_3x3,sep_conv_3x3,c0+c1,sep_conv_3x3,sep_conv_3x3,-,c0+c1,skip_connect,sep_conv_3x3,-,-,c0+n2,skip_connect,-,"      \
    "dil_conv_3x3,-,-,max_pool_3x3,max_pool_3x3,c1+n2,-,max_pool_3x3,skip_connect,c0+n2,max_pool_3x3,-,skip_connect,-,c1+n2,-,"  \
    "max_pool_3x3,skip_connect,-,-"

START_TEST(genotypes) {
    open_space("darts");
    check_same((const char *[]){
        DARTS_V2,
        "DARTS_V2 = Genotype(normal=[" DARTS_NORMAL "], normal_concat=[2, 3, 4, 5], reduce=[" DARTS_REDUCE
        "], reduce_concat=[2, 3, 4, 5])",
        "Genotype(normal=[" DARTS_NORMAL "], normal_concat=range(2, 6), reduce=[" DARTS_REDUCE "], reduce_concat=range(2, 6))",
        // folded in a YAML file
        "    1: Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3',\n      0), ('sep_conv_3x3', 1), "
        "('sep_conv_3x3', 1), ('skip_connect',\n      0), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=range(2,\n"
        "      6), reduce=[" DARTS_REDUCE "], reduce_concat=range(2, 6))\n",
        // pairs in groups, more keys
        "Genotype(normal=[(('sep_conv_3x3', 0), ('sep_conv_3x3', 1)), (('sep_conv_3x3', 0), ('sep_conv_3x3', 1)),\n"
        "(('sep_conv_3x3', 1), ('skip_connect', 0)), (('skip_connect', 0), ('dil_conv_3x3', 2))],\nnormal_concat=[2, 3, 4, 5],\n"
        "reduce=[(('max_pool_3x3', 0), ('max_pool_3x3', 1)), (('skip_connect', 2), ('max_pool_3x3', 1)),\n"
        "(('max_pool_3x3', 0), ('skip_connect', 2)), (('skip_connect', 2), ('max_pool_3x3', 1))],\n"
        "reduce_concat=[2, 3, 4, 5],\nconnectN=None, connects=None\n)",
        // (op, to, from)
        "Genotype(normal=[('sep_conv_3x3', 2, 0), ('sep_conv_3x3', 2, 1), ('sep_conv_3x3', 3, 0), ('sep_conv_3x3', 3, 1), "
        "('sep_conv_3x3', 4, 1), ('skip_connect', 4, 0), ('dil_conv_3x3', 5, 2), ('skip_connect', 5, 0)], reduce=[" DARTS_REDUCE
        "])",
        // (op, from, to), in any order
        "CNNGenotype(normal_0=[('skip_connect', 0, 5), ('sep_conv_3x3', 0, 2), ('sep_conv_3x3', 1, 2), ('sep_conv_3x3', 0, 3), "
        "('sep_conv_3x3', 1, 3), ('sep_conv_3x3', 1, 4), ('skip_connect', 0, 4), ('dil_conv_3x3', 2, 5)], "
        "reduce_1=[" DARTS_REDUCE "], normal_0_concat=[2, 3, 4, 5], reduce_1_concat=[5, 4, 3, 2])",
        // (op, from, weight)
        "Genotype(normal=[('sep_conv_3x3', 0, 0.2386), ('sep_conv_3x3', 1, 0.2340),\n('sep_conv_3x3', 0, 1e-3), ('sep_conv_3x3', "
        "1, .5), ('sep_conv_3x3', 1, 0.1), ('skip_connect', 0, 0.1), ('skip_connect', 0, 0.1), ('dil_conv_3x3', 2, 0.1)], "
        "reduce=[" DARTS_REDUCE "],)",
        NULL});
    check_written("genotype", DARTS_V2,
                  "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
                  "('skip_connect', 0), ('sep_conv_3x3', 1), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, "
                  "5], reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('max_pool_3x3', 1), ('skip_connect', 2), "
                  "('max_pool_3x3', 0), ('skip_connect', 2), ('max_pool_3x3', 1), ('skip_connect', 2)], reduce_concat=[2, 3, 4, "
                  "5])");
    sn_cost c = cost_of("Genotype(normal=[" DARTS_NORMAL "], reduce=[" DARTS_REDUCE "])");
    ck_assert_int_eq(c.macs, 528359040); // published
    ck_assert_int_eq(c.params, 3349342);
}
END_TEST

// Cells whose edges hold any number of operations, so that a node may have none.
static const char fair[] =
    "data: {source: /nowhere}\nspace:\n  input: {channels: 3, height: 32, width: 32}\n  classes: 10\n  blocks:\n"
    "    none: {op: zero}\n    sep_conv_3x3: {op: sepconv, kernel: 3}\n    sep_conv_5x5: {op: sepconv, kernel: 5}\n"
    "    max_pool_3x3: {op: pool, kind: max, bn: false}\n    skip_connect: {op: identity}\n"
    "    sep3: {choose: [none, sep_conv_3x3]}\n    sep5: {choose: [none, sep_conv_5x5]}\n"
    "    pool: {choose: [none, max_pool_3x3]}\n    skip: {choose: [none, skip_connect]}\n"
    "    normal:\n      shared: true\n      inputs: [c0, c1]\n      nodes:\n"
    "        n2: {sum: [sep3: c0, sep5: c0, pool: c0, skip: c0, sep3: c1, sep5: c1, pool: c1, skip: c1]}\n"
    "        n3: {sum: [sep3: c0, sep5: c0, pool: c0, skip: c0, sep3: c1, sep5: c1, sep3: n2, pool: n2]}\n"
    "        out: {concat: [n2, n3]}\n"
    "  network:\n    - {op: conv, kernel: 3, out: 8}\n    - {layers: 2, out: 8, block: normal}\n    - {op: classifier}\n"
    "train: {epochs: 1, batch: 8}\n";

START_TEST(several_on_an_edge) {
    static const char text[] =
        "Genotype(normal=[('sep_conv_3x3', 2, 0), ('skip_connect', 2, 0), ('sep_conv_5x5', 2, 1)], normal_concat=[2, 3])";
    open_text(fair);
    check_same((const char *[]){
        "sep_conv_3x3,none,none,skip_connect,none,sep_conv_5x5,none,none,none,none,none,none,none,none,none,none", text,
        "Genotype(normal=[('sep_conv_3x3', 2, 0), ('sep_conv_5x5', 2, 1), ('skip_connect', 2, 0)], normal_concat=[2])",
        "normal_n2:\n  chosen: [normal_n2_p0, normal_n2_p1]\nnormal_n2_p0:\n  chosen:\n  - skip_connect\n  - sep_conv_3x3\n"
        "normal_n2_p1:\n  chosen: sep_conv_5x5\nnormal_n3:\n  chosen: []\n",
        NULL});
    check_written("genotype", text, text);
    sn_rng rng = sn_rng_at(1, 0, 0, 0, 0);
    for (int i = 0; i < 500; i++) {
        static const char *const both[] = {"genotype", "mmrazor"};
        sn_arch a = sn_arch_random(space, &rng), back;
        char *written = sn_notation_text(notation(both[i % 2]), space, &a);
        ck_ok(sn_arch_parse(space, written, &back));
        ck_assert_msg(sn_arch_equal(&a, &back), "%s", written);
        free(written);
    }
    sn_arch a;
    ck_assert_int_eq(sn_arch_parse(space, "Genotype(normal=[('sep_conv_3x3', 2, 0), ('sep_conv_3x3', 2, 0)])", &a), SN_USAGE);
    ck_message("column 59: an operation from node 0 to node 2 of 'normal' stands here twice; allowed is one");
    ck_assert_int_eq(sn_arch_parse(space, "Genotype(normal=[('sep_conv_3x3', 2, 0)], normal_concat=[3])", &a), SN_USAGE);
    ck_message("column 57: node 2 is not in the value of 'normal'; in this space it is");
}
END_TEST

START_TEST(tuples) {
    static const char text[] = "(2, 1, 0, 1, 2, 0, 2, 0, 2, 0, 2, 3, 0, 0, 0, 0, 3, 2, 3, 3)";
    open_space("spos-shufflenet");
    check_same((const char *[]){"21012020202300003233", text, "[2,1,0,1,2,0,2,0,2,0,2,3,0,0,0,0,3,2,3,3,]", NULL});
    check_written("tuple", "21012020202300003233", text);
    sn_cost c = cost_of(text);
    ck_assert_int_eq(c.macs, 322918720);
    ck_assert_int_eq(c.params, 3558464);
    teardown();
    open_space("motifs");
    check_same((const char *[]){"skip,-,-,skip,-,-,pair,sep_k3,sep_k5", "(0, None, None, 0, None, None, 2, 0, 1)", NULL});
}
END_TEST

// A net found for the Note8, 22 ms, at its resolution; blocks beyond a unit's depth hold anything.
#define KERNELS "[3, 3, 0, 0, 5, 5, 0, 0, 7, 3, 0, 0, 5, 3, 0, 0, 3, 7, 0, 0]"
#define EXPANSIONS "[3, 3, 0, 0, 3, 3, 0, 0, 4, 3, 0, 0, 3, 4, 0, 0, 6, 6, 0, 0]"
START_TEST(once_for_all) {
    open_preset("mobilenetv3-unshared", "  input: {height: 140, width: 140}\n");
    check_same((const char *[]){
        "2,r_k3e3,r_k3e3,-,-,2,rs_k5e3,rs_k5e3,-,-,2,h_k7e4,h_k3e3,-,-,2,hs_k5e3,hs_k3e4,-,-,2,hs_k3e6,hs_k7e6,-,-",
        "{\"ks\": " KERNELS ", \"e\": " EXPANSIONS ", \"d\": [2, 2, 2, 2, 2]}",
        "{'wid': None, 'ks': [3, 3, 7, 7, 5, 5, 3, 3, 7, 3, 5, 5, 5, 3, 3, 3, 3, 7, 7, 99],\n 'e': " EXPANSIONS
        ",\n 'd': [2, 2, 2, 2, 2], 'r': [140]}",
        "{\"d\": [2,2,2,2,2], \"e\": " EXPANSIONS ", \"ks\": " KERNELS ", \"image_size\": 140}", NULL});
    check_written("ofa", "{\"d\": [2,2,2,2,2], \"e\": " EXPANSIONS ", \"ks\": " KERNELS "}",
                  "{\"ks\": " KERNELS ", \"e\": " EXPANSIONS ", \"d\": [2, 2, 2, 2, 2]}");
    sn_cost c = cost_of("{\"ks\": " KERNELS ", \"e\": " EXPANSIONS ", \"d\": [2, 2, 2, 2, 2]}");
    ck_assert_int_eq(c.macs, 67196888);
    ck_assert_int_eq(c.params, 4304592);
}
END_TEST

// The net of a published YAML file, whose costs are known; and the same with other keys and values, and in other words.
static char *subnet(bool other) {
    static const char options[] = "20203110010103122013";
    static const int layers[] = {4, 4, 8, 4};
    static const char *const names[] = {"shuffle_3x3", "shuffle_5x5", "shuffle_7x7", "shuffle_xception"};
    char *text = sn_new(1, 4096), *to = text;
    for (int stage = 0, i = 0; stage < 4; stage++)
        for (int layer = 0; layer < layers[stage]; layer++) {
            const char *name = names[options[i++] - '0'];
            if (!other)
                to += sprintf(to, "backbone.layers.%d.%d:\n  chosen: %s\n", stage, layer, name);
            else if (stage % 2)
                to += sprintf(to, "backbone.layers.%d.%d: %s\r\n", stage, layer, name);
            else
                to += sprintf(to, "layers.%d.%d: # see\n  meta:\n    chosen: none\n  chosen:\n  - '%s'\n", stage, layer, name);
        }
    return text;
}

START_TEST(mmrazor_chain) {
    char *text = subnet(false), *other = subnet(true);
    open_space("spos-shufflenet");
    check_same((const char *[]){"20203110010103122013", text, other, NULL});
    check_written("mmrazor", "20203110010103122013", text);
    sn_cost c = cost_of(text);
    ck_assert_int_eq(c.macs, 317023040);
    ck_assert_int_eq(c.params, 3353104);
    free(text);
    free(other);
}
END_TEST

START_TEST(mmrazor_cells) {
    open_space("darts");
    sn_arch a = arch_of(DARTS_V2), back;
    char *text = sn_notation_text(notation("mmrazor"), space, &a);
    ck_assert_msg(
        !strncmp(text, "normal_n2:\n  chosen:\n  - normal_n2_p0\n  - normal_n2_p1\nnormal_n2_p0:\n  chosen:\n  - sep_", 79), "%s",
        text);
    // operations of edges that no node chose, as in the file of the paper's net
    char *more = sn_format("normal_n4_p3:\n  chosen:\n  - sep_conv_3x3\n%sreduce_n5_p4:\n  chosen: [skip_connect]\n", text);
    ck_ok(sn_arch_parse(space, more, &back));
    ck_assert(sn_arch_equal(&a, &back));
    free(text);
    free(more);
}
END_TEST

// ---------------------------------------------------------------- wrong ones
static const struct {
    const char *preset, *text, *message;
} wrong[] = {
    {"nasbench201", "|nor_conv_3x3~0|+|nor_conv_3x4~0|none~1|+|none~0|none~1|none~2|",
     "column 19 (cell.n2.input): found 'nor_conv_3x4'; allowed are none, skip_connect, nor_conv_1x1, nor_conv_3x3, avg_pool_3x3; "
     "did "
     "you mean 'nor_conv_3x3'?"},
    {"nasbench201", "|none~0|+|none~0|none~2|+|none~0|none~1|none~2|",
     "column 23: node 2 of 'cell' reads node 2; allowed are 0, 1"},
    {"nasbench201", "|none~0|+|none~0|none~0|+|none~0|none~1|none~2|", "column 23: an operation from node 0 to node 2"},
    {"nasbench201", "|none~0|+|none~0|none~1|", "column 25: found the end; allowed is + and another node"},
    {"nasbench201", "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|+|none~0|", "column 48: found '+'; allowed is the end"},
    {"nasbench201", "|none~0|+|none~0|+|none~0|none~1|none~2|",
     "column 18: found '+'; allowed is an operation: node 2 of this space has 2"},
    {"nasbench201", "|none0|+|none~0|none~1|+|none~0|none~1|none~2|",
     "column 7: found '|'; allowed is ~ and the number of a node"},
    {"nasbench201", "Genotype(normal=[('none', 1, 0)])", "column 10: found 'normal'; allowed is cell=, cell_concat="},
    {"nasbench201", "(3, 3, 4, 0, 3, 5)", "column 17 (cell.n3.n2): found '5'; allowed are 0, 1, 2, 3, 4"},
    {"nasbench201", "(3, 3, 4, 0, 3)", "column 15: found ')'; allowed is a comma and a number: this space has 6 decisions"},
    {"nasbench201", "(3, 3, 4, 0, 3, 4, 1)", "column 18: found ','; allowed is ): this space has 6 decisions"},
    {"nasbench201", "(3, 3, 4, None, 3, 4)", "'-' at decision cell.n3.input, which every arch of this space has"},
    {"nasbench201", "(3, 3, 4, 9999999, 3, 4)", "column 11: found '9999999'; allowed is the number of an option"},
    {"darts", "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", "cannot be written as nasbench201"},
    {"spos-shufflenet", "|none~0|+|none~0|none~1|",
     "archs of this space cannot be written as nasbench201: it has decisions outside"},
    {"spos-shufflenet", "Genotype(normal=[], reduce=[])",
     "archs of this space cannot be written as genotype: it has decisions outside"},
    {"motifs", "stage1: pair\n", "cannot be written as mmrazor"},
    {"darts", "Genotype(normal=[" DARTS_NORMAL "])", "'reduce=' is missing: this space has such cells"},
    {"darts", "Genotype(normal=[" DARTS_NORMAL "], normal=[" DARTS_NORMAL "])", "'normal' is given twice"},
    {"darts", "Genotype(normal=[('sep_conv_7x7', 0)])",
     "column 20 (normal.n2.c0): found 'sep_conv_7x7'; allowed are max_pool_3x3, avg_pool_3x3, skip_connect, sep_conv_3x3, "
     "sep_conv_5x5, dil_conv_3x3, dil_conv_5x5; did you mean 'sep_conv_3x3'?"},
    {"darts", "Genotype(normal=[('avg_pool_3x3', 0), ('avg_pool_3x3', 0)])",
     "column 56: an operation from node 0 to node 2 of 'normal'"},
    {"darts", "Genotype(normal=[" DARTS_NORMAL ", ('sep_conv_3x3', 0)])",
     "found node 6; 'normal' has nodes 2 to 5 in this space"},
    {"darts", "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0)])",
     "node 3 of 'normal' reads 1 values in a way that normal.n3 of this space has not; allowed are 2"},
    {"darts", "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 7)])",
     "column 56: node 2 of 'normal' reads node 7; allowed are 0, 1"},
    {"darts", "Genotype(normal=[('sep_conv_3x3', 0)])",
     "column 37: nothing from node 1 to node 2 of 'normal', where every arch of this space has an operation (normal.n2.c1)"},
    {"darts", "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1, 2)])", "operations of one list are written in two ways"},
    {"darts", "Genotype(normal=[" DARTS_NORMAL "], normal_concat=range(2, 7))",
     "found nodes 2 to 6; 'normal' has nodes 2 to 5 in this space"},
    {"darts", "Genotype(normal=[" DARTS_NORMAL "], normal_concat=range(6))", "range() has two numbers"},
    {"darts", "Genotype(normal=[" DARTS_NORMAL "], reduce=[" DARTS_REDUCE "], reduce_concat=[3, 4, 5])",
     "node 2 is not in the value of 'reduce'; in this space it is"},
    {"darts", "Genotype(normal=[(sep_conv_3x3, 0)])", "column 19: found 'sep_conv_3x3'; allowed is [ or ("},
    {"darts", "Genotype(normal=[('sep_conv_3x3', 0)\n('sep_conv_3x3', 0)])",
     "line 2, column 1: found '('; allowed is a comma or ]"},
    {"darts", "Genotype(normal=[('sep_conv_3x3\x1b', 0)])", "column 19: found '''; allowed is an operation in quotes"},
    {"darts", "Genotype(normal=[" DARTS_NORMAL "], reduce=[" DARTS_REDUCE "]) and more",
     "found 'and'; allowed is the end of the text"},
    {"darts", "normal_n2:\n  chosen:\n  - normal_n2_p1\n",
     "line 3, column 5: key normal_n2_p1 is missing: this edge is chosen here"},
    {"darts", "normal_n9:\n  chosen: []\n", "line 1, column 1: found 'normal_n9'; allowed is CELL_nNODE or CELL_nNODE_pEDGE"},
    {"darts", "normal_n2:\n  chosen:\n  - reduce_n2_p1\n",
     "line 3, column 5: found 'reduce_n2_p1'; allowed is an edge of this node"},
    {"darts", "normal_n2_p0:\n  chosen: [sep_conv_3x3\n", "line 2, column 24: found ' '; allowed is ]"},
    {"spos-shufflenet", "backbone.layers.0.0:\n  chosen: shuffle_9x9\n",
     "line 2, column 11 (stage1.layer1): found 'shuffle_9x9'; allowed are shuffle_3x3, shuffle_5x5, shuffle_7x7, "
     "shuffle_xception; did "
     "you mean 'shuffle_3x3'?"},
    {"spos-shufflenet", "backbone.layers.0.4:\n  chosen: shuffle_3x3\n",
     "line 1, column 1: found 'backbone'; allowed is backbone.layers."},
    {"spos-shufflenet", "backbone.layers.0.0:\n  chosen: shuffle_3x3\nbackbone.layers.0.0: shuffle_3x3\n",
     "stage1.layer1 has its option"},
    {"spos-shufflenet", "backbone.layers.0.0:\n  chosen: [shuffle_3x3, shuffle_5x5]\n", "2 values are chosen; allowed is one"},
    {"spos-shufflenet", "backbone.layers.0.0:\n  meta: x\n", "0 values are chosen; allowed is one"},
    {"spos-shufflenet", "backbone.layers.0.0:\n  chosen: shuffle_3x3\n", "line 3, column 1: key backbone.layers.0.1 is missing"},
    {"mobilenetv3-unshared", "{\"ks\": " KERNELS ", \"e\": " EXPANSIONS ", \"d\": [2, 2, 2, 2, 5]}",
     "column 155 (stage5.depth): found '5'; allowed are 2, 3, 4"},
    {"mobilenetv3-unshared", "{\"ks\": " KERNELS ", \"e\": " EXPANSIONS ", \"d\": [2, 3, 2, 2, 2]}",
     "column 27: stage2.layer3: found kernel 0 with expansion 0; allowed are 3 with 3, 3 with 4, 3 with 6, 5 with 3"},
    {"mobilenetv3-unshared", "{\"ks\": " KERNELS ", \"e\": [3, 3], \"d\": [2, 3, 2, 2, 2]}",
     "column 80: 'e' has 2 numbers; this space has 20 layers"},
    {"mobilenetv3-unshared", "{\"ks\": " KERNELS ", \"d\": [2, 2, 2, 2, 2]}", "'e' is missing"},
    {"mobilenetv3-unshared", "{\"ks\": " KERNELS ", \"ks\": " KERNELS "}", "column 71: 'ks' is given twice"},
    {"mobilenetv3-unshared", "{\"r\": [160]}",
     "column 8: found images of 160 x 160; those of this space are 224 x 224 (space.input)"},
    {"mobilenetv3-unshared", "{\"kss\": [3]}", "column 3: found 'kss'; allowed is ks, e, d, wid, r, image_size"},
    {"mobilenetv3-unshared", "{'ks': [3, -3]}", "column 12: found '-3'; allowed is a number"},
    {"mobilenetv3-unshared", "{'wid': 1}", "column 9: found '1'; allowed is None: widths are not chosen"},
    {"fairnas", "{\"ks\": [3]}",
     "archs of this space cannot be written as ofa: allowed are stages whose number of layers is chosen"},
    {"spos-shufflenet", "backbone.layers.0.0:\nno key\n", "line 2, column 1: found 'no'; allowed is a key with a colon"},
};
enum { WRONG = sizeof wrong / sizeof *wrong };

START_TEST(says_what_is_wrong) {
    sn_arch a;
    open_space(wrong[_i].preset);
    ck_assert_msg(sn_arch_parse(space, wrong[_i].text, &a) == SN_USAGE, "accepted: %s", wrong[_i].text);
    ck_message(wrong[_i].message);
}
END_TEST

// ---------------------------------------------------------------- files
// What a file of archs holds, by their canonical texts.
static void check_file(const char *text, const char *const *archs) {
    sn_arch *found;
    long n, i = 0;
    folder_make();
    put_text(path_a, text);
    ck_ok(sn_archs_read(space, path_a, NULL, &found, &n));
    for (; archs[i]; i++) {
        sn_arch a = arch_of(archs[i]);
        ck_assert(i < n && sn_arch_equal(&a, &found[i]));
    }
    ck_assert_int_eq(n, i);
    free(found);
    folder_remove();
}

START_TEST(files_of_archs) {
    static const char nb[] = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|";
    open_space("nasbench201");
    check_file("# all of these\n|none~0|+|none~0|none~1|+|none~0|none~1|none~2|  # none\r\n\n  (3, 3,\n 4, 0,\n 3, 4)\n"
               "none,none,none,none,none,none\n",
               (const char *[]){nb, "(3,3,4,0,3,4)", nb, NULL});
    teardown();
    open_space("darts");
    check_file("    1: Genotype(normal=[" DARTS_NORMAL "], normal_concat=range(2,\n      6), reduce=[" DARTS_REDUCE
               "], reduce_concat=range(2,\n      6))\n    2: Genotype(normal=[" DARTS_NORMAL "], reduce=[" DARTS_REDUCE "])",
               (const char *[]){DARTS_V2, DARTS_V2, NULL});
    teardown();
    open_space("spos-shufflenet");
    char *one = subnet(false), *other = subnet(true), *both = sn_format("---\n%s---\n%s", one, other);
    check_file(both, (const char *[]){"20203110010103122013", "20203110010103122013", NULL});
    free(one), free(other), free(both);

    sn_arch *found = NULL;
    long n;
    folder_make();
    put_text(path_a, "00000000000000000000\n(0, 1,\n2, 5)\n");
    ck_assert_int_eq(sn_archs_read(space, path_a, NULL, &found, &n), SN_USAGE);
    ck_message("/a:2: arch '(0, 1, 2, 5)', line 2, column 4 (stage1.layer4): found '5'; allowed are 0, 1, 2, 3");
    folder_remove();
}
END_TEST

// A table by the benchmark's own names.
START_TEST(known_accuracies) {
    static const char table[] = "index,arch_str,accuracy\n0,|none~0|+|none~0|none~1|+|none~0|none~1|none~2|,10.5\n"
                                "1,|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|,90\n"
                                "2,|none~0|+|none~0|+|none~0|none~1|none~2|,10\n";
    sn_truth *t;
    long outside;
    char first[SN_TRUTH_TEXT];
    double value;
    open_space("nasbench201");
    folder_make();
    put_text(path_a, table);
    ck_ok(sn_truth_read(path_a, NULL, NULL, &t));
    ck_ok(sn_truth_match(t, space, "table.csv", &outside, first));
    ck_assert(sn_truth_find(t, "nor_conv_3x3,nor_conv_3x3,avg_pool_3x3,none,nor_conv_3x3,avg_pool_3x3", &value) && value == 90);
    ck_assert_int_eq(outside, 1);
    ck_assert_msg(strstr(first, "table.csv:4: arch '|none~0|+|none~0|+|none~0|none~1|none~2|', column 18: found '+'"), "%s",
                  first);
    sn_truth_free(t);
    put_text(path_a, "{\"|none~0|+|none~0|none~1|+|none~0|none~1|none~2|\": 1, \"none,none,none,none,none,none\": 2}");
    ck_ok(sn_truth_read(path_a, NULL, NULL, &t));
    ck_assert_int_eq(sn_truth_match(t, space, "table.json", &outside, first), SN_DATA);
    ck_message("table.json: arch none,none,none,none,none,none is given twice, in two notations");
    sn_truth_free(t);
    folder_remove();
}
END_TEST

START_TEST(the_program) {
    place_make();
    write_all("nb.yaml", "data: {source: /nowhere}\nspace: {preset: nasbench201}\ntrain: {epochs: 1, batch: 64}\n");
    ck_run(0, "\"$S\" describe nb.yaml --arch '(3, 3, 4, 0, 3, 4)' --notation nasbench201");
    ck_printed("out", "asked     nor_conv_3x3,nor_conv_3x3,avg_pool_3x3,none,nor_conv_3x3,avg_pool_3x3: ");
    ck_printed("out", "\n|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|\n");
    ck_run(0, "\"$S\" describe nb.yaml --arch '(3, 3, 4, 0, 3, 4)' --notation digits --json");
    json_t *out = printed_json();
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(out, "arch"), "written")), "334034");
    json_decref(out);
    ck_run(0, "\"$S\" describe nb.yaml --archs all --csv --notation nasbench201 >all.csv && cut -d, -f1 all.csv >archs.txt");
    ck_run(0, "sed 1d archs.txt >list && \"$S\" describe nb.yaml --archs list --csv --notation nasbench201 | cmp - all.csv");
    ck_run(2, "\"$S\" describe nb.yaml --notation tuple");
    ck_printed("err", "--notation needs --arch, or --archs with --csv");
    ck_run(2, "\"$S\" describe nb.yaml --arch '(3, 3, 4, 0, 3, 4)' --notation genotypes");
    ck_printed(
        "err",
        "--notation: found 'genotypes'; allowed are names, digits, tuple, nasbench201, genotype, ofa, mmrazor; did you mean "
        "'genotype'?");
    folder_remove();
}
END_TEST

// Bytes changed, left out, put in, copied: read or refused, never worse.
START_TEST(changed_texts) {
    static const char *const presets[] = {"nasbench201", "darts", "spos-shufflenet", "mobilenetv3-unshared"};
    enum { ROUNDS = 30000, ROOM = 8192 };
    static char text[ROOM];
    open_space(presets[_i]);
    sn_rng rng = sn_rng_at(7, 0, 0, 0, (uint32_t)_i);
    long read = 0;
    for (int i = 0; i < ROUNDS; i++) {
        int n = 0;
        while (sn_notations[n]) n++;
        sn_arch a = sn_arch_random(space, &rng), b, c;
        char *written = sn_notation_text(sn_notations[sn_rng_below(&rng, (uint32_t)n)], space, &a);
        if (!written) continue;
        snprintf(text, sizeof text, "%s", written);
        free(written);
        for (uint32_t k = 1 + sn_rng_below(&rng, 3); k--;) {
            uint32_t length = (uint32_t)strlen(text);
            if (length < 4) break;
            uint32_t at = sn_rng_below(&rng, length), from = sn_rng_below(&rng, length), kind = sn_rng_below(&rng, 4);
            if (kind == 0) text[at] = (char)(1 + sn_rng_below(&rng, 255));
            if (kind == 1) text[at] = "(),[]{}'\"|~+:-. \n0129"[sn_rng_below(&rng, 21)];
            if (kind == 2) memmove(text + at, text + from, strlen(text + from) + 1 < ROOM - at ? strlen(text + from) + 1 : 1);
            if (kind == 3) text[at] = 0;
        }
        sn_status s = sn_arch_parse(space, text, &b);
        ck_assert_msg(s == SN_OK || (s == SN_USAGE && *sn_error_text()), "status %d", (int)s);
        if (s != SN_OK) continue;
        read++;
        for (int k = 2; sn_notations[k]; k++) { // what was read is an arch
            if (!(written = sn_notation_text(sn_notations[k], space, &b))) continue;
            ck_ok(sn_arch_parse(space, written, &c));
            ck_assert(sn_arch_equal(&b, &c));
            free(written);
        }
    }
    ck_assert_int_gt(read, ROUNDS / 1000);
}
END_TEST

int main(void) {
    Suite *s = suite_create("notations");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, NULL, teardown);
    tcase_add_loop_test(t, every_arch_comes_back, 0, PRESETS);
    tcase_add_test(t, nasbench201);
    tcase_add_test(t, genotypes);
    tcase_add_test(t, several_on_an_edge);
    tcase_add_test(t, tuples);
    tcase_add_test(t, once_for_all);
    tcase_add_test(t, mmrazor_chain);
    tcase_add_test(t, mmrazor_cells);
    tcase_add_loop_test(t, says_what_is_wrong, 0, WRONG);
    tcase_add_test(t, files_of_archs);
    tcase_add_test(t, known_accuracies);
    tcase_add_test(t, the_program);
    tcase_add_loop_test(t, changed_texts, 0, 4);
    suite_add_tcase(s, t);
    return run_suite(s);
}
