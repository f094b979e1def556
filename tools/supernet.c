// The program: one table of commands. main is the only place that exits. Next: cmd_train.c, the main job.
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define COMMANDS(X) X(train) X(rank) X(eval) X(retrain) X(export) X(describe) X(trace) X(verify) X(bench) X(help)

#define X(name) extern const cli_command cmd_##name;
COMMANDS(X)
#undef X

static const cli_command *const commands[] = {
#define X(name) &cmd_##name,
    COMMANDS(X)
#undef X
        NULL};

static const char *command_word(const void *list, int i) {
    (void)list;
    return i < (int)(sizeof commands / sizeof *commands) - 1 ? commands[i]->name : NULL;
}

static const cli_command *find(const char *name) {
    for (int i = 0; commands[i]; i++)
        if (!strcmp(commands[i]->name, name)) return commands[i];
    return NULL;
}

static void usage(FILE *out) {
    fprintf(out, "supernet %s: one-shot neural architecture search\n\nUsage: supernet COMMAND [OPERANDS] [OPTIONS]\n\n",
            SN_VERSION);
    for (int i = 0; commands[i]; i++)
        fprintf(out, "  %-9s %-18s %s\n", commands[i]->name, commands[i]->operands, commands[i]->summary);
    fprintf(out, "\n`supernet help COMMAND` explains a command, `supernet help config` every key of a config.\nExit codes:");
#define X(name, code, text) fprintf(out, " %d %s;", code, text);
    SN_STATUS_TABLE(X)
#undef X
    fprintf(out, "\n");
}

static int fail(sn_status s) {
    fprintf(stderr, "supernet: %s\n", sn_error_text());
    return (int)s;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        usage(stderr);
        return SN_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || (!strcmp(argv[1], "help") && argc == 2)) {
        usage(stdout);
        return SN_OK;
    }
    if (!strcmp(argv[1], "--version")) {
        printf("supernet %s\n", SN_VERSION);
        return SN_OK;
    }
    char *asked[] = {argv[0], argv[argc - 1], (char[]){"--help"}};
    if (!strcmp(argv[1], "help") && argc == 3 && find(argv[2])) argv = asked; // `help train` is `train --help`
    const cli_command *command = find(argv[1]);
    if (!command) {
        const char *near = sn_nearest(argv[1], command_word, NULL);
        return fail(sn_error(SN_USAGE, "unknown command '%s'%s%s%s; `supernet help` lists them", argv[1],
                             near ? "; did you mean " : "", near ? near : "", near ? "?" : ""));
    }
    cli c;
    bool help;
    sn_status s = cli_parse(command, argc - 2, argv + 2, &c, &help);
    if (s != SN_OK) return fail(s);
    if (help) return SN_OK;
    signal(SIGPIPE, SIG_IGN); // a reader that left, and a file that may not grow, are errors of write, not deaths
    signal(SIGXFSZ, SIG_IGN);
    s = command->run(&c);
    if (s != SN_OK) {
        cli_say(&(cli){.quiet = true}, "%s", ""); // ends an open progress line
        return fail(s);
    }
    if (!fflush(stdout)) return SN_OK;
    return errno == EPIPE ? SN_FAIL
                          : fail(sn_error(SN_FAIL, "cannot write to stdout: %s", strerror(errno))); // a reader that left knows
}
