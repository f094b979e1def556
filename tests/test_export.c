// Exported files: every operation, BN folded and kept, against our own forward pass; planted errors; onnxruntime where there is
// one.
#include "folder.h"
#include "io/files/h5file.h"
#include "io/files/onnx.h"
#include "macro.h"
#include "mixed.h"
#include "supernet/engine/recalibrate.h"
#include "supernet/export/export.h"

#include <math.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { SIZE = 12, IMAGE = SIZE * SIZE * 3, IMAGES = 24, CLASSES = 10 };

static sn_space *space;
static sn_graph *graph;
static sn_backend *backend;
static sn_supernet *net;
static float pixels[IMAGES * IMAGE];
static char path[400];

static sn_status read_images(void *arg, long first, long n, float *images, int32_t *labels) {
    (void)arg;
    memcpy(images, pixels + first * IMAGE, (size_t)n * IMAGE * sizeof *images);
    for (long i = 0; labels && i < n; i++) labels[i] = (int32_t)((first + i) * 7 % CLASSES);
    return SN_OK;
}

static const sn_source source = {IMAGES, NULL, read_images};
static const double mean[3] = {0.25, 0.5, 1.0 / 3}, deviation[3] = {0.2, 0.25, 0.3};
static const char *const classes[CLASSES] = {"cat", "dog", "\xe4pfel", "d\xc3\xa9j\xc3\xa0", "e\"", "f", "g", "h", "i", "j"};
static const sn_note scores[] = {{"validation.top1", "0.8125"}};
static char arch_text[SN_ARCH_TEXT];

static sn_export_about about_of(const sn_arch *a) {
    return (sn_export_about){.arch = sn_arch_text(space, a, arch_text),
                             .mean = mean,
                             .std = deviation,
                             .classes = classes,
                             .statistics = "made up",
                             .scores = scores,
                             .n_scores = 1};
}

// Gammas, betas and biases away from 1 and 0, some negative; running statistics away from 0 and 1.
static void open_net(sn_space *made) {
    space = made;
    ck_ok(sn_space_finish(space));
    ck_ok(sn_graph_build(space, &graph));
    ck_ok(sn_backend_open("cpu", 2, &backend));
    ck_ok(sn_supernet_create(graph, backend, 0, SN_INIT_FAN_OUT, 7, &net));
    sn_rng r = sn_rng_at(6, SN_STREAM_AUGMENT, 0, 0, 0);
    for (int i = 0; i < IMAGES * IMAGE; i++) pixels[i] = (float)sn_rng_normal(&r);
    for (int i = 0; i < graph->params.n; i++) {
        const sn_param *p = &graph->params.param[i];
        if (p->kind == SN_PARAM_CONV) continue;
        float *v = sn_new((size_t)p->size, sizeof *v);
        for (int64_t k = 0; k < p->size; k++) v[k] = (float)(0.3 * sn_rng_normal(&r) + (p->kind == SN_PARAM_GAMMA));
        sn_supernet_put(net, SN_BUFFER_WEIGHTS, i, v);
        free(v);
    }
    for (int i = 0; i < graph->params.n_stats; i++) {
        int c = graph->params.stats[i].c;
        float *m = sn_new((size_t)c, sizeof *m), *v = sn_new((size_t)c, sizeof *v);
        for (int k = 0; k < c; k++) m[k] = (float)(0.2 * sn_rng_normal(&r)), v[k] = (float)(0.5 + sn_rng_unit(&r));
        sn_supernet_put_stats(net, i, m, v);
        free(m);
        free(v);
    }
}

static void close_net(void) {
    sn_supernet_free(net);
    sn_backend_close(backend);
    sn_graph_free(graph);
    sn_space_free(space);
}

static void setup_macro(void) {
    folder_make();
    snprintf(path, sizeof path, "%s/model.onnx", scratch);
    open_net(macro_space(SIZE, 4, 8));
}

static void setup_mixed(void) {
    folder_make();
    snprintf(path, sizeof path, "%s/model.onnx", scratch);
    open_net(mixed_space(SIZE));
}

static void teardown(void) {
    close_net();
    folder_remove();
}

static sn_arch arch_of(const char *text) {
    sn_arch a;
    ck_ok(sn_arch_parse(space, text, &a));
    return a;
}

