// More epochs for a finished run: the bits of one that had them from the start where the learning rate is the same, those of any
// other extension of it otherwise; the old run as it was; what is written down; what is refused.
#include "io/files/h5file.h"
#include "processes.h"

#include <jansson.h>

static const char *old;

static void setup(void) {
    program_setup();
    put_config(at("c.yaml"), "epochs: 2, optimizer: {clip: 5}");
    old = lasting(at("old"));
}

#define TRAIN_OLD(...) ck_code(0, RUN(PLAIN, "train", at("c.yaml"), "-o", old, "--quiet", __VA_ARGS__))
#define EXTEND(h, folder, ...) RUN(h, "train", old, "--extend", "1", "-o", folder, __VA_ARGS__)

// Line after line of a log, those with this key.
static json_t *logged(const char *run, const char *key) {
    char path[512], line[4096];
    json_t *all = json_array();
    snprintf(path, sizeof path, "%s/log.jsonl", run);
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f)) {
        json_t *x = json_loads(line, 0, NULL);
        if (json_object_get(x, key)) json_array_append(all, x);
        json_decref(x);
    }
    fclose(f);
    return all;
}

// ---------------------------------------------------------------- two checkpoints
typedef struct {
    const sn_h5r *a, *b;
    const char *group;
    int compared;
} pair;

static sn_status compare(void *context, const char *name, bool is_group) {
    pair *p = context;
    char path[512];
    size_t dims[4], n = 1;
    int rank = 1;
    ck_assert(!is_group);
    snprintf(path, sizeof path, "%s/%s", p->group, name);
    while (rank < 4 && sn_h5_shape(p->a, path, SN_F32, rank, dims) != SN_OK) rank++;
    ck_ok(sn_h5_shape(p->a, path, SN_F32, rank, dims));
    for (int i = 0; i < rank; i++) n *= dims[i];
    float *x = sn_new(n, sizeof *x), *y = sn_new(n, sizeof *y);
    ck_ok(sn_h5_read(p->a, path, SN_F32, rank, dims, x));
    ck_ok(sn_h5_read(p->b, path, SN_F32, rank, dims, y));
    ck_assert_msg(!memcmp(x, y, n * sizeof *x), "%s differs", path);
    p->compared++;
    free(x);
    free(y);
    return SN_OK;
}

// The same weights and running statistics, whatever the configs say.
static void ck_same_weights(const char *first, const char *second) {
    sn_h5r *a, *b;
    ck_ok(sn_h5_open(first, 1 << 26, &a));
    ck_ok(sn_h5_open(second, 1 << 26, &b));
    pair p = {a, b, "/params", 0};
    ck_ok(sn_h5_list(a, p.group, compare, &p));
    p.group = "/buffers";
    ck_ok(sn_h5_list(a, p.group, compare, &p));
    ck_assert_int_gt(p.compared, 40);
    sn_h5r_free(a);
    sn_h5r_free(b);
}

// ---------------------------------------------------------------- what comes out
START_TEST(as_if_longer_from_the_start) {
    static const char *const optimizers[] = {"train.optimizer.name=sgd", "train.optimizer.name=adamw"};
    const char *whole = lasting(at("whole")), *more = lasting(at("more"));
#define CONSTANT "--set", "train.optimizer.schedule=constant", "--set", optimizers[_i], "--set", "train.sampler=fair"
    TRAIN_OLD(CONSTANT);
    ck_code(0, RUN(PLAIN, "train", at("c.yaml"), "-o", whole, "--quiet", CONSTANT, "--set", "train.epochs=3"));
    ck_code(0, EXTEND(PLAIN, more, "--threads", "3"));
    ck_said("to 3 epochs, from step 80 to 120");
    ck_said("from there on, and constant; it had ended at 0.05");
    ck_same_weights(checkpoint(old, 80), checkpoint(more, 80));
    ck_same_weights(checkpoint(whole, 120), checkpoint(more, 120));
}
END_TEST

