// Plans of whole nets: gradients by finite differences in double, the float backends against double, evaluation in parts,
// poisoned arenas.
#include "macro.h"
#include "mixed.h"
#include "nets.h"
#include "space/ops.h"
#include "suite.h"
#include "supernet/engine/optim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 3, SIZE = 12, IMAGE = SIZE * SIZE * 3 };

typedef struct {
    sn_space *space;
    sn_graph *graph;
    sn_backend *backend;
    sn_supernet *net;
    float images[BATCH * IMAGE];
    int32_t labels[BATCH];
} bed;

static void bed_open(bed *b, sn_space *space, const char *backend, int threads) {
    *b = (bed){.space = space};
    ck_ok(sn_space_finish(space));
    ck_ok(sn_graph_build(space, &b->graph));
    ck_ok(sn_backend_open(backend, threads, &b->backend));
    ck_assert_int_eq(sn_supernet_create(b->graph, b->backend, 1, SN_INIT_FAN_OUT, 7, &b->net), SN_OK);
    sn_rng r = sn_rng_at(6, SN_STREAM_AUGMENT, 0, 0, 0); // images without near-ties in a pool, where float and double may differ
    for (int i = 0; i < BATCH * IMAGE; i++) b->images[i] = (float)sn_rng_normal(&r);
    for (int i = 0; i < BATCH; i++) b->labels[i] = (int32_t)sn_rng_below(&r, 10);
    shake_vectors(b->net, &r);
}

static void bed_close(bed *b) {
    sn_supernet_free(b->net);
    sn_backend_close(b->backend);
    sn_graph_free(b->graph);
    sn_space_free(b->space);
}

static sn_pass plain_pass(const sn_arch *a, bool gradients) {
    return (sn_pass){.arch = a,
                     .batch = BATCH,
                     .bn = SN_BN_BATCH,
                     .gradients = gradients,
                     .smoothing = 0.1,
                     .loss_scale = 1.0 / BATCH,
                     .target = -1};
}

// Every element of the arena is NaN before the pass: an element read before it was written shows in the loss.
static double run(bed *b, const sn_pass *pass) {
    sn_batch_score score;
    sn_memory_fill(b->net->memory, SN_BUFFER_ARENA, 255);
    sn_memory_fill(b->net->memory, SN_BUFFER_GRADS, 0);
    ck_ok(sn_supernet_pass(b->net, pass, b->images, b->labels, &score));
    return score.loss / BATCH;
}

// Central differences along random directions, one parameter at a time; the arena's gradients are exact to rounding in double.
static void check_gradients(bed *b, const sn_arch *a) {
    sn_pass pass = plain_pass(a, true);
    double loss = run(b, &pass);
    ck_assert(isfinite(loss));
    int n = b->net->plan.n_parts;
    int *params = sn_new((size_t)n, sizeof *params);
    for (int i = 0; i < n; i++) params[i] = b->net->plan.part[i].param;
    double *grads = doubles_of(b->net, SN_BUFFER_GRADS), *w = doubles_of(b->net, SN_BUFFER_WEIGHTS);
    sn_pass forward = plain_pass(a, false);
    sn_rng r = sn_rng_at(9, SN_STREAM_AUGMENT, 1, 0, 0);
    char text[SN_ARCH_TEXT];
    double global = 0;
    for (int64_t i = 0; i < b->graph->params.total; i++) global += grads[i] * grads[i];
    for (int k = 0; k < n; k++) {
        const sn_param *p = &b->graph->params.param[params[k]];
        double *direction = sn_new((size_t)p->size, sizeof *direction), expected = 0, norm = 0;
        for (int64_t i = 0; i < p->size; i++) {
            direction[i] = sn_rng_normal(&r);
            expected += direction[i] * grads[p->offset + i];
            norm += direction[i] * direction[i];
        }
        double h = 1e-6 / sqrt(norm), value[2];
        for (int side = 0; side < 2; side++) {
            double step = side ? -h : h;
            for (int64_t i = 0; i < p->size; i++) w[p->offset + i] += step * direction[i];
            sn_memory_write(b->net->memory, SN_BUFFER_WEIGHTS, p->offset, w + p->offset, (size_t)p->size * sizeof *w);
            value[side] = run(b, &forward);
            for (int64_t i = 0; i < p->size; i++) w[p->offset + i] -= step * direction[i];
            sn_memory_write(b->net->memory, SN_BUFFER_WEIGHTS, p->offset, w + p->offset, (size_t)p->size * sizeof *w);
        }
        double found = (value[0] - value[1]) / (2 * h), scale = sqrt(norm) * sqrt(global);
        ck_assert_msg(fabs(found - expected) <= 1e-6 * scale,
                      "%s, arch %s: derivative %.12g, differences give %.12g (scale %.3g)", p->name,
                      sn_arch_text(b->space, a, text), expected, found, scale);
        free(direction);
    }
    free(params);
    free(grads);
    free(w);
}

