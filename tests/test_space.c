// Spaces, archs, graphs and costs: sizes, texts, published params and MACs of NAS-Bench-Macro.
#include "macro.h"
#include "space/cost.h"
#include "suite.h"

#include <stdlib.h>
#include <string.h>

static sn_space *space;
static sn_graph *graph;

static void setup(void) {
    space = macro_space(32, 32, 1280);
    ck_assert_int_eq(sn_space_finish(space), SN_OK);
    ck_assert_int_eq(sn_graph_build(space, &graph), SN_OK);
}

static void teardown(void) {
    sn_graph_free(graph);
    sn_space_free(space);
}

START_TEST(sizes) {
    char text[SN_SIZE_TEXT];
    ck_assert_double_eq(sn_space_size(space, text, sizeof text), 6561);
    ck_assert_str_eq(text, "6,561");
    ck_assert_int_eq(space->n_decisions, 8);
    ck_assert_str_eq(space->decisions[2].name, "stage2.layer1");
    static sn_decision most[SN_MAX_DECISIONS]; // the largest space, 2^1536
    for (int i = 0; i < SN_MAX_DECISIONS; i++) most[i].allowed = UINT64_MAX, most[i].parent = -1;
    sn_space_size(&(sn_space){.decisions = most, .n_decisions = SN_MAX_DECISIONS}, text, sizeof text);
    ck_assert_uint_eq(strlen(text), 463 + 154); // digits and commas
    ck_assert(!strncmp(text, "2,410,312,426,", 14) && text[616] == '6');
}
END_TEST

START_TEST(arch_text) {
    sn_arch a;
    char text[SN_ARCH_TEXT];
    ck_assert_int_eq(sn_arch_parse(space, "22212220", &a), SN_OK);
    ck_assert_str_eq(sn_arch_text(space, &a, text), "22212220");
    ck_assert_int_eq(sn_arch_parse(space, "2221222", &a), SN_USAGE);
    ck_assert_int_eq(sn_arch_parse(space, "222122201", &a), SN_USAGE);
    ck_assert_int_eq(sn_arch_parse(space, "22212-20", &a), SN_USAGE);
    ck_assert_int_eq(sn_arch_parse(space, "2221x220", &a), SN_USAGE);
    ck_message("column 5 (stage2.layer3): found 'x'; allowed are 0, 1, 2");
    space->digits = false;
    ck_assert_int_eq(sn_arch_parse(space, "id,mb3_k3,mb6_k5,id,id,id,id,mb6_k5", &a), SN_OK);
    ck_assert_str_eq(sn_arch_text(space, &a, text), "id,mb3_k3,mb6_k5,id,id,id,id,mb6_k5");
    ck_assert_int_eq(sn_arch_parse(space, "id,mb3_k5,mb6_k5,id,id,id,id,mb6_k5", &a), SN_USAGE);
    ck_message("column 4 (stage1.layer2): found 'mb3_k5'");
    ck_message("did you mean 'mb3_k3'?");
    ck_assert_int_eq(sn_arch_parse(space, "id,id", &a), SN_USAGE);
    ck_assert_int_eq(sn_arch_parse(space, "", &a), SN_USAGE);
    ck_assert_int_eq(sn_arch_parse(space, "id,id,id,id,id,id,id,id,", &a), SN_USAGE);
}
END_TEST

// Rows of the published table (Su et al., CVPR 2021).
static const struct {
    const char *arch;
    long params, macs;
} published[] = {{"00000000", 387882, 7713280},   {"11111111", 1588874, 53246464}, {"22222222", 2932586, 105660928},
                 {"22212220", 1985514, 85164544}, {"01201201", 1283434, 46109184}, {"22222221", 2504810, 98865664},
                 {"22222200", 1269610, 79266304}, {"10000000", 396298, 12128768},  {"02012100", 890666, 47327744},
                 {"11111221", 2181386, 65012224}, {"00011110", 1118378, 31390208}, {"02200100", 644650, 36530688},
                 {"20200001", 890218, 33784320},  {"20010101", 1036778, 35019264}, {"01110122", 2332458, 55908864},
                 {"11011102", 1581770, 49334784}, {"20210111", 1517162, 50948608}, {"12100002", 1319370, 44671488},
                 {"21001002", 1372074, 44298752}, {"20112111", 1690794, 59537920}};

