// What the parts of the space section share while it is read: config_blocks.c reads blocks, config_space.c the rest.
// Not here: what other sections use (config_table.h). Next: config_blocks.c.
#ifndef SN_CONFIG_BLOCKS_H
#define SN_CONFIG_BLOCKS_H

#include "io/config/config_formula.h"
#include "space/ops.h"

typedef struct {
    const sn_yaml_node *section; // of the config
    sn_space *space;
    sn_problems *problems;
    int choices; // entries of layers so far
    sn_parameters parameters;
    const sn_yaml_node *entry[SN_MAX_ENTRIES]; // of the config's tree
} sn_space_maker;

// `space.blocks` into the space.
void sn_blocks_read(sn_space_maker *);
// Whether a node is a mapping; `shape` says what is allowed.
bool sn_blocks_mapping(sn_space_maker *, const sn_yaml_node *, const char *what, const char *shape);
// A name: letters, digits, _ and -, as parts of paths of parameters and of archs' texts. at: where it has no text.
bool sn_blocks_name(sn_space_maker *, const sn_yaml_node *at, const char *name, sn_place, const char *what);
// Keys of a mapping other than the attributes of op (NULL: none) and `others` are unknown.
void sn_blocks_keys(sn_space_maker *, const sn_yaml_node *map, const sn_op *op, const char *const *others, const char *where);
// The operation of {op: ..., ATTRIBUTE: VALUE, ...} and its attributes, defaults filled in, and those that are lists. NULL with
// problems; also when one attribute is wrong.
const sn_op *sn_blocks_operation(sn_space_maker *, const sn_yaml_node *map, const char *const *others, int attr[SN_OP_ATTRS],
                                 sn_lists *);
// A block that may have layers and be an option, by its name; -1 with problems. `inside`: the block that names it, or NULL.
int sn_blocks_find(sn_space_maker *, const sn_yaml_node *word, const char *key, const sn_yaml_node *inside);
// The options of a choice; how many, or -1 with problems.
int sn_blocks_options(sn_space_maker *, const sn_yaml_node *choose, const sn_yaml_node *inside, int block[SN_MAX_OPTIONS]);
// `shared`; -1 with problems.
int sn_blocks_shared(sn_space_maker *, const sn_yaml_node *map);

// Back to text: "op: conv, kernel: 3"; "[a, b]"; the whole key `blocks`.
void sn_blocks_print_operation(const sn_block *, FILE *);
void sn_blocks_print_names(const sn_space *, const int *block, int n, FILE *);
void sn_blocks_print(const sn_space *, FILE *);

#endif
