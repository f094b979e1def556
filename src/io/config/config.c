// Reads a config: file, overrides, preset, then every key against the table, defaults, relations between keys, and the space.
// Not here: single values (config_value.c), the space's language (config_space.c), output (config_write.c, config_help.c).
// Next: config_space.c.
#include "io/config/config_table.h"
#include "sampler/method.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    sn_yaml *memory;
    sn_problems problems;
    sn_yaml_node *root;
    sn_config *config;
    const sn_yaml_node *given[SN_MAX_KEYS]; // by key: the node that set it
    bool space_known;                       // false: its preset is missing, and says so
    bool embedded;                          // the text must not name what to open or write on this machine
    bool resolved;                          // the text is our own, with every key that there was
} reader;

static sn_status read_all(reader *, const char *text, size_t size, const char *name, const char *const *overrides,
                          int n_overrides);

typedef enum { OF_USER, OF_FOLDER, OF_CHECKPOINT } origin;

static sn_status parse(origin from, const char *text, size_t size, const char *name, const char *const *overrides,
                       int n_overrides, sn_config **out) {
    reader r = {.memory = sn_yaml_new(),
                .config = sn_new(1, sizeof *r.config),
                .embedded = from == OF_CHECKPOINT,
                .resolved = from != OF_USER};
    sn_status status = r.memory && r.config ? read_all(&r, text, size, name, overrides, n_overrides) : SN_RESOURCE;
    sn_status found = sn_problems_report(&r.problems); // after the places' last use, before their memory goes
    if (status == SN_OK) status = found;
    sn_yaml_free(r.memory);
    if (status == SN_OK)
        *out = r.config;
    else
        sn_config_free(r.config);
    return status;
}

sn_status sn_config_parse(const char *text, size_t size, const char *name, const char *const *overrides, int n_overrides,
                          sn_config **out) {
    return parse(OF_USER, text, size, name, overrides, n_overrides, out);
}

sn_status sn_config_embedded(const char *text, size_t size, const char *name, const char *const *overrides, int n_overrides,
                             sn_config **out) {
    return parse(OF_CHECKPOINT, text, size, name, overrides, n_overrides, out);
}

static sn_status parse_file(origin from, const char *path, const char *const *overrides, int n_overrides, sn_config **out) {
    char *text = NULL;
    size_t size = 0;
    SN_TRY(sn_config_read_file(path, &text, &size));
    sn_status status = parse(from, text, size, path, overrides, n_overrides, out);
    free(text);
    return status;
}

sn_status sn_config_load(const char *path, const char *const *overrides, int n_overrides, sn_config **out) {
    return parse_file(OF_USER, path, overrides, n_overrides, out);
}

sn_status sn_config_of_folder(const char *path, const char *const *overrides, int n_overrides, sn_config **out) {
    return parse_file(OF_FOLDER, path, overrides, n_overrides, out);
}

void sn_config_free(sn_config *c) {
    if (!c) return;
    for (const sn_key *k = sn_keys; k->path; k++)
        if (k->type == SN_KEY_NAME || k->type == SN_KEY_TEXT || k->type == SN_KEY_PATH) free(*(char **)((char *)c + k->offset));
    sn_space_free(c->space.built);
    free(c);
}

// Whether the first n bytes of `path` are whole words of it that name the key or section `above`, or one below that.
static bool lies_in(const char *path, size_t n, const char *above, size_t m) {
    return n >= m && !memcmp(path, above, m) && (n == m || path[m] == '.');
}

// Of a section all keys, of a key or what is below it that key.
static unsigned binds_of(const char *path, size_t n) {
    unsigned all = 0;
    for (const sn_key *k = sn_keys; k->path; k++) {
        size_t m = strlen(k->path);
        if (lies_in(k->path, m, path, n) || lies_in(path, n, k->path, m)) all |= k->binds;
    }
    return all;
}

unsigned sn_config_binds(const char *override) {
    return binds_of(override, strcspn(override, "="));
}