static sn_arch mixed_arch(int i) { // option (i + layer) mod 7: every option at every kind of place
    sn_arch a = sn_arch_first(space);
    for (int d = 0; d < a.n; d++) a.option[d] = (uint8_t)((i + 3 * d) % 7);
    return a;
}

static void forward(const sn_arch *a, int n, float *logits) {
    sn_pass pass = {.arch = a, .batch = n, .bn = SN_BN_RUNNING, .loss_scale = 1, .target = -1};
    int32_t labels[IMAGES] = {0};
    ck_ok(sn_supernet_pass(net, &pass, pixels, labels, NULL));
    sn_supernet_logits(net, logits);
}

static sn_onnx load(void) {
    sn_onnx m = {0};
    ck_ok(sn_onnx_load(path, 1 << 28, &m));
    return m;
}

static int count_ops(const sn_onnx *m, const char *op) {
    int n = 0;
    for (size_t i = 0; i < m->n_nodes; i++) n += !strcmp(m->nodes[i].op, op);
    return n;
}

// ---------------------------------------------------------------- ONNX
static void export_and_compare(const sn_arch *a, bool fold) {
    sn_export_about about = about_of(a);
    sn_export_result r = {0};
    ck_ok(sn_export_onnx(net, a, &about, fold, &source, path, &r));
    ck_assert_int_eq(r.images, SN_EXPORT_IMAGES);
    ck_assert(r.largest_logit > 0.1 && !(r.difference > 1e-5 * r.largest_logit));
    ck_assert_int_eq(folder_count(), 1);
    sn_onnx m = load();
    ck_assert_int_eq(r.nodes, (int)m.n_nodes);
    ck_assert_int_eq(r.tensors, (int)m.tensors.n);
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(r.bytes, st.st_size);
    sn_onnx_free(&m);
}

START_TEST(macro) {
    const char *archs[] = {"00000000", "11111111", "22222222", "01201201"};
    for (size_t i = 0; i < sizeof archs / sizeof *archs; i++)
        for (int fold = 0; fold < 2; fold++) {
            sn_arch a = arch_of(archs[i]);
            export_and_compare(&a, fold);
            sn_onnx m = load();
            int conv = count_ops(&m, "Conv"), bn = count_ops(&m, "BatchNormalization");
            ck_assert_int_eq(bn, fold ? 0 : conv);
            ck_assert_int_eq(count_ops(&m, "Gemm"), 1);
            if (i == 0) ck_assert_int_eq(conv, 5); // stem, three projections, head
            if (i == 1) ck_assert_int_eq(count_ops(&m, "Add"), 5);
            sn_onnx_free(&m);
        }
}
END_TEST

START_TEST(mixed) {
    int seen[2] = {0};
    for (int i = 0; i < 7; i++)
        for (int fold = 0; fold < 2; fold++) {
            sn_arch a = mixed_arch(i);
            export_and_compare(&a, fold);
            sn_onnx m = load();
            seen[0] += count_ops(&m, "MaxPool") && count_ops(&m, "AveragePool");
            seen[1] += count_ops(&m, "Clip");
            if (fold)
                ck_assert_int_eq(count_ops(&m, "BatchNormalization"), count_ops(&m, "MaxPool") + count_ops(&m, "AveragePool"));
            sn_onnx_free(&m);
        }
    ck_assert(seen[0] && seen[1]);
}
END_TEST

