// The backend: names, choice, threads, and that every call of a launch is finished exactly once.
// Not here: what kernels compute (test_kernels.c), the pool beneath (test_pool.c).
// Next: kernel_cases.h.
#include "kernels/memory.h"
#include "suite.h"

#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static sn_backend *opened(const char *name, int threads) {
    sn_backend *b = NULL;
    ck_ok(sn_backend_open(name, threads, &b));
    return b;
}

START_TEST(names) {
    const struct {
        const char *name, *resolved; // NULL: the best lanes
        size_t real;
        int threads;
    } cases[] = {{"ref", "ref", 4, 1}, {"ref64", "ref64", 8, 1}, {"cpu-plain", "cpu-plain", 4, 3}, {"cpu", NULL, 4, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sn_backend *b = opened(cases[i].name, 3);
        if (cases[i].resolved)
            ck_assert_str_eq(sn_backend_name(b), cases[i].resolved);
        else
            ck_assert(!strncmp(sn_backend_name(b), "cpu-", 4));
        ck_assert_uint_eq(sn_backend_real(b), cases[i].real);
        ck_assert_int_eq(sn_backend_threads(b), cases[i].threads);
        sn_backend_close(b);
    }
    sn_backend *none = NULL;
    ck_assert_int_eq(sn_backend_open("gpu", 1, &none), SN_USAGE);
    ck_assert_msg(strstr(sn_error_text(), "\"gpu\"") && strstr(sn_error_text(), "cpu-plain") && strstr(sn_error_text(), "ref64"),
                  "%s", sn_error_text());
    ck_assert_int_eq(sn_backend_open("cpu", 0, &none), SN_USAGE);
    ck_assert_ptr_null(none);
    sn_backend_close(NULL);
}
END_TEST

// Lanes are either there or refused with the list of those that are.
START_TEST(lanes) {
    const char *const lane_names[] = {"cpu-avx2", "cpu-avx512"};
    for (int i = 0; i < 2; i++) {
        sn_backend *b = NULL;
        sn_status status = sn_backend_open(lane_names[i], 1, &b);
        if (status == SN_OK)
            ck_assert_str_eq(sn_backend_name(b), lane_names[i]);
        else {
            ck_assert_int_eq(status, SN_USAGE);
            ck_assert_msg(strstr(sn_error_text(), lane_names[i]) && strstr(sn_error_text(), "lacks"), "%s", sn_error_text());
        }
        sn_backend_close(b);
    }
}
END_TEST

// A 1x1 convolution of one pixel: 2 inputs, 1 output.
static sn_call small_conv(void) {
    sn_call call = {.kernel = SN_CONV_FORWARD, .work = SN_NONE};
    call.as.conv_forward = (sn_conv_forward){
        .size =
            {.n = 1, .h = 1, .w = 1, .ci = 2, .ho = 1, .wo = 1, .co = 1, .kernel = 1, .stride = 1, .dilation = 1, .groups = 1},
        .x = {0, SN_NONE, SN_NONE, SN_NONE, SN_LINEAR},
        .w = 0,
        .y = 2,
        .stat = {SN_NONE, SN_NONE},
    };
    return call;
}

START_TEST(choice) {
    sn_backend *b = opened("ref", 1);
    sn_call call = small_conv();
    ck_assert_int_eq(sn_backend_choose(b, &call), SN_OK);
    ck_assert_str_eq(call.impl->name, "ref conv_forward");

    sn_call wrong = small_conv();
    wrong.as.conv_forward.size.groups = 3;
    ck_assert_int_eq(sn_backend_choose(b, &wrong), SN_FAIL);
    ck_assert_msg(strstr(sn_error_text(), "conv_forward") && strstr(sn_error_text(), "groups 3"), "%s", sn_error_text());
    wrong = small_conv();
    wrong.as.conv_forward.size.ho = 2;
    ck_assert_int_eq(sn_backend_choose(b, &wrong), SN_FAIL);
    wrong.kernel = SN_KERNELS;
    ck_assert_int_eq(sn_backend_choose(b, &wrong), SN_FAIL);
    ck_assert_ptr_null(wrong.impl);
    sn_backend_close(b);
}
END_TEST

// The implementation that the best lanes choose for a convolution of 8x8 pixels.
static const char *chosen(const sn_backend *b, sn_kernel kernel, int ci, int co, int side, int stride, int dilation, int groups) {
    sn_conv_size s = {.n = 2, .h = 8, .w = 8, .ci = ci, .co = co, .kernel = side, .stride = stride, .dilation = dilation};
    s.groups = groups, s.pad = (side - 1) / 2 * dilation;
    s.ho = s.wo = (8 + 2 * s.pad - (side - 1) * dilation - 1) / stride + 1;
    sn_call call = {.kernel = kernel};
    if (kernel == SN_CONV_FORWARD) call.as.conv_forward.size = s;
    if (kernel == SN_CONV_BACKWARD_DATA) call.as.conv_backward_data.size = s;
    if (kernel == SN_CONV_BACKWARD_WEIGHTS) call.as.conv_backward_weights.size = s;
    ck_ok(sn_backend_choose(b, &call));
    return call.impl->name;
}

// No convolution is left to the reference kernels, and each goes to the kernel made for it.
START_TEST(convolutions_are_fast) {
    const sn_kernel kernels[] = {SN_CONV_FORWARD, SN_CONV_BACKWARD_DATA, SN_CONV_BACKWARD_WEIGHTS};
    const struct {
        int ci, co, side, groups;
        const char *kind;
    } cases[] = {{64, 64, 3, 1, " dense"},           {64, 64, 1, 1, " 1x1"},
                 {64, 64, 3, 64, " depthwise"},      {64, 64, 15, 64, " depthwise"},
                 {64, 64, 17, 64, " narrow groups"}, {64, 128, 3, 64, " narrow groups"},
                 {64, 64, 3, 8, " narrow groups"},   {64, 64, 1, 16, " narrow groups"},
                 {72, 72, 3, 8, " narrow groups"},   {64, 128, 3, 8, " narrow groups"},
                 {128, 128, 3, 4, " dense"},         {64, 64, 1, 2, " dense"}};
    sn_backend *b = opened("cpu", 1);
    for (int k = 0; k < 3; k++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            const char *name = chosen(b, kernels[k], cases[i].ci, cases[i].co, cases[i].side, 1, 1, cases[i].groups);
            ck_assert_msg(strstr(name, cases[i].kind), "%s for %d groups of %d", name, cases[i].groups, cases[i].ci);
        }
        for (int groups = 1; groups <= 40; groups++)
            for (int in = 1; in <= 20; in++)
                for (int side = 1; side <= 11; side += 2)
                    for (int dilation = 1; dilation <= 8; dilation += 7) {
                        const char *name = chosen(b, kernels[k], groups * in, groups * (1 + (in + side) % 20), side, 1 + in % 2,
                                                  dilation, groups);
                        ck_assert_msg(strncmp(name, "cpu-", 4) == 0, "%s for %d groups of %d", name, groups, in);
                    }
    }
    sn_backend_close(b);
}
END_TEST

