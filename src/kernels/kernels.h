// The call records of all kernels: offsets, sizes and views. Kernels see these and base pointers, never graphs or archs.
// Not here: who decides the offsets (supernet/engine/plan.h) and which implementation runs (backend.h).
// Next: backend.h, then ref/conv.c for the plainest reading of each record.
//
// Conventions
//   real        float, or double in ref64. All buffers of one run hold the same real.
//   tensors     dense (n, h, w, c), c innermost ("rows" = n*h*w). Offsets and sizes count elements, never bytes.
//   weights     conv (k, k, ci/groups, co), co innermost; files hold OIHW.
//   formulas    views.md in docs/: value = act(scale*(x - mean) + shift), and 0 outside the image (padding comes after the view).
//   reductions  in an order fixed by the shapes alone, so results do not depend on the number of threads; no float atomics.
#ifndef SN_KERNELS_H
#define SN_KERNELS_H

#include <stdint.h>

typedef int64_t sn_off; // offset in elements from the base of the buffer that the field's comment names
#define SN_NONE ((sn_off)-1)

// Base pointers, separate from calls. Owned by the backend (memory.h).
typedef struct {
    void *arena;           // real: activations, gradients of activations, per-channel vectors, workspace
    void *weights;         // real: all parameters
    void *grads;           // real: gradient of each parameter at the same offset
    void *slot[2];         // real: optimiser slots (SGD: momentum; Adam: first and second moment), same offsets; NULL when unused
    void *stats;           // real: running means and variances
    const int32_t *labels; // one per sample of the batch
} sn_bases;

// Activations: y = act(u); a NaN stays a NaN, so that a bad value reaches the loss. h_sigmoid(u) = relu6(u + 3)/6, h_swish(u) =
// u*h_sigmoid(u) (Howard et al., ICCV 2019). The derivative at a kink is that of the constant side, or 0 (PyTorch's rule:
// relu'(0) = 0, relu6'(0) = relu6'(6) = 0, h_sigmoid'(-3) = h_sigmoid'(3) = 0, h_swish'(-3) = 0; h_swish'(3) = 1).
typedef enum { SN_LINEAR, SN_RELU, SN_RELU6, SN_H_SWISH, SN_H_SIGMOID, SN_ACTS } sn_act;

// How a reader reads a stored tensor. mean, scale and shift are vectors of c in the arena; mean = SN_NONE means u = x.
typedef struct {
    sn_off data, mean, scale, shift; // arena
    sn_act act;
} sn_view;

// The gradient of a stored tensor x, never stored itself: a*dy + b*(x - mean) + c per channel. a = SN_NONE means dy as it is
// (then x, mean, b, c are unused).
typedef struct {
    sn_off dy, x;         // arena, the tensor's shape
    sn_off mean, a, b, c; // arena, vectors of c
} sn_grad;

// Where a reader puts the gradient of what it read: dy = add + act'(u)*dz at every element, u taken from the view. The view's
// data is not read (and may be gone) where act is linear, sum_dyx is not wanted and the kernel is neither max pooling nor loss.
typedef struct {
    sn_view view;
    sn_off add;     // arena: SN_NONE for nothing; may equal dy (accumulate in place)
    sn_off dy;      // arena: SN_NONE when the caller needs the sums only (then dy = dz: sum_backward with a linear view)
    sn_off sum_dy;  // arena, c: sum of dy over rows, written by the last reader in backward order; SN_NONE otherwise
    sn_off sum_dyx; // arena, c: sum of dy*(x - mean); SN_NONE otherwise. Uses x - mean, never dy*x: the mean would eat the digits
} sn_into;

// Statistics of a tensor as it is written: mean and M2 = sum of (x - mean)^2 over rows, per channel. Taken per tile around a
// pivot and combined in double as (n, mean, M2) in fixed order. SN_NONE when no BN reads the tensor.
typedef struct {
    sn_off mean, m2; // arena, c each
} sn_stat;