// The cosine of the whole new length; the old run as it was; the same bytes after a kill, in other folders, from a copy.
START_TEST(cosine) {
    const char *whole = lasting(at("whole")), *more = lasting(at("more")), *again = lasting(at("again")),
               *as_it_was = lasting(at("o"));
    TRAIN_OLD("--threads", "1");
    ck_code(0, RUN(PLAIN, "train", at("c.yaml"), "-o", whole, "--quiet", "--set", "train.epochs=3"));
    char command[2048];
    snprintf(command, sizeof command, "cp -a %s %s", old, as_it_was);
    ck_assert_int_eq(system(command), 0);
    ck_code(0, EXTEND(PLAIN, more, "--threads", "1"));
    ck_said("as the cosine of the whole new length goes on");
    how kill = {.fault = "2:2:s9", .folder = "/checkpoints"};
    ck_code(SIGNALLED + SIGKILL, EXTEND(kill, again, "--set", "train.save_every=9"));
    ck_assert_int_eq(newest(again), 80);
    ck_code(0, EXTEND(PLAIN, again, "--set", "train.save_every=9"));
    ck_same_weights(checkpoint(more, 120), checkpoint(again, 120));
    ck_code(0, RUN(PLAIN, "train", as_it_was, "--extend", "1", "-o", at("moved"), "--quiet"));
    ck_assert(same_files(checkpoint(more, 120), checkpoint(at("moved"), 120)));
    snprintf(command, sizeof command, "diff -r %s %s", old, as_it_was);
    ck_assert_int_eq(system(command), 0);
    json_t *theirs = logged(whole, "lr"), *ours = logged(more, "lr"), *x;
    size_t i, skip = json_array_size(theirs) - json_array_size(ours);
    ck_assert_uint_eq(json_array_size(ours), 2);
    json_array_foreach(ours, i, x) {
        ck_assert(json_equal(json_object_get(x, "lr"), json_object_get(json_array_get(theirs, i + skip), "lr")));
    }
    json_decref(theirs);
    json_decref(ours);
    ck_code(0, EXTEND(PLAIN, more, "--threads", "1"));
    ck_said("is finished: 120 steps; nothing to do");
}
END_TEST

// Killed before there is a checkpoint: the next start begins anew, with one line in the log.
START_TEST(written_down) {
    const char *more = lasting(at("more"));
    TRAIN_OLD("--threads", "1");
    how kill = {.fault = "1:4:s9", .folder = "/checkpoints"};
    ck_code(SIGNALLED + SIGKILL, EXTEND(kill, more, "--threads", "1"));
    ck_assert_int_eq(newest(more), -1);
    ck_code(0, EXTEND(PLAIN, more, "--threads", "1"));
    json_t *lines = logged(more, "extends"), *line = json_array_get(lines, 0);
    ck_assert_uint_eq(json_array_size(lines), 1);
    ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(line, "extends")), "/old"));
    ck_assert_int_eq(json_integer_value(json_object_get(line, "step")), 80);
    ck_assert(json_integer_value(json_object_get(line, "epochs_before")) == 2);
    ck_assert(json_integer_value(json_object_get(line, "epochs")) == 3);
    const char *name = json_string_value(json_object_get(line, "checkpoint"));
    ck_code(0, RUN(PLAIN, "verify", checkpoint(old, 80)));
    ck_assert_msg(!strncmp(name, "step-00000080-", 14) && strstr(printed, name + 14), "%s: %s", name, printed);
    json_decref(lines);
    char config[1 << 14];
    config[get_file(at("more/config.yaml"), config, sizeof config)] = 0;
    ck_assert_ptr_nonnull(strstr(config, "\n  extends: step-00000080-"));
    ck_assert_ptr_nonnull(strstr(config, "\n  epochs: 3\n"));
    // a run like any other
    ck_code(0, RUN(PLAIN, "train", at("more/config.yaml"), "-o", more));
    ck_said("nothing to do");
    ck_code(0, RUN(PLAIN, "retrain", more, "--arch", "skip,skip,skip", "--quiet"));
    ck_code(0, RUN(PLAIN, "train", more, "--extend", "1", "-o", at("third"), "--set", "train.optimizer.lr=0.01", "--quiet"));
    ck_assert_int_eq(newest(at("third")), 160);
}
END_TEST

