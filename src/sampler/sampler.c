// The table of samplers, made from methods.def; see sampler.h.
#include "sampler/sampler.h"

#include <string.h>

#define X(name) extern const sn_sampler sn_sampler_##name;
#include "sampler/methods.def"
#undef X

const sn_sampler *const sn_samplers[] = {
#define X(name) &sn_sampler_##name,
#include "sampler/methods.def"
#undef X
    NULL};

const sn_sampler *sn_sampler_find(const char *name) {
    for (int i = 0; sn_samplers[i]; i++)
        if (!strcmp(sn_samplers[i]->name, name)) return sn_samplers[i];
    return NULL;
}
