// Derivatives in double: the adjoint identity of convolutions, and central differences through a small net that holds every
// kernel, with BN from batch statistics, in place accumulation and a bias. Not here: single kernels in every view
// (test_kernels.c). Next: kernel_cases.h.
#include "kernel_cases.h"

// --- the adjoint identity: <conv(x, w), g> = <x, conv^T(g, w)> = <w, dw(x, g)>
static double inner(const world *w, buffer a, sn_off i, buffer b, sn_off j, int64_t n) {
    double sum = 0;
    for (int64_t k = 0; k < n; k++) sum += world_get(w, a, i + k) * world_get(w, b, j + k);
    return sum;
}

START_TEST(adjoint_identity) {
    world w = world_open(sizeof(double));
    const sn_view none = {0, SN_NONE, SN_NONE, SN_NONE, SN_LINEAR};
    for (size_t i = 0; i < sizeof conv_shapes / sizeof *conv_shapes; i++) {
        sn_conv_size s = conv_size(&conv_shapes[i]);
        int64_t nx = in_rows(&conv_shapes[i]) * s.ci, ny = conv_rows(&s) * s.co, nw = conv_weights(&s);
        sn_off x = cell_offset(1, nx), y = cell_offset(2, ny), g = cell_offset(3, ny), dx = cell_offset(4, nx);
        sn_off weights = cell_offset(1, nw), dw = cell_offset(1, nw);
        uint64_t seed = i;
        for (int64_t j = 0; j < nx; j++) world_set(&w, ARENA, x + j, between(&seed, -1, 1));
        for (int64_t j = 0; j < ny; j++) world_set(&w, ARENA, g + j, between(&seed, -1, 1));
        for (int64_t j = 0; j < nw; j++)
            world_set(&w, WEIGHTS, weights + j, between(&seed, -1, 1)), world_set(&w, GRADS, dw + j, 0);
        sn_view view = none;
        view.data = x;
        sn_grad grad = {g, SN_NONE, SN_NONE, SN_NONE, SN_NONE, SN_NONE};
        sn_call calls[3] = {
            {.kernel = SN_CONV_FORWARD, .as.conv_forward = {s, view, weights, y, {SN_NONE, SN_NONE}}},
            {.kernel = SN_CONV_BACKWARD_DATA, .as.conv_backward_data = {s, grad, weights, {view, SN_NONE, dx, SN_NONE, SN_NONE}}},
            {.kernel = SN_CONV_BACKWARD_WEIGHTS, .as.conv_backward_weights = {s, grad, view, dw}},
        };
        for (int c = 0; c < 3; c++) world_run(&w, &calls[c], sn_table_ref_double.list[calls[c].kernel], 0, false);
        double a = inner(&w, ARENA, y, ARENA, g, ny), b = inner(&w, ARENA, x, ARENA, dx, nx);
        double c = inner(&w, WEIGHTS, weights, GRADS, dw, nw), scale = sqrt((double)ny * (double)nx);
        ck_assert_msg(fabs(a - b) <= 1e-13 * scale && fabs(a - c) <= 1e-13 * scale && fabs(a) > 1e-6,
                      "shape %zu: %.17g %.17g %.17g", i, a, b, c);
    }
    world_close(&w);
}
END_TEST

