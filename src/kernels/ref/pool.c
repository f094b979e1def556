// Pooling: maximum and average over windows, and the global mean; forward and backward.
// Not here: BN and activation of the input, which are views (ref.h).
// Next: sum.c.
#include "kernels/ref/ref.h"

typedef struct { // the pixels of a window that lie inside the image: h0 <= h < h1, w0 <= w < w1
    int h0, h1, w0, w1;
} window;

static int clamp(int x, int low, int high) {
    return x < low ? low : x > high ? high : x;
}

static window window_of(const sn_pool_size *s, int ho, int wo) {
    int h = ho * s->stride - s->pad, w = wo * s->stride - s->pad;
    return (window){clamp(h, 0, s->h), clamp(h + s->kernel, 0, s->h), clamp(w, 0, s->w), clamp(w + s->kernel, 0, s->w)};
}

static int pixels(window w) {
    return (w.h1 - w.h0) * (w.w1 - w.w0);
}

static int64_t in_row(const sn_pool_size *s, int n, int h, int w) {
    return ((int64_t)n * s->h + h) * s->w + w;
}

// Row of the first largest value of the view in the window.
static int64_t argmax(const real *arena, const sn_pool_size *s, const sn_view *x, int n, window w, int c) {
    int64_t best_row = in_row(s, n, w.h0, w.w0);
    real best = ref_view(arena, x, best_row * s->c + c, c);
    for (int h = w.h0; h < w.h1; h++)
        for (int v = w.w0; v < w.w1; v++) {
            int64_t row = in_row(s, n, h, v);
            real value = ref_view(arena, x, row * s->c + c, c);
            if (value > best) best = value, best_row = row;
        }
    return best_row;
}

static real pool_value(const real *arena, const sn_pool_forward *p, int n, window w, int c) {
    const sn_pool_size *s = &p->size;
    if (s->kind == SN_POOL_MAX) return ref_view(arena, &p->x, argmax(arena, s, &p->x, n, w, c) * s->c + c, c);
    double sum = 0;
    for (int h = w.h0; h < w.h1; h++)
        for (int v = w.w0; v < w.w1; v++) sum += ref_view(arena, &p->x, in_row(s, n, h, v) * s->c + c, c);
    return (real)(sum / pixels(w));
}

// y overwritten, statistics overwritten.
void REF(pool_forward)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile, (void)scratch;
    const sn_pool_forward *p = &call->as.pool_forward;
    const sn_pool_size *s = &p->size;
    real *arena = b->arena;
    int64_t row = 0;
    for (int n = 0; n < s->n; n++)
        for (int ho = 0; ho < s->ho; ho++)
            for (int wo = 0; wo < s->wo; wo++, row++)
                for (int c = 0; c < s->c; c++) arena[p->y + row * s->c + c] = pool_value(arena, p, n, window_of(s, ho, wo), c);
    ref_statistics(arena, &p->stat, p->y, row, s->c);
}

size_t REF(pool_forward_scratch)(const sn_call *call) {
    return (void)call, 0;
}

// The sum over the windows that hold input pixel (h, w) of what each passes to it.
static double pool_gradient(const real *arena, const sn_pool_backward *p, int n, int h, int w, int c) {
    const sn_pool_size *s = &p->size;
    double dz = 0;
    for (int ho = 0; ho < s->ho; ho++)
        for (int wo = 0; wo < s->wo; wo++) {
            window v = window_of(s, ho, wo);
            if (h < v.h0 || h >= v.h1 || w < v.w0 || w >= v.w1) continue;
            double g = ref_grad(arena, &p->g, (((int64_t)n * s->ho + ho) * s->wo + wo) * s->c + c, c);
            if (s->kind == SN_POOL_AVG)
                dz += g / pixels(v);
            else if (argmax(arena, s, &p->into.view, n, v, c) == in_row(s, n, h, w))
                dz += g;
        }
    return dz;
}

// dy overwritten, sums overwritten.
void REF(pool_backward)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile;
    const sn_pool_backward *p = &call->as.pool_backward;
    const sn_pool_size *s = &p->size;
    ref_sums sums = ref_into_begin(b->arena, &p->into, s->c, scratch);
    for (int n = 0; n < s->n; n++)
        for (int h = 0; h < s->h; h++)
            for (int w = 0; w < s->w; w++)
                for (int c = 0; c < s->c; c++) ref_into_put(&sums, in_row(s, n, h, w), c, pool_gradient(b->arena, p, n, h, w, c));
    ref_into_end(&sums);
}

size_t REF(pool_backward_scratch)(const sn_call *call) {
    return 2 * (size_t)call->as.pool_backward.size.c * sizeof(double);
}

// y overwritten, statistics overwritten.
void REF(mean_forward)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile, (void)scratch;
    const sn_mean_forward *p = &call->as.mean_forward;
    real *arena = b->arena;
    for (int n = 0; n < p->n; n++)
        for (int c = 0; c < p->c; c++) {
            double sum = 0;
            for (int i = 0; i < p->pixels; i++) sum += ref_view(arena, &p->x, ((int64_t)n * p->pixels + i) * p->c + c, c);
            arena[p->y + (int64_t)n * p->c + c] = (real)(sum / p->pixels);
        }
    ref_statistics(arena, &p->stat, p->y, p->n, p->c);
}

size_t REF(mean_forward_scratch)(const sn_call *call) {
    return (void)call, 0;
}

// dy overwritten, sums overwritten.
void REF(mean_backward)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile;
    const sn_mean_backward *p = &call->as.mean_backward;
    ref_sums sums = ref_into_begin(b->arena, &p->into, p->c, scratch);
    for (int64_t row = 0; row < (int64_t)p->n * p->pixels; row++)
        for (int c = 0; c < p->c; c++)
            ref_into_put(&sums, row, c, (double)ref_grad(b->arena, &p->g, row / p->pixels * p->c + c, c) / p->pixels);
    ref_into_end(&sums);
}

size_t REF(mean_backward_scratch)(const sn_call *call) {
    return 2 * (size_t)call->as.mean_backward.c * sizeof(double);
}
