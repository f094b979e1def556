// A list of blocks; see region.h.
// One allocation per piece: pieces are few or large here.
// Next: onnx.c.
#include "io/files/region.h"

#include "base/status.h"

#include <stdlib.h>
#include <string.h>

void *sn_region_new(sn_region *a, size_t n, size_t size) {
    if (sn_grow(&a->blocks, &a->capacity, a->n + 1, sizeof *a->blocks) != SN_OK) return NULL;
    void *p = sn_new(n, size);
    if (p) a->blocks[a->n++] = p;
    return p;
}

void *sn_region_copy(sn_region *a, const void *items, size_t n, size_t size) {
    void *p = sn_region_new(a, n, size);
    if (p && n) memcpy(p, items, n * size);
    return p;
}

char *sn_region_text(sn_region *a, const char *text) {
    return sn_region_copy(a, text, strlen(text) + 1, 1);
}

void sn_region_free(sn_region *a) {
    for (size_t i = 0; i < a->n; i++) free(a->blocks[i]);
    free(a->blocks);
    *a = (sn_region){0};
}
