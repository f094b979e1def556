// log.jsonl of a run folder: any lines are looked through for a score and cut back; what stays is whole lines of the steps asked
// for. Not here: writing it.
#include "fuzz.h"
#include "io/files/runfolder.h"

static const char *const texts[] = {
    "{\"step\":20,\"loss\":0.5}\n{\"step\":32,\"test_split\":true,\"top1\":0.5,\"loss\":1.5,\"images\":100}\n",
    "{\"step\":40}\n{\"step\":41,\"loss\":nul", "{\"step\":1e3,\"test_split\":1}\n\n[1]\n", NULL};

FUZZ_TEXTS(texts)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sn_log_score score;
    bool found;
    const char *path = fuzz_file("log", data, size);
    if (sn_log_test(path, 32, NULL, &score, &found) != SN_OK || sn_log_cut(path, 32) != SN_OK) abort();
    uint8_t *left = malloc(size + 1);
    if (!left) abort();
    size_t n = fuzz_load(path, left, size + 1);
    if (n > size || (n && left[n - 1] != '\n' && n < size)) abort();
    if (sn_log_append(path, "{\"step\":33}") != SN_OK) abort();
    free(left);
    return 0;
}
