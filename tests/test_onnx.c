// ONNX: a small network is encoded, decoded to the same structure, judged by the ONNX checker and run by onnxruntime where a
// Python has them; malformed models are not written, and damaged or foreign bytes are not read.
#include "folder.h"
#include "io/files/onnx.h"

#include <stdbool.h>

static float filters[3 * 2 * 3 * 3], matrix[4 * 3], bias[] = {0.5f, -1, 2, 0};

#define NAMES(...)                                                                                                               \
    (sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), (const char *[]) {                                                 \
        __VA_ARGS__                                                                                                              \
    }

// Conv - Relu - GlobalAveragePool - Flatten - Gemm on [N, 2, 5, 5].
static sn_onnx *network(void) {
    for (int i = 0; i < 54; i++) filters[i] = (float)(i % 7 - 3) / 4;
    for (int i = 0; i < 12; i++) matrix[i] = (float)(i % 5 - 2) / 2;
    sn_onnx *m;
    ck_ok(sn_onnx_new("tiny", "supernet", "0.1.0", &m));
    ck_ok(sn_onnx_add_input(m, "images", 4, (int64_t[]){SN_ONNX_BATCH, 2, 5, 5}));
    ck_ok(sn_onnx_add_output(m, "logits", 2, (int64_t[]){SN_ONNX_BATCH, 4}));
    ck_ok(sn_onnx_add_f32(m, "stem.conv.weight", 4, (size_t[]){3, 2, 3, 3}, filters));
    ck_ok(sn_onnx_add_f32(m, "head.weight", 2, (size_t[]){4, 3}, matrix));
    ck_ok(sn_onnx_add_f32(m, "head.bias", 1, (size_t[]){4}, bias));
    ck_ok(sn_onnx_add_node(m, "Conv", "stem.conv", NAMES("images", "stem.conv.weight"), NAMES("a")));
    ck_ok(sn_onnx_attr_ints(m, "kernel_shape", 2, (int64_t[]){3, 3}));
    ck_ok(sn_onnx_attr_ints(m, "pads", 4, (int64_t[]){1, 1, 1, 1}));
    ck_ok(sn_onnx_attr_ints(m, "strides", 2, (int64_t[]){2, 2}));
    ck_ok(sn_onnx_attr_int(m, "group", 1));
    ck_ok(sn_onnx_add_node(m, "Relu", "stem.relu", NAMES("a"), NAMES("b")));
    ck_ok(sn_onnx_add_node(m, "GlobalAveragePool", "pool", NAMES("b"), NAMES("c")));
    ck_ok(sn_onnx_add_node(m, "Flatten", "flat", NAMES("c"), NAMES("d")));
    ck_ok(sn_onnx_add_node(m, "Gemm", "head", NAMES("d", "head.weight", "head.bias"), NAMES("logits")));
    ck_ok(sn_onnx_attr_f32(m, "alpha", 1));
    ck_ok(sn_onnx_attr_int(m, "transB", 1));
    ck_ok(sn_onnx_add_note(m, "architecture", "22212220"));
    ck_ok(sn_onnx_add_note(m, "classes", "Hemd,Hose \"Zürich\"\n"));
    return m;
}

static bool same_texts(size_t n, const char *const *a, const char *const *b) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(a[i], b[i]) != 0) return false;
    return true;
}

static void ck_same_attr(const sn_onnx_attr *a, const sn_onnx_attr *b) {
    ck_assert_str_eq(a->name, b->name);
    ck_assert_int_eq(a->kind, b->kind);
    ck_assert(a->f == b->f && a->i == b->i && a->n == b->n);
    if (a->kind == SN_ONNX_STRING) ck_assert_str_eq(a->string, b->string);
    if (a->kind == SN_ONNX_INTS && a->n) ck_assert_mem_eq(a->ints, b->ints, a->n * sizeof *a->ints);
}

static void ck_same_tensor(const sn_onnx_tensor *a, const sn_onnx_tensor *b) {
    ck_assert_str_eq(a->name, b->name);
    ck_assert(a->ndim == b->ndim && a->n == b->n && !a->f32 == !b->f32);
    ck_assert_mem_eq(a->dims, b->dims, sizeof a->dims);
    if (a->n && a->f32) ck_assert_mem_eq(a->f32, b->f32, a->n * sizeof *a->f32);
    if (a->n && a->i64) ck_assert_mem_eq(a->i64, b->i64, a->n * sizeof *a->i64);
}

