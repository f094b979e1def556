// Traces: what a trace says is what training did, and tracing changes nothing. Every figure is recomputed here from the others
// with the plainest formula; PyTorch does the same on whole nets (tests/peer).
#include "base/hash.h"
#include "datafiles.h"
#include "io/files/h5file.h"
#include "supernet/train/trace.h"
#include "supernet/train/train.h"

#include <math.h>

enum { IMAGES = 40, SIDE = 9, BATCH = 6, CHANNELS = 5, CLASSES = 10, STEPS = IMAGES / BATCH };

static const char config_text[] = "data: {source: idx, cache: cache, augment: {crop: 1, flip: true, cutout: 3}}\n"
                                  "space:\n"
                                  "  input: {channels: 1, height: 9, width: 9}\n"
                                  "  classes: 10\n"
                                  "  blocks:\n"
                                  "    id: {op: identity}\n"
                                  "    mb: {op: mbconv, expand: 2, kernel: 3, activation: relu6}\n"
                                  "    sep: {op: sepconv, kernel: 3, residual: true}\n"
                                  "  network:\n"
                                  "    - {op: conv, kernel: 3, out: 5}\n"
                                  "    - {layers: 3, out: 8, stride: 2, choose: [id, mb, sep]}\n"
                                  "    - {op: classifier}\n"
                                  "train:\n"
                                  "  epochs: 1\n"
                                  "  batch: 6\n"
                                  "  optimizer: {lr: 0.05, weight_decay: 0.01, label_smoothing: 0.1, clip: 0.5}\n"
                                  "device: ref\n"
                                  "threads: 1\n";

// Of two decisions, which mode relax learns; the activation of the third entry reads a mixture that no BN is behind.
static const char relaxed_text[] =
    "data: {source: idx, cache: cache, augment: {crop: 1, flip: true, cutout: 3}}\n"
    "space:\n"
    "  input: {channels: 1, height: 9, width: 9}\n"
    "  classes: 10\n"
    "  blocks:\n"
    "    id: {op: identity}\n"
    "    pool: {op: pool, kind: avg, bn: false}\n"
    "    mb: {op: mbconv, expand: 2, kernel: 3, activation: relu6}\n"
    "    sep: {op: sepconv, kernel: 3, residual: true}\n"
    "  network:\n"
    "    - {op: conv, kernel: 3, out: 5, activation: linear}\n"
    "    - {layers: 1, out: 5, choose: [id, pool]}\n"
    "    - {name: act, op: actconv, kernel: 1, out: 8, stride: 2}\n"
    "    - {layers: 1, out: 8, choose: [id, mb, sep]}\n"
    "    - {op: classifier}\n"
    "train:\n"
    "  mode: relax\n"
    "  epochs: 1\n"
    "  batch: 6\n"
    "  optimizer: {lr: 0.05, weight_decay: 0.01, label_smoothing: 0.1, clip: 0.5, decay_bn: false}\n"
    "  relax: {lr: 0.01, temperature: 3, temperature_end: 1, deviation: 0.5}\n"
    "device: ref\n"
    "threads: 1\n";

static const char *const sgd[] = {"train.optimizer.decay_bn=false", "train.sampler=fair"};
static const char *const adam[] = {"train.optimizer.name=adam", "train.optimizer.beta1=0.8"};
static const char *const adamw[] = {"train.optimizer.name=adamw", "train.optimizer.beta1=0.8"};
static const char *const fast[] = {"device=cpu", "threads=2"};
static const char *const darts[] = {"train.relax.method=darts", "train.relax.order=1"};
static const char *const second[] = {"train.relax.method=darts", "train.relax.order=2"};
static const char *const gdas[] = {"train.relax.method=gdas", "train.relax.data=same"};

static bool is_relaxed(const char *const *overrides) {
    return !strncmp(overrides[0], "train.relax", 11);
}

static sn_run *new_run(const char *const *overrides) {
    const char *text = is_relaxed(overrides) ? relaxed_text : config_text;
    uint8_t labels[IMAGES + 4];
    for (int i = 0; i < IMAGES + 4; i++) labels[i] = (uint8_t)(i % CLASSES);
    put_idx(at("idx"), IMAGES, 4, SIDE, SIDE, labels);
    sn_config *c;
    ck_ok(sn_config_parse(text, strlen(text), at("config.yaml"), overrides, 2, &c));
    sn_run *r;
    ck_ok(sn_run_create(c, NULL, &r));
    return r;
}