START_TEST(cost) {
    sn_call call = small_conv();
    double flops, bytes;
    sn_call_cost(&call, sizeof(float), &flops, &bytes);
    ck_assert(flops == 4 && bytes == (2 + 2 + 1) * 4);
    call.as.conv_forward.size = (sn_conv_size){.n = 3,
                                               .h = 8,
                                               .w = 8,
                                               .ci = 6,
                                               .ho = 4,
                                               .wo = 4,
                                               .co = 9,
                                               .kernel = 5,
                                               .stride = 2,
                                               .pad = 2,
                                               .dilation = 1,
                                               .groups = 3};
    sn_call_cost(&call, sizeof(double), &flops, &bytes);
    ck_assert(flops == 2.0 * 3 * 4 * 4 * 25 * 2 * 9);
    ck_assert(bytes == 8.0 * (3 * 64 * 6 + 25 * 2 * 9 + 3 * 16 * 9));
}
END_TEST

// (The runtimes of sanitizers end the process when memory for a thread cannot be had.)
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
START_TEST(too_many_threads) {
    const struct rlimit limit = {256 << 20, 256 << 20}; // of address space: a stack takes 8 MiB
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
    sn_backend *b = NULL;
    ck_assert_int_eq(sn_backend_open("cpu-plain", 1000, &b), SN_RESOURCE);
    ck_message("of 1000");
    ck_assert_ptr_null(b);
    b = opened("cpu-plain", 2);
    ck_assert_int_eq(sn_backend_scratch(b, (size_t)1 << 30), SN_RESOURCE);
    ck_assert_int_eq(sn_backend_scratch(b, SIZE_MAX), SN_RESOURCE);
    ck_assert_int_eq(sn_backend_scratch(b, 1000), SN_OK);
    sn_backend_close(b);
}
END_TEST
#endif

