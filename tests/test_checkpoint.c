// Checkpoints: everything comes back, equal contents are equal bytes, damage of any kind is refused, numbers that are not finite
// are never written (reliability plan R8, R9, R13). Not here: whole trainings (test_train.c, test_reliability.c).
#include "folder.h"
#include "h5bytes.h"
#include "io/files/checkpoint.h"
#include "io/files/h5file.h"

#include <math.h>
#include <stdbool.h>
#include <sys/stat.h>

enum { PASSES = 5 };

// A net of a few parameters, with contents that can be told apart.
typedef struct {
    sn_params params;
    float *buffer[4]; // weights, two slots, statistics
    int64_t updates[8], passes[PASSES];
    double mean[3], std[3];
    sn_checkpoint c;
} net;

static void add(net *n, const char *name, sn_param_kind kind, int kernel, int in, int out) {
    ck_assert_int_ge(sn_params_add(&n->params, name, kind, kernel, in, out), 0);
}

static void make(net *n, int slots, int wider) {
    *n = (net){.mean = {0.1, 0.2, 0.3}, .std = {1, 2, 3}};
    add(n, "stem.conv.weight", SN_PARAM_CONV, 3, 3, 4 + wider);
    add(n, "stem.bn.weight", SN_PARAM_GAMMA, 1, 1, 4 + wider);
    add(n, "stem.bn.bias", SN_PARAM_BETA, 1, 1, 4 + wider);
    add(n, "fc.weight", SN_PARAM_LINEAR, 1, 4, 10);
    add(n, "fc.bias", SN_PARAM_BIAS, 1, 1, 10);
    ck_assert_int_eq(sn_params_add_stats(&n->params, "stem.bn", 4 + wider), 0);
    for (int b = 0; b < 4; b++) {
        int64_t size = b == 3 ? n->params.stats_total : n->params.total;
        n->buffer[b] = calloc((size_t)size, sizeof(float));
        for (int i = 0; b < 3 && i < n->params.n; i++)
            for (int64_t k = 0; k < n->params.param[i].size; k++)
                n->buffer[b][n->params.param[i].offset + k] = (float)(1000 * b + 100 * i) + (float)k / 8;
        const sn_stats *s = n->params.stats;
        for (int64_t k = 0; b == 3 && k < s->c; k++)
            n->buffer[b][s->mean + k] = (float)k, n->buffer[b][s->var + k] = (float)k + 50;
    }
    for (int i = 0; i < n->params.n; i++) n->updates[i] = 7 * i;
    for (int i = 0; i < PASSES; i++) n->passes[i] = INT64_C(1) << (10 * i);
    n->c = (sn_checkpoint){.config = "train: {}\n",
                           .fingerprint = "0123456789abcdef",
                           .class_names = "cat\ndog",
                           .step = 1234,
                           .best = 0.625,
                           .best_step = 1200,
                           .mean = n->mean,
                           .std = n->std,
                           .channels = 3,
                           .option_passes = n->passes,
                           .n_option_passes = PASSES,
                           .params = &n->params,
                           .slot_name = {slots > 0 ? "exp_avg" : NULL, slots > 1 ? "exp_avg_sq" : NULL},
                           .weights = n->buffer[0],
                           .slot = {n->buffer[1], n->buffer[2]},
                           .stats = n->buffer[3],
                           .updates = n->updates};
}

static void clear(net *n) {
    for (int b = 0; b < 4; b++) free(n->buffer[b]);
    sn_params_free(&n->params);
}

// Forgets what was saved, so that reading has to bring it back.
static void blank(net *n) {
    for (int b = 0; b < 4; b++)
        memset(n->buffer[b], 0, (size_t)(b == 3 ? n->params.stats_total : n->params.total) * sizeof(float));
    memset(n->updates, 0, sizeof n->updates);
    memset(n->passes, 0, sizeof n->passes);
    n->c.step = n->c.best_step = 0, n->c.best = 0;
}

static sn_status read_all(const char *path, net *n, double *mean, double *std) {
    sn_checkpoint_file *f = NULL;
    sn_status s = sn_checkpoint_open(path, &f);
    if (s == SN_OK) s = sn_checkpoint_read(f, &n->c, n->passes, mean, std);
    sn_checkpoint_close(f);
    return s;
}