static sn_h5r *traced(const char *const *overrides, int first, int last, bool inputs_only) {
    sn_run *r = new_run(overrides);
    ck_ok(sn_trace(r, first, last, inputs_only, at("trace.h5")));
    sn_run_free(r);
    sn_h5r *f;
    ck_ok(sn_h5_open(at("trace.h5"), 1 << 26, &f));
    return f;
}

// ---------------------------------------------------------------- reading
__attribute__((format(printf, 3, 4))) static float *floats(const sn_h5r *f, size_t *n, const char *format, ...) {
    char path[256];
    va_list args;
    va_start(args, format);
    vsnprintf(path, sizeof path, format, args);
    va_end(args);
    size_t dims[4];
    int rank = 1;
    while (rank < 4 && sn_h5_shape(f, path, SN_F32, rank, dims) != SN_OK) rank++;
    ck_ok(sn_h5_shape(f, path, SN_F32, rank, dims));
    *n = 1;
    for (int i = 0; i < rank; i++) *n *= dims[i];
    float *v = sn_new(*n, sizeof *v);
    ck_ok(sn_h5_read(f, path, SN_F32, rank, dims, v));
    return v;
}

static double real(const sn_h5r *f, const char *where, const char *name) {
    double v;
    ck_ok(sn_h5_attr_f64_read(f, where, name, &v));
    return v;
}

static char *words(const sn_h5r *f, const char *where, const char *name) {
    char *v;
    ck_ok(sn_h5_attr_text_read(f, where, name, SN_H5_TEXT_MAX, &v));
    return v;
}

// ---------------------------------------------------------------- the optimiser
typedef struct {
    const sn_h5r *file;
    const char *step;
    bool adam, apart; // apart: AdamW's decay
    double lr, factor, squares;
    char *decay_free; // names of the group without decay; "" when there is none
    int params;
} update;

static void close_to(float found, double expected, const char *what, const char *name) {
    double bound = 2e-7 * fabs(expected) + 1e-12;
    ck_assert_msg(fabs((double)found - expected) <= bound, "%s of %s: %.9g, expected %.9g", what, name, (double)found, expected);
}

static bool is_word(const char *list, const char *name) {
    size_t n = strlen(name);
    for (const char *p = strstr(list, name); p; p = strstr(p + 1, name))
        if ((p == list || p[-1] == '\n') && (!p[n] || p[n] == '\n')) return true;
    return false;
}

static void check_sgd(const update *u, const char *name, double decay, const float *g, const float *w, const float *after,
                      size_t n) {
    size_t same;
    float *m = floats(u->file, &same, "%s/before/optim/%s/momentum", u->step, name),
          *v = floats(u->file, &same, "%s/after/optim/%s/momentum", u->step, name);
    ck_assert_uint_eq(n, same);
    for (size_t i = 0; i < n; i++) {
        double d = u->factor * (double)g[i] + decay * (double)w[i], moved = 0.9 * (double)m[i] + d;
        close_to(v[i], moved, "momentum", name);
        double step = u->lr * (d + 0.9 * moved); // Nesterov is the default
        ck_assert(fabs((double)after[i] - ((double)w[i] - step)) <= 1.2e-7 * fabs((double)w[i]) + 1e-6 * fabs(step) + 1e-12);
    }
    free(m);
    free(v);
}

static void check_adam(const update *u, const char *name, double decay, const float *g, const float *w, const float *after,
                       size_t n) {
    size_t same;
    char path[256];
    int64_t t;
    snprintf(path, sizeof path, "%s/after/optim/%s/step", u->step, name);
    ck_ok(sn_h5_read(u->file, path, SN_I64, 0, NULL, &t));
    float *m = floats(u->file, &same, "%s/after/optim/%s/exp_avg", u->step, name),
          *v = floats(u->file, &same, "%s/after/optim/%s/exp_avg_sq", u->step, name),
          *before = floats(u->file, &same, "%s/before/optim/%s/exp_avg", u->step, name);
    for (size_t i = 0; i < n; i++) {
        double d = u->factor * (double)g[i] + (u->apart ? 0 : decay * (double)w[i]);
        close_to(m[i], 0.8 * (double)before[i] + 0.2 * d, "first moment", name);
        double step =
            u->lr * (double)m[i] / (1 - pow(0.8, (double)t)) / (sqrt((double)v[i] / (1 - pow(0.999, (double)t))) + 1e-8);
        double kept = (double)w[i] * (u->apart ? 1 - u->lr * decay : 1);
        ck_assert(fabs((double)after[i] - (kept - step)) <= 1.2e-7 * fabs((double)w[i]) + 1e-6 * fabs(step) + 1e-12);
    }
    free(m);
    free(v);
    free(before);
}

