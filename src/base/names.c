// A table of names; see names.h.
#include "base/names.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

ptrdiff_t sn_names_find(const sn_names *t, const char *name, sn_name_of name_of, const void *items) {
    if (!t->slots) return -1;
    for (size_t i = sn_hash_name(name) & (t->slots - 1); t->slot[i]; i = (i + 1) & (t->slots - 1))
        if (!strcmp(name_of(items, t->slot[i] - 1), name)) return (ptrdiff_t)t->slot[i] - 1;
    return -1;
}

static void put(sn_names *t, const char *name, size_t number) {
    size_t i = sn_hash_name(name) & (t->slots - 1);
    while (t->slot[i]) i = (i + 1) & (t->slots - 1);
    t->slot[i] = (uint32_t)number + 1;
}

sn_status sn_names_room(sn_names *t, sn_name_of name_of, const void *items) {
    if (2 * (t->count + 1) <= t->slots) return SN_OK;
    sn_names wider = {.slots = t->slots ? 2 * t->slots : 64, .count = t->count};
    wider.slot = sn_new(wider.slots, sizeof *wider.slot);
    if (!wider.slot) return SN_RESOURCE;
    for (size_t i = 0; i < t->count; i++) put(&wider, name_of(items, i), i);
    free(t->slot);
    *t = wider;
    return SN_OK;
}

void sn_names_add(sn_names *t, const char *name) {
    put(t, name, t->count++);
}
