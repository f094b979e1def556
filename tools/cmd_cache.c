// supernet cache list|clean [FOLDER]: the decoded data sets that lie in the folder of caches, and removing them.
#include "cli.h"
#include "io/data/cachefolder.h"
#include "io/data/source.h"
#include "table.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const cli_option options[] = {{"all", 0, NULL, "clean: remove all that no running program uses"},
                                     {"older", 0, "DAYS", "clean: remove those that were last used so many days ago, or before"},
                                     {0}};

enum { LIST, CLEAN };
static const char *const actions[] = {"list", "clean", NULL};
static const cli_choice choices[] = {{"", actions}, {0}};

// "2026-11-28 02:40", or as programs read it, in UTC.
static const char *when(time_t t, bool utc, char text[32]) {
    struct tm parts;
    size_t n = 0;
    if (utc && gmtime_r(&t, &parts)) n = strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
    if (!utc && localtime_r(&t, &parts)) n = strftime(text, 32, "%Y-%m-%d %H:%M", &parts);
    if (!n) strcpy(text, "-");
    return text;
}

static const char *mib(uint64_t bytes, char text[32]) {
    snprintf(text, 32, "%.1f MiB", (double)bytes / 0x1p20);
    return text;
}

static json_t *entry_json(const sn_cache_entry *e) {
    char time[32];
    return json_pack("{s:s,s:o,s:s,s:I,s:[i,i,i],s:I,s:s,s:b}", "file", e->path, "source",
                     *e->source ? json_string(e->source) : json_null(), "state", sn_cache_state_words[e->state], "images",
                     (json_int_t)e->images, "shape", e->shape.channels, e->shape.height, e->shape.width, "bytes",
                     (json_int_t)e->bytes, "used", when(e->used, true, time), "in_use", e->in_use);
}

// ---------------------------------------------------------------- list
static sn_status list_json(const sn_cache_list *l, uint64_t bytes) {
    json_t *all = json_array();
    for (size_t i = 0; i < l->n; i++) json_array_append_new(all, entry_json(&l->entry[i]));
    return cli_print_json(
        json_pack("{s:i,s:s,s:o,s:I}", "schema", 1, "folder", l->folder, "caches", all, "bytes", (json_int_t)bytes));
}

static void list_row(const sn_cache_entry *e, table *t) {
    char time[32], size[32];
    table_cell(t, "%s", *e->source ? e->source : e->path);
    table_cell(t, "%s", sn_cache_state_words[e->state]);
    table_cell(t, "%llu", (unsigned long long)e->images);
    if (e->shape.fit == SN_FIT_FACTS)
        table_cell(t, "as init saw it");
    else
        table_cell(t, "%d x %d x %d", e->shape.channels, e->shape.height, e->shape.width);
    table_cell(t, "%s", mib(e->bytes, size));
    table_cell(t, "%s", e->in_use ? "in use now" : when(e->used, false, time));
}

static sn_status list(const cli *c, const sn_cache_list *l) {
    uint64_t bytes = 0;
    char size[32];
    for (size_t i = 0; i < l->n; i++) bytes += l->entry[i].bytes;
    if (c->json) return list_json(l, bytes);
    if (l->n) {
        table *t = table_new();
        table_column(t, TABLE_TEXT, 0, "source");
        table_column(t, TABLE_TEXT, 0, "is");
        table_column(t, TABLE_NUMBER, 1, "images");
        table_column(t, TABLE_NUMBER, 2, "shape");
        table_column(t, TABLE_NUMBER, 0, "size");
        table_column(t, TABLE_NUMBER, 0, "last used");
        for (size_t i = 0; i < l->n; i++) list_row(&l->entry[i], t);
        SN_TRY(table_print(t));
    }
    cli_print("%zu cache%s in %s, %s\n", l->n, cli_plural((long)l->n), l->folder, mib(bytes, size));
    return SN_OK;
}

