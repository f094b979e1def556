// The table of methods, made from methods.def; see method.h.
#include "sampler/method.h"

#include <string.h>

#define X(kind, name) extern const sn_method sn_method_##name;
#include "sampler/methods.def"
#undef X

static const sn_method *const methods[] = {
#define X(kind, name) &sn_method_##name,
#include "sampler/methods.def"
#undef X
    NULL};

const sn_method *sn_method_at(sn_method_kind kind, int i) {
    for (const sn_method *const *m = methods; *m; m++)
        if ((*m)->kind == kind && !i--) return *m;
    return NULL;
}

const sn_method *sn_method_find(sn_method_kind kind, const char *name) {
    const sn_method *m;
    for (int i = 0; (m = sn_method_at(kind, i)); i++)
        if (!strcmp(m->name, name)) return m;
    return NULL;
}
