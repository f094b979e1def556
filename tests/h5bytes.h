// The bytes of our HDF5 files, changed on purpose: any place, or the fields of structures, always under a right checksum.
// Not here: what must come of it (test_h5file.c, test_checkpoint.c, test_rankstore.c, tests/fuzz).
// Next: test_checkpoint.c.
#ifndef SN_TEST_H5BYTES_H
#define SN_TEST_H5BYTES_H

#include "base/crc32c.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { H5_HEADER = 512 };

// Makes our header right for n bytes of which those after it may have changed; n >= H5_HEADER.
static inline void h5_seal(unsigned char *p, size_t n) {
    uint32_t version = 1, crc = sn_crc32c(0, p + H5_HEADER, n - H5_HEADER);
    uint64_t length = n;
    memset(p, 0, H5_HEADER);
    memcpy(p, "SNH5", 4);
    memcpy(p + 4, &version, 4);
    memcpy(p + 8, &length, 8);
    memcpy(p + 16, &crc, 4);
    crc = sn_crc32c(0, p, H5_HEADER);
    memcpy(p + 20, &crc, 4);
}

static inline uint64_t h5_random(uint64_t *state) { // xorshift64*
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545F4914F6CDD1DULL;
}

// The place of the k-th structure (modulo how many there are): superblock, tree, symbol node, heap of names, heap of texts.
static inline size_t h5_structure(const unsigned char *p, size_t n, uint64_t k) {
    static const char *const names[] = {"\x89HDF", "TREE", "SNOD", "HEAP", "GCOL"};
    const unsigned char *at = p + k % n, *end = p + n;
    for (const unsigned char *q = at; q + 4 <= end; q++)
        for (int i = 0; i < 5; i++)
            if (!memcmp(q, names[i], 4)) return (size_t)(q - p);
    return H5_HEADER;
}

// A value that hurts somewhere: ends, signs, sizes of the file, places of structures, anything.
static inline uint64_t h5_value(const unsigned char *p, size_t n, uint64_t *random) {
    const uint64_t r = h5_random(random);
    switch (r % 12) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return n - H5_HEADER;
    case 3:
        return UINT64_MAX - (r >> 56);
    case 4:
        return n - (r >> 56);
    case 5:
        return UINT64_C(1) << (r >> 58);
    case 6:
    case 7:
        return h5_structure(p, n, r >> 8) - H5_HEADER;
    case 8:
        return (r >> 8) % n;
    case 9:
        return r;
    default:
        return r >> 58;
    }
}

// One random change behind the header: near a structure half of the time. The checksum is left wrong.
static inline void h5_change(unsigned char *p, size_t n, uint64_t *random) {
    if (n <= H5_HEADER + 16) return;
    uint64_t r = h5_random(random), value = h5_value(p, n, random);
    size_t at = H5_HEADER + (size_t)((r >> 16) % (n - H5_HEADER)), width = (size_t)1 << (r >> 2) % 4;
    if (r & 1) at = h5_structure(p, n, r >> 16) + (size_t)((r >> 8) % 80);
    if (r & 2) at &= ~(size_t)7;
    if (at < H5_HEADER || at + width > n) return;
    if (r % 11 == 0) { // a piece of another place
        size_t from = H5_HEADER + (size_t)(value % (n - H5_HEADER)), length = (size_t)8 << (r >> 4) % 4;
        if (from + length <= n && at + length <= n) memmove(p + at, p + from, length);
    } else {
        memcpy(p + at, &value, width);
    }
}

// Sets the size (byte 8) of the k-th heap of names or texts to 2^64 - 1. False: there are no more.
static inline int h5_spoil_heap(unsigned char *p, size_t n, int k) {
    for (size_t at = H5_HEADER; at + 16 <= n; at++)
        if ((!memcmp(p + at, "HEAP", 4) || !memcmp(p + at, "GCOL", 4)) && !k--) {
            memset(p + at + 8, 255, 8);
            return 1;
        }
    return 0;
}

// A copy with one to three changes and a right checksum.
static inline void h5_changed_copy(unsigned char *to, const unsigned char *from, size_t n, uint64_t *random) {
    memcpy(to, from, n);
    for (uint64_t k = h5_random(random) % 3 + 1; k--;) h5_change(to, n, random);
    h5_seal(to, n);
}

// How many of them a test tries: 500, or as SN_CHANGES says.
static inline long h5_changes(void) {
    const char *more = getenv("SN_CHANGES");
    return more ? atol(more) : 500;
}

#endif
