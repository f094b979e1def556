// Export of a run: statistics recalibrated for an arch of a supernet, kept for a net of one arch; metadata from the data; both
// formats.
#include "datafiles.h"
#include "io/files/onnx.h"
#include "supernet/engine/recalibrate.h"
#include "supernet/export/export.h"

#include <math.h>

enum { TRAIN = 90, TEST = 12, SIDE = 12, BATCH = 20, CALIBRATE = 50 };

static const char *const config_text = "data: {source: idx, validation: 10, cache: cache}\n"
                                       "space:\n"
                                       "  input: {channels: 1, height: 12, width: 12}\n"
                                       "  classes: 3\n"
                                       "  text: digits\n"
                                       "  blocks:\n"
                                       "    skip: {op: identity}\n"
                                       "    mb: {op: mbconv, expand: 3, kernel: 3}\n"
                                       "    pool: {op: pool}\n"
                                       "  network:\n"
                                       "    - {op: conv, kernel: 3, out: 4}\n"
                                       "    - {layers: 3, out: 6, stride: 2, choose: [skip, mb, pool]}\n"
                                       "    - {op: classifier}\n"
                                       "train: {batch: 40}\n"
                                       "rank: {calibrate: 50, calibrate_batch: 20}\n"
                                       "device: cpu\n"
                                       "threads: 2\n";

static void make_data(void) {
    uint8_t labels[TRAIN + TEST];
    for (int i = 0; i < TRAIN + TEST; i++) labels[i] = (uint8_t)(i % 3);
    folder_make();
    put_idx(at("idx"), TRAIN, TEST, SIDE, SIDE, labels);
}

static sn_run *open_run(const char *override) {
    sn_config *config;
    sn_run *r;
    ck_ok(sn_config_parse(config_text, strlen(config_text), at("test.yaml"), &override, override != NULL, &config));
    ck_ok(sn_run_create(config, NULL, &r));
    return r;
}

static sn_arch arch_of(const sn_run *r, const char *text) {
    sn_arch a;
    ck_ok(sn_arch_parse(r->space, text, &a));
    return a;
}

static size_t statistics_bytes(const sn_run *r) {
    return (size_t)r->graph->params.stats_total * sizeof(float);
}

// All running statistics that the file holds are the net's.
static void expect_statistics(const sn_run *r, const sn_onnx *m, const char *words) {
    int found = 0;
    for (int i = 0; i < r->graph->params.n_stats; i++) {
        const sn_stats *s = &r->graph->params.stats[i];
        char name[300];
        snprintf(name, sizeof name, "%s.running_var", s->name);
        const sn_tensor *t = sn_tensors_find(&m->tensors, name);
        if (!t) continue;
        found++;
        float mean[64], var[64];
        sn_supernet_get_stats(r->net, i, mean, var);
        ck_assert_mem_eq(t->data, var, (size_t)s->c * sizeof *var);
        snprintf(name, sizeof name, "%s.running_mean", s->name);
        ck_assert_mem_eq(sn_tensors_find(&m->tensors, name)->data, mean, (size_t)s->c * sizeof *mean);
    }
    ck_assert_int_eq(found, 5); // stem, three of the mbconv, the pool
    ck_assert_str_eq(sn_tensors_find_note(&m->tensors, "statistics"), words);
}

