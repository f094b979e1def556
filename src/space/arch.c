// Archs: text, order, enumeration, nearest words; see arch.h. Other tools' notations are io/'s business.
#include "space/arch.h"
#include "base/hash.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *sn_arch_text(const sn_space *s, const sn_arch *a, char *out) {
    size_t used = 0;
    out[0] = 0;
    for (int i = 0; i < a->n; i++) {
        const char *name = a->option[i] == SN_ABSENT ? "-" : sn_space_option_name(s, i, a->option[i]);
        char digit[2] = {(char)('0' + a->option[i] % 10), 0};
        if (s->digits && a->option[i] != SN_ABSENT) name = digit;
        int n = snprintf(out + used, SN_ARCH_TEXT - used, "%s%s", i && !s->digits ? "," : "", name);
        if (n < 0 || (size_t)n >= SN_ARCH_TEXT - used) break;
        used += (size_t)n;
    }
    return out;
}

// ---------------------------------------------------------------- reading
// Name of the nth allowed option, or NULL after the last: a list for sn_nearest and for messages.
typedef struct {
    const sn_space *space;
    int decision;
} option_list;

static const char *option_word(const void *list, int nth) {
    static const char *const digits[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    const option_list *l = list;
    int option = sn_decision_option(&l->space->decisions[l->decision], nth);
    if (option < 0) return NULL;
    return l->space->digits ? digits[option % 10] : sn_space_option_name(l->space, l->decision, option);
}

static sn_status bad_option(const sn_space *s, int decision, const char *text, const char *word, size_t position) {
    char allowed[1024] = "";
    size_t used = 0;
    option_list list = {s, decision};
    const char *name;
    for (int k = 0; (name = option_word(&list, k)) && used < sizeof allowed; k++) {
        int n = snprintf(allowed + used, sizeof allowed - used, "%s%s", k ? ", " : "", name);
        used += n > 0 ? (size_t)n : 0;
    }
    const char *near = s->digits ? NULL : sn_nearest(word, option_word, &list);
    return sn_error(SN_USAGE, "arch '%.200s', column %zu (%s): found '%.60s'; allowed are %s%s%s%s", text, position + 1,
                    s->decisions[decision].name, word, allowed, near ? "; did you mean '" : "", near ? near : "",
                    near ? "'?" : "");
}

static sn_status parse_digits(const sn_space *s, const char *text, sn_arch *out) {
    size_t n = strlen(text);
    for (int i = 0; i < s->n_decisions; i++) {
        if ((size_t)i >= n)
            return sn_error(SN_USAGE, "arch '%s' ends after %zu digits; this space needs %d", text, n, s->n_decisions);
        int v = text[i] == '-' ? SN_ABSENT : text[i] - '0';
        char found[2] = {isprint((unsigned char)text[i]) ? text[i] : '?', 0};
        if (v != SN_ABSENT && !sn_decision_allows(&s->decisions[i], v)) return bad_option(s, i, text, found, (size_t)i);
        out->option[i] = (uint8_t)v;
    }
    if (n > (size_t)s->n_decisions)
        return sn_error(SN_USAGE, "arch '%s' has %zu digits; this space has %d decisions", text, n, s->n_decisions);
    return SN_OK;
}

static bool same_word(const char *name, const char *word, size_t n) {
    return !strncmp(name, word, n) && !name[n];
}

static sn_status parse_names(const sn_space *s, const char *text, sn_arch *out) {
    const char *p = text;
    for (int i = 0; i < s->n_decisions; i++) {
        const sn_decision *d = &s->decisions[i];
        p += strspn(p, " ");
        size_t n = strcspn(p, ", ");
        int found = same_word("-", p, n) ? SN_ABSENT : -1;
        for (int k = 0; k < d->options && found < 0; k++)
            if (sn_decision_allows(d, k) && same_word(sn_space_option_name(s, i, k), p, n)) found = k;
        if (found < 0) {
            char word[128];
            snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1), p);
            return bad_option(s, i, text, word, (size_t)(p - text));
        }
        out->option[i] = (uint8_t)found;
        p += n;
        p += strspn(p, " ");
        if (i + 1 < s->n_decisions) {
            if (*p != ',')
                return sn_error(SN_USAGE, "arch '%.200s' ends after %d options; this space has %d decisions (next: %s)", text,
                                i + 1, s->n_decisions, s->decisions[i + 1].name);
            p++;
        }
    }
    if (*p)
        return sn_error(SN_USAGE, "arch '%.200s', column %zu: more options than the %d decisions of this space", text,
                        (size_t)(p - text) + 1, s->n_decisions);
    return SN_OK;
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
    SN_TRY(s->digits ? parse_digits(s, text, &a) : parse_names(s, text, &a));
    for (int i = 0; i < a.n; i++) SN_TRY(check_exists(s, &a, i, text));
    *out = a;
    return SN_OK;
}

