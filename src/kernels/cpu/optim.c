// The optimiser's loops in tiles of elements: zeroing, sum of squares, SGD, Adam. Each element in double, as ref does it, so the
// bits are ref's. Not here: which parts are active and with which learning rate (supernet/engine/optim.h). Next: ref/optim.c for
// the plain form.
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/view.h"

enum { TILE = 16384 };

static int64_t tiles_of(const sn_box *box) {
    return ceil_div(box->run * box->rows, TILE);
}

// The elements of a tile, run by run; starts with next = end = the tile's first and last number within the box.
typedef struct {
    int64_t next, last; // numbers of elements, rows one after the other
    int64_t first, end; // of the buffer: the run at hand
} runs;

static runs runs_of(const sn_box *box, int64_t tile) {
    int64_t all = box->run * box->rows, last = (tile + 1) * TILE;
    return (runs){.next = tile * TILE, .last = last < all ? last : all};
}

static bool next_run(const sn_box *box, runs *r) {
    if (r->next >= r->last) return false;
    int64_t row = r->next / box->run, column = r->next % box->run, n = box->run - column;
    if (n > r->last - r->next) n = r->last - r->next;
    r->first = box->offset + row * box->stride + column;
    r->end = r->first + n;
    r->next += n;
    return true;
}

#define NEEDS_NOTHING(id)                                                                                                        \
    bool LANES(id##_supports)(const sn_call *call) {                                                                             \
        return (void)call, true;                                                                                                 \
    }                                                                                                                            \
    size_t LANES(id##_scratch)(const sn_call *call) {                                                                            \
        return (void)call, 0;                                                                                                    \
    }
#define NEEDS_NO_FINISH(id)                                                                                                      \
    int64_t LANES(id##_work)(const sn_call *call) {                                                                              \
        return (void)call, 0;                                                                                                    \
    }                                                                                                                            \
    void LANES(id##_finish)(const sn_bases *b, const sn_call *call) {                                                            \
        (void)b, (void)call;                                                                                                     \
    }

// --- grads overwritten
NEEDS_NOTHING(fill)
NEEDS_NO_FINISH(fill)
int64_t LANES(fill_tiles)(const sn_call *call) {
    return tiles_of(&call->as.fill.box);
}

void LANES(fill_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)scratch;
    const sn_box *box = &call->as.fill.box;
    for (runs r = runs_of(box, tile); next_run(box, &r);)
        memset((float *)b->grads + r.first, 0, (size_t)(r.end - r.first) * sizeof(float));
}

// --- arena[out] overwritten; the tiles' sums are doubles in the workspace
NEEDS_NOTHING(squares)
int64_t LANES(squares_tiles)(const sn_call *call) {
    return tiles_of(&call->as.squares.box);
}

int64_t LANES(squares_work)(const sn_call *call) {
    return 2 * tiles_of(&call->as.squares.box);
}

void LANES(squares_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)scratch;
    enum { CHAINS = 8 };
    const sn_box *box = &call->as.squares.box;
    const float *grads = b->grads;
    double sum[CHAINS] = {0};
    for (runs r = runs_of(box, tile); next_run(box, &r);) {
        int64_t i = r.first;
        for (; i + CHAINS <= r.end; i += CHAINS)
            for (int k = 0; k < CHAINS; k++) sum[k] += (double)grads[i + k] * (double)grads[i + k];
        for (; i < r.end; i++) sum[0] += (double)grads[i] * (double)grads[i];
    }
    for (int k = 1; k < CHAINS; k++) sum[0] += sum[k];
    memcpy((float *)b->arena + call->work + 2 * tile, sum, sizeof *sum);
}

void LANES(squares_finish)(const sn_bases *b, const sn_call *call) {
    float *arena = b->arena;
    double sum = 0;
    for (int64_t tile = 0; tile < tiles_of(&call->as.squares.box); tile++) {
        double part;
        memcpy(&part, arena + call->work + 2 * tile, sizeof part);
        sum += part;
    }
    arena[call->as.squares.out] = (float)sum;
}

static sn_clip_result clip_of(const sn_bases *b, sn_off at) {
    sn_clip_result r;
    memcpy(&r, (const float *)b->arena + at, sizeof r);
    return r;
}

// --- weights and the momentum slot updated; gradients kept
NEEDS_NOTHING(sgd)
NEEDS_NO_FINISH(sgd)
int64_t LANES(sgd_tiles)(const sn_call *call) {
    return tiles_of(&call->as.sgd.box);
}

void LANES(sgd_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)scratch;
    const sn_sgd *p = &call->as.sgd;
    float *restrict w = b->weights, *restrict slot = b->slot[0];
    const float *restrict g = b->grads;
    sn_clip_result clip = clip_of(b, p->clip);
    if (clip.bad >= 0) return;
    double scale = clip.factor, decay = p->decay, momentum = p->momentum, lr = p->lr;
    double own = p->nesterov ? 1 : 0, old = p->nesterov ? momentum : 1; // step = own*d + old*v
    for (runs r = runs_of(&p->box, tile); next_run(&p->box, &r);) {
        if (momentum == 0)
            for (int64_t i = r.first; i < r.end; i++) w[i] = (float)(w[i] - lr * (scale * g[i] + decay * w[i]));
        else
            for (int64_t i = r.first; i < r.end; i++) {
                double d = scale * g[i] + decay * w[i], v = momentum * slot[i] + d;
                slot[i] = (float)v;
                w[i] = (float)(w[i] - lr * (own * d + old * v));
            }
    }
}

// --- Adam and AdamW: weights and both slots updated; gradients kept
NEEDS_NOTHING(adam)
NEEDS_NO_FINISH(adam)
int64_t LANES(adam_tiles)(const sn_call *call) {
    return tiles_of(&call->as.adam.box);
}

void LANES(adam_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    (void)scratch;
    const sn_adam *p = &call->as.adam;
    float *restrict w = b->weights, *restrict first = b->slot[0], *restrict second = b->slot[1];
    const float *restrict g = b->grads;
    sn_clip_result clip = clip_of(b, p->clip);
    if (clip.bad >= 0) return;
    double correction1 = 1 - pow(p->beta1, (double)p->t), correction2 = 1 - pow(p->beta2, (double)p->t);
    for (runs r = runs_of(&p->box, tile); next_run(&p->box, &r);)
        for (int64_t i = r.first; i < r.end; i++) {
            double d = clip.factor * g[i] + p->decay * w[i];
            double m = p->beta1 * first[i] + (1 - p->beta1) * d, v = p->beta2 * second[i] + (1 - p->beta2) * d * d;
            first[i] = (float)m;
            second[i] = (float)v;
            w[i] = (float)(p->keep * w[i] - p->lr * (m / correction1) / (sqrt(v / correction2) + p->eps));
        }
}
