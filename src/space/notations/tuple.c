// Numbers of options in brackets, as Single Path One-Shot writes its archs: (2, 1, 0, 3), None where a decision does not exist.
#include "space/notations/reader.h"

#include <string.h>

static bool looks(const char *text) {
    text += strspn(text, " \t\r\n");
    if (*text != '(' && *text != '[') return false;
    text += 1 + strspn(text + 1, " \t\r\n");
    return (*text >= '0' && *text <= '9') || !strncmp(text, "None", 4);
}

static sn_status read_one(sn_reader *r, int decision, sn_arch *out) {
    int option = SN_ABSENT;
    sn_reader_blanks(r);
    const char *at = r->at;
    if (!sn_reader_mark(r, "None")) {
        SN_TRY(sn_reader_number(r, "the number of an option, or None", &option));
        if (!sn_decision_allows(&r->space->decisions[decision], option))
            return sn_option_refused(r, decision, (sn_word){at, (size_t)(r->at - at)}, true);
    }
    out->option[decision] = (uint8_t)option;
    return SN_OK;
}

static sn_status read_tuple(const sn_space *s, const char *text, sn_arch *out) {
    sn_reader r = {s, text, text};
    const char *close = sn_reader_mark(&r, "(") ? ")" : "]";
    if (*close == ']') SN_TRY(sn_reader_needed(&r, "[", "( or ["));
    for (int i = 0; i < s->n_decisions; i++) {
        if (i && (!sn_reader_mark(&r, ",") || *r.at == *close))
            return sn_reader_found(&r, r.at, "a comma and a number: this space has %d decisions (next: %s)", s->n_decisions,
                                   s->decisions[i].name);
        SN_TRY(read_one(&r, i, out));
    }
    sn_reader_blanks(&r);
    const char *end = r.at;
    sn_reader_mark(&r, ",");
    if (!sn_reader_mark(&r, close)) return sn_reader_found(&r, end, "%s: this space has %d decisions", close, s->n_decisions);
    return sn_reader_end(&r);
}

static sn_status write_tuple(const sn_space *s, const sn_arch *a, FILE *out) {
    for (int i = 0; i < a->n; i++)
        if (a->option[i] == SN_ABSENT)
            fputs(i ? ", None" : "(None", out);
        else
            fprintf(out, i ? ", %d" : "(%d", a->option[i]);
    fputs(s->n_decisions == 1 ? ",)" : ")", out);
    return SN_OK;
}

const sn_notation sn_notation_tuple = {"tuple", false, looks, read_tuple, write_tuple};