static sn_status check_param(void *context, const char *name, bool is_group) {
    update *u = context;
    ck_assert(!is_group);
    size_t n, same;
    float *g = floats(u->file, &n, "%s/gradients/%s", u->step, name),
          *w = floats(u->file, &same, "%s/before/params/%s", u->step, name),
          *after = floats(u->file, &same, "%s/after/params/%s", u->step, name);
    ck_assert_uint_eq(n, same);
    for (size_t i = 0; i < n; i++) u->squares += (double)g[i] * (double)g[i];
    (u->adam ? check_adam : check_sgd)(u, name, is_word(u->decay_free, name) ? 0 : 0.01, g, w, after, n);
    u->params++;
    free(g);
    free(w);
    free(after);
    return SN_OK;
}

// The names of the group without decay.
static char *decay_free(const sn_h5r *f) {
    for (int i = 0; i < 2; i++) {
        char group[32], path[64];
        double decay;
        snprintf(group, sizeof group, "/decay_groups/%d", i);
        snprintf(path, sizeof path, "%s/weight_decay", group);
        if (!sn_h5_has(f, group)) break;
        ck_ok(sn_h5_read(f, path, SN_F64, 0, NULL, &decay));
        ck_assert(decay == 0 || decay == 0.01);
        if (decay == 0) return words(f, group, "params");
    }
    return sn_strdup("");
}

static void check_update(const sn_h5r *f, const char *step) {
    char *optimizer = words(f, "/", "optimizer");
    bool is_adam = strstr(optimizer, "\"adam") != NULL;
    update u = {.file = f,
                .step = step,
                .adam = is_adam,
                .apart = strstr(optimizer, "\"adamw\"") != NULL,
                .lr = real(f, step, "lr"),
                .factor = real(f, step, "factor"),
                .decay_free = decay_free(f)};
    char group[64];
    snprintf(group, sizeof group, "%s/gradients", step);
    ck_ok(sn_h5_list(f, group, check_param, &u));
    double norm = real(f, step, "norm");
    ck_assert(u.params >= 8);
    ck_assert(fabs(sqrt(u.squares) - norm) <= 1e-6 * norm);
    ck_assert(fabs(u.factor - fmin(1, 0.5 / (norm + 1e-6))) <= 1e-12);
    ck_assert_int_eq(is_word(u.decay_free, "stem_bn.bias"), !is_adam);
    ck_assert_int_eq(is_word(u.decay_free, "stem.weight"), false);
    free(u.decay_free);
    free(optimizer);
}

// ---------------------------------------------------------------- a pass
static void check_loss(const sn_h5r *f, const char *pass, const int32_t *labels) {
    size_t n;
    float *z = floats(f, &n, "%s/logits", pass);
    ck_assert_uint_eq(n, BATCH * CLASSES);
    double loss = 0;
    for (int i = 0; i < BATCH; i++) {
        double sum = 0, mean = 0;
        for (int k = 0; k < CLASSES; k++) sum += exp((double)z[i * CLASSES + k]), mean += (double)z[i * CLASSES + k] / CLASSES;
        loss += (log(sum) - 0.9 * (double)z[i * CLASSES + labels[i]] - 0.1 * mean) / BATCH;
    }
    ck_assert(fabs(loss - real(f, pass, "loss")) <= 1e-6 * loss);
    free(z);
}

static void check_mask(const sn_h5r *f, const char *pass) {
    static const char *const names[] = {"id", "mb", "sep"};
    char path[128], text[64];
    size_t n = 3;
    int32_t mask[3];
    snprintf(path, sizeof path, "%s/mask", pass);
    ck_ok(sn_h5_read(f, path, SN_I32, 1, &n, mask));
    for (int i = 0; i < 3; i++) ck_assert(mask[i] >= 0 && mask[i] < 3);
    snprintf(text, sizeof text, "%s,%s,%s", names[mask[0]], names[mask[1]], names[mask[2]]);
    char *arch = words(f, pass, "arch");
    ck_assert_str_eq(arch, text);
    free(arch);
}

static double stem_value(const float *image, const float *weights, int c, int y, int x) { // convolution 3x3, padding 1
    double v = 0;
    for (int ky = 0; ky < 3; ky++)
        for (int kx = 0; kx < 3; kx++) {
            int iy = y + ky - 1, ix = x + kx - 1;
            if (iy >= 0 && iy < SIDE && ix >= 0 && ix < SIDE)
                v += (double)image[iy * SIDE + ix] * (double)weights[(c * 3 + ky) * 3 + kx];
        }
    return v;
}

