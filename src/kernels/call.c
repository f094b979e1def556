// Facts about a call that hold on every backend: its kernel's name, whether its sizes make sense, its cost.
// Not here: which implementation runs it (backend.c).
// Next: backend.c.
#include "kernels/backend.h"

#include <stdio.h>
#include <string.h>

const char *sn_kernel_name(sn_kernel kernel) {
    static const char *const names[] = {
#define X(ENUM, name, record) #name,
#include "kernels/kernels.def"
#undef X
    };
    return (unsigned)kernel < SN_KERNELS ? names[kernel] : "unknown kernel";
}

// --- sizes
static bool window_fits(int in, int out, int kernel, int stride, int pad, int dilation) {
    int64_t reach = (int64_t)(kernel - 1) * dilation + 1; // pixels from the first tap to the last
    return in > 0 && out > 0 && kernel > 0 && stride > 0 && dilation > 0 && pad >= 0 &&
           (int64_t)out == (in + 2 * (int64_t)pad - reach) / stride + 1 && in + 2 * (int64_t)pad >= reach;
}

static sn_status check_conv(const char *name, const sn_conv_size *s) {
    bool good = s->n > 0 && s->ci > 0 && s->co > 0 && s->groups > 0 && s->ci % s->groups == 0 && s->co % s->groups == 0 &&
                window_fits(s->h, s->ho, s->kernel, s->stride, s->pad, s->dilation) &&
                window_fits(s->w, s->wo, s->kernel, s->stride, s->pad, s->dilation);
    if (good) return SN_OK;
    return sn_error(
        SN_FAIL,
        "%s: sizes do not fit: input %d x %d x %d x %d, output %d x %d x %d, kernel %d, stride %d, pad %d, dilation %d, "
        "groups %d",
        name, s->n, s->h, s->w, s->ci, s->ho, s->wo, s->co, s->kernel, s->stride, s->pad, s->dilation, s->groups);
}

// A pool may reach beyond the end by other than `pad`, but each window holds a pixel and none is left out that lies inside.
static bool pool_fits(int in, int out, int kernel, int stride, int pad) {
    int64_t start = (int64_t)(out - 1) * stride - pad; // of the last window
    return in > 0 && out > 0 && kernel > 0 && stride > 0 && pad >= 0 && pad < kernel && start < in &&
           start + stride + kernel > in;
}

static sn_status check_pool(const char *name, const sn_pool_size *s) {
    bool good = s->n > 0 && s->c > 0 && pool_fits(s->h, s->ho, s->kernel, s->stride, s->pad) &&
                pool_fits(s->w, s->wo, s->kernel, s->stride, s->pad);
    if (good) return SN_OK;
    return sn_error(SN_FAIL, "%s: sizes do not fit: input %d x %d x %d x %d, output %d x %d, kernel %d, stride %d, pad %d", name,
                    s->n, s->h, s->w, s->c, s->ho, s->wo, s->kernel, s->stride, s->pad);
}

static sn_status check_place(const char *name, const sn_place_size *s) {
    bool good = s->n > 0 && s->h > 0 && s->w > 0 && s->c > 0 && s->ho > 0 && s->wo > 0 && s->stride > 0 && s->shift >= 0 &&
                s->groups > 0 && s->c % s->groups == 0 && s->first >= 0 && s->count > 0 && s->count <= s->c - s->first &&
                s->count <= s->co;
    if (good) return SN_OK;
    return sn_error(
        SN_FAIL,
        "%s: sizes do not fit: input %d x %d x %d x %d, output %d x %d x %d, stride %d, shift %d, %d channels from %d "
        "on of %d groups",
        name, s->n, s->h, s->w, s->c, s->ho, s->wo, s->co, s->stride, s->shift, s->count, s->first, s->groups);
}

static sn_status check_rows(const char *name, int64_t rows, int64_t c) {
    if (rows > 0 && c > 0) return SN_OK;
    return sn_error(SN_FAIL, "%s: found %lld rows of %lld, allowed 1 or more of each", name, (long long)rows, (long long)c);
}

static sn_status check_box(const char *name, const sn_box *b) {
    if (b->run > 0 && b->rows > 0 && (b->rows == 1 || b->stride >= b->run)) return SN_OK;
    return sn_error(SN_FAIL, "%s: found %lld rows of %lld, %lld apart; allowed are 1 or more of each that do not overlap", name,
                    (long long)b->rows, (long long)b->run, (long long)b->stride);
}

