// Texts of architectures: refused with a message, or an arch whose text reads back to it. Both kinds of text.
// Not here: files of them, which are lines of this.
#include "fuzz.h"
#include "io/config/config.h"
#include "space/arch.h"

static const char *const texts[] = {"skip,mb3,skip", "-,sep_k5,mb3", "012", "0-1", NULL};

FUZZ_TEXTS(texts)

static const sn_space *space(int digits) {
    static sn_config *made[2];
    char text[512];
    snprintf(text, sizeof text,
             "data: {source: /d}\nspace: {text: %s, input: {channels: 1, height: 8, width: 8}, classes: 2, blocks: {skip: {op: "
             "identity}, "
             "mb3: {op: mbconv, expand: 3, kernel: 3}, sep_k5: {op: sepconv, kernel: 5}}, network: [{layers: 3, out: 4, choose: "
             "[skip, mb3, sep_k5]}, {op: classifier}]}\n",
             digits ? "digits" : "names");
    if (!made[digits] && sn_config_parse(text, strlen(text), "/config", NULL, 0, &made[digits]) != SN_OK) abort();
    return made[digits]->space.built;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char again[SN_ARCH_TEXT];
    char *text = calloc(size + 1, 1);
    if (!text) abort();
    memcpy(text, data, size);
    for (int digits = 0; digits < 2; digits++) {
        sn_arch a, b;
        sn_status s = sn_arch_parse(space(digits), text, &a);
        fuzz_refused(s);
        if (s == SN_OK &&
            (sn_arch_parse(space(digits), sn_arch_text(space(digits), &a, again), &b) != SN_OK || !sn_arch_equal(&a, &b)))
            abort();
    }
    free(text);
    return 0;
}
