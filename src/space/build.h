// The builder: with these verbs operations (ops/) compose a graph out of primitives. Every verb returns a node id, or -1 with the
// message set, and passes an input of -1 or a name of NULL on as -1: a build function checks nothing.
// Not here: the graph as others read it (graph.h). Next: ops/mbconv.c as an example, build.c.
#ifndef SN_BUILD_H
#define SN_BUILD_H

#include "space/graph.h"

typedef struct {
    sn_graph *graph;
    char **name; // made by sn_build_name
    size_t n, capacity;
    // while an operation with lists is built: parameters of one name are one, nodes that are the same one node
    bool elastic;
    int since;      // its first node
    int side[16];   // of kernels that are made by matrices, ascending
    int sides;      // 0: none are
    const char *bn; // what names of batch normalisations end with; NULL: nothing
} sn_builder;

// printf into memory that lives as long as the builder, or NULL with the message set.
const char *sn_build_name(sn_builder *, const char *format, ...) __attribute__((format(printf, 2, 3)));
const sn_node *sn_build_node(const sn_builder *, int node);

int sn_build_conv(sn_builder *, int in, const char *name, int out, int kernel, int stride, int dilation,
                  int groups); // "same" padding
// A convolution with a bias and an activation: parameters name.weight, name.bias
int sn_build_conv_bias_act(sn_builder *, int in, const char *name, int out, int kernel, int stride, int act);
int sn_build_linear(sn_builder *, int in, const char *name, int out, bool bias); // on one pixel
int sn_build_pool(sn_builder *, int in, const char *name, int mode, int kernel, int stride);
int sn_build_mean(sn_builder *, int in, const char *name);
int sn_build_sum(sn_builder *, const int *in, int n, const char *name);
int sn_build_scale(sn_builder *, int in, int gain, const char *name); // each channel times that of the gain, one pixel
int sn_build_concat(sn_builder *, const int *in, int n, const char *name);
// `out` channels from `first` on, after the input's were shuffled in so many groups; of every stride-th pixel from `shift` on.
int sn_build_part(sn_builder *, int in, const char *name, int first, int out, int groups, int stride, int shift);
int sn_build_zero(sn_builder *, int in, const char *name, int out, int stride); // nothing, in the shape of a convolution's value
int sn_build_bn(sn_builder *, int in, const char *name);
int sn_build_act(sn_builder *, int in, const char *name, int act);
// conv, bn, act in one: parameters name.weight, name_bn.weight, name_bn.bias
int sn_build_conv_bn_act(sn_builder *, int in, const char *name, int out, int kernel, int stride, int dilation, int groups,
                         int act);

#endif
