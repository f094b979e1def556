// Reads tables of known accuracies; see truth.h.
// Not here: notations of archs (space/notation.h).
// Next: truth.h.
#include "io/files/truth.h"
#include "base/names.h"
#include "io/files/atomic.h"
#include "io/files/csv.h"
#include "space/arch.h"

#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 256 << 20, SHOWN = 80 };

typedef struct {
    char *arch;
    double value;
    size_t line; // CSV: where it stands
} entry;

struct sn_truth {
    entry *entry;
    size_t count, room;
    sn_names names; // of the entries
};

void sn_truth_free(sn_truth *t) {
    if (!t) return;
    for (size_t i = 0; i < t->count; i++) free(t->entry[i].arch);
    free(t->entry);
    free(t->names.slot);
    free(t);
}

size_t sn_truth_count(const sn_truth *t) {
    return t->count;
}
const char *sn_truth_arch(const sn_truth *t, size_t i) {
    return t->entry[i].arch;
}
size_t sn_truth_line(const sn_truth *t, size_t i) {
    return t->entry[i].line;
}

static const char *name_of(const void *entries, size_t i) {
    return ((const entry *)entries)[i].arch;
}

int sn_truth_find(const sn_truth *t, const char *arch, double *value) {
    ptrdiff_t i = sn_names_find(&t->names, arch, name_of, t->entry);
    if (i >= 0) *value = t->entry[i].value;
    return i >= 0;
}

// Copy of text fit for a message: short, control characters replaced.
typedef struct {
    char text[SHOWN + 1];
} shown;

static shown show(const char *text) {
    shown s;
    size_t n = 0;
    for (; n < SHOWN && text[n]; n++) s.text[n] = (unsigned char)text[n] < 32 || text[n] == 127 ? '?' : text[n];
    s.text[n] = 0;
    return s;
}

// The first control character of a text; 0 if it has none. Tabs count as spaces.
static int control_character(const char *text) {
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if ((*p < 32 && *p != '\t') || *p == 127) return *p;
    return 0;
}

// --- filling the table

static sn_status add(sn_truth *t, const char *path, const char *arch, double value, size_t line) {
    ptrdiff_t known = sn_names_find(&t->names, arch, name_of, t->entry);
    if (known >= 0)
        return sn_error(SN_DATA, "%s:%zu: arch %s is given twice, first on line %zu", path, line, show(arch).text,
                        t->entry[known].line);
    SN_TRY(sn_grow(&t->entry, &t->room, t->count + 1, sizeof *t->entry));
    SN_TRY(sn_names_room(&t->names, name_of, t->entry));
    char *copy = sn_strdup(arch);
    if (!copy) return SN_RESOURCE;
    t->entry[t->count++] = (entry){copy, value, line};
    sn_names_add(&t->names, copy);
    return SN_OK;
}

// --- CSV

typedef struct {
    const char *path, *key;
    size_t line, cells, arch, value; // cells of the header; which column is which
} csv;

// The column as our own tables have it, as NAS-Bench-201 calls it, as our screens do.
static bool names_archs(const char *cell) {
    return !strcmp(cell, "arch") || !strcmp(cell, "arch_str") || !strcmp(cell, "architecture");
}

static sn_status read_header(csv *c, char *line) {
    shown header = show(line);
    size_t none = SIZE_MAX;
    c->arch = c->value = none;
    for (char *at = line, *cell; at; c->cells++) {
        const char *wrong = sn_csv_next(&at, &cell);
        if (wrong) return sn_error(SN_DATA, "%s:%zu: %s", c->path, c->line, wrong);
        if (names_archs(cell) && c->arch == none) c->arch = c->cells;
        if (!strcmp(cell, c->key)) c->value = c->cells;
    }
    if (c->arch == none || c->value == none)
        return sn_error(SN_DATA, "%s:%zu: no column '%s' in the header '%s': columns 'arch' and '%s' are needed", c->path,
                        c->line, c->arch == none ? "arch" : show(c->key).text, header.text, show(c->key).text);
    return SN_OK;
}

