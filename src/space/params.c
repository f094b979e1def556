// Lists of parameters and running statistics, their atoms, initial values, and the two orders of a weight; see params.h.
// Not here: where the buffers live (exec.h).
#include "space/params.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/round.h"

#include <math.h>
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

// ---------------------------------------------------------------- adding
// Sets sizes from kernel, in and out. False with the message set.
static bool measure(const sn_params *p, sn_param *x) {
    x->fan_in = (int64_t)x->kernel * x->kernel * x->in;
    if (!__builtin_mul_overflow(x->fan_in, x->out, &x->size) && x->size <= INT32_MAX && p->total <= INT64_C(1) << 40) return true;
    sn_error(SN_CONFIG, "parameter '%s' of %d x %d x %d x %d numbers is too large; at most 2^31 numbers are allowed", x->name,
             x->out, x->in, x->kernel, x->kernel);
    return false;
}

int sn_params_add(sn_params *p, const char *name, sn_param_kind kind, int kernel, int in, int out) {
    if (sn_params_find(p, name) >= 0) {
        sn_error(SN_CONFIG, "two parameters would have the name '%s': give the entries of `network` different names", name);
        return -1;
    }
    sn_param x = {.name = (char *)name, .kind = kind, .kernel = kernel, .in = in, .out = out, .atoms = 1, .matrix = -1};
    if (!measure(p, &x) || sn_grow(&p->param, &p->capacity, (size_t)p->n + 1, sizeof *p->param) != SN_OK ||
        sn_names_room(&p->names, name_of, p) != SN_OK)
        return -1;
    if (!(x.name = sn_strdup(name))) return -1;
    sn_names_add(&p->names, name);
    x.offset = p->total, x.first_atom = p->n_atoms++;
    p->param[p->n] = x;
    p->total += sn_aligned(x.size);
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
    for (int i = 0; i < p->n; i++) {
        sn_param *x = &p->param[i];
        free(x->name), free(x->sides.end), free(x->ins.end), free(x->outs.end), free(x->at);
    }
    for (int i = 0; i < p->n_stats; i++) free(p->stats[i].name);
    free(p->param);
    free(p->names.slot);
    free(p->stats);
    *p = (sn_params){0};
}

// ---------------------------------------------------------------- parts
// Another end among those that there are, `whole` the only one so far where there are none. False: out of memory.
static bool add_cut(sn_cuts *c, int whole, int end) {
    if (!c->n && whole == end) return true;
    int first = c->n ? c->n : 1, at = 0;
    int *ends = sn_new((size_t)first + 1, sizeof *ends);
    if (!ends) return false;
    for (int i = 0; i < first; i++) ends[i] = c->n ? c->end[i] : whole;
    while (at < first && ends[at] < end) at++;
    bool there = at < first && ends[at] == end;
    if (!there) memmove(ends + at + 1, ends + at, (size_t)(first - at) * sizeof *ends), ends[at] = end;
    free(c->end);
    *c = (sn_cuts){ends, there ? first : first + 1};
    return true;
}

static int count(const sn_cuts *c) {
    return c->n ? c->n : 1;
}

// Where the kth part begins and ends.
static int begin_of(const sn_cuts *c, int k) {
    return k ? c->end[k - 1] : 0;
}
static int end_of(const sn_cuts *c, int k, int whole) {
    return c->n ? c->end[k] : whole;
}

// How many parts the first `end` take.
static int parts_within(const sn_cuts *c, int end) {
    int k = 1;
    while (k < c->n && c->end[k - 1] < end) k++;
    return k;
}

int64_t sn_atom_size(const sn_atom *a) {
    return ((int64_t)a->side * a->side - (int64_t)a->inner * a->inner) * a->ins * a->outs;
}

sn_atom sn_param_atom(const sn_param *p, int atom) {
    int outs = count(&p->outs), ins = count(&p->ins), o = atom % outs, i = atom / outs % ins, ring = atom / outs / ins;
    sn_atom a = {.inner = begin_of(&p->sides, ring),
                 .side = end_of(&p->sides, ring, p->kernel),
                 .in = begin_of(&p->ins, i),
                 .out = begin_of(&p->outs, o),
                 .at = p->at ? p->at[atom] : 0};
    a.ins = end_of(&p->ins, i, p->in) - a.in, a.outs = end_of(&p->outs, o, p->out) - a.out;
    return a;
}