// An implementation of our own: tile t of the call writes t+1 into workspace; finish must find all of them, once.
enum { CALLS = 600 };
static _Atomic int finishes[CALLS];

static int64_t fake_tiles(const sn_call *call) {
    return call->as.fill.box.run;
}

static void fake_tile(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    memset(scratch, 1, 100);
    ((float *)b->arena)[call->work + tile] = (float)(tile + 1);
}

static void fake_finish(const sn_bases *b, const sn_call *call) {
    float *grads = b->grads, sum = 0;
    for (int64_t i = 0; i < call->as.fill.box.run; i++) sum += ((float *)b->arena)[call->work + i];
    grads[call->as.fill.box.offset] = sum;
    atomic_fetch_add(&finishes[call->as.fill.box.offset], 1);
}

START_TEST(finish_once_after_all_tiles) {
    static const sn_impl fake = {.name = "fake", .tiles = fake_tiles, .tile = fake_tile, .finish = fake_finish};
    static sn_call calls[CALLS];
    static float arena[CALLS * 10], grads[CALLS];
    for (int i = 0; i < CALLS; i++)
        calls[i] = (sn_call){.kernel = SN_FILL, .impl = &fake, .work = i * 10, .as.fill = {{i, 1 + i % 10, 1, 0}}};
    const sn_launch launches[] = {{0, 1}, {1, 4}, {5, CALLS - 6}, {CALLS - 1, 1}};
    for (int threads = 1; threads <= 3; threads++) {
        sn_backend *b = opened("cpu-plain", threads);
        ck_assert_int_eq(sn_backend_scratch(b, 100), SN_OK);
        ck_assert_int_eq(sn_backend_scratch(b, 10000), SN_OK);
        sn_bases bases = {.arena = arena, .grads = grads};
        for (int round = 0; round < 50; round++) {
            memset(arena, 0, sizeof arena);
            memset(grads, 0, sizeof grads);
            memset((void *)finishes, 0, sizeof finishes);
            sn_backend_run(b, &bases, calls, launches, 4);
            for (int i = 0; i < CALLS; i++) {
                int n = 1 + i % 10;
                ck_assert(grads[i] == (float)(n * (n + 1)) / 2);
                ck_assert_int_eq(atomic_load(&finishes[i]), 1);
            }
        }
        sn_backend_close(b);
    }
}
END_TEST

static void square_job(void *arg, int64_t i, int thread) {
    ck_assert(thread == 0 || thread == 1);
    ((int64_t *)arg)[i] = i * i;
}

START_TEST(loops) {
    sn_backend *b = opened("cpu-plain", 2);
    int64_t squares[100];
    sn_backend_background(b, 100, square_job, squares);
    sn_backend_finish(b);
    for (int i = 0; i < 100; i++) ck_assert_int_eq(squares[i], (int64_t)i * i);
    sn_backend_close(b);
}
END_TEST

