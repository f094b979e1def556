// The table of operations, made from ops/ops.def; see ops.h.
#include "space/ops.h"

#include <string.h>

const char *const sn_act_words[] = {"linear", "relu", "relu6", "h_swish", "h_sigmoid", NULL};

#define X(name) extern const sn_op sn_op_##name;
#include "space/ops/ops.def"
#undef X

const sn_op *const sn_ops[] = {
#define X(name) &sn_op_##name,
#include "space/ops/ops.def"
#undef X
    NULL};

const sn_op *sn_op_find(const char *name) {
    for (int i = 0; sn_ops[i]; i++)
        if (!strcmp(sn_ops[i]->name, name)) return sn_ops[i];
    return NULL;
}
