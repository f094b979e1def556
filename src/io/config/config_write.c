// The config as text with every key written out, what two configs differ in, and the config of retraining; see config.h.
// Not here: reading (config.c), the space's text (config_space.c).
// Next: config_help.c.
#include "io/config/config_table.h"
#include "space/arch.h"

#include <stdlib.h>
#include <string.h>

// Ends a text written by open_memstream: the text, or NULL with the message set.
static char *finish(FILE *out, char **text) {
    bool failed = ferror(out) != 0;
    if (!fclose(out) && !failed && *text) return *text;
    free(*text);
    sn_error(SN_RESOURCE, "out of memory while writing a config");
    return NULL;
}

static FILE *start(char **text, size_t *size) {
    FILE *out = open_memstream(text, size);
    if (!out) sn_error(SN_RESOURCE, "out of memory while writing a config");
    return out;
}

// --- the resolved text

static void indent(int levels, FILE *out) {
    for (int i = 0; i < levels; i++) fputs("  ", out);
}

// Opens the sections of `path` that the key before it was not in. Returns the depth of the key and its last word.
static int open_sections(const char *before, const char *path, const char **word, FILE *out) {
    int depth = 0;
    bool same = true;
    for (const char *dot; (dot = strchr(path, '.')); path = dot + 1, depth++) {
        size_t n = (size_t)(dot - path) + 1;
        same = same && !strncmp(before, path, n);
        if (same) {
            before += n;
            continue;
        }
        indent(depth, out);
        fprintf(out, "%.*s:\n", (int)n - 1, path);
    }
    *word = path;
    return depth;
}

static void write_keys(const sn_config *c, bool machine_too, FILE *out) {
    static const char machine[] = "# of the machine, not of the experiment: other values do not make another config";
    const char *before = "", *word;
    bool was_machine = false;
    for (const sn_key *k = sn_keys; k->path; k++) {
        if (k->type == SN_KEY_TREE || (k->binds == SN_BINDS_MACHINE && !machine_too)) continue;
        int depth = open_sections(before, k->path, &word, out);
        bool is_machine = k->binds == SN_BINDS_MACHINE;
        if (is_machine && !was_machine) {
            indent(depth, out);
            fprintf(out, "%s\n", machine);
        }
        indent(depth, out);
        fprintf(out, "%s: ", word);
        sn_value_print(k, c, out);
        fputc('\n', out);
        if (!strcmp(k->path, "space.arch")) sn_space_print(c->space.built, out);
        before = k->path;
        was_machine = is_machine;
    }
}

char *sn_config_resolved(const sn_config *c, bool machine) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = start(&text, &size);
    if (!out) return NULL;
    write_keys(c, machine, out);
    return finish(out, &text);
}

// --- differences

static char *key_text(const sn_key *k, const sn_config *c) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = start(&text, &size);
    if (!out) return NULL;
    sn_value_print(k, c, out);
    return finish(out, &text);
}

static char *space_text(const sn_config *c) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = start(&text, &size);
    if (!out) return NULL;
    sn_space_print(c->space.built, out);
    return finish(out, &text);
}

// The first differing lines of two texts that differ, without their indentation.
static void first_lines(const char *a, const char *b, sn_config_change *out) {
    size_t n, m;
    for (;; a += n + (a[n] != 0), b += m + (b[m] != 0)) {
        n = strcspn(a, "\n"), m = strcspn(b, "\n");
        if (n != m || memcmp(a, b, n)) break;
    }
    size_t skip_a = strspn(a, " "), skip_b = strspn(b, " ");
    snprintf(out->first, sizeof out->first, "%.*s", (int)(n - skip_a), a + skip_a);
    snprintf(out->second, sizeof out->second, "%.*s", (int)(m - skip_b), b + skip_b);
}

static sn_status key_difference(const sn_key *k, const sn_config *first, const sn_config *second, sn_config_change *out) {
    char *a = key_text(k, first), *b = key_text(k, second);
    if (a && b) {
        snprintf(out->key, sizeof out->key, "%s", k->path);
        snprintf(out->first, sizeof out->first, "%s", a);
        snprintf(out->second, sizeof out->second, "%s", b);
    }
    sn_status status = a && b ? SN_OK : SN_RESOURCE;
    free(a);
    free(b);
    return status;
}

static sn_status space_difference(const sn_config *first, const sn_config *second, sn_config_change *out) {
    char *a = space_text(first), *b = space_text(second);
    sn_status status = a && b ? SN_OK : SN_RESOURCE;
    if (status == SN_OK && strcmp(a, b)) {
        strcpy(out->key, "space");
        first_lines(a, b, out);
    }
    free(a);
    free(b);
    return status;
}

sn_status sn_config_difference(const sn_config *first, const sn_config *second, unsigned binds, sn_config_change *out) {
    out->key[0] = out->first[0] = out->second[0] = 0;
    for (const sn_key *k = sn_keys; k->path; k++)
        if (k->binds & binds && k->type != SN_KEY_TREE && !sn_value_equal(k, first, second))
            return key_difference(k, first, second, out);
    return binds & SN_BINDS_TRAINING ? space_difference(first, second, out) : SN_OK;
}

sn_status sn_config_difference_in(const char *part, const sn_config *first, const sn_config *second, sn_config_change *out) {
    size_t n = strlen(part);
    out->key[0] = out->first[0] = out->second[0] = 0;
    for (const sn_key *k = sn_keys; k->path; k++)
        if (!strncmp(k->path, part, n) && (!k->path[n] || k->path[n] == '.') && k->type != SN_KEY_TREE &&
            !sn_value_equal(k, first, second))
            return key_difference(k, first, second, out);
    return strcmp(part, "space") ? SN_OK : space_difference(first, second, out);
}

// --- retraining

// The resolved text is read again with the arch as an override; then each key of `retrain` goes to its counterpart in `train`.
// retrain.init (whose words are others) says where to start from, train.init how new weights are drawn.
sn_status sn_config_retrain(const sn_config *c, const char *arch, sn_config **out) {
    char *text = sn_config_resolved(c, true), *override = sn_format("space.arch=\"%s\"", arch);
    sn_config *made = NULL;
    sn_arch parsed;
    sn_status status = text && override ? sn_arch_parse(c->space.built, arch, &parsed) : SN_RESOURCE;
    const char *overrides[] = {override};
    if (status == SN_OK) status = sn_config_parse(text, strlen(text), "retrain", overrides, 1, &made);
    for (const sn_key *k = sn_keys; status == SN_OK && k->path; k++) {
        int to = strncmp(k->path, "retrain.", 8) ? -1 : sn_key_find(k->path + 2);
        if (to >= 0 && sn_keys[to].words == k->words) status = sn_value_copy(&sn_keys[to], made, k, made);
    }
    // It begins with its own first weights, whatever the supernet went on from, and has no architecture to learn.
    static const char *const own[] = {"train.extends", "train.mode"};
    for (size_t i = 0; status == SN_OK && i < sizeof own / sizeof *own; i++)
        status = sn_value_default(&sn_keys[sn_key_find(own[i])], made);
    free(text);
    free(override);
    if (status == SN_OK)
        *out = made;
    else
        sn_config_free(made);
    return status;
}
