// Cases for every kernel of kernels.def: sizes, views, operands, contents. A kernel without a builder here does not compile.
// Not here: expected results (kernel_oracle.h), memory (kernel_world.h).
// Next: kernel_oracle.h.
#ifndef SN_TEST_KERNEL_CASES_H
#define SN_TEST_KERNEL_CASES_H

#include "kernel_world.h"

// --- numbers with the sum of the magnitudes of their terms, from which tolerances are made
typedef struct {
    double v, m;
} num;

// --- operands
typedef enum { IN, UNREAD, OUT, UPDATED } role; // UNREAD: never to be read: holds NaN

typedef enum {
    DATA,     // tensors
    MEAN,     // about the middle of DATA
    SCALE,    // of both signs
    SHIFT,    //
    ZERO,     //
    ONE,      //
    WEIGHT,   //
    GRADIENT, //
    FACTOR,   // a, b, c of a gradient
    POSITIVE, // second moments
} content;

typedef struct {
    buffer b;
    sn_off off;
    int64_t n;
    role role;
    content content;
    double *init; // n, before the call; NULL for OUT and UNREAD
    num *expect;  // n, after the call; NULL: statistics, checked against y
    double terms; // summed in one element: the tolerance grows with its logarithm; 1 for elementwise results
    bool exact;   // on small integers the result must be equal
    bool raw;     // n doubles as they are, in the room of SN_RESULT_ELEMENTS reals: a result
} operand;

typedef struct {
    int n, h, w, ci, co, k, stride, pad, dilation, groups;
} shape;

// What varies besides the sizes; each kernel uses some of it.
typedef struct {
    int view;    // 0 none, 1 BN, 2 bias
    int act;     // sn_act
    int stat;    // 0 none, 1 taken
    int affine;  // gradient: 0 plain, 1 a*dy + b*(x - mean) + c
    int add;     // 0 none, 1 separate, 2 in place
    int sums;    // 0 none, 1 both, 2 only sum_dy
    int no_dy;   // sums only
    int variant; // the kernel's own
} options;

enum { VIEW = 1, STAT = 2, GRAD = 4, INTO = 8, NO_DY = 16, DRAWN = 32 }; // DRAWN: convolution sizes by lot besides the list

typedef enum { RANDOM, INTEGER, FAR, CONSTANT } mode; // FAR: mean 1000, deviation 1; CONSTANT: one value per channel

enum { MOST_OPERANDS = 48, MOST_VIEWS = 4 };

typedef struct {
    sn_call call;
    shape size;
    options o;
    mode mode;
    uint64_t seed;
    operand operands[MOST_OPERANDS];
    int n_operands, cells[BUFFERS];
    struct {
        sn_view view;
        int64_t rows;
        int c;
    } views[MOST_VIEWS]; // kept away from kinks
    int n_views;
    struct {
        sn_stat stat;
        sn_off y;
        int64_t rows;
        int c, ld;
    } stat; // rows 0: none
    int32_t labels[64];
    int n_labels;
    bool divides; // an activation divides: results on integers are no longer representable
    char text[200];
} kase;

// --- memory of one case, taken from one block and given back all at once
static char *bump_base;
static size_t bump_used;
enum { BUMP = 1 << 29 };

