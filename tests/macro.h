// The NAS-Bench-Macro space built by hand, for tests of graph, plan and training (the program reads it from configs/spaces).
#ifndef SN_TEST_MACRO_H
#define SN_TEST_MACRO_H

#include "space/ops.h"
#include <stddef.h>
#include <stdio.h>

// width 32 is the published net; hidden layers scale with it; head: channels of the last 1x1.
static inline sn_space *macro_space(int size, int width, int head) {
    sn_space *s = sn_space_new();
    if (!s) return NULL;
    s->channels = 3, s->height = s->width = size, s->classes = 10, s->digits = true;
    const int identity[SN_OP_ATTRS] = {0}, mb3[SN_OP_ATTRS] = {3, 3, 1, 1}, mb6[SN_OP_ATTRS] = {6, 5, 1, 1};
    const int conv3[SN_OP_ATTRS] = {3, 1, 1, 1}, conv1[SN_OP_ATTRS] = {1, 1, 1, 1};
    int id = sn_space_add_block(s, "id", sn_op_find("identity"), identity);
    int a = sn_space_add_block(s, "mb3_k3", sn_op_find("mbconv"), mb3),
        b = sn_space_add_block(s, "mb6_k5", sn_op_find("mbconv"), mb6);
    int stem = sn_space_add_block(s, "stem", sn_op_find("conv"), conv3),
        last = sn_space_add_block(s, "head", sn_op_find("conv"), conv1);
    int fc = sn_space_add_block(s, "classifier", sn_op_find("classifier"), NULL);
    sn_space_add_entry(s, "stem", &(sn_entry){.block = {stem}, .options = 1, .layers = 1, .out = width, .stride = 1});
    const int layers[3] = {2, 3, 3};
    for (int i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "stage%d", i + 1);
        sn_space_add_entry(
            s, name,
            &(sn_entry){
                .choice = true, .block = {id, a, b}, .options = 3, .layers = layers[i], .out = width * 2 << i, .stride = 2});
    }
    sn_space_add_entry(s, "head", &(sn_entry){.block = {last}, .options = 1, .layers = 1, .out = head, .stride = 1});
    sn_space_add_entry(s, "classifier", &(sn_entry){.block = {fc}, .options = 1, .layers = 1, .stride = 1});
    return s;
}

#endif