static void ck_same_value(const sn_onnx_value *a, const sn_onnx_value *b) {
    ck_assert_str_eq(a->name, b->name);
    ck_assert_int_eq(a->ndim, b->ndim);
    ck_assert_mem_eq(a->dims, b->dims, sizeof a->dims);
}

static void ck_same_model(const sn_onnx *a, const sn_onnx *b) {
    ck_assert_str_eq(a->name, b->name);
    ck_assert_str_eq(a->producer, b->producer);
    ck_assert_str_eq(a->producer_version, b->producer_version);
    ck_assert(a->n_nodes == b->n_nodes && a->n_initializers == b->n_initializers && a->n_inputs == b->n_inputs &&
              a->n_outputs == b->n_outputs && a->n_notes == b->n_notes && a->tensor_bytes == b->tensor_bytes);
    for (size_t i = 0; i < a->n_nodes; i++) {
        const sn_onnx_node *x = &a->nodes[i], *y = &b->nodes[i];
        ck_assert_str_eq(x->op, y->op);
        ck_assert_str_eq(x->name, y->name);
        ck_assert(x->n_inputs == y->n_inputs && x->n_outputs == y->n_outputs && x->n_attrs == y->n_attrs);
        ck_assert(same_texts(x->n_inputs, x->inputs, y->inputs) && same_texts(x->n_outputs, x->outputs, y->outputs));
        for (size_t k = 0; k < x->n_attrs; k++) ck_same_attr(&x->attrs[k], &y->attrs[k]);
    }
    for (size_t i = 0; i < a->n_initializers; i++) ck_same_tensor(&a->initializers[i], &b->initializers[i]);
    for (size_t i = 0; i < a->n_inputs; i++) ck_same_value(&a->inputs[i], &b->inputs[i]);
    for (size_t i = 0; i < a->n_outputs; i++) ck_same_value(&a->outputs[i], &b->outputs[i]);
    for (size_t i = 0; i < a->n_notes; i++) {
        ck_assert_str_eq(a->notes[i].key, b->notes[i].key);
        ck_assert_str_eq(a->notes[i].value, b->notes[i].value);
    }
}

START_TEST(round_trip) {
    sn_onnx *m = network(), *back;
    ck_ok(sn_onnx_save(m, path_a));
    ck_ok(sn_onnx_load(path_a, 1 << 20, &back));
    ck_same_model(m, back);
    const sn_onnx_attr *pads = sn_onnx_find_attr(&back->nodes[0], "pads");
    ck_assert(pads && pads->n == 4 && pads->ints[3] == 1 && !sn_onnx_find_attr(&back->nodes[0], "pad"));
    ck_assert_str_eq(sn_onnx_find_initializer(back, "head.bias")->name, "head.bias");
    ck_assert_ptr_null(sn_onnx_find_initializer(back, "head"));
    ck_ok(sn_onnx_save(back, path_b));
    ck_assert(same_files(path_a, path_b));
    sn_onnx_free(m);
    sn_onnx_free(back);
    sn_onnx_free(NULL);
}
END_TEST