START_TEST(gradients_macro) {
    bed b;
    bed_open(&b, macro_space(SIZE, 4, 8), "ref64", 1);
    const char *archs[] = {"00000000", "11111111", "22222222", "01201201", "21021010"};
    for (size_t i = 0; i < sizeof archs / sizeof *archs; i++) {
        sn_arch a;
        ck_assert_int_eq(sn_arch_parse(b.space, archs[i], &a), SN_OK);
        check_gradients(&b, &a);
    }
    bed_close(&b);
}
END_TEST

START_TEST(gradients_mixed) {
    bed b;
    bed_open(&b, mixed_space(SIZE), "ref64", 1);
    for (int i = 0; i < 7; i++) { // option (i + layer) mod 7: every option at every kind of place
        sn_arch a = sn_arch_first(b.space);
        for (int d = 0; d < a.n; d++) a.option[d] = (uint8_t)((i + 3 * d) % 7);
        check_gradients(&b, &a);
    }
    bed_close(&b);
}
END_TEST

// A sum of nine: convolutions read plainly, through BN and through BN and activation, and twice the input itself.
static int build_nine(sn_builder *b, const int *in, const char *name, const sn_op_args *a) {
    int x[9] = {*in, *in};
    for (int i = 2; i < 9; i++) {
        x[i] = sn_build_conv(b, *in, sn_build_name(b, "%s.%d", name, i), a->out, 1 + i % 2 * 2, 1, 1, 1);
        if (i > 3) x[i] = sn_build_bn(b, x[i], sn_build_name(b, "%s.%d_bn", name, i));
        if (i > 5) x[i] = sn_build_act(b, x[i], sn_build_name(b, "%s.%d_act", name, i), 1);
    }
    return sn_build_sum(b, x, 9, sn_build_name(b, "%s.sum", name));
}
static const sn_op nine = {"nine", "", 1, true, {{0}}, build_nine};

static sn_space *nine_space(void) {
    static const int none[SN_OP_ATTRS] = {0};
    sn_space *s = sn_space_new();
    s->channels = 3, s->height = s->width = SIZE, s->classes = 10;
    int id = sn_space_add_block(s, "id", sn_op_find("identity"), none), sum = sn_space_add_block(s, "nine", &nine, none),
        fc = sn_space_add_block(s, "fc", sn_op_find("classifier"), NULL);
    sn_entry e = {.choice = true, .block = {id, sum}, .options = 2, .layers = 3, .out = 3, .stride = 1};
    sn_space_add_entry(s, "layers", &e);
    sn_space_add_entry(s, "fc", &(sn_entry){.block = {fc}, .options = 1, .layers = 1, .stride = 1});
    return s;
}

