// A chain in which every operation of ops.def is an option, for tests of plans and export: 2 + 3 decisions of 7 options each.
#ifndef SN_TEST_MIXED_H
#define SN_TEST_MIXED_H

#include "space/ops.h"
#include <string.h>

static inline sn_space *mixed_space(int size) {
    sn_space *s = sn_space_new();
    if (!s) return NULL;
    s->channels = 3, s->height = s->width = size, s->classes = 10;
    const int conv[SN_OP_ATTRS] = {3, 2, 1, 2}, sep[SN_OP_ATTRS] = {5, 1, 1}, max[SN_OP_ATTRS] = {0, 3, 1},
              avg[SN_OP_ATTRS] = {1, 3, 1}, mb[SN_OP_ATTRS] = {1, 3, 0, 1};
    const int none[SN_OP_ATTRS] = {0}, grouped[SN_OP_ATTRS] = {3, 1, 2, 0};
    int k[7] = {
        sn_space_add_block(s, "conv", sn_op_find("conv"), conv),      sn_space_add_block(s, "sep", sn_op_find("sepconv"), sep),
        sn_space_add_block(s, "max", sn_op_find("pool"), max),        sn_space_add_block(s, "avg", sn_op_find("pool"), avg),
        sn_space_add_block(s, "mb", sn_op_find("mbconv"), mb),        sn_space_add_block(s, "id", sn_op_find("identity"), none),
        sn_space_add_block(s, "grouped", sn_op_find("conv"), grouped)};
    const int stem[SN_OP_ATTRS] = {3, 1, 1, 1};
    int first = sn_space_add_block(s, "stem", sn_op_find("conv"), stem),
        fc = sn_space_add_block(s, "fc", sn_op_find("classifier"), NULL);
    sn_entry e = {.choice = true, .options = 7, .layers = 2, .out = 6, .stride = 2};
    memcpy(e.block, k, sizeof k);
    sn_space_add_entry(s, "stem", &(sn_entry){.block = {first}, .options = 1, .layers = 1, .out = 4, .stride = 1});
    sn_space_add_entry(s, "stage1", &e);
    e.out = 10, e.layers = 3;
    sn_space_add_entry(s, "stage2", &e);
    sn_space_add_entry(s, "fc", &(sn_entry){.block = {fc}, .options = 1, .layers = 1, .stride = 1});
    return s;
}

#endif
