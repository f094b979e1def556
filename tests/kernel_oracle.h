// What every kernel must compute: the plain sequence "BN pass, activation pass, operation" in double, written apart from ref,
// with the sum of magnitudes of the terms behind each number; and the check of a world against it. Not here: sizes and contents
// (kernel_cases.h). Next: test_kernels.c.
#ifndef SN_TEST_KERNEL_ORACLE_H
#define SN_TEST_KERNEL_ORACLE_H

#include "kernel_cases.h"

// --- numbers
static inline num num_of(double x) {
    return (num){x, fabs(x)};
}
static inline num num_add(num a, num b) {
    return (num){a.v + b.v, a.m + b.m};
}
static inline num num_sub(num a, num b) {
    return (num){a.v - b.v, a.m + b.m};
}
static inline num num_mul(num a, num b) {
    return (num){a.v * b.v, a.m * b.m};
}
static inline num num_scale(num a, double s) {
    return (num){a.v * s, a.m * fabs(s)};
}
static inline num *nums(int64_t n) {
    return bump((size_t)n, sizeof(num));
}

// What an operand must hold after the call.
static inline void expect(kase *k, buffer b, sn_off off, num *values, double terms, bool exact) {
    operand *p = operand_at(k, b, off);
    ck_assert_msg(p->role == OUT || p->role == UPDATED, "%s: an input is expected to change", k->text);
    p->expect = values, p->terms = terms, p->exact = exact && !k->divides;
}

// --- passes
static inline num affine(kase *k, const sn_view *v, int64_t i, int c) {
    num x = num_of(contents(k, ARENA, v->data)[i]);
    if (v->mean == SN_NONE) return x;
    x = num_mul(num_of(contents(k, ARENA, v->scale)[c]), num_sub(x, num_of(contents(k, ARENA, v->mean)[c])));
    return num_add(x, num_of(contents(k, ARENA, v->shift)[c]));
}

static inline num *affine_pass(kase *k, const sn_view *v, int64_t rows, int c) {
    num *u = nums(rows * c);
    for (int64_t i = 0; i < rows * c; i++) u[i] = affine(k, v, i, (int)(i % c));
    return u;
}

static inline num clamp(num u, double top) {
    return u.v <= 0 ? num_of(0) : u.v >= top ? num_of(top) : u;
}

static inline num act_of(sn_act act, num u) {
    num share = num_scale(clamp(num_add(u, num_of(3)), 6), 1.0 / 6);
    switch (act) {
    case SN_RELU:
        return clamp(u, INFINITY);
    case SN_RELU6:
        return clamp(u, 6);
    case SN_H_SWISH:
        return num_mul(u, share);
    case SN_H_SIGMOID:
        return share;
    default:
        return u;
    }
}

// At a kink that of the constant side; relu and h_swish go on straight above the last one.
static inline num slope_of(sn_act act, num u) {
    bool hard = act == SN_H_SWISH || act == SN_H_SIGMOID;
    double from = hard ? -3 : 0, to = hard ? 3 : act == SN_RELU ? INFINITY : 6;
    if (act == SN_LINEAR || (act == SN_H_SWISH && u.v >= to)) return num_of(1);
    if (u.v <= from || u.v >= to) return num_of(0);
    if (act == SN_H_SWISH) return num_add(num_scale(u, 1.0 / 3), num_of(0.5));
    return num_of(hard ? 1.0 / 6 : 1);
}

static inline num *view_pass(kase *k, const sn_view *v, int64_t rows, int c) {
    num *u = affine_pass(k, v, rows, c);
    for (int64_t i = 0; i < rows * c; i++) u[i] = act_of(v->act, u[i]);
    return u;
}

static inline num *grad_pass(kase *k, const sn_grad *g, int64_t rows, int c) {
    num *dx = nums(rows * c);
    const double *dy = contents(k, ARENA, g->dy);
    for (int64_t i = 0; i < rows * c; i++) {
        dx[i] = num_of(dy[i]);
        if (g->a == SN_NONE) continue;
        num x = num_sub(num_of(contents(k, ARENA, g->x)[i]), num_of(contents(k, ARENA, g->mean)[i % c]));
        dx[i] =
            num_add(num_mul(num_of(contents(k, ARENA, g->a)[i % c]), dx[i]), num_mul(num_of(contents(k, ARENA, g->b)[i % c]), x));
        dx[i] = num_add(dx[i], num_of(contents(k, ARENA, g->c)[i % c]));
    }
    return dx;
}

