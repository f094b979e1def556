// The builder, with operations that only this test has: sums of many inputs, names of any length, shapes that do not fit.
// Not here: what the real operations build (test_space.c has their costs). Next: test_sites.c.
#include "space/ops.h"
#include "suite.h"

#include <stdio.h>

static const int none[SN_OP_ATTRS] = {0};

// conv to 6 channels, whatever is wanted.
static int build_six(sn_builder *b, const int *in, const char *name, const sn_op_args *a) {
    return sn_build_conv(b, *in, sn_build_name(b, "%s.six", name), 6, 1, a->stride, 1, 1);
}

// The sum of five convolutions.
static int build_five(sn_builder *b, const int *in, const char *name, const sn_op_args *a) {
    int x[5];
    for (int i = 0; i < 5; i++) x[i] = sn_build_conv(b, *in, sn_build_name(b, "%s.%d", name, i), a->out, 1, a->stride, 1, 1);
    return sn_build_sum(b, x, 5, sn_build_name(b, "%s.sum", name));
}

// The same with one too narrow.
static int build_uneven(sn_builder *b, const int *in, const char *name, const sn_op_args *a) {
    int x[3];
    for (int i = 0; i < 3; i++) x[i] = sn_build_conv(b, *in, sn_build_name(b, "%s.%d", name, i), a->out - i / 2, 1, 1, 1, 1);
    return sn_build_sum(b, x, 3, sn_build_name(b, "%s.sum", name));
}

static int build_two(sn_builder *b, const int *in, const char *name, const sn_op_args *a) {
    (void)a;
    return sn_build_sum(b, in, 2, name);
}

static const sn_op six = {"six", "", 1, true, {{0}}, build_six}, five = {"five", "", 1, true, {{0}}, build_five},
                   uneven = {"uneven", "", 1, true, {{0}}, build_uneven}, two = {"two", "", 2, true, {{0}}, build_two};

// A choice between identity and an operation, both under the given name; 4 channels of 5 x 7 in and out.
static sn_space *space_with(const sn_op *op, const char *name) {
    sn_space *s = sn_space_new();
    s->channels = 4, s->height = 5, s->width = 7, s->classes = 3;
    int id = sn_space_add_block(s, "id", sn_op_find("identity"), none), k = sn_space_add_block(s, name, op, none),
        fc = sn_space_add_block(s, "fc", sn_op_find("classifier"), NULL);
    sn_entry e = {.choice = true, .block = {id, k}, .options = 2, .layers = 2, .out = 4, .stride = 1};
    sn_space_add_entry(s, name, &e);
    sn_space_add_entry(s, "fc", &(sn_entry){.block = {fc}, .options = 1, .layers = 1, .stride = 1});
    ck_ok(sn_space_finish(s));
    return s;
}

static void refused(const sn_op *op, const char *name, const char *message) {
    sn_space *s = space_with(op, name);
    sn_graph *g = NULL;
    ck_assert_int_eq(sn_graph_build(s, &g), SN_CONFIG);
    ck_assert_ptr_null(g);
    ck_assert_str_eq(sn_error_text(), message);
    sn_space_free(s);
}

START_TEST(wrong_shapes) {
    refused(
        &six, "a",
        "entry 'a' of `network`: 'a.layer1': option 'id' gives 4 x 5 x 7 and option 'a' 6 x 5 x 7 (channels x height x width); "
        "allowed is one shape");
    refused(
        &uneven, "a",
        "entry 'a' of `network`: sum 'a.layer1.a.sum' cannot join 'a.layer1.a.0' of 4 x 5 x 7 with 'a.layer1.a.2' of 3 x 5 x 7 "
        "(channels x height x width)");
    refused(&two, "a", "entry 'a' of `network`: 'a.layer1.a': two takes 2 inputs; 1 are given");
    sn_space *s = space_with(&six, "a"); // alone it is no error: only allowed options count
    sn_graph *g;
    ck_ok(sn_space_restrict(s, 0, 2));
    ck_ok(sn_space_restrict(s, 1, 2));
    ck_ok(sn_graph_build(s, &g));
    ck_assert_int_eq(g->node[g->choice[1]].c, 6);
    sn_graph_free(g);
    sn_space_free(s);
}
END_TEST

