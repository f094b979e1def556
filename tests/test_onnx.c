// ONNX: a small network is written, read to the same structure, judged by the ONNX checker and run by onnxruntime where a Python
// has them; what is no graph cannot be built, and damaged or foreign files are refused or give a model of their own.
#include "folder.h"
#include "io/files/onnx.h"

#include <stdbool.h>

#define NAMES(...)                                                                                                               \
    sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]) {                                                   \
        __VA_ARGS__                                                                                                              \
    }

static void add_tensor(sn_onnx *m, const char *name, int ndim, const size_t *dims, int period) {
    float *data;
    ck_ok(sn_tensors_add(&m->tensors, name, ndim, dims, &data));
    for (int i = 0; i < (int)m->tensors.item[m->tensors.n - 1].n; i++) data[i] = (float)(i % period - period / 2) / 4;
}

// Conv - Relu - GlobalAveragePool - Flatten - Gemm on [N, 2, 5, 5].
static sn_onnx network(void) {
    sn_onnx net = {.input = {"images", 4, {SN_ONNX_BATCH, 2, 5, 5}}, .output = {"logits", 2, {SN_ONNX_BATCH, 4}}}, *m = &net;
    add_tensor(m, "stem.conv.weight", 4, (size_t[]){3, 2, 3, 3}, 7);
    add_tensor(m, "head.weight", 2, (size_t[]){4, 3}, 5);
    add_tensor(m, "head.bias", 1, (size_t[]){4}, 3);
    ck_ok(sn_onnx_add_node(m, "Conv", "stem.conv", NAMES("images", "stem.conv.weight"), "a"));
    ck_ok(sn_onnx_attr_ints(m, "kernel_shape", 2, (int64_t[]){3, 3}));
    ck_ok(sn_onnx_attr_ints(m, "pads", 4, (int64_t[]){1, 1, 1, 1}));
    ck_ok(sn_onnx_attr_ints(m, "strides", 2, (int64_t[]){2, 2}));
    ck_ok(sn_onnx_attr_int(m, "group", 1));
    ck_ok(sn_onnx_add_node(m, "Relu", "stem.relu", NAMES("a"), "b"));
    ck_ok(sn_onnx_add_node(m, "GlobalAveragePool", "pool", NAMES("b"), "c"));
    ck_ok(sn_onnx_add_node(m, "Flatten", "flat", NAMES("c"), "d"));
    ck_ok(sn_onnx_add_node(m, "Gemm", "head", NAMES("d", "head.weight", "head.bias"), "logits"));
    ck_ok(sn_onnx_attr_f32(m, "alpha", 1));
    ck_ok(sn_onnx_attr_int(m, "transB", 1));
    ck_ok(sn_tensors_note(&m->tensors, "architecture", "22212220"));
    ck_ok(sn_tensors_note(&m->tensors, "classes", "Hemd,Hose \"Zürich\"\n"));
    return net;
}

static void ck_same_attr(const sn_onnx_attr *a, const sn_onnx_attr *b) {
    ck_assert_str_eq(a->name, b->name);
    ck_assert_int_eq(a->kind, b->kind);
    ck_assert(a->f == b->f && a->i == b->i && a->n == b->n);
    if (a->n) ck_assert_mem_eq(a->ints, b->ints, a->n * sizeof *a->ints);
}

static void ck_same_node(const sn_onnx_node *a, const sn_onnx_node *b) {
    ck_assert_str_eq(a->op, b->op);
    ck_assert_str_eq(a->name, b->name);
    ck_assert_str_eq(a->output, b->output);
    ck_assert(a->n_inputs == b->n_inputs && a->n_attrs == b->n_attrs);
    for (size_t i = 0; i < a->n_inputs; i++) ck_assert_str_eq(a->inputs[i], b->inputs[i]);
    for (size_t i = 0; i < a->n_attrs; i++) ck_same_attr(&a->attrs[i], &b->attrs[i]);
}

static void ck_same_value(const sn_onnx_value *a, const sn_onnx_value *b) {
    ck_assert_str_eq(a->name, b->name);
    ck_assert_int_eq(a->ndim, b->ndim);
    ck_assert_mem_eq(a->dims, b->dims, sizeof a->dims);
}

static void ck_same_model(const sn_onnx *a, const sn_onnx *b) {
    ck_same_value(&a->input, &b->input);
    ck_same_value(&a->output, &b->output);
    ck_assert(a->n_nodes == b->n_nodes && a->tensors.n == b->tensors.n && a->tensors.n_notes == b->tensors.n_notes);
    for (size_t i = 0; i < a->n_nodes; i++) ck_same_node(&a->nodes[i], &b->nodes[i]);
    for (size_t i = 0; i < a->tensors.n; i++) {
        const sn_tensor *x = &a->tensors.item[i], *y = &b->tensors.item[i];
        ck_assert_str_eq(x->name, y->name);
        ck_assert(x->ndim == y->ndim && x->n == y->n);
        ck_assert_mem_eq(x->dims, y->dims, sizeof x->dims);
        if (x->n) ck_assert_mem_eq(x->data, y->data, x->n * sizeof *x->data);
    }
    for (size_t i = 0; i < a->tensors.n_notes; i++) {
        ck_assert_str_eq(a->tensors.note[i].key, b->tensors.note[i].key);
        ck_assert_str_eq(a->tensors.note[i].value, b->tensors.note[i].value);
    }
}

