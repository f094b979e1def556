// A list of blocks; see arena.h.
// One allocation per piece: pieces are few or large here.
// Next: onnx.c.
#include "io/arena.h"

#include "supernet/status.h"

#include <stdlib.h>
#include <string.h>

void *sn_arena_new(sn_arena *a, size_t n, size_t size) {
    if (sn_grow(&a->blocks, &a->capacity, a->n + 1, sizeof *a->blocks) != SN_OK) return NULL;
    void *p = sn_new(n, size);
    if (p) a->blocks[a->n++] = p;
    return p;
}

void *sn_arena_copy(sn_arena *a, const void *items, size_t n, size_t size) {
    void *p = sn_arena_new(a, n, size);
    if (p && n) memcpy(p, items, n * size);
    return p;
}

char *sn_arena_text(sn_arena *a, const char *text) {
    return sn_arena_copy(a, text, strlen(text) + 1, 1);
}

void sn_arena_free(sn_arena *a) {
    for (size_t i = 0; i < a->n; i++) free(a->blocks[i]);
    free(a->blocks);
    *a = (sn_arena){0};
}
