// The warning of a loss that climbs above that of guessing: for losses made by formulas.
// Not here: the warning in a training (test_train.c). Next: test_train.c.
#include "suite.h"
#include "supernet/train/climb.h"

#include <math.h>

// Steps of the guard's warning when losses come in so many steps at once; -1: none. *times counts the warnings.
static int told_at(double (*loss)(int step), int steps, int each, int classes, int *times) {
    sn_climb c = sn_climb_start(classes);
    int at = -1;
    *times = 0;
    for (int step = 0; step < steps; step += each) {
        double sum = 0;
        for (int k = 0; k < each; k++) sum += loss(step + k);
        if (sn_climb_add(&c, sum / each, each)) at = step + each, ++*times;
    }
    return at;
}

static double noise(int step) {
    return 0.12 * sin(12.9898 * step) + 0.08 * cos(78.233 * step);
}
static double good(int step) { // starts a little above ln 10
    return 0.4 + 1.95 * exp(-step / 300.0) + noise(step);
}
static double never_learns(int step) {
    return 2.3026 + noise(step);
}
static double diverges(int step) {
    return step < 400 ? good(step) : 2.6 + noise(step);
}
static double up_and_down(int step) {
    return step / 300 % 2 ? 2.9 : 1.5;
}
static double one_bad_step(int step) {
    return step == 500 ? 12 : good(step);
}
static double starts_high(int step) {
    return 2 + 6 * exp(-step / 20.0);
}

START_TEST(formulas) {
    int times;
    for (int each = 1; each <= 20; each += 19) {
        ck_assert_int_eq(told_at(good, 3000, each, 10, &times), -1);
        ck_assert_int_eq(told_at(never_learns, 3000, each, 10, &times), -1);
        ck_assert_int_eq(told_at(one_bad_step, 3000, each, 10, &times), -1);
        ck_assert_int_eq(told_at(starts_high, 3000, each, 10, &times), -1);
        int at = told_at(diverges, 3000, each, 10, &times);
        ck_assert_msg(at > 400 && at <= 480 && times == 1, "at %d, %d times", at, times);
        at = told_at(up_and_down, 3000, each, 10, &times);
        ck_assert_msg(at > 300 && at <= 360 && times == 1, "at %d, %d times", at, times);
        ck_assert_int_eq(told_at(diverges, 3000, each, 100, &times), -1); // ln 100 = 4.6
    }
}
END_TEST

int main(void) {
    Suite *s = suite_create("climb");
    TCase *t = tcase_create("all");
    tcase_add_test(t, formulas);
    suite_add_tcase(s, t);
    return run_suite(s);
}