// Numbers all atoms, and places the parameters anew.
static void place_all(sn_params *p) {
    p->total = 0, p->n_atoms = 0;
    for (int i = 0; i < p->n; i++) {
        sn_param *x = &p->param[i];
        x->offset = p->total, x->first_atom = p->n_atoms;
        p->total += sn_aligned(x->size);
        p->n_atoms += x->atoms;
    }
}

static bool find_atoms(sn_param *x) {
    int64_t at = 0;
    free(x->at);
    x->atoms = count(&x->sides) * count(&x->ins) * count(&x->outs);
    if (!(x->at = sn_new((size_t)x->atoms, sizeof *x->at))) return false;
    for (int k = 0; k < x->atoms; k++) {
        sn_atom a = sn_param_atom(x, k);
        x->at[k] = at;
        at += sn_atom_size(&a);
    }
    return true;
}

static int larger(int a, int b) {
    return a > b ? a : b;
}

int sn_params_share(sn_params *p, const char *name, sn_param_kind kind, int kernel, int in, int out) {
    int i = sn_params_find(p, name);
    if (i < 0) return sn_params_add(p, name, kind, kernel, in, out);
    sn_param *x = &p->param[i];
    int before = count(&x->sides) * count(&x->ins) * count(&x->outs);
    if (!add_cut(&x->sides, x->kernel, kernel) || !add_cut(&x->ins, x->in, in) || !add_cut(&x->outs, x->out, out)) return -1;
    if (count(&x->sides) * count(&x->ins) * count(&x->outs) == before) return i;
    x->kernel = larger(x->kernel, kernel), x->in = larger(x->in, in), x->out = larger(x->out, out);
    if (!measure(p, x) || !find_atoms(x)) return -1;
    place_all(p);
    return i;
}

int sn_params_share_stats(sn_params *p, const char *name, int c) {
    int i = p->n_stats - 1;
    while (i >= 0 && strcmp(p->stats[i].name, name)) i--;
    if (i < 0) return sn_params_add_stats(p, name, c);
    p->stats[i].c = larger(p->stats[i].c, c);
    p->stats_total = 0;
    for (int k = 0; k < p->n_stats; k++) {
        sn_stats *s = &p->stats[k];
        s->mean = p->stats_total, s->var = s->mean + sn_aligned(s->c);
        p->stats_total += 2 * sn_aligned(s->c);
    }
    return i;
}

int sn_param_parts(const sn_params *list, int param, sn_extent piece, sn_part *out) {
    const sn_param *p = &list->param[param];
    int ins = count(&p->ins), outs = count(&p->outs), n = 0;
    int rings = parts_within(&p->sides, piece.kernel), in = parts_within(&p->ins, piece.in),
        o = parts_within(&p->outs, piece.out);
    for (int r = 0; r < rings; r++)
        for (int i = 0; i < in; i++)
            for (int k = 0; k < o; k++, n++) {
                int atom = (r * ins + i) * outs + k;
                sn_atom a = sn_param_atom(p, atom);
                if (out) out[n] = (sn_part){param, p->first_atom + atom, p->offset + a.at, sn_atom_size(&a)};
            }
    return n;
}

// Each of its atoms is a run of the dense kernel, at its own place.
bool sn_param_dense(const sn_param *p, sn_extent piece) {
    int ins = count(&p->ins), outs = count(&p->outs);
    int in = parts_within(&p->ins, piece.in), out = parts_within(&p->outs, piece.out);
    if (parts_within(&p->sides, piece.kernel) > 1) return false;
    for (int i = 0; i < in; i++)
        for (int o = 0; o < out; o++) {
            sn_atom a = sn_param_atom(p, i * outs + o);
            bool tap = a.side == 1, run = (a.outs == piece.out || (tap && a.ins == 1)) && (a.ins == piece.in || tap);
            if (!run || a.at != (int64_t)a.in * piece.out + a.out) return false;
        }
    return ins > 0;
}

// Which part a place is in.
static int part_at(const sn_cuts *c, int place) {
    int k = 0;
    while (k + 1 < c->n && c->end[k] <= place) k++;
    return k;
}

