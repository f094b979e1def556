// One value of a config: strict reading, ranges, defaults, comparison, printing; see config_table.h.
// Not here: which keys there are, relations between keys (config.c).
// Next: config.c.
#include "io/config/config_table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *field(const sn_key *key, sn_config *c) {
    return (char *)c + key->offset;
}

static const void *field_of(const sn_key *key, const sn_config *c) {
    return (const char *)c + key->offset;
}

static bool is_text(const sn_key *key) {
    return key->type == SN_KEY_NAME || key->type == SN_KEY_TEXT || key->type == SN_KEY_PATH;
}

// --- what is allowed

enum { UNITS = 5 };
static const char *const unit_names[UNITS] = {"B", "KiB", "MiB", "GiB", "TiB"};

// Bytes with the largest unit that divides them.
static sn_phrase size_text(int64_t bytes) {
    int unit = 0;
    while (unit + 1 < UNITS && bytes && bytes % 1024 == 0) bytes /= 1024, unit++;
    sn_phrase p;
    snprintf(p.text, sizeof p.text, "%lld%s", (long long)bytes, unit_names[unit]);
    return p;
}

sn_phrase sn_value_allowed(const sn_key *key) {
    sn_phrase p = {""};
    const char *words[SN_MAX_WORDS];
    switch (key->type) {
    case SN_KEY_INT:
    case SN_KEY_LONG:
        snprintf(p.text, sizeof p.text, "a whole number from %.0f to %.0f", key->low, key->high);
        break;
    case SN_KEY_NUMBER:
        snprintf(p.text, sizeof p.text, "a number from %.10g to %.10g", key->low, key->high);
        break;
    case SN_KEY_BOOL:
        snprintf(p.text, sizeof p.text, "true or false");
        break;
    case SN_KEY_SIZE:
        snprintf(p.text, sizeof p.text, "a size from %.40s to %.40s, such as 512MiB", size_text((int64_t)key->low).text,
                 size_text((int64_t)key->high).text);
        break;
    case SN_KEY_TEXT:
        snprintf(p.text, sizeof p.text, "a text");
        break;
    case SN_KEY_PATH:
        snprintf(p.text, sizeof p.text, "a path");
        break;
    case SN_KEY_TREE:
        snprintf(p.text, sizeof p.text, "see the language of spaces");
        break;
    case SN_KEY_WORD:
    case SN_KEY_NAME:
        sn_key_words(key, words);
        snprintf(p.text, sizeof p.text, "%s%.1000s", words[1] ? "one of " : "", sn_words_joined(words).text);
    }
    return p;
}

// --- scalars

static bool plain_scalar(const sn_yaml_node *n) {
    return n->kind == SN_YAML_SCALAR && !n->quoted;
}

// Digits without a leading zero; *end is behind them.
static bool digits(const char *p, const char **end) {
    size_t n = strspn(p, "0123456789");
    *end = p + n;
    return n == 1 || (n > 1 && *p != '0');
}

static bool integer(const char *text, int64_t *out) {
    const char *p = text + (*text == '-'), *end;
    if (!digits(p, &end) || *end) return false;
    errno = 0;
    long long v = strtoll(text, NULL, 10);
    *out = v;
    return !errno;
}

// The numbers of JSON: -12, 0.5, 3e-4. Not .5, 5., 010, 0x1, nan, inf.
static bool number(const char *text, double *out) {
    const char *p = text + (*text == '-');
    if (!digits(p, &p)) return false;
    if (*p == '.') {
        size_t n = strspn(++p, "0123456789");
        if (!n) return false;
        p += n;
    }
    if (*p == 'e' || *p == 'E') {
        p += p[1] == '-' || p[1] == '+' ? 2 : 1;
        size_t n = strspn(p, "0123456789");
        if (!n) return false;
        p += n;
    }
    if (*p) return false;
    errno = 0;
    *out = strtod(text, NULL);
    return !errno && isfinite(*out);
}

static bool size(const char *text, int64_t *out) {
    const char *unit;
    if (!digits(text, &unit)) return false;
    errno = 0;
    long long v = strtoll(text, NULL, 10);
    for (int i = 0; !errno && i < UNITS; i++) {
        int64_t factor = (int64_t)1 << 10 * i;
        if (!strcmp(unit, unit_names[i])) return !__builtin_mul_overflow((int64_t)v, factor, out);
    }
    return false;
}

