// Mixtures of architectures in one pass, on random spaces: gradients of gates and of weights by finite differences in double,
// those of gates alone the same, an arch as a mixture of one, the fast kernels against double. Next: src/space/gates.h.
#include "io/config/config.h"
#include "nets.h"
#include "random_space.h"

#include <math.h>

enum { SPACES = 60, MOST_BATCH = 12 };
static const measure small_nets = {{5, 9}, {3, 6}, 8, 40000, {2, 2}};

typedef struct {
    uint32_t seed;
    sn_config *config;
    const sn_space *space;
    sn_graph *graph;
    sn_backend *backend;
    sn_supernet *net;
    sn_gates *gates;
    int batch;
    bool recompute;
    float *images;
    int32_t labels[MOST_BATCH];
} bed;

static void bed_net(bed *b, const char *device) {
    ck_ok(sn_backend_open(device, 2, &b->backend));
    ck_ok(sn_supernet_create(b->graph, b->backend, 0, SN_INIT_TORCH, 7, &b->net));
    sn_rng r = sn_rng_at(b->seed, SN_STREAM_RESAMPLE, 80, 0, 0);
    shake_vectors(b->net, &r);
}

static void bed_open(bed *b, uint32_t seed, const char *device) {
    *b = (bed){.seed = seed, .batch = 3 + (int)(seed % 3)};
    folder_make();
    put_random_space(seed, small_nets);
    ck_ok(sn_config_load(at("space.yaml"), NULL, 0, &b->config));
    folder_remove();
    b->space = b->config->space.built;
    ck_ok(sn_graph_build(b->space, &b->graph));
    b->gates = sn_gates_new(b->space);
    ck_assert_ptr_nonnull(b->gates);
    sn_rng r = sn_rng_at(seed, SN_STREAM_RESAMPLE, 81, 0, 0);
    size_t image = (size_t)(b->space->channels * b->space->height * b->space->width);
    b->images = sn_new((size_t)b->batch * image, sizeof *b->images);
    for (size_t i = 0; i < (size_t)b->batch * image; i++) b->images[i] = (float)sn_rng_normal(&r);
    for (int i = 0; i < b->batch; i++) b->labels[i] = (int32_t)sn_rng_below(&r, (uint32_t)b->space->classes);
    bed_net(b, device);
}

static void bed_close_net(bed *b) {
    sn_supernet_free(b->net);
    sn_backend_close(b->backend);
}

static void bed_close(bed *b) {
    bed_close_net(b);
    sn_gates_free(b->gates);
    sn_graph_free(b->graph);
    sn_config_free(b->config);
    free(b->images);
}

// Most decisions are relaxed, over some or all of their options; the others take one, of which some are learned too. A relaxed
// decision is asked about whatever exists under any of its options, so all are there.
static void any_gates(bed *b) {
    sn_rng r = sn_rng_at(b->seed, SN_STREAM_RESAMPLE, 82, 0, 0);
    for (int d = 0; d < b->space->n_decisions; d++) {
        const sn_decision *o = &b->space->decisions[d];
        b->gates->learned[d] = sn_rng_below(&r, 4) > 0;
        b->gates->active[d] = 0;
        for (int k = 0; k < o->options; k++) {
            if (!sn_decision_allows(o, k)) continue;
            b->gates->gate[b->gates->first[d] + k] = 0.1 + sn_rng_unit(&r);
            if (b->gates->learned[d] && sn_rng_below(&r, 5)) b->gates->active[d] |= 1ull << k;
        }
        if (__builtin_popcountll(b->gates->active[d]) > 2) // so that values are left: a BN of nothing but 0 has no slope
            b->gates->gate[b->gates->first[d] + __builtin_ctzll(b->gates->active[d])] = 0;
        if (b->gates->active[d]) continue;
        int only = sn_decision_option(o, (int)sn_rng_below(&r, (uint32_t)sn_decision_count(o)));
        b->gates->active[d] = 1ull << only;
        if (!b->gates->learned[d]) b->gates->gate[b->gates->first[d] + only] = 1;
    }
}