// <place(x), g> = <x, place^T(g)>
START_TEST(adjoint_of_place) {
    world w = world_open(sizeof(double));
    for (size_t i = 0; i < sizeof place_shapes / sizeof *place_shapes; i++) {
        sn_place_size s = place_size(&place_shapes[i]);
        int64_t nx = in_rows(&place_shapes[i]) * s.c, ny = place_rows(&s) * s.co;
        sn_off x = cell_offset(1, nx), y = cell_offset(2, ny), g = cell_offset(3, ny), dx = cell_offset(4, nx);
        uint64_t seed = i;
        for (int64_t j = 0; j < nx; j++) world_set(&w, ARENA, x + j, between(&seed, -1, 1));
        for (int64_t j = 0; j < ny; j++) world_set(&w, ARENA, y + j, 0), world_set(&w, ARENA, g + j, between(&seed, -1, 1));
        sn_view view = {x, SN_NONE, SN_NONE, SN_NONE, SN_LINEAR};
        sn_grad grad = {g, SN_NONE, SN_NONE, SN_NONE, SN_NONE, SN_NONE};
        sn_call calls[2] = {
            {.kernel = SN_PLACE_FORWARD, .as.place_forward = {s, view, y, {SN_NONE, SN_NONE}}},
            {.kernel = SN_PLACE_BACKWARD, .as.place_backward = {s, grad, {view, SN_NONE, dx, SN_NONE, SN_NONE}}},
        };
        for (int c = 0; c < 2; c++) world_run(&w, &calls[c], sn_table_ref_double.list[calls[c].kernel], 0, false);
        double a = inner(&w, ARENA, y, ARENA, g, ny), b = inner(&w, ARENA, x, ARENA, dx, nx);
        ck_assert_msg(fabs(a - b) <= 1e-13 * sqrt((double)ny * (double)nx) && fabs(a) > 1e-6, "shape %zu: %.17g %.17g", i, a, b);
    }
    world_close(&w);
}
END_TEST

// --- a net with every kernel
//   a = conv0(t)            BN a, relu
//   b = middle(view a)      BN b, an activation
//   s = view b + view a     BN s, linear         (view a left out when the shapes differ)
//   m = mean(view s)        no view
//   g = conv1x1(m)          bias, h_sigmoid
//   q = view s * view g     no view
//   r = mean(q)             no view
//   z = conv1x1(r)          bias
//   loss(view z)
// view a has two readers: middle first writes dy a, then the sum adds in place and takes the sums; so has view s.
typedef enum { MIDDLE_CONV, MIDDLE_POOL, MIDDLE_PLACE } middle_kind;

typedef struct {
    const char *name;
    middle_kind kind;
    int k, stride, pad, dilation, groups;
    sn_pool_kind pool;
    sn_bn_mode mode; // of BN s: batch or running
    sn_act act;      // of view b
} middle;

enum { N = 3, SIDE = 5, C0 = 4, C = 6, CLASSES = 5, MOST_CALLS = 50, FIRST_PIECE = 4 };

typedef struct {
    sn_view view;
    sn_off dy, sum_dy, sum_dyx, gamma, inv, a, b, cc;
    sn_stat stat;
    sn_bn_mode mode;
    int c;
    int64_t rows;
} stored; // a tensor with its BN

typedef struct {
    world w;
    int cells[BUFFERS];
    sn_call calls[MOST_CALLS];
    int n_calls, n_forward;
    sn_off loss;
    struct {
        sn_off off;
        int64_t n;
    } parameters[16];
    int n_parameters;
    sn_off input, d_input;
    bool ran[SN_KERNELS];
    uint64_t seed;
} net;

static sn_off take(net *t, buffer b, int64_t n) {
    return cell_offset(++t->cells[b], n);
}

static sn_off parameter(net *t, int64_t n, double low, double high) { // the same offset in weights and grads
    sn_off off = take(t, WEIGHTS, n);
    for (int64_t i = 0; i < n; i++) world_set(&t->w, WEIGHTS, off + i, between(&t->seed, low, high));
    t->parameters[t->n_parameters].off = off, t->parameters[t->n_parameters++].n = n;
    return off;
}

static sn_call *add_call(net *t, sn_kernel kernel) {
    ck_assert_int_lt(t->n_calls, MOST_CALLS);
    sn_call *c = &t->calls[t->n_calls++];
    *c = (sn_call){.kernel = kernel, .work = SN_NONE};
    return c;
}