// ---------------------------------------------------------------- clean
// Without --all and --older: what no training can use any more.
static sn_status wanted(const cli *c, const sn_cache_entry *e, bool *out) {
    long days;
    SN_TRY(cli_number(c, "older", 0, 100000, 0, &days));
    *out = cli_get(c, "all")     ? true
           : cli_get(c, "older") ? difftime(time(NULL), e->used) >= (double)days * 86400
                                 : e->state != SN_CACHE_FITS;
    return SN_OK;
}

// What was done so far.
typedef struct {
    json_t *removed, *kept;
    uint64_t bytes;
    sn_status worst; // of what could not be removed; the rest goes on
} cleaning;

static sn_status clean_one(const cli *c, const sn_cache_entry *e, cleaning *k) {
    bool is_wanted, gone;
    char size[32];
    SN_TRY(wanted(c, e, &is_wanted));
    if (!is_wanted) return SN_OK;
    sn_status s = sn_cache_remove(e, &gone);
    if (s != SN_OK) {
        cli_warn("%s", sn_error_text());
        k->worst = s;
    }
    if (gone) k->bytes += e->bytes;
    json_array_append_new(gone ? k->removed : k->kept, entry_json(e));
    if (!c->json && gone)
        cli_print("removed %s: %s of %s, %s\n", e->path, mib(e->bytes, size), *e->source ? e->source : "an unknown source",
                  sn_cache_state_words[e->state]);
    if (!c->json && !gone && s == SN_OK) cli_print("kept %s: a running program uses it\n", e->path);
    return SN_OK;
}

static sn_status clean(const cli *c, const sn_cache_list *l) {
    char size[32];
    cleaning k = {.removed = json_array(), .kept = json_array(), .worst = SN_OK};
    sn_status s = SN_OK;
    for (size_t i = 0; i < l->n && s == SN_OK; i++) s = clean_one(c, &l->entry[i], &k);
    int stale = s == SN_OK ? sn_cache_remove_stale(l->folder, NULL) : 0;
    size_t removed = json_array_size(k.removed);
    if (s == SN_OK && c->json) {
        s = cli_print_json(json_pack("{s:i,s:s,s:o,s:o,s:I,s:i}", "schema", 1, "folder", l->folder, "removed", k.removed, "kept",
                                     k.kept, "bytes", (json_int_t)k.bytes, "unfinished_removed", stale));
        return s == SN_OK ? k.worst : s;
    }
    json_decref(k.removed);
    json_decref(k.kept);
    SN_TRY(s);
    if (stale) cli_print("removed %d unfinished file%s of killed programs\n", stale, cli_plural(stale));
    cli_print("%zu of %zu cache%s in %s removed, %s\n", removed, l->n, cli_plural((long)l->n), l->folder, mib(k.bytes, size));
    return k.worst;
}

static sn_status run(const cli *c) {
    const char *folder = c->operands > 1 ? c->operand[1] : NULL;
    int action = LIST;
    SN_TRY(cli_word(c, "", &action));
    if (action == LIST && (cli_get(c, "all") || cli_get(c, "older")))
        return sn_error(SN_USAGE, "--all and --older are for `supernet cache clean`; `cache list` lists all");
    sn_cache_list l = {0};
    sn_status s = sn_cache_list_read(folder, &l);
    if (s == SN_OK) s = (action == LIST ? list : clean)(c, &l);
    sn_cache_list_free(&l);
    return s;
}

static const cli_rule rules[] = {{"all", CLI_EXCLUDES, "older"}, {0}};

const cli_command cmd_cache = {
    .name = "cache",
    .operands = "list|clean [FOLDER]",
    .summary = "the decoded data sets that are kept: list them, remove them",
    .details =
        "FOLDER is that of data.cache (default: $XDG_CACHE_HOME/supernet or ~/.cache/supernet).\n"
        "clean asks nothing. Without --all or --older it removes what no training can use any more: caches whose source is gone "
        "or changed, damaged ones, and what killed programs left unfinished. Caches in use and files of others stay; what is "
        "removed is decoded anew when it is needed.",
    .least = 1,
    .most = 2,
    .options = options,
    .choices = choices,
    .without = CLI_SET,
    .rules = rules,
    .run = run,
};
