// The processor's FMA peak with these lanes: independent multiply-adds in registers, nothing else. What shares of peak refer to.
// Not here: the timing (../backend.c).
// Next: gemm.h, which gets closest to it.
#include "kernels/cpu/lanes.h"
#include "kernels/tables.h"

enum { CHAINS = 12 }; // enough to hide the latency of two FMA units

#if defined(SN_LANES_avx512)
#define FMA_FLOPS sn_fma_flops_avx512
#elif defined(SN_LANES_avx2)
#define FMA_FLOPS sn_fma_flops_avx2
#else
#define FMA_FLOPS sn_fma_flops_plain
#endif

double FMA_FLOPS(int64_t rounds) {
    static const float values[LANE] = {0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f,
                                       0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f};
    reg a = reg_load(values), sum[CHAINS];
    for (int i = 0; i < CHAINS; i++) sum[i] = reg_load(values);
    for (int64_t r = 0; r < rounds; r++)
        for (int i = 0; i < CHAINS; i++) sum[i] = reg_fma(sum[i], a, a);
    for (int i = 1; i < CHAINS; i++) sum[0] = reg_add(sum[0], sum[i]);
    float out[LANE];
    reg_store(out, sum[0]);
    volatile float kept = out[0]; // so that the work is not thrown away
    (void)kept;
    return 2.0 * REG * CHAINS * (double)rounds;
}