// Names as the graph's, metadata as given.
START_TEST(names_and_notes) {
    sn_arch a = arch_of("10210210");
    export_and_compare(&a, false);
    sn_onnx m = load();
    ck_assert_str_eq(m.input.name, "images");
    ck_assert_int_eq(m.input.dims[0], SN_ONNX_BATCH);
    ck_assert_str_eq(m.output.name, "logits");
    ck_assert_str_eq(m.nodes[0].name, "stem");
    ck_assert_str_eq(m.nodes[m.n_nodes - 1].name, "classifier");
    const sn_tensor *t = sn_tensors_find(&m.tensors, "stage1.layer1.mb3_k3.dw.weight");
    ck_assert_ptr_nonnull(t);
    ck_assert(t->ndim == 4 && t->dims[0] == 12 && t->dims[1] == 1 && t->dims[2] == 3 && t->dims[3] == 3);
    ck_assert_ptr_nonnull(sn_tensors_find(&m.tensors, "stage1.layer1.mb3_k3.dw_bn.running_var"));
    ck_assert_ptr_null(sn_tensors_find(&m.tensors, "stage1.layer1.mb6_k5.dw.weight"));
    ck_assert_str_eq(sn_tensors_find_note(&m.tensors, "architecture"), "10210210");
    ck_assert_str_eq(sn_tensors_find_note(&m.tensors, "score.validation.top1"), "0.8125");
    ck_assert_str_eq(sn_tensors_find_note(&m.tensors, "mean"), "[0.25,0.5,0.33333333333333331]");
    ck_assert_str_eq(sn_tensors_find_note(&m.tensors, "classes"),
                     "[\"cat\",\"dog\",\"?pfel\",\"d\xc3\xa9j\xc3\xa0\",\"e\\\"\",\"f\",\"g\",\"h\",\"i\",\"j\"]");
    ck_assert_str_eq(sn_tensors_find_note(&m.tensors, "statistics"), "made up");
    ck_assert_str_eq(sn_tensors_find_note(&m.tensors, "bn"), "kept");
    ck_assert_ptr_nonnull(strstr(sn_tensors_find_note(&m.tensors, "input"), "[N, 3, 12, 12]"));
    sn_onnx_free(&m);
}
END_TEST

// ---------------------------------------------------------------- planted errors
static sn_status check_file(const sn_arch *a) {
    sn_export_result r;
    return sn_export_check(net, a, &source, path, &r);
}

// Every initializer that the file holds is read: another value of any of them is found.
START_TEST(changed_numbers) {
    for (int fold = 0; fold < 2; fold++) {
        sn_arch a = mixed_arch(2);
        export_and_compare(&a, fold);
        ck_ok(check_file(&a));
        sn_onnx whole = load();
        for (size_t i = 0; i < whole.tensors.n; i++) {
            sn_onnx m = load();
            float *v = m.tensors.item[i].data;
            for (size_t k = 0; k < m.tensors.item[i].n; k++) v[k] = v[k] * 1.5f + 0.25f;
            ck_ok(sn_onnx_save(&m, path));
            sn_status s = check_file(&a);
            bool limit = !strncmp(m.tensors.item[i].name, "relu6", 5);
            ck_assert_msg(s == (limit ? SN_DATA : SN_FAIL), "initializer %s: %s", m.tensors.item[i].name, sn_error_text());
            ck_message(limit ? "only limits 0 and 6" : "the exported net differs from ours by");
            sn_onnx_free(&m);
            ck_ok(sn_onnx_save(&whole, path));
        }
        sn_onnx_free(&whole);
    }
}
END_TEST

// One number of one weight, by a tenth of the largest.
START_TEST(changed_number) {
    sn_arch a = arch_of("12012012");
    export_and_compare(&a, true);
    sn_onnx m = load();
    float *v = sn_tensors_find(&m.tensors, "classifier.weight")->data;
    v[5] += 0.1f;
    ck_ok(sn_onnx_save(&m, path));
    ck_assert_int_eq(check_file(&a), SN_FAIL);
    ck_message("of the largest logit; at most 0.0001 is allowed");
    sn_onnx_free(&m);
}
END_TEST

static sn_onnx_node *node_of(sn_onnx *m, const char *op) {
    for (size_t i = 0; i < m->n_nodes; i++)
        if (!strcmp(m->nodes[i].op, op)) return &m->nodes[i];
    ck_abort_msg("no node %s", op);
    return NULL;
}

static sn_onnx_attr *attr_of(sn_onnx_node *n, const char *name) {
    return (sn_onnx_attr *)sn_onnx_find_attr(n, name);
}