START_TEST(published_costs) {
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        sn_arch a;
        ck_assert_int_eq(sn_arch_parse(space, published[i].arch, &a), SN_OK);
        sn_cost c;
        ck_ok(sn_cost_arch(graph, &a, &c));
        ck_assert_int_eq(c.params, published[i].params);
        ck_assert_int_eq(c.macs, published[i].macs);
    }
}
END_TEST

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static int distinct(uint64_t *v, int n) {
    qsort(v, (size_t)n, sizeof *v, by_value);
    int k = 0;
    for (int i = 0; i < n; i++) k += !i || v[i] != v[i - 1];
    return k;
}

// All 6,561 rows at once: FNV-1a over params and MACs in the order of archs, as computed from the published table.
START_TEST(published_costs_checksum) {
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    sn_arch a = sn_arch_first(space);
    do {
        sn_cost c;
        ck_ok(sn_cost_arch(graph, &a, &c));
        h = (h ^ (uint64_t)c.params) * UINT64_C(0x100000001b3);
        h = (h ^ (uint64_t)c.macs) * UINT64_C(0x100000001b3);
    } while (sn_arch_next(space, &a));
    ck_assert_uint_eq(h, UINT64_C(0x38678b364dbff587));
}
END_TEST

START_TEST(distinct_nets) {
    static uint64_t trained[6561], shared[6561];
    sn_arch a = sn_arch_first(space);
    int n = 0;
    do {
        ck_ok(sn_graph_signature(graph, &a, false, &trained[n]));
        ck_ok(sn_graph_signature(graph, &a, true, &shared[n++]));
    } while (sn_arch_next(space, &a));
    ck_assert_int_eq(n, 6561);
    ck_assert_int_eq(distinct(trained, n), 3969); // 9 * 21 * 21
    ck_assert_int_eq(distinct(shared, n), 6561);  // other layers hold other weights
}
END_TEST

#if !defined(__SANITIZE_ADDRESS__) // which ends the program instead
// A graph of a size that no memory has: no number stands in for a result.
START_TEST(out_of_memory) {
    sn_graph vast = {.n = -1};
    sn_arch a = sn_arch_first(space), small = {.n = 77}, large = small;
    sn_cost cost = {1, 2};
    uint64_t signature = 3;
    ck_assert_int_eq(sn_cost_arch(&vast, &a, &cost), SN_RESOURCE);
    ck_assert_int_eq(sn_cost_extremes(&vast, space, &small, &large), SN_RESOURCE);
    ck_assert_int_eq(sn_graph_signature(&vast, &a, true, &signature), SN_RESOURCE);
    ck_assert(cost.macs == 1 && cost.params == 2 && signature == 3 && small.n == 77 && large.n == 77);
}
END_TEST
#endif

START_TEST(extremes) {
    sn_arch small, large;
    char text[SN_ARCH_TEXT];
    ck_ok(sn_cost_extremes(graph, space, &small, &large));
    ck_assert_str_eq(sn_arch_text(space, &small, text), "00000000");
    ck_assert_str_eq(sn_arch_text(space, &large, text), "22222222");
}
END_TEST

START_TEST(restricted) {
    sn_arch a;
    ck_assert_int_eq(sn_arch_parse(space, "20100002", &a), SN_OK);
    sn_cost all, alone;
    ck_ok(sn_cost_arch(graph, &a, &all));
    ck_assert_int_eq(sn_space_restrict_to(space, &a), SN_OK);
    sn_graph *one;
    char text[SN_ARCH_TEXT];
    ck_assert_int_eq(sn_graph_build(space, &one), SN_OK);
    sn_arch only = sn_arch_first(space), small, large;
    ck_assert_str_eq(sn_arch_text(space, &only, text), "20100002"); // numbers of options stay
    ck_assert(!sn_arch_next(space, &only) && sn_arch_equal(&only, &a));
    ck_ok(sn_cost_arch(one, &only, &alone));
    ck_assert(alone.params == all.params && alone.macs == all.macs);
    ck_assert_int_eq(sn_params_count(&one->params), all.params); // and nothing else
    for (int i = 0; i < one->params.n; i++) ck_assert_int_ge(sn_params_find(&graph->params, one->params.param[i].name), 0);
    ck_ok(sn_cost_extremes(one, space, &small, &large));
    ck_assert(sn_arch_equal(&small, &a) && sn_arch_equal(&large, &a));
    ck_assert_int_eq(sn_arch_parse(space, "20100001", &a), SN_USAGE);
    ck_message("column 8 (stage3.layer3): found '1'; allowed are 2");
    a.option[3] = 1;
    ck_assert_int_eq(sn_space_restrict_to(space, &a), SN_USAGE);
    ck_message("decision 'stage2.layer2' does not allow option 1");
    sn_graph_free(one);
}
END_TEST

