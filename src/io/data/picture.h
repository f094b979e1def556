// One picture in memory: another number of channels, another size.
// Not here: JPEG and PNG (imagefile.h), random crops (augment.h).
// Next: cache.h.
#ifndef SN_PICTURE_H
#define SN_PICTURE_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const uint8_t *pixels; // (height, width, channels), or (channels, height, width) when planar; borrowed
    int channels, height, width;
    bool planar;
} sn_picture;

// How a picture of another shape comes to the wanted one.
typedef enum {
    SN_FIT_CROP,    // its largest centred part with the wanted ratio of sides is resized
    SN_FIT_STRETCH, // all of it is resized, each side by its own factor
    SN_FIT_FACTS    // in place of its pixels stand SN_FACTS bytes about it (1 channel, height 1): see sn_facts_read
} sn_fit;
extern const char *const sn_fit_words[]; // "crop", "stretch", "facts"

enum { SN_FACTS = 16 };
typedef struct {
    int channels, height, width;
    bool grey;     // one channel, or three that are equal everywhere
    uint64_t hash; // of shape and pixels: equal pictures have equal ones
} sn_facts;
void sn_facts_read(const uint8_t bytes[SN_FACTS], sn_facts *out);

// Writes out (height, width, channels). Grey becomes RGB by repetition, RGB becomes grey as 0.299 R + 0.587 G + 0.114 B (ITU-R
// BT.601, in 16-bit fixed point); other numbers of channels must be equal: else SN_DATA. Sizes change by a separable triangle
// filter, as wide as a pixel of the coarser side (bilinear with antialiasing), in 22-bit fixed point: the same bits everywhere.
sn_status sn_picture_fit(const sn_picture *from, sn_fit fit, int channels, int height, int width, uint8_t *out);

#endif
