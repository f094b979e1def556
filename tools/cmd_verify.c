// supernet verify FILE: whether a checkpoint, ranking or trace is whole, and what it holds.
#include "cli.h"
#include "io/h5file.h"

#include <stdio.h>

static sn_status run(const cli *c) {
    char summary[512];
    if (c->json && c->operands > 1) return sn_error(SN_USAGE, "--json: one file at a time; found %d", c->operands);
    for (int i = 0; i < c->operands; i++) {
        SN_TRY(sn_h5_verify(c->operand[i], summary, sizeof summary));
        if (!c->json) printf("%s: %s\n", c->operand[i], summary);
    }
    if (!c->json) return SN_OK;
    return cli_print_json(json_pack("{s:i,s:s,s:b,s:s}", "schema", 1, "file", c->operand[0], "whole", 1, "holds", summary));
}

const cli_command cmd_verify = {
    "verify", "FILE", "whether a checkpoint, ranking or trace is whole, and what it holds", NULL, 1, CLI_OPERANDS, NULL, run};