// From dz (summed from `terms` terms each) to dy and its sums.
static inline void into_pass(kase *k, const sn_into *into, num *dz, int64_t rows, int c, double terms, bool exact) {
    num *sum = nums(c), *sumx = nums(c);
    num *u = into->view.act == SN_LINEAR ? NULL : affine_pass(k, &into->view, rows, c);
    for (int64_t i = 0; i < rows * c; i++) {
        if (u) dz[i] = num_mul(dz[i], slope_of(into->view.act, u[i]));
        if (into->add != SN_NONE) dz[i] = num_add(dz[i], num_of(contents(k, ARENA, into->add)[i]));
        sum[i % c] = num_add(sum[i % c], dz[i]);
        if (into->sum_dyx == SN_NONE) continue;
        num x = num_of(contents(k, ARENA, into->view.data)[i]);
        if (into->view.mean != SN_NONE) x = num_sub(x, num_of(contents(k, ARENA, into->view.mean)[i % c]));
        sumx[i % c] = num_add(sumx[i % c], num_mul(dz[i], x));
    }
    if (into->dy != SN_NONE) expect(k, ARENA, into->dy, dz, terms, exact);
    if (into->sum_dy != SN_NONE) expect(k, ARENA, into->sum_dy, sum, terms * (double)rows, exact);
    if (into->sum_dyx != SN_NONE) expect(k, ARENA, into->sum_dyx, sumx, terms * (double)rows, exact);
}

// --- operations
// Visits every product of a convolution: y[row of y][o] += x[row of x][i] * w[tap, i within its group][o], in the direction that
// has its target: one of y, x, w is written from the other two.
typedef enum { TO_Y, TO_X, TO_W } direction;

static inline void conv_pass(const sn_conv_size *s, direction to, num *x, num *w, num *y) {
    int gi = s->ci / s->groups, go = s->co / s->groups;
    for (int n = 0; n < s->n; n++)
        for (int ho = 0; ho < s->ho; ho++)
            for (int wo = 0; wo < s->wo; wo++)
                for (int tap = 0; tap < s->kernel * s->kernel; tap++) {
                    int hi = ho * s->stride - s->pad + tap / s->kernel * s->dilation;
                    int wi = wo * s->stride - s->pad + tap % s->kernel * s->dilation;
                    if (hi < 0 || wi < 0 || hi >= s->h || wi >= s->w) continue;
                    num *xp = x + (((int64_t)n * s->h + hi) * s->w + wi) * s->ci;
                    num *yp = y + (((int64_t)n * s->ho + ho) * s->wo + wo) * s->co;
                    for (int o = 0; o < s->co; o++)
                        for (int i = 0; i < gi; i++) {
                            num *xi = xp + o / go * gi + i, *wi_o = w + ((int64_t)tap * gi + i) * s->co + o;
                            if (to == TO_Y) yp[o] = num_add(yp[o], num_mul(*xi, *wi_o));
                            if (to == TO_X) *xi = num_add(*xi, num_mul(yp[o], *wi_o));
                            if (to == TO_W) *wi_o = num_add(*wi_o, num_mul(*xi, yp[o]));
                        }
                }
}

static inline num *plain_pass(kase *k, buffer b, sn_off off) {
    const operand *p = operand_at(k, b, off);
    num *x = nums(p->n);
    for (int64_t i = 0; i < p->n; i++) x[i] = num_of(p->init[i]);
    return x;
}

static inline void expect_conv_forward(kase *k) {
    const sn_conv_forward *p = &k->call.as.conv_forward;
    const sn_conv_size *s = &p->size;
    num *x = view_pass(k, &p->x, in_rows(&k->size), s->ci), *y = nums(conv_rows(s) * s->co);
    conv_pass(s, TO_Y, x, plain_pass(k, WEIGHTS, p->w), y);
    expect(k, ARENA, p->y, y, s->kernel * s->kernel * (s->ci / s->groups), true);
}

static inline void expect_conv_backward_data(kase *k) {
    const sn_conv_backward_data *p = &k->call.as.conv_backward_data;
    const sn_conv_size *s = &p->size;
    num *g = grad_pass(k, &p->g, conv_rows(s), s->co), *dz = nums(in_rows(&k->size) * s->ci);
    conv_pass(s, TO_X, dz, plain_pass(k, WEIGHTS, p->w), g);
    into_pass(k, &p->into, dz, in_rows(&k->size), s->ci, s->kernel * s->kernel * (s->co / s->groups), true);
}

static inline void expect_conv_backward_weights(kase *k) {
    const sn_conv_backward_weights *p = &k->call.as.conv_backward_weights;
    const sn_conv_size *s = &p->size;
    num *dw = plain_pass(k, GRADS, p->dw);
    conv_pass(s, TO_W, view_pass(k, &p->x, in_rows(&k->size), s->ci), dw, grad_pass(k, &p->g, conv_rows(s), s->co));
    expect(k, GRADS, p->dw, dw, (double)conv_rows(s), true);
}

static inline bool power_of_two(int64_t n) {
    return n > 0 && (n & (n - 1)) == 0;
}

// Averages are exact on small integers where they divide by powers of two: windows of 1, 2 or 4 without padding.
static inline bool pool_exact(const sn_pool_size *s) {
    return s->kind == SN_POOL_MAX || (s->pad == 0 && power_of_two(s->kernel));
}

