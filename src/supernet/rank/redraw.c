// Images drawn again as bit planes; see redraw.h.
#include "supernet/rank/redraw.h"

#include <stdlib.h>
#include <string.h>

void sn_redraw_close(sn_redraw *r) {
    free(r->bit);
    free(r->multiplicity);
}

sn_status sn_redraw_open(size_t images, sn_redraw *out) {
    size_t words = (images + 63) / 64;
    *out = (sn_redraw){images, words, 0, sn_new(32 * words, sizeof *out->bit), sn_new(images, sizeof *out->multiplicity)};
    if (out->bit && out->multiplicity) return SN_OK;
    sn_redraw_close(out);
    *out = (sn_redraw){0};
    return SN_RESOURCE;
}

static int ones(uint64_t x) { // set bits, by adding neighbouring fields of 1, 2, 4 bits, then all bytes by one product
    x -= x >> 1 & 0x5555555555555555;
    x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return (int)(x * 0x0101010101010101 >> 56);
}

void sn_redraw_set(sn_redraw *r) {
    uint32_t any = 0;
    for (size_t i = 0; i < r->images; i++) any |= r->multiplicity[i];
    for (r->planes = 0; any >> r->planes; r->planes++)
        memset(r->bit + (size_t)r->planes * r->words, 0, r->words * sizeof *r->bit);
    for (size_t i = 0; i < r->images; i++)
        for (int k = 0; r->multiplicity[i] >> k; k++)
            r->bit[(size_t)k * r->words + i / 64] |= (uint64_t)(r->multiplicity[i] >> k & 1) << (i % 64);
}

void sn_redraw_with_replacement(sn_redraw *r, sn_rng *rng) {
    memset(r->multiplicity, 0, r->images * sizeof *r->multiplicity);
    for (size_t i = 0; i < r->images; i++) r->multiplicity[sn_rng_below(rng, (uint32_t)r->images)]++;
    sn_redraw_set(r);
}

void sn_redraw_count(const sn_redraw *r, const uint64_t *const *hits, size_t archs, double *count) {
    for (size_t i = 0; i < archs; i++) {
        const uint64_t *row = hits[i];
        uint64_t sum = 0;
        for (int k = 0; k < r->planes; k++) {
            const uint64_t *plane = r->bit + (size_t)k * r->words;
            uint64_t here = 0;
            for (size_t w = 0; w < r->words; w++) here += (uint64_t)ones(row[w] & plane[w]);
            sum += here << k;
        }
        count[i] = (double)sum;
    }
}
