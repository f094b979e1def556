// Tables of accuracies, CSV and JSON: refused with a message, or finite numbers that are found by their archs.
// Not here: what is computed from them. The first byte picks the column.
#include "fuzz.h"
#include "io/files/truth.h"

#include <math.h>

static const char *const texts[] = {"narch,accuracy\nskip,0.5\n\"a,\"\"b\",1e-3\r\n\n",
                                    "narch,top1,accuracy\n0,1,2\n1,2,3\n",
                                    "n{\"000\": 0.5, \"001\": -1e3}",
                                    "k{\"000\": {\"mean_acc\": 0.5, \"x.y\": [1, 2]}}",
                                    "d{\"000\": {\"test_acc\": [0.5, 2]}, \"0\\u0031\": {\"test_acc\": [3]}}",
                                    NULL};

FUZZ_TEXTS(texts)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    sn_truth *t;
    double value;
    const char *key = *data == 'k' ? "mean_acc" : *data == 'd' ? "test_acc.0" : NULL;
    sn_status s = sn_truth_read(fuzz_file("table", data + 1, size - 1), key, NULL, &t);
    fuzz_refused(s);
    if (s != SN_OK) return 0;
    for (size_t i = 0; i < sn_truth_count(t); i++)
        if (!sn_truth_find(t, sn_truth_arch(t, i), &value) || !isfinite(value)) abort();
    sn_truth_free(t);
    return 0;
}
