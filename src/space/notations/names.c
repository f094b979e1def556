// Names of options joined by commas: "skip,mb3_k3,-", the canonical text of most spaces.
#include "space/notations/reader.h"

#include <string.h>

static sn_status read_names(const sn_space *s, const char *text, sn_arch *out) {
    sn_reader r = {s, text, text};
    for (int i = 0; i < s->n_decisions; i++) {
        r.at += strspn(r.at, " ");
        sn_word w = {r.at, strcspn(r.at, ", ")};
        int option = sn_word_is(w, "-") ? SN_ABSENT : sn_option_named(s, i, w);
        if (option < 0) return sn_option_refused(&r, i, w, false);
        out->option[i] = (uint8_t)option;
        r.at += w.n;
        r.at += strspn(r.at, " ");
        if (i + 1 < s->n_decisions && *r.at++ != ',')
            return sn_error(SN_USAGE, "arch '%.200s' ends after %d options; this space has %d decisions (next: %s)", text, i + 1,
                            s->n_decisions, s->decisions[i + 1].name);
    }
    if (*r.at)
        return sn_error(SN_USAGE, "arch '%.200s', column %zu: more options than the %d decisions of this space", text,
                        (size_t)(r.at - text) + 1, s->n_decisions);
    return SN_OK;
}

static sn_status write_names(const sn_space *s, const sn_arch *a, FILE *out) {
    char text[SN_ARCH_TEXT];
    fputs(sn_arch_text_as(s, a, false, text), out);
    return SN_OK;
}

const sn_notation sn_notation_names = {"names", false, NULL, read_names, write_names};
