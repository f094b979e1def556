// The forecast of memory against the peak of a training as the system measures it: on random spaces in which the net weighs more
// than the program, and where the arch with most multiplications is not the one that needs most memory. Usage: test_forecast
// [COUNT [SEED]]: so many random spaces (2). Not here: that the forecast covers every arch (test_spaces.c).
#include "processes.h"
#include "random_space.h"

#include <jansson.h>

enum { LEAST = 60 << 20, MOST = 150 << 20 };

static int wanted = 2, first_seed = 1;

// Bytes that `describe` forecasts.
static double forecast(const char *config) {
    ck_code(0, RUN(PLAIN, "describe", config, "--no-timing", "--json", "--threads", "2"));
    json_t *all = json_loads(printed, 0, NULL);
    ck_assert_ptr_nonnull(all);
    double bytes = (double)json_integer_value(json_object_get(all, "memory_bytes"));
    json_decref(all);
    return bytes;
}

// Bytes that a training of the config held at most.
static double peak(const char *config, const char *run) {
    struct rusage used;
    int state;
    pid_t p = START(PLAIN, 0, "train", config, "-o", run, "--threads", "2");
    ck_assert_int_eq(wait4(p, &state, 0, &used), p);
    ck_assert_msg(WIFEXITED(state) && !WEXITSTATUS(state), "%s: state %d", config, state);
    return (double)used.ru_maxrss * 1024;
}

static void within_a_tenth(const char *what, double expected, double found) {
    printf("%s: forecast %.1f MiB, peak %.1f MiB, %+.1f %%\n", what, expected / 0x1p20, found / 0x1p20,
           100 * (expected / found - 1));
    fflush(stdout);
    ck_assert_msg(fabs(expected - found) <= 0.1 * found, "%s: forecast %.1f MiB, peak %.1f MiB", what, expected / 0x1p20,
                  found / 0x1p20);
}

START_TEST(random_spaces) {
    static const measure large = {{24, 48}, {24, 64}, 160, 40000000, {1, 1}};
    static int next; // (not forked: goes on where the last one ended)
    for (bool found = false; !found; folder_remove()) {
        int seed = first_seed + next++;
        folder_make();
        put_random_space((uint32_t)seed, large);
        double expected = forecast(at("space.yaml"));
        found = expected >= LEAST && expected <= MOST;
        char what[32];
        snprintf(what, sizeof what, "seed %d", seed);
        if (found) within_a_tenth(what, expected, peak(at("space.yaml"), at("run")));
    }
}
END_TEST

// A wide kernel has most multiplications, the expanded block most activations.
START_TEST(not_the_most_multiplications) {
    uint8_t labels[140];
    folder_make();
    for (int i = 0; i < 140; i++) labels[i] = (uint8_t)(i % 10);
    put_idx(at("data"), 130, 10, 28, 28, labels);
    put_text(at("c.yaml"), "data: {source: data, cache: cache}\n"
                           "space:\n"
                           "  input: {channels: 1, height: 28, width: 28}\n"
                           "  classes: 10\n"
                           "  blocks:\n"
                           "    wide: {op: conv, kernel: 9}\n"
                           "    deep: {op: mbconv, expand: 6, kernel: 3}\n"
                           "  network:\n"
                           "    - {op: conv, out: 32}\n"
                           "    - {layers: 3, out: 32, choose: [wide, deep]}\n"
                           "    - {op: classifier}\n"
                           "train: {batch: 64, epochs: 1}\n");
    within_a_tenth("conv 9x9 or mbconv", forecast(at("c.yaml")), peak(at("c.yaml"), at("run")));
    folder_remove();
}
END_TEST

int main(int argc, char **argv) {
    if (argc > 1) wanted = atoi(argv[1]);
    if (argc > 2) first_seed = atoi(argv[2]);
#ifdef __SANITIZE_ADDRESS__
    printf("skipped: a sanitizer's own memory is no part of a forecast\n");
    return 0;
#endif
    setenv("CK_FORK", "no", 0);
    Suite *s = suite_create("forecast");
    TCase *t = tcase_create("memory");
    tcase_set_timeout(t, 600);
    tcase_add_test(t, not_the_most_multiplications);
    tcase_add_loop_test(t, random_spaces, 0, wanted);
    suite_add_tcase(s, t);
    return run_suite(s);
}
