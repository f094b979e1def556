// Memory that is released all at once.
// Not here: release of single pieces.
// Next: onnx.h, which keeps a model in one.
#ifndef SN_REGION_H
#define SN_REGION_H

#include <stddef.h>

// All zero = empty.
typedef struct {
    void **blocks;
    size_t n, capacity;
} sn_region;

// Zeroed memory for n items, or NULL with the message set; n = 0 gives a valid pointer.
void *sn_region_new(sn_region *a, size_t n, size_t size);
// A copy of n items of the given size, or of a text; NULL with the message set.
void *sn_region_copy(sn_region *a, const void *items, size_t n, size_t size);
char *sn_region_text(sn_region *a, const char *text);
void sn_region_free(sn_region *a);

#endif