// Every kind of everything, and the empty ones.
START_TEST(all_kinds) {
    sn_onnx *m, *back;
    ck_ok(sn_onnx_new("g", "p", "v", &m));
    ck_ok(sn_onnx_add_input(m, "x", 0, NULL));
    ck_ok(sn_onnx_add_input(m, "y", 8, (int64_t[]){1, 0, SN_ONNX_BATCH, 2, 3, INT64_MAX, SN_ONNX_BATCH, 1}));
    ck_ok(sn_onnx_add_i64(m, "shape", 1, (size_t[]){3}, (int64_t[]){-1, INT64_MIN, INT64_MAX}));
    ck_ok(sn_onnx_add_i64(m, "one", 0, NULL, (int64_t[]){7}));
    ck_ok(sn_onnx_add_f32(m, "none", 2, (size_t[]){3, 0}, NULL));
    ck_ok(sn_onnx_add_node(m, "Op", "n", NAMES("x", "", "one"), NAMES("z", "w")));
    ck_ok(sn_onnx_attr_f32(m, "f", -0.1f));
    ck_ok(sn_onnx_attr_f32(m, "f0", 0));
    ck_ok(sn_onnx_attr_int(m, "i", INT64_MIN));
    ck_ok(sn_onnx_attr_int(m, "i0", 0));
    ck_ok(sn_onnx_attr_string(m, "s", "Zürich"));
    ck_ok(sn_onnx_attr_string(m, "s0", ""));
    ck_ok(sn_onnx_attr_ints(m, "l", 3, (int64_t[]){-1, 0, 1}));
    ck_ok(sn_onnx_attr_ints(m, "l0", 0, NULL));
    ck_ok(sn_onnx_add_node(m, "Constant", "k", 0, NULL, NAMES("u")));
    ck_ok(sn_onnx_add_output(m, "w", 1, (int64_t[]){SN_ONNX_BATCH}));
    ck_ok(sn_onnx_add_note(m, "empty", ""));
    unsigned char *bytes;
    size_t n;
    ck_ok(sn_onnx_encode(m, &bytes, &n));
    ck_ok(sn_onnx_decode(bytes, n, &back));
    ck_same_model(m, back);
    free(bytes);
    sn_onnx_free(m);
    sn_onnx_free(back);
}
END_TEST

static void expect_wrong(sn_onnx *m, const char *message) {
    ck_assert_int_eq(sn_onnx_save(m, path_a), SN_DATA);
    ck_message(path_a);
    ck_message(message);
    ck_assert_int_eq(folder_count(), 0);
    sn_onnx_free(m);
}

START_TEST(not_a_graph) {
    sn_onnx *m = network();
    ck_ok(sn_onnx_add_node(m, "Relu", "r", NAMES("q"), NAMES("e")));
    expect_wrong(m, "node 'r' needs value 'q', which nothing makes");
    m = network();
    ck_ok(sn_onnx_add_node(m, "Relu", "r", NAMES("e"), NAMES("e")));
    expect_wrong(m, "node 'r' needs value 'e', which is made later");
    m = network();
    ck_ok(sn_onnx_add_node(m, "Relu", "r", NAMES("a"), NAMES("b")));
    expect_wrong(m, "value 'b' comes twice");
    m = network();
    ck_ok(sn_onnx_add_f32(m, "images", 1, (size_t[]){4}, bias));
    expect_wrong(m, "value 'images' comes twice");
    m = network();
    ck_ok(sn_onnx_add_node(m, "Relu", "head", NAMES("a"), NAMES("e")));
    expect_wrong(m, "node 'head' comes twice");
    m = network();
    ck_ok(sn_onnx_add_node(m, "Relu", "", NAMES("a"), NAMES("e")));
    expect_wrong(m, "a name of a node is empty");
    m = network();
    ck_ok(sn_onnx_add_node(m, "Relu", "r", NAMES("a"), NAMES("\xff")));
    expect_wrong(m, "not UTF-8");
    m = network();
    ck_ok(sn_onnx_add_node(m, "", "r", NAMES("a"), NAMES("e")));
    expect_wrong(m, "node 'r' has no operator");
    m = network();
    ck_ok(sn_onnx_add_node(m, "Relu", "r", NAMES("a"), 0, NULL));
    expect_wrong(m, "node 'r' makes no value");
    m = network();
    ck_ok(sn_onnx_attr_int(m, "transB", 1));
    expect_wrong(m, "attribute 'transB' is not UTF-8, without name, or comes twice");
    m = network();
    ck_ok(sn_onnx_add_output(m, "q", 0, NULL));
    expect_wrong(m, "the model's output 'q' needs value 'q'");
    m = network();
    ck_ok(sn_onnx_add_output(m, "logits", 0, NULL));
    expect_wrong(m, "output 'logits' comes twice");
    m = network();
    ck_ok(sn_onnx_add_note(m, "classes", "x"));
    expect_wrong(m, "note 'classes' comes twice");
    m = network();
    ck_ok(sn_onnx_add_note(m, "k", "\xff"));
    expect_wrong(m, "note 'k' is not UTF-8");
    ck_ok(sn_onnx_new("g", "p", "v", &m));
    expect_wrong(m, "no input or no output");
    ck_ok(sn_onnx_new("", "p", "v", &m));
    expect_wrong(m, "name, producer or its version");
}
END_TEST

