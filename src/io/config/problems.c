// Collects located mistakes and joins them to one message; see problems.h.
// Not here: printing.
// Next: yaml.c.
#include "io/config/problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 8000 }; // of the message that status.h keeps

void sn_problem(sn_problems *p, sn_place place, const char *format, ...) {
    if (p->n == SN_MAX_PROBLEMS) {
        p->more++;
        return;
    }
    char what[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    char *text = place.line ? sn_format("%s:%d:%d: %s", place.source, place.line, place.column, what)
                            : sn_format("%s: %s", place.source, what);
    if (!text) {
        p->memory = true;
        return;
    }
    p->text[p->n] = text;
    p->place[p->n++] = place;
}

void sn_problem_error(sn_problems *p, sn_place place, const char *prefix) {
    if (sn_error_code() == SN_RESOURCE)
        p->memory = true;
    else
        sn_problem(p, place, "%s%s", prefix, sn_error_text());
}

bool sn_problems_any(const sn_problems *p) {
    return p->n > 0 || p->memory;
}

static bool comes_after(const sn_problems *p, int i, int j) {
    const sn_place *a = &p->place[i], *b = &p->place[j];
    int order = strcmp(a->source, b->source);
    if (order) return order > 0;
    return a->line != b->line ? a->line > b->line : a->column > b->column;
}

// Insertion keeps the order of discovery where places are equal.
static void sort(sn_problems *p) {
    for (int i = 1; i < p->n; i++)
        for (int j = i; j > 0 && comes_after(p, j - 1, j); j--) {
            char *text = p->text[j];
            sn_place place = p->place[j];
            p->text[j] = p->text[j - 1], p->place[j] = p->place[j - 1];
            p->text[j - 1] = text, p->place[j - 1] = place;
        }
}

sn_status sn_problems_report(sn_problems *p) {
    char all[ROOM + 64] = "";
    size_t used = 0;
    int shown = 0;
    sort(p);
    for (; shown < p->n; shown++) {
        size_t n = strlen(p->text[shown]);
        if (shown && used + n + 1 > ROOM) break;
        used += (size_t)snprintf(all + used, ROOM - used, "%s%s", shown ? "\n" : "", p->text[shown]);
        if (used > ROOM - 1) used = ROOM - 1; // a single text longer than the room
    }
    int hidden = p->n - shown + p->more;
    if (hidden) snprintf(all + used, sizeof all - used, "\nand %d more", hidden);
    bool memory = p->memory, any = p->n > 0;
    for (int i = 0; i < p->n; i++) free(p->text[i]);
    *p = (sn_problems){0};
    if (memory) return sn_error(SN_RESOURCE, "out of memory while reading the config");
    return any ? sn_error(SN_CONFIG, "%s", all) : SN_OK;
}

const char *sn_show(const char *text, char out[SN_SHOWN]) {
    size_t n = strlen(text), cut = n;
    if (n >= SN_SHOWN) {
        cut = SN_SHOWN - 4;
        while (cut && ((unsigned char)text[cut] & 0xC0) == 0x80) cut--; // not inside a UTF-8 character
    }
    memcpy(out, text, cut);
    strcpy(out + cut, cut < n ? "..." : "");
    for (size_t i = 0; out[i]; i++)
        if ((unsigned char)out[i] < 32 || out[i] == 127) out[i] = '?';
    return out;
}