// Writes, reads to the same, and writes to the same bytes.
static void there_and_back(sn_onnx *m) {
    sn_onnx back = {0};
    ck_ok(sn_onnx_save(m, path_a));
    ck_ok(sn_onnx_load(path_a, 1 << 20, &back));
    ck_same_model(m, &back);
    ck_ok(sn_onnx_save(&back, path_b));
    ck_assert(same_files(path_a, path_b));
    sn_onnx_free(m);
    sn_onnx_free(&back);
}

START_TEST(round_trip) {
    sn_onnx m = network();
    const sn_onnx_attr *pads = sn_onnx_find_attr(&m.nodes[0], "pads");
    ck_assert(pads && pads->n == 4 && pads->ints[3] == 1 && !sn_onnx_find_attr(&m.nodes[0], "pad"));
    there_and_back(&m);
}
END_TEST

// Values at the ends, and the empty ones.
START_TEST(all_kinds) {
    sn_onnx m = {.input = {"x", 4, {0, SN_ONNX_BATCH, INT64_MAX, 1}}, .output = {"z", 0, {0}}};
    add_tensor(&m, "one", 0, NULL, 3);
    add_tensor(&m, "none", 2, (size_t[]){3, 0}, 3);
    ck_ok(sn_onnx_add_node(&m, "Op", "n", NAMES("x", "one", "none"), "y"));
    ck_ok(sn_onnx_attr_f32(&m, "f", -0.1f));
    ck_ok(sn_onnx_attr_f32(&m, "f0", 0));
    ck_ok(sn_onnx_attr_int(&m, "i", INT64_MIN));
    ck_ok(sn_onnx_attr_int(&m, "i0", 0));
    ck_ok(sn_onnx_attr_ints(&m, "l", 3, (int64_t[]){-1, 0, 1}));
    ck_ok(sn_onnx_attr_ints(&m, "l0", 0, NULL));
    ck_ok(sn_onnx_add_node(&m, "Constant", "k", 0, NULL, "z"));
    ck_ok(sn_tensors_note(&m.tensors, "empty", ""));
    there_and_back(&m);
}
END_TEST

static void expect_wrong(const char *name, const char *input, const char *output, const char *message) {
    sn_onnx m = network();
    ck_assert_int_eq(sn_onnx_add_node(&m, "Relu", name, NAMES(input), output), SN_DATA);
    ck_message(message);
    ck_assert_uint_eq(m.n_nodes, 5);
    sn_onnx_free(&m);
}

START_TEST(not_a_graph) {
    expect_wrong("r", "q", "e", "node 'r' needs value 'q', which nothing makes");
    expect_wrong("r", "e", "e", "node 'r' needs value 'e', which nothing makes");
    expect_wrong("r", "a", "b", "node 'r': the value 'b' is made already");
    expect_wrong("r", "a", "images", "the value 'images' is made already");
    expect_wrong("r", "a", "head.bias", "the value 'head.bias' is made already");
    expect_wrong("head", "a", "e", "node 'head' comes twice");
}
END_TEST

// --- bytes from elsewhere

static void expect_refused(const char *message) {
    sn_onnx back = {0};
    ck_assert_int_eq(sn_onnx_load(path_b, 1 << 20, &back), SN_DATA);
    ck_assert(!back.nodes && !back.tensors.item);
    ck_message(path_b);
    ck_message(message);
}

// The file of the network with one stretch of bytes replaced by another of the same length.
static void expect_unread(const char *from, const char *to, size_t n, const char *message) {
    sn_onnx m = network();
    size_t size;
    ck_ok(sn_onnx_save(&m, path_a));
    unsigned char *bytes = load_file(path_a, &size), *at = memmem(bytes, size, from, n);
    ck_assert_ptr_nonnull(at);
    memcpy(at, to, n);
    put_file(path_b, bytes, size);
    expect_refused(message);
    free(bytes);
    sn_onnx_free(&m);
}

