// supernet help config: every key, from the parser's own table; help --as: what is installed beside the program. (Plain `help`
// and `help COMMAND` are in supernet.c.)
#include "cli.h"
#include "manual.h"
#include "terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cli_option options[] = {
    {"markdown", 0, NULL, "with config: as docs/config.md is made"},
    {"as", 0, "FORM", "all commands as a manual page (man), or what completes them in a shell (bash, zsh)"},
    {0}};

static const cli_choice choices[] = {{"as", manual_words}, {0}};

static const cli_rule rules[] = {{"as", CLI_EXCLUDES, "markdown"}, {0}};

static sn_status manual(const cli *c) {
    int form = 0;
    if (c->operands) return sn_error(SN_USAGE, "--as is found beside '%s'; it is of all commands", c->operand[0]);
    SN_TRY(cli_word(c, "as", &form));
    manual_write((manual_form)form, stdout);
    return SN_OK;
}

static const char *topic(const void *unused, int i) {
    (void)unused;
    for (int k = 0; k < i; k++)
        if (!cli_commands[k]) return NULL;
    return cli_commands[i] ? cli_commands[i]->name : "config";
}

static sn_status unknown_topic(const char *text) {
    const char *near = sn_nearest(text, topic, NULL);
    return sn_error(SN_USAGE, "no help on '%s'; allowed are config and the commands that `supernet help` lists%s%s%s", text,
                    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static sn_status run(const cli *c) {
    if (cli_get(c, "as")) return manual(c);
    if (cli_get(c, "markdown") && (!c->operands || strcmp(c->operand[0], "config")))
        return sn_error(SN_USAGE, "--markdown is found without config; allowed is `supernet help config --markdown`");
    if (strcmp(c->operand[0], "config")) return unknown_topic(c->operand[0]);
    char *text = sn_config_help(cli_get(c, "markdown") != NULL);
    if (!text) return SN_RESOURCE;
    if (cli_get(c, "markdown"))
        cli_print("%s", text);
    else
        terminal_wrap_prose(stdout, text);
    free(text);
    return SN_OK;
}

const cli_command cmd_help = {
    .name = "help",
    .operands = "[COMMAND|config]",
    .summary = "the commands, one of them, or every key of a config: meaning, type, unit, range, default",
    .most = 1,
    .options = options,
    .choices = choices,
    .rules = rules,
    .without = CLI_SET | CLI_JSON,
    .run = run,
};
