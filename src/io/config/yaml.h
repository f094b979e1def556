// A YAML file as a tree of nodes that know their place: the part of YAML that a config needs, with hard limits.
// Not here: what the keys mean (config.h). Refused: anchors, aliases, tags, merge keys, a second document, NUL, duplicate keys.
// Next: config.h.
#ifndef SN_YAML_H
#define SN_YAML_H

#include "io/config/problems.h"

enum {
    SN_YAML_BYTES = 1 << 20,
    SN_YAML_DEPTH = 64,
    SN_YAML_KEYS = 4096,  // of all mappings of a file together
    SN_YAML_ITEMS = 16384 // of all lists of a file together
};

typedef enum { SN_YAML_SCALAR, SN_YAML_LIST, SN_YAML_MAP } sn_yaml_kind;

typedef struct sn_yaml_node {
    sn_yaml_kind kind;
    sn_place place;   // of the value
    const char *text; // scalar: its text, UTF-8 without NUL; else NULL
    bool quoted;      // scalar: in quotes, or a block of text
    const char *key;  // of a mapping's child; else NULL
    sn_place key_place;
    struct sn_yaml_node *first, *last, *next; // children in the order of the file; the next child of the same parent
} sn_yaml_node;

// Owns every node, text and source name of the trees read into it.
typedef struct sn_yaml sn_yaml;
sn_yaml *sn_yaml_new(void);
void sn_yaml_free(sn_yaml *);
char *sn_yaml_copy(sn_yaml *, const char *text); // memory that lives as long as the nodes, or NULL

// Reads `size` bytes; `name` stands in front of every message. Returns the root (any kind) or NULL with problems added. A key
// that is given twice is a problem too, but the tree is returned, with its first value, so that more mistakes are found.
sn_yaml_node *sn_yaml_read(sn_yaml *, const char *name, const char *text, size_t size, sn_problems *);

const sn_yaml_node *sn_yaml_find(const sn_yaml_node *map, const char *key); // NULL when absent, or when map is NULL or no mapping
// Puts the children of `over` into `base` (both mappings): mappings are joined, other values replaced. `over` is used up.
void sn_yaml_merge(sn_yaml_node *base, sn_yaml_node *over);
// Applies one override "a.b=value" (value in YAML) to the tree; its place is "--set a.b=value". "--threads=2", a key that is an
// option of its own, has the place "--threads 2".
void sn_yaml_override(sn_yaml *, sn_yaml_node *root, const char *text, sn_problems *);
// "a mapping", "a list", "nothing" or the text in quotes, for messages. Returns out.
const char *sn_yaml_found(const sn_yaml_node *, char out[SN_SHOWN + 2]);

#endif