const char *sn_config_free_keys(unsigned binds, char *out, size_t size) {
    size_t used = 0, n = 0;
    const char *last = "";
    *out = 0;
    for (const sn_key *k = sn_keys; k->path; k++) {
        if (k->binds & binds || (n && lies_in(k->path, strlen(k->path), last, n))) continue;
        last = k->path;
        for (n = strcspn(last, "."); binds_of(last, n) & binds; n += 1 + strcspn(last + n + 1, ".")) continue;
        if (used < size) used += (size_t)snprintf(out + used, size - used, "%s%.*s", used ? ", " : "", (int)n, last);
    }
    return out;
}

// --- keys of the file against the table

// The words allowed below a section ("" at the root): next parts of the keys' paths.
typedef struct {
    char word[SN_MAX_WORDS][32];
    const char *list[SN_MAX_WORDS];
    int n;
} children;

static void list_children(const char *section, children *out) {
    size_t skip = *section ? strlen(section) + 1 : 0;
    out->n = 0;
    for (const sn_key *k = sn_keys; k->path; k++) {
        if (skip && (strncmp(k->path, section, skip - 1) || k->path[skip - 1] != '.')) continue;
        char word[32];
        snprintf(word, sizeof word, "%.*s", (int)strcspn(k->path + skip, "."), k->path + skip);
        if (out->n && !strcmp(out->word[out->n - 1], word)) continue; // keys of a section stand together
        strcpy(out->word[out->n], word);
        out->list[out->n] = out->word[out->n];
        out->n++;
    }
    out->list[out->n] = NULL;
}

// A key of this last word in another section, or NULL: `lr` given in `train`.
static const char *elsewhere(const char *word) {
    for (const sn_key *k = sn_keys; k->path; k++) {
        const char *dot = strrchr(k->path, '.');
        if (!strcmp(dot ? dot + 1 : k->path, word)) return k->path;
    }
    return NULL;
}

static void unknown_key(reader *r, const sn_yaml_node *n, const char *section) {
    children allowed;
    list_children(section, &allowed);
    char shown[SN_SHOWN];
    sn_phrase hint = sn_words_hint(n->key, allowed.list);
    const char *other = *hint.text ? NULL : elsewhere(n->key);
    if (other) snprintf(hint.text, sizeof hint.text, "; did you mean '%s'?", other);
    sn_problem(&r->problems, n->key_place, "unknown key '%s'%s%s; allowed are %s%s", sn_show(n->key, shown),
               *section ? " in " : "", section, sn_words_joined(allowed.list).text, hint.text);
}

static void read_section(reader *r, const sn_yaml_node *map, const char *section);

static void read_child(reader *r, const sn_yaml_node *n, const char *section) {
    char path[256];
    int length = snprintf(path, sizeof path, "%s%s%s", section, *section ? "." : "", n->key);
    int key = length < (int)sizeof path && !strchr(n->key, '.') ? sn_key_find(path) : -1;
    if (key >= 0 && r->embedded && n->place.line && sn_keys[key].binds == SN_BINDS_MACHINE) {
        sn_problem(&r->problems, n->key_place, "%s: a key of the machine; allowed are those of the experiment", path);
    } else if (key >= 0) {
        r->given[key] = n;
        sn_value_read(&sn_keys[key], n, r->config, &r->problems);
    } else if (length < (int)sizeof path && !strchr(n->key, '.') && sn_key_is_section(path)) {
        read_section(r, n, path);
    } else {
        unknown_key(r, n, section);
    }
}

static void read_section(reader *r, const sn_yaml_node *map, const char *section) {
    if (map->kind == SN_YAML_MAP) {
        for (const sn_yaml_node *n = map->first; n; n = n->next) read_child(r, n, section);
        return;
    }
    char found[SN_SHOWN + 2];
    children allowed;
    list_children(section, &allowed);
    sn_problem(&r->problems, map->place, "%s%sfound %s; allowed is a mapping with the keys %s", section, *section ? ": " : "",
               sn_yaml_found(map, found), sn_words_joined(allowed.list).text);
}

// --- keys that are not given