// ---------------------------------------------------------------- drawing, order
bool sn_arch_has(const sn_space *s, const sn_arch *a, int decision) {
    const sn_decision *d = &s->decisions[decision];
    return d->parent < 0 || sn_decision_within(d, a->option[d->parent]);
}

// From decision `first` on.
static void settle(const sn_space *s, sn_arch *a, int first) {
    for (int i = first; i < a->n; i++)
        if (!sn_arch_has(s, a, i))
            a->option[i] = SN_ABSENT;
        else if (a->option[i] == SN_ABSENT)
            a->option[i] = (uint8_t)sn_decision_option(&s->decisions[i], 0);
}

void sn_arch_settle(const sn_space *s, sn_arch *a) {
    settle(s, a, 0);
}

// An option of a decision, each as likely as it has archs.
static uint8_t any_option(const sn_space *s, sn_rng *r, int decision) {
    const sn_decision *d = &s->decisions[decision];
    int count = sn_decision_count(d), n = 0;
    if (!sn_space_nests(s)) return (uint8_t)sn_decision_option(d, (int)sn_rng_below(r, (uint32_t)count));
    double all = 0;
    for (int i = 0; i < count; i++) all += sn_space_archs_with(s, decision, sn_decision_option(d, i));
    double at = sn_rng_unit(r) * all;
    while (n < count - 1 && (at -= sn_space_archs_with(s, decision, sn_decision_option(d, n))) >= 0) n++;
    return (uint8_t)sn_decision_option(d, n);
}

sn_arch sn_arch_random(const sn_space *s, sn_rng *r) {
    sn_arch a = {.n = s->n_decisions};
    for (int i = 0; i < a.n; i++) a.option[i] = sn_arch_has(s, &a, i) ? any_option(s, r, i) : SN_ABSENT;
    return a;
}

sn_arch sn_arch_first(const sn_space *s) {
    sn_arch a = {.n = s->n_decisions};
    memset(a.option, SN_ABSENT, (size_t)a.n);
    settle(s, &a, 0);
    return a;
}

// What stands behind a decision in order depends on those before it alone: a decision stands behind its parent.
bool sn_arch_next(const sn_space *s, sn_arch *a) {
    for (int i = a->n - 1; i >= 0; i--) {
        const sn_decision *d = &s->decisions[i];
        if (a->option[i] == SN_ABSENT) continue;
        do a->option[i]++;
        while (a->option[i] < d->options && !sn_decision_allows(d, a->option[i]));
        if (a->option[i] == d->options) continue;
        memset(a->option + i + 1, SN_ABSENT, (size_t)(a->n - i - 1));
        settle(s, a, i + 1);
        return true;
    }
    *a = sn_arch_first(s);
    return false;
}

static int by_order(const void *a, const void *b) {
    return sn_arch_compare(a, b);
}