// Every element of the arena is NaN before the pass: an element read before it was written shows in the loss.
static double run(bed *b, bool weights, bool gates) {
    sn_pass pass = {.gates = b->gates,
                    .batch = b->batch,
                    .bn = SN_BN_BATCH,
                    .gradients = weights,
                    .gate_gradients = gates,
                    .smoothing = 0.1,
                    .loss_scale = 1.0 / b->batch,
                    .recompute = b->recompute,
                    .target = -1};
    sn_batch_score score;
    sn_memory_fill(b->net->memory, SN_BUFFER_ARENA, 255);
    sn_memory_fill(b->net->memory, SN_BUFFER_GRADS, 0);
    sn_status s = sn_supernet_pass(b->net, &pass, b->images, b->labels, &score);
    ck_assert_msg(s == SN_OK, "seed %u: %s", b->seed, sn_error_text());
    sn_supernet_end_gradients(b->net);
    ck_assert_msg(isfinite(score.loss), "seed %u: loss %g", b->seed, score.loss);
    return score.loss / b->batch;
}

static double *gate_gradients(const bed *b) {
    double *out = sn_new((size_t)b->gates->places, sizeof *out);
    sn_supernet_gate_gradients(b->net, b->gates->places, out);
    return out;
}

static double norm(const double *x, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += x[i] * x[i];
    return sqrt(sum);
}

static bool counts(const bed *b, int d, int k) {
    return b->gates->learned[d] && b->gates->active[d] >> k & 1;
}

// Central differences of every gate, at two widths: where these differ a kink lies between, and nothing is said.
static int check_gates(bed *b) {
    run(b, false, true);
    double *found = gate_gradients(b), scale = norm(found, b->gates->places);
    int checked = 0;
    for (int d = 0; d < b->space->n_decisions; d++)
        for (int k = 0; k < b->space->decisions[d].options; k++) {
            int place = b->gates->first[d] + k;
            double *gate = &b->gates->gate[place], kept = *gate, slope[2];
            if (!counts(b, d, k)) {
                ck_assert_msg(found[place] == 0, "seed %u: a gate that is not learned has a gradient", b->seed);
                continue;
            }
            for (int wide = 0; wide < 2; wide++) {
                double h = wide ? 2e-6 : 1e-6;
                *gate = kept + h;
                double above = run(b, false, false);
                *gate = kept - h;
                slope[wide] = (above - run(b, false, false)) / (2 * h);
                *gate = kept;
            }
            if (fabs(slope[0] - slope[1]) > 1e-7 * scale) continue;
            checked++;
            ck_assert_msg(fabs(found[place] - slope[0]) <= 1e-6 * scale + 1e-9,
                          "seed %u: %s, option %s: gradient %.12g, differences give %.12g", b->seed, b->space->decisions[d].name,
                          sn_space_option_name(b->space, d, k), found[place], slope[0]);
        }
    free(found);
    return checked;
}

