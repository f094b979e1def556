// The parameters of a supernet and the running statistics of its BNs: names, shapes, places in their buffers, how they start.
// One list each; optimiser, norm, checkpoint, trace and export are loops over them. Next: graph.h makes the lists.
#ifndef SN_PARAMS_H
#define SN_PARAMS_H

#include "base/names.h"
#include "space/words.h"

#include <stdint.h>

typedef enum { SN_PARAM_CONV, SN_PARAM_LINEAR, SN_PARAM_GAMMA, SN_PARAM_BETA, SN_PARAM_BIAS } sn_param_kind;

typedef struct {
    char *name; // "stage2.layer1.mb6_k5.dw.weight"; owned by the list
    sn_param_kind kind;
    int kernel, in, out;  // conv: in = input channels per group; linear: kernel 1; vectors: out only, kernel = in = 1
    int64_t fan_in;       // inputs to one output: kernel^2 * in; of a linear layer's bias: as its weight
    int64_t offset, size; // elements in the weight buffer (and gradients, slots); offsets are multiples of 16
} sn_param;

// The piece of a parameter that an arch uses: rows of `run` elements, `stride` apart, from `offset` on in the buffers. Plans, the
// optimiser, costs and exports are loops over parts; today every part is a whole parameter, one row.
typedef struct {
    int param;
    int64_t offset, run, rows, stride;
} sn_part;

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
    sn_stats *stats;
    int n_stats;
    size_t stats_capacity;
    int64_t stats_total; // elements of the statistics buffer
} sn_params;

// Both copy the name and return the index, or -1 with the message set.
int sn_params_add(sn_params *, const char *name, sn_param_kind kind, int kernel, int in, int out);
int sn_params_add_stats(sn_params *, const char *name, int c);
void sn_params_free(sn_params *);
int sn_params_find(const sn_params *, const char *name); // or -1
int64_t sn_params_count(const sn_params *);              // numbers in all of them

// Initial values, keyed by the name alone (an added option changes no other weight): gamma 1, beta 0, and by `init`
//   SN_INIT_FAN_OUT  conv normal sqrt(2/(kernel^2*out)), which is torch's kaiming_normal_(mode="fan_out"), not divided by groups,
//                    so that of a depthwise one counts all its channels (He et al. 2015); linear normal 0.01; bias 0
//   SN_INIT_FAN_IN   conv and linear normal sqrt(2/fan_in); bias 0
//   SN_INIT_TORCH    conv, linear and bias uniform within 1/sqrt(fan_in), PyTorch's default: kaiming_uniform_(a=sqrt(5))
// out: param->size floats in memory order.
void sn_param_init(const sn_param *, int init, uint32_t seed, float *out);

// Dims as files hold them: conv OIHW, linear OI, vectors O. Returns how many.
int sn_param_dims(const sn_param *, size_t dims[4]);
// Memory order (kernel, kernel, in, out) to file order OIHW and back; size floats each, not in place.
void sn_param_to_file(const sn_param *, const float *memory, float *file);
void sn_param_from_file(const sn_param *, const float *file, float *memory);

#endif