static bool truth(const char *text, bool *out) {
    *out = !strcmp(text, "true");
    return *out || !strcmp(text, "false");
}

static int word_index(const char *text, const char *const *words) {
    for (int i = 0; words[i]; i++)
        if (!strcmp(words[i], text)) return i;
    return -1;
}

// --- parts for operations

int sn_read_int(const sn_yaml_node *n, const char *name, int low, int high, bool odd, sn_problems *problems) {
    int64_t v = 0;
    if (plain_scalar(n) && integer(n->text, &v) && v >= low && v <= high && (!odd || v % 2)) return (int)v;
    char found[SN_SHOWN + 2];
    sn_problem(problems, n->place, "%s: found %s; allowed is %s whole number from %d to %d", name, sn_yaml_found(n, found),
               odd ? "an odd" : "a", low, high);
    return -1;
}

int sn_read_bool(const sn_yaml_node *n, const char *name, sn_problems *problems) {
    bool v = false;
    if (plain_scalar(n) && truth(n->text, &v)) return v;
    char found[SN_SHOWN + 2];
    sn_problem(problems, n->place, "%s: found %s; allowed is true or false", name, sn_yaml_found(n, found));
    return -1;
}

int sn_read_word(const sn_yaml_node *n, const char *name, const char *const *words, sn_problems *problems) {
    int i = n->kind == SN_YAML_SCALAR ? word_index(n->text, words) : -1;
    if (i >= 0) return i;
    char found[SN_SHOWN + 2];
    sn_phrase hint = {""};
    if (n->kind == SN_YAML_SCALAR) hint = sn_words_hint(n->text, words);
    sn_problem(problems, n->place, "%s: found %s; allowed %s %s%s", name, sn_yaml_found(n, found),
               words[0] && words[1] ? "are" : "is", sn_words_joined(words).text, hint.text);
    return -1;
}

// --- by the table

static void read_text(const sn_key *key, const sn_yaml_node *n, char **out, sn_problems *problems) {
    char found[SN_SHOWN + 2], *text = NULL;
    bool given = n->kind == SN_YAML_SCALAR && (*n->text || n->quoted);
    if (!given || (!*n->text && (!key->preset || *key->preset))) {
        sn_problem(problems, n->place, "%s: found %s; allowed is %s", key->path, sn_yaml_found(n, found),
                   key->type == SN_KEY_PATH ? "a path" : "a text");
        return;
    }
    if (key->type == SN_KEY_PATH && *n->text)
        text = sn_path_absolute(n, problems);
    else if (!(text = sn_strdup(n->text)))
        problems->memory = true;
    if (!text) return;
    if (!sn_text_clean(text)) {
        sn_problem(problems, n->place, "%s: found %s; allowed is UTF-8 text without control characters", key->path,
                   sn_yaml_found(n, found));
        free(text);
        return;
    }
    free(*out);
    *out = text;
}

static bool read_number(const sn_key *key, const sn_yaml_node *n, void *out) {
    int64_t whole = 0;
    double v = 0;
    if (!plain_scalar(n)) return false;
    switch (key->type) {
    case SN_KEY_INT:
    case SN_KEY_LONG:
        if (!integer(n->text, &whole) || whole < (int64_t)key->low || whole > (int64_t)key->high) return false;
        if (key->type == SN_KEY_INT)
            *(int *)out = (int)whole;
        else
            *(int64_t *)out = whole;
        return true;
    case SN_KEY_SIZE:
        if (!size(n->text, &whole) || whole < (int64_t)key->low || whole > (int64_t)key->high) return false;
        *(int64_t *)out = whole;
        return true;
    case SN_KEY_NUMBER:
        if (!number(n->text, &v) || !(v >= key->low && v <= key->high)) return false;
        *(double *)out = v;
        return true;
    default:
        return truth(n->text, out);
    }
}

