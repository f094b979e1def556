// Hashing by FNV-1a (Fowler, Noll, Vo): of bytes, 64 bits wide, and of names, 32 bits; and of whole numbers. Not for hostile
// input and no checksum (crc32c.h). Next: names.h.
#ifndef SN_HASH_H
#define SN_HASH_H

#include <stddef.h>
#include <stdint.h>

#define SN_HASH_START UINT64_C(0xcbf29ce484222325)

static inline uint64_t sn_hash_step(uint64_t h, uint64_t value) {
    return (h ^ value) * UINT64_C(0x100000001b3);
}

// Goes on from h, which is SN_HASH_START at first.
static inline uint64_t sn_hash_bytes(uint64_t h, const void *data, size_t n) {
    for (const unsigned char *p = data; n; n--, p++) h = sn_hash_step(h, *p);
    return h;
}

// Goes on from h by a whole number, all of whose bits count: splitmix64's finaliser over the running value.
static inline uint64_t sn_hash_mix(uint64_t h, uint64_t v) {
    h += v + UINT64_C(0x9e3779b97f4a7c15);
    h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
    return h ^ (h >> 31);
}

static inline uint32_t sn_hash_name(const char *name) {
    uint32_t h = 2166136261u;
    for (const unsigned char *p = (const unsigned char *)name; *p; p++) h = (h ^ *p) * 16777619u;
    return h;
}

#endif
