// Convolution: forward, gradient of the input, gradient of the weights. Any kernel, stride, padding, dilation, groups.
// Not here: BN and bias, which are views (ref.h).
// Next: pool.c.
#include "kernels/ref/ref.h"

typedef struct { // the part of x and y that one group of channels touches
    int ci, co;  // channels in one group
} group_size;

static group_size group_of(const sn_conv_size *s) {
    return (group_size){s->ci / s->groups, s->co / s->groups};
}

// Input coordinate that output coordinate o reads at tap k; outside the image when not in 0..size-1.
static int source(const sn_conv_size *s, int o, int k) {
    return o * s->stride - s->pad + k * s->dilation;
}

// Output coordinate that reads input coordinate i at tap k, or -1.
static int target(const sn_conv_size *s, int i, int k, int outputs) {
    int o = i + s->pad - k * s->dilation;
    return o >= 0 && o % s->stride == 0 && o / s->stride < outputs ? o / s->stride : -1;
}

// acc[co] += sum over the ci of co's group of x[ci]*w[ci][co], for one pixel and one tap
static void forward_tap(const sn_bases *b, const sn_conv_forward *p, int64_t in_row, int tap, double *acc) {
    const real *arena = b->arena, *weights = b->weights;
    group_size g = group_of(&p->size);
    for (int i = 0; i < p->size.ci; i++) {
        real x = ref_view(arena, &p->x, in_row * p->size.ci + i, i);
        int group = i / g.ci;
        const real *w = weights + p->w + ((int64_t)tap * g.ci + i % g.ci) * p->size.co;
        for (int o = group * g.co; o < (group + 1) * g.co; o++) acc[o] += (double)x * (double)w[o];
    }
}

// y overwritten, statistics overwritten.
void REF(conv_forward)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile;
    const sn_conv_forward *p = &call->as.conv_forward;
    const sn_conv_size *s = &p->size;
    real *arena = b->arena;
    double *acc = scratch; // co
    int64_t row = 0;
    for (int n = 0; n < s->n; n++)
        for (int ho = 0; ho < s->ho; ho++)
            for (int wo = 0; wo < s->wo; wo++, row++) {
                for (int o = 0; o < s->co; o++) acc[o] = 0;
                for (int kh = 0; kh < s->kernel; kh++)
                    for (int kw = 0; kw < s->kernel; kw++) {
                        int h = source(s, ho, kh), w = source(s, wo, kw);
                        if (h < 0 || h >= s->h || w < 0 || w >= s->w) continue;
                        forward_tap(b, p, ((int64_t)n * s->h + h) * s->w + w, kh * s->kernel + kw, acc);
                    }
                for (int o = 0; o < s->co; o++) arena[p->y + row * s->co + o] = (real)acc[o];
            }
    ref_statistics(arena, &p->stat, p->y, row, s->co);
}

size_t REF(conv_forward_scratch)(const sn_call *call) {
    return (size_t)call->as.conv_forward.size.co * sizeof(double);
}

// acc[ci] += sum over the co of ci's group of g[co]*w[ci][co], for one pixel and one tap
static void data_tap(const sn_bases *b, const sn_conv_backward_data *p, int64_t out_row, int tap, double *acc) {
    const real *arena = b->arena, *weights = b->weights;
    group_size g = group_of(&p->size);
    for (int o = 0; o < p->size.co; o++) {
        real dy = ref_grad(arena, &p->g, out_row * p->size.co + o, o);
        int group = o / g.co;
        const real *w = weights + p->w + (int64_t)tap * g.ci * p->size.co + o;
        for (int i = 0; i < g.ci; i++) acc[group * g.ci + i] += (double)dy * (double)w[(int64_t)i * p->size.co];
    }
}

// dy overwritten, sums overwritten (see sn_into).
void REF(conv_backward_data)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile;
    const sn_conv_backward_data *p = &call->as.conv_backward_data;
    const sn_conv_size *s = &p->size;
    double *acc = scratch; // ci
    ref_sums sums = ref_into_begin(b->arena, &p->into, s->ci, acc + s->ci);
    int64_t row = 0;
    for (int n = 0; n < s->n; n++)
        for (int h = 0; h < s->h; h++)
            for (int w = 0; w < s->w; w++, row++) {
                for (int i = 0; i < s->ci; i++) acc[i] = 0;
                for (int kh = 0; kh < s->kernel; kh++)
                    for (int kw = 0; kw < s->kernel; kw++) {
                        int ho = target(s, h, kh, s->ho), wo = target(s, w, kw, s->wo);
                        if (ho < 0 || wo < 0) continue;
                        data_tap(b, p, ((int64_t)n * s->ho + ho) * s->wo + wo, kh * s->kernel + kw, acc);
                    }
                for (int i = 0; i < s->ci; i++) ref_into_put(&sums, row, i, acc[i]);
            }
    ref_into_end(&sums);
}

size_t REF(conv_backward_data_scratch)(const sn_call *call) {
    return 3 * (size_t)call->as.conv_backward_data.size.ci * sizeof(double);
}

// acc[ci][co] += x[ci]*g[co] within each group, for one pixel
static void weights_pixel(const real *arena, const sn_conv_backward_weights *p, int64_t in_row, int64_t out_row, double *acc) {
    group_size g = group_of(&p->size);
    for (int o = 0; o < p->size.co; o++) {
        real dy = ref_grad(arena, &p->g, out_row * p->size.co + o, o);
        int first = o / g.co * g.ci;
        for (int i = 0; i < g.ci; i++) {
            real x = ref_view(arena, &p->x, in_row * p->size.ci + first + i, first + i);
            acc[(int64_t)i * p->size.co + o] += (double)x * (double)dy;
        }
    }
}

// dw accumulated (one addition per element, after the sum over pixels).
void REF(conv_backward_weights)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile;
    const sn_conv_backward_weights *p = &call->as.conv_backward_weights;
    const sn_conv_size *s = &p->size;
    int64_t elements = (int64_t)(s->ci / s->groups) * s->co; // of one tap
    double *acc = scratch;
    for (int kh = 0; kh < s->kernel; kh++)
        for (int kw = 0; kw < s->kernel; kw++) {
            for (int64_t i = 0; i < elements; i++) acc[i] = 0;
            for (int n = 0; n < s->n; n++)
                for (int ho = 0; ho < s->ho; ho++)
                    for (int wo = 0; wo < s->wo; wo++) {
                        int h = source(s, ho, kh), w = source(s, wo, kw);
                        if (h < 0 || h >= s->h || w < 0 || w >= s->w) continue;
                        weights_pixel(b->arena, p, ((int64_t)n * s->h + h) * s->w + w, ((int64_t)n * s->ho + ho) * s->wo + wo,
                                      acc);
                    }
            real *dw = (real *)b->grads + p->dw + (kh * s->kernel + kw) * elements;
            for (int64_t i = 0; i < elements; i++) dw[i] = (real)(dw[i] + acc[i]);
        }
}

size_t REF(conv_backward_weights_scratch)(const sn_call *call) {
    const sn_conv_size *s = &call->as.conv_backward_weights.size;
    return (size_t)(s->ci / s->groups) * (size_t)s->co * sizeof(double);
}
