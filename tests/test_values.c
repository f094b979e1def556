// Values that hurt: tensors far from zero, constant channels, NaN, negative scales; on every implementation of every table.
// Not here: ordinary data (test_kernels.c).
// Next: kernel_oracle.h.
#include "kernel_oracle.h"

// Calls body for each implementation that takes the call.
static int each_impl(const kase *k, const world *narrow, const world *wide,
                     void (*body)(const world *, const kase *, const sn_table *, const sn_impl *)) {
    int count = 0;
    for (int t = 0; t < TABLES; t++) {
        if (!table_available(&all_tables[t])) continue;
        const sn_table *table = all_tables[t].table;
        const world *w = all_tables[t].real == sizeof(float) ? narrow : wide;
        for (const sn_impl *impl = table->list[k->call.kernel]; impl && impl->tile; impl++) {
            if (impl->supports && !impl->supports(&k->call)) continue;
            world_load(w, k);
            world_run(w, &k->call, impl, k->n_labels, false);
            body(w, k, table, impl);
            count++;
        }
    }
    return count;
}

// Weights that copy: output o of a group is input o of the group (counted round), through the middle tap.
static void copying_weights(kase *k) {
    const sn_conv_forward *p = &k->call.as.conv_forward;
    int gi = p->size.ci / p->size.groups, go = p->size.co / p->size.groups, middle = p->size.kernel * p->size.kernel / 2;
    operand *w = operand_at(k, WEIGHTS, p->w);
    memset(w->init, 0, (size_t)w->n * sizeof *w->init);
    for (int o = 0; o < p->size.co; o++) w->init[((int64_t)middle * gi + o % go % gi) * p->size.co + o] = 1;
}

static const shape many_rows[] = {
    {10, 100, 100, 1, 0, 1, 1, 0, 1, 1}, {5, 40, 40, 15, 0, 3, 1, 0, 1, 1}, {1, 9, 9, 17, 0, 1, 2, 0, 1, 1}};

// Makes the case of a forward kernel in the mode, with statistics and a plain view.
static void statistics_case(kase *k, sn_kernel kernel, const shape *size, int variant, mode m) {
    shape s = *size;
    if (kernel == SN_PLACE_FORWARD && s.co == 0) s.co = s.dilation = s.ci, s.k = s.pad = 0;
    if (kernel == SN_CONV_FORWARD && s.co == 0) s.co = s.ci, s.groups = s.k > 1 ? s.ci : 1;
    case_make(k, kernel, &s, (options){.stat = 1, .variant = variant}, m);
    if (kernel == SN_CONV_FORWARD) copying_weights(k);
}

static void for_all_statistics(mode m, void (*body)(const world *, const kase *, const sn_table *, const sn_impl *)) {
    world narrow = world_open(sizeof(float)), wide = world_open(sizeof(double));
    for (int kernel = 0; kernel < SN_KERNELS; kernel++) {
        const kernel_cases *cases = &all_cases[kernel];
        if (!(cases->uses & STAT)) continue;
        int own = cases->n_shapes, extra = (int)(sizeof many_rows / sizeof *many_rows);
        for (int s = 0; s < own + extra; s++)
            for (int variant = 0; variant < cases->variants; variant++) {
                if (kernel == SN_SUM_FORWARD && variant > 0) break; // one input: further views are BN and bias
                static kase k;
                const shape *size = s < own ? &cases->shapes[s] : &many_rows[s - own];
                bool conv = kernel == SN_CONV_FORWARD;                             // the middle tap must not reach the padding
                bool beyond = kernel == SN_PLACE_FORWARD && size->co && size->pad; // zeros at the edge
                if (beyond || (kernel == SN_PLACE_FORWARD && variant)) continue;
                if (conv && size->pad > (size->k - 1) / 2 * size->dilation) continue;
                statistics_case(&k, (sn_kernel)kernel, size, variant, m);
                ck_assert_int_ge(each_impl(&k, &narrow, &wide, body), 2);
            }
    }
    world_close(&narrow);
    world_close(&wide);
}

