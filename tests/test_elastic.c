// Weights used in part: what lists in an operation mean, which numbers of a parameter an arch uses, that its gradients and
// updates are in them and nowhere else, that the net cut out is the net inside, and what is wrong. What must hold for any space:
// test_spaces.c. Next: src/space/params.h.
#include "nets.h"
#include "parsed_space.h"
#include "supernet/engine/optim.h"

static sn_status parse(const char *block, const char *network, const char *arch) {
    char text[2048];
    snprintf(text, sizeof text,
             "data: {source: /nowhere}\nspace:\n  input: {channels: 3, height: 9, width: 9}\n  classes: 4\n  arch: \"%s\"\n"
             "  blocks:\n    b: {%s}\n    skip: {op: identity}\n  network:\n    - {op: conv, kernel: 3, out: 6}\n%s"
             "    - {op: classifier}\ntrain: {epochs: 1, batch: 8}\n",
             arch, block, network);
    return sn_config_parse(text, strlen(text), "test.yaml", NULL, 0, &config);
}

static void open_arch(const char *block, const char *network, const char *arch) {
    ck_ok(parse(block, network, arch));
    space = config->space.built;
    ck_ok(sn_graph_build(space, &graph));
}

#define MB "op: mbconv, expand: [2, 3, 5], kernel: [3, 5, 7], se: 2"
#define TWO "    - {layers: [1, 2], out: 8, stride: 2, block: b}\n"

