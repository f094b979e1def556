// First-fit placement in a growing address range: where plan.c puts tensors, gradients and workspace. Offsets only, no memory.
#ifndef SN_ARENA_H
#define SN_ARENA_H

#include "base/status.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int64_t offset, size;
} sn_hole;

typedef struct {
    sn_hole *hole; // free ranges below `end`, ascending, never adjacent
    int n;
    size_t capacity;
    int64_t end, peak; // first never-used element now, and its largest value
} sn_arena;

void sn_arena_reset(sn_arena *, int64_t reserved);
// Multiples of 16 elements. SN_RESOURCE when the list of holes cannot grow.
sn_status sn_arena_take(sn_arena *, int64_t size, int64_t *offset);
sn_status sn_arena_give(sn_arena *, int64_t offset, int64_t size);
void sn_arena_free(sn_arena *);

#endif
