// The table of notations, made from notations/notations.def, and texts of archs read by it; see notation.h.
#include "space/notation.h"

#include <stdlib.h>
#include <string.h>

#define X(name) extern const sn_notation sn_notation_##name;
#include "space/notations/notations.def"
#undef X

const sn_notation *const sn_notations[] = {
#define X(name) &sn_notation_##name,
#include "space/notations/notations.def"
#undef X
    NULL};

const char *const sn_notation_words[] = {
#define X(name) #name,
#include "space/notations/notations.def"
#undef X
    NULL};

static const sn_notation *find_by_look(const char *text) {
    for (int i = 0; sn_notations[i]; i++)
        if (sn_notations[i]->looks && sn_notations[i]->looks(text)) return sn_notations[i];
    return NULL;
}

const sn_notation *sn_notation_of(const sn_space *s, const char *text) {
    const sn_notation *n = find_by_look(text);
    return n ? n : s->digits ? &sn_notation_digits : &sn_notation_names;
}

// Absent where it does not exist, and only there.
static sn_status check_exists(const sn_space *s, const sn_arch *a, int i, const char *text) {
    const sn_decision *d = &s->decisions[i];
    if (sn_arch_has(s, a, i) == (a->option[i] != SN_ABSENT)) return SN_OK;
    if (d->parent < 0)
        return sn_error(SN_USAGE, "arch '%.200s': '-' at decision %s, which every arch of this space has", text, d->name);
    const char *parent = s->decisions[d->parent].name;
    if (a->option[i] == SN_ABSENT)
        return sn_error(SN_USAGE, "arch '%.200s': '-' at decision %s, which exists since %s is %s", text, d->name, parent,
                        sn_space_option_name(s, d->parent, a->option[d->parent]));
    char options[1024] = "";
    for (int k = 0; k < s->decisions[d->parent].options; k++) {
        size_t used = strlen(options);
        if (!sn_decision_within(d, k)) continue;
        snprintf(options + used, sizeof options - used, "%s%s", used ? " or " : "", sn_space_option_name(s, d->parent, k));
    }
    return sn_error(SN_USAGE, "arch '%.200s': found '%s' at decision %s, which exists only where %s is %s; allowed is '-'", text,
                    sn_space_option_name(s, i, a->option[i]), d->name, parent, options);
}

sn_status sn_arch_parse(const sn_space *s, const char *text, sn_arch *out) {
    sn_arch a = {.n = s->n_decisions};
    SN_TRY(sn_notation_of(s, text)->read(s, text, &a));
    for (int i = 0; i < a.n; i++) SN_TRY(check_exists(s, &a, i, text));
    *out = a;
    return SN_OK;
}

char *sn_notation_text(const sn_notation *n, const sn_space *s, const sn_arch *a) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    sn_status status = out ? n->write(s, a, out) : SN_RESOURCE;
    if ((!out || fclose(out)) && status == SN_OK) status = SN_RESOURCE;
    if (status == SN_RESOURCE) sn_error(status, "out of memory for the text of an arch");
    if (status == SN_OK) return text;
    free(text);
    return NULL;
}

// ---------------------------------------------------------------- several texts
// The first mark of a line that is a comment, or its end; *depth: brackets open.
static const char *scan_line(const char *p, int *depth) {
    char quote = 0;
    for (; *p && *p != '\n'; p++) {
        if (quote) {
            if (*p == quote) quote = 0;
        } else if (*p == '\'' || *p == '"') {
            quote = *p;
        } else if (*p == '#') {
            break;
        } else {
            *depth += (*p == '(' || *p == '[' || *p == '{') - (*p == ')' || *p == ']' || *p == '}');
        }
    }
    return p;
}

static const char *next_line(const char *p) {
    p += strcspn(p, "\n");
    return *p ? p + 1 : p;
}

const char *sn_notation_end(const char *begin, const char **text) {
    int depth = 0;
    const sn_notation *n = find_by_look(begin);
    const char *p = begin;
    if (n && n->document) {
        while (*p && strncmp(p, "---", 3)) p = next_line(p);
        *text = p;
        return next_line(p);
    }
    p = scan_line(begin, &depth);
    while (depth > 0 && *p) p = scan_line(next_line(p), &depth);
    *text = p;
    return next_line(p);
}