START_TEST(sums_of_many) {
    bed b, fast;
    bed_open(&b, nine_space(), "ref64", 1);
    bed_open(&fast, nine_space(), "cpu", 2);
    for (int i = 0; i < 8; i++) {
        sn_arch a = {3, {(uint8_t)(i & 1), (uint8_t)(i >> 1 & 1), (uint8_t)(i >> 2)}};
        check_gradients(&b, &a);
        sn_pass pass = plain_pass(&a, true);
        double expected = run(&b, &pass), found = run(&fast, &pass);
        ck_assert(fabs(expected - found) <= 1e-5 * fabs(expected));
    }
    bed_close(&b);
    bed_close(&fast);
}
END_TEST

static const char *const backends[] = {"ref", "cpu-plain", "cpu-avx2", "cpu-avx512"};

// Loss and gradients of a float backend against double.
START_TEST(backends_agree) {
    bed exact, b;
    bed_open(&exact, mixed_space(SIZE), "ref64", 1);
    sn_backend *probe;
    if (sn_backend_open(backends[_i], 2, &probe) != SN_OK) { // lanes this processor lacks
        bed_close(&exact);
        return;
    }
    sn_backend_close(probe);
    bed_open(&b, mixed_space(SIZE), backends[_i], 2);
    for (int i = 0; i < 7; i++) {
        sn_arch a = sn_arch_first(b.space);
        for (int d = 0; d < a.n; d++) a.option[d] = (uint8_t)((i + 3 * d) % 7);
        sn_pass pass = plain_pass(&a, true);
        double expected = run(&exact, &pass), found = run(&b, &pass);
        ck_assert_msg(fabs(expected - found) <= 1e-5 * fabs(expected), "%s: loss %.9g, in double %.9g", backends[_i], found,
                      expected);
        double global = 0, *wanted = doubles_of(exact.net, SN_BUFFER_GRADS), *got = doubles_of(b.net, SN_BUFFER_GRADS);
        for (int64_t k = 0; k < b.graph->params.total; k++) global += wanted[k] * wanted[k];
        for (int k = 0; k < b.graph->params.n; k++) {
            const sn_param *p = &b.graph->params.param[k];
            double error = 0, norm = 0;
            for (int64_t j = p->offset; j < p->offset + p->size; j++) {
                error += (wanted[j] - got[j]) * (wanted[j] - got[j]), norm += wanted[j] * wanted[j];
            }
            double least = 1e-3 * sqrt(global), size = sqrt(norm) > least ? sqrt(norm) : least;
            ck_assert_msg(sqrt(error) <= 1e-4 * size, "%s: gradient of %s: error %.3g of norm %.3g", backends[_i], p->name,
                          sqrt(error), sqrt(norm));
        }
        free(wanted);
        free(got);
    }
    bed_close(&exact);
    bed_close(&b);
}
END_TEST

// From choice to choice, as ranking does it, gives the same bits as the whole pass.
START_TEST(parts_equal_whole) {
    bed b;
    bed_open(&b, mixed_space(SIZE), "cpu", 2);
    for (int i = 0; i < 14; i++) {
        sn_arch a = sn_arch_first(b.space);
        for (int d = 0; d < a.n; d++) a.option[d] = (uint8_t)((i + 3 * d) % 7);
        sn_bn_mode mode = i < 7 ? SN_BN_BATCH : SN_BN_RUNNING;
        sn_pass pass = plain_pass(&a, false);
        pass.bn = mode;
        run(&b, &pass);
        float whole[BATCH * 10], parts[BATCH * 10];
        sn_supernet_logits(b.net, whole);
        sn_off slot = 0, reserved = (b.graph->n_choices + 1) * sn_value_elements(BATCH * SIZE * SIZE, 32);
        sn_given given = {.node = -1};
        sn_memory_fill(b.net->memory, SN_BUFFER_ARENA, 255);
        for (int d = 0; d <= b.graph->n_choices; d++) {
            bool last = d == b.graph->n_choices;
            sn_pass part = pass;
            part.given = &given, part.n_given = d > 0, part.target = last ? -1 : b.graph->choice[d];
            part.out = slot, part.reserved = reserved;
            ck_ok(sn_supernet_pass(b.net, &part, d ? NULL : b.images, b.labels, NULL));
            if (last) break;
            given = (sn_given){b.graph->choice[d], b.net->plan.target};
            slot += sn_value_elements(BATCH * SIZE * SIZE, 32);
        }
        sn_supernet_logits(b.net, parts);
        ck_assert_mem_eq(whole, parts, sizeof whole);
    }
    bed_close(&b);
}
END_TEST