START_TEST(wrong_use) {
    sn_onnx *m;
    ck_ok(sn_onnx_new("g", "p", "v", &m));
    ck_assert_int_eq(sn_onnx_attr_int(m, "i", 1), SN_USAGE);
    ck_assert_int_eq(sn_onnx_add_f32(m, "t", 9, (size_t[]){0}, NULL), SN_USAGE);
    ck_assert_int_eq(sn_onnx_add_input(m, "t", 9, NULL), SN_USAGE);
    ck_assert_int_eq(sn_onnx_add_input(m, "t", 1, (int64_t[]){-2}), SN_USAGE);
    // More than a file holds is refused before anything of it is read.
    ck_assert_int_eq(sn_onnx_add_f32(m, "big", 1, (size_t[]){1u << 29}, bias), SN_RESOURCE);
    ck_message("initializer 'big': with it the model has more than 2 GiB");
    ck_assert_int_eq(sn_onnx_add_f32(m, "big", 3, (size_t[]){SIZE_MAX / 2, 3, 0}, bias), SN_RESOURCE);
    ck_assert_uint_eq(m->n_initializers + m->n_inputs, 0);
    sn_onnx_free(m);
}
END_TEST

// --- bytes from elsewhere

// The file of the network with one stretch of bytes replaced by another of the same length.
static void expect_unread(const char *from, const char *to, size_t n, const char *message) {
    sn_onnx *m = network(), *back = NULL;
    unsigned char *bytes;
    size_t size;
    ck_ok(sn_onnx_encode(m, &bytes, &size));
    unsigned char *at = memmem(bytes, size, from, n);
    ck_assert_ptr_nonnull(at);
    memcpy(at, to, n);
    ck_assert_int_eq(sn_onnx_decode(bytes, size, &back), SN_DATA);
    ck_assert_ptr_null(back);
    ck_message(message);
    free(bytes);
    sn_onnx_free(m);
}

START_TEST(not_ours) {
    expect_unread("\x08\x07", "\x08\x08", 2, "IR version 8, opset 13; this program reads IR version 7, opset 13");
    expect_unread("\x0a\x00\x10\x0d", "\x0a\x00\x10\x0e", 4, "opset 14");
    expect_unread("\x0a\x00\x10\x0d", "\x10\x0d\x0a\x00", 4, "put in a way, that this program does not write");
    expect_unread("\x12\x01N", "\x12\x01M", 3, "neither a number nor N");
    expect_unread("\xa0\x01\x07", "\xa0\x01\x04", 3, "is of kind 4");
    expect_unread("\x10\x01\x42\x09head.bias", "\x10\x0b\x42\x09head.bias", 13, "data type 11; allowed are float32 and int64");
    expect_unread("\x08\x04\x10\x01\x42\x09head.bias", "\x08\x05\x10\x01\x42\x09head.bias", 15,
                  "its shape does not fit its 16 bytes");
    expect_unread("\x08\x04\x10\x01\x42\x09head.bias", "\x08\x04\x70\x01\x42\x09head.bias", 15, "in another file");
    expect_unread("flat", "fl\0t", 4, "a text holds a 0");
    expect_unread("flat", "head", 4, "node 'head' comes twice");
    expect_unread("flat",
                  "fl\xff"
                  "t",
                  4, "not UTF-8");
    expect_unread("\x0a\x01"
                  "c",
                  "\x0a\x01"
                  "x",
                  3, "needs value 'x'");
    sn_onnx *back = NULL;
    ck_assert_int_eq(sn_onnx_decode((const unsigned char *)"", 0, &back), SN_DATA);
    put_file(path_a, "PK\x03\x04 something else", 18);
    ck_assert_int_eq(sn_onnx_load(path_a, 100, &back), SN_DATA);
    ck_message(path_a);
    ck_assert_int_eq(sn_onnx_load(path_a, 10, &back), SN_DATA);
    ck_message("at most 10 are allowed");
    ck_assert_ptr_null(back);
}
END_TEST

static size_t put_varint(unsigned char *p, size_t n) {
    size_t k = 0;
    for (; n >= 128; n >>= 7) p[k++] = (unsigned char)(n | 128);
    p[k++] = (unsigned char)n;
    return k;
}