// ---------------------------------------------------------------- the space
START_TEST(decisions) {
    static const struct {
        const char *block, *network, *names, *size, *arch;
    } cases[] = {
        {MB, TWO, "stage1.depth stage1.layer1.expand stage1.layer1.kernel stage1.layer2.expand stage1.layer2.kernel ", "90",
         "1,5,3,-,-"},
        {MB ", shared: true", TWO, "stage1.depth b.expand b.kernel ", "18", "2,3,7"},
        {MB, "    - {layers: 2, out: 8, block: b, shared: true}\n", "stage1.expand stage1.kernel ", "9", "2,5"},
        {MB, "    - {out: 8, choose: [skip, b]}\n", "stage1.layer1 stage1.layer1.b.expand stage1.layer1.b.kernel ", "10",
         "b,5,7"},
        {"op: conv, kernel: [1, 3]", "    - {op: conv, kernel: [3, 5], out: 8, name: x}\n    - {out: 8, block: b}\n",
         "x.kernel stage1.kernel ", "4", "5,1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char size[SN_SIZE_TEXT], text[SN_ARCH_TEXT], names[1024] = "";
        open_arch(cases[i].block, cases[i].network, "");
        for (int d = 0; d < space->n_decisions; d++) strcat(strcat(names, space->decisions[d].name), " ");
        sn_space_size(space, size, sizeof size);
        ck_assert_str_eq(names, cases[i].names);
        ck_assert_str_eq(size, cases[i].size);
        sn_arch a = arch_of(cases[i].arch);
        ck_assert_str_eq(sn_arch_text(space, &a, text), cases[i].arch);
        teardown();
    }
}
END_TEST

// The net of an arch has the costs, the parameters and the names of the plain one; the resolved text gives the space again.
START_TEST(one_arch_is_a_plain_net) {
    open_arch(MB ", transform: true", TWO, "");
    sn_arch a = sn_arch_first(space);
    do {
        char plain[256], text[SN_ARCH_TEXT], network[256];
        bool two = a.option[0] == 1;
        sn_cost inside, alone;
        ck_ok(sn_cost_arch(graph, &a, &inside));
        sn_config *all = config;
        sn_graph *of_all = graph;
        open_arch(MB ", transform: true", TWO, sn_arch_text(space, &a, text));
        sn_arch only = sn_arch_first(space);
        ck_ok(sn_cost_arch(graph, &only, &alone));
        ck_assert(inside.macs == alone.macs && inside.params == alone.params);
        ck_assert_int_eq(sn_params_count(&graph->params), alone.params);
        sn_graph *of_one = graph;
        sn_config *one = config;
        int e[2], k[2];
        const sn_decision *d = all->space.built->decisions;
        for (int l = 0; l < 2; l++)
            e[l] = two || !l ? d[1 + 2 * l].block[a.option[1 + 2 * l]] : 2,
            k[l] = two || !l ? d[2 + 2 * l].block[a.option[2 + 2 * l]] : 3;
        snprintf(plain, sizeof plain,
                 "op: mbconv, expand: %d, kernel: %d, se: 2}\n    c: {op: mbconv, expand: %d, kernel: %d, se: 2", e[0], k[0],
                 e[1], k[1]);
        snprintf(network, sizeof network, "    - {out: 8, stride: 2, block: b}\n%s    - {layers: [1], out: 8, block: skip}\n",
                 two ? "    - {out: 8, block: c, name: other}\n" : "");
        open_arch(plain, network, "");
        ck_assert_int_eq(graph->params.n, of_one->params.n);
        for (int i = 0; i < graph->params.n; i++) {
            const sn_param *x = &graph->params.param[i], *y = &of_one->params.param[i];
            ck_assert(x->kernel == y->kernel && x->in == y->in && x->out == y->out && x->offset == y->offset);
        }
        ck_assert(sn_params_find(&of_one->params, "stage1.layer1.dw.weight") >= 0);
        teardown();
        graph = of_one, config = one;
        teardown();
        graph = of_all, config = all, space = all->space.built;
    } while (sn_arch_next(space, &a));
    char *resolved = sn_config_resolved(config, true);
    sn_config *again = NULL;
    sn_config_change change;
    ck_assert_ptr_nonnull(strstr(resolved, "expand: [2, 3, 5], kernel: [3, 5, 7]"));
    ck_ok(sn_config_parse(resolved, strlen(resolved), "test.yaml", NULL, 0, &again));
    ck_ok(sn_config_difference(config, again, SN_BINDS_TRAINING, &change));
    ck_assert_str_eq(change.key, "");
    sn_config_free(again);
    free(resolved);
}
END_TEST

// ---------------------------------------------------------------- numbers
enum { BATCH = 5 };

typedef struct {
    sn_backend *backend;
    sn_supernet *net;
    float *images;
    int32_t labels[BATCH];
} bed;

static bed bed_open(const char *device, int slots) {
    bed b;
    const sn_node *in = &graph->node[graph->input];
    size_t n = (size_t)(BATCH * in->h * in->w * in->c);
    sn_rng r = sn_rng_at(3, SN_STREAM_RESAMPLE, 90, 0, 0);
    ck_ok(sn_backend_open(device, 2, &b.backend));
    ck_ok(sn_supernet_create(graph, b.backend, slots, SN_INIT_TORCH, 7, &b.net));
    b.images = sn_new(n, sizeof *b.images);
    for (size_t i = 0; i < n; i++) b.images[i] = (float)sn_rng_normal(&r);
    for (int i = 0; i < BATCH; i++) b.labels[i] = i % 4;
    shake_vectors(b.net, &r);
    return b;
}

static void bed_close(bed *b) {
    sn_supernet_free(b->net);
    sn_backend_close(b->backend);
    free(b->images);
    teardown();
}

static double loss_of(bed *b, const sn_arch *a, bool gradients) {
    sn_batch_score score;
    sn_pass pass = sn_training_pass(a, BATCH, 0.1);
    pass.gradients = gradients, pass.momentum = 0;
    sn_memory_fill(b->net->memory, SN_BUFFER_ARENA, 255);
    ck_ok(sn_supernet_pass(b->net, &pass, b->images, b->labels, &score));
    return score.loss / BATCH;
}

// A number of a parameter as files count them.
typedef struct {
    int out, in, y, x;
} place;

static place place_of(const sn_param *p, int64_t file) {
    int k = p->kernel;
    return (place){(int)(file / ((int64_t)k * k * p->in)), (int)(file / (k * k) % p->in), (int)(file / k % k), (int)(file % k)};
}

// What a net of the largest kernel's centre and the first channels takes.
static bool inside(const sn_param *p, sn_extent e, place at) {
    int edge = (p->kernel - e.kernel) / 2;
    return at.out < e.out && at.in < e.in && at.y >= edge && at.y < edge + e.kernel && at.x >= edge && at.x < edge + e.kernel;
}

// A parameter's numbers are their places in the file: a kernel is the centre and the first channels of it, exactly.
START_TEST(kernels_are_centres_and_first_channels) {
    open_arch(MB, TWO "    - {op: conv, kernel: [1, 5, 7], dilation: 2, out: 5, name: dense}\n", "");
    bed b = bed_open("cpu", 0);
    int gathered = 0, in_place = 0;
    for (int i = 0; i < graph->params.n; i++) {
        const sn_param *p = &graph->params.param[i];
        float *file = sn_new((size_t)p->size, sizeof *file), *memory = sn_new((size_t)p->size, sizeof *memory);
        for (int64_t k = 0; k < p->size; k++) file[k] = (float)k;
        sn_param_from_file(p, file, memory);
        sn_supernet_put(b.net, SN_BUFFER_WEIGHTS, i, memory);
        memset(file, 0, (size_t)p->size * sizeof *file);
        sn_param_to_file(p, memory, file);
        for (int64_t k = 0; k < p->size; k++) ck_assert(file[k] == (float)k);
        free(file);
        free(memory);
    }
    for (int i = 0; i < graph->n; i++) {
        const sn_node *n = &graph->node[i];
        if (n->kind != SN_NODE_CONV) continue;
        const sn_param *p = &graph->params.param[n->weight];
        sn_extent e = sn_node_extent(graph, n);
        float *kernel = sn_new((size_t)sn_kernel_size(graph, n), sizeof *kernel);
        ck_ok(sn_supernet_kernel(b.net, i, kernel));
        for (int64_t file = 0; file < p->size; file++) {
            place at = place_of(p, file);
            int edge = (p->kernel - e.kernel) / 2;
            if (!inside(p, e, at)) continue;
            float found = kernel[(((at.y - edge) * e.kernel + at.x - edge) * e.in + at.in) * e.out + at.out];
            ck_assert_msg(found == (float)file, "%s: number %lld is %g", n->name, (long long)file, (double)found);
        }
        *(sn_node_room(graph, n) ? &gathered : &in_place) += 1;
        free(kernel);
    }
    ck_assert_int_gt(gathered, 20);
    ck_assert_int_gt(in_place, 6); // the last convolutions of a block among them
    bed_close(&b);
}
END_TEST

// Matrices start as the unit matrix, so with them and without a net computes the same, bit for bit.
START_TEST(matrices_start_as_nothing) {
    float logits[2][BATCH * 4];
    for (int with = 0; with < 2; with++) {
        open_arch(with ? MB ", transform: true" : MB, TWO, "");
        bed b = bed_open("cpu", 0);
        for (int i = 0; i < graph->params.n; i++) { // undo what shakes vectors
            float *v = sn_new((size_t)graph->params.param[i].size, sizeof *v);
            sn_param_init(&graph->params.param[i], SN_INIT_TORCH, 7, v);
            sn_supernet_put(b.net, SN_BUFFER_WEIGHTS, i, v);
            free(v);
        }
        ck_assert_int_eq(sn_params_find(&graph->params, "stage1.layer2.dw.7to5.weight") >= 0, with);
        ck_assert_int_eq(sn_params_find(&graph->params, "stage1.layer1.dw.5to3.weight") >= 0, with);
        sn_arch a = arch_of("2,3,3,5,5");
        loss_of(&b, &a, false);
        sn_supernet_logits(b.net, logits[with]);
        bed_close(&b);
    }
    ck_assert_mem_eq(logits[0], logits[1], sizeof logits[0]);
}
END_TEST

static const char *const variants[] = {MB,
                                       MB ", transform: true",
                                       MB ", bn: {per: expand}",
                                       "op: conv, kernel: [1, 3, 7], transform: true, activation: h_swish",
                                       "op: shuffle, kernel: [3, 5], transform: true",
                                       "op: sepconv, kernel: [1, 3, 5]"};
enum { VARIANTS = sizeof variants / sizeof *variants };

// The derivative of the loss along random directions; of numbers that the arch does not use it is 0 in every one of them.
START_TEST(finite_differences) {
    open_arch(variants[_i], TWO, "");
    bed b = bed_open("ref64", 0);
    sn_rng r = sn_rng_at(5, SN_STREAM_RESAMPLE, 91, 0, 0);
    const int64_t n = graph->params.total;
    double *kept = doubles_of(b.net, SN_BUFFER_WEIGHTS), *moved = sn_new((size_t)n, sizeof *moved);
    for (int round = 0; round < 12; round++) {
        sn_arch a = sn_arch_random(space, &r);
        const double h = 1e-7; // small, for the kinks
        sn_memory_fill(b.net->memory, SN_BUFFER_GRADS, 0);
        loss_of(&b, &a, true);
        sn_supernet_end_gradients(b.net);
        double *g = doubles_of(b.net, SN_BUFFER_GRADS), slope = 0, loss[2], norm = 0;
        double *d = sn_new((size_t)n, sizeof *d);
        for (int64_t i = 0; i < n; i++) d[i] = sn_rng_normal(&r), slope += d[i] * g[i], norm += g[i] * g[i];
        for (int side = 0; side < 2; side++) {
            for (int64_t i = 0; i < n; i++) moved[i] = kept[i] + (side ? -h : h) * d[i];
            sn_memory_write(b.net->memory, SN_BUFFER_WEIGHTS, 0, moved, (size_t)n * sizeof *moved);
            loss[side] = loss_of(&b, &a, false);
        }
        sn_memory_write(b.net->memory, SN_BUFFER_WEIGHTS, 0, kept, (size_t)n * sizeof *kept);
        ck_near((loss[0] - loss[1]) / (2 * h), slope, 2e-5 * sqrt(norm) + 1e-8, "derivative");
        free(g);
        free(d);
    }
    free(kept);
    free(moved);
    bed_close(&b);
}
END_TEST

// Marks the numbers, in memory order, that archs use, by what their nodes are; a kernel made by matrices is made of the second
// largest.
static void mark_used(const sn_arch *a, bool *used) {
    int *stands = sn_new((size_t)graph->n, sizeof *stands);
    uint8_t *live = sn_new((size_t)graph->n, 1);
    sn_graph_stand(graph, a, NULL, stands);
    sn_graph_live(graph, stands, live);
    for (int i = 0; i < graph->n; i++) {
        const sn_node *n = &graph->node[i];
        const int params[2] = {n->weight, n->bias};
        for (int w = 0; w < 2 && live[i]; w++) {
            if (params[w] < 0) continue;
            const sn_param *p = &graph->params.param[params[w]];
            sn_extent e = w ? (sn_extent){1, 1, n->c} : sn_node_extent(graph, n);
            if (!w && p->matrix >= 0 && e.kernel < p->kernel) {
                for (int k = e.kernel; k < p->kernel; k += 2) { // 7to5, 5to3
                    const sn_param *m = &graph->params.param[p->matrix + (p->kernel - 2 - k) / 2];
                    for (int64_t j = 0; j < m->size; j++) used[m->offset + j] = true;
                }
                e.kernel = p->kernel - 2;
            }
            float *file = sn_new((size_t)p->size, sizeof *file), *memory = sn_new((size_t)p->size, sizeof *memory);
            for (int64_t k = 0; k < p->size; k++) file[k] = inside(p, e, place_of(p, k));
            sn_param_from_file(p, file, memory);
            for (int64_t k = 0; k < p->size; k++) used[p->offset + k] |= memory[k] != 0;
            free(file);
            free(memory);
        }
    }
    free(stands);
    free(live);
}

static float *floats_of(const bed *b, sn_buffer which) {
    float *out = sn_new((size_t)graph->params.total, sizeof *out);
    sn_memory_get(b->net->memory, which, 0, out, graph->params.total);
    return out;
}

// Steps of one pass and of three: weights, momentum and moments change in what the step's archs use and nowhere else, and each
// number has moments as if updates that did not use it had never been.
START_TEST(updates_touch_what_was_used) {
    static const sn_optim_kind kinds[] = {SN_OPTIM_SGD, SN_OPTIM_ADAM, SN_OPTIM_ADAMW};
    open_arch(MB ", transform: true", TWO, "");
    sn_optim_settings settings = {kinds[_i], 0.9, true, 0.9, 0.999, 1e-8, 0.01, true, 0};
    bed b = bed_open("cpu", sn_optim_slots(&settings));
    sn_optim *optim;
    ck_ok(sn_optim_create(b.net, &settings, &optim));
    sn_rng r = sn_rng_at(6, SN_STREAM_RESAMPLE, 92, 0, 0);
    size_t n = (size_t)graph->params.total;
    int64_t *updates = sn_new(n, sizeof *updates);
    for (int step = 0; step < 12; step++) {
        bool *used = sn_new(n, 1);
        float *before = floats_of(&b, SN_BUFFER_WEIGHTS), *slot = floats_of(&b, SN_BUFFER_SLOT0);
        for (int passes = step % 2 ? 3 : 1; passes; passes--) {
            sn_arch a = sn_arch_random(space, &r);
            loss_of(&b, &a, true);
            mark_used(&a, used);
        }
        ck_ok(sn_optim_update(optim, 0.01));
        float *after = floats_of(&b, SN_BUFFER_WEIGHTS), *g = floats_of(&b, SN_BUFFER_GRADS),
              *now = floats_of(&b, SN_BUFFER_SLOT0);
        int64_t idle = 0;
        for (int i = 0; i < graph->params.n; i++) {
            const sn_param *p = &graph->params.param[i];
            for (int64_t k = p->offset; k < p->offset + p->size; k++) {
                ck_assert_msg(used[k] || (before[k] == after[k] && slot[k] == now[k]), "step %d: %s moves at %lld", step, p->name,
                              (long long)(k - p->offset));
                ck_assert_msg(!used[k] || g[k] == 0 || slot[k] != now[k], "step %d: %s stays at %lld", step, p->name,
                              (long long)(k - p->offset));
                idle += !used[k], updates[k] += used[k];
            }
            for (int k = 0; k < p->atoms; k++) {
                sn_atom at = sn_param_atom(p, k);
                ck_assert_int_eq(optim->updates[p->first_atom + k], updates[p->offset + at.at]);
            }
        }
        ck_assert(step % 2 || idle > 0);
        free(used), free(before), free(slot), free(after), free(g), free(now);
    }
    free(updates);
    sn_optim_free(optim);
    bed_close(&b);
}
END_TEST

// Gradients of passes of one step add up where they use the same numbers, whatever was in the buffer before.
START_TEST(passes_add_up) {
    open_arch(MB ", transform: true", TWO, "");
    bed b = bed_open("ref64", 0);
    const char *const archs[3] = {"2,2,3,5,7", "1,5,5,-,-", "2,3,7,2,3"};
    size_t n = (size_t)graph->params.total;
    double *sum = sn_new(n, sizeof *sum);
    bool *used = sn_new(n, 1);
    for (int i = 0; i < 3; i++) {
        sn_arch a = arch_of(archs[i]);
        bool *one = sn_new(n, 1);
        sn_memory_fill(b.net->memory, SN_BUFFER_GRADS, 255);
        loss_of(&b, &a, true);
        sn_supernet_end_gradients(b.net);
        mark_used(&a, one);
        double *g = doubles_of(b.net, SN_BUFFER_GRADS);
        for (size_t k = 0; k < n; k++) {
            ck_assert(one[k] == !isnan(g[k]));
            if (one[k]) sum[k] += g[k], used[k] = true;
        }
        free(g);
        free(one);
    }
    sn_memory_fill(b.net->memory, SN_BUFFER_GRADS, 255);
    for (int i = 0; i < 3; i++) {
        sn_arch a = arch_of(archs[i]);
        loss_of(&b, &a, true);
    }
    double *g = doubles_of(b.net, SN_BUFFER_GRADS);
    for (size_t k = 0; k < n; k++)
        if (used[k]) ck_near(g[k], sum[k], 1e-12, "sum of three passes");
    free(g);
    free(sum);
    free(used);
    bed_close(&b);
}
END_TEST

// Statistics of the first channels move, the others stay; with its own for each value, those of others stay.
START_TEST(statistics) {
    for (int per = 0; per < 2; per++) {
        open_arch(per ? MB ", bn: {per: expand}" : MB, "    - {out: 8, block: b}\n", "");
        bed b = bed_open("cpu", 0);
        sn_arch a = arch_of("3,5");
        sn_pass pass = sn_training_pass(&a, BATCH, 0);
        ck_ok(sn_supernet_pass(b.net, &pass, b.images, b.labels, NULL));
        int moved = 0, kept = 0;
        for (int i = 0; i < graph->params.n_stats; i++) {
            const sn_stats *s = &graph->params.stats[i];
            float mean[64], var[64];
            if (strncmp(s->name, "stage1.dw_bn", 12) != 0) continue;
            sn_supernet_get_stats(b.net, i, mean, var);
            for (int c = 0; c < s->c; c++) *(var[c] != 1 && mean[c] != 0 ? &moved : &kept) += 1;
        }
        ck_assert_int_eq(moved, 18);
        ck_assert_int_eq(kept, per ? 12 + 30 : 12);
        ck_assert(!per || sn_params_find(&graph->params, "stage1.dw_bn.expand3.weight") >= 0);
        bed_close(&b);
    }
}
END_TEST

// ---------------------------------------------------------------- the net cut out
static void copy_node(bed *to, int node, const bed *from, const sn_graph *g, int other) {
    const sn_node *n = &graph->node[node], *m = &g->node[other];
    const int mine[2] = {n->weight, n->bias}, theirs[2] = {m->weight, m->bias};
    float *v = sn_new((size_t)g->params.param[m->weight < 0 ? m->bias : m->weight].size, sizeof *v);
    if (n->kind == SN_NODE_CONV) {
        ck_ok(sn_supernet_kernel(from->net, other, v));
        sn_supernet_put(to->net, SN_BUFFER_WEIGHTS, n->weight, v);
    }
    for (int k = 0; k < 2 && n->kind != SN_NODE_CONV; k++) {
        if (mine[k] < 0) continue;
        sn_supernet_get(from->net, SN_BUFFER_WEIGHTS, theirs[k], v);
        sn_supernet_put(to->net, SN_BUFFER_WEIGHTS, mine[k], v);
    }
    free(v);
}

// The net of an arch inside, and alone: reopen opens its space.
static void check_alone(bed *b, const sn_arch *a, const char *device, void (*reopen)(const char *arch)) {
    sn_config *all = config;
    sn_graph *of_all = graph;
    char text[SN_ARCH_TEXT];
    float logits[2][BATCH * 10];
    size_t bytes = (size_t)(BATCH * graph->node[graph->logits].c) * sizeof(float);
    int *stands = sn_new((size_t)of_all->n, sizeof *stands);
    uint8_t *live = sn_new((size_t)of_all->n, 1);
    sn_graph_stand(of_all, a, NULL, stands);
    sn_graph_live(of_all, stands, live);
    loss_of(b, a, false);
    sn_supernet_logits(b->net, logits[0]);
    reopen(sn_arch_text(space, a, text));
    bed one = bed_open(device, 0);
    for (int i = 0; i < graph->n; i++) {
        const sn_node *n = &graph->node[i];
        int k = 0;
        if (n->weight < 0 && n->bias < 0) continue;
        while (!live[k] || of_all->node[k].kind != n->kind || strcmp(of_all->node[k].name, n->name) != 0) k++;
        copy_node(&one, i, b, of_all, k);
    }
    sn_arch only = sn_arch_first(space);
    loss_of(&one, &only, false);
    sn_supernet_logits(one.net, logits[1]);
    ck_assert_msg(!memcmp(logits[0], logits[1], bytes), "on %s: %s", device, text);
    free(stands);
    free(live);
    bed_close(&one);
    config = all, graph = of_all, space = all->space.built;
}

static int variant;
static void reopen_variant(const char *arch) {
    open_arch(variants[variant], TWO, arch);
}

// On every device the same bits as inside, for every arch.
START_TEST(alone_as_inside) {
    static const char *const devices[] = {"cpu", "cpu-plain", "cpu-guarded", "ref"};
    variant = _i;
    reopen_variant("");
    bed b = bed_open(devices[_i % 4], 0);
    sn_rng r = sn_rng_at(8, SN_STREAM_RESAMPLE, 93, 0, 0);
    for (int round = 0; round < 12; round++) {
        sn_arch a = round ? sn_arch_random(space, &r) : sn_arch_first(space);
        check_alone(&b, &a, devices[_i % 4], reopen_variant);
    }
    bed_close(&b);
}
END_TEST

static void reopen_ofa(const char *arch) {
    char keys[400];
    snprintf(keys, sizeof keys, "  input: {height: 32, width: 32}\n  classes: 10\n  arch: \"%s\"\n", arch);
    open_preset("ofa-mobilenetv3", keys);
}

// Once-for-All's smallest net, its largest and some between.
START_TEST(once_for_all_alone) {
    reopen_ofa("");
    bed b = bed_open("cpu", 0);
    sn_rng r = sn_rng_at(9, SN_STREAM_RESAMPLE, 94, 0, 0);
    sn_arch a[4] = {sn_arch_first(space)};
    a[1] = a[2] = a[3] = a[0];
    for (int d = 0; d < a[0].n; d++) a[1].option[d] = 2;
    for (int i = 2; i < 4; i++) a[i] = sn_arch_random(space, &r);
    for (int i = 0; i < 4; i++) check_alone(&b, &a[i], "cpu", reopen_ofa);
    bed_close(&b);
}
END_TEST

// ---------------------------------------------------------------- what is wrong
START_TEST(errors) {
    static const struct {
        const char *block, *message;
    } cases[] = {
        {"op: mbconv, kernel: [3, 4]", "7:33: kernel of mbconv: found '4'; allowed is an odd whole number from 1 to 11"},
        {"op: mbconv, kernel: [5, 3]",
         "7:33: kernel of mbconv: found 3 behind 5; allowed are 2 to 16 numbers, each greater than the"},
        {"op: mbconv, kernel: [3, 3]", "7:33: kernel of mbconv: found 3 behind 3;"},
        {"op: mbconv, kernel: [3]",
         "7:29: kernel of mbconv: found a list of 1; allowed are 2 to 16 numbers, or one without a list"},
        {"op: mbconv, kernel: []", "7:29: kernel of mbconv: found a list of 0;"},
        {"op: mbconv, expand: [3, 33]", "7:33: expand of mbconv: found '33'; allowed is a whole number from 1 to 32"},
        {"op: mbconv, kernel: [3, x]", "7:33: kernel of mbconv: found 'x'"},
        {"op: mbconv, kernel: [3, [5]]", "7:33: kernel of mbconv: found a list"},
        {"op: mbconv, se: [2, 4]", "7:25: se of mbconv: found a list; allowed is one value. Lists may be expand, kernel"},
        {"op: pool, kernel: [3, 5]",
         "7:27: kernel of pool: found a list; allowed is one value: it has no weights of which parts could be used"},
        {"op: mbconv, transform: true",
         "7:21: transform: it is allowed in an operation of which an attribute is a list; found none"},
        {"op: mbconv, shared: true", "7:21: shared: it is allowed in an operation of which an attribute is a list; found none"},
        {"op: mbconv, bn: {per: kernel}", "7:21: bn: it is allowed in an operation of which an attribute is a list; found none"},
        {"op: mbconv, expand: [2, 3], transform: true",
         "7:48: transform: found true; it is allowed where `kernel` is a list, which it is not"},
        {"op: mbconv, expand: [2, 3], bn: {per: kernel}", "per: found 'kernel'; allowed is expand"},
        {"op: mbconv, expand: [2, 3], bn: true", "bn: found 'true'; allowed is {per: ATTRIBUTE}, an attribute that is a list"},
        {"op: mbconv, expand: [2, 3], bn: {}", "bn: missing key per: an attribute that is a list, expand"},
        {"op: mbconv, expand: [2, 3], bn: {pre: expand}", "bn: missing key per"},
        {"op: mbconv, expand: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]",
         "found 17 behind 16; allowed are 2 to 16"},
        {"op: mbconv, expand: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], kernel: [1, 3, 5, 7, 9, 11]",
         "block 'b': its lists can be combined in 66 ways; at most 64 are allowed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_msg(parse(cases[i].block, TWO, "") == SN_CONFIG, "%s", cases[i].block);
        ck_assert_msg(strstr(sn_error_text(), cases[i].message), "%s: %s", cases[i].block, sn_error_text());
    }
    ck_assert_int_eq(parse(MB, TWO, "2,3,4,3,3"), SN_CONFIG);
    ck_message("(stage1.layer1.kernel): found '4'; allowed are 3, 5, 7");
}
END_TEST

int main(void) {
    Suite *s = suite_create("elastic");
    TCase *t = tcase_create("elastic");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, decisions);
    tcase_add_test(t, one_arch_is_a_plain_net);
    tcase_add_test(t, kernels_are_centres_and_first_channels);
    tcase_add_test(t, matrices_start_as_nothing);
    tcase_add_loop_test(t, finite_differences, 0, VARIANTS);
    tcase_add_loop_test(t, updates_touch_what_was_used, 0, 3);
    tcase_add_test(t, passes_add_up);
    tcase_add_test(t, statistics);
    tcase_add_loop_test(t, alone_as_inside, 0, VARIANTS);
    tcase_add_test(t, once_for_all_alone);
    tcase_add_test(t, errors);
    suite_add_tcase(s, t);
    return run_suite(s);
}
