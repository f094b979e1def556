// Frozen training steps of PyTorch (tests/data, made by tests/peer/freeze.py): loss, gradients, and the change of every weight,
// optimiser slot and running statistic, from PyTorch's own state before each step. Bounds of tests/peer/README.md. Without weight
// decay, or with Adam's t one off, it must fail.
#include "io/files/h5file.h"
#include "macro.h"
#include "suite.h"
#include "supernet/engine/optim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const backends[] = {"ref", "cpu-plain", "cpu-avx2", "cpu-avx512"};
static const struct {
    const char *name, *slot[2];
    sn_optim_kind kind;
} files[] = {{"frozen-uniform.h5", {"momentum"}, SN_OPTIM_SGD},
             {"frozen-fair.h5", {"momentum"}, SN_OPTIM_SGD},
             {"frozen-adam.h5", {"exp_avg", "exp_avg_sq"}, SN_OPTIM_ADAM},
             {"frozen-adamw.h5", {"exp_avg", "exp_avg_sq"}, SN_OPTIM_ADAMW}};
enum { BACKENDS = 4, ADAM = 2, ADAMW = 3, FILES = 4, NAMES = 256 };

// Things of the graph in the file's order, each with its place in the flat arrays.
typedef struct {
    int id[NAMES]; // of the parameter, or of the BN's statistics
    size_t at[NAMES + 1];
    int n;
} listing;

typedef struct {
    sn_h5r *file;
    sn_space *space;
    sn_graph *graph;
    sn_backend *backend;
    sn_supernet *net;
    sn_optim *optim;
    sn_plan plan;
    int size, batch, steps, slots;
    const char *const *slot; // names
    double smoothing;
    listing params, stats;
    float *weights, *state[2], *buffers; // before the step: flat, as in the file
    double worst[7];                     // error by bound, per kind of figure
} bed;

static const char *const figures[] = {"loss", "gradients", "norm", "weights", "first slot", "second slot", "statistics"};
enum { LOSS, GRADIENTS, NORM, WEIGHTS, SLOT0, SLOT1, STATISTICS };

// ---------------------------------------------------------------- reading
static int number(const bed *b, const char *name) {
    int64_t v;
    ck_ok(sn_h5_attr_int_read(b->file, "/", name, &v));
    return (int)v;
}

static double real(const bed *b, const char *where, const char *name) {
    double v;
    ck_ok(sn_h5_attr_f64_read(b->file, where, name, &v));
    return v;
}

static float *floats(const bed *b, const char *group, const char *name) {
    size_t n;
    char path[128];
    snprintf(path, sizeof path, "%s/%s", group, name);
    ck_ok(sn_h5_shape(b->file, path, SN_F32, 1, &n));
    float *v = sn_new(n, sizeof *v);
    ck_ok(sn_h5_read(b->file, path, SN_F32, 1, &n, v));
    return v;
}

static int find_stats(const sn_params *p, const char *name) {
    for (int i = 0; i < p->n_stats; i++)
        if (!strcmp(p->stats[i].name, name)) return i;
    return -1;
}

// Lines "name elements"; a BN has two vectors.
static void read_listing(const bed *b, const char *attribute, bool stats, listing *l) {
    char *text, *rest = NULL;
    ck_ok(sn_h5_attr_text_read(b->file, "/", attribute, 1 << 16, &text));
    const sn_params *p = &b->graph->params;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char name[256];
        long elements;
        ck_assert(sscanf(line, "%255s %ld", name, &elements) == 2 && l->n < NAMES);
        int id = l->id[l->n] = stats ? find_stats(p, name) : sn_params_find(p, name);
        ck_assert_msg(id >= 0, "no %s", name);
        ck_assert_int_eq(elements, stats ? p->stats[id].c : p->param[id].size);
        l->at[l->n + 1] = l->at[l->n] + (size_t)elements * (stats ? 2 : 1);
        l->n++;
    }
    free(text);
}

static sn_optim_settings settings_of(const bed *b, sn_optim_kind kind, bool decay) {
    sn_optim_settings s = {.kind = kind,
                           .weight_decay = decay ? real(b, "/", "weight_decay") : 0,
                           .decay_bn = number(b, "decay_bn"),
                           .clip = real(b, "/", "clip")};
    if (kind == SN_OPTIM_SGD)
        s.momentum = real(b, "/", "momentum"), s.nesterov = number(b, "nesterov");
    else
        s.beta1 = real(b, "/", "beta1"), s.beta2 = real(b, "/", "beta2"), s.eps = real(b, "/", "eps");
    return s;
}

