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

static sn_status add_decision(sn_space *s, const sn_entry *e, int layer) {
    if (s->n_decisions == SN_MAX_DECISIONS) return sn_error(SN_CONFIG, "more than %d decisions", SN_MAX_DECISIONS);
    sn_decision *d = &s->decisions[s->n_decisions];
    d->name = e->shared ? sn_strdup(e->name) : sn_format("%s.layer%d", e->name, layer + 1);
    if (!d->name) return SN_RESOURCE;
    d->options = e->options;
    memcpy(d->block, e->block, sizeof d->block);
    d->allowed = UINT64_MAX >> (SN_MAX_OPTIONS - e->options);
    s->n_decisions++;
    return SN_OK;
}

static bool is_classifier(const sn_space *s, int entry) {
    return !s->entries[entry].choice && !s->blocks[s->entries[entry].block[0]].op->takes_out;
}

// The longest text of an arch fits.
static sn_status check_text(const sn_space *s) {
    size_t bytes = 0;
    for (int i = 0; i < s->n_decisions; i++) {
        size_t longest = 0;
        for (int k = 0; k < s->decisions[i].options && !s->digits; k++) {
            size_t n = strlen(sn_space_option_name(s, i, k));
            if (n > longest) longest = n;
        }
        bytes += longest + 1; // a comma or the end, or the digit
    }
    if (bytes <= SN_ARCH_TEXT) return SN_OK;
    return sn_error(SN_CONFIG, "the names of an arch can take %zu bytes; at most %d are allowed: give the blocks shorter names",
                    bytes, SN_ARCH_TEXT);
}

sn_status sn_space_finish(sn_space *s) {
    if (s->channels < 1 || s->height < 1 || s->width < 1)
        return sn_error(SN_CONFIG, "the space has no input size: `input` needs channels, height and width");
    if (s->classes < 2) return sn_error(SN_CONFIG, "the space has %d classes; at least 2 are needed", s->classes);
    if (!s->n_entries || !is_classifier(s, s->n_entries - 1))
        return sn_error(SN_CONFIG, "the last entry of `network` must be {op: classifier}");
    if (!(s->decisions = sn_new(SN_MAX_DECISIONS, sizeof *s->decisions))) return SN_RESOURCE;
    int sites = 0;
    for (int i = 0; i < s->n_entries; i++) {
        sn_entry *e = &s->entries[i];
        if (i + 1 < s->n_entries && is_classifier(s, i))
            return sn_error(SN_CONFIG, "entry '%s' is a classifier but not the last entry of `network`", e->name);
        if (e->choice && (e->options < 1 || e->options > SN_MAX_OPTIONS))
            return sn_error(SN_CONFIG, "entry '%s' has %d options; 1 to %d are allowed", e->name, e->options, SN_MAX_OPTIONS);
        for (int k = 0; e->choice && k < e->options; k++) {
            if (!s->blocks[e->block[k]].op->takes_out)
                return sn_error(SN_CONFIG, "entry '%s' chooses block '%s', a %s, which cannot be an option", e->name,
                                s->blocks[e->block[k]].name, s->blocks[e->block[k]].op->name);
            for (int j = 0; j < k; j++)
                if (e->block[j] == e->block[k])
                    return sn_error(SN_CONFIG, "entry '%s' lists block '%s' twice", e->name, s->blocks[e->block[k]].name);
        }
        if (!e->choice) continue;
        e->decision = s->n_decisions;
        sites += e->layers;
        for (int l = 0; l < (e->shared ? 1 : e->layers); l++) SN_TRY(add_decision(s, e, l));
    }
    if (sites > SN_MAX_SITES) return sn_error(SN_CONFIG, "%d layers choose; at most %d are allowed", sites, SN_MAX_SITES);
    if (!s->n_decisions) return sn_error(SN_CONFIG, "the space has nothing to choose: no entry of `network` has `choose`");
    if (s->digits && sn_space_max_options(s) > 10)
        return sn_error(SN_CONFIG, "`text: digits` needs at most 10 options per decision; found %d", sn_space_max_options(s));
    return check_text(s);
}

int sn_entry_decision(const sn_entry *e, int layer) {
    return e->decision + (e->shared ? 0 : layer);
}

// ---------------------------------------------------------------- allowed options
bool sn_decision_allows(const sn_decision *d, int option) {
    return option >= 0 && option < d->options && (d->allowed >> option & 1);
}

int sn_decision_count(const sn_decision *d) {
    return __builtin_popcountll(d->allowed);
}

int sn_decision_option(const sn_decision *d, int nth) {
    uint64_t left = d->allowed;
    for (; left && nth; nth--) left &= left - 1;
    return left ? __builtin_ctzll(left) : -1;
}

int sn_space_max_options(const sn_space *s) {
    int most = 0;
    for (int i = 0; i < s->n_decisions; i++)
        if (sn_decision_count(&s->decisions[i]) > most) most = sn_decision_count(&s->decisions[i]);
    return most;
}

static int options_before(const sn_space *s, int decision) {
    int n = 0;
    for (int i = 0; i < decision; i++) n += sn_decision_count(&s->decisions[i]);
    return n;
}

int sn_space_options(const sn_space *s) {
    return options_before(s, s->n_decisions);
}

int sn_space_option_place(const sn_space *s, int decision, int option) {
    uint64_t below = s->decisions[decision].allowed & ((UINT64_C(1) << option) - 1);
    return options_before(s, decision) + __builtin_popcountll(below);
}

const char *sn_space_option_name(const sn_space *s, int decision, int option) {
    return s->blocks[s->decisions[decision].block[option]].name;
}

sn_status sn_space_restrict(sn_space *s, int decision, uint64_t options) {
    sn_decision *d = &s->decisions[decision];
    if (!(d->allowed & options)) return sn_error(SN_USAGE, "decision '%s' would have no option left", d->name);
    d->allowed &= options;
    return SN_OK;
}

sn_status sn_space_restrict_to(sn_space *s, const sn_arch *a) {
    if (a->n != s->n_decisions) return sn_error(SN_USAGE, "an arch of %d decisions for a space of %d", a->n, s->n_decisions);
    for (int i = 0; i < a->n; i++) { // of a decision that the arch does not reach any option will do
        int option = a->option[i] == SN_ABSENT ? sn_decision_option(&s->decisions[i], 0) : a->option[i];
        if (!sn_decision_allows(&s->decisions[i], option))
            return sn_error(SN_USAGE, "decision '%s' does not allow option %d", s->decisions[i].name, option);
        SN_TRY(sn_space_restrict(s, i, UINT64_C(1) << option));
    }
    return SN_OK;
}

// ---------------------------------------------------------------- size
double sn_space_size(const sn_space *s, char *text, size_t text_size) {
    // at most 256 decisions of 64 options: 2^1536 < 10^463, kept as decimal digits, lowest first
    enum { DIGITS = 480 };
    unsigned char digit[DIGITS] = {1};
    int used = 1;
    double size = 1;
    for (int i = 0; i < s->n_decisions; i++) {
        int carry = 0, k = sn_decision_count(&s->decisions[i]);
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
