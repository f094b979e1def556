// The program: one table of commands. main is the only place that exits. Next: cmd_train.c, the main job.
#include "cli.h"
#include "io/files/atomic.h"
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COMMANDS(X)                                                                                                              \
    X(init)                                                                                                                      \
    X(train)                                                                                                                     \
    X(rank)                                                                                                                      \
    X(effects)                                                                                                                   \
    X(alphas) X(report) X(eval) X(retrain) X(finals) X(export) X(describe) X(summary) X(trace) X(verify) X(cache) X(bench) X(help)

#define X(name) extern const cli_command cmd_##name;
COMMANDS(X)
#undef X

const cli_command *const cli_commands[] = {
#define X(name) &cmd_##name,
    COMMANDS(X)
#undef X
        NULL};

static const char *command_word(const void *list, int i) {
    (void)list;
    return i < (int)(sizeof cli_commands / sizeof *cli_commands) - 1 ? cli_commands[i]->name : NULL;
}

static const cli_command *find(const char *name) {
    for (int i = 0; cli_commands[i]; i++)
        if (!strcmp(cli_commands[i]->name, name)) return cli_commands[i];
    return NULL;
}

static void usage(FILE *out) {
    char left[64], codes[512] = "Exit codes:";
    terminal_print(out, "supernet %s: one-shot neural architecture search\n\nUsage: supernet COMMAND [OPERANDS] [OPTIONS]\n\n",
                   SN_VERSION);
    for (int i = 0; cli_commands[i]; i++) {
        snprintf(left, sizeof left, "  %-9s %s", cli_commands[i]->name, cli_commands[i]->operands);
        terminal_pair(out, left, 31, cli_commands[i]->summary);
    }
    terminal_print(out, "\n`supernet help COMMAND` explains a command,\n`supernet help config` every key of a config.\n");
#define X(name, code, text) snprintf(codes + strlen(codes), sizeof codes - strlen(codes), " %d %s;", code, text);
    SN_STATUS_TABLE(X)
#undef X
    terminal_wrap(out, 0, 2, codes);
    terminal_print(out, "\n");
}

static sn_status fail(sn_status s) {
    cli_fail("%s", sn_error_text());
    return s;
}

// Closed ones would get the number of a file that is opened later, and our messages would be written into that. /dev/null stands
// in for them, for stdout such that results, which would be lost, still fail to be written.
static void make_streams(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY) < 0) return;
}

// What was printed must have arrived. A reader that left, or whose terminal is gone, knows that it did; nothing is said then.
static sn_status finish(void) {
    bool lost = ferror(stdout);
    errno = 0;
    if (!fflush(stdout) && !lost) return SN_OK;
    if (!errno) { // an earlier write failed and its text is gone: one more byte fails likewise, and says why
        putchar('\n');
        if (!fflush(stdout)) errno = EIO;
    }
    if (errno == EIO && cli_hung_up) return SN_OK;
    return errno == EPIPE ? SN_FAIL : fail(sn_file_failed("stdout", "write", SN_FAIL));
}

// `help` and `help COMMAND`; `help config` is the command's own.
static bool general_help(const cli *c) {
    const cli_command *about = c->operands ? find(c->operand[0]) : NULL;
    if (c->command != &cmd_help || cli_get(c, "markdown") || cli_get(c, "as") || (c->operands && !about)) return false;
    if (about)
        cli_print_help(about);
    else
        usage(stdout);
    return true;
}

static sn_status unknown_command(const char *name) {
    const char *near = sn_nearest(name, command_word, NULL);
    return sn_error(SN_USAGE, "unknown command '%s'%s%s%s; `supernet help` lists them", name, near ? "; did you mean " : "",
                    near ? near : "", near ? "?" : "");
}

static sn_status run(const cli_command *command, int argc, char **argv) {
    cli c;
    bool help;
    SN_TRY(cli_parse(command, argc, argv, &c, &help));
    if (help || general_help(&c)) return SN_OK;
    sn_status s = command->run(&c);
    terminal_clear();
    return s == SN_OK && terminal_lost() ? sn_error(SN_RESOURCE, "out of memory for what was to be printed") : s;
}

int main(int argc, char **argv) {
    make_streams();
    signal(SIGPIPE, SIG_IGN); // a reader that left, and a file that may not grow, are errors of write, not deaths
    signal(SIGXFSZ, SIG_IGN);
    if (argc < 2) {
        usage(stderr);
        return SN_USAGE;
    }
    const cli_command *command = find(argv[1]);
    sn_status s = SN_OK;
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
        usage(stdout);
    else if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V") || !strcmp(argv[1], "version"))
        cli_print("supernet %s\n", SN_VERSION);
    else
        s = command ? run(command, argc - 2, argv + 2) : unknown_command(argv[1]);
    return (int)(s == SN_OK ? finish() : fail(s));
}
