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
// A unit: an entry with its decisions.
typedef struct {
    const sn_entry *entry;
    int depth, layer[SN_MAX_DECISIONS];
} unit;

typedef struct {
    unit *unit;
    int n, layers; // units; layers of all
} units;

static int attribute(const sn_block *b, const char *name) {
    for (int i = 0; b->op && b->op->attrs[i].type != SN_ATTR_END; i++)
        if (!strcmp(b->op->attrs[i].name, name)) return b->attr[i];
    return -1;
}

// The option of such a kernel and expansion, allowed or not; another than `but`.
static int option_of(const sn_space *s, int decision, int kernel, int expansion, int but) {
    const sn_decision *d = &s->decisions[decision];
    for (int k = 0; k < d->options; k++) {
        const sn_block *b = &s->blocks[d->block[k]];
        if (k != but && attribute(b, "kernel") == kernel && attribute(b, "expand") == expansion) return k;
    }
    return -1;
}

static bool told_apart(const sn_space *s, int decision) {
    const sn_decision *d = &s->decisions[decision];
    for (int k = 0; k < d->options; k++) {
        const sn_block *b = &s->blocks[d->block[k]];
        int kernel = attribute(b, "kernel"), expansion = attribute(b, "expand");
        if (kernel < 0 || expansion < 0 || option_of(s, decision, kernel, expansion, k) >= 0) return false;
    }
    return true;
}

static int find_named(const sn_space *s, char *name) {
    int d = name ? sn_space_find_decision(s, name) : -1;
    free(name);
    return d;
}

static bool make_unit(const sn_space *s, const sn_entry *e, unit *u) {
    u->entry = e;
    if (!e->depths || e->shared) return false;
    bool good = (u->depth = find_named(s, sn_entry_depth(e))) >= 0;
    for (int l = 0; good && l < e->layers; l++)
        good = (u->layer[l] = find_named(s, sn_entry_scope(e, l))) >= 0 && told_apart(s, u->layer[l]);
    return good;
}

static sn_status units_of(const sn_space *s, units *out) {
    bool fits = true;
    *out = (units){.unit = sn_new((size_t)s->n_entries, sizeof *out->unit)};
    if (!out->unit) return SN_RESOURCE;
    for (int i = 0; fits && i < s->n_entries; i++) {
        if (!s->entries[i].choice) continue;
        fits = make_unit(s, &s->entries[i], &out->unit[out->n]);
        out->layers += out->unit[out->n++].entry->layers;
    }
    if (fits && out->n + out->layers == s->n_decisions) return SN_OK;
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

static sn_status read_layer(const sn_reader *r, const list lists[LISTS], int slot, int decision, sn_arch *out) {
    int kernel = lists[KERNELS].value[slot], expansion = lists[EXPANSIONS].value[slot];
    int option = option_of(r->space, decision, kernel, expansion, -1);
    if (!sn_decision_allows(&r->space->decisions[decision], option)) {
        char allowed[512] = "";
        for (int n = 0, k; (k = sn_decision_option(&r->space->decisions[decision], n)) >= 0; n++) {
            const sn_block *b = &r->space->blocks[r->space->decisions[decision].block[k]];
            size_t used = strlen(allowed);
            snprintf(allowed + used, sizeof allowed - used, "%s%d with %d", n ? ", " : "", attribute(b, "kernel"),
                     attribute(b, "expand"));
        }
        return sn_reader_wrong(r, lists[KERNELS].at[slot], "%s: found kernel %d with expansion %d; allowed are %s",
                               r->space->decisions[decision].name, kernel, expansion, allowed);
    }
    out->option[decision] = (uint8_t)option;
    return SN_OK;
}

static sn_status read_unit(const sn_reader *r, const list lists[LISTS], const unit *u, int number, int slot, sn_arch *out) {
    char text[16];
    int depth = lists[DEPTHS].value[number];
    sn_word word = {lists[DEPTHS].at[number], 0};
    while (word.at[word.n] >= '0' && word.at[word.n] <= '9') word.n++;
    snprintf(text, sizeof text, "%d", depth);
    int option = sn_option_named(r->space, u->depth, (sn_word){text, strlen(text)});
    if (option < 0) return sn_option_refused(r, u->depth, word, false);
    out->option[u->depth] = (uint8_t)option;
    for (int l = 0; l < u->entry->layers; l++)
        if (l >= depth)
            out->option[u->layer[l]] = SN_ABSENT;
        else
            SN_TRY(read_layer(r, lists, slot + l, u->layer[l], out));
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
static void write_list(const sn_space *s, const units *u, const char *attr, const sn_arch *a, FILE *out) {
    for (int i = 0, n = 0; i < u->n; i++)
        for (int l = 0; l < u->unit[i].entry->layers; l++) {
            int d = u->unit[i].layer[l], option = a->option[d];
            fprintf(out, n++ ? ", %d" : "%d",
                    option == SN_ABSENT ? 0 : attribute(&s->blocks[s->decisions[d].block[option]], attr));
        }
}

static sn_status write_text(const sn_space *s, const sn_arch *a, FILE *out) {
    units u;
    SN_TRY(units_of(s, &u));
    fputs("{\"ks\": [", out);
    write_list(s, &u, "kernel", a, out);
    fputs("], \"e\": [", out);
    write_list(s, &u, "expand", a, out);
    fputs("], \"d\": [", out);
    for (int i = 0; i < u.n; i++) fprintf(out, i ? ", %d" : "%d", u.unit[i].entry->depth[a->option[u.unit[i].depth]]);
    fputs("]}", out);
    free(u.unit);
    return SN_OK;
}

const sn_notation sn_notation_ofa = {"ofa", false, looks, read_text, write_text};
