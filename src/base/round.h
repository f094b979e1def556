// Sizes rounded up. In buffers every tensor begins at a multiple of 16 elements: a cache line of floats, a vector of the fast
// kernels. Next: rng.h.
#ifndef SN_ROUND_H
#define SN_ROUND_H

#include <stdint.h>

static inline int64_t sn_round_up(int64_t n, int64_t multiple) {
    return (n + multiple - 1) / multiple * multiple;
}

// Elements of a buffer that a tensor of n takes.
static inline int64_t sn_aligned(int64_t n) {
    return sn_round_up(n, 16);
}

#endif