static sn_status read_number(const csv *c, const char *cell, double *value) {
    char *end;
    *value = strtod(cell, &end);
    if (!*cell || *end || cell[strspn(cell, "+-.0123456789eE")] || !isfinite(*value)) // strtod alone takes nan, inf, hexadecimal
        return sn_error(SN_DATA, "%s:%zu: '%s' in column '%s' is not a finite decimal number", c->path, c->line, show(cell).text,
                        show(c->key).text);
    return SN_OK;
}

static sn_status read_row(const csv *c, char *line, sn_truth *t) {
    const char *arch = "", *number = "";
    size_t n = 0;
    for (char *at = line, *cell; at; n++) {
        const char *wrong = sn_csv_next(&at, &cell);
        if (wrong) return sn_error(SN_DATA, "%s:%zu: %s", c->path, c->line, wrong);
        if (n == c->arch) arch = cell;
        if (n == c->value) number = cell;
    }
    if (n != c->cells)
        return sn_error(SN_DATA, "%s:%zu: %zu cells where the header has %zu (an arch that holds commas needs double quotes)",
                        c->path, c->line, n, c->cells);
    if (!*arch) return sn_error(SN_DATA, "%s:%zu: the arch is empty", c->path, c->line);
    double value;
    SN_TRY(read_number(c, number, &value));
    return add(t, c->path, arch, value, c->line);
}

static sn_status read_csv(const char *path, const char *key, char *text, sn_truth *t) {
    csv c = {.path = path, .key = key ? key : "accuracy"};
    int header = 1;
    for (char *line = text, *next; line; line = next) {
        size_t n = strcspn(line, "\n");
        next = line[n] ? line + n + 1 : NULL;
        if (n && line[n - 1] == '\r') n--;
        line[n] = 0;
        c.line++;
        int control = control_character(line);
        if (control) return sn_error(SN_DATA, "%s:%zu: control character 0x%02x", path, c.line, (unsigned)control);
        if (!line[strspn(line, " \t")]) continue;
        SN_TRY(header ? read_header(&c, line) : read_row(&c, line, t));
        header = 0;
    }
    return SN_OK;
}

// --- JSON

// What key leads to inside v; NULL when nothing. Borrowed.
static json_t *follow(json_t *v, const char *key) {
    while (v && key) {
        const char *dot = strchr(key, '.');
        size_t n = dot ? (size_t)(dot - key) : strlen(key);
        json_t *whole = json_object_get(v, key); // NULL for what is no object
        if (whole) return whole;
        if (json_is_array(v)) {
            char *end;
            unsigned long i = strtoul(key, &end, 10);
            v = *key >= '0' && *key <= '9' && end == key + n ? json_array_get(v, i) : NULL;
        } else {
            v = json_object_getn(v, key, n);
        }
        key = dot ? dot + 1 : NULL;
    }
    return v;
}

// "member, member, ..." of an object, or what else the value is.
static void describe(json_t *v, char *out, size_t room) {
    static const char *const name[] = {"an object", "a list", "a text", "a number", "a number", "true", "false", "null"};
    size_t used = 0;
    const char *member;
    json_t *value;
    snprintf(out, room, "%s", name[json_typeof(v)]);
    if (!json_is_object(v)) return;
    used = (size_t)snprintf(out, room, "an object of");
    json_object_foreach(v, member, value) {
        if (used < room) used += (size_t)snprintf(out + used, room - used, " %s", show(member).text);
    }
}

static sn_status read_member(const char *path, const char *key, const char *arch, json_t *value, sn_truth *t) {
    shown name = show(arch);
    if (!*arch || control_character(arch))
        return sn_error(SN_DATA, "%s: arch '%s' is empty or holds control characters", path, name.text);
    json_t *number = follow(value, key);
    if (json_is_number(number)) return add(t, path, arch, json_number_value(number), 0);
    char found[512];
    describe(value, found, sizeof found);
    if (key)
        return sn_error(SN_DATA, "%s: arch %s: key '%s' leads to no number; the value is %s", path, name.text, show(key).text,
                        found);
    return sn_error(SN_DATA, "%s: arch %s: the value is %s: a key that leads to a number is needed", path, name.text, found);
}