// What the file says is done or refused: nothing is taken for granted.
static const struct {
    const char *op, *attr; // attr NULL: the operator's own name is changed to `name`
    const char *name;      // new name, or NULL: new value
    int64_t value;         // of all elements of a list, or of a whole number
    const char *message;
} changes[] = {
    {"Relu", NULL, "Elu", 0, "the operator is not known"},
    {"Relu", NULL, "Add", 0, "wrong number of inputs"},
    {"Conv", "dilations", "auto_pad", 0, "the attribute 'auto_pad' is not known"},
    {"MaxPool", "strides", "storage_order", 0, "the attribute 'storage_order' is not known"},
    {"Conv", "group", NULL, 3, "do not fit"},
    {"Conv", "kernel_shape", NULL, 5, "do not fit"},
    {"Conv", "pads", NULL, -1, "equal whole numbers"},
    {"Conv", "strides", NULL, 0, "do not fit"},
    {"Conv", "dilations", NULL, 4096, "larger than the padded input"},
    {"MaxPool", "kernel_shape", NULL, 99, "do not fit"},
    {"AveragePool", "count_include_pad", NULL, 1, "only 0 is known"},
    {"Flatten", "axis", NULL, 2, "only 1 is known"},
    {"Gemm", "transB", NULL, 0, "only 1 is known"},
};

START_TEST(changed_nodes) {
    sn_arch a = mixed_arch(3);
    export_and_compare(&a, true);
    sn_onnx m = load();
    ck_assert_int_gt(count_ops(&m, "AveragePool"), 0);
    sn_onnx_node *n = node_of(&m, changes[_i].op);
    if (!changes[_i].attr) {
        n->op = changes[_i].name;
    } else {
        sn_onnx_attr *at = attr_of(n, changes[_i].attr);
        ck_assert_ptr_nonnull(at);
        if (changes[_i].name)
            at->name = changes[_i].name;
        else if (at->kind == SN_ONNX_INT)
            at->i = changes[_i].value;
        else
            for (size_t k = 0; k < at->n; k++) ((int64_t *)at->ints)[k] = changes[_i].value;
    }
    ck_ok(sn_onnx_save(&m, path));
    sn_onnx_free(&m);
    ck_assert_int_eq(check_file(&a), SN_DATA);
    ck_message(changes[_i].message);
    ck_message(changes[_i].op[0] == 'R' ? "_act" : "node '");
}
END_TEST

// Values that are allowed but other than ours give other logits or other sizes.
START_TEST(changed_values) {
    sn_arch a = mixed_arch(3);
    for (int i = 0; i < 4; i++) {
        export_and_compare(&a, false);
        sn_onnx m = load();
        if (i == 0) node_of(&m, "MaxPool")->op = "AveragePool";
        if (i == 1) node_of(&m, "Relu")->inputs[0] = node_of(&m, "Conv")->output; // before the BN
        if (i == 2) attr_of(node_of(&m, "BatchNormalization"), "epsilon")->f = 0.1f;
        if (i == 3) m.nodes[m.n_nodes - 1].n_inputs--; // no bias
        ck_ok(sn_onnx_save(&m, path));
        sn_onnx_free(&m);
        ck_assert_msg(check_file(&a) == SN_FAIL, "change %d: %s", i, sn_error_text());
        ck_message("differs from ours");
    }
}
END_TEST

START_TEST(other_ends) {
    sn_arch a = mixed_arch(0);
    for (int i = 0; i < 4; i++) {
        export_and_compare(&a, true);
        sn_onnx m = load();
        if (i == 0) m.input.dims[0] = 16;
        if (i == 1) m.input.dims[1] = 4;
        if (i == 2) m.input.dims[2] = 13;
        if (i == 3) m.output.dims[1] = 11;
        ck_ok(sn_onnx_save(&m, path));
        sn_onnx_free(&m);
        ck_assert_int_eq(check_file(&a), SN_DATA);
    }
    put_file(path, "no model", 8);
    ck_assert_int_eq(check_file(&a), SN_DATA);
}
END_TEST

// ---------------------------------------------------------------- failures
// A net that cannot be checked leaves no new file, and an old one as it was.
START_TEST(no_file_is_left) {
    sn_arch a = arch_of("00000000");
    sn_export_about about = about_of(&a);
    sn_export_result r;
    int w = sn_params_find(&graph->params, "head.weight");
    float *v = sn_new((size_t)graph->params.param[w].size, sizeof *v);
    sn_supernet_get(net, SN_BUFFER_WEIGHTS, w, v);
    v[1] = NAN;
    sn_supernet_put(net, SN_BUFFER_WEIGHTS, w, v);
    free(v);
    ck_assert_int_eq(sn_export_onnx(net, &a, &about, true, &source, path, &r), SN_FAIL);
    ck_message("not finite");
    ck_assert_int_eq(folder_count(), 0);
    put_file(path, "old", 3);
    ck_assert_int_eq(sn_export_onnx(net, &a, &about, true, &source, path, &r), SN_FAIL);
    ck_assert_int_eq(folder_count(), 1);
    size_t size;
    unsigned char *old = load_file(path, &size);
    ck_assert(size == 3 && !memcmp(old, "old", 3));
    free(old);
    sn_source none = {0, NULL, read_images};
    ck_assert_int_eq(sn_export_onnx(net, &a, &about, true, &none, path, &r), SN_USAGE);
    ck_assert_int_eq(folder_count(), 1);
    ck_assert_int_eq(sn_export_onnx(net, &a, &about, true, &source, "/nowhere/at/all.onnx", &r), SN_FAIL);
    ck_message("/nowhere/at/all.onnx");
    ck_assert_int_eq(sn_export_safetensors(net, &a, &about, "/nowhere/at/all.st", &r), SN_FAIL);
}
END_TEST