// How many taps of the square of `side` come before (y, x) in its rows, without those of the square of `inner` in its middle.
static int64_t taps_before(int side, int inner, int y, int x) {
    int edge = (side - inner) / 2, all = y * side + x;
    if (!inner || y < edge) return all;
    if (y >= edge + inner) return all - inner * inner;
    return all - (y - edge) * inner - (x < edge ? 0 : inner);
}

// Where an element lies in memory.
static int64_t place_of(const sn_param *p, int tap, int in, int out) {
    if (!p->at) return ((int64_t)tap * p->in + in) * p->out + out;
    int y = tap / p->kernel, x = tap % p->kernel, middle = p->kernel / 2, ring = 0;
    int reach = larger(abs(y - middle), abs(x - middle)); // pixels from the centre
    while (ring + 1 < p->sides.n && p->sides.end[ring] / 2 < reach) ring++;
    int atom = (ring * count(&p->ins) + part_at(&p->ins, in)) * count(&p->outs) + part_at(&p->outs, out);
    sn_atom a = sn_param_atom(p, atom);
    int shift = (p->kernel - a.side) / 2;
    int64_t t = taps_before(a.side, a.inner, y - shift, x - shift);
    return a.at + (t * a.ins + in - a.in) * a.outs + out - a.out;
}

// ---------------------------------------------------------------- initial values
// Of the normal distribution that a parameter starts from; 0: of none.
static double deviation(const sn_param *p, int init) {
    if (init == SN_INIT_TORCH || (p->kind != SN_PARAM_CONV && p->kind != SN_PARAM_LINEAR)) return 0;
    if (init == SN_INIT_FAN_IN) return sqrt(2.0 / (double)p->fan_in);
    return p->kind == SN_PARAM_LINEAR ? 0.01 : sqrt(2.0 / ((double)p->kernel * p->kernel * p->out));
}

// Of the uniform distribution, from -bound to bound; 0: of none.
static double bound(const sn_param *p, int init) {
    bool normalises = p->kind == SN_PARAM_GAMMA || p->kind == SN_PARAM_BETA || p->kind == SN_PARAM_TRANSFORM;
    return init == SN_INIT_TORCH && !normalises ? 1 / sqrt((double)p->fan_in) : 0;
}

void sn_param_init(const sn_param *p, int init, uint32_t seed, float *out) {
    double normal = deviation(p, init), uniform = bound(p, init);
    sn_rng r = sn_rng_at(seed, SN_STREAM_INIT, sn_hash_name(p->name), 0, 0);
    for (int tap = 0; tap < p->kernel * p->kernel; tap++)
        for (int i = 0; i < p->in; i++)
            for (int o = 0; o < p->out; o++) {
                double v = p->kind == SN_PARAM_GAMMA || (p->kind == SN_PARAM_TRANSFORM && i == o) ? 1 : 0;
                if (normal > 0) v = normal * sn_rng_normal(&r);
                if (uniform > 0) v = uniform * (2 * sn_rng_unit(&r) - 1);
                out[place_of(p, tap, i, o)] = (float)v;
            }
}

// ---------------------------------------------------------------- files
int sn_param_dims(const sn_param *p, size_t dims[4]) {
    dims[0] = (size_t)p->out;
    if (p->kind != SN_PARAM_CONV && p->kind != SN_PARAM_LINEAR && p->kind != SN_PARAM_TRANSFORM) return 1;
    dims[1] = (size_t)p->in;
    if (p->kind != SN_PARAM_CONV) return 2;
    dims[2] = dims[3] = (size_t)p->kernel;
    return 4;
}

// Visits both places of every element.
static void reorder(const sn_param *p, const float *in, float *out, bool to_file) {
    int taps = p->kernel * p->kernel;
    for (int t = 0; t < taps; t++)
        for (int i = 0; i < p->in; i++)
            for (int o = 0; o < p->out; o++) {
                int64_t memory = place_of(p, t, i, o), file = ((int64_t)o * p->in + i) * taps + t;
                if (to_file)
                    out[file] = in[memory];
                else
                    out[memory] = in[file];
            }
}

void sn_param_to_file(const sn_param *p, const float *memory, float *file) {
    reorder(p, memory, file, true);
}
void sn_param_from_file(const sn_param *p, const float *file, float *memory) {
    reorder(p, file, memory, false);
}
