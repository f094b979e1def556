// Archs: their canonical text, order, enumeration, nearest words; see arch.h. Not here: reading texts (notation.c).
#include "space/arch.h"
#include "base/hash.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *sn_arch_text_as(const sn_space *s, const sn_arch *a, bool digits, char *out) {
    size_t used = 0;
    out[0] = 0;
    for (int i = 0; i < a->n; i++) {
        const char *name = a->option[i] == SN_ABSENT ? "-" : sn_space_option_name(s, i, a->option[i]);
        char digit[2] = {(char)('0' + a->option[i] % 10), 0};
        if (digits && a->option[i] != SN_ABSENT) name = digit;
        int n = snprintf(out + used, SN_ARCH_TEXT - used, "%s%s", i && !digits ? "," : "", name);
        if (n < 0 || (size_t)n >= SN_ARCH_TEXT - used) break;
        used += (size_t)n;
    }
    return out;
}

char *sn_arch_text(const sn_space *s, const sn_arch *a, char *out) {
    return sn_arch_text_as(s, a, s->digits, out);
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
