// How many archs a space has; see space.h. Decisions that exist only under an option of another count there alone.
#include "space/space.h"

#include <string.h>

bool sn_space_nests(const sn_space *s) {
    for (int i = 0; i < s->n_decisions; i++)
        if (s->decisions[i].parent >= 0) return true;
    return false;
}

static double archs_of(const sn_space *s, int decision) {
    double sum = 0;
    for (int n = 0, k; (k = sn_decision_option(&s->decisions[decision], n)) >= 0; n++) sum += sn_space_archs_with(s, decision, k);
    return sum;
}

double sn_space_archs_with(const sn_space *s, int decision, int option) {
    double product = 1;
    for (int i = decision + 1; i < s->n_decisions; i++)
        if (s->decisions[i].parent == decision && sn_decision_within(&s->decisions[i], option)) product *= archs_of(s, i);
    return product;
}

// A whole number in decimal digits, lowest first: at most 256 decisions of 64 options, 2^1536 < 10^463.
enum { DIGITS = 480 };
typedef struct {
    unsigned char digit[DIGITS];
    int used;
} number;

static void add(number *to, const number *x) {
    int carry = 0;
    for (int j = 0; j < x->used || carry; j++) {
        int v = (j < to->used ? to->digit[j] : 0) + (j < x->used ? x->digit[j] : 0) + carry;
        to->digit[j] = (unsigned char)(v % 10);
        carry = v / 10;
        if (j >= to->used) to->used = j + 1;
    }
}

static number times(const number *x, const number *y) {
    int sum[DIGITS + 1] = {0}, n = x->used + y->used < DIGITS ? x->used + y->used : DIGITS;
    number out = {.used = 1};
    for (int i = 0; i < x->used; i++)
        for (int j = 0; j < y->used && i + j < n; j++) sum[i + j] += x->digit[i] * y->digit[j];
    for (int i = 0; i < n; i++) {
        sum[i + 1] += sum[i] / 10;
        out.digit[i] = (unsigned char)(sum[i] % 10);
        if (out.digit[i]) out.used = i + 1;
    }
    return out;
}

static number count_archs(const sn_space *s, int decision);

// Of the decisions that exist where `decision` takes `option`; -1, -1: that always do.
static number count_with(const sn_space *s, int decision, int option) {
    number product = {{1}, 1};
    for (int i = decision + 1; i < s->n_decisions; i++)
        if (s->decisions[i].parent == decision && (decision < 0 || sn_decision_within(&s->decisions[i], option))) {
            number x = count_archs(s, i);
            product = times(&product, &x);
        }
    return product;
}

static number count_archs(const sn_space *s, int decision) {
    number sum = {.used = 1};
    for (int n = 0, k; (k = sn_decision_option(&s->decisions[decision], n)) >= 0; n++) {
        number x = count_with(s, decision, k);
        add(&sum, &x);
    }
    return sum;
}

static void print_number(const number *x, char *text, size_t text_size) {
    size_t n = 0;
    for (int j = x->used - 1; j >= 0 && n + 1 < text_size; j--) {
        text[n++] = (char)('0' + x->digit[j]);
        if (j && j % 3 == 0 && n + 1 < text_size) text[n++] = ',';
    }
    text[n] = 0;
}

double sn_space_size(const sn_space *s, char *text, size_t text_size) {
    double size = 1;
    for (int i = 0; i < s->n_decisions; i++)
        if (s->decisions[i].parent < 0) size *= archs_of(s, i);
    if (!text_size) return size;
    number all = count_with(s, -1, -1);
    print_number(&all, text, text_size);
    return size;
}

static bool lies_within(const sn_space *s, int decision, const char *block) {
    size_t n = strlen(block);
    return decision >= 0 && !strncmp(s->decisions[decision].name, block, n) && s->decisions[decision].name[n] == '.';
}

int sn_space_size_within(const sn_space *s, const char *block, char *text, size_t text_size) {
    number product = {{1}, 1};
    int decisions = 0;
    for (int i = 0; i < s->n_decisions; i++) {
        if (!lies_within(s, i, block)) continue;
        decisions++;
        if (lies_within(s, s->decisions[i].parent, block)) continue;
        number x = count_archs(s, i);
        product = times(&product, &x);
    }
    print_number(&product, text, text_size);
    return decisions;
}