// They are found in a table of their numbers + 1, 0 where free: open addressing, at most half full.
sn_status sn_arch_draw_different(void *arg, bool (*draw)(void *arg, sn_arch *), long n, sn_arch *out) {
    enum { MOST_IN_VAIN = 1 << 22 };
    size_t slots = 64;
    while (slots < 2 * (size_t)n) slots *= 2;
    uint32_t *slot = sn_new(slots, sizeof *slot);
    if (!slot) return SN_RESOURCE;
    long have = 0, in_vain = 0;
    while (have < n && in_vain < MOST_IN_VAIN) {
        sn_arch a;
        in_vain++;
        if (!draw(arg, &a)) continue;
        size_t i = sn_hash_bytes(SN_HASH_START, a.option, (size_t)a.n) & (slots - 1);
        while (slot[i] && !sn_arch_equal(&out[slot[i] - 1], &a)) i = (i + 1) & (slots - 1);
        if (slot[i]) continue;
        out[have] = a;
        slot[i] = (uint32_t)++have;
        in_vain = 0;
    }
    free(slot);
    if (have < n) return sn_error(SN_RESOURCE, "only %ld of %ld architectures were found among very many drawn", have, n);
    qsort(out, (size_t)n, sizeof *out, by_order);
    return SN_OK;
}

typedef struct {
    const sn_space *space;
    sn_rng *rng;
} source;

static bool draw_any(void *arg, sn_arch *out) {
    const source *from = arg;
    *out = sn_arch_random(from->space, from->rng);
    return true;
}

static sn_status draw_different(const sn_space *s, sn_rng *r, long n, sn_arch *out) {
    return sn_arch_draw_different(&(source){s, r}, draw_any, n, out);
}

// All but those.
static void leave_out(const sn_space *s, const sn_arch *those, long n, sn_arch *out) {
    sn_arch a = sn_arch_first(s);
    long next = 0;
    do {
        if (next < n && sn_arch_equal(&a, &those[next]))
            next++;
        else
            *out++ = a;
    } while (sn_arch_next(s, &a));
}

sn_status sn_arch_sample(const sn_space *s, sn_rng *r, long n, sn_arch *out) {
    double rest = sn_space_size(s, NULL, 0) - (double)n;
    if (rest >= (double)n) return draw_different(s, r, n, out);
    sn_arch *others = sn_new((size_t)rest, sizeof *others); // fewer: those are drawn
    sn_status status = others ? draw_different(s, r, (long)rest, others) : SN_RESOURCE;
    if (status == SN_OK) leave_out(s, others, (long)rest, out);
    free(others);
    return status;
}

int sn_arch_compare(const sn_arch *a, const sn_arch *b) {
    if (a->n != b->n) return a->n < b->n ? -1 : 1;
    return memcmp(a->option, b->option, (size_t)a->n);
}

bool sn_arch_equal(const sn_arch *a, const sn_arch *b) {
    return sn_arch_compare(a, b) == 0;
}

// Edit distance with transpositions of neighbours (Damerau 1964, restricted), words of up to 63 letters.
static int edit_distance(const char *a, const char *b) {
    enum { N = 64 };
    int d[3][N + 1];
    int n = (int)strlen(a), m = (int)strlen(b);
    if (n >= N || m >= N) return N;
    for (int j = 0; j <= m; j++) d[0][j] = j;
    for (int i = 1; i <= n; i++) {
        int *row = d[i % 3], *up = d[(i + 2) % 3], *up2 = d[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int best = up[j - 1] + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
            if (up[j] + 1 < best) best = up[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && up2[j - 2] + 1 < best) best = up2[j - 2] + 1;
            row[j] = best;
        }
    }
    return d[n % 3][m];
}

const char *sn_nearest(const char *text, const char *(*get)(const void *, int), const void *list) {
    const char *best = NULL, *word;
    int limit = (int)strlen(text) / 3, least;
    least = (limit > 2 ? limit : 2) + 1;
    for (int i = 0; (word = get(list, i)); i++) {
        int d = edit_distance(text, word);
        if (d < least && d < (int)strlen(word)) least = d, best = word;
    }
    return best;
}