// Running statistics follow r = 0.9 r + 0.1 v with the unbiased variance; a pass without gradients and momentum leaves them.
START_TEST(running_statistics) {
    bed b;
    bed_open(&b, macro_space(SIZE, 4, 8), "ref", 1);
    sn_arch a = sn_arch_first(b.space);
    sn_pass pass = plain_pass(&a, false);
    float mean[8], var[8], again[8];
    run(&b, &pass);
    sn_supernet_get_stats(b.net, 0, mean, var);
    for (int c = 0; c < 4; c++) ck_assert(mean[c] == 0 && var[c] == 1);
    pass.momentum = 1;
    run(&b, &pass);
    sn_supernet_get_stats(b.net, 0, again, var); // momentum 1: the batch's own
    pass.momentum = 0.5;
    run(&b, &pass);
    sn_supernet_get_stats(b.net, 0, mean, var);
    for (int c = 0; c < 4; c++) ck_assert(!(fabsf(mean[c] - again[c]) > 1e-6f) && var[c] > 0);
    bed_close(&b);
}
END_TEST

// SGD on the sampled path only: everything else keeps its bits; a NaN image is found, named, and nothing is updated.
START_TEST(only_the_path_is_updated) {
    bed b;
    bed_open(&b, macro_space(SIZE, 4, 8), "cpu", 2);
    sn_optim *o;
    sn_optim_settings settings = {.kind = SN_OPTIM_SGD, .momentum = 0.9, .nesterov = true, .weight_decay = 0.1, .clip = 5};
    ck_assert_int_eq(sn_optim_create(b.net, &settings, &o), SN_OK);
    sn_arch a;
    ck_assert_int_eq(sn_arch_parse(b.space, "10210210", &a), SN_OK);
    sn_pass pass = plain_pass(&a, true);
    for (int bad = 0; bad < 2; bad++) {
        double *before = doubles_of(b.net, SN_BUFFER_WEIGHTS);
        sn_batch_score score;
        if (bad) b.images[17] = NAN;
        ck_ok(sn_supernet_pass(b.net, &pass, b.images, b.labels, &score));
        ck_assert(score.finite == !bad);
        ck_assert_int_eq(sn_optim_update(o, 0.1), bad ? SN_DIVERGED : SN_OK);
        double *now = doubles_of(b.net, SN_BUFFER_WEIGHTS);
        for (int i = 0; i < b.graph->params.n; i++) {
            const sn_param *p = &b.graph->params.param[i];
            bool used = false;
            for (int k = 0; k < b.net->plan.n_parts; k++) used |= b.net->plan.part[k].param == i;
            bool same = !memcmp(before + p->offset, now + p->offset, (size_t)p->size * sizeof *now);
            // (a beta before a 1x1 convolution and a BN has no gradient but rounding noise)
            if (bad || !used || p->kind == SN_PARAM_CONV) ck_assert_msg(same == (bad || !used), "%s", p->name);
        }
        free(before);
        free(now);
    }
    sn_optim_free(o);
    bed_close(&b);
}
END_TEST

int main(void) {
    Suite *s = suite_create("plan");
    TCase *t = tcase_create("nets");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, gradients_macro);
    tcase_add_test(t, gradients_mixed);
    tcase_add_test(t, sums_of_many);
    tcase_add_loop_test(t, backends_agree, 0, (int)(sizeof backends / sizeof *backends));
    tcase_add_test(t, parts_equal_whole);
    tcase_add_test(t, running_statistics);
    tcase_add_test(t, only_the_path_is_updated);
    suite_add_tcase(s, t);
    return run_suite(s);
}
