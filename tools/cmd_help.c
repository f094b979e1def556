// supernet help config: every key, from the parser's own table. (Plain `help` and `help COMMAND` are in supernet.c.)
#include "cli.h"
#include "terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cli_option options[] = {{"markdown", 0, NULL, "with config: as docs/config.md is made"}, {0}};

static sn_status run(const cli *c) {
    if (cli_get(c, "markdown") && (!c->operands || strcmp(c->operand[0], "config")))
        return sn_error(SN_USAGE, "--markdown is found without config; allowed is `supernet help config --markdown`");
    if (strcmp(c->operand[0], "config"))
        return sn_error(SN_USAGE, "no help on '%s'; allowed are config and the commands that `supernet help` lists",
                        c->operand[0]);
    char *text = sn_config_help(cli_get(c, "markdown") != NULL);
    if (!text) return SN_RESOURCE;
    if (cli_get(c, "markdown"))
        cli_print("%s", text);
    else
        terminal_wrap(stdout, 0, -1, text);
    free(text);
    return SN_OK;
}

const cli_command cmd_help = {
    .name = "help",
    .operands = "[COMMAND|config]",
    .summary = "the commands, one of them, or every key of a config: meaning, type, unit, range, default",
    .most = 1,
    .options = options,
    .without = CLI_SET | CLI_JSON,
    .run = run,
};
