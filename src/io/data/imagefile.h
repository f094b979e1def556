// Decodes one JPEG (libjpeg-turbo) or PNG (libspng) file in memory to RGB. Told apart by their first bytes, not by name.
// Not here: sizes and channels wanted (picture.h).
// Next: decode_images.c.
#ifndef SN_IMAGEFILE_H
#define SN_IMAGEFILE_H

#include "io/data/picture.h"

#include <stddef.h>

// Reusable state; start from zero.
typedef struct {
    void *jpeg;      // tjhandle
    uint8_t *pixels; // of the last picture
    size_t room;
} sn_imagefile;

void sn_imagefile_free(sn_imagefile *);
// *out is RGB with 8 bits a channel, valid until the next call. Any PNG is read: palettes and grey levels become RGB, of 16 bits
// the high 8 are kept, transparency is dropped. JPEG: grey, YCbCr and RGB; CMYK is refused. Orientation tags are not obeyed.
// Warnings of the libraries are errors (SN_DATA): a picture is whole or refused.
sn_status sn_imagefile_decode(sn_imagefile *, const void *data, size_t n, sn_picture *out);

#endif
