// The folder of caches as a whole: what lies there, what of it is of use, and removing. Only files that begin as a cache does and
// are named as one are looked at.
// Not here: opening a cache for training (source.h).
// Next: cachefolder.c.
#ifndef SN_CACHEFOLDER_H
#define SN_CACHEFOLDER_H

#include "io/data/cache.h"

#include <stdbool.h>
#include <time.h>

typedef enum {
    SN_CACHE_FITS,    // its source is as it was
    SN_CACHE_CHANGED, // or cannot be read any more
    SN_CACHE_GONE,    // there is no source
    SN_CACHE_DAMAGED  // or of another version
} sn_cache_state;
extern const char *const sn_cache_state_words[]; // "unchanged", "changed", ...; ended by NULL

typedef struct {
    char *path, *source; // source: "" of a damaged one
    uint64_t images, bytes;
    sn_cache_shape shape;
    time_t used; // when a program last opened it
    bool in_use; // by one that runs
    sn_cache_state state;
} sn_cache_entry;

typedef struct {
    char *folder;
    sn_cache_entry *entry; // by path
    size_t n, room;
} sn_cache_list;

// folder "" or NULL: where caches are by default. A folder that does not exist has none; SN_FAIL when it cannot be read. Zero
// *out first; free it in any case.
sn_status sn_cache_list_read(const char *folder, sn_cache_list *out);
void sn_cache_list_free(sn_cache_list *);
// *removed: false when a running program uses it, which then keeps it. SN_FAIL when it cannot be removed.
sn_status sn_cache_remove(const sn_cache_entry *, bool *removed);

#endif
