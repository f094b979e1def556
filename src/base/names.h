// A table of names: finds the number of an item by its name. The items keep the names; the table keeps numbers only. Open
// addressing, at most half full. Next: names.c.
#ifndef SN_NAMES_H
#define SN_NAMES_H

#include "base/status.h"
#include <stdint.h>

// Starts zeroed; release with free(t->slot).
typedef struct {
    uint32_t *slot; // 1 + the item's number, 0 where free
    size_t slots;   // a power of 2
    size_t count;
} sn_names;

// The name of item i, borrowed while the table compares.
typedef const char *(*sn_name_of)(const void *items, size_t i);

// The item of this name, or -1.
ptrdiff_t sn_names_find(const sn_names *, const char *name, sn_name_of, const void *items);
// Makes room for one more, so that the next sn_names_add cannot fail.
sn_status sn_names_room(sn_names *, sn_name_of, const void *items);
// Adds the name of item number t->count, which the table does not hold yet.
void sn_names_add(sn_names *, const char *name);

#endif