START_TEST(supernet) {
    sn_run *r = open_run(NULL);
    sn_arch a = arch_of(r, "120");
    void *before = sn_statistics_keep(r->net);
    sn_note scores[] = {{"validation.top1", "0.5"}};
    sn_export_options o = {.format = SN_FORMAT_ONNX, .fold = false, .scores = scores, .n_scores = 1};
    sn_export_result result;
    ck_ok(sn_export_arch(r, &a, at("model.onnx"), &o, &result));
    ck_assert_int_eq(result.images, SN_EXPORT_IMAGES);
    void *now = sn_statistics_keep(r->net);
    ck_assert_mem_eq(before, now, statistics_bytes(r));
    free(now);
    sn_onnx m = {0};
    ck_ok(sn_onnx_load(at("model.onnx"), 1 << 24, &m));
    ck_assert_str_eq(sn_tensors_find_note(&m.tensors, "architecture"), "120");
    ck_assert_str_eq(sn_tensors_find_note(&m.tensors, "classes"), "[\"0\",\"1\",\"2\"]");
    ck_assert_str_eq(sn_tensors_find_note(&m.tensors, "score.validation.top1"), "0.5");
    ck_assert(fabs(strtod(sn_tensors_find_note(&m.tensors, "mean") + 1, NULL) - sn_dataset_mean(r->data)[0]) < 1e-15);
    ck_assert(fabs(strtod(sn_tensors_find_note(&m.tensors, "std") + 1, NULL) - sn_dataset_std(r->data)[0]) < 1e-15);

    sn_view_of_split view;
    sn_source calibration;
    ck_ok(sn_run_source(r, SN_TRAIN, CALIBRATE, BATCH, &view, &calibration));
    ck_ok(sn_recalibrate(r->net, &a, &calibration, BATCH));
    now = sn_statistics_keep(r->net);
    ck_assert_mem_ne(before, now, statistics_bytes(r));
    free(now);
    expect_statistics(r, &m, "recalibrated on 50 training images in batches of 20");
    sn_run_source_free(&view);
    sn_onnx_free(&m);
    free(before);
    sn_run_free(r);
}
END_TEST

START_TEST(one_arch) {
    sn_run *r = open_run("space.arch=120");
    sn_arch a = sn_arch_first(r->space);
    for (int i = 0; i < r->graph->params.n_stats; i++) {
        float mean[64], var[64];
        for (int c = 0; c < 64; c++) mean[c] = 0.01f * (float)c, var[c] = 1 + 0.1f * (float)(c + i);
        sn_supernet_put_stats(r->net, i, mean, var);
    }
    sn_export_options o = {.format = SN_FORMAT_ONNX};
    sn_export_result result;
    ck_ok(sn_export_arch(r, &a, at("model.onnx"), &o, &result));
    sn_onnx m = {0};
    ck_ok(sn_onnx_load(at("model.onnx"), 1 << 24, &m));
    expect_statistics(r, &m, "running averages of training");
    sn_onnx_free(&m);
    sn_run_free(r);
}
END_TEST

START_TEST(formats) {
    sn_run *r = open_run(NULL);
    sn_arch a = arch_of(r, "120");
    sn_export_options o = {.format = SN_FORMAT_ONNX, .fold = true};
    sn_export_result folded, tensors;
    ck_ok(sn_export_arch(r, &a, at("model.onnx"), &o, &folded));
    ck_assert(folded.nodes > 5 && folded.tensors == 2 * 4 + 4 + 2); // four convs, the pool's BN, the linear layer
    o.format = SN_FORMAT_SAFETENSORS;
    ck_ok(sn_export_arch(r, &a, at("model.safetensors"), &o, &tensors));
    ck_assert_int_eq(tensors.params, folded.params);
    ck_assert_int_eq(tensors.tensors, 4 + 5 * 4 + 2);
    sn_tensors f = {0};
    ck_ok(sn_safetensors_load(at("model.safetensors"), 1 << 24, &f));
    ck_assert_str_eq(sn_tensors_find_note(&f, "statistics"), "recalibrated on 50 training images in batches of 20");
    sn_tensors_free(&f);
    sn_run_free(r);
}
END_TEST

int main(void) {
    Suite *s = suite_create("exportrun");
    TCase *t = tcase_create("runs");
    tcase_add_checked_fixture(t, make_data, folder_remove);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, supernet);
    tcase_add_test(t, one_arch);
    tcase_add_test(t, formats);
    suite_add_tcase(s, t);
    return run_suite(s);
}