enum { PLANE = SIDE * SIDE };

// The stem's normalised values by hand, of one channel.
static void stem_channel(const sn_h5r *f, const char *step, const char *batch, int c, double u[BATCH * PLANE]) {
    size_t n;
    float *image = floats(f, &n, "%s/images", batch), *w = floats(f, &n, "%s/before/params/stem.weight", step),
          *gamma = floats(f, &n, "%s/before/params/stem_bn.weight", step),
          *beta = floats(f, &n, "%s/before/params/stem_bn.bias", step);
    double mean = 0, var = 0;
    for (int i = 0; i < BATCH * PLANE; i++) {
        u[i] = stem_value(image + i / PLANE * PLANE, w, c, i % PLANE / SIDE, i % SIDE);
        mean += u[i] / (BATCH * PLANE);
    }
    for (int i = 0; i < BATCH * PLANE; i++) var += pow(u[i] - mean, 2) / (BATCH * PLANE);
    for (int i = 0; i < BATCH * PLANE; i++) u[i] = (double)gamma[c] * (u[i] - mean) / sqrt(var + 1e-5) + (double)beta[c];
    free(image);
    free(w);
    free(gamma);
    free(beta);
}

// Bits of the activation that goes by `name` against the values that it reads: the order of images, weights and bits at once.
static void check_bits(const sn_h5r *f, const char *pass, const char *name, int c, const double u[BATCH * PLANE]) {
    size_t bytes = (BATCH * CHANNELS * PLANE + 7) / 8;
    uint8_t bits[(BATCH * CHANNELS * PLANE + 7) / 8];
    char path[128];
    snprintf(path, sizeof path, "%s/inside/%s", pass, name);
    ck_ok(sn_h5_read(f, path, SN_U8, 1, &bytes, bits));
    for (int i = 0; i < BATCH * PLANE; i++) {
        int place = (i / PLANE * CHANNELS + c) * PLANE + i % PLANE;
        if (fabs(u[i]) > 1e-5) ck_assert_int_eq(bits[place / 8] >> (7 - place % 8) & 1, u[i] > 0);
    }
}

static void check_sides(const sn_h5r *f, const char *step, const char *pass) {
    double u[BATCH * PLANE];
    for (int c = 0; c < CHANNELS; c++) {
        stem_channel(f, step, step, c, u);
        check_bits(f, pass, "stem_bn", c, u);
    }
}

// Pixels of sample i are (7 i + 13 p) mod 251: an image that is normalised again the same way differs from the file's by one
// scale and shift, a crop and a flip; its place under the draw is looked up.
static void check_images(const sn_h5r *f, const char *batch) {
    char path[128];
    size_t n = BATCH, dims[2] = {BATCH, 7}, all;
    uint32_t samples[BATCH];
    int32_t draws[BATCH][7], labels[BATCH];
    snprintf(path, sizeof path, "%s/samples", batch);
    ck_ok(sn_h5_read(f, path, SN_U32, 1, &n, samples));
    snprintf(path, sizeof path, "%s/labels", batch);
    ck_ok(sn_h5_read(f, path, SN_I32, 1, &n, labels));
    snprintf(path, sizeof path, "%s/draws", batch);
    ck_ok(sn_h5_read(f, path, SN_I32, 2, dims, draws));
    float *images = floats(f, &all, "%s/images", batch);
    double level[251] = {0}; // normalised value of each pixel value
    bool known[251] = {false};
    for (int i = 0; i < BATCH; i++) {
        ck_assert_int_eq(labels[i], samples[i] % CLASSES);
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                const int32_t *d = draws[i]; // dy dx height width flip cut_y cut_x
                int from_y = y + d[0], from_x = (d[4] ? SIDE - 1 - x : x) + d[1];
                bool cut = y >= d[5] - 1 && y <= d[5] + 1 && x >= d[6] - 1 && x <= d[6] + 1;
                bool padded = from_y < 0 || from_y >= SIDE || from_x < 0 || from_x >= SIDE;
                double v = (double)images[(i * SIDE + y) * SIDE + x];
                if (cut || padded) ck_assert(v == 0);
                if (cut || padded) continue;
                int pixel = idx_pixel(samples[i], (size_t)(from_y * SIDE + from_x));
                if (known[pixel]) ck_assert(level[pixel] == v);
                known[pixel] = true, level[pixel] = v;
            }
    }
    double least = 1e9;
    for (int i = 0, last = -1; i < 251; i++) { // rising with the pixel value
        if (known[i] && last >= 0) least = fmin(least, (level[i] - level[last]) / (i - last));
        if (known[i]) last = i;
    }
    ck_assert(least > 0);
    free(images);
}