typedef struct {
    int n, h, w, ci;                           // input
    int ho, wo, co;                            // output
    int kernel, stride, pad, dilation, groups; // square kernels; ci and co are multiples of groups; depthwise: groups = ci = co
} sn_conv_size;

typedef struct { // y[p][co] = sum over taps and ci of view(x)[..][ci] * w[tap][ci][co]
    sn_conv_size size;
    sn_view x;
    sn_off w; // weights
    sn_off y; // arena
    sn_stat stat;
} sn_conv_forward;

typedef struct { // dz = the transpose of conv_forward applied to g; goes into `into`
    sn_conv_size size;
    sn_grad g; // of y
    sn_off w;  // weights
    sn_into into;
} sn_conv_backward_data;

typedef struct { // dw[tap][ci][co] += sum over pixels of view(x) * g
    sn_conv_size size;
    sn_grad g; // of y
    sn_view x;
    sn_off dw; // grads; accumulated
} sn_conv_backward_weights;

typedef enum {
    SN_POOL_MAX,
    SN_POOL_AVG
} sn_pool_kind; // avg divides by the pixels inside the image; max compares view values, first wins

typedef struct {
    int n, h, w, c, ho, wo, kernel, stride, pad;
    sn_pool_kind kind;
} sn_pool_size;

typedef struct {
    sn_pool_size size;
    sn_view x;
    sn_off y; // arena
    sn_stat stat;
} sn_pool_forward;

typedef struct {
    sn_pool_size size;
    sn_grad g;
    sn_into into;
} sn_pool_backward;

typedef struct { // y[n][c] = mean over the pixels of view(x)[n][..][c]
    int n, pixels, c;
    sn_view x;
    sn_off y; // arena
    sn_stat stat;
} sn_mean_forward;

typedef struct {
    int n, pixels, c;
    sn_grad g;
    sn_into into;
} sn_mean_backward;

enum { SN_SUM_INPUTS = 4 };

typedef struct { // y = sum over i of gate[i]*view(x[i]), added in this order; one input: the view written out
    int64_t rows;
    int c, inputs;
    sn_view x[SN_SUM_INPUTS];
    sn_off y; // arena
    sn_stat stat;
    int gated; // 0: every gate is 1, and they are not read
    double gate[SN_SUM_INPUTS];
} sn_sum_forward;

typedef struct { // the gradient of one input of a sum: dz = gate*g
    int64_t rows;
    int c;
    sn_grad g;
    sn_into into;
    int gated; // 0: the gate is 1, and not read
    double gate;
} sn_sum_backward;

typedef struct { // the gradient of a gate of a sum: sum of g*view(x) over rows and channels
    int64_t rows;
    int c;
    sn_grad g;
    sn_view x;
    sn_off dgate; // arena: a double
} sn_gate_backward;
enum { SN_GATE_ELEMENTS = 2 }; // of the arena, for the gradient of any gate

typedef struct { // y[n][..][c] = view(x)[n][..][c] * view(gain)[n][c], for every pixel
    int n, pixels, c;
    sn_view x, gain;
    sn_off y; // arena
    sn_stat stat;
} sn_scale_forward;

typedef struct { // the gradient of x: dz = g * view(gain)
    int n, pixels, c;
    sn_grad g; // of y
    sn_view gain;
    sn_into into;
} sn_scale_backward;

typedef struct { // the gradient of the gain: dz[n][c] = sum over pixels of g * view(x)
    int n, pixels, c;
    sn_grad g; // of y
    sn_view x;
    sn_into into;
} sn_scale_backward_gain;

// A piece of a tensor at another place: pixel (i, j) of y is pixel (i, j)*stride + shift of x, 0 outside the image, and channel k
// is channel first + k of x's channels shuffled, the cth of which is (c % groups)*(c/groups) + c / groups, with c of x. y and the
// gradient of it are channels of a tensor of co: offsets and vectors begin with the first of them.
typedef struct {
    int n, h, w, c; // x
    int ho, wo, co; // the tensor that y is part of
    int stride, shift, first, groups;
    int count; // channels of y
} sn_place_size;