static void ck_same(const net *a, const net *b) {
    for (int k = 0; k < 4; k++)
        if (k == 0 || k == 3 || a->c.slot_name[k - 1])
            ck_assert_mem_eq(a->buffer[k], b->buffer[k],
                             (size_t)(k == 3 ? a->params.stats_total : a->params.total) * sizeof(float));
    ck_assert_mem_eq(a->updates, b->updates, sizeof a->updates);
    ck_assert_mem_eq(a->passes, b->passes, sizeof a->passes);
    ck_assert_int_eq(a->c.step, b->c.step);
    ck_assert_int_eq(a->c.best_step, b->c.best_step);
    ck_assert(!memcmp(&a->c.best, &b->c.best, sizeof a->c.best)); // also NaN
}

START_TEST(round_trip) {
    net n, m;
    double mean[3], std[3];
    make(&n, _i, 0);
    make(&m, _i, 0);
    if (!_i) n.c.best = m.c.best = NAN, n.c.best_step = m.c.best_step = 0;
    ck_ok(sn_checkpoint_save(path_a, &n.c));
    blank(&m);
    ck_ok(read_all(path_a, &m, mean, std));
    ck_same(&n, &m);
    ck_assert_mem_eq(mean, n.mean, sizeof mean);
    ck_assert_mem_eq(std, n.std, sizeof std);
    struct stat st;
    ck_assert_int_eq(stat(path_a, &st), 0);
    ck_assert_uint_le((size_t)st.st_size, sn_checkpoint_bytes(&n.params, _i)); // what the check for space asks for
    ck_assert_uint_ge((size_t)st.st_size * 3 / 2 + (32 << 10), sn_checkpoint_bytes(&n.params, _i));
    sn_checkpoint_file *f;
    ck_ok(sn_checkpoint_open(path_a, &f));
    ck_assert_str_eq(sn_checkpoint_config(f), n.c.config);
    ck_assert_str_eq(sn_checkpoint_fingerprint(f), n.c.fingerprint);
    sn_checkpoint_close(f);
    clear(&n);
    clear(&m);
}
END_TEST

START_TEST(same_bytes) {
    net n;
    make(&n, 2, 0);
    ck_ok(sn_checkpoint_save(path_a, &n.c));
    ck_ok(sn_checkpoint_save(path_b, &n.c));
    ck_assert(same_files(path_a, path_b));
    clear(&n);
}
END_TEST

// Every place of a number, NaN and both infinities: refused by name, nothing written, the file before stands.
START_TEST(not_finite) {
    net n, m;
    make(&n, 2, 0);
    make(&m, 2, 0);
    ck_ok(sn_checkpoint_save(path_a, &n.c));
    const float bad[] = {NAN, INFINITY, -INFINITY};
    static const char *const names[] = {"weight", "exp_avg", "exp_avg_sq"};
    for (int b = 0; b < 4; b++)
        for (int i = 0; i < (b == 3 ? 2 : n.params.n); i++)
            for (int k = 0; k < 3; k++) {
                const sn_param *p = &n.params.param[i];
                float *place = b == 3 ? n.buffer[3] + (i ? n.params.stats->var : n.params.stats->mean) + 3
                                      : n.buffer[b] + p->offset + p->size - 1;
                float kept = *place;
                *place = bad[k];
                ck_assert_int_eq(sn_checkpoint_save(path_a, &n.c), SN_DIVERGED);
                ck_message(b == 3 ? (i ? "running variance 3 of 'stem.bn'" : "running mean 3 of 'stem.bn'") : names[b]);
                if (b < 3) ck_message(p->name);
                *place = kept;
            }
    ck_assert_int_eq(folder_count(), 1);
    ck_ok(read_all(path_a, &m, NULL, NULL));
    ck_same(&n, &m);
    clear(&n);
    clear(&m);
}
END_TEST

// The file of another net, or of another optimiser: the first tensor that does not fit is named.
START_TEST(other_nets) {
    net n, m;
    make(&n, 1, 0);
    make(&m, 1, 1);
    ck_ok(sn_checkpoint_save(path_a, &n.c));
    ck_assert_int_eq(read_all(path_a, &m, NULL, NULL), SN_DATA);
    ck_message("/params/stem.conv.weight");
    clear(&m);
    make(&m, 2, 0);
    ck_assert_int_eq(read_all(path_a, &m, NULL, NULL), SN_DATA);
    ck_message("/optim/stem.conv.weight/exp_avg_sq");
    add(&m, "more.weight", SN_PARAM_LINEAR, 1, 1, 1);
    for (int b = 0; b < 3; b++) m.buffer[b] = realloc(m.buffer[b], (size_t)m.params.total * sizeof(float));
    m.c.weights = m.buffer[0], m.c.slot_name[0] = m.c.slot_name[1] = NULL;
    ck_assert_int_eq(read_all(path_a, &m, NULL, NULL), SN_DATA);
    ck_message("/params/more.weight");
    int taken;
    sn_checkpoint_file *f;
    blank(&m);
    ck_ok(sn_checkpoint_open(path_a, &f));
    ck_ok(sn_checkpoint_read_weights(f, &m.params, m.buffer[0], m.buffer[3], &taken)); // what is there is taken over
    sn_checkpoint_close(f);
    ck_assert_int_eq(taken, 5);
    ck_assert_mem_eq(m.buffer[0], n.buffer[0], (size_t)n.params.total * sizeof(float));
    ck_assert_mem_eq(m.buffer[3], n.buffer[3], (size_t)n.params.stats_total * sizeof(float));
    clear(&n);
    clear(&m);
}
END_TEST