// File number i.
static void bed_open(bed *b, int i, const char *backend, bool decay) {
    *b = (bed){.slot = files[i].slot};
    char path[512];
    snprintf(path, sizeof path, "%s/%s", SN_TEST_DATA, files[i].name);
    ck_ok(sn_h5_open(path, 1 << 24, &b->file));
    b->size = number(b, "size"), b->batch = number(b, "batch"), b->steps = number(b, "steps");
    b->smoothing = real(b, "/", "label_smoothing");
    b->space = macro_space(b->size, number(b, "width"), number(b, "head"));
    ck_ok(sn_space_finish(b->space));
    ck_ok(sn_graph_build(b->space, &b->graph));
    ck_ok(sn_backend_open(backend, 2, &b->backend));
    sn_optim_settings s = settings_of(b, files[i].kind, decay);
    b->slots = sn_optim_slots(&s);
    ck_ok(sn_supernet_create(b->graph, b->backend, b->slots, SN_INIT_FAN_OUT, 1, &b->net));
    ck_ok(sn_optim_create(b->net, &s, &b->optim));
    read_listing(b, "params", false, &b->params);
    read_listing(b, "stats", true, &b->stats);
    b->weights = floats(b, "/before", "weights");
    for (int k = 0; k < b->slots; k++) b->state[k] = floats(b, "/before", b->slot[k]);
    b->buffers = floats(b, "/before", "stats");
    int64_t updates[NAMES];
    size_t n = (size_t)b->params.n;
    if (s.kind != SN_OPTIM_SGD) ck_ok(sn_h5_read(b->file, "/before/updates", SN_I64, 1, &n, updates));
    for (int p = 0; s.kind != SN_OPTIM_SGD && p < b->params.n; p++) b->optim->updates[b->params.id[p]] = updates[p];
}

static void bed_close(bed *b) {
    free(b->weights);
    free(b->state[0]);
    free(b->state[1]);
    free(b->buffers);
    sn_plan_free(&b->plan);
    sn_optim_free(b->optim);
    sn_supernet_free(b->net);
    sn_backend_close(b->backend);
    sn_graph_free(b->graph);
    sn_space_free(b->space);
    sn_h5r_free(b->file);
}

// ---------------------------------------------------------------- our step
static void put_state(const bed *b) {
    for (int i = 0; i < b->params.n; i++) {
        const sn_param *p = &b->graph->params.param[b->params.id[i]];
        float *v = sn_new((size_t)p->size, sizeof *v);
        sn_param_from_file(p, b->weights + b->params.at[i], v);
        sn_supernet_put(b->net, SN_BUFFER_WEIGHTS, b->params.id[i], v);
        for (int k = 0; k < b->slots; k++) {
            sn_param_from_file(p, b->state[k] + b->params.at[i], v);
            sn_supernet_put(b->net, (sn_buffer)(SN_BUFFER_SLOT0 + k), b->params.id[i], v);
        }
        free(v);
    }
    for (int i = 0; i < b->stats.n; i++) {
        const float *v = b->buffers + b->stats.at[i];
        sn_supernet_put_stats(b->net, b->stats.id[i], v, v + b->graph->params.stats[b->stats.id[i]].c);
    }
}

// Images to (n, h, w, c) floats; labels.
static void read_batch(const bed *b, const char *step, float *images, int32_t *labels) {
    char path[128];
    size_t n = (size_t)b->batch, side = (size_t)b->size, plane = side * side, dims[4] = {n, 3, side, side};
    uint8_t *pixels = sn_new(n * 3, plane);
    snprintf(path, sizeof path, "%s/images", step);
    ck_ok(sn_h5_read(b->file, path, SN_U8, 4, dims, pixels));
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            for (size_t k = 0; k < plane; k++)
                images[(i * plane + k) * 3 + c] = (float)(pixels[(i * 3 + c) * plane + k] - 128) / 64;
    free(pixels);
    snprintf(path, sizeof path, "%s/labels", step);
    ck_ok(sn_h5_read(b->file, path, SN_I32, 1, dims, labels));
}

static double run_pass(bed *b, const char *arch, const float *images, const int32_t *labels) {
    sn_arch a;
    ck_ok(sn_arch_parse(b->space, arch, &a));
    sn_pass pass = sn_training_pass(&a, b->batch, b->smoothing);
    sn_batch_score score;
    ck_ok(sn_supernet_pass(b->net, &pass, images, labels, &score));
    return score.loss / b->batch;
}