static void check_step(const sn_h5r *f, const char *step, int passes) {
    char path[128];
    size_t n = BATCH;
    int32_t labels[BATCH];
    snprintf(path, sizeof path, "%s/labels", step);
    ck_ok(sn_h5_read(f, path, SN_I32, 1, &n, labels));
    check_images(f, step);
    check_update(f, step);
    for (int p = 0; p < passes; p++) {
        snprintf(path, sizeof path, "%s/passes/%d", step, p);
        check_mask(f, path);
        check_loss(f, path, labels);
        check_sides(f, step, path);
    }
    snprintf(path, sizeof path, "%s/passes/%d", step, passes);
    ck_assert(!sn_h5_has(f, path));
}

START_TEST(steps_are_told_as_they_were) {
    static const char *const *const all[] = {sgd, adam, adamw, fast};
    sn_h5r *f = traced(all[_i], 1, 3, false);
    char *format = words(f, "/", "format"), *split = words(f, "/steps/00000002", "split");
    ck_assert_str_eq(format, "supernet-trace");
    ck_assert_str_eq(split, "train");
    ck_assert(real(f, "/", "bn_momentum") == 0.1 && real(f, "/", "bn_eps") == 1e-5 && real(f, "/", "label_smoothing") == 0.1);
    if (all[_i] != fast)
        for (int k = 1; k <= 3; k++) {
            char step[32];
            snprintf(step, sizeof step, "/steps/%08d", k);
            check_step(f, step, all[_i] == sgd ? 3 : 1);
        }
    else
        check_sides(f, "/steps/00000003", "/steps/00000003/passes/0");
    ck_assert(!sn_h5_has(f, "/steps/00000004"));
    free(format);
    free(split);
    sn_h5r_free(f);
}
END_TEST

// ---------------------------------------------------------------- mode relax
enum { PLACES = 5, FIRST = 2, RELAXED_STEPS = 3 }; // options of both decisions, of the first

__attribute__((format(printf, 3, 4))) static void reals(const sn_h5r *f, double out[PLACES], const char *format, ...) {
    char path[128];
    va_list args;
    va_start(args, format);
    vsnprintf(path, sizeof path, format, args);
    va_end(args);
    size_t n = PLACES;
    ck_ok(sn_h5_read(f, path, SN_F64, 1, &n, out));
}

static int64_t integer(const sn_h5r *f, const char *where, const char *name) {
    int64_t v;
    ck_ok(sn_h5_attr_int_read(f, where, name, &v));
    return v;
}

// Of both decisions.
static void softmax(const double *alpha, const double *noise, double temperature, double *out) {
    for (int d = 0; d < 2; d++) {
        int first = d ? FIRST : 0, end = d ? PLACES : FIRST;
        double sum = 0;
        for (int i = first; i < end; i++) sum += out[i] = exp((alpha[i] + noise[i]) / temperature);
        for (int i = first; i < end; i++) out[i] /= sum;
    }
}

// Gates are what the method makes of these alphas: of gdas the option with the largest share alone.
static void check_gates(const sn_h5r *f, const char *pass, const double *alpha, double temperature, bool single) {
    double noise[PLACES], kept[PLACES], gates[PLACES], share[PLACES];
    uint8_t active[PLACES];
    char path[128];
    size_t n = PLACES;
    reals(f, noise, "%s/noise", pass);
    reals(f, kept, "%s/kept", pass);
    reals(f, gates, "%s/gates", pass);
    snprintf(path, sizeof path, "%s/active", pass);
    ck_ok(sn_h5_read(f, path, SN_U8, 1, &n, active));
    softmax(alpha, noise, temperature, share);
    for (int i = 0; i < PLACES; i++) {
        int first = i < FIRST ? 0 : FIRST, end = i < FIRST ? FIRST : PLACES, better = 0;
        for (int k = first; k < end; k++) better += share[k] > share[i];
        ck_assert((noise[i] != 0) == single);
        ck_assert(fabs(kept[i] - share[i]) < 1e-12);
        ck_assert_int_eq(active[i], !single || !better);
        ck_assert(fabs(gates[i] - (single ? !better : share[i])) < 1e-12);
    }
}