// forward: y from z. backward: dz from g, the maximum found in z.
static inline void pool_pass(const sn_pool_size *s, num *z, num *y, num *dz) {
    for (int n = 0; n < s->n; n++)
        for (int ho = 0; ho < s->ho; ho++)
            for (int wo = 0; wo < s->wo; wo++)
                for (int c = 0; c < s->c; c++) {
                    int64_t out = (((int64_t)n * s->ho + ho) * s->wo + wo) * s->c + c, inside[64], best = -1;
                    int count = 0;
                    for (int t = 0; t < s->kernel * s->kernel; t++) {
                        int h = ho * s->stride - s->pad + t / s->kernel, w = wo * s->stride - s->pad + t % s->kernel;
                        if (h < 0 || w < 0 || h >= s->h || w >= s->w) continue;
                        int64_t i = inside[count++] = (((int64_t)n * s->h + h) * s->w + w) * s->c + c;
                        if (s->kind == SN_POOL_MAX && (best < 0 || z[i].v > z[best].v)) best = i;
                    }
                    for (int t = 0; t < count; t++) {
                        if (s->kind == SN_POOL_AVG && dz) dz[inside[t]] = num_add(dz[inside[t]], num_scale(y[out], 1.0 / count));
                        if (s->kind == SN_POOL_AVG && !dz) y[out] = num_add(y[out], num_scale(z[inside[t]], 1.0 / count));
                    }
                    if (s->kind == SN_POOL_MAX && dz) dz[best] = num_add(dz[best], y[out]);
                    if (s->kind == SN_POOL_MAX && !dz) y[out] = z[best];
                }
}

static inline void expect_pool_forward(kase *k) {
    const sn_pool_forward *p = &k->call.as.pool_forward;
    const sn_pool_size *s = &p->size;
    num *y = nums((int64_t)s->n * s->ho * s->wo * s->c);
    pool_pass(s, view_pass(k, &p->x, in_rows(&k->size), s->c), y, NULL);
    expect(k, ARENA, p->y, y, s->kind == SN_POOL_MAX ? 1 : s->kernel * s->kernel, pool_exact(s));
}

static inline void expect_pool_backward(kase *k) {
    const sn_pool_backward *p = &k->call.as.pool_backward;
    const sn_pool_size *s = &p->size;
    num *z = s->kind == SN_POOL_MAX ? view_pass(k, &p->into.view, in_rows(&k->size), s->c) : NULL;
    num *g = grad_pass(k, &p->g, (int64_t)s->n * s->ho * s->wo, s->c), *dz = nums(in_rows(&k->size) * s->c);
    pool_pass(s, z, g, dz);
    into_pass(k, &p->into, dz, in_rows(&k->size), s->c, s->kernel * s->kernel, pool_exact(s));
}

static inline void expect_mean_forward(kase *k) {
    const sn_mean_forward *p = &k->call.as.mean_forward;
    num *x = view_pass(k, &p->x, in_rows(&k->size), p->c), *y = nums((int64_t)p->n * p->c);
    for (int64_t i = 0; i < in_rows(&k->size) * p->c; i++) {
        num *to = &y[i / ((int64_t)p->pixels * p->c) * p->c + i % p->c];
        *to = num_add(*to, num_scale(x[i], 1.0 / p->pixels));
    }
    expect(k, ARENA, p->y, y, p->pixels, power_of_two(p->pixels));
}

static inline void expect_mean_backward(kase *k) {
    const sn_mean_backward *p = &k->call.as.mean_backward;
    num *g = grad_pass(k, &p->g, p->n, p->c), *dz = nums(in_rows(&k->size) * p->c);
    for (int64_t i = 0; i < in_rows(&k->size) * p->c; i++)
        dz[i] = num_scale(g[i / ((int64_t)p->pixels * p->c) * p->c + i % p->c], 1.0 / p->pixels);
    into_pass(k, &p->into, dz, in_rows(&k->size), p->c, 1, power_of_two(p->pixels));
}

static inline void expect_sum_forward(kase *k) {
    const sn_sum_forward *p = &k->call.as.sum_forward;
    num *y = nums(p->rows * p->c);
    for (int input = 0; input < p->inputs; input++) {
        num *x = view_pass(k, &p->x[input], p->rows, p->c);
        double gate = p->gated ? p->gate[input] : 1;
        for (int64_t i = 0; i < p->rows * p->c; i++) y[i] = num_add(y[i], num_scale(x[i], gate));
    }
    expect(k, ARENA, p->y, y, p->inputs, true);
}

static inline void expect_sum_backward(kase *k) {
    const sn_sum_backward *p = &k->call.as.sum_backward;
    num *dz = grad_pass(k, &p->g, p->rows, p->c);
    for (int64_t i = 0; p->gated && i < p->rows * p->c; i++) dz[i] = num_scale(dz[i], p->gate);
    into_pass(k, &p->into, dz, p->rows, p->c, 1, true);
}

static inline void expect_gate_backward(kase *k) {
    const sn_gate_backward *p = &k->call.as.gate_backward;
    num *g = grad_pass(k, &p->g, p->rows, p->c), *x = view_pass(k, &p->x, p->rows, p->c), *sum = nums(1);
    for (int64_t i = 0; i < p->rows * p->c; i++) *sum = num_add(*sum, num_mul(g[i], x[i]));
    expect(k, ARENA, p->dgate, sum, (double)p->rows * p->c, true);
}

