// supernet verify FILE: whether a checkpoint, ranking or trace is whole, and what it holds.
#include "cli.h"
#include "io/h5file.h"

#include <stdio.h>

static sn_status run(const cli *c) {
    for (int i = 0; i < c->operands; i++) {
        char summary[512];
        SN_TRY(sn_h5_verify(c->operand[i], summary, sizeof summary));
        if (c->json)
            SN_TRY(
                cli_print_json(json_pack("{s:i,s:s,s:b,s:s}", "schema", 1, "file", c->operand[i], "whole", 1, "holds", summary)));
        else
            printf("%s: %s\n", c->operand[i], summary);
    }
    return SN_OK;
}

const cli_command cmd_verify = {
    "verify", "FILE", "whether a checkpoint, ranking or trace is whole, and what it holds", NULL, 1, CLI_OPERANDS, NULL, run};