// Options 0 and 2 of one decision, 1 and 2 of another.
START_TEST(masked) {
    char text[SN_ARCH_TEXT];
    ck_ok(sn_space_restrict(space, 0, 5));
    ck_ok(sn_space_restrict(space, 7, 6));
    ck_assert_int_eq(sn_space_restrict(space, 0, 2), SN_USAGE);
    ck_message("decision 'stage1.layer1' would have no option left");
    ck_assert_double_eq(sn_space_size(space, text, sizeof text), 2916);
    ck_assert_int_eq(sn_space_options(space), 22);
    ck_assert_int_eq(sn_space_option_place(space, 0, 2), 1);
    ck_assert_int_eq(sn_space_option_place(space, 7, 1), 20);
    sn_arch a = sn_arch_first(space), before = a;
    ck_assert_str_eq(sn_arch_text(space, &a, text), "00000001");
    int n = 0;
    do {
        ck_assert(!n++ || sn_arch_compare(&before, &a) < 0);
        ck_assert(a.option[0] != 1 && a.option[7] != 0);
        before = a;
    } while (sn_arch_next(space, &a));
    ck_assert_int_eq(n, 2916);
    ck_assert_str_eq(sn_arch_text(space, &before, text), "22222222");
    sn_rng r = sn_rng_at(1, SN_STREAM_ARCHS, 0, 0, 0);
    for (int i = 0; i < 100; i++) {
        a = sn_arch_random(space, &r);
        ck_assert(a.option[0] != 1 && a.option[7] != 0);
    }
    ck_assert_int_eq(sn_arch_parse(space, "12222222", &a), SN_USAGE);
    ck_message("found '1'; allowed are 0, 2");
    space->digits = false;
    ck_assert_int_eq(sn_arch_parse(space, "mb3_k3,id,id,id,id,id,id,mb6_k5", &a), SN_USAGE);
    ck_message("column 1 (stage1.layer1): found 'mb3_k3'; allowed are id, mb6_k5");
    sn_graph *some;
    sn_arch small, large;
    ck_ok(sn_graph_build(space, &some));
    ck_assert_int_eq(sn_params_find(&some->params, "stage1.layer1.mb3_k3.dw.weight"), -1);
    const sn_node *c = &some->node[some->choice[0]];
    ck_assert(c->n_in == 3 && c->in[0] >= 0 && c->in[1] == -1 && c->in[2] >= 0);
    ck_ok(sn_cost_extremes(some, space, &small, &large));
    ck_assert_int_eq(small.option[7], 1);
    uint64_t x, y;
    do {
        ck_ok(sn_graph_signature(some, &small, false, &x));
        ck_ok(sn_graph_signature(graph, &small, false, &y));
        ck_assert_uint_eq(x, y);
    } while (sn_arch_next(space, &small));
    sn_graph_free(some);
}
END_TEST

static int by_order(const void *a, const void *b) {
    return sn_arch_compare(a, b);
}

static void check_sample(uint32_t seed, long n, sn_arch *out) {
    sn_rng r = sn_rng_at(seed, SN_STREAM_ARCHS, 2, 0, 0);
    ck_ok(sn_arch_sample(space, &r, n, out));
    for (long i = 1; i < n; i++) ck_assert_int_lt(sn_arch_compare(&out[i - 1], &out[i]), 0);
}

