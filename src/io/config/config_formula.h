// Parameters of a space and formulas of them: `out: 3*channels`, `layers: cells/3`. Not here: which keys may be formulas
// (config_blocks.h). Next: config_formula.c.
#ifndef SN_CONFIG_FORMULA_H
#define SN_CONFIG_FORMULA_H

#include "io/config/config_table.h"

enum { SN_MAX_PARAMETERS = 16 };

typedef struct {
    const char *name[SN_MAX_PARAMETERS + 1]; // of the config's tree; ended by NULL
    int64_t value[SN_MAX_PARAMETERS];
    int n;
} sn_parameters;

// The section {NAME: NUMBER, ...}; NULL: none.
void sn_parameters_read(sn_parameters *, const sn_yaml_node *section, sn_problems *);
// A whole number, or sums, differences, products and quotients, rounded down, of numbers, parameters and formulas in parentheses.
// -1 with a problem.
int sn_formula_read(const sn_parameters *, const sn_yaml_node *, const char *name, int low, int high, bool odd, sn_problems *);

#endif