// Both kinds of gradients in one pass are those of one each; the weights' agree with differences along a random direction.
static void check_weights(bed *b) {
    run(b, false, true);
    double *gates = gate_gradients(b);
    run(b, true, false);
    double *grads = doubles_of(b->net, SN_BUFFER_GRADS), *w = doubles_of(b->net, SN_BUFFER_WEIGHTS);
    run(b, true, true);
    double *again = gate_gradients(b), *both = doubles_of(b->net, SN_BUFFER_GRADS);
    int64_t n = b->graph->params.total;
    for (int i = 0; i < b->gates->places; i++)
        ck_assert_msg(fabs(gates[i] - again[i]) <= 1e-12 * (1 + fabs(gates[i])), "seed %u: gate %d", b->seed, i);
    for (int64_t i = 0; i < n; i++)
        ck_assert_msg(fabs(grads[i] - both[i]) <= 1e-12 * (1 + fabs(grads[i])), "seed %u: weight %lld", b->seed, (long long)i);
    sn_rng r = sn_rng_at(b->seed, SN_STREAM_RESAMPLE, 83, 0, 0);
    double *direction = sn_new((size_t)n, sizeof *direction), expected = 0, slope[2];
    for (int64_t i = 0; i < n; i++) direction[i] = sn_rng_normal(&r), expected += direction[i] * grads[i];
    double size = norm(direction, n);
    for (int wide = 0; wide < 2; wide++) {
        double h = (wide ? 2e-6 : 1e-6) / size, value[2];
        for (int side = 0; side < 2; side++) {
            double *moved = sn_new((size_t)n, sizeof *moved);
            for (int64_t i = 0; i < n; i++) moved[i] = w[i] + (side ? -h : h) * direction[i];
            sn_memory_write(b->net->memory, SN_BUFFER_WEIGHTS, 0, moved, (size_t)n * sizeof *moved);
            value[side] = run(b, false, false);
            free(moved);
        }
        slope[wide] = (value[0] - value[1]) / (2 * h);
    }
    double scale = size * norm(grads, n);
    if (fabs(slope[0] - slope[1]) <= 1e-7 * scale)
        ck_assert_msg(fabs(slope[0] - expected) <= 1e-6 * scale + 1e-9, "seed %u: derivative %.12g, differences give %.12g",
                      b->seed, expected, slope[0]);
    sn_memory_write(b->net->memory, SN_BUFFER_WEIGHTS, 0, w, (size_t)n * sizeof *w);
    free(gates);
    free(again);
    free(grads);
    free(both);
    free(w);
    free(direction);
}

START_TEST(gradients_are_those_of_differences) {
    int checked = 0;
    for (uint32_t seed = 1; seed <= SPACES; seed++) {
        bed b;
        bed_open(&b, seed, "ref64");
        any_gates(&b);
        checked += check_gates(&b);
        check_weights(&b);
        bed_close(&b);
    }
    ck_assert_msg(checked > SPACES * 2, "only %d gates were told", checked);
}
END_TEST

// What is computed again gives the bits of what was kept, in a mixture and in one arch, whatever is asked for.
static bool check_again(bed *b, bool weights, bool gates) {
    size_t n = (size_t)b->graph->params.total;
    float *kept = sn_new(n, sizeof *kept), *again = sn_new(n, sizeof *again);
    b->recompute = false;
    double loss = run(b, weights, gates), *of_kept = gate_gradients(b);
    int64_t arena = b->net->plan.arena;
    sn_memory_get(b->net->memory, SN_BUFFER_GRADS, 0, kept, (int64_t)n);
    b->recompute = true;
    ck_assert_msg(run(b, weights, gates) == loss, "seed %u", b->seed);
    double *of_again = gate_gradients(b);
    sn_memory_get(b->net->memory, SN_BUFFER_GRADS, 0, again, (int64_t)n);
    ck_assert_msg(!memcmp(kept, again, n * sizeof *kept), "seed %u: gradients of weights differ", b->seed);
    ck_assert_msg(!memcmp(of_kept, of_again, (size_t)b->gates->places * sizeof *of_kept), "seed %u: gradients of gates differ",
                  b->seed);
    free(kept);
    free(again);
    free(of_kept);
    free(of_again);
    return b->net->plan.arena < arena;
}

START_TEST(what_is_computed_again) {
    int smaller = 0;
    for (uint32_t seed = 1; seed <= 4 * SPACES; seed++) {
        bed b;
        bed_open(&b, seed, seed % 2 ? "cpu" : "cpu-guarded");
        any_gates(&b);
        smaller += check_again(&b, true, false) + check_again(&b, false, true) + check_again(&b, true, true);
        sn_rng r = sn_rng_at(seed, SN_STREAM_RESAMPLE, 86, 0, 0);
        sn_arch a = sn_arch_random(b.space, &r);
        sn_gates_set_arch(b.gates, &a);
        smaller += check_again(&b, true, false);
        bed_close(&b);
    }
    ck_assert_msg(smaller > SPACES, "only %d passes take less", smaller);
}
END_TEST