// Graphs in attributes of nodes of graphs ..., deeper than a stack; and very many small messages.
START_TEST(bombs) {
    enum { LEVELS = 20000, MANY = 1 << 21 };
    size_t room = 64 * LEVELS, n = 0;
    unsigned char *p = malloc(room + MANY + 16);
    ck_assert_ptr_nonnull(p);
    unsigned char *end = p + room;
    static const unsigned char fields[] = {(1 << 3) | 2, (5 << 3) | 2, (6 << 3) | 2}; // node, attribute, graph; from inside out
    for (int level = 0; level < 3 * LEVELS; level++) {
        unsigned char head[12] = {fields[(2 - level % 3 + 3) % 3]};
        size_t k = 1 + put_varint(head + 1, n);
        end -= k;
        n += k;
        memcpy(end, head, k);
    }
    unsigned char head[12] = {(7 << 3) | 2};
    size_t k = 1 + put_varint(head + 1, n);
    memcpy(end - k, head, k);
    sn_onnx *back = NULL;
    ck_assert_int_eq(sn_onnx_decode(end - k, n + k, &back), SN_DATA);
    ck_message("messages lie deeper in each other");
    n = 0;
    p[n++] = (7 << 3) | 2;
    n += put_varint(p + n, MANY);
    for (int i = 0; i < MANY; i += 2, n += 2) p[n] = (1 << 3) | 2, p[n + 1] = 0; // empty nodes
    ck_assert_int_eq(sn_onnx_decode(p, n, &back), SN_DATA);
    ck_message("protobuf cannot read it");
    ck_assert_ptr_null(back);
    free(p);
}
END_TEST

// Either refused or a model of its own that encodes to those bytes; returns whether it was read.
static bool read_if_exact(const unsigned char *bytes, size_t n) {
    sn_onnx *m = NULL;
    sn_status status = sn_onnx_decode(bytes, n, &m);
    if (status != SN_OK) {
        ck_assert(status == SN_DATA && !m);
        return false;
    }
    unsigned char *again;
    size_t size;
    ck_ok(sn_onnx_encode(m, &again, &size));
    ck_assert_uint_eq(size, n);
    ck_assert_mem_eq(again, bytes, n);
    free(again);
    sn_onnx_free(m);
    return true;
}

START_TEST(damaged) {
    sn_onnx *m = network();
    unsigned char *bytes;
    size_t n;
    ck_ok(sn_onnx_encode(m, &bytes, &n));
    int read = 0;
    for (size_t k = 0; k < n; k++) {
        unsigned char *cut = malloc(k ? k : 1); // of its own, so that the sanitizer sees a read beyond
        ck_assert_ptr_nonnull(cut);
        memcpy(cut, bytes, k);
        read += read_if_exact(cut, k);
        free(cut);
    }
    ck_assert_int_eq(read, 2); // where the last note is cut off, or none is left: the format has no end
    read = 0;
    for (size_t i = 0; i < n; i++)
        for (int bit = 0; bit < 8; bit++) {
            bytes[i] = (unsigned char)(bytes[i] ^ 1 << bit);
            read += read_if_exact(bytes, n);
            bytes[i] = (unsigned char)(bytes[i] ^ 1 << bit);
        }
    ck_assert_int_ge(read, 8 * (54 + 12 + 4) * 4); // at least the data may be anything
    static const unsigned char values[] = {0, 1, 2, 10, 127, 128, 255};
    for (size_t i = 0; i + 2 <= n; i++)
        for (size_t k = 0; k < sizeof values; k++) {
            unsigned char old[2] = {bytes[i], bytes[i + 1]};
            bytes[i] = bytes[i + 1] = values[k];
            read_if_exact(bytes, n);
            memcpy(bytes + i, old, 2);
        }
    free(bytes);
    sn_onnx_free(m);
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
    if (system("python3 -c 'import numpy, onnx, onnxruntime' >/dev/null 2>&1") != 0) {
        printf("skipped: other_readers: python3 here has no onnx and onnxruntime\n");
        return;
    }
    sn_onnx *m = network();
    ck_ok(sn_onnx_save(m, path_a));
    sn_onnx_free(m);
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
    tcase_add_test(t, wrong_use);
    tcase_add_test(t, not_ours);
    tcase_add_test(t, bombs);
    tcase_add_test(t, damaged);
    tcase_add_test(t, other_readers);
    suite_add_tcase(s, t);
    return run_suite(s);
}
