// Lists of parameters and running statistics, initial values, and the two orders of a weight; see params.h.
// Not here: where the buffers live (exec.h).
#include "space/params.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/round.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *name_of(const void *params, size_t i) {
    return ((const sn_params *)params)->param[i].name;
}

int sn_params_find(const sn_params *p, const char *name) {
    return (int)sn_names_find(&p->names, name, name_of, p);
}

int64_t sn_params_count(const sn_params *p) {
    int64_t sum = 0;
    for (int i = 0; i < p->n; i++) sum += p->param[i].size;
    return sum;
}

int sn_params_add(sn_params *p, const char *name, sn_param_kind kind, int kernel, int in, int out) {
    if (sn_params_find(p, name) >= 0) {
        sn_error(SN_CONFIG, "two parameters would have the name '%s': give the entries of `network` different names", name);
        return -1;
    }
    int64_t fan_in = (int64_t)kernel * kernel * in, size;
    if (__builtin_mul_overflow(fan_in, out, &size) || size > INT32_MAX || p->total > INT64_C(1) << 40) {
        sn_error(SN_CONFIG, "parameter '%s' of %d x %d x %d x %d numbers is too large; at most 2^31 numbers are allowed", name,
                 out, in, kernel, kernel);
        return -1;
    }
    if (sn_grow(&p->param, &p->capacity, (size_t)p->n + 1, sizeof *p->param) != SN_OK ||
        sn_names_room(&p->names, name_of, p) != SN_OK)
        return -1;
    char *copy = sn_strdup(name);
    if (!copy) return -1;
    sn_names_add(&p->names, name);
    p->param[p->n] = (sn_param){
        .name = copy, .kind = kind, .kernel = kernel, .in = in, .out = out, .fan_in = fan_in, .offset = p->total, .size = size};
    p->total += sn_aligned(size);
    return p->n++;
}

int sn_params_add_stats(sn_params *p, const char *name, int c) {
    if (sn_grow(&p->stats, &p->stats_capacity, (size_t)p->n_stats + 1, sizeof *p->stats) != SN_OK) return -1;
    char *copy = sn_strdup(name);
    if (!copy) return -1;
    p->stats[p->n_stats] = (sn_stats){copy, c, p->stats_total, p->stats_total + sn_aligned(c)};
    p->stats_total += 2 * sn_aligned(c);
    return p->n_stats++;
}

void sn_params_free(sn_params *p) {
    for (int i = 0; i < p->n; i++) free(p->param[i].name);
    for (int i = 0; i < p->n_stats; i++) free(p->stats[i].name);
    free(p->param);
    free(p->names.slot);
    free(p->stats);
    *p = (sn_params){0};
}

// Of the normal distribution that a parameter starts from; 0: of none.
static double deviation(const sn_param *p, int init) {
    if (init == SN_INIT_TORCH || (p->kind != SN_PARAM_CONV && p->kind != SN_PARAM_LINEAR)) return 0;
    if (init == SN_INIT_FAN_IN) return sqrt(2.0 / (double)p->fan_in);
    return p->kind == SN_PARAM_LINEAR ? 0.01 : sqrt(2.0 / ((double)p->kernel * p->kernel * p->out));
}

// Of the uniform distribution, from -bound to bound; 0: of none.
static double bound(const sn_param *p, int init) {
    bool normalises = p->kind == SN_PARAM_GAMMA || p->kind == SN_PARAM_BETA;
    return init == SN_INIT_TORCH && !normalises ? 1 / sqrt((double)p->fan_in) : 0;
}

void sn_param_init(const sn_param *p, int init, uint32_t seed, float *out) {
    double constant = p->kind == SN_PARAM_GAMMA ? 1 : 0, normal = deviation(p, init), uniform = bound(p, init);
    sn_rng r = sn_rng_at(seed, SN_STREAM_INIT, sn_hash_name(p->name), 0, 0);
    for (int64_t i = 0; i < p->size; i++) {
        double v = constant;
        if (normal > 0) v = normal * sn_rng_normal(&r);
        if (uniform > 0) v = uniform * (2 * sn_rng_unit(&r) - 1);
        out[i] = (float)v;
    }
}

int sn_param_dims(const sn_param *p, size_t dims[4]) {
    dims[0] = (size_t)p->out;
    if (p->kind != SN_PARAM_CONV && p->kind != SN_PARAM_LINEAR) return 1;
    dims[1] = (size_t)p->in;
    if (p->kind == SN_PARAM_LINEAR) return 2;
    dims[2] = dims[3] = (size_t)p->kernel;
    return 4;
}

// Visits both places of every element.
static void reorder(const sn_param *p, const float *in, float *out, int to_file) {
    int64_t taps = (int64_t)p->kernel * p->kernel;
    for (int64_t t = 0; t < taps; t++)
        for (int64_t i = 0; i < p->in; i++)
            for (int64_t o = 0; o < p->out; o++) {
                int64_t memory = (t * p->in + i) * p->out + o, file = (o * p->in + i) * taps + t;
                if (to_file)
                    out[file] = in[memory];
                else
                    out[memory] = in[file];
            }
}

void sn_param_to_file(const sn_param *p, const float *memory, float *file) {
    reorder(p, memory, file, 1);
}
void sn_param_from_file(const sn_param *p, const float *file, float *memory) {
    reorder(p, file, memory, 0);
}
