// First-fit placement; see arena.h.
#include "supernet/engine/arena.h"
#include "base/round.h"

#include <stdlib.h>
#include <string.h>

void sn_arena_reset(sn_arena *p, int64_t reserved) {
    p->n = 0;
    p->end = p->peak = sn_aligned(reserved);
}

static void remove_hole(sn_arena *p, int i) {
    memmove(p->hole + i, p->hole + i + 1, (size_t)(p->n - i - 1) * sizeof *p->hole);
    p->n--;
}

sn_status sn_arena_take(sn_arena *p, int64_t size, int64_t *offset) {
    size = sn_aligned(size);
    for (int i = 0; i < p->n; i++) {
        sn_hole *h = &p->hole[i];
        if (h->size < size) continue;
        *offset = h->offset;
        h->offset += size;
        h->size -= size;
        if (!h->size) remove_hole(p, i);
        return SN_OK;
    }
    *offset = p->end;
    p->end += size;
    if (p->end > p->peak) p->peak = p->end;
    return SN_OK;
}

sn_status sn_arena_give(sn_arena *p, int64_t offset, int64_t size) {
    size = sn_aligned(size);
    if (!size) return SN_OK;
    int i = 0;
    while (i < p->n && p->hole[i].offset < offset) i++;
    bool joins_before = i > 0 && p->hole[i - 1].offset + p->hole[i - 1].size == offset;
    bool joins_after = i < p->n && offset + size == p->hole[i].offset;
    if (joins_before && joins_after) {
        p->hole[i - 1].size += size + p->hole[i].size;
        remove_hole(p, i);
    } else if (joins_before) {
        p->hole[i - 1].size += size;
    } else if (joins_after) {
        p->hole[i].offset = offset;
        p->hole[i].size += size;
    } else {
        SN_TRY(sn_grow(&p->hole, &p->capacity, (size_t)p->n + 1, sizeof *p->hole));
        memmove(p->hole + i + 1, p->hole + i, (size_t)(p->n - i) * sizeof *p->hole);
        p->hole[i] = (sn_hole){offset, size};
        p->n++;
    }
    sn_hole *last = p->n ? &p->hole[p->n - 1] : NULL;
    if (last && last->offset + last->size == p->end) { // the end moves back
        p->end = last->offset;
        p->n--;
    }
    return SN_OK;
}

void sn_arena_free(sn_arena *p) {
    free(p->hole);
    *p = (sn_arena){0};
}