// --- mean 1000, deviation 1, or a multiple of both: the variance within 1e-5 of itself
static void variance_is_right(const world *w, const kase *k, const sn_table *table, const sn_impl *impl) {
    (void)table;
    double rows = (double)k->stat.rows;
    for (int c = 0; c < k->stat.c; c++) {
        double sum = 0, m2 = 0, far = world_get(w, ARENA, k->stat.y + c);
        for (int64_t r = 0; r < k->stat.rows; r++) sum += world_get(w, ARENA, k->stat.y + r * k->stat.ld + c) - far;
        for (int64_t r = 0; r < k->stat.rows; r++)
            m2 += pow(world_get(w, ARENA, k->stat.y + r * k->stat.ld + c) - far - sum / rows, 2);
        double mean = world_get(w, ARENA, k->stat.stat.mean + c), got = world_get(w, ARENA, k->stat.stat.m2 + c);
        ck_assert_msg(fabs(mean - far - sum / rows) <= 1e-4 * fmax(1, fabs(far) / 1000), "%s: %s: channel %d, mean %.9g",
                      impl->name, k->text, c, mean);
        ck_assert_msg(fabs(got - m2) <= 1e-5 * m2, "%s: %s: channel %d, M2 %.9g for %.9g", impl->name, k->text, c, got, m2);
    }
}

START_TEST(far_from_zero) {
    for_all_statistics(FAR, variance_is_right);
}
END_TEST

// --- a constant channel: M2 exactly 0, and BN gives beta exactly
static const sn_impl *first_impl(const world *w, const sn_table *table, const sn_call *call) {
    for (const sn_impl *i = table->list[call->kernel]; i && i->tile; i++)
        if (!i->supports || i->supports(call)) return i;
    return (w->real == sizeof(float) ? &sn_table_ref_float : &sn_table_ref_double)->list[call->kernel];
}

static void constant_gives_beta(const world *w, const kase *k, const sn_table *table, const sn_impl *impl) {
    int channels = k->stat.c;
    int64_t rows = k->stat.rows;
    for (int c = 0; c < channels; c++) {
        bool constant = true; // an average over a cut window may round differently
        double first = world_get(w, ARENA, k->stat.y + c);
        for (int64_t r = 1; r < rows; r++) constant = constant && world_get(w, ARENA, k->stat.y + r * k->stat.ld + c) == first;
        ck_assert_msg(constant || k->call.kernel == SN_POOL_FORWARD, "%s: %s: channel %d is not constant", impl->name, k->text,
                      c);
        if (!constant) return;
        ck_assert_msg(world_get(w, ARENA, k->stat.stat.m2 + c) == 0, "%s: %s: channel %d, M2 is %g", impl->name, k->text, c,
                      world_get(w, ARENA, k->stat.stat.m2 + c));
    }
    if (k->stat.ld != channels) return; // a piece of a tensor: a BN reads the whole
    int cell = k->cells[ARENA];
    sn_off scale = cell_offset(cell + 1, channels), shift = cell_offset(cell + 2, channels),
           out = cell_offset(cell + 3, rows * channels);
    sn_off mean = cell_offset(cell + 4, channels), gamma = cell_offset(10, channels), beta = cell_offset(11, channels);
    for (int c = 0; c < channels; c++) world_set(w, WEIGHTS, gamma + c, 1.1 - c), world_set(w, WEIGHTS, beta + c, 0.1 * c - 0.3);
    sn_call bn = {.kernel = SN_BN_FORWARD};
    bn.as.bn_forward = (sn_bn_forward){.c = channels,
                                       .rows = rows,
                                       .mode = SN_BN_BATCH,
                                       .eps = 1e-5,
                                       .stat = k->stat.stat,
                                       .gamma = gamma,
                                       .beta = beta,
                                       .running_mean = SN_NONE,
                                       .running_var = SN_NONE,
                                       .mean = mean,
                                       .scale = scale,
                                       .shift = shift,
                                       .inv = SN_NONE};
    sn_call written = {.kernel = SN_SUM_FORWARD};
    written.as.sum_forward = (sn_sum_forward){.rows = rows,
                                              .c = channels,
                                              .inputs = 1,
                                              .x = {{k->stat.y, mean, scale, shift, SN_LINEAR}},
                                              .y = out,
                                              .stat = {SN_NONE, SN_NONE}};
    world_run(w, &bn, first_impl(w, table, &bn), 0, false);
    world_run(w, &written, first_impl(w, table, &written), 0, false);
    for (int64_t i = 0; i < rows * channels; i++)
        ck_assert_msg(world_get(w, ARENA, out + i) == world_get(w, WEIGHTS, beta + i % channels), "%s: %s: %.9g is not beta",
                      impl->name, k->text, world_get(w, ARENA, out + i));
}

START_TEST(constant_channels) {
    for_all_statistics(CONSTANT, constant_gives_beta);
}
END_TEST

