// Cells of CSV tables; see csv.h.
// Not here: numbers (printf and strtod do) and headers.
// Next: truth.c.
#include "io/files/csv.h"

#include <string.h>

const char *sn_csv_next(char **at, char **cell) {
    char *p = *at + strspn(*at, " \t"), *to;
    if (*p == '"') {
        *cell = to = ++p;
        while (*p && (*p != '"' || p[1] == '"')) {
            if (*p == '"') p++; // the first of two
            *to++ = *p++;
        }
        if (!*p) return "a double quote is not closed on its line";
        p++;
        p += strspn(p, " \t");
        if (*p && *p != ',') return "text after a closing double quote";
    } else {
        *cell = p;
        to = p += strcspn(p, ",");
        while (to > *cell && (to[-1] == ' ' || to[-1] == '\t')) to--;
    }
    *at = *p ? p + 1 : NULL;
    *to = 0;
    return NULL;
}

void sn_csv_text(FILE *out, const char *text) {
    size_t n = strlen(text);
    int spaced = n && (strchr(" \t", text[0]) || strchr(" \t", text[n - 1]));
    int quoted = spaced || (n && strchr("=+-@", text[0])) || text[strcspn(text, ",\"")];
    if (quoted) fputc('"', out);
    for (; *text; text++) {
        if (*text == '"') fputc('"', out);
        fputc((unsigned char)*text < 32 || *text == 127 ? '?' : *text, out);
    }
    if (quoted) fputc('"', out);
}
