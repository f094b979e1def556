// finals.json: refused with a message, or finals whose hits count what they say and that are written as they were read.
// Not here: whether the scores can have come about (supernet/rank/finals.h).
#include "fuzz.h"
#include "io/files/finalstore.h"

static const char *const texts[] = {
    "{\"schema\":1,\"top\":2,\"by\":\"loss\",\"init\":\"scratch\",\"max_macs\":null,\"max_params\":9,\"supernet_step\":32,"
    "\"images\":70,\"rungs\":[1,2],\"winner\":\"b\",\"test\":{\"images\":10,\"top1\":0.5,\"top5\":1,\"loss\":null},"
    "\"config\":\"a: 1\\n\",\"finalists\":[{\"arch\":\"a\",\"place\":1,\"top1\":0.5,\"fitted_top1\":null,\"macs\":5,\"params\":6,"
    "\"scores\":[{\"epochs\":1,\"diverged\":true}]},{\"arch\":\"b\",\"place\":7,\"top1\":0.25,\"fitted_top1\":0.1,\"macs\":7,"
    "\"params\":8,\"scores\":[{\"epochs\":1,\"right\":3,\"loss\":0.1,\"hits\":\"00000000000000030000000000000020\"}]}]}",
    "{\"schema\":1,\"top\":1,\"by\":\"accuracy\",\"init\":\"inherited\",\"max_macs\":5,\"max_params\":null,\"supernet_step\":0,"
    "\"images\":1,\"rungs\":[3],\"winner\":null,\"test\":null,\"config\":\"a\",\"finalists\":[{\"arch\":\"0\",\"place\":1,"
    "\"top1\":1,\"fitted_top1\":0,\"macs\":0,\"params\":0,\"scores\":[]}]}",
    NULL};

FUZZ_TEXTS(texts)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sn_finals f;
    sn_status s = sn_finals_read(fuzz_file("finals", data, size), &f);
    fuzz_refused(s);
    if (s != SN_OK) return 0;
    for (int i = 0; i < f.n; i++)
        for (int j = 0; j < f.finalist[i].scores; j++) {
            const sn_finals_score *score = &f.finalist[i].score[j];
            long right = score->hits ? 0 : -1;
            for (size_t k = 0; score->hits && k < sn_finals_words(f.images); k++) right += __builtin_popcountll(score->hits[k]);
            if (right != score->right) abort();
        }
    const char *again = fuzz_path("again");
    sn_finals g;
    if (sn_finals_write(again, &f) != SN_OK || sn_finals_read(again, &g) != SN_OK) abort();
    sn_finals_free(&f);
    sn_finals_free(&g);
    return 0;
}
