// Every kernel of kernels.def, every implementation of every backend this processor can run, every view: exact on small integers,
// within the error bound of its terms otherwise, the same bits on all lanes and threads, nothing touched outside its operands.
// Not here: derivatives by finite differences (test_gradients.c).
// Next: kernel_cases.h, kernel_oracle.h.
#include "kernel_oracle.h"

enum { MOST_IMPLS = 16, THREADS = 3 };

// What is open while one kernel is tested.
typedef struct {
    world narrow, wide; // float, double
    bool available[TABLES];
    sn_backend *threaded[TABLES][THREADS]; // of the lanes: 1, 2, 3 threads
    int runs[TABLES][MOST_IMPLS];          // of each implementation: all must come to be tried
} bench;

static const world *world_of(const bench *b, const table_under_test *t) {
    return t->real == sizeof(float) ? &b->narrow : &b->wide;
}

static const char *running; // for the signal handler

static void stray(int signal_number) {
    const char *text = "\nstray memory access in ";
    if (write(2, text, strlen(text)) < 0 || write(2, running, strlen(running)) < 0 || write(2, "\n", 1) < 0) _exit(3);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void bench_open(bench *b) {
    *b = (bench){.narrow = world_open(sizeof(float)), .wide = world_open(sizeof(double))};
    for (int t = 0; t < TABLES; t++)
        for (int threads = 1; threads <= THREADS; threads++) {
            sn_status status = sn_backend_open(all_tables[t].backend, threads, &b->threaded[t][threads - 1]);
            ck_assert_msg(status == SN_OK || status == SN_USAGE, "%s", sn_error_text());
            b->available[t] = status == SN_OK;
        }
    running = "start";
    signal(SIGSEGV, stray);
    signal(SIGBUS, stray);
}

static void bench_close(bench *b) {
    for (int t = 0; t < TABLES; t++)
        for (int threads = 0; threads < THREADS; threads++) sn_backend_close(b->threaded[t][threads]);
    world_close(&b->narrow);
    world_close(&b->wide);
}

static void run_checked(const world *w, const kase *k, const sn_impl *impl, bool backwards) {
    char message[400] = "";
    char at[300];
    snprintf(at, sizeof at, "%s: %s", impl->name, k->text);
    running = at;
    world_load(w, k);
    world_run(w, &k->call, impl, k->n_labels, backwards);
    ck_assert_msg(world_check(w, k, message, sizeof message), "%s: %s", at, message);
    running = "between cases";
}

static void same_bits(const char *what, const kase *k, const char *a, size_t na, const char *b, size_t nb) {
    ck_assert_msg(na == nb && !memcmp(a, b, na), "%s: other bits in %s", what, k->text);
}

// The chosen implementation through sn_backend_run, with each number of threads.
static void run_threaded(const bench *b, int t, kase *k, const char *bits, size_t n_bits) {
    for (int threads = 0; threads < THREADS; threads++) {
        sn_backend *backend = b->threaded[t][threads];
        sn_call call = k->call;
        ck_ok(sn_backend_choose(backend, &call));
        if (call.impl->scratch) ck_assert_int_eq(sn_backend_scratch(backend, call.impl->scratch(&call)), SN_OK);
        running = call.impl->name;
        world_load(&b->narrow, k);
        world_work(&b->narrow, &call);
        sn_bases bases = world_bases(&b->narrow, k->n_labels);
        sn_backend_run(backend, &bases, &call, &(sn_launch){0, 1}, 1);
        size_t n;
        const char *now = world_results(&b->narrow, k, &n);
        same_bits("threads", k, bits, n_bits, now, n);
    }
}

// One case on every implementation of every table.
static void run_case(bench *b, kase *k, bool threads) {
    const char *lanes_bits[MOST_IMPLS] = {NULL};
    size_t lanes_size[MOST_IMPLS];
    expectations[k->call.kernel](k);
    for (int t = 0; t < TABLES; t++) {
        const table_under_test *table = &all_tables[t];
        if (!b->available[t]) continue;
        int supported = 0;
        const sn_impl *list = table->table->list[k->call.kernel];
        for (const sn_impl *impl = list; impl && impl->tile; impl++) {
            if (impl->supports && !impl->supports(&k->call)) continue;
            ck_assert_int_lt(impl - list, MOST_IMPLS);
            b->runs[t][impl - list]++;
            const world *w = world_of(b, table);
            run_checked(w, k, impl, (k->seed & 1) != 0);
            if (!table->lanes) continue;
            size_t n;
            const char *bits = world_results(w, k, &n);
            if (lanes_bits[supported])
                same_bits(impl->name, k, lanes_bits[supported], lanes_size[supported], bits, n);
            else
                lanes_bits[supported] = bits, lanes_size[supported] = n;
            if (supported == 0 && threads) run_threaded(b, t, k, bits, n);
            supported++;
        }
    }
}

enum { ALL_OPTIONS_SHAPES = SN_OFTEN(4), SOME_OPTIONS = SN_OFTEN(9) }; // the first see every combination, the others a few each

// One Check test per kernel (the loop index) and mode.
static void run_kernel(sn_kernel kernel, mode m) {
    const kernel_cases *cases = &all_cases[kernel];
    bench b;
    bench_open(&b);
    static kase k;
    int options_count = n_options(cases), next = 0;
    for (int s = 0; s < n_shapes_of(cases); s++) {
        bool all = s < ALL_OPTIONS_SHAPES;
        int count = all || options_count < SOME_OPTIONS ? options_count : SOME_OPTIONS;
        for (int i = 0; i < count; i++) {
            int index = all ? i : next;
            next = (next + 37) % options_count; // 37 is prime to every count, so it comes past all of them
            shape size = shape_of(cases, s);
            case_make(&k, kernel, &size, decode(cases, index), m);
            run_case(&b, &k, !all || i % 8 == 0);
        }
    }
    for (int t = 0; t < TABLES; t++)
        for (const sn_impl *list = all_tables[t].table->list[kernel], *impl = list; b.available[t] && impl && impl->tile; impl++)
            ck_assert_msg(b.runs[t][impl - list] > 0, "no case for %s", impl->name);
    bench_close(&b);
}

START_TEST(random_data) {
    run_kernel((sn_kernel)_i, RANDOM);
}
END_TEST

START_TEST(small_integers) {
    run_kernel((sn_kernel)_i, INTEGER);
}
END_TEST

// --- the checker itself: planted mistakes must be found
typedef enum { WRONG_VALUE, WRONG_BY_LITTLE, NOT_WRITTEN, WRITES_BEFORE, WRITES_INPUT, PLANTED } plant;

static bool caught(plant what, mode m) {
    world w = world_open(sizeof(float));
    static kase k;
    char message[400];
    case_make(&k, SN_CONV_FORWARD, &conv_shapes[4], (options){.view = 1, .act = SN_RELU, .stat = 0}, m);
    expect_conv_forward(&k);
    world_load(&w, &k);
    world_run(&w, &k.call, sn_table_ref_float.list[SN_CONV_FORWARD], 0, false);
    ck_assert_msg(world_check(&w, &k, message, sizeof message), "%s", message);
    const sn_conv_forward *p = &k.call.as.conv_forward;
    operand *y = operand_at(&k, ARENA, p->y);
    double last = world_get(&w, ARENA, p->y + y->n - 1);
    if (what == WRONG_VALUE) world_set(&w, ARENA, p->y + y->n - 1, last + 1);
    if (what == WRONG_BY_LITTLE) world_set(&w, ARENA, p->y + y->n - 1, last + 2e-5 * y->expect[y->n - 1].m);
    if (what == NOT_WRITTEN) poison(w.base[ARENA] + (size_t)(p->y + 5) * w.real, w.real);
    if (what == WRITES_BEFORE) world_set(&w, ARENA, p->y - 1, 0);
    if (what == WRITES_INPUT) world_set(&w, WEIGHTS, p->w, 100);
    bool good = world_check(&w, &k, message, sizeof message);
    world_close(&w);
    return !good;
}

START_TEST(checker_finds_planted_mistakes) {
    for (int what = 0; what < PLANTED; what++) {
        ck_assert_msg(caught((plant)what, RANDOM), "mistake %d was not found", what);
        ck_assert_msg(caught((plant)what, INTEGER), "mistake %d was not found on integers", what);
    }
}
END_TEST

static void overrun(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile, (void)scratch;
    float *grads = b->grads;
    for (int64_t i = 0; i <= call->as.fill.box.run; i++) grads[call->as.fill.box.offset + i] = 0;
}

START_TEST(guard_page_stops_an_overrun) {
    signal(SIGSEGV, SIG_DFL); // not the sanitizer's handler
    static const sn_impl wrong = {.name = "one too many", .tile = overrun};
    world w = world_open(sizeof(float));
    static kase k;
    case_make(&k, SN_FILL, &flat_shapes[3], (options){0}, RANDOM);
    expect_fill(&k);
    world_load(&w, &k);
    world_run(&w, &k.call, &wrong, 0, false);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("kernels");
    TCase *tests = tcase_create("kernels");
    tcase_set_timeout(tests, 400);
    tcase_add_test(tests, checker_finds_planted_mistakes);
    tcase_add_test_raise_signal(tests, guard_page_stops_an_overrun, SIGSEGV);
    tcase_add_loop_test(tests, small_integers, 0, SN_KERNELS);
    tcase_add_loop_test(tests, random_data, 0, SN_KERNELS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
