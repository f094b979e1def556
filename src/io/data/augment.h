// Augmentation and normalising: what is drawn for a sample in an epoch (a pure function), and its application to a picture.
// Not here: where pictures come from (dataset.h).
// Next: base/rng.h.
#ifndef SN_AUGMENT_H
#define SN_AUGMENT_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { SN_AUGMENT_CHANNELS = 16 }; // at most

typedef enum {
    SN_CROP_SHIFT,  // a part of the wanted size anywhere in the picture, widened by `padding` pixels on each side
    SN_CROP_RESIZED // a box of 0.08 to 1 of the area, sides 3:4 to 4:3, resized (GoogLeNet; Szegedy et al., CVPR 2015)
} sn_crop;

typedef struct { // what the config says
    sn_crop crop;
    int padding; // pixels, with SN_CROP_SHIFT; 0 and a picture of the wanted size: no crop
    bool black;  // is what is outside the picture; else it is 0 after normalising, which is the mean colour
    bool flip;   // left-right, with probability 1/2
    int cutout;  // side of the square set to 0 after normalising (DeVries & Taylor, arXiv:1708.04552); 0: none
} sn_augment_options;

typedef struct { // made by sn_augment_init; a plain value
    sn_augment_options options;
    int channels;
    int from_height, from_width;           // of the pictures that come in
    int height, width;                     // of what goes out
    float table[SN_AUGMENT_CHANNELS][256]; // (pixel/255 - mean) / std, rounded once
    float outside[SN_AUGMENT_CHANNELS];    // what stands there for what is outside the picture
} sn_augment;

typedef struct {
    int dy, dx;        // top left corner of the box in the picture; outside the picture it is black or the mean
    int height, width; // of the box; another size than the wanted one is resized (bilinear, from 4 pixels)
    bool flip;         // left-right, of the box
    int cut_y, cut_x;  // centre of the cutout square in what goes out: rows cut_y - side/2 to cut_y - side/2 + side - 1, clipped
} sn_draw;

// mean, std: (channels), of pixel/255; a std of 0 counts as 1. SN_CONFIG, naming the key: a padding or cutout that is negative
// or larger than the picture, a wanted size larger than the picture.
sn_status sn_augment_init(sn_augment *, const sn_augment_options *, int channels, int from_height, int from_width, int height,
                          int width, const double *mean, const double *std);
// The draw of a sample in an epoch. Crop, flip and cutout have sequences of their own: switching one on changes no other.
sn_draw sn_augment_draw(const sn_augment *, uint32_t seed, uint32_t epoch, uint32_t sample_id);
// picture (from_height, from_width, channels) -> out (height, width, channels), normalised. draw NULL: the centre, nothing else.
// The picture is cropped and flipped first, then normalised, then cut out.
void sn_augment_image(const sn_augment *, const sn_draw *draw, const uint8_t *picture, float *out);

#endif