START_TEST(not_ours) {
    expect_unread("\x08\x07", "\x08\x08", 2, "not of IR version 7 and opset 13");
    expect_unread("\x0a\x00\x10\x0d", "\x0a\x00\x10\x0e", 4, "not of IR version 7 and opset 13");
    expect_unread("\xa0\x01\x07", "\xa0\x01\x04", 3, "is of kind 4");
    expect_unread("\x10\x01\x42\x09head.bias", "\x10\x0b\x42\x09head.bias", 13, "is not float32");
    expect_unread("\x08\x04\x10\x01\x42\x09head.bias", "\x08\x05\x10\x01\x42\x09head.bias", 15, "its shape does not fit");
    expect_unread("flat", "head", 4, "node 'head' comes twice");
    expect_unread("\x0a\x01"
                  "c",
                  "\x0a\x01"
                  "x",
                  3, "needs value 'x'");
    put_file(path_b, "", 0);
    expect_refused("not of IR version 7");
    put_file(path_b, "PK\x03\x04 something else", 18);
    expect_refused("not an ONNX model, or damaged");
}
END_TEST

// Whether the bytes are read.
static bool can_read(const unsigned char *bytes, size_t n) {
    sn_onnx m = {0};
    put_file(path_b, bytes, n);
    sn_status s = sn_onnx_load(path_b, 1 << 20, &m);
    ck_assert(s == SN_OK || s == SN_DATA || s == SN_RESOURCE);
    sn_onnx_free(&m);
    return s == SN_OK;
}

// Cut or changed bytes are refused or another model, and never crash.
START_TEST(damaged) {
    static const unsigned char values[] = {0, 10, 128, 255};
    sn_onnx m = network();
    size_t n;
    ck_ok(sn_onnx_save(&m, path_a));
    unsigned char *bytes = load_file(path_a, &n);
    int read = 0;
    for (size_t k = 0; k < n; k++) read += can_read(bytes, k);
    ck_assert_int_lt(read, 10); // some ends of a note are a whole file: the format has no end
    for (size_t i = 0; i < n; i++) {
        unsigned char old = bytes[i];
        for (int bit = 0; bit < 8; bit++) bytes[i] = (unsigned char)(old ^ 1 << bit), read += can_read(bytes, n);
        for (size_t k = 0; k < sizeof values; k++) bytes[i] = values[k], can_read(bytes, n);
        bytes[i] = old;
    }
    ck_assert_int_ge(read, 8 * (54 + 12 + 4) * 4); // at least the data may be anything
    free(bytes);
    sn_onnx_free(&m);
}
END_TEST

// --- other programs

static const char script[] =
    "import sys, numpy as np, onnx, onnxruntime as rt\n"
    "m = onnx.load(sys.argv[1])\n"
    "onnx.checker.check_model(m, full_check=True)\n"
    "assert [n.op_type for n in m.graph.node] == ['Conv', 'Relu', 'GlobalAveragePool', 'Flatten', 'Gemm']\n"
    "assert m.graph.input[0].type.tensor_type.shape.dim[0].dim_param == 'N' and m.ir_version == 7\n"
    "assert {p.key: p.value for p in m.metadata_props} == {'architecture': '22212220', 'classes': 'Hemd,Hose \"Zürich\"\\n'}\n"
    "w = {t.name: onnx.numpy_helper.to_array(t).astype(np.float64) for t in m.graph.initializer}\n"
    "x = np.random.default_rng(1).standard_normal((7, 2, 5, 5)).astype(np.float32)\n"
    "p = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))\n"
    "y = sum(np.einsum('nihw,oi->nohw', p[:, :, a:a + 5:2, b:b + 5:2], w['stem.conv.weight'][:, :, a, b])\n"
    "        for a in range(3) for b in range(3))\n"
    "z = np.maximum(y, 0).mean((2, 3)) @ w['head.weight'].T + w['head.bias']\n"
    "got = rt.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider']).run(None, {'images': x})[0]\n"
    "assert got.shape == (7, 4) and np.abs(got - z).max() <= 1e-5, np.abs(got - z).max()\n"
    "print('agrees')\n";

START_TEST(other_readers) {
    if (system("python3 -c 'import numpy, onnx.checker, onnxruntime' >/dev/null 2>&1") != 0) {
        printf("skipped: other_readers: python3 here has no onnx and onnxruntime\n");
        return;
    }
    sn_onnx m = network();
    ck_ok(sn_onnx_save(&m, path_a));
    sn_onnx_free(&m);
    put_file(path_b, script, sizeof script - 1);
    char line[700], out[4096];
    snprintf(line, sizeof line, "python3 %s %s 2>&1", path_b, path_a);
    FILE *f = popen(line, "r");
    ck_assert_ptr_nonnull(f);
    out[fread(out, 1, sizeof out - 1, f)] = 0;
    ck_assert_msg(pclose(f) == 0 && strstr(out, "agrees"), "%s", out);
}
END_TEST

int main(void) {
    Suite *s = suite_create("onnx");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, folder_make, folder_remove);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, round_trip);
    tcase_add_test(t, all_kinds);
    tcase_add_test(t, not_a_graph);
    tcase_add_test(t, not_ours);
    tcase_add_test(t, damaged);
    tcase_add_test(t, other_readers);
    suite_add_tcase(s, t);
    return run_suite(s);
}