static stored new_stored(net *t, int64_t rows, int c, sn_act act) {
    stored s = {.rows = rows, .c = c, .mode = SN_BN_BATCH};
    s.view = (sn_view){take(t, ARENA, rows * c), take(t, ARENA, c), take(t, ARENA, c), take(t, ARENA, c), act};
    s.stat = (sn_stat){s.view.mean, take(t, ARENA, c)};
    s.dy = take(t, ARENA, rows * c), s.sum_dy = take(t, ARENA, c), s.sum_dyx = take(t, ARENA, c);
    s.inv = take(t, ARENA, c), s.a = take(t, ARENA, c), s.b = take(t, ARENA, c), s.cc = take(t, ARENA, c);
    return s;
}

static void add_bn_forward(net *t, stored *s) {
    s->gamma = parameter(t, s->c, -1.5, 1.5); // of both signs
    sn_off beta = parameter(t, s->c, 0, 2);
    sn_bn_forward *p = &add_call(t, SN_BN_FORWARD)->as.bn_forward;
    *p = (sn_bn_forward){
        .c = s->c, .rows = s->rows, .mode = s->mode, .eps = 1e-5, .stat = s->stat, .gamma = s->gamma, .beta = beta};
    p->mean = s->view.mean, p->scale = s->view.scale, p->shift = s->view.shift, p->inv = s->inv;
    p->running_mean = p->running_var = SN_NONE;
    if (s->mode != SN_BN_RUNNING) return;
    p->running_mean = take(t, STATS, s->c), p->running_var = take(t, STATS, s->c);
    for (int c = 0; c < s->c; c++)
        world_set(&t->w, STATS, p->running_mean + c, 0.1 * c), world_set(&t->w, STATS, p->running_var + c, 0.5 + c);
}

static void add_bn_backward(net *t, const stored *s) {
    sn_off beta = s->gamma; // the next parameter
    for (int i = 0; i < t->n_parameters; i++)
        if (t->parameters[i].off == s->gamma) beta = t->parameters[i + 1].off;
    add_call(t, SN_BN_BACKWARD)->as.bn_backward =
        (sn_bn_backward){s->c, s->rows, s->mode, s->sum_dy, s->sum_dyx, s->view.scale, s->inv,  s->gamma, beta,
                         s->a, s->b,    s->cc,   0,         0,          SN_NONE,       SN_NONE, SN_NONE};
}

static sn_grad grad_of(const stored *s) {
    return (sn_grad){s->dy, s->view.data, s->view.mean, s->a, s->b, s->cc};
}

static sn_into into_of(const stored *s, bool first, bool last) {
    return (sn_into){s->view, first ? SN_NONE : s->dy, s->dy, last ? s->sum_dy : SN_NONE, last ? s->sum_dyx : SN_NONE};
}

