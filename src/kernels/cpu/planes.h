// Padded planes in scratch: the part of an image, or of a gradient, that a band of rows reads, with zeros around the image.
// Not here: filling them (depthwise.h, dense.h).
// Next: depthwise.h.
#ifndef SN_CPU_PLANES_H
#define SN_CPU_PLANES_H

#include "kernels/cpu/view.h"

// (rows, width, depth); pixel (row, column) of the tensor is at (row - row0, column - column0).
typedef struct {
    float *data;
    int depth; // floats of a pixel
    int row0, rows, column0, width;
} planes;

INLINE int64_t plane_size(const planes *p) {
    return (int64_t)p->rows * p->width * p->depth;
}

// What the output rows row..row+rows-1 read of the input.
INLINE planes forward_planes(const sn_conv_size *s, float *data, int depth, int row, int rows) {
    int reach = (s->kernel - 1) * s->dilation + 1;
    return (planes){
        data, depth, row * s->stride - s->pad, (rows - 1) * s->stride + reach, -s->pad, (s->wo - 1) * s->stride + reach};
}

// The output that reads input coordinate i at tap k, rounded down; exact when the phase matches.
INLINE int output_of(const sn_conv_size *s, int i, int k) {
    int o = i + s->pad - k * s->dilation;
    return o >= 0 ? o / s->stride : -((-o + s->stride - 1) / s->stride);
}

// What the input rows row..row+rows-1 take part in.
INLINE planes data_planes(const sn_conv_size *s, float *data, int depth, int row, int rows) {
    int last = s->kernel - 1;
    planes p = {.data = data, .depth = depth, .row0 = output_of(s, row, last), .column0 = output_of(s, 0, last)};
    p.rows = output_of(s, row + rows - 1, 0) - p.row0 + 1;
    p.width = output_of(s, s->w - 1, 0) - p.column0 + 1;
    return p;
}

#endif