// The gradient of alphas from that of gates: p*(dgate - mean of dgate by p)/temperature.
static void check_pull(const sn_h5r *f, const char *step, double temperature) {
    double dgate[PLACES], kept[PLACES], found[PLACES];
    reals(f, dgate, "%s/passes/0/gate_gradients", step);
    reals(f, kept, "%s/passes/0/kept", step);
    reals(f, found, "%s/alpha_gradients", step);
    for (int i = 0; i < PLACES; i++) {
        double mean = 0;
        for (int k = i < FIRST ? 0 : FIRST; k < (i < FIRST ? FIRST : PLACES); k++) mean += kept[k] * dgate[k];
        ck_assert(fabs(found[i] - kept[i] * (dgate[i] - mean) / temperature) < 1e-14);
        ck_assert(found[i] != 0);
    }
}

static void check_alphas(const sn_h5r *f, const char *step) {
    double a[PLACES], m[PLACES], v[PLACES], b[PLACES], n[PLACES], w[PLACES], g[PLACES];
    int64_t t;
    char path[64];
    snprintf(path, sizeof path, "%s/alphas/after/step", step);
    ck_ok(sn_h5_read(f, path, SN_I64, 0, NULL, &t));
    ck_assert_int_eq(t, atoi(step + 7)); // "/steps/00000002"
    reals(f, a, "%s/alphas/before/alpha", step);
    reals(f, m, "%s/alphas/before/exp_avg", step);
    reals(f, v, "%s/alphas/before/exp_avg_sq", step);
    reals(f, b, "%s/alphas/after/alpha", step);
    reals(f, n, "%s/alphas/after/exp_avg", step);
    reals(f, w, "%s/alphas/after/exp_avg_sq", step);
    reals(f, g, "%s/alpha_gradients", step);
    for (int i = 0; i < PLACES; i++) {
        double d = g[i] + 0.001 * a[i];
        ck_assert(fabs(n[i] - (0.5 * m[i] + 0.5 * d)) < 1e-15);
        ck_assert(fabs(w[i] - (0.999 * v[i] + 0.001 * d * d)) < 1e-15);
        double move = 0.01 * n[i] / (1 - pow(0.5, (double)t)) / (sqrt(w[i] / (1 - pow(0.999, (double)t))) + 1e-8);
        ck_assert(fabs(b[i] - (a[i] - move)) < 1e-13);
    }
}

// Both batches are what training drew, and no image is in both.
static void check_batches(const sn_h5r *f, const char *step, bool apart) {
    char path[64];
    size_t n = BATCH;
    uint32_t samples[2][BATCH];
    snprintf(path, sizeof path, "%s/alpha_batch", step);
    ck_assert_int_eq(sn_h5_has(f, path), apart);
    check_images(f, step);
    if (!apart) return;
    check_images(f, path);
    for (int k = 0; k < 2; k++) {
        snprintf(path, sizeof path, "%s%s/samples", step, k ? "/alpha_batch" : "");
        ck_ok(sn_h5_read(f, path, SN_U32, 1, &n, samples[k]));
    }
    for (int i = 0; i < BATCH * BATCH; i++) ck_assert_uint_ne(samples[0][i / BATCH], samples[1][i % BATCH]);
}

// The activation that reads a mixture: the stem and the mean of the pixels around, by their gates.
static void check_mixture(const sn_h5r *f, const char *step, const char *batch, const char *pass) {
    double gates[PLACES];
    reals(f, gates, "%s/gates", pass);
    for (int c = 0; c < CHANNELS; c++) {
        double stem[BATCH * PLANE], u[BATCH * PLANE];
        stem_channel(f, step, batch, c, stem);
        for (int i = 0; i < BATCH * PLANE; i++) {
            int y = i % PLANE / SIDE, x = i % SIDE, around = 0;
            double sum = 0;
            for (int k = 0; k < 9; k++) {
                int py = y + k / 3 - 1, px = x + k % 3 - 1;
                if (py >= 0 && py < SIDE && px >= 0 && px < SIDE) sum += stem[i / PLANE * PLANE + py * SIDE + px], around++;
            }
            u[i] = gates[0] * stem[i] + gates[1] * sum / around;
        }
        check_bits(f, pass, "act_act", c, u);
    }
}

// What each pass was asked for: "aG": on the images of alphas, gates' gradients; W: weights' gradients; S: statistics move.
static void check_kinds(const sn_h5r *f, const char *step, const char *const *kinds, int passes) {
    char path[64];
    for (int p = 0; p <= passes; p++) {
        snprintf(path, sizeof path, "%s/passes/%d", step, p);
        ck_assert_int_eq(sn_h5_has(f, path), p < passes);
        if (p == passes) return;
        char *half = words(f, path, "half");
        ck_assert_str_eq(half, *kinds[p] == 'a' ? "alphas" : "weights");
        ck_assert_int_eq(integer(f, path, "wants_gates"), strchr(kinds[p], 'G') != NULL);
        ck_assert_int_eq(integer(f, path, "wants_weights"), strchr(kinds[p], 'W') != NULL);
        ck_assert_int_eq(integer(f, path, "moves_statistics"), strchr(kinds[p], 'S') != NULL);
        free(half);
    }
}