START_TEST(other_files) {
    sn_checkpoint_file *f = NULL;
    ck_assert_int_eq(sn_checkpoint_open(path_a, &f), SN_DATA);
    ck_message("ENOENT");
    for (int64_t version = 0; version < 4; version++) {
        sn_h5w *w;
        ck_ok(sn_h5_create(4096, &w));
        ck_ok(sn_h5_attr_text(w, "/", "format", version ? "supernet-checkpoint" : "something"));
        ck_ok(sn_h5_attr_int(w, "/", "format_version", version));
        ck_ok(sn_h5_save(w, path_a));
        sn_h5w_free(w);
        ck_assert_int_eq(sn_checkpoint_open(path_a, &f), SN_DATA);
        ck_message(path_a);
        ck_message(version == 0 ? "'something'" : version == 1 ? "config" : "format version");
    }
    ck_assert_ptr_null(f);
}
END_TEST

// --- damage

// Reads a damaged file: refused, or, where only unused bytes of the header changed, proven identical.
static bool refused(const net *n, net *m) {
    blank(m);
    sn_status s = read_all(path_b, m, NULL, NULL);
    if (s == SN_OK) ck_same(n, m);
    ck_assert_msg(s == SN_OK || s == SN_DATA, "status %d: %s", s, sn_error_text());
    if (s == SN_DATA) ck_message(path_b);
    return s == SN_DATA;
}

enum { HEADER = H5_HEADER };

START_TEST(damaged) {
    net n, m;
    make(&n, 1, 0);
    make(&m, 1, 0);
    ck_ok(sn_checkpoint_save(path_a, &n.c));
    size_t size;
    unsigned char *bytes = load_file(path_a, &size);
    for (size_t cut = 0; cut < size; cut += 2) {
        put_file(path_b, bytes, cut);
        ck_assert_msg(refused(&n, &m), "cut to %zu of %zu bytes", cut, size);
    }
    for (size_t i = 0; i < size; i += 2) {
        unsigned char kept[8];
        size_t k = size - i < 8 ? size - i : 8;
        memcpy(kept, bytes + i, k);
        bytes[i] ^= (unsigned char)(1u << i / 2 % 8);
        put_file(path_b, bytes, size);
        ck_assert_msg(refused(&n, &m) || i < HEADER, "a flipped bit at %zu", i);
        memset(bytes + i, i % 4 ? 0xFF : 0, k);
        bool changed = memcmp(bytes + i, kept, k);
        put_file(path_b, bytes, size);
        ck_assert_msg(refused(&n, &m) || i < HEADER || !changed, "overwritten at %zu", i);
        memcpy(bytes + i, kept, k);
    }
    for (size_t i = 0; i + 2 * 512 <= size; i += 512) { // two blocks in each other's place
        unsigned char *swapped = malloc(size);
        memcpy(swapped, bytes, size);
        memcpy(swapped + i, bytes + i + 512, 512);
        memcpy(swapped + i + 512, bytes + i, 512);
        put_file(path_b, swapped, size);
        bool changed = memcmp(swapped, bytes, size);
        free(swapped);
        ck_assert_msg(refused(&n, &m) || !changed, "swapped at %zu", i);
    }
    put_file(path_b, bytes, size);
    ck_assert(!refused(&n, &m));
    free(bytes);
    clear(&n);
    clear(&m);
}
END_TEST

// --- hostile files: the checksum is right

