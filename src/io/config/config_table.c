// The table of keys, made from config_keys.def, and its lists of words; see config_table.h.
// Not here: reading and printing values.
// Next: config_value.c.
#include "io/config/config_table.h"
#include "sampler/method.h"
#include "space/arch.h"

#include <stddef.h>
#include <string.h>

#define C_INT int
#define C_LONG int64_t
#define C_NUMBER double
#define C_BOOL bool
#define C_WORD int
#define C_NAME char *
#define C_TEXT char *
#define C_PATH char *
#define C_SIZE int64_t

// Each field has the type that its key says.
#define SECTION(path, meaning)
#define TREE(path, meaning)
#define KEY(path, type, low, high, words, preset, unit, binds, meaning)                                                          \
    _Static_assert(_Generic(((sn_config *)0)->path, C_##type : 1, default : 0), #path);
#include "io/config/config_keys.def"
#undef KEY
#undef TREE

#define TREE(path, meaning) {#path, SN_KEY_TREE, 0, 0, 0, NULL, "", "", SN_BINDS_TRAINING, meaning},
#define KEY(path, type, low, high, words, preset, unit, binds, meaning)                                                          \
    {#path, SN_KEY_##type, offsetof(sn_config, path), low, high, words, preset, unit, SN_BINDS_##binds, meaning},
const sn_key sn_keys[] = {
#include "io/config/config_keys.def"
    {.path = NULL}};
_Static_assert(sizeof sn_keys / sizeof *sn_keys <= SN_MAX_KEYS, "SN_MAX_KEYS is too small");
#undef SECTION
#undef TREE
#undef KEY

#define SECTION(path, meaning) {#path, meaning},
#define TREE(path, meaning)
#define KEY(...)
const sn_section sn_sections[] = {
#include "io/config/config_keys.def"
    {NULL, NULL}};

int sn_key_find(const char *path) {
    for (int i = 0; sn_keys[i].path; i++)
        if (!strcmp(sn_keys[i].path, path)) return i;
    return -1;
}

bool sn_key_is_section(const char *path) {
    for (int i = 0; sn_sections[i].path; i++)
        if (!strcmp(sn_sections[i].path, path)) return true;
    return false;
}

void sn_key_words(const sn_key *key, const char *out[SN_MAX_WORDS]) {
    int n = 0;
    for (; n < SN_MAX_WORDS - 1; n++) {
        const sn_method *m = key->words ? NULL : sn_method_at((sn_method_kind)key->low, n);
        out[n] = key->words ? key->words[n] : m ? m->name : NULL;
        if (!out[n]) return;
    }
    out[n] = NULL;
}

sn_phrase sn_words_joined(const char *const *words) {
    sn_phrase p = {""};
    size_t used = 0;
    for (int i = 0; words[i] && used < sizeof p.text; i++)
        used += (size_t)snprintf(p.text + used, sizeof p.text - used, "%s%s", i ? ", " : "", words[i]);
    return p;
}

static const char *word_at(const void *list, int i) {
    return ((const char *const *)list)[i];
}

sn_phrase sn_words_hint(const char *text, const char *const *words) {
    sn_phrase p = {""};
    const char *near = sn_nearest(text, word_at, words);
    if (near) snprintf(p.text, sizeof p.text, "; did you mean '%s'?", near);
    return p;
}
