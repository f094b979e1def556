// 16-bit floating point (IEEE 754 binary16) as it is stored: 11 bits of precision, 6e-8 to 65504.
// Not here: arithmetic; it is for keeping many numbers that need no more.
#ifndef SN_HALF_H
#define SN_HALF_H

#include <stdint.h>
#include <string.h>

enum { SN_HALF_NAN = 0x7E00 };

// To nearest, ties to even; beyond 65520 infinity; NaN stays NaN.
static inline uint16_t sn_half_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000, size = bits & 0x7FFFFFFF;
    if (size > 0x7F800000) return (uint16_t)(sign | SN_HALF_NAN);
    if (size >= 0x477FF000) return (uint16_t)(sign | 0x7C00);
    if (size < 0x33000000) return (uint16_t)sign; // below half the smallest
    int shift = 13;
    if (size < 0x38800000) { // a multiple of 2^-24
        shift = 126 - (int)(size >> 23);
        size = (size & 0x7FFFFF) | 0x800000;
    } else {
        size -= 0x38000000; // exponents begin at 15 in place of 127
    }
    uint32_t half = size >> shift, rest = size & ((1u << shift) - 1), middle = 1u << (shift - 1);
    half += rest > middle || (rest == middle && (half & 1));
    return (uint16_t)(sign | half);
}

static inline float sn_half_value(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, size = h & 0x7FFF;
    float x;
    if (size < 0x400) {
        x = (float)size * 0x1p-24f;
    } else {
        uint32_t bits = (size << 13) + (size < 0x7C00 ? 0x38000000 : 0x70000000);
        memcpy(&x, &bits, sizeof x);
    }
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits |= sign;
    memcpy(&x, &bits, sizeof x);
    return x;
}

#endif
