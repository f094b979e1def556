// Philox sequences over Random123's philox.h; see rng.h.
#include "base/rng.h"

#include <Random123/philox.h>
#include <math.h>

sn_rng sn_rng_at(uint32_t seed, sn_stream stream, uint32_t epoch, uint32_t step, uint32_t sample) {
    return (sn_rng){.key = {seed, (uint32_t)stream}, .counter = {0, epoch, step, sample}};
}

uint32_t sn_rng_u32(sn_rng *r) {
    if (!r->left) {
        philox4x32_ctr_t c = {{r->counter[0], r->counter[1], r->counter[2], r->counter[3]}};
        philox4x32_key_t k = {{r->key[0], r->key[1]}};
        philox4x32_ctr_t out = philox4x32(c, k);
        for (int i = 0; i < 4; i++) r->block[i] = out.v[i];
        r->counter[0]++;
        r->left = 4;
    }
    return r->block[4 - r->left--];
}

uint32_t sn_rng_below(sn_rng *r, uint32_t n) {
    uint32_t skip = (uint32_t)(-n) % n; // 2^32 mod n: values below it would favour the first residues
    uint32_t x;
    do x = sn_rng_u32(r);
    while (x < skip);
    return x % n;
}

double sn_rng_unit(sn_rng *r) {
    uint64_t hi = sn_rng_u32(r) >> 5, lo = sn_rng_u32(r) >> 6;
    return (double)((hi << 26) | lo) * 0x1p-53;
}

double sn_rng_normal(sn_rng *r) {
    double u = 1 - sn_rng_unit(r), v = sn_rng_unit(r); // u in (0, 1]
    return sqrt(-2 * log(u)) * cos(6.283185307179586476925 * v);
}

void sn_rng_permutation(sn_rng *r, uint32_t n, uint32_t *out) {
    for (uint32_t i = 0; i < n; i++) {
        uint32_t j = sn_rng_below(r, i + 1);
        out[i] = out[j];
        out[j] = i;
    }
}