void sn_value_read(const sn_key *key, const sn_yaml_node *n, sn_config *c, sn_problems *problems) {
    char found[SN_SHOWN + 2];
    const char *words[SN_MAX_WORDS];
    void *out = field(key, c);
    int i;
    switch (key->type) {
    case SN_KEY_TREE:
        break;
    case SN_KEY_TEXT:
    case SN_KEY_PATH:
        read_text(key, n, out, problems);
        break;
    case SN_KEY_WORD:
    case SN_KEY_NAME:
        sn_key_words(key, words);
        i = sn_read_word(n, key->path, words, problems);
        if (i >= 0 && key->type == SN_KEY_NAME)
            read_text(key, n, out, problems);
        else if (i >= 0)
            *(int *)out = i;
        break;
    default:
        if (!read_number(key, n, out))
            sn_problem(problems, n->place, "%s: found %s; allowed is %s", key->path, sn_yaml_found(n, found),
                       sn_value_allowed(key).text);
    }
}

sn_status sn_value_copy(const sn_key *to, sn_config *dst, const sn_key *from, const sn_config *src) {
    void *out = field(to, dst);
    const void *in = field_of(from, src);
    switch (to->type) {
    case SN_KEY_TREE:
        break;
    case SN_KEY_INT:
    case SN_KEY_WORD:
        *(int *)out = *(const int *)in;
        break;
    case SN_KEY_LONG:
    case SN_KEY_SIZE:
        *(int64_t *)out = *(const int64_t *)in;
        break;
    case SN_KEY_NUMBER:
        *(double *)out = *(const double *)in;
        break;
    case SN_KEY_BOOL:
        *(bool *)out = *(const bool *)in;
        break;
    case SN_KEY_NAME:
    case SN_KEY_TEXT:
    case SN_KEY_PATH: {
        char *copy = sn_strdup(*(char *const *)in);
        if (!copy) return SN_RESOURCE;
        free(*(char **)out);
        *(char **)out = copy;
    }
    }
    return SN_OK;
}

sn_status sn_value_default(const sn_key *key, sn_config *c) {
    if (key->type == SN_KEY_TREE) return SN_OK;
    if (key->preset && *key->preset == '=') return sn_value_copy(key, c, &sn_keys[sn_key_find(key->preset + 1)], c);
    sn_problems problems = {0};
    sn_yaml_node node = {
        .kind = SN_YAML_SCALAR, .place = {"default", 0, 1}, .text = key->preset ? key->preset : "", .quoted = is_text(key)};
    if (key->preset) sn_value_read(key, &node, c, &problems);
    return sn_problems_report(&problems);
}

bool sn_value_equal(const sn_key *key, const sn_config *first, const sn_config *second) {
    const void *a = field_of(key, first), *b = field_of(key, second);
    switch (key->type) {
    case SN_KEY_TREE:
        return true;
    case SN_KEY_INT:
    case SN_KEY_WORD:
        return *(const int *)a == *(const int *)b;
    case SN_KEY_LONG:
    case SN_KEY_SIZE:
        return *(const int64_t *)a == *(const int64_t *)b;
    case SN_KEY_NUMBER:
        return *(const double *)a == *(const double *)b;
    case SN_KEY_BOOL:
        return *(const bool *)a == *(const bool *)b;
    default:
        return !strcmp(*(char *const *)a, *(char *const *)b);
    }
}

// --- printing

// The shortest text that reads back to the same double; with a point before an exponent, as YAML 1.1 wants it.
static void print_number(double v, FILE *out) {
    char text[40];
    for (int digits10 = 1; digits10 <= 17; digits10++) {
        snprintf(text, sizeof text, "%.*g", digits10, v);
        if (strtod(text, NULL) == v) break;
    }
    char *e = strchr(text, 'e');
    if (e && !strchr(text, '.'))
        fprintf(out, "%.*s.0%s", (int)(e - text), text, e);
    else
        fputs(text, out);
}

void sn_value_print(const sn_key *key, const sn_config *c, FILE *out) {
    const void *in = field_of(key, c);
    switch (key->type) {
    case SN_KEY_TREE:
        break;
    case SN_KEY_INT:
        fprintf(out, "%d", *(const int *)in);
        break;
    case SN_KEY_WORD:
        fputs(key->words[*(const int *)in], out);
        break;
    case SN_KEY_LONG:
        fprintf(out, "%lld", (long long)*(const int64_t *)in);
        break;
    case SN_KEY_SIZE:
        fputs(size_text(*(const int64_t *)in).text, out);
        break;
    case SN_KEY_NUMBER:
        print_number(*(const double *)in, out);
        break;
    case SN_KEY_BOOL:
        fputs(*(const bool *)in ? "true" : "false", out);
        break;
    default:
        sn_text_print(*(char *const *)in, out);
    }
}
