// Once-for-All: {"ks": [3, 5, ...], "e": [3, 6, ...], "d": [2, 4, ...]}, of units of up to so many blocks the kernel and
// expansion of each block and how many blocks there are; what stands for blocks beyond is passed over, and written as 0. "r":
// [224] or "image_size": 224 must be the space's own. Fits chains of choices whose layers are chosen in number, of operations
// that differ in kernel and expansion alone. Not here: its supernet, whose weights are used in part.
#include "space/notations/reader.h"
#include "space/ops.h"

#include <stdlib.h>
#include <string.h>

enum { KERNELS, EXPANSIONS, DEPTHS, LISTS };
static const char *const keys[LISTS] = {"ks", "e", "d"};

// A list as it stands in a text.
typedef struct {
    int value[SN_MAX_DECISIONS];
    const char *at[SN_MAX_DECISIONS], *end;
    int n;
    bool given;
} list;

static bool looks(const char *text) {
    text += strspn(text, " \t\r\n");
    return *text == '{';
}

// ---------------------------------------------------------------- the space
enum { PARTS = DEPTHS }; // of a layer: kernel, expansion
static const char *const attributes[PARTS] = {"kernel", "expand"};

// A layer chooses between operations, or in lists of its operation, one or both.
typedef struct {
    int choice;      // the decision between operations; -1: none
    int list[PARTS]; // the decisions of lists; -1: what the block has
    const sn_block *block;
} layer;

// A unit: an entry with its decisions.
typedef struct {
    const sn_entry *entry;
    int depth;
    layer layer[SN_MAX_DECISIONS];
} unit;

typedef struct {
    unit *unit;
    int n, layers, decisions; // units; layers and decisions of all
} units;

static int attribute(const sn_block *b, int part) {
    for (int i = 0; b->op && b->op->attrs[i].type != SN_ATTR_END; i++)
        if (!strcmp(b->op->attrs[i].name, attributes[part])) return b->attr[i];
    return -1;
}

// The option of such a kernel and expansion, allowed or not; another than `but`.
static int option_of(const sn_space *s, int decision, const int want[PARTS], int but) {
    const sn_decision *d = &s->decisions[decision];
    for (int k = 0; k < d->options; k++) {
        const sn_block *b = &s->blocks[d->block[k]];
        if (k != but && attribute(b, KERNELS) == want[KERNELS] && attribute(b, EXPANSIONS) == want[EXPANSIONS]) return k;
    }
    return -1;
}

static bool told_apart(const sn_space *s, int decision) {
    const sn_decision *d = &s->decisions[decision];
    for (int k = 0; k < d->options; k++) {
        const sn_block *b = &s->blocks[d->block[k]];
        const int have[PARTS] = {attribute(b, KERNELS), attribute(b, EXPANSIONS)};
        if (have[KERNELS] < 0 || have[EXPANSIONS] < 0 || sn_block_elastic(b) || option_of(s, decision, have, k) >= 0)
            return false;
    }
    return true;
}

static int find_named(const sn_space *s, char *name) {
    int d = name ? sn_space_find_decision(s, name) : -1;
    free(name);
    return d;
}

static bool make_layer(const sn_space *s, const sn_entry *e, int number, layer *l) {
    *l = (layer){-1, {-1, -1}, &s->blocks[e->block[0]]};
    if (e->choice) return (l->choice = find_named(s, sn_entry_scope(e, number))) >= 0 && told_apart(s, l->choice);
    for (int part = 0; part < PARTS; part++) {
        char *scope = sn_entry_scope(e, number);
        l->list[part] = scope ? find_named(s, sn_format("%s.%s", scope, attributes[part])) : -1;
        free(scope);
        if (attribute(l->block, part) < 0) return false;
    }
    return true;
}

static int decisions_of(const layer *l) {
    return (l->choice >= 0) + (l->list[KERNELS] >= 0) + (l->list[EXPANSIONS] >= 0);
}

static bool make_unit(const sn_space *s, const sn_entry *e, unit *u, int *decisions) {
    u->entry = e;
    if (!e->depths || e->shared || e->layers > SN_MAX_DECISIONS) return false;
    bool good = (u->depth = find_named(s, sn_entry_depth(e))) >= 0;
    for (int l = 0; good && l < e->layers; l++) {
        good = make_layer(s, e, l, &u->layer[l]);
        *decisions += decisions_of(&u->layer[l]);
    }
    return good;
}