static void build_net(net *t, const middle *m) {
    memset(t, 0, sizeof *t);
    t->seed = 11;
    t->w = world_open(sizeof(double));
    const sn_view none = {SN_NONE, SN_NONE, SN_NONE, SN_NONE, SN_LINEAR};
    int64_t rows = N * SIDE * SIDE;
    int side = out_size(SIDE, m->k, m->stride, m->pad, m->dilation);
    bool residual = side == SIDE;
    sn_conv_size s0 = {N, SIDE, SIDE, C0, SIDE, SIDE, C, 3, 1, 1, 1, 1};
    sn_conv_size s1 = {N, SIDE, SIDE, C, side, side, C, m->k, m->stride, m->pad, m->dilation, m->groups};
    sn_pool_size sp = {N, SIDE, SIDE, C, side, side, m->k, m->stride, m->pad, m->pool};
    // two pieces side by side: a shuffled range, and channels of the pixels beside those
    const sn_place_size pieces[2] = {{N, SIDE, SIDE, C, side, side, C, m->stride, 0, 1, 3, FIRST_PIECE},
                                     {N, SIDE, SIDE, C, side, side, C, m->stride, 1, 0, 1, C - FIRST_PIECE}};
    sn_conv_size s2 = {N, 1, 1, C, 1, 1, CLASSES, 1, 1, 0, 1, 1};
    t->input = take(t, ARENA, rows * C0), t->d_input = take(t, ARENA, rows * C0);
    for (int64_t i = 0; i < rows * C0; i++) world_set(&t->w, ARENA, t->input + i, between(&t->seed, -1, 1));
    sn_view input = none;
    input.data = t->input;

    stored a = new_stored(t, rows, C, SN_RELU), b = new_stored(t, N * side * side, C, m->act);
    stored s = new_stored(t, b.rows, C, SN_LINEAR);
    s.mode = m->mode;
    sn_off w0 = parameter(t, conv_weights(&s0), -0.5, 0.5), w1 = SN_NONE;
    add_call(t, SN_CONV_FORWARD)->as.conv_forward = (sn_conv_forward){s0, input, w0, a.view.data, a.stat};
    add_bn_forward(t, &a);
    if (m->kind == MIDDLE_CONV) {
        w1 = parameter(t, conv_weights(&s1), -0.5, 0.5);
        add_call(t, SN_CONV_FORWARD)->as.conv_forward = (sn_conv_forward){s1, a.view, w1, b.view.data, b.stat};
    } else if (m->kind == MIDDLE_PLACE) {
        add_call(t, SN_PLACE_FORWARD)->as.place_forward = (sn_place_forward){pieces[0], a.view, b.view.data, b.stat};
        add_call(t, SN_PLACE_FORWARD)->as.place_forward = (sn_place_forward){
            pieces[1], a.view, b.view.data + FIRST_PIECE, {b.stat.mean + FIRST_PIECE, b.stat.m2 + FIRST_PIECE}};
    } else
        add_call(t, SN_POOL_FORWARD)->as.pool_forward = (sn_pool_forward){sp, a.view, b.view.data, b.stat};
    add_bn_forward(t, &b);
    add_call(t, SN_SUM_FORWARD)->as.sum_forward = (sn_sum_forward){
        s.rows, C,  residual ? 2 : 1, {b.view, a.view}, s.view.data, s.mode == SN_BN_BATCH ? s.stat : (sn_stat){SN_NONE, SN_NONE},
        0,      {0}};
    add_bn_forward(t, &s);
    const sn_stat no_stat = {SN_NONE, SN_NONE};
    int pixels = side * side;
    sn_conv_size sg = {N, 1, 1, C, 1, 1, C, 1, 1, 0, 1, 1};
    sn_view mean = none, scaled = none, rest = none;
    mean.data = take(t, ARENA, N * C), scaled.data = take(t, ARENA, s.rows * C), rest.data = take(t, ARENA, N * C);
    sn_off d_mean = take(t, ARENA, N * C), d_scaled = take(t, ARENA, s.rows * C), d_rest = take(t, ARENA, N * C);
    sn_off d_z = take(t, ARENA, N * CLASSES), sum_dz = take(t, ARENA, CLASSES);
    add_call(t, SN_MEAN_FORWARD)->as.mean_forward = (sn_mean_forward){N, pixels, C, s.view, mean.data, no_stat};
    sn_off wg = parameter(t, conv_weights(&sg), -2, 2), bias_g = parameter(t, C, -1, 1);
    stored g = new_stored(t, N, C, SN_H_SIGMOID);
    add_call(t, SN_CONV_FORWARD)->as.conv_forward = (sn_conv_forward){sg, mean, wg, g.view.data, no_stat};
    add_call(t, SN_BN_FORWARD)->as.bn_forward = (sn_bn_forward){
        C,       N, SN_BN_BIAS, 0, 0, no_stat, SN_NONE, bias_g, SN_NONE, SN_NONE, g.view.mean, g.view.scale, g.view.shift,
        SN_NONE, 0, 0};
    add_call(t, SN_SCALE_FORWARD)->as.scale_forward = (sn_scale_forward){N, pixels, C, s.view, g.view, scaled.data, no_stat};
    add_call(t, SN_MEAN_FORWARD)->as.mean_forward = (sn_mean_forward){N, pixels, C, scaled, rest.data, no_stat};
    sn_off w2 = parameter(t, conv_weights(&s2), -2, 2), bias = parameter(t, CLASSES, -1, 1);
    sn_view z = {take(t, ARENA, N * CLASSES), take(t, ARENA, CLASSES), take(t, ARENA, CLASSES), take(t, ARENA, CLASSES),
                 SN_LINEAR};
    add_call(t, SN_CONV_FORWARD)->as.conv_forward = (sn_conv_forward){s2, rest, w2, z.data, no_stat};
    add_call(t, SN_BN_FORWARD)->as.bn_forward = (sn_bn_forward){
        CLASSES, N, SN_BN_BIAS, 0, 0, no_stat, SN_NONE, bias, SN_NONE, SN_NONE, z.mean, z.scale, z.shift, SN_NONE, 0, 0};
    t->loss = take(t, ARENA, N);
    add_call(t, SN_LOSS)->as.loss =
        (sn_loss){N, CLASSES, z, 0.1, 1.0 / N, t->loss, take(t, ARENA, N), {z, SN_NONE, d_z, sum_dz, SN_NONE}};
    t->n_forward = t->n_calls;

    sn_grad plain = {d_z, SN_NONE, SN_NONE, SN_NONE, SN_NONE, SN_NONE};
    add_call(t, SN_BN_BACKWARD)->as.bn_backward =
        (sn_bn_backward){CLASSES, N,       SN_BN_BIAS, sum_dz, SN_NONE, SN_NONE, SN_NONE, SN_NONE, bias,
                         SN_NONE, SN_NONE, SN_NONE,    0,      0,       SN_NONE, SN_NONE, SN_NONE};
    add_call(t, SN_CONV_BACKWARD_DATA)->as.conv_backward_data =
        (sn_conv_backward_data){s2, plain, w2, {rest, SN_NONE, d_rest, SN_NONE, SN_NONE}};
    add_call(t, SN_CONV_BACKWARD_WEIGHTS)->as.conv_backward_weights = (sn_conv_backward_weights){s2, plain, rest, w2};
    plain.dy = d_rest;
    add_call(t, SN_MEAN_BACKWARD)->as.mean_backward =
        (sn_mean_backward){N, pixels, C, plain, {scaled, SN_NONE, d_scaled, SN_NONE, SN_NONE}};
    plain.dy = d_scaled;
    add_call(t, SN_SCALE_BACKWARD)->as.scale_backward =
        (sn_scale_backward){N, pixels, C, plain, g.view, into_of(&s, true, false)};
    add_call(t, SN_SCALE_BACKWARD_GAIN)->as.scale_backward_gain =
        (sn_scale_backward_gain){N, pixels, C, plain, s.view, {g.view, SN_NONE, g.dy, g.sum_dy, SN_NONE}};
    add_call(t, SN_BN_BACKWARD)->as.bn_backward =
        (sn_bn_backward){C,       N,       SN_BN_BIAS, g.sum_dy, SN_NONE, SN_NONE, SN_NONE, SN_NONE, bias_g,
                         SN_NONE, SN_NONE, SN_NONE,    0,        0,       SN_NONE, SN_NONE, SN_NONE};
    plain.dy = g.dy;
    add_call(t, SN_CONV_BACKWARD_DATA)->as.conv_backward_data =
        (sn_conv_backward_data){sg, plain, wg, {mean, SN_NONE, d_mean, SN_NONE, SN_NONE}};
    add_call(t, SN_CONV_BACKWARD_WEIGHTS)->as.conv_backward_weights = (sn_conv_backward_weights){sg, plain, mean, wg};
    plain.dy = d_mean;
    add_call(t, SN_MEAN_BACKWARD)->as.mean_backward = (sn_mean_backward){N, pixels, C, plain, into_of(&s, false, true)};
    add_bn_backward(t, &s);
    add_call(t, SN_SUM_BACKWARD)->as.sum_backward = (sn_sum_backward){s.rows, C, grad_of(&s), into_of(&b, true, true), 0, 0};
    add_bn_backward(t, &b);
    if (m->kind == MIDDLE_CONV) {
        add_call(t, SN_CONV_BACKWARD_DATA)->as.conv_backward_data =
            (sn_conv_backward_data){s1, grad_of(&b), w1, into_of(&a, true, !residual)};
        add_call(t, SN_CONV_BACKWARD_WEIGHTS)->as.conv_backward_weights = (sn_conv_backward_weights){s1, grad_of(&b), a.view, w1};
    } else if (m->kind == MIDDLE_PLACE) {
        sn_grad d = grad_of(&b);
        add_call(t, SN_PLACE_BACKWARD)->as.place_backward = (sn_place_backward){pieces[0], d, into_of(&a, true, false)};
        d = (sn_grad){d.dy + FIRST_PIECE, d.x + FIRST_PIECE, d.mean + FIRST_PIECE,
                      d.a + FIRST_PIECE,  d.b + FIRST_PIECE, d.c + FIRST_PIECE};
        add_call(t, SN_PLACE_BACKWARD)->as.place_backward = (sn_place_backward){pieces[1], d, into_of(&a, false, !residual)};
    } else
        add_call(t, SN_POOL_BACKWARD)->as.pool_backward = (sn_pool_backward){sp, grad_of(&b), into_of(&a, true, !residual)};
    if (residual)
        add_call(t, SN_SUM_BACKWARD)->as.sum_backward = (sn_sum_backward){s.rows, C, grad_of(&s), into_of(&a, false, true), 0, 0};
    add_bn_backward(t, &a);
    add_call(t, SN_CONV_BACKWARD_DATA)->as.conv_backward_data =
        (sn_conv_backward_data){s0, grad_of(&a), w0, {input, SN_NONE, t->d_input, SN_NONE, SN_NONE}};
    add_call(t, SN_CONV_BACKWARD_WEIGHTS)->as.conv_backward_weights = (sn_conv_backward_weights){s0, grad_of(&a), input, w0};
}