// The buffers by their verbs, in both reals, open to the host and closed.
START_TEST(memory) {
    static const char *const backends[] = {"ref", "ref64", "cpu-plain", "cpu-guarded"};
    const float in[3] = {1.5f, -2, 3};
    for (int i = 0; i < 4; i++) {
        sn_backend *b = opened(backends[i], 1);
        sn_memory *m;
        float out[3] = {0};
        const int64_t sizes[SN_BUFFERS] = {[SN_BUFFER_WEIGHTS] = 5, [SN_BUFFER_GRADS] = 5};
        ck_ok(sn_memory_open(b, sizes, "test", &m));
        sn_memory_put(m, SN_BUFFER_WEIGHTS, 1, in, 3);
        const float *w = sn_memory_map(m, SN_BUFFER_WEIGHTS);
        ck_assert(w[0] == 0 && w[1] == 1.5f && w[3] == 3 && w[4] == 0);
        sn_memory_unmap(m, SN_BUFFER_WEIGHTS, w);
        ck_ok(sn_memory_grow(m, SN_BUFFER_WEIGHTS, 100000, "test"));
        ck_assert_int_eq(sn_memory_elements(m, SN_BUFFER_WEIGHTS), 100000);
        sn_memory_get(m, SN_BUFFER_WEIGHTS, 1, out, 3);
        ck_assert(!memcmp(in, out, sizeof in));
        sn_memory_get(m, SN_BUFFER_WEIGHTS, 99997, out, 3);
        ck_assert(out[0] == 0 && out[2] == 0);
        double raw = 0.1, back = 0;
        sn_memory_write(m, SN_BUFFER_WEIGHTS, 16, &raw, sizeof raw);
        sn_memory_read(m, SN_BUFFER_WEIGHTS, 16, &back, sizeof back);
        ck_assert(back == raw);
        sn_memory_fill(m, SN_BUFFER_GRADS, 255);
        sn_call call = {.kernel = SN_FILL, .as.fill = {{1, 3, 1, 3}}};
        ck_ok(sn_backend_choose(b, &call));
        sn_memory_run(m, &call, &(sn_launch){0, 1}, 1);
        sn_memory_get(m, SN_BUFFER_GRADS, 2, out, 3);
        ck_assert(out[0] == 0 && out[1] == 0 && isnan(out[2]));
        sn_memory_close(m);
        sn_backend_close(b);
    }
}
END_TEST

// A call that a fast backend has no kernel for is named; ref has no other.
START_TEST(slow_calls) {
    const sn_pool_size large = {1, 1 << 12, 1 << 13, 1, 1 << 12, 1 << 13, 4097, 1, 2048, SN_POOL_MAX};
    sn_call pool = {.kernel = SN_POOL_BACKWARD, .as.pool_backward = {.size = large}},
            conv = {.kernel = SN_CONV_FORWARD, .as.conv_forward = {.size = {1, 8, 8, 6, 8, 8, 9, 3, 1, 1, 1, 3}}};
    sn_backend *b = opened("cpu", 1), *ref = opened("ref", 1);
    ck_ok(sn_backend_choose(b, &conv));
    ck_assert_ptr_null(sn_backend_slow(b));
    ck_ok(sn_backend_choose(b, &pool));
    ck_assert_str_eq(sn_backend_slow(b), "pool_backward 4096x8192 1 k4097 s1");
    ck_ok(sn_backend_choose(ref, &pool));
    ck_assert_ptr_null(sn_backend_slow(ref));
    sn_backend_close(b);
    sn_backend_close(ref);
}
END_TEST

START_TEST(memory_too_large) {
    sn_backend *b = opened("ref", 1);
    sn_memory *m = NULL;
    const int64_t sizes[SN_BUFFERS] = {[SN_BUFFER_WEIGHTS] = INT64_C(1) << 45, [SN_BUFFER_STATS] = 16};
    ck_assert_int_eq(sn_memory_open(b, sizes, "weights", &m), SN_RESOURCE);
    ck_assert(m == NULL && strstr(sn_error_text(), "out of memory: weights: "));
    sn_backend_close(b);
}
END_TEST

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// A guarded backend's memory is closed to who goes past its verbs. (The sanitizers have handlers of their own.)
START_TEST(guard_stops) {
    sn_backend *b = opened("cpu-guarded", 1);
    sn_memory *m;
    const int64_t sizes[SN_BUFFERS] = {[SN_BUFFER_WEIGHTS] = 5};
    ck_ok(sn_memory_open(b, sizes, "test", &m));
    const float *w = sn_memory_map(m, SN_BUFFER_WEIGHTS);
    sn_memory_unmap(m, SN_BUFFER_WEIGHTS, w);
    fprintf(stderr, "%g", (double)*(const volatile float *)w);
}
END_TEST
#endif

int main(void) {
    Suite *suite = suite_create("backend");
    TCase *tests = tcase_create("backend");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, names);
    tcase_add_test(tests, lanes);
    tcase_add_test(tests, choice);
    tcase_add_test(tests, convolutions_are_fast);
    tcase_add_test(tests, cost);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    tcase_add_test(tests, too_many_threads);
#endif
    tcase_add_test(tests, finish_once_after_all_tiles);
    tcase_add_test(tests, loops);
    tcase_add_test(tests, memory);
    tcase_add_test(tests, slow_calls);
    tcase_add_test(tests, memory_too_large);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    tcase_add_test_raise_signal(tests, guard_stops, SIGSEGV);
#endif
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