typedef struct { // y = the piece of view(x); x.data = SN_NONE: zeros
    sn_place_size size;
    sn_view x;
    sn_off y; // arena
    sn_stat stat;
} sn_place_forward;

typedef struct { // dz = g where x was read, else 0
    sn_place_size size;
    sn_grad g;
    sn_into into;
} sn_place_backward;

typedef enum {
    SN_BN_BATCH,   // from the tensor's statistics
    SN_BN_RUNNING, // from the running statistics
    SN_BN_BIAS     // not a BN: mean 0, scale 1, shift = bias (beta)
} sn_bn_mode;

typedef struct { // writes the vectors of a view: mean, scale = gamma*inv, shift = beta, with inv = 1/sqrt(variance + eps)
    int c;
    int64_t rows; // that the statistics were taken over
    sn_bn_mode mode;
    double eps;
    double momentum;                  // running = (1 - momentum)*running + momentum*batch; 0: running statistics are not touched
    sn_stat stat;                     // arena (BATCH); variance = M2/rows, the running one M2/(rows - 1) (M2 itself for one row)
    sn_off gamma, beta;               // weights; SN_NONE: 1 and 0
    sn_off running_mean, running_var; // stats; read by RUNNING, updated by BATCH when momentum > 0
    sn_off mean, scale, shift, inv;   // arena, c each; BATCH may have mean = stat.mean. inv SN_NONE: not wanted
    int gated;                        // 0: no gate; else of the sum that alone reads this, linearly
    double gate;                      // scale and shift are multiplied by it
} sn_bn_forward;

typedef struct { // from the sums of the last reader: dgamma += inv*sum_dyx, dbeta += sum_dy, and the coefficients of sn_grad
    int c;
    int64_t rows;
    sn_bn_mode mode; // BATCH: a = s, b = -s*inv*inv*sum_dyx/rows, c = -s*sum_dy/rows. RUNNING: a = s, b = c = 0. BIAS: dbeta only
    sn_off sum_dy, sum_dyx; // arena
    sn_off scale, inv;      // arena
    sn_off dgamma, dbeta;   // grads; SN_NONE: no such parameter
    sn_off a, b, cc;        // arena, c each; SN_NONE in BIAS
    int gated;              // 0: no gate; else as in sn_bn_forward: dgamma and dbeta get `gate` times as much
    double gate;
    sn_off gamma, beta; // weights; SN_NONE: 1 and 0
    sn_off dgate;       // arena: a double, the sum over channels of gamma*inv*sum_dyx + beta*sum_dy; SN_NONE: not wanted
} sn_bn_backward;

typedef struct { // softmax cross-entropy per sample, against (1 - smoothing)*onehot(label) + smoothing/classes
    int n, classes;
    sn_view logits;
    double smoothing;
    double scale; // of the gradient: 1/n for the mean over the batch
    sn_off loss;  // arena, n: loss of each sample
    // arena, n: how many classes beat the label (logit greater, or equal with a lower index): 0 = top-1 hit, < 5 = top-5 hit; a
    // NaN among the logits gives `classes`
    sn_off rank;
    sn_into into; // dy = SN_NONE and both sums SN_NONE: no gradient wanted
} sn_loss;

// A piece of a parameter, dense by itself, and its place in a dense kernel (tap, ci, co) of the same buffer: of the taps within
// `side` around the centre those that are not within `inner`, row by row; input channels from `in` on, output channels from `out`
// on. Gather: weights[kernel] = weights[piece]. Scatter: grads[piece] += grads[kernel].
typedef struct {
    int inner, side; // inner 0: all taps
    int in, ins, out, outs;
    int kernel, ci, co;
    sn_off piece, dense;
} sn_gather;

