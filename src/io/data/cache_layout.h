// The header of a cache file, shared by its writer and its reader.
// Not here: anything for others; cache.h is the interface.
// Next: cache_write.c, cache.c.
#ifndef SN_CACHE_LAYOUT_H
#define SN_CACHE_LAYOUT_H

#include "io/data/cache.h"

#include <zlib.h>

enum { SN_CACHE_VERSION = 1, SN_CACHE_PAGE = 4096 }; // another version wherever decoding gives other pixels

#define SN_CACHE_MAGIC 0x31454843414e5373u // "sSNACHE1" in memory: also tells the byte order

// The key and the class names, each with its terminating zero, follow.
typedef struct {
    uint64_t magic;
    uint32_t version, header_crc; // CRC-32 of the whole header with this field 0
    uint64_t header_bytes;        // a multiple of SN_CACHE_PAGE
    uint64_t count[SN_PARTS];
    uint32_t classes, channels, height, width;
    uint32_t labels_crc, pixels_crc[SN_PARTS];
    uint32_t key_bytes, names_bytes;
} sn_cache_header;

_Static_assert(sizeof(sn_cache_header) == 88, "no padding in the file");

typedef struct {
    uint64_t images, image_bytes, labels_at, pixels_at, file_bytes;
} sn_cache_sizes;

static inline uint64_t sn_cache_page_up(uint64_t n) {
    return (n + SN_CACHE_PAGE - 1) / SN_CACHE_PAGE * SN_CACHE_PAGE;
}

// False when anything overflows or passes SN_MOST_DATA.
static inline bool sn_cache_measure(const sn_cache_header *h, sn_cache_sizes *s) {
    uint64_t most = (uint64_t)SN_MOST_DATA << 30, pixels;
    s->images = 0;
    for (int p = 0; p < SN_PARTS; p++)
        if (__builtin_add_overflow(s->images, h->count[p], &s->images)) return false;
    s->image_bytes = (uint64_t)h->channels * h->height * h->width;
    if (!s->image_bytes || s->images > INT32_MAX) return false;
    if (__builtin_mul_overflow(s->images, s->image_bytes, &pixels) || pixels > most) return false;
    s->labels_at = h->header_bytes;
    s->pixels_at = sn_cache_page_up(h->header_bytes + 4 * s->images);
    s->file_bytes = s->pixels_at + pixels;
    return true;
}

// CRC-32 of n bytes after crc, of any length.
static inline uint32_t sn_cache_crc(uint32_t crc, const void *data, uint64_t n) {
    return (uint32_t)crc32_z(crc, data, n);
}

// Of the shape, the counts and the labels, so that equal bytes of another shape are other data.
static inline uint32_t sn_cache_labels_crc(const sn_cache_header *h, const int32_t *labels, uint64_t images) {
    uint64_t facts[] = {h->count[0], h->count[1], h->count[2], h->classes, h->channels, h->height, h->width};
    return sn_cache_crc(sn_cache_crc(0, facts, sizeof facts), labels, 4 * images);
}

#endif
