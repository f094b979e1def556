// A config from text or a preset, its space and graph: what tests of the language of spaces begin with. Not here: data and nets
// (datafiles.h, nets.h). Next: test_motifs.c.
#ifndef SN_TEST_PARSED_SPACE_H
#define SN_TEST_PARSED_SPACE_H

#include "io/config/config.h"
#include "space/cost.h"
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>

static sn_config *config;
static const sn_space *space;
static sn_graph *graph;

static inline sn_status parse_text(const char *text) {
    return sn_config_parse(text, strlen(text), SN_SOURCE_DIR "/configs/test.yaml", NULL, 0, &config);
}

static inline void open_text(const char *text) {
    ck_ok(parse_text(text));
    space = config->space.built;
    ck_ok(sn_graph_build(space, &graph));
}

// keys: lines in place of the preset's own keys, or "".
static inline void open_preset(const char *name, const char *keys) {
    char text[8192];
    snprintf(text, sizeof text, "data: {source: /nowhere}\nspace:\n  preset: %s\n%strain: {epochs: 1, batch: 8}\n", name, keys);
    open_text(text);
}

static inline void teardown(void) {
    sn_graph_free(graph);
    sn_config_free(config);
    graph = NULL, config = NULL;
}

static inline sn_arch arch_of(const char *text) {
    sn_arch a;
    ck_ok(sn_arch_parse(space, text, &a));
    return a;
}

static inline sn_cost cost_of(const char *text) {
    sn_arch a = arch_of(text);
    sn_cost c;
    ck_ok(sn_cost_arch(graph, &a, &c));
    return c;
}

#endif