static double run_net(net *t, int calls) {
    for (int i = 0; i < N; i++) t->w.labels[i - N] = (2 * i + 1) % CLASSES;
    for (int i = 0; i < calls; i++) {
        world_run(&t->w, &t->calls[i], sn_table_ref_double.list[t->calls[i].kernel], N, false);
        t->ran[t->calls[i].kernel] = true;
    }
    double loss = 0;
    for (int i = 0; i < N; i++) loss += world_get(&t->w, ARENA, t->loss + i) / N;
    return loss;
}

// Central difference of the loss in one number.
static double difference(net *t, buffer b, sn_off i) {
    const double h = 1e-5, x = world_get(&t->w, b, i);
    world_set(&t->w, b, i, x + h);
    double up = run_net(t, t->n_forward);
    world_set(&t->w, b, i, x - h);
    double down = run_net(t, t->n_forward);
    world_set(&t->w, b, i, x);
    return (up - down) / (2 * h);
}

// |analytic - difference| over the norm of the gradient of its tensor, the largest of all.
static double worst_error(net *t, buffer at, sn_off x, buffer b, sn_off grad, int64_t n, double floor) {
    double norm = 0, worst = 0;
    for (int64_t i = 0; i < n; i++) norm += pow(world_get(&t->w, b, grad + i), 2);
    norm = fmax(sqrt(norm), floor);
    for (int64_t i = 0; i < n; i++) {
        double error = fabs(world_get(&t->w, b, grad + i) - difference(t, at, x + i)) / norm;
        if (!(error <= worst)) worst = error;
    }
    return worst;
}