START_TEST(relaxed_steps_are_told_as_they_were) {
    static const char *const *const all[] = {darts, second, gdas};
    static const char *const kinds[][5] = {{"aG", "wWS"}, {"wW", "aGW", "wG", "wG", "wWS"}, {"aG", "wWS"}};
    bool single = all[_i] == gdas, ahead = all[_i] == second;
    sn_h5r *f = traced(all[_i], 1, RELAXED_STEPS, false);
    char *method = words(f, "/", "sampler"), *relax = words(f, "/", "relax");
    ck_assert_str_eq(method, single ? "gdas" : "darts");
    ck_assert_ptr_nonnull(strstr(relax, "\"temperature_end\":1.0"));
    ck_assert(real(f, "/", "bn_momentum") == 0.1);
    for (int k = 1, passes = ahead ? 5 : 2; k <= RELAXED_STEPS; k++) {
        char step[32], path[64], batch[64];
        double alpha[2][PLACES], temperature = single ? 3 - (k - 1) * 2.0 / (STEPS - 1) : 1;
        snprintf(step, sizeof step, "/steps/%08d", k);
        snprintf(batch, sizeof batch, "%s%s", step, single ? "" : "/alpha_batch");
        reals(f, alpha[0], "%s/alphas/before/alpha", step);
        reals(f, alpha[1], "%s/alphas/after/alpha", step);
        check_batches(f, step, !single);
        check_update(f, step);
        check_alphas(f, step);
        check_kinds(f, step, kinds[_i], passes);
        for (int p = 0; p < passes; p++) {
            snprintf(path, sizeof path, "%s/passes/%d", step, p);
            check_gates(f, path, alpha[p + 1 == passes], temperature, single);
            if (!single && (p + 1 == passes || p == 0)) // at the weights of the step
                check_mixture(f, step, ahead || p ? step : batch, path);
        }
        if (!ahead) check_pull(f, step, temperature);
    }
    free(method);
    free(relax);
    sn_h5r_free(f);
}
END_TEST

// The bytes of a dataset of floats in two traces.
static void same(const sn_h5r *a, const sn_h5r *b, const char *path) {
    size_t n, m;
    float *x = floats(a, &n, "%s", path), *y = floats(b, &m, "%s", path);
    ck_assert_uint_eq(n, m);
    ck_assert_mem_eq(x, y, n * sizeof *x);
    free(x);
    free(y);
}

// Trained silently up to step 3, or traced from step 1: the same step 3. Its initial state is the state before it.
START_TEST(later_steps_are_the_same) {
    sn_h5r *whole = traced(sgd, 1, 3, false), *part = traced(sgd, 3, 3, false);
    static const char *const paths[] = {"images", "gradients/stem.weight", "before/params/stem.weight",
                                        "after/optim/stem.weight/momentum", "after/buffers/stem_bn.running_var"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char path[128];
        snprintf(path, sizeof path, "/steps/00000003/%s", paths[i]);
        same(whole, part, path);
    }
    size_t n;
    float *initial = floats(part, &n, "/initial/params/stem.weight"),
          *before = floats(part, &n, "/steps/00000003/before/params/stem.weight");
    ck_assert_mem_eq(initial, before, n * sizeof *initial);
    ck_assert(!sn_h5_has(part, "/steps/00000002"));
    free(initial);
    free(before);
    sn_h5r_free(whole);
    sn_h5r_free(part);
}
END_TEST

// All state after some steps, as a number that any change of a bit changes.
static uint64_t state_hash(const sn_run *r) {
    static const sn_buffer parts[] = {SN_BUFFER_WEIGHTS, SN_BUFFER_STATS, SN_BUFFER_SLOT0};
    uint64_t h = SN_HASH_START;
    for (int k = 0; k < 3; k++) {
        const float *v = sn_memory_map(r->net->memory, parts[k]);
        h = sn_hash_bytes(h, v, (size_t)sn_memory_elements(r->net->memory, parts[k]) * sizeof *v);
        sn_memory_unmap(r->net->memory, parts[k], v);
    }
    for (int i = 0; r->alphas && i < r->alphas->places; i++)
        h = sn_hash_bytes(h, &r->alphas->alpha[i], sizeof r->alphas->alpha[i]);
    return h;
}

