// Checkpoints: whatever a file says, the net gets all of it or nothing, and only numbers that a training makes.
// Not here: the container alone (fuzz_h5file.c), the config in it (fuzz_config.c).
#include "fuzz.h"
#include "io/files/checkpoint.h"

#include <math.h>

enum { PASSES = 5, ROOM = 512 };

static sn_params params;
static float weights[ROOM], slot[2][ROOM], stats[ROOM];
static int64_t updates[8], passes[PASSES];
static double mean[3], std[3];

static sn_checkpoint all(void) {
    if (!params.n) {
        sn_params_add(&params, "stem.conv.weight", SN_PARAM_CONV, 3, 3, 4);
        sn_params_add(&params, "stem.bn.weight", SN_PARAM_GAMMA, 1, 1, 4);
        sn_params_add(&params, "fc.weight", SN_PARAM_LINEAR, 1, 4, 10);
        sn_params_add(&params, "fc.bias", SN_PARAM_BIAS, 1, 1, 10);
        sn_params_add_stats(&params, "stem.bn", 4);
        if (params.total > ROOM || params.stats_total > ROOM) abort();
    }
    return (sn_checkpoint){.config = "train: {}\n",
                           .fingerprint = "0123456789abcdef",
                           .class_names = "cat\ndog",
                           .step = 1234,
                           .best = 0.625,
                           .best_step = 1200,
                           .mean = mean,
                           .std = std,
                           .channels = 3,
                           .option_passes = passes,
                           .n_option_passes = PASSES,
                           .params = &params,
                           .slot_name = {"exp_avg", "exp_avg_sq"},
                           .weights = weights,
                           .slot = {slot[0], slot[1]},
                           .stats = stats,
                           .updates = updates};
}

static void fill(float value) {
    for (int i = 0; i < ROOM; i++) weights[i] = slot[0][i] = slot[1][i] = stats[i] = value;
}

static size_t seed(uint8_t *data, size_t most, uint64_t *random) {
    (void)random;
    sn_checkpoint c = all();
    fill(1);
    if (sn_checkpoint_save(fuzz_path("seed"), &c) != SN_OK) abort();
    return fuzz_load(fuzz_path("seed"), data, most);
}

static size_t change(uint8_t *data, size_t size, size_t most, uint64_t *random) {
    return fuzz_change_h5(data, size, most, random);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sn_checkpoint_file *f;
    sn_checkpoint c = all();
    sn_status s = sn_checkpoint_open(fuzz_file("checkpoint", data, size), &f);
    fuzz_refused(s);
    if (s != SN_OK) return 0;
    fill(7);
    s = sn_checkpoint_read(f, &c, passes, mean, std);
    fuzz_refused(s);
    for (int i = 0; i < ROOM; i++) {
        if (!isfinite(weights[i]) || !isfinite(slot[0][i]) || !(slot[1][i] >= 0) || !isfinite(stats[i])) abort();
        if (s != SN_OK && (weights[i] != 7 || slot[0][i] != 7 || slot[1][i] != 7 || stats[i] != 7)) abort();
    }
    int taken;
    fuzz_refused(sn_checkpoint_read_weights(f, &params, weights, stats, &taken));
    sn_checkpoint_close(f);
    return 0;
}
