// What only large tensors show of the fast kernels: written past the caches, the bits are those of plain lanes.
// Not here: everything else about kernels (test_kernels.c).
// Next: ../src/kernels/cpu/view.h.
#include "kernels/backend.h"
#include "suite.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 65664, SIDE = 8, IMAGES = ROWS / (SIDE * SIDE), NARROW = 3, WIDE = 64 }; // ROWS*WIDE is above 2^22

// Arena: two tensors of WIDE channels, one of NARROW, vectors; weights beside.
enum {
    BIG = 1024,
    BIG2 = BIG + ROWS * WIDE,
    SMALL = BIG2 + ROWS * WIDE,
    WORK = SMALL + ROWS * 4,
    WORK_SIZE = 1 << 20,
    ARENA = WORK + WORK_SIZE
};
enum { MEAN, M2, MEAN_X = 128, SCALE = 192, SHIFT = 256, SUM_DY = 320, SUM_DYX = 384 };

typedef struct {
    float *arena, *weights;
} memory;

static memory memory_new(void) {
    memory m = {aligned_alloc(64, ARENA * sizeof(float)), aligned_alloc(64, 4096 * sizeof(float))};
    ck_assert(m.arena && m.weights);
    uint32_t state = 1;
    for (int i = 0; i < ARENA; i++) m.arena[i] = (float)((state = state * 1664525u + 1013904223u) >> 20) / 2048 - 1;
    for (int i = 0; i < 4096; i++) m.weights[i] = (float)((state = state * 1664525u + 1013904223u) >> 20) / 2048 - 1;
    return m;
}

static sn_conv_size size_of(int ci, int co, int kernel, int groups) {
    return (sn_conv_size){IMAGES, SIDE, SIDE, ci, SIDE, SIDE, co, kernel, 1, kernel / 2, 1, groups};
}

static sn_call call_of(int which) {
    sn_view view = {BIG2, MEAN_X, SCALE, SHIFT, SN_RELU6};
    sn_into into = {.view = view, .add = SN_NONE, .dy = BIG, .sum_dy = SUM_DY, .sum_dyx = SUM_DYX};
    sn_grad narrow = {SMALL, SN_NONE, SN_NONE, SN_NONE, SN_NONE, SN_NONE}, wide = narrow;
    wide.dy = BIG2;
    sn_call call = {.work = WORK};
    if (which == 0) {
        call.kernel = SN_CONV_FORWARD;
        call.as.conv_forward = (sn_conv_forward){
            size_of(NARROW, WIDE, 1, 1), {SMALL, SN_NONE, SN_NONE, SN_NONE, SN_LINEAR}, 0, BIG, {MEAN, M2 + 63}};
    } else {
        static const int kernels[] = {1, 3, 3};
        call.kernel = SN_CONV_BACKWARD_DATA;
        sn_conv_size size =
            which == 3 ? size_of(WIDE, WIDE, kernels[which - 1], WIDE) : size_of(WIDE, NARROW, kernels[which - 1], 1);
        call.as.conv_backward_data = (sn_conv_backward_data){size, which == 3 ? wide : narrow, 0, into};
    }
    return call;
}

// The arena after the call on a backend of 2 threads; NULL where the processor lacks it.
static float *result(const char *device, int which) {
    sn_backend *b = NULL;
    if (sn_backend_open(device, 2, &b) != SN_OK) return NULL;
    memory m = memory_new();
    sn_call call = call_of(which);
    ck_ok(sn_backend_choose(b, &call));
    if (call.impl->work) ck_assert_int_le(call.impl->work(&call), WORK_SIZE);
    ck_assert_int_eq(sn_backend_scratch(b, call.impl->scratch(&call)), SN_OK);
    sn_backend_run(b, &(sn_bases){.arena = m.arena, .weights = m.weights}, &call, &(sn_launch){0, 1}, 1);
    sn_backend_close(b);
    free(m.weights);
    return m.arena;
}

START_TEST(large) { // _i: which call
    float *plain = result("cpu-plain", _i);
    ck_assert_ptr_nonnull(plain);
    static const char *const devices[] = {"cpu-avx2", "cpu-avx512"};
    for (int d = 0; d < 2; d++) {
        float *fast = result(devices[d], _i);
        if (!fast) continue;
        for (int i = 0; i < WORK; i++)
            if (memcmp(&plain[i], &fast[i], sizeof *fast)) // an assertion that holds costs a system call
                ck_abort_msg("%s, call %d: element %d is %g, in plain lanes %g", devices[d], _i, i, (double)fast[i],
                             (double)plain[i]);
        free(fast);
    }
    free(plain);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("large");
    TCase *tests = tcase_create("large");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, large, 0, 4);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
