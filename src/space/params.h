// The parameters of a supernet and the running statistics of its BNs: names, shapes, places in their buffers, how they start.
// One list each; optimiser, norm, checkpoint, trace and export are loops over them. A parameter of which options use parts is cut
// into atoms, and lies in memory one atom after the other: rings of the kernel, the innermost first, each in bands of input
// channels, each in bands of output channels; within an atom (tap, in, out), out innermost. One that is always used whole is one
// atom. Next: graph.h makes the lists.
#ifndef SN_PARAMS_H
#define SN_PARAMS_H

#include "base/names.h"
#include "space/words.h"

#include <stdbool.h>
#include <stdint.h>

// TRANSFORM: the matrix that makes a kernel of `out` taps of one of `in` taps.
typedef enum { SN_PARAM_CONV, SN_PARAM_LINEAR, SN_PARAM_GAMMA, SN_PARAM_BETA, SN_PARAM_BIAS, SN_PARAM_TRANSFORM } sn_param_kind;

// Where the parts that options use end, ascending; the last is all there is. n = 0: it is only used whole.
typedef struct {
    int *end;
    int n;
} sn_cuts;

typedef struct {
    char *name; // "stage2.layer1.mb6_k5.dw.weight"; owned by the list
    sn_param_kind kind;
    int kernel, in, out;      // conv: in = input channels per group; linear: kernel 1; vectors: out only, kernel = in = 1
    int64_t fan_in;           // inputs to one output: kernel^2 * in; of a linear layer's bias: as its weight
    int64_t offset, size;     // elements in the weight buffer (and gradients, slots); offsets are multiples of 16
    sn_cuts sides, ins, outs; // of kernels, input and output channels
    int64_t *at;              // per atom: its first element, from the parameter's on; NULL: one atom
    int atoms, first_atom;    // how many; the number of the first among those of all parameters
    int matrix; // the matrices that make kernels smaller, from the second largest on: the first of so many; -1: none
} sn_param;

// A piece of a parameter: the first so many of its channels, and the kernel's centre.
typedef struct {
    int kernel, in, out;
} sn_extent;

// An atom of a parameter. The optimiser's work, activity and counts are loops over parts.
typedef struct {
    int param, atom; // atom: among those of all parameters
    int64_t offset, size;
} sn_part;

// Where an atom lies in a dense kernel: the taps within `side` and not within `inner`, input channels from `in` on, output
// channels from `out` on.
typedef struct {
    int inner, side, in, ins, out, outs;
    int64_t at; // its first element, from the parameter's on
} sn_atom;

typedef struct {
    char *name; // of the BN: "stage2.layer1.mb6_k5.dw_bn"
    int c;
    int64_t mean, var; // offsets in the statistics buffer
} sn_stats;

typedef struct {
    sn_param *param;
    int n;
    size_t capacity;
    sn_names names;
    int64_t total; // elements of the weight buffer
    int n_atoms;   // of all parameters
    sn_stats *stats;
    int n_stats;
    size_t stats_capacity;
    int64_t stats_total; // elements of the statistics buffer
} sn_params;

// Both copy the name and return the index, or -1 with the message set.
int sn_params_add(sn_params *, const char *name, sn_param_kind kind, int kernel, int in, int out);
int sn_params_add_stats(sn_params *, const char *name, int c);
// The same; where there is one of this name already, what is given is a part of it, or it becomes larger: then offsets move.
int sn_params_share(sn_params *, const char *name, sn_param_kind kind, int kernel, int in, int out);
int sn_params_share_stats(sn_params *, const char *name, int c);
void sn_params_free(sn_params *);
int sn_params_find(const sn_params *, const char *name); // or -1
int64_t sn_params_count(const sn_params *);              // numbers in all of them

// The atoms of a piece, into `out` where that is not NULL. Returns how many.
int sn_param_parts(const sn_params *, int param, sn_extent, sn_part *out);
sn_atom sn_param_atom(const sn_param *, int atom); // from 0
// Whether the piece lies in memory as a dense kernel (tap, in, out), from the parameter's first element on.
bool sn_param_dense(const sn_param *, sn_extent);
int64_t sn_atom_size(const sn_atom *);

// Initial values, keyed by the name alone (an added option changes no other weight): gamma 1, beta 0, and by `init`
//   SN_INIT_FAN_OUT  conv normal sqrt(2/(kernel^2*out)), which is torch's kaiming_normal_(mode="fan_out"), not divided by groups,
//                    so that of a depthwise one counts all its channels (He et al. 2015); linear normal 0.01; bias 0
//   SN_INIT_FAN_IN   conv and linear normal sqrt(2/fan_in); bias 0
//   SN_INIT_TORCH    conv, linear and bias uniform within 1/sqrt(fan_in), PyTorch's default: kaiming_uniform_(a=sqrt(5))
// A kernel's matrix starts as the unit matrix. Parts change nothing: numbers are drawn in the order (tap, in, out).
// out: param->size floats in memory order.
void sn_param_init(const sn_param *, int init, uint32_t seed, float *out);

// Dims as files hold them: conv OIHW, linear and matrices OI, vectors O. Returns how many.
int sn_param_dims(const sn_param *, size_t dims[4]);
// Memory order to file order OIHW and back; size floats each, not in place.
void sn_param_to_file(const sn_param *, const float *memory, float *file);
void sn_param_from_file(const sn_param *, const float *file, float *memory);

#endif
