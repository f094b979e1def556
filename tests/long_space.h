// A space far too large to list: layers that each choose between convolutions a, b, c of kernels 1, 3, 5, at 2 channels.
// Not here: spaces as users write them (random_space.h).
#ifndef SN_TEST_LONG_SPACE_H
#define SN_TEST_LONG_SPACE_H

#include "space/graph.h"
#include "space/ops.h"
#include "suite.h"

static inline sn_space *long_space(int layers, sn_graph **graph) {
    sn_space *s = sn_space_new();
    ck_assert_ptr_nonnull(s);
    s->channels = 2, s->height = s->width = 4, s->classes = 2;
    int attr[SN_OP_ATTRS];
    const sn_op *conv = sn_op_find("conv");
    sn_entry e = {.choice = true, .options = 3, .layers = layers, .out = 2, .stride = 1};
    for (int k = 0; k < 3; k++) {
        for (int i = 0; conv->attrs[i].type != SN_ATTR_END; i++)
            attr[i] = strcmp(conv->attrs[i].name, "kernel") ? conv->attrs[i].preset : 1 + 2 * k;
        e.block[k] = sn_space_add_block(s, (char[]){(char)('a' + k), 0}, conv, attr);
    }
    sn_space_add_entry(s, "part", &e);
    e = (sn_entry){.options = 1, .layers = 1, .stride = 1};
    e.block[0] = sn_space_add_block(s, "last", sn_op_find("classifier"), NULL);
    sn_space_add_entry(s, "last", &e);
    ck_ok(sn_space_finish(s));
    ck_ok(sn_graph_build(s, graph));
    return s;
}

#endif