// A required key: reported at the innermost mapping that exists, naming the outermost part that is missing, once.
static void missing(reader *r, const char *path, char last[64]) {
    const sn_yaml_node *at = r->root;
    size_t n = 0;
    for (;;) {
        char word[64];
        size_t length = strcspn(path + n, ".");
        snprintf(word, sizeof word, "%.*s", (int)length, path + n);
        const sn_yaml_node *child = sn_yaml_find(at, word);
        n += length;
        if (!child || !path[n]) break;
        if (child->kind != SN_YAML_MAP) return; // reported as a section that is none
        at = child;
        n++;
    }
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)n, path);
    if (strcmp(name, last)) sn_problem(&r->problems, at->place, "missing %s %s", path[n] ? "section" : "key", name);
    strcpy(last, name);
}

static sn_status fill_defaults(reader *r) {
    char last[64] = "";
    for (int i = 0; sn_keys[i].path; i++) {
        const sn_key *k = &sn_keys[i];
        if (r->given[i] || k->type == SN_KEY_TREE) continue;
        if (!k->preset && (r->space_known || strncmp(k->path, "space.", 6))) missing(r, k->path, last);
        SN_TRY(sn_value_default(k, r->config));
    }
    return SN_OK;
}

// Keys of `data` that a text of ours may be older than.
typedef struct {
    bool pad, seed; // the text itself, before overrides, lacks it
} older;

static older what_it_lacks(const reader *r) {
    const sn_yaml_node *data = r->resolved ? sn_yaml_find(r->root, "data") : NULL;
    return (older){.pad = r->resolved && !sn_yaml_find(sn_yaml_find(data, "augment"), "pad"),
                   .seed = r->resolved && !sn_yaml_find(data, "seed")};
}

// What was done before there were these keys: crops were padded with black (without crops there was nothing to pad), and one seed
// chose images and all else.
static void as_before(reader *r, older than) {
    sn_config *c = r->config;
    if (than.pad && !r->given[sn_key_find("data.augment.pad")] && c->data.augment.crop > 0) c->data.augment.pad = SN_PAD_BLACK;
    if (than.seed && !r->given[sn_key_find("data.seed")]) c->data.seed = c->train.seed;
}

// --- relations between keys

// Of the key, or of the innermost section around it that the file has.
static sn_place place_of(const reader *r, const char *path) {
    const sn_yaml_node *at = r->root;
    for (;;) {
        char word[64];
        size_t n = strcspn(path, ".");
        snprintf(word, sizeof word, "%.*s", (int)n, path);
        const sn_yaml_node *child = sn_yaml_find(at, word);
        if (child) at = child;
        if (!child || !path[n]) return at->place;
        path += n + 1;
    }
}

static void relate_optimizer(reader *r, const char *section, int epochs, const sn_config_optimizer *o) {
    char path[64];
    if (o->name == SN_OPTIMIZER_SGD && o->nesterov && o->momentum <= 0) {
        snprintf(path, sizeof path, "%s.optimizer.momentum", section);
        sn_problem(&r->problems, place_of(r, path), "%s: found 0; nesterov: true needs a momentum above 0", path);
    }
    if (o->name == SN_OPTIMIZER_ADAMW && o->lr * o->weight_decay >= 1) {
        snprintf(path, sizeof path, "%s.optimizer.weight_decay", section);
        sn_problem(&r->problems, place_of(r, path),
                   "%s: found %g; adamw takes lr * weight_decay of a weight off it: allowed is below %g", path, o->weight_decay,
                   1 / o->lr);
    }
    if (o->warmup > epochs) {
        snprintf(path, sizeof path, "%s.optimizer.warmup", section);
        sn_problem(&r->problems, place_of(r, path), "%s: found %g epochs; allowed are at most the %d of %s.epochs", path,
                   o->warmup, epochs, section);
    }
    if (o->schedule == SN_SCHEDULE_COSINE && o->lr_min > o->lr) {
        snprintf(path, sizeof path, "%s.optimizer.lr_min", section);
        sn_problem(&r->problems, place_of(r, path), "%s: found %g; allowed is at most lr, %g", path, o->lr_min, o->lr);
    }
}