START_TEST(tracing_changes_nothing) {
    static const char *const *const all[] = {sgd, second, gdas};
    sn_run *watched = new_run(all[_i]), *alone = new_run(all[_i]);
    ck_ok(sn_trace(watched, 1, 2, false, at("trace.h5")));
    sn_trainer *t;
    ck_ok(sn_trainer_create(alone, &t));
    for (int i = 0; i < 2; i++) ck_ok(sn_trainer_step(t));
    ck_assert_int_eq(watched->step, alone->step);
    ck_assert_uint_eq(state_hash(watched), state_hash(alone));
    ck_ok(sn_trainer_step(t));
    ck_assert_uint_ne(state_hash(watched), state_hash(alone)); // the hash sees a step
    sn_trainer_free(t);
    sn_run_free(watched);
    sn_run_free(alone);
}
END_TEST

START_TEST(inputs_only_has_inputs_and_losses) {
    sn_h5r *whole = traced(sgd, 1, 2, false), *f = traced(sgd, 1, 2, true);
    static const char *const absent[] = {"gradients", "before", "after", "draws", "passes/0/logits", "passes/0/inside"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        char path[128];
        snprintf(path, sizeof path, "/steps/00000002/%s", absent[i]);
        ck_assert(sn_h5_has(whole, path) && !sn_h5_has(f, path));
    }
    same(whole, f, "/steps/00000002/images");
    same(whole, f, "/initial/params/stem.weight");
    check_mask(f, "/steps/00000002/passes/2");
    ck_assert(real(f, "/steps/00000002/passes/2", "loss") == real(whole, "/steps/00000002/passes/2", "loss"));
    sn_h5r_free(whole);
    sn_h5r_free(f);
}
END_TEST

START_TEST(inputs_only_in_mode_relax) {
    sn_h5r *f = traced(darts, 1, 1, true);
    static const char *const absent[] = {"gradients",
                                         "before",
                                         "after",
                                         "draws",
                                         "alphas",
                                         "alpha_gradients",
                                         "alpha_batch/draws",
                                         "passes/0/logits",
                                         "passes/0/kept",
                                         "passes/0/gate_gradients"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        char path[128];
        snprintf(path, sizeof path, "/steps/00000001/%s", absent[i]);
        ck_assert(!sn_h5_has(f, path));
    }
    ck_assert(sn_h5_has(f, "/steps/00000001/alpha_batch/images") && sn_h5_has(f, "/steps/00000001/passes/1/gates"));
    ck_assert(real(f, "/steps/00000001/passes/0", "loss") > 0);
    sn_h5r_free(f);
}
END_TEST

static void refuse(sn_run *r, int first, int last, const char *message) {
    ck_assert_int_eq(sn_trace(r, first, last, false, at("none.h5")), SN_USAGE);
    ck_assert_str_eq(sn_error_text(), message);
    ck_assert_int_ne(access(at("none.h5"), F_OK), 0);
}

START_TEST(wrong_steps_are_refused) {
    sn_run *r = new_run(sgd);
    ck_ok(sn_trace(r, 2, 2, true, at("trace.h5")));
    refuse(r, 0, 2, "steps 0:2: wanted is A:B with 1 <= A <= B");
    refuse(r, 4, 3, "steps 4:3: wanted is A:B with 1 <= A <= B");
    refuse(r, 5, STEPS + 1, "step 7: the training has 6 steps");
    refuse(r, 2, 3, "step 2: the run stands after step 2; trace a later one, or start from an earlier checkpoint or the config");
    ck_assert_int_eq(r->step, 2);
    ck_assert_int_ne(sn_trace(r, 3, 3, false, at("absent/none.h5")), SN_OK); // a folder that is not there
    sn_run_free(r);
}
END_TEST

int main(void) {
    Suite *s = suite_create("trace");
    TCase *t = tcase_create("steps");
    tcase_add_checked_fixture(t, folder_make, folder_remove);
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, steps_are_told_as_they_were, 0, 4);
    tcase_add_test(t, later_steps_are_the_same);
    tcase_add_loop_test(t, relaxed_steps_are_told_as_they_were, 0, 3);
    tcase_add_loop_test(t, tracing_changes_nothing, 0, 3);
    tcase_add_test(t, inputs_only_has_inputs_and_losses);
    tcase_add_test(t, inputs_only_in_mode_relax);
    tcase_add_test(t, wrong_steps_are_refused);
    suite_add_tcase(s, t);
    return run_suite(s);
}
