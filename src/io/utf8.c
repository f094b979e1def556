// UTF-8 as RFC 3629 defines it; see utf8.h.
// Not here: other encodings.
// Next: h5read.c.
#include "io/utf8.h"

#include <stdint.h>

bool sn_utf8_valid(const char *text) {
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        int more = *p < 0x80 ? 0 : *p >= 0xC2 && *p < 0xE0 ? 1 : (*p & 0xF0) == 0xE0 ? 2 : *p >= 0xF0 && *p < 0xF5 ? 3 : -1;
        if (more < 0) return false;
        uint32_t c = more ? *p & (0x3Fu >> more) : *p;
        p++;
        for (int i = 0; i < more; i++, p++) {
            if ((*p & 0xC0) != 0x80) return false; // also the final 0
            c = c << 6 | (*p & 0x3Fu);
        }
        if (c < least[more] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return false;
    }
    return true;
}