static sn_space *named_space(const char *entry) {
    sn_space *s = sn_space_new();
    s->channels = 3, s->height = s->width = SIZE, s->classes = CLASSES;
    const int conv[SN_OP_ATTRS] = {3, 1, 1, 1}, none[SN_OP_ATTRS] = {0};
    int c = sn_space_add_block(s, "c", sn_op_find("conv"), conv), id = sn_space_add_block(s, "id", sn_op_find("identity"), none),
        fc = sn_space_add_block(s, "fc", sn_op_find("classifier"), NULL);
    sn_entry one = {.block = {c}, .options = 1, .layers = 1, .out = 4, .stride = 1};
    sn_space_add_entry(s, "stem", &one);
    sn_space_add_entry(s, entry, &one);
    sn_space_add_entry(s, "images", &one);
    sn_space_add_entry(s, "logits", &one);
    sn_space_add_entry(s, "choice",
                       &(sn_entry){.choice = true, .block = {id, c}, .options = 2, .layers = 1, .out = 4, .stride = 1});
    sn_space_add_entry(s, "fc", &(sn_entry){.block = {fc}, .options = 1, .layers = 1, .stride = 1});
    return s;
}

// Names of the user that meet others get a number; names outside the alphabet are refused.
START_TEST(names_that_meet) {
    folder_make();
    snprintf(path, sizeof path, "%s/model.onnx", scratch);
    open_net(named_space("stem_act"));
    sn_arch a = sn_arch_first(space);
    export_and_compare(&a, false);
    sn_onnx m = load();
    ck_assert_str_eq(m.nodes[3].name, "stem_act-2");
    ck_assert_str_eq(m.nodes[6].name, "images-2");
    sn_onnx_free(&m);
    close_net();
    open_net(named_space("../stem"));
    a = sn_arch_first(space);
    sn_export_about about = about_of(&a);
    sn_export_result r;
    ck_assert_int_eq(sn_export_onnx(net, &a, &about, false, &source, path, &r), SN_FAIL);
    ck_message("node '../stem' cannot be exported under this name");
    ck_assert_int_eq(sn_export_safetensors(net, &a, &about, path, &r), SN_FAIL);
    close_net();
    folder_remove();
}
END_TEST

// ---------------------------------------------------------------- safetensors
static void expect_tensor(const sn_tensors *f, int param) {
    const sn_param *p = &graph->params.param[param];
    const sn_tensor *t = sn_tensors_find(f, p->name);
    ck_assert_msg(t != NULL, "no tensor %s", p->name);
    float *memory = sn_new((size_t)p->size, sizeof *memory), *file = sn_new((size_t)p->size, sizeof *file);
    sn_supernet_get(net, SN_BUFFER_WEIGHTS, param, memory);
    sn_param_to_file(p, memory, file);
    ck_assert_mem_eq(t->data, file, (size_t)p->size * sizeof *file);
    size_t dims[4];
    ck_assert_int_eq(t->ndim, sn_param_dims(p, dims));
    for (int i = 0; i < t->ndim; i++) ck_assert_uint_eq(t->dims[i], dims[i]);
    free(memory);
    free(file);
}

static uint8_t *live_nodes(const sn_arch *a) {
    uint8_t *live = sn_new((size_t)graph->n, 1);
    int *stands = sn_new((size_t)graph->n, sizeof *stands);
    sn_graph_stand(graph, a, NULL, stands);
    sn_graph_live(graph, stands, live);
    free(stands);
    return live;
}