static sn_status units_of(const sn_space *s, units *out) {
    bool fits = true;
    *out = (units){.unit = sn_new((size_t)s->n_entries, sizeof *out->unit)};
    if (!out->unit) return SN_RESOURCE;
    for (int i = 0; fits && i < s->n_entries; i++) {
        if (!s->entries[i].depths) continue; // others have no decisions, or too many
        fits = make_unit(s, &s->entries[i], &out->unit[out->n], &out->decisions);
        out->layers += out->unit[out->n++].entry->layers;
    }
    if (fits && out->n && out->layers <= SN_MAX_DECISIONS && out->n + out->decisions == s->n_decisions) return SN_OK;
    free(out->unit);
    return sn_error(SN_USAGE,
                    "archs of this space cannot be written as ofa: allowed are stages whose number of layers is chosen, of "
                    "operations that differ in kernel and expansion");
}

// ---------------------------------------------------------------- reading
static sn_status read_list(sn_reader *r, list *l) {
    bool several = sn_reader_mark(r, "["), again = true;
    l->given = true;
    while (again) {
        if (l->n == SN_MAX_DECISIONS) return sn_reader_wrong(r, r->at, "more than %d numbers", SN_MAX_DECISIONS);
        sn_reader_blanks(r);
        l->at[l->n] = r->at;
        SN_TRY(sn_reader_number(r, several ? "a number" : "a number or [", &l->value[l->n]));
        l->n++;
        again = several && sn_reader_mark(r, ",");
    }
    l->end = r->at;
    return several ? sn_reader_needed(r, "]", "a comma or ]") : SN_OK;
}

static sn_status check_size(const sn_reader *r, const list *size) {
    for (int i = 0; i < size->n; i++)
        if (size->value[i] != r->space->height || size->value[i] != r->space->width)
            return sn_reader_wrong(r, size->at[i], "found images of %d x %d; those of this space are %d x %d (space.input)",
                                   size->value[i], size->value[i], r->space->height, r->space->width);
    return SN_OK;
}

static sn_status read_member(sn_reader *r, list lists[LISTS]) {
    list size = {.n = 0};
    sn_word key;
    SN_TRY(sn_reader_quoted(r, "a key in quotes", &key));
    SN_TRY(sn_reader_needed(r, ":", ":"));
    if (sn_word_is(key, "wid"))
        return sn_reader_mark(r, "None") || sn_reader_mark(r, "null") ? SN_OK
                                                                      : sn_reader_found(r, r->at, "None: widths are not chosen");
    bool sized = sn_word_is(key, "r") || sn_word_is(key, "image_size");
    if (sized) SN_TRY(read_list(r, &size));
    if (sized) return check_size(r, &size);
    for (int i = 0; i < LISTS; i++) {
        if (!sn_word_is(key, keys[i])) continue;
        return lists[i].given ? sn_reader_wrong(r, key.at, "'%s' is given twice", keys[i]) : read_list(r, &lists[i]);
    }
    return sn_reader_found(r, key.at, "ks, e, d, wid, r, image_size");
}

static sn_status check_length(const sn_reader *r, const list *l, const char *key, int n, const char *what) {
    if (!l->given) return sn_reader_wrong(r, r->at, "'%s' is missing", key);
    if (l->n == n) return SN_OK;
    return sn_reader_wrong(r, l->end, "'%s' has %d numbers; this space has %d %s", key, l->n, n, what);
}

static sn_status read_choice(const sn_reader *r, const char *at, int decision, const int want[PARTS], sn_arch *out) {
    const sn_decision *d = &r->space->decisions[decision];
    char allowed[512] = "";
    int option = option_of(r->space, decision, want, -1);
    out->option[decision] = (uint8_t)option;
    if (sn_decision_allows(d, option)) return SN_OK;
    for (int n = 0, k; (k = sn_decision_option(d, n)) >= 0; n++) {
        const sn_block *b = &r->space->blocks[d->block[k]];
        size_t used = strlen(allowed);
        snprintf(allowed + used, sizeof allowed - used, "%s%d with %d", n ? ", " : "", attribute(b, KERNELS),
                 attribute(b, EXPANSIONS));
    }
    return sn_reader_wrong(r, at, "%s: found kernel %d with expansion %d; allowed are %s", d->name, want[KERNELS],
                           want[EXPANSIONS], allowed);
}

// A number as it stands in the text.
static sn_word number_at(const char *at) {
    return (sn_word){at, strspn(at, "0123456789")};
}

// Of a decision between numbers.
static sn_status read_value(const sn_reader *r, const char *at, int value, int decision, sn_arch *out) {
    const sn_decision *d = &r->space->decisions[decision];
    for (int k = 0; k < d->options; k++)
        if (sn_decision_allows(d, k) && d->block[k] == value) {
            out->option[decision] = (uint8_t)k;
            return SN_OK;
        }
    return sn_option_refused(r, decision, number_at(at), false);
}