// Puts a value in place of another that stands once in the file.
static void replace(const net *n, const void *old, const void *new, size_t bytes) {
    size_t size;
    ck_ok(sn_checkpoint_save(path_a, &n->c));
    unsigned char *p = load_file(path_a, &size), *at = memmem(p, size, old, bytes);
    ck_assert_ptr_nonnull(at);
    ck_assert_ptr_null(memmem(at + 1, size - (size_t)(at + 1 - p), old, bytes));
    memcpy(at, new, bytes);
    h5_seal(p, size);
    put_file(path_b, p, size);
    free(p);
}

// Refused by this message, and not one number of the net was touched.
static void expect_untouched(net *m, const char *message) {
    net before;
    make(&before, 2, 0);
    blank(&before);
    blank(m);
    double mean[3] = {7, 7, 7}, std[3] = {7, 7, 7};
    ck_assert_msg(read_all(path_b, m, mean, std) == SN_DATA, "accepted where this was expected: %s", message);
    ck_message(path_b);
    ck_message(message);
    ck_same(&before, m);
    for (int i = 0; i < 3; i++) ck_assert(mean[i] == 7 && std[i] == 7);
    clear(&before);
}

START_TEST(nonsense) {
    static const struct {
        double value;
        const char *message;
    } numbers[] = {{NAN, "is not finite"}, {INFINITY, "is not finite"}, {-INFINITY, "is not finite"}, {-1, "is negative (-1)"}};
    net n, m;
    make(&n, 2, 0);
    make(&m, 2, 0);
    const sn_stats *s = n.params.stats;
    float *const floats[] = {n.buffer[0] + n.params.param[4].offset + 3, n.buffer[1] + n.params.param[0].offset + 1,
                             n.buffer[2] + n.params.param[3].offset + 2, n.buffer[3] + s->mean + 3, n.buffer[3] + s->var + 2};
    static const char *const names[] = {"weight 3 of 'fc.bias' ", "exp_avg 19 of 'stem.conv.weight' ",
                                        "exp_avg_sq 20 of 'fc.weight' ", "running mean 3 of 'stem.bn' ",
                                        "running variance 2 of 'stem.bn' "};
    for (size_t i = 0; i < 5; i++)
        for (size_t k = 0; k < (i == 2 || i == 4 ? 4 : 3); k++) {
            *floats[i] = 12345.678f;
            float bad = (float)numbers[k].value;
            replace(&n, floats[i], &bad, sizeof bad);
            expect_untouched(&m, numbers[k].message);
            if (i != 1 && i != 2) ck_message(names[i]); // (order of the file)
            *floats[i] = 1;
        }
    const int64_t unique = 0x12345678;
    static const int64_t counts[] = {-1, INT64_MIN, INT64_MAX, (INT64_C(1) << 53) + 1};
    for (size_t k = 0; k < 4; k++) {
        n.updates[2] = unique;
        replace(&n, &unique, &counts[k], 8);
        expect_untouched(&m, "/progress/updates: number 2 is ");
        n.updates[2] = 0, n.passes[1] = unique;
        replace(&n, &unique, &counts[k], 8);
        expect_untouched(&m, "/progress/option_passes: number 1 is ");
        n.passes[1] = 0;
    }
    static const int64_t steps[] = {-1, INT64_MIN, INT64_MAX, (INT64_C(1) << 32) + 1, 1};
    n.c.step = unique;
    static const char *const allowed[] = {"0 to 2^32 are allowed", "0 to 2^32 are allowed", "0 to 2^32 are allowed",
                                          "0 to 2^32 are allowed", "best_step 1200; 0 to the step, 1, are allowed"};
    for (size_t k = 0; k < 5; k++) {
        replace(&n, &unique, &steps[k], 8);
        expect_untouched(&m, allowed[k]);
    }
    n.c.best_step = unique - 1;
    for (size_t k = 0; k < 4; k++) {
        replace(&n, &n.c.best_step, &steps[k], 8);
        expect_untouched(&m, "best_step");
    }
    n.c.best = 0.123456789;
    for (size_t k = 0; k < 3; k++) {
        replace(&n, &n.c.best, &numbers[k].value, 8);
        expect_untouched(&m, "best is ");
    }
    n.std[1] = 1.23456789;
    for (size_t k = 0; k < 4; k++) {
        replace(&n, &n.std[1], &numbers[k].value, 8);
        expect_untouched(&m, "/preprocessing/std: number 1 is ");
    }
    clear(&n);
    clear(&m);
}
END_TEST