START_TEST(safetensors) {
    for (int i = 0; i < 7; i++) {
        sn_arch a = mixed_arch(i);
        sn_export_about about = about_of(&a);
        sn_export_result r;
        ck_ok(sn_export_safetensors(net, &a, &about, path, &r));
        ck_assert_int_eq(folder_count(), 1);
        sn_tensors f = {0};
        ck_ok(sn_safetensors_load(path, 1 << 28, &f));
        uint8_t *live = live_nodes(&a);
        size_t tensors = 0;
        int64_t params = 0;
        for (int k = 0; k < graph->n; k++) {
            const sn_node *n = &graph->node[k];
            if (!live[k]) continue;
            if (n->weight >= 0) expect_tensor(&f, n->weight), tensors++, params += graph->params.param[n->weight].size;
            if (n->bias >= 0) expect_tensor(&f, n->bias), tensors++, params += graph->params.param[n->bias].size;
            if (n->stats < 0) continue;
            const sn_stats *s = &graph->params.stats[n->stats];
            float m[64], v[64];
            char name[300];
            sn_supernet_get_stats(net, n->stats, m, v);
            snprintf(name, sizeof name, "%s.running_mean", s->name);
            ck_assert_mem_eq(sn_tensors_find(&f, name)->data, m, (size_t)s->c * sizeof *m);
            snprintf(name, sizeof name, "%s.running_var", s->name);
            ck_assert_mem_eq(sn_tensors_find(&f, name)->data, v, (size_t)s->c * sizeof *v);
            tensors += 2;
        }
        ck_assert_uint_eq(f.n, tensors);
        ck_assert_int_eq(r.tensors, (int)tensors);
        ck_assert_int_eq(r.params, params);
        ck_assert_str_eq(sn_tensors_find_note(&f, "architecture"), about.arch);
        ck_assert_str_eq(sn_tensors_find_note(&f, "format"), "pt");
        free(live);
        sn_tensors_free(&f);
    }
}
END_TEST

// ---------------------------------------------------------------- recalibration
static float scored_logits[IMAGES * CLASSES];

static sn_status keep_logits(void *arg, const sn_score *s) {
    (void)arg;
    memcpy(scored_logits, s->logits, sizeof scored_logits);
    return SN_OK;
}

// The statistics are those that scoring uses, bit by bit; those of other blocks stay; kept ones come back.
START_TEST(recalibration) {
    for (int i = 0; i < 7; i++) {
        sn_arch a = mixed_arch(i);
        sn_score_job job = {.archs = &a,
                            .n = 1,
                            .protocol = {SN_PROTOCOL_RECALIBRATE, 10, 8},
                            .calibration = source,
                            .images = source,
                            .want_logits = true,
                            .scored = keep_logits};
        ck_ok(sn_score_archs(net, &job, NULL));
        void *kept = sn_statistics_keep(net);
        size_t bytes = (size_t)graph->params.stats_total * sizeof(float);
        float *before = sn_new(1, bytes), logits[IMAGES * CLASSES];
        sn_memory_get(net->memory, SN_BUFFER_STATS, 0, before, graph->params.stats_total);
        ck_ok(sn_recalibrate(net, &a, &source, 10));
        forward(&a, IMAGES, logits);
        ck_assert_mem_eq(logits, scored_logits, sizeof logits);
        float *now = sn_new(1, bytes);
        sn_memory_get(net->memory, SN_BUFFER_STATS, 0, now, graph->params.stats_total);
        uint8_t *live = live_nodes(&a);
        for (int k = 0; k < graph->n; k++) {
            if (graph->node[k].stats < 0) continue;
            const sn_stats *s = &graph->params.stats[graph->node[k].stats];
            bool same = !memcmp(before + s->var, now + s->var, (size_t)s->c * sizeof *before);
            ck_assert(same == !live[k]);
        }
        free(live);
        sn_statistics_restore(net, kept);
        sn_memory_get(net->memory, SN_BUFFER_STATS, 0, now, graph->params.stats_total);
        ck_assert_mem_eq(before, now, bytes);
        free(before);
        free(now);
    }
    sn_arch a = mixed_arch(0);
    sn_source one = {1, NULL, read_images};
    ck_assert_int_eq(sn_recalibrate(net, &a, &one, 10), SN_USAGE);
}
END_TEST