// --- NaN reaches the output through every activation, and a NaN logit makes the sample a miss
static void nan_arrives(const world *w, const kase *k, const sn_table *table, const sn_impl *impl) {
    (void)table;
    bool found = false;
    for (int64_t i = 0; i < k->stat.rows * k->stat.c; i++)
        found = found || isnan(world_get(w, ARENA, k->stat.y + i / k->stat.c * k->stat.ld + i % k->stat.c));
    ck_assert_msg(found, "%s: %s: the NaN is gone", impl->name, k->text);
}

START_TEST(nan_passes_activations) {
    world narrow = world_open(sizeof(float)), wide = world_open(sizeof(double));
    for (int kernel = 0; kernel < SN_KERNELS; kernel++) {
        const kernel_cases *cases = &all_cases[kernel];
        if (!(cases->uses & STAT)) continue;
        for (int s = 0; s < cases->n_shapes; s++)
            for (int view = 0; view < 3; view++) {
                static kase k;
                options o = {.stat = 1, .view = view, .act = 1 + s % 2, .variant = kernel == SN_POOL_FORWARD ? SN_POOL_AVG : 0};
                case_make(&k, (sn_kernel)kernel, &cases->shapes[s], o, RANDOM);
                int64_t read = 0; // the data comes first; element 0 is read by some output
                if (kernel == SN_PLACE_FORWARD) read = placed(&k.call.as.place_forward.size, 0, 0);
                k.operands[0].init[read] = NAN;
                if (cases->shapes[s].pad > 0 || cases->shapes[s].k <= 1 || kernel != SN_CONV_FORWARD)
                    each_impl(&k, &narrow, &wide, nan_arrives);
            }
    }
    world_close(&narrow);
    world_close(&wide);
}
END_TEST

static void nan_is_a_miss(const world *w, const kase *k, const sn_table *table, const sn_impl *impl) {
    (void)table;
    const sn_loss *p = &k->call.as.loss;
    ck_assert_msg(world_get(w, ARENA, p->rank) == p->classes && isnan(world_get(w, ARENA, p->loss)), "%s: %s: rank %g, loss %g",
                  impl->name, k->text, world_get(w, ARENA, p->rank), world_get(w, ARENA, p->loss));
}

START_TEST(nan_logits) {
    world narrow = world_open(sizeof(float)), wide = world_open(sizeof(double));
    for (int s = 0; s < all_cases[SN_LOSS].n_shapes; s++)
        for (int act = 0; act < 2; act++) {
            static kase k;
            case_make(&k, SN_LOSS, &flat_shapes[s], (options){.view = 2, .act = act}, RANDOM);
            operand_at(&k, ARENA, k.call.as.loss.logits.data)->init[k.size.ci - 1] = NAN;
            each_impl(&k, &narrow, &wide, nan_is_a_miss);
        }
    world_close(&narrow);
    world_close(&wide);
}
END_TEST

// --- with a negative scale the largest value of the view is the smallest x
static void smallest_is_taken(const world *w, const kase *k, const sn_table *table, const sn_impl *impl) {
    (void)table;
    for (int c = 0; c < k->size.ci; c++)
        ck_assert_msg(world_get(w, ARENA, k->call.as.pool_forward.y + c) == 10 - 1 - c, "%s: channel %d gives %g", impl->name, c,
                      world_get(w, ARENA, k->call.as.pool_forward.y + c));
}

START_TEST(negative_gamma_under_max_pooling) {
    world narrow = world_open(sizeof(float)), wide = world_open(sizeof(double));
    static kase k;
    const shape size = {1, 2, 2, 19, 0, 2, 1, 0, 1, 1};
    case_make(&k, SN_POOL_FORWARD, &size, (options){.view = 1, .act = SN_LINEAR, .variant = SN_POOL_MAX}, RANDOM);
    const sn_view *x = &k.call.as.pool_forward.x;
    for (int c = 0; c < size.ci; c++) {
        for (int i = 0; i < 4; i++) operand_at(&k, ARENA, x->data)->init[i * size.ci + c] = c + (const int[]){4, 3, 1, 2}[i];
        operand_at(&k, ARENA, x->mean)->init[c] = 0;
        operand_at(&k, ARENA, x->scale)->init[c] = -1;
        operand_at(&k, ARENA, x->shift)->init[c] = 10;
    }
    ck_assert_int_ge(each_impl(&k, &narrow, &wide, smallest_is_taken), 2);
    world_close(&narrow);
    world_close(&wide);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("values");
    TCase *tests = tcase_create("values");
    tcase_set_timeout(tests, 200);
    tcase_add_test(tests, far_from_zero);
    tcase_add_test(tests, constant_channels);
    tcase_add_test(tests, nan_passes_activations);
    tcase_add_test(tests, nan_logits);
    tcase_add_test(tests, negative_gamma_under_max_pooling);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