static const middle middles[] = {
    {"conv 3x3", MIDDLE_CONV, 3, 1, 1, 1, 1, SN_POOL_MAX, SN_BN_BATCH, SN_RELU6},
    {"conv 1x1, two groups, running BN", MIDDLE_CONV, 1, 1, 0, 1, 2, SN_POOL_MAX, SN_BN_RUNNING, SN_H_SWISH},
    {"depthwise 5x5, stride 2", MIDDLE_CONV, 5, 2, 2, 1, C, SN_POOL_MAX, SN_BN_BATCH, SN_H_SIGMOID},
    {"depthwise 3x3, dilation 2", MIDDLE_CONV, 3, 1, 2, 2, C, SN_POOL_MAX, SN_BN_BATCH, SN_RELU6},
    {"max pooling", MIDDLE_POOL, 3, 1, 1, 1, 1, SN_POOL_MAX, SN_BN_BATCH, SN_RELU6},
    {"max pooling, stride 2", MIDDLE_POOL, 3, 2, 1, 1, 1, SN_POOL_MAX, SN_BN_RUNNING, SN_H_SWISH},
    {"average pooling", MIDDLE_POOL, 3, 1, 1, 1, 1, SN_POOL_AVG, SN_BN_BATCH, SN_H_SIGMOID},
    {"pieces", MIDDLE_PLACE, 1, 1, 0, 1, 1, SN_POOL_MAX, SN_BN_BATCH, SN_RELU6},
    {"pieces of every other pixel", MIDDLE_PLACE, 1, 2, 0, 1, 1, SN_POOL_MAX, SN_BN_RUNNING, SN_H_SWISH},
};
enum { MIDDLES = sizeof middles / sizeof *middles };

