// A source as an opened cache: finds the cache file, or makes it in a child process.
// Not here: splits and statistics (dataset.h).
// Next: decode.h, cache.h.
#ifndef SN_SOURCE_H
#define SN_SOURCE_H

#include "io/data/cache.h"

#include <signal.h>

typedef struct {
    const char *source, *cache_dir; // cache_dir "" or NULL: $XDG_CACHE_HOME/supernet, else ~/.cache/supernet
    sn_cache_shape shape;
    size_t memory;
    const volatile sig_atomic_t *stop; // see child.h
} sn_data_source;

// What a cache of the source as it is now would be made of, in new memory: its key, which names the source first.
sn_status sn_data_source_key(const sn_data_source *, char **key);
// The folder of caches, in new memory. given: as cache_dir above.
sn_status sn_cache_folder(const char *given, char **out);
// Removes temporaries of the cache of this name (NULL: of any) that nobody has written to for an hour: their makers were killed.
// Returns how many.
int sn_cache_remove_stale(const char *folder, const char *name);
#define SN_CACHE_ENDING ".sncache"

// The cache is open, checked and loaded. One file for each source and shape; it is written under a temporary name and renamed,
// so that processes that make the same one at once do not disturb each other.
sn_status sn_data_source_open(const sn_data_source *, sn_cache **out);

#endif
