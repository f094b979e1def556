// The table of reference kernels: one entry for every kernel of kernels.def.
// Not here: the kernels.
// Next: ../backend.c.
#include "kernels/ref/ref.h"

#define X(ENUM, name, record)                                                                                                    \
    static const sn_impl name##_list[] = {                                                                                       \
        {REF_NAME " " #name, NULL, NULL, NULL, REF(name##_scratch), REF(name), NULL},                                            \
        {0},                                                                                                                     \
    };
#include "kernels/kernels.def"
#undef X

const sn_table REF_TABLE = {{
#define X(ENUM, name, record) [SN_##ENUM] = name##_list,
#include "kernels/kernels.def"
#undef X
}};
