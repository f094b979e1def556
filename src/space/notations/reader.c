// Reading texts of archs; see reader.h.
#include "space/notations/reader.h"

#include <stdarg.h>
#include <string.h>

static const char blanks[] = " \t\r\n";

bool sn_word_is(sn_word w, const char *text) {
    return !strncmp(text, w.at, w.n) && !text[w.n];
}

void sn_reader_blanks(sn_reader *r) {
    r->at += strspn(r->at, blanks);
}

bool sn_reader_mark(sn_reader *r, const char *mark) {
    size_t n = strlen(mark);
    sn_reader_blanks(r);
    if (strncmp(r->at, mark, n)) return false;
    r->at += n;
    return true;
}

sn_status sn_reader_needed(sn_reader *r, const char *mark, const char *what) {
    return sn_reader_mark(r, mark) ? SN_OK : sn_reader_found(r, r->at, "%s", what);
}

static size_t word_length(const char *at) {
    return strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
}

sn_word sn_reader_word(sn_reader *r) {
    sn_reader_blanks(r);
    sn_word w = {r->at, word_length(r->at)};
    r->at += w.n;
    return w;
}

sn_status sn_reader_quoted(sn_reader *r, const char *what, sn_word *out) {
    sn_reader_blanks(r);
    const char quote = *r->at;
    sn_word w = {r->at + 1, 0};
    if (quote == '\'' || quote == '"') w.n = word_length(w.at);
    if (!w.n || w.at[w.n] != quote) return sn_reader_found(r, r->at, "%s", what);
    r->at = w.at + w.n + 1;
    *out = w;
    return SN_OK;
}

sn_status sn_reader_number(sn_reader *r, const char *what, int *out) {
    sn_reader_blanks(r);
    size_t n = strspn(r->at, "0123456789");
    if (!n || n > 6) return sn_reader_found(r, r->at, "%s", what);
    *out = 0;
    for (; n; n--) *out = *out * 10 + (*r->at++ - '0');
    return SN_OK;
}

sn_status sn_reader_end(sn_reader *r) {
    sn_reader_blanks(r);
    return *r->at ? sn_reader_found(r, r->at, "the end of the text") : SN_OK;
}

// ---------------------------------------------------------------- what is said
// The first n bytes on one line, as archs are written: in ASCII.
static const char *shown(const char *text, size_t n, char *out, size_t room) {
    size_t k = 0;
    for (; k < n && text[k] && k + 1 < room; k++) {
        unsigned char c = (unsigned char)text[k];
        out[k] = c < 32 ? ' ' : c > 126 ? '?' : text[k];
    }
    out[k] = 0;
    return out;
}

static sn_status wrong(const sn_reader *r, const char *at, const char *what) {
    char text[201], line[32] = "";
    int lines = 1;
    const char *begin = r->text;
    for (const char *p = r->text; p < at; p++)
        if (*p == '\n') begin = p + 1, lines++;
    if (strchr(r->text, '\n')) snprintf(line, sizeof line, "line %d, ", lines);
    return sn_error(SN_USAGE, "arch '%s', %scolumn %zu%s", shown(r->text, strlen(r->text), text, sizeof text), line,
                    (size_t)(at - begin) + 1, what);
}

sn_status sn_reader_wrong(const sn_reader *r, const char *at, const char *format, ...) {
    char what[2048] = ": ";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what + 2, sizeof what - 2, format, arguments);
    va_end(arguments);
    return wrong(r, at, what);
}

sn_status sn_reader_found(const sn_reader *r, const char *at, const char *format, ...) {
    char allowed[1024], found[32];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(allowed, sizeof allowed, format, arguments);
    va_end(arguments);
    if (!*at) return sn_reader_wrong(r, at, "found the end; allowed is %s", allowed);
    size_t n = word_length(at);
    return sn_reader_wrong(r, at, "found '%s'; allowed is %s", shown(at, n ? n : 1, found, sizeof found), allowed);
}

// ---------------------------------------------------------------- options
int sn_option_named(const sn_space *s, int decision, sn_word w) {
    for (int k = 0; k < s->decisions[decision].options; k++)
        if (sn_decision_allows(&s->decisions[decision], k) && sn_word_is(w, sn_space_option_name(s, decision, k))) return k;
    return -1;
}

// Name of the nth allowed option, or NULL after the last: a list for sn_nearest.
typedef struct {
    const sn_space *space;
    int decision;
} option_list;

static const char *option_word(const void *list, int nth) {
    const option_list *l = list;
    int option = sn_decision_option(&l->space->decisions[l->decision], nth);
    return option < 0 ? NULL : sn_space_option_name(l->space, l->decision, option);
}

sn_status sn_option_refused(const sn_reader *r, int decision, sn_word w, bool numbers) {
    char allowed[1024] = "", word[61], what[1400];
    const sn_decision *d = &r->space->decisions[decision];
    option_list list = {r->space, decision};
    for (int n = 0, k; (k = sn_decision_option(d, n)) >= 0; n++) {
        size_t used = strlen(allowed);
        if (numbers)
            snprintf(allowed + used, sizeof allowed - used, "%s%d", n ? ", " : "", k);
        else
            snprintf(allowed + used, sizeof allowed - used, "%s%s", n ? ", " : "", option_word(&list, n));
    }
    const char *near = numbers ? NULL : sn_nearest(shown(w.at, w.n, word, sizeof word), option_word, &list);
    snprintf(what, sizeof what, " (%s): found '%s'; allowed are %s%s%s%s", d->name, shown(w.at, w.n, word, sizeof word), allowed,
             near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return wrong(r, w.at, what);
}