// Of element i of a tensor: that of its image and channel.
static inline int64_t gain_at(const kase *k, int64_t i) {
    int64_t c = k->size.ci, image = (int64_t)k->size.h * k->size.w * c;
    return i / image * c + i % c;
}

static inline void expect_scale_forward(kase *k) {
    const sn_scale_forward *p = &k->call.as.scale_forward;
    num *y = view_pass(k, &p->x, in_rows(&k->size), p->c), *gain = view_pass(k, &p->gain, p->n, p->c);
    for (int64_t i = 0; i < all_elements(k); i++) y[i] = num_mul(y[i], gain[gain_at(k, i)]);
    expect(k, ARENA, p->y, y, 1, true);
}

static inline void expect_scale_backward(kase *k) {
    const sn_scale_backward *p = &k->call.as.scale_backward;
    num *dz = grad_pass(k, &p->g, in_rows(&k->size), p->c), *gain = view_pass(k, &p->gain, p->n, p->c);
    for (int64_t i = 0; i < all_elements(k); i++) dz[i] = num_mul(dz[i], gain[gain_at(k, i)]);
    into_pass(k, &p->into, dz, in_rows(&k->size), p->c, 1, true);
}

static inline void expect_scale_backward_gain(kase *k) {
    const sn_scale_backward_gain *p = &k->call.as.scale_backward_gain;
    num *g = grad_pass(k, &p->g, in_rows(&k->size), p->c), *x = view_pass(k, &p->x, in_rows(&k->size), p->c);
    num *dz = nums((int64_t)p->n * p->c);
    for (int64_t i = 0; i < all_elements(k); i++) dz[gain_at(k, i)] = num_add(dz[gain_at(k, i)], num_mul(g[i], x[i]));
    into_pass(k, &p->into, dz, p->n, p->c, p->pixels, true);
}

// Where channel k of row `row` of a piece comes from in x; -1: from outside.
static inline int64_t placed(const sn_place_size *s, int64_t row, int k) {
    int64_t h = row / s->wo % s->ho * s->stride + s->shift, w = row % s->wo * s->stride + s->shift;
    int shuffled = s->first + k, each = s->c / s->groups;
    if (h >= s->h || w >= s->w) return -1;
    return ((row / s->wo / s->ho * s->h + h) * s->w + w) * s->c + shuffled % s->groups * each + shuffled / s->groups;
}

static inline void expect_place_forward(kase *k) {
    const sn_place_forward *p = &k->call.as.place_forward;
    const sn_place_size *s = &p->size;
    sn_off at = s->co - s->count;
    num *x = p->x.data == SN_NONE ? NULL : view_pass(k, &p->x, in_rows(&k->size), s->c), *y = plain_pass(k, ARENA, p->y - at);
    for (int64_t row = 0; row < place_rows(s); row++)
        for (int j = 0; j < s->count; j++) {
            int64_t from = placed(s, row, j);
            y[row * s->co + at + j] = x && from >= 0 ? x[from] : num_of(0);
        }
    expect(k, ARENA, p->y - at, y, 1, true);
}

static inline void expect_place_backward(kase *k) {
    const sn_place_backward *p = &k->call.as.place_backward;
    const sn_place_size *s = &p->size;
    sn_off at = s->co - s->count;
    sn_grad whole = p->g;
    whole.dy -= at;
    if (whole.a != SN_NONE) whole.x -= at, whole.mean -= at, whole.a -= at, whole.b -= at, whole.c -= at;
    num *g = grad_pass(k, &whole, place_rows(s), s->co), *dz = nums(in_rows(&k->size) * s->c);
    for (int64_t row = 0; row < place_rows(s); row++)
        for (int j = 0; j < s->count; j++)
            if (placed(s, row, j) >= 0) dz[placed(s, row, j)] = g[row * s->co + at + j];
    into_pass(k, &p->into, dz, in_rows(&k->size), s->c, 1, true);
}

static inline void expect_bn_forward(kase *k) {
    const sn_bn_forward *p = &k->call.as.bn_forward;
    num *mean = nums(p->c), *scale = nums(p->c), *shift = nums(p->c), *inv = nums(p->c), *rmean = nums(p->c), *rvar = nums(p->c);
    double rows = (double)p->rows, m = p->momentum;
    for (int c = 0; c < p->c; c++) {
        double variance = 0;
        inv[c] = num_of(1);
        if (p->mode == SN_BN_BATCH) {
            double m2 = contents(k, ARENA, p->stat.m2)[c];
            mean[c] = num_of(contents(k, ARENA, p->stat.mean)[c]);
            variance = m2 / rows;
            if (m > 0) {
                rmean[c] = num_add(num_of((1 - m) * contents(k, STATS, p->running_mean)[c]), num_scale(mean[c], m));
                double unbiased = p->rows > 1 ? m2 / (rows - 1) : m2;
                rvar[c] = num_add(num_of((1 - m) * contents(k, STATS, p->running_var)[c]), num_of(m * unbiased));
            }
        }
        if (p->mode == SN_BN_RUNNING) {
            mean[c] = num_of(contents(k, STATS, p->running_mean)[c]);
            variance = contents(k, STATS, p->running_var)[c];
        }
        if (p->mode != SN_BN_BIAS) inv[c] = num_of(1 / sqrt(variance + p->eps));
        double gate = p->gated ? p->gate : 1;
        scale[c] = num_scale(inv[c], gate * (p->gamma == SN_NONE ? 1 : contents(k, WEIGHTS, p->gamma)[c]));
        shift[c] = num_of(gate * (p->beta == SN_NONE ? 0 : contents(k, WEIGHTS, p->beta)[c]));
    }
    expect(k, ARENA, p->mean, mean, 1, true);
    expect(k, ARENA, p->scale, scale, 1, false);
    expect(k, ARENA, p->shift, shift, 1, true);
    if (p->inv != SN_NONE) expect(k, ARENA, p->inv, inv, 1, false);
    if (p->mode == SN_BN_BATCH && m > 0) {
        expect(k, STATS, p->running_mean, rmean, 1, false);
        expect(k, STATS, p->running_var, rvar, 1, false);
    }
}