// The set is that of drawing until there are n different ones; of more than half, that of drawing what is left out.
START_TEST(samples) {
    static sn_arch drawn[6561], out[6561], again[6561];
    const long size[] = {1, 10, 3000, 3280, 3281, 6560, 6561};
    for (size_t k = 0; k < sizeof size / sizeof *size; k++) {
        long n = size[k], few = n > 3280 ? 6561 - n : n, have = 0;
        sn_rng r = sn_rng_at(7, SN_STREAM_ARCHS, 2, 0, 0);
        while (have < few) { // sorted and without doubles after each round
            for (long i = have; i < few; i++) drawn[i] = sn_arch_random(space, &r);
            qsort(drawn, (size_t)few, sizeof *drawn, by_order);
            have = 0;
            for (long i = 0; i < few; i++)
                if (!i || sn_arch_compare(&drawn[have - 1], &drawn[i])) drawn[have++] = drawn[i];
        }
        check_sample(7, n, out);
        check_sample(7, n, again);
        for (long i = 0; i < n; i++) ck_assert(sn_arch_equal(&out[i], &again[i]));
        for (long i = 0; i < few; i++)
            ck_assert((bsearch(&drawn[i], out, (size_t)n, sizeof *out, by_order) != NULL) == (n == few));
    }
    for (int d = 1; d < 8; d++) ck_ok(sn_space_restrict(space, d, d < 3 ? 5 : 1)); // 12 archs
    for (long n = 1; n <= 12; n++) {
        check_sample(3, n, out);
        for (long i = 0; i < n; i++) ck_assert(out[i].option[1] != 1 && out[i].option[7] == 0);
    }
}
END_TEST

// All but one of 59,049: a sort for every draw would take minutes.
START_TEST(nearly_all) {
    const int identity[SN_OP_ATTRS] = {0};
    sn_space *s = sn_space_new();
    s->channels = s->height = s->width = 1, s->classes = 2;
    sn_entry e = {.choice = true, .options = 3, .layers = 10, .out = 1, .stride = 1};
    for (int i = 0; i < 3; i++)
        e.block[i] = sn_space_add_block(s, ((const char *[]){"a", "b", "c"})[i], sn_op_find("identity"), identity);
    int fc = sn_space_add_block(s, "fc", sn_op_find("classifier"), NULL);
    sn_space_add_entry(s, "stage1", &e);
    sn_space_add_entry(s, "fc", &(sn_entry){.block = {fc}, .options = 1, .layers = 1, .stride = 1});
    ck_ok(sn_space_finish(s));
    sn_arch *out = sn_new(59048, sizeof *out);
    sn_rng r = sn_rng_at(1, SN_STREAM_ARCHS, 2, 0, 0);
    ck_ok(sn_arch_sample(s, &r, 59048, out));
    for (long i = 1; i < 59048; i++) ck_assert_int_lt(sn_arch_compare(&out[i - 1], &out[i]), 0);
    free(out);
    sn_space_free(s);
}
END_TEST

START_TEST(param_order) {
    sn_param p = {.kind = SN_PARAM_CONV, .kernel = 2, .in = 3, .out = 5, .size = 60};
    float memory[60], file[60], back[60];
    for (int i = 0; i < 60; i++) memory[i] = (float)i;
    sn_param_to_file(&p, memory, file);
    ck_assert_float_eq(file[((4 * 3) + 2) * 4 + 3], memory[(3 * 3 + 2) * 5 + 4]); // o=4 i=2 tap=3
    sn_param_from_file(&p, file, back);
    ck_assert_mem_eq(memory, back, sizeof memory);
}
END_TEST

START_TEST(wrong_spaces) {
    sn_space *s = macro_space(32, 32, 1280);
    s->n_entries--; // no classifier
    ck_assert_int_eq(sn_space_finish(s), SN_CONFIG);
    ck_assert_str_eq(sn_error_text(), "the last entry of `network` must be {op: classifier}");
    s->n_entries++;
    sn_space_free(s);
    s = sn_space_new();
    ck_assert_int_eq(sn_space_finish(s), SN_CONFIG);
    const int conv[SN_OP_ATTRS] = {3, 1, 7, 1}; // 7 groups do not divide 3 channels
    s->channels = 3, s->height = s->width = 8, s->classes = 2;
    int k = sn_space_add_block(s, "g7", sn_op_find("conv"), conv),
        fc = sn_space_add_block(s, "fc", sn_op_find("classifier"), NULL);
    sn_space_add_entry(s, "stage1", &(sn_entry){.choice = true, .block = {k}, .options = 1, .layers = 1, .out = 14, .stride = 1});
    sn_space_add_entry(s, "fc", &(sn_entry){.block = {fc}, .options = 1, .layers = 1, .stride = 1});
    ck_assert_int_eq(sn_space_finish(s), SN_OK);
    sn_graph *g;
    ck_assert_int_eq(sn_graph_build(s, &g), SN_CONFIG);
    ck_assert_str_eq(
        sn_error_text(),
        "entry 'stage1' of `network`: conv 'stage1.layer1.g7': 3 input and 14 output channels cannot be cut into 7 groups");
    sn_space_free(s);
}
END_TEST

