// Decisions with several sites (`shared: true`): names, archs, costs and draws; scores equal those of the same net with a
// decision per layer, bit by bit. Next: test_space.c.
#include "macro.h"
#include "sampler/method.h"
#include "space/cost.h"
#include "suite.h"
#include "supernet/engine/evaluate.h"

#include <stdlib.h>

enum { SIZE = 8, IMAGE = SIZE * SIZE * 3, IMAGES = 12, ARCHS = 27 };

typedef struct {
    sn_space *space;
    sn_graph *graph;
} world;

static world shared, single;

static world make(bool share) {
    world w = {.space = macro_space(SIZE, 4, 8)};
    for (int i = 0; i < w.space->n_entries; i++) w.space->entries[i].shared = share && w.space->entries[i].choice;
    ck_ok(sn_space_finish(w.space));
    ck_ok(sn_graph_build(w.space, &w.graph));
    return w;
}

static void setup(void) {
    shared = make(true);
    single = make(false);
}

static void drop(world *w) {
    sn_graph_free(w->graph);
    sn_space_free(w->space);
}

static void teardown(void) {
    drop(&shared);
    drop(&single);
}

// The same net where every layer decides.
static sn_arch unshared(const sn_arch *a) {
    static const int stage[] = {0, 0, 1, 1, 1, 2, 2, 2};
    sn_arch out = {.n = 8};
    for (int i = 0; i < out.n; i++) out.option[i] = a->option[stage[i]];
    return out;
}

START_TEST(names) {
    char text[SN_SIZE_TEXT], arch[SN_ARCH_TEXT];
    const sn_space *s = shared.space;
    const sn_graph *g = shared.graph;
    sn_arch a;
    ck_assert_double_eq(sn_space_size(s, text, sizeof text), ARCHS);
    ck_assert_int_eq(s->n_decisions, 3);
    ck_assert_str_eq(s->decisions[1].name, "stage2");
    ck_ok(sn_arch_parse(s, "021", &a));
    ck_assert_str_eq(sn_arch_text(s, &a, arch), "021");
    ck_assert_int_eq(sn_arch_parse(s, "031", &a), SN_USAGE);
    ck_message("arch '031', column 2 (stage2): found '3'; allowed are 0, 1, 2");
    ck_assert_int_eq(g->n_choices, 8);
    for (int i = 0; i < 8; i++) {
        const sn_node *site = &g->node[g->choice[i]], *other = &single.graph->node[single.graph->choice[i]];
        ck_assert_int_eq(site->decision, i < 2 ? 0 : i < 5 ? 1 : 2);
        ck_assert_int_eq(other->decision, i);
        ck_assert_str_eq(site->name, other->name);
    }
    ck_assert_int_eq(g->params.n, single.graph->params.n); // each site has weights of its own
    for (int i = 0; i < g->params.n; i++) ck_assert_str_eq(g->params.param[i].name, single.graph->params.param[i].name);
}
END_TEST

START_TEST(costs) {
    sn_arch a = sn_arch_first(shared.space), small, large;
    do {
        sn_arch b = unshared(&a);
        sn_cost x, y;
        uint64_t one, other;
        ck_ok(sn_cost_arch(shared.graph, &a, &x));
        ck_ok(sn_cost_arch(single.graph, &b, &y));
        ck_assert(x.macs == y.macs && x.params == y.params);
        ck_ok(sn_graph_signature(shared.graph, &a, true, &one));
        ck_ok(sn_graph_signature(single.graph, &b, true, &other));
        ck_assert_uint_eq(one, other);
    } while (sn_arch_next(shared.space, &a));
    ck_ok(sn_cost_extremes(shared.graph, shared.space, &small, &large));
    for (int i = 0; i < 3; i++) ck_assert(small.option[i] == 0 && large.option[i] == 2);
    ck_ok(sn_space_restrict(shared.space, 1, 6)); // narrows every site
    sn_graph *some;
    ck_ok(sn_graph_build(shared.space, &some));
    for (int i = 0; i < 8; i++) ck_assert_int_eq(some->node[some->choice[i]].in[0] < 0, i >= 2 && i < 5);
    sn_graph_free(some);
}
END_TEST

static sn_status count_pass(void *arg, const sn_arch *a) {
    ck_assert_int_eq(a->n, 3);
    for (int i = 0; i < a->n; i++) ((int(*)[3])arg)[i][a->option[i]]++;
    return SN_OK;
}

static sn_status no_update(void *arg) {
    (void)arg;
    return SN_OK;
}

START_TEST(draws) {
    int count[3][3] = {0};
    sn_verbs v = {count, count_pass, no_update};
    void *state = sn_new(1, sn_method_find(SN_SAMPLER, "fair")->state(shared.space));
    for (uint32_t step = 0; step < 10; step++) ck_ok(sn_method_find(SN_SAMPLER, "fair")->step(shared.space, 1, step, state, &v));
    for (int i = 0; i < 9; i++) ck_assert_int_eq(count[i / 3][i % 3], 10);
    free(state);
}
END_TEST

static float pixels[IMAGES * IMAGE];

static sn_status read_images(void *arg, long first, long n, float *images, int32_t *labels) {
    (void)arg;
    memcpy(images, pixels + first * IMAGE, (size_t)n * IMAGE * sizeof *images);
    for (long i = 0; labels && i < n; i++) labels[i] = (int32_t)((first + i) % 10);
    return SN_OK;
}

typedef struct {
    uint64_t logits[ARCHS];
    int n;
} results;

static sn_status scored(void *arg, const sn_score *s) {
    results *r = arg;
    r->logits[r->n++] = s->logits_hash;
    return SN_OK;
}

static void score(const world *w, const sn_arch *archs, int kind, results *r) {
    sn_backend *backend;
    sn_supernet *net;
    ck_ok(sn_backend_open("cpu", 1, &backend));
    ck_ok(sn_supernet_create(w->graph, backend, 0, SN_INIT_FAN_OUT, 3, &net));
    sn_score_job job = {.archs = archs, .n = ARCHS, .protocol = {kind, 6, 4}, .arg = r, .scored = scored};
    job.calibration = job.images = (sn_source){IMAGES, NULL, read_images};
    r->n = 0;
    ck_ok(sn_score_archs(net, &job, NULL));
    ck_assert_int_eq(r->n, ARCHS);
    sn_supernet_free(net);
    sn_backend_close(backend);
}

START_TEST(scores) {
    static sn_arch archs[ARCHS], others[ARCHS];
    results x, y;
    sn_rng r = sn_rng_at(1, SN_STREAM_AUGMENT, 0, 0, 0);
    for (int i = 0; i < IMAGES * IMAGE; i++) pixels[i] = (float)sn_rng_normal(&r);
    archs[0] = sn_arch_first(shared.space);
    for (int i = 0; i < ARCHS; i++) {
        if (i) archs[i] = archs[i - 1];
        ck_assert(!i || sn_arch_next(shared.space, &archs[i]));
        others[i] = unshared(&archs[i]);
    }
    score(&shared, archs, _i, &x);
    score(&single, others, _i, &y);
    ck_assert_mem_eq(x.logits, y.logits, sizeof x.logits);
}
END_TEST

int main(void) {
    Suite *s = suite_create("sites");
    TCase *t = tcase_create("sites");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, names);
    tcase_add_test(t, costs);
    tcase_add_test(t, draws);
    tcase_add_loop_test(t, scores, SN_PROTOCOL_RECALIBRATE, SN_PROTOCOL_RUNNING + 1);
    suite_add_tcase(s, t);
    return run_suite(s);
}