static inline void *bump(size_t n, size_t size) {
    if (!bump_base) {
        bump_base = mmap(NULL, BUMP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        ck_assert(bump_base != MAP_FAILED);
    }
    size_t bytes = (n * size + 63) / 64 * 64;
    ck_assert(bump_used + bytes <= BUMP);
    void *p = bump_base + bump_used;
    bump_used += bytes;
    return memset(p, 0, bytes);
}

// --- randomness: splitmix64
static inline uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
static inline double uniform(uint64_t *s) {
    return (double)(next_random(s) >> 11) * 0x1p-53;
} // [0, 1)
static inline double between(uint64_t *s, double low, double high) {
    return low + (high - low) * uniform(s);
}
static inline int integer(uint64_t *s, int low, int high) {
    return low + (int)(next_random(s) % (uint64_t)(high - low + 1));
}

static inline double random_value(content c, uint64_t *s) {
    switch (c) {
    case DATA:
        return integer(s, -8192, 8192) * 0x1p-11; // a grid: equal or clearly different, for maxima
    case MEAN:
        return between(s, -1, 1);
    case SCALE:
        return between(s, 0.5, 2) * (integer(s, 0, 2) ? 1 : -1);
    case SHIFT:
        return between(s, -1, 2);
    case ZERO:
        return 0;
    case ONE:
        return 1;
    case WEIGHT:
        return between(s, -1, 1);
    case GRADIENT:
        return between(s, -2, 2);
    case FACTOR:
        return between(s, -1, 1);
    case POSITIVE:
        return between(s, 0.01, 4);
    }
    return 0;
}

static inline double integer_value(content c, uint64_t *s) {
    const double powers[] = {0.5, 1, 2, -0.5, -1};
    switch (c) {
    case DATA:
        return integer(s, -3, 3);
    case MEAN:
        return integer(s, -1, 1);
    case SCALE:
    case FACTOR:
        return powers[integer(s, 0, 4)];
    case SHIFT:
        return integer(s, -1, 3);
    case ZERO:
        return 0;
    case ONE:
        return 1;
    case WEIGHT:
        return integer(s, 0, 3) ? integer(s, -1, 1) : 0; // sparse, so that long sums stay representable
    case GRADIENT:
        return integer(s, 0, 2) ? 0 : integer(s, -2, 2);
    case POSITIVE:
        return integer(s, 0, 4);
    }
    return 0;
}

static inline double value_of(mode m, content c, uint64_t *s, int64_t i, int64_t n) {
    if (c == DATA && m == FAR) return 1000 + 0.5 * (between(s, -3, 3) + between(s, -1, 1) + between(s, -1, 1));
    if (c == DATA && m == CONSTANT) return 100.1 + 3 * (double)i;
    (void)n;
    return m == INTEGER ? integer_value(c, s) : random_value(c, s);
}

// --- builders
static inline operand *operand_at(kase *k, buffer b, sn_off off) {
    for (int i = 0; i < k->n_operands; i++)
        if (k->operands[i].b == b && k->operands[i].off == off) return &k->operands[i];
    ck_abort_msg("%s: no operand at %lld of buffer %d", k->text, (long long)off, (int)b);
}

// Adds an operand of n elements with contents.
static inline sn_off put(kase *k, buffer b, int64_t n, role r, content c) {
    ck_assert_int_lt(k->n_operands, MOST_OPERANDS);
    operand *p = &k->operands[k->n_operands++];
    *p = (operand){.b = b, .off = cell_offset(++k->cells[b], n), .n = n, .role = r, .content = c, .terms = 1};
    if (r == OUT || r == UNREAD) return p->off;
    p->init = bump((size_t)n, sizeof *p->init);
    for (int64_t i = 0; i < n; i++) p->init[i] = (float)value_of(k->mode, c, &k->seed, i, n); // representable in both reals
    return p->off;
}

// Adds a result: n doubles.
static inline sn_off put_result(kase *k, int n, role r, const double *init) {
    ck_assert_int_lt(k->n_operands, MOST_OPERANDS);
    operand *p = &k->operands[k->n_operands++];
    *p = (operand){.b = ARENA, .off = cell_offset(++k->cells[ARENA], SN_RESULT_ELEMENTS), .n = n, .role = r, .terms = 1};
    p->raw = true;
    if (!init) return p->off;
    p->init = bump((size_t)n, sizeof *p->init);
    memcpy(p->init, init, (size_t)n * sizeof *init);
    return p->off;
}

static inline const double *contents(kase *k, buffer b, sn_off off) {
    return operand_at(k, b, off)->init;
}

// In FAR and CONSTANT the channels of a tensor are what counts: a constant channel repeats down the rows.
static inline sn_off put_tensor(kase *k, role r, content c, int64_t rows, int channels) {
    sn_off off = put(k, ARENA, rows * channels, r, c);
    double *x = operand_at(k, ARENA, off)->init;
    for (int64_t i = channels; x && k->mode == CONSTANT && c == DATA && i < rows * channels; i++) x[i] = x[i - channels];
    return off;
}

// Moves x where act'(u) or the choice of a maximum would hang on the last bit.
static inline void settle(kase *k, const sn_view *v, int64_t rows, int c) {
    if (k->mode == INTEGER || v->act == SN_LINEAR) return;
    double *x = operand_at(k, ARENA, v->data)->init;
    for (int64_t i = 0; i < rows * c; i++)
        for (int tries = 0; tries < 100; tries++) {
            double u = x[i];
            if (v->mean != SN_NONE)
                u = contents(k, ARENA, v->scale)[i % c] * (x[i] - contents(k, ARENA, v->mean)[i % c]) +
                    contents(k, ARENA, v->shift)[i % c];
            bool hard = v->act == SN_H_SWISH || v->act == SN_H_SIGMOID;
            if (fabs(hard ? u + 3 : u) > 2e-3 && fabs(hard ? u - 3 : u - 6) > 2e-3) break;
            x[i] += 0x1p-8;
        }
}

static inline sn_view make_view(kase *k, role data, int64_t rows, int c) {
    sn_view v = {put_tensor(k, data, DATA, rows, c), SN_NONE, SN_NONE, SN_NONE, (sn_act)k->o.act};
    if (k->o.view) {
        v.mean = put(k, ARENA, c, IN, k->o.view == 1 ? MEAN : ZERO);
        v.scale = put(k, ARENA, c, IN, k->o.view == 1 ? SCALE : ONE);
        v.shift = put(k, ARENA, c, IN, SHIFT);
    }
    if (data == IN) settle(k, &v, rows, c);
    k->divides = k->divides || v.act == SN_H_SWISH || v.act == SN_H_SIGMOID;
    return v;
}

// A view unlike the one that the options ask for.
static inline sn_view make_other_view(kase *k, int64_t rows, int c) {
    options first = k->o;
    k->o.view = (first.view + 1) % 3, k->o.act = (first.act + 2) % SN_ACTS;
    sn_view v = make_view(k, IN, rows, c);
    k->o = first;
    return v;
}

// h_swish falls and rises: of values on both sides, equal but for rounding, the larger one is anybody's guess.
static inline void keep_order(kase *k) {
    if (k->o.act == SN_H_SWISH) k->o.act = SN_H_SIGMOID;
}

static inline sn_grad make_grad(kase *k, int64_t rows, int c) {
    sn_grad g = {put_tensor(k, IN, GRADIENT, rows, c), SN_NONE, SN_NONE, SN_NONE, SN_NONE, SN_NONE};
    if (!k->o.affine) return g;
    g.x = put_tensor(k, IN, DATA, rows, c);
    g.mean = put(k, ARENA, c, IN, MEAN);
    g.a = put(k, ARENA, c, IN, FACTOR);
    g.b = put(k, ARENA, c, IN, FACTOR);
    g.c = put(k, ARENA, c, IN, FACTOR);
    return g;
}

// reads_x: the kernel itself needs the values (max pooling, loss). Otherwise a linear view without sum_dyx leaves x alone.
static inline sn_into make_into(kase *k, int64_t rows, int c, bool reads_x) {
    bool needed = reads_x || k->o.act != SN_LINEAR || k->o.sums == 1;
    sn_into into = {.view = make_view(k, needed ? IN : UNREAD, rows, c), SN_NONE, SN_NONE, SN_NONE, SN_NONE};
    if (!k->o.no_dy) into.dy = put_tensor(k, k->o.add == 2 ? UPDATED : OUT, GRADIENT, rows, c);
    if (k->o.add == 1) into.add = put_tensor(k, IN, GRADIENT, rows, c);
    if (k->o.add == 2) into.add = into.dy;
    if (k->o.sums) into.sum_dy = put(k, ARENA, c, OUT, ZERO);
    if (k->o.sums == 1) into.sum_dyx = put(k, ARENA, c, OUT, ZERO);
    return into;
}

static inline sn_stat make_stat(kase *k, sn_off y, int64_t rows, int c) {
    sn_stat s = {SN_NONE, SN_NONE};
    if (!k->o.stat) return s;
    s.mean = put(k, ARENA, c, OUT, ZERO);
    s.m2 = put(k, ARENA, c, OUT, ZERO);
    k->stat.stat = s, k->stat.y = y, k->stat.rows = rows, k->stat.c = k->stat.ld = c;
    return s;
}

static inline int out_size(int in, int k, int stride, int pad, int dilation) {
    return (in + 2 * pad - (k - 1) * dilation - 1) / stride + 1;
}

static inline sn_conv_size conv_size(const shape *s) {
    return (sn_conv_size){.n = s->n,
                          .h = s->h,
                          .w = s->w,
                          .ci = s->ci,
                          .co = s->co,
                          .kernel = s->k,
                          .stride = s->stride,
                          .pad = s->pad,
                          .dilation = s->dilation,
                          .groups = s->groups,
                          .ho = out_size(s->h, s->k, s->stride, s->pad, s->dilation),
                          .wo = out_size(s->w, s->k, s->stride, s->pad, s->dilation)};
}
static inline int64_t in_rows(const shape *s) {
    return (int64_t)s->n * s->h * s->w;
}
static inline int64_t conv_rows(const sn_conv_size *s) {
    return (int64_t)s->n * s->ho * s->wo;
}
static inline int64_t conv_weights(const sn_conv_size *s) {
    return (int64_t)s->kernel * s->kernel * (s->ci / s->groups) * s->co;
}

static inline void build_conv_forward(kase *k) {
    sn_conv_forward *p = &k->call.as.conv_forward;
    p->size = conv_size(&k->size);
    p->x = make_view(k, IN, in_rows(&k->size), p->size.ci);
    p->w = put(k, WEIGHTS, conv_weights(&p->size), IN, WEIGHT);
    p->y = put_tensor(k, OUT, DATA, conv_rows(&p->size), p->size.co);
    p->stat = make_stat(k, p->y, conv_rows(&p->size), p->size.co);
}

static inline void build_conv_backward_data(kase *k) {
    sn_conv_backward_data *p = &k->call.as.conv_backward_data;
    p->size = conv_size(&k->size);
    p->g = make_grad(k, conv_rows(&p->size), p->size.co);
    p->w = put(k, WEIGHTS, conv_weights(&p->size), IN, WEIGHT);
    p->into = make_into(k, in_rows(&k->size), p->size.ci, false);
}

static inline void build_conv_backward_weights(kase *k) {
    sn_conv_backward_weights *p = &k->call.as.conv_backward_weights;
    p->size = conv_size(&k->size);
    p->g = make_grad(k, conv_rows(&p->size), p->size.co);
    p->x = make_view(k, IN, in_rows(&k->size), p->size.ci);
    p->dw = put(k, GRADS, conv_weights(&p->size), UPDATED, GRADIENT);
}

// So many windows that the last one begins inside.
static inline int pool_out(const shape *s, int size) {
    return (size + s->pad - 1) / s->stride + 1;
}

static inline sn_pool_size pool_size(const kase *k) { // variant: the kind; 2 more: windows reach beyond the end
    const shape *s = &k->size;
    bool beyond = k->o.variant / 2;
    return (sn_pool_size){.n = s->n,
                          .h = s->h,
                          .w = s->w,
                          .c = s->ci,
                          .kernel = s->k,
                          .stride = s->stride,
                          .pad = s->pad,
                          .kind = (sn_pool_kind)(k->o.variant % 2),
                          .ho = beyond ? pool_out(s, s->h) : out_size(s->h, s->k, s->stride, s->pad, 1),
                          .wo = beyond ? pool_out(s, s->w) : out_size(s->w, s->k, s->stride, s->pad, 1)};
}

static inline void build_pool_forward(kase *k) {
    sn_pool_forward *p = &k->call.as.pool_forward;
    p->size = pool_size(k);
    int64_t rows = (int64_t)p->size.n * p->size.ho * p->size.wo;
    p->x = make_view(k, IN, in_rows(&k->size), p->size.c);
    p->y = put_tensor(k, OUT, DATA, rows, p->size.c);
    p->stat = make_stat(k, p->y, rows, p->size.c);
}

static inline void build_pool_backward(kase *k) {
    sn_pool_backward *p = &k->call.as.pool_backward;
    p->size = pool_size(k);
    if (p->size.kind == SN_POOL_MAX) keep_order(k);
    p->g = make_grad(k, (int64_t)p->size.n * p->size.ho * p->size.wo, p->size.c);
    p->into = make_into(k, in_rows(&k->size), p->size.c, p->size.kind == SN_POOL_MAX);
}

static inline void build_mean_forward(kase *k) {
    sn_mean_forward *p = &k->call.as.mean_forward;
    p->n = k->size.n, p->pixels = k->size.h * k->size.w, p->c = k->size.ci;
    p->x = make_view(k, IN, in_rows(&k->size), p->c);
    p->y = put_tensor(k, OUT, DATA, p->n, p->c);
    p->stat = make_stat(k, p->y, p->n, p->c);
}

static inline void build_mean_backward(kase *k) {
    sn_mean_backward *p = &k->call.as.mean_backward;
    p->n = k->size.n, p->pixels = k->size.h * k->size.w, p->c = k->size.ci;
    p->g = make_grad(k, p->n, p->c);
    p->into = make_into(k, in_rows(&k->size), p->c, false);
}

static const double gates[SN_SUM_INPUTS] = {-2, 0, 3, 1};

// variant: inputs - 1, whose views differ, and after the last of these none; then the same with gates
static inline void build_sum_forward(kase *k) {
    sn_sum_forward *p = &k->call.as.sum_forward;
    options first = k->o;
    p->rows = in_rows(&k->size), p->c = k->size.ci, p->inputs = (k->o.variant + 1) % (SN_SUM_INPUTS + 1);
    p->gated = k->o.variant > SN_SUM_INPUTS;
    memcpy(p->gate, gates, sizeof gates);
    for (int i = 0; i < p->inputs; i++) {
        p->x[i] = make_view(k, IN, p->rows, p->c);
        k->o.view = (first.view + i + 1) % 3, k->o.act = (first.act + 2 * i + 1) % SN_ACTS;
    }
    k->o = first;
    p->y = put_tensor(k, OUT, DATA, p->rows, p->c);
    p->stat = make_stat(k, p->y, p->rows, p->c);
}

static inline void build_sum_backward(kase *k) { // variant: a gate
    sn_sum_backward *p = &k->call.as.sum_backward;
    p->gated = k->o.variant, p->gate = -2;
    if (k->o.no_dy) k->o.act = SN_LINEAR, k->o.add = 0, k->o.sums = k->o.sums ? k->o.sums : 1;
    p->rows = in_rows(&k->size), p->c = k->size.ci;
    p->g = make_grad(k, p->rows, p->c);
    p->into = make_into(k, p->rows, p->c, false);
}

static inline void build_gate_backward(kase *k) {
    sn_gate_backward *p = &k->call.as.gate_backward;
    p->rows = in_rows(&k->size), p->c = k->size.ci;
    p->g = make_grad(k, p->rows, p->c);
    p->x = make_view(k, IN, p->rows, p->c);
    p->dgate = put_result(k, 1, OUT, NULL);
}

static inline void build_scale_forward(kase *k) {
    sn_scale_forward *p = &k->call.as.scale_forward;
    p->n = k->size.n, p->pixels = k->size.h * k->size.w, p->c = k->size.ci;
    p->x = make_view(k, IN, in_rows(&k->size), p->c);
    p->gain = make_other_view(k, p->n, p->c);
    p->y = put_tensor(k, OUT, DATA, in_rows(&k->size), p->c);
    p->stat = make_stat(k, p->y, in_rows(&k->size), p->c);
}

static inline void build_scale_backward(kase *k) {
    sn_scale_backward *p = &k->call.as.scale_backward;
    p->n = k->size.n, p->pixels = k->size.h * k->size.w, p->c = k->size.ci;
    p->g = make_grad(k, in_rows(&k->size), p->c);
    p->gain = make_other_view(k, p->n, p->c);
    p->into = make_into(k, in_rows(&k->size), p->c, false);
}

static inline void build_scale_backward_gain(kase *k) {
    sn_scale_backward_gain *p = &k->call.as.scale_backward_gain;
    p->n = k->size.n, p->pixels = k->size.h * k->size.w, p->c = k->size.ci;
    p->g = make_grad(k, in_rows(&k->size), p->c);
    p->x = make_other_view(k, in_rows(&k->size), p->c);
    p->into = make_into(k, p->n, p->c, false);
}

// Of a shape: k is the first channel, pad the shift, dilation the count; y's channels are the last of co.
static inline sn_place_size place_size(const shape *s) {
    return (sn_place_size){s->n,
                           s->h,
                           s->w,
                           s->ci,
                           (s->h + s->stride - 1) / s->stride,
                           (s->w + s->stride - 1) / s->stride,
                           s->co,
                           s->stride,
                           s->pad,
                           s->k,
                           s->groups,
                           s->dilation};
}
static inline int64_t place_rows(const sn_place_size *s) {
    return (int64_t)s->n * s->ho * s->wo;
}

static inline void build_place_forward(kase *k) { // variant: no input
    sn_place_forward *p = &k->call.as.place_forward;
    p->size = place_size(&k->size);
    p->x = (sn_view){SN_NONE, SN_NONE, SN_NONE, SN_NONE, SN_LINEAR};
    if (!k->o.variant) p->x = make_view(k, IN, in_rows(&k->size), p->size.c);
    int64_t rows = place_rows(&p->size);
    p->y = put_tensor(k, UPDATED, DATA, rows, p->size.co) + p->size.co - p->size.count;
    p->stat = make_stat(k, p->y, rows, p->size.count);
    k->stat.ld = p->size.co;
}

static inline void build_place_backward(kase *k) {
    sn_place_backward *p = &k->call.as.place_backward;
    p->size = place_size(&k->size);
    p->g = make_grad(k, place_rows(&p->size), p->size.co);
    sn_off at = p->size.co - p->size.count;
    p->g.dy += at;
    if (p->g.a != SN_NONE) p->g.x += at, p->g.mean += at, p->g.a += at, p->g.b += at, p->g.c += at;
    p->into = make_into(k, in_rows(&k->size), p->size.c, false);
}

// variant: mode*4 + (mean kept where the statistics have it, or no gamma, beta, inv) + momentum or none; then the same with a
// gate
static inline void build_bn_forward(kase *k) {
    sn_bn_forward *p = &k->call.as.bn_forward;
    int c = k->size.ci;
    *p = (sn_bn_forward){.c = c, .rows = in_rows(&k->size), .mode = (sn_bn_mode)(k->o.variant / 4 % 3), .eps = 1e-5};
    p->gated = k->o.variant / 12, p->gate = -2;
    bool lean = k->o.variant & 1;
    p->momentum = k->o.variant & 2 && p->mode == SN_BN_BATCH ? 0.1 : 0;
    p->stat = (sn_stat){SN_NONE, SN_NONE};
    p->gamma = p->beta = p->running_mean = p->running_var = p->inv = SN_NONE;
    p->mean = SN_NONE;
    if (p->mode == SN_BN_BATCH) {
        p->stat.mean = put(k, ARENA, c, lean ? UPDATED : IN, MEAN);
        p->stat.m2 = put(k, ARENA, c, IN, POSITIVE);
        if (lean) p->mean = p->stat.mean;
    }
    if (p->mode == SN_BN_RUNNING || p->momentum > 0) {
        role r = p->momentum > 0 ? UPDATED : IN;
        p->running_mean = put(k, STATS, c, r, MEAN);
        p->running_var = put(k, STATS, c, r, POSITIVE);
    }
    if (!lean && p->mode != SN_BN_BIAS) p->gamma = put(k, WEIGHTS, c, IN, SCALE);
    if (!lean || p->mode == SN_BN_BIAS) p->beta = put(k, WEIGHTS, c, IN, SHIFT);
    if (p->mean == SN_NONE) p->mean = put(k, ARENA, c, OUT, ZERO);
    p->scale = put(k, ARENA, c, OUT, ZERO);
    p->shift = put(k, ARENA, c, OUT, ZERO);
    if (!lean) p->inv = put(k, ARENA, c, OUT, ZERO);
}

static inline void build_bn_backward(kase *k) { // variant: mode*2 + without parameters; the last: a gate
    sn_bn_backward *p = &k->call.as.bn_backward;
    int c = k->size.ci;
    *p = (sn_bn_backward){.c = c, .rows = in_rows(&k->size), .mode = (sn_bn_mode)(k->o.variant / 2 % 3)};
    bool bias = p->mode == SN_BN_BIAS, lean = k->o.variant & 1;
    p->gated = k->o.variant / 6, p->gate = -2;
    p->dgate = p->gamma = p->beta = p->sum_dyx = p->scale = p->inv = p->dgamma = p->dbeta = p->a = p->b = p->cc = SN_NONE;
    p->sum_dy = put(k, ARENA, c, IN, GRADIENT);
    if (!bias) {
        p->sum_dyx = put(k, ARENA, c, IN, GRADIENT);
        p->scale = put(k, ARENA, c, IN, SCALE);
        p->inv = put(k, ARENA, c, IN, POSITIVE);
        p->a = put(k, ARENA, c, OUT, ZERO);
        p->b = put(k, ARENA, c, OUT, ZERO);
        p->cc = put(k, ARENA, c, OUT, ZERO);
        if (!lean) p->dgamma = put(k, GRADS, c, UPDATED, GRADIENT);
    }
    if (bias || !lean) p->dbeta = put(k, GRADS, c, UPDATED, GRADIENT);
    if (!p->gated || bias) return;
    p->dgate = put_result(k, 1, OUT, NULL);
    if (!lean) p->gamma = put(k, WEIGHTS, c, IN, SCALE), p->beta = put(k, WEIGHTS, c, IN, SHIFT);
}

static inline void build_loss(kase *k) { // variant: smoothing
    sn_loss *p = &k->call.as.loss;
    if (k->o.no_dy && k->o.sums) k->o.act = SN_LINEAR;
    if (k->o.no_dy) k->o.add = 0;
    keep_order(k);
    p->n = k->size.n, p->classes = k->size.ci, p->smoothing = 0.1 * k->o.variant, p->scale = 1.0 / p->n;
    p->into = make_into(k, p->n, p->classes, true);
    p->logits = p->into.view;
    p->loss = put(k, ARENA, p->n, OUT, ZERO);
    p->rank = put(k, ARENA, p->n, OUT, ZERO);
    k->n_labels = p->n;
    for (int i = 0; i < p->n; i++) k->labels[i] = integer(&k->seed, 0, p->classes - 1);
}

static inline void build_score(kase *k) { // variant: a loss that is not finite
    sn_score_call *p = &k->call.as.score;
    p->n = k->size.n * k->size.ci;
    p->loss = put(k, ARENA, p->n, IN, GRADIENT);
    p->rank = put(k, ARENA, p->n, IN, ZERO);
    double *rank = operand_at(k, ARENA, p->rank)->init;
    for (int i = 0; i < p->n; i++) rank[i] = integer(&k->seed, 0, 9);
    if (k->o.variant) operand_at(k, ARENA, p->loss)->init[integer(&k->seed, 0, p->n - 1)] = INFINITY;
    p->out = put_result(k, 4, OUT, NULL);
}

static inline int64_t all_elements(const kase *k) {
    return in_rows(&k->size) * k->size.ci;
}

// The elements as one row, or (variants from `whole` on) as rows of the channels with gaps as wide behind each but the last.
static inline sn_box box_for(kase *k, int whole) {
    int64_t n = all_elements(k), run = k->size.ci, rows = n / run;
    return k->o.variant < whole || rows < 2 ? (sn_box){0, n, 1, n} : (sn_box){0, run, rows / 2, 2 * run};
}

static inline int64_t box_reach(const sn_box *box) { // elements from the first to the last
    return (box->rows - 1) * box->stride + box->run;
}

static inline void build_fill(kase *k) { // variant: rows
    sn_box *box = &k->call.as.fill.box;
    *box = box_for(k, 1);
    box->offset = put(k, GRADS, box_reach(box), UPDATED, GRADIENT);
}

static inline void build_squares(kase *k) { // variant: rows
    sn_squares *p = &k->call.as.squares;
    p->box = box_for(k, 1);
    p->box.offset = put(k, GRADS, box_reach(&p->box), IN, GRADIENT);
    p->out = put(k, ARENA, 1, OUT, ZERO);
}

static inline void build_clip(kase *k) { // variant: 0 no clipping, 1 above, 2 below, 3 a gradient that is not finite
    sn_clip *p = &k->call.as.clip;
    p->n = k->size.n * k->size.ci;
    p->clip = (double[]){0, 0.125, 1000, 1}[k->o.variant];
    p->squares = put(k, ARENA, p->n, IN, POSITIVE);
    if (k->o.variant == 3) operand_at(k, ARENA, p->squares)->init[integer(&k->seed, 0, p->n - 1)] = INFINITY;
    p->out = put_result(k, 3, OUT, NULL);
}

static const double clipped[] = {1, 0.5, -1}, refused[] = {INFINITY, 0, 3}; // of CLIP

// The same offset in several buffers: each buffer gives its first cell.
static inline void build_sgd(kase *k) { // variant: bit 0 momentum, 1 Nesterov, 2 decay, 3 refused, 4 rows
    sn_sgd *p = &k->call.as.sgd;
    int v = k->o.variant;
    *p = (sn_sgd){.box = box_for(k, 16),
                  .lr = 0.1,
                  .momentum = v & 1 ? 0.9 : 0,
                  .decay = v & 4 ? 0.01 : 0,
                  .clip = put_result(k, 3, IN, v & 8 ? refused : clipped),
                  .nesterov = (v & 1) && (v & 2)};
    int64_t n = box_reach(&p->box);
    p->box.offset = put(k, WEIGHTS, n, UPDATED, WEIGHT);
    put(k, GRADS, n, IN, GRADIENT);
    if (v & 1) put(k, FIRST_SLOT, n, UPDATED, GRADIENT);
}

static inline void build_move(kase *k) { // variant: from, and then with rows
    sn_move *p = &k->call.as.move;
    *p = (sn_move){.box = box_for(k, 3), .from = (sn_move_from)(k->o.variant % 3), .coefficient = -0.5};
    int64_t n = box_reach(&p->box);
    p->box.offset = put(k, WEIGHTS, n, UPDATED, WEIGHT);
    if (p->from != SN_FROM_WEIGHTS) put(k, p->from == SN_FROM_GRADS ? GRADS : FIRST_SLOT, n, IN, GRADIENT);
}

static inline void build_adam(kase *k) { // variant: bit 0 decay, 1 a later update, 2 refused, 3 rows, 4 AdamW
    sn_adam *p = &k->call.as.adam;
    int v = k->o.variant;
    *p = (sn_adam){.box = box_for(k, 8),
                   .lr = 0.01,
                   .beta1 = 0.9,
                   .beta2 = 0.999,
                   .eps = 1e-8,
                   .decay = (v & 1) && !(v & 16) ? 0.01 : 0,
                   .keep = (v & 1) && (v & 16) ? 0.9 : 1,
                   .clip = put_result(k, 3, IN, v & 4 ? refused : clipped),
                   .t = v & 2 ? 7 : 1};
    int64_t n = box_reach(&p->box);
    p->box.offset = put(k, WEIGHTS, n, UPDATED, WEIGHT);
    put(k, GRADS, n, IN, GRADIENT);
    put(k, FIRST_SLOT, n, UPDATED, p->t == 1 ? ZERO : GRADIENT);
    put(k, SECOND_SLOT, n, UPDATED, p->t == 1 ? ZERO : POSITIVE);
}

// Of a shape: h and w are the piece's channels, dilation and groups the first of them, stride the side, pad the inner side.
static inline sn_gather gather_of(const shape *s) {
    return (sn_gather){s->pad, s->stride, s->dilation, s->h, s->groups, s->w, s->k, s->ci, s->co, 0, 0};
}
static inline int64_t piece_elements(const sn_gather *p) {
    return (int64_t)(p->side * p->side - p->inner * p->inner) * p->ins * p->outs;
}

static inline void build_gather(kase *k) {
    sn_gather *p = &k->call.as.gather;
    *p = gather_of(&k->size);
    p->piece = put(k, WEIGHTS, piece_elements(p), IN, WEIGHT);
    p->dense = put(k, WEIGHTS, (int64_t)p->kernel * p->kernel * p->ci * p->co, UPDATED, WEIGHT);
}

static inline void build_scatter(kase *k) {
    sn_gather *p = &k->call.as.scatter;
    *p = gather_of(&k->size);
    p->piece = put(k, GRADS, piece_elements(p), UPDATED, GRADIENT);
    p->dense = put(k, GRADS, (int64_t)p->kernel * p->kernel * p->ci * p->co, IN, GRADIENT);
}

// Of a shape: stride is the side of x, k that of y.
static inline sn_transform transform_of(const shape *s) {
    return (sn_transform){s->stride, s->k, (int64_t)s->ci * s->co, 0, 0, 0};
}

static inline void build_transform_forward(kase *k) {
    sn_transform *p = &k->call.as.transform_forward;
    *p = transform_of(&k->size);
    int64_t taps = p->side * p->side;
    p->m = put(k, WEIGHTS, taps * taps, IN, WEIGHT);
    p->x = put(k, WEIGHTS, p->from * p->from * p->columns, IN, WEIGHT);
    p->y = put(k, WEIGHTS, taps * p->columns, OUT, WEIGHT);
}

static inline void build_transform_backward(kase *k) {
    sn_transform *p = &k->call.as.transform_backward;
    *p = transform_of(&k->size);
    int64_t taps = p->side * p->side;
    p->m = put(k, WEIGHTS, taps * taps, IN, WEIGHT);
    p->x = put(k, WEIGHTS, p->from * p->from * p->columns, IN, WEIGHT);
    put(k, GRADS, taps * taps, UPDATED, GRADIENT);
    put(k, GRADS, p->from * p->from * p->columns, UPDATED, GRADIENT);
    p->y = put(k, GRADS, taps * p->columns, IN, GRADIENT);
}

// --- the registry of cases
//                                 n  h  w  ci   co k  s  p  d  g
static const shape conv_shapes[] = {
    {1, 1, 1, 1, 1, 1, 1, 0, 1, 1},
    {2, 3, 2, 3, 5, 1, 1, 0, 1, 1},
    {1, 4, 5, 2, 4, 3, 2, 1, 1, 2},
    {1, 3, 3, 3, 3, 3, 1, 1, 1, 3}, // these four with every combination of options
    {3, 9, 9, 3, 16, 3, 1, 1, 1, 1},
    {1, 8, 8, 16, 16, 1, 1, 0, 1, 1},
    {2, 7, 5, 17, 33, 1, 1, 0, 1, 1},
    {2, 6, 6, 33, 17, 1, 2, 0, 1, 1},
    {3, 5, 5, 40, 32, 1, 1, 0, 1, 1},
    {1, 9, 9, 32, 192, 1, 1, 0, 1, 1},
    {1, 7, 7, 192, 32, 1, 1, 0, 1, 1},
    {5, 1, 1, 192, 10, 1, 1, 0, 1, 1},
    {1, 5, 7, 16, 17, 3, 1, 1, 1, 1},
    {2, 6, 5, 5, 40, 3, 2, 1, 1, 1},
    {1, 8, 8, 17, 16, 3, 1, 2, 2, 1},
    {1, 7, 6, 3, 16, 5, 1, 2, 1, 1},
    {1, 9, 9, 3, 33, 7, 2, 3, 1, 1},
    {1, 4, 4, 16, 5, 3, 1, 0, 1, 1},
    {1, 2, 2, 3, 16, 3, 1, 1, 1, 1},
    {2, 5, 5, 32, 32, 3, 1, 1, 1, 2},
    {1, 6, 6, 6, 34, 3, 2, 1, 1, 2},
    {2, 4, 4, 34, 10, 1, 1, 0, 1, 2},
    {2, 9, 9, 16, 16, 3, 1, 1, 1, 16},
    {1, 9, 8, 17, 17, 3, 2, 1, 1, 17},
    {1, 9, 9, 33, 33, 5, 1, 2, 1, 33},
    {2, 8, 9, 40, 40, 5, 2, 2, 1, 40},
    {1, 7, 7, 192, 192, 3, 1, 1, 1, 192},
    {2, 4, 4, 192, 192, 5, 1, 2, 1, 192},
    {1, 9, 9, 16, 16, 3, 1, 2, 2, 16},
    {1, 9, 9, 32, 32, 5, 1, 4, 2, 32},
    {1, 9, 7, 17, 17, 5, 2, 4, 2, 17},
    {2, 1, 1, 32, 32, 5, 1, 2, 1, 32},
    {1, 2, 3, 32, 32, 7, 1, 3, 1, 32},
    {1, 1, 9, 5, 5, 3, 1, 1, 1, 5},
    {1, 8, 8, 3, 3, 7, 2, 3, 1, 3},
    {4, 2, 2, 16, 16, 3, 2, 1, 1, 16},
    {1, 7, 7, 8, 16, 3, 1, 1, 1, 8},
    {3, 20, 20, 40, 40, 3, 1, 1, 1, 40},
    {4, 17, 19, 48, 48, 5, 2, 2, 1, 48},
    {3, 19, 18, 16, 64, 1, 1, 0, 1, 1},
    {3, 18, 17, 80, 24, 1, 1, 0, 1, 1},
    {3, 18, 19, 8, 24, 3, 1, 1, 1, 1},
    {33, 4, 4, 48, 20, 1, 1, 0, 1, 1},
    // groups of few channels: as many read as written; blocks of groups that are not full; several tiles and bands
    {2, 7, 6, 32, 32, 3, 1, 1, 1, 8},
    {1, 9, 8, 32, 32, 3, 2, 1, 1, 8},
    {1, 6, 7, 32, 32, 5, 1, 2, 1, 4},
    {1, 9, 9, 16, 16, 7, 2, 3, 1, 2},
    {2, 5, 5, 34, 34, 3, 1, 1, 1, 17},
    {1, 6, 5, 21, 21, 3, 1, 1, 1, 7},
    {1, 5, 6, 25, 25, 3, 2, 1, 1, 5},
    {1, 5, 5, 18, 18, 5, 1, 2, 1, 3},
    {2, 4, 5, 49, 49, 3, 1, 2, 2, 7},
    {5, 24, 20, 8, 8, 3, 1, 1, 1, 2},
    {2, 5, 5, 20, 20, 1, 1, 0, 1, 5},
    {1, 6, 6, 24, 24, 1, 2, 0, 1, 3},
    {1, 3, 3, 8, 8, 1, 1, 1, 1, 2},
    {1, 9, 9, 12, 12, 3, 2, 4, 3, 3},
    {1, 17, 17, 3, 3, 17, 1, 8, 1, 3},
    // more written than read, and fewer
    {1, 6, 6, 16, 32, 3, 1, 1, 1, 4},
    {1, 6, 6, 32, 16, 3, 2, 1, 1, 4},
    {1, 5, 7, 7, 28, 3, 1, 1, 1, 7},
    {1, 5, 7, 28, 7, 3, 1, 1, 1, 7},
    {1, 5, 5, 30, 15, 3, 1, 1, 1, 5},
    {1, 5, 5, 10, 30, 3, 1, 1, 1, 5},
    {1, 5, 6, 15, 25, 3, 1, 1, 1, 5},
    {1, 5, 6, 25, 15, 3, 2, 1, 1, 5},
    {1, 4, 5, 12, 8, 5, 1, 2, 1, 2},
    // groups of more channels
    {1, 5, 5, 27, 27, 3, 1, 1, 1, 3},
    {1, 6, 5, 24, 24, 3, 2, 1, 1, 2},
    {1, 5, 5, 60, 60, 3, 1, 1, 1, 3},
    {1, 6, 6, 64, 16, 3, 1, 1, 1, 4},
    {1, 5, 5, 15, 85, 3, 1, 1, 1, 5},
    {1, 4, 4, 48, 48, 3, 1, 2, 2, 3},
    {1, 4, 5, 40, 18, 3, 1, 1, 1, 2},
    {2, 13, 16, 32, 32, 3, 1, 1, 1, 2},
    {1, 4, 4, 84, 84, 1, 1, 0, 1, 7},
};
static const shape pool_shapes[] = {
    {1, 1, 1, 1, 0, 1, 1, 0, 1, 1},  {2, 3, 2, 3, 0, 2, 1, 0, 1, 1},    {1, 4, 5, 5, 0, 3, 2, 1, 1, 1},
    {1, 8, 8, 16, 0, 2, 2, 0, 1, 1}, {3, 9, 9, 17, 0, 3, 1, 1, 1, 1},   {1, 9, 7, 32, 0, 3, 2, 1, 1, 1},
    {2, 6, 6, 33, 0, 5, 1, 2, 1, 1}, {1, 7, 9, 40, 0, 7, 2, 3, 1, 1},   {2, 5, 5, 192, 0, 3, 2, 0, 1, 1},
    {1, 2, 2, 16, 0, 3, 1, 1, 1, 1}, {3, 20, 19, 24, 0, 3, 1, 1, 1, 1}, {1, 8, 8, 48, 0, 4, 4, 0, 1, 1},
};
static const shape flat_shapes[] = {
    {1, 1, 1, 1, 0, 0, 0, 0, 0, 0},   {2, 2, 2, 3, 0, 0, 0, 0, 0, 0},    {1, 4, 4, 16, 0, 0, 0, 0, 0, 0},
    {3, 1, 1, 5, 0, 0, 0, 0, 0, 0},   {2, 3, 5, 17, 0, 0, 0, 0, 0, 0},   {1, 7, 7, 32, 0, 0, 0, 0, 0, 0},
    {5, 8, 8, 33, 0, 0, 0, 0, 0, 0},  {4, 5, 3, 40, 0, 0, 0, 0, 0, 0},   {6, 2, 1, 192, 0, 0, 0, 0, 0, 0},
    {64, 1, 1, 10, 0, 0, 0, 0, 0, 0}, {3, 25, 40, 20, 0, 0, 0, 0, 0, 0}, {33, 4, 4, 100, 0, 0, 0, 0, 0, 0},
};

//                                  n  h  w  c  co first stride shift count groups
static const shape place_shapes[] = {
    {1, 1, 1, 1, 1, 0, 1, 0, 1, 1},       {2, 2, 2, 3, 5, 0, 1, 0, 3, 1},      {1, 4, 5, 6, 4, 1, 1, 0, 3, 2},
    {1, 5, 4, 2, 3, 0, 2, 1, 2, 1},       {2, 3, 5, 17, 40, 0, 1, 0, 17, 1},   {1, 7, 7, 32, 64, 0, 1, 0, 32, 1},
    {5, 8, 8, 33, 33, 0, 1, 0, 33, 1},    {3, 25, 40, 20, 36, 0, 1, 0, 20, 1}, {1, 7, 9, 40, 20, 20, 1, 0, 20, 20},
    {2, 6, 6, 24, 24, 0, 1, 0, 24, 4},    {4, 9, 9, 16, 48, 0, 2, 1, 16, 1},   {2, 8, 8, 48, 20, 3, 2, 0, 17, 1},
    {1, 6, 6, 192, 192, 0, 1, 0, 192, 1}, {1, 7, 5, 12, 6, 3, 3, 1, 5, 3},     {6, 17, 16, 36, 40, 18, 2, 1, 18, 2},
};

//                                 n ins outs ci co kernel side inner in out
static const shape gather_shapes[] = {
    {1, 1, 1, 1, 1, 1, 1, 0, 0, 0},     {1, 1, 16, 1, 16, 3, 3, 0, 0, 0}, {1, 1, 17, 1, 40, 5, 5, 3, 0, 23},
    {1, 1, 8, 1, 33, 7, 5, 3, 0, 8},    {1, 1, 20, 1, 20, 7, 3, 0, 0, 0}, {1, 5, 16, 17, 33, 1, 1, 0, 12, 16},
    {1, 17, 3, 17, 33, 1, 1, 0, 0, 30}, {1, 2, 5, 6, 10, 5, 3, 1, 3, 4},  {1, 24, 7, 40, 24, 3, 3, 1, 16, 17},
    {1, 1, 96, 1, 192, 7, 7, 5, 0, 96}, {1, 3, 4, 3, 4, 11, 11, 3, 0, 0},
};
//                                    n  h  w ci co side from
static const shape transform_shapes[] = {
    {1, 1, 1, 1, 1, 1, 3, 0, 0, 0},  {1, 1, 1, 1, 16, 3, 3, 0, 0, 0}, {1, 1, 1, 1, 17, 3, 5, 0, 0, 0},
    {1, 1, 1, 1, 40, 5, 5, 0, 0, 0}, {1, 1, 1, 3, 5, 5, 7, 0, 0, 0},  {1, 1, 1, 6, 32, 3, 7, 0, 0, 0},
};

typedef struct {
    const char *name;
    const shape *shapes;
    int n_shapes;
    unsigned uses; // VIEW | STAT | ...
    int variants;
    void (*build)(kase *);
} kernel_cases;

#define SHAPES(list) list, (int)(sizeof list / sizeof *list)
#define USES_conv_forward SHAPES(conv_shapes), DRAWN | VIEW | STAT, 1
#define USES_conv_backward_data SHAPES(conv_shapes), DRAWN | VIEW | GRAD | INTO, 1
#define USES_conv_backward_weights SHAPES(conv_shapes), DRAWN | VIEW | GRAD, 1
#define USES_pool_forward SHAPES(pool_shapes), VIEW | STAT, 4
#define USES_pool_backward SHAPES(pool_shapes), VIEW | GRAD | INTO, 4
#define USES_mean_forward SHAPES(flat_shapes), VIEW | STAT, 1
#define USES_mean_backward SHAPES(flat_shapes), VIEW | GRAD | INTO, 1
#define USES_sum_forward SHAPES(flat_shapes), VIEW | STAT, 2 * (SN_SUM_INPUTS + 1)
#define USES_sum_backward SHAPES(flat_shapes), VIEW | GRAD | INTO | NO_DY, 2
#define USES_scale_forward SHAPES(flat_shapes), VIEW | STAT, 1
#define USES_scale_backward SHAPES(flat_shapes), VIEW | GRAD | INTO, 1
#define USES_scale_backward_gain SHAPES(flat_shapes), VIEW | GRAD | INTO, 1
#define USES_place_forward SHAPES(place_shapes), VIEW | STAT, 2
#define USES_place_backward SHAPES(place_shapes), VIEW | GRAD | INTO, 1
#define USES_gate_backward SHAPES(flat_shapes), VIEW | GRAD, 1
#define USES_bn_forward SHAPES(flat_shapes), 0, 24
#define USES_bn_backward SHAPES(flat_shapes), 0, 12
#define USES_loss SHAPES(flat_shapes), VIEW | INTO | NO_DY, 2
#define USES_gather SHAPES(gather_shapes), 0, 1
#define USES_scatter SHAPES(gather_shapes), 0, 1
#define USES_transform_forward SHAPES(transform_shapes), 0, 1
#define USES_transform_backward SHAPES(transform_shapes), 0, 1
#define USES_score SHAPES(flat_shapes), 0, 2
#define USES_fill SHAPES(flat_shapes), 0, 2
#define USES_squares SHAPES(flat_shapes), 0, 2
#define USES_clip SHAPES(flat_shapes), 0, 4
#define USES_sgd SHAPES(flat_shapes), 0, 32
#define USES_adam SHAPES(flat_shapes), 0, 32
#define USES_move SHAPES(flat_shapes), 0, 6

static const kernel_cases all_cases[SN_KERNELS] = {
#define X(ENUM, name, record) [SN_##ENUM] = {#name, USES_##name, build_##name},
#include "kernels/kernels.def"
#undef X
};

// Sizes by lot, of at most 300,000 multiplications.
static inline shape drawn_shape(uint64_t seed) {
    static const int channels[] = {1, 3, 5, 8, 16, 17, 32, 33, 40, 48, 192}, kernels[] = {1, 1, 3, 3, 5, 7};
    for (;;) {
        shape s = {.n = integer(&seed, 1, 3), .h = integer(&seed, 1, 9), .w = integer(&seed, 1, 9), .groups = 1};
        s.ci = channels[integer(&seed, 0, 10)], s.co = channels[integer(&seed, 0, 10)], s.k = kernels[integer(&seed, 0, 5)];
        s.stride = integer(&seed, 1, 2), s.dilation = s.k > 1 ? integer(&seed, 1, 2) : 1;
        s.pad = integer(&seed, 0, 3) ? (s.k - 1) / 2 * s.dilation : integer(&seed, 0, 1);
        int group_kind = integer(&seed, 0, 4);
        if (group_kind >= 3) s.groups = s.ci, s.co = s.ci;
        if (group_kind == 2) {
            static const int groups[] = {2, 3, 4, 5, 7, 8, 16, 32};
            s.groups = groups[integer(&seed, 0, 7)];
            s.ci = s.groups * integer(&seed, 1, 20), s.co = integer(&seed, 0, 1) ? s.ci : s.groups * integer(&seed, 1, 20);
        }
        int ho = out_size(s.h, s.k, s.stride, s.pad, s.dilation), wo = out_size(s.w, s.k, s.stride, s.pad, s.dilation);
        if (s.h + 2 * s.pad <= (s.k - 1) * s.dilation || s.w + 2 * s.pad <= (s.k - 1) * s.dilation) continue;
        if ((double)s.n * ho * wo * s.k * s.k * (s.ci / s.groups) * s.co <= 300000) return s;
    }
}

enum { DRAWN_SHAPES = 80 };
static inline int n_shapes_of(const kernel_cases *c) {
    return c->n_shapes + (c->uses & DRAWN ? DRAWN_SHAPES : 0);
}
static inline shape shape_of(const kernel_cases *c, int i) {
    return i < c->n_shapes ? c->shapes[i] : drawn_shape((uint64_t)(i - c->n_shapes));
}

// Takes a digit of the given base off the index.
static inline int digit(int *index, int base) {
    int d = *index % base;
    *index /= base;
    return d;
}

static inline options decode(const kernel_cases *cases, int index) {
    options o = {0};
    o.variant = digit(&index, cases->variants);
    if (cases->uses & STAT) o.stat = digit(&index, 2);
    if (cases->uses & GRAD) o.affine = digit(&index, 2);
    if (cases->uses & VIEW) o.act = digit(&index, SN_ACTS), o.view = digit(&index, 3);
    if (cases->uses & INTO) o.add = digit(&index, 3), o.sums = digit(&index, 3);
    if (cases->uses & NO_DY) o.no_dy = digit(&index, 2);
    return o;
}

static inline int n_options(const kernel_cases *cases) {
    return cases->variants * (cases->uses & STAT ? 2 : 1) * (cases->uses & GRAD ? 2 : 1) *
           (cases->uses & VIEW ? 3 * SN_ACTS : 1) * (cases->uses & INTO ? 9 : 1) * (cases->uses & NO_DY ? 2 : 1);
}

static inline void case_make(kase *k, sn_kernel kernel, const shape *size, options o, mode m) {
    static const char *const views[] = {"none", "BN", "bias"}, *const modes[] = {"random", "integer", "far", "constant"};
    bump_used = 0;
    memset(k, 0, sizeof *k);
    k->call.kernel = kernel, k->call.work = SN_NONE;
    k->size = *size, k->o = o, k->mode = m;
    k->seed = (uint64_t)kernel << 40 ^ (uint64_t)(in_rows(size) * 1000 + size->ci * 10 + size->k) << 8 ^ (uint64_t)m;
    snprintf(k->text, sizeof k->text,
             "%s n %d %dx%d c %d->%d k %d s %d p %d d %d g %d, view %s act %d stat %d affine %d add %d sums %d%s variant %d, %s",
             all_cases[kernel].name, size->n, size->h, size->w, size->ci, size->co, size->k, size->stride, size->pad,
             size->dilation, size->groups, views[o.view], o.act, o.stat, o.affine, o.add, o.sums, o.no_dy ? " no dy" : "",
             o.variant, modes[m]);
    all_cases[kernel].build(k);
}

#endif