static inline void expect_bn_backward(kase *k) {
    const sn_bn_backward *p = &k->call.as.bn_backward;
    num *dgamma = nums(p->c), *dbeta = nums(p->c), *a = nums(p->c), *b = nums(p->c), *cc = nums(p->c);
    num *dgate = nums(1);
    double gate = p->gated ? p->gate : 1;
    for (int c = 0; c < p->c; c++) {
        double sum = contents(k, ARENA, p->sum_dy)[c];
        if (p->dbeta != SN_NONE) dbeta[c] = num_add(num_of(contents(k, GRADS, p->dbeta)[c]), num_of(gate * sum));
        if (p->mode == SN_BN_BIAS) continue;
        double s = contents(k, ARENA, p->scale)[c], inv = contents(k, ARENA, p->inv)[c], q = contents(k, ARENA, p->sum_dyx)[c];
        if (p->dgamma != SN_NONE) dgamma[c] = num_add(num_of(contents(k, GRADS, p->dgamma)[c]), num_of(gate * (inv * q)));
        double gamma = p->gamma == SN_NONE ? 1 : contents(k, WEIGHTS, p->gamma)[c];
        *dgate = num_add(*dgate, num_of(gamma * inv * q));
        *dgate = num_add(*dgate, num_of(p->beta == SN_NONE ? 0 : contents(k, WEIGHTS, p->beta)[c] * sum));
        a[c] = num_of(s);
        if (p->mode == SN_BN_BATCH) {
            b[c] = num_of(-(s * inv * (inv * q) / (double)p->rows));
            cc[c] = num_of(-(s * sum / (double)p->rows));
        }
    }
    if (p->dbeta != SN_NONE) expect(k, GRADS, p->dbeta, dbeta, 1, true);
    if (p->mode == SN_BN_BIAS) return;
    if (p->dgamma != SN_NONE) expect(k, GRADS, p->dgamma, dgamma, 1, true);
    expect(k, ARENA, p->a, a, 1, true);
    expect(k, ARENA, p->b, b, 1, false);
    expect(k, ARENA, p->cc, cc, 1, false);
    if (p->dgate != SN_NONE) expect(k, ARENA, p->dgate, dgate, p->c, false);
}

static inline void expect_loss(kase *k) {
    const sn_loss *p = &k->call.as.loss;
    int classes = p->classes;
    num *z = view_pass(k, &p->logits, p->n, classes), *dz = nums((int64_t)p->n * classes), *loss = nums(p->n), *rank = nums(p->n);
    for (int n = 0; n < p->n; n++) {
        num *zn = z + (int64_t)n * classes, *dn = dz + (int64_t)n * classes;
        int label = k->labels[n];
        double top = zn[0].v, most = 0, sum = 0; // most: the largest error of a logit, to first order that of the others
        for (int j = 0; j < classes; j++) top = fmax(top, zn[j].v), most = fmax(most, zn[j].m);
        for (int j = 0; j < classes; j++) sum += exp(zn[j].v - top);
        loss[n].m = 2 * most + log(classes) + 1;
        for (int j = 0; j < classes; j++) {
            double target = (j == label ? 1 - p->smoothing : 0) + p->smoothing / classes, q = exp(zn[j].v - top) / sum;
            loss[n].v -= target * (zn[j].v - top - log(sum));
            dn[j] = (num){p->scale * (q - target), p->scale * (q * (1 + 2 * most) + target)};
            if (zn[j].v > zn[label].v || (zn[j].v == zn[label].v && j < label)) rank[n].v += 1;
        }
    }
    expect(k, ARENA, p->loss, loss, classes, false);
    expect(k, ARENA, p->rank, rank, 1, true); // magnitude 0: always exact
    if (!k->o.no_dy || k->o.sums) into_pass(k, &p->into, dz, p->n, classes, 1, false);
}

static inline bool in_box(const sn_box *b, int64_t i) { // i from the box's offset on
    return i % b->stride < b->run;
}

static inline void expect_fill(kase *k) {
    const sn_box *box = &k->call.as.fill.box;
    num *g = plain_pass(k, GRADS, box->offset);
    for (int64_t i = 0; i < box_reach(box); i++)
        if (in_box(box, i)) g[i] = num_of(0);
    expect(k, GRADS, box->offset, g, 1, true);
}