START_TEST(many_inputs) {
    sn_space *s = space_with(&five, "a");
    sn_graph *g;
    ck_ok(sn_graph_build(s, &g));
    const sn_node *sum = &g->node[g->node[g->choice[0]].in[1]];
    ck_assert(sum->kind == SN_NODE_SUM && sum->n_in == 5 && sum->c == 4 && sum->h == 5 && sum->w == 7);
    for (int i = 0; i < 5; i++) ck_assert_int_eq(g->node[sum->in[i]].kind, SN_NODE_CONV);
    sn_graph_free(g);
    sn_space_free(s);
}
END_TEST

START_TEST(long_names) {
    enum { LENGTH = 3000 };
    char name[LENGTH + 1], full[2 * LENGTH + 64];
    memset(name, 'n', LENGTH);
    name[LENGTH] = 0;
    sn_space *s = space_with(sn_op_find("mbconv"), name);
    for (int i = 0; i < SN_OP_ATTRS; i++) s->blocks[1].attr[i] = i < 2 ? 3 : 1; // expand, kernel, activation, residual
    sn_graph *g;
    ck_ok(sn_graph_build(s, &g));
    snprintf(full, sizeof full, "%s.layer2.%s.project_bn", name, name);
    ck_assert_str_eq(g->params.stats[g->params.n_stats - 1].name, full);
    strcat(full, ".weight");
    ck_assert_int_ge(sn_params_find(&g->params, full), 0);
    snprintf(full, sizeof full, "%s.layer2.%s.sum", name, name);
    ck_assert_str_eq(g->node[g->node[g->choice[1]].in[1]].name, full);
    sn_graph_free(g);
    sn_space_free(s);
}
END_TEST

static void gives(sn_node n, const sn_shape *in, int c, int h, int w) {
    sn_shape out;
    ck_ok(sn_node_shape(NULL, &n, in, &out));
    ck_assert_msg(out.c == c && out.h == h && out.w == w, "%d x %d x %d", out.c, out.h, out.w);
}

START_TEST(shapes) {
    const sn_shape x[3] = {{6, 5, 8}, {6, 5, 8}, {6, 5, 8}};
    int missing[3] = {-1, 4, -1};
    gives((sn_node){.kind = SN_NODE_INPUT, .c = 3, .h = 4, .w = 5}, NULL, 3, 4, 5);
    gives((sn_node){.kind = SN_NODE_CONV, .out = 9, .stride = 2, .groups = 3}, x, 9, 3, 4);
    gives((sn_node){.kind = SN_NODE_CONV, .out = 2, .stride = 8, .groups = 1}, x, 2, 1, 1);
    gives((sn_node){.kind = SN_NODE_POOL, .stride = 3}, x, 6, 2, 3);
    gives((sn_node){.kind = SN_NODE_MEAN}, x, 6, 1, 1);
    gives((sn_node){.kind = SN_NODE_SUM, .n_in = 3}, x, 6, 5, 8);
    int read[3] = {0, 1, 2};
    gives((sn_node){.kind = SN_NODE_PLACE, .n_in = 3, .in = read}, x, 18, 5, 8);
    gives((sn_node){.kind = SN_NODE_PLACE, .n_in = 1, .out = 4, .first = 2, .groups = 3, .stride = 2, .shift = 1}, x, 4, 3, 4);
    gives((sn_node){.kind = SN_NODE_BN}, x, 6, 5, 8);
    gives((sn_node){.kind = SN_NODE_CHOICE, .n_in = 3, .in = missing}, (sn_shape[]){{0}, {2, 3, 4}, {0}}, 2, 3, 4);
}
END_TEST

int main(void) {
    Suite *s = suite_create("build");
    TCase *t = tcase_create("build");
    tcase_add_test(t, wrong_shapes);
    tcase_add_test(t, many_inputs);
    tcase_add_test(t, long_names);
    tcase_add_test(t, shapes);
    suite_add_tcase(s, t);
    return run_suite(s);
}
