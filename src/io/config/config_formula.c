// Parameters of a space and formulas of them; see config_formula.h.
// Not here: plain numbers (config_value.c).
#include "io/config/config_formula.h"

#include <ctype.h>
#include <string.h>

enum { MOST = 1 << 30, MOST_DEPTH = 20 }; // a value on the way; parentheses within each other

void sn_parameters_read(sn_parameters *p, const sn_yaml_node *section, sn_problems *problems) {
    char found[SN_SHOWN + 2], shown[SN_SHOWN];
    if (!section) return;
    if (section->kind != SN_YAML_MAP) {
        sn_problem(problems, section->place, "space.parameters: found %s; allowed is a mapping NAME: NUMBER",
                   sn_yaml_found(section, found));
        return;
    }
    for (const sn_yaml_node *n = section->first; n; n = n->next) {
        size_t letters = strspn(n->key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
        if (!letters || n->key[letters]) {
            sn_problem(problems, n->key_place, "name of a parameter: found '%s'; allowed are letters and _",
                       sn_show(n->key, shown));
        } else if (p->n == SN_MAX_PARAMETERS) {
            sn_problem(problems, n->key_place, "space.parameters: more than %d", SN_MAX_PARAMETERS);
            return;
        } else {
            int value = sn_read_int(n, n->key, 0, MOST, false, problems);
            p->name[p->n] = n->key, p->value[p->n++] = value;
        }
    }
}

// ---------------------------------------------------------------- formulas
typedef struct {
    const sn_parameters *parameters;
    const char *at;   // in the text
    const char *what; // is wrong; NULL: nothing so far
    char word[SN_SHOWN];
    int depth;
} formula;

static int64_t sum(formula *f);

static char next(formula *f) {
    while (*f->at == ' ') f->at++;
    return *f->at;
}

static int64_t wrong(formula *f, const char *what) {
    if (!f->what) f->what = what;
    return 0;
}

static int64_t checked(formula *f, int64_t value) {
    return value >= -MOST && value <= MOST ? value : wrong(f, "a number on the way is too large");
}

static int64_t parameter(formula *f) {
    size_t n = 0;
    while (isalpha((unsigned char)f->at[n]) || f->at[n] == '_') n++;
    snprintf(f->word, sizeof f->word, "%.*s", (int)(n < SN_SHOWN - 1 ? n : SN_SHOWN - 1), f->at);
    f->at += n;
    for (int i = 0; i < f->parameters->n; i++)
        if (!strcmp(f->parameters->name[i], f->word)) return f->parameters->value[i];
    return wrong(f, "unknown parameter");
}

static int64_t value(formula *f) {
    int64_t v = 0;
    char c = next(f);
    if (isalpha((unsigned char)c) || c == '_') return parameter(f);
    if (c == '(') {
        f->at++;
        if (++f->depth > MOST_DEPTH) return wrong(f, "too many parentheses within each other");
        v = sum(f);
        f->depth--;
        if (next(f) != ')') return wrong(f, "a parenthesis is not closed");
        f->at++;
        return v;
    }
    if (!isdigit((unsigned char)c)) return wrong(f, "a number or parameter is missing");
    while (isdigit((unsigned char)*f->at) && !f->what) v = checked(f, 10 * v + *f->at++ - '0');
    return v;
}

static int64_t quotient(formula *f, int64_t a, int64_t b) {
    if (!b) return wrong(f, "a division by 0");
    return a / b - (a % b && (a < 0) != (b < 0));
}

static int64_t product(formula *f) {
    int64_t v = value(f);
    while (!f->what && (next(f) == '*' || next(f) == '/')) {
        char c = *f->at++;
        int64_t w = value(f);
        v = c == '*' ? checked(f, v * w) : quotient(f, v, w);
    }
    return v;
}

static int64_t sum(formula *f) {
    int64_t v = product(f);
    while (!f->what && (next(f) == '+' || next(f) == '-')) {
        char c = *f->at++;
        int64_t w = product(f);
        v = checked(f, c == '+' ? v + w : v - w);
    }
    return v;
}

int sn_formula_read(const sn_parameters *p, const sn_yaml_node *n, const char *name, int low, int high, bool odd,
                    sn_problems *problems) {
    bool plain = n->kind != SN_YAML_SCALAR || n->quoted ||
                 !strpbrk(n->text, "+-*/()_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    if (!p->n || plain) return sn_read_int(n, name, low, high, odd, problems);
    formula f = {.parameters = p, .at = n->text};
    char found[SN_SHOWN + 2];
    int64_t v = sum(&f);
    if (!f.what && next(&f)) wrong(&f, "an operator is missing");
    if (f.what) {
        bool unknown = !strcmp(f.what, "unknown parameter");
        sn_problem(problems, n->place, "%s: found %s: %s%s%s%s; allowed are whole numbers, %s, and + - * / ( )%s", name,
                   sn_yaml_found(n, found), f.what, unknown ? " '" : "", unknown ? f.word : "", unknown ? "'" : "",
                   sn_words_joined(p->name).text, unknown ? sn_words_hint(f.word, p->name).text : "");
        return -1;
    }
    if (v >= low && v <= high && (!odd || v % 2)) return (int)v;
    sn_problem(problems, n->place, "%s: found %s, which is %lld; allowed is %s whole number from %d to %d", name,
               sn_yaml_found(n, found), (long long)v, odd ? "an odd" : "a", low, high);
    return -1;
}
