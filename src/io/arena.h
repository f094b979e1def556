// Memory that is released all at once.
// Not here: release of single pieces.
// Next: onnx.h, which keeps a model in one.
#ifndef SN_ARENA_H
#define SN_ARENA_H

#include <stddef.h>

// All zero = empty.
typedef struct {
    void **blocks;
    size_t n, capacity;
} sn_arena;

// Zeroed memory for n items, or NULL with the message set; n = 0 gives a valid pointer.
void *sn_arena_new(sn_arena *a, size_t n, size_t size);
// A copy of n items of the given size, or of a text; NULL with the message set.
void *sn_arena_copy(sn_arena *a, const void *items, size_t n, size_t size);
char *sn_arena_text(sn_arena *a, const char *text);
void sn_arena_free(sn_arena *a);

#endif
