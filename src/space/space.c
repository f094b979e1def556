// Building and checking a space; see space.h. Not here: YAML, the graph.
#include "space/space.h"
#include "space/arch.h"
#include "space/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sn_space *sn_space_new(void) {
    return sn_new(1, sizeof(sn_space));
}

void sn_space_free(sn_space *s) {
    if (!s) return;
    for (int i = 0; i < s->n_blocks; i++) free(s->blocks[i].name);
    for (int i = 0; i < s->n_entries; i++) free(s->entries[i].name);
    for (int i = 0; i < s->n_decisions; i++) free(s->decisions[i].name);
    free(s->blocks);
    free(s->entries);
    free(s->decisions);
    free(s);
}

int sn_space_find_block(const sn_space *s, const char *name) {
    for (int i = 0; i < s->n_blocks; i++)
        if (!strcmp(s->blocks[i].name, name)) return i;
    return -1;
}

int sn_space_add_block(sn_space *s, const char *name, const sn_op *op, const int *attr) {
    if (s->n_blocks == SN_MAX_BLOCKS) {
        sn_error(SN_CONFIG, "more than %d blocks", SN_MAX_BLOCKS);
        return -1;
    }
    if (sn_space_find_block(s, name) >= 0) {
        sn_error(SN_CONFIG, "block '%s' is defined twice", name);
        return -1;
    }
    if (!s->blocks && !(s->blocks = sn_new(SN_MAX_BLOCKS, sizeof *s->blocks))) return -1;
    sn_block b = {.name = sn_strdup(name), .op = op};
    if (!b.name) return -1;
    memcpy(b.attr, attr, sizeof b.attr);
    s->blocks[s->n_blocks] = b;
    return s->n_blocks++;
}

int sn_space_add_entry(sn_space *s, const char *name, const sn_entry *entry) {
    if (s->n_entries == SN_MAX_ENTRIES) {
        sn_error(SN_CONFIG, "more than %d entries in `network`", SN_MAX_ENTRIES);
        return -1;
    }
    for (int i = 0; i < s->n_entries; i++)
        if (!strcmp(s->entries[i].name, name)) {
            sn_error(SN_CONFIG, "two entries of `network` have the name '%s'", name);
            return -1;
        }
    if (!s->entries && !(s->entries = sn_new(SN_MAX_ENTRIES, sizeof *s->entries))) return -1;
    char *copy = sn_strdup(name);
    if (!copy) return -1;
    s->entries[s->n_entries] = *entry;
    s->entries[s->n_entries].name = copy;
    return s->n_entries++;
}

static sn_status add_decision(sn_space *s, int entry, int layer) {
    const sn_entry *e = &s->entries[entry];
    if (s->n_decisions == SN_MAX_DECISIONS) return sn_error(SN_CONFIG, "more than %d decisions", SN_MAX_DECISIONS);
    sn_decision *d = &s->decisions[s->n_decisions];
    d->name = sn_format("%s.layer%d", e->name, layer + 1);
    if (!d->name) return SN_RESOURCE;
    d->entry = entry;
    d->layer = layer;
    d->options = e->options;
    memcpy(d->block, e->block, sizeof d->block);
    s->n_decisions++;
    return SN_OK;
}

static bool is_classifier(const sn_space *s, int entry) {
    return !s->entries[entry].choice && !s->blocks[s->entries[entry].block[0]].op->takes_out;
}

sn_status sn_space_finish(sn_space *s) {
    if (s->channels < 1 || s->height < 1 || s->width < 1)
        return sn_error(SN_CONFIG, "the space has no input size: `input` needs channels, height and width");
    if (s->classes < 2) return sn_error(SN_CONFIG, "the space has %d classes; at least 2 are needed", s->classes);
    if (!s->n_entries || !is_classifier(s, s->n_entries - 1))
        return sn_error(SN_CONFIG, "the last entry of `network` must be {op: classifier}");
    if (!(s->decisions = sn_new(SN_MAX_DECISIONS, sizeof *s->decisions))) return SN_RESOURCE;
    for (int i = 0; i < s->n_entries; i++) {
        const sn_entry *e = &s->entries[i];
        if (i + 1 < s->n_entries && is_classifier(s, i))
            return sn_error(SN_CONFIG, "entry '%s' is a classifier but not the last entry of `network`", e->name);
        for (int k = 0; e->choice && k < e->options; k++) {
            if (!s->blocks[e->block[k]].op->takes_out)
                return sn_error(SN_CONFIG, "entry '%s' chooses block '%s', a %s, which cannot be an option", e->name,
                                s->blocks[e->block[k]].name, s->blocks[e->block[k]].op->name);
            for (int j = 0; j < k; j++)
                if (e->block[j] == e->block[k])
                    return sn_error(SN_CONFIG, "entry '%s' lists block '%s' twice", e->name, s->blocks[e->block[k]].name);
        }
        for (int l = 0; e->choice && l < e->layers; l++) SN_TRY(add_decision(s, i, l));
    }
    if (!s->n_decisions) return sn_error(SN_CONFIG, "the space has nothing to choose: no entry of `network` has `choose`");
    if (s->digits && sn_space_max_options(s) > 10)
        return sn_error(SN_CONFIG, "`text: digits` needs at most 10 options per decision; found %d", sn_space_max_options(s));
    return SN_OK;
}

int sn_space_max_options(const sn_space *s) {
    int most = 0;
    for (int i = 0; i < s->n_decisions; i++)
        if (s->decisions[i].options > most) most = s->decisions[i].options;
    return most;
}

double sn_space_size(const sn_space *s, char *text, size_t text_size) {
    // at most 256 decisions of 64 options: 2^1536 < 10^463, kept as decimal digits, lowest first
    enum { DIGITS = 480 };
    unsigned char digit[DIGITS] = {1};
    int used = 1;
    double size = 1;
    for (int i = 0; i < s->n_decisions; i++) {
        int carry = 0, k = s->decisions[i].options;
        size *= k;
        for (int j = 0; j < used || carry; j++) {
            int v = (j < used ? digit[j] : 0) * k + carry;
            digit[j] = (unsigned char)(v % 10);
            carry = v / 10;
            if (j >= used) used = j + 1;
        }
    }
    size_t n = 0;
    for (int j = used - 1; j >= 0 && n + 1 < text_size; j--) {
        text[n++] = (char)('0' + digit[j]);
        if (j && j % 3 == 0 && n + 1 < text_size) text[n++] = ',';
    }
    if (text_size) text[n] = 0;
    return size;
}

sn_status sn_space_restrict(sn_space *s, const sn_arch *a) {
    if (a->n != s->n_decisions) return sn_error(SN_USAGE, "an arch of %d decisions for a space of %d", a->n, s->n_decisions);
    for (int i = 0; i < a->n; i++) {
        sn_decision *d = &s->decisions[i];
        int option = a->option[i] == SN_ABSENT ? 0 : a->option[i];
        if (option >= d->options) return sn_error(SN_USAGE, "decision '%s' has no option %d", d->name, option);
        d->block[0] = d->block[option];
        d->options = 1;
    }
    return SN_OK;
}
