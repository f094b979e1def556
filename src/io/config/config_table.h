// The table of keys behind config.h, and what its parts share while a config is read. Internal to src/io/config*.c.
// Not here: the keys themselves (config_keys.def).
// Next: config_value.c.
#ifndef SN_CONFIG_TABLE_H
#define SN_CONFIG_TABLE_H

#include "io/config/config.h"
#include "io/config/yaml.h"
#include <stdio.h>

typedef enum {
    SN_KEY_INT,
    SN_KEY_LONG,
    SN_KEY_NUMBER,
    SN_KEY_BOOL,
    SN_KEY_WORD,
    SN_KEY_NAME,
    SN_KEY_TEXT,
    SN_KEY_PATH,
    SN_KEY_SIZE,
    SN_KEY_TREE
} sn_key_type;

typedef struct {
    const char *path;
    sn_key_type type;
    size_t offset; // of the field in sn_config
    double low, high;
    const char *const *words; // ended by NULL; NULL for a NAME: the methods of kind `low`
    const char *preset, *unit;
    sn_binding binds;
    const char *meaning;
} sn_key;

typedef struct {
    const char *path, *meaning;
} sn_section;

enum { SN_MAX_KEYS = 128 };
extern const sn_key sn_keys[]; // ended by path == NULL
extern const sn_section sn_sections[];

int sn_key_find(const char *path); // index, or -1
bool sn_key_is_section(const char *path);

// --- lists of words (config_table.c)

enum { SN_MAX_WORDS = 64 };
typedef struct {
    char text[1024];
} sn_phrase;
sn_phrase sn_words_joined(const char *const *words);                 // "a, b, c"
sn_phrase sn_words_hint(const char *text, const char *const *words); // "; did you mean 'b'?", or ""
// The words of a key (the methods where the table has none) into out, ended by NULL.
void sn_key_words(const sn_key *, const char *out[SN_MAX_WORDS]);

// --- one value (config_value.c)

// Reads a node into the key's field; wrong ones add a problem and leave the field. Texts replace what was there.
void sn_value_read(const sn_key *, const sn_yaml_node *, sn_config *, sn_problems *);
// The default of a key, from the table or from another field of the config.
sn_status sn_value_default(const sn_key *, sn_config *);
// dst's field = src's field for two keys of one type.
sn_status sn_value_copy(const sn_key *to, sn_config *dst, const sn_key *from, const sn_config *src);
bool sn_value_equal(const sn_key *, const sn_config *, const sn_config *);
// As in a resolved file, quoted where needed.
void sn_value_print(const sn_key *, const sn_config *, FILE *);
// What is allowed: "a whole number from 1 to 100", "one of a, b, c".
sn_phrase sn_value_allowed(const sn_key *);

// Parts of the above, for the attributes of operations; `name` is the key in messages. -1 with a problem added.
int sn_read_int(const sn_yaml_node *, const char *name, int low, int high, bool odd, sn_problems *);
int sn_read_bool(const sn_yaml_node *, const char *name, sn_problems *);
int sn_read_word(const sn_yaml_node *, const char *name, const char *const *words, sn_problems *);

// --- texts and paths (config_text.c)

// Printable UTF-8: what a resolved config can hold.
bool sn_text_clean(const char *);
// In quotes where a YAML reader could take it for something else. The text is clean.
void sn_text_print(const char *text, FILE *);
// The path made absolute: from the folder of the file that names it, or from the current one for an override. NULL with a
// problem.
char *sn_path_absolute(const sn_yaml_node *, sn_problems *);
// Reads a file of at most 1 MiB. SN_CONFIG naming it. *out is owned by the caller, *size without the final 0.
sn_status sn_config_read_file(const char *path, char **out, size_t *size);

// --- the space section (config_space.c)

// Joins the preset's file, if the section names one, into `space`. False when it names one that cannot be had: what the section
// lacks may stand there.
bool sn_space_preset(sn_yaml *, sn_yaml_node *space, const char *folder, sn_problems *);
// config->space.built from the section; input, classes, text and arch are read already.
void sn_space_read(const sn_yaml_node *space, sn_config *, sn_problems *);
// The keys `blocks` and `network` with everything written out, indented by two.
void sn_space_print(const sn_space *, FILE *);

#endif