static void net_close(net *t) {
    world_close(&t->w);
}

START_TEST(finite_differences) {
    bool ran[SN_KERNELS] = {false};
    for (int i = 0; i < MIDDLES; i++) {
        static net t;
        build_net(&t, &middles[i]);
        for (int p = 0; p < t.n_parameters; p++)
            for (int64_t j = 0; j < t.parameters[p].n; j++) world_set(&t.w, GRADS, t.parameters[p].off + j, 0);
        run_net(&t, t.n_calls);
        for (int p = 0; p < t.n_parameters; p++) {
            double error = worst_error(&t, WEIGHTS, t.parameters[p].off, GRADS, t.parameters[p].off, t.parameters[p].n, 1e-3);
            ck_assert_msg(error <= 1e-6, "%s: parameter %d is off by %g", middles[i].name, p, error);
        }
        double error = worst_error(&t, ARENA, t.input, ARENA, t.d_input, N * SIDE * SIDE * C0, 1e-3);
        ck_assert_msg(error <= 1e-6, "%s: the input's gradient is off by %g", middles[i].name, error);
        for (int k = 0; k < SN_KERNELS; k++) ran[k] = ran[k] || t.ran[k];
        net_close(&t);
    }
    for (int k = 0; k < SN_FILL; k++) // the primitives come before the optimiser; gates: test_gates.c; parts: test_elastic.c
        ck_assert_msg(ran[k] || k == SN_GATE_BACKWARD || (k >= SN_GATHER && k <= SN_TRANSFORM_BACKWARD),
                      "%s has no derivative checked", all_cases[k].name);
}
END_TEST

// The comparison must notice a missing term: the gradient of BN without its -s*sum(dy)/M.
START_TEST(differences_notice_a_missing_term) {
    static net t;
    build_net(&t, &middles[0]);
    for (int i = 0; i < t.n_calls; i++)
        if (t.calls[i].kernel == SN_BN_BACKWARD && t.calls[i].as.bn_backward.mode == SN_BN_BATCH)
            t.calls[i].as.bn_backward.rows *= 2;
    for (int64_t j = 0; j < t.parameters[0].n; j++) world_set(&t.w, GRADS, t.parameters[0].off + j, 0);
    run_net(&t, t.n_calls);
    double error = worst_error(&t, WEIGHTS, t.parameters[0].off, GRADS, t.parameters[0].off, t.parameters[0].n, 1e-3);
    ck_assert_msg(error > 1e-3, "only %g", error);
    net_close(&t);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("gradients");
    TCase *tests = tcase_create("gradients");
    tcase_set_timeout(tests, 200);
    tcase_add_test(tests, adjoint_identity);
    tcase_add_test(tests, adjoint_of_place);
    tcase_add_test(tests, finite_differences);
    tcase_add_test(tests, differences_notice_a_missing_term);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
