// UTF-8 as RFC 3629 defines it; see utf8.h.
// Not here: other encodings.
// Next: h5read.c.
#include "base/utf8.h"

#include <string.h>

int sn_utf8_char(const char *p, uint32_t *code) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *u = (const unsigned char *)p;
    int n = u[0] < 0x80 ? 1 : u[0] >= 0xC2 && u[0] < 0xE0 ? 2 : (u[0] & 0xF0) == 0xE0 ? 3 : u[0] >= 0xF0 && u[0] < 0xF5 ? 4 : 0;
    if (!n) return 0;
    uint32_t c = n == 1 ? u[0] : u[0] & (0x7Fu >> n);
    for (int i = 1; i < n; i++) {
        if ((u[i] & 0xC0) != 0x80) return 0; // also the final 0
        c = c << 6 | (u[i] & 0x3Fu);
    }
    *code = c;
    return c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000) ? 0 : n;
}

bool sn_utf8_valid(const char *text) {
    uint32_t code;
    for (int n; *text; text += n)
        if (!(n = sn_utf8_char(text, &code))) return false;
    return true;
}

static bool obeyed(uint32_t c) {
    return c < 32 || (c >= 127 && c < 160) || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

char *sn_utf8_printable(char *text, const char *keep) {
    char *to = text;
    uint32_t code;
    for (const char *from = text; *from;) {
        int n = sn_utf8_char(from, &code);
        if (n && (!obeyed(code) || (n == 1 && strchr(keep, *from)))) {
            memmove(to, from, (size_t)n);
            to += n;
        } else {
            *to++ = '?';
        }
        from += n ? n : 1;
    }
    *to = 0;
    return text;
}
