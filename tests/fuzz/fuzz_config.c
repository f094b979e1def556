// Configs: refused with a message, or written out in full to a text that reads back to the same text.
// Not here: files that a config names.
#include "fuzz.h"
#include "io/config/config.h"
#include "space/graph.h"

static const char *const texts[] = {
    "data: {source: /d, validation: 500, images: 2048, augment: {crop: 2, pad: black, flip: true}}\n"
    "space:\n"
    "  input: {channels: 1, height: 28, width: 28}\n"
    "  classes: 10\n"
    "  blocks:\n"
    "    skip:   {op: identity}\n"
    "    mb3_k3: {op: mbconv, expand: 3, kernel: 3}\n"
    "    sep_k5: {op: sepconv, kernel: 5}\n"
    "  network:\n"
    "    - {op: conv, kernel: 3, stride: 2, out: 8}\n"
    "    - {layers: 1, out: 16, choose: [skip, mb3_k3, sep_k5]}\n"
    "    - {op: classifier}\n"
    "train: {sampler: fair, epochs: 1, batch: 64, optimizer: {name: adam, lr: 0.05, warmup: 0.2, clip: 5}}\n",
    "data:\n  source: \"/d \\x41\"\n  memory: 4G\nspace: &a\n  input: {channels: 3, height: 32, width: 32}\n  classes: 10\n"
    "  text: digits\n  blocks: {p: {op: pool, kernel: 3}, c: {op: conv, kernel: 1, groups: 2}}\n"
    "  network: [{layers: 3, out: 4, choose: [p, c], name: x}, {op: classifier}]\n",
    "data: {source: /d}\nspace:\n  input: {channels: 3, height: 8, width: 8}\n  classes: 2\n  blocks:\n"
    "    n: {op: zero}\n    c: {op: conv}\n    f: {op: factorized_reduce, keep: false}\n    e: {choose: [n, c]}\n"
    "    m: {shared: true, inputs: {p: f, q: f}, nodes: {x: {sum: [e: p, {pick: 1, of: [e: q, q]}]}, y: {concat: [x, e: x]}}}\n"
    "  network: [{layers: 2, out: 4, block: m}, {out: 4, stride: 2, block: m}, {op: classifier}]\n",
    NULL};

static size_t seed(uint8_t *data, size_t most, uint64_t *random) {
    return fuzz_text(texts, data, most, random);
}

// Bytes, or a word of the language in some place.
static size_t change(uint8_t *data, size_t size, size_t most, uint64_t *random) {
    static const char *const words[] = {"{",          "}",
                                        "[",          "]",
                                        ": ",         "\n  ",
                                        "\n- ",       "*a",
                                        "&a ",        "!!int ",
                                        "---",        "<<: ",
                                        "\"",         "'",
                                        "# ",         "|\n  ",
                                        "null",       "true",
                                        "-1",         "1e999",
                                        "0x7fffffff", "99999999999999999999",
                                        "stride: 2",  "layers: 256",
                                        "out: 16384", "arch: ",
                                        "preset: ",   "inputs: ",
                                        "concat: ",   "pick: 2"};
    if (h5_random(random) % 2) return LLVMFuzzerMutate(data, size, most);
    const char *word = words[h5_random(random) % (sizeof words / sizeof *words)];
    size_t n = strlen(word), at = (size_t)(h5_random(random) % (size + 1));
    if (size + n > most) return size;
    memmove(data + at + n, data + at, size - at);
    memcpy(data + at, word, n);
    return size + n;
}

static void same_again(const sn_config *c) {
    char *text = sn_config_resolved(c, true), *again;
    sn_config *second;
    if (!text) abort();
    if (sn_config_parse(text, strlen(text), "/again", NULL, 0, &second) != SN_OK || !(again = sn_config_resolved(second, true)) ||
        strcmp(text, again)) {
        fprintf(stderr, "%s\n%s\n", sn_error_text(), text);
        abort();
    }
    sn_config_free(second);
    free(again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sn_config *c;
    sn_graph *g;
    sn_status s = sn_config_parse((const char *)data, size, "/config", NULL, 0, &c);
    fuzz_refused(s);
    if (s != SN_OK) return 0;
    same_again(c);
    s = sn_graph_build(c->space.built, &g);
    fuzz_refused(s);
    if (s == SN_OK) sn_graph_free(g);
    sn_config_free(c);
    return 0;
}