START_TEST(limits) {
    const int identity[SN_OP_ATTRS] = {0};
    sn_space *s = sn_space_new();
    s->channels = s->height = s->width = 1, s->classes = 2;
    int id = sn_space_add_block(s, "id", sn_op_find("identity"), identity),
        fc = sn_space_add_block(s, "fc", sn_op_find("classifier"), NULL);
    sn_entry e = {.choice = true, .block = {id}, .layers = SN_MAX_SITES + 1, .out = 1, .stride = 1, .shared = true};
    sn_space_add_entry(s, "stage1", &e);
    sn_space_add_entry(s, "fc", &(sn_entry){.block = {fc}, .options = 1, .layers = 1, .stride = 1});
    ck_assert_int_eq(sn_space_finish(s), SN_CONFIG);
    ck_assert_str_eq(sn_error_text(), "entry 'stage1' has 0 options; 1 to 64 are allowed");
    free(s->decisions);
    s->entries[0].options = 1;
    ck_assert_int_eq(sn_space_finish(s), SN_CONFIG);
    ck_assert_str_eq(sn_error_text(), "more than 1024 places choose between blocks, in all layers and motifs");
    while (s->n_decisions) free(s->decisions[--s->n_decisions].name);
    free(s->decisions);
    char name[SN_ARCH_TEXT]; // 128 decisions: 127 letters and a comma or the end are just what fits
    memset(name, 'n', sizeof name);
    name[127] = 0;
    free(s->blocks[id].name);
    s->blocks[id].name = sn_strdup(name);
    s->entries[0].layers = 128, s->entries[0].shared = false;
    ck_ok(sn_space_finish(s));
    char text[SN_ARCH_TEXT];
    sn_arch a = sn_arch_first(s), read;
    ck_assert_uint_eq(strlen(sn_arch_text(s, &a, text)), SN_ARCH_TEXT - 1);
    ck_ok(sn_arch_parse(s, text, &read));
    while (s->n_decisions) free(s->decisions[--s->n_decisions].name);
    free(s->decisions);
    s->entries[0].layers = 129;
    ck_assert_int_eq(sn_space_finish(s), SN_CONFIG);
    ck_message("the names of an arch can take 16512 bytes; at most 16384 are allowed");
    sn_space_free(s);
}
END_TEST

START_TEST(philox_known_answer) { // Random123's kat_vectors: philox4x32-10, counter and key all zero
    sn_rng r = sn_rng_at(0, (sn_stream)0, 0, 0, 0);
    ck_assert_uint_eq(sn_rng_u32(&r), 0x6627e8d5u);
    ck_assert_uint_eq(sn_rng_u32(&r), 0xe169c58du);
    ck_assert_uint_eq(sn_rng_u32(&r), 0xbc57ac4cu);
    ck_assert_uint_eq(sn_rng_u32(&r), 0x9b00dbd8u);
}
END_TEST

int main(void) {
    Suite *s = suite_create("space");
    TCase *t = tcase_create("macro");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, sizes);
    tcase_add_test(t, arch_text);
    tcase_add_test(t, published_costs);
    tcase_add_test(t, published_costs_checksum);
    tcase_add_test(t, distinct_nets);
    tcase_add_test(t, extremes);
#if !defined(__SANITIZE_ADDRESS__)
    tcase_add_test(t, out_of_memory);
#endif
    tcase_add_test(t, restricted);
    tcase_add_test(t, masked);
    tcase_add_test(t, samples);
    suite_add_tcase(s, t);
    TCase *u = tcase_create("plain");
    tcase_add_test(u, param_order);
    tcase_add_test(u, wrong_spaces);
    tcase_add_test(u, limits);
    tcase_add_test(u, nearly_all);
    tcase_add_test(u, philox_known_answer);
    suite_add_tcase(s, u);
    return run_suite(s);
}