static inline void expect_squares(kase *k) {
    const sn_squares *p = &k->call.as.squares;
    const double *g = contents(k, GRADS, p->box.offset);
    num *sum = nums(1);
    for (int64_t i = 0; i < box_reach(&p->box); i++)
        if (in_box(&p->box, i)) *sum = num_add(*sum, num_of(g[i] * g[i]));
    expect(k, ARENA, p->out, sum, (double)p->box.run * (double)p->box.rows, true);
}

// Where an element of a piece lies in the dense kernel, element by element from the start of the piece.
static inline int64_t dense_place(const sn_gather *p, int64_t element) {
    int64_t row = element / p->outs, out = element % p->outs, ring = row / p->ins, in = row % p->ins;
    for (int tap = 0;; tap++) {
        int y = abs(tap / p->kernel - p->kernel / 2), x = abs(tap % p->kernel - p->kernel / 2), reach = y > x ? y : x;
        bool wanted = 2 * reach + 1 <= p->side && 2 * reach + 1 > p->inner;
        if (wanted && ring-- == 0) return ((int64_t)tap * p->ci + p->in + in) * p->co + p->out + out;
    }
}

static inline void expect_gather(kase *k) {
    const sn_gather *p = &k->call.as.gather;
    num *from = plain_pass(k, WEIGHTS, p->piece), *to = plain_pass(k, WEIGHTS, p->dense);
    for (int64_t i = 0; i < piece_elements(p); i++) to[dense_place(p, i)] = from[i];
    expect(k, WEIGHTS, p->dense, to, 1, true);
}

static inline void expect_scatter(kase *k) {
    const sn_gather *p = &k->call.as.scatter;
    num *to = plain_pass(k, GRADS, p->piece), *from = plain_pass(k, GRADS, p->dense);
    for (int64_t i = 0; i < piece_elements(p); i++) to[i] = num_add(to[i], from[dense_place(p, i)]);
    expect(k, GRADS, p->piece, to, 1, true);
}

static inline int64_t centre_place(const sn_transform *p, int64_t tap, int64_t column) {
    int64_t edge = (p->from - p->side) / 2, y = tap / p->side + edge, x = tap % p->side + edge;
    return (y * p->from + x) * p->columns + column;
}

static inline void expect_transform_forward(kase *k) {
    const sn_transform *p = &k->call.as.transform_forward;
    const double *m = contents(k, WEIGHTS, p->m), *x = contents(k, WEIGHTS, p->x);
    int64_t taps = p->side * p->side;
    num *y = nums((int64_t)taps * p->columns);
    for (int64_t t = 0; t < taps; t++)
        for (int64_t j = 0; j < p->columns; j++)
            for (int64_t s = 0; s < taps; s++)
                y[t * p->columns + j] = num_add(y[t * p->columns + j], num_of(m[s * taps + t] * x[centre_place(p, s, j)]));
    expect(k, WEIGHTS, p->y, y, (double)taps, true);
}

static inline void expect_transform_backward(kase *k) {
    const sn_transform *p = &k->call.as.transform_backward;
    const double *m = contents(k, WEIGHTS, p->m), *x = contents(k, WEIGHTS, p->x), *dy = contents(k, GRADS, p->y);
    int64_t taps = p->side * p->side;
    num *dm = plain_pass(k, GRADS, p->m), *dx = plain_pass(k, GRADS, p->x);
    for (int64_t t = 0; t < taps; t++)
        for (int64_t s = 0; s < taps; s++)
            for (int64_t j = 0; j < p->columns; j++) {
                double d = dy[t * p->columns + j];
                int64_t at = centre_place(p, s, j);
                dm[s * taps + t] = num_add(dm[s * taps + t], num_of(x[at] * d));
                dx[at] = num_add(dx[at], num_of(m[s * taps + t] * d));
            }
    expect(k, GRADS, p->m, dm, (double)p->columns, true);
    expect(k, GRADS, p->x, dx, (double)taps, true);
}

static inline void expect_score(kase *k) {
    const sn_score_call *p = &k->call.as.score;
    const double *loss = contents(k, ARENA, p->loss), *rank = contents(k, ARENA, p->rank);
    num *r = nums(4);
    r[3] = num_of(1);
    for (int i = 0; i < p->n; i++) {
        r[0] = num_add(r[0], num_of(loss[i]));
        r[1].v += rank[i] < 1, r[2].v += rank[i] < 5;
        if (!isfinite(loss[i])) r[3] = num_of(0);
    }
    expect(k, ARENA, p->out, r, 1, true);
}

static inline void expect_clip(kase *k) {
    const sn_clip *p = &k->call.as.clip;
    const double *squares = contents(k, ARENA, p->squares);
    num *r = nums(3);
    r[2] = (num){-1, 0};
    double sum = 0;
    for (int i = 0; i < p->n; i++) {
        sum += squares[i];
        if (!isfinite(squares[i]) && r[2].v < 0) r[2].v = i;
    }
    r[0] = num_of(sqrt(sum));
    double factor = p->clip / (r[0].v + 1e-6);
    r[1] = num_of(p->clip == 0 || factor > 1 ? 1 : factor);
    expect(k, ARENA, p->out, r, 1, false);
}

