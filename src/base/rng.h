// Randomness as a function: Philox4x32-10 (Salmon et al., SC 2011; Random123) of (seed, stream, epoch, step, sample, draw).
// Nothing is stored between calls, so resume needs no generator state and results do not depend on the thread count.
// Next: sampler/method.h and io/data/augment.h draw from it.
#ifndef SN_RNG_H
#define SN_RNG_H

#include <stdint.h>

// What is being drawn; each has its own sequence. Values are part of the checkpoint's meaning: append, never renumber.
typedef enum {
    SN_STREAM_INIT = 1,     // initial weights: epoch = hash of the parameter's name
    SN_STREAM_SHUFFLE = 2,  // order of the training samples: epoch
    SN_STREAM_AUGMENT = 3,  // crop, flip, cutout: epoch, sample id
    SN_STREAM_PATH = 4,     // paths of a step: epoch = decision, step = the draw
    SN_STREAM_SPLIT = 5,    // which samples are held out: epoch = class, step = 1 for testing
    SN_STREAM_CALIB = 6,    // training samples used to recalibrate BN
    SN_STREAM_ARCHS = 7,    // archs of eval --sample and rank --sample
    SN_STREAM_RESAMPLE = 8, // intervals of ranking statistics
    SN_STREAM_GATES = 9     // of relaxations: epoch = decision, step, sample = the draw; first alphas: step = 2^32 - 1
} sn_stream;

// A cursor over one sequence; a plain value.
typedef struct {
    uint32_t key[2], counter[4], block[4];
    int left; // unread words of block
} sn_rng;

sn_rng sn_rng_at(uint32_t seed, sn_stream stream, uint32_t epoch, uint32_t step, uint32_t sample);
uint32_t sn_rng_u32(sn_rng *r);
// Uniform in 0..n-1, exactly (by rejection); n >= 1.
uint32_t sn_rng_below(sn_rng *r, uint32_t n);
// Uniform in [0, 1), 53 bits.
double sn_rng_unit(sn_rng *r);
// Standard normal (Box-Muller, in double).
double sn_rng_normal(sn_rng *r);
// A uniform permutation of 0..n-1 (Fisher-Yates).
void sn_rng_permutation(sn_rng *r, uint32_t n, uint32_t *out);

#endif