// A kernel made of a larger one's centre, in so many columns (input times output channels), all in weights: y[t][j] = sum over
// the taps s of the centre of m[s][t]*x[s][j]. Backward in grads, at the same offsets: dm[s][t] += sum over j of
// x[s][j]*dy[t][j], and dx[s][j] += sum over t of m[s][t]*dy[t][j].
typedef struct {
    int from, side; // of x and y
    int64_t columns;
    sn_off m, x, y;
} sn_transform;

// What a pass came to, in place of element-by-element reading by the host. The results lie in the arena as they are.
typedef struct {
    double loss;       // sum over samples, in their order
    double top1, top5; // hits
    double finite;     // 0 if any loss is NaN or infinite, else 1
} sn_score_result;
enum { SN_RESULT_ELEMENTS = 16 }; // of the arena, for any result

typedef struct { // reads what sn_loss wrote
    int n;
    sn_off loss, rank; // arena
    sn_off out;        // arena: an sn_score_result
} sn_score_call;

// The optimiser's records: rows of `run` elements, `stride` apart, from offset on in the buffers named. Whole parameters are one
// row.
typedef struct {
    sn_off offset;
    int64_t run, rows, stride; // stride >= run
} sn_box;

typedef struct { // grads = 0
    sn_box box;
} sn_fill;

typedef struct { // arena[out] = sum of squares of grads, in double; not finite if any element is not
    sn_box box;
    sn_off out;
} sn_squares;

typedef struct {
    double norm, factor; // of all gradients; of the clipped ones: at most 1
    double bad;          // the first sum of squares that is not finite, or -1; then the updates that read this do nothing
} sn_clip_result;

typedef struct { // PyTorch's clip_grad_norm_: factor = min(1, clip/(norm + 1e-6)), norm = sqrt(sum of n sums of squares, in
                 // order)
    int n;
    sn_off squares; // arena, n
    double clip;    // 0: factor 1
    sn_off out;     // arena: an sn_clip_result
} sn_clip;

typedef struct { // PyTorch's SGD: d = scale*g + decay*w; v = momentum*v + d; w -= lr*(nesterov ? d + momentum*v : v) (no slot
                 // when momentum = 0)
    sn_box box;
    double lr, momentum, decay;
    int nesterov;
    sn_off clip; // arena: an sn_clip_result, whose factor is `scale`
} sn_sgd;

typedef struct { // Kingma and Ba 2015, PyTorch's Adam: d = scale*g + decay*w; slots m, v; bias correction by this parameter's own
                 // t; w = keep*w - the step
    sn_box box;
    double lr, beta1, beta2, eps;
    double decay; // L2; 0 for AdamW
    double keep;  // AdamW: 1 - lr*decay (Loshchilov and Hutter 2019); Adam: 1
    int64_t t;    // 1 for the first update
    sn_off clip;  // arena: an sn_clip_result, whose factor is `scale`
} sn_adam;

typedef enum { SN_FROM_WEIGHTS, SN_FROM_GRADS, SN_FROM_SLOT0 } sn_move_from;

typedef struct { // w += coefficient*x, x of the same offset in another buffer, or w itself
    sn_box box;
    sn_move_from from;
    double coefficient;
} sn_move;

typedef enum {
#define X(ENUM, name, record) SN_##ENUM,
#include "kernels/kernels.def"
#undef X
    SN_KERNELS
} sn_kernel;

struct sn_impl;

// One call: which kernel, which implementation, its workspace, its record. Plain data but for `impl`.
typedef struct {
    sn_kernel kernel;
    const struct sn_impl *impl;
    sn_off work; // arena: impl->work(call) elements, valid from the first tile to the end of finish
    union {
#define X(ENUM, name, record) record name;
#include "kernels/kernels.def"
#undef X
    } as;
} sn_call;

// One launch: consecutive calls of one kernel that do not depend on each other; their tiles run in one parallel region.
typedef struct {
    int first, count;
} sn_launch;

#endif
