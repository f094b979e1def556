// One digit a decision, the number of its option: "22212220", the canonical text of spaces with `text: digits`.
#include "space/notations/reader.h"

#include <string.h>

static sn_status read_digits(const sn_space *s, const char *text, sn_arch *out) {
    sn_reader r = {s, text, text};
    size_t n = strlen(text);
    for (int i = 0; i < s->n_decisions; i++) {
        if ((size_t)i >= n)
            return sn_error(SN_USAGE, "arch '%s' ends after %zu digits; this space needs %d", text, n, s->n_decisions);
        int v = text[i] == '-' ? SN_ABSENT : text[i] - '0';
        if (v != SN_ABSENT && !sn_decision_allows(&s->decisions[i], v))
            return sn_option_refused(&r, i, (sn_word){text + i, 1}, true);
        out->option[i] = (uint8_t)v;
    }
    if (n > (size_t)s->n_decisions)
        return sn_error(SN_USAGE, "arch '%s' has %zu digits; this space has %d decisions", text, n, s->n_decisions);
    return SN_OK;
}

static sn_status write_digits(const sn_space *s, const sn_arch *a, FILE *out) {
    char text[SN_ARCH_TEXT];
    if (sn_space_max_options(s) > 10)
        return sn_error(SN_USAGE, "no arch of this space can be written as digits: a decision has %d options; allowed are 10",
                        sn_space_max_options(s));
    fputs(sn_arch_text_as(s, a, true, text), out);
    return SN_OK;
}

const sn_notation sn_notation_digits = {"digits", false, NULL, read_digits, write_digits};
