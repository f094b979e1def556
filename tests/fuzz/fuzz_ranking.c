// Rankings: what is read back does not contradict itself, and can be saved and written as CSV.
// Not here: the container alone (fuzz_h5file.c).
#include "fuzz.h"
#include "io/files/rankstore.h"

static size_t seed(uint8_t *data, size_t most, uint64_t *random) {
    static const sn_rank_setting settings[] = {{"0123abcd", "recalibrate 2000/250", "validation, seed 1", 130},
                                               {"0123abcd", "running", "validation, seed 1", 64}};
    sn_rankstore *s;
    char arch[16];
    uint16_t losses[64];
    for (int k = 0; k < 64; k++) losses[k] = 0x3800; // 0.5
    size_t number;
    unlink(fuzz_path("seed"));
    if (sn_rankstore_open(fuzz_path("seed"), &s) != SN_OK) abort();
    for (int i = 0; i < 2; i++) {
        if (sn_rankstore_setting(s, &settings[i], &number) != SN_OK) abort();
        for (uint64_t k = 0; k < 1 + h5_random(random) % 8; k++) {
            snprintf(arch, sizeof arch, "skip,op%d", (int)k);
            sn_rank_row row = {.arch = arch,
                               .loss = 0.5,
                               .top1 = 2,
                               .top5 = 3,
                               .macs = 7,
                               .params = 9,
                               .logits = 11,
                               .hits = (uint64_t[]){3, 0, 0},
                               .losses = i ? losses : NULL};
            if (sn_rankstore_find(s, number, arch) < 0 && sn_rankstore_add(s, number, &row) != SN_OK) abort();
        }
    }
    if (sn_rankstore_save(s) != SN_OK) abort();
    sn_rankstore_close(s);
    return fuzz_load(fuzz_path("seed"), data, most);
}

static size_t change(uint8_t *data, size_t size, size_t most, uint64_t *random) {
    return fuzz_change_h5(data, size, most, random);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static FILE *nowhere;
    sn_rankstore *s;
    sn_status status = sn_rankstore_open(fuzz_file("ranking", data, size), &s);
    fuzz_refused(status);
    if (status != SN_OK) return 0;
    for (size_t g = 0; g < sn_rankstore_settings(s); g++)
        for (size_t k = 0; k < sn_rankstore_count(s, g); k++) {
            sn_rank_row r = sn_rankstore_row(s, g, k);
            if (r.top1 > r.top5 || r.top5 > sn_rankstore_get_setting(s, g).images) abort();
            if (sn_rankstore_find(s, g, r.arch) != (ptrdiff_t)k) abort();
        }
    if (!nowhere && !(nowhere = fopen("/dev/null", "w"))) abort();
    if (sn_rankstore_csv(s, NULL, (sn_rank_words){0}, nowhere) != SN_OK) abort();
    sn_rankstore_close(s);
    return 0;
}