// ---------------------------------------------------------------- onnxruntime
static const char *python(void) {
    const char *p = getenv("SN_PYTHON");
    return p ? p : "python3";
}

static bool has_onnxruntime(void) {
    char command[600];
    snprintf(command, sizeof command, "'%s' -c 'import onnx.checker, onnxruntime, h5py' >/dev/null 2>&1", python());
    return system(command) == 0;
}

// What `eval --logits` writes, with logits of one arch under the name of another. Images (n, h, w, c) become (n, c, h, w).
static void put_logits(const char *file, const sn_arch *a, const sn_arch *name) {
    static float images[IMAGES * IMAGE], logits[IMAGES * CLASSES];
    for (int i = 0; i < IMAGES; i++)
        for (int p = 0; p < SIZE * SIZE; p++)
            for (int c = 0; c < 3; c++) images[i * IMAGE + c * SIZE * SIZE + p] = pixels[i * IMAGE + p * 3 + c];
    forward(a, IMAGES, logits);
    sn_h5w *w;
    ck_ok(sn_h5_create(1 << 20, &w));
    ck_ok(sn_h5_put(w, "/images", SN_F32, 4, (size_t[]){IMAGES, 3, SIZE, SIZE}, images));
    ck_ok(sn_h5_put(w, "/archs/0000/logits", SN_F32, 2, (size_t[]){IMAGES, CLASSES}, logits));
    ck_ok(sn_h5_attr_text(w, "/archs/0000/logits", "arch", sn_arch_text(space, name, arch_text)));
    ck_ok(sn_h5_save(w, file));
    sn_h5w_free(w);
}

static int run_peer(const char *logits, const char *more) {
    char command[1600];
    snprintf(command, sizeof command, "'%s' '%s/tests/peer/check_export.py' '%s' '%s' %s >/dev/null", python(), SN_SOURCE_DIR,
             path, logits, more);
    int rc = system(command);
    return WIFEXITED(rc) ? WEXITSTATUS(rc) : -1;
}

START_TEST(onnxruntime) {
    if (!has_onnxruntime()) {
        printf("test_export: no Python with onnx, onnxruntime and h5py (SN_PYTHON or python3): not compared with onnxruntime\n");
        return;
    }
    char logits[400];
    snprintf(logits, sizeof logits, "%s/logits.h5", scratch);
    for (int i = 0; i < 7; i += 2)
        for (int fold = 0; fold < 2; fold++) {
            sn_arch a = mixed_arch(i), other = mixed_arch(i + 1);
            sn_export_about about = about_of(&a);
            sn_export_result r;
            ck_ok(sn_export_onnx(net, &a, &about, fold, &source, path, &r));
            put_logits(logits, &a, &a);
            ck_assert_msg(run_peer(logits, "") == 0, "onnxruntime differs: arch %d, fold %d", i, fold);
            if (i) continue;
            put_logits(logits, &other, &a); // and the script can fail
            ck_assert_int_eq(run_peer(logits, ""), 1);
        }
}
END_TEST

int main(void) {
    Suite *s = suite_create("export");
    TCase *m = tcase_create("macro"), *x = tcase_create("mixed"), *o = tcase_create("others");
    tcase_add_checked_fixture(m, setup_macro, teardown);
    tcase_add_checked_fixture(x, setup_mixed, teardown);
    tcase_set_timeout(m, 120), tcase_set_timeout(x, 300), tcase_set_timeout(o, 120);
    tcase_add_test(m, macro);
    tcase_add_test(m, names_and_notes);
    tcase_add_test(m, changed_number);
    tcase_add_test(m, no_file_is_left);
    tcase_add_test(x, mixed);
    tcase_add_test(x, changed_numbers);
    tcase_add_loop_test(x, changed_nodes, 0, (int)(sizeof changes / sizeof *changes));
    tcase_add_test(x, changed_values);
    tcase_add_test(x, other_ends);
    tcase_add_test(x, safetensors);
    tcase_add_test(x, recalibration);
    tcase_add_test(x, onnxruntime);
    tcase_add_test(o, names_that_meet);
    suite_add_tcase(s, m);
    suite_add_tcase(s, x);
    suite_add_tcase(s, o);
    return run_suite(s);
}