static sn_status read_layer(const sn_reader *r, const list lists[LISTS], int slot, const layer *l, sn_arch *out) {
    const int want[PARTS] = {lists[KERNELS].value[slot], lists[EXPANSIONS].value[slot]};
    if (l->choice >= 0) return read_choice(r, lists[KERNELS].at[slot], l->choice, want, out);
    for (int part = 0; part < PARTS; part++) {
        const char *at = lists[part].at[slot];
        if (l->list[part] >= 0)
            SN_TRY(read_value(r, at, want[part], l->list[part], out));
        else if (want[part] != attribute(l->block, part))
            return sn_reader_wrong(r, at, "found %s %d; in this space it is %d", attributes[part], want[part],
                                   attribute(l->block, part));
    }
    return SN_OK;
}

static void leave_out(const layer *l, sn_arch *out) {
    if (l->choice >= 0) out->option[l->choice] = SN_ABSENT;
    for (int part = 0; part < PARTS; part++)
        if (l->list[part] >= 0) out->option[l->list[part]] = SN_ABSENT;
}

static sn_status read_unit(const sn_reader *r, const list lists[LISTS], const unit *u, int number, int slot, sn_arch *out) {
    int depth = lists[DEPTHS].value[number];
    SN_TRY(read_value(r, lists[DEPTHS].at[number], depth, u->depth, out));
    for (int l = 0; l < u->entry->layers; l++)
        if (l >= depth)
            leave_out(&u->layer[l], out);
        else
            SN_TRY(read_layer(r, lists, slot + l, &u->layer[l], out));
    return SN_OK;
}

static sn_status read_units(sn_reader *r, const units *u, list lists[LISTS], sn_arch *out) {
    SN_TRY(sn_reader_needed(r, "{", "{"));
    do SN_TRY(read_member(r, lists));
    while (sn_reader_mark(r, ","));
    SN_TRY(sn_reader_needed(r, "}", "a comma or }"));
    SN_TRY(sn_reader_end(r));
    SN_TRY(check_length(r, &lists[KERNELS], keys[KERNELS], u->layers, "layers"));
    SN_TRY(check_length(r, &lists[EXPANSIONS], keys[EXPANSIONS], u->layers, "layers"));
    SN_TRY(check_length(r, &lists[DEPTHS], keys[DEPTHS], u->n, "stages"));
    for (int i = 0, slot = 0; i < u->n; slot += u->unit[i++].entry->layers)
        SN_TRY(read_unit(r, lists, &u->unit[i], i, slot, out));
    return SN_OK;
}

static sn_status read_text(const sn_space *s, const char *text, sn_arch *out) {
    sn_reader r = {s, text, text};
    units u;
    SN_TRY(units_of(s, &u));
    list *lists = sn_new(LISTS, sizeof *lists);
    sn_status status = lists ? read_units(&r, &u, lists, out) : SN_RESOURCE;
    free(lists);
    free(u.unit);
    return status;
}

// ---------------------------------------------------------------- writing
static int value_of(const sn_space *s, const layer *l, int part, const sn_arch *a) {
    int d = l->choice >= 0 ? l->choice : l->list[part];
    if (d < 0) return attribute(l->block, part);
    int taken = s->decisions[d].block[a->option[d]];
    return l->choice >= 0 ? attribute(&s->blocks[taken], part) : taken;
}

static void write_list(const sn_space *s, const units *u, int part, const sn_arch *a, FILE *out) {
    for (int i = 0, n = 0; i < u->n; i++) {
        const sn_entry *e = u->unit[i].entry;
        int depth = e->depth[a->option[u->unit[i].depth]];
        for (int l = 0; l < e->layers; l++)
            fprintf(out, n++ ? ", %d" : "%d", l < depth ? value_of(s, &u->unit[i].layer[l], part, a) : 0);
    }
}

static sn_status write_text(const sn_space *s, const sn_arch *a, FILE *out) {
    units u;
    SN_TRY(units_of(s, &u));
    fputs("{\"ks\": [", out);
    write_list(s, &u, KERNELS, a, out);
    fputs("], \"e\": [", out);
    write_list(s, &u, EXPANSIONS, a, out);
    fputs("], \"d\": [", out);
    for (int i = 0; i < u.n; i++) fprintf(out, i ? ", %d" : "%d", u.unit[i].entry->depth[a->option[u.unit[i].depth]]);
    fputs("]}", out);
    free(u.unit);
    return SN_OK;
}

const sn_notation sn_notation_ofa = {"ofa", false, looks, read_text, write_text};