static inline void expect_sgd(kase *k) {
    const sn_sgd *p = &k->call.as.sgd;
    num *w = plain_pass(k, WEIGHTS, p->box.offset), *g = plain_pass(k, GRADS, p->box.offset);
    num *v = p->momentum != 0 ? plain_pass(k, FIRST_SLOT, p->box.offset) : NULL;
    const double *clip = contents(k, ARENA, p->clip);
    for (int64_t i = 0; i < box_reach(&p->box) && clip[2] < 0; i++) {
        if (!in_box(&p->box, i)) continue;
        num d = num_add(num_scale(g[i], clip[1]), num_scale(w[i], p->decay)), step = d;
        if (v) {
            v[i] = num_add(num_scale(v[i], p->momentum), d);
            step = p->nesterov ? num_add(d, num_scale(v[i], p->momentum)) : v[i];
        }
        w[i] = num_sub(w[i], num_scale(step, p->lr));
    }
    expect(k, WEIGHTS, p->box.offset, w, 1, false);
    if (v) expect(k, FIRST_SLOT, p->box.offset, v, 1, false);
}

static inline void expect_adam(kase *k) {
    const sn_adam *p = &k->call.as.adam;
    num *w = plain_pass(k, WEIGHTS, p->box.offset), *g = plain_pass(k, GRADS, p->box.offset);
    num *m = plain_pass(k, FIRST_SLOT, p->box.offset), *v = plain_pass(k, SECOND_SLOT, p->box.offset);
    const double *clip = contents(k, ARENA, p->clip);
    for (int64_t i = 0; i < box_reach(&p->box) && clip[2] < 0; i++) {
        if (!in_box(&p->box, i)) continue;
        num d = num_add(num_scale(g[i], clip[1]), num_scale(w[i], p->decay));
        m[i] = num_add(num_scale(m[i], p->beta1), num_scale(d, 1 - p->beta1));
        v[i] = num_add(num_scale(v[i], p->beta2), num_scale(num_mul(d, d), 1 - p->beta2));
        double root = sqrt(v[i].v / (1 - pow(p->beta2, (double)p->t)));
        double slack = v[i].v > 0 ? v[i].m / v[i].v : 1; // the error of d may be larger than d's own rounding
        w[i] = num_sub(num_scale(w[i], p->keep),
                       (num){p->lr * m[i].v / (1 - pow(p->beta1, (double)p->t)) / (root + p->eps),
                             p->lr * m[i].m * slack / (1 - pow(p->beta1, (double)p->t)) / (root + p->eps)});
    }
    expect(k, WEIGHTS, p->box.offset, w, 1, false);
    expect(k, FIRST_SLOT, p->box.offset, m, 1, false);
    expect(k, SECOND_SLOT, p->box.offset, v, 1, false);
}

static inline void expect_move(kase *k) {
    const sn_move *p = &k->call.as.move;
    num *w = plain_pass(k, WEIGHTS, p->box.offset);
    num *x = p->from == SN_FROM_WEIGHTS ? w : plain_pass(k, p->from == SN_FROM_GRADS ? GRADS : FIRST_SLOT, p->box.offset);
    for (int64_t i = 0; i < box_reach(&p->box); i++)
        if (in_box(&p->box, i)) w[i] = num_add(w[i], num_scale(x[i], p->coefficient));
    expect(k, WEIGHTS, p->box.offset, w, 1, false);
}

static void (*const expectations[SN_KERNELS])(kase *) = {
#define X(ENUM, name, record) [SN_##ENUM] = expect_##name,
#include "kernels/kernels.def"
#undef X
};

// --- a case in a world
static inline int64_t operand_room(const operand *p) { // in reals
    return p->raw ? SN_RESULT_ELEMENTS : p->n;
}

static inline double operand_get(const world *w, const operand *p, int64_t i) {
    if (!p->raw) return world_get(w, p->b, p->off + i);
    double value;
    memcpy(&value, w->base[p->b] + (size_t)p->off * w->real + (size_t)i * sizeof value, sizeof value);
    return value;
}

static inline void operand_set(const world *w, const operand *p, int64_t i, double value) {
    if (p->raw)
        memcpy(w->base[p->b] + (size_t)p->off * w->real + (size_t)i * sizeof value, &value, sizeof value);
    else
        world_set(w, p->b, p->off + i, value);
}

static inline void world_load(const world *w, const kase *k) {
    for (int i = 0; i < k->n_operands; i++) {
        const operand *p = &k->operands[i];
        poison(w->base[p->b] + (size_t)(p->off - CANARY) * w->real, (size_t)(CANARY + operand_room(p)) * w->real);
        for (int64_t j = 0; p->init && j < p->n; j++) operand_set(w, p, j, p->init[j]);
    }
    memcpy(w->labels - k->n_labels, k->labels, (size_t)k->n_labels * sizeof *k->labels);
}