// One option everywhere: the bits of a pass of that arch.
START_TEST(an_arch_is_a_mixture_of_one) {
    for (uint32_t seed = 1; seed <= SPACES; seed++) {
        bed b;
        bed_open(&b, seed, "cpu");
        sn_rng r = sn_rng_at(seed, SN_STREAM_RESAMPLE, 84, 0, 0);
        sn_arch a = sn_arch_random(b.space, &r);
        sn_gates_set_arch(b.gates, &a);
        double mixed = run(&b, true, false);
        sn_pass pass = sn_training_pass(&a, b.batch, 0.1);
        sn_batch_score score;
        ck_ok(sn_supernet_pass(b.net, &pass, b.images, b.labels, &score));
        ck_assert_msg(score.loss / b.batch == mixed, "seed %u: %.17g, as a mixture %.17g", seed, score.loss / b.batch, mixed);
        bed_close(&b);
    }
}
END_TEST

// The lanes of this machine against double.
START_TEST(fast_kernels_agree_with_double) {
    for (uint32_t seed = 1; seed <= SPACES; seed++) {
        bed b;
        bed_open(&b, seed, "ref64");
        any_gates(&b);
        double loss = run(&b, true, true), *gates = gate_gradients(&b), scale = norm(gates, b.gates->places);
        bed_close_net(&b);
        bed_net(&b, "cpu");
        double fast = run(&b, true, true), *close = gate_gradients(&b);
        ck_assert_msg(fabs(fast - loss) <= 1e-4 * (1 + fabs(loss)), "seed %u: loss %g, fast %g", seed, loss, fast);
        for (int i = 0; i < b.gates->places; i++)
            ck_assert_msg(fabs(close[i] - gates[i]) <= 2e-3 * scale + 1e-5, "seed %u: gate %d: %g, fast %g", seed, i, gates[i],
                          close[i]);
        free(gates);
        free(close);
        bed_close(&b);
    }
}
END_TEST

// Where costs add up, what an option is made of is all that archs differ by; a zero and an alias are made of nothing.
START_TEST(options_cost_what_archs_differ_by) {
    int checked = 0;
    for (uint32_t seed = 1; seed <= 4 * SPACES; seed++) {
        bed b;
        bed_open(&b, seed, "ref");
        sn_rng r = sn_rng_at(seed, SN_STREAM_RESAMPLE, 85, 0, 0);
        sn_arch from = sn_arch_random(b.space, &r);
        for (int d = 0; sn_costs_add_up(b.graph, b.space) && d < b.space->n_decisions; d++)
            for (int n = 0, k; (k = sn_decision_option(&b.space->decisions[d], n)) >= 0; n++) {
                sn_arch to = from;
                sn_cost before, after, had, has;
                ck_ok(sn_cost_option(b.graph, d, from.option[d], &had));
                ck_ok(sn_cost_option(b.graph, d, k, &has));
                to.option[d] = (uint8_t)k;
                ck_ok(sn_cost_arch(b.graph, &from, &before));
                ck_ok(sn_cost_arch(b.graph, &to, &after));
                ck_assert_msg(after.macs - before.macs == has.macs - had.macs, "seed %u: %s, option %s: %lld MACs, not %lld",
                              seed, b.space->decisions[d].name, sn_space_option_name(b.space, d, k),
                              (long long)(has.macs - had.macs), (long long)(after.macs - before.macs));
                ck_assert_msg(after.params - before.params == has.params - had.params,
                              "seed %u: %s, option %s: %lld params, not %lld", seed, b.space->decisions[d].name,
                              sn_space_option_name(b.space, d, k), (long long)(has.params - had.params),
                              (long long)(after.params - before.params));
                checked += k != from.option[d];
            }
        bed_close(&b);
    }
    ck_assert_msg(checked > 100, "only %d options", checked);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("gates");
    TCase *tests = tcase_create("gates");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, gradients_are_those_of_differences);
    tcase_add_test(tests, what_is_computed_again);
    tcase_add_test(tests, an_arch_is_a_mixture_of_one);
    tcase_add_test(tests, fast_kernels_agree_with_double);
    tcase_add_test(tests, options_cost_what_archs_differ_by);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