static sn_status check_gather(const char *name, const sn_gather *p) {
    bool good = p->side > 0 && p->inner >= 0 && p->inner < p->side && p->side <= p->kernel && (p->kernel - p->side) % 2 == 0 &&
                (!p->inner || (p->kernel - p->inner) % 2 == 0) && p->in >= 0 && p->ins > 0 && p->ins <= p->ci - p->in &&
                p->out >= 0 && p->outs > 0 && p->outs <= p->co - p->out;
    if (good) return SN_OK;
    return sn_error(SN_FAIL,
                    "%s: sizes do not fit: taps within %d and not within %d of kernel %d, %d input channels from %d on of %d, %d "
                    "output channels from %d on of %d",
                    name, p->side, p->inner, p->kernel, p->ins, p->in, p->ci, p->outs, p->out, p->co);
}

static sn_status check_transform(const char *name, const sn_transform *p) {
    if (p->side > 0 && p->from >= p->side && (p->from - p->side) % 2 == 0 && p->columns > 0) return SN_OK;
    return sn_error(SN_FAIL, "%s: sizes do not fit: kernel %d from kernel %d in %lld columns", name, p->side, p->from,
                    (long long)p->columns);
}

sn_status sn_call_check(const sn_call *call) {
    const char *name = sn_kernel_name(call->kernel);
    switch (call->kernel) {
    case SN_CONV_FORWARD:
        return check_conv(name, &call->as.conv_forward.size);
    case SN_CONV_BACKWARD_DATA:
        return check_conv(name, &call->as.conv_backward_data.size);
    case SN_CONV_BACKWARD_WEIGHTS:
        return check_conv(name, &call->as.conv_backward_weights.size);
    case SN_POOL_FORWARD:
        return check_pool(name, &call->as.pool_forward.size);
    case SN_POOL_BACKWARD:
        return check_pool(name, &call->as.pool_backward.size);
    case SN_MEAN_FORWARD:
        return check_rows(name, call->as.mean_forward.n, (int64_t)call->as.mean_forward.pixels * call->as.mean_forward.c);
    case SN_MEAN_BACKWARD:
        return check_rows(name, call->as.mean_backward.n, (int64_t)call->as.mean_backward.pixels * call->as.mean_backward.c);
    case SN_SUM_FORWARD:
        if (call->as.sum_forward.inputs < 0 || call->as.sum_forward.inputs > SN_SUM_INPUTS)
            return sn_error(SN_FAIL, "%s: found %d inputs, allowed 0 to %d", name, call->as.sum_forward.inputs, SN_SUM_INPUTS);
        return check_rows(name, call->as.sum_forward.rows, call->as.sum_forward.c);
    case SN_SUM_BACKWARD:
        return check_rows(name, call->as.sum_backward.rows, call->as.sum_backward.c);
    case SN_GATE_BACKWARD:
        return check_rows(name, call->as.gate_backward.rows, call->as.gate_backward.c);
    case SN_SCALE_FORWARD:
        return check_rows(name, call->as.scale_forward.n, (int64_t)call->as.scale_forward.pixels * call->as.scale_forward.c);
    case SN_SCALE_BACKWARD:
        return check_rows(name, call->as.scale_backward.n, (int64_t)call->as.scale_backward.pixels * call->as.scale_backward.c);
    case SN_SCALE_BACKWARD_GAIN:
        return check_rows(name, call->as.scale_backward_gain.n,
                          (int64_t)call->as.scale_backward_gain.pixels * call->as.scale_backward_gain.c);
    case SN_PLACE_FORWARD:
        return check_place(name, &call->as.place_forward.size);
    case SN_PLACE_BACKWARD:
        return check_place(name, &call->as.place_backward.size);
    case SN_BN_FORWARD:
        return check_rows(name, call->as.bn_forward.rows, call->as.bn_forward.c);
    case SN_BN_BACKWARD:
        return check_rows(name, call->as.bn_backward.rows, call->as.bn_backward.c);
    case SN_LOSS:
        return check_rows(name, call->as.loss.n, call->as.loss.classes);
    case SN_GATHER:
    case SN_SCATTER:
        return check_gather(name, &call->as.gather);
    case SN_TRANSFORM_FORWARD:
    case SN_TRANSFORM_BACKWARD:
        return check_transform(name, &call->as.transform_forward);
    case SN_SCORE:
        return check_rows(name, 1, call->as.score.n);
    case SN_CLIP:
        return check_rows(name, 1, call->as.clip.n);
    case SN_FILL:
        return check_box(name, &call->as.fill.box);
    case SN_SQUARES:
        return check_box(name, &call->as.squares.box);
    case SN_SGD:
        return check_box(name, &call->as.sgd.box);
    case SN_ADAM:
        return check_box(name, &call->as.adam.box);
    case SN_MOVE:
        return check_box(name, &call->as.move.box);
    case SN_KERNELS:
        break;
    }
    return sn_error(SN_FAIL, "unknown kernel %d", (int)call->kernel);
}