// ---------------------------------------------------------------- comparing
static void note(bed *b, int figure, double error, double bound) {
    double ratio = error / bound;
    if (!(ratio <= b->worst[figure])) b->worst[figure] = ratio;
}

static double norm_of(const float *x, const float *minus, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += pow((double)x[i] - (minus ? (double)minus[i] : 0), 2);
    return sqrt(sum);
}

// What rounding alone may change: half a unit in the last place by each side.
static double norm_of_ulps(const float *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += pow((double)(nextafterf(fabsf(x[i]), INFINITY) - fabsf(x[i])), 2);
    return sqrt(sum);
}

// floor: what a gradient error within its own bound may do to this tensor
static void compare_change(bed *b, int figure, const float *ours, const float *expected, const float *before, size_t n,
                           double floor) {
    note(b, figure, norm_of(ours, expected, n), fmax(1e-3 * norm_of(expected, before, n), floor) + norm_of_ulps(expected, n));
}

static float *ours_of(const bed *b, sn_buffer buffer, int param) {
    const sn_param *p = &b->graph->params.param[param];
    float *memory = sn_new((size_t)p->size, sizeof *memory), *file = sn_new((size_t)p->size, sizeof *file);
    sn_supernet_get(b->net, buffer, param, memory);
    sn_param_to_file(p, memory, file);
    free(memory);
    return file;
}

// One kind of the step's results, flat over its used parameters.
typedef struct {
    float *gradients, *weights, *state[2], *stats;
    uint8_t used[NAMES];
} expected;

static expected read_expected(const bed *b, const char *step) {
    char path[128];
    expected e = {
        .gradients = floats(b, step, "gradients"), .weights = floats(b, step, "weights"), .stats = floats(b, step, "stats")};
    for (int k = 0; k < b->slots; k++) e.state[k] = floats(b, step, b->slot[k]);
    size_t n = (size_t)b->params.n;
    snprintf(path, sizeof path, "%s/used", step);
    ck_ok(sn_h5_read(b->file, path, SN_U8, 1, &n, e.used));
    return e;
}

static void check_gradients(bed *b, const expected *e, double global) {
    size_t at = 0;
    for (int i = 0; i < b->params.n; i++) {
        ck_assert_int_eq(b->net->is_active[b->params.id[i]], e->used[i]);
        if (!e->used[i]) continue;
        size_t n = b->params.at[i + 1] - b->params.at[i];
        float *g = ours_of(b, SN_BUFFER_GRADS, b->params.id[i]);
        note(b, GRADIENTS, norm_of(g, e->gradients + at, n), 1e-4 * fmax(norm_of(e->gradients + at, NULL, n), 1e-3 * global));
        free(g);
        at += n;
    }
}

// Parameters; those that the step did not use must keep their bits. Then PyTorch's values are the state before the next step.
static void check_params(bed *b, const expected *e, double noise, double lr) {
    size_t at = 0;
    double reach = b->slots == 2 ? 100 : 2; // of a slot's error into the weights: Adam divides by squares from 0.01 upwards
    for (int i = 0; i < b->params.n; i++) {
        size_t n = b->params.at[i + 1] - b->params.at[i], bytes = n * sizeof(float);
        for (int k = 0; k <= b->slots; k++) { // weights, then the slots
            float *before = (k ? b->state[k - 1] : b->weights) + b->params.at[i];
            const float *after = (k ? e->state[k - 1] : e->weights) + at;
            float *ours = ours_of(b, k ? (sn_buffer)(SN_BUFFER_SLOT0 + k - 1) : SN_BUFFER_WEIGHTS, b->params.id[i]);
            if (e->used[i]) {
                compare_change(b, WEIGHTS + k, ours, after, before, n, k ? noise : reach * lr * noise);
                memcpy(before, after, bytes);
            } else {
                ck_assert_mem_eq(ours, before, bytes);
            }
            free(ours);
        }
        at += e->used[i] ? n : 0;
    }
}

static void check_stats(bed *b, const expected *e) {
    for (int i = 0; i < b->stats.n; i++) {
        size_t at = b->stats.at[i], n = b->stats.at[i + 1] - at;
        float *v = sn_new(n, sizeof *v);
        sn_supernet_get_stats(b->net, b->stats.id[i], v, v + n / 2);
        for (size_t k = 0; k < 2; k++) { // mean, then variance
            size_t from = at + k * n / 2;
            compare_change(b, STATISTICS, v + k * n / 2, e->stats + from, b->buffers + from, n / 2, 0);
        }
        memcpy(b->buffers + at, e->stats + at, n * sizeof *v);
        free(v);
    }
}

