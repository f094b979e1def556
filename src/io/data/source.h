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

// The cache is open, checked and loaded. One file for each source and shape; it is written under a temporary name and renamed,
// so that processes that make the same one at once do not disturb each other.
sn_status sn_data_source_open(const sn_data_source *, sn_cache **out);

#endif