static const sn_conv_size *conv_of(const sn_call *c) {
    return c->kernel == SN_CONV_FORWARD            ? &c->as.conv_forward.size
           : c->kernel == SN_CONV_BACKWARD_DATA    ? &c->as.conv_backward_data.size
           : c->kernel == SN_CONV_BACKWARD_WEIGHTS ? &c->as.conv_backward_weights.size
                                                   : NULL;
}

char *sn_call_size(const sn_call *c, char out[SN_CALL_SIZE]) {
    const sn_conv_size *s = conv_of(c);
    const sn_pool_size *p = c->kernel == SN_POOL_FORWARD    ? &c->as.pool_forward.size
                            : c->kernel == SN_POOL_BACKWARD ? &c->as.pool_backward.size
                                                            : NULL;
    *out = 0;
    if (s)
        snprintf(out, SN_CALL_SIZE, "%dx%d %d->%d k%d s%d d%d g%d", s->h, s->w, s->ci, s->co, s->kernel, s->stride, s->dilation,
                 s->groups);
    if (p) snprintf(out, SN_CALL_SIZE, "%dx%d %d k%d s%d", p->h, p->w, p->c, p->kernel, p->stride);
    return out;
}

// --- cost: tensors and parameters read and written once; the vectors of c beside them are not counted
static double view_reads(const sn_view *v, double elements) {
    return v->data == SN_NONE ? 0 : elements;
}

static double grad_reads(const sn_grad *g, double elements) {
    return g->a == SN_NONE ? elements : 2 * elements;
}

static double into_moves(const sn_into *into, double elements) {
    bool reads_x = into->view.act != SN_LINEAR || into->sum_dyx != SN_NONE;
    return ((into->dy != SN_NONE) + (into->add != SN_NONE) + reads_x) * elements;
}

static double box_elements(const sn_box *b) {
    return (double)b->run * (double)b->rows;
}

static double gather_elements(const sn_gather *p) {
    return ((double)p->side * p->side - (double)p->inner * p->inner) * p->ins * p->outs;
}

static double transform_elements(const sn_transform *p) { // of the smaller kernel
    return (double)p->side * p->side * (double)p->columns;
}

typedef struct {
    double macs, in, out, weights;
} conv_cost;

static conv_cost cost_of(const sn_conv_size *s) {
    conv_cost c;
    c.weights = (double)s->kernel * s->kernel * (s->ci / s->groups) * s->co;
    c.macs = c.weights * s->n * s->ho * s->wo;
    c.in = (double)s->n * s->h * s->w * s->ci;
    c.out = (double)s->n * s->ho * s->wo * s->co;
    return c;
}

