// Texts of architectures in all notations and several spaces: refused with a message, or an arch whose text reads back to it, in
// each notation that it has. And where the first of several texts ends.
// Not here: files of them, which are lines of this.
#include "fuzz.h"
#include "io/config/config.h"
#include "space/notation.h"

static const char *const texts[] = {
    "skip,mb3,skip",
    "-,sep_k5,mb3",
    "012",
    "0-1",
    "(0, 1, 2)",
    "[0,None,2,]",
    "backbone.layers.0.0:\n  chosen: mb3\n",
    "|mb3~0|+|skip~0|none~1|",
    "Structure(3 nodes with |mb3~0|+|skip~0|none~1|)",
    "layers.0.0: mb3\nlayers.0.1:\n  meta: {a: 1}\n  chosen:\n  - 'skip'\nlayers.0.2:\n  chosen: [sep_k5] # and\n",
    "Genotype(normal=[('mb3', 0), ('skip', 1), ('skip', 0), ('mb3', 2)], normal_concat=range(2, 4))",
    "N = Genotype(normal=[(('mb3', 0), ('skip', 1)), (('skip', 0), ('mb3', 2))], normal_concat=[2, 3], x=None)",
    "Genotype(normal=[('mb3', 0, 2), ('skip', 2, 1), ('skip', 0, 3),\n ('mb3', 3, 2)])",
    "Genotype(normal=[('mb3', 0, 0.5), ('skip', 1, 1e-3), ('skip', 0, .2), ('mb3', 2, 1.)])",
    "{\"ks\": [3, 3, 0], \"e\": [3, 6, 0], \"d\": [2]}",
    "{'wid': None, 'd': 1, 'ks': [3,0,0], 'e': [6,0,0], 'r': [8]}",
    "normal_n2:\n  chosen:\n  - normal_n2_p0\n  - normal_n2_p1\nnormal_n2_p0:\n  chosen:\n  - mb3\nnormal_n2_p1: skip\n"
    "normal_n3:\n  chosen: [normal_n3_p0, normal_n3_p2]\nnormal_n3_p0: skip\nnormal_n3_p2: mb3\n",
    NULL};

FUZZ_TEXTS(texts)

#define SPACE(text, blocks, network)                                                                                             \
    "data: {source: /d}\nspace: {text: " text ", input: {channels: 1, height: 8, width: 8}, classes: 2, blocks: {skip: {op: "    \
    "identity}, mb3: {op: mbconv, expand: 3, kernel: 3}, sep_k5: {op: sepconv, kernel: 5}, none: {op: zero}" blocks              \
    "}, network: [" network ", {op: classifier}]}\n"
#define CHAIN "{layers: 3, out: 4, choose: [skip, mb3, sep_k5]}"
static const char *const spaces[] = {
    SPACE("names", "", CHAIN), SPACE("digits", "", CHAIN),
    SPACE(
        "names",
        ", edge: {choose: [none, skip, mb3]}, cell: {shared: true, nodes: {a: {edge: input}, b: {sum: [edge: input, edge: a]}}}",
        "{out: 4, block: cell}"),
    SPACE("names",
          ", edge: {choose: [skip, mb3]}, normal: {shared: true, inputs: [p, q], nodes: {a: {sum: [edge: p, edge: q]}, b: {pick: "
          "2, "
          "of: [edge: p, edge: q, edge: a]}, c: {concat: [a, b]}}}",
          "{op: conv, kernel: 1, out: 4}, {out: 4, block: normal}"),
    SPACE("names", ", mb6: {op: mbconv, expand: 6, kernel: 3}", "{layers: [1, 2, 3], out: 4, choose: [mb3, mb6]}")};
enum { SPACES = sizeof spaces / sizeof *spaces };

static const sn_space *space(int i) {
    static sn_config *made[SPACES];
    if (!made[i] && sn_config_parse(spaces[i], strlen(spaces[i]), "/config", NULL, 0, &made[i]) != SN_OK) {
        fprintf(stderr, "%s\n", sn_error_text());
        abort();
    }
    return made[i]->space.built;
}

static void check(const sn_space *s, const char *text) {
    static char own[SN_ARCH_TEXT];
    sn_arch a, b;
    sn_status status = sn_arch_parse(s, text, &a);
    fuzz_refused(status);
    if (status != SN_OK) return;
    if (sn_arch_parse(s, sn_arch_text(s, &a, own), &b) != SN_OK || !sn_arch_equal(&a, &b)) abort();
    for (int i = 0; sn_notations[i]; i++) {
        char *written = sn_notations[i]->looks ? sn_notation_text(sn_notations[i], s, &a) : NULL;
        if (written && (sn_arch_parse(s, written, &b) != SN_OK || !sn_arch_equal(&a, &b))) abort();
        free(written);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = calloc(size + 1, 1);
    if (!text) abort();
    memcpy(text, data, size);
    for (int i = 0; i < SPACES; i++) check(space(i), text);
    for (const char *at = text, *end; *at; at = sn_notation_end(at, &end))
        if (sn_notation_end(at, &end) <= at || end < at) abort();
    free(text);
    return 0;
}
