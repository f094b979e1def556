// Times whole training steps of given paths (forward, loss, backward, SGD) and says where the time goes, kernel by kernel; on
// random images, or on those of a loader. Next: loader.h, optim.h.
#ifndef SN_BENCH_H
#define SN_BENCH_H

#include "supernet/train/train.h"

typedef struct {
    const char *kernel, *impl; // names from the tables
    char size[SN_CALL_SIZE];   // of a convolution, where sizes are told apart; else ""
    double seconds, flops, bytes;
    long calls;
} sn_bench_row;

enum { SN_BENCH_ROWS = 256 };

typedef enum { SN_BENCH_TOTAL, SN_BENCH_KERNELS, SN_BENCH_SIZES } sn_bench_detail; // rows: none, by kernel, by size too

typedef struct {
    double seconds;      // of all timed steps
    double plan_seconds; // of these, making the plans of passes
    double flops;        // multiply-adds of convolutions, forward and backward, times two
    long steps;
    int64_t arena_bytes;             // activations and workspace
    sn_bench_row row[SN_BENCH_ROWS]; // filled by SN_BENCH_KERNELS and _SIZES: each launch timed alone
    int rows;
    sn_loader_times loader; // within `seconds`
} sn_bench_result;

// One untimed step of every arch's first use is not needed: `warmup` steps run first. Each arch is one step. like: the passes,
// their archs are not read. loader: gives batches of their size, warmup + n of them; NULL: random images. progress: NULL, or told
// of the steps done, between steps.
sn_status sn_bench_steps(sn_supernet *, const sn_arch *archs, long n, const sn_pass *like, int warmup, sn_bench_detail,
                         sn_loader *loader, void *arg, void (*progress)(void *arg, long done, long all), sn_bench_result *out);

// The next steps of a training in mode relax, on its own images.
sn_status sn_bench_training(sn_trainer *, long n, int warmup, sn_bench_detail, void *arg,
                            void (*progress)(void *arg, long done, long all), sn_bench_result *out);

// The same steps of one arch on random images: where their time goes, node by node. seconds: graph->n + 1 sums, the last one for
// what belongs to no node: zeroed gradients and the update.
sn_status sn_bench_layers(sn_supernet *, const sn_arch *, int batch, int warmup, int steps, double *seconds);

#endif