// ---------------------------------------------------------------- refusals
START_TEST(refusals) {
    ck_code(2, RUN(PLAIN, "train", at("c.yaml"), "--extend", "1", "-o", at("more")));
    ck_said("c.yaml'; allowed is the folder of a finished run");
    ck_code(2, EXTEND(PLAIN, at("more"), "--quiet"));
    ck_said("allowed is the folder of a finished run");
    how stop = {.fault = "1:0:s15", .folder = "/checkpoints"};
    ck_code(75, RUN(stop, "train", at("c.yaml"), "-o", old, "--quiet"));
    ck_code(2, EXTEND(PLAIN, at("more"), "--quiet"));
    ck_said("is not finished: step 41 of 80; allowed are finished runs");
    TRAIN_OLD("--threads", "1");
    ck_code(2, RUN(PLAIN, "train", old, "--extend", "1"));
    ck_said("--extend is found without --output");
    ck_code(2, RUN(PLAIN, "train", old, "--extend", "0", "-o", at("more")));
    ck_code(2, EXTEND(PLAIN, old, "--quiet"));
    ck_said("the run itself; allowed is another folder");
    static const char *const sets[][2] = {{"train.epochs=9", "how many epochs there are: found --set train.epochs=9 beside it"},
                                          {"train.extends=x", "found --set train.extends=x beside it"},
                                          {"train.batch=4", "--extend: train.batch is 8 in "},
                                          {"train.seed=5", "--extend: train.seed is 1 in "},
                                          {"space.arch=\"skip,skip,skip\"", "--extend: space"},
                                          {"train.optimizer.name=adam", "another optimiser cannot go on from the state"},
                                          {NULL, NULL}};
    for (int i = 0; sets[i][1]; i++) {
        ck_code(2, EXTEND(PLAIN, at("more"), "--set", sets[i][0]));
        ck_said(sets[i][1]);
    }
    ck_code(2, EXTEND(PLAIN, at("more"), "--set", "train.optimizer.momentum=0", "--set", "train.optimizer.nesterov=false"));
    ck_said("another optimiser cannot go on from the state");
    ck_code(3, EXTEND(PLAIN, at("more"), "--set", "train.optimizer.lr=-1"));
    ck_assert_int_ne(access(at("more"), F_OK), 0); // nothing was begun
    ck_code(0, EXTEND(PLAIN, at("more"), "--quiet"));
    ck_code(3, RUN(PLAIN, "train", at("more/config.yaml"), "-o", at("fresh")));
    ck_said(
        "this training goes on from a checkpoint of another run, and cannot begin without it; `supernet train RUN --extend N");
    ck_code(3, RUN(PLAIN, "trace", at("more/config.yaml"), "--steps", "1:2", "-o", at("t.h5")));
    ck_said("train.extends is 'step-00000080-");
    ck_code(3, RUN(PLAIN, "train", old, "--extend", "2", "-o", at("more"))); // of another length
    ck_said("was trained with another config: train.epochs was 3, now 4");
}
END_TEST

int main(void) {
    Suite *s = suite_create("extend");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, folder_remove);
    tcase_set_timeout(t, 240);
    tcase_add_loop_test(t, as_if_longer_from_the_start, 0, 2);
    tcase_add_test(t, cosine);
    tcase_add_test(t, written_down);
    tcase_add_test(t, refusals);
    suite_add_tcase(s, t);
    return run_suite(s);
}