static void replay_step(bed *b, int k) {
    char step[64], path[128], *archs, *rest = NULL;
    snprintf(step, sizeof step, "/steps/%d", k);
    snprintf(path, sizeof path, "%s/loss", step);
    size_t passes;
    double loss[16], lr = real(b, step, "lr"), norm = real(b, step, "norm"), factor = real(b, step, "factor");
    ck_ok(sn_h5_shape(b->file, path, SN_F64, 1, &passes));
    ck_assert_uint_le(passes, 16);
    ck_ok(sn_h5_read(b->file, path, SN_F64, 1, &passes, loss));
    ck_ok(sn_h5_attr_text_read(b->file, step, "archs", 4096, &archs));
    float *images = sn_new((size_t)(b->batch * b->size * b->size * 3), sizeof *images);
    int32_t *labels = sn_new((size_t)b->batch, sizeof *labels);
    read_batch(b, step, images, labels);
    put_state(b);
    size_t done = 0;
    for (char *arch = strtok_r(archs, "\n", &rest); arch; arch = strtok_r(NULL, "\n", &rest), done++)
        note(b, LOSS, fabs(run_pass(b, arch, images, labels) - loss[done]), 1e-4 * loss[done]);
    ck_assert_uint_eq(done, passes);
    expected e = read_expected(b, step);
    check_gradients(b, &e, norm);
    ck_ok(sn_optim_update(b->optim, lr));
    note(b, NORM, fabs(b->optim->norm - norm) + fabs(b->optim->factor - factor), 1e-4 * (norm + factor));
    check_params(b, &e, 1e-7 * norm * factor, lr);
    check_stats(b, &e);
    free(e.gradients);
    free(e.weights);
    free(e.state[0]);
    free(e.state[1]);
    free(e.stats);
    free(archs);
    free(images);
    free(labels);
}

static bool available(const char *backend) { // lanes that this processor has
    sn_backend *probe;
    if (sn_backend_open(backend, 1, &probe) != SN_OK) return false;
    sn_backend_close(probe);
    return true;
}

START_TEST(steps_equal_pytorch) {
    const char *backend = backends[_i % BACKENDS];
    if (!available(backend)) return;
    bed b;
    bed_open(&b, _i / BACKENDS, backend, true);
    for (int k = 0; k < b.steps; k++) replay_step(&b, k);
    for (int i = LOSS; i <= STATISTICS; i++)
        ck_assert_msg(b.worst[i] <= 1, "%s, %s: %s differ by %.3g times the bound", files[_i / BACKENDS].name, backend,
                      figures[i], b.worst[i]);
    bed_close(&b);
}
END_TEST

// The same comparison finds a missing weight decay, in weights and slots only; AdamW's in weights only.
START_TEST(missing_decay_is_found) {
    bed b;
    bed_open(&b, _i, "ref", false);
    replay_step(&b, 0);
    int slots = _i == ADAMW ? 0 : b.slots;
    for (int i = LOSS; i <= STATISTICS; i++)
        ck_assert_msg((b.worst[i] <= 1) != (i >= WEIGHTS && i < SLOT0 + slots), "%s: %.3g", figures[i], b.worst[i]);
    bed_close(&b);
}
END_TEST

// And updates of one parameter counted wrongly by one, in weights only.
START_TEST(wrong_count_is_found) {
    bed b;
    bed_open(&b, ADAM + _i, "ref", true);
    b.optim->updates[b.params.id[0]]++;
    replay_step(&b, 0);
    for (int i = LOSS; i <= STATISTICS; i++)
        ck_assert_msg((b.worst[i] <= 1) == (i != WEIGHTS), "%s: %.3g", figures[i], b.worst[i]);
    bed_close(&b);
}
END_TEST

int main(void) {
    Suite *s = suite_create("frozen");
    TCase *t = tcase_create("steps");
    tcase_set_timeout(t, 300);
    tcase_add_loop_test(t, steps_equal_pytorch, 0, BACKENDS * FILES);
    tcase_add_loop_test(t, missing_decay_is_found, 0, FILES);
    tcase_add_loop_test(t, wrong_count_is_found, 0, 2);
    suite_add_tcase(s, t);
    return run_suite(s);
}
