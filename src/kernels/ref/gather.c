// Kernels made of parts of parameters: copies between a piece and its place in a dense kernel, and a smaller kernel as a matrix
// times the centre of a larger one. They are small beside what a convolution does with them. Not here: which pieces there are
// (space/params.h). Next: conv.c.
#include "kernels/ref/ref.h"

// The place in the dense kernel of the next row of the piece, of `outs` elements; false after the last.
typedef struct {
    int tap, in; // of the dense kernel's side; of the piece
} row;

static bool in_ring(const sn_gather *p, int tap) {
    int y = tap / p->kernel, x = tap % p->kernel, out = (p->kernel - p->side) / 2, in = (p->kernel - p->inner) / 2;
    bool outer = y >= out && y < out + p->side && x >= out && x < out + p->side;
    return outer && !(y >= in && y < in + p->inner && x >= in && x < in + p->inner);
}

static bool next_row(const sn_gather *p, row *r) {
    if (r->tap >= 0 && ++r->in < p->ins) return true;
    r->in = 0;
    do r->tap++;
    while (r->tap < p->kernel * p->kernel && !in_ring(p, r->tap));
    return r->tap < p->kernel * p->kernel;
}

static int64_t dense_at(const sn_gather *p, const row *r) {
    return p->dense + ((int64_t)r->tap * p->ci + p->in + r->in) * p->co + p->out;
}

// weights[dense] overwritten where the piece is.
void REF(gather)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile, (void)scratch;
    const sn_gather *p = &call->as.gather;
    real *w = b->weights, *from = w + p->piece;
    for (row r = {-1, 0}; next_row(p, &r); from += p->outs) memcpy(w + dense_at(p, &r), from, (size_t)p->outs * sizeof *w);
}

size_t REF(gather_scratch)(const sn_call *call) {
    return (void)call, 0;
}

// grads[piece] accumulated.
void REF(scatter)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile, (void)scratch;
    const sn_gather *p = &call->as.scatter;
    real *g = b->grads, *to = g + p->piece;
    for (row r = {-1, 0}; next_row(p, &r); to += p->outs) {
        const real *from = g + dense_at(p, &r);
        for (int o = 0; o < p->outs; o++) to[o] += from[o];
    }
}

size_t REF(scatter_scratch)(const sn_call *call) {
    return (void)call, 0;
}

// Where tap s of the centre lies in x.
static int64_t centre(const sn_transform *p, int s) {
    int edge = (p->from - p->side) / 2;
    return ((int64_t)(s / p->side + edge) * p->from + s % p->side + edge) * p->columns;
}

// weights[y] overwritten.
void REF(transform_forward)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile;
    const sn_transform *p = &call->as.transform_forward;
    const real *w = b->weights, *m = w + p->m;
    double *sum = scratch;
    int taps = p->side * p->side;
    for (int t = 0; t < taps; t++) {
        for (int64_t j = 0; j < p->columns; j++) sum[j] = 0;
        for (int s = 0; s < taps; s++) {
            const real *x = w + p->x + centre(p, s);
            for (int64_t j = 0; j < p->columns; j++) sum[j] += (double)m[s * taps + t] * (double)x[j];
        }
        real *y = (real *)b->weights + p->y + t * p->columns;
        for (int64_t j = 0; j < p->columns; j++) y[j] = (real)sum[j];
    }
}

size_t REF(transform_forward_scratch)(const sn_call *call) {
    return (size_t)call->as.transform_forward.columns * sizeof(double);
}

// grads[m] and the centre of grads[x] accumulated.
void REF(transform_backward)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)tile;
    const sn_transform *p = &call->as.transform_backward;
    const real *m = (const real *)b->weights + p->m, *dy = (const real *)b->grads + p->y;
    double *sum = scratch;
    int taps = p->side * p->side;
    for (int s = 0; s < taps; s++) {
        const real *x = (const real *)b->weights + p->x + centre(p, s);
        real *dx = (real *)b->grads + p->x + centre(p, s), *dm = (real *)b->grads + p->m + s * taps;
        for (int64_t j = 0; j < p->columns; j++) sum[j] = 0;
        for (int t = 0; t < taps; t++) {
            const real *from = dy + t * p->columns;
            double product = 0;
            for (int64_t j = 0; j < p->columns; j++) {
                product += (double)x[j] * (double)from[j];
                sum[j] += (double)m[s * taps + t] * (double)from[j];
            }
            dm[t] = (real)(dm[t] + product);
        }
        for (int64_t j = 0; j < p->columns; j++) dx[j] = (real)(dx[j] + sum[j]);
    }
}

size_t REF(transform_backward_scratch)(const sn_call *call) {
    return (size_t)call->as.transform_backward.columns * sizeof(double);
}