// Sizes against the image's shorter side.
static void relate_images(reader *r) {
    const sn_config *c = r->config;
    int side = c->space.input.height < c->space.input.width ? c->space.input.height : c->space.input.width;
    if (c->data.augment.crop > side)
        sn_problem(&r->problems, place_of(r, "data.augment.crop"),
                   "data.augment.crop: found %d; allowed is at most the image's side, %d", c->data.augment.crop, side);
    if (c->data.augment.crop && c->data.augment.resized)
        sn_problem(&r->problems, place_of(r, "data.augment.resized"),
                   "data.augment.resized: found true beside a crop of %d; allowed is one of the two", c->data.augment.crop);
    if (c->data.augment.cutout > 2 * side)
        sn_problem(&r->problems, place_of(r, "data.augment.cutout"),
                   "data.augment.cutout: found %d; allowed is at most twice the image's side, %d", c->data.augment.cutout,
                   2 * side);
    if (c->data.store && c->data.store < side)
        sn_problem(&r->problems, place_of(r, "data.store"),
                   "data.store: found %d; allowed is 0, or at least the image's shorter side, %d", c->data.store, side);
}

static const char *text_at(const sn_config *c, const sn_key *key) {
    return *(char *const *)(const void *)((const char *)c + key->offset);
}

// Methods with the keys that they cannot do without.
static void relate_methods(reader *r) {
    for (const sn_key *key = sn_keys; key->path; key++) {
        const char *name = key->type == SN_KEY_NAME ? text_at(r->config, key) : NULL;
        const sn_method *m = name ? sn_method_find((sn_method_kind)key->low, name) : NULL;
        if (m && m->needs && !*text_at(r->config, &sn_keys[sn_key_find(m->needs)]))
            sn_problem(&r->problems, place_of(r, key->path), "%s: found '%s', which needs %s; that must be given", key->path,
                       m->name, m->needs);
    }
}

static void relate(reader *r) {
    const sn_config *c = r->config;
    relate_optimizer(r, "train", c->train.epochs, &c->train.optimizer);
    if (!sn_problems_any(&r->problems))
        relate_optimizer(r, "retrain", c->retrain.epochs, &c->retrain.optimizer); // may be train's
    relate_methods(r);
    relate_images(r);
}

// --- the whole

// Folder of a path with its slash, "" for the current one.
static char *folder_of(reader *r, const char *name) {
    char *folder = sn_yaml_copy(r->memory, name);
    if (!folder) return NULL;
    char *slash = strrchr(folder, '/');
    folder[slash ? slash + 1 - folder : 0] = 0;
    return folder;
}

static sn_status read_all(reader *r, const char *text, size_t size, const char *name, const char *const *overrides,
                          int n_overrides) {
    char *folder = folder_of(r, name);
    if (!folder) return SN_RESOURCE;
    if (!(r->root = sn_yaml_read(r->memory, name, text, size, &r->problems))) return SN_OK; // the problems say why
    older than = what_it_lacks(r);
    for (int i = 0; r->root->kind == SN_YAML_MAP && i < n_overrides; i++)
        sn_yaml_override(r->memory, r->root, overrides[i], &r->problems);
    sn_yaml_node *space = (sn_yaml_node *)sn_yaml_find(r->root, "space");
    const sn_yaml_node *preset = space && r->embedded ? sn_yaml_find(space, "preset") : NULL;
    if (preset && preset->place.line) {
        sn_problem(&r->problems, preset->key_place, "space.preset: the name of a file; allowed is a space written out");
        return SN_OK;
    }
    r->space_known = !space || sn_space_preset(r->memory, space, folder, &r->problems);
    read_section(r, r->root, "");
    if (r->root->kind != SN_YAML_MAP) return SN_OK;
    SN_TRY(fill_defaults(r));
    as_before(r, than);
    bool sound = !sn_problems_any(&r->problems); // relations and the arch need sound values
    if (sound) relate(r);
    if (space && space->kind == SN_YAML_MAP && r->space_known) sn_space_read(space, r->config, &r->problems);
    return SN_OK;
}