// Statistics against the written y itself: mean and M2 in double, a constant channel exactly.
static inline bool check_statistics(const world *w, const kase *k, double eps, char *message, size_t room) {
    for (int c = 0; c < k->stat.c; c++) {
        double rows = (double)k->stat.rows, first = world_get(w, ARENA, k->stat.y + c), sum = 0, m2 = 0, low = first,
               high = first;
        for (int64_t r = 0; r < k->stat.rows; r++) {
            double y = world_get(w, ARENA, k->stat.y + r * k->stat.ld + c);
            sum += y - first, low = fmin(low, y), high = fmax(high, y);
        }
        double mean = first + sum / rows, half = (high - low) / 2;
        for (int64_t r = 0; r < k->stat.rows; r++) {
            double d = world_get(w, ARENA, k->stat.y + r * k->stat.ld + c) - mean;
            m2 += d * d;
        }
        double factor = 8 * fmax(1, log2(rows)) * eps, rounding = low == high ? 0 : eps * fabs(mean); // of the mean itself
        double got_mean = world_get(w, ARENA, k->stat.stat.mean + c), got_m2 = world_get(w, ARENA, k->stat.stat.m2 + c);
        // both are taken around a pivot that is one of the values, so the terms are no larger than the range
        if (!(fabs(got_mean - mean) <= factor * half + rounding) ||
            !(fabs(got_m2 - m2) <= factor * (m2 + rows * half * half) + rows * rounding * rounding) || !(got_m2 >= 0)) {
            snprintf(message, room, "channel %d: mean %.9g for %.9g (off by %.3g), M2 %.9g for %.9g (off by %.3g)", c, got_mean,
                     mean, got_mean - mean, got_m2, m2, got_m2 - m2);
            return false;
        }
    }
    return true;
}

static inline bool check_operand(const world *w, const kase *k, const operand *p, double eps, char *message, size_t room) {
    double factor = p->terms > 1 ? fmax(4, 8 * log2(p->terms)) : 4;
    int64_t worst = -1;
    double worst_ratio = 1;
    for (int64_t i = 0; i < p->n; i++) {
        double got = operand_get(w, p, i), want = p->expect[i].v, scale = p->expect[i].m;
        if (got == want) continue;                                      // infinities too
        bool equal = k->mode == INTEGER && p->exact && scale < 1 << 20; // with the 1/16 of the scales still exact in float
        double tolerance = equal ? 0 : factor * eps * scale, error = fabs(got - want);
        if (error <= tolerance) continue;
        double ratio = tolerance > 0 ? error / tolerance : INFINITY;
        if (worst >= 0 && !(ratio > worst_ratio)) continue; // a NaN before anything else
        worst = i, worst_ratio = isnan(ratio) ? INFINITY : ratio;
    }
    if (worst < 0) return true;
    snprintf(message, room, "operand %d (buffer %d), element %lld of %lld: %.9g for %.9g, %.3g times the tolerance",
             (int)(p - k->operands), (int)p->b, (long long)worst, (long long)p->n, operand_get(w, p, worst), p->expect[worst].v,
             worst_ratio);
    return false;
}

static inline bool unchanged(const world *w, const operand *p) {
    if (!p->init) return is_poison(w->base[p->b] + (size_t)p->off * w->real, (size_t)p->n * w->real);
    for (int64_t i = 0; i < p->n; i++)
        if (operand_get(w, p, i) != p->init[i]) return false;
    return true;
}

// Everything the call should and should not have done; the message says what differs.
static inline bool world_check(const world *w, const kase *k, char *message, size_t room) {
    double eps = w->real == sizeof(float) ? (double)FLT_EPSILON : DBL_EPSILON;
    for (int i = 0; i < k->n_operands; i++) {
        const operand *p = &k->operands[i];
        bool written = p->role == OUT || p->role == UPDATED;
        if (!is_poison(w->base[p->b] + (size_t)(p->off - CANARY) * w->real, CANARY * w->real)) {
            snprintf(message, room, "operand %d (buffer %d): memory before it was written", i, (int)p->b);
            return false;
        }
        if (!written && !unchanged(w, p)) {
            snprintf(message, room, "operand %d (buffer %d): an input was written", i, (int)p->b);
            return false;
        }
        if (written && p->expect && !check_operand(w, k, p, eps, message, room)) return false;
    }
    return k->stat.rows == 0 || check_statistics(w, k, eps, message, room);
}

// Bytes of everything the call wrote, for comparison bit by bit. Memory of the case.
static inline char *world_results(const world *w, const kase *k, size_t *bytes) {
    size_t used = 0;
    char *all = NULL;
    for (int round = 0; round < 2; round++) { // measure, then copy
        used = 0;
        for (int i = 0; i < k->n_operands; i++) {
            const operand *p = &k->operands[i];
            if (p->role != OUT && p->role != UPDATED) continue;
            size_t n = (size_t)p->n * (p->raw ? sizeof(double) : w->real);
            if (all) memcpy(all + used, w->base[p->b] + (size_t)p->off * w->real, n);
            used += n;
        }
        if (!all) all = bump(used, 1);
    }
    *bytes = used;
    return all;
}

#endif
