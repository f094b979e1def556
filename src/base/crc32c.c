// CRC-32C by the SSE4.2 instruction where the processor has it, else by eight tables; see crc32c.h.
// The tables are made on the stack at each call (about 10 us): no global state.
// Next: h5file.c.
#include "base/crc32c.h"

#include <string.h>

// Eight bytes at a time: "slicing-by-8" (Kounavis and Berry, ISCC 2005).
uint32_t sn_crc32c_portable(uint32_t crc, const void *bytes, size_t n) {
    uint32_t table[8][256];
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) c = (c >> 1) ^ (c & 1 ? 0x82F63B78u : 0);
        table[0][i] = c;
    }
    for (int t = 1; t < 8; t++)
        for (int i = 0; i < 256; i++) table[t][i] = (table[t - 1][i] >> 8) ^ table[0][table[t - 1][i] & 255];
    const unsigned char *p = bytes;
    uint32_t c = ~crc;
    for (; n >= 8; n -= 8, p += 8) {
        uint32_t low = c ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
        c = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^ table[4][low >> 24] ^ table[3][p[4]] ^
            table[2][p[5]] ^ table[1][p[6]] ^ table[0][p[7]];
    }
    for (; n; n--) c = (c >> 8) ^ table[0][(c ^ *p++) & 255];
    return ~c;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const void *bytes, size_t n) {
    const unsigned char *p = bytes;
    unsigned long long c = ~crc;
    for (; n >= 8; n -= 8, p += 8) {
        unsigned long long word;
        memcpy(&word, p, 8);
        c = __builtin_ia32_crc32di(c, word);
    }
    uint32_t last = (uint32_t)c;
    for (; n; n--) last = __builtin_ia32_crc32qi(last, *p++);
    return ~last;
}
#endif

uint32_t sn_crc32c(uint32_t crc, const void *bytes, size_t n) {
#ifdef __x86_64__
    if (__builtin_cpu_supports("sse4.2")) return by_instruction(crc, bytes, n);
#endif
    return sn_crc32c_portable(crc, bytes, n);
}