// The step of the name that a run folder gives is the file's.
START_TEST(names) {
    net n, m;
    make(&n, 0, 0);
    make(&m, 0, 0);
    ck_ok(sn_checkpoint_save(at("step-00001234.h5"), &n.c));
    ck_ok(read_all(at("step-00001234.h5"), &m, NULL, NULL));
    ck_assert_int_eq(rename(at("step-00001234.h5"), at("step-00001235.h5")), 0);
    ck_assert_int_eq(read_all(at("step-00001235.h5"), &m, NULL, NULL), SN_DATA);
    ck_message("step-00001235.h5: holds step 1234, which is not that of its name");
    ck_assert_int_eq(rename(at("step-00001235.h5"), at("step-00001235.h5.copy")), 0);
    ck_ok(read_all(at("step-00001235.h5.copy"), &m, NULL, NULL));
    clear(&n);
    clear(&m);
}
END_TEST

static void ck_sane(const net *m) {
    for (int b = 0; b < 4; b++)
        for (int64_t k = 0, all = b == 3 ? m->params.stats_total : m->params.total; k < all; k++)
            ck_assert(isfinite(m->buffer[b][k]));
    for (int i = 0; i < m->params.n; i++) ck_assert_int_ge(m->updates[i], 0);
    for (int i = 0; i < PASSES; i++) ck_assert_int_ge(m->passes[i], 0);
    ck_assert(m->c.step >= 0 && m->c.best_step >= 0 && m->c.best_step <= m->c.step);
}

// Refused, or read as a file that holds other, sensible values. Under a sanitizer and valgrind: nothing is read outside.
START_TEST(hostile) {
    net n, m;
    double mean[3], std[3];
    make(&n, 2, 0);
    make(&m, 2, 0);
    ck_ok(sn_checkpoint_save(path_a, &n.c));
    size_t size, heaps = 0, opened = 0;
    unsigned char *bytes = load_file(path_a, &size), *p = malloc(size);
    for (;; heaps++) {
        memcpy(p, bytes, size);
        if (!h5_spoil_heap(p, size, (int)heaps)) break;
        h5_seal(p, size);
        put_file(path_b, p, size);
        expect_untouched(&m, "refused, since its heap ");
    }
    ck_assert_uint_ge(heaps, 8);
    uint64_t random = 42;
    for (long i = h5_changes(); i > 0; i--) {
        h5_changed_copy(p, bytes, size, &random);
        put_file(path_b, p, size);
        blank(&m);
        sn_status s = read_all(path_b, &m, mean, std);
        ck_assert_msg(s == SN_OK || s == SN_DATA, "status %d: %s", s, sn_error_text());
        if (s == SN_OK) ck_sane(&m), opened++;
    }
    ck_assert_uint_gt(opened, 0);
    free(p);
    free(bytes);
    clear(&n);
    clear(&m);
}
END_TEST

// Many names: found again, refused twice, and fast enough for the largest nets that are allowed.
START_TEST(many_names) {
    enum { MANY = 200000 };
    sn_params p = {0};
    char name[64];
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "stage%d.layer%d.weight", i / 100, i % 100);
        ck_assert_int_eq(sn_params_add(&p, name, SN_PARAM_GAMMA, 1, 1, 1), i);
    }
    for (int i = 0; i < MANY; i += 997) {
        snprintf(name, sizeof name, "stage%d.layer%d.weight", i / 100, i % 100);
        ck_assert_int_eq(sn_params_find(&p, name), i);
        ck_assert_int_eq(sn_params_add(&p, name, SN_PARAM_GAMMA, 1, 1, 1), -1);
        ck_message(name);
    }
    ck_assert_int_eq(p.n, MANY);
    ck_assert_int_eq(sn_params_find(&p, "stage1.layer1"), -1);
    sn_params_free(&p);
    ck_assert_int_eq(sn_params_find(&p, "stage1.layer1.weight"), -1);
}
END_TEST

int main(void) {
    Suite *s = suite_create("checkpoint");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, folder_make, folder_remove);
    tcase_set_timeout(t, 240);
    tcase_add_loop_test(t, round_trip, 0, 3);
    tcase_add_test(t, same_bytes);
    tcase_add_test(t, not_finite);
    tcase_add_test(t, other_nets);
    tcase_add_test(t, other_files);
    tcase_add_test(t, damaged);
    tcase_add_test(t, many_names);
    suite_add_tcase(s, t);
    t = tcase_create("hostile");
    tcase_add_checked_fixture(t, folder_make, folder_remove);
    tcase_set_timeout(t, 240);
    tcase_add_test(t, nonsense);
    tcase_add_test(t, names);
    tcase_add_test(t, hostile);
    suite_add_tcase(s, t);
    return run_suite(s);
}
