// The same bytes in the last checkpoint whatever the machine is asked to do: threads, lanes, streaming, addresses, breaks
// (issue's fifth figure; reliability plan R12). Not here: kills (test_reliability.c), single kernels (test_backend.c).
#include "processes.h"

#include <stdint.h>

static const char *whole;

static void make_whole(void) {
    program_setup();
    put_config(at("c.yaml"), "epochs: 2, save_every: 20, optimizer: {clip: 5, label_smoothing: 0.1}");
    whole = lasting(at("whole"));
    ck_code(0, RUN(PLAIN, "train", at("c.yaml"), "-o", whole, "--threads", "1", "--device", "cpu-plain", "--quiet"));
}

static void ck_same_run(const char *run) {
    for (long step = 2 * STEPS_PER_EPOCH; step > STEPS_PER_EPOCH; step -= 20)
        ck_assert_msg(same_files(checkpoint(whole, step), checkpoint(run, step)), "%s: other bytes after step %ld", run, step);
}

static bool supports(const char *device) {
    if (!strcmp(device, "cpu-avx2")) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (!strcmp(device, "cpu-avx512"))
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw");
    return true;
}

START_TEST(lanes_and_threads) {
    static const char *const devices[] = {"cpu-plain", "cpu-avx2", "cpu-avx512", "cpu"};
    static const char *const threads[] = {"1", "2", "3", "7"};
    const char *device = devices[_i];
    for (int t = 0; t < 4; t++) {
        const char *run = lasting(at("%s-%s", device, threads[t]));
        if (supports(device)) {
            ck_code(0, RUN(PLAIN, "train", at("c.yaml"), "-o", run, "--threads", threads[t], "--device", device, "--quiet"));
            ck_same_run(run);
        } else {
            ck_code(2, RUN(PLAIN, "train", at("c.yaml"), "-o", run, "--device", device));
            ck_said(device);
        }
    }
}
END_TEST

START_TEST(streamed) {
    const char *run = lasting(at("streamed"));
    ck_code(0, RUN(PLAIN, "train", at("c.yaml"), "-o", run, "--set", "data.memory=1MiB", "--quiet"));
    ck_same_run(run);
}
END_TEST

START_TEST(addresses) {
    for (int i = 0; i < 3; i++) {
        const char *run = lasting(at("addresses%d", i));
        ck_code(0, RUN((how){.no_aslr = i > 0}, "train", at("c.yaml"), "-o", run, "--threads", "2", "--quiet"));
        ck_same_run(run);
    }
}
END_TEST

// Every part of the state comes back: samplers, optimisers, schedules, broken off in the middle of an epoch, on another machine.
START_TEST(broken_off) {
    static const char *const settings[] = {"train.sampler=fair", "train.sampler=uniform", "train.optimizer.nesterov=false",
                                           "train.sampler=uniform"};
    static const char *const optimizers[] = {"train.optimizer.name=adam", "train.optimizer.name=sgd",
                                             "train.optimizer.momentum=0", "train.optimizer.name=adamw"};
    static const char *const schedules[] = {"train.optimizer.schedule=cosine", "train.optimizer.schedule=step",
                                            "train.optimizer.warmup=1.5", "train.optimizer.schedule=cosine"};
    const char *one = lasting(at("one%d", _i)), *two = lasting(at("two%d", _i));
#define SETTINGS "--set", settings[_i], "--set", optimizers[_i], "--set", schedules[_i], "--set", "train.save_every=7", "--quiet"
    ck_code(0, RUN(PLAIN, "train", at("c.yaml"), "-o", one, SETTINGS));
    how stopped = {.fault = "5:0:s15", .folder = "/checkpoints"};
    ck_code(75, RUN(stopped, "train", at("c.yaml"), "-o", two, SETTINGS, "--device", "cpu-plain"));
    ck_assert_int_eq(newest(two), 36);
    ck_code(0, RUN(PLAIN, "train", at("c.yaml"), "-o", two, SETTINGS, "--threads", "3"));
    ck_assert(same_files(checkpoint(one, 2 * STEPS_PER_EPOCH), checkpoint(two, 2 * STEPS_PER_EPOCH)));
}
END_TEST

// The setting that must make a difference does: the comparison can fail.
START_TEST(other_seed) {
    const char *run = lasting(at("seed"));
    ck_code(0, RUN(PLAIN, "train", at("c.yaml"), "-o", run, "--set", "train.seed=2", "--quiet"));
    ck_assert(!same_files(checkpoint(whole, 2 * STEPS_PER_EPOCH), checkpoint(run, 2 * STEPS_PER_EPOCH)));
}
END_TEST

int main(void) {
    Suite *s = suite_create("bits");
    TCase *t = tcase_create("all");
    tcase_add_unchecked_fixture(t, make_whole, folder_remove);
    tcase_set_timeout(t, 240);
    tcase_add_loop_test(t, lanes_and_threads, 0, 4);
    tcase_add_test(t, streamed);
    tcase_add_test(t, addresses);
    tcase_add_loop_test(t, broken_off, 0, 4);
    tcase_add_test(t, other_seed);
    suite_add_tcase(s, t);
    return run_suite(s);
}