static sn_status read_json(const char *path, const char *key, const char *text, size_t bytes, sn_truth *t) {
    json_error_t at;
    json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &at), *value;
    if (!root) return sn_error(SN_DATA, "%s:%d:%d: %s", path, at.line, at.column, show(at.text).text);
    sn_status status = SN_OK;
    const char *arch;
    json_object_foreach(root, arch, value) {
        status = read_member(path, key, arch, value, t);
        if (status != SN_OK) break;
    }
    json_decref(root);
    return status;
}

// --- archs of a space

static void place_of(const entry *e, const char *path, char *out, size_t room) {
    if (e->line)
        snprintf(out, room, "%s:%zu", path, e->line);
    else
        snprintf(out, room, "%s", path);
}

static sn_status said_twice(const sn_truth *t, size_t first, size_t second, const char *path) {
    char place[300];
    place_of(&t->entry[second], path, place, sizeof place);
    if (t->entry[first].line)
        return sn_error(SN_DATA, "%s: arch %s is given twice, first on line %zu", place, show(t->entry[first].arch).text,
                        t->entry[first].line);
    return sn_error(SN_DATA, "%s: arch %s is given twice, in two notations", place, show(t->entry[first].arch).text);
}

sn_status sn_truth_match(sn_truth *t, const sn_space *space, const char *path, long *outside, char first[SN_TRUTH_TEXT]) {
    char text[SN_ARCH_TEXT], place[300];
    *outside = 0;
    for (size_t i = 0; i < t->count; i++) {
        sn_arch a;
        if (sn_arch_parse(space, t->entry[i].arch, &a) == SN_OK) {
            char *canonical = sn_strdup(sn_arch_text(space, &a, text));
            if (!canonical) return SN_RESOURCE;
            free(t->entry[i].arch);
            t->entry[i].arch = canonical;
        } else if (!(*outside)++) {
            place_of(&t->entry[i], path, place, sizeof place);
            snprintf(first, SN_TRUTH_TEXT, "%s: %s", place, sn_error_text());
        }
    }
    memset(t->names.slot, 0, t->names.slots * sizeof *t->names.slot);
    t->names.count = 0;
    for (size_t i = 0; i < t->count; i++) {
        ptrdiff_t known = sn_names_find(&t->names, t->entry[i].arch, name_of, t->entry);
        if (known >= 0) return said_twice(t, (size_t)known, i, path);
        sn_names_add(&t->names, t->entry[i].arch);
    }
    return SN_OK;
}

// --- the file

sn_status sn_truth_read(const char *path, const char *key, const volatile sig_atomic_t *stop, sn_truth **out) {
    char *data = NULL;
    size_t bytes = 0;
    SN_TRY(sn_input_read(path, MOST_BYTES, stop, &data, &bytes));
    sn_truth *t = sn_new(1, sizeof *t);
    sn_status status = t ? SN_OK : SN_RESOURCE;
    char *text = data + (strncmp(data, "\xef\xbb\xbf", 3) ? 0 : 3); // byte order mark
    bytes -= (size_t)(text - data);
    int json = text[strspn(text, " \t\r\n")] == '{';
    if (status == SN_OK && !json && strlen(text) != bytes)
        status = sn_error(SN_DATA, "%s: a zero byte in it: neither CSV nor JSON", path);
    if (status == SN_OK) status = json ? read_json(path, key, text, bytes, t) : read_csv(path, key, text, t);
    if (status == SN_OK && !t->count) status = sn_error(SN_DATA, "%s: no archs in it", path);
    if (status == SN_OK)
        *out = t;
    else
        sn_truth_free(t);
    free(data);
    return status;
}