// Elements moved; *macs is set for convolutions.
static double elements_moved(const sn_call *call, double *macs) {
    switch (call->kernel) {
    case SN_CONV_FORWARD: {
        const sn_conv_forward *p = &call->as.conv_forward;
        conv_cost c = cost_of(&p->size);
        *macs = c.macs;
        return view_reads(&p->x, c.in) + c.weights + c.out;
    }
    case SN_CONV_BACKWARD_DATA: {
        const sn_conv_backward_data *p = &call->as.conv_backward_data;
        conv_cost c = cost_of(&p->size);
        *macs = c.macs;
        return grad_reads(&p->g, c.out) + c.weights + into_moves(&p->into, c.in);
    }
    case SN_CONV_BACKWARD_WEIGHTS: {
        const sn_conv_backward_weights *p = &call->as.conv_backward_weights;
        conv_cost c = cost_of(&p->size);
        *macs = c.macs;
        return grad_reads(&p->g, c.out) + view_reads(&p->x, c.in) + 2 * c.weights;
    }
    case SN_POOL_FORWARD: {
        const sn_pool_size *s = &call->as.pool_forward.size;
        return (double)s->n * s->c * ((double)s->h * s->w + (double)s->ho * s->wo);
    }
    case SN_POOL_BACKWARD: {
        const sn_pool_backward *p = &call->as.pool_backward;
        const sn_pool_size *s = &p->size;
        sn_into into = p->into;
        double in = (double)s->n * s->h * s->w * s->c,
               x = s->kind == SN_POOL_MAX && into.view.act == SN_LINEAR && into.sum_dyx == SN_NONE
                       ? in
                       : 0; // the maximum is found again
        return grad_reads(&p->g, (double)s->n * s->ho * s->wo * s->c) + into_moves(&into, in) + x;
    }
    case SN_MEAN_FORWARD: {
        const sn_mean_forward *p = &call->as.mean_forward;
        return (double)p->n * p->c * (p->pixels + 1.0);
    }
    case SN_MEAN_BACKWARD: {
        const sn_mean_backward *p = &call->as.mean_backward;
        double out = (double)p->n * p->c;
        return grad_reads(&p->g, out) + into_moves(&p->into, out * p->pixels);
    }
    case SN_SUM_FORWARD:
        return (double)call->as.sum_forward.rows * call->as.sum_forward.c * (call->as.sum_forward.inputs + 1.0);
    case SN_SUM_BACKWARD: {
        const sn_sum_backward *p = &call->as.sum_backward;
        double elements = (double)p->rows * p->c;
        return grad_reads(&p->g, elements) + into_moves(&p->into, elements);
    }
    case SN_GATE_BACKWARD: {
        const sn_gate_backward *p = &call->as.gate_backward;
        double elements = (double)p->rows * p->c;
        return grad_reads(&p->g, elements) + elements;
    }
    case SN_SCALE_FORWARD: {
        const sn_scale_forward *p = &call->as.scale_forward;
        return (double)p->n * p->c * (2.0 * p->pixels + 1);
    }
    case SN_SCALE_BACKWARD: {
        const sn_scale_backward *p = &call->as.scale_backward;
        double gain = (double)p->n * p->c, elements = gain * p->pixels;
        return grad_reads(&p->g, elements) + gain + into_moves(&p->into, elements);
    }
    case SN_SCALE_BACKWARD_GAIN: {
        const sn_scale_backward_gain *p = &call->as.scale_backward_gain;
        double gain = (double)p->n * p->c, elements = gain * p->pixels;
        return grad_reads(&p->g, elements) + view_reads(&p->x, elements) + into_moves(&p->into, gain);
    }
    case SN_PLACE_FORWARD: {
        const sn_place_size *s = &call->as.place_forward.size;
        double elements = (double)s->n * s->ho * s->wo * s->count;
        return view_reads(&call->as.place_forward.x, elements) + elements;
    }
    case SN_PLACE_BACKWARD: {
        const sn_place_backward *p = &call->as.place_backward;
        const sn_place_size *s = &p->size;
        return grad_reads(&p->g, (double)s->n * s->ho * s->wo * s->count) +
               into_moves(&p->into, (double)s->n * s->h * s->w * s->c);
    }
    case SN_BN_FORWARD:
        return 8.0 * call->as.bn_forward.c; // here the vectors are all there is
    case SN_BN_BACKWARD:
        return 9.0 * call->as.bn_backward.c;
    case SN_LOSS: {
        const sn_loss *p = &call->as.loss;
        double logits = (double)p->n * p->classes;
        return logits + 2.0 * p->n + (p->into.dy != SN_NONE ? logits : 0);
    }
    case SN_GATHER:
        return 2 * gather_elements(&call->as.gather);
    case SN_SCATTER:
        return 3 * gather_elements(&call->as.scatter);
    case SN_TRANSFORM_FORWARD:
        *macs =
            transform_elements(&call->as.transform_forward) * call->as.transform_forward.side * call->as.transform_forward.side;
        return 2 * transform_elements(&call->as.transform_forward);
    case SN_TRANSFORM_BACKWARD:
        *macs = 2 * transform_elements(&call->as.transform_backward) * call->as.transform_backward.side *
                call->as.transform_backward.side;
        return 4 * transform_elements(&call->as.transform_backward);
    case SN_SCORE:
        return 2.0 * call->as.score.n;
    case SN_CLIP:
        return (double)call->as.clip.n;
    case SN_FILL:
        return box_elements(&call->as.fill.box);
    case SN_SQUARES:
        return box_elements(&call->as.squares.box);
    case SN_SGD:
        return box_elements(&call->as.sgd.box) * (call->as.sgd.momentum != 0 ? 5 : 3);
    case SN_ADAM:
        return box_elements(&call->as.adam.box) * 7;
    case SN_MOVE:
        return box_elements(&call->as.move.box) * 3;
    case SN_KERNELS:
        break;
    }
    return 0;
}

void sn_call_cost(const sn_call *call, size_t real, double *flops, double *bytes) {
    double macs = 0;
    *bytes = elements_moved(call, &macs) * (double)real;
    *flops = 2 * macs;
}
